"""What dialects share when they read: times, ids, files, inputs, and what the store must know."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final, cast, get_args
from urllib.parse import unquote_to_bytes

from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Role
from threadkeep.values.parts import (
    FilePart,
    Json,
    Part,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from threadkeep.values.ports import Traits

_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)?", re.ASCII
)


def object_of(item: Json) -> dict[str, Any]:
    """The item, which must be an object: InvalidError otherwise."""
    if not isinstance(item, dict):
        raise InvalidError("item", "must be an object")
    return cast("dict[str, Any]", item)


def id_of(item: Mapping[str, Json], member: str = "id") -> str | None:
    """The id that a member says, None where it is absent or null; InvalidError for a bad one."""
    value = item.get(member)
    return None if value is None else check_id(member, value)


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
    role: Role,
    parts: Sequence[Part],
    *,
    id: str | None = None,
    created_at: datetime | None = None,
    cut: bool = True,
    starts: bool | None = None,
) -> Traits:
    """The traits of an item as its role and parts tell them."""
    calls = tuple(part.call_id for part in parts if isinstance(part, ToolCallPart))
    results = [part for part in parts if isinstance(part, ToolResultPart)]
    only_results = bool(results) and len(results) == len(parts)
    return Traits(
        role,
        starts=role == "user" and not only_results if starts is None else starts,
        cut=cut,
        id=id,
        created_at=created_at,
        calls=calls,
        answers=tuple(part.call_id for part in results if part.call_id not in calls),
    )


def rest(block: Mapping[str, Json], *said: str) -> dict[str, Json]:
    """The members of a block that are not said otherwise."""
    return {name: value for name, value in block.items() if name not in said}


def kept(kind: type[Any], block: Mapping[str, Json], *said: str) -> dict[str, Json]:
    """The `extra` of a part of this kind: the members of its block that are not said otherwise.

    Members whose names the part has fields for stand in an object of their own; `Output.given`
    puts all of them back.
    """
    extra = {name: value for name, value in block.items() if name not in said}
    if extra:
        taken = _TAKEN[kind]
        if not taken.isdisjoint(extra):
            extra[NATIVE] = {name: extra.pop(name) for name in tuple(extra) if name in taken}
    return extra


NATIVE: Final = "native"
"""The member of `extra` for members that have the name of one of the part's fields."""

_TAKEN: Final[Mapping[type[Any], frozenset[str]]] = {
    kind: frozenset({"type", NATIVE, *(field.name for field in fields(kind))})
    for kind in get_args(Part)
}


def input_of(arguments: Json) -> Json:
    """The input that arguments as JSON text say; what is no JSON stays the text it is.

    An empty text is no input: so some models call a tool that takes none.
    """
    if not isinstance(arguments, str):
        return arguments
    if not arguments:
        return None
    try:
        return jsontext.decode(arguments)
    except InvalidError:
        return arguments


def file_of(
    url: str,
    *,
    media_type: str | None = None,
    name: str | None = None,
    extra: Mapping[str, Json] | None = None,
) -> FilePart:
    """The file that a URL says: by its data where it is a data: URL, else by the URL."""
    extra = extra or {}
    if url[:5].lower() != "data:":
        return FilePart(media_type, url=url, name=name, extra=extra)
    head, comma, data = url[5:].partition(",")
    said, *options = head.split(";")
    if not comma or not options or options[-1].lower() != "base64":
        return FilePart(media_type or said or None, url=url, name=name, extra=extra)
    if "%" in data:
        data = unquote_to_bytes(data.encode("utf-8", "surrogatepass")).decode("ascii", "replace")
    return FilePart(media_type or said or None, data=data, name=name, extra=extra)
