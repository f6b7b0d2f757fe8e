"""Lists of what was told, by when: events and scores have the same shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from threadkeep.core.cursors import read_by_time
from threadkeep.core.scope import Scope
from threadkeep.core.totals import check_between
from threadkeep.values.ids import check_id_or_none
from threadkeep.values.page import Order, Page
from threadkeep.values.ports import Row

_LOOKED_AT = 10_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ToldFilter:
    """Which of them a list is about. None means any; `word` is the kind or the name."""

    what: Literal["events", "scores"]
    reach: str | None
    thread: str | None
    word: str | None
    user: str | None
    since: datetime
    until: datetime

    @classmethod
    def of(
        cls,
        scope: Scope,
        what: Literal["events", "scores"],
        *,
        thread: str | None,
        word: str | None,
        user: str | None,
        since: datetime | None,
        until: datetime | None,
    ) -> ToldFilter:
        """A filter with a checked word. A handle of one user cannot ask for another."""
        check_id_or_none("thread", thread)
        person = scope.person(user)
        return cls(what, scope.user_id, thread, word, person, *check_between(since, until))


async def page(
    scope: Scope,
    which: ToldFilter,
    make: Callable[[Row], T],
    *,
    order: Order,
    limit: int,
    cursor: str | None,
) -> Page[T]:
    """A page by when they were; looks at 10 000 rows at the most."""
    kind = "" if which.thread is None else "_of_thread"

    async def fetch(way: str, at: datetime, id_: str, count: int) -> Sequence[Row]:
        return await scope.fetch(
            f"{which.what}{kind}_{way}",
            *(scope.key, scope.owner_id, which.thread, which.reach, at, id_),
            *(which.since, which.until, which.word, which.user, count, _LOOKED_AT),
        )

    return await read_by_time(
        fetch,
        make,
        order=order,
        limit=limit,
        cursor=cursor,
        identity=(scope.owner_id, which, order),
        looked_at=_LOOKED_AT,
    )
