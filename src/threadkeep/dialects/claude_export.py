"""The dialect `claude-export`: the messages in the `conversations.json` of a Claude data export.

A native item is one member of `chat_messages`. Loaded, its blocks, attachments and files are
typed parts, and the payload keeps under `claude-export` what those do not say: the item itself
(`shell`), with null wherever the message says the value. If that is not enough to write the item
exactly, it is kept once more in full (`whole`).
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final, cast

from threadkeep.dialects.threadkeep import read_time, text_of, traits_of
from threadkeep.values import jsontext, wire
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
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

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from threadkeep.values.ports import Dialect, Traits

_NAME: Final = "claude-export"
_ROLES: Final[Mapping[str, Role]] = {"human": "user", "assistant": "assistant"}
_SENDERS: Final[Mapping[Role, str]] = {
    "user": "human",
    "system": "human",
    "assistant": "assistant",
    "tool": "assistant",
}

# What a block is with us: the type of the part, and its field for each member of the block.
_Kind = tuple[str, "Mapping[str, str]"]
_TOOL_USE: Final[_Kind] = ("tool_call", {"id": "call_id", "name": "name", "input": "input"})
_TOOL_RESULT: Final[_Kind] = (
    "tool_result",
    {"tool_use_id": "call_id", "content": "output", "name": "name", "is_error": "is_error"},
)
_BLOCKS: Final[Mapping[str, _Kind]] = {
    "text": ("text", {"text": "text"}),
    "thinking": ("reasoning", {"thinking": "text", "signature": "signature"}),
    "tool_use": _TOOL_USE,
    "tool_result": _TOOL_RESULT,
}
_ATTACHMENT: Final[_Kind] = ("file", {"file_name": "name", "extracted_content": "data"})
_FILE: Final[_Kind] = ("file", {"file_name": "name", "file_uuid": "file_id"})
_LISTS: Final = ("content", "attachments", "files")


class _ClaudeExport:
    """The format of a Claude data export. Raises InvalidError for a wrong `sender` or `uuid`.

    Everything else is read leniently: a block of an unknown kind, or of another shape than
    expected, is a raw part. A time that cannot be read is none.
    """

    name = _NAME
    losses: tuple[str, ...] = (
        "System messages are written as human ones, tool messages as the assistant's.",
        "Encrypted reasoning is left out.",
        "Members that parts and payload keep for other formats are left out.",
    )

    def load(self, items: Sequence[Json]) -> list[Message]:
        """The items as messages of typed parts; dumping them gives the same items again."""
        return [self._load(_checked(item)) for item in items]

    def dump(self, messages: Sequence[Message]) -> list[Json]:
        """The items the messages came from, with what was changed since; or new ones."""
        return [_dump(message) for message in messages]

    def text(self, item: Json) -> str:
        """The text blocks, joined by blank lines; `text` where there are no blocks."""
        return text_of(_read(_checked(item))[0])

    def traits(self, item: Json) -> Traits:
        """What sender and blocks tell. Claude answers its own calls within one item."""
        item = _checked(item)
        return traits_of(
            _ROLES[item["sender"]],
            _read(item)[0],
            id=item.get("uuid"),
            created_at=read_time(item.get("created_at")),
        )

    def _load(self, item: dict[str, Any]) -> Message:
        parts, shell = _read(item)
        role, created_at = _ROLES[item["sender"]], read_time(item.get("created_at"))
        payload: dict[str, Json] = {"role": role, "parts": [wire.part_to_json(p) for p in parts]}
        if item.get("uuid") is not None:
            payload["id"] = item["uuid"]
        if created_at is not None:
            payload["created_at"] = item["created_at"]
            shell["created_at"] = None
        payload[_NAME] = {"shell": shell}
        message = _message(payload, created_at)
        if _spelled(_dump(message)) == _spelled(item):
            return message
        payload[_NAME] = {"whole": item}
        return _message(payload, created_at)


def _checked(item: Json) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise InvalidError("item", "must be an object")
    sender = item.get("sender")
    if not isinstance(sender, str) or sender not in _ROLES:
        raise InvalidError("sender", f"must be one of {', '.join(_ROLES)}")
    if item.get("uuid") is not None:
        check_id("uuid", item["uuid"])
    return cast("dict[str, Any]", item)


def _message(payload: dict[str, Json], created_at: datetime | None) -> Message:
    return Message(payload["role"], _spelled(payload), id=payload.get("id"), created_at=created_at)


def _spelled(value: Json) -> str:
    return jsontext.encode(value, overflow=True)


# --- reading ------------------------------------------------------------------------------------


def _read(item: dict[str, Any]) -> tuple[list[Part], dict[str, Json]]:
    """The parts of an item, and the item with null for what parts, id and role say."""
    parts: list[Part] = []
    shell = {name: None if name in {"uuid", "sender"} else value for name, value in item.items()}
    open_calls: list[ToolCallPart] = []
    for where in _LISTS:
        if not isinstance(item.get(where), list):
            continue
        entries: list[Json] = []
        for block in item[where]:
            kind = _kind(where, block)
            part = _part(kind, block, f"{item.get('uuid')}:{len(parts)}", open_calls)
            parts.append(part)
            entries.append(None if isinstance(part, RawPart) else _blank(block, kind))
        shell[where] = entries
    text = item.get("text")
    if isinstance(text, str):
        if text and not shell.get("content"):
            parts.insert(0, TextPart(text))
        if text == text_of(parts):
            shell["text"] = None
    return parts, shell


def _part(kind: _Kind | None, block: Json, name: str, open_calls: list[ToolCallPart]) -> Part:
    """The part a block is; `name` serves as the id of a call that has none."""
    if kind is None:
        return RawPart(block)
    our_type, fields = kind
    known = {fields[member]: block[member] for member in fields if block.get(member) is not None}
    if kind is _ATTACHMENT and isinstance(known.get("data"), str):
        text = known["data"].encode("utf-8", "surrogatepass")
        known |= {"data": base64.b64encode(text).decode(), "media_type": "text/plain"}
    # Exports of 2024 have no ids: a result then answers the first open call of its tool.
    nameless = "call_id" not in known
    if kind is _TOOL_USE and nameless:
        known["call_id"] = name
    elif kind is _TOOL_RESULT and nameless and open_calls:
        same = (call for call in open_calls if call.name == known.get("name"))
        call = next(same, open_calls[0])
        open_calls.remove(call)
        known["call_id"] = call.call_id
    part = wire.part_from_json({"type": our_type, **known})
    if isinstance(part, ToolCallPart) and nameless:
        open_calls.append(part)
    return RawPart(block) if isinstance(part, RawPart) else part


def _kind(where: str, block: Json) -> _Kind | None:
    if not isinstance(block, dict):
        return None
    if where != "content":
        return _ATTACHMENT if where == "attachments" else _FILE
    name = block.get("type")
    return _BLOCKS.get(name) if isinstance(name, str) else None


def _blank(block: dict[str, Json], kind: _Kind | None) -> dict[str, Json]:
    said = kind[1] if kind else ()
    return {name: None if name in said else value for name, value in block.items()}


# --- writing ------------------------------------------------------------------------------------


def _dump(message: Message) -> Json:
    parts, payload = message.parts, message.payload
    if not isinstance(payload, dict):
        payload = {}
    kept = payload.get(_NAME)
    if isinstance(kept, dict):
        whole, shell = kept.get("whole"), kept.get("shell")
        if isinstance(whole, dict) and tuple(_read(whole)[0]) == parts:
            return whole
        head = _head(message, payload)
        item = _filled(shell, parts, head) if isinstance(shell, dict) else None
        if item is not None:
            return item
    return _new(parts, _head(message, payload))


def _head(message: Message, payload: dict[str, Json]) -> dict[str, Json]:
    """What an item says of the message itself, each member None if nothing is known."""
    said = payload.get("created_at")
    time = read_time(said)
    if time is None or message.created_at not in (None, time):
        said = None if message.created_at is None else message.created_at.isoformat()
    id = payload.get("id") if message.id is None else message.id
    return {"uuid": id, "sender": _SENDERS[message.role], "created_at": said}


def _filled(
    shell: dict[str, Json], parts: Sequence[Part], head: Mapping[str, Json]
) -> dict[str, Json] | None:
    """The item of a shell; None if the parts are no longer those it was made for."""
    item = {name: head.get(name) if value is None else value for name, value in shell.items()}
    rest = list(parts)
    if "text" in shell and shell["text"] is None:
        item["text"] = text_of(parts)
        # Without blocks the text is a part of its own.
        while rest and not shell.get("content") and isinstance(rest[0], TextPart):
            rest.pop(0)
    for where in _LISTS:
        entries = shell.get(where)
        if isinstance(entries, list):
            # Parts that were taken off the end leave shorter lists.
            pairs = list(zip(entries, rest, strict=False))
            del rest[: len(pairs)]
            blocks = [_block(where, entry, part) for entry, part in pairs]
            if None in blocks:
                return None
            item[where] = [block.value for block in blocks if block is not None]
    return None if rest else item


def _block(where: str, entry: Json, part: Part) -> RawPart | None:
    """The block that an entry of the shell and its part make; None if they do not fit.

    In a raw part, since a block itself may be null.
    """
    if isinstance(part, RawPart):
        return part if entry is None else None
    kind = _kind(where, entry)
    if kind is None or part.type != kind[0]:
        return None
    fields = kind[1]
    block = {n: getattr(part, fields[n]) if n in fields else v for n, v in entry.items()}
    if kind is _ATTACHMENT and isinstance(block.get("extracted_content"), str):
        block["extracted_content"] = _text_of_data(block["extracted_content"])
    return RawPart(block)


def _new(parts: Sequence[Part], head: Mapping[str, Json]) -> dict[str, Json]:
    """An item like Claude's for a message from elsewhere."""
    lists: dict[str, list[Json]] = {where: [] for where in _LISTS}
    for part in parts:
        where, block = _new_block(part)
        lists[where].append(block)
    item = {
        "uuid": head["uuid"],
        "text": text_of(parts),
        "content": lists["content"],
        "sender": head["sender"],
        "created_at": head["created_at"],
        "updated_at": head["created_at"],
        "attachments": lists["attachments"],
        "files": lists["files"],
    }
    return {name: value for name, value in item.items() if value is not None}


