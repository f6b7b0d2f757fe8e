"""Sessions between calls: kept, used again as they were, and given back in time."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from care import DRIVERS, Ex, executor, sql
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from threadkeep.drivers import asyncpg as async_driver
from threadkeep.drivers.asyncpg import AsyncpgExecutor
from threadkeep.drivers.limits import Limits
from threadkeep.drivers.psycopg import PsycopgExecutor
from threadkeep.drivers.urls import Address
from threadkeep.testing.servers import Database, Server
from threadkeep.values.errors import UnavailableError

PID = sql("SELECT pg_backend_pid()::bigint")
# The server does not hear a cancel that comes before its statement, and then sleeps on alone.
NAP = sql("SELECT pg_sleep(0.5)::text")
READ_ONLY = sql("DO $$ BEGIN RAISE SQLSTATE '25006'; END $$")
KILL = "SELECT pg_terminate_backend({})"
COUNT = "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'"
VALUES = sql(
    "SELECT $1::bigint, $2::text, $3::bigint[], $4::text[], $5::boolean[], $6::timestamptz"
)
INTS = st.none() | st.integers(-(2**63), 2**63 - 1)
TEXTS = st.none() | st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=5)
INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ROWS = st.tuples(
    INTS,
    TEXTS,
    st.none() | st.lists(INTS, max_size=3),
    st.none() | st.lists(TEXTS, max_size=3),
    st.none() | st.lists(st.booleans(), max_size=3),
    st.none() | INSTANTS,
)


async def pids(ex: Ex, count: int) -> set[int]:
    """The sessions of this many transactions at once."""
    if not count:
        return set()
    async with ex.transaction(None) as tx:
        [[pid]] = await tx.fetch(PID)
        return {pid, *await pids(ex, count - 1)}


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_pool_that_was_just_opened_does_not_grow(
    driver: str, database: Database, server: Server
) -> None:
    """The first calls, one after the other, go by the one session that was opened for them."""
    async with executor(driver, database.url) as ex:
        for _ in range(5):
            await ex.fetch(PID)
        # A session of one's own is looked at once more, and that one ends.
        await until(lambda: server.query(COUNT.format(database.name)) == [(1,)])
        assert len({(await ex.fetch(PID))[0][0] for _ in range(5)}) == 1


async def until_sessions(server: Server, database: Database, most: int) -> None:
    """Wait until the database has no more sessions than that."""
    await until(lambda: int(str(server.query(COUNT.format(database.name))[0][0])) <= most)


def kept_by_its_pool(ex: AsyncpgExecutor) -> int:
    found: int = ex._sessions._pool.get_idle_size()
    return found


async def test_a_usual_call_starts_no_task_and_no_timer(database: Database) -> None:
    """With a session that idles a statement, and a transaction, are that on the loop and no more.

    It is what taking a connection from asyncpg's pool and giving it back costs.
    """
    async with executor("asyncpg", database.url) as ex:
        first = await pids(ex, 1)
        loop = asyncio.get_running_loop()
        started: list[object] = []

        def factory(loop: asyncio.AbstractEventLoop, coro: object, **more: object) -> object:
            started.append(coro)
            return asyncio.Task(coro, loop=loop, **more)  # type: ignore[arg-type]

        loop.set_task_factory(factory)  # type: ignore[arg-type]
        try:
            for _ in range(20):
                assert {row[0] for row in await ex.fetch(PID)} == first
                assert await pids(ex, 1) == first
        finally:
            loop.set_task_factory(None)
        assert started == []


@pytest.mark.parametrize("driver", DRIVERS)
async def test_one_outage_replaces_all_sessions_once(driver: str, database: Database) -> None:
    """After a server that takes no writes any more no older session serves, whoever holds it."""
    async with executor(driver, database.url, Limits(pool_size=4)) as ex:
        before = await pids(ex, 4)
        assert len(before) == 4
        async with ex.transaction(None) as tx:
            [[held]] = await tx.fetch(PID)
            with pytest.raises(UnavailableError) as lost:
                await ex.fetch(READ_ONLY)
            assert lost.value.transient
            between = await pids(ex, 2)
        assert held in before
        after = await pids(ex, 4)
        assert not before & (between | after)
        assert await pids(ex, 4) == after


async def test_a_session_that_died_idle_costs_no_call(database: Database, server: Server) -> None:
    """A kept session that the server ended is replaced before a statement is lost on it."""
    async with executor("asyncpg", database.url) as ex:
        assert isinstance(ex, AsyncpgExecutor)
        idle = ex._sessions._idle
        for _ in range(3):
            [dead] = await pids(ex, 1)
            server.run(KILL.format(dead))
            await until(lambda: all(one.is_closed() for one in idle))
            assert dead not in await pids(ex, 1)


async def test_sessions_go_back_to_the_pool_in_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Idle or busy, after a while the pool has each again; the next call takes it as it is."""
    monkeypatch.setattr(async_driver, "_KEPT", 0.1)
    async with executor("asyncpg", database.url) as ex:
        assert isinstance(ex, AsyncpgExecutor)
        before = await pids(ex, 4)
        await until(lambda: kept_by_its_pool(ex) == 4)
        assert await pids(ex, 4) == before
        async with asyncio.timeout(30):
            while kept_by_its_pool(ex) < 4:
                await ex.fetch(PID)
        assert await pids(ex, 4) == before


