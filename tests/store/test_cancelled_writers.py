"""Writers that are cancelled at any moment: nothing is lost, halved or doubled."""

from __future__ import annotations

import asyncio
import random

import pytest
from drafting import check_triples, triple

from threadkeep import AsyncStore
from threadkeep.core.append import HEAD, Place
from threadkeep.core.scope import Scope
from threadkeep.store.concurrent import Concurrent

WRITERS = 32


class Writers:
    """Tasks that append triples to one thread, and know what they were told."""

    def __init__(self, writing: Concurrent, scope: Scope, luck: random.Random) -> None:
        self._writing = writing
        self._scope = scope
        self._luck = luck
        self.begun: set[str] = set()
        self.acknowledged: set[str] = set()

    async def write(self, name: str, place: Place = HEAD) -> None:
        """Append one triple."""
        self.begun.add(name)
        stored = await self._writing.append(self._scope, "t", triple(name), place, active_at=None)
        assert [m.id for m in stored] == [f"{name}/{n}" for n in range(3)]
        self.acknowledged.add(name)

    async def some(self, writer: int, name: str) -> None:
        """Append a few, some of them under a timeout."""
        for number in range(6):
            try:
                async with asyncio.timeout(self._luck.choice([None, None, 0.0, 0.001, 0.003])):
                    await self.write(f"{name}-{writer}-{number}")
            except TimeoutError:
                continue

    async def all(self, name: str) -> None:
        """All of them, some of which are cancelled at some time."""
        tasks = [asyncio.create_task(self.some(n, name)) for n in range(WRITERS)]
        for task in self._luck.sample(tasks, WRITERS // 2):
            await asyncio.sleep(self._luck.choice([0, 0, 0.0005, 0.002]))
            task.cancel()
            if self._luck.random() < 0.3:
                asyncio.get_running_loop().call_soon(task.cancel)
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 120)
        failed = [t.exception() for t in tasks if not t.cancelled() and t.exception()]
        assert failed == []


async def idle(writing: Concurrent) -> None:
    """Wait for what goes on without a caller; `drain` would cut it short here."""
    while tasks := tuple(writing._tasks):
        await asyncio.wait(tasks, timeout=60)
    assert len(writing) == 0


@pytest.mark.parametrize("seed", range(8))
async def test_what_was_begun_is_there(store: AsyncStore, seed: int) -> None:
    """Within the deadline each append that was begun is stored, whatever befell its caller."""
    writing = Concurrent(deadline=120)
    scope = Scope.of(store._ex, store._sql, "o", None)
    writers = Writers(writing, scope, random.Random(seed))
    await writers.all("w")
    assert len(writing) == 0
    stored = [m async for m in store.owner("o").messages.list("t", limit=1000)]
    assert check_triples(stored) == writers.begun
    assert writers.acknowledged < writers.begun


@pytest.mark.parametrize("seed", range(4))
async def test_past_the_deadline_it_is_all_or_nothing(store: AsyncStore, seed: int) -> None:
    """With hardly a deadline, what was acknowledged is there, and no other triple is halved."""
    writing = Concurrent(deadline=0.001)
    scope = Scope.of(store._ex, store._sql, "o", None)
    writers = Writers(writing, scope, random.Random(seed))
    await writers.all("w")
    assert writers.acknowledged
    await idle(writing)
    stored = [m async for m in store.owner("o").messages.list("t", limit=1000)]
    assert writers.acknowledged <= check_triples(stored) <= writers.begun


async def test_what_is_past_its_deadline_and_was_not_sent_is_dropped(store: AsyncStore) -> None:
    """It is taken out of the lane, and the lane goes on with the others."""
    ex, sql = store._ex, store._sql
    writing = Concurrent(deadline=0.01)
    scope = Scope.of(ex, sql, "o", None)
    chat = store.owner("o")
    await writing.append(scope, "t", triple("first"), HEAD, active_at=None)
    async with ex.transaction(scope.key) as tx:
        await tx.fetch(sql["thread_lock"], scope.key, "o", "t", None)
        writers = Writers(writing, scope, random.Random(0))
        tasks = []
        for name in ("sent", "gone", "kept"):
            tasks.append(asyncio.create_task(writers.write(name)))
            await asyncio.sleep(0.01)
        for task in tasks[:2]:
            task.cancel()
        done, _ = await asyncio.wait(tasks[:2], timeout=60)
        assert len(done) == 2
    await asyncio.wait_for(tasks[2], 60)
    stored = [m async for m in chat.messages.list("t", limit=1000)]
    assert check_triples(stored) == {"first", "sent", "kept"}
    assert writers.acknowledged == {"kept"}
    await idle(writing)
