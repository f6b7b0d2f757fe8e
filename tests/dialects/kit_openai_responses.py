"""Items of Responses: recorded, generated, and judged by the types of `openai`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st
from kit_openai_chat import PNG, consume
from openai.types.conversations import ConversationItem
from openai.types.responses import ResponseInputItemParam, ResponseItem
from pydantic import TypeAdapter, ValidationError

from threadkeep.testing.strategies import json_values, strings
from threadkeep.values.parts import Json

IMAGE: Final = f"data:image/png;base64,{PNG}"
USER: Final[Json] = {
    "type": "message",
    "id": "msg_u",
    "role": "user",
    "status": "completed",
    "content": [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "detail": "low", "image_url": IMAGE},
        {"type": "input_image", "detail": "auto", "image_url": "https://a.example/b.png"},
        {"type": "input_image", "detail": "auto", "file_id": "file-1", "image_url": None},
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,JVBERg==",
        },
        {"type": "input_file", "file_id": "file-2"},
        {"type": "input_file", "file_url": "https://a.example/c.pdf"},
    ],
}
REASONING: Final[Json] = {
    "id": "rs_1",
    "summary": [
        {"type": "summary_text", "text": "First."},
        {"type": "summary_text", "text": "Then."},
    ],
    "type": "reasoning",
    "content": None,
    "encrypted_content": "gAAAAB",
    "status": None,
}
ANSWER: Final[Json] = {
    "id": "msg_a",
    "content": [
        {
            "annotations": [
                {
                    "end_index": 7,
                    "start_index": 4,
                    "title": "A page",
                    "type": "url_citation",
                    "url": "https://a.example/",
                },
                {"type": "file_citation", "file_id": "file-3", "filename": "d.txt", "index": 3},
                {
                    "type": "container_file_citation",
                    "container_id": "cntr_1",
                    "file_id": "cfile_1",
                    "filename": "e.png",
                    "start_index": 0,
                    "end_index": 3,
                },
                {"type": "file_path", "file_id": "file-4", "index": 2},
            ],
            "text": "See [1].",
            "type": "output_text",
            "logprobs": [{"token": "S", "bytes": [83], "logprob": -0.1, "top_logprobs": []}],
        },
        {"type": "refusal", "refusal": "Not more."},
    ],
    "role": "assistant",
    "status": "completed",
    "type": "message",
    "phase": "final_answer",
}
CALL: Final[Json] = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "search",
    "arguments": '{"q": "x"}',
    "status": "completed",
    "namespace": "web",
}
WEB: Final[Json] = {
    "type": "web_search_call",
    "id": "ws_1",
    "status": "completed",
    "action": {
        "type": "search",
        "query": "x",
        "queries": ["x"],
        "sources": [{"type": "url", "url": "https://a.example/"}],
    },
}
IMAGES: Final[Json] = {
    "type": "image_generation_call",
    "id": "ig_1",
    "status": "completed",
    "result": PNG,
    "output_format": "png",
    "revised_prompt": "a cat",
}
ASKED: Final[Json] = {
    "type": "mcp_approval_request",
    "id": "mcpr_1",
    "arguments": '{"a":1}',
    "name": "write",
    "server_label": "notes",
}
APPROVED: Final[Json] = {
    "type": "mcp_call",
    "id": "mcp_2",
    "approval_request_id": "mcpr_1",
    "arguments": '{"a":1}',
    "error": None,
    "name": "write",
    "output": "done",
    "server_label": "notes",
    "status": "completed",
}
tools: Final[Sequence[Json]] = [
    WEB,
    {
        "type": "web_search_call",
        "id": "ws_2",
        "status": "in_progress",
        "action": {"type": "search"},
    },
    {
        "type": "file_search_call",
        "id": "fs_1",
        "queries": ["x"],
        "status": "completed",
        "results": [{"file_id": "file-5", "filename": "f", "score": 0.5, "text": "t"}],
    },
    {
        "type": "code_interpreter_call",
        "id": "ci_1",
        "code": "1+1",
        "container_id": "cntr_1",
        "outputs": [{"type": "logs", "logs": "2"}],
        "status": "completed",
    },
    IMAGES,
    {"type": "image_generation_call", "id": "ig_2", "status": "failed", "result": None},
    {
        "type": "computer_call",
        "id": "cu_1",
        "call_id": "call_c",
        "action": {"type": "click", "button": "left", "x": 1, "y": 2},
        "pending_safety_checks": [{"id": "cusc_1", "code": "c", "message": "m"}],
        "status": "completed",
    },
    {
        "type": "computer_call_output",
        "call_id": "call_c",
        "output": {"type": "computer_screenshot", "image_url": IMAGE},
        "acknowledged_safety_checks": [{"id": "cusc_1"}],
    },
    {
        "type": "local_shell_call",
        "id": "lsh_1",
        "call_id": "call_l",
        "action": {"type": "exec", "command": ["ls"], "env": {}},
        "status": "completed",
    },
    {"type": "local_shell_call_output", "id": "call_l", "output": '{"stdout":"a"}'},
    {
        "type": "shell_call",
        "id": "sh_1",
        "call_id": "call_s",
        "action": {"commands": ["ls"], "timeout_ms": 100},
        "environment": {"type": "container_reference", "container_id": "cntr_1"},
        "status": "completed",
    },
    {
        "type": "shell_call_output",
        "call_id": "call_s",
        "output": [
            {"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}},
            {"stdout": "", "stderr": "", "outcome": {"type": "timeout"}},
        ],
        "max_output_length": 100,
    },
    {
        "type": "apply_patch_call",
        "call_id": "call_p",
        "operation": {"type": "update_file", "path": "a", "diff": "+b"},
        "status": "completed",
    },
    {"type": "apply_patch_call_output", "call_id": "call_p", "status": "failed", "output": "no"},
    {
        "type": "mcp_list_tools",
        "id": "mcpl_1",
        "server_label": "notes",
        "tools": [{"name": "write", "input_schema": {"type": "object"}}],
    },
    ASKED,
    {
        "type": "mcp_approval_response",
        "approval_request_id": "mcpr_1",
        "approve": True,
        "reason": "fine",
    },
    APPROVED,
    {
        "type": "mcp_call",
        "id": "mcp_1",
        "arguments": "{}",
        "name": "read",
        "server_label": "notes",
        "error": {"type": "http_error", "code": 500, "message": "m"},
    },
    {
        "type": "tool_search_call",
        "id": "ts_1",
        "call_id": "call_t",
        "execution": "client",
        "arguments": {"goal": "g"},
    },
    {
        "type": "tool_search_output",
        "call_id": "call_t",
        "execution": "client",
        "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": False}],
    },
    {"type": "program", "id": "pr_1", "call_id": "call_g", "code": "f()", "fingerprint": "x"},
    {
        "type": "function_call",
        "call_id": "call_f",
        "name": "f",
        "arguments": "{}",
        "caller": {"type": "program", "caller_id": "call_g"},
    },
    {
        "type": "program_output",
        "id": "pro_1",
        "call_id": "call_g",
        "result": "1",
        "status": "completed",
    },
]
"""Calls, outputs and approvals of every kind but functions."""
known: Final[Sequence[Json]] = [
    {"role": "developer", "content": "Be brief."},
    {"role": "system", "content": [{"type": "input_text", "text": "Be kind."}]},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi", "phase": "commentary"},
    USER,
    REASONING,
    ANSWER,
    {
        "type": "reasoning",
        "id": "rs_2",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "Raw."}],
    },
    CALL,
    {
        "type": "function_call_output",
        "id": "fco_1",
        "call_id": "call_1",
        "output": '{"found": 1}',
        "name": "search",
    },
    {
        "type": "function_call_output",
        "call_id": "call_2",
        "output": [
            {"type": "input_text", "text": "see"},
            {"type": "input_image", "detail": "auto", "image_url": IMAGE},
            {"type": "input_file", "file_id": "file-6"},
        ],
    },
    {
        "type": "custom_tool_call",
        "id": "ctc_1",
        "call_id": "call_3",
        "name": "run",
        "input": "print(1)",
    },
    {"type": "custom_tool_call_output", "call_id": "call_3", "output": "1"},
    *tools,
    {"type": "item_reference", "id": "msg_a"},
    {"id": "msg_a"},
    {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAAB"},
    {"type": "compaction_trigger"},
    {"type": "configuration_update", "reasoning": {"effort": "low"}},
    {
        "type": "additional_tools",
        "role": "developer",
        "tools": [{"type": "web_search"}],
    },
    {
        "type": "message",
        "id": "msg_d",
        "role": "discriminator",
        "status": "completed",
        "content": [{"type": "text", "text": "ok"}],
    },
]
"""Items that the types of the package know."""
corpus: Final[Sequence[Json]] = [
    *known,
    {"__enc__": 1, "v": 1, "kid": "hkdf-v1", "payload": "gAAAAB"},
    {"type": "later_call", "id": "lc_1", "odd": [1]},
    {"type": "function_call_output", "output": "for nobody", "call_id": None},
    {"type": "message", "role": "user", "content": [{"type": "later", "a": 1}, 7], "odd": {}},
    {"type": "message", "role": "assistant", "content": 7, "created_by": "x"},
    {"type": "web_search_call", "id": None, "status": "completed"},
    {"type": "reasoning", "id": "rs_3", "summary": [{"type": "later"}]},
]

_members = ["text", "image_url", "file_id", "detail", "file_data", "file_url", "filename"]
_members += ["refusal", "annotations", "logprobs", "role", "media_type", "url", "name", "type"]
_texts: Final = ("", "x", "rs_1", "completed", "failed", "{}", "data:,x")
_odd: Final[list[Any]] = [*_texts, None, True, 1, -0.0, [], {}]
_values: st.SearchStrategy[Any] = st.sampled_from(_odd) | json_values(max_leaves=3)
_kinds = ["input_text", "output_text", "text", "refusal", "input_image", "input_file", "odd", 7]
_annotations = st.lists(_values | st.sampled_from(ANSWER["content"][0]["annotations"]), max_size=2)
_blocks = st.one_of(
    _values,
    st.builds(
        lambda kind, block: {**block, "type": kind},
        st.sampled_from(_kinds),
        st.dictionaries(st.sampled_from(_members), _values | _annotations, max_size=5),
    ),
    st.sampled_from([*USER["content"], *ANSWER["content"]]),
)
_lists = st.lists(_blocks, max_size=3)
_fields = sorted({name for item in known for name in item if name not in ("type", "role")})
_types = sorted({item["type"] for item in known if item.get("type")})
_changed = st.builds(
    lambda item, changes, drop: {
        name: value for name, value in {**item, **changes}.items() if name != drop
    },
    st.sampled_from(known),
    st.dictionaries(st.sampled_from(_fields), _values | _lists, max_size=2),
    st.none() | st.sampled_from(_fields),
)
items: st.SearchStrategy[Any] = _changed | st.builds(
    lambda item, type, role: {**item, **type, **role},
    st.dictionaries(st.sampled_from(_fields), strings() | _values | _lists, max_size=6),
    st.just({}) | st.builds(lambda kind: {"type": kind}, st.sampled_from([*_types, None, "odd"])),
    st.just({})
    | st.builds(lambda role: {"role": role}, st.sampled_from(["user", "assistant", "tool", "x"])),
)
"""Items of almost the right shape, with anything in place of what is expected."""

_params: Final = TypeAdapter[Any](ResponseInputItemParam)
_answers: Final = TypeAdapter[Any](ResponseItem | ConversationItem)


def accepts(items: Sequence[Json]) -> None:
    """Raise where an item is neither one for the API nor one that the API answers."""
    for item in items:
        try:
            consume(_params.validate_python(item))
        except ValidationError:
            if not isinstance(item, dict) or "id" not in item:
                raise
            _answers.validate_python(item)
