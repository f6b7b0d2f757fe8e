"""The tools of OpenAI's Responses: each kind of call and of output as parts.

A call that OpenAI runs itself has its outcome in the same item, so it is a call and a result. The
item's own members are `input` and `output` by name, as `CALLS` and `OUTPUTS` say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from threadkeep.dialects.openai_responses.blocks import read_blocks
from threadkeep.dialects.reading import input_of
from threadkeep.values.parts import (
    ApprovalPart,
    FilePart,
    Json,
    Part,
    ToolCallPart,
    ToolResultPart,
)

_DONE: Final = frozenset({"completed", "failed", "incomplete"})


class Found(NamedTuple):
    """The parts of an item, and the members of it that they say."""

    parts: tuple[Part, ...]
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A kind of call: the tool's name, the member with the id, and what is input and output.

    `takes` None: `arguments` are the input. `gives` None: the output is an item of its own.
    `by_openai`: the member that tells, and its value, where OpenAI runs it.
    """

    tool: str
    id: str
    takes: tuple[str, ...] | None
    gives: tuple[str, ...] | None = None
    by_openai: tuple[str, str] | None = None


_IMAGE: Final = ("action", "background", "output_format", "quality", "revised_prompt", "size")
CALLS: Final[Mapping[str, Call]] = {
    "file_search_call": Call("file_search", "id", ("queries",), ("results", "status")),
    "web_search_call": Call("web_search", "id", ("action",), ("status",)),
    "code_interpreter_call": Call(
        "code_interpreter", "id", ("code", "container_id"), ("outputs", "status")
    ),
    "image_generation_call": Call("image_generation", "id", _IMAGE, ("result", "status")),
    "computer_call": Call("computer", "call_id", ("action", "actions")),
    "local_shell_call": Call("local_shell", "call_id", ("action",)),
    "shell_call": Call(
        "shell", "call_id", ("action", "environment"), by_openai=("type", "container_reference")
    ),
    "apply_patch_call": Call("apply_patch", "call_id", ("operation",)),
    "tool_search_call": Call("tool_search", "call_id", None, by_openai=("execution", "server")),
    "program": Call("program", "call_id", ("code",), by_openai=("type", "program")),
}
OUTPUTS: Final[Mapping[str, tuple[str, str]]] = {
    # The member with the id of the call, and the one with the output.
    "function_call_output": ("call_id", "output"),
    "custom_tool_call_output": ("call_id", "output"),
    "computer_call_output": ("call_id", "output"),
    # The output of a local shell has no other id than its call's.
    "local_shell_call_output": ("id", "output"),
    "shell_call_output": ("call_id", "output"),
    "apply_patch_call_output": ("call_id", "output"),
    "tool_search_output": ("call_id", "tools"),
    "program_output": ("call_id", "result"),
}


def read_tool(kind: str, item: dict[str, Json]) -> Found | None:
    """What a call, an output or an approval says; None where it is of another kind or shape."""
    if kind in OUTPUTS:
        return _output(kind, item)
    if kind in CALLS:
        return _call(CALLS[kind], kind, item)
    read = _READERS.get(kind)
    return None if read is None else read(item)


def _function(item: dict[str, Json]) -> Found | None:
    id, name, arguments = item.get("call_id"), item.get("name"), item.get("arguments")
    if not isinstance(id, str) or not isinstance(name, str) or not isinstance(arguments, str):
        return None
    part = ToolCallPart(id, name, input_of(arguments))
    return Found((part,), ("call_id", "name", "arguments"))


def _custom(item: dict[str, Json]) -> Found | None:
    id, name, text = item.get("call_id"), item.get("name"), item.get("input")
    if not isinstance(id, str) or not isinstance(name, str) or not isinstance(text, str):
        return None
    return Found((ToolCallPart(id, name, text),), ("call_id", "name", "input"))


def _call(kind: Call, type: str, item: dict[str, Json]) -> Found | None:
    id = item.get(kind.id)
    if not isinstance(id, str):
        return None
    taken: Json = item.get("arguments")
    if kind.takes is not None:
        taken = {name: item[name] for name in kind.takes if item.get(name) is not None}
    hosted = True if kind.gives is not None or _is_by_openai(kind, item) else None
    call = ToolCallPart(id, kind.tool, taken, provider_executed=hosted)
    said = (kind.id, *(kind.takes or ("arguments",)))
    status = item.get("status")
    if kind.gives is None or not isinstance(status, str) or status not in _DONE:
        return Found((call,), said)
    return Found((call, _outcome(kind, type, id, item)), (*said, *kind.gives))


