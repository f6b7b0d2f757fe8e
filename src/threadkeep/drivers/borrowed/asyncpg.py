"""A borrowed asyncpg connection, also of a pool, or its transaction."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from asyncpg.transaction import Transaction

from threadkeep.drivers.asyncpg_connections import translated
from threadkeep.drivers.borrowed import waiting
from threadkeep.drivers.borrowed.executor import BorrowedExecutor
from threadkeep.values.errors import InvalidError
from threadkeep.values.ports import Row, Statement

# A quoted name is stepped over: it may hold what looks like a parameter.
_ARRAY = re.compile(r'"(?:[^"]|"")*"|(?P<parameter>\$\d+::)(?P<type>(?!text)\w+\[\])')


def borrow(connection: object) -> BorrowedExecutor | None:
    """The executor over an asyncpg connection or transaction, None for anything else."""
    if isinstance(connection, Transaction):
        connection = connection._connection  # noqa: SLF001  asyncpg tells it nowhere else
    if not isinstance(connection, asyncpg.Connection):
        return None
    lent: Any = connection
    with translated():
        # The proxy stays the way in: it refuses once the pool has its connection back.
        lent.is_closed()
    key = lent._con if isinstance(lent, PoolConnectionProxy) else lent  # noqa: SLF001

    @asynccontextmanager
    async def lend() -> AsyncIterator[AsyncpgLink]:
        async with waiting.alone(key):
            yield AsyncpgLink(lent)

    return BorrowedExecutor(lend)


class AsyncpgLink:
    """Calls on an asyncpg connection, past the codecs and the record class set on it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def begun(self) -> bool:
        with translated():
            if self._connection.get_settings().client_encoding.upper() not in ("UTF8", "UTF-8"):
                raise InvalidError("connection", "must have the client encoding UTF8")
            begun: bool = self._connection.is_in_transaction()
            return begun

    async def fetch(self, statement: Statement, args: Sequence[object]) -> Sequence[Row]:
        with translated():
            # No public call leaves the caller's codecs out. asyncpg itself uses this one so.
            rows: list[Row] = await self._connection._execute(  # noqa: SLF001
                _plain(statement.text),
                [_as_text(arg) if isinstance(arg, list) else arg for arg in args],
                0,
                None,
                record_class=asyncpg.Record,
                ignore_custom_codec=True,
            )
            return rows

    async def run(self, text: str) -> None:
        with translated():
            await self._connection.execute(text)

    async def whole(self, work: Coroutine[Any, Any, None]) -> None:
        await waiting.whole(work)


@lru_cache(maxsize=256)
def _plain(text: str) -> str:
    """The statement with all arrays sent as text: only those do without a codec of the caller's."""
    return _ARRAY.sub(
        lambda m: f"{m['parameter']}text[]::{m['type']}" if m["parameter"] else m[0], text
    )


def _as_text(values: list[object]) -> list[str | None]:
    return [value if value is None or isinstance(value, str) else _text(value) for value in values]


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
