"""Steps of a generation: which of their messages are new.

AI SDK 5 and 6 hand over a list that accumulates: with each step all messages of the run so far.
AI SDK 7 hands over the messages of the step alone. Nothing in a list says which it is, so it is
told by content: a list that begins with all that was taken goes on from there, any other one is a
step's own.

The same list may also come twice: because a step is handed over again, or because the model said
the same again. `callId`, `stepNumber` and `response.id` tell two steps apart where both have them.
Steps that these do not tell apart are the same step where their messages are. So a step without
any of the three can always be handed over again, and one with them may say what another said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from threadkeep.adapters.ff_ai.messages import stored_of
from threadkeep.adapters.ff_ai.reading import member, number_member, text_member
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message

_RULE = "must have response.messages or response_messages, or be a list of model messages"


@dataclass(frozen=True, slots=True)
class Step:
    """What was handed over: the messages of the step or of all steps so far, and what names it.

    `prints` are equal for messages with equal content. `said` is whether the step's own content
    would make a message, None where it does not tell.
    """

    messages: tuple[Message, ...]
    prints: tuple[str, ...]
    call: str | None = None
    number: int | None = None
    response: str | None = None
    said: bool | None = None

    @classmethod
    def of(cls, step: Any) -> Step:
        """What a step result says, or a list of messages. InvalidError where it is neither."""
        if isinstance(step, list | tuple):
            return cls._made(step)
        response = member(step, "response")
        listed = member(response, "messages")
        if listed is None:
            listed = member(step, "response_messages", "responseMessages")
        if not isinstance(listed, list | tuple):
            raise InvalidError("step", _RULE)
        # What the user put in while the run went on was said before this step.
        steering = member(step, "experimental_steeringMessages", "steering_messages")
        before = steering if isinstance(steering, list | tuple) else ()
        return cls._made(
            (*before, *listed),
            call=text_member(step, "callId", "call_id"),
            number=number_member(step, "stepNumber", "step_number"),
            response=text_member(response, "id"),
            said=_said(step),
        )

    @classmethod
    def _made(cls, listed: Sequence[Any], **known: Any) -> Step:
        messages = tuple(stored_of(message) for message in listed)
        if any(message.role == "system" for message in messages):
            raise InvalidError("step", "must not hold system messages")
        ids = [message.id for message in messages if message.id is not None]
        if len(set(ids)) != len(ids):
            raise InvalidError("step", "must not hold the same message id twice")
        return cls(messages, tuple(print_of(message) for message in messages), **known)

    def differs(self, other: Step) -> bool:
        """Whether a name says that these are two steps."""
        return any(one != two for one, two in self._shared(other))

    def is_named_as(self, other: Step) -> bool:
        """Whether all names that both have are equal, and there is one."""
        shared = list(self._shared(other))
        return bool(shared) and all(one == two for one, two in shared)

    def _shared(self, other: Step) -> Iterator[tuple[object, object]]:
        pairs = (
            (self.call, other.call),
            (self.number, other.number),
            (self.response, other.response),
        )
        return (pair for pair in pairs if None not in pair)


def print_of(message: Message) -> str:
    """A print of what a message says, whatever the order of its members."""
    said = json.dumps(message.payload, sort_keys=True)
    return sha256(said.encode()).hexdigest()


def _said(step: Any) -> bool | None:
    """Whether the content of a step makes a message: sources and empty texts make none."""
    content = member(step, "content")
    if isinstance(content, list | tuple):
        return any(
            member(part, "type") != "source"
            and not (member(part, "type") == "text" and not member(part, "text"))
            for part in content
        )
    shown = [
        member(step, *names)
        for names in (("text",), ("toolCalls", "tool_calls"), ("reasoning",), ("files",))
    ]
    return None if shown == [None] * len(shown) else any(shown)


@dataclass(slots=True)
class _Taken:
    """A step of which messages were taken: the places of its own among all of the run's."""

    step: Step
    start: int
    end: int


@dataclass(slots=True)
class Progress:
    """What one run has handed over so far."""

    prints: list[str] = field(default_factory=list)
    _steps: list[_Taken] = field(default_factory=list)

    def begins_another(self, step: Step) -> bool:
        """Whether a step cannot belong to this run, since it names a step that says otherwise."""
        for taken in self._steps:
            calls = (taken.step.call, step.call)
            if None not in calls and calls[0] != calls[1]:
                return True
            if step.number is None or taken.step.number != step.number:
                continue
            if taken.step.differs(step) or not self._fits(step.prints, taken):
                return True
        return False

    def take(self, step: Step) -> tuple[int, bool]:
        """How many of the step's messages were taken before, and whether the step was; note it."""
        known = self._known(step)
        old = self._begun(step) if known is None else self._covered(step.prints, known)
        start, end = len(self.prints), len(self.prints) + len(step.prints) - old
        if known is None or (end > start and known is not self._steps[-1]):
            self._steps.append(_Taken(step, start, end))
        elif end > start:
            known.end = end
        self.prints += step.prints[old:]
        return old, known is not None

    def give_back(self, count: int) -> None:
        """Forget the last messages taken, as if they had not been handed over."""
        left = len(self.prints) - count
        del self.prints[left:]
        self._steps = [taken for taken in self._steps if taken.start < left]
        for taken in self._steps:
            taken.end = min(taken.end, left)

    def _known(self, step: Step) -> _Taken | None:
        for taken in reversed(self._steps):
            if taken.step.differs(step):
                continue
            if step.prints in self._forms(taken):
                return taken
            if taken.step.is_named_as(step) and self._fits(step.prints, taken):
                return taken
        return None

    def _begun(self, step: Step) -> int:
        """How many messages at the beginning of a list that accumulates were taken: 0 if none."""
        for place, taken in enumerate(self._steps):
            tail = tuple(self.prints[taken.start :])
            if not tail or step.prints[: len(tail)] != tail:
                continue
            spoke = sum(one.end > one.start for one in self._steps[place:])
            if len(step.prints) > len(tail) or spoke > 1:
                return len(tail)
            # All that it says was said by one step: another one, unless it has nothing to say.
            return len(tail) if step.said is False else 0
        return 0

    def _forms(self, taken: _Taken) -> list[tuple[str, ...]]:
        """How a step may be handed over again: with its own messages, or with those before it."""
        starts = [one.start for one in self._steps if one.start <= taken.start]
        return [tuple(self.prints[start : taken.end]) for start in starts]

    def _fits(self, prints: tuple[str, ...], taken: _Taken) -> bool:
        """Whether a list and the step say the same, but for an end that only one of them has."""
        forms = self._forms(taken)
        return any(all(a == b for a, b in zip(prints, form, strict=False)) for form in forms)

    def _covered(self, prints: tuple[str, ...], taken: _Taken) -> int:
        """How many of the list's messages are there already."""
        forms = sorted(self._forms(taken), key=len, reverse=True)
        for form in forms:
            if prints[: len(form)] == form[: len(prints)]:
                return min(len(prints), len(form))
        return 0
