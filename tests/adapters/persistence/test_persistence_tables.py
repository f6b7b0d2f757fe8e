"""What is in the app's tables: exactly what was given, beside what others have written there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hosts import CAMEL, ODD, SEED, SEED_DDL, WAYS, Host, asyncpg_pool, run

from threadkeep.adapters.persistence import ChatMessage, PostgresPersistence, SessionRecord
from threadkeep.testing import run_persistence_contract
from threadkeep.testing.servers import Database
from threadkeep.values.errors import ConflictError, DatabaseError, InvalidError
from threadkeep.values.ids import new_id

BOTH = pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
TEXT_HOST = Host(
    more="ALTER TABLE chat_messages ALTER parts_json TYPE text; "
    "ALTER TABLE chat_sessions ALTER state_json TYPE text, ALTER metadata_json TYPE text;"
)

EXACT = [
    '[{"b":1,"a":2}]',
    ' [ {"type" : "text"} ,\n\t1 ] ',
    '[{"a":1,"a":2}]',
    "[1e3, 1E+3, 1.0, 1.50, -0.0, 0e-9, 1e400, 123456789012345678901234567890]",
    '["\\u0000", "\\ud800", "\\udc00\\ud800", "\\ud83d\\ude00", "\\/", "\\u00e4"]',
    '[{"signature":"ErUB3+/=="},{"input":{"z":{"y":{"x":[]}}}}]',
]
REFUSED = {
    "NUL": '["a\\u0000b"]',
    "NUL in a key": '[{"\\u0000":1}]',
    "a lone surrogate": '["\\ud800"]',
    "a lone surrogate in a key": '[{"x\\udfff":1}]',
    "a key twice": '[{"a":1,"a":1}]',
    "a key twice, deep": '[[{"b":{"a":":","a":2}}]]',
    "too large": "[1e200000]",
}
TAKEN = {
    "a pair of surrogates": ('["\\ud83d\\ude00"]', ["😀"]),
    "an escaped backslash": ('["\\\\u0000", "\\\\ud800"]', ["\\u0000", "\\ud800"]),
    "order": ('[{"b":1,"a":2}]', [{"a": 2, "b": 1}]),
    "colons": ('[{"a:b":":\\":"},{"a:b":[":"]}]', [{"a:b": ':":'}, {"a:b": [":"]}]),
    "numbers": ("[1e3,1.50,12345678901234567890123]", [1000, 1.5, 12345678901234567890123]),
}


@asynccontextmanager
async def adapter(
    database: Database, host: Host = SEED, **more: Any
) -> AsyncIterator[PostgresPersistence]:
    """An adapter over an app's tables, as the app's role."""
    async with asyncpg_pool(database.url) as pool:
        yield host.adapter(pool, **more)


@BOTH
@pytest.mark.parametrize("host", [CAMEL, TEXT_HOST], ids=["json", "text"])
async def test_json_and_text_keep_every_byte(empty_database: Database, host: Host) -> None:
    """Parts and states come back as the text that they were: order, spelling, escapes. [C12 F2]"""
    run(empty_database, host.sql())
    async with adapter(empty_database, host) as made:
        for n, text in enumerate(EXACT):
            given = ChatMessage(f"m{n}", "user", text)
            assert (await made.append_message("t", given)).parts_json == text
            assert (await made.append_message("t", given)).parts_json == text
            record = SessionRecord(
                f"s{n}", "t", "1", state_json=text, metadata_json='{"b":1, "a":2}'
            )
            await made.save_session(record)
            loaded = await made.load_session(f"s{n}")
            assert loaded is not None
            assert (loaded.state_json, loaded.metadata_json) == (text, '{"b":1, "a":2}')
        assert [m.parts_json for m in await made.list_messages("t")] == EXACT
        with pytest.raises(ConflictError):
            await made.append_message("t", ChatMessage("m0", "user", '[{"a":2,"b":1}]'))


@BOTH
@pytest.mark.parametrize("name", REFUSED)
async def test_jsonb_takes_nothing_that_it_would_not_keep(
    empty_database: Database, name: str
) -> None:
    """What jsonb refuses or keeps less of is an InvalidError, and nothing is stored. [C12]"""
    run(empty_database, SEED.sql())
    async with adapter(empty_database) as made:
        good = ChatMessage("good", "user", [])
        with pytest.raises(InvalidError) as refused:
            await made.append_messages("t", [good, ChatMessage("m", "user", REFUSED[name])])
        assert "a\\u0000b" not in str(refused.value)
        with pytest.raises(InvalidError):
            await made.save_session(SessionRecord("s", "t", "1", state_json=REFUSED[name]))
        assert await made.count_messages("t") == 0
        assert await made.load_session("s") is None


@BOTH
@pytest.mark.parametrize("name", TAKEN)
async def test_jsonb_keeps_values(empty_database: Database, name: str) -> None:
    """What jsonb keeps as a value is taken, and the same again is the same. [C4]"""
    text, value = TAKEN[name]
    run(empty_database, SEED.sql())
    async with adapter(empty_database) as made:
        for given in (text, f" {text} "):
            await made.append_message("t", ChatMessage("m", "user", given))
        [listed] = await made.list_messages("t")
        assert listed.parts == value
        assert (await made.append_message("t", listed)).created_at == listed.created_at


@BOTH
async def test_messages_of_others_are_read_in_one_order(empty_database: Database) -> None:
    """Rows of one transaction have one time: the id decides, on all pages. [seed 002 defect 5]"""
    run(empty_database, SEED.sql())
    run(
        empty_database,
        """INSERT INTO chat_messages (thread_id, message_id, role, parts_json)
        SELECT 't', 'm' || n % 7 || '-' || n, 'user', '[]' FROM generate_series(1, 40) n;
        INSERT INTO chat_messages VALUES ('t', 'last', NULL, NULL, 'user', 'infinity', '[]'),
          ('t', 'first', NULL, NULL, 'user', '-infinity', '[]'),
          ('u', 'x', 's', 'ann', '?', now(), '7')
        """,
    )
    async with adapter(empty_database) as made:
        whole = [m.message_id for m in await made.list_messages("t")]
        assert whole[0] == "first"
        assert whole[-1] == "last"
        assert len(whole) == 42
        walked: list[str] = []
        while page := await made.list_messages("t", after=walked[-1] if walked else None, limit=3):
            walked += [m.message_id for m in page]
        assert walked == whole
        [odd] = await made.list_messages("u")
        assert (odd.role, odd.parts, odd.user_id, odd.session_id) == ("?", 7, "ann", "s")
        run(empty_database, "DELETE FROM chat_messages WHERE message_id = 'last'")
        await made.append_message("t", ChatMessage("a", "user", []))
        assert [m.message_id for m in await made.list_messages("t")][-1] == "a"


@BOTH
@pytest.mark.parametrize("way", ["asyncpg", "psycopg"])
async def test_times_beyond_pythons_are_read_and_not_passed(
    empty_database: Database, way: str
) -> None:
    """After a message at the end of time none is stored; all that is there is read. [C9]"""
    ends = ("infinity", "9999-12-31 23:59:59.999999+00", "290000-01-01 00:00:00+00")
    run(empty_database, SEED.sql())
    for n, end in enumerate(ends):
        run(
            empty_database,
            f"""INSERT INTO chat_messages VALUES ('{n}', 'm', NULL, NULL, 'user', '{end}', '[]');
            INSERT INTO chat_sessions (session_id, thread_id, sdk_version, created_at, updated_at,
              archived_at) VALUES ('{n}', 't', '1', '-infinity', '{end}', '{end}')""",
        )
    last = datetime.max.replace(tzinfo=UTC)
    async with WAYS[way](empty_database.url) as pool:
        made = PostgresPersistence(pool)
        for n in range(len(ends)):
            replayed = await made.append_message(str(n), ChatMessage("m", "user", []))
            assert replayed.created_at == last
            with pytest.raises(ConflictError) as refused:
                await made.append_message(str(n), ChatMessage("n", "user", []))
            assert refused.value.reason == "message_order"
            assert await made.count_messages(str(n)) == 1
            loaded = await made.load_session(str(n))
            assert loaded is not None
            assert loaded.created_at == datetime.min.replace(tzinfo=UTC)
            assert loaded.updated_at == loaded.archived_at == last
            assert await made.unarchive_session(str(n)) is True
        assert {s.archived_at for s in await made.list_sessions("t")} == {None}


async def test_without_a_column_for_it_times_are_the_order(empty_database: Database) -> None:
    """A time that is not later than the last is moved behind it, by a microsecond each. [C9]"""
    run(empty_database, SEED.sql())
    at = datetime(2026, 1, 1, tzinfo=UTC)
    tick = timedelta(microseconds=1)
    async with adapter(empty_database) as made:
        given = [at, at, at - timedelta(days=1), at + timedelta(days=1), None]
        messages = [ChatMessage(f"m{n}", "user", [], created_at=t) for n, t in enumerate(given)]
        stored = [m.created_at for m in await made.append_messages("t", messages)]
        assert stored[:4] == [at, at + tick, at + 2 * tick, at + timedelta(days=1)]
        [earlier] = await made.append_messages("t", [ChatMessage("z", "user", [], created_at=at)])
        assert stored[4] is not None
        assert earlier.created_at == stored[4] + tick
        for far in (datetime.max.replace(tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)):
            with pytest.raises(InvalidError):
                await made.append_message("t", ChatMessage("far", "user", [], created_at=far))


@BOTH
async def test_with_a_column_for_the_order_times_stay(empty_database: Database) -> None:
    """Where `seq` is mapped it counts by thread, and times are what was given. [C9 C11]"""
    run(empty_database, CAMEL.sql())
    at = datetime(2026, 1, 1, tzinfo=UTC)
    async with adapter(empty_database, CAMEL) as made:
        for thread in ("t", "u"):
            given = [ChatMessage(f"{9 - n}", "user", [], created_at=at) for n in range(3)]
            await made.append_messages(thread, given)
            early = ChatMessage("early", "user", [], created_at=at - timedelta(days=9))
            await made.append_message(thread, early)
            listed = await made.list_messages(thread)
            assert [m.message_id for m in listed] == ["9", "8", "7", "early"]
            assert [m.created_at for m in listed] == [at, at, at, at - timedelta(days=9)]
    found = run(empty_database, 'SELECT position FROM chat_log ORDER BY "threadId", position')
    assert [n for (n,) in found] == [1, 2, 3, 4, 1, 2, 3, 4]


@pytest.mark.parametrize(("theirs", "same"), [('["x"]', True), ('["y"]', False)])
async def test_who_writes_past_us_is_met(empty_database: Database, theirs: str, same: bool) -> None:
    """An id that another program takes meanwhile is a replay or a conflict, never two rows."""
    run(empty_database, SEED.sql())
    other = await asyncpg.connect(empty_database.superuser_url)
    try:
        async with adapter(empty_database) as made:
            await made.append_message("t", ChatMessage("first", "user", []))
            transaction = other.transaction()
            await transaction.start()
            insert = "INSERT INTO chat_messages VALUES ('t', 'm', NULL, NULL, 'user', now(), $1)"
            await other.execute(insert, theirs)
            task = asyncio.create_task(made.append_message("t", ChatMessage("m", "user", ["x"])))
            await asyncio.sleep(0.2)
            assert not task.done()
            await transaction.commit()
            if same:
                assert (await task).message_id == "m"
            else:
                with pytest.raises(ConflictError):
                    await task
            assert await made.count_messages("t") == 2
    finally:
        await other.close()


async def test_what_the_app_forbids_is_an_error(empty_database: Database) -> None:
    """Its other keys, checks, foreign keys and narrower columns refuse, and nothing is stored."""
    run(
        empty_database,
        SEED.sql() + "CREATE UNIQUE INDEX ON chat_messages (message_id); "
        "ALTER TABLE chat_messages ADD CHECK (role IN ('user', 'assistant')), "
        "ALTER session_id TYPE varchar(9), "
        "ADD CONSTRAINT said FOREIGN KEY (session_id) REFERENCES chat_sessions",
    )
    async with adapter(empty_database) as made:
        await made.append_message("t", ChatMessage("m", "user", []))
        with pytest.raises(ConflictError) as taken:
            await made.append_message("u", ChatMessage("m", "user", []))
        assert taken.value.reason == "exists"
        with pytest.raises(DatabaseError) as refused:
            await made.append_message("u", ChatMessage("n", "a secret role", []))
        assert "secret" not in str(refused.value)
        with pytest.raises(DatabaseError) as alone:
            await made.append_message("u", ChatMessage("n", "user", []), session_id="s")
        assert alone.value.constraint == "said"
        with pytest.raises(InvalidError, match="longer"):
            await made.append_message("u", ChatMessage("n", "user", []), session_id="s" * 10)
        assert await made.count_messages("u") == 0


@BOTH
async def test_users_of_one_table(empty_database: Database) -> None:
    """An adapter for the whole stores whose a message is; one for a user sees only theirs. [F10]"""
    run(empty_database, ODD.sql())
    async with (
        adapter(empty_database, ODD) as whole,
        adapter(empty_database, ODD, user="ann") as hers,
    ):
        given = [
            ChatMessage("m0", "user", [], user_id="ben"),
            ChatMessage("m1", "user", []),
            ChatMessage("m2", "user", [], user_id="ann"),
        ]
        await whole.append_messages("t", given)
        assert [m.user_id for m in await whole.list_messages("t")] == ["ben", None, "ann"]
        assert [m.message_id for m in await hers.list_messages("t")] == ["m2"]
        assert await hers.count_messages("t", include_archived=True) == 1
        saved = await whole.save_session(SessionRecord("of ann", "t", "1", user_id="ann"))
        assert saved.user_id == "ann"
        assert await hers.load_session("of ann") == saved
        # Another user's archive hides nothing of hers.
        async with adapter(empty_database, ODD, user="ben") as his:
            await his.archive_session("s", thread_id="his", sdk_version="1")
        await hers.append_message("hers", ChatMessage("m", "user", []), session_id="s")
        assert await hers.count_messages("hers") == 1
        assert await whole.count_messages("hers") == 0


async def test_a_user_that_has_no_column_is_refused(empty_database: Database) -> None:
    """Where sessions have no user, one that is given is not dropped in silence. [F10]"""
    run(empty_database, SEED.sql())
    async with adapter(empty_database) as made:
        with pytest.raises(InvalidError, match="user_id"):
            await made.save_session(SessionRecord("s", "t", "1", user_id="ann"))


async def test_columns_that_are_the_apps_own_are_left_alone(empty_database: Database) -> None:
    """What the contract does not name is neither read nor written. [A11]"""
    run(empty_database, ODD.sql())
    async with adapter(empty_database, ODD) as made:
        await made.append_message("t", ChatMessage("m", "user", [1]))
        run(empty_database, """UPDATE app."Chat Messages" SET "Extra" = 'mine', "x y" = 9""")
        await made.append_message("t", ChatMessage("m", "user", [1]))
        assert await made.count_messages("t") == 1
    found = run(empty_database, 'SELECT "Extra", n, "x y", twice FROM app."Chat Messages"')
    assert found == [("mine", 1, 9, 7)]


async def test_broken_json_of_others_spoils_no_list(empty_database: Database) -> None:
    """Where a column is text, what is no JSON is an error only where it is asked for."""
    run(empty_database, TEXT_HOST.sql())
    async with adapter(empty_database, TEXT_HOST) as made:
        await made.append_message("t", ChatMessage("m", "user", [1]))
        run(empty_database, "UPDATE chat_messages SET parts_json = 'no {JSON'")
        [message] = await made.list_messages("t")
        with pytest.raises(InvalidError) as refused:
            _ = message.parts
        assert "no {JSON" not in str(refused.value)
        assert message.parts_json == "no {JSON"


def test_a_value_is_given_once() -> None:
    """A value and its text together are an InvalidError, not one of them in silence."""
    cases: dict[str, Callable[[], object]] = {
        "parts": lambda: ChatMessage("m", "user", [1], parts_json="[2]"),
        "state": lambda: SessionRecord("s", "t", "1", {}, state_json="{}"),
        "metadata": lambda: SessionRecord("s", "t", "1", None, {}, metadata_json="{}"),
    }
    for field, make in cases.items():
        with pytest.raises(InvalidError) as refused:
            make()
        assert refused.value.field == field


async def test_values_say_nothing_of_their_content(empty_database: Database) -> None:
    """No repr and no error shows what people wrote."""
    secret = f"secret {new_id()}"
    message = ChatMessage("m", "user", [secret])
    record = SessionRecord("s", "t", "1", {"a": secret}, {"b": secret})
    assert secret not in repr(message)
    assert secret not in repr(record)
    run(empty_database, SEED.sql())
    async with adapter(empty_database) as made:
        await made.append_message("t", message)
        with pytest.raises(ConflictError) as refused:
            await made.append_message("t", ChatMessage("m", "user", [secret, secret]))
        assert secret not in str(refused.value)


async def test_a_plan_reads_only_the_thread(empty_database: Database) -> None:
    """A list of one thread among many walks that thread's index, not the table."""
    run(empty_database, SEED.sql())
    run(
        empty_database,
        """INSERT INTO chat_messages SELECT 't' || n % 500, 'm' || n, 's' || n % 900, NULL, 'user',
        now() + n * interval '1 s', '[]' FROM generate_series(1, 20000) n; ANALYZE chat_messages;
        INSERT INTO chat_sessions (session_id, thread_id, sdk_version, archived_at)
        SELECT 's' || n, 't', '1', now() FROM generate_series(1, 300) n; ANALYZE chat_sessions""",
    )
    async with adapter(empty_database) as made, asyncpg_pool(empty_database.url) as pool:
        await made.validate_schema()
        for name in ("list", "list_back", "list_all"):
            statement = made._sql[name].text
            explained: Any = pool
            rows = await explained.fetch(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT TEXT, TIMING OFF) {statement}",
                *("t7", None, None, None, 10),
            )
            plan = "\n".join(row[0] for row in rows)
            assert "Seq Scan on chat_messages" not in plan, plan


@BOTH
async def test_privileges_on_the_columns_are_enough(empty_database: Database) -> None:
    """Nothing but the columns of the contract is touched: rights on these alone will do. [A11]"""
    run(
        empty_database,
        f"""{SEED_DDL} ALTER TABLE chat_sessions ADD user_id text, ADD secret text;
        ALTER TABLE chat_messages ADD secret text;
        GRANT SELECT (thread_id, message_id, session_id, user_id, role, created_at, parts_json),
          INSERT (thread_id, message_id, session_id, user_id, role, created_at, parts_json)
          ON chat_messages TO threadkeep_app;
        GRANT SELECT (session_id, thread_id, sdk_version, state_json, metadata_json, created_at,
            updated_at, archived_at, user_id),
          INSERT (session_id, thread_id, sdk_version, state_json, metadata_json, created_at,
            updated_at, archived_at, user_id),
          UPDATE (sdk_version, state_json, metadata_json, updated_at, archived_at)
          ON chat_sessions TO threadkeep_app""",
    )
    async with asyncpg_pool(empty_database.url) as pool:

        async def make(*, user: str | None = None) -> PostgresPersistence:
            made = PostgresPersistence(pool, user=user)
            await made.validate_schema()
            return made

        await run_persistence_contract(make)
