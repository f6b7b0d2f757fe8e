"""The floor: the raw statements, as one would write them by hand, on asyncpg and on psycopg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import asyncpg
import orjson
import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format
from psycopg_pool import ConnectionPool

from bench.items import ROLES, Turn, payload
from threadkeep import Message

USER, LISTER = "somebody", "lister"
PAIR = [ROLES["user"], ROLES["assistant"]]


def _blocks(text: str) -> dict[str, str]:
    found = {}
    for block in text.split("-- name: ")[1:]:
        name, _, body = block.partition("\n")
        found[name.strip()] = "\n".join(x for x in body.splitlines() if not x.startswith("--"))
    return {name: body.strip().removesuffix(";") for name, body in found.items()}


SQL = _blocks((Path(__file__).parent / "floor.sql").read_text())


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that is not reset when it goes back: as performance.md advises."""

    def get_reset_query(self) -> str:
        return ""


class AsyncFloor:
    """The statements on a pool of asyncpg, which switches nothing off but the reset."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, url: str, size: int) -> AsyncFloor:
        return cls(
            await asyncpg.create_pool(url, min_size=1, max_size=size, connection_class=_Connection)
        )

    async def close(self) -> None:
        await self._pool.close()

    async def append(self, thread: str, turn: Turn) -> object:
        bodies = _bodies(turn)
        async with self._pool.acquire() as connection:
            return await connection.fetch(SQL["append"], USER, thread, 2, turn.keys, PAIR, bodies)

    append_native = append

    async def window(self, thread: str) -> object:
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(SQL["window"], USER, thread, 10)
        return [orjson.loads(row["payload"]) for row in rows]

    async def threads(self, count: int) -> object:
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(SQL["threads"], LISTER, count)
        return [(row, orjson.loads(row["metadata"])) for row in rows]

    async def threads_bare(self, count: int) -> object:
        async with self._pool.acquire() as connection:
            return await connection.fetch(SQL["threads_bare"], LISTER, count)

    async def fill(self, thread: str, messages: Sequence[Message]) -> None:
        """Store messages in few statements."""
        async with self._pool.acquire() as connection:
            for start in range(0, len(messages), 1_000):
                some = messages[start : start + 1_000]
                columns = (
                    [m.id for m in some],
                    [ROLES[m.role] for m in some],
                    [m.json for m in some],
                )
                await connection.fetch(SQL["append"], USER, thread, len(some), *columns)

    async def append_many(self, batches: Mapping[str, Sequence[Message]], each: int) -> None:
        """Store as many messages in each thread, some hundred threads a statement."""
        threads, size = list(batches), 5_000 // each
        async with self._pool.acquire() as connection, connection.transaction():
            for start in range(0, len(threads), size):
                some = threads[start : start + size]
                rows = [(t, n, m) for t in some for n, m in enumerate(batches[t], 1)]
                columns = (
                    [thread for thread, _, _ in rows],
                    [place for _, place, _ in rows],
                    [m.id for _, _, m in rows],
                    [ROLES[m.role] for _, _, m in rows],
                    [m.json for _, _, m in rows],
                )
                await connection.fetch(SQL["append_many"], USER, some, each, *columns)

    async def ids(self, thread: str) -> list[str]:
        """The ids of a thread's messages, by seq."""
        async with self._pool.acquire() as connection:
            return [row[0] for row in await connection.fetch(SQL["hot"], USER, thread)]


class BlockingFloor:
    """The statements on a pool of psycopg: prepared, binary, autocommit."""

    def __init__(self, url: str, size: int) -> None:
        self._pool = ConnectionPool(
            url, min_size=1, max_size=size, configure=_configure, open=True, timeout=30.0
        )

    def close(self) -> None:
        self._pool.close()

    def append(self, thread: str, turn: Turn) -> object:
        return self._fetch("append", USER, thread, 2, list(turn.keys), PAIR, _bodies(turn))

    append_native = append

    def window(self, thread: str) -> object:
        return [orjson.loads(row[4]) for row in self._fetch("window", USER, thread, 10)]

    def threads(self, count: int) -> object:
        return [(row, orjson.loads(row[3])) for row in self._fetch("threads", LISTER, count)]

    def threads_bare(self, count: int) -> object:
        return self._fetch("threads_bare", LISTER, count)

    def _fetch(self, name: str, *args: object) -> list[Any]:
        with self._pool.connection() as connection, psycopg.RawCursor(connection) as cursor:
            cursor.execute(cast("Any", SQL[name]), args, binary=True)
            return cursor.fetchall()


def _configure(connection: psycopg.Connection[Any]) -> None:
    connection.adapters.register_loader("jsonb", _Text)
    connection.prepare_threshold = 0
    connection.autocommit = True


class _Text(Loader):
    """jsonb as text, less its version byte; psycopg would decode it with the json module."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data[1:])


def _bodies(turn: Turn) -> list[str]:
    user, answer = turn.texts
    return [
        orjson.dumps(payload("user", user)).decode(),
        orjson.dumps(payload("assistant", answer)).decode(),
    ]
