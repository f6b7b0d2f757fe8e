"""The dialect `gemini`: the contents of generateContent.

A native item is a content, `{"role": "user" | "model", "parts": [...]}`, in the camelCase of the
REST API or the snake_case of google-genai's dicts. It is written in camelCase. A content without
a role is the user's; `function` is the role that older versions gave to responses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from threadkeep.dialects.codec import COMMON, Codec, Output, Said
from threadkeep.dialects.flow import ORIGIN, Placed, Step, steps
from threadkeep.dialects.gemini.reading import Made, Reader, made_of
from threadkeep.dialects.gemini.writing import Writer, is_own_result
from threadkeep.dialects.provider_run import report_unwritten, take_apart
from threadkeep.dialects.reading import object_of
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import Json, Part, ToolCallPart, ToolResultPart
from threadkeep.values.ports import Dialect

_ROLES: Final[Mapping[str, Role]] = {"user": "user", "model": "assistant", "function": "user"}
_SAID: Final = frozenset({"role", "parts"})


class _Gemini(Codec):
    """Raises InvalidError for a wrong `role` or `parts`."""

    name = family = "gemini"
    losses: Mapping[str, str] = {
        **COMMON,
        "reasoning.signature": "The signature of reasoning that Google has not made.",
        "reasoning.encrypted": "The encrypted form of reasoning.",
        "reasoning.id": "Reasoning has no id.",
        "provider_executed": "That another provider ran a tool: it is a function of the caller's.",
        "tool_result.denied": "That a person said no: the reason is the function's answer.",
        "approval": "Questions whether a tool may run, and the answers.",
        "file": "Files that have neither typed data nor a URL.",
        "source": "Where something was found.",
        "data": "An app's own data.",
        "position": "System text in mid-conversation: all of it stands before the contents.",
    }

    def load(self, items: Sequence[Json]) -> list[Message]:
        """The items as messages; calls without ids get such that are unique among the items."""
        loaded = super().load(items)
        pairing = _Pairing()
        return [pairing.paired(message) for message in loaded]

    def read(self, item: Json) -> Said:
        """A user's content of responses only has the role tool."""
        item = object_of(item)
        role, listed = item.get("role"), item.get("parts")
        if role is None:
            role = "user"
        if not isinstance(role, str) or role not in _ROLES:
            raise InvalidError("role", "must be one of user, model")
        if listed is None:
            listed = []
        elif not isinstance(listed, list):
            raise InvalidError("parts", "must be a list")
        reader = Reader()
        parts = [reader.part(value) for value in listed]
        said = _ROLES[role]
        if said == "user" and parts and all(isinstance(part, ToolResultPart) for part in parts):
            said = "tool"
        unsaid: Sequence[str] = ()
        if len(item) > 2:
            unsaid = [
                name for name, value in item.items() if value is not None and name not in _SAID
            ]
        return Said(said, parts, unsaid=unsaid)

    def write(self, messages: Sequence[Message], out: Output) -> None:
        """Each step is a content; responses have one of their own."""

        def stays(placed: Placed) -> bool:
            return is_own_result(placed, out)

        names: dict[str, str] = {}
        seen: set[int] = set()
        for step in take_apart(steps(messages, self.family, apart=False), stays):
            if step.role == "system":
                _write_system(step, out, names)
            else:
                _write(step, out, names, seen)
        report_unwritten(messages, seen, out)

    def _is_kept(self, message: Message) -> bool:
        return super()._is_kept(message) or (
            message.family == self.family and super()._is_kept(self._unpaired(message))
        )

    def _unpaired(self, message: Message) -> Message:
        """The message with the ids that reading its item makes, where `load` gave it others."""
        origin = message.extra[ORIGIN]
        try:
            said = self.read(origin.get("item")).parts
        except InvalidError:
            return message
        if len(said) != len(message.parts):
            return message
        parts = [_with_id_of(one, other) for one, other in zip(message.parts, said, strict=True)]
        return _with_parts(message, parts)


def _with_id_of(part: Part, said: Part) -> Part:
    if isinstance(said, ToolCallPart | ToolResultPart) and isinstance(part, type(said)):
        return part if made_of(said.call_id) is None else _with_id(part, said.call_id)
    return part


def _with_id(part: ToolCallPart | ToolResultPart, id: str) -> Part:
    # Not dataclasses.replace, which is slow: every call of a conversation may come by here.
    if isinstance(part, ToolCallPart):
        return ToolCallPart(id, part.name, part.input, part.provider_executed, part.extra)
    return ToolResultPart(
        id,
        part.output,
        part.name,
        part.is_error,
        part.denied,
        part.content,
        part.provider_executed,
        part.extra,
    )


def _with_parts(message: Message, parts: Sequence[Part]) -> Message:
    return Message.read(
        message.role, parts, message.extra, id=message.id, created_at=message.created_at
    )


class _Pairing:
    """Gives calls without ids their own throughout a conversation, and responses those of calls."""

    def __init__(self) -> None:
        self._times: dict[tuple[int, str], int] = {}
        # The calls of the answer before that are open, by name, oldest first.
        self._open: dict[str, list[str]] = {}
        self._answers = False

    def paired(self, message: Message) -> Message:
        if message.role == "assistant" and not self._answers:
            self._open = {}
        self._answers = message.role == "assistant"
        parts = message.parts
        made: list[Part] | None = None
        for place, part in enumerate(parts):
            id = self._id(part)
            if id is not None and isinstance(part, ToolCallPart | ToolResultPart):
                made = list(parts) if made is None else made
                made[place] = _with_id(part, id)
        return message if made is None else _with_parts(message, made)

    def _id(self, part: Part) -> str | None:
        """The id that a part gets, None where it has it."""
        if isinstance(part, ToolCallPart):
            id = self._call_id(part)
            self._open.setdefault(part.name, []).append(id)
        elif isinstance(part, ToolResultPart):
            id = self._result_id(part)
        else:
            return None
        return None if id == part.call_id else id

    def _call_id(self, part: ToolCallPart) -> str:
        made = made_of(part.call_id)
        if made is None:
            return part.call_id
        times = self._times[made.n, made.name] = self._times.get((made.n, made.name), 0) + 1
        return Made(times, made.n, made.name).id()

    def _result_id(self, part: ToolResultPart) -> str:
        waiting = self._open.get(part.name or "", [])
        made = made_of(part.call_id)
        if made is None:
            if part.call_id in waiting:
                waiting.remove(part.call_id)
            return part.call_id
        id = Made(self._times.get((made.n, made.name), 1), made.n, made.name).id()
        if id in waiting:
            waiting.remove(id)
            return id
        return waiting.pop(0) if waiting else id


def _write(step: Step, out: Output, names: dict[str, str], seen: set[int]) -> None:
    writer = Writer(out, step.role, names)
    parts = [part for placed in step.placed for part in writer.parts(placed)]
    if not parts and step.placed:
        return
    members: dict[str, Json] = {}
    for message in step.messages:
        if id(message) not in seen:
            seen.add(id(message))
            members.update(out.unsaid(message))
    role = "model" if step.role == "assistant" else "user"
    out.add({"role": role, "parts": parts, **members}, step.messages)


def _write_system(step: Step, out: Output, names: dict[str, str]) -> None:
    writer = Writer(out, "system", names)
    parts = [part for placed in step.placed for part in writer.parts(placed)]
    if parts and out.items:
        out.lost_of(step.messages[0], None, "position")
    out.system += [part["text"] for part in parts]


dialect: Dialect = _Gemini()
