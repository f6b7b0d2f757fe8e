"""What the formats of providers share when they write: steps, and members that find no item."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from threadkeep.dialects.codec import EXTRA, Output
from threadkeep.dialects.flow import Placed, Step
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import ToolResultPart


def take_apart(listed: Sequence[Step], stays: Callable[[Placed], bool]) -> list[Step]:
    """The steps, with each result that may not stay inside its answer in a step of its own.

    `listed` are steps with `apart=False`, `stays` says of a result whether the format writes it
    inside the answer. What the model said after a result is a new step. Results that then come to
    stand beside others are one step with them.
    """
    made: list[Step] = []
    cut = False
    for step in listed:
        if step.role != "assistant" or all(_is_said(one, stays) for one in step.placed):
            if cut and step.role == "tool" and made[-1].role == "tool":
                made[-1] = _join(made[-1], step)
            else:
                made.append(step)
            cut = False
        else:
            made += _pieces(step, stays)
            cut = True
    return made


def is_told_apart(before: Message, after: Message, family: str) -> bool:
    """Whether these are two messages that `family` itself has told apart."""
    return before is not after and before.family == after.family == family


def report_unwritten(messages: Sequence[Message], seen: Collection[int], out: Output) -> None:
    """Report the members of messages of our own that came into no item.

    `seen` has the `id()` of those messages whose members did. Foreign ones are reported by codec.
    """
    for message in messages:
        if id(message) not in seen:
            for name in out.unsaid(message):
                out.lost_of(message, None, EXTRA, name)


def _is_said(one: Placed, stays: Callable[[Placed], bool]) -> bool:
    return not isinstance(one.part, ToolResultPart) or stays(one)


def _pieces(step: Step, stays: Callable[[Placed], bool]) -> Iterator[Step]:
    said: list[Placed] = []
    results: list[Placed] = []
    for one in step.placed:
        if not _is_said(one, stays):
            results.append(one)
            continue
        if results:
            yield from _both(said, results)
            said, results = [], []
        said.append(one)
    yield from _both(said, results)


def _both(said: list[Placed], results: list[Placed]) -> Iterator[Step]:
    if said:
        yield _step("assistant", said)
    if results:
        yield _step("tool", results)


def _step(role: Role, placed: list[Placed]) -> Step:
    return Step(role, placed, list({id(one.message): one.message for one in placed}.values()))


def _join(before: Step, after: Step) -> Step:
    return _step("tool", [*before.placed, *after.placed])
