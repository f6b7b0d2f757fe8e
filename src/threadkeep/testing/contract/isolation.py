"""The contract of isolation: what belongs to another is unknown, whatever is called.

The methods are found by looking at the handle. One that is not registered in CALLS fails the
suite, so that a new method cannot be forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.calls import CALLS, CREATING, EVERY, LINE, public_methods
from threadkeep.testing.contract.kit import Contract, path, says, turns, user
from threadkeep.values.credentials import NewKey, RefreshToken
from threadkeep.values.errors import (
    ConflictError,
    InvalidCursorError,
    NotFoundError,
    ThreadkeepError,
)
from threadkeep.values.event import Event
from threadkeep.values.imported import Imported
from threadkeep.values.message import Message
from threadkeep.values.page import Page, Window
from threadkeep.values.parts import ToolCallPart, ToolResultPart
from threadkeep.values.run import Usage
from threadkeep.values.session import Session
from threadkeep.values.thread import Thread

if TYPE_CHECKING:
    from threadkeep.store import AsyncStore, Owner
    from threadkeep.testing.contract.calls import Call
    from threadkeep.testing.contract.kit import Owners


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
    if isinstance(given, Imported):
        return "imported", _plain(given.thread), len(given.ids)
    if isinstance(given, Message):
        return "message", given.seq, given.turn, given.role
    if isinstance(given, Page):
        return [_plain(item) for item in given.items], given.next, given.previous
    if isinstance(given, Session):
        return "session", given.state_json, given.archived
    if isinstance(given, NewKey):
        return "key", given.key.name, given.key.scopes
    if isinstance(given, RefreshToken):
        return "line", given.generation
    if isinstance(given, Window):
        return [_plain(item) for item in given], given.truncated, given.tokens
    if isinstance(given, dict):
        return [_plain(item) for item in given.values()]
    return [_plain(item) for item in given] if isinstance(given, list) else given


async def victim(chat: Owner) -> None:
    """Threads with all that a call could reach; m1 is in the path, m2 on another branch."""
    await chat.threads.create("t", title="T", metadata={"secret": 1}, external_id="secret")
    await chat.messages.append("t", [user("m1"), says("m0"), *turns(1, 2)])
    async with chat.turn("t", says("m3"), exclusive=True) as turn:
        turn.add_usage(Usage(input_tokens=7))
    await chat.messages.append("t", says("m2"), parent="m1")
    call, result = ToolCallPart("c", "look"), ToolResultPart("c", "seen")
    await chat.messages.append("t", Message.assistant([call, result], id="m4"), parent="m1")
    await chat.attachments.save("file", name="f", media_type="m", thread="t")
    await chat.attachments.save("loose", name="l", media_type="m")
    await chat.feedback.set("t", "m1", "positive")
    used = Usage(input_tokens=7)
    await chat.spans.start("secret", span_id="span", type="llm", thread="t")
    await chat.spans.start("secret", span_id="running", parent="span")
    await chat.spans.end("span", output="secret", usage=used)
    await chat.sessions.save("secret", thread="t", state="secret")
    await chat.events.track([Event("secret", "t"), Event("secret", props={"secret": 1})])
    await chat.scores.create("secret", type="numeric", value=1, thread="t", score_id="score")
    await chat.keys.create("secret")
    line = await chat.refresh_tokens.create(lifetime=600, token_id=LINE)
    await chat.refresh_tokens.use(line.id, 0, lifetime=600)
    await chat.threads.create("archived", external_id="secret")
    await chat.threads.archive("archived")


async def state(chat: Owner) -> list[Any]:
    """All that can be read of the victim, with times."""
    threads = [repr(thread) async for thread in chat.threads.list(status="all")]
    runs = [repr(run) async for run in chat.runs.list("t")]
    sessions = [repr(session) async for session in chat.sessions.list(archived=None)]
    messages = [repr(message) for message in await path(chat, "t", tree=True)]
    files = [repr(file) async for file in chat.attachments.list()]
    said = [repr(one) async for one in chat.feedback.list("t")]
    spans = [repr(span) async for span in chat.spans.list()]
    told = [repr(event) async for event in chat.events.list()]
    told += [repr(score) async for score in chat.scores.list()]
    keys = [repr(key) async for key in chat.keys.list(revoked=None)]
    line = repr(await chat.refresh_tokens.check(LINE, 1))
    return [*threads, *runs, *sessions, *spans, *messages, *files, *said, *told, *keys, line]


class IsolationContract(Contract):
    """Owners, users in an owner, cursors, the admin."""

    async def test_every_method_is_registered(self, owner: Owners) -> None:
        """A public method without a registered call is a hole in this suite."""
        assert public_methods(owner("a")) == set(CALLS)

    @pytest.mark.parametrize(("name", "number"), EVERY)
    async def test_another_owner(self, owner: Owners, name: str, number: int) -> None:
        """Another owner gets the answer that an unknown id gets, and the rows stay untouched.

        [B2 I1 I3]
        """
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
        """So does another user of the same owner, but that a held id cannot be made: NotFound.

        [I1 I3]
        """
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
        """A cursor of another owner or user is an InvalidCursorError, not a way in. [D9]"""
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
        """Owners and users whose ids differ in case, space or composition are strangers. [B2]"""
        await owner("Owner", user="Ann").messages.append("t", user("m"))
        for name in ("owner", "Owner ", " Owner", "Ow\u200bner", "Ｏwner", "%", "Own_r"):
            assert await owner(name).threads.count(status="all") == 0
            with pytest.raises(NotFoundError):
                await owner(name).messages.get("t", "m")
        for name in ("ann", "Ann ", "Änn", "%"):
            assert await owner("Owner", user=name).threads.count(status="all") == 0

    async def test_only_the_admin_sees_all_owners(self, store: AsyncStore, owner: Owners) -> None:
        """store.admin() lists the threads of all owners, page by page, each once. [B9]"""
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
