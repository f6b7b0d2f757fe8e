"""The contract of what happened elsewhere: runs and spans that have ended."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, user
from threadkeep.testing.contract.span_kit import (
    MINUTE,
    NOON,
    STATUSES,
    TYPES,
    chance,
    invalid,
    listed,
    refused,
    some_usage,
    unknown,
)
from threadkeep.testing.contract.turns import abandoned, lapsed
from threadkeep.values.run import Usage
from threadkeep.values.span import Span

if TYPE_CHECKING:
    from threadkeep.store import Owner
    from threadkeep.testing.contract.kit import Owners

_NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001


def ended(id: str, parent: str | None = None, **more: Any) -> Span:
    """A span that has ended elsewhere."""
    told: dict[str, Any] = {
        "id": id,
        "name": f"step {id}",
        "type": "tool",
        "status": "complete",
        "parent_id": parent,
        "thread_id": None,
        "user_id": None,
        "run": None,
        "started_at": NOON,
        "ended_at": NOON + MINUTE,
        "duration_ms": 60_000.0,
        "error": None,
        "usage": Usage(),
        "metadata": None,
        "input_json": None,
        "output_json": None,
    }
    return Span(**{**told, **more})


def trace(draw: random.Random, number: int) -> list[Span]:
    """A tree of spans that have ended, some with all that a span may have."""
    made: list[Span] = []
    for n in range(number):
        begun = NOON + draw.randrange(60) * MINUTE
        took = draw.randrange(3) * MINUTE
        made.append(
            ended(
                f"s{n:03}",
                draw.choice([None, *(span.id for span in made[-4:])]),
                type=draw.choice(TYPES),
                status=draw.choice(STATUSES),
                thread_id=draw.choice([None, "t"]),
                user_id=draw.choice([None, "ann"]),
                run=draw.choice([None, "r"]),
                started_at=begun,
                ended_at=begun + took,
                duration_ms=took / timedelta(milliseconds=1),
                error=draw.choice([None, "E"]),
                usage=some_usage(draw),
                metadata=draw.choice([None, {"n": n}]),
                input_json=draw.choice([None, '{"b":1,"a":"\\u0000 \\ud800"}']),
                output_json=draw.choice([None, f"[{n}, 1.0]"]),
            )
        )
    return made


class RecordedRunsContract(Contract):
    """Runs that happened elsewhere."""

    async def test_a_recorded_run_counts_as_an_ended_turn(self, chat: Owner) -> None:
        """It has what was told, and the thread's sums grow by what it used. [M4]"""
        async with chat.turn("t", user("q")) as turn:
            turn.add_usage(Usage(7, cost=Decimal("0.5")))
        before = await chat.threads.get("t")
        used = Usage(3, 4, 0, None, Decimal("0.10"))
        run = await chat.runs.record(
            "t", "r", status="failed", started_at=NOON, ended_at=NOON + MINUTE, usage=used
        )
        assert run == await chat.runs.get("t", "r")
        assert (run.id, run.thread_id, run.status, run.usage) == ("r", "t", "failed", used)
        assert (run.started_at, run.ended_at, run.exclusive) == (NOON, NOON + MINUTE, False)
        assert await chat.runs.usage("t") == Usage(10, 4, 0, None, Decimal("0.60"))
        assert [run.id for run in await chat.runs.list("t")] == [turn.id, "r"]
        after = await chat.threads.get("t")
        assert replace(after, updated_at=before.updated_at) == before
        assert after.updated_at > before.updated_at

    async def test_times_that_are_not_told(self, chat: Owner) -> None:
        """It ended now and started when it ended; it never ends before it starts."""
        await chat.threads.create("t")
        for status in STATUSES:
            run = await chat.runs.record("t", status, status=status)
            assert (run.status, run.usage, run.started_at) == (status, Usage(), run.ended_at)
            assert abs(run.started_at - datetime.now(UTC)) < timedelta(minutes=5)
        later = datetime(2999, 1, 1, tzinfo=UTC)
        run = await chat.runs.record("t", "later", status="complete", started_at=later)
        assert (run.started_at, run.ended_at) == (later, later)
        run = await chat.runs.record("t", "then", status="complete", ended_at=NOON)
        assert (run.started_at, run.ended_at) == (NOON, NOON)
        run = await chat.runs.record("t", "since", status="complete", started_at=NOON)
        assert run.started_at == NOON < (run.ended_at or NOON)

    async def test_a_run_is_recorded_once(self, chat: Owner) -> None:
        """The same id gives the stored run, whatever is told, and counts once, also at once."""
        await chat.threads.create("t")
        told = [Usage(n + 1, cost=Decimal(n)) for n in range(10)]
        runs = await asyncio.gather(
            *(chat.runs.record("t", "r", status="complete", usage=used) for used in told)
        )
        assert all(run == runs[0] for run in runs)
        assert await chat.runs.usage("t") == runs[0].usage
        again = await chat.runs.record(
            "t", "r", status="failed", ended_at=NOON, usage=Usage(output_tokens=9)
        )
        assert again == runs[0]
        assert await chat.runs.usage("t") == runs[0].usage
        # The same id in another thread is another run.
        await chat.threads.create("u")
        assert (await chat.runs.record("u", "r", status="failed")).status == "failed"

    async def test_a_run_of_a_turn_is_its_turns(self, chat: Owner) -> None:
        """While the turn runs it is a conflict; after that it is the stored run, unchanged."""
        async with chat.turn("t", user("q"), exclusive=True) as turn:
            record = chat.runs.record("t", turn.id, status="complete", usage=Usage(9))
            assert await refused(record) == ("run_live", turn.id)
            await chat.runs.record("t", "other", status="complete")
            await turn.touch()
            turn.add_usage(Usage(5))
        ended = await chat.runs.get("t", turn.id)
        assert await chat.runs.record("t", turn.id, status="failed", usage=Usage(9)) == ended
        assert await chat.runs.usage("t") == Usage(5)
        left = await abandoned(chat, user("and?"))
        interrupted = await lapsed(chat, left)
        assert await chat.runs.record("t", left.id, status="complete") == interrupted

    async def test_a_record_is_checked(self, chat: Owner) -> None:
        """InvalidError names the field; an unknown thread is a NotFoundError and is not made."""
        wrong: list[tuple[str, dict[str, Any]]] = [
            ("run_id", {"run_id": ""}),
            ("thread_id", {"thread_id": "\0"}),
            ("status", {"status": "running"}),
            ("status", {"status": None}),
            ("usage", {"usage": None}),
            ("started_at", {"started_at": _NAIVE}),
            ("ended_at", {"ended_at": 1}),
            ("ended_at", {"started_at": NOON, "ended_at": NOON - MINUTE}),
        ]
        for field, told in wrong:
            given = {"thread_id": "t", "run_id": "r", "status": "complete", **told}
            where = given.pop("thread_id"), given.pop("run_id")
            assert await invalid(chat.runs.record(*where, **given)) == field, told
        assert await unknown(chat.runs.record("t", "r", status="complete")) == ("thread", "t")
        assert await chat.threads.count(status="all") == 0


