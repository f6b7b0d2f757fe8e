"""Concurrent: writes on an event loop. They finish though their caller is cancelled, and waiting
appends to one thread are joined into one statement.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from weakref import WeakSet

from threadkeep.core import append as appending
from threadkeep.core.append import HEAD, Place
from threadkeep.core.drafts import Draft
from threadkeep.core.scope import Scope
from threadkeep.values.errors import ThreadkeepError, UnavailableError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message

T = TypeVar("T")

# A joined statement: by then its round trip and its commit weigh little beside its rows.
_MOST_MESSAGES = 256
_MOST_CHARACTERS = 1_000_000


class _Bell(asyncio.Future[T]):
    """What a caller awaits in the place of its write.

    A cancellation of the caller changes nothing here: its task keeps it until the bell rings, and
    raises it then. The bell rings when the write has ended, or `deadline` seconds after the first
    cancellation.
    """

    # No __init__ here and below, and plain attributes: there is one of these for every write.
    deadline: float
    _timer: asyncio.TimerHandle | None = None

    def cancel(self, msg: Any | None = None) -> bool:  # noqa: ARG002
        """Refuse, which leaves the cancellation with the caller's task; start the deadline."""
        if self._timer is None and not self.done():
            self._timer = self.get_loop().call_later(self.deadline, self._give_up)
        return False

    def ring(self, answer: T) -> None:
        """Give the answer."""
        if self._timer is not None:
            self._timer.cancel()
        if not self.done():
            self.set_result(answer)

    def fail(self, error: BaseException) -> None:
        """Give the error."""
        if self._timer is not None:
            self._timer.cancel()
        if not self.done():
            self.set_exception(error)

    def let_go(self) -> None:
        """Nobody waits any longer: end the write, as far as that can be done."""

    def _give_up(self) -> None:
        self.let_go()
        # Nobody sees this error: the task raises the cancellation that it kept.
        self.fail(_cut_off())


class _Run(_Bell[T]):
    """A write with a task of its own."""

    task: asyncio.Task[T]
    tasks: set[asyncio.Task[Any]]

    def let_go(self) -> None:
        self.task.cancel()

    def ended(self, task: asyncio.Task[T]) -> None:
        """Give what the task gave."""
        self.tasks.discard(task)
        if task.cancelled():
            self.fail(_cut_off())
        elif error := task.exception():
            self.fail(error)
        else:
            self.ring(task.result())


class _Append(_Bell[list[Message]]):
    """One append in a lane."""

    lane: _Lane
    number: int
    scope: Scope
    thread_id: str
    drafts: Sequence[Draft]
    place: Place
    active_at: datetime | None

    def let_go(self) -> None:
        if self in self.lane.waiting:
            self.lane.waiting.remove(self)

    def joins(self, other: _Append) -> bool:
        """Whether both may stand in one statement, as far as their messages do not matter."""
        return (
            self.place == HEAD
            and other.place == HEAD
            and self.active_at == other.active_at
            and self.scope.user_id == other.scope.user_id
        )

    @property
    def size(self) -> int:
        """The characters of its payloads."""
        return sum(len(draft.json) for draft in self.drafts)


