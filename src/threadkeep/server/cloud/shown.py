"""Which format a stored message is shown in: its own, or the one that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from threadkeep.adapters.assistant_ui.trees import newest_below, tree_of
from threadkeep.dialects import find
from threadkeep.dialects.convert import convert, typed
from threadkeep.server.cloud.wire import Row
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message

Way = Literal["as it is", "alone", "with others"]

AUI, V5, V6 = "aui/v0", "ai-sdk/v5", "ai-sdk/v6"
FRONT_ENDS: Final = frozenset({AUI, V5, V6})
"""The formats that front ends store: each message of them is one message of the others."""

# What the hosted service converts, from each format to those that may be asked for.
_CONVERTED: Final[Mapping[str, frozenset[str]]] = {
    AUI: frozenset({V5, V6}),
    V5: frozenset({V6}),
    V6: frozenset(),
}
_UNKNOWN: Final = ""


def way_of(format: str, asked: str | None) -> Way:
    """How a message of a format is shown: as stored, converted by itself, or with those around it.

    `asked` is a request to convert, not a filter: what cannot become that format comes as it is.
    The formats of libraries may take several messages for what is one for a front end.
    """
    if asked not in FRONT_ENDS or format == asked:
        return "as it is"
    if format in FRONT_ENDS:
        return "alone" if asked in _CONVERTED[format] else "as it is"
    return "as it is" if find(format) is None else "with others"


def ways_of(messages: Iterable[Message], asked: str | None) -> Mapping[str, Way]:
    """The ways of all formats that are among these messages."""
    return {format: way_of(format, asked) for format in {message.format for message in messages}}


def by_itself(message: Message, way: Way, asked: str | None) -> Row | None:
    """The message as a row of its own; None where it takes others, or cannot be shown at all."""
    format, content = message.format, message.json
    if way == "with others":
        return None
    if way == "alone" and asked is not None:
        try:
            made = convert([message], asked)
        except InvalidError:
            return None
        if len(made) != 1:
            return None
        format, content = asked, jsontext.encode(made[0], overflow=True)
    if content[0] != "{" and not content.lstrip(" \t\n\r").startswith("{"):
        return None
    return Row(message, str(message.id), message.parent_id, message.role, format, content)


def whole(
    messages: Sequence[Message], head: str | None, asked: str | None
) -> tuple[list[Row], str | None, int]:
    """All of a thread as rows, each after its parent, and the leaf to show.

    `messages` are all there are, by seq. What cannot be shown is left out, and what follows it
    hangs on what came before. The last number is how many were left out as unreadable.
    """
    if any(way_of(message.format, asked) == "with others" for message in messages):
        return _converted(messages, head, str(asked))
    rows: list[Row] = []
    shown: dict[str | None, str | None] = {None: None}
    for message in messages:
        above = shown.get(message.parent_id)
        row = by_itself(message, way_of(message.format, asked), asked)
        shown[message.id] = above if row is None else row.id
        if row is not None:
            rows.append(row._replace(parent_id=above))
    # Below the head, or below what stands above it where that is not shown.
    top = shown.get(head)
    leaf = rows[-1].id if rows else None
    if top is not None:
        leaf = newest_below(top, ((row.id, row.parent_id) for row in rows))
    return rows, leaf, len(messages) - len(rows)


def _converted(
    messages: Sequence[Message], head: str | None, asked: str
) -> tuple[list[Row], str | None, int]:
    readable = [_convertible(message, asked) for message in messages]
    try:
        tree = tree_of(readable, head, asked)
    except InvalidError:
        readable = [_readable(message, asked) for message in readable]
        tree = tree_of(readable, head, asked)
    rows = []
    for node in tree.nodes:
        item, content = node.item, node.message.json
        if node.message.format != asked or item != node.message.payload:
            content = jsontext.encode(item, overflow=True)
        role = str(item.get("role")) if isinstance(item, dict) else node.message.role
        rows.append(Row(node.message, node.id, node.parent_id, role, asked, content))
    unreadable = sum(message.format == _UNKNOWN for message in readable)
    return rows, tree.head_id, unreadable


def _convertible(message: Message, asked: str) -> Message:
    """The message; under a format that nobody knows where it is not to become the one asked for."""
    if message.format == asked or way_of(message.format, asked) != "as it is":
        return message
    return replace(message, format=_UNKNOWN)


def _readable(message: Message, asked: str) -> Message:
    """The same where its content is not what its format demands."""
    if message.format not in (asked, _UNKNOWN):
        try:
            typed([message])
        except InvalidError:
            return replace(message, format=_UNKNOWN)
    return message
