"""The contract of sessions: what they keep, who reaches them, and what was said in them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import (
    Contract,
    asks,
    items,
    path,
    says,
    tells,
    turns,
    user,
    walk,
    walk_back,
)
from threadkeep.values import jsontext
from threadkeep.values.errors import (
    ConflictError,
    InvalidCursorError,
    InvalidError,
    NotFoundError,
)
from threadkeep.values.message import Message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from threadkeep.store import Owner
    from threadkeep.testing.contract.kit import Owners

PAST = datetime(2020, 1, 1, tzinfo=UTC)
FUTURE = datetime(2200, 1, 1, tzinfo=UTC)


async def reason(call: Awaitable[object]) -> tuple[str, str | None]:
    """The reason of a ConflictError, and the id it names."""
    with pytest.raises(ConflictError) as caught:
        await call
    return caught.value.reason, caught.value.id


async def unknown(call: Awaitable[object]) -> tuple[str, str]:
    """What a NotFoundError calls unknown."""
    with pytest.raises(NotFoundError) as caught:
        await call
    return caught.value.kind, caught.value.id


def spoken(messages: Iterable[Message]) -> list[str | None]:
    """The sessions of messages."""
    return [message.session for message in messages]


async def named(chat: Owner, **which: Any) -> list[str]:
    """The ids of the sessions of a list."""
    return [session.id async for session in chat.sessions.list(**which)]


class SessionsContract(Contract):
    """Save, get, list, archive, expiry, users, and the sessions of messages."""

    async def test_what_is_saved_is_kept(self, chat: Owner) -> None:
        """What is given is stored, the rest stays, None clears; created_at is kept. [F1]"""
        await chat.threads.create("t")
        made = await chat.sessions.save(
            "s", thread="t", sdk_version="1.2", state={"n": [1]}, metadata={"a": 1}
        )
        assert (made.id, made.thread_id, made.user_id, made.sdk_version) == ("s", "t", None, "1.2")
        assert (made.state, made.metadata, made.expires_at) == ({"n": [1]}, {"a": 1}, None)
        assert made.created_at == made.updated_at
        assert await chat.sessions.get("s") == made
        saved = await chat.sessions.save("s", state={"n": [2]})
        assert (saved.state, saved.sdk_version, saved.metadata) == ({"n": [2]}, "1.2", {"a": 1})
        assert (saved.thread_id, saved.created_at) == ("t", made.created_at)
        assert saved.updated_at > made.updated_at
        other = await chat.sessions.save("s", sdk_version="2", metadata={"b": 2}, expires_at=FUTURE)
        assert (other.sdk_version, other.metadata) == ("2", {"b": 2})
        assert (other.state, other.expires_at) == ({"n": [2]}, FUTURE)
        cleared = await chat.sessions.save(
            "s", sdk_version=None, state=None, metadata=None, expires_at=None
        )
        assert (cleared.sdk_version, cleared.state_json) == (None, None)
        assert (cleared.metadata, cleared.expires_at) == (None, None)
        assert await chat.sessions.get("s") == cleared
        assert (await chat.sessions.save()).id != (await chat.sessions.save()).id

    @pytest.mark.parametrize(
        "text",
        [
            '{"a" :1,\n"a":2.0}',
            '"\\u0000 \\ud800"',
            "-0.0",
            "1e400",
            "null",
            '["\u00e9\U0001f600", 12345678901234567890123]',
        ],
    )
    async def test_a_state_is_kept_byte_for_byte(self, chat: Owner, text: str) -> None:
        """Any JSON text comes back as it was given; a value comes back equal. [F2]"""
        assert (await chat.sessions.save("s", state_json=text)).state_json == text
        assert (await chat.sessions.save("b", state_json=text.encode())).state_json == text
        assert (await chat.sessions.get("s")).state_json == text
        assert [s.state_json for s in await chat.sessions.list()] == [text, text]
        values: list[Any] = ["text", 0, False, [], {"k": [None, "\0"]}]
        for value in values:
            assert (await chat.sessions.save("v", state=value)).state == value
        assert (await chat.sessions.save("v", state="{}")).state_json == jsontext.encode("{}")

    async def test_a_version_is_guarded(self, chat: Owner) -> None:
        """Another SDK version than the expected one is a conflict; nothing is written. [F3]"""
        made = await chat.sessions.save("s", sdk_version="1", state=1, expected_sdk_version="9")
        assert await chat.sessions.get("s", expected_sdk_version="1") == made
        assert await reason(chat.sessions.get("s", expected_sdk_version="2")) == (
            "sdk_version",
            "s",
        )
        refused = chat.sessions.save("s", sdk_version="2", state=2, expected_sdk_version="2")
        assert await reason(refused) == ("sdk_version", "s")
        assert await chat.sessions.get("s") == made
        saved = await chat.sessions.save("s", sdk_version="2", expected_sdk_version="1")
        assert saved.sdk_version == "2"
        await chat.sessions.save("s", sdk_version=None)
        assert (await reason(chat.sessions.get("s", expected_sdk_version="2")))[0] == "sdk_version"
        assert (await unknown(chat.sessions.get("x", expected_sdk_version="1"))) == (
            "session",
            "x",
        )

    async def test_archived_once(self, chat: Owner) -> None:
        """The first time stands; an unknown session is made of its thread and version. [F4]"""
        await chat.sessions.save("s", thread="t", sdk_version="1", state=1)
        first = await chat.sessions.archive("s")
        assert first.archived_at is not None
        assert first.archived
        assert (first.state, first.sdk_version, first.thread_id) == (1, "1", "t")
        assert await chat.sessions.archive("s") == first
        assert await chat.sessions.archive("s", thread="t", sdk_version="2") == first
        assert (await chat.sessions.save("s", state=2)).archived_at == first.archived_at
        assert await reason(chat.sessions.archive("s", thread="u")) == ("session_thread", "s")
        for half in ({}, {"thread": "new"}, {"sdk_version": "1"}):
            assert await unknown(chat.sessions.archive("new", **half)) == ("session", "new")
        assert await unknown(chat.threads.get("new")) == ("thread", "new")
        made = await chat.sessions.archive("new", thread="new", sdk_version="3")
        assert (made.thread_id, made.sdk_version, made.state) == ("new", "3", None)
        assert made.archived_at == made.created_at
        assert await chat.sessions.archive("new") == made

    async def test_an_archive_leaves_the_version(self, chat: Owner) -> None:
        """A session that is saved at the same moment keeps the version its state was saved by."""
        for n in range(15):
            await asyncio.gather(
                chat.sessions.save(f"s{n}", thread="t", sdk_version="2", state=n),
                chat.sessions.archive(f"s{n}", thread="t", sdk_version="1"),
            )
            saved = await chat.sessions.get(f"s{n}")
            assert (saved.sdk_version, saved.state, saved.archived) == ("2", n, True)

    async def test_a_session_without_a_thread_is_of_no_other(self, chat: Owner) -> None:
        """It is archived whatever thread is named; a version it has not is said to be that."""
        await chat.sessions.save("s", sdk_version="1")
        other = chat.sessions.save("s", thread="t", expected_sdk_version="2")
        assert await reason(other) == ("sdk_version", "s")
        assert await unknown(chat.threads.get("t")) == ("thread", "t")
        archived = await chat.sessions.archive("s", thread="t", sdk_version="1")
        assert (archived.thread_id, archived.archived) == (None, True)

    async def test_unarchived(self, chat: Owner) -> None:
        """archived_at is NULL again, and what the session kept is there. [F5]"""
        made = await chat.sessions.save("s", state=[1])
        await chat.sessions.archive("s")
        back = await chat.sessions.unarchive("s")
        assert (back.archived_at, back.archived, back.state) == (None, False, [1])
        assert await chat.sessions.unarchive("s") == back
        assert back.created_at == made.created_at
        assert await unknown(chat.sessions.unarchive("x")) == ("session", "x")

    async def test_the_sessions_of_a_thread(self, chat: Owner) -> None:
        """Newest first, those that are archived apart, each page of them once. [F8]"""
        long = "\x01" * 511
        for number in range(5):
            await chat.sessions.save(f"{long}{number}", thread="t")
        await chat.sessions.save("other", thread="u")
        await chat.sessions.save("none")
        every = [f"{long}{number}" for number in range(4, -1, -1)]
        await chat.sessions.archive(every[1])
        kept = [id_ for id_ in every if id_ != every[1]]
        assert await named(chat, thread="t") == kept
        assert await named(chat, thread="t", archived=True) == [every[1]]
        assert await named(chat, thread="t", archived=None, order="asc") == every[::-1]
        pages = await walk(chat.sessions.list, thread="t", archived=None, limit=2)
        assert [session.id for session in items(pages)] == every
        back = await walk_back(chat.sessions.list, pages[-1], thread="t", archived=None, limit=2)
        assert [session.id for session in items(back)] == every
        assert await named(chat, thread="unknown") == []
        assert set(await named(chat)) == {*kept, "other", "none"}
        others: list[dict[str, Any]] = [{"thread": "u"}, {"archived": True}, {"order": "asc"}]
        for other in others:
            with pytest.raises(InvalidCursorError):
                await chat.sessions.list(
                    **{"thread": "t", "limit": 2, **other}, cursor=pages[0].next
                )

    async def test_a_session_past_its_end_is_unknown(self, chat: Owner) -> None:
        """Expired is unknown to every call; a save begins it anew, and a purge removes it. [F9]"""
        first = await chat.sessions.save(
            "s", thread="t", sdk_version="1", state=1, metadata={"a": 1}, expires_at=PAST
        )
        await chat.sessions.save("later", expires_at=PAST + timedelta(days=1))
        await chat.sessions.save("lives", expires_at=FUTURE)
        for call in (chat.sessions.get, chat.sessions.archive, chat.sessions.unarchive):
            assert await unknown(call("s")) == ("session", "s")
        assert not await chat.sessions.delete("s")
        assert await named(chat, archived=None) == ["lives"]
        assert await named(chat, thread="t", archived=None) == []
        again = await chat.sessions.save("s", thread="u", state=2, expected_sdk_version="9")
        assert (again.thread_id, again.state, again.sdk_version) == ("u", 2, None)
        assert (again.metadata, again.expires_at, again.archived_at) == (None, None, None)
        assert again.created_at > first.created_at
        assert (await chat.sessions.get("s")) == again
        await chat.sessions.save("s", expires_at=PAST)
        assert await chat.sessions.purge(before=PAST) == 0
        assert await chat.sessions.purge(before=PAST + timedelta(days=1)) == 1
        assert await chat.sessions.purge(before=FUTURE) == 1
        assert await chat.sessions.purge() == 0
        assert await named(chat) == ["lives"]

    async def test_a_session_stays_in_its_thread(self, chat: Owner) -> None:
        """A thread that is absent is made; another one is a conflict, and is not made. [F1]"""
        await chat.sessions.save("s")
        assert (await chat.sessions.save("s", thread="t")).thread_id == "t"
        assert (await chat.threads.get("t")).message_count == 0
        assert (await chat.sessions.save("s", thread="t", state=1)).state == 1
        before = await chat.sessions.get("s")
        moved = chat.sessions.save("s", thread="new", state=2)
        assert await reason(moved) == ("session_thread", "s")
        assert await unknown(chat.threads.get("new")) == ("thread", "new")
        assert await chat.sessions.get("s") == before
        await chat.threads.delete("t")
        assert await unknown(chat.sessions.get("s")) == ("session", "s")

    async def test_many_save_one_session(self, chat: Owner) -> None:
        """Callers who save a new session of a new thread at once make one of each. [F1]"""
        saves = [chat.sessions.save("s", thread="t", state=n) for n in range(12)]
        made = await asyncio.gather(*saves, chat.sessions.archive("s", thread="t", sdk_version="1"))
        assert len({session.created_at for session in made}) == 1
        assert [thread.id for thread in await chat.threads.list()] == ["t"]
        assert (await chat.sessions.get("s")).archived
        assert (await chat.sessions.get("s")).state in range(12)

    async def test_sessions_of_users(self, owner: Owners) -> None:
        """Another user's session is unknown, and its id taken; the whole owner reaches all. [F9]"""
        ann, bob, whole = owner("a", user="ann"), owner("a", user="bob"), owner("a")
        kept = await ann.sessions.save("s", thread="t", state=1)
        assert kept.user_id == "ann"
        await whole.sessions.save("nobody")
        assert (await whole.sessions.save("visit", user="ann")).user_id == "ann"
        assert (await whole.sessions.save("guest", thread="t")).user_id == "ann"
        for id_ in ("s", "nobody"):
            assert await unknown(bob.sessions.get(id_)) == ("session", id_)
            assert await unknown(bob.sessions.save(id_, state=2)) == ("session", id_)
            taken = bob.sessions.save(id_, thread="of bob")
            assert await unknown(taken) == ("session", id_)
            assert await unknown(bob.sessions.archive(id_)) == ("session", id_)
            assert not await bob.sessions.delete(id_)
        assert await unknown(whole.sessions.save("s", user="bob")) == ("session", "s")
        assert await unknown(bob.sessions.save("new", thread="t")) == ("thread", "t")
        assert await bob.threads.count(status="all") == 0
        assert await named(bob) == await named(bob, thread="t") == []
        await whole.sessions.save("old", user="ann", expires_at=PAST)
        assert (await bob.sessions.purge(), await owner("b").sessions.purge()) == (0, 0)
        assert await whole.sessions.get("s") == kept
        assert await named(ann) == await named(whole, user="ann") == ["guest", "visit", "s"]
        assert await named(whole) == ["guest", "visit", "nobody", "s"]
        assert (await owner("b").sessions.save("s")).thread_id is None
        with pytest.raises(InvalidError):
            await bob.sessions.save("x", user="ann")
        with pytest.raises(InvalidError):
            await bob.sessions.list(user="ann")
        assert await ann.sessions.purge() == 1
        assert await ann.sessions.delete("s")
        assert not await ann.sessions.delete("s")

    async def test_what_cannot_be_saved_is_refused(self, chat: Owner) -> None:
        """Each wrong argument is named, and nothing is written."""
        wrong: dict[str, list[dict[str, Any]]] = {
            "state": [{"state": {1}}, {"state": float("nan")}, {"state": 1, "state_json": "1"}],
            "state_json": [{"state_json": "{"}, {"state_json": "NaN"}],
            "metadata": [{"metadata": [1]}],
            "sdk_version": [{"sdk_version": "\0"}, {"sdk_version": 1}],
            "expected_sdk_version": [{"expected_sdk_version": 1}],
            "expires_at": [{"expires_at": datetime(2200, 1, 1)}, {"expires_at": "soon"}],  # noqa: DTZ001
            "thread": [{"thread": ""}, {"thread": 1}],
            "user": [{"user": "x" * 513}],
            "session_id": [{"session_id": "\ud800"}],
        }
        for field, cases in wrong.items():
            for case in cases:
                with pytest.raises(InvalidError) as caught:
                    await chat.sessions.save(**{"session_id": "s", **case})
                assert caught.value.field == field
        with pytest.raises(InvalidError):
            await chat.sessions.list(archived="yes")  # type: ignore[arg-type]
        with pytest.raises(InvalidError):
            await chat.sessions.purge(before=datetime(2200, 1, 1))  # noqa: DTZ001
        assert await named(chat, archived=None) == []

    async def test_every_read_tells_the_session(self, chat: Owner) -> None:
        """What a message or its batch was said in comes back from every read, fork and all."""
        alone = Message.of("user", "m0", id="m0", session="own")
        stored = await chat.messages.append("t", [alone, says("m1")], session="s")
        stored += await chat.messages.append("t", [user("m2"), asks("m3", "c")])
        stored += await chat.messages.append("t", tells("m4", "c"), parent="m3", session="r")
        said = ["own", "s", None, None, "r"]
        assert spoken(stored) == said
        assert await path(chat, "t") == stored
        assert await path(chat, "t", tree=True) == stored
        assert (await path(chat, "t", order="desc"))[::-1] == stored
        extents: list[dict[str, Any]] = [{"turns": 9}, {"messages": 9}, {"tokens": 9999}]
        for extent in (*extents, {"turns": 9, "keep_system": True}):
            assert await chat.messages.window("t", **extent) == stored
        assert await chat.messages.get("t", "m1") == stored[1]
        assert await chat.messages.siblings("t", "m0") == [stored[0]]
        assert spoken(await path(chat, (await chat.threads.fork("t")).id)) == said
        updated = await chat.messages.update("t", "m1", Message.assistant("x"), status="failed")
        assert updated.session == "s"
        assert (await chat.messages.update("t", "m5", alone_as("m5"))).session == "own"
        assert spoken([await chat.messages.pop_last("t") or alone]) == ["own"]
        assert spoken(await chat.messages.replace_all("t", alone)) == ["own"]

    async def test_a_replay_tells_the_session_that_is_stored(self, chat: Owner) -> None:
        """The session is not compared: the stored message is the answer."""
        stored = await chat.messages.append("t", turns(1, 1), session="s")
        assert await chat.messages.append("t", turns(1, 1), session="other") == stored
        more = await chat.messages.append("t", turns(1, 2), session="other")
        assert spoken(more) == ["s", "s", "other", "other"]

    async def test_a_turn_has_a_session(self, chat: Owner) -> None:
        """All that a turn stores was said in its session."""
        async with chat.turn("t", user("q"), session="s") as turn:
            await turn.append([says("a"), alone_as("b")])
        assert spoken(turn.messages) == spoken(await path(chat, "t")) == ["s", "s", "own"]
        item = {"role": "user", "parts": []}
        [native] = await chat.messages.append("t", item, dialect="threadkeep", session="s")
        assert native.session == "s"
        for session in ("", "\0", 1, "x" * 513):
            wrong: Any = session
            with pytest.raises(InvalidError):
                await chat.messages.append("t", user("m"), session=wrong)
            with pytest.raises(InvalidError):
                await chat.messages.append("t", Message.of("user", "m", session=wrong))
            with pytest.raises(InvalidError):
                async with chat.turn("t", session=wrong):
                    pass
        assert await chat.messages.count("t") == 4

    async def test_a_message_is_its_threads_users(self, owner: Owners) -> None:
        """Whose a message is stands on its thread, is stored with the first, and enforced. [F10]"""
        ann, bob, whole = owner("a", user="ann"), owner("a", user="bob"), owner("a")
        await ann.messages.append("t", user("m"), session="s")
        await whole.messages.append("t", says("n"), session="s")
        assert (await whole.threads.get("t")).user_id == "ann"
        assert spoken(await path(ann, "t")) == ["s", "s"]
        assert await path(bob, "t") == []
        assert await unknown(bob.messages.append("t", says("x"), session="s")) == ("thread", "t")

    async def test_a_session_shows_no_content(self, chat: Owner) -> None:
        """The repr has ids, version and times, not the state nor the metadata."""
        made = await chat.sessions.save(
            "s", sdk_version="1", state="secret", metadata={"secret": 1}
        )
        assert "secret" not in repr(made)
        assert "sdk_version='1'" in repr(made)


def alone_as(id: str) -> Message:
    """A message that names its session itself."""
    return Message.of("assistant", id, id=id, session="own")
