"""What OpenAI demands of messages of Chat Completions, and of items of Responses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from threadkeep.dialects.healing.entries import Entries, Entry, Shape, taken
from threadkeep.dialects.rules import openai_items as kinds
from threadkeep.values.converted import Repair
from threadkeep.values.parts import Json

_INSTEAD: Final = ("tool_calls", "refusal", "audio", "function_call")
"""What an assistant's message may hold instead of content."""


# Chat Completions


def _awaited(entries: Entries, repairs: list[Repair]) -> Entries:
    """Make an answer one message with those before it whose calls still wait for results."""
    made: Entries = []
    for entry in entries:
        last = made[-1] if made else None
        if last is not None and _calls(last.item) and entry.item.get("role") == "assistant":
            item = {**entry.item, **last.item}
            content = _joined(last.item.get("content"), entry.item.get("content"))
            if content is not None or "content" in item:
                item["content"] = content
            item["tool_calls"] = [*_calls(last.item), *_calls(entry.item)]
            sources = tuple(dict.fromkeys(last.sources + entry.sources))
            made[-1] = Entry(item, sources)
            repairs.append(entry.repair("merged"))
        else:
            made.append(entry)
    return made


def _calls(item: Mapping[str, Json]) -> list[Json]:
    calls = item.get("tool_calls") if item.get("role") == "assistant" else None
    return calls if isinstance(calls, list) else []


def _joined(before: Json, after: Json) -> Json:
    """Two contents as one: texts by a blank line, else as parts."""
    if not before or not after:
        return before or after
    if isinstance(before, str) and isinstance(after, str):
        return f"{before}\n\n{after}"
    return [*_parts(before), *_parts(after)]


def _parts(content: Json) -> list[Json]:
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def _speaks(entries: Entries, repairs: list[Repair]) -> Entries:
    """Leave out messages that hold nothing at all; a result stays, with an empty text."""
    made: Entries = []
    for entry in entries:
        item = entry.item
        if item.get("tool_calls") == []:
            entry.without("tool_calls")
        if item.get("content") in (None, []):
            role = item.get("role")
            if role == "tool" or (role == "function" and item.get("content") == []):
                entry.item = {**entry.item, "content": ""}
            elif role == "assistant" and any(entry.item.get(n) is not None for n in _INSTEAD):
                if item.get("content") == []:
                    entry.without("content")
            elif role != "function" or "content" not in item:
                repairs.append(entry.repair("emptied"))
                continue
        if entry.item is not item:
            repairs.append(entry.repair("emptied"))
        made.append(entry)
    return made


CHAT: Final[Sequence[Shape]] = (
    taken("role", "content", "name", "tool_call_id", *_INSTEAD, unless_null=("name", "tool_calls")),
    _awaited,
    _speaks,
)
"""What is set right at messages for Chat Completions, in this order."""


# Responses

_ANSWERED: Final = ("created_by", "parsed_arguments")
"""Members that only answers of the API have."""

_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def _accepted(entries: Entries, repairs: list[Repair]) -> Entries:
    """Leave out members that the API only answers with, and a status that is null."""
    for entry in entries:
        item = entry.item
        refused = [name for name in _ANSWERED if name in item]
        if "status" in item and item["status"] is None:
            refused.append("status")
        if refused:
            entry.without(*refused)
            repairs.append(entry.repair("members_dropped"))
    return entries


def _led(entries: Entries, repairs: list[Repair]) -> Entries:
    """Leave out reasoning that no item of the model follows."""
    made: Entries = []
    for entry in reversed(entries):
        thought = entry.item.get("type") == "reasoning" and entry.item.get("id") is not None
        if thought and not (made and kinds.follows_reasoning(made[-1].item)):
            repairs.append(entry.repair("reasoning_dropped"))
        else:
            made.append(entry)
    made.reverse()
    return made


def _identified(entries: Entries, repairs: list[Repair]) -> Entries:
    """Leave out ids of items that the API would not know, or knows from an item before."""
    seen: set[str] = set()
    for entry in entries:
        kind, id = kinds.item_kind(entry.item), entry.item.get("id")
        if id is None or kind in ("item_reference", "local_shell_call_output"):
            continue
        known = isinstance(id, str) and _ID.fullmatch(id) is not None and id not in seen
        if known and id.startswith(kinds.PREFIXES.get(kind, "")):
            seen.add(id)
        elif "id" not in kinds.MEMBERS.get(kind, {}):
            entry.without("id")
            repairs.append(entry.repair("members_dropped"))
    return entries


def _asked(entries: Entries, repairs: list[Repair]) -> Entries:
    """Leave out approvals of what was not asked here."""
    made: Entries = []
    asked: set[str] = set()
    referred = False
    for entry in entries:
        kind = kinds.item_kind(entry.item)
        referred = referred or kind == "item_reference"
        if kind == "mcp_approval_request":
            asked.add(_name(entry.item, "id"))
        elif kind == "mcp_approval_response" and not referred:
            request = _name(entry.item, "approval_request_id")
            if request not in asked:
                repairs.append(entry.repair("approval_dropped", request))
                continue
        made.append(entry)
    return made


def _name(item: Mapping[str, Json], member: str) -> str:
    value = item.get(member)
    return value if isinstance(value, str) else ""


RESPONSES: Final[Sequence[Shape]] = (_accepted, _asked, _led, _identified)
"""What is set right at items for Responses, in this order."""
