"""Ids as they are handed out: a message's names its thread, so that one id finds its row by key."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id


class Place(NamedTuple):
    """Where a message is: its thread, and its own id in it."""

    thread_id: str
    message_id: str


def outward(thread_id: str, message_id: str) -> str:
    """The id of a message here: the two ids, percent-encoded, with a slash between them.

    It is never stored: both ids stand in the row as they are.
    """
    return f"{quote(thread_id, safe='')}/{quote(message_id, safe='')}"


def place_of(id: object) -> Place | None:
    """Where the message of such an id would be; None for anything that `outward` never gives."""
    if not isinstance(id, str) or id.count("/") != 1:
        return None
    try:
        place = Place(*(unquote_to_bytes(part).decode() for part in id.split("/")))
    except UnicodeError:
        return None
    # One message has one id: no other spelling of it is known.
    if known(place.thread_id) is None or known(place.message_id) is None:
        return None
    return place if outward(*place) == id else None


def known(id: object) -> str | None:
    """The id if it can be one at all; None for what no thread, trace or session ever has."""
    try:
        return check_id("id", id)
    except InvalidError:
        return None
