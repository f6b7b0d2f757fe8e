"""The flow of a conversation: messages of any grain as the steps that formats agree on.

Formats cut a conversation differently: one message may be a whole answer with its tool results,
or only one call. A step is the grain in between: what the model said at once, or the results that
came back at once, or what a user or the system said. Formats with coarser messages join steps to
exchanges, formats with finer ones take a step apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, get_args

from threadkeep.values.message import ORIGIN as ORIGIN
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import (
    ApprovalPart,
    DataPart,
    FilePart,
    Json,
    Part,
    RawPart,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

STEP: Final = RawPart({"type": "step-start"})
"""Where a step of the model begins inside a message: structure, no content."""


class Placed(NamedTuple):
    """A part, and its place: the message, and the place among the message's parts."""

    part: Part
    message: Message
    place: int


@dataclass(slots=True)
class Step:
    """What one role said at once; `messages` are those it was made of, each once, in order.

    A step of the role `tool` holds results and answers to approvals only. An assistant's step
    holds none, but for the results of tools that the provider ran itself, where those were asked
    for.
    """

    role: Role
    placed: list[Placed]
    messages: list[Message]


def steps(messages: Sequence[Message], family: str, *, apart: bool = True) -> list[Step]:
    """The steps of a conversation, in order; every part but `STEP` is in exactly one of them.

    A message that holds several steps is taken apart: at each `STEP` where it has any, else
    wherever words or calls follow results. Neighbouring results are one step. What the model said
    in neighbouring messages is one step where the first one awaits results, or where it is only
    reasoning. Two messages that `family` itself has told apart stay apart. With `apart` the
    results of tools that the provider ran itself are in steps of their own, like all others.
    """
    made: list[Step] = []
    last: Step | None = None
    for message in messages:
        for role, placed in _pieces(message, apart=apart):
            # Only what a model and its tools said is ever joined.
            if (
                last is not None
                and last.role == role
                and role in _ANSWER
                and _joins(last, placed, message, family)
            ):
                last.placed += placed
                last.messages.append(message)
            else:
                last = Step(role, placed, [message])
                made.append(last)
    return made


def exchanges(listed: Sequence[Step], family: str) -> list[list[Step]]:
    """The steps of each message of a coarse format: one, or an answer with all its results.

    An answer goes on over results, up to the next words of a user or the system, or to an answer
    that follows another message's without results between them.
    """
    made: list[list[Step]] = []
    for step in listed:
        if made and _continues(made[-1][-1], step, family):
            made[-1].append(step)
        else:
            made.append([step])
    return made


def sources_of(listed: Sequence[Step]) -> list[Message]:
    """The messages that some steps are made of, each once, in order."""
    if len(listed) == 1:
        return listed[0].messages
    return list({id(message): message for step in listed for message in step.messages}.values())


def named(messages: list[Message], before: Sequence[Message]) -> list[Message]:
    """The messages; results that do not name their tool do, where the call stands in `before`."""
    names = {
        part.call_id: part.name
        for message in before
        for part in message.parts
        if isinstance(part, ToolCallPart)
    }
    return [_named(message, names) for message in messages] if names else messages


def _named(message: Message, names: Mapping[str, str]) -> Message:
    made: list[Part] = []
    for part in message.parts:
        if isinstance(part, ToolResultPart) and part.name is None and part.call_id in names:
            part = replace(part, name=names[part.call_id])
        made.append(part)
    if all(a is b for a, b in zip(made, message.parts, strict=True)):
        return message
    return with_extra(message, message.extra, made)


def with_extra(
    message: Message, extra: Mapping[str, Json], parts: Sequence[Part] | None = None
) -> Message:
    """The message with other members in its payload, and with other parts where they are given."""
    listed = message.parts if parts is None else parts
    return Message.read(message.role, listed, extra, id=message.id, created_at=message.created_at)


def _continues(last: Step, step: Step, family: str) -> bool:
    if last.role not in _ANSWER or step.role not in _ANSWER:
        return False
    if last.messages[-1] is step.messages[0]:
        return True
    if last.messages[-1].family == step.messages[0].family == family:
        return False
    return "tool" in (last.role, step.role)


_ANSWER: Final = ("assistant", "tool")


def _joins(last: Step, placed: list[Placed], message: Message, family: str) -> bool:
    before = last.messages[-1]
    if before is message or before.family == message.family == family:
        return False
    if last.role == "tool" or not last.placed:
        return last.role == "tool"
    if placed and placed[0].part.__class__ is ToolCallPart:
        return True
    waiting: set[str] = set()
    only_thoughts = True
    for part, _, _ in last.placed:
        only_thoughts = only_thoughts and isinstance(part, ReasoningPart)
        if isinstance(part, ToolCallPart):
            waiting.add(part.call_id)
        elif isinstance(part, ToolResultPart):
            waiting.discard(part.call_id)
    return only_thoughts or bool(waiting)


_Piece = tuple[Role, list[Placed]]

_SPOKEN: Final = {TextPart, ReasoningPart, FilePart, SourcePart, DataPart, ToolCallPart}
_WHOLE: Final[Mapping[Role, set[type[Part]]]] = {
    "system": {*get_args(Part)},
    "assistant": _SPOKEN,
    # Words of a user's message may be the system's.
    "user": _SPOKEN - {TextPart},
    "tool": {ToolResultPart, ApprovalPart},
}
"""By role, the parts that leave a message whole."""


def _pieces(message: Message, *, apart: bool) -> list[_Piece]:
    """The steps of one message, at least one."""
    role = message.role
    placed = [Placed(part, message, place) for place, part in enumerate(message.parts)]
    # Most messages are one step, which is quick to see.
    if _WHOLE[role].issuperset([one[0].__class__ for one in placed]):
        return [(role, placed)]
    if role == "assistant":
        return _answer(placed, apart=apart) or [("assistant", [])]
    spoken: list[Placed] = []
    results: list[Placed] = []
    words: list[Placed] = []
    for one in placed:
        part = one.part
        if isinstance(part, ToolResultPart | ApprovalPart):
            results.append(one)
        elif isinstance(part, TextPart) and part.role == "system":
            spoken.append(one)
        else:
            words.append(one)
    told: list[_Piece] = [("system", spoken), ("tool", results), ("user", words)]
    return [piece for piece in told if piece[1]]


def _answer(placed: list[Placed], *, apart: bool) -> list[_Piece]:
    marked = any(one.part.__class__ is RawPart and one.part == STEP for one in placed)
    pieces: list[_Piece] = []
    said: list[Placed] = []
    results: list[Placed] = []
    for one in placed:
        part = one.part
        is_mark = marked and part == STEP
        comes_back = _comes_back(part, apart=apart)
        if is_mark or (results and not marked and not comes_back):
            pieces += _both(said, results)
            said, results = [], []
        if not is_mark:
            (results if comes_back else said).append(one)
    return pieces + _both(said, results)


def _both(said: list[Placed], results: list[Placed]) -> list[_Piece]:
    pieces: list[_Piece] = [("assistant", said)] if said else []
    return [*pieces, ("tool", results)] if results else pieces


def _comes_back(part: Part, *, apart: bool) -> bool:
    if isinstance(part, ToolResultPart):
        return apart or not part.provider_executed
    return isinstance(part, ApprovalPart) and part.approved is not None