def _new_block(part: Part) -> tuple[str, Json]:
    """Where a part goes in an item, and as what."""
    if isinstance(part, TextPart):
        return "content", {"type": "text", "text": part.text}
    if isinstance(part, ReasoningPart):
        signed = {} if part.signature is None else {"signature": part.signature}
        return "content", {"type": "thinking", "thinking": part.text, **signed}
    if isinstance(part, ToolCallPart):
        call = {"id": part.call_id, "name": part.name, "input": part.input}
        return "content", {"type": "tool_use", **call}
    if isinstance(part, ToolResultPart):
        named = {} if part.name is None else {"name": part.name}
        result = {"tool_use_id": part.call_id, **named, "content": part.output}
        return "content", {"type": "tool_result", **result, "is_error": bool(part.is_error)}
    if isinstance(part, FilePart):
        is_text = part.data is not None and (part.media_type or "").startswith("text/")
        text = _text_of_data(part.data) if is_text else None
        if text is not None:
            return "attachments", {"file_name": part.name or "", "extracted_content": text}
        if part.url is None and part.data is None:
            file = {"file_name": part.name, "file_uuid": part.file_id}
            return "files", {name: value for name, value in file.items() if value is not None}
    # Claude has no such block; ours loses nothing.
    return "content", wire.part_to_json(part)


def _text_of_data(data: str | None) -> str | None:
    try:
        return base64.b64decode(data or "", validate=True).decode("utf-8", "surrogatepass")
    except ValueError:
        return None


dialect: Dialect = _ClaudeExport()
