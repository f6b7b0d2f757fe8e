"""The app's pool and connections: used as they are, left as they were."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import asyncpg
import psycopg
import pytest
from hosts import SEED, WAYS, run
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from threadkeep.adapters.persistence import ChatMessage, PostgresPersistence
from threadkeep.lending import over
from threadkeep.testing.servers import Database
from threadkeep.values.errors import DatabaseError, InvalidError, UnavailableError
from threadkeep.values.ports import Statement

EVERY_WAY = pytest.mark.parametrize("way", WAYS)
HELLO = ChatMessage("m", "user", [{"type": "text", "text": "hi"}])


@pytest.fixture
def place(empty_database: Database) -> Database:
    """A database with the seed's tables."""
    run(empty_database, SEED.sql())
    return empty_database


async def ask(pool: Any, statement: str) -> Any:
    """What the app itself asks of its pool."""
    if isinstance(pool, asyncpg.Pool):
        return await pool.fetchval(statement)
    if isinstance(pool, AsyncConnectionPool):
        async with pool.connection() as lent:
            [value] = await (await lent.execute(statement.encode())).fetchone() or [None]
            return value
    async with pool.connect() as lent:
        return (await lent.execute(text(statement))).scalar()


@EVERY_WAY
async def test_the_pool_stays_the_apps(place: Database, way: str) -> None:
    """After many calls, good and bad, the pool is open, idle and as it was. [A4]"""
    async with WAYS[way](place.url) as pool:
        adapter = PostgresPersistence(pool)
        assert await ask(pool, "SELECT 1") == 1
        await asyncio.gather(*(adapter.append_message(f"t{n % 5}", HELLO) for n in range(30)))
        with pytest.raises(DatabaseError):
            await over(pool).fetch(Statement("bad", "SELECT 1/0"))
        task = asyncio.create_task(over(pool).fetch(Statement("slow", "SELECT pg_sleep(9)")))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await ask(pool, "SELECT count(*) FROM chat_messages") == 5
        if isinstance(pool, AsyncConnectionPool):
            async with pool.connection() as lent:
                assert lent.autocommit is False
    left = run(
        place,
        "SELECT state FROM pg_stat_activity "
        "WHERE usename = 'threadkeep_app' AND datname = current_database()",
    )
    assert all("transaction" not in str(state) for (state,) in left)


@EVERY_WAY
async def test_a_transaction_is_whole(place: Database, way: str) -> None:
    """What fails undoes all of it, also where the failure was caught; what does not, stays. [A4]"""
    make = Statement("make", "CREATE TABLE made (n int)")
    bad = Statement("bad", "SELECT 1/0")
    there = "SELECT to_regclass('made') IS NOT NULL"
    run(place, "GRANT CREATE ON SCHEMA public TO threadkeep_app")
    async with WAYS[way](place.url) as pool:
        ex = over(pool)

        async def half(*, caught: bool) -> None:
            async with ex.transaction(None) as tx:
                await tx.fetch(make)
                with pytest.raises(DatabaseError) if caught else nullcontext():
                    await tx.fetch(bad)

        for caught in (False, True):
            with pytest.raises(DatabaseError):
                await half(caught=caught)
            assert run(place, there) == [(False,)]
        async with ex.transaction(7) as tx:
            await tx.fetch(make)
            owner = Statement("owner", "SELECT current_setting('threadkeep.owner')")
            assert [tuple(row) for row in await tx.fetch(owner)] == [("7",)]
        assert run(place, there) == [(True,)]


@EVERY_WAY
async def test_a_lost_connection_is_replaced(place: Database, way: str) -> None:
    """A call that meets a connection which the server has closed is carried out all the same."""
    async with WAYS[way](place.url) as pool:
        adapter = PostgresPersistence(pool)
        await adapter.append_message("t", HELLO)
        run(
            place,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE usename = 'threadkeep_app' AND datname = current_database()",
        )
        await adapter.append_message("t", ChatMessage("n", "user", []))
        assert await adapter.count_messages("t") == 2


