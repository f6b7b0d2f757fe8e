"""The contract of threads."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, items, path, user, walk, walk_back
from threadkeep.values.errors import (
    ConflictError,
    InvalidCursorError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from threadkeep.values.message import Message

if TYPE_CHECKING:
    from threadkeep.store import AsyncStore, Owner
    from threadkeep.testing.contract.kit import Owners

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
NAIVE = datetime(2024, 2, 29, 12)  # noqa: DTZ001
BAD_IDS: list[Any] = ["", "x" * 513, "é" * 257, "a\0b", "\ud800", 7, b"id"]


def at(minute: int) -> datetime:
    """A time of activity."""
    return NOON + timedelta(minutes=minute)


class ThreadsContract(Contract):
    """Create, get, list, update, archive, delete."""

    async def test_a_created_thread_has_defaults(self, chat: Owner) -> None:
        """Without arguments a thread has a new id, no title, no messages and is active. [B1]"""
        one, two = await chat.threads.create(), await chat.threads.create()
        assert one.id != two.id
        assert (one.owner_id, one.user_id, one.status) == (chat.owner_id, None, "active")
        assert (one.title, one.metadata, one.head, one.turns) == (None, None, None, 0)
        assert (one.message_count, one.revision) == (0, 0)
        assert one.created_at == one.updated_at == one.active_at
        assert await chat.threads.get(one.id) == one

    async def test_a_thread_keeps_what_it_was_given(self, chat: Owner) -> None:
        """Every field given at creation is stored, the payload byte for byte. [B1 B21 H1]"""
        payload = '{"b": 1, "a": [1e400, "\\u0000"], "b": 2}'
        made = await chat.threads.create(
            "t",
            title="Lisbon",
            metadata={"tags": ["x", {"deep": None}], "n": 12345678901234567890},
            external_id="remote-1",
            created_at=NOON,
            active_at=at(1),
            format="x-app",
            payload=payload,
        )
        assert (made.id, made.title, made.external_id) == ("t", "Lisbon", "remote-1")
        assert made.metadata == {"tags": ["x", {"deep": None}], "n": 12345678901234567890}
        assert (made.created_at, made.active_at) == (NOON, at(1))
        assert (made.format, made.json) == ("x-app", payload)
        assert await chat.threads.get("t") == made

    async def test_times_are_kept_as_instants(self, chat: Owner) -> None:
        """A time with any offset, at any end of time, comes back as the same instant in UTC.

        [C11]
        """
        for minutes in (330, -1439, 1439):
            there = NOON.astimezone(timezone(timedelta(minutes=minutes)))
            made = await chat.threads.create(created_at=there, active_at=there)
            assert made.created_at == made.active_at == NOON
            assert made.created_at.utcoffset() == timedelta(0)
            moved = await chat.threads.update(made.id, active_at=there + timedelta(1))
            assert moved.active_at == NOON + timedelta(1)
            [stored] = await chat.messages.append("t", Message.user("x"), created_at=there)
            assert (stored.created_at, stored.turn is not None) == (NOON, True)

    async def test_times_at_the_ends_of_time(self, chat: Owner) -> None:
        """Every instant between the years 1 and 9999 is kept; the very ends are refused."""
        first, last = (
            end.replace(tzinfo=UTC)
            for end in (datetime.min, datetime.max)  # noqa: DTZ901
        )
        for end in (first + timedelta(microseconds=1), last - timedelta(microseconds=1)):
            made = await chat.threads.create(created_at=end, active_at=end)
            assert await chat.threads.get(made.id) == made
            assert (made.created_at, made.active_at) == (end, end)
        assert len(items(await walk(chat.threads.list, limit=1))) == 2
        west = last.replace(tzinfo=timezone(timedelta(hours=-1)))
        for end in (first, last, west):
            with pytest.raises(InvalidError):
                await chat.threads.create(created_at=end)
            with pytest.raises(InvalidError):
                await chat.messages.append("t", user("m"), active_at=end)
        text = '{"role":"user","parts":[],"created_at":"0001-01-01T00:00:00Z"}'
        [stored] = await chat.messages.append("t", text, dialect="threadkeep")
        assert stored.json == text
        assert stored.created_at is not None
        assert stored.created_at > first

    async def test_naive_times_are_refused(self, chat: Owner) -> None:
        """A datetime without a time zone is an InvalidError, and nothing is written. [C11]"""
        for field in ("created_at", "active_at"):
            named: dict[str, Any] = {field: NAIVE}
            with pytest.raises(InvalidError) as caught:
                await chat.threads.create("t", **named)
            assert caught.value.field == field
            with pytest.raises(InvalidError):
                await chat.messages.append("t", user("m"), **named)
        with pytest.raises(NotFoundError):
            await chat.threads.get("t")
        await chat.threads.create("t")
        with pytest.raises(InvalidError):
            await chat.threads.update("t", active_at=NAIVE)

    @pytest.mark.parametrize("bad", BAD_IDS, ids=repr)
    async def test_bad_ids_are_refused(self, store: AsyncStore, chat: Owner, bad: Any) -> None:
        """An id that is none is an InvalidError wherever it stands. [B4 I4]"""
        with pytest.raises(InvalidError):
            store.owner(bad)
        with pytest.raises(InvalidError):
            store.owner("a", user=bad)
        with pytest.raises(InvalidError):
            await chat.threads.create(bad)
        with pytest.raises(InvalidError):
            await chat.threads.get(bad)
        with pytest.raises(InvalidError):
            await chat.messages.get("t", bad)
        with pytest.raises(InvalidError):
            await chat.messages.append("t", user("m"), parent=bad)

    async def test_long_ids_are_kept(self, chat: Owner) -> None:
        """An id of 512 bytes, with quotes and spaces in it, is an id like any other."""
        long = "' \"%_é😀\n" * 42 + "x" * 8
        assert len(long.encode()) == 512
        await chat.threads.create(long)
        await chat.messages.append(long, user(long))
        assert (await chat.threads.get(long)).head == long

    async def test_a_taken_id_is_refused_or_returned(self, chat: Owner) -> None:
        """Creating twice is a conflict; with exist_ok it gives the thread as it is stored.

        [B1 B20]
        """
        made = await chat.threads.create("t", title="first")
        with pytest.raises(ConflictError) as caught:
            await chat.threads.create("t", title="second")
        assert (caught.value.reason, caught.value.id) == ("exists", "t")
        assert await chat.threads.create("t", title="second", exist_ok=True) == made

    async def test_an_unknown_thread_is_not_found(self, chat: Owner) -> None:
        """Calls that need the thread raise NotFoundError, delete answers False. [B4]"""
        for call in (
            chat.threads.get("t"),
            chat.threads.update("t", title="x"),
            chat.threads.archive("t"),
            chat.threads.unarchive("t"),
            chat.threads.fork("t"),
            chat.threads.set_head("t", "m"),
        ):
            with pytest.raises(NotFoundError) as caught:
                await call
            assert (caught.value.kind, caught.value.id) == ("thread", "t")
        assert await chat.threads.delete("t") is False
        assert await chat.threads.find_active() is None

    async def test_update_changes_only_what_is_given(self, chat: Owner) -> None:
        """What is not given stays, None clears, every update counts as a revision. [B6]"""
        await chat.threads.create("t", title="a", external_id="e", metadata={"k": 1})
        one = await chat.threads.update("t", title="b")
        assert (one.title, one.external_id, one.metadata, one.revision) == ("b", "e", {"k": 1}, 1)
        two = await chat.threads.update("t", title=None, external_id=None, replace_metadata=None)
        assert (two.title, two.external_id, two.metadata, two.revision) == (None, None, None, 2)
        assert await chat.threads.get("t") == two

    async def test_metadata_is_merged_as_a_patch(self, chat: Owner) -> None:
        """`metadata` is a JSON merge-patch: objects merge, null removes, all else replaces. [H2]"""
        await chat.threads.create("t", metadata={"a": {"x": 1, "y": [1, 2]}, "b": 2, "c": 3})
        made = await chat.threads.update("t", metadata={"a": {"x": None, "y": [3]}, "b": None})
        assert made.metadata == {"a": {"y": [3]}, "c": 3}
        whole = await chat.threads.update("t", replace_metadata={"a": {"x": None}})
        assert whole.metadata == {"a": {"x": None}}

    async def test_an_expected_revision_guards_an_update(self, chat: Owner) -> None:
        """An update of an older revision than the stored one is a conflict and changes nothing."""
        await chat.threads.create("t")
        await chat.threads.update("t", title="a", expected_revision=0)
        with pytest.raises(ConflictError) as caught:
            await chat.threads.update("t", title="b", expected_revision=0)
        assert caught.value.reason == "revision_moved"
        await chat.messages.append("t", user("m"))
        stored = await chat.threads.update("t", title="c", expected_revision=1)
        assert (stored.title, stored.revision) == ("c", 2)

    async def test_archived_threads_are_left_out(self, chat: Owner) -> None:
        """Default lists, counts and find_active leave archived threads out; unarchive undoes it.

        [B10 B13]
        """
        await chat.threads.create("old", active_at=at(1))
        await chat.threads.create("new", active_at=at(2))
        assert (await chat.threads.archive("new")).status == "archived"
        assert [t.id for t in await chat.threads.list()] == ["old"]
        assert [t.id for t in await chat.threads.list(status="archived")] == ["new"]
        assert [t.id for t in await chat.threads.list(status="all")] == ["new", "old"]
        assert (await chat.threads.count(), await chat.threads.count(status="all")) == (1, 2)
        found = await chat.threads.find_active()
        assert found is not None
        assert found.id == "old"
        await chat.threads.unarchive("new")
        assert [t.id for t in await chat.threads.list()] == ["new", "old"]

    async def test_lists_are_ordered_by_activity(self, chat: Owner) -> None:
        """The latest append comes first; an update of a title does not move a thread. [B7 B16]"""
        for name in ("a", "b", "c"):
            await chat.threads.create(name)
        await chat.messages.append("a", user("m"))
        await chat.threads.update("b", title="x")
        assert [t.id for t in await chat.threads.list()] == ["a", "c", "b"]
        assert [t.id for t in await chat.threads.list(order="asc")] == ["b", "c", "a"]
        before = await chat.threads.get("a")
        await chat.messages.append("a", user("m"))
        assert (await chat.threads.get("a")).active_at == before.active_at
        await chat.messages.append("c", user("m"), active_at=at(0))
        assert (await chat.threads.get("c")).active_at > at(0)

    async def test_lists_are_filtered(self, chat: Owner, owner: Owners) -> None:
        """external_id, contained metadata and user filter lists and counts, together. [B21 H3]"""
        ann = owner("chat", user="ann")
        await ann.threads.create("a", external_id="e", metadata={"k": {"x": 1, "y": [1, 2]}})
        await chat.threads.create("b", external_id="e", metadata={"k": {"x": 2}})
        await chat.threads.create("c", metadata={"k": {"x": 1}})
        cases: list[tuple[dict[str, Any], set[str]]] = [
            ({"external_id": "e"}, {"a", "b"}),
            ({"metadata": {"k": {"x": 1}}}, {"a", "c"}),
            ({"metadata": {"k": {"y": [2]}}}, {"a"}),
            ({"metadata": {"k": {}}}, {"a", "b", "c"}),
            ({"metadata": {"other": 1}}, set()),
            ({"external_id": "e", "metadata": {"k": {"x": 1}}}, {"a"}),
            ({"user": "ann"}, {"a"}),
            ({"user": "bob"}, set()),
        ]
        for which, wanted in cases:
            assert {t.id async for t in chat.threads.list(**which)} == wanted, which
            assert await chat.threads.count(**which) == len(wanted), which

    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("limit", [1, 3, 10, 11])
    async def test_pages_cover_every_thread_once(self, chat: Owner, order: Any, limit: int) -> None:
        """Walking the cursors forth and back meets each thread once, also at equal times. [B7]"""
        wanted = [f"t{n}" for n in range(10)]
        for n, name in enumerate(wanted):
            await chat.threads.create(name, active_at=at(n // 4))
        wanted = wanted if order == "asc" else wanted[::-1]
        pages = await walk(chat.threads.list, order=order, limit=limit)
        assert [t.id for t in items(pages)] == wanted
        assert [page.has_more for page in pages] == [True] * (len(pages) - 1) + [False]
        back = await walk_back(chat.threads.list, pages[-1], order=order, limit=limit)
        assert [page.items for page in back] == [page.items for page in pages]
        walked = [t.id async for t in chat.threads.list(order=order, limit=limit)]
        assert walked == wanted

    async def test_a_walk_survives_activity(self, chat: Owner) -> None:
        """While others are active, each thread that was not touched is met exactly once."""
        for n in range(30):
            await chat.threads.create(f"t{n}", active_at=at(n))

        async def disturb() -> None:
            for n in range(30):
                await chat.messages.append(f"new{n}", user("m"))

        work = asyncio.create_task(disturb())
        pages = await walk(chat.threads.list, limit=4)
        await work
        seen = [t.id for t in items(pages) if not t.id.startswith("new")]
        assert seen == [f"t{n}" for n in reversed(range(30))]

    async def test_a_filtered_walk_is_complete(self, chat: Owner) -> None:
        """Pages of a metadata filter may be short, but a walk finds all that match. [H3]"""
        for n in range(25):
            await chat.threads.create(f"t{n}", metadata={"odd": n % 2}, active_at=at(n))
        found = items(await walk(chat.threads.list, metadata={"odd": 1}, limit=2))
        assert [t.id for t in found] == [f"t{n}" for n in range(23, 0, -2)]

    async def test_bad_cursors_are_refused(self, chat: Owner, owner: Owners) -> None:
        """A cursor that is made up, changed, or of another list is an InvalidCursorError."""
        for n in range(3):
            await chat.threads.create(f"t{n}")
            await owner("other").threads.create(f"t{n}")
        cursor = (await chat.threads.list(limit=1)).next
        assert cursor is not None
        swapped = cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")
        for bad in ("", "x", "Zm9v", cursor[:-1], cursor + "A", swapped, "\ud800", 7):
            with pytest.raises(InvalidCursorError):
                await chat.threads.list(limit=1, cursor=bad)  # type: ignore[arg-type]
        others: list[tuple[Any, dict[str, Any]]] = [
            (chat.threads.list, {"order": "asc"}),
            (chat.threads.list, {"status": "all"}),
            (owner("other").threads.list, {}),
            (owner("chat", user="ann").threads.list, {}),
        ]
        for read, which in others:
            with pytest.raises(InvalidCursorError):
                await read(limit=1, cursor=cursor, **which)
        with pytest.raises(InvalidCursorError):
            await chat.messages.list("t0", cursor=cursor)

    @pytest.mark.parametrize("limit", [0, -1, 1001, True, "5", 2.0, None])
    async def test_limits_are_checked(self, chat: Owner, limit: Any) -> None:
        """A limit is an int from 1 to 1000."""
        with pytest.raises(InvalidError):
            await chat.threads.list(limit=limit)
        with pytest.raises(InvalidError):
            await chat.messages.list("t", limit=limit)

    async def test_delete_removes_all_and_answers_once(self, chat: Owner) -> None:
        """A deleted thread is gone with its messages; a second delete is False; the id is free.

        [B11]
        """
        await chat.messages.append("t", [user("m"), user("n")])
        assert await chat.threads.delete("t") is True
        assert await chat.threads.delete("t") is False
        assert await path(chat, "t") == []
        with pytest.raises(NotFoundError):
            await chat.messages.get("t", "m")
        [again] = await chat.messages.append("t", user("m", "other"))
        assert (again.seq, again.parent_id, again.text) == (1, None, "other")

    async def test_a_closed_store_is_unavailable(self, store: AsyncStore, chat: Owner) -> None:
        """Calls on a closed store raise UnavailableError, and closing twice is no error. [A6]"""
        await chat.threads.create("t")
        await store.close()
        await store.close()
        with pytest.raises(UnavailableError):
            await chat.threads.get("t")
        with pytest.raises(UnavailableError):
            await chat.messages.append("t", user("m"))
        with pytest.raises(UnavailableError):
            await chat.messages.delete("t", "m")
