"""The tool calls of a conversation, each with what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from threadkeep.dialects.convert import typed
from threadkeep.values.message import Message
from threadkeep.values.parts import ApprovalPart, ToolCallPart, ToolResultPart
from threadkeep.values.tooluse import ToolUse

Precedes = Callable[[int, int], bool]
"""Whether the message at one place stands on the path to that at a later place."""


def tool_calls(messages: Sequence[Message], *, precedes: Precedes | None = None) -> list[ToolUse]:
    """All tool calls of messages of any formats, in their order, each with its result.

    A result answers the latest call before it with its id; calls with one id in one message are
    answered in their order. Of several results the last one counts. A call that a person denied is
    answered by that, unless it has a result. Results without a call are left out. Messages of
    several branches are paired along their paths by `precedes`. InvalidError for a message whose
    format is unknown here or cannot be read.
    """
    pairing = _Pairing(precedes)
    for at, message in enumerate(typed(messages)):
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                pairing.call(at, message, part)
            elif isinstance(part, ToolResultPart):
                pairing.result(at, message, part)
            elif isinstance(part, ApprovalPart):
                pairing.approval(at, message, part)
    return [call.use() for call in pairing.calls]


@dataclass(slots=True)
class _Call:
    at: int
    message: Message
    part: ToolCallPart
    result: tuple[int, Message, ToolResultPart] | None = None
    denial: tuple[int, Message, ApprovalPart] | None = None

    def use(self) -> ToolUse:
        part = self.part
        pending = self.result is None and self.denial is None
        said = (part.call_id, part.name, part.input, self.message.id, self.message.created_at)
        if self.result is not None:
            at, message, result = self.result
            outcome = (result.output, result.content, result.is_error, bool(result.denied))
        elif self.denial is not None:
            at, message, answer = self.denial
            outcome = (answer.reason, None, None, True)
        else:
            return ToolUse(*said, provider_executed=part.provider_executed, pending=pending)
        answered_at = None if at == self.at else message.created_at
        return ToolUse(*said, *outcome, part.provider_executed, pending, message.id, answered_at)


@dataclass(slots=True)
class _Same:
    """The calls with one id in one message, and how many results they have."""

    at: int
    calls: list[_Call]
    answered: int = 0


@dataclass(slots=True)
class _Pairing:
    precedes: Precedes | None
    calls: list[_Call] = field(default_factory=list)
    by_id: dict[str, list[_Same]] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)

    def call(self, at: int, message: Message, part: ToolCallPart) -> None:
        made = _Call(at, message, part)
        self.calls.append(made)
        same = self.by_id.setdefault(part.call_id, [])
        if same and same[-1].at == at:
            same[-1].calls.append(made)
        else:
            same.append(_Same(at, [made]))

    def result(self, at: int, message: Message, part: ToolResultPart) -> None:
        same = self.latest(part.call_id, at)
        if same is not None:
            call = same.calls[min(same.answered, len(same.calls) - 1)]
            call.result = (at, message, part)
            same.answered += 1

    def approval(self, at: int, message: Message, part: ApprovalPart) -> None:
        id_ = part.call_id or self.asked.get(part.approval_id)
        if id_ is None:
            return
        self.asked[part.approval_id] = id_
        same = self.latest(id_, at)
        if same is not None and part.approved is not None:
            same.calls[-1].denial = (at, message, part) if part.approved is False else None

    def latest(self, id_: str, at: int) -> _Same | None:
        for same in reversed(self.by_id.get(id_, ())):
            if self.precedes is None or same.at == at or self.precedes(same.at, at):
                return same
        return None
