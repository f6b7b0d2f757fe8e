"""The trace repository: what agents did, as a tree, with what it used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from threadkeep import ConflictError, InvalidError, NotFoundError, Usage
from threadkeep.adapters.repositories import (
    Database,
    TraceRepository,
    create_thread_repository,
    create_trace_repository,
)

AT = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
async def traces(db: Database) -> TraceRepository:
    """The repository, with a thread "t" of a user."""
    await create_thread_repository(db).create(user_id="u", id="t")
    return create_trace_repository(db)


async def test_a_trace_is_started_and_ended(traces: TraceRepository) -> None:
    """It starts now, and its end has the output, the time it took and what it used. [M1]"""
    begun = await traces.start(
        name="answer", type="agent", thread_id="t", input={"q": 1}, metadata={"a": 1}
    )
    assert (begun.status, begun.ended_at, begun.duration_ms) == ("running", None, None)
    assert begun.user_id == "u"
    tokens = {"promptTokens": 12, "completionTokens": 6, "totalTokens": 18}
    ended = await traces.end(begun.id, output=["x"], token_usage=tokens, metadata={"b": 2})
    assert ended is not None
    assert (ended.status, ended.output, ended.input) == ("complete", ["x"], {"q": 1})
    assert ended.token_usage == tokens
    assert ended.metadata == {"a": 1, "b": 2}
    assert ended.ended_at is not None
    assert ended.duration_ms is not None
    passed = (ended.ended_at - ended.started_at).total_seconds() * 1000
    assert abs(ended.duration_ms - passed) < 1
    assert await traces.get_by_id(begun.id) == ended
    assert await traces.complete(begun.id, output=["x"], token_usage=tokens) == ended
    with pytest.raises(ConflictError):
        await traces.update(begun.id, output=["y"])


async def test_an_error_makes_a_trace_failed(traces: TraceRepository) -> None:
    """A trace with an error has failed; one that is made whole has all of it at once. [M1]"""
    made = await traces.create(
        name="sum",
        type="tool",
        id="x",
        started_at=AT,
        ended_at=AT + timedelta(seconds=2),
        error="ValueError",
    )
    assert (made.status, made.error, made.duration_ms) == ("failed", "ValueError", 2000)
    running = await traces.create(name="sum", type="tool")
    assert running.status == "running"
    for wrong in ({"type": "robot"}, {"metadata": {"token_usage": 1}}, {"started_at": "now"}):
        bad: Any = wrong
        with pytest.raises(InvalidError):
            await traces.start(name="x", **bad)
    with pytest.raises(NotFoundError):
        await traces.start(name="x", thread_id="unknown")
    with pytest.raises(NotFoundError):
        await traces.start(name="x", parent_id="unknown")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"promptTokens": 1}, {"promptTokens": 1, "totalTokens": 1}),
        ({"promptTokens": 0, "completionTokens": 0}, {"promptTokens": 0, "completionTokens": 0}),
        ({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}, {"completionTokens": 2}),
        ({"promptTokens": 1, "completionTokens": 2, "totalTokens": 9}, {"totalTokens": 9}),
        ({"totalTokens": 5}, {"totalTokens": 5}),
        ({"promptTokens": 1, "toolTokens": 7}, {"promptTokens": 1, "toolTokens": 7}),
        (Usage(input_tokens=3, cached_tokens=2), {"promptTokens": 3, "cachedTokens": 2}),
    ],
)
async def test_token_usage_is_mapped_both_ways(
    traces: TraceRepository, said: Any, shown: dict[str, int]
) -> None:
    """What was said of the usage is shown again, a total that is no sum too. [M1]"""
    made = await traces.create(name="x", token_usage=said)
    assert made.token_usage is not None
    assert shown.items() <= made.token_usage.items()
    assert made.metadata is None
    assert made.status == "complete"


async def test_bad_token_usage_is_refused(traces: TraceRepository) -> None:
    """Numbers that are none are refused before anything is written. [M1]"""
    begun = await traces.start(name="x")
    for wrong in ({"promptTokens": -1}, {"promptTokens": "1"}, 7):
        bad: Any = wrong
        with pytest.raises(InvalidError):
            await traces.end(begun.id, token_usage=bad)
    found = await traces.get_by_id(begun.id)
    assert found is not None
    assert found.status == "running"
    assert found.token_usage is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"token_usage": 7},
        {"duration_ms": -1},
        {"ended_at": datetime(2024, 1, 1)},  # noqa: DTZ001
        {"output": object()},
        {"error": 7},
    ],
)
async def test_a_bad_end_is_refused_before_the_start(traces: TraceRepository, wrong: Any) -> None:
    """A trace that is made whole is made with an end that is right, or not at all. [M1]"""
    with pytest.raises(InvalidError):
        await traces.create(name="x", id="x", **wrong)
    assert await traces.get_by_id("x") is None


async def test_bad_metadata_is_refused(traces: TraceRepository) -> None:
    """Also beside usage that has members of its own. [M1]"""
    begun = await traces.start(name="x")
    for wrong in (None, ["a"], "x"):
        bad: Any = wrong
        for usage in (None, {"toolTokens": 1}):
            with pytest.raises(InvalidError, match="metadata"):
                await traces.end(begun.id, metadata=bad, token_usage=usage)


async def test_a_tree_is_read_at_once(traces: TraceRepository) -> None:
    """Five levels, parents first, and its roots and children by themselves. [M2]"""
    parent, root = None, ""
    for n in range(5):
        made = await traces.start(
            name=f"n{n}", parent_id=parent, started_at=AT + timedelta(seconds=n), thread_id="t"
        )
        leaf = await traces.start(name=f"leaf{n}", parent_id=made.id, started_at=AT)
        parent = made.id
        root = made.id if n == 0 else root
    tree = await traces.tree(root)
    assert [(row.name, row.depth) for row in tree if row.name.startswith("n")] == [
        (f"n{n}", n) for n in range(5)
    ]
    assert len(tree) == 10
    places = {row.id: place for place, row in enumerate(tree)}
    assert all(places[row.parent_id] < places[row.id] for row in tree if row.parent_id)
    assert [row.id for row in await traces.find_root_traces()] == [root]
    assert [row.name for row in await traces.find_by_parent_id(root)] == ["leaf0", "n1"]
    assert leaf.depth is None
    assert await traces.delete(root) is True
    assert await traces.delete(root) is False
    assert await traces.list() == []


async def test_traces_are_found_by_what_they_are(traces: TraceRepository) -> None:
    """By type, error, duration and time, all at once; a bound of zero is a bound.

    [M3 seed 004 defect 19]
    """
    for n in range(6):
        await traces.create(
            name=f"n{n}",
            type="llm" if n % 2 else "tool",
            thread_id="t" if n < 4 else None,
            started_at=AT + timedelta(seconds=n),
            duration_ms=n * 10,
            error="Oops" if n in (2, 3) else None,
        )

    async def names(**which: Any) -> str:
        return "".join(row.name[1:] for row in await traces.list(order="asc", **which))

    assert await names(type="llm") == "135"
    assert await names(has_error=True) == "23"
    assert await names(has_error=False, type="tool") == "04"
    assert await names(max_duration_ms=0) == "0"
    assert await names(min_duration_ms=0) == "012345"
    assert await names(min_duration_ms=20, max_duration_ms=40) == "234"
    assert await names(since=AT + timedelta(seconds=1), until=AT + timedelta(seconds=3)) == "12"
    assert await names(thread_id="t", type="tool") == "02"
    assert await names(limit=2, offset=3) == "34"
    assert await names(limit=None, offset=3) == "345"
    assert await names(limit=0) == await names(limit=0, offset=2) == ""
    assert await names(offset=6) == await names(limit=None, offset=7) == ""
    bounds: list[dict[str, Any]] = [
        *({"offset": -1}, {"offset": -1, "limit": None}, {"offset": True}, {"offset": "1"}),
        *({"limit": 1001, "offset": 1}, {"limit": -1, "offset": 1}),
    ]
    for bad in bounds:
        with pytest.raises(InvalidError):
            await traces.list(**bad)
    second = await traces.list(limit=2, offset=2)
    assert [row.name for row in await traces.list(cursor=second.next)] == ["n1", "n0"]
    assert [row.name for row in await traces.list_by_thread("t")] == ["n3", "n2", "n1", "n0"]
    later = AT + timedelta(seconds=4)
    assert len(await traces.find_by_time_range(AT, later)) == 4
    page = await traces.list(limit=4)
    rest = await traces.list(limit=4, cursor=page.next)
    assert [row.name for row in [*page, *rest]] == [f"n{n}" for n in reversed(range(6))]
    assert await traces.list_by_thread("unknown") == []


async def test_an_unknown_trace_is_none(traces: TraceRepository) -> None:
    """No id, however it looks, is an error. [M3 seed 004 defect 16]"""
    strange: list[Any] = ["unknown", "not-a-uuid", "", "a\0b", None, 7]
    for id_ in strange:
        assert await traces.get_by_id(id_) is None
        assert await traces.end(id_, output=1) is None
        assert await traces.tree(id_) == []
        assert await traces.delete(id_) is False
        assert await traces.list_by_thread(id_) == []
        assert await traces.find_by_parent_id(id_) == []
        assert await traces.sum_tokens_by_thread_id(id_) == {}


async def test_usage_is_summed(traces: TraceRepository) -> None:
    """Per thread, user and day the sum is that of the rows. [M4]"""
    for n in range(1, 4):
        await traces.create(
            name="call",
            type="llm",
            thread_id="t",
            started_at=AT + timedelta(days=n % 2),
            token_usage={"promptTokens": n, "completionTokens": 10 * n},
        )
    await traces.create(name="all", type="agent", thread_id="t", token_usage={"promptTokens": 9})
    assert await traces.sum_tokens_by_thread_id("t") == {
        "promptTokens": 6,
        "completionTokens": 60,
        "totalTokens": 66,
    }
    days = await traces.totals(by="day", type="llm")
    assert [(total.key, total.usage.input_tokens) for total in days] == [
        *(("2024-01-01", 2), ("2024-01-02", 4))
    ]
    [user] = await traces.totals(by="user", user_id="u")
    assert (user.key, user.usage.input_tokens, user.count) == ("u", 15, 4)
