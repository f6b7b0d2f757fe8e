"""UI messages of version 4, read: `content`, `toolInvocations`, and `parts` where there are any.

Source: the migration guide `25-migration-guide-5-0-data.mdx` of npm `ai`. Members are put in the
spelling of later versions; what only version 4 knows stands under `v4` in `extra`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from threadkeep.dialects.ai_sdk_formats.files import file_from
from threadkeep.dialects.ai_sdk_formats.members import add_old, is_text, left
from threadkeep.dialects.codec import Said
from threadkeep.dialects.flow import STEP
from threadkeep.dialects.reading import file_of, id_of, object_of, read_time
from threadkeep.values.errors import InvalidError
from threadkeep.values.parts import (
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

_Block = dict[str, Any]

_ROLES: Final = ("system", "user", "assistant", "data")
_NEVER_UNSAID: Final = frozenset({"id", "role", "parts"})

_TEXT: Final = frozenset({"type", "text"})
_REASONING: Final = frozenset({"type", "reasoning", "details"})
_FILE: Final = frozenset({"type", "data", "mimeType", "filename"})
_SOURCE: Final = frozenset({"sourceType", "id", "url", "title"})
_CALL: Final = frozenset({"state", "toolCallId", "toolName", "args", "result", "step"})
_ATTACHMENT: Final = frozenset({"name", "contentType", "url"})
_STATES: Final = ("partial-call", "call", "result")


def read(item: Json) -> Said:
    """What a UI message of version 4 says.

    A message of the role `data` is the app's own data, named `custom` as the migration guide has
    it. InvalidError for a wrong `role`, `content`, `parts` or `id`.
    """
    item = object_of(item)
    role, content, listed = item.get("role"), item.get("content"), item.get("parts")
    if role not in _ROLES:
        raise InvalidError("role", f"must be one of {', '.join(_ROLES)}")
    if content is not None and not isinstance(content, str):
        raise InvalidError("content", "must be a text")
    if listed is not None and not isinstance(listed, list):
        raise InvalidError("parts", "must be a list")
    if content is None and listed is None:
        raise InvalidError("content", "must be there, or parts")
    unsaid = [name for name in item if name not in _NEVER_UNSAID]
    id = None if item.get("id") == "" else id_of(item)
    created_at = read_time(item.get("createdAt"))
    if created_at is not None:
        unsaid.remove("createdAt")
    if role == "data":
        return Said("assistant", _data(item, unsaid), id, created_at, unsaid)
    parts = _parts(listed or (), unsaid, item) if listed else _top(item, unsaid)
    parts += _attachments(item.get("experimental_attachments"), unsaid)
    return Said(role, parts, id, created_at, unsaid)


def _data(item: _Block, unsaid: list[str]) -> list[Part]:
    name = "data" if item.get("data") is not None else "content"
    if name in unsaid:
        unsaid.remove(name)
    if name == "data" and item.get("content") == "":
        unsaid.remove("content")
    if item.get("parts"):
        unsaid.append("parts")
    return [DataPart("custom", item.get(name))]


def _parts(listed: Sequence[Json], unsaid: list[str], item: _Block) -> list[Part]:
    parts: list[Part] = []
    for block in listed:
        kind = block.get("type") if isinstance(block, dict) else None
        reader = _READERS.get(kind) if isinstance(kind, str) else None
        parts += (reader(block) if reader is not None else None) or [RawPart(block)]
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    thoughts = [part.text for part in parts if isinstance(part, ReasoningPart)]
    calls = {part.call_id for part in parts if isinstance(part, ToolCallPart)}
    # The members at the top say again what the parts say: what they say more is not read.
    if item.get("content") in ("", None, "".join(texts), texts[-1] if texts else ""):
        _take(unsaid, "content")
    if item.get("reasoning") in ("", None, "".join(thoughts), thoughts[-1] if thoughts else ""):
        _take(unsaid, "reasoning")
    invoked = item.get("toolInvocations")
    if invoked is None or (
        isinstance(invoked, list)
        and all(isinstance(one, dict) and _id_of_call(one) in calls for one in invoked)
    ):
        _take(unsaid, "toolInvocations")
    return parts


def _id_of_call(invocation: _Block) -> str | None:
    call_id = invocation.get("toolCallId")
    return call_id if isinstance(call_id, str) else None


def _top(item: _Block, unsaid: list[str]) -> list[Part]:
    parts: list[Part] = []
    thought = item.get("reasoning")
    if isinstance(thought, str):
        _take(unsaid, "reasoning")
        if thought:
            parts.append(ReasoningPart(thought))
    invoked = item.get("toolInvocations")
    if isinstance(invoked, list):
        _take(unsaid, "toolInvocations")
        for one in invoked:
            parts += _invocation(one) or [RawPart(one)]
    _take(unsaid, "content")
    if item.get("content"):
        parts.append(TextPart(item["content"]))
    return parts


def _attachments(listed: Json, unsaid: list[str]) -> list[Part]:
    if not isinstance(listed, list):
        return []
    _take(unsaid, "experimental_attachments")
    return [_attachment(one) or RawPart(one) for one in listed]


def _attachment(value: Json) -> Part | None:
    if not isinstance(value, dict):
        return None
    url, media_type, name = (value.get(key) for key in ("url", "contentType", "name"))
    if not (isinstance(url, str) and is_text(media_type) and is_text(name)):
        return None
    extra = left(FilePart, value, _ATTACHMENT)
    return file_of(url, media_type=media_type, name=name, extra=extra)


def _text(block: _Block) -> list[Part] | None:
    text = block.get("text")
    if not isinstance(text, str):
        return None
    return [TextPart(text, extra=left(TextPart, block, _TEXT))]


def _reasoning(block: _Block) -> list[Part] | None:
    text, details = block.get("reasoning"), block.get("details")
    if not isinstance(text, str):
        return None
    extra = left(ReasoningPart, block, _REASONING)
    if "details" not in block or details == []:
        return [ReasoningPart(text, extra=extra)]
    parts = [_detail(one) for one in details] if isinstance(details, list) else [None]
    known = [part for part in parts if part is not None]
    if len(known) != len(parts) or "".join(part.text for part in known) != text:
        add_old(extra, {"details": details})
        return [ReasoningPart(text, extra=extra)]
    first = known[0]
    known[0] = ReasoningPart(
        first.text, first.signature, first.encrypted, provider=first.provider, extra=extra
    )
    return [*known]


def _detail(value: Json) -> ReasoningPart | None:
    """A piece of reasoning; only Anthropic's were signed or redacted then."""
    if not isinstance(value, dict):
        return None
    text, signature, data = value.get("text"), value.get("signature"), value.get("data")
    if value.keys() == {"type", "data"} and value["type"] == "redacted" and isinstance(data, str):
        return ReasoningPart("", encrypted=data, provider="anthropic")
    if value.get("type") != "text" or not value.keys() <= {"type", "text", "signature"}:
        return None
    if not (isinstance(text, str) and is_text(signature)):
        return None
    provider = None if signature is None else "anthropic"
    return ReasoningPart(text, signature, provider=provider)


