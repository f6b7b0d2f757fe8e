"""What the hot calls cost, as counts: statements, round trips, rows read, bytes, WAL."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from samples import ANY_NEWEST, ANY_OLDEST, FAR, FIRST, KEY, LAST, NAMED, OWNER, THREAD

from threadkeep import AsyncStore, Message, connect, connect_async
from threadkeep.drivers.setting import begin_as
from threadkeep.sql import statements
from threadkeep.testing.servers import Database
from threadkeep.testing.wire import counted

SQL = statements("threadkeep")

BIG_THREADS = """
INSERT INTO threadkeep.threads (owner_key, next_seq, structure, revision, message_count, created_at,
  updated_at, active_at, turns, owner_id, thread_id, user_id, status)
SELECT $1::bigint, 1, 0, 0, 0, now(), now(), now() - n * interval '1 second', 0, $2, 't' || n,
  CASE WHEN n % 100 = 0 THEN 'person' ELSE 'other' END,
  CASE WHEN n % 10 = 0 THEN 'archived' ELSE 'active' END
FROM generate_series(1, $3::integer) n
"""
BIG_MESSAGES = """
WITH t AS (
  INSERT INTO threadkeep.threads (owner_key, next_seq, head_seq, head_anchor, structure, revision,
    message_count, created_at, updated_at, active_at, turns, owner_id, thread_id, status)
  VALUES ($1::bigint, $4::integer + 1, $4::integer, 1, 0, 0, $4::integer, now(), now(), now(),
    $4::integer / 6, $2, $3, 'active')
  RETURNING thread_key)
INSERT INTO threadkeep.messages (owner_key, thread_key, seq, parent_seq, anchor, created_at,
  updated_at, turn, tokens, starts, cut, message_id, role, status, format, payload)
SELECT $1::bigint, t.thread_key, n, nullif(n - 1, 0), 1, now(), now(), (n + 5) / 6, 100,
  n % 6 = 1, n % 3 <> 0, 'm' || n, CASE WHEN n % 6 = 1 THEN 'user' ELSE 'assistant' END, 'complete',
  'threadkeep', json_build_object('role', 'user', 'parts', json_build_array(),
  'x', repeat('x', 400))
