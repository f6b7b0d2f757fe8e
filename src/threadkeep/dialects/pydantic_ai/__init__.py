"""The dialect `pydantic-ai`: what `ModelMessagesTypeAdapter` of pydantic-ai writes as JSON.

A native item is a request (`{"kind": "request", "parts": [...]}`: system prompts, user prompts and
tool returns, also mixed) or a response of a model. Source: `pydantic_ai.messages`, 2.68.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from threadkeep.dialects.codec import COMMON, Codec, Output, Said
from threadkeep.dialects.frameworks import thought_of, with_kind
from threadkeep.dialects.pydantic_ai.writing import ABOUT, PROMPT, digest_of, write_messages
from threadkeep.dialects.reading import file_of, input_of, kept, object_of, read_time
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import (
    FilePart,
    Json,
    Part,
    RawPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from threadkeep.values.ports import Dialect


class _PydanticAi(Codec):
    """Raises InvalidError for an item that is no object, or has a wrong `kind` or `parts`."""

    name = family = "pydantic-ai"
    losses: Mapping[str, str] = {
        **COMMON,
        "text.role": "Words of the system inside an answer are words of the model.",
        "reasoning": "Reasoning outside of the model's messages is left out.",
        "reasoning.signature": "OpenAI's reasoning is kept without a signature.",
        "reasoning.encrypted": "A thought has one signature: encrypted reasoning is kept where it"
        " is OpenAI's, or where there is no other signature and it is Anthropic's.",
        "tool_call": "Calls outside of the model's messages are left out.",
        "provider_executed": "Results outside of the model's messages are those of own tools.",
        "tool_result.content": "Of results only words, files and values are kept.",
        "approval": "Approvals are left out.",
        "file": "Files of the system, and files of the model that have no data, are left out,"
        " and so is a file id of which the provider is unknown.",
        "file.url": "A file that has data is written without its URL.",
        "file.file_id": "A file that has data or a URL is written without its id.",
        "file.name": "Files have no names.",
        "source": "Sources are left out.",
        "data": "Data parts are left out.",
    }

    def read(self, item: Json) -> Said:
        item = object_of(item)
        kind, blocks = item.get("kind"), item.get("parts")
        if kind not in ("request", "response"):
            raise InvalidError("kind", "must be one of request, response")
        if not isinstance(blocks, list):
            raise InvalidError("parts", "must be a list")
        created_at = _time_of(item, blocks)
        unsaid = tuple(_more(item, "kind", "parts", "timestamp", *ABOUT))
        if kind == "response":
            parts = [part for block in blocks for part in _read(block, _RESPONSE)]
            return Said("assistant", parts, created_at=created_at, unsaid=unsaid)
        for block in blocks:
            if isinstance(block, dict) and block.get("part_kind") == "user-prompt":
                unsaid += tuple(_more(block, *PROMPT))
        role, starts = _role_of(blocks)
        readers = _REQUEST if role == "system" else _MIXED
        parts = [part for block in blocks for part in _read(block, readers)]
        return Said(role, parts, created_at=created_at, unsaid=unsaid, starts=starts)

    def write(self, messages: Sequence[Message], out: Output) -> None:
        write_messages(messages, self.family, out)


def _role_of(blocks: Sequence[Json]) -> tuple[Role, bool | None]:
    """The role of a request, and False where it has the role user but starts no turn."""
    kinds = [_kind(block) for block in blocks]
    if "user-prompt" in kinds or "speech" in kinds:
        return "user", None
    if "retry-feedback" in kinds:
        return "user", False
    return ("tool" if "tool-return" in kinds else "system"), None


def _kind(block: Json) -> Json:
    """The kind of a part. A retry prompt is one of the two parts that pydantic-ai loads it as."""
    kind = block.get("part_kind") if isinstance(block, dict) else None
    if kind == "retry-prompt":
        return "retry-feedback" if block.get("tool_name") is None else "tool-return"
    return kind


def _time_of(item: Mapping[str, Any], blocks: Sequence[Json]) -> datetime | None:
    time = read_time(item.get("timestamp"))
    if time is None:
        for block in blocks:
            if isinstance(block, dict) and "timestamp" in block:
                return read_time(block["timestamp"])
    return time


# Members that say nothing while they are as they are by default; so are nulls.
_DEFAULTS: Final[Mapping[str, Json]] = {
    "force_download": False,
    "scope": "conversation",
    "state": "complete",
}


def _more(block: Mapping[str, Any], *said: str) -> dict[str, Any]:
    """The members of a block that are not said otherwise, and not as they are by default."""
    return {
        name: value
        for name, value in block.items()
        if value is not None
        and name not in said
        and _DEFAULTS.get(name) != value
        and not (name == "usage" and isinstance(value, dict) and not any(value.values()))
    }


def _extra(kind: type[Any], block: Mapping[str, Any], *said: str) -> dict[str, Any]:
    """The `extra` of a part of that kind."""
    more = _more(block, *said)
    return kept(kind, more) if more else more


_Reader = Callable[[Mapping[str, Any]], Sequence[Part] | None]
"""Reads a block; None where a member has another type than it should."""


def _read(block: Json, readers: Mapping[str, _Reader]) -> Sequence[Part]:
    kind = block.get("part_kind") if isinstance(block, dict) else None
    reader = readers.get(kind) if isinstance(kind, str) else None
    parts = None if reader is None else reader(block)
    return (RawPart(block),) if parts is None else parts


def _text(block: Mapping[str, Any], role: str | None, *said: str) -> Sequence[Part] | None:
    text = block.get("content")
    if not isinstance(text, str):
        return None
    extra = _extra(TextPart, block, "content", "timestamp", *said)
    return (TextPart(text, role, extra),)


def _read_system(block: Mapping[str, Any]) -> Sequence[Part] | None:
    return _text(block, None, "part_kind")


def _read_mixed_system(block: Mapping[str, Any]) -> Sequence[Part] | None:
    return _text(block, "system", "part_kind")


def _read_words(block: Mapping[str, Any]) -> Sequence[Part] | None:
    return _text(block, None, "part_kind")


def _read_prompt(block: Mapping[str, Any]) -> Sequence[Part] | None:
    content = block.get("content")
    if isinstance(content, str):
        return (TextPart(content),) if content else ()
    return [_read_content(one) for one in content] if isinstance(content, list) else None


def _read_content(block: Json) -> Part:
    if isinstance(block, str):
        return TextPart(block)
    kind = block.get("kind") if isinstance(block, dict) else None
    if kind == "text-content" and isinstance(block.get("content"), str):
        return TextPart(block["content"], extra=_extra(TextPart, block, "content", "kind"))
    if kind == "structured-content" and isinstance(block.get("content"), str):
        return TextPart(block["content"], extra=_extra(TextPart, block, "content"))
    return _read_file(block) or RawPart(block)


def _read_file(block: Json) -> FilePart | None:
    """The file that an item of a content is; None where it is none."""
    kind: Any = block.get("kind") if isinstance(block, dict) else None
    source = _FILES.get(kind) if isinstance(kind, str) else None
    if source is None or not isinstance(block.get(source), str):
        return None
    media_type = block.get("media_type")
    if not isinstance(media_type, str) and (media_type is not None or source == "data"):
        return None
    extra = _extra(FilePart, block, "kind", "media_type", source)
    if _is_derived(extra.get("identifier")):
        del extra["identifier"]
    if source == "data":
        return FilePart(media_type, data=_standard(block["data"]), extra=extra)
    if source == "file_id":
        return FilePart(media_type, file_id=block["file_id"], extra=extra)
    file = file_of(block["url"], media_type=media_type, extra=extra)
    return with_kind(file, kind.removesuffix("-url"))


_FILES: Final[Mapping[str, str]] = {
    "binary": "data",
    "uploaded-file": "file_id",
    "image-url": "url",
    "audio-url": "url",
    "video-url": "url",
    "document-url": "url",
}
_TO_STANDARD: Final = str.maketrans("-_", "+/")


def _standard(data: str) -> str:
    """The base64 of pydantic, which writes the URL-safe alphabet, in the usual one."""
    return data.translate(_TO_STANDARD) if "-" in data or "_" in data else data


def _is_derived(identifier: Json) -> bool:
    # By default it is the beginning of a hash of the file.
    return (
        isinstance(identifier, str)
        and len(identifier) == 6
        and not identifier.strip("0123456789abcdef")
    )


def _read_return(block: Mapping[str, Any]) -> Sequence[Part] | None:
    name, outcome = block.get("tool_name"), block.get("outcome", "success")
    call_id = block.get("tool_call_id", name)
    if not isinstance(name, str) or not isinstance(call_id, str) or "content" not in block:
        return None
    extra = _extra(ToolResultPart, block, *_RETURN)
    provided = block["part_kind"] == "builtin-tool-return"
    if block["part_kind"] == "retry-prompt":
        outcome = "retried"
    if outcome not in ("success", "failed", "denied"):
        extra["outcome"] = outcome
    content = _read_contents(block["content"], block.get("content_file_digests"))
    return (
        ToolResultPart(
            call_id,
            None if content else block["content"],
            name or None,
            is_error=True if outcome in ("failed", "retried") else None,
            denied=True if outcome == "denied" else None,
            content=content,
            provider_executed=True if provided else None,
            extra=extra,
        ),
    )


_RETURN: Final = (
    *("tool_name", "tool_call_id", "content", "content_file_digests"),
    *("outcome", "part_kind", "timestamp"),
)


def _read_contents(content: Json, digests: Json) -> tuple[Part, ...] | None:
    """What a tool returned, where there is a file in it."""
    listed = content if isinstance(content, list) else [content]
    if not any(isinstance(one, dict) and "kind" in one for one in listed):
        return None
    parts = tuple(_read_returned(one, digests) for one in listed)
    return parts if any(isinstance(part, FilePart) for part in parts) else None


def _read_returned(value: Json, digests: Json) -> Part:
    if isinstance(value, str):
        return TextPart(value)
    file = _read_file(value)
    return file if file is not None and _is_file(value, digests) else RawPart(value)


def _is_file(block: Mapping[str, Any], digests: Json) -> bool:
    """Whether pydantic-ai takes this for a file: a tool may return what only looks like one.

    A result names the digests of its files; one from before that has only files of the web.
    """
    if block["kind"] == "binary":
        return True
    if isinstance(digests, list):
        return digest_of(block) in digests
    url = block.get("url")
    return "media_type" in block and isinstance(url, str) and url[:4].lower() == "http"


def _read_feedback(block: Mapping[str, Any]) -> Sequence[Part] | None:
    if block["part_kind"] == "retry-prompt" and block.get("tool_name") is not None:
        return _read_return(block)
    return _text(block, None)


def _read_speech(block: Mapping[str, Any]) -> Sequence[Part] | None:
    text = block.get("transcript")
    if not isinstance(text, str):
        return None
    return (TextPart(text, extra=_extra(TextPart, block, "transcript")),)


def _read_thought(block: Mapping[str, Any]) -> Sequence[Part] | None:
    if not isinstance(block.get("content"), str):
        return None
    part = thought_of(block["content"], _more(block, "content", "part_kind"))
    return None if part is None else (part,)


def _read_call(block: Mapping[str, Any]) -> Sequence[Part] | None:
    name, args = block.get("tool_name"), block.get("args")
    call_id = block.get("tool_call_id", name)
    if not isinstance(name, str) or not isinstance(call_id, str):
        return None
    if not isinstance(args, str | dict | None):
        return None
    provided = True if block["part_kind"] == "builtin-tool-call" else None
    extra = _extra(ToolCallPart, block, "tool_name", "args", "tool_call_id", "part_kind")
    return (ToolCallPart(call_id, name, {} if args == "" else input_of(args), provided, extra),)


def _read_made_file(block: Mapping[str, Any]) -> Sequence[Part] | None:
    content = block.get("content")
    file = _read_file(content)
    if file is None or file.data is None:
        return None
    extra = _extra(FilePart, block, "content", "part_kind")
    if file.extra:
        extra["content"] = file.extra
    return (FilePart(file.media_type, data=file.data, extra=extra),)


_REQUEST: Final[Mapping[str, _Reader]] = {
    "system-prompt": _read_system,
    "user-prompt": _read_prompt,
    "tool-return": _read_return,
    "retry-prompt": _read_feedback,
    "retry-feedback": _read_feedback,
    "speech": _read_speech,
}
_MIXED: Final[Mapping[str, _Reader]] = {**_REQUEST, "system-prompt": _read_mixed_system}
_RESPONSE: Final[Mapping[str, _Reader]] = {
    "text": _read_words,
    "thinking": _read_thought,
    "tool-call": _read_call,
    "builtin-tool-call": _read_call,
    "builtin-tool-return": _read_return,
    "file": _read_made_file,
    "speech": _read_speech,
}

dialect: Dialect = _PydanticAi()
