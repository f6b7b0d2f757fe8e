"""What the tests of spans share: many of them, and short ways to ask for them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.run import Usage

if TYPE_CHECKING:
    from threadkeep.store import Owner
    from threadkeep.values.message import Status
    from threadkeep.values.span import Span, SpanType

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TYPES: tuple[SpanType, ...] = ("agent", "tool", "llm", "retriever", "embedding", "chain")
STATUSES: tuple[Status, ...] = ("complete", "failed", "cancelled", "interrupted")
THREADS = (None, "s", "t")
USERS = (None, "ann", "bob")


def chance(seed: int) -> random.Random:
    """A source of chance that is the same each time."""
    return random.Random(seed)  # noqa: S311


async def refused(coroutine: Any) -> tuple[str, str | None]:
    """The reason of a ConflictError, and the id it names."""
    with pytest.raises(ConflictError) as caught:
        await coroutine
    return caught.value.reason, caught.value.id


async def unknown(coroutine: Any) -> tuple[str, str]:
    """What a NotFoundError names."""
    with pytest.raises(NotFoundError) as caught:
        await coroutine
    return caught.value.kind, caught.value.id


async def invalid(coroutine: Any) -> str:
    """The field that an InvalidError names."""
    with pytest.raises(InvalidError) as caught:
        await coroutine
    return caught.value.field


async def listed(chat: Owner, **which: Any) -> list[str]:
    """The ids of all spans of a list."""
    return [span.id async for span in chat.spans.list(**which)]


def some_usage(draw: random.Random) -> Usage:
    """A Usage of which some members are unknown."""
    given, said, cached, reasoned = (draw.choice([None, 0, draw.randrange(1000)]) for _ in range(4))
    cost = draw.choice([None, Decimal(draw.randrange(1000)) / 1000])
    return Usage(given, said, cached, reasoned, cost)


async def many(chat: Owner, draw: random.Random, number: int = 60) -> list[Span]:
    """Spans of all kinds, as they are stored, by when they started; some at the same time."""
    for thread in THREADS[1:]:
        await chat.threads.create(thread)
    made: list[Span] = []
    for n in range(number):
        begun = await chat.spans.start(
            f"step {n}",
            type=draw.choice(TYPES),
            span_id=f"s{n:03}",
            parent=draw.choice([None, *(span.id for span in made[:5])]),
            thread=draw.choice(THREADS),
            user=draw.choice(USERS),
            run=draw.choice([None, "r1", "r2"]),
            started_at=NOON + draw.randrange(30) * 60 * MINUTE,
        )
        if draw.random() < 0.8:
            begun = await chat.spans.end(
                begun.id,
                status=draw.choice(STATUSES),
                usage=some_usage(draw),
                duration_ms=draw.choice([None, 0, 1.5, 1000]),
                ended_at=begun.started_at + draw.randrange(3) * MINUTE,
            )
        made.append(begun)
    return sorted(made, key=lambda span: (span.started_at, span.id))
