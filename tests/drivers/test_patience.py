"""Patience: the pauses between attempts, and their end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadkeep.drivers import patience
from threadkeep.drivers.patience import AsyncPatience, BlockingPatience
from threadkeep.sync import step


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@given(st.floats(0, 120), st.floats(0, 0.2))
def test_pauses_grow_and_the_last_ends_at_the_deadline(seconds: float, work: float) -> None:
    """Each pause is between half and all of 50 ms, doubled up to 1 s; none passes the deadline, and
    the waiting goes on until it has passed.
    """
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patience, "time", clock)
        one = BlockingPatience(seconds)
        waits = 0
        while step(one.wait()):
            waits += 1
            clock.now += work
        assert len(clock.pauses) == waits
        for number, pause in enumerate(clock.pauses):
            most = min(0.05 * 2**number, 1.0)
            assert pause <= most
            # The last is cut short; rounding may leave a rest of next to nothing.
            assert pause >= most / 2 or number >= waits - 2
        assert 1000.0 + seconds - 1e-6 <= clock.now <= 1000.0 + seconds + work + 1e-6


async def test_the_async_one_waits_too() -> None:
    """True after a pause, False at once where the deadline has passed."""
    assert await AsyncPatience(60).wait()
    assert not await AsyncPatience(0).wait()
