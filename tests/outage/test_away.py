"""The server is away for longer than a call may take: it says so, and recovers by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import pytest_asyncio
from restarted import Restartable
from waits import waits_cancelled
from writes import WRITES, prepare

from threadkeep import UnavailableError, connect, connect_async
from threadkeep.testing.contract.kit import ids, path, says, user
from threadkeep.testing.faces import AwaitedStore
from threadkeep.values.ids import new_id

DEADLINE = 1.5
# Far more than a call may take, far less than anything that hangs.
_SLOW = 15.0
_WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest_asyncio.fixture(params=["async", "blocking"])
async def store(request: pytest.FixtureRequest, own_server: Restartable) -> AsyncIterator[Any]:
    """A store of either face, awaited both, that gives up soon."""
    # Calls of the blocking face wait in threads, all of them at once.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(32))
    if request.param == "async":
        async with connect_async(own_server.url, deadline=DEADLINE) as opened:
            yield opened
    else:
        with connect(own_server.url, deadline=DEADLINE) as blocking:
            yield AwaitedStore(blocking)


async def _says_so(call: Any) -> float:
    """How long a call takes to say that the database is away."""
    begun = time.monotonic()
    with pytest.raises(UnavailableError) as away:
        await call
    assert away.value.transient
    return time.monotonic() - begun


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("how", ["fast", "kill"])
async def test_an_outage_longer_than_the_deadline_is_told_and_ends_by_itself(
    how: Any, store: Any, own_server: Restartable
) -> None:
    """Every call raises a transient UnavailableError at about the deadline; later they all work."""
    chat = store.owner(new_id())
    await prepare(chat)
    own_server.stop(how)
    try:
        took = await asyncio.gather(
            *(_says_so(calls[0](chat)) for calls in WRITES.values()),
            *(_says_so(chat.messages.append("t", user(f"m{n}"))) for n in range(2)),
            _says_so(chat.messages.list("t")),
            _says_so(chat.messages.window("t", turns=1)),
            _says_so(chat.threads.get("t")),
        )
    finally:
        own_server.start()
    # Who would have to pause past the deadline gives up before that pause, of a second at most.
    assert min(took) > DEADLINE - 1.0
    assert max(took) < _SLOW
    assert ids(await path(chat, "t")) == ["u1", "a1", "u2", "a2", "u3", "a3"]
    await asyncio.gather(*(chat.messages.append("t", user(f"m{n}")) for n in range(2)))
    assert sorted(ids(await path(chat, "t"))[6:]) == ["m0", "m1"]
    async with chat.turn("t", user("x")) as turn:
        await turn.append(says("y"))
    assert (await chat.threads.get("t")).head == "y"


@pytest.fixture
def lonely(own_server: Restartable) -> Iterator[Restartable]:
    """A server whose synchronous standby is not there."""
    own_server.configure("synchronous_standby_names = 'nobody'")
    try:
        yield own_server
    finally:
        own_server.configure("synchronous_standby_names = ''")


async def test_a_cancelled_wait_for_the_standby_is_not_acknowledged(
    store: Any, lonely: Restartable
) -> None:
    """Not by the call, and not by the caller's retry with the same ids, until there is a standby.

    Then the retry is answered, and each message is there once.
    """
    chat = store.owner(new_id())
    batch = [user("a"), says("b")]
    with waits_cancelled(lonely.superuser_url) as cancelled:
        first = await asyncio.gather(
            _says_so(chat.messages.append("t", batch)),
            _says_so(chat.messages.replace_all("r", batch)),
            _says_so(chat.threads.create("n", title="N")),
            _says_so(_turn(chat)),
        )
        second = await asyncio.gather(
            _says_so(chat.messages.append("t", batch)),
            _says_so(chat.messages.append("t", batch, parent=None)),
            _says_so(chat.messages.replace_all("r", batch)),
            _says_so(chat.messages.update("r", "a", user("a", "changed"))),
        )
    assert cancelled
    assert max(*first, *second) < _SLOW
    lonely.configure("synchronous_standby_names = ''")
    for thread in ("t", "r"):
        assert ids(await chat.messages.append(thread, batch[1:])) == ["b"]
        assert ids(await path(chat, thread)) == ["a", "b"]


async def _turn(chat: Any) -> None:
    async with chat.turn("turned", user("q")):
        raise AssertionError("the message is not durable yet")


async def test_a_standby_given_up_in_time_lets_the_call_end(
    own_server: Restartable,
) -> None:
    """An append whose wait was cancelled waits on; when the setting is emptied it is answered."""
    async with connect_async(own_server.url) as opened:
        with connect(own_server.url) as blocking:
            chats: list[Any] = [s.owner(new_id()) for s in (opened, AwaitedStore(blocking))]
            own_server.configure("synchronous_standby_names = 'nobody'")
            try:
                with waits_cancelled(own_server.superuser_url) as cancelled:
                    pending = [
                        asyncio.ensure_future(work)
                        for chat in chats
                        for work in (
                            chat.messages.append("t", [user("a"), says("b")]),
                            chat.threads.create("n", title="N"),
                            chat.messages.replace_all("r", [user("a")]),
                        )
                    ]
                    await asyncio.to_thread(_until, lambda: len(cancelled) >= 12)
                    assert not any(task.done() for task in pending)
            finally:
                own_server.configure("synchronous_standby_names = ''")
            async with asyncio.timeout(30):
                await asyncio.gather(*pending)
            for chat in chats:
                assert ids(await path(chat, "t")) == ["a", "b"]
                assert ids(await path(chat, "r")) == ["a"]
                assert (await chat.threads.get("n")).revision == 0


async def test_a_wait_for_the_standby_ends_when_there_is_none_to_wait_for(
    store: Any, lonely: Restartable
) -> None:
    """Nobody cancels anything: the append waits, and is answered once the setting is emptied."""
    chat = store.owner(new_id())
    pending = asyncio.ensure_future(chat.messages.append("t", user("a")))
    with lonely.server() as direct:
        await asyncio.to_thread(_until, lambda: direct.query(_WAITING) != [])
    assert not pending.done()
    lonely.configure("synchronous_standby_names = ''")
    async with asyncio.timeout(30):
        assert ids(await pending) == ["a"]
    assert ids(await path(chat, "t")) == ["a"]
