"""The rows of the table: what is called, on what, and the goal of DESIGN 8."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal

from bench.items import Turn, turn
from bench.sizes import Sizes

Method = Literal["append", "append_native", "window", "threads", "threads_bare"]
Call = tuple[object, ...]
"""The arguments of one call."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a method, the threads it goes round, how many writers at once (0: no such row).

    `goal` is what the median may be of the floor's; None where DESIGN 8 has no figure.
    `cpu_goal` is the same for the client's CPU.
    """

    name: str
    method: Method
    threads: tuple[str, ...] = ()
    writers: int = 0
    hot: bool = False
    goal: float | None = None
    cpu_goal: float | None = None


def thread_names(kind: str, size: int, many: int) -> tuple[str, ...]:
    """The ids of the threads of one size."""
    return tuple(f"{kind}-{size}-{n}" for n in range(many))


def rows_of(sizes: Sizes) -> list[Row]:
    """All rows, in the order of the table."""
    rows = [
        Row(
            f"append to {size}",
            "append",
            thread_names("append", size, many),
            goal=1.0,
            cpu_goal=1.5,
        )
        for size, many in sizes.appended.items()
    ]
    middle = list(sizes.appended)[1]
    native = thread_names("append", middle, sizes.appended[middle])
    rows.append(Row(f"append to {middle}, native items", "append_native", native))
    rows += [
        Row(f"window of {size}", "window", thread_names("window", size, many), goal=1.0)
        for size, many in sizes.windows.items()
    ]
    rows.append(Row(f"list 20 of {sizes.listed}", "threads", goal=1.0))
    rows.append(Row(f"list 20 of {sizes.listed}, bare floor", "threads_bare"))
    many = thread_names("many", 0, sizes.writers)
    # 0.8 of the floor's throughput is 1.25 of its time; twice its throughput is half its time.
    writers = f"{sizes.writers} writers"
    rows.append(Row(f"{writers}, each its thread", "append", many, sizes.writers, goal=1.25))
    hot = Row(f"{writers}, one thread", "append", (), sizes.writers, hot=True, goal=0.5)
    return [*rows, hot]


class Calls:
    """Makes the arguments of the calls of a row, outside of the time that is measured."""

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self._next = count()
        self.hot: list[str] = []
        """The threads that many writers have written to."""

    def of(self, row: Row, number: int) -> list[Call]:
        """`number` calls, one after the other."""
        return [self._call(row, row.threads) for _ in range(number)]

    def of_writers(self, row: Row, turns: int) -> list[list[Call]]:
        """For each writer its calls; on one thread, which is new, or each on its own."""
        if not row.hot:
            return [
                [self._call(row, (thread,)) for _ in range(turns)]
                for thread in row.threads[: row.writers]
            ]
        thread = f"hot-{next(self._next)}"
        self.hot.append(thread)
        return [[self._call(row, (thread,)) for _ in range(turns)] for _ in range(row.writers)]

    def _call(self, row: Row, threads: tuple[str, ...]) -> Call:
        if row.method in ("threads", "threads_bare"):
            return (20,)
        thread = threads[next(self._next) % len(threads)]
        return (thread,) if row.method == "window" else (thread, turn())


def turns_in(calls: list[list[Call]]) -> Iterator[list[Turn]]:
    """The turns of each writer, in the order it stored them."""
    for writer in calls:
        yield [call[1] for call in writer if isinstance(call[1], Turn)]
