"""Messages and native items, small ones, for the tests of healing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from threadkeep import Message, dialects
from threadkeep.dialects.healing.calls import NO_RESULT
from threadkeep.values import jsontext
from threadkeep.values.parts import Json, Part, ToolCallPart, ToolResultPart
from threadkeep.values.ports import Dialect

USER: Final = Message.user("q", id="u")
CALL: Final = ToolCallPart("c1", "run", {"n": 1})
DONE: Final = ToolResultPart("c1", "done", "run")
Q: Final[Json] = {"role": "user", "content": "q"}
USE: Final[Json] = {"type": "tool_use", "id": "c1", "name": "run", "input": {"n": 1}}
ANSWER: Final[Json] = {"type": "tool_result", "tool_use_id": "c1", "content": "done"}
MADE: Final[Json] = {
    "type": "tool_result",
    "tool_use_id": "c1",
    "content": NO_RESULT,
    "is_error": True,
}


def said(*parts: Part, id: str = "a") -> Message:
    return Message.assistant(list(parts), id=id)


def results(*parts: Part, id: str = "t") -> Message:
    return Message.tool(list(parts), id=id)


def native(items: Sequence[Json], format: str) -> list[Message]:
    """Native items as they are stored."""
    dialect: Dialect = dialects.get(format)
    return [
        Message(dialect.traits(item).role, jsontext.encode(item), format, f"n{at}")
        for at, item in enumerate(items)
    ]


def assistant(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def user(*blocks: Json) -> Json:
    return {"role": "user", "content": list(blocks)}
