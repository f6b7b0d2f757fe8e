"""The thread repository: the seed's calls, without its defects."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from threadkeep import ConflictError, InvalidError, NotFoundError
from threadkeep.adapters.repositories import (
    Database,
    MessageRepository,
    ThreadRepository,
    create_message_repository,
    create_thread_repository,
    create_trace_repository,
)

if TYPE_CHECKING:
    from threadkeep import AsyncStore

STRANGE: list[Any] = [
    "unknown",
    "not-a-uuid",
    "",
    "a" * 600,
    "a\0b",
    "\ud800",
    "a/b",
    None,
    7,
    b"x",
]


@pytest.fixture
def threads(db: Database) -> ThreadRepository:
    return create_thread_repository(db)


@pytest.fixture
def messages(db: Database) -> MessageRepository:
    return create_message_repository(db)


async def test_a_thread_is_made_and_found(threads: ThreadRepository) -> None:
    """What was given is on the thread, under a new id or a given one. [B1]"""
    made = await threads.create(
        user_id="u", title="Help", metadata={"priority": "high"}, agent_id="support", id="my-id"
    )
    assert (made.id, made.user_id, made.title, made.agent_id) == ("my-id", "u", "Help", "support")
    assert made.metadata == {"priority": "high", "agent_id": "support"}
    assert await threads.get_by_id("my-id") == made == await threads.find_by_id("my-id")
    with pytest.raises(ConflictError):
        await threads.create(user_id="u", id="my-id")
    assert await threads.create(user_id="u", id="my-id", exist_ok=True) == made
    with pytest.raises(NotFoundError):
        await threads.create(user_id="v", id="my-id", exist_ok=True)


@pytest.mark.parametrize("strange", STRANGE, ids=repr)
async def test_an_unknown_thread_of_any_shape_is_none(
    threads: ThreadRepository, strange: Any
) -> None:
    """No id, however it looks, is an error. [B4 seed 004 defect 16]"""
    assert await threads.get_by_id(strange) is None
    assert await threads.update(strange, title="x") is None
    assert await threads.delete(strange) is False
    assert await threads.describe(strange) is None
    assert await threads.previews([strange]) == {}


async def test_a_foreign_thread_is_unknown(store: AsyncStore, threads: ThreadRepository) -> None:
    """A thread of another owner answers as one that is not there. [B4]"""
    await store.owner("other").threads.create("theirs", title="Theirs")
    assert await threads.get_by_id("theirs") is None
    assert await threads.update("theirs", title="Mine") is None
    assert (await store.owner("other").threads.get("theirs")).title == "Theirs"


async def test_update_tells_none_from_not_given(threads: ThreadRepository) -> None:
    """None clears the title, what is not given stays, and `updated_at` moves.

    [B6 seed 004 defect 18]
    """
    made = await threads.create(user_id="u", title="Old", metadata={"a": 1})
    kept = await threads.update(made.id, status="archived")
    assert kept is not None
    assert (kept.title, kept.status, kept.metadata) == ("Old", "archived", {"a": 1})
    assert kept.updated_at > made.updated_at
    cleared = await threads.update(made.id, title=None)
    assert cleared is not None
    assert (cleared.title, cleared.status) == (None, "archived")
    assert await threads.get_by_id(made.id) == cleared


async def test_metadata_is_merged_or_replaced(threads: ThreadRepository) -> None:
    """A patch touches its own members, null deletes one, and replacing is a word of its own.

    [B6 H1 H2 seed 004 defect 17]
    """
    made = await threads.create(user_id="u", metadata={"a": 1, "b": {"c": 2, "d": 3}})
    await asyncio.gather(
        threads.update(made.id, metadata={"x": 1}), threads.update(made.id, metadata={"y": 2})
    )
    merged = await threads.update(made.id, metadata={"a": None, "b": {"c": 4}})
    assert merged is not None
    assert merged.metadata == {"b": {"c": 4, "d": 3}, "x": 1, "y": 2}
    replaced = await threads.update(made.id, replace_metadata={"new": True})
    assert replaced is not None
    assert replaced.metadata == {"new": True}
    empties: list[Any] = [None, {}]
    for empty in empties:
        found = await threads.update(made.id, replace_metadata=empty)
        assert found is not None
        assert found.metadata == empty
        assert found.metadata is not None or empty is None
    with pytest.raises(InvalidError):
        await threads.update(made.id, metadata={}, replace_metadata={})
    for wrong in ("x", [1]):
        bad: Any = wrong
        agents: list[dict[str, Any]] = [{}, {"agent_id": "a"}]
        for agent in agents:
            with pytest.raises(InvalidError, match="metadata"):
                await threads.create(user_id="u", metadata=bad, **agent)
            with pytest.raises(InvalidError, match="metadata"):
                await threads.update(made.id, metadata=bad, **agent)
            with pytest.raises(InvalidError, match="metadata"):
                await threads.update(made.id, replace_metadata=bad, **agent)


async def test_the_agent_survives_a_replacement(threads: ThreadRepository) -> None:
    """Replacing the metadata keeps the agent, unless another one is named; None takes it away."""
    made = await threads.create(user_id="u", metadata={"a": 1}, agent_id="one")
    for change, agent, rest in (
        ({"replace_metadata": {"b": 2}}, "one", {"b": 2}),
        ({"agent_id": "two"}, "two", {"b": 2}),
        ({"replace_metadata": None}, "two", {}),
        ({"replace_metadata": {"c": 3}, "agent_id": "three"}, "three", {"c": 3}),
        ({"metadata": {"c": None}, "agent_id": None}, None, {}),
    ):
        given: Any = change
        found = await threads.update(made.id, **given)
        assert found is not None
        assert found.agent_id == agent
        assert {k: v for k, v in (found.metadata or {}).items() if k != "agent_id"} == rest
    for n in range(20):
        await asyncio.gather(
            threads.update(made.id, replace_metadata={"n": n}),
            threads.update(made.id, agent_id=f"agent-{n}"),
        )
        found = await threads.get_by_id(made.id)
        assert found is not None
        assert found.metadata == {"n": n, "agent_id": f"agent-{n}"}
    with pytest.raises(InvalidError):
        await threads.create(user_id="u", metadata={"agent_id": "x"}, agent_id="y")


async def test_a_message_moves_the_thread_to_the_front(
    threads: ThreadRepository, messages: MessageRepository
) -> None:
    """The list has the latest activity first, and a message is activity.

    [B7 B16 seed 004 defect 12]
    """
    made = [await threads.create(user_id="u", id=f"t{n}") for n in range(3)]
    assert [row.id for row in await threads.list_by_user("u")] == ["t2", "t1", "t0"]
    await messages.create(thread_id="t0", role="user", content="Hello")
    assert [row.id for row in await threads.list_by_user("u")] == ["t0", "t2", "t1"]
    moved = await threads.get_by_id("t0")
    assert moved is not None
    assert moved.updated_at > made[2].updated_at
    assert moved.active_at > made[2].active_at
    # To read moves nothing.
    await messages.list_by_thread("t1")
    assert [row.id for row in await threads.list_by_user("u")] == ["t0", "t2", "t1"]


async def test_pages_of_threads_are_disjoint(threads: ThreadRepository) -> None:
    """Limit and offset cut the list, also where all times are the same; past the end is empty.

    [B7 D7 seed 004 defect 13, 19]
    """
    at = datetime(2024, 1, 1, tzinfo=UTC)
    for n in range(7):
        await threads.create(user_id="u", id=f"t{n}", created_at=at)
    for order_by in ("active_at", "created_at", "updated_at", "title"):
        which: Any = {"order_by": order_by}
        whole = [row.id for row in await threads.list_by_user("u", **which)]
        pages = [
            [row.id for row in await threads.list_by_user("u", limit=3, offset=n, **which)]
            for n in (0, 3, 6, 9)
        ]
        assert [one for page in pages for one in page] == whole
        assert len(set(whole)) == 7
        assert pages[-1] == []
    assert await threads.list_by_user("u", limit=0) == []
    assert len(await threads.list_by_user("u", limit=None)) == 7
    for bad in (-1, 1001, True, "3"):
        wrong: Any = bad
        with pytest.raises(InvalidError):
            await threads.list_by_user("u", limit=wrong)
    with pytest.raises(InvalidError):
        await threads.list_by_user("u", offset=-1)


async def test_a_cursor_never_skips_or_repeats(threads: ThreadRepository) -> None:
    """Threads that are made between two pages shift none of the others. [B7 seed 004 defect 13]"""
    for n in range(6):
        await threads.create(user_id="u", id=f"t{n}")
    page = await threads.list_by_user("u", limit=2)
    seen = [row.id for row in page]
    while page.has_more:
        await threads.create(user_id="u")
        page = await threads.list_by_user("u", limit=2, cursor=page.next)
        seen += [row.id for row in page]
    assert seen == [f"t{n}" for n in reversed(range(6))]


async def test_order_by_is_honoured_or_refused(threads: ThreadRepository) -> None:
    """Each order is what it says, in both directions; anything else is a ValueError. [B8]"""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for n, title in enumerate(["b", "c", "a"]):
        await threads.create(
            user_id="u", id=f"t{n}", title=title, created_at=start - timedelta(days=n)
        )
    await threads.update("t1", metadata={"touched": True})
    orders = {"created_at": "210", "updated_at": "021", "title": "201", "active_at": "210"}
    for order_by, ascending in orders.items():
        which: Any = {"order_by": order_by}
        up = [row.id[1:] for row in await threads.list(order="asc", **which)]
        down = [row.id[1:] for row in await threads.list(order="desc", **which)]
        assert "".join(up) == ascending, order_by
        assert up == down[::-1]
    for bad in ({"order_by": "id"}, {"order_by": "createdAt"}, {"order": "down"}):
        wrong: Any = bad
        with pytest.raises(ValueError, match="order"):
            await threads.list(**wrong)


async def test_a_missing_user_is_never_everybody(threads: ThreadRepository) -> None:
    """None as a user is refused, an unknown user has nothing. [I1]"""
    await threads.create(user_id="u")
    assert await threads.list_by_user("nobody") == []
    nobody: Any = None
    for call in (threads.list_by_user, threads.find_active, threads.find_or_create_active):
        with pytest.raises(InvalidError):
            await call(nobody)


async def test_threads_of_an_agent_and_of_all(store: AsyncStore, threads: ThreadRepository) -> None:
    """By agent and over all users the same paging holds, and never past the owner. [B9 H3]"""
    for n in range(4):
        await threads.create(user_id=f"u{n % 2}", id=f"t{n}", agent_id=f"agent-{n // 2}")
    await threads.create(user_id=None, id="plain", metadata={"category": {"a": 1, "b": 2}})
    elsewhere = create_thread_repository(Database.over(store, owner="other"))
    await elsewhere.create(user_id="u0", id="theirs", agent_id="agent-1")
    assert [row.id for row in await threads.find_by_agent_id("agent-1")] == ["t3", "t2"]
    of_one = await threads.find_by_agent_id("agent-1", user_id="u0")
    assert [row.id for row in of_one] == ["t2"]
    assert [row.id for row in await threads.find_by_agent_id("agent-1", limit=1, offset=1)] == [
        "t2"
    ]
    assert len(await threads.list()) == await threads.count() == 5
    assert [row.id for row in await threads.list(metadata={"category": {"a": 1}})] == ["plain"]
    assert await threads.count(user_id="u1") == 2
    assert isinstance(await threads.count(), int)


async def test_the_active_thread_is_the_latest_open_one(
    threads: ThreadRepository, messages: MessageRepository
) -> None:
    """Archived and closed threads are passed over, and so are those of others. [B10]"""
    assert await threads.find_active("u") is None
    for n in range(3):
        await threads.create(user_id="u", id=f"t{n}")
    await threads.create(user_id="v", id="other")
    await messages.create(thread_id="t0", role="user", content="Hello")
    for expected, change in (
        ("t0", {"status": "archived"}),
        ("t2", {"access": "closed"}),
        ("t1", {"access": "locked"}),
        ("t1", {"status": "archived"}),
    ):
        found = await threads.find_active("u")
        assert found is not None
        assert found.id == expected
        given: Any = change
        await threads.update(expected, **given)
    assert await threads.find_active("u") is None
    made = await threads.find_or_create_active("u", title="New Conversation")
    assert (made.title, made.user_id) == ("New Conversation", "u")
    assert await threads.find_active("u") == made


async def test_a_race_for_the_active_thread_makes_one(
    store: AsyncStore, threads: ThreadRepository
) -> None:
    """All who ask at once get one thread, at first and after it was closed, archived or deleted.

    [B10 B20 seed 004 defect 10]
    """
    ended: list[Any] = [{"status": "archived"}, {"access": "closed"}, None]
    known: set[str] = set()
    for end in (*ended, *ended):
        found = await asyncio.gather(*(threads.find_or_create_active("u") for _ in range(20)))
        [one] = {row.id for row in found}
        assert len(await threads.list_by_user("u", status="all")) == len({*known, one})
        if end is None:
            await threads.delete(one)
        else:
            known.add(one)
            await threads.update(one, **end)
    assert await store.owner("app").threads.count(status="active") == 2


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moves=st.lists(st.sampled_from(["ask", "archive", "close", "delete", "make"]), max_size=12))
async def test_who_asks_gets_the_active_one(db: Database, moves: list[str]) -> None:
    """Whatever happens between, two who ask one after the other get the same active thread.

    [B10]
    """
    threads = create_thread_repository(db)
    user = f"u{id(moves)}-{len(await threads.list(limit=None, status='all'))}"
    for move in moves:
        if move == "make":
            await threads.create(user_id=user)
            continue
        one = await threads.find_or_create_active(user)
        assert await threads.find_or_create_active(user) == one == await threads.find_active(user)
        if move == "archive":
            await threads.update(one.id, status="archived")
        elif move == "close":
            await threads.update(one.id, access="closed")
        elif move == "delete":
            await threads.delete(one.id)


async def test_a_thread_goes_with_its_messages(
    db: Database, threads: ThreadRepository, messages: MessageRepository
) -> None:
    """Its messages go, its traces stay without it; the second time there is nothing. [B11]"""
    traces = create_trace_repository(db)
    made = await threads.create(user_id="u")
    message = await messages.create(thread_id=made.id, role="user", content="Hello")
    trace = await traces.start(name="answer", thread_id=made.id)
    assert await threads.delete(made.id) is True
    assert await threads.delete(made.id) is False
    assert await messages.get_by_id(message.id) is None
    assert await messages.list_by_thread(made.id) == []
    left = await traces.get_by_id(trace.id)
    assert left is not None
    assert left.thread_id is None


async def test_a_summary_says_what_a_list_shows(
    threads: ThreadRepository, messages: MessageRepository
) -> None:
    """Title, times, counts and preview; of many threads without a call for each.

    [B19 D19 seed 004 defect 15]
    """
    made = await threads.create(user_id="u", title="Help")
    empty = await threads.describe(made.id)
    assert empty is not None
    assert (empty.message_count, empty.last_message_at, empty.preview) == (0, None, "")
    for n in range(3):
        await messages.create(thread_id=made.id, role="user", content=f"Question\n{n}")
        last = await messages.create(thread_id=made.id, role="assistant", content=f"Answer {n}")
    found = await threads.describe(made.id)
    assert found is not None
    assert (found.title, found.created_at) == ("Help", made.created_at)
    assert (found.message_count, found.turn_count, found.preview) == (6, 3, "Answer 2")
    assert found.last_message_at == found.updated_at == last.created_at
    assert type(found.message_count) is int
    [row] = await threads.list_by_user("u")
    assert (row.message_count, row.turn_count) == (6, 3)
    assert await threads.previews([row.id]) == {row.id: "Answer 2"}


async def test_an_export_is_imported_whole(
    threads: ThreadRepository, messages: MessageRepository
) -> None:
    """A new thread of another user with the same messages, in order, with ids and times.

    [J3 J4]
    """
    made = await threads.create(user_id="u", title="Help", metadata={"a": 1}, agent_id="x")
    at = datetime(2024, 1, 1, tzinfo=UTC)
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"b":1.0}'}}
    await messages.bulk_create(
        [
            {"thread_id": made.id, "role": "user", "content": "Hello", "created_at": at},
            {"thread_id": made.id, "role": "assistant", "tool_calls": [call]},
            {
                "thread_id": made.id,
                "role": "tool",
                "tool_call_id": "c1",
                "content": "\0",
                "id": "r",
            },
        ]
    )
    exported = await threads.export(made.id)
    assert (exported["format"], exported["version"]) == ("threadkeep-export", 1)
    copy = await threads.import_(json.loads(json.dumps(exported)), user_id="new-user")
    assert copy.id != made.id
    assert (copy.user_id, copy.title, copy.metadata) == ("new-user", "Help", made.metadata)
    assert copy.created_at == made.created_at

    def said(rows: list[Any]) -> list[Any]:
        return [
            (row.message_id, row.role, row.content, row.tool_calls, row.created_at) for row in rows
        ]

    copied = await messages.list_by_thread(copy.id)
    assert said(copied) == said(await messages.list_by_thread(made.id))
    assert copied[0].created_at == at
    with pytest.raises(ConflictError):
        await threads.import_(exported, keep_ids=True)
    await threads.delete(made.id)
    assert (await threads.import_(exported, keep_ids=True)).id == made.id
    with pytest.raises(InvalidError):
        await threads.import_({**exported, "version": 99})
    with pytest.raises(NotFoundError):
        await threads.export("unknown")
