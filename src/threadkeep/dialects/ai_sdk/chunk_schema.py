"""What a chunk of a UI message stream must look like: `uiMessageChunkSchema` in ai 7.0.173."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from threadkeep.dialects.ai_sdk.shapes import (
    Mismatch,
    Optional,
    Shape,
    anything,
    boolean,
    check,
    list_of,
    obj,
    one_of,
    string,
)
from threadkeep.dialects.ai_sdk.ui_schema import (
    ENCODING,
    PROVIDER_METADATA,
    TOOL_METADATA,
    citation,
    steering_part,
)
from threadkeep.values.parts import Json

_Members = Mapping[str, Shape | Optional]

_TEXT: Final = Optional(string)
_FLAG: Final = Optional(boolean)
_METADATA: Final[_Members] = {"providerMetadata": Optional(PROVIDER_METADATA)}
_BLOCK: Final[_Members] = {"id": string, **_METADATA}
_CALL: Final[_Members] = {"toolCallId": string}
_TOOL: Final[_Members] = {
    **_CALL,
    "providerExecuted": _FLAG,
    "toolMetadata": Optional(TOOL_METADATA),
    "dynamic": _FLAG,
    **_METADATA,
}
_NAMED: Final[_Members] = {**_TOOL, "toolName": string, "title": _TEXT}
_FILE: Final[_Members] = {"url": string, "mediaType": string, **_METADATA}
_ANY: Final = Optional(anything)
_FINISH: Final = one_of(
    "stop", "length", "content-filter", "tool-calls", "error", "interrupted", "other"
)

_CHUNKS: Final[Mapping[str, _Members]] = {
    "text-start": _BLOCK,
    "text-delta": {**_BLOCK, "delta": string},
    "text-end": {**_BLOCK, "citations": Optional(list_of(citation(loose=True)))},
    "error": {"errorText": string},
    "tool-input-start": {**_NAMED, "inputEncoding": Optional(ENCODING)},
    "tool-input-delta": {**_CALL, "inputTextDelta": string},
    "tool-input-available": {**_NAMED, "input": anything},
    "tool-input-error": {**_NAMED, "input": anything, "errorText": string},
    "tool-approval-request": {
        "approvalId": string,
        "toolCallId": string,
        "approvalDescriptor": _ANY,
        "inputSchemaInput": _ANY,
        "reason": _TEXT,
        "isAutomatic": _FLAG,
        "signature": _TEXT,
    },
    "tool-approval-response": {
        "approvalId": string,
        "approved": boolean,
        "reason": _TEXT,
        "providerExecuted": _FLAG,
        **_METADATA,
    },
    "tool-output-available": {**_TOOL, "output": anything, "preliminary": _FLAG},
    "tool-output-error": {**_TOOL, "errorText": string},
    "tool-output-denied": _CALL,
    "reasoning-start": _BLOCK,
    "reasoning-delta": {**_BLOCK, "delta": string},
    "reasoning-end": _BLOCK,
    "custom": {"kind": string, **_METADATA},
    "source-url": {"sourceId": string, "url": string, "title": _TEXT, **_METADATA},
    "source-document": {
        "sourceId": string,
        "mediaType": string,
        "title": string,
        "filename": _TEXT,
        **_METADATA,
    },
    "file": _FILE,
    "reasoning-file": _FILE,
    "steering-message": {"id": string, "parts": list_of(steering_part(loose=True))},
    "start-step": {},
    "finish-step": {},
    "reset-step": {},
    "start": {"messageId": _TEXT, "messageMetadata": _ANY},
    "finish": {"finishReason": Optional(_FINISH), "messageMetadata": _ANY},
    "abort": {"reason": _TEXT},
    "message-metadata": {"messageMetadata": anything},
}
_SHAPES: Final = {kind: obj(members, loose=True) for kind, members in _CHUNKS.items()}
_DATA: Final = obj({"id": _TEXT, "data": anything, "transient": _FLAG}, loose=True)


def check_chunk(chunk: Json) -> str:
    """The type of the chunk; InvalidError naming the field if a client would refuse the chunk."""
    check(_chunk, chunk)
    kind: str = chunk["type"]
    return kind


def _chunk(value: Json) -> Json:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        raise Mismatch("must be a string", ".type")
    shape = _DATA if kind.startswith("data-") else _SHAPES.get(kind)
    if shape is None:
        raise Mismatch("must be a chunk type of AI SDK 7, or start with data-", ".type")
    return shape(value)
