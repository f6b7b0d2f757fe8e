"""ff-ai's own tables: read where they are, and moved over, in both casings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import asyncpg
import psycopg
import pytest
import pytest_asyncio
from ff_ai_tables import Seed
from test_ff_ai_steps import call, result, text

from threadkeep import InvalidError, Message, UnavailableError
from threadkeep.adapters.ff_ai import ConversationStore, FfAiTables, MoveReport, move
from threadkeep.adapters.ff_ai.tables import Casing, version_of

if TYPE_CHECKING:
    from threadkeep import AsyncStore
    from threadkeep.testing.servers import Database

AT = datetime(2024, 1, 1, 10, tzinfo=UTC)


@pytest_asyncio.fixture(params=["snake_case", "camelCase"])
async def seed(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Seed]:
    """The seed's tables beside ours in one database, which they may as well be."""
    made = await Seed.made(database, request.param)
    yield made
    await made.connection.close()


@pytest.fixture
def tables(seed: Seed) -> FfAiTables:
    """The same, to be read."""
    return FfAiTables(seed.connection, casing=cast("Casing", seed.casing))


def user(said: str) -> dict[str, Any]:
    return {"role": "user", "content": said}


async def ids(tables: FfAiTables, window_size: int | None = None, thread: str = "t") -> list[str]:
    found = await tables.get_messages(resource_id="r", thread_id=thread, window_size=window_size)
    return [message.id for message in found]


async def test_a_window_over_their_tables_is_as_over_ours(seed: Seed, tables: FfAiTables) -> None:
    """Turns by the order of insertion, whatever the times; the whole thread where it has fewer.

    [A13 D2 O6 seed 001 defect 1, 3, 4]
    """
    key = await seed.thread("r", "t")
    other = await seed.thread("r", "u")
    made = [await seed.message(key, {"role": "system", "content": "s"})]
    for n in range(3):
        made.append(await seed.message(key, user(f"u{n}"), f"2024-01-0{5 - n} 10:00:00"))
        await seed.message(other, user("elsewhere"))
        made.append(await seed.message(key, text(f"a{n}"), "2023-01-01 10:00:00"))
    assert await ids(tables, None) == made
    assert await ids(tables, 0) == []
    assert await ids(tables, 1) == made[5:]
    assert await ids(tables, 2) == made[3:]
    assert await ids(tables, 3) == made[1:]
    assert await ids(tables, 4) == made
    assert await ids(tables, 10**30) == made
    with pytest.raises(ValueError, match="window_size"):
        await ids(tables, -1)
    found = await tables.get_messages(resource_id="r", thread_id="t", window_size=1)
    assert found[0].created_at == datetime(2024, 1, 3, 10, tzinfo=UTC)
    assert found[0].to_model_message() == user("u2")
    assert await tables.get_messages(resource_id="r", thread_id="x") == []
    assert await tables.get_messages(resource_id="x", thread_id="t", window_size=3) == []


async def test_a_thread_without_a_user_is_whole(seed: Seed, tables: FfAiTables) -> None:
    """A greeting is there. [seed 001 defect 3]"""
    key = await seed.thread("r", "t")
    made = [await seed.message(key, text("hello"))]
    assert await ids(tables, 1) == made


async def test_a_bad_row_is_reported_and_the_rest_is_there(seed: Seed, tables: FfAiTables) -> None:
    """NULL, no object, no message: each is named by its id, none is fatal. [seed 001 defect 12]"""
    key = await seed.thread("r", "t")
    good = [await seed.message(key, user("a"))]
    bad = [
        await seed.message(key, None),
        await seed.message(key, "5"),
        await seed.message(key, '{"role": "robot", "content": "secret"}'),
        await seed.message(key, '{"role": "user"}'),
    ]
    lost = await seed.message(
        key, {"role": "user", "content": [{"type": "image", "image": {}, "mediaType": "image/png"}]}
    )
    late = await seed.message(key, user("b"), "infinity")
    for window_size in (None, 10):
        found = await tables.get_messages(resource_id="r", thread_id="t", window_size=window_size)
        assert [message.id for message in found] == [*good, lost, late]
        assert [problem.message for problem in found.problems] == [*bad, lost, late]
        assert found.problems[0].rule == "ai_sdk_v5: must not be NULL"
        assert "secret" not in str(found.problems)
        assert found[2].created_at is None


