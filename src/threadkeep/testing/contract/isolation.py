"""The contract of isolation: what belongs to another is unknown, whatever is called.

The methods are found by looking at the handle. One that is not registered in CALLS fails the
suite, so that a new method cannot be forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, path, says, turns, user
from threadkeep.values.errors import (
    ConflictError,
    InvalidCursorError,
    NotFoundError,
    ThreadkeepError,
)
from threadkeep.values.ids import new_id
from threadkeep.values.message import Message
from threadkeep.values.page import Page, Window
from threadkeep.values.run import Usage
from threadkeep.values.thread import Thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from threadkeep.store import AsyncStore, Owner
    from threadkeep.testing.contract.kit import Owners

    Call = Callable[[Owner, str, str], Awaitable[Any]]

# Each call gets a handle, and the ids of a thread and of a message in it.
CALLS: dict[str, list[Call]] = {
    "threads.create": [
        lambda chat, thread, _: chat.threads.create(thread, title="taken over"),
        lambda chat, thread, _: chat.threads.create(thread, title="taken over", exist_ok=True),
    ],
    "threads.get": [lambda chat, thread, _: chat.threads.get(thread)],
    "threads.list": [
        lambda chat, _, __: chat.threads.list(status="all"),
        lambda chat, _, __: chat.threads.list(external_id="secret"),
        lambda chat, _, __: chat.threads.list(metadata={"secret": 1}, order="asc"),
    ],
    "threads.find_active": [lambda chat, _, __: chat.threads.find_active()],
    "threads.count": [
        lambda chat, _, __: chat.threads.count(status="all"),
        lambda chat, _, __: chat.threads.count(external_id="secret", metadata={"secret": 1}),
    ],
    "threads.update": [
        lambda chat, thread, _: chat.threads.update(thread, title="taken over"),
        lambda chat, thread, _: chat.threads.update(thread, expected_revision=99),
        lambda chat, thread, _: chat.threads.update(thread, replace_metadata=None),
    ],
    "threads.archive": [lambda chat, thread, _: chat.threads.archive(thread)],
    "threads.unarchive": [lambda chat, thread, _: chat.threads.unarchive(thread)],
    "threads.delete": [lambda chat, thread, _: chat.threads.delete(thread)],
    "threads.fork": [
        lambda chat, thread, _: chat.threads.fork(thread),
        lambda chat, thread, message: chat.threads.fork(thread, new_id(), at=message),
        lambda chat, thread, _: chat.threads.fork("mine", thread),
    ],
    "threads.set_head": [
        lambda chat, thread, message: chat.threads.set_head(thread, message),
        lambda chat, _, message: chat.threads.set_head("mine", message),
    ],
    "messages.append": [
        lambda chat, thread, _: chat.messages.append(thread, user("intruder")),
        lambda chat, thread, message: chat.messages.append(thread, user(message)),
        lambda chat, thread, _: chat.messages.append(thread, user("intruder"), parent=None),
        lambda chat, thread, message: chat.messages.append(
            thread, user("intruder"), parent=message
        ),
        lambda chat, thread, message: chat.messages.append(
            thread, user("intruder"), expected_head=message
        ),
        lambda chat, _, message: chat.messages.append("mine", user("intruder"), parent=message),
    ],
    "messages.get": [
        lambda chat, thread, message: chat.messages.get(thread, message),
        lambda chat, _, message: chat.messages.get("mine", message),
    ],
    "messages.list": [
        lambda chat, thread, _: chat.messages.list(thread),
        lambda chat, thread, _: chat.messages.list(thread, tree=True, order="desc"),
        lambda chat, thread, _: chat.messages.list(thread, last=5),
        lambda chat, thread, _: chat.messages.list(thread, since=1),
        lambda chat, thread, message: chat.messages.list(thread, leaf=message),
        lambda chat, _, message: chat.messages.list("mine", leaf=message),
    ],
    "messages.window": [
        lambda chat, thread, _: chat.messages.window(thread, turns=5, keep_system=True),
        lambda chat, thread, _: chat.messages.window(thread, tokens=10**6),
        lambda chat, thread, message: chat.messages.window(thread, messages=5, leaf=message),
        lambda chat, _, message: chat.messages.window("mine", messages=5, leaf=message),
    ],
    "messages.siblings": [
        lambda chat, thread, message: chat.messages.siblings(thread, message),
        lambda chat, _, message: chat.messages.siblings("mine", message),
    ],
    "messages.update": [
        lambda chat, thread, message: chat.messages.update(thread, message, user(message, "x")),
        lambda chat, thread, message: chat.messages.update(thread, message, status="failed"),
        lambda chat, thread, _: chat.messages.update(thread, "intruder", user("intruder")),
        lambda chat, _, message: chat.messages.update(
            "mine", "intruder", user("intruder"), parent=message
        ),
    ],
    "messages.delete": [
        lambda chat, thread, message: chat.messages.delete(thread, message),
        lambda chat, _, message: chat.messages.delete("mine", message),
    ],
    "messages.truncate": [
        lambda chat, thread, message: chat.messages.truncate(thread, message),
        lambda chat, _, message: chat.messages.truncate("mine", message),
    ],
    "messages.pop_last": [lambda chat, thread, _: chat.messages.pop_last(thread)],
    "messages.replace_all": [
        lambda chat, thread, _: chat.messages.replace_all(thread, user("intruder")),
        lambda chat, thread, _: chat.messages.replace_all(thread, []),
    ],
    "messages.count": [
        lambda chat, thread, _: chat.messages.count(thread),
        lambda chat, thread, _: chat.messages.count(thread, tree=True),
        lambda chat, thread, message: chat.messages.count(thread, leaf=message),
    ],
    "runs.get": [
        lambda chat, thread, _: chat.runs.get(thread, "run"),
    ],
    "runs.list": [lambda chat, thread, _: chat.runs.list(thread)],
    "runs.usage": [lambda chat, thread, _: chat.runs.usage(thread)],
    "turn": [
        lambda chat, thread, _: turned(chat, thread, user("intruder")),
        lambda chat, thread, _: turned(chat, thread, exclusive=True),
        lambda chat, thread, message: turned(chat, thread, user(message)),
    ],
}
# What makes a thread under a given id: the one place where a user sees that an id is held.
CREATING = [
    *((name, n) for name in ("threads.create", "messages.replace_all") for n in (0, 1)),
    *((name, n) for name in ("messages.append", "turn") for n in (0, 1, 2)),
    ("threads.fork", 2),
]
EVERY = [(name, n) for name, calls in CALLS.items() for n in range(len(calls))]


def public_methods(chat: Owner) -> set[str]:
    """The methods of the handle and of its parts, as it shows them."""
    parts = ("threads", "messages", "runs")
    return {"turn"} | {
        f"{part}.{name}"
        for part in parts
        for name in dir(getattr(chat, part))
        if not name.startswith("_") and callable(getattr(getattr(chat, part), name))
    }


async def turned(chat: Owner, thread: str, *given: Any, **more: Any) -> Any:
    """A turn, and what it stored."""
    async with chat.turn(thread, *given, **more) as turn:
        await turn.append(says("answer"))
    return [message.seq for message in turn.messages]


async def answer(call: Call, chat: Owner, thread: str, message: str) -> Any:
    """What a call gives or raises, without what differs by chance."""
    try:
        given = await call(chat, thread, message)
    except ConflictError as error:
        return "ConflictError", error.reason
    except ThreadkeepError as error:
        named = {thread: "the thread", message: "the message"}
        seen = named.get(getattr(error, "id", ""), getattr(error, "id", ""))
        return type(error).__name__, getattr(error, "kind", ""), seen
    return _plain(given)


def _plain(given: Any) -> Any:
    if isinstance(given, Thread):
        return "thread", given.title, given.metadata, given.message_count, given.turns
    if isinstance(given, Message):
        return "message", given.seq, given.turn, given.role
    if isinstance(given, Page):
        return [_plain(item) for item in given.items], given.next, given.previous
    if isinstance(given, Window):
        return [_plain(item) for item in given], given.truncated, given.tokens
    return [_plain(item) for item in given] if isinstance(given, list) else given


async def victim(chat: Owner) -> None:
    """Threads with all that a call could reach; m1 is in the path, m2 on another branch."""
    await chat.threads.create("t", title="T", metadata={"secret": 1}, external_id="secret")
    await chat.messages.append("t", [user("m1"), says("m0"), *turns(1, 2)])
    async with chat.turn("t", says("m3"), exclusive=True) as turn:
        turn.add_usage(Usage(input_tokens=7))
    await chat.messages.append("t", says("m2"), parent="m1")
    await chat.threads.create("archived", external_id="secret")
    await chat.threads.archive("archived")


async def state(chat: Owner) -> list[Any]:
    """All that can be read of the victim, with times."""
    threads = [repr(thread) async for thread in chat.threads.list(status="all")]
    runs = [repr(run) async for run in chat.runs.list("t")]
    messages = [repr(message) for message in await path(chat, "t", tree=True)]
    return [*threads, *runs, *messages]


class IsolationContract(Contract):
    """Owners, users in an owner, cursors, the admin."""

    async def test_every_method_is_registered(self, owner: Owners) -> None:
        """A public method without a registered call is a hole in this suite."""
        assert public_methods(owner("a")) == set(CALLS)

    @pytest.mark.parametrize(("name", "number"), EVERY)
    async def test_another_owner(self, owner: Owners, name: str, number: int) -> None:
        """Another owner gets the answer that an unknown id gets, and the rows stay untouched."""
        call = CALLS[name][number]
        await victim(owner("a"))
        before = await state(owner("a"))
        intruder, stranger = owner("b"), owner("c")
        for chat in (intruder, stranger):
            await chat.threads.create("mine")
        given = await answer(call, intruder, "t", "m1")
        assert given == await answer(call, stranger, "unknown", "nothing")
        assert await state(owner("a")) == before

    @pytest.mark.parametrize("holder", ["ann", None])
    @pytest.mark.parametrize(("name", "number"), EVERY)
    async def test_another_user(
        self, owner: Owners, name: str, number: int, holder: str | None
    ) -> None:
        """So does another user of the same owner, but that a held id cannot be made: NotFound."""
        call = CALLS[name][number]
        await victim(owner("a", user=holder))
        before = await state(owner("a", user=holder))
        intruder, stranger = owner("a", user="bob"), owner("c", user="bob")
        for chat in (intruder, stranger):
            await chat.threads.create("mine")
        before_all = await owner("a").threads.count(status="all")
        given = await answer(call, intruder, "t", "m1")
        if (name, number) in CREATING:
            assert given == ("NotFoundError", "thread", "the thread")
            assert await owner("a").threads.count(status="all") == before_all
        else:
            assert given == await answer(call, stranger, "unknown", "nothing")
        seen = await state(owner("a", user=holder))
        assert [line for line in seen if "'mine'" not in line] == before

    async def test_a_whole_owner_reaches_its_users(self, owner: Owners) -> None:
        """owner(id) reaches all threads of the owner; with user= new threads carry the user."""
        ann, whole = owner("a", user="ann"), owner("a")
        await ann.messages.append("t", user("m"))
        await whole.messages.append("t", user("n"))
        assert (await whole.threads.get("t")).user_id == "ann"
        assert [m.id for m in await path(ann, "t")] == ["m", "n"]
        await whole.threads.create("s")
        assert (await whole.threads.get("s")).user_id is None
        assert [t.id for t in await ann.threads.list()] == ["t"]
        assert (await ann.threads.fork("t", "f")).user_id == "ann"
        assert (await whole.threads.fork("t", "g")).user_id == "ann"
        assert {t.id async for t in whole.threads.list(user="ann")} == {"t", "f", "g"}

    async def test_cursors_open_nothing(self, owner: Owners) -> None:
        """A cursor of another owner or user is an InvalidCursorError, not a way in."""
        ann = owner("a", user="ann")
        for n in range(3):
            await ann.threads.create(f"t{n}")
        await ann.messages.append("t0", turns(1, 2))
        threads = (await ann.threads.list(limit=1)).next
        messages = (await ann.messages.list("t0", limit=1)).next
        for chat in (owner("b", user="ann"), owner("a", user="bob")):
            with pytest.raises(InvalidCursorError):
                await chat.threads.list(limit=1, cursor=threads)
            with pytest.raises(InvalidCursorError):
                await chat.messages.list("t0", limit=1, cursor=messages)

    async def test_ids_that_look_alike_are_different(self, owner: Owners) -> None:
        """Owners and users whose ids differ in case, space or composition are strangers."""
        await owner("Owner", user="Ann").messages.append("t", user("m"))
        for name in ("owner", "Owner ", " Owner", "Ow\u200bner", "Ｏwner", "%", "Own_r"):
            assert await owner(name).threads.count(status="all") == 0
            with pytest.raises(NotFoundError):
                await owner(name).messages.get("t", "m")
        for name in ("ann", "Ann ", "Änn", "%"):
            assert await owner("Owner", user=name).threads.count(status="all") == 0

    async def test_only_the_admin_sees_all_owners(self, store: AsyncStore, owner: Owners) -> None:
        """store.admin() lists the threads of all owners, page by page, each once."""
        for name in ("a", "b", "c"):
            await owner(name).messages.append(f"t-{name}", user("m"))
            await owner(name).threads.create("t")
        await owner("a").threads.archive("t")
        ours = {owner(name).owner_id: name for name in ("a", "b", "c")}
        threads = store.admin().threads

        async def seen(**which: Any) -> list[tuple[str, str]]:
            listed = [thread async for thread in threads.list(**which)]
            assert len({(t.owner_id, t.id) for t in listed}) == len(listed)
            return [(ours[t.owner_id], t.id) for t in listed if t.owner_id in ours]

        paged = await seen(limit=2)
        assert sorted(paged) == sorted((o, t) for o in "abc" for t in ("t", f"t-{o}"))
        assert await seen(limit=1000) == paged
        assert await seen(limit=3, order="desc") == paged[::-1]
        assert await seen(status="archived") == [("a", "t")]
        assert ("a", "t") not in await seen(status="active")
