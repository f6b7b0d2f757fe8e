"""Calls and results: which belong together, and what to do with those that stand alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from threadkeep.dialects.flow import Placed, Step
from threadkeep.dialects.healing import hosted
from threadkeep.dialects.healing.messages import MADE, Edits
from threadkeep.values.converted import Repair
from threadkeep.values.message import Message
from threadkeep.values.parts import ApprovalPart, Part, ToolCallPart, ToolResultPart

NO_RESULT: Final = "No result: the tool call was interrupted."
"""What a model reads where a result was made."""


@dataclass(slots=True)
class Pair:
    """A call in the step `at`, and in order its results, each with its step, and its approvals."""

    call: Placed
    part: ToolCallPart
    at: int
    results: list[tuple[int, Placed]] = field(default_factory=list)
    approvals: list[Placed] = field(default_factory=list)

    @property
    def denial(self) -> ApprovalPart | None:
        """The last answer to whether the call may run, where it is no."""
        answers = [one.part for one in self.approvals if isinstance(one.part, ApprovalPart)]
        answers = [part for part in answers if part.approved is not None]
        return answers[-1] if answers and answers[-1].approved is False else None


@dataclass(frozen=True, slots=True)
class Pairs:
    """All calls in order, the results that answer none, and the calls outside of answers.

    The last two each with the step.
    """

    calls: list[Pair] = field(default_factory=list)
    orphans: list[tuple[int, Placed]] = field(default_factory=list)
    strays: list[tuple[int, Placed]] = field(default_factory=list)


def pair(listed: Sequence[Step]) -> Pairs:
    """Which result answers which call.

    A result answers the latest call before it that has its id: a later call with the same id is
    another call. Calls with one id in one step are answered in their order.
    """
    found = Pairs()
    latest: dict[str, list[Pair]] = {}
    asked: dict[str, list[Pair]] = {}
    for at, step in enumerate(listed):
        for placed in step.placed:
            part = placed.part
            if isinstance(part, ToolCallPart):
                if step.role != "assistant":
                    found.strays.append((at, placed))
                    continue
                found.calls.append(Pair(placed, part, at))
                same = latest.get(part.call_id)
                if same is None or same[0].at != at:
                    same = latest[part.call_id] = []
                same.append(found.calls[-1])
            elif isinstance(part, ToolResultPart):
                if part.call_id in latest and step.role in ("assistant", "tool"):
                    _open(latest[part.call_id]).results.append((at, placed))
                else:
                    found.orphans.append((at, placed))
            elif isinstance(part, ApprovalPart):
                calls = latest.get(part.call_id or "") or asked.get(part.approval_id)
                if calls:
                    asked[part.approval_id] = calls
                    calls[-1].approvals.append(placed)
    return found


def _open(calls: Sequence[Pair]) -> Pair:
    """The first call that has no result, else the last one."""
    if len(calls) == 1:
        return calls[0]
    return next((one for one in calls if not one.results), calls[-1])


def resolve(listed: Sequence[Step], policy: str, dialect: str, repairs: list[Repair]) -> Edits:
    """What to do so that each call is answered directly after it, and no other results stand.

    With the policy `drop` the turns are left out in which a call or a result stands alone, with
    `error` a call that stands alone is answered; with both, one that a person has denied is. The
    end of a history is no exception: there a call that is still to be answered stands alone too.
    """
    return _Resolver(listed, dialect, repairs).run(policy)


class _Resolver:
    def __init__(self, listed: Sequence[Step], dialect: str, repairs: list[Repair]) -> None:
        self.listed = listed
        self.dialect = dialect
        self.repairs = repairs
        self.edits = Edits()
        self.out: set[int] = set()

    def run(self, policy: str) -> Edits:
        pairs = pair(self.listed)
        alone = [one for one in pairs.calls if not one.results and self.needs_result(one)]
        orphans = [one for one in pairs.orphans if not hosted.needs_no_call(one[1], self.dialect)]
        if policy == "drop":
            unfinished = [one.at for one in alone if one.denial is None]
            self.drop(_turns(self.listed, [*unfinished, *(at for at, _ in orphans)]))
        for at, placed in orphans:
            self.leave_out(at, placed, "result_dropped")
        for at, placed in pairs.strays:
            self.leave_out(at, placed, "call_dropped")
        for one in pairs.calls:
            if one.at not in self.out and one.results:
                self.settle(one)
                continue
            for at, placed in one.results:
                self.leave_out(at, placed, "result_dropped")
        for one in alone:
            if one.at not in self.out:
                self.make(one)
        return self.edits

    def needs_result(self, one: Pair) -> bool:
        return not hosted.needs_no_result(one.call, one.at, self.listed, self.dialect)

    def drop(self, out: set[int]) -> None:
        self.out = out
        dropped: dict[int, Message] = {}
        for at in sorted(out):
            for placed in self.listed[at].placed:
                self.edits.put(placed, None)
            dropped |= {id(message): message for message in self.listed[at].messages}
        for message in dropped.values():
            self.edits.drop(message)
            self.repairs.append(Repair(message.id, "turn_dropped"))

    def leave_out(self, at: int, placed: Placed, what: str) -> None:
        if at not in self.out:
            self.edits.put(placed, None)
            self.report(placed, what)

    def settle(self, one: Pair) -> None:
        """Let the last result of a call be its only one, and stand where the provider wants it."""
        for at, other in one.results[:-1]:
            self.leave_out(at, other, "result_dropped")
        at, placed = one.results[-1]
        fits = hosted.may_stay(one.call, one.at, placed, at, self.listed, self.dialect)
        if hosted.is_special(one.call, self.dialect) and not hosted.is_own(placed, self.dialect):
            self.edits.disown(one.call.message)
        if not fits and hosted.is_mixed(one.call, placed, self.dialect):
            self.edits.put(one.call, _plain_call(one.part))
            placed = placed._replace(part=_plain_result(placed.part))
            self.edits.put(placed, placed.part)
        near = at in (one.at, one.at + 1) and not hosted.is_misplaced(placed, self.dialect)
        if at in self.out or not (fits or near):
            self.edits.put(placed, None)
            self.edits.answer(self.listed[one.at].placed[-1], placed)
            self.report(placed, "result_moved")

    def make(self, one: Pair) -> None:
        """Answer a call that has no result."""
        id, name, denial = one.part.call_id, one.part.name, one.denial
        result = ToolResultPart(id, NO_RESULT, name, is_error=True)
        if denial is not None:
            result = ToolResultPart(id, denial.reason, name, is_error=True, denied=True)
        if one.part.provider_executed:
            # The provider's own tools have results of their own kinds, which only it can make.
            self.edits.put(one.call, _plain_call(one.part))
        if hosted.is_special(one.call, self.dialect):
            self.edits.disown(one.call.message)
        made = Placed(result, one.call.message, MADE)
        self.edits.answer(self.listed[one.at].placed[-1], made)
        self.report(one.call, "result_made")

    def report(self, placed: Placed, what: str) -> None:
        call_id = getattr(placed.part, "call_id", None)
        self.repairs.append(Repair(placed.message.id, what, call_id))


def _plain_call(part: ToolCallPart) -> ToolCallPart:
    return ToolCallPart(part.call_id, part.name, part.input)


def _plain_result(part: Part) -> Part:
    if not isinstance(part, ToolResultPart):
        return part
    return replace(part, provider_executed=None, extra={})


def _turns(listed: Sequence[Step], faulty: Iterable[int]) -> set[int]:
    """The steps of all turns that hold a faulty one; what the system says is in no turn."""
    turn, turns = 0, []
    for step in listed:
        turn += step.role == "user"
        turns.append(turn)
    bad = {turns[at] for at in faulty}
    return {at for at, step in enumerate(listed) if turns[at] in bad and step.role != "system"}