class RecordedSpansContract(Contract):
    """Spans that happened elsewhere."""

    async def test_a_recorded_span_has_what_was_told(self, chat: Owner) -> None:
        """Every field comes back, JSON texts as they are; a missing duration is computed. [M1]"""
        await chat.threads.create("t")
        told = trace(chance(1), 40)
        assert await chat.spans.record(told) == 40
        # A thread's user would be a span's, but this thread has none.
        assert sorted(await chat.spans.list(limit=100), key=lambda span: span.id) == told
        gone = ended("gone", duration_ms=None, ended_at=NOON - MINUTE, started_at=NOON)
        assert await chat.spans.record([gone, ended("took", duration_ms=None)]) == 2
        assert (await chat.spans.get("gone")).duration_ms == 0.0
        assert (await chat.spans.get("took")).duration_ms == 60_000.0
        assert await chat.spans.record([]) == 0

    @pytest.mark.parametrize("seed", range(6))
    async def test_any_order_and_batches_give_the_same_spans(
        self, owner: Owners, seed: int
    ) -> None:
        """A trace in pieces, children first, again and at once, is the trace in one piece. [M2]"""
        draw = chance(seed)
        told = trace(draw, 60)
        whole, parts = owner("whole"), owner("parts")
        for chat in (whole, parts):
            await chat.threads.create("t")
        assert await whole.spans.record(told) == 60
        mixed = told[::-1] if seed == 0 else draw.sample(told, 60)
        batches = []
        while mixed:
            size = draw.randrange(1, 9)
            batches.append(mixed[:size])
            mixed = mixed[size:]
        if seed < 3:
            stored = [await parts.spans.record(batch) for batch in batches]
        else:
            again = draw.sample(batches, len(batches) // 2)
            stored = await asyncio.gather(*(parts.spans.record(b) for b in [*batches, *again]))
            batches += again
        assert stored == [len(batch) for batch in batches]
        assert (await parts.spans.list(limit=100)).items == (
            await whole.spans.list(limit=100)
        ).items
        for root in await whole.spans.list(roots=True, limit=100):
            assert await parts.spans.tree(root.id) == await whole.spans.tree(root.id)

    async def test_a_missing_parent_is_a_span_that_runs(self, chat: Owner) -> None:
        """Since its first child started, and without a place, until it is told or ended itself."""
        first, then = ended("c1", "p", started_at=NOON - MINUTE), ended("c2", "p")
        assert await chat.spans.record([then, first]) == 2
        parent, *children = await chat.spans.tree("p")
        assert [child.id for child in children] == ["c1", "c2"]
        assert (parent.status, parent.started_at) == ("running", NOON - MINUTE)
        assert (parent.parent_id, parent.thread_id, parent.ended_at) == (None, None, None)
        assert await chat.spans.record([ended("p", "top", name="told")]) == 1
        assert [span.id for span in await chat.spans.tree("top")] == ["top", "p", "c1", "c2"]
        assert (await chat.spans.get("p")).name == "told"
        assert (await chat.spans.end("top")).status == "complete"

    async def test_a_span_that_runs_is_ended(self, chat: Owner) -> None:
        """What is told takes the place of what it had, and what is not told stays."""
        await chat.threads.create("t")
        await chat.spans.start("top", span_id="top")
        begun = await chat.spans.start(
            "old",
            span_id="s",
            parent="top",
            thread="t",
            run="r",
            user="ann",
            input=1,
            metadata={"a": 1},
        )
        assert await chat.spans.record([ended("s", name="new", output_json="[2]")]) == 1
        done = await chat.spans.get("s")
        assert done == replace(
            begun,
            name="new",
            type="tool",
            status="complete",
            started_at=NOON,
            ended_at=NOON + MINUTE,
            duration_ms=60_000.0,
            output_json="[2]",
        )
        await chat.spans.start("other", span_id="o", input=1, metadata={"a": 1})
        told = ended("o", "s", input_json="2", metadata={"b": 2}, run="x", user_id="bob")
        assert await chat.spans.record([told]) == 1
        assert await chat.spans.get("o") == told

    async def test_a_span_that_has_ended_stays(self, chat: Owner) -> None:
        """Nothing that is told again changes it, and it is counted."""
        told = [ended("a"), ended("b", "a")]
        assert await chat.spans.record(told) == 2
        other = [ended("a", "x", status="failed"), ended("b", None, name="x"), ended("c", "a")]
        assert await chat.spans.record(other) == 3
        assert [await chat.spans.get(id_) for id_ in "ab"] == told
        assert await chat.spans.record(told * 1) == 2

    async def test_a_span_never_stands_above_itself(self, chat: Owner) -> None:
        """A circle in a batch, over batches or made by two at once is refused, and stores nothing.

        [M2]
        """
        circles = [[ended("a", "a")], [ended("a", "b"), ended("b", "c"), ended("c", "a")]]
        for circle in circles:
            assert await invalid(chat.spans.record([ended("x"), *circle])) == "parent_id"
        assert await listed(chat) == []
        # p, which runs, has c below it, and c has d.
        assert await chat.spans.record([ended("c", "p"), ended("d", "c")]) == 2
        before = (await chat.spans.list()).items
        for above in ("p", "c", "d"):
            told = [ended("x"), ended("p", above)]
            assert await invalid(chat.spans.record(told)) == "parent_id"
        told = [ended("p", "y"), ended("y", "z"), ended("z", "d")]
        assert await invalid(chat.spans.record(told)) == "parent_id"
        assert (await chat.spans.list()).items == before
        for n in range(10):
            one, two = f"one{n}", f"two{n}"
            await chat.spans.record([ended(f"a{n}", one), ended(f"b{n}", two)])
            both = await asyncio.gather(
                chat.spans.record([ended(one, f"b{n}")]),
                chat.spans.record([ended(two, f"a{n}")]),
                return_exceptions=True,
            )
            assert sorted(str(type(answer).__name__) for answer in both) == ["InvalidError", "int"]
            assert len(await chat.spans.tree(one)) + len(await chat.spans.tree(two)) == 6

    async def test_a_parent_deleted_meanwhile_is_made_again(self, chat: Owner) -> None:
        """A batch and a deletion at the same time both happen, in one order or the other."""
        for n in range(8):
            top, batch = f"top{n}", [ended(f"{n} {m}", f"top{n}") for m in range(5)]
            await chat.spans.record([ended(top), ended(f"{n} first", top)])
            stored, deleted = await asyncio.gather(chat.spans.record(batch), chat.spans.delete(top))
            assert (stored, deleted) == (5, True)
            left = [span.id for span in await chat.spans.list(parent=top)]
            assert len(left) in (0, 5)
            assert f"{n} first" not in left

    async def test_recorded_spans_are_their_users(self, owner: Owners) -> None:
        """The handle's user's, else as told, else the thread's user's; foreign is as unknown."""
        whole, ann, bob = owner("a"), owner("a", user="ann"), owner("a", user="bob")
        await ann.threads.create("t")
        assert await ann.spans.record([ended("mine", "top", thread_id="t")]) == 1
        assert [(s.id, s.user_id) for s in await ann.spans.tree("top")] == [
            ("top", "ann"),
            ("mine", "ann"),
        ]
        # A foreign thread and parent are left out, and so is a foreign span.
        assert await bob.spans.record([ended("his", "mine", thread_id="t"), ended("mine")]) == 1
        his = await bob.spans.get("his")
        assert (his.parent_id, his.thread_id, his.user_id) == (None, None, "bob")
        assert await bob.spans.record([ended("x", "top"), ended("top", "x")][:1]) == 1
        assert [s.status for s in await ann.spans.tree("top")] == ["running", "complete"]
        told = [
            ended("by thread", thread_id="t"),
            ended("by word", "mine", thread_id="t", user_id="bob"),
            ended("nobody's", thread_id="nothing"),
        ]
        assert await whole.spans.record(told) == 3
        found = {s.id: (s.user_id, s.thread_id) async for s in whole.spans.list()}
        assert found["by thread"] == ("ann", "t")
        assert found["by word"] == ("bob", "t")
        assert found["nobody's"] == (None, None)
        assert await listed(ann) == sorted(["mine", "by thread", "top"], reverse=True)
        assert await listed(owner("b")) == []
        assert await invalid(ann.spans.record([ended("x", user_id="bob")])) == "user"

    async def test_a_thousand_spans_are_one_call(self, chat: Owner) -> None:
        """Also as one long chain, told from its end; a thousand and one are refused."""
        chain = [ended(f"s{n:03}", f"s{n - 1:03}" if n else None) for n in range(1000)]
        assert await chat.spans.record(chain[::-1]) == 1000
        assert [span.depth for span in await chat.spans.tree("s000")] == list(range(1000))
        assert await invalid(chat.spans.record([*chain, ended("x")])) == "spans"

    async def test_one_wrong_span_stores_none(self, chat: Owner) -> None:
        """InvalidError names the field, and nothing of the batch is stored."""
        wrong: list[tuple[str, dict[str, Any]]] = [
            ("id", {"id": ""}),
            ("name", {"name": ""}),
            ("type", {"type": "other"}),
            ("type", {"type": None}),
            ("status", {"status": "running"}),
            ("status", {"status": None}),
            ("parent_id", {"parent_id": "\0"}),
            ("thread_id", {"thread_id": 1}),
            ("run", {"run": ""}),
            ("user", {"user_id": ""}),
            ("started_at", {"started_at": None}),
            ("ended_at", {"ended_at": None}),
            ("ended_at", {"ended_at": _NAIVE}),
            ("duration_ms", {"duration_ms": -1.0}),
            ("duration_ms", {"duration_ms": float("inf")}),
            ("error", {"error": "\ud800"}),
            ("usage", {"usage": None}),
            ("metadata", {"metadata": {"x": "\0"}}),
            ("input_json", {"input_json": "{"}),
            ("output_json", {"output_json": "NaN"}),
            ("output_json", {"output_json": 1}),
        ]
        for field, told in wrong:
            batch = [ended("a"), ended(**{"id": "w", **told})]
            assert await invalid(chat.spans.record(batch)) == field, told
        assert await listed(chat) == []
        given: list[Any] = [None, ended("a"), ["a"], [ended("a"), ended("a")]]
        for batch in given:
            assert await invalid(chat.spans.record(batch)) == "spans"
