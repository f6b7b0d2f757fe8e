"""Cursors and pages: a place in a list, bound to that list."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Generic, TypeVar

import orjson

from threadkeep.values.errors import InvalidCursorError, InvalidError
from threadkeep.values.page import Page

MAX_LIMIT = 1000
_CHECK = 8

T = TypeVar("T")
Place = tuple[Any, ...]


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
    """

    items: Sequence[tuple[Any, T]]
    end: Any = None
    place: Callable[[Any], Place] = _as_it_is


def check_limit(field: str, limit: object) -> int:
    """Return `limit` if it is an int from 1 to 1000, else raise InvalidError."""
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MAX_LIMIT:
        raise InvalidError(field, f"must be an int from 1 to {MAX_LIMIT}")
    return limit


async def read_page(
    fetch: Callable[[Stretch], Awaitable[Found[T]]],
    *,
    limit: int,
    cursor: str | None,
    width: int,
    identity: Sequence[object],
) -> Page[T]:
    """Fetch the page at `cursor`, or the first one.

    `identity` is all that tells this list from others; a cursor of another list is an
    InvalidCursorError, before any I/O. `width` is how many numbers a place has.
    """
    check_limit("limit", limit)
    forward, after = True, None
    if cursor is not None:
        forward, after = _read(cursor, identity, width)
    found = await fetch(Stretch(forward, after, limit + 1))
    items = list(found.items[:limit])
    last = items[-1][0] if len(found.items) > limit else found.end
    beyond = None if last is None else _write(found.place(last), identity, forward=forward)
    behind = None
    if items and after is not None:
        # A page that was reached by a cursor has something on the side it came from.
        behind = _write(found.place(items[0][0]), identity, forward=not forward)
    if not forward:
        items.reverse()
        beyond, behind = behind, beyond
    return Page(tuple(item for _, item in items), next=beyond, previous=behind)


def _write(place: Place, identity: Sequence[object], *, forward: bool) -> str:
    body = orjson.dumps([forward, *place])
    return base64.urlsafe_b64encode(_check(body, identity) + body).decode().rstrip("=")


def _read(cursor: object, identity: Sequence[object], width: int) -> tuple[bool, Place]:
    if not isinstance(cursor, str) or len(cursor) > 200:
        raise InvalidCursorError
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        check, body = raw[:_CHECK], raw[_CHECK:]
        if check != _check(body, identity):
            raise InvalidCursorError
        forward, *place = orjson.loads(body)
    except (binascii.Error, ValueError, TypeError):
        raise InvalidCursorError from None
    if len(place) != width:
        raise InvalidCursorError
    return forward, tuple(place)


def _check(body: bytes, identity: Sequence[object]) -> bytes:
    return sha256(repr(identity).encode("utf-8", "surrogatepass") + body).digest()[:_CHECK]
