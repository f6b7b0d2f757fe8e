"""The message that a stream builds, while it is being built.

Members may be ABSENT: they hold the place that JavaScript gives to a member that is undefined, and
are not written. Text that grows is kept in pieces, and input that streams in is parsed only when
somebody looks, so that feeding takes time proportional to the stream.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, Final

from threadkeep.dialects.ai_sdk import trees
from threadkeep.dialects.ai_sdk.partial_json import parse_partial_json
from threadkeep.dialects.ai_sdk.trees import ABSENT
from threadkeep.values.errors import InvalidError
from threadkeep.values.parts import Json

Part = dict[str, Any]

_HALVES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class Words:
    """Text that grows at its end. Halves of a character that meet become that character."""

    __slots__ = ("_pieces",)

    def __init__(self, text: str = "") -> None:
        self._pieces = [text]

    def __len__(self) -> int:
        """The number of pieces, for `upto`."""
        return len(self._pieces)

    def add(self, text: str) -> None:
        self._pieces.append(text)

    def upto(self, count: int) -> str:
        """The text of the first pieces."""
        text = "".join(self._pieces[:count])
        if _HALVES.search(text):
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return text

    def value(self) -> Json:
        return self.upto(len(self))


@dataclass(slots=True)
class Typed:
    """The text of a tool's input as it was when so many pieces had come."""

    words: Words
    count: int

    def value(self) -> Json:
        return self.words.upto(self.count)


@dataclass(slots=True)
class Guess:
    """What that text reads as, ABSENT while it reads as nothing."""

    typed: Typed
    seen: Json = None
    done: bool = False

    def value(self) -> Json:
        if not self.done:
            result = parse_partial_json(self.typed.value())
            self.seen = result.value if result.parsed else ABSENT
            self.done = True
        return self.seen


@dataclass(slots=True)
class PartialCall:
    """A tool call whose input streams in."""

    words: Words
    encoding: Json
    name: Json
    dynamic: bool
    title: Json
    metadata: Json


@dataclass(slots=True)
class Draft:
    """A message, what is open in it, and where its parts are found.

    Positions are those in `parts`. Lookups do not walk the parts, which may be many.
    """

    message: dict[str, Any]
    parts: list[Part] = field(default_factory=list)
    texts: dict[str, Part] = field(default_factory=dict)
    thoughts: dict[str, Part] = field(default_factory=dict)
    partial: dict[str, PartialCall] = field(default_factory=dict)
    step: int = 0
    _first: dict[tuple[str, str], int] = field(default_factory=dict)
    _last: dict[str, int] = field(default_factory=dict)
    _earlier: dict[str, int] = field(default_factory=dict)
    _data: dict[tuple[str, str], int] = field(default_factory=dict)
    _approvals: dict[str, list[int]] = field(default_factory=dict)

    def push(self, part: Part) -> None:
        """Append a part."""
        at = len(self.parts)
        self.parts.append(part)
        kind = part["type"]
        if kind == "step-start":
            self.step = at + 1
            self._earlier.update(self._last)
            self._clear_step()
        elif is_tool(part):
            self.note_approval(at)
            call = part.get("toolCallId")
            if isinstance(call, str):
                sort = "dynamic" if kind == "dynamic-tool" else "static"
                self._first.setdefault(("", call), at)
                self._first.setdefault((sort, call), at)
                self._last[call] = at
        elif kind.startswith("data-") and isinstance(part.get("id"), str):
            key = (kind, part["id"])
            if self.data(*key) is None:
                self._data[key] = at

    def drop_step(self) -> bool:
        """Remove the parts of the current step; whether there were any."""
        self.texts, self.thoughts, self.partial = {}, {}, {}
        self._clear_step()
        dropped = len(self.parts) > self.step
        del self.parts[self.step :]
        return dropped

    def _clear_step(self) -> None:
        self._first, self._last = {}, {}

    def in_step(self, call: str, sort: str = "") -> Part | None:
        """The first part of the current step for this call: any, `static` or `dynamic`."""
        at = self._first.get((sort, call))
        return None if at is None else self.parts[at]

    def call(self, call: str) -> int | None:
        """Where the call is: first in the current step, else last in the steps before it."""
        at = self._first.get(("", call))
        return self._earlier.get(call) if at is None else at

    def data(self, kind: str, id: str) -> Part | None:
        """The first part of that type and id."""
        at = self._data.get((kind, id))
        if at is None or at >= len(self.parts):
            return None
        part = self.parts[at]
        return part if part["type"] == kind and part.get("id") == id else None

    def note_approval(self, at: int) -> None:
        """The part there has got the approval that it has now."""
        id = _approval_id(self.parts[at])
        if id is not None:
            heappush(self._approvals.setdefault(id, []), at)

    def by_approval(self, id: str) -> Part | None:
        """The first tool part whose approval has this id."""
        positions = self._approvals.get(id, [])
        while positions:
            at = positions[0]
            if at < len(self.parts) and _approval_id(self.parts[at]) == id:
                return self.parts[at]
            heappop(positions)  # removed since, or its approval is another one
        return None

    def snapshot(self) -> dict[str, Json]:
        """The message as it is now; nothing in it is shared."""
        parts = [
            {
                key: member.value() if isinstance(member, (Words, Typed, Guess)) else member
                for key, member in part.items()
            }
            for part in self.parts
        ]
        copy: dict[str, Json] = trees.copy({**self.message, "parts": parts})
        return copy