async def test_bytes_that_javascript_spoiled_are_restored(seed: Seed, tables: FfAiTables) -> None:
    """Objects of numbers, and Buffers, are base64 again. [seed 001 defect 15]"""
    key = await seed.thread("r", "t")
    raw = bytes(range(20))
    numbers = {str(place): byte for place, byte in enumerate(raw)}
    buffer = {"type": "Buffer", "data": list(raw)}
    blocks = [
        {"type": "file", "data": numbers, "mediaType": "image/png"},
        {"type": "image", "image": buffer},
        {"type": "file", "data": {"type": "data", "data": numbers}, "mediaType": "image/png"},
        {"type": "image", "image": {"openai": "file-1"}},
    ]
    await seed.message(key, {"role": "user", "content": blocks})
    [found] = await tables.get_messages(resource_id="r", thread_id="t")
    import base64

    encoded = base64.b64encode(raw).decode()
    assert found["content"][0]["data"] == {"type": "data", "data": encoded}
    assert found["content"][1]["image"] == encoded
    assert found["content"][2]["data"] == {"type": "data", "data": encoded}
    assert found["content"][3] == blocks[3]


def test_old_versions_are_known_by_their_marks() -> None:
    """Version 4 has args and result, 5 the item media; all else is read as the newest."""
    old = {"type": "tool-call", "toolCallId": "c", "toolName": "t", "args": {}}
    media = {
        "type": "tool-result",
        "toolCallId": "c",
        "toolName": "t",
        "output": {"type": "content", "value": [{"type": "media", "data": "", "mediaType": "a/b"}]},
    }
    told = {"type": "tool-result", "toolCallId": "c", "toolName": "t", "result": 1}
    assert version_of({"role": "assistant", "content": [old]}) == "ai-sdk-model@4"
    assert version_of({"role": "tool", "content": [told]}) == "ai-sdk-model@4"
    assert version_of({"role": "tool", "content": [media]}) == "ai-sdk-model@5"
    for message in (call("c"), result("c"), text("x"), user("x"), {"content": None}, 5):
        assert version_of(message) == "ai-sdk-model@7"


async def test_resources_and_threads_are_listed(seed: Seed, tables: FfAiTables) -> None:
    """All of them, each once. [A13 seed 001 defect 18]"""
    for resource, thread in (("b", "1"), ("a", "1"), ("b", "2")):
        await seed.thread(resource, thread)
    assert [resource async for resource in tables.resources()] == ["a", "b"]
    listed = [(one.resource_id, one.thread_id) async for one in tables.threads()]
    assert listed == [("b", "1"), ("a", "1"), ("b", "2")]
    [first, _] = [thread async for thread in tables.threads("b")]
    assert (first.created_at, first.updated_at) == (AT, AT + timedelta(hours=1))


async def test_a_zone_says_when_a_time_was(seed: Seed) -> None:
    """Timestamps without a zone are of the zone that is given. [seed 001 defect 14]"""
    key = await seed.thread("r", "t")
    await seed.message(key, user("x"), "2024-07-01 10:00:00")
    tables = FfAiTables(seed.connection, casing=cast("Casing", seed.casing), zone="Europe/Lisbon")
    [found] = await tables.get_messages(resource_id="r", thread_id="t")
    assert found.created_at == datetime(2024, 7, 1, 9, tzinfo=UTC)


async def read_as(seed: Seed, **given: Any) -> None:
    tables = FfAiTables(seed.connection, **{"casing": seed.casing, **given})
    await tables.get_messages(resource_id="r", thread_id="t")


async def test_wrong_names_are_named(seed: Seed, database: Database) -> None:
    """The casing, the schema and the zone each have their error."""
    other: Casing = "camelCase" if seed.casing == "snake_case" else "snake_case"
    for given, field in (
        ({"casing": other}, "schema"),
        ({"schema": "nowhere"}, "schema"),
        ({"schema": ""}, "schema"),
        ({"zone": "Mars"}, "zone"),
        ({"zone": "../x"}, "zone"),
        ({"casing": "kebab"}, "casing"),
    ):
        with pytest.raises(InvalidError) as caught:
            await read_as(seed, **given)
        assert caught.value.field == field


