"""Cursors and pages: a place in a list, bound to that list."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Generic, Literal, TypeVar

import orjson

from threadkeep.core.drafts import FIRST, LAST, check_time
from threadkeep.values.errors import InvalidCursorError, InvalidError
from threadkeep.values.numbers import MAX_INT, is_whole
from threadkeep.values.page import Order, Page
from threadkeep.values.ports import Row

MAX_LIMIT = 1000
_CHECK = 8
# A place may hold an id of 512 bytes, each of them escaped.
_LONGEST = 5000

T = TypeVar("T")
Place = tuple[Any, ...]
Kinds = Sequence[Callable[[object], object]]
"""What each value of a place must be: `time_of`, `text_of`, `number_of`. All it says is hostile."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What to fetch: `count` rows beyond `after`, in the list's order or against it."""

    forward: bool
    after: Place | None
    count: int


def _as_it_is(mark: Any) -> Place:
    return tuple(mark)


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """What was fetched, in the order of the fetch; `end` is where a bounded search stopped.

    Each item has a mark, from which `place` makes its place: the first and the last need theirs.
    `head` goes on to the page.
    """

    items: Sequence[tuple[Any, T]]
    end: Any = None
    place: Callable[[Any], Place] = _as_it_is
    head: str | None = None


def check_limit(field: str, limit: object) -> int:
    """Return `limit` if it is an int from 1 to 1000, else raise InvalidError."""
    if not is_whole(limit, 1, MAX_LIMIT):
        raise InvalidError(field, f"must be an int from 1 to {MAX_LIMIT}")
    return limit


def check_order(order: object) -> Order:
    """Return `order` if it is asc or desc, else raise InvalidError."""
    if order == "asc":
        return "asc"
    if order == "desc":
        return "desc"
    raise InvalidError("order", "must be asc or desc")


def check_offset(offset: object) -> int:
    """Return `offset` if it is an int of at least 0, else raise InvalidError."""
    if not is_whole(offset):
        raise InvalidError("offset", "must be an int of at least 0")
    return offset


def time_of(value: object) -> datetime:
    """The time that a place holds as isoformat says it."""
    try:
        found = check_time("cursor", datetime.fromisoformat(text_of(value)))
    except ValueError:
        found = None
    if found is None:
        raise InvalidCursorError
    return found


def text_of(value: object) -> str:
    """The text that a place holds, as PostgreSQL can hold it; JSON has no lone surrogates here."""
    if not isinstance(value, str) or "\0" in value:
        raise InvalidCursorError
    return value


def number_of(value: object) -> int:
    """The number that a place holds, of 8 bytes."""
    if not is_whole(value, -MAX_INT - 1):
        raise InvalidCursorError
    return value


async def read_page(
    fetch: Callable[[Stretch], Awaitable[Found[T]]],
    *,
    limit: int,
    cursor: str | None,
    kinds: Kinds,
    identity: Sequence[object],
    inside: bool = False,
) -> Page[T]:
    """Fetch the page at `cursor`, or the first one.

    `identity` is all that tells this list from others; a cursor of another list is an
    InvalidCursorError, before any I/O; so is one whose place is not of these `kinds`. `inside`:
    without a cursor the list is not read from its beginning.
    """
    check_limit("limit", limit)
    forward, after = True, None
    if cursor is not None:
        forward, after = _read(cursor, identity, kinds)
    found = await fetch(Stretch(forward, after, limit + 1))
    items = list(found.items[:limit])
    last = items[-1][0] if len(found.items) > limit else found.end
    beyond = None if last is None else _write(found.place(last), identity, forward=forward)
    behind = None
    if items and (after is not None or inside):
        # A page that was reached by a cursor has something on the side it came from.
        behind = _write(found.place(items[0][0]), identity, forward=not forward)
    if not forward:
        items.reverse()
        beyond, behind = behind, beyond
    cut_short = len(found.items) <= limit and found.end is not None
    listed = tuple(item for _, item in items)
    return Page(listed, beyond, behind, truncated=cut_short, head=found.head)


async def read_by_time(
    fetch: Callable[[str, datetime, str, int], Awaitable[Sequence[Row]]],
    make: Callable[[Row], T],
    *,
    by: Literal["created_at", "started_at"] = "created_at",
    order: Order,
    limit: int,
    cursor: str | None,
    identity: Sequence[object],
    looked_at: int | None = None,
) -> Page[T]:
    """A page as `read_page`'s, of a list by a time of its items and their ids.

    `fetch` is given the name of the way, newest or oldest, the time and id to start behind, and how
    many rows. Where its statement looks at `looked_at` rows at the most, a row begins with how many
    it has looked at and whether it is kept.
    """
    newest_first = check_order(order) == "desc"

    async def step(stretch: Stretch) -> Found[T]:
        down = stretch.forward == newest_first
        at, id_ = stretch.after or (LAST if down else FIRST, "")
        rows = await fetch("newest" if down else "oldest", at, id_, stretch.count)
        if looked_at is None:
            return Found([(item, item) for item in map(make, rows)], place=place)
        seen = [(row[1], make(row[2:])) for row in rows]
        end = seen[-1][1] if rows and rows[-1][0] == looked_at else None
        return Found([(item, item) for kept, item in seen if kept], end, place)

    def place(item: Any) -> Place:
        at = getattr(item, by)
        return (at.isoformat(), item.id)

    kinds = (time_of, text_of)
    return await read_page(step, limit=limit, cursor=cursor, kinds=kinds, identity=identity)


def _write(place: Place, identity: Sequence[object], *, forward: bool) -> str:
    body = orjson.dumps([forward, *place])
    return base64.urlsafe_b64encode(_check(body, identity) + body).decode().rstrip("=")


def _read(cursor: object, identity: Sequence[object], kinds: Kinds) -> tuple[bool, Place]:
    if not isinstance(cursor, str) or len(cursor) > _LONGEST:
        raise InvalidCursorError
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        check, body = raw[:_CHECK], raw[_CHECK:]
        if check != _check(body, identity):
            raise InvalidCursorError
        forward, *place = orjson.loads(body)
    except (binascii.Error, ValueError, TypeError):
        raise InvalidCursorError from None
    if len(place) != len(kinds) or not isinstance(forward, bool):
        raise InvalidCursorError
    return forward, tuple(kind(value) for kind, value in zip(kinds, place, strict=True))


def _check(body: bytes, identity: Sequence[object]) -> bytes:
    return sha256(repr(identity).encode("utf-8", "surrogatepass") + body).digest()[:_CHECK]
