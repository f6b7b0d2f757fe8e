"""Wire: parts to and from the JSON objects of the payload format `threadkeep`.

An object is `type`, then the fields of the part in order, then its `extra`. A field that is None
is left out; a null that stood there explicitly is kept in `extra`. So reading an object and
writing it again keeps every member, though perhaps in another order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from threadkeep.values.parts import (
    ApprovalPart,
    DataPart,
    FilePart,
    Json,
    Part,
    RawPart,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS: Final[Mapping[str, type[Any]]] = {
    kind.type: kind
    for kind in (
        TextPart,
        ReasoningPart,
        ToolCallPart,
        ToolResultPart,
        ApprovalPart,
        FilePart,
        SourcePart,
        DataPart,
    )
}

# Per type: the members that must be there, and those that may, each with its JSON type.
_REQUIRED: Final[Mapping[str, Mapping[str, type[Any]]]] = {
    "text": {"text": str},
    "reasoning": {"text": str},
    "tool_call": {"call_id": str, "name": str},
    "tool_result": {"call_id": str},
    "approval": {"approval_id": str},
    "file": {},
    "source": {},
    "data": {"name": str},
}
_OPTIONAL: Final[Mapping[str, Mapping[str, type[Any]]]] = {
    "text": {"role": str},
    "reasoning": {"signature": str, "encrypted": str, "id": str, "provider": str},
    "tool_call": {"input": object, "provider_executed": bool},
    "tool_result": {
        "output": object,
        "name": str,
        "is_error": bool,
        "denied": bool,
        "content": list,
        "provider_executed": bool,
    },
    "approval": {"call_id": str, "approved": bool, "reason": str},
    "file": {"media_type": str, "url": str, "data": str, "file_id": str, "name": str},
    "source": {"source_id": str, "url": str, "title": str, "media_type": str, "name": str},
    "data": {"data": object},
}
_FIELDS: Final = {kind: {**_REQUIRED[kind], **_OPTIONAL[kind]} for kind in _KINDS}


def part_to_json(part: Part) -> dict[str, Json]:
    """The JSON object of a part; `part_from_json` makes an equal part of it.

    A raw part whose value is an object that no typed part could be is that object itself; any
    other value stands under `value`. A field wins over a member of `extra` with its name.
    """
    if isinstance(part, RawPart):
        return part.value if _is_bare(part.value) else {"type": "raw", "value": part.value}
    members: dict[str, Json] = {"type": part.type}
    for name in _FIELDS[part.type]:
        value = getattr(part, name)
        if value is not None:
            members[name] = value
    if isinstance(part, ToolResultPart) and part.content is not None:
        members["content"] = list(map(part_to_json, part.content))
    for name, value in part.extra.items():
        members.setdefault(name, value)
    return members


def part_from_json(value: Json) -> Part:
    """The part that a member of `parts` is; never an error.

    What has an unknown type, lacks a required member or has one of another type is a raw part
    with the whole value. Written again it is the same object; only a value that is no object
    comes back inside one.
    """
    if _is_bare(value):
        return RawPart(value)
    if not isinstance(value, dict):
        return RawPart(value)
    kind = value["type"]
    if kind == "raw":
        return RawPart(value["value"])
    fields = _FIELDS[kind]
    known = {name: item for name, item in value.items() if name in fields and item is not None}
    extra = {name: item for name, item in value.items() if name not in known and name != "type"}
    if kind == "tool_result" and "content" in known:
        # By `map`, which takes no frame of its own: results may stand in results.
        known["content"] = tuple(map(part_from_json, known["content"]))
    part: Part = _KINDS[kind](**known, extra=extra)
    return part


def parts_of(payload: Json) -> tuple[Part, ...]:
    """The parts of a payload `{"role": ..., "parts": [...]}`; never an error.

    No `parts` is no part; a payload that is no object, or `parts` that are no list, are one raw
    part with that value.
    """
    if not isinstance(payload, dict):
        return (RawPart(payload),)
    listed = payload.get("parts", [])
    if not isinstance(listed, list):
        return (RawPart(listed),)
    return tuple(part_from_json(value) for value in listed)


def _is_bare(value: Json) -> bool:
    """Whether this is an object that stands for itself as a raw part."""
    # {"type": "raw", "value": x} means the raw part x, unless x would stand for itself: then the
    # two spellings must stay apart, and the outer object is the one that stands for itself.
    while isinstance(value, dict) and value.keys() == {"type", "value"} and value["type"] == "raw":
        value = value["value"]
    return isinstance(value, dict) and not _is_typed(value)


def _is_typed(value: dict[str, Json]) -> bool:
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        return False
    return all(
        isinstance(value.get(name), wanted) for name, wanted in _REQUIRED[kind].items()
    ) and all(
        value.get(name) is None or isinstance(value[name], wanted)
        for name, wanted in _OPTIONAL[kind].items()
    )