class _Repeat:
    """Work that is done every so many seconds.

    It is a timer and not a task that sleeps: a loop that closes drops it without a word.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        work: Callable[[], Awaitable[object]],
        start: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._work = work
        self._start = start
        self._stopped = False
        self._timer = loop.call_later(seconds, self._due)

    def stop(self) -> None:
        """Not once more. What is under way ends by itself."""
        self._stopped = True
        self._timer.cancel()

    def _due(self) -> None:
        self._start(self._once())

    async def _once(self) -> None:
        if self._stopped:
            return
        try:
            await self._work()
        except UnavailableError:
            pass  # The database may be back by the next time.
        except ThreadkeepError:
            return
        if not self._stopped:
            self._timer = self._loop.call_later(self._seconds, self._due)


class _Lane:
    """The appends to one thread, first come, first served."""

    __slots__ = ("_number", "flight", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Append] = deque()
        self.flight: list[_Append] = []
        self._number = 0

    def add(self, one: _Append) -> None:
        self._number += 1
        one.lane, one.number = self, self._number
        self.waiting.append(one)

    def take(self) -> list[_Append]:
        """The next flight: the first that waits, and what follows it as far as it can be joined.

        Nobody is passed over, so that the order of arrival stands and none waits for ever.
        """
        first = self.waiting.popleft()
        self.flight = [first]
        if not self.waiting or not self.waiting[0].joins(first):
            return self.flight
        ids = {draft.id for draft in first.drafts}
        size = first.size
        while self.waiting and (one := self.waiting[0]).joins(first):
            more = {draft.id for draft in one.drafts}
            size += one.size
            if not ids.isdisjoint(more) or size > _MOST_CHARACTERS:
                break
            ids |= more
            if len(ids) > _MOST_MESSAGES:
                break
            self.flight.append(self.waiting.popleft())
        return self.flight

    def fail_until(self, number: int, error: UnavailableError) -> None:
        """Give the error to what waits and came no later than the append with that number."""
        while self.waiting and self.waiting[0].number <= number:
            self.waiting.popleft().fail(_copy(error))

    @property
    def latest(self) -> int:
        """The number of the append that came last."""
        return self._number

    def end(self) -> None:
        """Answer whatever has no answer, after the lane was stopped from outside."""
        for one in (*self.flight, *self.waiting):
            one.fail(_cut_off())
        self.waiting.clear()


class Concurrent:
    """Writes of an AsyncStore.

    A write that has begun goes on when its caller is cancelled; the caller waits for its end, and
    is then cancelled, so that nothing it does next can overtake the write. `deadline` seconds after
    the cancellation it waits no longer; further cancellations do not shorten that, since some
    frameworks repeat theirs at every turn of the loop. What is past its deadline is wholly stored
    or not at all.
    """

    def __init__(self, *, deadline: float = 10.0) -> None:
        self._deadline = deadline
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._repeats: WeakSet[_Repeat] = WeakSet()
        self._ending = False

    def __len__(self) -> int:
        """How many threads have an append under way."""
        return len(self._lanes)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry out one write and return its answer. Past the deadline it is cancelled."""
        loop = asyncio.get_running_loop()
        bell: _Run[T] = _Run(loop=loop)
        bell.deadline, bell.tasks = self._deadline, self._tasks
        bell.task = task = loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(bell.ended)
        return await bell

    async def append(
        self,
        scope: Scope,
        thread_id: str,
        drafts: Sequence[Draft],
        place: Place,
        *,
        active_at: datetime | None,
    ) -> list[Message]:
        """Carry out one append that belongs to no run; one at a time on each thread.

        Those that wait to go under the head are joined into one statement, as if one went after
        the other. An append of another place goes alone, in its turn: an expected head is then
        judged after what came before. Past the deadline of a cancelled caller it is dropped if it
        was not sent yet, else it goes on by itself, for others may be joined to it.
        """
        key = (scope.owner_id, check_id("thread_id", thread_id))
        loop = asyncio.get_running_loop()
        one = _Append(loop=loop)
        one.deadline, one.scope, one.thread_id = self._deadline, scope, thread_id
        one.drafts, one.place, one.active_at = drafts, place, active_at
        lane = self._lanes.get(key)
        if lane is not None:
            lane.add(one)
        else:
            lane = self._lanes[key] = _Lane()
            lane.add(one)
            task = loop.create_task(self._serve(key, lane))
            self._tasks.add(task)
            task.add_done_callback(partial(self._left, key, lane))
        return await one

    def every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> Callable[[], None]:
        """Do `work` each `seconds`, until the returned function is called or `work` raises.

        A ThreadkeepError ends it in silence, unless the database is only away: the next write that
        matters will say it.
        """
        repeat = _Repeat(asyncio.get_running_loop(), seconds, work, self._start)
        if self._ending:
            repeat.stop()
        self._repeats.add(repeat)
        return repeat.stop

    async def drain(self) -> None:
        """Wait for all writes under way, at most the deadline; what is left then is cancelled."""
        self._ending = True
        for repeat in tuple(self._repeats):
            repeat.stop()
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._deadline
        while self._tasks and (left := ends - loop.time()) > 0:
            await asyncio.wait(tuple(self._tasks), timeout=left)
        late = tuple(self._tasks)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=self._deadline)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, key: tuple[str, str], lane: _Lane) -> None:
        while lane.waiting:
            flight, latest = lane.take(), lane.latest
            unavailable = await _carry_out(flight)
            if unavailable is not None:
                # It was tried until its deadline, and these have waited as long.
                lane.fail_until(latest, unavailable)
            # Those who were just answered run first: what they append next is joined.
            await asyncio.sleep(0)
        del self._lanes[key]

    def _left(self, key: tuple[str, str], lane: _Lane, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._lanes.get(key) is lane:
            del self._lanes[key]
            lane.end()


async def _carry_out(flight: Sequence[_Append]) -> UnavailableError | None:
    """Answer the appends of a flight; the error where the database stayed away."""
    if len(flight) > 1:
        try:
            first = flight[0]
            answers = await appending.append_joined(
                first.scope,
                first.thread_id,
                [one.drafts for one in flight],
                active_at=first.active_at,
            )
        except UnavailableError as error:
            for one in flight:
                one.fail(_copy(error))
            return error
        except Exception:  # noqa: BLE001  one by one, each meets its own error
            answers = None
        if answers is not None:
            for one, answer in zip(flight, answers, strict=True):
                one.ring(answer)
            return None
    return await _one_by_one(flight)


async def _one_by_one(flight: Sequence[_Append]) -> UnavailableError | None:
    unavailable: UnavailableError | None = None
    for one in flight:
        if unavailable is not None:
            one.fail(_copy(unavailable))
            continue
        try:
            answer = await appending.append(
                one.scope, one.thread_id, one.drafts, one.place, active_at=one.active_at
            )
        except UnavailableError as error:
            unavailable = error
            one.fail(error)
        except Exception as error:  # noqa: BLE001  it is the caller's, who raises it
            one.fail(error)
        else:
            one.ring(answer)
    return unavailable


def _copy(error: UnavailableError) -> UnavailableError:
    # An error that several tasks raise would gather the tracebacks of all.
    copy = UnavailableError(str(error), transient=error.transient)
    copy.__cause__ = error.__cause__
    return copy


def _cut_off() -> UnavailableError:
    return UnavailableError("the write was cut off by the event loop", transient=True)
