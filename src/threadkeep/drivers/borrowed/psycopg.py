"""A borrowed psycopg connection, blocking or async, or its transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import psycopg
from psycopg import postgres
from psycopg.adapt import AdaptersMap
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import tuple_row

from threadkeep.drivers.borrowed import waiting
from threadkeep.drivers.borrowed.executor import BorrowedExecutor
from threadkeep.drivers.psycopg_connections import adapt, translated
from threadkeep.values.errors import InvalidError
from threadkeep.values.ports import Row, Statement


def borrow(connection: object) -> BorrowedExecutor | None:
    """The executor over an async connection or transaction, None for anything else."""
    if isinstance(connection, psycopg.AsyncTransaction):
        connection = connection.connection
    if not isinstance(connection, psycopg.AsyncConnection):
        return None
    lent = connection

    @asynccontextmanager
    async def lend() -> AsyncIterator[AsyncPsycopgLink]:
        async with waiting.alone(lent):
            yield AsyncPsycopgLink(lent)

    return BorrowedExecutor(lend)


def borrow_blocking(connection: object) -> BorrowedExecutor | None:
    """The executor over a blocking connection or transaction, None for anything else."""
    if isinstance(connection, psycopg.Transaction):
        connection = connection.connection
    if not isinstance(connection, psycopg.Connection):
        return None
    lent = connection

    @asynccontextmanager
    async def lend() -> AsyncIterator[PsycopgLink]:
        async with waiting.alone_blocking(lent):
            yield PsycopgLink(lent)

    return BorrowedExecutor(lend)


@asynccontextmanager
async def autocommit(connection: psycopg.AsyncConnection[Any]) -> AsyncIterator[None]:
    """Within it psycopg begins nothing by itself; afterwards the connection is as it was."""
    before = connection.autocommit
    idle = connection.info.transaction_status == TransactionStatus.IDLE
    if before or not idle:
        yield
        return
    await connection.set_autocommit(True)
    try:
        yield
    finally:
        try:
            if connection.info.transaction_status != TransactionStatus.IDLE:
                await connection.rollback()
            await connection.set_autocommit(before)
        except psycopg.Error:
            await connection.close()


class AsyncPsycopgLink:
    """Calls on an async connection, past the factories and adapters set on it."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def begun(self) -> bool:
        return _begun(self._connection)

    async def fetch(self, statement: Statement, args: Sequence[object]) -> Sequence[Row]:
        return await waiting.whole(self._fetch(statement, args), passing=True)

    async def _fetch(self, statement: Statement, args: Sequence[object]) -> Sequence[Row]:
        with translated():
            async with _AsyncCursor(self._connection, row_factory=tuple_row) as cursor:
                await cursor.execute(_query(statement.text), args, binary=True)
                return [] if cursor.rownumber is None else await cursor.fetchall()

    async def run(self, text: str) -> None:
        with translated():
            async with _AsyncCursor(self._connection) as cursor:
                await cursor.execute(_query(text), prepare=False)

    async def whole(self, work: Coroutine[Any, Any, None]) -> None:
        await waiting.whole(work)


class PsycopgLink:
    """Calls on a blocking connection, past the factories and adapters set on it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    async def begun(self) -> bool:
        return _begun(self._connection)

    async def fetch(self, statement: Statement, args: Sequence[object]) -> Sequence[Row]:
        with translated(), _Cursor(self._connection, row_factory=tuple_row) as cursor:
            cursor.execute(_query(statement.text), args, binary=True)
            return [] if cursor.rownumber is None else cursor.fetchall()

    async def run(self, text: str) -> None:
        with translated(), _Cursor(self._connection) as cursor:
            cursor.execute(_query(text), prepare=False)

    async def whole(self, work: Coroutine[Any, Any, None]) -> None:
        await work


def _begun(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
    with translated():
        if connection.info.encoding != "utf-8":
            raise InvalidError("connection", "must have the client encoding UTF8")
        if connection.pgconn.pipeline_status != PipelineStatus.OFF:
            raise InvalidError("connection", "must not be in pipeline mode")
        idle = connection.info.transaction_status == TransactionStatus.IDLE
        # Where it is not in autocommit, psycopg begins before the first statement by itself.
        return not (connection.autocommit and idle)


def _query(text: str) -> Any:
    # psycopg wants a literal; these come from our own .sql files.
    return cast("Any", text)


def _adapters() -> AdaptersMap:
    """Psycopg's own adapters, without what the app has registered, and with ours."""
    made = AdaptersMap(types=postgres.types)
    postgres.register_default_adapters(made)
    adapt(made)
    return made


_ADAPTERS = _adapters()


class _Cursor(psycopg.RawCursor[Any]):
    @property
    def adapters(self) -> AdaptersMap:
        return _ADAPTERS


class _AsyncCursor(psycopg.AsyncRawCursor[Any]):
    @property
    def adapters(self) -> AdaptersMap:
        return _ADAPTERS
