"""How the messages of a Claude data export are written."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from threadkeep.dialects.codec import RAW, Output
from threadkeep.dialects.flow import Placed, Step, sources_of
from threadkeep.dialects.frameworks import own_item
from threadkeep.dialects.reading import read_time, text_of
from threadkeep.values import wire
from threadkeep.values.message import Role
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

NAME: Final = "claude-export"
_SENDERS: Final[Mapping[Role, str]] = {
    "user": "human",
    "system": "human",
    "assistant": "assistant",
    "tool": "assistant",
}

LISTS: Final = ("content", "attachments", "files")
"""The members of an item that hold its parts."""

FIELDS: Final[Mapping[type[Any], Mapping[str, type]]] = {
    TextPart: {"role": str},
    ReasoningPart: {"encrypted": str, "id": str, "provider": str},
    ToolCallPart: {"provider_executed": bool},
    ToolResultPart: {"denied": bool, "provider_executed": bool},
}
"""The fields that Claude lacks, and their types: members of its blocks for us."""

PLAIN: Final = "text/plain"


@dataclass(slots=True)
class _Lists:
    """What an item consists of."""

    content: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    files: list[Json] = field(default_factory=list)
    texts: list[TextPart] = field(default_factory=list)


def write(exchange: Sequence[Step], out: Output) -> None:
    """Write the item of an exchange."""
    lists = _Lists()
    for step in exchange:
        for placed in step.placed:
            part = placed.part
            if isinstance(part, TextPart) and step.role == "system":
                part = replace(part, role="system")
            _WRITERS[type(part)](part, placed, lists, out)
    sources = sources_of(exchange)
    first = sources[0]
    unsaid, own = out.unsaid(first), own_item(first, NAME)
    time = None if first.created_at is None else first.created_at.isoformat()
    item: dict[str, Json] = {
        "uuid": None if own and first.id is None else out.name(first),
        "text": text_of(lists.texts),
        "content": lists.content,
        "sender": _SENDERS[exchange[0].role],
        "created_at": time,
        "updated_at": own.get("updated_at") if own else time,
        "attachments": lists.attachments,
        "files": lists.files,
    }
    item = {name: value for name, value in item.items() if value is not None}
    if own:
        item = _as_before(item, own, unsaid)
    out.add(item, sources)


def _as_before(
    item: dict[str, Json], own: Mapping[str, Json], unsaid: Mapping[str, Json]
) -> dict[str, Json]:
    """The new item of a message that was changed, with all of the old one that still holds."""
    for name, value in unsaid.items():
        # A text that differs from the blocks stands for them where there are none.
        if name not in item or (name == "text" and item["content"]):
            item[name] = value
    if read_time(own.get("created_at")) == read_time(item.get("created_at")) is not None:
        item["created_at"] = own["created_at"]
    for name in LISTS:
        if not item[name] and name not in own:
            del item[name]
    return {name: item[name] for name in own if name in item} | item


def _said(part: Part) -> dict[str, Json]:
    """The members for the fields that Claude lacks."""
    listed = ((name, getattr(part, name)) for name in FIELDS[type(part)])
    return {name: value for name, value in listed if value is not None}


def _write_text(part: TextPart, placed: Placed, lists: _Lists, out: Output) -> None:
    lists.texts.append(part)
    block = {"type": "text", "text": part.text, **_said(part)}
    lists.content.append(block | out.given(placed))


def _write_reasoning(part: ReasoningPart, placed: Placed, lists: _Lists, out: Output) -> None:
    block: dict[str, Json] = {"type": "thinking", "thinking": part.text}
    if part.signature is not None:
        block["signature"] = part.signature
    block |= _said(part)
    if part.signature is not None and part.provider == "anthropic":
        del block["provider"]
    lists.content.append(block | out.given(placed))


def _write_call(part: ToolCallPart, placed: Placed, lists: _Lists, out: Output) -> None:
    block = {"type": "tool_use", "id": part.call_id, "name": part.name, "input": part.input}
    lists.content.append(block | _said(part) | out.given(placed))


def _write_result(part: ToolResultPart, placed: Placed, lists: _Lists, out: Output) -> None:
    output = part.output
    if part.content:
        output = [
            _inner(Placed(inner, placed.message, placed.place), out)
            for inner in part.content
            if out.is_own(placed) or isinstance(inner, TextPart | FilePart)
        ] or None
        if output is None or len(output) < len(part.content):
            out.lost(placed, RAW)
    block: dict[str, Json] = {"type": "tool_result", "tool_use_id": part.call_id}
    if part.name is not None:
        block["name"] = part.name
    block |= {"content": output, "is_error": bool(part.is_error)}
    lists.content.append(block | _said(part) | out.given(placed))


def _inner(placed: Placed, out: Output) -> Json:
    """The block of a part of a result's content."""
    if isinstance(placed.part, RawPart):
        return placed.part.value
    return wire.part_to_json(replace(placed.part, extra={})) | out.given(placed)


def _write_file(part: FilePart, placed: Placed, lists: _Lists, out: Output) -> None:
    extra = out.given(placed)
    text = _text_of_data(part)
    if text is not None:
        block: dict[str, Json] = {"file_name": part.name or "", "extracted_content": text}
        if part.media_type != PLAIN:
            block["file_type"] = part.media_type
        lists.attachments.append(block | extra)
    elif part.url is None and part.data is None and part.media_type is None:
        file = {"file_name": part.name, "file_uuid": part.file_id}
        lists.files.append({n: v for n, v in file.items() if v is not None} | extra)
    else:
        lists.content.append(wire.part_to_json(replace(part, extra={})) | extra)


def _text_of_data(part: FilePart) -> str | None:
    """The text of a file that says nothing but a text; None for every other file."""
    if part.data is None or part.url is not None or part.file_id is not None:
        return None
    if part.media_type is None or not part.media_type.startswith("text/"):
        return None
    try:
        data = base64.b64decode(part.data, validate=True)
        text = data.decode("utf-8", "surrogatepass")
    except ValueError:
        return None
    return text if base64.b64encode(data).decode() == part.data else None


def _write_ours(
    part: ApprovalPart | SourcePart | DataPart, placed: Placed, lists: _Lists, out: Output
) -> None:
    block = wire.part_to_json(replace(part, extra={}))
    lists.content.append(block | out.given(placed))


def _write_raw(part: RawPart, placed: Placed, lists: _Lists, out: Output) -> None:
    if out.is_own(placed):
        lists.content.append(part.value)
    else:
        out.lost(placed, RAW)


_WRITERS: Final[Mapping[type[Any], Callable[..., None]]] = {
    TextPart: _write_text,
    ReasoningPart: _write_reasoning,
    ToolCallPart: _write_call,
    ToolResultPart: _write_result,
    ApprovalPart: _write_ours,
    FilePart: _write_file,
    SourcePart: _write_ours,
    DataPart: _write_ours,
    RawPart: _write_raw,
}
