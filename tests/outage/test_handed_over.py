"""What the admin does happens once, wherever its connection is cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from cutting import MODES, Cutter, cutter
from frail import FACES, behind
from writes import prepare, rows

from threadkeep import AsyncStore
from threadkeep.drivers import patience
from threadkeep.testing.servers import Database, Server
from threadkeep.values.ids import new_id


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts that suit a server that is there all the time."""
    monkeypatch.setattr(patience, "_FIRST", 0.002)


@pytest.fixture
def direct(database: Database, server: Server) -> Iterator[Server]:
    """The database for a superuser, past the wire."""
    with Server(server.name, database.superuser_url) as made:
        yield made


@pytest.fixture
def way(database: Database) -> Iterator[Cutter]:
    """The wire to cut: the admin's."""
    with cutter(database.admin_url) as made:
        yield made


@pytest_asyncio.fixture(params=FACES)
async def frail(request: pytest.FixtureRequest, way: Cutter) -> AsyncIterator[Any]:
    """A store of either face behind the wire, with one connection."""
    async with behind(way, request.param) as opened:
        yield opened


async def test_a_transfer_that_is_cut_happens_once(
    store: AsyncStore, frail: Any, way: Cutter, direct: Server
) -> None:
    """Before a request, after it, and in its answer, the COMMIT's too: moved as a whole. [I6]"""

    async def handed_over() -> tuple[int, list[str], list[str]]:
        source, target = new_id(), new_id()
        await prepare(store.owner(source))
        moved = await frail.admin().transfer(source, target)
        return moved, rows(direct, source), rows(direct, target)

    await handed_over()
    undisturbed = await handed_over()
    assert undisturbed[0] == 2
    # Keys and tokens stay.
    assert all("key_id" in row or "token_id" in row for row in undisturbed[1])
    assert len(undisturbed[2]) > 5
    cuts, modes = 0, MODES if isinstance(frail, AsyncStore) else MODES[1:2]
    for mode in modes:
        for point in count(1):
            way.arm(mode, point)
            assert await handed_over() == undisturbed, (mode, point)
            if not way.disarm():
                break
            cuts += 1
    # BEGIN, each statement and COMMIT at the least.
    assert cuts > len(modes) * 12


async def test_a_purge_of_all_that_is_cut_happens_once(
    store: AsyncStore, frail: Any, way: Cutter
) -> None:
    """Wherever it is cut, it tells how many lines of all owners were past their end."""

    async def purged() -> int:
        for number in range(3):
            await store.owner(f"visitor {number}").refresh_tokens.create(lifetime=0.001)
        await asyncio.sleep(0.002)
        found: int = await frail.admin().purge_refresh_tokens()
        return found

    assert await purged() == 3
    for mode in MODES if isinstance(frail, AsyncStore) else MODES[1:2]:
        for point in count(1):
            way.arm(mode, point)
            assert await purged() == 3, (mode, point)
            if not way.disarm():
                break
        # BEGIN, the statement and COMMIT at the least.
        assert point > 3
