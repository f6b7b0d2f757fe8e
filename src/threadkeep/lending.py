"""What adapters over an app's own tables work on: the app's pool, or the database of a URL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeGuard

from threadkeep.drivers.borrowed import pools
from threadkeep.drivers.limits import Limits
from threadkeep.drivers.urls import Address
from threadkeep.values.ports import Executor


def over(pool: object, *, deadline: float = 30.0) -> Executor:
    """An executor over what the app already has: its pool, or one connection of it.

    An asyncpg Pool, a psycopg_pool AsyncConnectionPool, a SQLAlchemy AsyncEngine over one of these
    drivers, or one async connection, session or transaction of any. On a pool each statement is on
    its own and each transaction is READ COMMITTED, and who calls may try for `deadline` seconds; a
    connection is joined in the transaction that it is in. What the app made, the app closes: its
    pool and its connections are as they were. What `reach` gives is taken as it is. InvalidError
    for anything else. No I/O.
    """
    return pool if _is_executor(pool) else pools.lend(pool, Limits(deadline=deadline).deadline)


def _is_executor(pool: object) -> TypeGuard[Executor]:
    """Whether it is one already: no pool has all of these."""
    return all(hasattr(pool, name) for name in ("checks_first", "fetch", "transaction", "patience"))


@asynccontextmanager
async def reach(url: str) -> AsyncIterator[Executor]:
    """An executor on the database of a URL, whatever its tables, for as long as the block runs.

    UnavailableError where it cannot be reached, InvalidError for a bad URL.
    """
    from threadkeep.drivers.asyncpg import AsyncpgExecutor

    ex = await AsyncpgExecutor.open(Address.parse(url), Limits(pool_size=2))
    try:
        yield ex
    finally:
        await ex.close()