@EVERY_WAY
async def test_who_is_cancelled_again_and_again_takes_no_connection(
    place: Database, way: str
) -> None:
    """Frameworks cancel until a task ends: each connection comes back, and as it was. [A4]"""
    chance = random.Random(7)
    async with WAYS[way](place.url) as pool:
        adapter = PostgresPersistence(pool)

        async def cut_short(n: int) -> None:
            batch = [ChatMessage(f"{n}-{i}", "user", []) for i in range(3)]
            task = asyncio.create_task(adapter.append_messages("t", batch))
            while not task.done():
                await asyncio.sleep(chance.random() * 0.004)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        for _ in range(4):
            await asyncio.gather(*(cut_short(n) for n in range(30)))
        more = (adapter.append_message("u", ChatMessage(f"{n}", "user", [])) for n in range(30))
        await asyncio.wait_for(asyncio.gather(*more), 20)
        whole = [m.message_id.partition("-")[0] for m in await adapter.list_messages("t")]
        assert all(whole.count(n) == 3 for n in whole)
        if isinstance(pool, AsyncConnectionPool):
            lent = [await pool.getconn() for _ in range(pool.max_size)]
            assert not any(connection.autocommit for connection in lent)
            for connection in lent:
                await pool.putconn(connection)


@EVERY_WAY
async def test_a_connection_that_is_lost_doubles_and_loses_nothing(
    place: Database, way: str
) -> None:
    """While the server ends sessions, each append is stored once, in its order, and answered."""
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'threadkeep_app' "
        "AND datname = current_database() AND random() < 0.4"
    )
    async with WAYS[way](place.url) as pool:
        adapter = PostgresPersistence(pool)

        async def say(who: int) -> None:
            for n in range(10):
                batch = [ChatMessage(f"{who}-{n}-{i}", "user", []) for i in range(2)]
                await adapter.append_messages("t", batch)

        async def end_sessions() -> None:
            while True:
                await asyncio.to_thread(run, place, kill)
                await asyncio.sleep(0.15)

        killer = asyncio.create_task(end_sessions())
        await asyncio.gather(*(say(who) for who in range(6)))
        killer.cancel()
        await asyncio.gather(killer, return_exceptions=True)
        listed = [m.message_id for m in await adapter.list_messages("t")]
        for who in range(6):
            own = [id_ for id_ in listed if id_.startswith(f"{who}-")]
            assert own == [f"{who}-{n}-{i}" for n in range(10) for i in range(2)]


@EVERY_WAY
async def test_a_level_of_the_apps_does_not_matter(place: Database, way: str) -> None:
    """Where transactions are serializable by default, appenders still see each other."""
    run(place, f"ALTER DATABASE {place.name} SET default_transaction_isolation = 'serializable'")
    async with WAYS[way](place.url) as pool:
        adapter = PostgresPersistence(pool)
        batches = [[ChatMessage(f"{n}-{i}", "user", []) for i in range(2)] for n in range(12)]
        await asyncio.gather(*(adapter.append_messages("t", batch) for batch in batches))
        listed = [m.message_id for m in await adapter.list_messages("t")]
        assert len(listed) == 24
        assert all(listed.index(f"{n}-1") == listed.index(f"{n}-0") + 1 for n in range(12))


async def test_what_the_app_has_set_on_its_connections_does_not_matter(place: Database) -> None:
    """Codecs, row factories, autocommit, isolation and another time zone change no answer."""

    async def init(connection: Any) -> None:
        await connection.set_type_codec(
            "json", encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
        )
        await connection.execute("SET TIME ZONE 'Asia/Kathmandu'; SET DateStyle = 'German'")

    async def configure(connection: Any) -> None:
        await connection.set_autocommit(True)
        await connection.execute("SET TIME ZONE 'Asia/Kathmandu'")

    odd = "postgresql+asyncpg://" + place.url.removeprefix("postgresql://")
    engine = create_async_engine(odd, isolation_level="AUTOCOMMIT")
    made = []
    async with (
        asyncpg.create_pool(place.url, init=init, min_size=1, max_size=1) as first,
        AsyncConnectionPool(
            place.url, configure=configure, kwargs={"row_factory": dict_row}, open=False, max_size=4
        ) as second,
    ):
        for n, pool in enumerate((first, second, engine)):
            adapter = PostgresPersistence(pool)
            await adapter.validate_schema()
            message = ChatMessage(f"m{n}", "user", [{"a": 1}], session_id="s")
            made.append(await adapter.append_message("t", message))
            await adapter.save_session("s", thread_id="t", sdk_version="1", state={"n": n})
        for pool in (first, second, engine):
            assert [m.created_at for m in await PostgresPersistence(pool).list_messages("t")] == [
                m.created_at for m in made
            ]
        async with second.connection() as lent:
            assert lent.autocommit is True
    await engine.dispose()


