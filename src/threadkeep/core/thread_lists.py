"""Lists of an owner's threads: filters, pages, counts, the active one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

from threadkeep.core.cursors import (
    Found,
    Place,
    Stretch,
    check_offset,
    check_order,
    number_of,
    read_page,
    text_of,
    time_of,
)
from threadkeep.core.drafts import FIRST, LAST
from threadkeep.core.rows import thread_of
from threadkeep.core.scope import Scope
from threadkeep.core.threads import check_text
from threadkeep.core.totals import check_between
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidCursorError, InvalidError
from threadkeep.values.ids import check_id_or_none, check_ids
from threadkeep.values.page import Order, Page, ThreadOrder
from threadkeep.values.parts import Json
from threadkeep.values.ports import Row
from threadkeep.values.thread import Thread, ThreadStatus

_STATUSES: tuple[str, ...] = get_args(ThreadStatus)
_ORDERS: tuple[str, ...] = get_args(ThreadOrder)
_LOOKED_AT, _LOOKED_AT_CLOSELY = 1000, 10_000
_LONGEST_TITLE = 1000
_ACTIVE_AT = 13
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MORE = 50
_FAR = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ThreadFilter:
    """Which threads a list or a count is about. None means any; metadata must be contained.

    `title` is a pattern that it must match; it was active at `since` or later, and before `until`.
    """

    status: str | None = "active"
    user: str | None = None
    external_id: str | None = None
    metadata: str | None = None
    title: str | None = None
    since: datetime = FIRST
    until: datetime = LAST

    @property
    def kind(self) -> str:
        """Whose threads a page is read from, as the names of the statements say it."""
        if self.external_id is not None:
            return "_of_external"
        return "" if self.user is None else "_of_user"

    @property
    def matching(self) -> tuple[object, ...]:
        """What the threads must match, as the statements that sort or count take it."""
        return (self.metadata, self.title, self.since, self.until)

    @property
    def given(self) -> tuple[str | None, ...]:
        """The last parameters of such a statement."""
        if self.external_id is not None:
            return (self.user, self.external_id)
        return () if self.user is None else (self.user,)

    @classmethod
    def of(
        cls,
        scope: Scope,
        *,
        status: str,
        user: str | None,
        external_id: str | None,
        metadata: Mapping[str, Json] | None,
        title: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> ThreadFilter:
        """A checked filter. A handle of one user cannot ask for another."""
        wanted = wanted_status(status)
        return cls(
            wanted,
            scope.person(user),
            check_id_or_none("external_id", external_id),
            jsontext.check_metadata(metadata, "metadata"),
            None if title is None else _containing(title),
            *check_between(since, until),
        )


async def page(
    scope: Scope,
    which: ThreadFilter,
    *,
    order: Order,
    limit: int,
    cursor: str | None,
    order_by: ThreadOrder = "active_at",
    after: str | None = None,
    offset: int = 0,
) -> Page[Thread]:
    """A page of threads. InvalidCursorError where `after` is no thread of this scope.

    By last activity it looks at a bounded number of threads, by anything else and with an offset at
    all there are. A cursor says by itself where to go on.
    """
    newest_first = check_order(order) == "desc"
    if order_by not in _ORDERS:
        raise InvalidError("order_by", f"must be one of {', '.join(_ORDERS)}")
    check_offset(offset)
    check_id_or_none("after", after)

    async def fetch(stretch: Stretch) -> Found[Thread]:
        down, at = stretch.forward == newest_first, stretch.after
        skipped = 0 if at else offset
        if at is None and after is not None:
            at = await _place_of(scope, after, order_by)
        if order_by == "active_at" and not skipped:
            return await _by_activity(scope, which, at, down=down, count=stretch.count)
        rows = await scope.fetch(
            f"threads{which.kind}_sorted_{'down' if down else 'up'}",
            scope.key,
            scope.owner_id,
            which.status,
            *which.matching,
            order_by,
            *_start(order_by, at),
            stretch.count,
            skipped,
            *which.given,
        )
        place = _title_place if order_by == "title" else _time_place
        return Found([(row, thread_of(row[4:])) for row in rows], place=place)

    told = () if order_by == "active_at" else (order_by,)
    return await read_page(
        fetch,
        limit=limit,
        cursor=cursor,
        kinds=(_title_of if order_by == "title" else time_of, number_of),
        identity=("threads", scope.owner_id, which, order, *told),
        inside=after is not None or offset > 0,
    )


async def _by_activity(
    scope: Scope, which: ThreadFilter, at: Place | None, *, down: bool, count: int
) -> Found[Thread]:
    """The threads that match among the next ones in the order of their activity."""
    closely = which.metadata is not None or which.title is not None
    bound = max(_LOOKED_AT_CLOSELY if closely else _LOOKED_AT, count)
    # One bound on each side, as places: every key is above -1.
    newest, oldest = (which.until, -1), (which.since, -1)
    start = min(at or (LAST, _FAR), newest) if down else max(at or (FIRST, -1), oldest)
    rows = await scope.fetch(
        f"threads{which.kind}_{'newest' if down else 'oldest'}",
        scope.key,
        scope.owner_id,
        *start,
        which.status,
        which.metadata,
        which.title,
        *(oldest if down else newest),
        count,
        bound,
        *which.given,
    )
    kept = [(row, thread_of(row[3:])) for row in rows if row[1]]
    end = rows[-1] if rows and rows[-1][2] else None
    return Found(kept, end, _activity_place)


async def _place_of(scope: Scope, thread_id: str, order_by: ThreadOrder) -> Place:
    """The place of a thread; InvalidCursorError if it is unknown."""
    rows = await scope.on_thread("thread_place", thread_id)
    if not rows:
        raise InvalidCursorError
    return (rows[0][1 + _ORDERS.index(order_by)], rows[0][0])


def _start(order_by: ThreadOrder, at: Place | None) -> tuple[object, ...]:
    """A place to start after, as the statements that sort take it."""
    if at is None:
        return (None, None, None, None)
    value, key = at
    if order_by != "title":
        return (False, value, "", key)
    return (value is None, _EPOCH, value or "", key)


def _title_of(value: object) -> str | None:
    """The title that a place holds, None for the threads that have none."""
    return None if value is None else text_of(value)


def _activity_place(row: Row) -> Place:
    return (row[3 + _ACTIVE_AT].isoformat(), row[0])


def _time_place(row: Row) -> Place:
    return (row[1].isoformat(), row[3])


def _title_place(row: Row) -> Place:
    return (None if row[0] else row[2], row[3])


async def find_active(scope: Scope, which: ThreadFilter) -> Thread | None:
    """The thread with the latest activity that is not closed, or None."""
    cursor, limit = None, 1
    while True:
        found = await page(scope, which, order="desc", limit=limit, cursor=cursor)
        active = next((thread for thread in found.items if thread.access != "closed"), None)
        if active is not None or found.next is None:
            return active
        cursor, limit = found.next, _MORE


async def count(scope: Scope, which: ThreadFilter) -> int:
    """How many threads match."""
    rows = await scope.fetch(
        "threads_count",
        scope.key,
        scope.owner_id,
        which.user,
        which.external_id,
        which.status,
        *which.matching,
    )
    return int(rows[0][0])


async def heads(
    scope: Scope, thread_ids: Iterable[str]
) -> list[tuple[str, str | None, str | None]]:
    """The id of each thread that is there, with its head's format and payload, as asked for."""
    asked = check_ids("thread_ids", thread_ids)
    if not asked:
        return []
    rows = await scope.fetch("threads_previews", scope.key, scope.owner_id, scope.user_id, asked)
    found = {row[0]: row for row in rows}
    return [(id_, *found[id_][1:]) for id_ in asked if id_ in found]


def wanted_status(status: str) -> str | None:
    """The status to look for, None for all; InvalidError for what is neither."""
    if status == "all":
        return None
    if status not in _STATUSES:
        raise InvalidError("status", f"must be all or one of {', '.join(_STATUSES)}")
    return status


def _containing(title: object) -> str:
    """The pattern of what contains this text; its wildcards stand for themselves."""
    text = check_text("title", title)
    if text is None or len(text) > _LONGEST_TITLE:
        raise InvalidError("title", f"must be at most {_LONGEST_TITLE} characters")
    escaped = re.sub(r"([%_\\])", r"\\\1", text)
    return f"%{escaped}%"
