"""Model messages of version 4 (`CoreMessage`), read.

Calls have `args`, results have `result`, `isError` and `experimental_content`, files `mimeType`.
Members are put in the spelling of later versions; what only version 4 knows stands under `v4` in
`extra`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from threadkeep.dialects.ai_sdk_formats import reasoning
from threadkeep.dialects.ai_sdk_formats.files import file_from, image_type
from threadkeep.dialects.ai_sdk_formats.members import add_old, is_text, left
from threadkeep.dialects.codec import Said
from threadkeep.dialects.reading import object_of
from threadkeep.values.errors import InvalidError
from threadkeep.values.parts import (
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

_ROLES: Final = ("system", "user", "assistant", "tool")
_OPTIONS: Final = ("providerOptions", "experimental_providerMetadata")

_TEXT: Final = frozenset({"type", "text"})
_REASONING: Final = frozenset({"type", "text", "signature", *_OPTIONS})
_REDACTED: Final = frozenset({"type", "data"})
_IMAGE: Final = frozenset({"type", "image", "mimeType", "data"})
_FILE: Final = frozenset({"type", "data", "mimeType", "filename"})
_CALL: Final = frozenset({"type", "toolCallId", "toolName", "args"})
_RESULT: Final = frozenset(
    {"type", "toolCallId", "toolName", "result", "isError", "experimental_content"}
)


def read(item: Json) -> Said:
    """What a model message of version 4 says. InvalidError for a wrong `role` or `content`."""
    item = object_of(item)
    role, content = item.get("role"), item.get("content")
    if role not in _ROLES:
        raise InvalidError("role", f"must be one of {', '.join(_ROLES)}")
    unsaid = [name for name in item if name not in ("role", "content")]
    if isinstance(content, str) and role != "tool":
        return Said(role, (TextPart(content),), unsaid=unsaid)
    if not isinstance(content, list):
        raise InvalidError("content", "must be a text or a list")
    return Said(role, [_read(block) for block in content], unsaid=unsaid)


def _read(block: Json) -> Part:
    kind = block.get("type") if isinstance(block, dict) else None
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    return RawPart(block) if reader is None else reader(block) or RawPart(block)


def _left(kind: type[Any], block: _Block, said: frozenset[str]) -> dict[str, Json]:
    extra = left(kind, block, said)
    old = extra.pop(_OPTIONS[1], None)
    if old is not None:
        extra.setdefault(_OPTIONS[0], old)
        if extra[_OPTIONS[0]] is not old:
            add_old(extra, {_OPTIONS[1]: old})
    return extra


def _text(block: _Block) -> Part | None:
    text = block.get("text")
    return TextPart(text, extra=_left(TextPart, block, _TEXT)) if isinstance(text, str) else None


def _reasoning(block: _Block) -> Part | None:
    text, signature = block.get("text"), block.get("signature")
    if not (isinstance(text, str) and is_text(signature)):
        return None
    extra = _left(ReasoningPart, block, _REASONING - set(_OPTIONS))
    if signature is not None:  # only Anthropic signed then
        return ReasoningPart(text, signature, provider="anthropic", extra=extra)
    metadata = extra.pop("providerOptions", None)
    return reasoning.part_of(text, metadata, extra, "providerOptions")


def _redacted(block: _Block) -> Part | None:
    data = block.get("data")
    if not isinstance(data, str):
        return None
    extra = _left(ReasoningPart, block, _REDACTED)
    return ReasoningPart("", encrypted=data, provider="anthropic", extra=extra)


def _image(block: _Block) -> Part | None:
    # In a message the image stands in `image`, in a result's content in `data`.
    image = block.get("image" if "image" in block else "data")
    media_type = block.get("mimeType")
    if not is_text(media_type) or ("image" in block and "data" in block):
        return None
    if media_type is None and not (isinstance(image, str) and image[:5].lower() == "data:"):
        media_type = image_type(image)
    return file_from(image, media_type=media_type, extra=_left(FilePart, block, _IMAGE))


def _file(block: _Block) -> Part | None:
    media_type, name = block.get("mimeType"), block.get("filename")
    if not (isinstance(media_type, str) and is_text(name)):
        return None
    extra = _left(FilePart, block, _FILE)
    return file_from(block.get("data"), media_type=media_type, name=name, extra=extra)


def _call(block: _Block) -> Part | None:
    call_id, name = block.get("toolCallId"), block.get("toolName")
    if not (isinstance(call_id, str) and isinstance(name, str)):
        return None
    extra = _left(ToolCallPart, block, _CALL)
    return ToolCallPart(call_id, name, block.get("args"), extra=extra)


def _result(block: _Block) -> Part | None:
    call_id, name, failed = (block.get(key) for key in ("toolCallId", "toolName", "isError"))
    content = block.get("experimental_content")
    if not (isinstance(call_id, str) and isinstance(name, str)):
        return None
    if not (failed is None or isinstance(failed, bool)):
        return None
    extra = _left(ToolResultPart, block, _RESULT)
    if content is None:
        return ToolResultPart(call_id, block.get("result"), name, failed, extra=extra)
    if not isinstance(content, list):
        return None
    if block.get("result") is not None:
        add_old(extra, {"result": block["result"]})
    items = tuple(_read(item) for item in content)
    return ToolResultPart(call_id, None, name, failed, content=items, extra=extra)


_READERS: Final[Mapping[str, Callable[[_Block], Part | None]]] = {
    "text": _text,
    "reasoning": _reasoning,
    "redacted-reasoning": _redacted,
    "image": _image,
    "file": _file,
    "tool-call": _call,
    "tool-result": _result,
}
