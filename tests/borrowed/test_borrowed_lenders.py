"""What may be lent: which connections, in which state, with which settings of the caller's own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
import pytest
from lenders import WAYS, async_engine, engine, look, over
from psycopg.adapt import Dumper, Loader
from psycopg.rows import dict_row
from sqlalchemy import create_engine, orm
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker

from threadkeep import Message
from threadkeep.drivers.borrowed import borrow, borrow_blocking
from threadkeep.values.errors import (
    DatabaseError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from threadkeep.values.ids import new_id
from threadkeep.values.parts import TextPart

if TYPE_CHECKING:
    from collections.abc import Callable

    from lenders import Way

    from threadkeep.store import AsyncStore
    from threadkeep.sync import Store
    from threadkeep.testing.servers import Database

each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2)))


async def use(store: AsyncStore, owner_id: str = "a") -> None:
    """One call of each kind, with answers of every type that a statement has."""
    chat = store.owner(owner_id)
    call = {"type": "tool_call", "id": "c1", "name": "look", "input": {"at": 1}}
    item = {"role": "assistant", "parts": [call]}
    said = [Message.user("Grüße 🌍", id="m1"), Message.user("again", id="m2")]
    stored = await chat.messages.append("t", said, created_at=AT)
    assert [m.created_at for m in stored] == [AT, AT]
    await chat.messages.append("t", item, dialect="threadkeep")
    await chat.messages.append(
        "t", replace(Message.user("three", id="m3"), metadata={"n": [1, "é"]})
    )
    await chat.messages.update("t", "m2", Message.user("anew"), replace_metadata={"k": None})
    thread = await chat.threads.update("t", title="hers", metadata={"a": 1.5})
    assert thread.metadata == {"a": 1.5}
    assert thread.updated_at.utcoffset() == timedelta(0)
    first = await chat.messages.get("t", "m1")
    assert (first.created_at, first.parts) == (AT, (TextPart("Grüße 🌍"),))
    assert first.created_at is not None
    assert first.created_at.tzinfo is UTC
    window = await chat.messages.window("t", turns=5, dialect="threadkeep")
    assert len(window) == 4
    assert await chat.threads.count() == 1
    assert [t.id for t in (await chat.threads.list(metadata={"a": 1.5})).items] == ["t"]


@each_way
async def test_each_kind_of_call_works(way: Way, database: Database, store: AsyncStore) -> None:
    """All that a statement takes or gives passes through, times in UTC."""
    async with way(database.url) as caller:
        await use(over(store, caller))
        await caller.commit()
    assert await store.owner("a").messages.count("t") == 4


@each_way
@pytest.mark.parametrize(
    "setting",
    [
        "SET search_path TO ''",
        "SET TimeZone TO 'Asia/Kathmandu'",
        "SET DateStyle TO 'German, DMY'",
        "SET IntervalStyle TO 'iso_8601'",
        "SET bytea_output TO 'escape'",
        "SET standard_conforming_strings TO on",
        "SET plan_cache_mode TO force_generic_plan",
    ],
)
async def test_settings_of_the_session_do_not_matter(
    way: Way, setting: str, shared_database: Database, shared_store: AsyncStore
) -> None:
    """Whatever the caller's session was told, calls work and it stays so."""
    name = setting.split()[1]
    async with way(shared_database.url) as caller:
        await caller.query(setting)
        before = await caller.query(f"SELECT current_setting('{name}')")
        await use(over(shared_store, caller), new_id())
        assert await caller.query(f"SELECT current_setting('{name}')") == before


@each_way
async def test_the_role_of_the_caller_stays(
    way: Way, database: Database, store: AsyncStore
) -> None:
    """Calls work as the role that was set, and it is set afterwards."""
    await store.owner("b").threads.create("hers")
    async with way(database.superuser_url) as caller:
        await caller.query("SET ROLE threadkeep_app")
        await use(over(store, caller))
        assert await caller.query("SELECT current_user::text") == [("threadkeep_app",)]
        assert await caller.query("SELECT 1 FROM threadkeep.threads") == []
        await caller.rollback()


