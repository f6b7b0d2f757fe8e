"""The contract of totals: what runs and spans used together."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract
from threadkeep.testing.contract.span_kit import NOON, chance, many, some_usage
from threadkeep.values.errors import InvalidError
from threadkeep.values.run import Usage
from threadkeep.values.span import Total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from threadkeep.store import Owner
    from threadkeep.testing.contract.kit import Owners
    from threadkeep.values.span import Span


def summed(rows: Iterable[tuple[str | None, Usage]]) -> list[Total]:
    """The totals of rows, reckoned one by one."""
    sums: dict[str | None, Usage] = defaultdict(Usage)
    counts: dict[str | None, int] = defaultdict(int)
    for key, usage in rows:
        sums[key] += usage
        counts[key] += 1
    keys = sorted(sums, key=lambda key: (key is None, key or ""))
    return [Total(key, sums[key], counts[key]) for key in keys]


class TotalsContract(Contract):
    """What runs and spans used together."""

    async def test_totals_of_spans_are_the_sums_of_their_rows(self, chat: Owner) -> None:
        """For every key, filter and time the sums and counts are those of a look at each. [M4]"""
        draw = chance(8)
        spans = await many(chat, draw, 80)
        keys: dict[str, Callable[[Span], str | None]] = {
            "run": lambda s: s.run,
            "thread": lambda s: s.thread_id,
            "user": lambda s: s.user_id,
            "day": lambda s: s.started_at.date().isoformat(),
        }
        later = NOON + timedelta(hours=12)
        asked: list[dict[str, Any]] = [{}, {"type": "llm"}, {"thread": "t"}, {"thread": "nothing"}]
        asked += [
            {"user": "ann"},
            {"since": later},
            {"until": later},
            {"since": NOON, "until": NOON},
        ]
        asked += [{"thread": "s", "user": "bob", "since": NOON, "type": "tool"}]
        for which in asked:
            kept = [
                s
                for s in spans
                if which.get("type") in (None, s.type)
                and which.get("thread") in (None, s.thread_id)
                and which.get("user") in (None, s.user_id)
                and which.get("since", NOON) <= s.started_at
                and ("until" not in which or s.started_at < which["until"])
            ]
            for by, key in keys.items():
                due = summed((key(s), s.usage) for s in kept)
                assert await chat.spans.totals(by=by, **which) == due, (by, which)  # type: ignore[arg-type]

    async def test_totals_of_runs_are_the_sums_of_their_rows(self, owner: Owners) -> None:
        """For every run, thread, user and day, and as the threads themselves say it. [M4]"""
        draw, whole = chance(2), owner("a")
        rows: list[tuple[str, str, str | None, Usage]] = []
        for thread, person in (("t", None), ("u", "ann"), ("v", "ann"), ("w", "bob")):
            chat = owner("a", user=person)
            await chat.threads.create(thread)
            for _ in range(3):
                used = some_usage(draw)
                async with chat.turn(thread) as turn:
                    turn.add_usage(used)
                rows.append((turn.id, thread, person, used))
        by_run = summed((run, used) for run, _, _, used in rows)
        assert await whole.runs.totals() == by_run
        by_thread = await whole.runs.totals(by="thread")
        assert by_thread == summed((thread, used) for _, thread, _, used in rows)
        for total in by_thread:
            assert total.usage == await whole.runs.usage(str(total.key))
        by_user = summed((person, used) for _, _, person, used in rows)
        assert await whole.runs.totals(by="user") == by_user
        [day] = await whole.runs.totals(by="day")
        assert day.key is not None
        assert (len(day.key), day.count) == (10, 12)
        mine = summed((t, used) for _, t, person, used in rows if person == "ann")
        assert await whole.runs.totals(by="thread", user="ann") == mine
        assert await owner("a", user="ann").runs.totals(by="thread") == mine
        assert await owner("a", user="ann").runs.totals(thread="t") == []
        one = summed((t, used) for _, t, _, used in rows if t == "w")
        assert await whole.runs.totals(by="thread", thread="w") == one
        assert await whole.runs.totals(by="thread", thread="w", user="ann") == []
        started = [run.started_at async for run in whole.runs.list("t", order="asc")]
        count = (await whole.runs.totals(by="thread", thread="t", since=started[1]))[0].count
        assert count == 2
        count = (await whole.runs.totals(by="thread", thread="t", until=started[1]))[0].count
        assert count == 1

    async def test_what_nobody_said_is_none_and_not_zero(self, chat: Owner) -> None:
        """A sum of nothing is None, a sum of zeros is 0, and a running span counts. [M4]"""
        assert await chat.spans.totals() == await chat.runs.totals() == []
        for n, used in enumerate((Usage(), Usage(0), Usage(0, 5))):
            await chat.spans.start("s", span_id=f"s{n}", run="r")
            await chat.spans.end(f"s{n}", usage=used)
        await chat.spans.start("s", run="r")
        await chat.spans.start("s", run="q")
        assert await chat.spans.totals() == [
            *[Total("q", Usage(), 1), Total("r", Usage(0, 5), 4)],
        ]

    async def test_a_day_is_one_of_utc(self, chat: Owner) -> None:
        """Whatever the time zone it was given in."""
        near = datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)
        far = near.astimezone(timezone(timedelta(hours=14)))
        for start in (far, near + timedelta(microseconds=1)):
            await chat.spans.start("s", started_at=start)
        old = datetime(3, 1, 2, tzinfo=UTC)
        await chat.spans.start("s", started_at=old)
        assert [(t.key, t.count) for t in await chat.spans.totals(by="day")] == [
            *[("0003-01-02", 1), ("2026-01-31", 1), ("2026-02-01", 1)]
        ]

    async def test_a_sum_may_be_more_than_one_may_say(self, chat: Owner) -> None:
        """Sums are exact beyond what a Usage may hold."""
        most, dear = 2**53, Decimal(10**14)
        for n in range(20):
            await chat.spans.start("s", span_id=f"s{n}")
            await chat.spans.end(f"s{n}", usage=Usage(most, cost=dear))
        [total] = await chat.spans.totals(by="user")
        assert (total.usage.input_tokens, total.usage.cost) == (20 * most, 20 * dear)
        for _ in range(20):
            async with chat.turn("t") as turn:
                turn.add_usage(Usage(most, cost=dear))
        assert await chat.runs.usage("t") == total.usage

    async def test_totals_check_their_arguments(self, chat: Owner) -> None:
        """InvalidError names the field."""
        wrongs: list[tuple[str, dict[str, Any]]] = [
            ("by", {"by": "month"}),
            ("thread", {"thread": ""}),
            ("user", {"user": "\0"}),
            ("since", {"since": datetime(2026, 1, 1)}),  # noqa: DTZ001
        ]
        for field, wrong in wrongs:
            for call in (chat.spans.totals, chat.runs.totals):
                with pytest.raises(InvalidError) as caught:
                    await call(**wrong)
                assert caught.value.field == field
        with pytest.raises(InvalidError):
            await chat.spans.totals(type="other")  # type: ignore[arg-type]
