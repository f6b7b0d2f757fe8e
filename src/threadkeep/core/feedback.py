"""Feedback: set, clear, list. What users think of messages."""

from __future__ import annotations

from typing import get_args

from threadkeep.core.cursors import (
    Found,
    Place,
    Stretch,
    check_order,
    number_of,
    read_page,
    text_of,
)
from threadkeep.core.scope import Scope
from threadkeep.core.threads import check_text, lock_if_any
from threadkeep.values.errors import InvalidError, NotFoundError
from threadkeep.values.feedback import Feedback, Kind
from threadkeep.values.ids import check_id
from threadkeep.values.page import Order, Page
from threadkeep.values.ports import Row, Transaction

_KINDS: tuple[str, ...] = get_args(Kind)
_MAX_COMMENT_BYTES = 64 * 1024
_FAR = 2**63 - 1


async def put(
    scope: Scope,
    thread_id: str,
    message_id: str,
    kind: str,
    *,
    comment: str | None,
    user: str | None,
) -> Feedback:
    """Write what a user thinks of a message, over what that user said of it before."""
    check_id("message_id", message_id)
    if kind not in _KINDS:
        raise InvalidError("kind", f"must be one of {', '.join(_KINDS)}")
    said = (
        message_id,
        scope.person(user) or "",
        kind,
        check_text("comment", comment, most=_MAX_COMMENT_BYTES),
    )
    rows = await scope.on_thread("feedback_set", thread_id, *said)
    if not rows:
        raise NotFoundError("message", message_id)
    return _feedback(thread_id, rows[0])


async def clear(scope: Scope, thread_id: str, message_id: str, *, user: str | None) -> bool:
    """Take back what a user thinks of a message; whether there was something."""
    check_id("message_id", message_id)
    person = scope.person(user) or ""

    async def change(tx: Transaction) -> bool:
        row = await lock_if_any(scope, thread_id, tx)
        if row is None:
            return False
        place = await tx.fetch(scope.sql["message_place"], scope.key, row[0], message_id)
        return bool(place) and bool(
            await tx.fetch(scope.sql["feedback_delete"], scope.key, row[0], place[0][0], person)
        )

    return await scope.atomically(change)


async def page(
    scope: Scope, thread_id: str, *, order: Order, limit: int, cursor: str | None
) -> Page[Feedback]:
    """A page of what users think of a thread's messages; empty for an unknown thread."""
    oldest_first = check_order(order) == "asc"

    async def fetch(stretch: Stretch) -> Found[Feedback]:
        up = stretch.forward == oldest_first
        place = stretch.after or ((-1, "") if up else (_FAR, ""))
        name = "feedback_oldest" if up else "feedback_newest"
        rows = await scope.on_thread(name, thread_id, *place, stretch.count)
        return Found([(row, _feedback(thread_id, row)) for row in rows], place=_place)

    identity = ("feedback", scope.owner_id, scope.user_id, thread_id, order)
    return await read_page(
        fetch, limit=limit, cursor=cursor, kinds=(number_of, text_of), identity=identity
    )


def _feedback(thread_id: str, row: Row) -> Feedback:
    return Feedback(thread_id, *row[1:])


def _place(row: Row) -> Place:
    return (row[0], row[2] or "")