def _tool(block: _Block) -> list[Part] | None:
    made = _invocation(block.get("toolInvocation"))
    if made is not None and len(block) > 2:
        call = made[0]
        other = {name: one for name, one in block.items() if name not in _PART}
        if isinstance(call, ToolCallPart):
            extra = dict(call.extra)
            add_old(extra, other)
            made[0] = ToolCallPart(call.call_id, call.name, call.input, extra=extra)
    return made


_PART: Final = frozenset({"type", "toolInvocation"})


def _invocation(value: Json) -> list[Part] | None:
    if not isinstance(value, dict):
        return None
    call_id, name, state = (value.get(key) for key in ("toolCallId", "toolName", "state"))
    if not (isinstance(call_id, str) and isinstance(name, str) and state in _STATES):
        return None
    said = _CALL if state == "result" else _CALL - {"result"}
    extra = left(ToolCallPart, value, said)
    if "step" in value:
        add_old(extra, {"step": value["step"]})
    if state == "partial-call":
        extra["state"] = "input-streaming"
    parts: list[Part] = [ToolCallPart(call_id, name, value.get("args"), extra=extra)]
    if state == "result":
        parts.append(ToolResultPart(call_id, value.get("result"), name))
    return parts


def _source(block: _Block) -> list[Part] | None:
    source = block.get("source")
    if not isinstance(source, dict) or source.get("sourceType") != "url" or len(block) != 2:
        return None
    id, url, title = (source.get(key) for key in ("id", "url", "title"))
    if not (isinstance(id, str) and isinstance(url, str) and is_text(title)):
        return None
    return [SourcePart(id, url, title, extra=left(SourcePart, source, _SOURCE))]


def _file(block: _Block) -> list[Part] | None:
    media_type, name = block.get("mimeType"), block.get("filename")
    if not (isinstance(media_type, str) and is_text(name)):
        return None
    extra = left(FilePart, block, _FILE)
    file = file_from(block.get("data"), media_type=media_type, name=name, extra=extra)
    return None if file is None else [file]


def _step(block: _Block) -> list[Part] | None:
    return [STEP] if len(block) == 1 else None


def _take(names: list[str], name: str) -> None:
    if name in names:
        names.remove(name)


_READERS: Final[Mapping[str, Callable[[_Block], list[Part] | None]]] = {
    "text": _text,
    "reasoning": _reasoning,
    "tool-invocation": _tool,
    "source": _source,
    "file": _file,
    "step-start": _step,
}
