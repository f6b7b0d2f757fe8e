"""The server crashes at every point of a call and comes back: the call happens once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from cutting import Cutter, Mode, cutter
from frail import FACES, behind
from restarted import Restartable
from writes import WRITES, answer, prepare, rows

from threadkeep import connect_async
from threadkeep.sql import statements
from threadkeep.values.ids import new_id

SQL = statements("threadkeep")
_TOLD = """SELECT concat_ws(
  ' ', pg_current_xact_id(), pg_current_wal_insert_lsn(), pg_last_wal_replay_lsn())"""
# Transactions of others after the crash: more than were under way in it.
_OTHERS = 20


@pytest.fixture
def way(own_server: Restartable) -> Iterator[Cutter]:
    """The wire to cut."""
    with cutter(own_server.url) as made:
        yield made


@pytest_asyncio.fixture(params=FACES)
async def frail(request: pytest.FixtureRequest, way: Cutter) -> AsyncIterator[Any]:
    """A store of either face behind the wire, awaited both, with one connection."""
    async with behind(way, request.param) as opened:
        yield opened


_LONG = pytest.mark.prove


@pytest.mark.parametrize(
    ("name", "number", "mode"),
    [
        ("threads.update", 0, "before"),
        ("messages.pop_last", 0, "before"),
        pytest.param("messages.pop_last", 0, "after", marks=_LONG),
        *(
            pytest.param(name, 0, mode, marks=_LONG)
            for name in ("threads.fork", "messages.append", "messages.replace_all", "turn")
            for mode in ("before", "after")
        ),
    ],
)
async def test_a_crash_at_any_request_does_not_confuse_transactions(
    name: str, number: int, mode: Mode, own_server: Restartable, way: Cutter, frail: Any
) -> None:
    """What was never committed is not taken for another's commit that has its number since."""
    call = WRITES[name][number]

    def crash() -> None:
        own_server.stop("kill")
        own_server.start()
        with psycopg.connect(own_server.superuser_url, autocommit=True) as other:
            for _ in range(_OTHERS):
                other.execute("SELECT pg_current_xact_id()")

    undisturbed = None
    for point in count(0):
        owner_id, spare = new_id(), new_id()
        async with connect_async(own_server.url) as whole:
            await prepare(whole.owner(owner_id))
            await prepare(whole.owner(spare))
        await answer(call, frail.owner(spare))
        if point:
            way.arm(mode, point, meanwhile=crash)
        given = await answer(call, frail.owner(owner_id))
        with own_server.server() as direct:
            found = given, rows(direct, owner_id)
        undisturbed = undisturbed or found
        assert found == undisturbed, f"crashed {mode} {point}"
        if point and not way.disarm():
            break
    assert point > 1


def test_a_standby_does_not_say_how_a_transaction_ended(own_server: Restartable) -> None:
    """It may not have heard of it yet: to ask it is to be told to ask again."""
    asked = SQL["xact_status"].text.replace("$1", "%s")
    with psycopg.connect(own_server.superuser_url) as primary:
        token = primary.execute(_TOLD).fetchone()
        primary.commit()
        assert primary.execute(asked, token).fetchone() == ("committed",)
    own_server.stop("fast")
    signal = own_server.folder / "data" / "standby.signal"
    signal.touch(mode=0o666)
    try:
        own_server.start()
        with psycopg.connect(own_server.superuser_url, autocommit=True) as standby:
            assert standby.execute(asked, token).fetchone() == ("in progress",)
    finally:
        signal.unlink(missing_ok=True)
        own_server.stop("fast")
