"""Calls with their approvals and results, as the one tool part that a UI message has for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from threadkeep.dialects.ai_sdk_formats.members import Version, joined, members_of
from threadkeep.dialects.codec import Output
from threadkeep.dialects.flow import Placed
from threadkeep.dialects.writing import output_text
from threadkeep.values.message import Message
from threadkeep.values.parts import (
    ApprovalPart,
    Json,
    Part,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

T = TypeVar("T", bound=Part)

_CALL_KIN: Final[Mapping[str, str]] = {"providerOptions": "callProviderMetadata"}
_RESULT_KIN: Final[Mapping[str, str]] = {"providerOptions": "resultProviderMetadata"}
_APPROVAL_KIN: Final[Mapping[str, str]] = {
    name: name for name in ("isAutomatic", "signature", "inputSchemaInput")
}


@dataclass(slots=True)
class Call:
    """A tool part to be: the call, or the result alone, and what belongs to it."""

    call: Placed | None = None
    request: Placed | None = None
    answer: Placed | None = None
    result: Placed | None = None

    def messages(self) -> list[Message]:
        """The messages that it is made of."""
        held = (self.call, self.request, self.answer, self.result)
        return [placed.message for placed in held if placed is not None]


class Calls:
    """All calls of some messages, each with its results and approvals wherever they stand."""

    def __init__(self, listed: Iterable[Placed], out: Output) -> None:
        self._out = out
        self._at: dict[tuple[int, int], Call] = {}
        self._named: dict[str, list[Call]] = {}
        self._asked: dict[str, Call] = {}
        answers: list[Placed] = []
        results: list[Placed] = []
        requests: list[Placed] = []
        for placed in listed:
            part = placed.part
            if isinstance(part, ToolCallPart):
                self._put(placed, part.call_id, Call(call=placed))
            elif isinstance(part, ToolResultPart):
                results.append(placed)
            elif isinstance(part, ApprovalPart):
                (requests if part.approved is None else answers).append(placed)
        for add, those in (
            (self._add_result, results),
            (self._add_request, requests),
            (self._add_answer, answers),
        ):
            for placed in those:
                add(placed, placed.part)

    def at(self, placed: Placed) -> Call | None:
        """The tool part that stands in the place of this part, if one does."""
        return self._at.get((id(placed.message), placed.place))

    def _put(self, placed: Placed, call_id: str, call: Call) -> None:
        self._at[id(placed.message), placed.place] = call
        self._named.setdefault(call_id, []).append(call)

    def _add_result(self, placed: Placed, part: Any) -> None:
        known = self._named.get(part.call_id, [])
        call = _nearest([call for call in known if call.result is None], placed)
        if call is not None:
            call.result = placed
        elif known:
            self._out.lost(placed, "tool_result")
        else:
            self._put(placed, part.call_id, Call(result=placed))

    def _add_request(self, placed: Placed, part: Any) -> None:
        known = self._named.get(part.call_id, [])
        call = _nearest([call for call in known if call.request is None], placed)
        if call is None:
            self._out.lost(placed, "approval")
        else:
            call.request = placed
            self._asked.setdefault(part.approval_id, call)

    def _add_answer(self, placed: Placed, part: Any) -> None:
        call = self._asked.get(part.approval_id)
        if call is None:
            known = self._named.get(part.call_id, [])
            call = next((one for one in known if one.request is None), None)
        if call is None or call.answer is not None:
            self._out.lost(placed, "approval")
        else:
            call.answer = placed


def _nearest(listed: list[Call], placed: Placed) -> Call | None:
    """The last one before a part in its own message; the first of all where there is none."""
    for call in reversed(listed):
        made = call.call
        if made is not None and made.message is placed.message and made.place < placed.place:
            return call
    return listed[0] if listed else None


def write_call(call: Call, out: Output, version: Version) -> dict[str, Json]:
    """The tool part."""
    state = _settle(call, out, version)
    block, more = _head(call, out, version)
    if call.result is not None:
        more |= members_of(call.result, out, version, _RESULT_KIN)
        if state == "output-denied" and more.get("state") == "approval-responded":
            state = "approval-responded"
    elif state == "input-available" and more.get("state") == "input-streaming":
        state = "input-streaming"
    if block["input"] is None and state in ("input-streaming", "output-error"):
        del block["input"]
    block["state"] = state
    if call.result is not None:
        _say_result(block, call.result, out)
    approval = _approval(call, state, block["toolCallId"], out, version)
    if approval is not None:
        block["approval"] = approval
    return joined(block, more)


def _settle(call: Call, out: Output, version: Version) -> str:
    """The state of the part; approvals that cannot stand beside it are taken off and reported."""
    answered = _part(call.answer, ApprovalPart)
    result = _part(call.result, ToolResultPart)
    has_approvals = version.number >= 6
    if not has_approvals:
        _take_off(call, out)
    if result is None:
        if not has_approvals or call.request is call.answer is None:
            return "input-available"
        return "approval-requested" if answered is None else "approval-responded"
    refused = result.is_error and answered is not None and not answered.approved
    if has_approvals and (result.denied or refused):
        if answered is not None and answered.approved and call.answer is not None:
            out.lost(call.answer, "approval")
            call.answer = None
        return "output-denied"
    if result.denied and call.result is not None:
        out.lost(call.result, "tool_result.denied")
    if answered is None or not answered.approved:
        _take_off(call, out)
    return "output-error" if result.is_error or result.denied else "output-available"


def _take_off(call: Call, out: Output) -> None:
    for placed in (call.request, call.answer):
        if placed is not None:
            out.lost(placed, "approval")
    call.request = call.answer = None


def _head(call: Call, out: Output, version: Version) -> tuple[dict[str, Json], dict[str, Json]]:
    """What the part says of the call itself, and the members that only we know."""
    made = _part(call.call, ToolCallPart)
    result = _part(call.result, ToolResultPart)
    more: dict[str, Json] = {}
    if made is not None and call.call is not None:
        more = members_of(call.call, out, version, _CALL_KIN)
        call_id, name, input = made.call_id, made.name, made.input
    else:
        call_id = result.call_id if result is not None else ""
        name, input = (result.name if result is not None else None) or "unknown", None
    block: dict[str, Json]
    if "toolName" in more:
        block = {"type": "dynamic-tool", "toolName": name, "toolCallId": call_id}
    else:
        block = {"type": f"tool-{name}", "toolCallId": call_id}
    executed = made.provider_executed if made is not None else None
    if executed is None and result is not None:
        executed = result.provider_executed
    if executed is not None:
        block["providerExecuted"] = executed
    block["state"] = ""
    block["input"] = input
    return block, more


def _say_result(block: dict[str, Json], placed: Placed, out: Output) -> None:
    result = _part(placed, ToolResultPart)
    if result is None:
        return
    if result.content is not None:
        for inner in result.content:
            if not isinstance(inner, TextPart):
                out.lost(placed, "tool_result.content")
                break
    if block["state"] == "output-error":
        block["errorText"] = output_text(result)
    elif block["state"] == "output-available":
        block["output"] = result.output if result.content is None else output_text(result)


def _approval(
    call: Call, state: str, call_id: str, out: Output, version: Version
) -> dict[str, Json] | None:
    request, answer = _part(call.request, ApprovalPart), _part(call.answer, ApprovalPart)
    named = request or answer
    if named is None and state != "output-denied":
        return None
    approval: dict[str, Json] = {"id": call_id if named is None else named.approval_id}
    more: dict[str, Json] = {}
    if request is not None and call.request is not None:
        more = members_of(call.request, out, version, _APPROVAL_KIN)
        if request.reason is not None:
            if version.knows(7, own=out.is_own(call.request)):
                approval["requestReason"] = request.reason
            else:
                out.lost(call.request, "approval")
    if state != "approval-requested":
        approval["approved"] = answer is not None and bool(answer.approved)
        reason = _reason(call, answer, out)
        if reason is not None:
            approval["reason"] = reason
    return joined(approval, more)


def _reason(call: Call, answer: ApprovalPart | None, out: Output) -> str | None:
    """Why: as the answer says, or as the result of a denied call does."""
    said = None if answer is None else answer.reason
    result = _part(call.result, ToolResultPart)
    if result is None or not (result.denied or (result.is_error and not _is_yes(answer))):
        return said
    if result.output is None and result.content is None:
        return said
    text = output_text(result)
    if said is not None and said != text and call.answer is not None:
        out.lost(call.answer, "approval")
    return text


def _is_yes(answer: ApprovalPart | None) -> bool:
    return answer is not None and bool(answer.approved)


def _part(placed: Placed | None, kind: type[T]) -> T | None:
    part = None if placed is None else placed.part
    return part if isinstance(part, kind) else None
