"""A stored message as the ThreadMessage that assistant-ui shows: with every member it relies on.

Stored messages leave out what can be told from the rest, and converted ones never had it. The facts
are those of `fromThreadMessageLike` of `@assistant-ui/core` 0.3.20. What is there stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from threadkeep.adapters.assistant_ui.messages import iso
from threadkeep.dialects.ai_sdk.partial_json import parse_partial_json
from threadkeep.dialects.frameworks import json_text
from threadkeep.values.parts import Json

_STATUS: Final = {"type": "complete", "reason": "unknown"}
_ABOUT_ANSWERS: Final[tuple[tuple[str, Json], ...]] = (
    ("unstable_state", None),
    ("unstable_annotations", []),
    ("unstable_data", []),
    ("steps", []),
)


def thread_message(item: Mapping[str, Any], id: str, created_at: datetime | None) -> dict[str, Any]:
    """The message with its id, its time, and what is missing of a ThreadMessage."""
    message: dict[str, Any] = {"id": id}
    if created_at is not None:
        message["createdAt"] = iso(created_at)
    message |= item
    given = message.get("metadata")
    metadata = dict(given) if isinstance(given, Mapping) else {}
    metadata.setdefault("custom", {})
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        content = []
    if message.get("role") == "assistant":
        for name, value in _ABOUT_ANSWERS:
            metadata.setdefault(name, value)
        message.setdefault("status", dict(_STATUS))
        content = [_part(part, id, created_at) for part in content]
    elif message.get("role") == "user":
        message.setdefault("attachments", [])
    return message | {"content": content, "metadata": metadata}


def _part(part: Any, id: str, created_at: datetime | None) -> Any:
    if not isinstance(part, Mapping) or part.get("type") != "tool-call":
        return part
    call = dict(part)
    if "args" in call:
        call.setdefault("argsText", json_text(call["args"]))
    else:
        text = call.setdefault("argsText", "")
        value = parse_partial_json(text).value if isinstance(text, str) else None
        call["args"] = value if isinstance(value, dict) else {}
    nested = call.get("messages")
    if isinstance(nested, list):
        call["messages"] = [
            thread_message(inner, f"{id}-{call.get('toolCallId')}-{n}", created_at)
            for n, inner in enumerate(nested)
            if isinstance(inner, Mapping)
        ]
    return call
