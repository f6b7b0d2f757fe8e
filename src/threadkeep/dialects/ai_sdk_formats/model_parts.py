"""Blocks of model messages, versions 5 to 7, read as typed parts.

Source: `content-part.ts` of npm `ai` 7.0.173. What does not have the members that its type asks
for, or has an unknown type, is a raw part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from threadkeep.dialects.ai_sdk_formats import reasoning
from threadkeep.dialects.ai_sdk_formats.files import file_from, image_type
from threadkeep.dialects.ai_sdk_formats.members import is_text, left
from threadkeep.dialects.ai_sdk_formats.outputs import read_output
from threadkeep.dialects.reading import NATIVE
from threadkeep.values.parts import (
    ApprovalPart,
    FilePart,
    Json,
    Part,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

_Block = dict[str, Any]

_TEXT: Final = frozenset({"type", "text"})
_REASONING: Final = frozenset({"type", "text", "providerOptions"})
_IMAGE: Final = frozenset({"type", "image", "mediaType"})
_FILE: Final = frozenset({"type", "data", "mediaType", "filename"})
_CALL: Final = frozenset({"type", "toolCallId", "toolName", "input", "providerExecuted"})
_RESULT: Final = frozenset({"type", "toolCallId", "toolName", "output"})
_REQUEST: Final = frozenset({"type", "approvalId", "toolCallId", "reason"})
_RESPONSE: Final = frozenset({"type", "approvalId", "approved", "reason"})


def read_block(block: Json, role: str) -> Part:
    """What a block of a message in that role says."""
    kind = block.get("type") if isinstance(block, dict) else None
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        return RawPart(block)
    return reader(block, role) or RawPart(block)


def _text(block: _Block, role: str) -> Part | None:  # noqa: ARG001
    text = block.get("text")
    if not isinstance(text, str):
        return None
    return TextPart(text, extra=left(TextPart, block, _TEXT))


def _reasoning(block: _Block, role: str) -> Part | None:  # noqa: ARG001
    text = block.get("text")
    if not isinstance(text, str):
        return None
    extra = left(ReasoningPart, block, _REASONING)
    return reasoning.part_of(text, block.get("providerOptions"), extra, "providerOptions")


def _image(block: _Block, role: str) -> Part | None:  # noqa: ARG001
    media_type, image = block.get("mediaType"), block.get("image")
    if not is_text(media_type):
        return None
    if media_type is None and not (isinstance(image, str) and image[:5].lower() == "data:"):
        media_type = image_type(image)
    return file_from(image, media_type=media_type, extra=left(FilePart, block, _IMAGE))


def _file(block: _Block, role: str) -> Part | None:  # noqa: ARG001
    media_type, name = block.get("mediaType"), block.get("filename")
    if not (isinstance(media_type, str) and is_text(name)):
        return None
    extra = left(FilePart, block, _FILE)
    return file_from(block.get("data"), media_type=media_type, name=name, extra=extra)


def _call(block: _Block, role: str) -> Part | None:  # noqa: ARG001
    call_id, name = block.get("toolCallId"), block.get("toolName")
    executed = block.get("providerExecuted")
    if not (isinstance(call_id, str) and isinstance(name, str) and _is_flag(executed)):
        return None
    extra = left(ToolCallPart, block, _CALL)
    return ToolCallPart(call_id, name, block.get("input"), executed, extra)


def _result(block: _Block, role: str) -> Part | None:
    call_id, name = block.get("toolCallId"), block.get("toolName")
    fields = read_output(block.get("output"))
    if fields is None or not (isinstance(call_id, str) and isinstance(name, str)):
        return None
    extra = left(ToolResultPart, block, _RESULT)
    other = fields.pop("left", None)
    if other is not None:
        extra[NATIVE] = {**extra.get(NATIVE, {}), "output": other}
    # The provider's own results are the only ones beside the model's words.
    executed = True if role == "assistant" else None
    return ToolResultPart(call_id, name=name, provider_executed=executed, extra=extra, **fields)


def _request(block: _Block, role: str) -> Part | None:  # noqa: ARG001
    id, call_id, reason = (block.get(key) for key in ("approvalId", "toolCallId", "reason"))
    if not (isinstance(id, str) and isinstance(call_id, str) and is_text(reason)):
        return None
    return ApprovalPart(id, call_id, None, reason, left(ApprovalPart, block, _REQUEST))


def _response(block: _Block, role: str) -> Part | None:  # noqa: ARG001
    id, approved, reason = (block.get(key) for key in ("approvalId", "approved", "reason"))
    if not (isinstance(id, str) and isinstance(approved, bool) and is_text(reason)):
        return None
    return ApprovalPart(id, None, approved, reason, left(ApprovalPart, block, _RESPONSE))


def _is_flag(value: Json) -> bool:
    return value is None or isinstance(value, bool)


_READERS: Final[Mapping[str, Callable[[_Block, str], Part | None]]] = {
    "text": _text,
    "reasoning": _reasoning,
    "image": _image,
    "file": _file,
    "tool-call": _call,
    "tool-result": _result,
    "tool-approval-request": _request,
    "tool-approval-response": _response,
}
