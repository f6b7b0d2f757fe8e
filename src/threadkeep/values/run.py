"""Run: one generation, as the store knows it, and what it used."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Status
from threadkeep.values.numbers import is_whole

# Sums over a thread must still fit.
_MOST = 2**53
_PLACES, _DIGITS = 30, 15


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run used, or several together. None is unknown, which is not 0.

    `cached_tokens` and `reasoning_tokens` are what the provider says they are; most count them in
    `input_tokens` and `output_tokens`. `cost` is in the currency that the app reckons in. A sum
    adds up what is known.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"):
            value = getattr(self, name)
            if value is not None and not is_whole(value, most=_MOST):
                raise InvalidError(name, "must be an int from 0 to 2**53, or None")
        if self.cost is None:
            return
        if not isinstance(self.cost, Decimal) or not self.cost.is_finite() or self.cost < 0:
            raise InvalidError("cost", "must be a Decimal of at least 0, or None")
        places = self.cost.as_tuple().exponent
        if self.cost.adjusted() >= _DIGITS or not isinstance(places, int) or places < -_PLACES:
            raise InvalidError("cost", f"must have {_DIGITS} digits and {_PLACES} places at most")

    def __add__(self, other: Usage) -> Usage:
        pairs = zip(astuple(self), astuple(other), strict=True)
        with localcontext(prec=3 * _PLACES):
            return Usage(*(b if a is None else a if b is None else a + b for a, b in pairs))


@dataclass(frozen=True, slots=True)
class Run:
    """One generation in a thread.

    `status` is `running` while its lease lasts, then `interrupted` if nobody ended it; `complete`,
    `failed` and `cancelled` say how it ended. `ended_at` is when, for an interrupted run when its
    lease passed; None while it runs. An `exclusive` run holds its thread against other exclusive
    ones. All times are in UTC.
    """

    id: str
    thread_id: str
    status: Status
    started_at: datetime
    ended_at: datetime | None
    lease_until: datetime
    exclusive: bool
    usage: Usage