async def test_bad_ids_are_refused_before_anything_is_read(
    tables: FfAiTables, store: AsyncStore
) -> None:
    """What PostgreSQL has no text for, and a prefix that no owner can have, are InvalidErrors."""
    bad: tuple[Any, ...] = (None, 5, "\0", "\ud800")
    for id in bad:
        for window_size in (None, 0, 1):
            for given in (
                {"resource_id": id, "thread_id": "t"},
                {"resource_id": "r", "thread_id": id},
            ):
                with pytest.raises(InvalidError) as caught:
                    await tables.get_messages(**given, window_size=window_size)
                assert given[caught.value.field] is id
    for id in bad[1:]:
        with pytest.raises(InvalidError, match="resource_id"):
            await move(tables, store, resource_id=id)
    for prefix in (*bad, "x" * 513):
        with pytest.raises(InvalidError, match="owner_prefix"):
            await move(tables, store, owner_prefix=prefix)
    with pytest.raises(InvalidError, match="casing"):
        FfAiTables(tables, casing=cast("Casing", []))


async def test_any_pool_or_connection_of_the_app_will_do(seed: Seed, database: Database) -> None:
    """An asyncpg pool and a psycopg connection read the same, and stay open. [A4]"""
    key = await seed.thread("r", "t")
    made = [await seed.message(key, user("x"))]
    casing = cast("Casing", seed.casing)
    async with asyncpg.create_pool(database.superuser_url, min_size=1) as pool:
        assert await ids(FfAiTables(pool, casing=casing)) == made
        assert await ids(FfAiTables(pool, casing=casing), 3) == made
    async with await psycopg.AsyncConnection.connect(
        database.superuser_url, autocommit=True
    ) as connection:
        assert await ids(FfAiTables(connection, casing=casing)) == made
        assert await ids(FfAiTables(connection, casing=casing), 3) == made
        assert not connection.closed


async def test_moving_keeps_ids_times_and_order(
    seed: Seed, tables: FfAiTables, store: AsyncStore
) -> None:
    """Everything is there once, in the order of insertion; doing it again adds nothing.

    [J5 C11 seed 001 defect 1, 14]
    """
    key = await seed.thread("r", "t")
    made = []
    for n in range(450):
        message = user(f"u{n}") if n % 2 == 0 else text(f"a{n}")
        made.append(await seed.message(key, message, f"2024-02-{28 - n % 28:02} 10:00:00.123456"))
    await seed.thread("r", "empty")
    same = await seed.thread("s", "t")
    await seed.message(same, user("of another"))
    first = await move(tables, store)
    assert (first.threads.total, first.threads.new) == (3, 3)
    assert (first.messages.total, first.messages.new) == (451, 451)
    assert first.problems == []
    conversations = ConversationStore(store)
    theirs = await tables.get_messages(resource_id="r", thread_id="t")
    ours = await conversations.get_messages(resource_id="r", thread_id="t")
    assert [message.id for message in ours] == made
    assert list(ours) == list(theirs)
    assert [message.created_at for message in ours] == [m.created_at for m in theirs]
    thread = await conversations.owner("r").threads.get("t")
    assert (thread.created_at, thread.active_at) == (AT, AT + timedelta(hours=1))
    again = await move(tables, store)
    assert (again.threads.new, again.messages.new, again.problems) == (0, 0, [])
    assert len(await conversations.get_messages(resource_id="r", thread_id="t")) == 450


async def test_moving_again_adds_what_is_new(
    seed: Seed, tables: FfAiTables, store: AsyncStore
) -> None:
    """Rows written meanwhile are added behind what the app has said here meanwhile. [J5]"""
    key = await seed.thread("r", "t")
    made = [await seed.message(key, user("a")), await seed.message(key, text("b"))]
    await move(tables, store)
    conversations = ConversationStore(store)
    await conversations.save_messages(
        resource_id="r", thread_id="t", messages=[{"id": "ours", **user("here")}]
    )
    made.append(await seed.message(key, user("c")))
    report = await move(tables, store)
    assert (report.messages.total, report.messages.new, report.problems) == (3, 1, [])
    found = await conversations.get_messages(resource_id="r", thread_id="t")
    assert [message.id for message in found] == [made[0], made[1], "ours", made[2]]
    assert (await move(tables, store)).messages.new == 0


