"""Scans: lists of a thread's messages that match, by seq or by time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import get_args

from threadkeep.core import messages
from threadkeep.core.cursors import (
    Found,
    Place,
    Stretch,
    check_limit,
    check_offset,
    check_order,
    number_of,
    read_page,
    time_of,
)
from threadkeep.core.drafts import FIRST, LAST, check_time
from threadkeep.core.rows import SEQ, messages_of, split_head
from threadkeep.core.scope import Scope
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidCursorError, InvalidError, NotFoundError
from threadkeep.values.ids import check_id_or_none
from threadkeep.values.message import Message, Role
from threadkeep.values.page import MessageOrder, Order, Page
from threadkeep.values.parts import Json
from threadkeep.values.ports import Row

_ROLES: tuple[str, ...] = get_args(Role)
_ORDERS: tuple[str, ...] = get_args(MessageOrder)
_CREATED_AT = 9
_FAR = 2**63 - 1

# The statement of a list by time or by seq, towards its oldest message or away from it.
_NAMES = {
    (False, True): "messages_scan_up",
    (False, False): "messages_scan_down",
    (True, True): "messages_newest",
    (True, False): "messages_oldest",
}


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages a list is about: those that match all of it. None means any."""

    roles: tuple[str, ...] | None = None
    metadata: str | None = None
    created_since: datetime | None = None
    created_before: datetime | None = None
    has_tool_calls: bool | None = None
    session: str | None = None
    archived_sessions: bool = True

    @classmethod
    def of(
        cls,
        *,
        roles: Sequence[Role] | None,
        metadata: Mapping[str, Json] | None,
        created_since: datetime | None,
        created_before: datetime | None,
        has_tool_calls: bool | None,
        session: str | None,
        archived_sessions: bool,
    ) -> MessageFilter:
        """A checked filter. A session that is asked for is shown, archived or not."""
        if has_tool_calls not in (None, True, False):
            raise InvalidError("has_tool_calls", "must be True, False or None")
        if archived_sessions not in (True, False):
            raise InvalidError("archived_sessions", "must be True or False")
        return cls(
            None if roles is None else check_roles(roles),
            jsontext.check_metadata(metadata, "metadata"),
            check_time("created_since", created_since),
            check_time("created_before", created_before),
            None if has_tool_calls is None else bool(has_tool_calls),
            check_id_or_none("session", session),
            bool(archived_sessions) or session is not None,
        )

    @property
    def given(self) -> tuple[object, ...]:
        """Its parameters in a statement."""
        roles = None if self.roles is None else list(self.roles)
        times = (self.created_since, self.created_before)
        asked = (self.has_tool_calls, self.session, self.archived_sessions)
        return (roles, self.metadata, *times, *asked)


EVERY = MessageFilter()


@dataclass(frozen=True, slots=True)
class Scan:
    """A list of a thread's messages: which of them, in what order, and where it starts.

    `after` is the id of a message that it starts behind, `offset` how many it skips.
    """

    which: MessageFilter
    tree: bool
    leaf: str | None
    since: int | None
    order: Order
    order_by: MessageOrder
    after: str | None
    offset: int

    def check(self) -> None:
        """Raise InvalidError unless all of it is as it must be."""
        check_order(self.order)
        if self.order_by not in _ORDERS:
            raise InvalidError("order_by", f"must be one of {', '.join(_ORDERS)}")
        messages.check_since(self.since)
        messages.check_leaf(self.leaf, self.tree)
        check_offset(self.offset)
        check_id_or_none("after", self.after)

    @property
    def plain(self) -> bool:
        """Whether it is all of a path or a tree, by seq and from its beginning."""
        return (self.which, self.order_by, self.after, self.offset) == (EVERY, "seq", None, 0)


