"""Statements, round trips, WAL and stored bytes: counted by themselves, not timed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg

from bench.floor import SQL, AsyncFloor
from bench.ours import AsyncOurs, BlockingOurs
from bench.rows import Calls, Row
from bench.sizes import Sizes
from bench.timing import AsyncSide, BlockingSide, Side
from threadkeep import AsyncStore, connect, connect_async
from threadkeep.drivers.embedded import EmbeddedServer
from threadkeep.testing.wire import Wire, counted

Counts = dict[str, dict[str, tuple[float, float]]]
"""By side and row: statements and round trips a call."""


@dataclass(frozen=True, slots=True)
class Weight:
    """A size on both ends, and how large ours may be as a multiple of the floor's."""

    name: str
    floor: float
    ours: float
    goal: float = 1.2


class Observer:
    """The superuser's view of the server."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def close(self) -> None:
        self._connection.close()

    def calls(self) -> int:
        """How many statements the app's role has run."""
        return int(self._value("calls"))

    def written(self, name: str) -> int:
        """WAL bytes of the statements that insert into a table."""
        return int(self._value("written", f"INTO {name} "))

    def stored(self, table: str) -> float:
        """Bytes of a table with its indexes and TOAST, by row; the table was analysed."""
        return float(self._value("stored", table, table))

    def server(self) -> dict[str, str]:
        """What the server is and how durable."""
        return dict(self._connection.execute(SQL["server"].encode()).fetchall())

    def _value(self, name: str, *args: object) -> Any:
        found = self._connection.execute(SQL[name].encode(), args or None).fetchone()
        return found[0] if found else 0


def stored(observer: Observer) -> Weight:
    """Stored bytes a message, with indexes and TOAST, as the tables stand after filling."""
    ours, floor = (observer.stored(table) for table in ("threadkeep.messages", "floor.messages"))
    return Weight("stored bytes a message", floor, ours)


def written(
    observer: Observer, runner: asyncio.Runner, floor: AsyncFloor, ours: AsyncOurs, sizes: Sizes
) -> Weight:
    """WAL bytes of an append of two messages, in threads that are not long."""
    row = Row("", "append", tuple(f"wal-{n}" for n in range(10)))
    found = []
    for target, table in ((floor, "floor.messages"), (ours, '"threadkeep".messages')):
        side = AsyncSide("", runner, target)
        # The first change of a page since the last checkpoint writes the page whole.
        side.one_by_one(row, Calls(sizes).of(row, sizes.counted))
        before = observer.written(table)
        side.one_by_one(row, Calls(sizes).of(row, sizes.counted))
        found.append((observer.written(table) - before) / sizes.counted)
    return Weight("WAL bytes an append", found[0], found[1])


def count(
    rows: Sequence[Row], sizes: Sizes, server: EmbeddedServer, runner: asyncio.Runner, pool: int
) -> Counts:
    """Count what both faces send, through a proxy of their own."""
    observer, counts = Observer(server.superuser_url), Counts()
    try:
        with counted(server.url) as wire:
            store = runner.run(_open(wire.url, pool))
            try:
                side: Side = AsyncSide("asyncio", runner, AsyncOurs(store))
                counts[side.name] = _count(rows, sizes, side, observer, wire)
            finally:
                runner.run(store.close())
        with (
            counted(server.url) as wire,
            connect(wire.url, rls="required", pool_size=pool) as blocking,
            ThreadPoolExecutor(sizes.writers) as threads,
        ):
            side = BlockingSide("blocking", threads, BlockingOurs(blocking))
            counts[side.name] = _count(rows, sizes, side, observer, wire)
    finally:
        observer.close()
    return counts


async def _open(url: str, pool: int) -> AsyncStore:
    return await connect_async(url, rls="required", pool_size=pool)


_WARM, _COUNTED = 2, 5


def _count(
    rows: Sequence[Row], sizes: Sizes, side: Side, observer: Observer, wire: Wire
) -> dict[str, tuple[float, float]]:
    calls, found = Calls(sizes), {}
    for row in rows:
        # A connection describes a statement before its first use, and a pool may open one at any
        # time: that is not what is counted.
        counted: list[tuple[float, float]] = []
        for _ in range(_COUNTED):
            statements, trips = observer.calls(), wire.trips
            number = _run(row, side, calls, sizes)
            said = ((observer.calls() - statements) / number, (wire.trips - trips) / number)
            counted.append((round(said[0], 2), round(said[1], 2)))
        found[row.name] = min(counted[_WARM:])
    return found


def _run(row: Row, side: Side, calls: Calls, sizes: Sizes) -> int:
    run: Callable[[], object]
    if row.writers:
        writers = calls.of_writers(row, sizes.writer_turns)
        run, number = lambda: side.at_once(row, writers), sum(map(len, writers))
    else:
        some = calls.of(row, 5)
        run, number = lambda: side.one_by_one(row, some), len(some)
    run()
    return number
