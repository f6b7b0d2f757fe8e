"""Patience: how long one call goes on trying, and how long it pauses between two attempts."""

from __future__ import annotations

import asyncio
import random
import time

_FIRST = 0.05
_LONGEST = 1.0


class _Patience:
    """A deadline from now on, and pauses that double up to a second, each with jitter."""

    __slots__ = ("_deadline", "_pause")

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._pause = _FIRST

    def pause(self) -> float | None:
        """How long to pause before the next attempt; None where the deadline has passed."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            return None
        # Jitter keeps the callers of one outage from coming back all at once.
        length = self._pause * random.uniform(0.5, 1.0)  # noqa: S311
        self._pause = min(2 * self._pause, _LONGEST)
        return min(length, left)


class AsyncPatience(_Patience):
    """Patience that lets the event loop go on."""

    __slots__ = ()

    async def wait(self) -> bool:
        """Pause; False, at once, where the deadline has passed."""
        length = self.pause()
        if length is None:
            return False
        await asyncio.sleep(length)
        return True


class BlockingPatience(_Patience):
    """Patience that blocks its thread; its coroutine never suspends."""

    __slots__ = ()

    async def wait(self) -> bool:
        """Pause; False, at once, where the deadline has passed."""
        length = self.pause()
        if length is None:
            return False
        time.sleep(length)  # noqa: ASYNC251  only ever stepped over the blocking driver
        return True
