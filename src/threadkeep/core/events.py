"""Events: track, list. What people did in a front end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import orjson

from threadkeep.core.drafts import check_several, check_time
from threadkeep.core.rows import with_metadata
from threadkeep.core.scope import Scope
from threadkeep.core.told import ToldFilter
from threadkeep.core.told import page as told_page
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.event import Event
from threadkeep.values.ids import check_id, check_id_or_none, new_id
from threadkeep.values.numbers import check_whole
from threadkeep.values.page import Order, Page
from threadkeep.values.ports import Row
from threadkeep.values.quick import maker

_MAX_KIND = 64
_MAX_PROPS_BYTES = 1024
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
    return await told_page(scope, which, _event, order=order, limit=limit, cursor=cursor)


def check_kind(kind: object) -> str:
    """Return `kind` if it is one; else raise InvalidError."""
    word = check_id("kind", kind)
    if len(word) > _MAX_KIND:
        raise InvalidError("kind", f"must have 1 to {_MAX_KIND} characters")
    return word


def _rows(scope: Scope, events: Iterable[Event]) -> list[dict[str, object]]:
    """The events as the statement takes them, all of them checked; a new id where none is given."""
    several = check_several("events", events, Event)
    rows = [_row(scope, event, place) for place, event in enumerate(several)]
    if len({row["event_id"] for row in rows}) < len(rows):
        raise InvalidError("events", "must not have the same id twice")
    return rows


def _row(scope: Scope, event: Event, place: int) -> dict[str, object]:
    named = {"thread_id": event.thread_id, "message_id": event.message_id, "run": event.run}
    for field, value in named.items():
        check_id_or_none(field, value)
    at = check_time("created_at", event.created_at)
    return {
        "event_id": new_id() if event.id is None else check_id("id", event.id),
        **named,
        "place": place,
        "kind": check_kind(event.kind),
        "value": None if event.value is None else check_whole("value", event.value),
        "props": _check_props(event.props),
        "user_id": scope.person(event.user_id),
        "created_at": None if at is None else at.isoformat(),
    }


def _check_props(props: object) -> str | None:
    text = jsontext.check_metadata(props, "props")
    if text is not None and len(text.encode()) > _MAX_PROPS_BYTES:
        raise InvalidError("props", f"must have at most {_MAX_PROPS_BYTES} bytes as JSON")
    return text


def _event(row: Row) -> Event:
    """An Event from a row of `event_columns`, which are its fields."""
    return _made(*with_metadata(row, _PROPS))
