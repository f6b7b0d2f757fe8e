"""How the parts of an assistant-ui message are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from threadkeep.dialects.ai_sdk_formats import reasoning
from threadkeep.dialects.reading import file_of, input_of, kept, rest
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

ATTACHMENT: Final = "attachment"
"""In `extra`: what is said of the attachment that a part stands in."""

SPEC: Final = "spec"
"""In `extra`: this data is the spec of a generated interface."""

AUDIO: Final[Mapping[str, str]] = {"mp3": "audio/mpeg", "wav": "audio/wav"}

ANY_IMAGE: Final = "image/*"
"""The media type of an image of which no more is known."""

_METADATA: Final = "providerMetadata"


def read(content: Sequence[Json]) -> list[Part]:
    """The parts of a content. Calls that stand side by side have their results after them."""
    parts: list[Part] = []
    results: list[Part] = []
    for block in content:
        if isinstance(block, dict) and block.get("type") == "tool-call":
            made = _call(block)
            if made is not None:
                for part in made:
                    (results if _comes_back(part) else parts).append(part)
                continue
        parts += results
        results = []
        parts.append(_part(block))
    return parts + results


def read_attachment(value: Json) -> list[Part]:
    """The parts of an attachment; a raw one, with all of it, where they do not say it."""
    whole: list[Part] = [RawPart({ATTACHMENT: value})]
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list) or not content:
        return whole
    head = rest(value, "content")
    name = head.get("name")
    parts: list[Part] = []
    for block in content:
        part = _part(block)
        if not isinstance(part, TextPart | FilePart | DataPart) or ATTACHMENT in part.extra:
            return whole
        extra = {**part.extra, ATTACHMENT: head}
        if isinstance(part, TextPart):
            parts.append(TextPart(part.text, extra=extra))
        elif isinstance(part, DataPart):
            parts.append(DataPart(part.name, part.data, extra))
        else:
            called = part.name if part.name or not isinstance(name, str) else name
            said = (part.media_type, part.url, part.data, part.file_id)
            parts.append(FilePart(*said, called, extra))
    return parts


def _comes_back(part: Part) -> bool:
    if isinstance(part, ApprovalPart):
        return part.approved is not None
    return isinstance(part, ToolResultPart)


def _part(block: Json) -> Part:
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str):
        return RawPart(block)
    reader = _READERS.get(kind)
    if reader is not None:
        part = reader(block)
    elif kind.startswith("data-"):
        extra = kept(DataPart, block, "type", "data")
        part = DataPart(kind[5:], block.get("data"), extra)
    else:
        part = None
    return RawPart(block) if part is None else part


def _text(block: dict[str, Any]) -> Part | None:
    text = block.get("text")
    if not isinstance(text, str):
        return None
    return TextPart(text, extra=kept(TextPart, block, "type", "text"))


def _reasoning(block: dict[str, Any]) -> Part | None:
    text, summary = block.get("text"), block.get("unstable_summary")
    if not isinstance(text, str):
        if text is not None or not isinstance(summary, str):
            return None
        text = ""
    signed = reasoning.read(block.get(_METADATA))
    extra = kept(ReasoningPart, block, "type", "text", _METADATA)
    if signed.rest is not None:
        extra[_METADATA] = signed.rest
    text = text or (summary if isinstance(summary, str) else "")
    return ReasoningPart(
        text, signed.signature, signed.encrypted, signed.id, signed.provider, extra
    )


def _call(block: dict[str, Any]) -> list[Part] | None:
    id, name = block.get("toolCallId"), block.get("toolName")
    if not isinstance(id, str) or not isinstance(name, str):
        return None
    said = ["type", "toolCallId", "toolName"]
    if isinstance(block.get("args"), dict):
        input = block["args"]
        said.append("args")
        text = block.get("argsText")
        if isinstance(text, str) and input_of(text) == input:
            said.append("argsText")
    elif isinstance(block.get("argsText"), str):
        input = input_of(block["argsText"])
        said.append("argsText")
    else:
        return None
    parts: list[Part] = []
    approval = _approval(id, block.get("approval"))
    if approval is not None:
        parts.append(approval)
        said.append("approval")
    is_error = block.get("isError")
    # A result may well be false, 0, "" or null.
    if "result" in block or is_error is True:
        failed = is_error if isinstance(is_error, bool) else None
        if isinstance(is_error, bool):
            said.append("isError")
        denied = True if approval is not None and approval.approved is False else None
        result = block.get("result")
        parts.append(ToolResultPart(id, result, name, is_error=failed, denied=denied))
        said.append("result")
    return [ToolCallPart(id, name, input, extra=kept(ToolCallPart, block, *said)), *parts]


def _approval(call_id: str, value: Json) -> ApprovalPart | None:
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        return None
    approved, reason = value.get("approved"), value.get("reason")
    if not isinstance(approved, bool | None) or not isinstance(reason, str | None):
        return None
    extra = kept(ApprovalPart, value, "id", "approved", "reason")
    return ApprovalPart(value["id"], call_id, approved, reason, extra)


def _image(block: dict[str, Any]) -> Part | None:
    url, name = block.get("image"), block.get("filename")
    media_type = block.get("mimeType")
    if not isinstance(url, str) or not isinstance(name, str | None):
        return None
    if not isinstance(media_type, str | None):
        return None
    extra = kept(FilePart, block, "type", "image", "filename", "mimeType")
    file = file_of(url, media_type=media_type, name=name, extra=extra)
    if file.media_type is not None:
        return file
    return FilePart(ANY_IMAGE, file.url, file.data, None, name, extra)


def _file(block: dict[str, Any]) -> Part | None:
    data, media_type, name = block.get("data"), block.get("mimeType"), block.get("filename")
    if not isinstance(data, str) or not isinstance(media_type, str):
        return None
    if not isinstance(name, str | None):
        return None
    source = block.get("sourceType")
    if source not in ("url", "id", None):
        return None
    extra = kept(FilePart, block, "type", "data", "mimeType", "filename", "sourceType")
    if source == "id":
        return FilePart(media_type, file_id=data, name=name, extra=extra)
    # No letter of base64 is a colon.
    if source == "url" or ":" in data[:64]:
        return file_of(data, media_type=media_type, name=name, extra=extra)
    return FilePart(media_type, data=data, name=name, extra=extra)


def _audio(block: dict[str, Any]) -> Part | None:
    audio = block.get("audio")
    if not isinstance(audio, dict) or audio.keys() != {"data", "format"}:
        return None
    data, format = audio["data"], audio["format"]
    if not isinstance(data, str) or not isinstance(format, str) or format not in AUDIO:
        return None
    return FilePart(AUDIO[format], data=data, extra=kept(FilePart, block, "type", "audio"))


def _source(block: dict[str, Any]) -> Part | None:
    id, title = block.get("id"), block.get("title")
    if not isinstance(id, str) or not isinstance(title, str | None):
        return None
    said = ["type", "sourceType", "id", "title"]
    if block.get("sourceType") == "url":
        url = block.get("url")
        if not isinstance(url, str):
            return None
        return SourcePart(id, url, title, extra=kept(SourcePart, block, *said, "url"))
    media_type, name = block.get("mediaType"), block.get("filename")
    if block.get("sourceType") != "document" or title is None:
        return None
    if not isinstance(media_type, str) or not isinstance(name, str | None):
        return None
    extra = kept(SourcePart, block, *said, "mediaType", "filename")
    return SourcePart(id, None, title, media_type, name, extra)


def _data(block: dict[str, Any]) -> Part | None:
    name = block.get("name")
    if not isinstance(name, str) or "data" not in block:
        return None
    return DataPart(name, block["data"], kept(DataPart, block, "type", "name", "data"))


def _interface(block: dict[str, Any]) -> Part | None:
    spec = block.get("spec")
    if not isinstance(spec, dict):
        return None
    extra = kept(DataPart, block, "type", "spec")
    return DataPart("generative-ui", spec, {**extra, SPEC: True})


_READERS: Final[Mapping[str, Callable[[dict[str, Any]], Part | None]]] = {
    "text": _text,
    "reasoning": _reasoning,
    "image": _image,
    "file": _file,
    "audio": _audio,
    "source": _source,
    "data": _data,
    "generative-ui": _interface,
}
