"""The blocks of a LangChain content: the standard ones, and those of providers and of v0."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from threadkeep.dialects.frameworks import with_kind
from threadkeep.dialects.reading import file_of, input_of, kept, rest
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

_Reader = Callable[[Mapping[str, Any], str | None], Part | None]
"""Reads a block of a model of some provider; None where it is not of the shape."""

CALLS: Final = ("tool_call", "tool_use", "function_call", "invalid_tool_call")
"""Kinds of block that repeat a call which the message lists."""


def read_block(block: Json, provider: str | None = None) -> Part:
    """The part that a member of a content is."""
    if isinstance(block, str):
        return TextPart(block)
    kind = block.get("type") if isinstance(block, dict) else None
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None and isinstance(kind, str) and kind.endswith("_tool_result"):
        reader = _server_result
    part = None if reader is None else reader(block, provider)
    if part is None or not isinstance(block, dict):
        return RawPart(block)
    if isinstance(block.get("index"), int | str) and not isinstance(part, RawPart):
        # Where the block stood in a stream: it says nothing once the chunks are one message.
        part = replace(part, extra=rest(part.extra, "index"))
    return part


def read_call(call: Json) -> ToolCallPart | None:
    """The call that a message lists, or a block of its content is."""
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return None
    input, id = next(((input, id) for input, id in _INPUTS if input in call), (None, None))
    if input is None or id is None:
        return None
    # Some models give no ids.
    call_id = call["name"] if call.get(id) is None else call[id]
    if not isinstance(call_id, str):
        return None
    value = input_of(call[input]) if input == "arguments" else call[input]
    extra = kept(ToolCallPart, call, "name", "type", input, id)
    if extra.get("error", "") is None:
        del extra["error"]
    return ToolCallPart(call_id, call["name"], value, extra=extra)


# The members for input and id: of the standard, of Anthropic, and of OpenAI's responses.
_INPUTS: Final = (("args", "id"), ("input", "id"), ("arguments", "call_id"))


def _text(block: Mapping[str, Any], _: str | None) -> Part | None:
    text = block.get("text")
    return (
        TextPart(text, extra=kept(TextPart, block, "type", "text"))
        if isinstance(text, str)
        else None
    )


def _reasoning(block: Mapping[str, Any], provider: str | None) -> Part | None:
    """The standard block, and OpenAI's own, whose text is its summary."""
    text, summary = block.get("reasoning"), block.get("summary")
    if text is None and isinstance(summary, list) and all(map(_is_summary, summary)):
        text = "\n\n".join(one["text"] for one in summary)
    elif summary is not None:
        return None
    extras = block.get("extras")
    if not isinstance(extras, dict | None) or not isinstance(text, str | None):
        return None
    found = {**block, **(extras or {})}
    signature, encrypted, id = (found.get(k) for k in ("signature", "encrypted_content", "id"))
    if not all(isinstance(value, str | None) for value in (signature, encrypted, id)):
        return None
    said = ("type", "reasoning", "summary", "signature", "encrypted_content", "id", "extras")
    extra = kept(ReasoningPart, block, *said)
    if more := rest(extras or {}, *said):
        extra["extras"] = more
    return ReasoningPart(text or "", signature, encrypted, id, provider, extra)


def _is_summary(block: Json) -> bool:
    return (
        isinstance(block, dict)
        and block.keys() == {"type", "text"}
        and isinstance(block["text"], str)
    )


def _thinking(block: Mapping[str, Any], provider: str | None) -> Part | None:
    text, signature = block.get("thinking"), block.get("signature")
    if not isinstance(text, str) or not isinstance(signature, str | None):
        return None
    extra = kept(ReasoningPart, block, "type", "thinking", "signature")
    return ReasoningPart(text, signature, provider=provider or "anthropic", extra=extra)


def _redacted(block: Mapping[str, Any], provider: str | None) -> Part | None:
    data, extra = block.get("data"), kept(ReasoningPart, block, "type", "data")
    if not isinstance(data, str):
        return None
    return ReasoningPart("", encrypted=data, provider=provider or "anthropic", extra=extra)


def _media(block: Mapping[str, Any], _: str | None) -> Part | None:
    """The standard block of a file, and those of v0, of OpenAI and of Anthropic under its name."""
    if "source_type" in block:
        return _v0(block)
    if isinstance(block.get("file"), dict):
        return _openai_file(block)
    if isinstance(block.get("source"), dict):
        return _anthropic_file(block)
    found = {"media_type": block.get("mime_type"), "data": block.get("base64")}
    found |= {name: block.get(name) for name in ("url", "file_id")}
    extra = rest(block, "type", "mime_type", "base64", "url", "file_id")
    return _file(block["type"], found, extra)


def _file(kind: str, found: dict[str, Any], extra: dict[str, Any]) -> Part | None:
    name, more = _name_of(extra)
    extra = kept(FilePart, more)
    if not all(isinstance(value, str | None) for value in found.values()):
        return None
    if all(found.get(source) is None for source in ("url", "data", "file_id")):
        return None
    media_type = found.pop("media_type", None)
    url = found.get("url")
    if url is not None and found.get("data") is None and found.get("file_id") is None:
        part = file_of(url, media_type=media_type, name=name, extra=extra)
    else:
        part = FilePart(media_type, name=name, extra=extra, **found)
    return with_kind(part, kind)


