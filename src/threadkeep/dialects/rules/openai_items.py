"""The items of the Responses API: their members, ids, calls with outputs, and parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from threadkeep.dialects.rules.common import (
    Test,
    is_bool,
    is_filled,
    is_list,
    is_object,
    is_text,
    kind_of,
)

if TYPE_CHECKING:
    from threadkeep.values.parts import Json

Kinds = Mapping[str, Mapping[str, Test]]
"""What is known of some kinds: the tests of their required members."""

ROLES: Final = frozenset({"user", "assistant", "system", "developer"})

MEMBERS: Final[Kinds] = {
    "reasoning": {"summary": is_list},
    "compaction": {"encrypted_content": is_filled},
    "compaction_trigger": {},
    "configuration_update": {},
    "additional_tools": {"tools": is_list},
    "item_reference": {"id": is_filled},
    "function_call": {},
    "function_call_output": {},
    "custom_tool_call": {},
    "custom_tool_call_output": {},
    "computer_call": {},
    "computer_call_output": {},
    "local_shell_call": {"action": is_object},
    "local_shell_call_output": {},
    "shell_call": {"action": is_object},
    "shell_call_output": {},
    "apply_patch_call": {"operation": is_object, "status": is_filled},
    "apply_patch_call_output": {"status": is_filled},
    "tool_search_call": {},
    "tool_search_output": {"tools": is_list},
    "program": {"code": is_text, "fingerprint": is_text},
    "program_output": {},
    "file_search_call": {"id": is_filled, "queries": is_list},
    "web_search_call": {"id": is_filled},
    "image_generation_call": {"id": is_filled},
    "code_interpreter_call": {"id": is_filled, "container_id": is_filled},
    "mcp_list_tools": {"id": is_filled, "server_label": is_text, "tools": is_list},
    "mcp_approval_request": {"id": is_filled, "server_label": is_text, "name": is_filled},
    "mcp_approval_response": {"approve": is_bool},
    "mcp_call": {"id": is_filled, "server_label": is_text, "name": is_filled},
}

OUTPUTS: Final[Mapping[str, str]] = {
    "function_call_output": "function_call",
    "custom_tool_call_output": "custom_tool_call",
    "computer_call_output": "computer_call",
    "local_shell_call_output": "local_shell_call",
    "shell_call_output": "shell_call",
    "apply_patch_call_output": "apply_patch_call",
    "tool_search_output": "tool_search_call",
    "program_output": "program",
}
"""The kinds of outputs, with the kind of call that each answers."""

CALLS: Final = frozenset(OUTPUTS.values())

NEEDS_OUTPUT: Final = CALLS - {"program"}
"""The calls that must be answered; a program is, by the server, once the calls it made are."""

ARGUMENTS: Final[Mapping[str, str]] = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "mcp_call": "arguments",
    "mcp_approval_request": "arguments",
}

OUTPUT_TESTS: Final[Mapping[str, Test]] = {
    "computer_call_output": is_object,
    "local_shell_call_output": is_text,
    "shell_call_output": is_list,
}

# Those that 400s of the API name; an output has the prefix of its call.
PREFIXES: Final[Mapping[str, str]] = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fc",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctc",
    "web_search_call": "ws",
}

INPUT_PARTS: Final[Kinds] = {"input_text": {"text": is_text}, "input_image": {}, "input_file": {}}
_OUTPUT_PARTS: Final[Kinds] = {"output_text": {"text": is_text}, "refusal": {"refusal": is_text}}
PARTS: Final[Mapping[str, Kinds]] = {
    role: _OUTPUT_PARTS if role == "assistant" else INPUT_PARTS for role in ROLES
}
ALL_PARTS: Final[Kinds] = {**INPUT_PARTS, **_OUTPUT_PARTS}
"""What messages of a role that is none may hold."""

ONE_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "input_image": ("image_url", "file_id"),
    "input_file": ("file_data", "file_id", "file_url"),
}
"""Of these members a part must have one."""

_LED_TO: Final = (frozenset(MEMBERS) - frozenset(OUTPUTS)) - {
    "compaction_trigger",
    "configuration_update",
    "additional_tools",
    "mcp_approval_response",
}


def item_kind(item: Json) -> str:
    """The type of an item. One without a type is a message if it has a role, else a reference."""
    if not isinstance(item, dict):
        return ""
    if item.get("type") is None:
        if "role" in item:
            return "message"
        return "item_reference" if is_filled(item.get("id")) else ""
    return kind_of(item)


def waits(item: Mapping[str, Json], kind: str) -> bool:
    """Whether a call and its output are tied by an id; a search of tools by the server is not."""
    if kind in ("tool_search_call", "tool_search_output"):
        return item.get("execution") == "client" or item.get("call_id") is not None
    return True


def follows_reasoning(item: Json) -> bool:
    """Whether reasoning may have led to the item: the model made it, or it may stand for one."""
    kind = item_kind(item)
    return kind in _LED_TO or (kind == "message" and kind_of(item, "role") == "assistant")
