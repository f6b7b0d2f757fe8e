"""The contract of messages: append, read, update, page."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import (
    Contract,
    asks,
    ids,
    items,
    path,
    says,
    system,
    tells,
    turns,
    user,
    walk,
    walk_back,
)
from threadkeep.values.errors import (
    ConflictError,
    InvalidCursorError,
    InvalidError,
    NotFoundError,
)
from threadkeep.values.message import Message
from threadkeep.values.parts import TextPart

if TYPE_CHECKING:
    from threadkeep.store import Owner
    from threadkeep.testing.contract.kit import Owners

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)


class MessagesContract(Contract):
    """Append, get, list, update, count."""

    async def test_an_unknown_thread_is_empty(self, chat: Owner) -> None:
        """Reading an unknown thread gives nothing, getting and updating in it is NotFoundError.

        [D1 D11]
        """
        page = await chat.messages.list("t")
        assert (page.items, page.next, page.previous) == ((), None, None)
        assert await chat.messages.window("t", turns=5) == []
        assert await chat.messages.count("t") == 0
        assert await chat.messages.count("t", tree=True) == 0
        assert await chat.messages.delete("t", "m") is False
        assert await chat.messages.truncate("t", "m") == 0
        assert await chat.messages.pop_last("t") is None
        for call in (
            chat.messages.get("t", "m"),
            chat.messages.siblings("t", "m"),
            chat.messages.update("t", "m", user("m")),
            chat.messages.update("t", "m", status="failed"),
        ):
            with pytest.raises(NotFoundError):
                await call
        with pytest.raises(NotFoundError):
            await chat.threads.get("t")

    async def test_append_makes_the_thread_and_returns_what_it_stored(self, chat: Owner) -> None:
        """The answer of append is what get and list read afterwards. [B3 C1 D18]"""
        sent = [system("s"), user("u"), asks("c", "c1"), tells("r", "c1"), says("a")]
        given = await chat.messages.append("t", sent)
        assert ids(given) == ["s", "u", "c", "r", "a"]
        assert [m.seq for m in given] == [1, 2, 3, 4, 5]
        assert [m.parent_id for m in given] == [None, "s", "u", "c", "r"]
        assert [m.turn for m in given] == [0, 1, 1, 1, 1]
        assert [(m.role, m.json, m.format) for m in given] == [
            (m.role, m.json, m.format) for m in sent
        ]
        assert all(m.tokens is not None and m.created_at is not None for m in given)
        assert await path(chat, "t") == given
        assert [await chat.messages.get("t", m.id or "") for m in sent] == given
        thread = await chat.threads.get("t")
        assert (thread.head, thread.turns, thread.message_count) == ("a", 1, 5)

    async def test_messages_without_id_get_one(self, chat: Owner) -> None:
        """Generated ids differ, and name the stored messages. [C3]"""
        given = await chat.messages.append("t", [Message.user("same"), Message.user("same")])
        more = await chat.messages.append("t", Message.user("same"))
        assert len(set(ids([*given, *more]))) == 3
        assert ids(await path(chat, "t")) == ids([*given, *more])

    async def test_what_goes_with_a_message_is_kept(self, chat: Owner) -> None:
        """metadata, status and created_at come back with the message. [C11 H1]"""
        sent = Message.of(
            "user", "x", id="m", created_at=NOON, metadata={"a": [1, {"b": None}]}, status="running"
        )
        await chat.messages.append("t", sent)
        got = await chat.messages.get("t", "m")
        assert (got.metadata, got.status, got.created_at) == (sent.metadata, "running", NOON)
        [late] = await chat.messages.append("t", user("n"), created_at=NOON)
        assert late.created_at == NOON

    async def test_order_is_append_order_whatever_the_clocks_say(self, chat: Owner) -> None:
        """Equal and decreasing created_at change nothing: seq is the only order. [C9 D1]"""
        for n in range(6):
            time = NOON - timedelta(hours=n // 2)
            await chat.messages.append("t", user(f"m{n}"), created_at=time)
        wanted = [f"m{n}" for n in range(6)]
        assert ids(await path(chat, "t")) == wanted
        assert ids(await path(chat, "t", order="desc")) == wanted[::-1]
        assert ids(await chat.messages.window("t", turns=6)) == wanted

    async def test_a_batch_of_a_thousand_keeps_its_order(self, chat: Owner) -> None:
        """1 000 messages in one call are read back in order (the seed lost it). [C2]"""
        sent = [user(f"m{n:04}") for n in range(1000)]
        given = await chat.messages.append("t", sent)
        assert [m.seq for m in given] == list(range(1, 1001))
        assert ids(await path(chat, "t", limit=1000)) == ids(sent)
        assert await chat.messages.count("t") == 1000

    async def test_a_batch_is_all_or_nothing(self, chat: Owner) -> None:
        """One message that cannot be stored keeps the whole batch, and a new thread, away. [C2]"""
        bad = replace(user("x"), metadata={"a": "\0"})
        for batch in ([user("a"), user("b"), bad], [user("a"), user("b"), user("a")], []):
            with pytest.raises(InvalidError):
                await chat.messages.append("t", batch)
        with pytest.raises(NotFoundError):
            await chat.threads.get("t")
        await chat.messages.append("t", user("b"))
        batch = [user("a"), user("b", "other"), user("c")]
        with pytest.raises(ConflictError):
            await chat.messages.append("t", batch)
        assert ids(await path(chat, "t", tree=True)) == ["b"]

    async def test_a_retry_is_answered_with_what_is_stored(self, chat: Owner) -> None:
        """The same batch again, and parts of it in order, change nothing and give the same rows.

        [C4]
        """
        first = await chat.messages.append("t", turns(1, 2))
        before = await chat.threads.get("t")
        for batch in (turns(1, 2), turns(1, 2)[:2], turns(1, 2)[1:3], turns(1, 2)[-1:]):
            start = ids(first).index(str(batch[0].id))
            again = await chat.messages.append("t", batch)
            assert again == first[start : start + len(batch)]
        changed = [replace(m, status="failed", metadata={"x": 1}) for m in turns(1, 2)]
        later = NOON + timedelta(days=1)
        assert await chat.messages.append("t", changed, created_at=later) == first
        assert await chat.threads.get("t") == before

    async def test_a_retry_wherever_it_was_put(self, chat: Owner) -> None:
        """A retry succeeds also when parent or expected_head no longer fit."""
        await chat.messages.append("t", user("u1"))
        given = await chat.messages.append("t", says("a1"), expected_head="u1")
        await chat.messages.append("t", user("u2"))
        assert await chat.messages.append("t", says("a1"), expected_head="u1") == given
        assert await chat.messages.append("t", says("a1"), parent="u1") == given
        assert await chat.messages.append("t", says("a1"), parent="unknown") == given
        assert (await chat.threads.get("t")).head == "u2"

    async def test_the_same_id_with_other_content_is_a_conflict(self, chat: Owner) -> None:
        """Other content under a stored id is refused and named; nothing is written. [C4]"""
        await chat.messages.append("t", user("m", "one"))
        spaced = replace(user("m", "one"), json=user("m", "one").json.replace(":", ": "))
        for other in (user("m", "two"), says("m", "one"), spaced):
            with pytest.raises(ConflictError) as caught:
                await chat.messages.append("t", [other, user("n")])
            assert (caught.value.reason, caught.value.id) == ("message_differs", "m")
        assert [m.text for m in await path(chat, "t")] == ["one"]

    async def test_a_stored_beginning_is_completed(self, chat: Owner) -> None:
        """A batch whose beginning is stored appends the rest, if that is still at the head."""
        await chat.messages.append("t", turns(1, 1))
        given = await chat.messages.append("t", turns(1, 2))
        assert ids(given) == ids(await path(chat, "t")) == ["u1", "a1", "u2", "a2"]
        with pytest.raises(ConflictError) as caught:
            await chat.messages.append("t", [user("u1"), user("x")])
        assert (caught.value.reason, caught.value.head) == ("head_moved", "a2")
        await chat.messages.append("t", [user("u1"), user("x")], parent=None)
        assert (await chat.messages.get("t", "x")).parent_id == "u1"

    async def test_a_batch_stored_in_another_shape_is_a_conflict(self, chat: Owner) -> None:
        """Another order, a gap, a new message in front: message_order, and nothing is written."""
        await chat.messages.append("t", turns(1, 2))
        u1, a1, u2, a2 = turns(1, 2)
        for batch in ([a1, u1], [u1, u2], [user("x"), u1], [a2, u2], [u1, user("x"), a1]):
            with pytest.raises(ConflictError) as caught:
                await chat.messages.append("t", batch)
            assert caught.value.reason == "message_order"
        assert ids(await path(chat, "t", tree=True)) == ["u1", "a1", "u2", "a2"]

    async def test_an_id_stands_once_in_each_thread(self, owner: Owners, chat: Owner) -> None:
        """The same message id in two threads and for two owners are different messages. [C4]"""
        other = owner("other")
        for handle, thread, text in ((chat, "t", "1"), (chat, "s", "2"), (other, "t", "3")):
            await handle.messages.append(thread, user("m", text))
        assert (await chat.messages.get("t", "m")).text == "1"
        assert (await chat.messages.get("s", "m")).text == "2"
        assert (await other.messages.get("t", "m")).text == "3"

    async def test_update_rewrites_in_place(self, chat: Owner) -> None:
        """An update keeps position, parent, turn and created_at, and recounts the tokens.

        [C5 C6]
        """
        await chat.messages.append("t", turns(1, 2))
        old = await chat.messages.get("t", "a1")
        new = await chat.messages.update("t", "a1", says("a1", "much longer than it was before"))
        place = (old.seq, old.parent_id, old.turn, old.created_at)
        assert (new.seq, new.parent_id, new.turn, new.created_at) == place
        assert (new.tokens or 0) > (old.tokens or 0)
        assert new.text == "much longer than it was before"
        assert await chat.messages.get("t", "a1") == new
        assert ids(await path(chat, "t")) == ["u1", "a1", "u2", "a2"]
        assert (await chat.threads.get("t")).head == "a2"

    async def test_update_of_metadata_and_status_leaves_the_content(self, chat: Owner) -> None:
        """Metadata is merged or replaced, None clears it, status changes alone. [C6]"""
        await chat.messages.append("t", replace(says("m"), metadata={"a": 1}, status="running"))
        one = await chat.messages.update("t", "m", status="failed")
        assert (one.status, one.metadata, one.text) == ("failed", {"a": 1}, "m")
        two = await chat.messages.update("t", "m", metadata={"b": 2})
        assert (two.status, two.metadata, two.text) == ("failed", {"a": 1, "b": 2}, "m")
        assert (await chat.messages.update("t", "m", replace_metadata=None)).metadata is None

    async def test_update_of_an_unknown_message_appends_it(self, chat: Owner) -> None:
        """With an item it lands at the head or under the parent, without one it is unknown. [C5]"""
        await chat.messages.append("t", turns(1, 1))
        made = await chat.messages.update("t", "x", Message.user("new"), metadata={"k": 1})
        assert (made.id, made.parent_id, made.metadata) == ("x", "a1", {"k": 1})
        under = await chat.messages.update("t", "y", Message.user("new"), parent="u1")
        assert under.parent_id == "u1"
        root = await chat.messages.update("t", "z", Message.user("new"), parent=None)
        assert root.parent_id is None
        assert (await chat.threads.get("t")).head == "z"
        given: list[dict[str, Any]] = [
            {"status": "failed"},
            {"item": user("n"), "parent": "unknown"},
        ]
        for named in given:
            with pytest.raises(NotFoundError):
                await chat.messages.update("t", "n", **named)

    async def test_update_keeps_role_and_start(self, chat: Owner) -> None:
        """What would change the turns of a stored thread is refused."""
        await chat.messages.append("t", [user("u"), asks("c", "c1"), tells("r", "c1")])
        answer = replace(user("u"), json=tells("u", "c1").json.replace('"tool"', '"user"'))
        for item, reason in ((says("u"), "role_fixed"), (answer, "starts_fixed")):
            with pytest.raises(ConflictError) as caught:
                await chat.messages.update("t", "u", item)
            assert caught.value.reason == reason
        assert (await chat.messages.get("t", "u")).text == "u"

    @pytest.mark.parametrize("tree", [False, True])
    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("limit", [1, 4, 5, 20, 21])
    async def test_pages_cover_every_message_once(
        self, chat: Owner, order: Any, limit: int, tree: bool
    ) -> None:
        """Walking the cursors forth and back meets each message once, branched or not. [D8 D10]"""
        await chat.messages.append("t", turns(1, 4))
        await chat.messages.append("t", turns(5, 10), parent="a2")
        wanted = ids(turns(1, 10) if tree else [*turns(1, 2), *turns(5, 10)])
        wanted = wanted if order == "asc" else wanted[::-1]
        which = {"tree": tree, "order": order, "limit": limit}

        async def read(**more: Any) -> Any:
            return await chat.messages.list("t", **more)

        pages = await walk(read, **which)
        assert ids(items(pages)) == wanted
        assert all(len(page) == limit for page in pages[:-1])
        assert len(pages[-1]) > 0
        back = await walk_back(read, pages[-1], **which)
        assert [page.items for page in back] == [page.items for page in pages]
        assert ids(await path(chat, "t", **which)) == wanted

    @pytest.mark.parametrize("tree", [False, True])
    @pytest.mark.parametrize("order", ["asc", "desc"])
    async def test_a_walk_while_others_append(self, chat: Owner, order: Any, tree: bool) -> None:
        """What stood there when the walk began is met exactly once, nothing is met twice. [D8]"""
        await chat.messages.append("t", turns(1, 30))

        async def disturb() -> None:
            for n in range(31, 51):
                await chat.messages.append("t", turns(n, n))

        async def read(**more: Any) -> Any:
            return await chat.messages.list("t", **more)

        work = asyncio.create_task(disturb())
        seen = ids(items(await walk(read, order=order, limit=3, tree=tree)))
        await work
        there = ids(turns(1, 30))
        assert [i for i in seen if i in there] == (there if order == "asc" else there[::-1])
        assert len(set(seen)) == len(seen)

    async def test_a_cursor_outlives_its_message(self, chat: Owner) -> None:
        """Deleting the message that a page ended with does not disturb the walk. [D9]"""
        await chat.messages.append("t", turns(1, 3))
        page = await chat.messages.list("t", limit=2)
        await chat.messages.delete("t", "a1")
        rest = await chat.messages.list("t", limit=10, cursor=page.next)
        assert ids(rest) == ["u2", "a2", "u3", "a3"]

    async def test_bad_cursors_are_refused(self, chat: Owner, owner: Owners) -> None:
        """A cursor that is made up, changed, or of another list is an InvalidCursorError. [D9]"""
        for handle in (chat, owner("other")):
            await handle.messages.append("t", turns(1, 3))
            await handle.messages.append("s", turns(1, 3))
        cursor = (await chat.messages.list("t", limit=1)).next
        assert cursor is not None
        for bad in ("", "x", cursor[:-1], cursor + "A", cursor.swapcase(), "a1", "\0"):
            with pytest.raises(InvalidCursorError):
                await chat.messages.list("t", cursor=bad)
        with pytest.raises(InvalidCursorError):
            await chat.messages.list("s", cursor=cursor)
        with pytest.raises(InvalidCursorError):
            await owner("other").messages.list("t", cursor=cursor)
        others: list[dict[str, Any]] = [
            {"order": "desc"},
            {"tree": True},
            {"leaf": "a2"},
            {"since": 1},
        ]
        for which in others:
            with pytest.raises(InvalidCursorError):
                await chat.messages.list("t", cursor=cursor, **which)

    async def test_since_and_last(self, chat: Owner) -> None:
        """Since leaves out what was seen, last gives the newest, oldest first. [D6]"""
        given = await chat.messages.append("t", turns(1, 3))
        assert ids(await path(chat, "t", since=4)) == ["u3", "a3"]
        assert ids(await path(chat, "t", since=4, order="desc")) == ["a3", "u3"]
        assert ids(await path(chat, "t", since=given[-1].seq)) == []
        page = await chat.messages.list("t", last=3)
        assert (ids(page), page.next, page.previous) == (["a2", "u3", "a3"], None, None)
        assert ids(await chat.messages.list("t", last=1000)) == ids(given)
        for bad in (0, -1, 1001, True, "3"):
            with pytest.raises(InvalidError):
                await chat.messages.list("t", last=bad)  # type: ignore[arg-type]

    async def test_steps_of_a_run_land_once(self, chat: Owner) -> None:
        """Per-step lists and accumulating lists store a two-step tool turn once. [K1]"""
        steps = [[asks("c", "c1"), tells("r", "c1")], [says("a")]]
        for thread in ("per-step", "growing"):
            await chat.messages.append(thread, user("u"))
            for n, step in enumerate(steps):
                growing = [m for done in steps[: n + 1] for m in done]
                await chat.messages.append(thread, step if thread == "per-step" else growing)
            assert ids(await path(chat, thread)) == ["u", "c", "r", "a"]

    async def test_items_of_a_dialect(self, chat: Owner) -> None:
        """With dialect= native items go in and come out, everywhere. [C17]"""
        native = {"role": "user", "parts": [{"type": "text", "text": "x"}], "id": "m", "own": [1]}
        [given] = await chat.messages.append("t", native, dialect="threadkeep")
        assert (given.id, given.role, given.parts) == ("m", "user", (TextPart("x"),))
        assert await chat.messages.get("t", "m", dialect="threadkeep") == native
        assert list(await chat.messages.list("t", dialect="threadkeep")) == [native]
        assert list(await chat.messages.window("t", turns=1, dialect="threadkeep")) == [native]
        changed = {**native, "own": [2]}
        await chat.messages.update("t", "m", changed, dialect="threadkeep")
        assert await chat.messages.get("t", "m", dialect="threadkeep") == changed
        [again] = await chat.messages.replace_all("t", [native], dialect="threadkeep")
        assert again.payload == native
        with pytest.raises(InvalidError):
            await chat.messages.append("t", native)
        with pytest.raises(InvalidError):
            await chat.messages.append("t", native, dialect="unheard-of")
