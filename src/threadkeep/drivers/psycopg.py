"""The psycopg executor: a blocking pool, for Store. Its coroutines never suspend."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any, cast

import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from threadkeep.drivers.refusals import refusal
from threadkeep.drivers.setting import begin_as
from threadkeep.values.errors import UnavailableError
from threadkeep.values.ports import Row, Statement

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_INT8 = Struct("!q")


class _Int(Int8BinaryDumper):
    """Every int as bigint: psycopg sizes it by value otherwise, and prepares each size apart."""


class _Instant(Loader):
    """A timestamptz as an aware time in UTC, whatever the session's time zone."""

    format = Format.BINARY

    def load(self, data: Buffer) -> datetime:
        return _EPOCH + timedelta(microseconds=_INT8.unpack(data)[0])


Connection = psycopg.Connection[tuple[Any, ...]]


def _configure(connection: Connection) -> None:
    # Lists of ints are dumped as text: else the first list's size would bind the later ones.
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.adapters.register_dumper(int, _Int)
    connection.adapters.register_loader("timestamptz", _Instant)
    connection.prepare_threshold = 0
    connection.autocommit = True


class PsycopgExecutor:
    """Runs statements on a pool of connections, each on its own or in a transaction."""

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        self._pool = pool

    @classmethod
    def open(cls, url: str, *, pool_size: int) -> PsycopgExecutor:
        """Connect; UnavailableError if the server does not answer or refuses."""
        with _translated():
            # A first connection of our own: its refusal has a reason, a pool's time-out has none.
            psycopg.connect(url).close()
            pool = _pool(url, 1, pool_size)
            pool.open(wait=True)
        return cls(pool)

    @classmethod
    def later(cls, url: str, *, pool_size: int) -> PsycopgExecutor:
        """Connect at the first use only."""
        pool = _pool(url, 0, pool_size)
        pool.open()
        return cls(pool)

    async def close(self) -> None:
        """Disconnect. Idempotent."""
        self._pool.close()

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        """Run one statement on its own; one round trip once it is prepared."""
        with _translated(), self._pool.connection() as connection:
            return _fetch(connection, statement, args)

    @asynccontextmanager
    async def transaction(self, owner_key: int | None) -> AsyncIterator[_Transaction]:
        """A transaction that sees the rows of `owner_key`."""
        with _translated():
            connection = self._pool.getconn()
        try:
            with _translated():
                _script(connection, begin_as(owner_key))
            try:
                yield _Transaction(connection)
            except BaseException:
                _finish(connection, "ROLLBACK")
                raise
            _finish(connection, "COMMIT")
        finally:
            self._pool.putconn(connection)


class _Transaction:
    """Statements of one open transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        with _translated():
            return _fetch(self._connection, statement, args)

    async def script(self, text: str) -> None:
        with _translated():
            _script(self._connection, text)


def _pool(url: str, least: int, most: int) -> ConnectionPool[Connection]:
    return ConnectionPool(
        url, min_size=least, max_size=most, configure=_configure, open=False, timeout=30.0
    )


def _fetch(connection: Connection, statement: Statement, args: Sequence[object]) -> list[Row]:
    with psycopg.RawCursor(connection) as cursor:
        # The text comes from our own .sql files.
        cursor.execute(cast("Any", statement.text), args, binary=True)
        return [] if cursor.description is None else list(cursor.fetchall())


def _script(connection: Connection, text: str) -> None:
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(cast("Any", text), prepare=False)


def _finish(connection: Connection, command: str) -> None:
    with _translated():
        if not connection.closed:
            _script(connection, command)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the driver's errors into ours; messages of the server are dropped, they quote values."""
    try:
        yield
    except (PoolClosed, PoolTimeout) as error:
        raise UnavailableError(f"the server was not reached ({type(error).__name__})") from error
    except psycopg.Error as error:
        if error.sqlstate is None:
            name = type(error).__name__
            raise UnavailableError(f"the server was not reached ({name})") from error
        raise refusal(error.sqlstate, error.diag.constraint_name) from None
