"""Lists of what was told, by when: events and scores have the same shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from threadkeep.core.cursors import BY_TIME, Found, Place, Stretch, check_order, read_page
from threadkeep.core.drafts import FIRST, LAST
from threadkeep.core.scope import Scope
from threadkeep.core.totals import check_between, check_user
from threadkeep.values.ids import check_id
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
        if thread is not None:
            check_id("thread", thread)
        person = check_user(scope, user)
        return cls(what, scope.user_id, thread, word, person, *check_between(since, until))


async def page(
    scope: Scope,
    which: ToldFilter,
    make: Callable[[Row], T],
    place: Callable[[T], Place],
    *,
    order: Order,
    limit: int,
    cursor: str | None,
) -> Page[T]:
    """A page by when they were; looks at 10 000 rows at the most."""
    newest_first = check_order(order) == "desc"
    kind = "" if which.thread is None else "_of_thread"

    async def fetch(stretch: Stretch) -> Found[T]:
        down = stretch.forward == newest_first
        at, id_ = stretch.after or (LAST if down else FIRST, "")
        rows = await scope.fetch(
            f"{which.what}{kind}_{'newest' if down else 'oldest'}",
            scope.key,
            scope.owner_id,
            which.thread,
            which.reach,
            at,
            id_,
            which.since,
            which.until,
            which.word,
            which.user,
            stretch.count,
            _LOOKED_AT,
        )
        found = [(row[0], row[1], make(row[2:])) for row in rows]
        end = found[-1][2] if found and found[-1][0] == _LOOKED_AT else None
        return Found([(one, one) for _, kept, one in found if kept], end, place)

    identity = (scope.owner_id, which, order)
    return await read_page(fetch, limit=limit, cursor=cursor, kinds=BY_TIME, identity=identity)
