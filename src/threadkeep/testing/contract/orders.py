"""The contract of ordered lists of threads, of previews, and of changes of metadata and payload."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, items, says, user, walk, walk_back
from threadkeep.values.errors import ConflictError, InvalidCursorError, InvalidError
from threadkeep.values.message import Message
from threadkeep.values.parts import RawPart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadkeep.store import Owner
    from threadkeep.testing.contract.kit import Owners
    from threadkeep.values.thread import Thread

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
ORDERS: list[Any] = ["active_at", "created_at", "updated_at", "title"]
TITLES = ["b", None, "a", "B", "", "é", "a", None, "b\u2028c", "\U0001f600", "a b", "z"]


def names(threads: Iterable[Thread]) -> list[str]:
    """The ids of threads."""
    return [thread.id for thread in threads]


def _key(thread: Thread, order_by: str, place: int) -> Any:
    if order_by == "title":
        return (thread.title is None, (thread.title or "").encode(), place)
    return (getattr(thread, order_by), place)


async def many(chat: Owner) -> None:
    """Threads whose times and titles tie and whose orders all differ; some of them archived."""
    for n, title in enumerate(TITLES):
        made = NOON + timedelta(minutes=n * 5 % 4)
        agent = {"agent": "x" if n % 3 else "y", "n": n}
        active = NOON + timedelta(minutes=n * 7 % 5)
        await chat.threads.create(
            f"t{n}", title=title, metadata=agent, created_at=made, active_at=active
        )
    for n in (9, 2, 5):
        await chat.threads.update(f"t{n}", external_id="e")
    await chat.threads.archive("t3")


class OrdersContract(Contract):
    """Threads in other orders, what they show, and what updates merge."""

    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("order_by", ORDERS)
    async def test_threads_are_ordered_as_asked(
        self, chat: Owner, order_by: Any, order: Any
    ) -> None:
        """Each order is that of Python by code points, ties in the order of creation. [B7 B8]

        Threads without a title come last, and desc is the exact reverse of asc.
        """
        await many(chat)
        made = [await chat.threads.get(f"t{n}") for n in range(len(TITLES))]
        wanted = [
            thread.id
            for _, thread in sorted(enumerate(made), key=lambda x: _key(x[1], order_by, x[0]))
        ]
        wanted = wanted if order == "asc" else wanted[::-1]
        found = await chat.threads.list(status="all", order_by=order_by, order=order)
        assert names(found) == wanted
        assert not found.truncated
        shown = await chat.threads.list(order_by=order_by, order=order)
        assert names(shown) == [name for name in wanted if name != "t3"]

    @pytest.mark.parametrize("which", [{}, {"metadata": {"agent": "x"}}, {"external_id": "e"}])
    @pytest.mark.parametrize("order_by", ORDERS)
    async def test_ordered_pages_meet_each_thread_once(
        self, chat: Owner, order_by: Any, which: dict[str, Any]
    ) -> None:
        """Cursors, offsets and anchors all cut the one list. [B7 B9 D7]"""
        await many(chat)
        for order in ("asc", "desc"):
            how: dict[str, Any] = {**which, "order_by": order_by, "order": order}
            every = names((await chat.threads.list(**how)).items)
            assert len(every) == (11 if not which else 8 if "metadata" in which else 3)
            pages = await walk(chat.threads.list, **how, limit=2)
            assert names(items(pages)) == every
            back = await walk_back(chat.threads.list, pages[-1], **how, limit=2)
            assert [page.items for page in back] == [page.items for page in pages]
            for n in range(len(every)):
                assert (
                    names([t async for t in chat.threads.list(**how, limit=2, offset=n)])
                    == (every[n:])
                )
                after = chat.threads.list(**how, limit=2, after=every[n])
                assert names([t async for t in after]) == every[n + 1 :]
            past = await chat.threads.list(**how, offset=len(every))
            assert (past.items, past.next) == ((), None)

    async def test_a_user_sees_only_its_own_in_every_order(
        self, owner: Owners, chat: Owner
    ) -> None:
        """A handle of a user orders its own threads, and cannot start after another's. [B9]"""
        ann, bob = owner("chat", user="ann"), owner("chat", user="bob")
        for n in range(3):
            await ann.threads.create(f"a{n}", title=f"{9 - n}", external_id="e")
            await bob.threads.create(f"b{n}", title=f"{9 - n}", external_id="e")
        for order_by in ORDERS:
            for which in ({}, {"external_id": "e"}):
                how: dict[str, Any] = {**which, "order_by": order_by, "order": "asc"}
                seen = names(await ann.threads.list(**how))
                assert seen == (["a2", "a1", "a0"] if order_by == "title" else ["a0", "a1", "a2"])
                assert names(await chat.threads.list(user="ann", **how)) == seen
                with pytest.raises(InvalidCursorError):
                    await ann.threads.list(after="b0", **how)

    async def test_an_anchor_must_be_known(self, chat: Owner, owner: Owners) -> None:
        """An unknown thread to start after is refused, never taken for the first page. [D9]"""
        await chat.threads.create("t")
        await owner("other").threads.create("foreign")
        for order_by in ORDERS:
            for unknown in ("nothing", "foreign"):
                with pytest.raises(InvalidCursorError):
                    await chat.threads.list(order_by=order_by, after=unknown)

    async def test_a_cursor_of_an_order_outlives_its_thread(self, chat: Owner) -> None:
        """A cursor holds its place when the thread there is deleted or renamed. [D9]"""
        for name in ("a", "b", "c", "d", "e"):
            await chat.threads.create(name, title=name)
        page = await chat.threads.list(order_by="title", order="asc", limit=2)
        await chat.threads.delete("b")
        how: dict[str, Any] = {"order_by": "title", "order": "asc", "limit": 1}
        rest = await chat.threads.list(**how, cursor=page.next)
        assert names(rest.items) == ["c"]
        await chat.threads.update("c", title="zz")
        rest = await chat.threads.list(**how, cursor=rest.next)
        assert names(rest.items) == ["d"]

    async def test_a_cursor_is_bound_to_its_order(self, chat: Owner) -> None:
        """A cursor of another order is an InvalidCursorError. [D9]"""
        for n in range(3):
            await chat.threads.create(f"t{n}")
        cursors = [(await chat.threads.list(order_by=by, limit=1)).next for by in ORDERS]
        for cursor, mine in zip(cursors, ORDERS, strict=True):
            for order_by in ORDERS:
                if order_by != mine:
                    with pytest.raises(InvalidCursorError):
                        await chat.threads.list(order_by=order_by, limit=1, cursor=cursor)

    async def test_long_titles_page_too(self, chat: Owner) -> None:
        """Titles compare by their first 200 characters, and any title makes a cursor that works."""
        long = ["\U0001f600" * 300, "\U0001f600" * 299 + "a", "\x01" * 250, '"' * 400]
        for n, title in enumerate(long):
            await chat.threads.create(f"t{n}", title=title)
        pages = await walk(chat.threads.list, order_by="title", order="asc", limit=1)
        assert names(items(pages)) == ["t2", "t3", "t0", "t1"]

    async def test_what_is_no_order_is_refused(self, chat: Owner) -> None:
        """Each argument is checked before anything is read, and the error names it. [B8]"""
        bad: list[tuple[str, dict[str, Any]]] = [
            ("order_by", {"order_by": "seq"}),
            ("order_by", {"order_by": "title; DROP"}),
            ("order_by", {"order_by": None}),
            ("order", {"order": "up"}),
            ("offset", {"offset": -1}),
            ("offset", {"offset": "1"}),
            ("offset", {"offset": 1, "cursor": "x"}),
            ("after", {"after": ""}),
            ("limit", {"order_by": "title", "limit": 0}),
        ]
        for field, which in bad:
            with pytest.raises(InvalidError) as caught:
                await chat.threads.list(**which)
            assert caught.value.field == field, which

    async def test_previews_begin_the_head_message(self, chat: Owner, owner: Owners) -> None:
        """What is read of each head, on one line and cut; unknown threads are left out. [B19]"""
        await chat.messages.append("a", [user("m", "question"), says("n", " an\n\tanswer\u2028! ")])
        await chat.messages.append("b", user("m", "word " * 100))
        await chat.threads.create("empty")
        await chat.messages.append("raw", Message.of("user", [RawPart({"secret": 1})], id="m"))
        strange = replace(Message.user("x", id="m"), format="unknown", json='{"text": "x"}')
        await chat.messages.append("strange", strange)
        await owner("other").messages.append("theirs", user("m"))
        await owner("chat", user="ann").messages.append("hers", user("m"))
        asked = ["b", "a", "theirs", "nothing", "empty", "a", "raw", "strange"]
        found = await chat.threads.previews(asked)
        assert list(found) == ["b", "a", "empty", "raw", "strange"]
        assert found["a"] == "an answer !"
        assert found["b"] == ("word " * 100)[:200]
        assert (found["empty"], found["strange"]) == ("", "")
        await chat.threads.set_head("a", "m")
        assert await chat.threads.previews(["a"]) == {"a": "question"}
        bob = owner("chat", user="bob")
        assert await bob.threads.previews(["a", "hers"]) == {}
        assert await owner("chat", user="ann").threads.previews(iter(["a", "hers"])) == {
            "hers": "m"
        }
        assert await chat.threads.previews([]) == {}
        for bad in ("abc", 5, ["x"] * 2 + [""], [7], [str(n) for n in range(1001)]):
            with pytest.raises(InvalidError) as caught:
                await chat.threads.previews(bad)  # type: ignore[arg-type]
            assert caught.value.field == "thread_ids"

    async def test_metadata_of_a_message_is_merged_as_a_patch(self, chat: Owner) -> None:
        """Null removes, objects merge, all else replaces; replace_metadata puts in its place.

        [H2 seed 004 defect 17]
        """
        await chat.messages.append(
            "t", replace(user("m"), metadata={"a": {"x": 1, "y": 2}, "b": 3})
        )
        merged = await chat.messages.update("t", "m", metadata={"a": {"x": None, "z": [1]}, "c": 4})
        assert merged.metadata == {"a": {"y": 2, "z": [1]}, "b": 3, "c": 4}
        assert (await chat.messages.get("t", "m")).metadata == merged.metadata
        whole = await chat.messages.update("t", "m", replace_metadata={"a": None})
        assert whole.metadata == {"a": None}
        assert (await chat.messages.update("t", "m", metadata={})).metadata == {"a": None}
        cleared = await chat.messages.update("t", "m", replace_metadata=None)
        assert cleared.metadata is None
        assert (await chat.messages.update("t", "m", metadata={"k": 1})).metadata == {"k": 1}
        # A Message brings its own, which the patch then changes.
        item = replace(user("m", "anew"), metadata={"own": 1, "k": 2})
        assert (await chat.messages.update("t", "m", item)).metadata == {"own": 1, "k": 2}
        both = await chat.messages.update("t", "m", item, metadata={"k": None, "n": 0})
        assert both.metadata == {"own": 1, "n": 0}
        new = await chat.messages.update("t", "new", replace(item, id="new"), metadata={"own": 2})
        assert new.metadata == {"own": 2, "k": 2}
        kept = await chat.messages.update("t", "m", user("m", "once more"))
        assert kept.metadata == {"own": 1, "n": 0}
        refused: list[dict[str, Any]] = [
            {"metadata": {}, "replace_metadata": {}},
            {"metadata": {"a": "\0"}},
            {"replace_metadata": ["a"]},
        ]
        for bad in refused:
            with pytest.raises(InvalidError):
                await chat.messages.update("t", "m", **bad)

    async def test_concurrent_merges_all_land(self, chat: Owner) -> None:
        """Patches of one message made at once all survive, deep ones too. [H2]"""
        await chat.messages.append("t", user("m"))
        await asyncio.gather(
            *(
                chat.messages.update("t", "m", metadata={f"k{n}": n, "deep": {f"d{n}": n}})
                for n in range(20)
            )
        )
        found = (await chat.messages.get("t", "m")).metadata
        wanted: dict[str, Any] = {f"k{n}": n for n in range(20)}
        assert found == {**wanted, "deep": {f"d{n}": n for n in range(20)}}

    async def test_the_payload_of_a_thread_is_replaced_as_it_is(self, chat: Owner) -> None:
        """The thread object of a format is kept verbatim, or cleared, and goes with its format."""
        made = await chat.threads.create("t", title="T", metadata={"a": 1})
        text = '{"b": 1, "a": [1e400, "\\u0000"], "b": 2}'
        one = await chat.threads.update("t", payload=text, format="x-app")
        assert (one.format, one.json, one.title, one.metadata) == ("x-app", text, "T", {"a": 1})
        assert one.revision == made.revision + 1
        assert await chat.threads.get("t") == one
        two = await chat.threads.update("t", payload={"k": "\ud800"}, format="y")
        assert (two.format, two.json) == ("y", '{"k":"\\ud800"}')
        kept = await chat.threads.update("t", title="U")
        assert (kept.format, kept.json) == (two.format, two.json)
        cleared = await chat.threads.update("t", payload=None, format=None)
        assert (cleared.format, cleared.json) == (None, None)
        halves: list[dict[str, Any]] = [
            {"payload": {}},
            {"format": "x"},
            {"payload": None},
            {"format": None, "payload": {}},
            {"format": "x", "payload": None},
            {"format": "", "payload": {}},
            {"format": "x", "payload": "{"},
        ]
        for half in halves:
            with pytest.raises(InvalidError):
                await chat.threads.update("t", **half)
        with pytest.raises(ConflictError):
            await chat.threads.update("t", payload={}, format="x", expected_revision=0)
        assert (await chat.threads.get("t")).json is None
