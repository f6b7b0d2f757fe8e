"""Writes that a cancelled stream waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Hashable
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import anyio

from threadkeep.values.errors import UnavailableError

T = TypeVar("T")

WRITE_TIMEOUT: Final = 10.0
"""How many seconds a write may take."""

_left: set[asyncio.Task[Any]] = set()


async def carry_out(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Do all of a write though its caller is cancelled meanwhile; the cancellation comes after it.

    When a client leaves, Starlette cancels the stream's scope, and with it every later await: so an
    unfinished answer would not be kept. Other servers cancel the task once. Neither parts the
    steps of a write. A caller that is being cancelled already, and stores what it has, is told of
    another cancellation at its next await that is no write. Past `seconds` it is a transient
    UnavailableError; whether the write was carried out is not known then, and doing it again is
    safe.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    caller = asyncio.current_task()
    leaving = caller is not None and caller.cancelling() > 0
    task = loop.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done() and (left := ends - loop.time()) > 0:
            try:
                await asyncio.wait({task}, timeout=left)
            except asyncio.CancelledError as error:
                cancelled = error
    if not task.done():
        _leave(task)
    elif cancelled is None:
        return task.result()
    elif caller is not None and leaving:
        caller.uncancel()
        caller.cancel(*cancelled.args)
        return task.result()
    else:
        task.exception()  # nobody is there any more to be told
    if cancelled is not None:
        raise cancelled
    raise UnavailableError(f"a write took longer than {seconds} s", transient=True)


class Interrupted:
    """The items that tasks were writing when they were cancelled, the last one of each.

    ChatKit then adds what it had of the answer before that write, under the id of the item: after
    it was replaced by another one, or even removed. That must not undo the write.
    """

    def __init__(self) -> None:
        self._written: WeakKeyDictionary[asyncio.Task[Any], Hashable] = WeakKeyDictionary()

    async def watch(self, item: Hashable, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Carry out the write of an item, and note if its caller is cancelled meanwhile."""
        done = False

        async def watched() -> T:
            nonlocal done
            result = await work
            done = True
            return result

        try:
            return await carry_out(watched(), seconds)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if done and caller is not None:
                self._written[caller] = item
            raise

    def has(self, item: Hashable) -> bool:
        """Whether this task was cancelled when it had just written the item; said once."""
        caller = asyncio.current_task()
        if caller is None or self._written.get(caller) != item:
            return False
        del self._written[caller]
        return True


def _leave(task: asyncio.Task[Any]) -> None:
    """End a task that nobody waits for any longer."""

    def ended(task: asyncio.Task[Any]) -> None:
        _left.discard(task)
        if not task.cancelled():
            task.exception()

    _left.add(task)
    task.add_done_callback(ended)
    task.cancel()
