"""What a UIMessage must look like: the schemas of `validateUIMessages` in ai 7.0.173."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from threadkeep.dialects.ai_sdk.shapes import (
    Mismatch,
    Optional,
    Shape,
    anything,
    boolean,
    index,
    json,
    list_of,
    literal,
    never,
    obj,
    one_of,
    prefixed,
    record,
    string,
    tagged,
)
from threadkeep.values.parts import Json

PROVIDER_METADATA: Final = record(record(json))
TOOL_METADATA: Final = record(json)
PROVIDER_REFERENCE: Final = record(string)
ENCODING: Final = one_of("json", "text")

_TEXT: Final = Optional(string)
_METADATA: Final = Optional(PROVIDER_METADATA)
_STATE: Final = Optional(one_of("streaming", "done"))

# The members of a tool part besides its type and state, in the order in which they are written.
# A question mark: may be absent. What is not named but in _GUARDED may not be there.
_HEAD: Final = "toolCallId title? toolMetadata? state"
_TAIL: Final = "callProviderMetadata?"
_STATIC: Final[Mapping[str, str]] = {
    "input-streaming": f"providerExecuted? {_TAIL} input? rawInput? inputEncoding?",
    "input-available": f"providerExecuted? input {_TAIL}",
    "approval-requested": f"input providerExecuted? {_TAIL} approval",
    "approval-responded": f"input providerExecuted? {_TAIL} approval",
    "output-available": f"providerExecuted? input output {_TAIL} resultProviderMetadata? "
    "preliminary? approval?",
    "output-error": f"providerExecuted? input? rawInput? errorText {_TAIL} "
    "resultProviderMetadata? approval?",
    "output-denied": f"providerExecuted? input {_TAIL} approval",
}
_DYNAMIC: Final[Mapping[str, str]] = {
    **_STATIC,
    "input-streaming": f"input? rawInput? inputEncoding? providerExecuted? {_TAIL}",
    "input-available": f"input providerExecuted? {_TAIL}",
    "output-available": f"input providerExecuted? output {_TAIL} resultProviderMetadata? "
    "preliminary? approval?",
    "output-error": f"input? rawInput? providerExecuted? errorText {_TAIL} "
    "resultProviderMetadata? approval?",
    "output-denied": f"input providerExecuted? {_TAIL} approval",
}
_GUARDED: Final = ("output", "errorText", "approval")


def citation(*, loose: bool) -> Shape:
    """Where a stretch of text comes from."""
    url = obj(
        {
            "type": literal("source"),
            "sourceType": literal("url"),
            "id": string,
            "url": string,
            "title": _TEXT,
            "providerMetadata": _METADATA,
        },
        loose=loose,
    )
    document = obj(
        {
            "type": literal("source"),
            "sourceType": literal("document"),
            "id": string,
            "mediaType": string,
            "title": string,
            "filename": _TEXT,
            "providerMetadata": _METADATA,
        },
        loose=loose,
    )
    return obj(
        {
            "source": tagged("sourceType", {"url": url, "document": document}),
            "startIndex": Optional(index),
            "endIndex": Optional(index),
            "citedText": _TEXT,
        },
        loose=loose,
    )


def steering_part(*, loose: bool) -> Shape:
    """Text or a file inside a steering message."""
    text = obj(
        {"type": literal("text"), "text": string, "providerMetadata": _METADATA}, loose=loose
    )
    return tagged("type", {"text": text, "file": _file(loose=loose)})


@cache
def messages(*, loose: bool) -> Shape:
    """The shape of a list of UI messages; `loose` keeps members that it does not know."""
    many = list_of(_message(loose=loose))

    def shape(value: Json) -> Json:
        checked = many(value)
        if not checked:
            raise Mismatch("must not be empty")
        return checked

    return shape


def _message(*, loose: bool) -> Shape:
    base = obj(
        {
            "id": string,
            "role": one_of("system", "user", "assistant"),
            "metadata": Optional(anything),
            "parts": list_of(_part(loose=loose)),
        },
        loose=loose,
    )

    def shape(value: Json) -> Json:
        checked = base(value)
        if checked["role"] != "assistant" and not checked["parts"]:
            raise Mismatch("must not be empty unless the role is assistant", ".parts")
        return checked

    return shape


def _part(*, loose: bool) -> Shape:
    plain = tagged("type", _plain_parts(loose=loose))
    dynamic = _tool_part(
        {
            "type": literal("dynamic-tool"),
            "dynamic": Optional(literal(expected=False)),
            "toolName": string,
        },
        _DYNAMIC,
        loose=loose,
    )
    static = _tool_part({"type": prefixed("tool-")}, _STATIC, loose=loose)
    data = obj({"type": prefixed("data-"), "id": _TEXT, "data": anything}, loose=loose)

    def shape(value: Json) -> Json:
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str):
            return plain(value)
        if kind.startswith("data-"):
            return data(value)
        if kind.startswith("tool-"):
            return static(value)
        return dynamic(value) if kind == "dynamic-tool" else plain(value)

    return shape


def _plain_parts(*, loose: bool) -> Mapping[str, Shape]:
    texts = list_of(steering_part(loose=loose))
    parts: Mapping[str, Mapping[str, Shape | Optional]] = {
        "text": {
            "text": string,
            "citations": Optional(list_of(citation(loose=loose))),
            "state": _STATE,
            "providerMetadata": _METADATA,
        },
        "reasoning": {"id": _TEXT, "text": string, "state": _STATE, "providerMetadata": _METADATA},
        "custom": {"kind": string, "providerMetadata": _METADATA},
        "source-url": {
            "sourceId": string,
            "url": string,
            "title": _TEXT,
            "providerMetadata": _METADATA,
        },
        "source-document": {
            "sourceId": string,
            "mediaType": string,
            "title": string,
            "filename": _TEXT,
            "providerMetadata": _METADATA,
        },
        "reasoning-file": {"mediaType": string, "url": string, "providerMetadata": _METADATA},
        "steering-message": {"id": string, "parts": texts},
        "step-start": {},
    }
    shapes = {
        kind: obj({"type": literal(kind), **members}, loose=loose)
        for kind, members in parts.items()
    }
    return shapes | {"file": _file(loose=loose)}


def _file(*, loose: bool) -> Shape:
    return obj(
        {
            "type": literal("file"),
            "mediaType": string,
            "filename": _TEXT,
            "url": string,
            "providerReference": Optional(PROVIDER_REFERENCE),
            "providerMetadata": _METADATA,
        },
        loose=loose,
    )


def _tool_part(
    head: Mapping[str, Shape | Optional], states: Mapping[str, str], *, loose: bool
) -> Shape:
    shapes = {}
    for state, names in states.items():
        members = dict(head)
        for name in f"{_HEAD} {names}".split():
            key = name.removesuffix("?")
            shape = _tool_member(key, state, loose=loose)
            members[key] = Optional(shape) if name.endswith("?") else shape
        for key in _GUARDED:
            members.setdefault(key, Optional(never))
        shapes[state] = obj(members, loose=loose)
    return tagged("state", shapes)


def _tool_member(key: str, state: str, *, loose: bool) -> Shape:
    if key == "state":
        return literal(state)
    if key == "approval":
        return _approval(state, loose=loose)
    if key == "rawInput" and state == "output-error":
        return anything  # deprecated: what should be in `input`
    return _TOOL_MEMBERS[key]


_TOOL_MEMBERS: Final[Mapping[str, Shape]] = {
    "toolCallId": string,
    "title": string,
    "toolMetadata": TOOL_METADATA,
    "providerExecuted": boolean,
    "callProviderMetadata": PROVIDER_METADATA,
    "resultProviderMetadata": PROVIDER_METADATA,
    "input": anything,
    "output": anything,
    "rawInput": string,
    "inputEncoding": ENCODING,
    "errorText": string,
    "preliminary": boolean,
}


def _approval(state: str, *, loose: bool) -> Shape:
    approved: Mapping[str, Shape | Optional] = {
        "approval-requested": Optional(never),
        "approval-responded": boolean,
        "output-denied": literal(expected=False),
    }
    return obj(
        {
            "id": string,
            "approved": approved.get(state, literal(expected=True)),
            "descriptor": Optional(anything),
            "requestReason": _TEXT,
            "reason": Optional(never) if state == "approval-requested" else _TEXT,
            "isAutomatic": Optional(boolean),
            "signature": _TEXT,
            "inputSchemaInput": Optional(anything),
        },
        loose=loose,
    )
