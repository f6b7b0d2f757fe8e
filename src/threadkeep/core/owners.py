"""Lists across owners: their threads, and the owners themselves. For the admin role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from threadkeep.core.attempts import Attempts
from threadkeep.core.cursors import (
    Found,
    Place,
    Stretch,
    check_order,
    number_of,
    read_page,
    text_of,
    time_of,
)
from threadkeep.core.drafts import FIRST, LAST
from threadkeep.core.rows import thread_of
from threadkeep.core.thread_lists import wanted_status
from threadkeep.core.threads import check_text
from threadkeep.values.errors import InvalidCursorError, InvalidError
from threadkeep.values.ids import check_id_or_none
from threadkeep.values.page import Order, Page
from threadkeep.values.ports import Executor, Row, Statement
from threadkeep.values.thread import OwnerSummary, Thread

AllThreadsOrder = Literal["key", "active_at"]

_LEAST, _MOST = -(2**63), 2**63 - 1
_ACTIVE_AT = 15


async def page_of_threads(
    ex: Executor,
    sql: Mapping[str, Statement],
    *,
    status: str,
    order: Order,
    order_by: AllThreadsOrder,
    limit: int,
    cursor: str | None,
    after: str | None,
) -> Page[Thread]:
    """A page of the threads of all owners, by their keys or by last activity.

    InvalidCursorError where no owner has the thread `after`; InvalidError where several have it.
    """
    ascending = check_order(order) == "asc"
    wanted = wanted_status(status)
    if order_by not in ("key", "active_at"):
        raise InvalidError("order_by", "must be key or active_at")
    by_key = order_by == "key"
    check_id_or_none("after", after)
    calls = Attempts(ex, sql)

    async def fetch(stretch: Stretch) -> Found[Thread]:
        up, at = stretch.forward == ascending, stretch.after
        if at is None and after is not None:
            at = _place_of(await calls.fetch(sql["threads_of_all_place"], after), by_key=by_key)
        if by_key:
            start = at or ((_LEAST, -1) if up else (_MOST, _MOST))
            name = "threads_of_all_up" if up else "threads_of_all_down"
        else:
            none = (FIRST, _LEAST, -1) if up else (LAST, _MOST, _MOST)
            start = at or none
            name = "threads_of_all_oldest" if up else "threads_of_all_newest"
        rows = await calls.fetch(sql[name], *start, wanted, stretch.count)
        place = _key_place if by_key else _activity_place
        return Found([(row, thread_of(row[2:])) for row in rows], place=place)

    told = () if by_key else (order_by,)
    return await read_page(
        fetch,
        limit=limit,
        cursor=cursor,
        kinds=(number_of, number_of) if by_key else (time_of, number_of, number_of),
        identity=("threads of all", status, order, *told),
        inside=after is not None,
    )


async def page_of_owners(
    ex: Executor,
    sql: Mapping[str, Statement],
    *,
    starts: str | None,
    order: Order,
    limit: int,
    cursor: str | None,
) -> Page[OwnerSummary]:
    """A page of the owners that have threads, by their ids."""
    ascending = check_order(order) == "asc"
    check_text("starts", starts)

    async def fetch(stretch: Stretch) -> Found[OwnerSummary]:
        name = "owners_up" if stretch.forward == ascending else "owners_down"
        after = stretch.after[0] if stretch.after else None
        rows = await Attempts(ex, sql).fetch(sql[name], starts, after, stretch.count)
        return Found([((row[0],), OwnerSummary(*row)) for row in rows])

    identity = ("owners", starts, order)
    return await read_page(fetch, limit=limit, cursor=cursor, kinds=(text_of,), identity=identity)


def _place_of(rows: Sequence[Row], *, by_key: bool) -> Place:
    """The place of the one thread of these rows."""
    if not rows:
        raise InvalidCursorError
    if len(rows) > 1:
        raise InvalidError("after", "must be the id of a thread that one owner has")
    return tuple(rows[0])[1:] if by_key else tuple(rows[0])


def _key_place(row: Row) -> Place:
    return (row[0], row[1])


def _activity_place(row: Row) -> Place:
    return (row[_ACTIVE_AT].isoformat(), row[0], row[1])