async def test_moving_goes_on_past_what_cannot_be_moved(
    seed: Seed, tables: FfAiTables, store: AsyncStore
) -> None:
    """Bad rows, ids that say something else here, and ids that are none are reported. [J5]"""
    key = await seed.thread("r", "t")
    made = [await seed.message(key, user("a")), await seed.message(key, None)]
    made += [await seed.message(key, user("b")), await seed.message(key, user("c"))]
    await seed.thread("", "no resource")
    await seed.thread("r", "")
    await store.owner("app-r").messages.append("t", Message.user("taken", id=made[2]))
    seen: list[int] = []

    def progress(report: MoveReport) -> None:
        seen.append(report.threads.total)

    report = await move(tables, store, owner_prefix="app-", progress=progress)
    assert seen == [1, 2, 3]
    assert report.messages.new == 2
    rules = [(problem.thread_id, problem.message) for problem in report.problems]
    assert rules == [("t", made[1]), ("t", made[2]), ("", None)]
    assert [problem.id for problem in report.problems] == [2, 3, None]
    stored = [message.id async for message in store.owner("app-r").messages.list("t")]
    assert stored == [made[2], made[0], made[3]]
    facts = report.facts()
    assert facts["threads"] == {"total": 3, "new": 1}
    [unnamed] = (await move(tables, store, resource_id="")).problems
    assert unnamed.thread_id == "no resource"
    only = await move(tables, store, resource_id="r")
    assert only.threads.total == 2


async def test_times_that_cannot_be_moved_are_reported(
    seed: Seed, tables: FfAiTables, store: AsyncStore
) -> None:
    """A thread and a message without a date that Python has are there, and named. [J5]"""
    key = await seed.thread("r", "t", "infinity")
    made = await seed.message(key, user("a"), "infinity")
    await seed.message(await seed.thread("r", "old", "0001-01-03"), user("b"), "9999-12-28")
    report = await move(tables, store)
    assert (report.threads.new, report.messages.new) == (2, 2)
    told = [(one.thread_id, one.message, one.rule.partition(":")[0]) for one in report.problems]
    assert told == [("t", None, "created_at"), ("t", None, "updated_at"), ("t", made, "created_at")]
    assert (await store.owner("r").threads.get("old")).created_at.year == 1


async def test_a_move_that_was_broken_off_goes_on(
    seed: Seed, tables: FfAiTables, store: AsyncStore
) -> None:
    """Wherever it ended, the next one completes it, with each row once. [J5]"""
    keys = [await seed.thread("r", f"t{n}") for n in range(4)]
    for key in keys:
        for n in range(3):
            await seed.message(key, user(str(n)))

    def stop(report: MoveReport) -> None:
        if report.threads.total == 2:
            raise UnavailableError("away", transient=True)

    with pytest.raises(UnavailableError):
        await move(tables, store, progress=stop)
    report = await move(tables, store)
    assert (report.threads.new, report.messages.new) == (2, 6)
    chat = store.owner("r")
    for n in range(4):
        assert [m.payload["content"] async for m in chat.messages.list(f"t{n}")] == ["0", "1", "2"]


async def test_two_moves_at_once_store_each_row_once(
    seed: Seed, database: Database, store: AsyncStore
) -> None:
    """Two processes that move the same tables do each other no harm. [J5]"""
    key = await seed.thread("r", "t")
    made = [await seed.message(key, user(str(n))) for n in range(250)]
    async with asyncpg.create_pool(database.superuser_url, min_size=1) as pool:
        tables = FfAiTables(pool, casing=cast("Casing", seed.casing))
        reports = await asyncio.gather(*(move(tables, store) for _ in range(3)))
    assert all(report.problems == [] for report in reports)
    assert [message.id async for message in store.owner("r").messages.list("t")] == made


async def test_old_forms_are_read_as_new_ones_after_the_move(
    seed: Seed, tables: FfAiTables, store: AsyncStore
) -> None:
    """What version 5 called media is a file to read, and stays what it was in the store. [G11]"""
    key = await seed.thread("r", "t")
    item = {"type": "media", "data": "aGk=", "mediaType": "image/png"}
    block = {
        "type": "tool-result",
        "toolCallId": "c",
        "toolName": "t",
        "output": {"type": "content", "value": [item]},
    }
    await seed.message(key, call("c"))
    await seed.message(key, {"role": "tool", "content": [block]})
    await move(tables, store)
    found = await ConversationStore(store).get_messages(resource_id="r", thread_id="t")
    [read] = found[1]["content"][0]["output"]["value"]
    assert read["type"] == "file"
    assert found.losses == ()
    stored = [message async for message in store.owner("r").messages.list("t")]
    assert stored[1].payload["content"][0]["output"]["value"] == [item]
    assert stored[1].format == "ai-sdk-model@5"
    theirs = await tables.get_messages(resource_id="r", thread_id="t")
    assert list(theirs) == list(found)
