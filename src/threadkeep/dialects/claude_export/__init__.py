"""The dialect `claude-export`: the messages in the `conversations.json` of a Claude data export.

A native item is one member of `chat_messages`: its blocks, attachments and files are typed parts.
What Claude has no block or no member for is written as in our own format, and read again.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from threadkeep.dialects.claude_export import writing
from threadkeep.dialects.codec import COMMON, Codec, Output, Said
from threadkeep.dialects.flow import (
    exchanges,
    steps,
)
from threadkeep.dialects.reading import id_of, kept, object_of, read_time, text_of
from threadkeep.values import wire
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message, Role
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
from threadkeep.values.ports import Dialect

_ROLES: Final[Mapping[str, Role]] = {"human": "user", "assistant": "assistant"}
_OURS: Final = ("reasoning", "tool_call", "approval", "file", "source", "data")


class _ClaudeExport(Codec):
    """The format of a Claude data export. Raises InvalidError for a wrong `sender` or `uuid`.

    Everything else is read leniently: a block of an unknown kind, or of another shape than
    expected, is a raw part. A time that cannot be read is none.
    """

    name = family = writing.NAME
    losses: Mapping[str, str] = COMMON

    def read(self, item: Json) -> Said:
        """What an item says. Claude answers its own calls within one item."""
        item = object_of(item)
        sender = item.get("sender")
        if not isinstance(sender, str) or sender not in _ROLES:
            raise InvalidError("sender", f"must be one of {', '.join(_ROLES)}")
        id, time = id_of(item, "uuid"), read_time(item.get("created_at"))
        parts = _parts(item)
        role = _role(_ROLES[sender], parts)
        said = {"uuid", "sender"}
        said.update(name for name in writing.LISTS if isinstance(item.get(name), list))
        if time is not None:
            said.add("created_at")
        if item.get("text") == text_of(parts):
            said.add("text")
        if time is not None and item.get("updated_at") == item["created_at"]:
            said.add("updated_at")
        unsaid = [name for name in item if name not in said]
        return Said(role, parts, id=id, created_at=time, unsaid=unsaid)

    def write(self, messages: Sequence[Message], out: Output) -> None:
        """An item for what a person said, and for an answer with all its results."""
        for exchange in exchanges(steps(messages, self.family), self.family):
            writing.write(exchange, out)


# --- reading ------------------------------------------------------------------------------------


def _role(role: Role, parts: Sequence[Part]) -> Role:
    if parts and all(isinstance(part, ToolResultPart) for part in parts):
        return "tool"
    if parts and all(isinstance(part, TextPart) and part.role == "system" for part in parts):
        return "system"
    return role


def _ours(kind: type[Any], block: dict[str, Any]) -> dict[str, Any]:
    """The members of a block that have the name and the type of a field that Claude lacks."""
    wanted = writing.FIELDS[kind]
    if wanted.keys().isdisjoint(block):
        return {}
    return {name: block[name] for name in wanted if isinstance(block.get(name), wanted[name])}


def _parts(item: dict[str, Any]) -> list[Part]:
    content, text = item.get("content"), item.get("text")
    blocks = content if isinstance(content, list) else []
    parts: list[Part] = [] if blocks or not isinstance(text, str) or not text else [TextPart(text)]
    open_calls: list[ToolCallPart] = []
    for place, block in enumerate(blocks):
        parts.append(_part(block, item.get("uuid"), place, open_calls))
    for where, read in (("attachments", _attachment), ("files", _file)):
        listed = item.get(where)
        if isinstance(listed, list):
            for entry in listed:
                part = read(entry) if isinstance(entry, dict) else None
                parts.append(RawPart(entry) if part is None else part)
    return parts


def _part(block: Json, uuid: str | None, place: int, open_calls: list[ToolCallPart]) -> Part:
    """The part a block is; `uuid` and place serve as the id of a call that has none."""
    part: Part | None = None
    kind = block.get("type") if isinstance(block, dict) else None
    if kind == "text":
        part = _text(block)
    elif kind == "thinking":
        part = _thinking(block)
    elif kind == "tool_use":
        part = _call(block, uuid, place, open_calls)
    elif kind == "tool_result":
        part = _result(block, open_calls)
    elif kind in _OURS:
        part = wire.part_from_json(block)
    return RawPart(block) if part is None else part


def _text(block: dict[str, Any]) -> TextPart | None:
    text = block.get("text")
    if not isinstance(text, str):
        return None
    ours = _ours(TextPart, block)
    return TextPart(text, **ours, extra=kept(TextPart, block, "type", "text", *ours))


def _thinking(block: dict[str, Any]) -> ReasoningPart | None:
    text, signature = block.get("thinking"), block.get("signature")
    if not isinstance(text, str) or not isinstance(signature, str | None):
        return None
    ours = _ours(ReasoningPart, block)
    extra = kept(ReasoningPart, block, "type", "thinking", "signature", *ours)
    if signature is not None:
        ours.setdefault("provider", "anthropic")
    return ReasoningPart(text, signature, **ours, extra=extra)


def _call(
    block: dict[str, Any], uuid: str | None, place: int, open_calls: list[ToolCallPart]
) -> ToolCallPart | None:
    id, tool = block.get("id"), block.get("name")
    if not (id is None or isinstance(id, str)) or not isinstance(tool, str):
        return None
    ours = _ours(ToolCallPart, block)
    extra = kept(ToolCallPart, block, "type", "id", "name", "input", *ours)
    call_id = f"{uuid}:{place}" if id is None else id
    call = ToolCallPart(call_id, tool, block.get("input"), **ours, extra=extra)
    if id is None:
        open_calls.append(call)
    return call


def _result(block: dict[str, Any], open_calls: list[ToolCallPart]) -> ToolResultPart | None:
    id, tool, is_error = block.get("tool_use_id"), block.get("name"), block.get("is_error")
    output = block.get("content")
    right = (id is None or isinstance(id, str)) and (tool is None or isinstance(tool, str))
    if not right or not (is_error is None or isinstance(is_error, bool)):
        return None
    if id is None:
        # Exports of 2024 have no ids: a result then answers the first open call of its tool.
        if not open_calls:
            return None
        call = next((call for call in open_calls if call.name == tool), open_calls[0])
        open_calls.remove(call)
        id = call.call_id
    content, ours = _content(output), _ours(ToolResultPart, block)
    said = ("type", "tool_use_id", "name", "content", "is_error", *ours)
    return ToolResultPart(
        id,
        None if content else output,
        tool,
        is_error,
        content=content,
        extra=kept(ToolResultPart, block, *said),
        **ours,
    )


def _content(output: Json) -> tuple[Part, ...] | None:
    """The texts and files that an output is a list of; None where it is anything else."""
    if not isinstance(output, list) or not output:
        return None
    parts: list[Part] = []
    for block in output:
        kind = block.get("type") if isinstance(block, dict) else None
        part: Part | None = _text(block) if kind == "text" else None
        if kind == "file":
            part = wire.part_from_json(block)
        if not isinstance(part, TextPart | FilePart):
            return None
        parts.append(part)
    return tuple(parts)


def _attachment(entry: dict[str, Any]) -> FilePart | None:
    name, text, kind = (entry.get(n) for n in ("file_name", "extracted_content", "file_type"))
    if not isinstance(name, str | None) or not isinstance(text, str | None):
        return None
    said = ["file_name", "extracted_content"]
    if text is None:
        return FilePart(name=name, extra=kept(FilePart, entry, *said))
    media_type = writing.PLAIN
    if isinstance(kind, str) and kind.startswith("text/"):
        media_type = kind
        said.append("file_type")
    data = base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()
    return FilePart(media_type, data=data, name=name, extra=kept(FilePart, entry, *said))


def _file(entry: dict[str, Any]) -> FilePart | None:
    name, id = entry.get("file_name"), entry.get("file_uuid")
    if not isinstance(name, str | None) or not isinstance(id, str | None):
        return None
    extra = kept(FilePart, entry, "file_name", "file_uuid")
    return FilePart(file_id=id, name=name, extra=extra)


dialect: Dialect = _ClaudeExport()
