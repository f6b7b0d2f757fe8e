"""The messages that both ends store: text from the same words, ids of 36 characters."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from threadkeep import Message, ToolCallPart, ToolResultPart
from threadkeep.values.parts import Json, Part

ROLES = {"user": 0, "assistant": 1, "tool": 2}
"""The floor's numbers for the roles; 0 starts a turn."""

_TEXT = "What one says to a model, and what it says. " * 11
_FIELDS = {"city": "Lisbon", "days": [1, 2, 3], "note": _TEXT[:400]}


@dataclass(frozen=True, slots=True)
class Turn:
    """A user's message and the answer, with their ids in the spelling of either end."""

    ids: tuple[str, str]
    keys: tuple[UUID, UUID]
    texts: tuple[str, str] = (_TEXT, _TEXT)


def turn() -> Turn:
    """A new turn of two messages with about 550 bytes of JSON each."""
    keys = (uuid4(), uuid4())
    return Turn((str(keys[0]), str(keys[1])), keys)


def payload(role: str, text: str) -> dict[str, Json]:
    """The payload of a message of one text, as the floor encodes it: the same as ours."""
    return {"role": role, "parts": [{"type": "text", "text": text}]}


def turns_of_six(count: int) -> list[Message]:
    """Turns as an agent makes them: a question, two calls with their results, the answer."""
    messages: list[Message] = []
    for _ in range(count):
        messages.append(Message.user(_TEXT, id=str(uuid4())))
        for _ in range(2):
            call = str(uuid4())
            parts: list[Part] = [ToolCallPart(call, "forecast", _FIELDS)]
            messages.append(Message.of("assistant", parts, id=str(uuid4())))
            result: list[Part] = [ToolResultPart(call, _FIELDS)]
            messages.append(Message.of("tool", result, id=str(uuid4())))
        messages.append(Message.assistant(_TEXT, id=str(uuid4())))
    return messages


def turns_of_two(count: int) -> list[Message]:
    """Plain turns: a question and its answer."""
    messages: list[Message] = []
    for _ in range(count):
        messages.append(Message.user(_TEXT, id=str(uuid4())))
        messages.append(Message.assistant(_TEXT, id=str(uuid4())))
    return messages
