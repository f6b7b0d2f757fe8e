"""The contract of finding threads by title and activity, and across owners."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, items, walk, walk_back
from threadkeep.values.errors import InvalidCursorError, InvalidError
from threadkeep.values.thread import OwnerSummary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadkeep.store import AsyncStore, Owner
    from threadkeep.testing.contract.kit import Owners
    from threadkeep.values.page import ThreadOrder
    from threadkeep.values.thread import Thread

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
TITLES = ["Trip to Lisbon", "lisbon, 100% sure", "a_b", "aXb", "back\\slash", None, "", "%%", "'"]


async def titled(chat: Owner) -> None:
    """Threads with these titles, an hour apart."""
    for n, title in enumerate(TITLES):
        await chat.threads.create(
            f"t{n}", title=title, active_at=NOON + timedelta(hours=n), external_id="e"
        )


def found(threads: Iterable[Thread]) -> list[str | None]:
    """The titles of threads."""
    return [thread.title for thread in threads]


class FindingContract(Contract):
    """threads.list by title, since and until; what the admin lists."""

    @pytest.mark.parametrize("which", [{}, {"user": "ann"}, {"external_id": "e"}])
    async def test_threads_are_found_by_their_title(
        self, owner: Owners, which: dict[str, Any]
    ) -> None:
        """The text stands anywhere, letters large or small, wildcards for themselves."""
        await titled(owner("a", user="ann"))
        threads = owner("a").threads
        orders: list[ThreadOrder] = ["active_at", "title"]
        for order_by in orders:
            for text in ("LISBON", "o lis", "%", "100%", "_", "A_B", "\\", "b\\\\", "'", "", "z"):
                matching = [t for t in TITLES if t is not None and text.lower() in t.lower()]
                listed = await threads.list(title=text, order_by=order_by, **which)
                assert sorted(map(str, found(listed))) == sorted(matching), text
                assert await threads.count(title=text, **which) == len(matching)
        pages = await walk(threads.list, title="B", limit=1, **which)
        assert found(items(pages)) == ["back\\slash", "aXb", "a_b", *TITLES[1::-1]]
        assert found(items(await walk_back(threads.list, pages[-1], title="B", limit=1, **which)))
        wrong: list[Any] = ["\0", "\ud800", 7, "x" * 1001]
        for title in wrong:
            with pytest.raises(InvalidError):
                await threads.list(title=title)

    @pytest.mark.parametrize("which", [{}, {"user": "ann"}, {"external_id": "e"}])
    async def test_threads_are_found_by_their_activity(
        self, owner: Owners, which: dict[str, Any]
    ) -> None:
        """From `since`, which belongs to it, to `until`, which does not. [B7]"""
        await titled(owner("a", user="ann"))
        threads = owner("a").threads
        times = [None, *(NOON + timedelta(hours=n) for n in (-1, 0, 3, 8, 9))]
        every = [(f"t{n}", NOON + timedelta(hours=n)) for n in range(len(TITLES))]
        for since in times:
            for until in times:
                wanted = [
                    id_
                    for id_, at in every
                    if (since is None or since <= at) and (until is None or at < until)
                ]
                span: dict[str, Any] = {"since": since, "until": until, **which}
                pages = await walk(threads.list, order="asc", limit=4, **span)
                assert [t.id for t in items(pages)] == wanted
                newest = await threads.list(**span)
                assert [t.id for t in newest] == wanted[::-1]
                assert not newest.truncated
                by_title = await threads.list(order_by="title", **span)
                assert {t.id for t in by_title} == set(wanted)
                assert await threads.count(**span) == len(wanted)
        both = await threads.list(since=times[3], title="b", **which)
        assert found(both) == ["back\\slash", "aXb"]
        with pytest.raises(InvalidError):
            await threads.list(since=datetime(2025, 1, 1))  # noqa: DTZ001
        with pytest.raises(InvalidCursorError):
            await threads.list(limit=1, cursor=(await threads.list(since=NOON, limit=1)).next)

    async def test_the_admin_lists_threads_by_activity(
        self, store: AsyncStore, owner: Owners
    ) -> None:
        """Across owners by their last activity, behind a thread if one is named. [B9]"""
        ours = {}
        for n, name in enumerate("abcabc"):
            made = await owner(name).threads.create(
                f"{owner(name).owner_id} {n}", active_at=NOON + timedelta(minutes=n // 2)
            )
            ours[made.id] = made
        await owner("c").threads.archive(f"{owner('c').owner_id} 2")
        threads = store.admin().threads

        def mine(pages: list[Any]) -> list[str]:
            return [t.id for t in items(pages) if t.id in ours]

        by_activity: dict[str, Any] = {"order_by": "active_at"}
        newest = await walk(threads.list, order="desc", limit=3, **by_activity)
        assert [ours[id_].active_at for id_ in mine(newest)] == sorted(
            (t.active_at for t in ours.values()), reverse=True
        )
        assert set(mine(newest)) == set(ours)
        assert mine(await walk(threads.list, limit=1000, **by_activity)) == mine(newest)[::-1]
        assert mine(await walk_back(threads.list, newest[-1], order="desc", limit=3, **by_activity))
        archived = await walk(threads.list, status="archived", **by_activity)
        assert mine(archived) == [f"{owner('c').owner_id} 2"]
        for kind in (by_activity, {"order_by": "key"}):
            whole = mine(await walk(threads.list, limit=1000, **kind))
            for place, id_ in enumerate(whole):
                behind = await walk(threads.list, limit=1000, after=id_, **kind)
                assert mine(behind) == whole[place + 1 :]
        with pytest.raises(InvalidCursorError):
            await threads.list(after=f"{owner('a').owner_id} unknown")
        twice = f"{owner('a').owner_id} twice"
        for name in "ab":
            await owner(name).threads.create(twice)
        with pytest.raises(InvalidError):
            await threads.list(after=twice, **by_activity)
        with pytest.raises(InvalidError):
            await threads.list(order_by="title")  # type: ignore[arg-type]

    async def test_the_admin_lists_owners(self, store: AsyncStore, owner: Owners) -> None:
        """Each owner with threads once, by id, with how many and when the last was active. [B9]"""
        first = owner("a").owner_id
        starts = first.removesuffix("a")
        wanted = []
        for name in ("a", "b", "B", "%", "ä", "ab"):
            for n in range(len(name) + 1):
                await owner(name).threads.create(f"t{n}", active_at=NOON + timedelta(hours=n))
            hours = timedelta(hours=len(name))
            wanted.append(OwnerSummary(starts + name, len(name) + 1, NOON + hours))
        await owner("b").threads.archive("t0")
        await owner("none").sessions.save("s")
        wanted.sort(key=lambda one: one.id.encode())
        owners = store.admin().owners
        for limit in (1, 4, 1000):
            pages = await walk(owners, starts=starts, limit=limit)
            assert items(pages) == wanted
            assert items(await walk_back(owners, pages[-1], starts=starts, limit=limit)) == wanted
        assert (await owners(starts=starts, order="desc")).items == tuple(wanted[::-1])
        assert [one async for one in owners(starts=f"{starts}a")] == [
            one for one in wanted if one.id.startswith(f"{starts}a")
        ]
        everyone = [one async for one in owners(limit=1000)]
        assert set(wanted) <= set(everyone)
        assert len({one.id for one in everyone}) == len(everyone)
        assert (await owners(starts=f"{starts}nobody")).items == ()
        with pytest.raises(InvalidCursorError):
            await owners(starts=starts, cursor=(await owners(limit=1)).next)
        with pytest.raises(InvalidError):
            await owners(starts="\0")
