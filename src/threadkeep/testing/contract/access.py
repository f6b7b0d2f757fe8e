"""The contract of access: locked and closed threads, and threads that an append must not make."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, ids, path, says, turns, user
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.message import Message

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from threadkeep.store import Owner
    from threadkeep.testing.contract.kit import Owners

SHUT = pytest.mark.parametrize("access", ["locked", "closed"])


async def is_locked(call: Awaitable[object]) -> bool:
    """Whether the call is refused because the thread t is locked or closed."""
    with pytest.raises(ConflictError) as caught:
        await call
    return (caught.value.reason, caught.value.id) == ("thread_locked", "t")


async def entered(chat: Owner, *given: Any, **more: Any) -> Any:
    """What a turn stored, that was entered and left."""
    async with chat.turn("t", *given, **more) as turn:
        return turn.messages


class AccessContract(Contract):
    """Locked, closed, forced, known."""

    @SHUT
    async def test_nobody_writes_to_a_locked_thread(self, chat: Owner, access: Any) -> None:
        """Appends and turns are refused wherever they go, and store nothing. [B14]"""
        await chat.messages.append("t", turns(1, 2))
        thread = await chat.threads.update("t", access=access, access_reason="why")
        assert (thread.access, thread.access_reason, thread.revision) == (access, "why", 1)
        assert await chat.threads.get("t") == thread
        assert [t.access for t in await chat.threads.list()] == [access]
        places: list[dict[str, Any]] = [
            {},
            {"parent": "u1"},
            {"parent": None},
            {"parent": "unknown"},
            {"expected_head": "a2"},
            {"expected_head": "u1"},
            {"expected_head": "u1", "on_conflict": "sibling"},
            {"create_thread": False},
        ]
        for place in places:
            assert await is_locked(chat.messages.append("t", user("x"), **place))
        assert await is_locked(chat.messages.append("t", turns(1, 3)))
        assert await is_locked(chat.messages.append("t", turns(1, 3), parent=None))
        assert await is_locked(chat.messages.append("t", turns(1, 3), create_thread=False))
        for exclusive in (True, False):
            assert await is_locked(entered(chat, exclusive=exclusive))
            assert await is_locked(entered(chat, user("x"), exclusive=exclusive))
            assert await is_locked(entered(chat, turns(1, 2), exclusive=exclusive))
        assert await chat.threads.get("t") == thread
        assert [run async for run in chat.runs.list("t")] == []
        assert await chat.messages.count("t", tree=True) == 4

    @SHUT
    async def test_what_is_stored_already_is_answered(self, chat: Owner, access: Any) -> None:
        """A replay gives the stored rows, other content is the conflict that it was. [B14]"""
        stored = await chat.messages.append("t", turns(1, 2))
        await chat.threads.update("t", access=access)
        assert await chat.messages.append("t", turns(1, 2)) == stored
        assert await chat.messages.append("t", turns(1, 2), create_thread=False) == stored
        assert await chat.messages.append("t", turns(1, 2)[:1], parent=None) == stored[:1]
        with pytest.raises(ConflictError) as caught:
            await chat.messages.append("t", user("u1", "other"))
        assert caught.value.reason == "message_differs"

    @SHUT
    async def test_a_turn_under_way_meets_the_lock(self, chat: Owner, access: Any) -> None:
        """It stores nothing more, and may end as it would. [B14]"""
        async with chat.turn("t", user("q")) as turn:
            await chat.threads.update("t", access=access)
            assert await is_locked(turn.append(says("a")))
            assert await is_locked(turn.append(says("a"), parent="q"))
            assert await turn.append(user("q")) == turn.messages[:1]
            await turn.touch()
        assert (await chat.runs.get("t", turn.id)).status == "complete"
        assert ids(await path(chat, "t")) == ["q"]

    @SHUT
    async def test_force_goes_through(self, chat: Owner, access: Any) -> None:
        """The app itself appends and takes turns with force, and the thread stays shut. [B14]"""
        await chat.messages.append("t", turns(1, 1))
        await chat.threads.update("t", access=access)
        await chat.messages.append("t", user("u2"), force=True)
        await chat.messages.append("t", says("b1"), parent="u1", force=True)
        await chat.messages.append("t", says("c1"), force=True, create_thread=False)
        assert ids(await entered(chat, user("q"), force=True)) == ["q"]
        async with chat.turn("t", force=True, exclusive=True) as turn:
            await turn.append(says("a"))
        assert ids(await path(chat, "t", tree=True)) == ["u1", "a1", "u2", "b1", "c1", "q", "a"]
        assert (await chat.threads.get("t")).access == access
        assert await is_locked(chat.messages.append("t", user("x")))
        await chat.messages.append("new", user("x"), force=True)
        for wrong in ("force", "create_thread"):
            given: Any = {wrong: "yes"}
            with pytest.raises(InvalidError):
                await chat.messages.append("t", user("x"), **given)

    @SHUT
    async def test_the_app_keeps_house(self, chat: Owner, access: Any) -> None:
        """Rewriting, removing, forking and all that is done to the thread itself go on. [B14]"""
        await chat.messages.append("t", turns(1, 3))
        await chat.threads.update("t", access=access, access_reason="why")
        await chat.messages.update("t", "a3", Message.assistant("b"))
        await chat.messages.update("t", "new", user("new"), parent="a2")
        assert await chat.messages.delete("t", "new")
        assert await chat.messages.truncate("t", "a3") == 1
        await chat.threads.set_head("t", "u3")
        assert ids([await chat.messages.pop_last("t") or user("none")]) == ["u3"]
        fork = await chat.threads.fork("t", "copy")
        assert (fork.access, fork.access_reason, fork.message_count) == ("open", None, 4)
        await chat.messages.append("copy", user("x"))
        assert ids(await chat.messages.replace_all("t", says("z"))) == ["z"]
        renamed = await chat.threads.update("t", title="T")
        assert (renamed.access, renamed.access_reason) == (access, "why")
        await chat.threads.archive("t")
        assert await chat.threads.delete("t")

    async def test_access_and_its_reason(self, chat: Owner) -> None:
        """A reason goes with what it is the reason of, and is forgotten with it. [B14]"""
        made = await chat.threads.create("t")
        assert (made.access, made.access_reason) == ("open", None)

        async def told(**given: Any) -> tuple[str, str | None]:
            thread = await chat.threads.update("t", **given)
            assert await chat.threads.get("t") == thread
            return thread.access, thread.access_reason

        assert await told(access="locked", access_reason="a") == ("locked", "a")
        assert await told(access="closed") == ("closed", None)
        assert await told(access="closed", access_reason="b") == ("closed", "b")
        assert await told(metadata={}) == ("closed", "b")
        assert await told(access="open") == ("open", None)
        assert await told(access="open", access_reason=None) == ("open", None)
        for field, given in (
            ("access", {"access": "shut"}),
            ("access", {"access": None}),
            ("access_reason", {"access_reason": "a"}),
            ("access_reason", {"access": "open", "access_reason": "a"}),
            ("access_reason", {"access": "locked", "access_reason": "\0"}),
        ):
            wrong: Any = given
            with pytest.raises(InvalidError) as caught:
                await chat.threads.update("t", **wrong)
            assert caught.value.field == field
        assert "secret" not in repr(
            await chat.threads.update("t", access="locked", access_reason="secret")
        )

    async def test_a_closed_thread_is_not_active(self, owner: Owners) -> None:
        """find_active passes closed and archived threads over, not locked ones. [B10]"""
        ann = owner("a", user="ann")
        for number in range(6):
            await ann.messages.append(f"t{number}", user("m"))
        await ann.threads.archive("t5")
        await ann.threads.update("t4", access="closed")
        await ann.threads.update("t3", access="closed")
        await ann.threads.update("t2", access="locked")
        found = await ann.threads.find_active()
        assert found is not None
        assert (found.id, found.access) == ("t2", "locked")
        for number in range(3):
            await ann.threads.update(f"t{number}", access="closed")
        assert await ann.threads.find_active() is None
        assert await owner("a").threads.find_active(user="ann") is None

    async def test_a_lock_and_its_writers_meet(self, chat: Owner) -> None:
        """Once the update that locks has returned, nobody under way stores any more. [B14]"""
        await chat.messages.append("t", user("first"))

        async def write(number: int) -> None:
            with suppress(ConflictError):
                for n in count():
                    await chat.messages.append("t", says(f"{number}-{n}"))

        writers = asyncio.gather(*(write(number) for number in range(6)))
        await asyncio.sleep(0.03)
        await chat.threads.update("t", access="locked")
        seen = await chat.messages.count("t", tree=True)
        await writers
        assert await chat.messages.count("t", tree=True) == seen
        assert ids(await path(chat, "t")) == ids(await path(chat, "t", tree=True))

    async def test_an_append_may_not_make_its_thread(self, chat: Owner) -> None:
        """With create_thread=False an unknown thread is NotFound, a known one goes as ever. [B3]"""
        places: list[dict[str, Any]] = [
            {},
            {"parent": None},
            {"expected_head": None},
            {"force": True},
        ]
        for place in places:
            with pytest.raises(NotFoundError) as caught:
                await chat.messages.append("t", user("m"), create_thread=False, **place)
            assert (caught.value.kind, caught.value.id) == ("thread", "t")
        assert await chat.threads.count(status="all") == 0
        await chat.threads.create("t")
        stored = await chat.messages.append("t", turns(1, 1), create_thread=False)
        assert [(m.seq, m.parent_id) for m in stored] == [(1, None), (2, "u1")]
        assert await chat.messages.append("t", turns(1, 1), create_thread=False) == stored
        more = await chat.messages.append("t", turns(1, 2), create_thread=False)
        assert ids(more) == ["u1", "a1", "u2", "a2"]
        await chat.messages.append("t", says("b1"), parent="u1", create_thread=False)
        await chat.messages.append("t", says("c1"), expected_head="b1", create_thread=False)
        assert ids(await path(chat, "t")) == ["u1", "b1", "c1"]
        refusals: list[tuple[str, dict[str, Any], str]] = [
            ("u1", {}, "message_differs"),
            ("x", {"expected_head": "u1"}, "head_moved"),
        ]
        for id_, given, why in refusals:
            with pytest.raises(ConflictError) as refused:
                await chat.messages.append("t", user(id_, "other"), create_thread=False, **given)
            assert refused.value.reason == why
        with pytest.raises(NotFoundError) as caught:
            await chat.messages.append("t", user("x"), parent="unknown", create_thread=False)
        assert (caught.value.kind, caught.value.id) == ("message", "unknown")

    async def test_a_deleted_thread_is_not_made_again(self, chat: Owner) -> None:
        """Appends that may not make it lose against a delete, whichever way they meet. [B3]"""

        async def write(thread: str, number: int) -> None:
            with suppress(NotFoundError):
                for n in range(5):
                    await chat.messages.append(thread, says(f"{number}-{n}"), create_thread=False)

        for attempt in range(5):
            thread = f"t{attempt}"
            await chat.threads.create(thread)
            writers = asyncio.gather(*(write(thread, number) for number in range(4)))
            await asyncio.sleep(0.002 * attempt)
            assert await chat.threads.delete(thread)
            await writers
            with pytest.raises(NotFoundError):
                await chat.threads.get(thread)

    async def test_many_first_messages_make_one_thread(self, chat: Owner) -> None:
        """20 tasks that write first to a thread make one, and each message is kept. [B3]"""
        await asyncio.gather(*(chat.messages.append("t", user(f"m{n}")) for n in range(20)))
        assert [thread.id for thread in await chat.threads.list(status="all")] == ["t"]
        assert sorted(ids(await path(chat, "t"))) == sorted(f"m{n}" for n in range(20))
