"""The dialect `threadkeep`: messages as typed parts, and what other dialects share with it.

A native item is the payload of our own format: `{"role", "parts": [...]}`, an `id` and an RFC
3339 `created_at` if it likes, and any further members, which are kept.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast, get_args

from threadkeep.values import jsontext, wire
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
from threadkeep.values.message import FORMAT, Message, Role
from threadkeep.values.parts import Json, Part, TextPart, ToolCallPart, ToolResultPart
from threadkeep.values.ports import Dialect, Traits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ROLES: Final = get_args(Role)
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)?", re.ASCII
)


def read_time(value: Json) -> datetime | None:
    """The time that an RFC 3339 text says, in UTC; None for anything else.

    Without an offset it is UTC. Digits beyond the microsecond are cut off.
    """
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    try:
        time = datetime.fromisoformat(value.upper())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):  # no such day, or outside of the years 1 to 9999
        return None


def text_of(parts: Sequence[Part]) -> str:
    """The text parts, joined by blank lines."""
    return "\n\n".join(part.text for part in parts if isinstance(part, TextPart))


def traits_of(
    role: Role, parts: Sequence[Part], *, id: str | None = None, created_at: datetime | None = None
) -> Traits:
    """The traits of an item as its role and parts tell them; a window may always start there."""
    calls = tuple(part.call_id for part in parts if isinstance(part, ToolCallPart))
    results = [part for part in parts if isinstance(part, ToolResultPart)]
    only_results = bool(results) and len(results) == len(parts)
    return Traits(
        role,
        starts=role == "user" and not only_results,
        id=id,
        created_at=created_at,
        calls=calls,
        answers=tuple(part.call_id for part in results if part.call_id not in calls),
    )


# Only calls and results matter to the traits. Most items have none, nor say more of themselves.
_PLAIN: Final[Mapping[str, Traits]] = {role: traits_of(role, ()) for role in _ROLES}
_LINKED: Final = (ToolCallPart.type, ToolResultPart.type)


class _Threadkeep:
    """Our own format. Raises InvalidError for a wrong `role`, `parts`, `id` or `created_at`."""

    name = FORMAT
    losses: tuple[str, ...] = ()

    def load(self, items: Sequence[Json]) -> list[Message]:
        """The items as messages; the payload of each is the item, whole."""
        return [self._load(item) for item in items]

    def dump(self, messages: Sequence[Message]) -> list[Json]:
        """The payloads of the messages, whole."""
        return [message.payload for message in messages]

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


def _checked(item: Json) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise InvalidError("item", "must be an object")
    if item.get("role") not in _ROLES:
        raise InvalidError("role", f"must be one of {', '.join(_ROLES)}")
    if not isinstance(item.get("parts"), list):
        raise InvalidError("parts", "must be a list")
    if item.get("id") is not None:
        check_id("id", item["id"])
    return cast("dict[str, Any]", item)


def _created_at(item: dict[str, Any]) -> datetime | None:
    value = item.get("created_at")
    if value is None:
        return None
    time = read_time(value)
    if time is None:
        raise InvalidError("created_at", "must be a time as in RFC 3339")
    return time


dialect: Dialect = _Threadkeep()