FROM t, generate_series(1, $4::integer) n
"""


async def _superuser(database: Database) -> Any:
    return await asyncpg.connect(database.superuser_url)


async def _grow(database: Database, threads: int, messages: int) -> None:
    connection = await _superuser(database)
    try:
        await connection.execute(BIG_THREADS, KEY, OWNER, threads)
        await connection.execute(BIG_MESSAGES, KEY, OWNER, THREAD, 20_000)
        for n in range(max(messages - 20_000, 0) // 10_000):
            await connection.execute(BIG_MESSAGES, KEY, OWNER, f"other-{n}", 10_000)
    finally:
        await connection.close()


Hot = Callable[[AsyncStore], Awaitable[object]]
HOT: dict[str, Hot] = {
    "append": lambda s: s.owner(OWNER).messages.append(
        THREAD, [Message.user("q"), Message.assistant("a")]
    ),
    "append under": lambda s: s.owner(OWNER).messages.append(
        THREAD, Message.user("q"), parent="m7"
    ),
    "window of turns": lambda s: s.owner(OWNER).messages.window(THREAD, turns=10),
    "window of tokens": lambda s: s.owner(OWNER).messages.window(
        THREAD, tokens=2000, keep_system=True
    ),
    "window of messages": lambda s: s.owner(OWNER).messages.window(THREAD, messages=20),
    "list": lambda s: _page(s.owner(OWNER).messages.list(THREAD)),
    "list, newest": lambda s: _page(s.owner(OWNER).messages.list(THREAD, order="desc")),
    "list of the tree": lambda s: _page(s.owner(OWNER).messages.list(THREAD, tree=True)),
    "get": lambda s: s.owner(OWNER).messages.get(THREAD, "m7"),
    "thread": lambda s: s.owner(OWNER).threads.get(THREAD),
    "threads": lambda s: _page(s.owner(OWNER).threads.list(limit=20)),
}


async def _page(call: Any) -> object:
    return await call


@pytest.mark.parametrize("size", [10, 20_000])
async def test_a_hot_call_is_one_statement_and_one_round_trip(
    database: Database, size: int
) -> None:
    """Append, window, list and get cost one of each, however long the thread, with RLS on. [D3]"""
    observer = await _superuser(database)
    await observer.execute(BIG_MESSAGES, KEY, OWNER, THREAD, size)
    await observer.execute("CREATE EXTENSION pg_stat_statements")
    with counted(database.url) as wire:
        async with connect_async(wire.url, rls="required", pool_size=1) as store:
            for name, call in HOT.items():
                await call(store)
                await call(store)
                before, trips = await _calls(observer, database), wire.trips
                assert await call(store), name
                assert (await _calls(observer, database) - before, wire.trips - trips) == (1, 1), (
                    name
                )
    await observer.close()


@pytest.mark.parametrize("size", [10, 20_000])
async def test_a_hot_call_of_the_blocking_store_is_one_round_trip(
    database: Database, size: int
) -> None:
    """The blocking face pays the same: one round trip for append, window, list and get."""
    observer = await _superuser(database)
    await observer.execute(BIG_MESSAGES, KEY, OWNER, THREAD, size)
    await observer.close()
    with counted(database.url) as wire, connect(wire.url, rls="required", pool_size=1) as store:
        chat = store.owner(OWNER)
        calls: list[Callable[[], object]] = [
            lambda: chat.messages.append(THREAD, Message.user("q")),
            lambda: chat.messages.window(THREAD, turns=10),
            lambda: chat.messages.list(THREAD),
            lambda: chat.messages.get(THREAD, "m7"),
            lambda: chat.threads.list(),
        ]
        for number, call in enumerate(calls):
            call()
            call()
            before = wire.trips
            assert call()
            assert wire.trips - before == 1, number


async def _calls(observer: Any, database: Database) -> int:
    found = await observer.fetchval(
        "SELECT coalesce(sum(s.calls), 0)::bigint FROM pg_stat_statements s JOIN pg_database d "
        "ON d.oid = s.dbid JOIN pg_roles r ON r.oid = s.userid "
        "WHERE d.datname = $1 AND r.rolname = 'threadkeep_app'",
        database.name,
    )
    return int(found)


def _read_rows(plan: dict[str, Any]) -> int:
    """Rows that the scans of a plan read from tables."""
    own = 0
    if "Relation Name" in plan and plan["Node Type"] != "ModifyTable":
        removed = plan.get("Rows Removed by Filter", 0) + plan.get(
            "Rows Removed by Index Recheck", 0
        )
        own = round((plan["Actual Rows"] + removed) * plan["Actual Loops"])
    return own + sum(_read_rows(child) for child in plan.get("Plans", ()))


Reads = dict[str, tuple[str, tuple[object, ...]]]
READS: Reads = {
    "window of turns": ("window_of_turns", (*NAMED, None, 10)),
    "window of turns, pinned": ("window", (*NAMED, None, None, 10, None, None, True)),
    "window of tokens": ("window", (*NAMED, None, None, None, 5000, None, False)),
    "window of messages": ("window", (*NAMED, None, None, None, None, 50, True)),
    "window of a leaf": ("window", (*NAMED, None, "m777", 10, None, None, False)),
    "list": ("messages_down_path", (*NAMED, None, None, FAR, 9_000, 51)),
    "list, newest": ("messages_up_path", (*NAMED, None, None, 9_000, -1, 51)),
    "list of the tree": ("messages_down_tree", (*NAMED, None, FAR, 9_000, 51)),
    "threads": ("threads_newest", (KEY, OWNER, LAST, FAR, "active", *ANY_NEWEST, 51, 1000)),
    "threads, oldest": (
        "threads_oldest",
        (KEY, OWNER, FIRST, -1, None, *ANY_OLDEST, 51, 1000),
    ),
    "threads of a user": (
        "threads_of_user_newest",
        (KEY, OWNER, LAST, FAR, None, *ANY_NEWEST, 51, 1000, "person"),
    ),
}
BOUNDED: Reads = {
    "threads by metadata": (
        "threads_newest",
        (KEY, OWNER, LAST, FAR, None, '{"no":"such"}', *ANY_NEWEST[1:], 51, 1000),
    ),
    "threads by title": (
        "threads_newest",
        (KEY, OWNER, LAST, FAR, None, None, "%no such%", *ANY_NEWEST[2:], 51, 1000),
    ),
    "archived threads": (
        "threads_newest",
        (KEY, OWNER, LAST, FAR, "archived", *ANY_NEWEST, 51, 1000),
    ),
}


async def _check_rows_read(database: Database, threads: int, messages: int) -> None:
    # Of one thread also before the tables are analysed: a fresh database has no statistics yet.
    await _grow(database, threads, messages)
    await _check_reads(database, {k: v for k, v in READS.items() if "threads" not in k}, {})
    observer = await _superuser(database)
    await observer.execute("VACUUM ANALYZE threadkeep.threads")
    await observer.execute("VACUUM ANALYZE threadkeep.messages")
    await observer.close()
    await _check_reads(database, READS, BOUNDED)


@pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
@pytest.mark.parametrize("threads", [1000, 20_000])
async def test_each_page_of_threads_reads_few_blocks(database: Database, threads: int) -> None:
    """The first page and one in the middle, of few threads and of many: no more than their rows."""
    await _grow(database, threads, 1)
    observer = await _superuser(database)
    await observer.execute("VACUUM ANALYZE threadkeep.threads")
    middle = await observer.fetchval(
        "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY active_at) FROM threadkeep.threads"
    )
    await observer.close()
    connection = await asyncpg.connect(database.url)
    try:
        for mode in ("force_custom_plan", "force_generic_plan"):
            await connection.execute(f"SET plan_cache_mode = {mode}")
            for way, starts, end in (
                ("newest", ((LAST, FAR), (middle, -1)), (FIRST, -1)),
                ("oldest", ((FIRST, -1), (middle, -1)), (LAST, -1)),
            ):
                for start in starts:
                    args = (KEY, OWNER, *start, None, None, None, *end, 21, 1000)
                    plan = await _plan(connection, f"threads_{way}", args)
                    blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
                    assert plan["Actual Rows"] == 21
                    assert blocks < 6 * 21, (way, start, mode, blocks)
    finally:
        await connection.close()


async def _check_reads(database: Database, reads: Reads, bounded: Reads) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        for mode in ("force_custom_plan", "force_generic_plan"):
            await connection.execute(f"SET plan_cache_mode = {mode}")
            for name, (block, args) in reads.items():
                read, returned = await _measure(connection, block, args)
                assert returned > 10, name
                assert read <= 3 * returned + 3, (name, mode, read, returned)
            for name, (block, args) in bounded.items():
                read, _ = await _measure(connection, block, args)
                assert 0 < read <= 1100, (name, mode, read)
    finally:
        await connection.close()


async def _plan(connection: Any, block: str, args: tuple[object, ...]) -> dict[str, Any]:
    explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {SQL[block].text}"
    plan: dict[str, Any] = json.loads(await connection.fetchval(explain, *args))[0]["Plan"]
    return plan


async def _measure(connection: Any, block: str, args: tuple[object, ...]) -> tuple[int, int]:
    plan = await _plan(connection, block, args)
    return _read_rows(plan), round(plan["Actual Rows"])


@pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
async def test_a_page_and_a_window_read_few_rows(database: Database) -> None:
    """With 50 000 threads and messages, at most three rows are read for a row returned. [A17]"""
    await _check_rows_read(database, 50_000, 50_000)


@pytest.mark.prove
async def test_a_page_and_a_window_read_few_rows_of_a_million(database: Database) -> None:
    """With 1 000 000 threads and messages, at most three rows are read for a row returned. [A17]"""
    await _check_rows_read(database, 1_000_000, 1_000_000)


async def test_a_deep_path_with_branches_comes_in_one_statement(database: Database) -> None:
    """All 10 000 messages of a path with 100 branches along it are one statement's rows."""
    async with connect_async(database.url) as store:
        chat = store.owner(OWNER)
        parent: str | None = None
        for stretch in range(100):
            batch = [Message.user(".", id=f"{stretch}-{n}") for n in range(100)]
            await chat.messages.append(THREAD, batch, parent=parent)
            parent = batch[-1].id
            await chat.messages.append(
                THREAD, Message.user("side", id=f"s{stretch}"), parent=parent
            )
        await chat.threads.set_head(THREAD, "99-99")
        assert await chat.messages.count(THREAD) == 10_000
        listed = [m.id async for m in chat.messages.list(THREAD, limit=1000)]
        copy = await chat.threads.fork(THREAD)
    assert listed == [f"{stretch}-{n}" for stretch in range(100) for n in range(100)]
    assert copy.message_count == 10_000
    connection = await asyncpg.connect(database.url)
    try:
        rows = await connection.fetch(
            SQL["messages_down_path"].text, *NAMED, None, None, FAR, -1, 20_000
        )
        assert [row["message_id"] for row in rows] == listed
        read, _ = await _measure(
            connection, "messages_down_path", (*NAMED, None, None, FAR, -1, 20_000)
        )
        assert read < 10_000 + 10 * 200
    finally:
        await connection.close()


