"""Blocks of model messages, versions 5 to 7, written from typed parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from threadkeep.dialects.ai_sdk_formats import reasoning
from threadkeep.dialects.ai_sdk_formats.members import UI, Version, joined, members_of
from threadkeep.dialects.ai_sdk_formats.model_files import write_file
from threadkeep.dialects.ai_sdk_formats.outputs import write_output
from threadkeep.dialects.codec import Output
from threadkeep.dialects.flow import Placed
from threadkeep.values.parts import Json, TextPart

KIN: Final[Mapping[str, str]] = {
    "providerMetadata": "providerOptions",
    "callProviderMetadata": "providerOptions",
    "resultProviderMetadata": "providerOptions",
}
_APPROVAL_KIN: Final[Mapping[str, str]] = {
    name: name for name in ("isAutomatic", "signature", "inputSchemaInput")
}


@dataclass(slots=True)
class Context:
    """Where blocks are written to; `names` are the names of the tools by the ids of calls."""

    out: Output
    version: Version
    names: Mapping[str, str]


def check_role(placed: Placed, part: TextPart, role: str, out: Output) -> None:
    """Report a text that is said in another role than its message's."""
    if part.role is not None and part.role != role:
        out.lost(placed, "text.role")


def _text(placed: Placed, part: Any, role: str, context: Context) -> Json:
    check_role(placed, part, role, context.out)
    more = members_of(placed, context.out, context.version, KIN)
    return joined({"type": "text", "text": part.text}, more)


def _reasoning(placed: Placed, part: Any, role: str, context: Context) -> Json:  # noqa: ARG001
    more = members_of(placed, context.out, context.version, KIN)
    options = reasoning.write(placed, more.pop("providerOptions", None), context.out)
    block = {"type": "reasoning", "text": part.text}
    if options is not None:
        block["providerOptions"] = options
    return joined(block, more)


def _file(placed: Placed, part: Any, role: str, context: Context) -> Json:  # noqa: ARG001
    return write_file(placed, part, context.out, context.version)


def _call(placed: Placed, part: Any, role: str, context: Context) -> Json:  # noqa: ARG001
    if placed.message.family == UI and part.extra.get("state") == "input-streaming":
        context.out.lost(placed, "tool_call")
        return None
    block = {
        "type": "tool-call",
        "toolCallId": part.call_id,
        "toolName": part.name,
        "input": part.input,
    }
    if part.provider_executed is not None:
        block["providerExecuted"] = part.provider_executed
    return joined(block, members_of(placed, context.out, context.version, KIN))


def _result(placed: Placed, part: Any, role: str, context: Context) -> Json:
    if role == "tool" and part.provider_executed:
        context.out.lost(placed, "provider_executed")
    more = members_of(placed, context.out, context.version, KIN)
    name = context.names.get(part.call_id, "unknown") if part.name is None else part.name
    block = {
        "type": "tool-result",
        "toolCallId": part.call_id,
        "toolName": name,
        "output": write_output(placed, more.pop("output", None), context.out, context.version),
    }
    return joined(block, more)


def _approval(placed: Placed, part: Any, role: str, context: Context) -> Json:  # noqa: ARG001
    asks = part.approved is None
    if context.version.number < 6 or (asks and part.call_id is None):
        context.out.lost(placed, "approval")
        return None
    block: dict[str, Json]
    if asks:
        block = {
            "type": "tool-approval-request",
            "approvalId": part.approval_id,
            "toolCallId": part.call_id,
        }
    else:
        block = {
            "type": "tool-approval-response",
            "approvalId": part.approval_id,
            "approved": part.approved,
        }
    if part.reason is not None:
        if asks and context.version.number < 7:
            context.out.lost(placed, "approval")
        else:
            block["reason"] = part.reason
    return joined(block, members_of(placed, context.out, context.version, _APPROVAL_KIN))


WRITERS: Final[Mapping[str, Callable[[Placed, Any, str, Context], Json]]] = {
    "text": _text,
    "reasoning": _reasoning,
    "file": _file,
    "tool_call": _call,
    "tool_result": _result,
    "approval": _approval,
}
"""By type of part; each answers None, and reports it, where there is no way to say the part."""
