"""The dialect `threadkeep`: messages as typed parts.

A native item is the payload of our own format: `{"role", "parts": [...]}`, an `id` and an RFC
3339 `created_at` if it likes, and any further members, which are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, get_args

from threadkeep.dialects.reading import id_of, object_of, read_time, text_of, traits_of
from threadkeep.values import jsontext, wire
from threadkeep.values.converted import Converted
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import FORMAT, Message, Role
from threadkeep.values.parts import Json, ToolCallPart, ToolResultPart
from threadkeep.values.ports import Dialect, Traits

_ROLES: Final = get_args(Role)

# Only calls and results matter to the traits. Most items have none, nor say more of themselves.
_PLAIN: Final[Mapping[str, Traits]] = {role: traits_of(role, ()) for role in _ROLES}
_LINKED: Final = (ToolCallPart.type, ToolResultPart.type)


class _Threadkeep:
    """Our own format. Raises InvalidError for a wrong `role`, `parts`, `id` or `created_at`."""

    name = FORMAT
    losses: Mapping[str, str] = {}

    def load(self, items: Sequence[Json]) -> list[Message]:
        """The items as messages; the payload of each is the item, whole."""
        return [self._load(item) for item in items]

    def dump(self, messages: Sequence[Message]) -> Converted:
        """The payloads of the messages, whole; with id and time where only the message has them."""
        return Converted(
            [_item(message) for message in messages],
            sources=[(message.id,) for message in messages],
        )

    def text(self, item: Json) -> str:
        """The text parts, joined by blank lines."""
        return text_of(wire.parts_of(_checked(item)))

    def traits(self, item: Json) -> Traits:
        """What role and parts tell; `id` and `created_at` where the item has them."""
        item = _checked(item)
        role, id_, created_at = item["role"], item.get("id"), _created_at(item)
        for part in item["parts"]:
            if isinstance(part, dict) and part.get("type") in _LINKED:
                return traits_of(role, wire.parts_of(item), id=id_, created_at=created_at)
        if id_ is None and created_at is None:
            return _PLAIN[role]
        return traits_of(role, (), id=id_, created_at=created_at)

    def _load(self, item: Json) -> Message:
        item = _checked(item)
        return Message(
            item["role"],
            jsontext.encode(item, overflow=True),
            id=item.get("id"),
            created_at=_created_at(item),
        )


def _item(message: Message) -> Json:
    item = message.shared_payload()
    if not isinstance(item, dict):
        return item
    said: dict[str, Json] = {}
    if message.id is not None and item.get("id") != message.id:
        said["id"] = message.id
    if message.created_at is not None and read_time(item.get("created_at")) != message.created_at:
        said["created_at"] = message.created_at.isoformat()
    return {**item, **said}


def _checked(value: Json) -> dict[str, Any]:
    item = object_of(value)
    if item.get("role") not in _ROLES:
        raise InvalidError("role", f"must be one of {', '.join(_ROLES)}")
    if not isinstance(item.get("parts"), list):
        raise InvalidError("parts", "must be a list")
    id_of(item)
    return item


def _created_at(item: dict[str, Any]) -> datetime | None:
    value = item.get("created_at")
    if value is None:
        return None
    time = read_time(value)
    if time is None:
        raise InvalidError("created_at", "must be a time as in RFC 3339")
    return time


dialect: Dialect = _Threadkeep()
