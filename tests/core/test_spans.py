"""Spans: what a page and a total read, short pages, sums of any rows, cancellation."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import FIRST, KEY, LAST, OWNER

from threadkeep import Total, Usage, connect, connect_async
from threadkeep.core import spans as core
from threadkeep.sql import statements
from threadkeep.testing.contract.totals import summed
from threadkeep.testing.servers import Database
from threadkeep.values.ids import new_id

SQL = statements("threadkeep")
THREADS = """
INSERT INTO threadkeep.threads (owner_key, next_seq, structure, revision, message_count, created_at,
  updated_at, active_at, turns, owner_id, thread_id, user_id, status)
SELECT $1::bigint, 1, 0, 0, 0, now(), now(), now(), 0, $2, 't' || n, 'u' || n % 50, 'active'
FROM generate_series(0, 499) n
"""
SPANS = """
INSERT INTO threadkeep.spans (owner_key, thread_key, started_at, ended_at, duration_ms, owner_id,
  span_id, parent_id, user_id, run, name, type, status, input_tokens)
SELECT $1::bigint, t.thread_key, '2026-01-01'::timestamptz + n * interval '1 minute',
  '2027-01-01', n, $2, 's' || n, CASE WHEN n % 100 > 0 THEN 's' || n - n % 100 END,
  t.user_id, 'r' || n / 1000, 'step', CASE WHEN n % 2 = 0 THEN 'llm' ELSE 'tool' END, 'complete', 7
FROM generate_series(0, 29999) n
JOIN threadkeep.threads t ON t.owner_key = $1::bigint AND t.thread_id = 't' || n % 500
"""
RUNS = """
INSERT INTO threadkeep.runs (owner_key, thread_key, started_at, renewed_at, lease_until, ended_at,
  exclusive, run_id, status, input_tokens)
SELECT $1::bigint, t.thread_key, '2026-01-01'::timestamptz + n * interval '1 minute', now(), now(),
  now(), false, 'r' || n, 'complete', 7
FROM generate_series(1, 20) n JOIN threadkeep.threads t ON t.owner_key = $1::bigint
"""
ANY = (False, *[None] * 5)
NO_AGENTS = (False, "agent", *[None] * 4)
MIDDLE = datetime(2026, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
# How a statement is called, and how many rows of spans or runs it may read: those that it returns
# or sums, and a few more.
READS: dict[str, tuple[str, tuple[object, ...], int]] = {
    **{
        f"{kind} {order}": (
            f"spans{name}_{order}",
            (KEY, OWNER, thread, None, at, "", since, LAST, parent, *ANY, 51, 60, user),
            70,
        )
        for kind, name, thread, parent, user in (
            ("owner", "", None, None, None),
            ("user", "_of_user", None, None, "u7"),
            ("thread", "_of_thread", "t7", None, None),
            ("parent", "_of_parent", None, "s200", None),
        )
        for order, at in (("newest", MIDDLE), ("oldest", FIRST))
        for since in (FIRST,)
    },
    "one hour": (
        "spans_newest",
        (KEY, OWNER, None, None, LAST, "", MIDDLE, MIDDLE + HOUR, None, *ANY, 51, 10_000, None),
        70,
    ),
    "none of a kind": (
        "spans_newest",
        (KEY, OWNER, None, None, LAST, "", FIRST, LAST, None, *NO_AGENTS, 51, 1000, None),
        1001,
    ),
    "get": ("span_get", (KEY, OWNER, "s200", None), 1),
    "tree": ("span_tree", (KEY, OWNER, "s200", None), 210),
    "totals of an hour": (
        "spans_totals",
        (KEY, OWNER, None, None, MIDDLE, MIDDLE + HOUR, "day", None, None),
        70,
    ),
    "totals of a user": (
        "spans_totals_of_user",
        (KEY, OWNER, None, None, FIRST, LAST, "day", None, "u7"),
        610,
    ),
    "totals of a thread": (
        "spans_totals_of_thread",
        (KEY, OWNER, "t7", None, FIRST, LAST, "run", None, None),
        70,
    ),
    "runs of a user": ("runs_totals_of_user", (KEY, OWNER, None, "u7", FIRST, LAST, "day"), 210),
    "runs of a thread": ("runs_totals_of_thread", (KEY, OWNER, "t7", None, FIRST, LAST, "run"), 25),
}


def rows_read(plan: dict[str, Any]) -> int:
    """Rows of spans and runs that a plan read."""
    own = 0
    if plan.get("Relation Name") in ("spans", "runs"):
        more = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        own = round((plan["Actual Rows"] + more) * plan["Actual Loops"])
    return own + sum(rows_read(child) for child in plan.get("Plans", ()))


async def check_reads(database: Database) -> None:
    """Each statement reads no more than it may, with either kind of plan."""
    connection = await asyncpg.connect(database.url)
    try:
        for mode in ("force_custom_plan", "force_generic_plan"):
            await connection.execute(f"SET plan_cache_mode = {mode}")
            for name, (block, args, most) in READS.items():
                explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {SQL[block].text}"
                plan = json.loads(await connection.fetchval(explain, *args))[0]["Plan"]
                assert 0 < rows_read(plan) <= most, (name, mode, rows_read(plan))
    finally:
        await connection.close()


@pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
async def test_what_is_asked_of_spans_is_read_by_an_index(database: Database) -> None:
    """A page, a tree and a total read their own rows only, analysed or not. [A17]"""
    observer = await asyncpg.connect(database.superuser_url)
    try:
        for text in (THREADS, SPANS):
            await observer.execute(text, KEY, OWNER)
        await observer.execute(RUNS, KEY)
        await check_reads(database)
        for table in ("spans", "runs", "threads"):
            await observer.execute(f"VACUUM ANALYZE threadkeep.{table}")
        await check_reads(database)
    finally:
        await observer.close()


async def test_a_page_that_looked_at_enough_leads_on(
    shared_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where few spans match, pages are short, and all of them together miss none."""
    monkeypatch.setattr(core, "_LOOKED_AT", 5)
    async with connect_async(shared_database.url) as store:
        chat = store.owner(new_id())
        due = []
        for n in range(33):
            # Such that a match also stands just where a page stops looking.
            kind = "llm" if n in (0, 4, 5, 9, 17, 28, 32) else "tool"
            await chat.spans.start("s", span_id=f"s{n:02}", type=kind)  # type: ignore[arg-type]
            due += [f"s{n:02}"] if kind == "llm" else []
        for limit in (1, 2, 4):
            up = chat.spans.list(type="llm", order="asc", limit=limit)
            assert [span.id async for span in up] == due
            down = chat.spans.list(type="llm", limit=limit)
            assert [span.id async for span in down] == due[::-1]
        page = await chat.spans.list(type="agent")
        assert page.items == ()
        assert page.next is not None


