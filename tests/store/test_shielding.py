"""Writes finish: what a cancelled caller leaves behind is carried out, and nobody hears noise."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadkeep.store.concurrent import Concurrent
from threadkeep.values.errors import ConflictError, InvalidError, UnavailableError

NEVER = 3600.0


class Work:
    """A write that takes some turns of the loop, and then gives an answer or an error."""

    def __init__(self, turns: int = 3, error: Exception | None = None) -> None:
        self._turns = turns
        self._error = error
        self.begun = asyncio.Event()
        self.ended = False

    async def __call__(self) -> str:
        self.begun.set()
        for _ in range(self._turns):
            await asyncio.sleep(0)
        self.ended = True
        if self._error is not None:
            raise self._error
        return "answer"


@pytest.fixture
async def noise() -> list[dict[str, Any]]:
    """What the loop complains about."""
    heard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    return heard


async def turns(count: int) -> None:
    """Let the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_write_gives_its_answer_or_its_error() -> None:
    """Undisturbed, `run` is what the coroutine is."""
    writing = Concurrent()
    assert await writing.run(Work()()) == "answer"
    with pytest.raises(ConflictError):
        await writing.run(Work(error=ConflictError("exists", "it exists"))())


@given(length=st.integers(0, 12), cancels=st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_a_cancelled_caller_ends_after_its_write(length: int, cancels: list[int]) -> None:
    """However often and whenever it is cancelled: the write has ended before the caller has."""

    async def scenario() -> None:
        work = Work(length)
        caller = asyncio.create_task(Concurrent(deadline=NEVER).run(work()))
        await turns(1)
        for pause in cancels:
            await turns(pause)
            caller.cancel()
        try:
            assert await caller == "answer"
        except asyncio.CancelledError:
            assert caller.cancelled()
        assert work.ended

    asyncio.run(scenario())


async def test_past_its_deadline_a_write_is_cancelled_and_its_caller_goes() -> None:
    """A write that does not end holds its cancelled caller no longer than the deadline."""
    writing = Concurrent(deadline=0.01)
    gone = asyncio.Event()

    async def stuck() -> None:
        try:
            await asyncio.sleep(NEVER)
        finally:
            gone.set()

    caller = asyncio.create_task(writing.run(stuck()))
    await turns(2)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(caller, 30)
    await asyncio.wait_for(gone.wait(), 30)


async def test_timeouts_and_task_groups_work_around_a_write() -> None:
    """A timeout is a TimeoutError, a group ends with its own error, and the writes are done."""
    writing = Concurrent(deadline=NEVER)
    gate = asyncio.Event()
    done = 0

    async def write() -> None:
        nonlocal done
        await gate.wait()
        done += 1

    asyncio.get_running_loop().call_later(0.05, gate.set)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(60), asyncio.timeout(0.001):
            await writing.run(write())
    assert done == 1
    gate.clear()
    asyncio.get_running_loop().call_later(0.05, gate.set)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(writing.run(write()), 0.001)
    assert done == 2

    async def fail() -> None:
        await turns(3)
        raise InvalidError("field", "rule")

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(writing.run(write()))
            group.create_task(fail())

    gate.clear()
    asyncio.get_running_loop().call_later(0.05, gate.set)
    with pytest.raises(ExceptionGroup) as caught:
        await together()
    assert [type(error) for error in caught.value.exceptions] == [InvalidError]
    assert done == 3


async def test_an_error_that_nobody_waits_for_makes_no_noise(noise: list[dict[str, Any]]) -> None:
    """The cancelled caller is cancelled, and its write's error is gone."""
    caller = asyncio.create_task(Concurrent().run(Work(error=UnavailableError("away"))()))
    await turns(2)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    del caller
    await turns(3)
    gc.collect()
    assert noise == []


async def test_a_write_that_the_loop_takes_away_is_an_error_of_its_own() -> None:
    """Who was not cancelled is not: it hears that the outcome is open."""
    caller = asyncio.create_task(Concurrent().run(asyncio.sleep(NEVER)))
    before = asyncio.all_tasks()
    await turns(1)
    [task] = asyncio.all_tasks() - before
    task.cancel()
    with pytest.raises(UnavailableError) as caught:
        await caller
    assert caught.value.transient


@pytest.mark.parametrize("rounds", [0, 1, 2, 5])
def test_the_end_of_a_loop_waits_for_nothing(rounds: int) -> None:
    """`asyncio.run` ends with writes, repeats and waiting callers under way, and stays silent."""
    heard: list[dict[str, Any]] = []

    async def forget() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
        writing = Concurrent(deadline=NEVER)
        callers = [asyncio.create_task(writing.run(asyncio.sleep(NEVER))) for _ in range(3)]
        stop = writing.every(NEVER, lambda: asyncio.sleep(NEVER))
        writing.every(0, lambda: asyncio.sleep(NEVER))
        await turns(rounds)
        assert len(callers) == 3
        assert callable(stop)

    asyncio.run(asyncio.wait_for(forget(), 30))
    gc.collect()
    assert heard == []


async def test_drain_waits_for_what_is_under_way() -> None:
    """Also for a write whose caller is gone; what does not end in time is cancelled."""
    writing = Concurrent(deadline=30)
    work = Work(20)
    caller = asyncio.create_task(writing.run(work()))
    await work.begun.wait()
    await writing.drain()
    assert work.ended
    assert await caller == "answer"
    hasty = Concurrent(deadline=0.01)
    stuck = asyncio.create_task(hasty.run(asyncio.sleep(NEVER)))
    await turns(2)
    await asyncio.wait_for(hasty.drain(), 30)
    with pytest.raises(UnavailableError):
        await stuck


@pytest.mark.parametrize("end", ["stop", "drain"])
async def test_a_repeat_goes_on_until_it_is_stopped(end: str) -> None:
    """It is done again and again; after `stop` or `drain` not once more."""
    writing = Concurrent()
    count = 0
    enough = asyncio.Event()

    async def work() -> None:
        nonlocal count
        count += 1
        if count == 5:
            enough.set()

    stop = writing.every(0.001, work)
    await asyncio.wait_for(enough.wait(), 30)
    if end == "stop":
        stop()
    else:
        await writing.drain()
    seen = count
    await asyncio.sleep(0.02)
    assert count == seen
    stop()


async def test_a_repeat_ends_in_silence_with_an_error_of_ours(noise: list[dict[str, Any]]) -> None:
    """A ThreadkeepError is the last time."""
    writing = Concurrent()
    count = 0
    twice = asyncio.Event()

    async def work() -> None:
        nonlocal count
        count += 1
        if count == 2:
            twice.set()
            raise ConflictError("run_lost", "the run has ended")

    writing.every(0.001, work)
    await asyncio.wait_for(twice.wait(), 30)
    await asyncio.sleep(0.02)
    gc.collect()
    assert (count, noise) == (2, [])


async def test_a_repeat_outlives_an_outage(noise: list[dict[str, Any]]) -> None:
    """A database that is away now may be back before the lease has passed."""
    writing = Concurrent()
    count = 0
    enough = asyncio.Event()

    async def work() -> None:
        nonlocal count
        count += 1
        if count == 5:
            enough.set()
        raise UnavailableError("away", transient=True)

    stop = writing.every(0.001, work)
    await asyncio.wait_for(enough.wait(), 30)
    stop()
    gc.collect()
    assert noise == []


async def test_stop_does_not_cut_short_what_is_under_way() -> None:
    """The work that has begun ends by itself, and drain waits for it."""
    writing = Concurrent()
    work = Work(20)

    def start() -> Coroutine[Any, Any, object]:
        return work()

    stop = writing.every(0, start)
    await asyncio.wait_for(work.begun.wait(), 30)
    stop()
    assert not work.ended
    await writing.drain()
    assert work.ended
