"""What filtered and ordered lists read: one thread, or a bounded number of threads."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from samples import ANY_THREAD, FAR, FIRST, FIRST_DAY, KEY, LAST, NAMED, OWNER, THREAD
from test_counts import BIG_MESSAGES, BIG_THREADS

from threadkeep import Message, connect_async
from threadkeep.sql import statements
from threadkeep.testing.servers import Database
from threadkeep.testing.wire import counted
from threadkeep.values.ids import owner_key

SQL = statements("threadkeep")
SIZE = 3_000
MARKED = """
UPDATE threadkeep.threads SET metadata = '{"agent": "rare"}', title = 'A Rare One'
WHERE owner_key = $1::bigint AND thread_id = ANY ($2::text[])
"""

PATH, TREE = (*NAMED, None, None, False, -1), (*NAMED, None, None, True, -1)
ANY = [None] * 6
NO_METADATA = (None, '{"no":"such"}', *ANY[2:], True)
Lists = dict[str, tuple[str, tuple[object, ...], int]]

# Each list, and how many rows it may read for the 51 that it returns.
SCANS: Lists = {
    "a page": ("messages_scan_up", (*PATH, None, 51, 5, *ANY, True, None, FAR), 250),
    "a page, downwards": ("messages_scan_down", (*TREE, None, 51, 5, *ANY, True, None, 99), 250),
    "behind a message": ("messages_scan_down", (*PATH, "m1500", 51, 0, *ANY, True, None, -1), 250),
    "of some roles": (
        "messages_scan_up",
        (*PATH, None, 51, 0, ["user"], *ANY[1:], True, None, FAR),
        51 * 6 + 250,
    ),
    "nothing matches": (
        "messages_scan_up",
        (*TREE, None, 51, 0, *NO_METADATA, None, FAR),
        SIZE + 250,
    ),
    "no archived sessions": (
        "messages_scan_down",
        (*PATH, None, 51, 0, *ANY, False, None, -1),
        250,
    ),
    "by time": ("messages_newest", (*PATH, None, 51, 0, *ANY, True, LAST, FAR), SIZE + 350),
    "by time, oldest": (
        "messages_oldest",
        (*TREE, "m1500", 51, 0, *ANY, True, FIRST, -1),
        SIZE + 350,
    ),
}
TREES: Lists = {
    "depths": (
        "messages_depths",
        (*NAMED, None, [f"m{n}" for n in range(1, SIZE + 1, 60)]),
        51 * 3 + 10,
    ),
    "a leaf": ("messages_leaf", (*NAMED, None, "m1"), 10),
}
THREADS: Lists = {
    "by title": (
        "threads_sorted_up",
        (KEY, OWNER, None, *ANY_THREAD, "title", *ANY[:4], 51, 0),
        SIZE + 300,
    ),
    "of a user": (
        "threads_of_user_sorted_down",
        (KEY, OWNER, None, *ANY_THREAD, "created_at", *ANY[:4], 51, 0, "person"),
        SIZE // 100 + 300,
    ),
    "previews": ("threads_previews", (KEY, OWNER, None, [f"t{n}" for n in range(1, 52)]), 300),
}


async def _grow(observer: Any) -> None:
    """A thread among ten as large, and an owner's threads beside ten times as many of another's."""
    for name in (THREAD, *(f"other-{n}" for n in range(9))):
        await observer.execute(BIG_MESSAGES, KEY, OWNER, name, SIZE)
    for owner, size in ((OWNER, SIZE), ("another", 10 * SIZE)):
        await observer.execute(BIG_THREADS, owner_key(owner), owner, size)


def _scans(plan: dict[str, Any]) -> list[tuple[str, int]]:
    """What the scans of a plan read: from which table, by which node, how many rows."""
    found = [scan for child in plan.get("Plans", ()) for scan in _scans(child)]
    if "Relation Name" in plan:
        lost = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        found.append(
            (plan["Node Type"], round((plan["Actual Rows"] + lost) * plan["Actual Loops"]))
        )
    return found


@pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
async def test_a_list_reads_no_other_thread(database: Database) -> None:
    """A list of messages reads rows of its thread only, by keys, analysed or not, and few of them.

    [D12 D13]
    """
    observer = await asyncpg.connect(database.superuser_url)
    connection = await asyncpg.connect(database.url)
    try:
        await _grow(observer)
        # Before there are statistics a message may be looked up by reading its thread.
        early = {name: each for name, each in SCANS.items() if each[1][7] is None}
        await _check(connection, early, "not analysed")
        await observer.execute("VACUUM ANALYZE threadkeep.messages")
        await observer.execute("VACUUM ANALYZE threadkeep.threads")
        await _check(connection, {**SCANS, **TREES, **THREADS}, "analysed")
    finally:
        await connection.close()
        await observer.close()


async def _check(connection: Any, lists: Lists, when: str) -> None:
    for mode in ("force_custom_plan", "force_generic_plan"):
        await connection.execute(f"SET plan_cache_mode = {mode}")
        for name, (block, args, most) in lists.items():
            explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {SQL[block].text}"
            plan = json.loads(await connection.fetchval(explain, *args))[0]["Plan"]
            scans = _scans(plan)
            assert 0 < sum(rows for _, rows in scans) <= most, (name, mode, when, scans)


async def test_a_search_by_metadata_says_where_its_bound_ended_it(database: Database) -> None:
    """A page looks at 10 000 threads, says that it is truncated, and the walk finds all. [H3]"""
    observer = await asyncpg.connect(database.superuser_url)
    await observer.execute(BIG_THREADS, KEY, OWNER, 21_000)
    # In the order of the list: t1 is the newest. t10000 is the last that the first page looks at.
    await observer.execute(MARKED, KEY, ["t7", "t9999", "t10000", "t10001", "t20002", "t21000"])
    await observer.execute("VACUUM ANALYZE threadkeep.threads")
    await observer.close()
    rare = {"agent": "rare"}
    async with connect_async(database.url) as store:
        threads = store.owner(OWNER).threads
        pages = [await threads.list(status="all", metadata=rare)]
        while pages[-1].next is not None:
            pages.append(await threads.list(status="all", metadata=rare, cursor=pages[-1].next))
        assert [[t.id for t in page] for page in pages] == [
            ["t7", "t9999", "t10000"],
            ["t10001"],
            ["t20002", "t21000"],
        ]
        assert [page.truncated for page in pages] == [True, True, False]
        titled = await threads.list(status="all", title="rare")
        assert (titled.items, titled.truncated) == (pages[0].items, True)
        full = await threads.list(status="all", metadata=rare, limit=2)
        assert (full.truncated, full.has_more) == (False, True)
        # An order of its own reads them all, and so does an offset.
        whole = await threads.list(status="all", metadata=rare, order_by="title")
        assert (len(whole), whole.truncated) == (6, False)
        skipped = await threads.list(status="all", metadata=rare, offset=4)
        assert ([t.id for t in skipped], skipped.truncated) == (["t20002", "t21000"], False)
        archived = await threads.list(status="archived", limit=1000)
        assert (archived.truncated, archived.items[-1].id) == (True, "t1000")
        assert await threads.count(status="all", metadata=rare) == 6


async def test_a_list_that_matches_is_one_round_trip(database: Database) -> None:
    """A filtered, ordered or anchored page of messages is one statement, and so are previews.

    [B19]
    """
    with counted(database.url) as wire:
        async with connect_async(wire.url, rls="required", pool_size=1) as store:
            chat = store.owner(OWNER)
            await chat.threads.create(THREAD, title="T")
            await chat.messages.append(THREAD, [Message.user("q", id="m"), Message.user("r")])
            calls: list[Callable[[], Awaitable[Any]]] = [
                lambda: _page(chat.messages.list(THREAD, roles=["user"], metadata=None)),
                lambda: _page(chat.messages.list(THREAD, archived_sessions=False, last=5)),
                lambda: _page(chat.messages.list(THREAD, order_by="created_at", after="m")),
                lambda: _page(chat.threads.list(order_by="created_at", metadata=None)),
                lambda: _page(chat.threads.list(title="", since=FIRST_DAY, status="all")),
                lambda: chat.threads.previews([THREAD, "unknown"]),
                lambda: chat.messages.depths(THREAD, ["m"]),
                lambda: chat.messages.leaf(THREAD, "m"),
            ]
            for number, call in enumerate(calls):
                await call()
                await call()
                before = wire.trips
                assert await call(), number
                assert wire.trips - before == 1, number


async def _page(call: Any) -> Any:
    return await call


async def walked(database: Database, size: int) -> int:
    """How much memory a walk over a thread of so many messages takes at the most, in bytes."""
    async with connect_async(database.url) as store:
        chat = store.owner(f"walker {size}")
        text = "word " * 100
        for start in range(0, size, 1000):
            batch = [Message.user(text) for _ in range(start, min(start + 1000, size))]
            await chat.messages.append("t", batch)
        del batch
        tracemalloc.start()
        seen = 0
        async for _ in chat.messages.list("t", limit=200):
            seen += 1
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert seen == size
        return most


async def test_a_walk_holds_one_page_at_a_time(database: Database) -> None:
    """Ten times the messages take no more memory, but for what varies by chance. [D15]"""
    short, long = await walked(database, 1_000), await walked(database, 10_000)
    assert long < 1.5 * short
