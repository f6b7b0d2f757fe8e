"""How assistant-ui messages are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from threadkeep.dialects.ai_sdk_formats import reasoning
from threadkeep.dialects.assistant_ui.parts import (
    ANY_IMAGE,
    ATTACHMENT,
    AUDIO,
    SPEC,
)
from threadkeep.dialects.codec import EXTRA, RAW, Output
from threadkeep.dialects.flow import Placed, Step, sources_of
from threadkeep.dialects.frameworks import json_text, own_item
from threadkeep.dialects.reading import read_time
from threadkeep.dialects.writing import output_text, url_of
from threadkeep.values.message import Message
from threadkeep.values.parts import (
    ApprovalPart,
    DataPart,
    FilePart,
    Json,
    RawPart,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

FAMILY: Final = "assistant-ui"
_SAID: Final = ("role", "content", "attachments")
_AUDIO_FORMATS: Final = {media_type: format for format, media_type in AUDIO.items()}
_SHOWN: Final = ("https://", "blob:", "data:image/")


@dataclass(slots=True)
class _Draft:
    """An item that is being written; `attachment` is the last one, while it may get more."""

    role: str
    sources: list[Message]
    calls: _Calls
    content: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    attachment: dict[str, Json] | None = None


@dataclass(slots=True)
class _Calls:
    """The calls that were written, and the approvals, by their ids; each with its draft."""

    calls: dict[str, tuple[dict[str, Json], _Draft]] = field(default_factory=dict)
    approvals: dict[str, dict[str, Json]] = field(default_factory=dict)


def write(listed: Sequence[Sequence[Step]], out: Output) -> None:
    """An item for each exchange; results that come later are written to their call."""
    calls, drafts = _Calls(), []
    for exchange in listed:
        role = "assistant" if exchange[0].role == "tool" else exchange[0].role
        draft = _Draft(role, sources_of(exchange), calls)
        for step in exchange:
            for placed in step.placed:
                writer = _ROLES[role].get(type(placed.part))
                if writer is None:
                    out.lost(placed, RAW, placed.part.type)
                else:
                    writer(placed.part, placed, draft, out)
        # What only answers an earlier message is no message of its own here.
        if draft.content or draft.attachments or any(step.role != "tool" for step in exchange):
            drafts.append(draft)
    for draft in drafts:
        out.add(_item(draft), draft.sources)


def _item(draft: _Draft) -> dict[str, Json]:
    content = _one_text(draft.content) if draft.role == "system" else draft.content
    item: dict[str, Json] = {"role": draft.role, "content": content}
    own = next((message for message in draft.sources if own_item(message, FAMILY)), None)
    if own is None:
        item["metadata"] = {"custom": {}}
    else:
        item = _as_before(item, own)
    if draft.attachments:
        item["attachments"] = draft.attachments
    return item


def _as_before(item: dict[str, Json], message: Message) -> dict[str, Json]:
    """The new item with all of the old one but its parts, in the old order."""
    old, time = own_item(message, FAMILY), message.created_at
    new = item | {name: value for name, value in old.items() if name not in _SAID}
    if "id" in new and message.id is not None:
        new["id"] = message.id
    if "createdAt" in new and time is not None and read_time(new["createdAt"]) != time:
        new["createdAt"] = time.isoformat()
    return {name: new[name] for name in old if name in new} | new


def _one_text(content: Sequence[Json]) -> list[Json]:
    """The one text part that a message of the system has."""
    if len(content) == 1:
        return list(content)
    return [{"type": "text", "text": "\n\n".join(block["text"] for block in content)}]


# --- parts --------------------------------------------------------------------------------------


def _put(block: dict[str, Json], placed: Placed, draft: _Draft, out: Output) -> dict[str, Json]:
    """Write a block with the members that only we know, where its attachment is said there."""
    block |= out.given(placed)
    head = block.pop(ATTACHMENT, None) if out.is_own(placed) else None
    if not isinstance(head, dict):
        draft.content.append(block)
        return block
    last = draft.attachment
    if last is None or {name: value for name, value in last.items() if name != "content"} != head:
        last = draft.attachment = {**head, "content": []}
        draft.attachments.append(last)
    last["content"].append(block)
    return block


def _text(part: TextPart, placed: Placed, draft: _Draft, out: Output) -> None:
    _put({"type": "text", "text": part.text}, placed, draft, out)


def _reasoning(part: ReasoningPart, placed: Placed, draft: _Draft, out: Output) -> None:
    block = _put({"type": "reasoning", "text": part.text}, placed, draft, out)
    metadata = reasoning.write(placed, block.get("providerMetadata"), out)
    if metadata is not None:
        block["providerMetadata"] = metadata


def _call(part: ToolCallPart, placed: Placed, draft: _Draft, out: Output) -> None:
    if part.provider_executed:
        out.lost(placed, "provider_executed")
    block: dict[str, Json] = {
        "type": "tool-call",
        "toolCallId": part.call_id,
        "toolName": part.name,
    }
    if isinstance(part.input, dict):
        block["args"] = part.input
    else:
        block["argsText"] = json_text(part.input)
    draft.calls.calls[part.call_id] = (_put(block, placed, draft, out), draft)


def _result(part: ToolResultPart, placed: Placed, draft: _Draft, out: Output) -> None:
    block, where = draft.calls.calls.get(part.call_id, ({}, draft))
    if not block or "result" in block:
        out.lost(placed, "tool_result")
        return
    _add_source(where, placed.message)
    if part.provider_executed:
        out.lost(placed, "provider_executed")
    if part.content is None:
        block["result"] = part.output
    else:
        block["result"] = output_text(part)
        if any(not isinstance(inner, TextPart) for inner in part.content):
            out.lost(placed, "tool_result.content")
    if part.is_error is not None:
        block["isError"] = part.is_error
    approval = block.get("approval")
    if part.denied and not (isinstance(approval, dict) and approval.get("approved") is False):
        out.lost(placed, "tool_result.denied")
    block |= out.given(placed)


def _approval(part: ApprovalPart, placed: Placed, draft: _Draft, out: Output) -> None:
    before: dict[str, Json] | None = draft.calls.approvals.get(part.approval_id)
    if before is None:
        block, where = draft.calls.calls.get(part.call_id or "", ({}, draft))
        if not block or "approval" in block:
            out.lost(placed, RAW, part.type)
            return
        before = draft.calls.approvals[part.approval_id] = block["approval"] = {
            "id": part.approval_id
        }
        _add_source(where, placed.message)
    if part.approved is not None:
        before["approved"] = part.approved
    if part.reason is not None:
        before["reason"] = part.reason
    before |= out.given(placed)


def _add_source(draft: _Draft, message: Message) -> None:
    if not any(other is message for other in draft.sources):
        draft.sources.append(message)


def _file(part: FilePart, placed: Placed, draft: _Draft, out: Output) -> None:
    if part.data is None and part.url is None and part.file_id is None:
        out.lost(placed, RAW, part.type)
        return
    if part.url is not None and part.data is not None:
        out.lost(placed, EXTRA, "url")
    if part.file_id is not None and not (part.url is None and part.data is None):
        out.lost(placed, EXTRA, "file_id")
    format = _AUDIO_FORMATS.get(part.media_type or "") if out.is_own(placed) else None
    if format is not None and part.data is not None and part.name is None:
        audio: dict[str, Json] = {"data": part.data, "format": format}
        _put({"type": "audio", "audio": audio}, placed, draft, out)
        return
    block = _image(part, draft.role) or _document(part)
    if part.name is not None:
        block["filename"] = part.name
    _put(block, placed, draft, out)


def _image(part: FilePart, role: str) -> dict[str, Json] | None:
    """The block of an image that assistant-ui would show; None for other files."""
    media_type = part.media_type or ""
    url = url_of(FilePart(media_type, None if part.data is not None else part.url, part.data))
    if not media_type.startswith("image/") or url is None:
        return None
    if role == "assistant" and not url.lower().startswith(_SHOWN):
        return None
    block: dict[str, Json] = {"type": "image", "image": url}
    if part.data is None and media_type != ANY_IMAGE:
        block["mimeType"] = media_type
    return block


def _document(part: FilePart) -> dict[str, Json]:
    block: dict[str, Json] = {"type": "file"}
    kind = part.media_type or "application/octet-stream"
    if part.data is not None:
        return block | {"data": part.data, "mimeType": kind}
    if part.url is not None:
        return block | {"data": part.url, "mimeType": kind, "sourceType": "url"}
    return block | {"data": part.file_id, "mimeType": kind, "sourceType": "id"}


def _source(part: SourcePart, placed: Placed, draft: _Draft, out: Output) -> None:
    id = f"source-{placed.place + 1}" if part.source_id is None else part.source_id
    if part.url is not None:
        for name, value in (("media_type", part.media_type), ("name", part.name)):
            if value is not None:
                out.lost(placed, EXTRA, name)
        block = {"type": "source", "sourceType": "url", "id": id, "url": part.url}
        if part.title is not None:
            block["title"] = part.title
    else:
        block = {"type": "source", "sourceType": "document", "id": id}
        block["title"] = (part.name or "") if part.title is None else part.title
        block["mediaType"] = part.media_type or "application/octet-stream"
        if part.name is not None:
            block["filename"] = part.name
    _put(block, placed, draft, out)


def _data(part: DataPart, placed: Placed, draft: _Draft, out: Output) -> None:
    block: dict[str, Json] = {"type": "data", "name": part.name, "data": part.data}
    block = _put(block, placed, draft, out)
    if out.is_own(placed) and block.pop(SPEC, None) is True:
        others = {n: v for n, v in block.items() if n not in ("type", "name", "data")}
        block.clear()
        block |= {"type": "generative-ui", "spec": part.data, **others}


def _raw(part: RawPart, placed: Placed, draft: _Draft, out: Output) -> None:
    value = part.value
    if not out.is_own(placed):
        out.lost(placed, RAW)
    elif draft.role == "user" and isinstance(value, dict) and value.keys() == {ATTACHMENT}:
        draft.attachments.append(value[ATTACHMENT])
        draft.attachment = None
    else:
        draft.content.append(value)


_Writers = Mapping[type[Any], Callable[..., None]]
_ANYONE: Final[_Writers] = {TextPart: _text, FilePart: _file, DataPart: _data, RawPart: _raw}
_ROLES: Final[Mapping[str, _Writers]] = {
    "system": {TextPart: _text},
    "user": _ANYONE,
    "assistant": {
        **_ANYONE,
        ReasoningPart: _reasoning,
        ToolCallPart: _call,
        ToolResultPart: _result,
        ApprovalPart: _approval,
        SourcePart: _source,
    },
}