@pytest.mark.parametrize("way", ["asyncpg", "psycopg"])
async def test_a_pool_that_is_closed_says_so_at_once(place: Database, way: str) -> None:
    """Nobody waits for a pool that will not open again (an engine that is disposed of does)."""
    async with WAYS[way](place.url) as pool:
        adapter = PostgresPersistence(pool)
    began = time.monotonic()
    with pytest.raises(UnavailableError) as refused:
        await adapter.list_messages("t")
    assert not refused.value.transient
    assert time.monotonic() - began < 5


async def test_connections_in_a_transaction_are_refused(place: Database) -> None:
    """A pool whose connections are lent inside a transaction would undo what was acknowledged."""

    async def setup(connection: Any) -> None:
        await connection.execute("BEGIN")

    async with asyncpg.create_pool(place.url, setup=setup, min_size=1, max_size=1) as pool:
        with pytest.raises(InvalidError, match="pool"):
            await PostgresPersistence(pool).list_messages("t")


def test_what_is_no_async_pool_is_refused() -> None:
    """A URL, a blocking pool or engine, or another driver is an InvalidError. [A4]"""
    engine = create_engine("postgresql+psycopg://")
    for pool in (
        *("postgresql://x", None, 7, ConnectionPool("", open=False), engine),
        object(),
    ):
        with pytest.raises(InvalidError, match="pool"):
            PostgresPersistence(pool)
    engine.dispose()


Leave = Callable[[], Awaitable[object]]


@asynccontextmanager
async def lent(url: str, kind: str) -> AsyncIterator[tuple[Any, Leave, Leave]]:
    """One connection in a transaction of the app, and how that ends."""
    if kind == "asyncpg":
        connection = await asyncpg.connect(url)
        transaction = connection.transaction()
        await transaction.start()
        yield connection, transaction.commit, transaction.rollback
        await connection.close()
    elif kind == "psycopg":
        opened = await psycopg.AsyncConnection.connect(url)
        yield opened, opened.commit, opened.rollback
        await opened.close()
    else:
        driver = kind.split("_")[1]
        engine = create_async_engine(url.replace("postgresql:", f"postgresql+{driver}:"))
        async with AsyncSession(engine) if "session" in kind else engine.connect() as held:
            yield held, held.commit, held.rollback
        await engine.dispose()


@pytest.mark.parametrize(
    "kind",
    ["asyncpg", "psycopg", "connection_asyncpg", "connection_psycopg", "session_asyncpg"],
)
async def test_one_connection_is_joined_in_its_transaction(place: Database, kind: str) -> None:
    """On a connection the calls stand or fall with the app's own transaction. [A4 A14]"""
    for ending, there in (("rollback", 0), ("commit", 2)):
        async with lent(place.url, kind) as (connection, commit, rollback):
            adapter = PostgresPersistence(connection)
            await adapter.append_messages("t", [HELLO, ChatMessage("n", "user", [])])
            await adapter.save_session("s", thread_id="t", sdk_version="1")
            assert await adapter.count_messages("t") == 2
            with pytest.raises(Exception, match="id is stored with another role"):
                await adapter.append_message("t", ChatMessage("m", "user", [7]))
            assert await adapter.archive_session("s") is True
            assert run(place, "SELECT count(*) FROM chat_messages") == [(0,)]
            await (commit if ending == "commit" else rollback)()
        assert run(place, "SELECT count(*) FROM chat_messages") == [(there,)]


async def test_a_snapshot_that_is_too_old_is_refused(place: Database) -> None:
    """In a repeatable read transaction the messages of others would not be seen: no append."""
    connection = await asyncpg.connect(place.url)
    try:
        async with connection.transaction(isolation="repeatable_read"):
            adapter = PostgresPersistence(connection)
            assert await adapter.list_messages("t") == []
            with pytest.raises(InvalidError, match="READ COMMITTED"):
                await adapter.append_message("t", HELLO)
    finally:
        await connection.close()