def _is_by_openai(kind: Call, item: dict[str, Json]) -> bool:
    if kind.by_openai is None:
        return False
    name, value = kind.by_openai
    environment = item.get("environment") if kind.tool == "shell" else item
    return isinstance(environment, dict) and environment.get(name) == value


def _outcome(kind: Call, type: str, id: str, item: dict[str, Json]) -> ToolResultPart:
    failed = True if item["status"] == "failed" else None
    made = item.get("result")
    if type == "image_generation_call" and isinstance(made, str):
        named = item.get("output_format")
        ending = named if isinstance(named, str) else "png"
        media_type = "image/svg+xml" if ending == "svg" else f"image/{ending}"
        content = (FilePart(media_type, data=made),)
        return ToolResultPart(
            id, name=kind.tool, is_error=failed, content=content, provider_executed=True
        )
    given = {name: item[name] for name in kind.gives or () if item.get(name) is not None}
    return ToolResultPart(id, given, kind.tool, is_error=failed, provider_executed=True)


def _mcp_call(item: dict[str, Json]) -> Found | None:
    id, name, arguments = item.get("id"), item.get("name"), item.get("arguments")
    if not isinstance(id, str) or not isinstance(name, str) or not isinstance(arguments, str):
        return None
    asked, error, output = item.get("approval_request_id"), item.get("error"), item.get("output")
    call = ToolCallPart(id, name, input_of(arguments), provider_executed=True)
    if error is None and output is None and item.get("status") not in ("completed", "failed"):
        return Found((call,), ("id", "name", "arguments"))
    failed = True if error is not None or item.get("status") == "failed" else None
    # Once approved, the call is the one that the approval asked for: only the result is new.
    result = ToolResultPart(
        asked if isinstance(asked, str) else id,
        output if error is None else error,
        name,
        is_error=failed,
        provider_executed=True,
    )
    said = ("id", "name", "arguments", "output", "error", "status")
    if isinstance(asked, str):
        return Found((result,), (*said, "approval_request_id", "server_label"))
    return Found((call, result), said)


def _approval_request(item: dict[str, Json]) -> Found | None:
    id, name, arguments = item.get("id"), item.get("name"), item.get("arguments")
    if not isinstance(id, str) or not isinstance(name, str) or not isinstance(arguments, str):
        return None
    call = ToolCallPart(id, name, input_of(arguments), provider_executed=True)
    return Found((call, ApprovalPart(id, id)), ("id", "name", "arguments"))


def _approval_response(item: dict[str, Json]) -> Found | None:
    asked, approve, reason = (
        item.get(name) for name in ("approval_request_id", "approve", "reason")
    )
    if not isinstance(asked, str) or not isinstance(approve, bool):
        return None
    if not isinstance(reason, str | None):
        return None
    said = ("approval_request_id", "approve", "reason")
    return Found((ApprovalPart(asked, asked, approve, reason),), said)


_READERS: Final[Mapping[str, Callable[[dict[str, Json]], Found | None]]] = {
    "function_call": _function,
    "custom_tool_call": _custom,
    "mcp_call": _mcp_call,
    "mcp_approval_request": _approval_request,
    "mcp_approval_response": _approval_response,
}


def _output(kind: str, item: dict[str, Json]) -> Found | None:
    id_member, member = OUTPUTS[kind]
    id, value, name = item.get(id_member), item.get(member), item.get("name")
    if not isinstance(id, str):
        return None
    said = (id_member, member, "name") if isinstance(name, str) else (id_member, member)
    named = name if isinstance(name, str) else None
    if kind in ("function_call_output", "custom_tool_call_output") and isinstance(value, list):
        return Found((ToolResultPart(id, name=named, content=tuple(read_blocks(value))),), said)
    if kind == "computer_call_output":
        shown = tuple(read_blocks([value]))
        if isinstance(shown[0], FilePart):
            return Found((ToolResultPart(id, name=named, content=shown),), said)
    if kind == "apply_patch_call_output":
        failed = True if item.get("status") == "failed" else None
        said = (*said, "status") if failed else said
        return Found((ToolResultPart(id, value, named, is_error=failed),), said)
    hosted = True if kind == "program_output" or item.get("execution") == "server" else None
    return Found((ToolResultPart(id, value, named, provider_executed=hosted),), said)
