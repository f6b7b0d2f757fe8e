"""What a provider takes of its own items besides a call and, directly after it, its result.

A provider that runs a tool itself has rules of its own for call and result. They count as long as
the items go back to that provider; for all others these are calls and results like any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from threadkeep.dialects.flow import ORIGIN, Placed, Step
from threadkeep.dialects.rules import PROVIDERS, openai_items
from threadkeep.values.message import Message
from threadkeep.values.parts import Json, ToolCallPart, ToolResultPart


def is_own(placed: Placed, dialect: str) -> bool:
    """Whether a part was read by the dialect that it goes to."""
    return placed.message.family == dialect


def needs_no_result(call: Placed, at: int, listed: Sequence[Step], dialect: str) -> bool:
    """Whether the provider takes a call of its own without a result; it stands in step `at`."""
    part = call.part
    if not isinstance(part, ToolCallPart) or not is_own(call, dialect):
        return False
    item = _item(call.message)
    if dialect == "openai-chat":
        # A legacy call goes by its name, and may stay without an answer.
        return "function_call" in item and part.call_id == part.name
    if not part.provider_executed:
        return False
    if dialect == "openai-responses":
        return openai_items.item_kind(item) not in openai_items.NEEDS_OUTPUT
    if dialect == "anthropic":
        # A paused turn goes on where it stopped.
        end = len(listed) - (listed[-1].role == "assistant")
        return _waits(part.call_id, listed, at, end)
    return dialect == "gemini"


def needs_no_call(result: Placed, dialect: str) -> bool:
    """Whether the provider takes a result of its own without a call."""
    part = result.part
    if not isinstance(part, ToolResultPart) or not is_own(result, dialect):
        return False
    item = _item(result.message)
    if dialect == "openai-responses":
        return openai_items.item_kind(item) not in openai_items.OUTPUTS
    if dialect == "openai-chat":
        return item.get("role") == "function"
    return dialect == "gemini" and bool(part.provider_executed)


def may_stay(
    call: Placed, at: int, result: Placed, place: int, listed: Sequence[Step], dialect: str
) -> bool:
    """Whether the provider takes a result of its own where it stands, in the step `place`."""
    if not (is_own(call, dialect) and is_own(result, dialect)):
        return False
    if dialect in ("openai-chat", "openai-responses"):
        # Outputs may stand anywhere after their calls, and so may what answers legacy calls.
        return dialect == "openai-responses" or needs_no_call(result, dialect)
    if not isinstance(call.part, ToolCallPart) or not isinstance(result.part, ToolResultPart):
        return False
    if not (call.part.provider_executed and result.part.provider_executed):
        return False
    return dialect == "gemini" or _waits(call.part.call_id, listed, at, place)


def is_misplaced(result: Placed, dialect: str) -> bool:
    """Whether the provider's own answer holds a result that it takes from the user only."""
    if dialect not in ("anthropic", "gemini") or not is_own(result, dialect):
        return False
    part = result.part
    hosts = isinstance(part, ToolResultPart) and part.provider_executed
    return result.message.role == "assistant" and not hosts


def is_mixed(call: Placed, result: Placed, dialect: str) -> bool:
    """Whether a provider's own tool is in a pair that does not go back to it as it was."""
    if dialect not in PROVIDERS or not (is_own(call, dialect) or is_own(result, dialect)):
        return False
    return any(
        isinstance(part, ToolCallPart | ToolResultPart) and part.provider_executed
        for part in (call.part, result.part)
    )


def is_special(call: Placed, dialect: str) -> bool:
    """Whether only a result of its own kind answers a call of the dialect's own."""
    if dialect != "openai-responses" or not is_own(call, dialect):
        return False
    return openai_items.item_kind(_item(call.message)) != "function_call"


def _waits(call_id: str, listed: Sequence[Step], at: int, end: int) -> bool:
    """Whether all that the model says from one step to before another waits for calls it made.

    Code that Anthropic runs may call tools, and has its result after theirs.
    """
    return all(
        any(_is_made_by(placed, call_id) for placed in step.placed)
        for step in listed[at:end]
        if step.role == "assistant"
    )


def _is_made_by(placed: Placed, call_id: str) -> bool:
    part = placed.part
    caller = part.extra.get("caller") if isinstance(part, ToolCallPart) else None
    return isinstance(caller, dict) and caller.get("tool_id") == call_id


def _item(message: Message) -> Mapping[str, Json]:
    origin = message.extra.get(ORIGIN)
    item = origin.get("item") if isinstance(origin, dict) else None
    return item if isinstance(item, dict) else _NOTHING


_NOTHING: Final[Mapping[str, Json]] = {}