@each_way
async def test_errors_are_those_of_a_pool(way: Way, database: Database, store: AsyncStore) -> None:
    """A role without privileges is forbidden to; the transaction lives."""
    name = database.name[-24:]
    await look(database, f'CREATE ROLE "no_{name}"')
    try:
        async with way(database.superuser_url) as caller:
            chat = over(store, caller).owner("a")
            await caller.query(f'SET LOCAL ROLE "no_{name}"')
            with pytest.raises(ForbiddenError):
                await chat.threads.create()
            await caller.query("RESET ROLE")
            await caller.query("SET LOCAL statement_timeout = 0")
            await chat.threads.create("t")
            await caller.rollback()
    finally:
        await look(database, f'DROP ROLE "no_{name}"')


@each_way
async def test_a_lost_connection_is_said_so(
    way: Way, database: Database, store: AsyncStore
) -> None:
    """UnavailableError at once: what was in the transaction is gone, nobody can try again."""
    async with way(database.url) as caller:
        chat = over(store, caller).owner("a")
        await chat.threads.create("t")
        [(pid,)] = await caller.query("SELECT pg_backend_pid()")
        await look(database, f"SELECT pg_terminate_backend({pid}, 10000)")
        for _ in range(2):
            with pytest.raises((UnavailableError, InvalidError)):
                await chat.threads.create("t")
        with pytest.raises(Exception, match=r"closed|terminat|connection|rolled back"):
            await caller.query("SELECT 1")


@pytest.mark.parametrize("blocking", [False, True])
async def test_what_cannot_be_lent_is_refused(blocking: bool, database: Database) -> None:
    """InvalidError names the connection; the other face's connections are refused too."""
    ours, theirs = (borrow_blocking, borrow) if blocking else (borrow, borrow_blocking)
    sqlite = create_engine("sqlite://")
    for lent in (None, "postgresql://", object(), sqlite, engine(database.url)):
        with pytest.raises(InvalidError) as caught:
            ours(lent)
        assert caught.value.field == "connection"
    with sqlite.connect() as connection, orm.Session(sqlite) as session:
        for other in (connection, session, connection.begin()):
            for refuses in (ours, theirs):
                with pytest.raises(InvalidError, match="connection"):
                    refuses(other)
    sqlite.dispose()
    for way in WAYS.values():
        async with way(database.url) as caller:
            (ours if caller.blocking == blocking else theirs)(caller.lent)
            with pytest.raises(InvalidError, match="connection"):
                (theirs if caller.blocking == blocking else ours)(caller.lent)


async def test_a_session_bound_to_nothing_is_refused(store: AsyncStore) -> None:
    """At the first call, since only then is it known."""
    with orm.Session() as session:
        chat = over(store, session, blocking=True).owner("a")
        with pytest.raises(InvalidError, match="connection"):
            await chat.threads.create()


async def test_scoped_sessions_lend_too(database: Database, store: AsyncStore) -> None:
    """The session of the moment is taken."""
    made = async_engine(database.url)
    scoped = async_scoped_session(async_sessionmaker(made), scopefunc=lambda: 1)
    await over(store, scoped).owner("a").threads.create("one")
    await scoped.commit()
    await scoped.remove()
    await made.dispose()
    below = engine(database.url)
    blocking = orm.scoped_session(orm.sessionmaker(below))
    await over(store, blocking, blocking=True).owner("a").threads.create("two")
    blocking.commit()
    blocking.remove()
    below.dispose()
    assert await store.owner("a").threads.count() == 2


async def test_a_connection_given_back_is_refused(database: Database, store: AsyncStore) -> None:
    """A pool's connection cannot be used any more once the pool has it back."""
    async with asyncpg.create_pool(database.url, min_size=1, max_size=1) as pool:
        connection = await pool.acquire()
        chat = over(store, connection).owner("a")
        await pool.release(connection)
        with pytest.raises(UnavailableError):
            await chat.threads.create()
        with pytest.raises((UnavailableError, InvalidError)):
            borrow(connection)


async def autocommit_asyncpg(url: str) -> Any:
    return await asyncpg.connect(url), None


async def autocommit_psycopg_async(url: str) -> Any:
    return await psycopg.AsyncConnection.connect(url, autocommit=True), None


async def autocommit_psycopg(url: str) -> Any:
    return psycopg.connect(url, autocommit=True), None


