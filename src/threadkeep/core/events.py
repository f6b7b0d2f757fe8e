"""Events: track, list. What people did in a front end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import orjson

from threadkeep.core.cursors import Place
from threadkeep.core.drafts import check_time
from threadkeep.core.rows import metadata_of
from threadkeep.core.scope import Scope
from threadkeep.core.told import ToldFilter
from threadkeep.core.told import page as told_page
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.event import Event
from threadkeep.values.ids import check_id, new_id
from threadkeep.values.page import Order, Page
from threadkeep.values.ports import Row
from threadkeep.values.quick import maker

MOST = 1000
_MAX_KIND = 64
_MAX_PROPS_BYTES = 1024
_MAX_VALUE = 2**63 - 1
_PROPS = 5

_made = maker(Event)


async def track(scope: Scope, events: Iterable[Event]) -> int:
    """Store events; how many of them are stored now."""
    rows = _rows(scope, events)
    if not rows:
        return 0
    # Always in the same order, so that two calls wait for each other one way only.
    rows.sort(key=lambda row: (str(row["thread_id"] or ""), str(row["event_id"])))
    stored = await scope.fetch(
        "events_track", scope.key, scope.owner_id, scope.user_id, orjson.dumps(rows).decode()
    )
    return len(stored)


async def page(
    scope: Scope,
    *,
    thread: str | None,
    kind: str | None,
    user: str | None,
    since: datetime | None,
    until: datetime | None,
    order: Order,
    limit: int,
    cursor: str | None,
) -> Page[Event]:
    """A page of events by when they were; looks at 10 000 at the most."""
    word = None if kind is None else check_kind(kind)
    which = ToldFilter.of(
        scope, "events", thread=thread, word=word, user=user, since=since, until=until
    )
    return await told_page(scope, which, _event, _place, order=order, limit=limit, cursor=cursor)


def check_kind(kind: object) -> str:
    """Return `kind` if it is one; else raise InvalidError."""
    word = check_id("kind", kind)
    if len(word) > _MAX_KIND:
        raise InvalidError("kind", f"must have 1 to {_MAX_KIND} characters")
    return word


def _rows(scope: Scope, events: Iterable[Event]) -> list[dict[str, object]]:
    """The events as the statement takes them, all of them checked; a new id where none is given."""
    if isinstance(events, Event) or not isinstance(events, Iterable):
        raise InvalidError("events", "must be several events")
    rows: list[dict[str, object]] = []
    for event in events:
        if len(rows) == MOST:
            raise InvalidError("events", f"must be {MOST} at the most")
        rows.append(_row(scope, event, len(rows)))
    if len({row["event_id"] for row in rows}) < len(rows):
        raise InvalidError("events", "must not have the same id twice")
    return rows


def _row(scope: Scope, event: Event, place: int) -> dict[str, object]:
    if not isinstance(event, Event):
        raise InvalidError("events", "must all be of the class Event")
    named = {"thread_id": event.thread_id, "message_id": event.message_id, "run": event.run}
    for field, value in named.items():
        if value is not None:
            check_id(field, value)
    at = check_time("created_at", event.created_at)
    return {
        "event_id": new_id() if event.id is None else check_id("id", event.id),
        **named,
        "place": place,
        "kind": check_kind(event.kind),
        "value": _check_value(event.value),
        "props": _check_props(event.props),
        "user_id": scope.person(event.user_id),
        "created_at": None if at is None else at.isoformat(),
    }


def _check_value(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_VALUE:
        raise InvalidError("value", "must be an int from 0 to 2**63 - 1, or None")
    return int(value)


def _check_props(props: object) -> str | None:
    text = jsontext.check_metadata(props, "props")
    if text is not None and len(text.encode()) > _MAX_PROPS_BYTES:
        raise InvalidError("props", f"must have at most {_MAX_PROPS_BYTES} bytes as JSON")
    return text


def _event(row: Row) -> Event:
    """An Event from a row of `event_columns`, which are its fields."""
    values = list(row)
    values[_PROPS] = metadata_of(values[_PROPS])
    return _made(*values)


def _place(event: Event) -> Place:
    return ("" if event.created_at is None else event.created_at.isoformat(), event.id)