FLOOR = """
CREATE SCHEMA floor;
CREATE TABLE floor.threads (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text,
  public_id text, last_seq bigint NOT NULL, updated_at timestamptz DEFAULT now(),
  UNIQUE (user_id, public_id));
CREATE INDEX ON floor.threads (user_id, updated_at DESC);
CREATE TABLE floor.messages (thread_id bigint REFERENCES floor.threads (id) ON DELETE CASCADE,
  seq bigint, id uuid, role smallint, created_at timestamptz DEFAULT now(), payload jsonb,
  PRIMARY KEY (thread_id, seq), UNIQUE (thread_id, id));
CREATE INDEX ON floor.messages (thread_id, seq) WHERE role = 0;
"""
FLOOR_APPEND = """
WITH t AS (INSERT INTO floor.threads AS t (user_id, public_id, last_seq) VALUES ($1, $2, $3)
  ON CONFLICT (user_id, public_id) DO UPDATE SET last_seq = t.last_seq + excluded.last_seq,
    updated_at = now() RETURNING id, last_seq - $3 AS base)
INSERT INTO floor.messages (thread_id, seq, id, role, payload)
SELECT t.id, t.base + m.n, m.id, m.role, m.payload
FROM t, unnest($4::uuid[], $5::int2[], $6::jsonb[]) WITH ORDINALITY AS m(id, role, payload, n)
RETURNING seq
"""


