"""Events, scores and recorded spans: what a page reads, short pages, what a batch costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import FIRST, KEY, LAST, OWNER

from threadkeep import Event, InvalidError, Message, Usage, connect, connect_async
from threadkeep.core import recording, told
from threadkeep.sql import statements
from threadkeep.testing.contract.recorded import ended
from threadkeep.testing.servers import Database
from threadkeep.testing.wire import counted
from threadkeep.values.ids import new_id

SQL = statements("threadkeep")
FILL = """
WITH t AS (
  INSERT INTO threadkeep.threads (owner_key, next_seq, structure, revision, message_count,
    created_at, updated_at, active_at, turns, owner_id, thread_id, status)
  SELECT $1::bigint, 1, 0, 0, 0, now(), now(), now(), 0, $2, 't' || n, 'active'
  FROM generate_series(0, 99) n
  RETURNING thread_key, substr(thread_id, 2)::integer AS n
),
e AS (
  INSERT INTO threadkeep.events (owner_key, thread_key, created_at, owner_id, event_id, user_id,
    kind)
  SELECT $1::bigint, t.thread_key, '2026-01-01'::timestamptz + x * interval '1 minute', $2,
    'e' || x, 'u' || x % 50, 'k' || x % 7
  FROM generate_series(0, 19999) x JOIN t ON t.n = x % 100
)
INSERT INTO threadkeep.scores (owner_key, thread_key, value, created_at, owner_id, score_id,
  user_id, name, type)
SELECT $1::bigint, t.thread_key, x, '2026-01-01'::timestamptz + x * interval '1 minute', $2,
  's' || x, 'u' || x % 50, 'k' || x % 7, 'numeric'
FROM generate_series(0, 19999) x JOIN t ON t.n = x % 100
"""
MIDDLE = datetime(2026, 1, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
# The thread, the two ends of the time, kind and user asked for, and how many rows may be read.
PAGES: list[tuple[str | None, datetime, datetime, str | None, str | None, int]] = [
    (None, FIRST, LAST, None, None, 70),
    (None, MIDDLE, MIDDLE + HOUR, None, None, 70),
    (None, FIRST, LAST, "none", "u7", 1001),
    ("t7", FIRST, LAST, None, None, 70),
    ("t7", FIRST, LAST, "k1", None, 210),
    ("t7", MIDDLE, MIDDLE + 10 * HOUR, None, "u7", 20),
]


def rows_read(plan: dict[str, Any]) -> int:
    """Rows of events and scores that a plan read."""
    own = 0
    if plan.get("Relation Name") in ("events", "scores"):
        more = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        own = round((plan["Actual Rows"] + more) * plan["Actual Loops"])
    return own + sum(rows_read(child) for child in plan.get("Plans", ()))


async def check_pages(database: Database) -> None:
    """Each page reads no more than it may, with either kind of plan."""
    connection = await asyncpg.connect(database.url)
    try:
        for mode in ("force_custom_plan", "force_generic_plan"):
            await connection.execute(f"SET plan_cache_mode = {mode}")
            for what in ("events", "scores"):
                for order, at in (("newest", LAST), ("oldest", FIRST)):
                    for thread, since, until, word, whose, most in PAGES:
                        kind = "" if thread is None else "_of_thread"
                        text = SQL[f"{what}{kind}_{order}"].text
                        args = (KEY, OWNER, thread, None, at, "", since, until, word, whose, 51)
                        explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {text}"
                        looked = 1000 if word == "none" else 210 if word or whose else 60
                        plan = json.loads(await connection.fetchval(explain, *args, looked))
                        read = rows_read(plan[0]["Plan"])
                        assert 0 < read <= most, (what, order, thread, word, mode, read)
    finally:
        await connection.close()


@pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
async def test_what_is_asked_of_events_and_scores_is_read_by_an_index(database: Database) -> None:
    """A page reads the rows that it looks at only, analysed or not. [A17]"""
    observer = await asyncpg.connect(database.superuser_url)
    try:
        await observer.execute(FILL, KEY, OWNER)
        await check_pages(database)
        await observer.execute("VACUUM ANALYZE threadkeep.events, threadkeep.scores")
        await check_pages(database)
    finally:
        await observer.close()


async def test_a_page_that_looked_at_enough_leads_on(
    shared_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where few events match, pages are short, and all of them together miss none."""
    monkeypatch.setattr(told, "_LOOKED_AT", 5)
    async with connect_async(shared_database.url) as store:
        chat = store.owner(new_id())
        # Such that a match also stands just where a page stops looking.
        rare = (0, 4, 5, 9, 17, 28, 32)
        events = [Event("rare" if n in rare else "common", id=f"e{n:02}") for n in range(33)]
        assert await chat.events.track(events) == 33
        due = [f"e{n:02}" for n in rare]
        for limit in (1, 2, 4):
            up = chat.events.list(kind="rare", order="asc", limit=limit)
            assert [event.id async for event in up] == due
            down = chat.events.list(kind="rare", limit=limit)
            assert [event.id async for event in down] == due[::-1]
        page = await chat.events.list(kind="none")
        assert (page.items, page.truncated, page.has_more) == ((), True, True)


