"""Changed items of OpenAI's Responses: the item that was, with what its message says now.

Each function takes the item and the parts of its message, and answers the new item with the parts
that have no place in it; the item is None where the parts are no longer of its kind. What only
this dialect knows stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from threadkeep.dialects.codec import Output
from threadkeep.dialects.flow import Placed
from threadkeep.dialects.frameworks import json_text
from threadkeep.dialects.openai_responses.blocks import (
    file_block,
    inner_blocks,
    quote,
    text_block,
)
from threadkeep.dialects.openai_responses.tools import CALLS, OUTPUTS, Call
from threadkeep.dialects.writing import arguments_of, output_text
from threadkeep.values.message import Role
from threadkeep.values.parts import (
    ApprovalPart,
    FilePart,
    Json,
    RawPart,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

ROLES: Final[Mapping[str, Role]] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
    # These four stand in Conversations only.
    "tool": "tool",
    "unknown": "assistant",
    "critic": "assistant",
    "discriminator": "assistant",
}
"""The canonical role for each role of a message."""

Item = dict[str, Json]
Rewritten = tuple[Item | None, list[Placed]]


def is_message(item: Mapping[str, Json]) -> bool:
    """Whether an item is a message: its `type` says so, or it has only a role."""
    kind = item.get("type")
    return kind == "message" or (kind is None and "role" in item)


def rewrite(item: Item, role: Role, listed: list[Placed], out: Output) -> Rewritten:
    """The item with the parts that its message has now, and the parts that are left."""
    if is_message(item):
        said = item.get("role")
        if not isinstance(said, str) or ROLES.get(said) != role:
            return None, listed
        return _message(item, role, listed, out)
    kind = item.get("type")
    if not isinstance(kind, str):
        return _raw(item, listed, out)
    if kind in OUTPUTS:
        return _output(kind, item, listed, out)
    if kind in CALLS:
        return _hosted(CALLS[kind], item, listed)
    return _REWRITERS.get(kind, _raw)(item, listed, out)


def _message(item: Item, role: Role, listed: list[Placed], out: Output) -> Rewritten:
    words = [one for one in listed if _is_content(one, role)]
    left = [one for one in listed if not _is_content(one, role)]
    only = words[0].part if len(words) == 1 else None
    if isinstance(item.get("content"), str):
        if not words:
            return {**item, "content": ""}, left
        if isinstance(only, TextPart) and not only.extra:
            return {**item, "content": only.text}, left
        if role == "assistant":
            return None, listed
    kind = "output_text" if role == "assistant" else "input_text"
    blocks: list[Json] = []
    for placed in words:
        part = placed.part
        if isinstance(part, TextPart):
            blocks.append(text_block(placed, part, kind, out))
        elif isinstance(part, SourcePart):
            quote(placed, part, blocks, out)
        elif isinstance(part, FilePart):
            block = file_block(placed, part, out)
            blocks += [] if block is None else [block]
        else:
            blocks.append(out.raw(placed))
    return {**item, "content": blocks}, left


def _is_content(placed: Placed, role: Role) -> bool:
    part = placed.part
    if isinstance(part, TextPart):
        return part.role in (None, role)
    return isinstance(part, FilePart | RawPart) or (
        isinstance(part, SourcePart) and role == "assistant"
    )


def _reasoning(item: Item, listed: list[Placed], out: Output) -> Rewritten:
    parts: list[ReasoningPart] = []
    left: list[Placed] = []
    for placed in listed:
        part = placed.part
        own = isinstance(part, ReasoningPart) and part.provider in (None, "openai")
        if isinstance(part, ReasoningPart) and own and part.id in (None, item.get("id")):
            parts.append(part)
        else:
            left.append(placed)
    if not parts:
        return _raw(item, listed, out)
    texts = [part.text for part in parts if part.text]
    thought = bool(item.get("content")) and not item.get("summary")
    member, kind = ("content", "reasoning_text") if thought else ("summary", "summary_text")
    made = {**item, member: [{"type": kind, "text": text} for text in texts]}
    encrypted = next((part.encrypted for part in parts if part.encrypted is not None), None)
    if encrypted is not None or item.get("encrypted_content") is not None:
        made["encrypted_content"] = encrypted
    return made, left


def _function(item: Item, listed: list[Placed], out: Output) -> Rewritten:
    call, left = _first_call(listed)
    if call is None:
        return _raw(item, listed, out)
    made: Item = {"name": call.name, "call_id": call.call_id}
    if item["type"] == "function_call":
        made["arguments"] = _arguments(call.input)
    else:
        made["input"] = "{}" if call.input is None else arguments_of(call.input)
    return {**item, **made, **call.extra}, left


def _arguments(given: Json) -> str:
    return "{}" if given is None else json_text(given)


def _first_call(listed: list[Placed]) -> tuple[ToolCallPart | None, list[Placed]]:
    for place, placed in enumerate(listed):
        if isinstance(placed.part, ToolCallPart):
            return placed.part, [*listed[:place], *listed[place + 1 :]]
    return None, listed


def _outcome(call_id: Json, left: list[Placed]) -> tuple[ToolResultPart | None, list[Placed]]:
    for place, placed in enumerate(left):
        part = placed.part
        if isinstance(part, ToolResultPart) and part.call_id == call_id:
            return part, [*left[:place], *left[place + 1 :]]
    return None, left


def _hosted(kind: Call, item: Item, listed: list[Placed]) -> Rewritten:
    call, left = _first_call(listed)
    if call is None or call.name != kind.tool:
        return None, listed
    if kind.takes is None:
        made = {"arguments": call.input}
    elif isinstance(call.input, dict) and call.input.keys() <= set(kind.takes):
        made = dict(call.input)
    else:
        return None, listed
    made[kind.id] = call.call_id
    result, left = _outcome(call.call_id, left) if kind.gives is not None else (None, left)
    if result is not None and kind.gives is not None:
        given = _given(result)
        if given is None or not given.keys() <= set(kind.gives):
            return None, listed
        made |= given
    return {**item, **made}, left


def _given(result: ToolResultPart) -> dict[str, Json] | None:
    """The members of a hosted call that its result says; None where it says anything else."""
    if result.content is None:
        return result.output if isinstance(result.output, dict) else None
    image = result.content[0] if len(result.content) == 1 else None
    return {"result": image.data} if isinstance(image, FilePart) and image.data else None


def _mcp_call(item: Item, listed: list[Placed], out: Output) -> Rewritten:
    call, left = _first_call(listed)
    asked = item.get("approval_request_id")
    if call is None and not isinstance(asked, str):
        return _raw(item, listed, out)
    made: Item = {}
    if call is not None:
        made = {"id": call.call_id, "name": call.name, "arguments": _arguments(call.input)}
    result, left = _outcome(asked if call is None else call.call_id, left)
    if result is None and call is None:
        return _raw(item, listed, out)
    if result is not None and result.is_error and isinstance(result.output, dict):
        made |= {"output": None, "error": result.output}
    elif result is not None and not result.is_error:
        made |= {"output": output_text(result), "error": None}
    elif result is not None:
        content = output_text(result)
        made |= {
            "output": None,
            "error": {"type": "mcp_tool_execution_error", "content": content},
        }
    return {**item, **made}, left


def _approval_request(item: Item, listed: list[Placed], out: Output) -> Rewritten:
    call, left = _first_call(listed)
    asked = [one for one in left if isinstance(one.part, ApprovalPart)]
    if call is None or not asked:
        return _raw(item, listed, out)
    made = {"id": call.call_id, "name": call.name, "arguments": _arguments(call.input)}
    return {**item, **made}, [one for one in left if one is not asked[0]]


def _approval_response(item: Item, listed: list[Placed], out: Output) -> Rewritten:
    for place, placed in enumerate(listed):
        part = placed.part
        if isinstance(part, ApprovalPart) and part.approved is not None:
            made = {"approval_request_id": part.approval_id, "approve": part.approved}
            reason = {} if part.reason is None else {"reason": part.reason}
            return {**item, **made, **reason}, [*listed[:place], *listed[place + 1 :]]
    return _raw(item, listed, out)


def _output(kind: str, item: Item, listed: list[Placed], out: Output) -> Rewritten:
    id_member, member = OUTPUTS[kind]
    for place, placed in enumerate(listed):
        part = placed.part
        if not isinstance(part, ToolResultPart):
            continue
        value = _value(kind, placed, part, item.get(member), out)
        if value is None and item.get(member) is not None:
            return None, listed
        made = {**item, id_member: part.call_id, member: value, **part.extra}
        if kind == "apply_patch_call_output":
            made["status"] = "failed" if part.is_error else "completed"
        else:
            report_result(placed, part, out)
        return made, [*listed[:place], *listed[place + 1 :]]
    return _raw(item, listed, out)


def _value(kind: str, placed: Placed, part: ToolResultPart, before: Json, out: Output) -> Json:
    """The output as the kind of item has it; None where that has no place for it."""
    if kind in ("function_call_output", "custom_tool_call_output"):
        blocks = inner_blocks(placed, part.content or (), out)
        return blocks or output_text(part)
    if kind == "computer_call_output":
        blocks = inner_blocks(placed, part.content or (), out)
        image = blocks[0] if len(blocks) == 1 else None
        if not isinstance(image, dict) or image.get("type") != "input_image":
            return None
        where = {name: image[name] for name in ("image_url", "file_id") if name in image}
        return {"type": "computer_screenshot", **where}
    if isinstance(before, str) or kind == "apply_patch_call_output":
        return output_text(part)
    return part.output if isinstance(part.output, list) else None


def report_result(placed: Placed, part: ToolResultPart, out: Output) -> None:
    """Report what an output does not say of a result."""
    for name in ("is_error", "denied"):
        if getattr(part, name):
            out.lost(placed, f"tool_result.{name}")


def _raw(_item: Item, listed: list[Placed], _out: Output) -> Rewritten:
    """What no part says is a raw part, whole: the item itself."""
    for place, placed in enumerate(listed):
        if isinstance(placed.part, RawPart) and isinstance(placed.part.value, dict):
            return placed.part.value, [*listed[:place], *listed[place + 1 :]]
    return None, listed


_REWRITERS: Final[Mapping[str, Callable[[Item, list[Placed], Output], Rewritten]]] = {
    "reasoning": _reasoning,
    "function_call": _function,
    "custom_tool_call": _function,
    "mcp_call": _mcp_call,
    "mcp_approval_request": _approval_request,
    "mcp_approval_response": _approval_response,
}
