"""The limits of a pool: how many connections, and how long anything may take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from threadkeep.values.errors import InvalidError

_LONGEST = 2_147_483
"""The server keeps its timeouts as 32 bits of milliseconds."""

Pooler = Literal["transaction", "none"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Times are in seconds. InvalidError names the first that breaks its rule.

    `pool_min` connections are opened at once and kept, `pool_size` is the most there may be.
    `deadline`: how long one call goes on trying. `connect_timeout`: how long one host may take to
    give a connection. `statement_timeout`: when the server gives a statement up; None: never.
    `pooler`: "transaction" for a pooler that lends its sessions by the transaction, "none" for a
    session of our own; None: look at the address, then at the first connection.
    """

    pool_size: int = 10
    pool_min: int = 1
    deadline: float = 30.0
    connect_timeout: float = 5.0
    statement_timeout: float | None = 60.0
    pooler: Pooler | None = None

    def __post_init__(self) -> None:
        if not _is_whole(self.pool_size) or self.pool_size < 1:
            raise InvalidError("pool_size", "must be an int of at least 1")
        if not _is_whole(self.pool_min) or not 0 <= self.pool_min <= self.pool_size:
            raise InvalidError("pool_min", "must be an int from 0 to pool_size")
        if not _is_time(self.deadline) or self.deadline < 0:
            raise InvalidError("deadline", "must be a number of seconds, at least 0")
        if not _is_time(self.connect_timeout) or self.connect_timeout <= 0:
            raise InvalidError("connect_timeout", "must be a number of seconds above 0")
        ends = self.statement_timeout
        if ends is not None and (not _is_time(ends) or not 0 < ends <= _LONGEST):
            rule = f"must be None or a number of seconds above 0, at most {_LONGEST}"
            raise InvalidError("statement_timeout", rule)
        if self.pooler not in (None, "transaction", "none"):
            raise InvalidError("pooler", "must be None, 'transaction' or 'none'")

    @property
    def statement_ms(self) -> int | None:
        """The statement timeout as the server's setting wants it."""
        timeout = self.statement_timeout
        return None if timeout is None else max(1, round(timeout * 1000))

    def lends(self, looks_pooled: bool) -> bool | None:
        """Whether a pooler lends the sessions by the transaction; None: only a look can tell."""
        if self.pooler is None:
            return looks_pooled or None
        return self.pooler == "transaction"


class Keepalive(NamedTuple):
    """When the system shall call a silent connection lost.

    Else that takes two hours where nothing is under way, and a quarter of an hour where it is.
    """

    idle: int
    interval: int
    probes: int
    unanswered_ms: int

    @classmethod
    def of(cls, connect_timeout: float) -> Keepalive:
        """What suits a network on which connecting may take so long."""
        seconds = max(2, round(connect_timeout))
        return cls(30, seconds, 3, 2000 * seconds)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_time(value: object) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))
