"""The ways in which an app holds a connection, each behind one face for the tests."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
from sqlalchemy import create_engine, orm, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from threadkeep.drivers.borrowed import borrow_blocking

if TYPE_CHECKING:
    from threadkeep.store import AsyncStore
    from threadkeep.testing.servers import Database

Query = Callable[[str], Awaitable[list[tuple[Any, ...]]]]


@dataclass(frozen=True, slots=True)
class Caller:
    """An app inside a transaction that it began itself, in which nothing was said yet.

    `lent` is what it gives to `using`, `query` runs a statement of its own.
    """

    lent: Any
    query: Query
    commit: Callable[[], Awaitable[object]]
    rollback: Callable[[], Awaitable[object]]
    blocking: bool = False


Way = Callable[[str], AbstractAsyncContextManager[Caller]]


def over(store: AsyncStore, caller: Any, *, blocking: bool = False) -> AsyncStore:
    """The store over what the caller lends. One that blocks can be awaited all the same."""
    if isinstance(caller, Caller):
        caller, blocking = caller.lent, caller.blocking
    if blocking:
        store = copy.copy(store)
        store._borrow = borrow_blocking
    return store.using(caller)


async def look(database: Database, query: str) -> list[tuple[Any, ...]]:
    """What another session sees, whatever the owner."""
    async with await psycopg.AsyncConnection.connect(database.superuser_url) as connection:
        cursor = await connection.execute(query.encode())
        return await cursor.fetchall() if cursor.description else []


async def make_notes(database: Database) -> None:
    """A table of the app itself."""
    async with await psycopg.AsyncConnection.connect(database.superuser_url) as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS notes (id text PRIMARY KEY)")
        await connection.execute("GRANT ALL ON notes TO PUBLIC")


def _rows(found: Sequence[Any]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in found]


@asynccontextmanager
async def asyncpg_connection(url: str) -> AsyncIterator[Caller]:
    connection = await asyncpg.connect(url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        yield Caller(connection, _of_asyncpg(connection), transaction.commit, transaction.rollback)
    finally:
        await connection.close()


@asynccontextmanager
async def asyncpg_transaction(url: str) -> AsyncIterator[Caller]:
    connection = await asyncpg.connect(url)
    try:
        lent = connection.transaction()
        await lent.start()
        yield Caller(lent, _of_asyncpg(connection), lent.commit, lent.rollback)
    finally:
        await connection.close()


@asynccontextmanager
async def asyncpg_pool(url: str) -> AsyncIterator[Caller]:
    async with (
        asyncpg.create_pool(url, min_size=1, max_size=1) as pool,
        pool.acquire() as connection,
    ):
        transaction = connection.transaction()
        await transaction.start()
        yield Caller(connection, _of_asyncpg(connection), transaction.commit, transaction.rollback)


def _of_asyncpg(connection: Any) -> Query:
    async def query(statement: str) -> list[tuple[Any, ...]]:
        return _rows(await connection.fetch(statement))

    return query


@asynccontextmanager
async def psycopg_async(url: str) -> AsyncIterator[Caller]:
    connection = await psycopg.AsyncConnection.connect(url)
    try:
        yield _of_psycopg_async(connection, connection)
    finally:
        await connection.close()


@asynccontextmanager
async def psycopg_async_transaction(url: str) -> AsyncIterator[Caller]:
    connection = await psycopg.AsyncConnection.connect(url)
    try:
        yield _of_psycopg_async(connection, psycopg.AsyncTransaction(connection))
    finally:
        await connection.close()


def _of_psycopg_async(connection: psycopg.AsyncConnection, lent: object) -> Caller:
    async def query(statement: str) -> list[tuple[Any, ...]]:
        cursor = await connection.execute(statement.encode())
        return await cursor.fetchall() if cursor.description else []

    return Caller(lent, query, connection.commit, connection.rollback)


@asynccontextmanager
async def psycopg_blocking(url: str) -> AsyncIterator[Caller]:
    connection = psycopg.connect(url)
    try:
        yield _of_psycopg(connection, connection)
    finally:
        connection.close()


@asynccontextmanager
async def psycopg_blocking_transaction(url: str) -> AsyncIterator[Caller]:
    connection = psycopg.connect(url)
    try:
        yield _of_psycopg(connection, psycopg.Transaction(connection))
    finally:
        connection.close()


def _of_psycopg(connection: psycopg.Connection, lent: object) -> Caller:
    async def query(statement: str) -> list[tuple[Any, ...]]:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []

    return Caller(
        lent, query, _later(connection.commit), _later(connection.rollback), blocking=True
    )


def async_engine(url: str, driver: str = "asyncpg", **options: Any) -> Any:
    """A SQLAlchemy engine over an async driver."""
    connect: Any = {"asyncpg": asyncpg.connect, "psycopg": psycopg.AsyncConnection.connect}[driver]
    return create_async_engine(
        f"postgresql+{driver}://", async_creator=lambda: connect(url), **options
    )


def engine(url: str, **options: Any) -> Any:
    """A SQLAlchemy engine over the blocking driver."""
    return create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), **options)


def _alchemy_async(driver: str, *, transaction: bool = False) -> Way:
    @asynccontextmanager
    async def way(url: str) -> AsyncIterator[Caller]:
        made = async_engine(url, driver)
        async with made.connect() as connection:
            lent = await connection.begin()
            yield _of_alchemy(
                connection, lent if transaction else connection, lent.commit, lent.rollback
            )
        await made.dispose()

    return way


def _alchemy_async_session(driver: str, *, transaction: bool = False) -> Way:
    @asynccontextmanager
    async def way(url: str) -> AsyncIterator[Caller]:
        made = async_engine(url, driver)
        async with AsyncSession(made) as session:
            lent = await session.begin() if transaction else session
            yield _of_alchemy(session, lent, session.commit, session.rollback)
        await made.dispose()

    return way


def _of_alchemy(holder: Any, lent: object, commit: Any, rollback: Any) -> Caller:
    async def query(statement: str) -> list[tuple[Any, ...]]:
        found = await holder.execute(text(statement))
        return _rows(found.all()) if found.returns_rows else []

    return Caller(lent, query, commit, rollback)


@asynccontextmanager
async def alchemy_blocking(url: str) -> AsyncIterator[Caller]:
    made = engine(url)
    with made.connect() as connection:
        yield _of_alchemy_blocking(connection, connection)
    made.dispose()


@asynccontextmanager
async def alchemy_blocking_transaction(url: str) -> AsyncIterator[Caller]:
    made = engine(url)
    with made.connect() as connection:
        yield _of_alchemy_blocking(connection, connection.begin())
    made.dispose()


@asynccontextmanager
async def alchemy_blocking_session(url: str) -> AsyncIterator[Caller]:
    made = engine(url)
    with orm.Session(made) as session:
        yield _of_alchemy_blocking(session, session)
    made.dispose()


@asynccontextmanager
async def alchemy_blocking_session_transaction(url: str) -> AsyncIterator[Caller]:
    made = engine(url)
    with orm.Session(made) as session:
        yield _of_alchemy_blocking(session, session.begin())
    made.dispose()


def _of_alchemy_blocking(holder: Any, lent: object) -> Caller:
    async def query(statement: str) -> list[tuple[Any, ...]]:
        found = holder.execute(text(statement))
        return _rows(found.all()) if found.returns_rows else []

    return Caller(lent, query, _later(holder.commit), _later(holder.rollback), blocking=True)


def _later(call: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    async def later() -> object:
        return call()

    return later


ASYNC_WAYS: dict[str, Way] = {
    "asyncpg": asyncpg_connection,
    "psycopg-async": psycopg_async,
    "sqlalchemy-asyncpg": _alchemy_async("asyncpg"),
    "sqlalchemy-asyncpg-session": _alchemy_async_session("asyncpg"),
    "sqlalchemy-psycopg-async": _alchemy_async("psycopg"),
}
WAYS: dict[str, Way] = {
    **ASYNC_WAYS,
    "asyncpg-pool": asyncpg_pool,
    "asyncpg-transaction": asyncpg_transaction,
    "psycopg-async-transaction": psycopg_async_transaction,
    "psycopg": psycopg_blocking,
    "psycopg-transaction": psycopg_blocking_transaction,
    "sqlalchemy-asyncpg-transaction": _alchemy_async("asyncpg", transaction=True),
    "sqlalchemy-asyncpg-session-transaction": _alchemy_async_session("asyncpg", transaction=True),
    "sqlalchemy-psycopg-async-session": _alchemy_async_session("psycopg"),
    "sqlalchemy-psycopg": alchemy_blocking,
    "sqlalchemy-psycopg-transaction": alchemy_blocking_transaction,
    "sqlalchemy-psycopg-session": alchemy_blocking_session,
    "sqlalchemy-psycopg-session-transaction": alchemy_blocking_session_transaction,
}
