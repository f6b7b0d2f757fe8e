"""The connection is cut at every point of every call that writes: it happens once all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from cutting import MODES, Cutter, Mode, cutter
from frail import FACES, behind
from writes import WRITES, Call, answer, missing, prepare, rows

from threadkeep import connect_async
from threadkeep.core import bulk
from threadkeep.drivers import patience
from threadkeep.store import AsyncStore
from threadkeep.testing.servers import Database, Server
from threadkeep.values.ids import new_id

# How many calls of a method the suite has time for, if not two.
_MOST = {"messages.append": 6, "messages.update": 1, "messages.replace_all": 1, "spans.record": 1}
# The ways to cut that it has time for after the first call: the request is lost, or its answer.
_LOST: tuple[Mode, ...] = ("before", "after")
Made = tuple[str, list[str]]


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts that suit a server that is there all the time; small statements."""
    monkeypatch.setattr(patience, "_FIRST", 0.002)
    monkeypatch.setattr(bulk, "_MOST_ROWS", 2)


@pytest.fixture(scope="module")
def way(shared_database: Database) -> Iterator[Cutter]:
    """The wire to cut."""
    with cutter(shared_database.url) as made:
        yield made


@pytest.fixture(scope="module")
def direct(shared_database: Database, server: Server) -> Iterator[Server]:
    """The same database for a superuser, past the wire."""
    with Server(server.name, shared_database.superuser_url) as made:
        yield made


@pytest_asyncio.fixture
async def whole(shared_database: Database) -> AsyncIterator[AsyncStore]:
    """A store past the wire."""
    async with connect_async(shared_database.url) as opened:
        yield opened


@pytest_asyncio.fixture(params=FACES)
async def frail(request: pytest.FixtureRequest, way: Cutter) -> AsyncIterator[Any]:
    """A store of either face behind the wire, awaited both, with one connection."""
    async with behind(way, request.param) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Bench:
    """What a call is tried on: two stores on one database, the wire of the second, the rows."""

    whole: AsyncStore
    frail: Any
    way: Cutter
    direct: Server

    async def made(self, call: Call, cut: tuple[Mode, int] | None, *, every: bool) -> Made:
        """What a call answers and leaves behind, if it is cut like this."""
        if not every:
            # The connection is new after a cut: here it prepares the statements of the call.
            await prepare(self.whole.owner(spare := new_id()))
            await answer(call, self.frail.owner(spare))
        await prepare(self.whole.owner(owner_id := new_id()))
        if cut is not None:
            self.way.arm(*cut, every=every)
        given = await answer(call, self.frail.owner(owner_id))
        return given, rows(self.direct, owner_id)

    async def cut_everywhere(
        self, call: Call, *, every: bool, modes: Sequence[Mode] = MODES
    ) -> int:
        """Make a call again and again, cut at its first point, its second, and so on; how many."""
        undisturbed = await self.made(call, None, every=every)
        cuts = 0
        for mode in modes:
            for point in count(1):
                disturbed = await self.made(call, (mode, point), every=every)
                assert disturbed == undisturbed, f"cut {mode} {point}"
                if not self.way.disarm():
                    break
                cuts += 1
        return cuts


@pytest.fixture
def bench(whole: AsyncStore, frail: Any, way: Cutter, direct: Server) -> Bench:
    """All of it."""
    return Bench(whole, frail, way, direct)


async def test_every_method_that_writes_is_registered(store: AsyncStore) -> None:
    """A public method that is in neither table is a hole in this suite."""
    assert missing(store.owner("o")) == set()


@pytest.mark.parametrize("name", WRITES)
async def test_a_call_survives_a_cut_at_any_request(name: str, bench: Bench) -> None:
    """Before a request, after it, and in its answer: the same answer and rows as without a cut."""
    first, *others = WRITES[name][: _MOST.get(name, 2)]
    assert await bench.cut_everywhere(first, every=False) >= len(MODES)
    for call in others:
        assert await bench.cut_everywhere(call, every=False, modes=_LOST) >= len(_LOST)


@pytest.mark.prove
@pytest.mark.parametrize("name", WRITES)
async def test_every_variant_survives_a_cut_at_any_request(name: str, bench: Bench) -> None:
    """The same for the calls that the suite has no time for, or not for each way to cut."""
    for call in WRITES[name][1:]:
        assert await bench.cut_everywhere(call, every=False) >= len(MODES)


@pytest.mark.prove
@pytest.mark.parametrize("name", WRITES)
async def test_a_call_survives_a_cut_at_any_message(name: str, bench: Bench) -> None:
    """The same at each single message of the protocol, on a connection with nothing prepared."""
    for call in WRITES[name]:
        assert await bench.cut_everywhere(call, every=True) >= len(MODES)
