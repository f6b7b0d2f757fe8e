"""The rounds: each row's calls by each side in turn, the order turned round every time."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Protocol

from bench.rows import Call, Calls, Row, turns_in
from bench.sizes import Sizes


@dataclass(slots=True)
class Sample:
    """What one side took for one row in one round: milliseconds a call, and of CPU a call."""

    each: list[float] = field(default_factory=list)
    cpu: float = 0.0

    @property
    def p50(self) -> float:
        """The median of the calls; of writers at once, their wall time by their turns."""
        return median(self.each)


class Side(Protocol):
    """One of those that are measured."""

    name: str

    def one_by_one(self, row: Row, calls: Sequence[Call]) -> Sample:
        """Make the calls, each when the one before has been answered."""
        ...

    def at_once(self, row: Row, writers: Sequence[Sequence[Call]]) -> Sample:
        """Make the calls of all writers at once."""
        ...


class AsyncSide:
    """A side whose calls are awaited, all on one loop."""

    def __init__(self, name: str, runner: asyncio.Runner, target: Any) -> None:
        self.name = name
        self._runner = runner
        self._target = target

    def one_by_one(self, row: Row, calls: Sequence[Call]) -> Sample:
        call = getattr(self._target, row.method)

        async def go() -> Sample:
            sample = Sample()
            with _clock(sample, len(calls)):
                for args in calls:
                    begun = time.perf_counter()
                    await call(*args)
                    sample.each.append((time.perf_counter() - begun) * 1000)
            return sample

        return self._runner.run(go())

    def at_once(self, row: Row, writers: Sequence[Sequence[Call]]) -> Sample:
        call: Callable[..., Awaitable[object]] = getattr(self._target, row.method)

        async def write(calls: Sequence[Call]) -> None:
            for args in calls:
                await call(*args)

        async def go() -> Sample:
            sample, turns = Sample(), sum(map(len, writers))
            with _clock(sample, turns):
                begun = time.perf_counter()
                await asyncio.gather(*map(write, writers))
                sample.each.append((time.perf_counter() - begun) * 1000 / turns)
            return sample

        return self._runner.run(go())


class BlockingSide:
    """A side whose calls block; writers at once are threads, which wait between the rounds."""

    def __init__(self, name: str, threads: ThreadPoolExecutor, target: Any) -> None:
        self.name = name
        self._threads = threads
        self._target = target

    def one_by_one(self, row: Row, calls: Sequence[Call]) -> Sample:
        call, sample = getattr(self._target, row.method), Sample()
        with _clock(sample, len(calls)):
            for args in calls:
                begun = time.perf_counter()
                call(*args)
                sample.each.append((time.perf_counter() - begun) * 1000)
        return sample

    def at_once(self, row: Row, writers: Sequence[Sequence[Call]]) -> Sample:
        call: Callable[..., object] = getattr(self._target, row.method)

        def write(calls: Sequence[Call]) -> None:
            for args in calls:
                call(*args)

        sample, turns = Sample(), sum(map(len, writers))
        with _clock(sample, turns):
            begun = time.perf_counter()
            list(self._threads.map(write, writers))
            sample.each.append((time.perf_counter() - begun) * 1000 / turns)
        return sample


@dataclass(slots=True)
class Results:
    """The samples by row and side, and what the writers of one thread were answered."""

    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    acknowledged: dict[str, list[tuple[str, list[list[str]]]]] = field(default_factory=dict)

    def add(self, row: Row, side: Side, sample: Sample) -> None:
        """Keep a sample."""
        self.samples.setdefault(row.name, {}).setdefault(side.name, []).append(sample)


def play(
    rows: Sequence[Row],
    sides: Sequence[Side],
    sizes: Sizes,
    calls: Calls,
    said: Callable[[int], None],
) -> Results:
    """Run all rounds; a first one that is not kept warms up what is warm in a running app."""
    results = Results()
    for row in rows:
        for side in sides:
            _one(row, side, sizes, calls, results, number=sizes.warm_up, kept=False)
    for round_ in range(sizes.rounds):
        for row in rows:
            for side in sides if round_ % 2 else reversed(sides):
                _one(row, side, sizes, calls, results, number=sizes.calls, kept=True)
        said(round_ + 1)
    return results


def _one(
    row: Row,
    side: Side,
    sizes: Sizes,
    calls: Calls,
    results: Results,
    *,
    number: int,
    kept: bool,
) -> None:
    if row.writers:
        writers = calls.of_writers(row, sizes.writer_turns)
        sample = side.at_once(row, writers)
        if row.hot:
            ids = [[id_ for turn in turns for id_ in turn.ids] for turns in turns_in(writers)]
            results.acknowledged.setdefault(side.name, []).append((calls.hot[-1], ids))
    else:
        sample = side.one_by_one(row, calls.of(row, number))
    if kept:
        results.add(row, side, sample)


@contextmanager
def _clock(sample: Sample, calls: int) -> Iterator[None]:
    """Measure the CPU of this process; what is left over from before is cleared first."""
    gc.collect()
    begun = time.process_time()
    yield
    sample.cpu = (time.process_time() - begun) * 1000 / calls