async def test_stored_bytes_and_wal_stay_near_the_floor(database: Database) -> None:
    """A message takes at most 1.2 times the floor's bytes, and an append 1.2 times its WAL."""
    observer = await _superuser(database)
    await observer.execute(FLOOR)
    await observer.execute("CREATE EXTENSION pg_stat_statements")
    text = "word " * 95
    async with connect_async(database.url) as store:
        chat = store.owner("somebody")
        for thread in range(10):
            for _ in range(300):
                ids = [uuid.uuid4() for _ in range(2)]
                mine = [Message.user(text, id=str(ids[0])), Message.assistant(text, id=str(ids[1]))]
                await chat.messages.append(f"thread-{thread}", mine)
                bodies = [m.json for m in mine]
                await observer.fetch(
                    FLOOR_APPEND, "somebody", f"thread-{thread}", 2, ids, [0, 1], bodies
                )
    assert 500 < len(bodies[0]) < 600
    for table in ("threadkeep.threads", "threadkeep.messages", "floor.threads", "floor.messages"):
        await observer.execute(f"VACUUM {table}")
    ours, floor = [
        await observer.fetchval("SELECT pg_total_relation_size($1::regclass)", f"{schema}.messages")
        for schema in ("threadkeep", "floor")
    ]
    assert ours <= 1.2 * floor, (ours / 6000, floor / 6000)
    wal = (
        "SELECT sum(wal_bytes)::bigint FROM pg_stat_statements s JOIN pg_database d "
        "ON d.oid = s.dbid WHERE d.datname = $1 AND query LIKE $2"
    )
    ours, floor = [
        await observer.fetchval(wal, database.name, f"%INTO {table}%")
        for table in ('"threadkeep".messages', "floor.messages")
    ]
    await observer.close()
    assert 0 < ours <= 1.2 * floor, (ours / 3000, floor / 3000)


async def test_a_transaction_names_its_owner_in_the_round_trip_that_opens_it() -> None:
    """BEGIN and SET LOCAL are one text, with a number for the owner: nothing to quote."""
    assert begin_as(-5) == "BEGIN; SET LOCAL threadkeep.owner = '-5'"
