"""Pools of the caller: each call takes a connection, and gives it back when it is over.

Nothing is imported for a driver or a framework that the caller does not use.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from threadkeep.drivers.borrowed import borrow, waiting
from threadkeep.drivers.borrowed.executor import (
    BorrowedExecutor,
    BorrowedTransaction,
    Lend,
    Link,
    bracket,
)
from threadkeep.drivers.patience import AsyncPatience
from threadkeep.drivers.setting import begin_as
from threadkeep.values.errors import InvalidError, UnavailableError

if TYPE_CHECKING:
    from asyncpg import Pool
    from psycopg_pool import AsyncConnectionPool

# A statement shall see what was committed before it, whatever the host's default is.
_LEVEL = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
# The first fails where a statement has failed before: its COMMIT would only say ROLLBACK.
_COMMIT = "SELECT; COMMIT"


class PoolExecutor(BorrowedExecutor):
    """Runs statements on connections of the caller's pool, which is never closed here.

    A statement on its own is one round trip, whatever the pool's connections do by default. A
    transaction is READ COMMITTED. What fails for a while may be tried for `deadline` seconds.
    """

    checks_first = False

    def __init__(self, lend: Lend, deadline: float) -> None:
        super().__init__(_outside(lend))
        self._deadline = deadline

    @asynccontextmanager
    async def transaction(self, owner_key: int | None) -> AsyncIterator[BorrowedTransaction]:
        """A transaction that sees the rows of `owner_key`."""
        begin = begin_as(owner_key).replace("BEGIN", f"BEGIN; {_LEVEL}", 1)
        async with self._lend() as link, bracket(link, begin, _COMMIT, "ROLLBACK"):
            yield BorrowedTransaction(link)

    def patience(self) -> AsyncPatience:
        """The patience of one call."""
        return AsyncPatience(self._deadline)


def lend(pool: object, deadline: float) -> BorrowedExecutor:
    """An executor over a pool of asyncpg, psycopg or SQLAlchemy, or over one connection of these.

    InvalidError for anything else. No I/O.
    """
    for loaded, finder in (
        ("asyncpg", _asyncpg),
        ("psycopg_pool", _psycopg),
        ("sqlalchemy.ext.asyncio", _sqlalchemy),
    ):
        found = finder(pool) if loaded in sys.modules else None
        if found is not None:
            return PoolExecutor(found, deadline)
    try:
        return borrow(pool)
    except InvalidError as error:
        if error.field != "connection" or not error.rule.startswith("must be an async"):
            raise
        raise InvalidError(
            "pool",
            "must be an asyncpg Pool, a psycopg_pool AsyncConnectionPool, a SQLAlchemy "
            "AsyncEngine over one of their drivers, or one async connection of these",
        ) from None


def _outside(lend: Lend) -> Lend:
    """Refuses connections inside a transaction: the pool would roll back what we do there."""

    @asynccontextmanager
    async def checked() -> AsyncIterator[Link]:
        async with lend() as link:
            if await link.begun():
                raise InvalidError("pool", "must lend connections that are in no transaction")
            yield link

    return checked


def _asyncpg(given: object) -> Lend | None:
    import asyncpg

    from threadkeep.drivers.asyncpg_connections import translated
    from threadkeep.drivers.borrowed.asyncpg import AsyncpgLink

    if not isinstance(given, asyncpg.Pool):
        return None
    pool: Pool = given

    @asynccontextmanager
    async def lend() -> AsyncIterator[Link]:
        with translated():
            try:
                connection = await pool.acquire()
            except asyncpg.InterfaceError:
                raise _closed() from None
        try:
            yield AsyncpgLink(connection)
        finally:
            with translated():
                await pool.release(connection)

    return lend


def _psycopg(given: object) -> Lend | None:
    from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

    from threadkeep.drivers.borrowed.psycopg import AsyncPsycopgLink, autocommit
    from threadkeep.drivers.psycopg_connections import translated

    if not isinstance(given, AsyncConnectionPool):
        return None
    pool: AsyncConnectionPool[Any] = given

    @asynccontextmanager
    async def lend() -> AsyncIterator[Link]:
        with translated():
            try:
                connection = await pool.getconn()
            except PoolClosed:
                raise _closed() from None
            except PoolTimeout:
                raise UnavailableError("the pool had no connection", transient=True) from None
        try:
            async with autocommit(connection):
                yield AsyncPsycopgLink(connection)
        finally:
            # Cut short, the pool would count it as lent for good.
            await waiting.whole(pool.putconn(connection))

    return lend


def _sqlalchemy(given: Any) -> Lend | None:
    from threadkeep.drivers.borrowed import sqlalchemy

    lend = sqlalchemy.lend(given)
    if lend is None:
        return None
    if given.dialect.driver == "asyncpg":
        from threadkeep.drivers.asyncpg_connections import translated
    else:
        from threadkeep.drivers.psycopg_connections import translated

    @asynccontextmanager
    async def lent() -> AsyncIterator[Link]:
        # SQLAlchemy lets the driver's own errors through while it sets a new connection up.
        with translated():
            async with lend() as link:
                yield link

    return lent


def _closed() -> UnavailableError:
    return UnavailableError("the pool is not open")