@pytest.mark.parametrize("driver", DRIVERS)
async def test_no_transaction_is_left_open(driver: str, database: Database) -> None:
    """A transaction that a statement opened, and one that was left in error, is over after it."""
    assigned = sql("SELECT pg_current_xact_id_if_assigned()::text")
    async with executor(driver, database.url, Limits(pool_size=1)) as ex:
        await ex.fetch(sql("BEGIN"))
        await ex.fetch(sql("SELECT pg_current_xact_id()::text"))
        assert [tuple(row) for row in await ex.fetch(assigned)] == [(None,)]
        with contextlib.suppress(UnavailableError):
            async with ex.transaction(1) as tx:
                await tx.fetch(READ_ONLY)
        assert [tuple(row) for row in await ex.fetch(assigned)] == [(None,)]


async def test_close_waits_for_what_is_under_way(database: Database, server: Server) -> None:
    """A transaction under way ends well, who waits for a session is told, no session is left.

    [A6]
    """
    ex = await AsyncpgExecutor.open(Address.parse(database.url), Limits(pool_size=2))
    await pids(ex, 2)
    entered, leave = asyncio.Event(), asyncio.Event()

    async def transact() -> object:
        async with ex.transaction(1) as tx:
            entered.set()
            await leave.wait()
            return (await tx.fetch(PID))[0][0]

    busy = [asyncio.create_task(transact()), asyncio.create_task(transact())]
    await entered.wait()
    await asyncio.sleep(0.05)
    waiting = asyncio.create_task(ex.fetch(PID))
    await asyncio.sleep(0)
    closing = [asyncio.create_task(ex.close()), asyncio.create_task(ex.close())]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in closing)
    leave.set()
    async with asyncio.timeout(30):
        assert all(await asyncio.gather(*busy))
        await asyncio.gather(*closing)
        with pytest.raises(UnavailableError, match="closed") as closed:
            await waiting
    assert not closed.value.transient
    with pytest.raises(UnavailableError, match="closed"):
        await ex.fetch(PID)
    await ex.close()
    await until_sessions(server, database, 0)


@pytest.mark.parametrize("seed", range(3))
async def test_cancelled_at_any_point_all_sessions_come_back(
    seed: int, database: Database, server: Server
) -> None:
    """Calls cancelled anywhere, waiting or under way, leave as many sessions as there may be."""
    chance = random.Random(seed)
    async with executor("asyncpg", database.url, Limits(pool_size=3, deadline=20)) as ex:

        async def call() -> None:
            if chance.random() < 0.5:
                await ex.fetch(NAP if chance.random() < 0.2 else PID)
            else:
                await pids(ex, 1)

        for _ in range(20):
            tasks = [asyncio.create_task(call()) for _ in range(8)]
            for task in tasks:
                for _ in range(chance.randrange(12)):
                    await asyncio.sleep(0)
                if chance.random() < 0.1:
                    await asyncio.sleep(0.01)
                task.cancel()
            async with asyncio.timeout(30):
                found = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(one is None or isinstance(one, asyncio.CancelledError) for one in found)
        async with asyncio.timeout(30):
            assert len(await pids(ex, 3)) == 3
        await until_sessions(server, database, 3)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(ROWS, min_size=1, max_size=6))
@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_statement_returns_what_it_was_given(
    driver: str, database: Database, rows: list[tuple[object, ...]]
) -> None:
    """One statement on one session, call by call with other values, nulls and empty lists."""
    async with executor(driver, database.url, Limits(pool_size=1)) as ex:
        for row in rows:
            assert [tuple(found) for found in await ex.fetch(VALUES, *row)] == [row]


async def test_a_kept_cursor_holds_no_result(database: Database) -> None:
    """What psycopg read and was given is let go of with the call, also where it failed."""
    async with executor("psycopg", database.url, Limits(pool_size=1)) as ex:
        assert isinstance(ex, PsycopgExecutor)
        assert await ex.fetch(sql("SELECT $1::text"), "x")
        with pytest.raises(UnavailableError):
            await ex.fetch(READ_ONLY)
        assert await ex.fetch(sql("SELECT $1::text"), "x")
        connection = ex._sessions.acquire()
        cursors = list(connection._cursors.values())
        ex._sessions.release(connection)
        assert cursors
        assert all(cursor.pgresult is None and cursor.rownumber is None for cursor in cursors)
