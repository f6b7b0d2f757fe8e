"""Storing many messages at once: messages a second, beside raw statements with the same rows."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Sequence
from statistics import median
from time import perf_counter
from typing import Any
from uuid import uuid4

from bench.floor import AsyncFloor
from bench.ours import AsyncOurs
from bench.sizes import Sizes
from threadkeep import Message

GOAL = 40_000
_TURNS = 5
_SAID = "Something short that one says."


async def measure(sizes: Sizes, floor: AsyncFloor, ours: AsyncOurs) -> dict[str, Any]:
    """Both ends in turn: threads of ten messages each, made before the clock runs."""
    ours_s, floor_s = [], []
    for _ in range(sizes.bulk_rounds + 1):
        batches = _batches(sizes.bulk_threads)
        floor_s.append(await _timed(floor.append_many(batches, 2 * _TURNS)))
        ours_s.append(await _timed(ours.append_many(batches)))
    number = sizes.bulk_threads * 2 * _TURNS
    theirs, mine = (number / median(times[1:]) for times in (floor_s, ours_s))
    return {
        "threads": sizes.bulk_threads,
        "messages": number,
        "floor_per_second": round(theirs),
        "ours_per_second": round(mine),
        "ratio": round(mine / theirs, 2),
        "goal_per_second": GOAL,
    }


def _batches(threads: int) -> dict[str, Sequence[Message]]:
    return {
        str(uuid4()): [
            made(_SAID, id=str(uuid4()))
            for _ in range(_TURNS)
            for made in (Message.user, Message.assistant)
        ]
        for _ in range(threads)
    }


async def _timed(work: Awaitable[object]) -> float:
    gc.collect()
    start = perf_counter()
    await work
    return perf_counter() - start
