"""The asyncpg executor: a pool, for AsyncStore."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg

from threadkeep.drivers.refusals import refusal
from threadkeep.drivers.setting import begin_as
from threadkeep.values.errors import UnavailableError
from threadkeep.values.ports import Row, Statement


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that keeps no session state, so the pool need not reset it."""

    def get_reset_query(self) -> str:
        # asyncpg's own reset is four statements and a round trip per call; ours leave nothing.
        return ""


class AsyncpgExecutor:
    """Runs statements on a pool of connections, each on its own or in a transaction."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, url: str, *, pool_size: int) -> AsyncpgExecutor:
        """Connect; UnavailableError if the server does not answer or refuses."""
        with _translated():
            return cls(await _pool(url, 1, pool_size))

    @classmethod
    async def later(cls, url: str, *, pool_size: int) -> AsyncpgExecutor:
        """Connect at the first use only."""
        with _translated():
            return cls(await _pool(url, 0, pool_size))

    async def close(self) -> None:
        """Wait for what is under way, then disconnect. Idempotent."""
        await self._pool.close()

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        """Run one statement on its own; one round trip once it is prepared."""
        with _translated():
            async with self._pool.acquire() as connection:
                rows: list[Row] = await connection.fetch(statement.text, *args)
                return rows

    @asynccontextmanager
    async def transaction(self, owner_key: int | None) -> AsyncIterator[_Transaction]:
        """A transaction that sees the rows of `owner_key`."""
        with _translated():
            connection = await self._pool.acquire()
        try:
            with _translated():
                await connection.execute(begin_as(owner_key))
            try:
                yield _Transaction(connection)
            except BaseException:
                await _finish(connection, "ROLLBACK")
                raise
            await _finish(connection, "COMMIT")
        finally:
            await asyncio.shield(self._pool.release(connection))


class _Transaction:
    """Statements of one open transaction."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        with _translated():
            rows: list[Row] = await self._connection.fetch(statement.text, *args)
            return rows

    async def script(self, text: str) -> None:
        with _translated():
            await self._connection.execute(text)


async def _pool(url: str, least: int, most: int) -> asyncpg.Pool:
    return await asyncpg.create_pool(
        url, min_size=least, max_size=most, connection_class=_Connection
    )


async def _finish(connection: Any, command: str) -> None:
    with _translated():
        if not connection.is_closed():
            await connection.execute(command)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the driver's errors into ours; messages of the server are dropped, they quote values."""
    try:
        yield
    except asyncpg.PostgresError as error:
        sqlstate = getattr(error, "sqlstate", None) or "XX000"
        raise refusal(sqlstate, getattr(error, "constraint_name", None)) from None
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
        raise UnavailableError(f"the server was not reached ({type(error).__name__})") from error
