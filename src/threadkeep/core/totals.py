"""Totals: what runs and spans used together, summed in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime
from decimal import Decimal
from typing import Literal, get_args

from threadkeep.core.drafts import FIRST, LAST, check_time
from threadkeep.core.scope import Scope
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id_or_none
from threadkeep.values.run import Usage
from threadkeep.values.span import SpanType, Total, TotalsBy

_BY: tuple[str, ...] = get_args(TotalsBy)
_TYPES: tuple[str, ...] = get_args(SpanType)
USED = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost")


async def totals(
    scope: Scope,
    what: Literal["runs", "spans"],
    *,
    by: str,
    thread: str | None,
    user: str | None,
    since: datetime | None,
    until: datetime | None,
    type: str | None = None,
) -> list[Total]:
    """The sums over all runs or spans, by their keys; what has no key comes last."""
    if by not in _BY:
        raise InvalidError("by", f"must be one of {', '.join(_BY)}")
    check_id_or_none("thread", thread)
    person = scope.person(user)
    # A run is its thread's user's; a span may be of anybody's in a thread that the handle reaches.
    reached, *more = (person,) if what == "runs" else (scope.user_id, check_type(type), person)
    kind = "_of_thread" if thread is not None else "" if person is None else "_of_user"
    rows = await scope.fetch(
        f"{what}_totals{kind}",
        scope.key,
        scope.owner_id,
        thread,
        reached,
        *check_between(since, until),
        by,
        *more,
    )
    found = [Total(key, usage_of(sums), count) for key, count, *sums in rows]
    return sorted(found, key=lambda total: (total.key is None, total.key or ""))


def check_between(since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    """The two ends of a time as a statement takes them, where none is given those of all time."""
    return check_time("since", since) or FIRST, check_time("until", until) or LAST


def check_type(type: str | None) -> str | None:
    """Return `type` if it is a span's, or None; else raise InvalidError."""
    if type is not None and type not in _TYPES:
        raise InvalidError("type", f"must be one of {', '.join(_TYPES)}")
    return type


def used_by(usage: object) -> tuple[object, ...]:
    """The five columns of a Usage as the statements take them; InvalidError for what is none."""
    if not isinstance(usage, Usage):
        raise InvalidError("usage", "must be a Usage")
    *tokens, cost = astuple(usage)
    return (*tokens, None if cost is None else str(cost))


def usage_of(sums: Sequence[object]) -> Usage:
    """A Usage from its five columns, numbers or their text. A sum may be more than Usage takes."""
    usage = object.__new__(Usage)
    for name, value in zip(USED, sums, strict=True):
        kind = Decimal if name == "cost" else int
        object.__setattr__(usage, name, None if value is None else kind(str(value)))
    return usage