def start(id: str) -> Draft:
    """An assistant message without parts."""
    message = {"id": id, "metadata": ABSENT, "role": "assistant", "parts": []}
    return Draft(message)


def resume(message: Json) -> Draft:
    """The draft that goes on with a stored message, if that is one of the assistant.

    Otherwise a new message that takes over its id. Raises InvalidError for what is no message.
    """
    if not isinstance(message, dict):
        raise InvalidError("message", "must be an object")
    id = message.get("id", "")
    if not isinstance(id, str):
        raise InvalidError("message.id", "must be a string")
    if message.get("role") != "assistant":
        return start(id)
    parts = message.get("parts")
    if not isinstance(parts, list):
        raise InvalidError("message.parts", "must be a list")
    draft = Draft({**trees.copy(message), "parts": []})
    for index, part in enumerate(parts):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise InvalidError(f"message.parts[{index}].type", "must be a string")
        draft.push(trees.copy(part))
    for index in range(draft.step, len(draft.parts)):
        _resume_call(draft, index)
    return draft


def _resume_call(draft: Draft, index: int) -> None:
    part = draft.parts[index]
    call = part.get("toolCallId")
    if not is_tool(part) or part.get("state") != "input-streaming" or not isinstance(call, str):
        return
    text = part.get("rawInput")
    if text is not None and not isinstance(text, str):
        raise InvalidError(f"message.parts[{index}].rawInput", "must be a string")
    draft.partial[call] = PartialCall(
        words=Words(text or ""),
        encoding=part.get("inputEncoding", ABSENT),
        name=tool_name(part),
        dynamic=part["type"] == "dynamic-tool",
        title=part.get("title", ABSENT),
        metadata=part.get("toolMetadata", ABSENT),
    )


def is_tool(part: Part) -> bool:
    """Whether the part is a tool invocation, of a static or a dynamic tool."""
    kind: str = part["type"]
    return kind == "dynamic-tool" or kind.startswith("tool-")


def tool_name(part: Part) -> Json:
    """The name of a tool part's tool."""
    if part["type"] == "dynamic-tool":
        return part.get("toolName", ABSENT)
    return part["type"].removeprefix("tool-")


def _approval_id(part: Part) -> str | None:
    approval = part.get("approval") if is_tool(part) else None
    id = approval.get("id") if isinstance(approval, dict) else None
    return id if isinstance(id, str) else None
