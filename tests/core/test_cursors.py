"""Cursors that nobody was given: what a place may hold."""

from __future__ import annotations

import base64
from collections.abc import Callable
from itertools import product
from typing import Any

import orjson
import pytest

from threadkeep import InvalidCursorError, Message, Page, Store
from threadkeep.core import cursors

VALUES: tuple[object, ...] = (
    *("", "x", "\0", "2020-01-01", "2020-01-01T00:00:00", "9999-12-31T23:59:59.999999+00:00"),
    *("0001-01-01T00:00:00+14:00", "2020-01-01T00:00:00+00:00"),
    *(None, True, 5, 2**63 - 1, -(2**63), 2**63, 1.5, [], {}),
)


def test_a_forged_cursor_is_told_as_one(
    blocking_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever place a cursor names, each list gives a page, or says that the cursor is none."""
    # Who knows what a list is of can make its check: it holds no secret.
    monkeypatch.setattr(cursors, "_check", lambda body, identity: bytes(8))
    chat, admin = blocking_store.owner("o"), blocking_store.admin()
    chat.messages.append("t", [Message.user("a", id="a"), Message.user("b")])
    lists: list[Callable[..., Page[Any]]] = [
        *(_with(chat.threads.list, order_by=by) for by in ("active_at", "created_at", "title")),
        *(_with(chat.messages.list, "t", order=order) for order in ("asc", "desc")),
        _with(chat.messages.list, "t", tree=True),
        _with(chat.messages.list, "t", order_by="created_at"),
        *(_with(part.list, "t") for part in (chat.runs, chat.feedback)),
        *(part.list for part in (chat.sessions, chat.spans, chat.attachments, chat.keys)),
        *(part.list for part in (chat.events, chat.scores)),
        *(_with(admin.threads.list, order_by=by) for by in ("key", "active_at")),
        admin.owners,
    ]
    for list_, width in product(lists, (1, 2, 3)):
        pages = 0
        for place in product(VALUES, repeat=min(width, 2)):
            body = orjson.dumps([True, *place, *[5] * (width - len(place))])
            try:
                list_(cursor=base64.urlsafe_b64encode(bytes(8) + body).decode().rstrip("="))
            except InvalidCursorError:
                continue
            pages += 1
        assert pages < len(VALUES) ** 2


def _with(list_: Callable[..., Page[Any]], *given: str, **named: str | bool) -> Callable[..., Any]:
    return lambda cursor: list_(*given, **named, cursor=cursor)