async def test_a_batch_is_one_statement(database: Database) -> None:
    """However many events or spans, and whatever their order; also a thousand at once."""
    with counted(database.url) as wire:
        async with connect_async(wire.url, pool_size=1) as store:
            chat = store.owner(OWNER)
            await chat.threads.create("t")
            for size in (1, 1000):
                costs: list[tuple[int, int]] = []
                # The first one of a kind prepares the statement.
                for _ in range(2):
                    tag = new_id()
                    chain = [
                        ended(f"{tag}{n}", f"{tag}{n + 1}", thread_id="t") for n in range(size)
                    ]
                    before = wire.trips
                    assert await chat.spans.record(chain) == size
                    between = wire.trips
                    assert await chat.events.track([Event("k", "t")] * size) == size
                    costs.append((between - before, wire.trips - between))
                assert costs[-1] == (1, 1)


def circular(parents: dict[str, str | None]) -> bool:
    """Whether some way up does not end."""

    def ends(at: str | None) -> bool:
        for _ in range(len(parents) + 1):
            at = None if at is None else parents.get(at)
        return at is None

    return not all(ends(start) for start in parents)


def refuses(call: Callable[[], object]) -> bool:
    """Whether a call is an InvalidError."""
    try:
        call()
    except InvalidError:
        return True
    return False


NAMES = st.sampled_from("abcdefgh")


@settings(max_examples=200)
@given(st.dictionaries(NAMES, NAMES | st.none()))
def test_circles_are_found_in_any_graph(parents: dict[str, str | None]) -> None:
    """A map from spans to parents is refused just where some way up does not end."""
    assert refuses(lambda: recording._check_circles(parents)) == circular(parents)


def told_to(parents: dict[str, str | None], done: set[str], batch: dict[str, str | None]) -> None:
    """What a batch makes of the spans there are, `done` being those that have ended."""
    for parent in batch.values():
        if parent is not None:
            parents.setdefault(parent, None)
    for id_ in batch.keys() - done:
        parents[id_] = batch[id_] or parents.get(id_)


def test_spans_told_in_any_way_are_a_forest(shared_database: Database) -> None:
    """Whatever batches come: each is refused whole, just for a circle, or stored; all ways end."""
    ids = st.sampled_from("abcdef")
    batches = st.lists(
        st.dictionaries(ids, ids | st.none(), min_size=1, max_size=4), min_size=1, max_size=5
    )
    with connect(shared_database.url) as store:

        @settings(max_examples=60)
        @given(batches)
        def check(told_batches: list[dict[str, str | None]]) -> None:
            chat = store.owner(new_id())
            parents: dict[str, str | None] = {}
            done: set[str] = set()
            for batch in told_batches:
                told_to(wanted := dict(parents), done, batch)
                spans = [ended(*pair) for pair in batch.items()]
                refused = refuses(lambda: chat.spans.record(spans))  # noqa: B023
                assert refused == (circular(batch) or circular(wanted))
                if not refused:
                    parents = wanted
                    done |= batch.keys()
                assert {span.id: span.parent_id for span in chat.spans.list()} == parents
            roots = chat.spans.list(roots=True)
            assert sum(len(chat.spans.tree(root.id)) for root in roots) == len(parents)

        check()


@pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
def test_the_sums_of_a_thread_end_at_what_they_can_hold(database: Database) -> None:
    """However much is reported, a run is stored and a turn ends; what nobody said stays unknown."""
    most = Usage(input_tokens=2**53, output_tokens=2**53)
    with connect(database.url) as store:
        chat = store.owner(OWNER)
        chat.threads.create("t")
        chat.runs.record("t", "first", status="complete", usage=most)
        with psycopg.connect(database.superuser_url, autocommit=True) as connection:
            connection.execute(
                "UPDATE threadkeep.threads SET input_tokens = 2^63::numeric - 2^53::numeric - 1"
            )
        chat.runs.record("t", "second", status="complete", usage=most)
        assert chat.runs.usage("t").input_tokens == 2**63 - 1
        chat.runs.record("t", "third", status="complete", usage=most)
        with chat.turn("t", Message.user("q")) as turn:
            turn.add_usage(most)
        found = chat.runs.usage("t")
        assert (found.input_tokens, found.output_tokens) == (2**63 - 1, 4 * 2**53)
        assert found.cached_tokens is None
