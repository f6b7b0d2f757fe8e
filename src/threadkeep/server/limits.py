"""Limits: how large a body may be, and how often somebody may call."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from math import floor
from types import MappingProxyType
from typing import Final, Self

from fastapi import Request
from starlette.types import Message

from threadkeep.server.problems import Problem
from threadkeep.values.errors import InvalidError

MEBIBYTE: Final = 1 << 20
_UNITS: Final[Mapping[str, int]] = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_MOST_NAMES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in so many seconds."""

    amount: int
    seconds: int

    @classmethod
    def parse(cls, text: str, field: str = "rate") -> Self:
        """`600/minute`; also second, hour and day. InvalidError for anything else."""
        match = re.fullmatch(r"([1-9][0-9]{0,8}) ?/ ?(second|minute|hour|day)", text.strip())
        if match is None:
            raise InvalidError(field, "must be like 600/minute (second, minute, hour or day)")
        return cls(int(match[1]), _UNITS[match[2]])


_RATES: Final[Mapping[str, Rate]] = MappingProxyType(
    {"anonymous": Rate(30, 60), "refresh": Rate(120, 60), "events": Rate(600, 60)}
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a service allows.

    `body` is the most bytes of a request's body, `large_body` that of imports, telemetry and
    uploads. `rates` has by name how often: `calls` is for all calls of one caller and not limited
    unless given, `anonymous` and `refresh` count by address, `events` by caller. They are counted
    in each process by itself.
    """

    body: int = 4 * MEBIBYTE
    large_body: int = 64 * MEBIBYTE
    rates: Mapping[str, Rate] = field(default_factory=lambda: dict(_RATES))


class Meter:
    """Counts calls against rates, in this process.

    A window slides: what was counted in the last whole one weighs as much as of it is still inside.
    """

    def __init__(
        self, rates: Mapping[str, Rate], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._windows = {name: _Window(rate) for name, rate in rates.items()}
        self._clock = clock

    def spend(self, what: str, *who: str) -> None:
        """Count one call; Problem 429 (`rate_limited`) where it is one too many.

        A name without a rate is not limited.
        """
        window = self._windows.get(what)
        if window is None:
            return
        wait = window.spend("\0".join(who), self._clock())
        if wait is not None:
            seconds = floor(wait) + 1
            raise Problem(
                429,
                "rate_limited",
                "too many calls; try again later",
                headers={"Retry-After": str(seconds)},
                retry_after=seconds,
            )


class _Window:
    """The calls of one rate: those since the window began, and those of the window before."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._number = 0
        self._now: Counter[str] = Counter()
        self._before: Counter[str] = Counter()

    def spend(self, who: str, now: float) -> float | None:
        """Count a call, or return how many seconds have to pass before one is let through."""
        number, passed = divmod(now, self._rate.seconds)
        if number != self._number:
            self._before = self._now if number == self._number + 1 else Counter()
            self._now = Counter()
            self._number = int(number)
        # With more names than that at once, those that are new share one count.
        name = who if who in self._now or len(self._now) < _MOST_NAMES else ""
        seconds, most = self._rate.seconds, self._rate.amount
        counted, before = self._now[name], self._before[name]
        if counted + int(before * (1 - passed / seconds)) < most:
            self._now[name] = counted + 1
            return None
        if counted < most:
            return seconds * (1 - (most - counted) / before) - passed
        return seconds - passed + seconds * (1 - most / counted)


def address_of(request: Request) -> str:
    """Where a request comes from, as rates count it; of IPv6 the network that one site has."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if address.version == 4:
        return host
    mapped = address.ipv4_mapped
    return str(mapped or ip_network((address, 64), strict=False).network_address)


async def large_body(request: Request) -> None:
    """For routes that take more: `dependencies=[Depends(large_body)]`."""
    request.state.threadkeep_large = True


def bounded(request: Request) -> Request:
    """The same request, whose body ends in Problem 413 as soon as it is known to be too large."""
    seen = 0

    async def receive() -> Message:
        nonlocal seen
        most = _most_of(request)
        if seen == 0 and _declared(request) > most:
            raise _too_large(most)
        message = await request.receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise _too_large(most)
        return message

    return Request(request.scope, receive)


def _most_of(request: Request) -> int:
    service = getattr(request.state, "threadkeep", None)
    limits: Limits = Limits() if service is None else service.limits
    return limits.large_body if getattr(request.state, "threadkeep_large", False) else limits.body


def _declared(request: Request) -> int:
    given = request.headers.get("content-length", "")
    return int(given) if given.isdecimal() and len(given) < 20 else 0


def _too_large(most: int) -> Problem:
    return Problem(413, "too_large", f"the body must have at most {most} bytes", limit=most)