async def autocommit_alchemy(url: str) -> Any:
    made = engine(url, isolation_level="AUTOCOMMIT")
    return made.connect(), made


async def autocommit_alchemy_asyncpg(url: str) -> Any:
    made = async_engine(url, isolation_level="AUTOCOMMIT")
    return await made.connect(), made


async def autocommit_alchemy_psycopg_async(url: str) -> Any:
    made = async_engine(url, "psycopg", isolation_level="AUTOCOMMIT")
    return await made.connect(), made


@pytest.mark.parametrize(
    "lend",
    [
        autocommit_asyncpg,
        autocommit_psycopg_async,
        autocommit_psycopg,
        autocommit_alchemy,
        autocommit_alchemy_asyncpg,
        autocommit_alchemy_psycopg_async,
    ],
)
async def test_without_a_transaction_each_call_is_one(
    lend: Callable[[str], Any], database: Database, store: AsyncStore
) -> None:
    """What was answered is there for all at once; what failed left nothing, not even a setting."""
    connection, made = await lend(database.url)
    blocking = lend in (autocommit_psycopg, autocommit_alchemy)
    chat = over(store, connection, blocking=blocking).owner("a")
    await chat.messages.append("t", [Message.user("one", id="m1")])
    assert await store.owner("a").messages.count("t") == 1
    await chat.messages.update("t", "m1", Message.user("uno"))
    assert (await store.owner("a").messages.get("t", "m1")).parts == (TextPart("uno"),)
    with pytest.raises(NotFoundError):
        await chat.messages.update("t", "m2", metadata={})
    await chat.messages.append("t", [Message.user("uno", id="m1"), Message.user("two", id="m2")])
    assert await store.owner("a").messages.count("t") == 2
    for closing in (connection, made):
        for name in ("close", "dispose"):
            if hasattr(closing, name):
                done = getattr(closing, name)()
                if done is not None:
                    await done
                break


async def test_codecs_of_an_asyncpg_connection_do_not_matter(
    database: Database, store: AsyncStore
) -> None:
    """Codecs, record class and cache of the caller neither reach our calls nor change by them."""
    kind: Any = type("Row", (asyncpg.Record,), {"__iter__": lambda _: iter(())})
    connection = await asyncpg.connect(
        database.url, record_class=kind, statement_cache_size=0, command_timeout=30
    )

    def spoil(value: Any) -> Any:
        return "spoilt"

    try:
        for name in ("json", "jsonb", "timestamptz", "numeric", "int4", "int8", "bool", "text"):
            if name == "text":
                # From here on its arrays are known to it with the codecs set above.
                await connection.fetch("SELECT '{}'::timestamptz[], '{}'::bool[], '{}'::int4[]")
            await connection.set_type_codec(
                name, schema="pg_catalog", encoder=spoil, decoder=spoil, format="text"
            )
        async with connection.transaction():
            await use(over(store, connection))
            [row] = await connection.fetch("SELECT now() AS at")
            assert type(row) is kind
            assert row["at"] == "spoilt"
    finally:
        await connection.close()
    assert await store.owner("a").messages.count("t") == 4


class Shouting(Loader):
    def load(self, data: Any) -> str:
        return "spoilt"


class ShoutingBinary(Shouting):
    format = psycopg.pq.Format.BINARY


class Refusing(Dumper):
    def dump(self, obj: Any) -> bytes:
        raise AssertionError


@pytest.mark.parametrize("threshold", [None, 0, 1])
@pytest.mark.parametrize("blocking", [False, True])
async def test_factories_of_a_psycopg_connection_do_not_matter(
    threshold: int | None, blocking: bool, database: Database, store: AsyncStore
) -> None:
    """Row factory, cursor factory and adapters of the caller neither reach our calls nor change."""
    connection: Any
    if blocking:
        connection = psycopg.connect(database.url, row_factory=dict_row)
        connection.cursor_factory = psycopg.ClientCursor
    else:
        connection = await psycopg.AsyncConnection.connect(database.url, row_factory=dict_row)
        connection.cursor_factory = psycopg.AsyncClientCursor
    connection.prepare_threshold = threshold
    for name in ("json", "jsonb", "timestamptz", "numeric", "text", "int4", "int8", "bool"):
        connection.adapters.register_loader(name, Shouting)
        connection.adapters.register_loader(name, ShoutingBinary)
    for kind in (int, str, bool, datetime, list, float):
        connection.adapters.register_dumper(kind, Refusing)
    try:
        lent = over(store, connection, blocking=blocking)
        await use(lent)
        for _ in range(3):
            assert await lent.owner("a").messages.count("t") == 4
        cursor = connection.execute("SELECT now() AS at")
        cursor = cursor if blocking else await cursor
        rows = cursor.fetchall() if blocking else await cursor.fetchall()
        assert rows == [{"at": "spoilt"}]
    finally:
        for end in (connection.commit, connection.close):
            done = end()
            if not blocking:
                await done
    assert await store.owner("a").messages.count("t") == 4


