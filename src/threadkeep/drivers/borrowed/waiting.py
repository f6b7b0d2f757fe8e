"""How calls over one borrowed connection wait: for each other, and for their own end.

The locks belong to the connection, so that two stores over it wait for each other too: savepoints
must not cross.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

_locks: WeakKeyDictionary[object, asyncio.Lock] = WeakKeyDictionary()
_blocking_locks: WeakKeyDictionary[object, threading.RLock] = WeakKeyDictionary()
_making = threading.Lock()


@asynccontextmanager
async def alone(lent: object) -> AsyncIterator[None]:
    """One task at a time for this connection."""
    with _making:
        lock = _locks.setdefault(lent, asyncio.Lock())
    async with lock:
        yield


@asynccontextmanager
async def alone_blocking(lent: object) -> AsyncIterator[None]:
    """One thread at a time for this connection. Never suspends."""
    with _making:
        lock = _blocking_locks.setdefault(lent, threading.RLock())
    with lock:
        yield


async def whole(work: Coroutine[Any, Any, T], *, passing: bool = False) -> T:
    """Carry out `work` to its end; a cancellation meanwhile is raised only then.

    With `passing` the first one reaches `work`, and what it does about that has the time it needs:
    psycopg closes a connection whose cancelling is cancelled.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            if passing and cancelled is None:
                task.cancel()
            # The first one: anyio knows its own cancellation by what it says.
            cancelled = cancelled or error
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        # Its own failure does not matter any more; asked for, so that nothing is logged.
        task.exception()
    raise cancelled