async def page(
    scope: Scope, thread_id: str, scan: Scan, *, limit: int, cursor: str | None
) -> Page[Message]:
    """A page of what matches. InvalidCursorError where `after` is no message of the thread.

    A cursor says by itself where to go on: `after` and `offset` are about the first page.
    """
    scan.check()
    here = scan if cursor is None else replace(scan, after=None, offset=0)
    if here.plain:
        return await messages.page(
            scope,
            thread_id,
            tree=scan.tree,
            leaf=scan.leaf,
            order=scan.order,
            limit=limit,
            cursor=cursor,
            since=scan.since,
        )
    by_time = scan.order_by == "created_at"

    async def fetch(stretch: Stretch) -> Found[Message]:
        up = stretch.forward == (scan.order == "desc")
        rows = await scope.on_thread(
            _NAMES[by_time, up],
            thread_id,
            scan.leaf,
            scan.tree,
            messages.check_since(scan.since),
            here.after,
            stretch.count,
            here.offset,
            *scan.which.given,
            *_start(stretch.after, by_time=by_time, up=up),
        )
        rows, head = split_head(rows)
        rows = sorted(rows, key=_by_time if by_time else _by_seq, reverse=up)
        found = list(zip(rows, messages_of(rows), strict=True))
        return Found(found, place=_time_place if by_time else _by_seq, head=head)

    found = await read_page(
        fetch,
        limit=limit,
        cursor=cursor,
        kinds=(time_of, number_of) if by_time else (number_of,),
        identity=_identity(scope, thread_id, scan),
        inside=here.after is not None or here.offset > 0,
    )
    if not found.items:
        await _check_places(scope, thread_id, here)
    return found


async def last(scope: Scope, thread_id: str, scan: Scan, number: int) -> Page[Message]:
    """The last `number` messages that match, in ascending order, as one page.

    `offset` leaves out so many of the last ones.
    """
    check_limit("last", number)
    if scan.after is not None:
        raise InvalidError("after", "must not be given together with last")
    scan.check()
    found = await page(scope, thread_id, replace(scan, order="desc"), limit=number, cursor=None)
    return Page(found.items[::-1], next=None, previous=None, head=found.head)


async def _check_places(scope: Scope, thread_id: str, scan: Scan) -> None:
    """Raise where a page is empty because there is no such leaf, or no message to start after."""
    if scan.leaf is not None:
        await messages.get(scope, thread_id, scan.leaf)
    if scan.after is not None:
        try:
            await messages.get(scope, thread_id, scan.after)
        except NotFoundError:
            raise InvalidCursorError from None


def _identity(scope: Scope, thread_id: str, scan: Scan) -> tuple[object, ...]:
    """What tells this list from others; a cursor goes on in the list without filters as well."""
    path = (thread_id, scan.tree, scan.leaf, scan.order, scan.since)
    told = () if (scan.which, scan.order_by) == (EVERY, "seq") else (scan.which, scan.order_by)
    return ("messages", scope.owner_id, scope.user_id, *path, *told)


def _start(after: Place | None, *, by_time: bool, up: bool) -> tuple[datetime | None, int]:
    """The place to start after, as a statement takes it."""
    if not by_time:
        return None, after[0] if after else (_FAR if up else -1)
    if after:
        return after[0], after[1]
    return (LAST, _FAR) if up else (FIRST, -1)


def _by_seq(row: Row) -> Place:
    return (row[SEQ],)


def _by_time(row: Row) -> Place:
    return (row[_CREATED_AT], row[SEQ])


def _time_place(row: Row) -> Place:
    return (row[_CREATED_AT].isoformat(), row[SEQ])


def check_roles(roles: Sequence[Role]) -> tuple[str, ...]:
    """The roles without order; InvalidError for none, or what is none."""
    given = () if isinstance(roles, str) or not isinstance(roles, Iterable) else tuple(roles)
    if not given or any(role not in _ROLES for role in given):
        raise InvalidError("roles", f"must be one or more of {', '.join(_ROLES)}")
    return tuple(sorted(set(given)))