def _name_of(extra: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The name of a file stands in one of three places."""
    if isinstance(extra.get("filename"), str):
        return extra["filename"], rest(extra, "filename")
    for place in ("extras", "metadata"):
        inner = extra.get(place)
        if isinstance(inner, dict) and isinstance(inner.get("filename"), str):
            more = {place: rest(inner, "filename")} if len(inner) > 1 else {}
            return inner["filename"], {**rest(extra, place), **more}
    return None, extra


def _v0(block: Mapping[str, Any]) -> Part | None:
    media_type, kind = block.get("mime_type"), block["type"]
    match block["source_type"]:
        case "url":
            found = {"media_type": media_type, "url": block.get("url")}
            return _file(kind, found, rest(block, "type", "source_type", "mime_type", "url"))
        case "base64":
            found = {"media_type": media_type, "data": block.get("data")}
            return _file(kind, found, rest(block, "type", "source_type", "mime_type", "data"))
        case "id":
            found = {"media_type": media_type, "file_id": block.get("id")}
            return _file(kind, found, rest(block, "type", "source_type", "mime_type", "id"))
        case _:
            return None


def _openai_file(block: Mapping[str, Any]) -> Part | None:
    inner, extra = block["file"], rest(block, "type", "file")
    extra |= rest(inner, "file_data", "file_id")
    found: dict[str, Any] = {"url": inner.get("file_data"), "file_id": inner.get("file_id")}
    return _file("file", found, extra)


def _anthropic_file(block: Mapping[str, Any]) -> Part | None:
    source, extra = block["source"], rest(block, "type", "source")
    found = {"media_type": source.get("media_type")}
    match source.get("type"):
        case "base64":
            found["data"] = source.get("data")
        case "url":
            found["url"] = source.get("url")
        case "file":
            found["file_id"] = source.get("file_id")
        case _:
            return None
    if more := rest(source, "type", "media_type", "data", "url", "file_id"):
        extra["source"] = more
    return _file(block["type"], found, extra)


def _plain_text(block: Mapping[str, Any], provider: str | None) -> Part | None:
    """A text that is a file; often with its words instead of a place it can be had from."""
    text, title = block.get("text"), block.get("title")
    if not isinstance(text, str) or not isinstance(title, str | None):
        return _media(block, provider)
    data = b64encode(text.encode("utf-8", "replace")).decode()
    extra = kept(FilePart, block, "type", "text", "title", "mime_type")
    return FilePart("text/plain", data=data, name=title, extra=extra)


def _image_url(block: Mapping[str, Any], _: str | None) -> Part | None:
    inner, extra = block.get("image_url"), rest(block, "type", "image_url")
    if isinstance(inner, dict):
        extra |= rest(inner, "url")
        inner = inner.get("url")
    return _file("image", {"url": inner}, extra)


def _input_audio(block: Mapping[str, Any], _: str | None) -> Part | None:
    inner = block.get("input_audio")
    if not isinstance(inner, dict) or not isinstance(inner.get("format"), str):
        return None
    extra = rest(block, "type", "input_audio") | rest(inner, "data", "format")
    format = "mpeg" if inner["format"] == "mp3" else inner["format"]
    return _file("audio", {"media_type": f"audio/{format}", "data": inner.get("data")}, extra)


def _block_call(block: Mapping[str, Any], _: str | None) -> Part | None:
    return read_call(block)


def _server_call(block: Mapping[str, Any], _: str | None) -> Part | None:
    part = read_call(block)
    if part is None:
        return None
    return replace(part, provider_executed=True)


def _server_result(block: Mapping[str, Any], _: str | None) -> Part | None:
    """The standard block, and Anthropic's: `web_search_tool_result` and the like."""
    standard = block["type"] == "server_tool_result"
    call_id = block.get("tool_call_id" if standard else "tool_use_id")
    if not isinstance(call_id, str):
        return None
    output = block.get("output" if standard else "content")
    if standard:
        failed = block.get("status") == "error"
        said = ("tool_call_id", "output", "status")
    else:
        kind = output.get("type") if isinstance(output, dict) else None
        failed = block.get("is_error") is True or str(kind).endswith("_error")
        said = ("tool_use_id", "content", "is_error")
    extra = kept(ToolResultPart, block, "type", *said)
    return ToolResultPart(
        call_id, output, is_error=failed or None, provider_executed=True, extra=extra
    )


def _non_standard(block: Mapping[str, Any], provider: str | None) -> Part | None:
    value = block.get("value")
    if isinstance(value, dict) and value.get("type") == "redacted_thinking":
        return _redacted(value, provider)
    return None


_READERS: Final[Mapping[str, _Reader]] = {
    "text": _text,
    "reasoning": _reasoning,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "image": _media,
    "audio": _media,
    "video": _media,
    "file": _media,
    "document": _media,
    "text-plain": _plain_text,
    "image_url": _image_url,
    "input_audio": _input_audio,
    "tool_call": _block_call,
    "tool_use": _block_call,
    "function_call": _block_call,
    "invalid_tool_call": _block_call,
    "server_tool_call": _server_call,
    "server_tool_use": _server_call,
    "mcp_tool_use": _server_call,
    "server_tool_result": _server_result,
    "mcp_tool_result": _server_result,
    "non_standard": _non_standard,
}
