"""What assistant-ui hands over of one message, parted from what the store keeps beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, get_args

from threadkeep.dialects import find
from threadkeep.dialects.reading import read_time
from threadkeep.values import jsontext, slices
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import Json

RUN_CONFIG: Final = "runConfig"
_ROLES: Final[tuple[str, ...]] = get_args(Role)


def entry_of(item: object) -> tuple[Json, str | None, Mapping[str, Json] | None]:
    """The message, parentId and runConfig of what `append` and `update` are given."""
    if not isinstance(item, Mapping) or "message" not in item:
        raise InvalidError("item", "must be an object with message and parentId")
    parent = item.get("parentId")
    if parent is not None and not isinstance(parent, str):
        raise InvalidError("parentId", "must be the id of a message, or null")
    config = item.get(RUN_CONFIG)
    if config is not None and not isinstance(config, Mapping):
        raise InvalidError(RUN_CONFIG, "must be an object")
    return item["message"], parent, config


def object_of(message: object) -> dict[str, Any]:
    """The message as an object of its own."""
    if not isinstance(message, Mapping):
        raise InvalidError("message", "must be an object")
    return dict(message)


def parted(message: object, *names: str) -> tuple[str | None, dict[str, Any], dict[str, Any]]:
    """A message without the members `names`: its text, all it says then, and what those said.

    A message that is given as JSON text keeps it byte for byte but for those members, of which none
    may come twice. One that is given decoded has no text.
    """
    if not isinstance(message, str | bytes):
        content = object_of(message)
        return None, content, {name: content.pop(name) for name in names if name in content}
    text, value = jsontext.read(message, field="message")
    content = object_of(value)
    said = {name: content.pop(name) for name in names if name in content}
    for name in said:
        listed = slices.members(text)
        places = [place for place, member in enumerate(listed) if member.name == name]
        if len(places) > 1:
            raise InvalidError(f"message.{name}", "must not be given twice")
        text = slices.without(text, listed, places[0])
    return text, content, said


def id_of(item: object) -> str:
    """The id of an item to delete: of its message, or the id itself."""
    if isinstance(item, Mapping):
        item = item.get("message", item)
    if isinstance(item, Mapping):
        item = item.get("id")
    if not isinstance(item, str) or not item:
        raise InvalidError("message.id", "must be text that is not empty")
    return item


def time_of(value: object) -> datetime | None:
    """A message's createdAt: a datetime, or text as JavaScript writes a Date."""
    if value is None or isinstance(value, datetime):
        return value
    time = read_time(value) if isinstance(value, str) else None
    if time is None:
        raise InvalidError("message.createdAt", "must be a time")
    return time


def iso(time: datetime) -> str:
    """The time as JavaScript's `Date.toISOString()` writes it, which its clients insist on."""
    utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    return f"{utc.isoformat(timespec='milliseconds')[:-6]}Z"  # without +00:00


def stored(
    content: Json,
    format: str,
    id: str,
    *,
    text: str | None = None,
    created_at: datetime | None = None,
    config: Mapping[str, Json] | None = None,
) -> Message:
    """A message to store, its content as it is; of a format that nobody here knows as well.

    `text` is the content as JSON text, where it was given so.
    """
    dialect = find(format)
    return Message(
        role_of(content, format),
        jsontext.encode(content) if text is None else text,
        format if dialect is None else dialect.name,
        id=id,
        created_at=created_at,
        metadata=None if config is None else {RUN_CONFIG: dict(config)},
    )


def role_of(content: Json, format: str) -> Role:
    """The role of a message: what its format says; of an unknown one its own member `role`."""
    dialect = find(format)
    if dialect is not None:
        return dialect.traits(content).role
    said = content.get("role") if isinstance(content, dict) else None
    return said if said in _ROLES else "assistant"


def config_of(message: Message) -> dict[str, Json]:
    """The runConfig that was stored with a message, as a member, or none."""
    config = (message.metadata or {}).get(RUN_CONFIG)
    return {} if config is None else {RUN_CONFIG: config}
