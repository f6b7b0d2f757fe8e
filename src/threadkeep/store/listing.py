"""A list of messages: its arguments for both faces, as `Messages.list` explains, and its pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Required, TypedDict

from threadkeep.core import scans
from threadkeep.core.scans import Scan
from threadkeep.core.scope import Scope
from threadkeep.dialects.convert import convert
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message, Role
from threadkeep.values.page import MessageOrder, Order, Page
from threadkeep.values.parts import Json


class Listing(TypedDict, total=False):
    """A list of Message objects."""

    tree: bool
    leaf: str | None
    roles: Sequence[Role] | None
    metadata: Mapping[str, Json] | None
    created_since: datetime | None
    created_before: datetime | None
    has_tool_calls: bool | None
    session: str | None
    archived_sessions: bool
    since: int | None
    order: Order
    order_by: MessageOrder
    limit: int
    cursor: str | None
    after: str | None
    offset: int
    last: int | None


class NativeListing(Listing, total=False):
    """A list of native items."""

    dialect: Required[str]
    strict: bool


async def read_list(
    scope: Scope,
    thread_id: str,
    scan: Scan,
    *,
    limit: int,
    last: int | None,
    begun: str | None,
    at: str | None,
) -> Page[Message]:
    """The page at the cursor `at` of a list that was called with the cursor `begun`."""
    for field, given in (("last", last is not None), ("offset", scan.offset != 0)):
        if given and begun is not None:
            raise InvalidError(field, "must not be given together with cursor")
    if last is None:
        return await scans.page(scope, thread_id, scan, limit=limit, cursor=at)
    return await scans.last(scope, thread_id, scan, last)


def converted(page: Page[Message], dialect: str, *, strict: bool) -> Page[Any]:
    """The page with native items in the place of messages."""
    made = convert(page.items, dialect, strict=strict)
    return Page(
        tuple(made),
        page.next,
        page.previous,
        made.losses,
        made.sources,
        made.system,
        truncated=page.truncated,
        head=page.head,
    )
