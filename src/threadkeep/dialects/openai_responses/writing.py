"""Writing items of OpenAI's Responses from messages of any format.

A changed item of our own is written as it was, with what changed. All else is new: no item gets an
id that OpenAI has not given, each text of an answer is a message of its own (one with several
would have to have an id), and calls and results are those of functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from threadkeep.dialects.codec import EXTRA, Output
from threadkeep.dialects.flow import Placed, steps
from threadkeep.dialects.frameworks import json_text, own_item
from threadkeep.dialects.openai_responses.blocks import file_block, inner_blocks, text_block
from threadkeep.dialects.openai_responses.rewriting import is_message, report_result, rewrite
from threadkeep.dialects.writing import output_text
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import (
    ApprovalPart,
    DataPart,
    FilePart,
    Json,
    RawPart,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

FAMILY: Final = "openai-responses"


def write_messages(messages: Sequence[Message], out: Output) -> None:
    """Write messages as items, in order."""
    told: set[int] = set()
    for step in steps(messages, FAMILY, apart=False):
        for run, listed in _runs(step.placed, step.messages):
            _write(step.role, run, listed, out, told)
    for message in messages:
        if id(message) not in told:
            for name in out.unsaid(message):
                out.lost_of(message, None, EXTRA, name)


def _runs(
    placed: Sequence[Placed], messages: Sequence[Message]
) -> list[tuple[list[Message], list[Placed]]]:
    """The parts of a step by message; a message without any is there too.

    Messages of others that hold one reasoning item's texts go together, as its id stands once.
    """
    runs: list[tuple[list[Message], list[Placed]]] = []
    for message in messages:
        listed = [one for one in placed if one.message is message]
        if runs and _is_same_thought(runs[-1][1], listed):
            runs[-1][0].append(message)
            runs[-1][1].extend(listed)
        else:
            runs.append(([message], listed))
    return runs


def _is_same_thought(before: Sequence[Placed], after: Sequence[Placed]) -> bool:
    if not before or not after or FAMILY in (before[-1].message.family, after[0].message.family):
        return False
    one, other = before[-1].part, after[0].part
    if not isinstance(one, ReasoningPart) or not isinstance(other, ReasoningPart):
        return False
    return one.id is not None and one.id == other.id


def _write(
    role: Role, run: list[Message], listed: list[Placed], out: Output, told: set[int]
) -> None:
    message = run[0]
    origin = {} if id(message) in told else own_item(message, FAMILY)
    left = listed
    if origin:
        item, left = rewrite(origin, role, listed, out)
        if item is not None:
            told.add(id(message))
            out.add(_identified(item, origin, message), [message])
            if not left:
                return
    spoken = left and role != "assistant"
    items = _spoken(role, left, out) if spoken else _answer(left, out)
    if not listed and role != "tool":
        items = [{"role": role, "content": ""}]
    for item in items:
        out.add(item, run)


def _identified(
    item: dict[str, Json], origin: Mapping[str, Json], message: Message
) -> dict[str, Json]:
    """The item under the id that the message has now, if that is one of the same kind."""
    before, now = origin.get("id"), message.id
    if not isinstance(before, str) or now is None or now == before:
        return item
    prefix, dash, _ = before.partition("_")
    same = item.get("id") == before and bool(dash) and now.startswith(f"{prefix}_")
    return {**item, "id": now} if same else item


def _answer(listed: Iterable[Placed], out: Output) -> list[dict[str, Json]]:
    items: list[dict[str, Json]] = []
    for placed in listed:
        item = _ITEMS[type(placed.part)](placed, placed.part, out)
        if item is None:
            continue
        last = items[-1] if items else {}
        if item.get("type") == "reasoning" == last.get("type") and item["id"] == last["id"]:
            last["summary"] += item.pop("summary")
            items[-1] = {**item, **last}
        else:
            items.append(item)
    return items


def _spoken(role: Role, listed: list[Placed], out: Output) -> list[dict[str, Json]]:
    """The items of a user's or the system's words: what has an item of its own stands first."""
    blocks: list[Json] = []
    aside: list[Placed] = []
    for placed in listed:
        part = placed.part
        if isinstance(part, TextPart):
            _check_role(placed, part, role, out)
            blocks.append(text_block(placed, part, "input_text", out))
        elif isinstance(part, FilePart):
            block = file_block(placed, part, out)
            blocks += [] if block is None else [block]
        else:
            aside.append(placed)
    items = _answer(aside, out)
    if not blocks and (items or role != "user"):
        return items
    only = blocks[0] if len(blocks) == 1 else None
    plain = isinstance(only, dict) and only.keys() == {"type", "text"}
    content: Json = only["text"] if plain and isinstance(only, dict) else blocks or ""
    return [*items, {"role": role, "content": content}]


def _check_role(placed: Placed, part: TextPart, role: Role, out: Output) -> None:
    if part.role not in (None, role):
        out.lost(placed, EXTRA, "role")


def _text(placed: Placed, part: TextPart, out: Output) -> dict[str, Json]:
    if part.role != "system":
        _check_role(placed, part, "assistant", out)
    # Words alone have no place for more; what others said beside them is reported already.
    for name in out.given(placed):
        out.lost(placed, EXTRA, name)
    return {"role": "system" if part.role == "system" else "assistant", "content": part.text}


def _reasoning(placed: Placed, part: ReasoningPart, out: Output) -> dict[str, Json] | None:
    # OpenAI takes a reasoning item only with its id, also where it is encrypted.
    known = part.id is not None and part.id.startswith("rs_")
    if not known or part.provider not in (None, "openai"):
        out.lost(placed, "reasoning")
        return None
    if part.signature is not None:
        out.lost(placed, EXTRA, "signature")
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    item: dict[str, Json] = {"type": "reasoning", "id": part.id, "summary": summary}
    if part.encrypted is not None:
        item["encrypted_content"] = part.encrypted
    return {**item, **out.given(placed)}


def _call(placed: Placed, part: ToolCallPart, out: Output) -> dict[str, Json]:
    if part.provider_executed:
        out.lost(placed, "provider_executed")
    return {
        "type": "function_call",
        "call_id": part.call_id,
        "name": part.name,
        "arguments": "{}" if part.input is None else json_text(part.input),
        **out.given(placed),
    }


def _result(placed: Placed, part: ToolResultPart, out: Output) -> dict[str, Json]:
    report_result(placed, part, out)
    if part.provider_executed:
        out.lost(placed, "provider_executed")
    blocks = inner_blocks(placed, part.content or (), out)
    return {
        "type": "function_call_output",
        "call_id": part.call_id,
        "output": blocks or output_text(part),
        **out.given(placed),
    }


def _approval(placed: Placed, part: ApprovalPart, out: Output) -> dict[str, Json] | None:
    if part.approved is None or not part.approval_id.startswith("mcpr_"):
        out.lost(placed, "approval")
        return None
    item = {
        "type": "mcp_approval_response",
        "approval_request_id": part.approval_id,
        "approve": part.approved,
    }
    reason = {} if part.reason is None else {"reason": part.reason}
    return {**item, **reason, **out.given(placed)}


def _raw(placed: Placed, _part: RawPart, out: Output) -> dict[str, Json] | None:
    value = out.raw(placed)
    if not out.is_own(placed):
        return None
    if isinstance(value, dict) and not is_message(own_item(placed.message, FAMILY)):
        return value
    # Our own block that lost its message has no place.
    out.lost(placed, "raw")
    return None


def _lost(what: str) -> Callable[[Placed, Any, Output], None]:
    return lambda placed, _part, out: out.lost(placed, what)


_ITEMS: Final[Mapping[type, Callable[[Placed, Any, Output], dict[str, Json] | None]]] = {
    TextPart: _text,
    ReasoningPart: _reasoning,
    ToolCallPart: _call,
    ToolResultPart: _result,
    ApprovalPart: _approval,
    RawPart: _raw,
    FilePart: _lost("file"),
    SourcePart: _lost("source"),
    DataPart: _lost("data"),
}