ROWS = st.lists(
    st.tuples(
        st.sampled_from([None, "r1", "r2"]),
        st.sampled_from([None, "a", "Z", "é"]),
        st.integers(0, 100),
        st.builds(
            Usage,
            st.none() | st.integers(0, 2**40),
            st.none() | st.just(0),
            cost=st.none() | st.decimals(0, 10**6, places=9),
        ),
    ),
    max_size=6,
)


def test_totals_are_the_sums_of_any_rows(shared_database: Database) -> None:
    """Whatever spans there are, each sum is that of its rows, exactly. [M4]"""
    start = datetime(2026, 2, 27, tzinfo=UTC)
    with connect(shared_database.url) as store:

        @settings(max_examples=25)
        @given(ROWS)
        def check(rows: list[tuple[str | None, str | None, int, Usage]]) -> None:
            chat = store.owner(new_id())
            for n, (run, user, hours, usage) in enumerate(rows):
                at = start + hours * HOUR
                chat.spans.start("s", span_id=str(n), run=run, user=user, started_at=at)
                chat.spans.end(str(n), usage=usage)
            days = [(start + hours * HOUR).date().isoformat() for _, _, hours, _ in rows]
            usages = [usage for *_, usage in rows]
            assert chat.spans.totals() == summed((row[0], row[3]) for row in rows)
            assert chat.spans.totals(by="user") == summed((row[1], row[3]) for row in rows)
            assert chat.spans.totals(by="day") == summed(zip(days, usages, strict=True))

        check()


async def test_a_cancelled_task_ends_its_spans(shared_database: Database) -> None:
    """Each span around the point of a cancellation is cancelled by the time the task has ended."""
    async with connect_async(shared_database.url) as store:
        chat = store.owner(new_id())
        inside = asyncio.Event()

        async def work() -> None:
            async with (
                chat.span("outer", span_id="outer") as outer,
                chat.span("inner", span_id="inner", parent=outer.id) as inner,
            ):
                inner.set(usage=Usage(1, cost=Decimal("0.1")))
                inside.set()
                await asyncio.sleep(3600)

        task = asyncio.create_task(work())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        tree = await chat.spans.tree("outer")
        assert [span.status for span in tree] == ["cancelled", "cancelled"]
        assert await chat.spans.totals() == [Total(None, Usage(1, cost=Decimal("0.1")), 2)]


async def test_a_cancelled_end_ends_all_the_same(shared_database: Database) -> None:
    """Who is cancelled while the block is left finds the span ended."""
    async with connect_async(shared_database.url) as store:
        chat = store.owner(new_id())
        leaving = asyncio.Event()

        async def work() -> None:
            async with chat.span("s", span_id="a"):
                leaving.set()

        task = asyncio.create_task(work())
        await leaving.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await chat.spans.get("a")).status in ("complete", "cancelled")
