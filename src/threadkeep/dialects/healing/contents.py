"""What Anthropic and Gemini demand: contents of blocks, and roles that alternate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from threadkeep.dialects.healing.entries import (
    Entries,
    Entry,
    Shape,
    filled,
    merged,
    opened,
    results_first,
    taken,
)
from threadkeep.values.converted import Repair
from threadkeep.values.parts import Json

OPENING: Final = "(Earlier messages are not shown.)"
"""What a provider reads first where a history begins with the model's words."""

_THINKING: Final = ("thinking", "redacted_thinking")


def _kind(block: Json) -> Json:
    return block.get("type") if isinstance(block, dict) else None


# Anthropic


def _fault(block: Json) -> str | None:
    if isinstance(block, str):
        return None if block.strip() else "emptied"
    kind = _kind(block)
    if kind == "text":
        text = block.get("text")
        return "emptied" if isinstance(text, str) and not text.strip() else None
    if kind in _THINKING:
        needed = "signature" if kind == "thinking" else "data"
        return None if block.get(needed) else "reasoning_dropped"
    return None


def _blocks(content: Json) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return content if isinstance(content, list) else []


def _thought(entries: Entries, repairs: list[Repair]) -> Entries:
    """Leave out thinking that ends a message."""
    made: Entries = []
    for entry in entries:
        blocks = entry.item.get("content")
        if entry.item.get("role") == "assistant" and isinstance(blocks, list):
            end = len(blocks)
            while end and _kind(blocks[end - 1]) in _THINKING:
                end -= 1
            if end < len(blocks):
                repairs.append(entry.repair("reasoning_dropped"))
                entry = Entry({**entry.item, "content": blocks[:end]}, entry.sources)
            if not end:
                continue
        made.append(entry)
    return made


def _answered(block: Json) -> str | None:
    return _id(block.get("tool_use_id")) if _kind(block) == "tool_result" else None


def _id(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _results(entries: Entries, repairs: list[Repair]) -> Entries:
    """Leave out empty texts inside of results."""
    for entry in entries:
        blocks = entry.item.get("content")
        if not isinstance(blocks, list):
            continue
        made = [_result(block) for block in blocks]
        if any(new is not old for new, old in zip(made, blocks, strict=True)):
            repairs.append(entry.repair("emptied"))
            entry.item = {**entry.item, "content": made}
    return entries


def _result(block: Json) -> Json:
    content = block.get("content") if _kind(block) == "tool_result" else None
    if not isinstance(content, list):
        return block
    kept = [inner for inner in content if _kind(inner) != "text" or inner.get("text") != ""]
    return block if len(kept) == len(content) else {**block, "content": kept}


def _trimmed(entries: Entries, repairs: list[Repair]) -> Entries:
    """Leave out white space at the very end, where the model would go on from it."""
    if not entries or entries[-1].item.get("role") != "assistant":
        return entries
    entry = entries[-1]
    content = entry.item.get("content")
    made: Any = content
    if isinstance(content, str):
        made = content.rstrip()
    elif isinstance(content, list) and content and _kind(content[-1]) == "text":
        text = content[-1].get("text")
        if isinstance(text, str):
            made = [*content[:-1], {**content[-1], "text": text.rstrip()}]
    if made != content:
        entry.item = {**entry.item, "content": made}
        repairs.append(entry.repair("trimmed"))
    return entries


_together: Final = merged("content", _blocks)

ANTHROPIC: Final[Sequence[Shape]] = (
    taken("role", "content"),
    filled("content", _fault),
    _together,
    _thought,
    _together,
    results_first("content", _answered),
    _results,
    opened({"role": "user", "content": OPENING}),
    _trimmed,
)
"""What is set right at messages for Anthropic, in this order."""


# Gemini


def _gemini_fault(part: Json) -> str | None:
    if not isinstance(part, dict) or part.get("text") != "":
        return None
    signed = part.get("thoughtSignature") or part.get("thought_signature")
    return None if signed else "emptied"


def _parts(parts: Json) -> list[Json]:
    return parts if isinstance(parts, list) else []


def _responded(part: Json) -> str | None:
    if not isinstance(part, dict):
        return None
    response = part.get("functionResponse") or part.get("function_response")
    return _id(response.get("id")) if isinstance(response, dict) else None


def _voiced(entries: Entries, repairs: list[Repair]) -> Entries:
    """Give responses the role of the user, where they have an older one of their own."""
    for entry in entries:
        if entry.item.get("role") == "function":
            entry.item = {**entry.item, "role": "user"}
            repairs.append(entry.repair("role_renamed"))
    return entries


GEMINI: Final[Sequence[Shape]] = (
    taken("role", "parts"),
    _voiced,
    filled("parts", _gemini_fault),
    merged("parts", _parts),
    results_first("parts", _responded),
    opened({"role": "user", "parts": [{"text": OPENING}]}),
)
"""What is set right at contents for Gemini, in this order."""