@pytest.mark.parametrize("name", ["asyncpg", "psycopg", "psycopg-async", "sqlalchemy-asyncpg"])
async def test_another_encoding_is_refused(
    name: str, database: Database, store: AsyncStore
) -> None:
    """In another client encoding a message could not be kept as it is."""
    async with WAYS[name](database.url) as caller:
        await caller.query("SET client_encoding TO 'LATIN1'")
        with pytest.raises(InvalidError, match="UTF8"):
            await over(store, caller).owner("a").threads.create()
        await caller.rollback()


async def test_a_pipeline_is_refused(database: Database, store: AsyncStore) -> None:
    """In psycopg's pipeline mode a savepoint cannot be told from what the caller queued."""
    with psycopg.connect(database.url) as connection:
        chat = over(store, connection, blocking=True).owner("a")
        with connection.pipeline(), pytest.raises(InvalidError, match="pipeline"):
            await chat.threads.create()


async def test_a_server_error_keeps_its_code(database: Database, store: AsyncStore) -> None:
    """A statement that the server gives up, in the caller's time limit, is a DatabaseError."""
    await store.owner("a").threads.create("t")
    async with WAYS["psycopg"](database.url) as caller:
        chat = over(store, caller).owner("a")
        await caller.query("SET LOCAL lock_timeout = '50ms'")
        with psycopg.connect(database.superuser_url) as other:
            other.execute("SELECT 1 FROM threadkeep.threads FOR UPDATE")
            with pytest.raises(DatabaseError) as caught:
                await chat.messages.append("t", [Message.user("one", id="m1")])
            assert caught.value.sqlstate == "55P03"
        await chat.messages.append("t", [Message.user("one", id="m1")])
        await caller.commit()
    assert await store.owner("a").messages.count("t") == 1


def test_lending_imports_nothing_of_others() -> None:
    """A caller of psycopg pays for neither asyncpg nor SQLAlchemy."""
    code = (
        "import sys, psycopg\n"
        "from threadkeep.drivers.borrowed import borrow_blocking\n"
        "from threadkeep.values.errors import InvalidError\n"
        "try: borrow_blocking(1)\n"
        "except InvalidError: print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "psycopg" in loaded
    assert {"sqlalchemy", "asyncpg"}.isdisjoint(loaded)


async def test_an_async_session_may_lend_before_it_has_a_connection(
    database: Database, store: AsyncStore
) -> None:
    """The session of a request is lent at its start and used in several transactions."""
    made = async_engine(database.url)
    async with AsyncSession(made) as session:
        chat = over(store, session).owner("a")
        await chat.threads.create("one")
        await session.rollback()
        await chat.threads.create("two")
        await session.commit()
        await chat.threads.create("three")
    await made.dispose()
    assert [t.id for t in (await store.owner("a").threads.list()).items] == ["two"]


def test_a_store_lends_and_closes_nothing(
    database: Database, blocking_store: Store, store: AsyncStore
) -> None:
    """Both faces have `using`; closing what it returns leaves the connection and the store open.

    [A4]
    """
    with psycopg.connect(database.url) as connection:
        with blocking_store.using(connection) as lent:
            lent.owner("a").threads.create("t")
        assert not connection.closed
        assert lent.owner("a").threads.count() == 1
        assert blocking_store.owner("a").threads.count() == 0
        with pytest.raises(InvalidError, match="async"):
            store.using(connection)
    assert blocking_store.owner("a").threads.count() == 1
