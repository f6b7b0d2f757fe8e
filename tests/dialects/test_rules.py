"""What providers demand of a history: valid ones pass, and each rule has ones that break it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep.dialects.rules import PROVIDERS, check, rules
from threadkeep.values.errors import InvalidError

few = settings(max_examples=100, deadline=None)

Items = list[Any]
Edit = Callable[[Items], None]
Case = tuple[str, Edit, frozenset[str]]


def split(path: str) -> list[str | int]:
    return [int(step) if step.lstrip("-").isdigit() else step for step in path.split(".")]


def holder(items: Items, path: str) -> tuple[Any, Any]:
    *way, last = split(path)
    found: Any = items
    for step in way:
        found = found[step]
    return found, last


def put(path: str, value: Any) -> Edit:
    def edit(items: Items) -> None:
        found, last = holder(items, path)
        found[last] = deepcopy(value)

    return edit


def drop(path: str) -> Edit:
    def edit(items: Items) -> None:
        found, last = holder(items, path)
        del found[last]

    return edit


def insert(path: str, value: Any) -> Edit:
    def edit(items: Items) -> None:
        found, last = holder(items, path)
        found.insert(last, deepcopy(value))

    return edit


def repeat(path: str) -> Edit:
    def edit(items: Items) -> None:
        found, last = holder(items, path)
        found.insert(last, deepcopy(found[last]))

    return edit


def swap(path: str) -> Edit:
    def edit(items: Items) -> None:
        found, last = holder(items, path)
        found[last : last + 2] = reversed(found[last : last + 2])

    return edit


def cut(count: int) -> Edit:
    def edit(items: Items) -> None:
        del items[count:]

    return edit


def both(*edits: Edit) -> Edit:
    def edit(items: Items) -> None:
        for one in edits:
            one(items)

    return edit


def case(code: str, edit: Edit, *others: str) -> Case:
    return code, edit, frozenset({code, *others})


PIXEL = "iVBORw0KGgo="

ANTHROPIC: Items = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is here?"},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
            },
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "plain"},
                "title": "Notes",
            },
        ],
    },
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "ZGF0YQ=="},
            {"type": "text", "text": "I will look. "},
            {"type": "tool_use", "id": "toolu_A", "name": "look_up", "input": {"q": "x"}},
            {"type": "tool_use", "id": "toolu_B", "name": "weather", "input": {}},
        ],
    },
    {
        "role": "user",
        "content": [
            {
                "type": "tool_result",
                "tool_use_id": "toolu_B",
                "content": [
                    {"type": "text", "text": "sunny"},
                    {"type": "image", "source": {"type": "url", "url": "https://example.com/a"}},
                    {"type": "tool_reference", "tool_name": "look_up"},
                ],
            },
            {"type": "tool_result", "tool_use_id": "toolu_A", "content": "", "is_error": True},
            {"type": "text", "text": "Go on."},
        ],
    },
    {
        "role": "assistant",
        "content": [
            {
                "type": "server_tool_use",
                "id": "srvtoolu_S",
                "name": "web_search",
                "input": {"query": "x"},
            },
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_S", "content": []},
            {"type": "text", "text": "Found."},
        ],
    },
    {"role": "user", "content": "Compute."},
    {
        "role": "assistant",
        "content": [
            {
                "type": "server_tool_use",
                "id": "srvtoolu_C",
                "name": "code_execution",
                "input": {"code": "1"},
            },
            {
                "type": "tool_use",
                "id": "toolu_D",
                "name": "add",
                "input": {"a": 1},
                "caller": {"type": "code_execution_20250825", "tool_id": "srvtoolu_C"},
            },
        ],
    },
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_D"}]},
    {
        "role": "assistant",
        "content": [
            {
                "type": "code_execution_tool_result",
                "tool_use_id": "srvtoolu_C",
                "content": {
                    "type": "code_execution_result",
                    "content": [],
                    "return_code": 0,
                    "stderr": "",
                    "stdout": "1",
                },
            },
            {"type": "text", "text": "One."},
        ],
    },
    {"role": "user", "content": "Thanks."},
    {"role": "assistant", "content": [{"type": "text", "text": "Gladly."}]},
]

CHAT: Items = [
    {"role": "developer", "content": [{"type": "text", "text": "Be short."}]},
    {"role": "system", "content": "Be kind."},
    {
        "role": "user",
        "name": "ann",
        "content": [
            {"type": "text", "text": "What is here?"},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}},
            {"type": "file", "file": {"file_id": "file-1"}},
        ],
    },
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_A", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "call_B", "type": "function", "function": {"name": "g-1", "arguments": ""}},
            {"id": "call_C", "type": "custom", "custom": {"name": "sql", "input": "select 1"}},
        ],
    },
    {"role": "tool", "tool_call_id": "call_B", "content": "b"},
    {"role": "tool", "tool_call_id": "call_A", "content": [{"type": "text", "text": "a"}]},
    {"role": "tool", "tool_call_id": "call_C", "content": ""},
    {"role": "assistant", "content": [{"type": "text", "text": "A cat."}]},
    {"role": "user", "content": "More."},
    {"role": "user", "content": "Now."},
    {"role": "assistant", "content": None, "refusal": "No."},
    {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "f", "arguments": "{}"},
    },
    {"role": "function", "name": "f", "content": "done"},
    {
        "role": "assistant",
        "tool_calls": [
            {"id": "call_A", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_A", "content": "a"},
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
]

RESPONSES: Items = [
    {"role": "system", "content": "Be short."},
    {
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "What is here?"},
            {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
            {"type": "input_file", "file_id": "file-1"},
        ],
    },
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "ZGF0YQ=="},
    {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_A",
        "name": "f",
        "arguments": "{}",
    },
    {"type": "function_call", "call_id": "call_B", "name": "g-1", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_B", "output": "b"},
    {
        "type": "function_call_output",
        "call_id": "call_A",
        "output": [{"type": "input_text", "text": "a"}],
    },
    {"type": "reasoning", "id": "rs_2", "summary": [{"type": "summary_text", "text": "x"}]},
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "A cat.", "annotations": []}],
    },
    {"role": "user", "content": "Do all of it."},
    {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "cats"},
    },
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_C", "name": "sql", "input": "1"},
    {"type": "custom_tool_call_output", "call_id": "call_C", "output": "1"},
    {
        "type": "computer_call",
        "id": "cu_1",
        "call_id": "call_D",
        "action": {"type": "screenshot"},
        "pending_safety_checks": [],
        "status": "completed",
    },
    {
        "type": "computer_call_output",
        "call_id": "call_D",
        "output": {"type": "computer_screenshot", "image_url": "https://example.com/a.png"},
    },
    {
        "type": "local_shell_call",
        "id": "lsh_1",
        "call_id": "call_E",
        "action": {"type": "exec", "command": ["ls"], "env": {}},
        "status": "completed",
    },
    {"type": "local_shell_call_output", "id": "call_E", "output": "{}"},
    {"type": "shell_call", "call_id": "call_F", "action": {"commands": ["ls"]}},
    {
        "type": "shell_call_output",
        "call_id": "call_F",
        "output": [{"stdout": "", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
    },
    {
        "type": "apply_patch_call",
        "call_id": "call_G",
        "operation": {"type": "delete_file", "path": "a"},
        "status": "completed",
    },
    {"type": "apply_patch_call_output", "call_id": "call_G", "status": "completed"},
    {
        "type": "mcp_approval_request",
        "id": "mcpr_1",
        "server_label": "s",
        "name": "t",
        "arguments": "{}",
    },
    {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
    {
        "type": "mcp_call",
        "id": "mcp_1",
        "server_label": "s",
        "name": "t",
        "arguments": "{}",
        "output": "ok",
    },
    {"role": "assistant", "content": "Done."},
]

GEMINI: Items = [
    {
        "role": "user",
        "parts": [
            {"text": "What is here?"},
            {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
            {"fileData": {"mimeType": "image/png", "fileUri": "gs://a/b.png"}},
        ],
    },
    {
        "role": "model",
        "parts": [
            {"text": "Hm.", "thought": True},
            {
                "functionCall": {"id": "1", "name": "look_up", "args": {"q": "x"}},
                "thoughtSignature": "c2ln",
            },
            {"functionCall": {"id": "2", "name": "weather"}},
        ],
    },
    {
        "role": "user",
        "parts": [
            {"functionResponse": {"id": "2", "name": "weather", "response": {"output": 1}}},
            {"functionResponse": {"id": "1", "name": "look_up", "response": {}}},
        ],
    },
    {
        "role": "model",
        "parts": [
            {"executableCode": {"language": "PYTHON", "code": "1"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
            {"text": "One."},
        ],
    },
    {"parts": [{"inline_data": {"mime_type": "image/png", "data": PIXEL}}, {"text": "And?"}]},
    {"role": "model", "parts": [{"function_call": {"name": "a.b:c-d", "args": {}}}]},
    {
        "role": "user",
        "parts": [{"function_response": {"name": "a.b:c-d", "response": {"error": "no"}}}],
    },
    {"role": "model", "parts": [{"text": "Done."}, {"text": "", "thought_signature": "c2ln"}]},
]

HISTORIES: Mapping[str, Items] = {
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
    "openai-chat": CHAT,
    "openai-responses": RESPONSES,
}

LONE = "a\ud83db"
RESULT = {"type": "tool_result", "tool_use_id": "toolu_X", "content": "x"}
CALL = {"type": "function_call", "call_id": "call_X", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_X", "output": "x"}
_UNEXPECTED = "tool-message-unexpected"
FUNCTION_CALL = {"functionCall": {"name": "look_up"}}

MUTATIONS: Mapping[str, list[Case]] = {
    "anthropic": [
        case("empty-history", cut(0)),
        case("message-not-object", insert("10", 7)),
        case("message-not-object", put("8", ["user"])),
        case("role", put("8.role", "system")),
        case("role", drop("8.role")),
        case("role", put("8.role", ["user"])),
        case("first-not-user", drop("0")),
        case("roles-not-alternating", repeat("8")),
        case("roles-not-alternating", repeat("9")),
        case("content-type", put("8.content", None)),
        case("content-type", drop("8.content")),
        case("content-type", put("8.content", {"type": "text", "text": "x"})),
        case("content-empty", put("8.content", "")),
        case("content-empty", put("8.content", [])),
        case("text-blank", put("8.content", " \n")),
        case("text-blank", put("9.content.0.text", "")),
        case("text-blank", put("2.content.0.content.0.text", "")),
        case("trailing-whitespace", put("9.content.0.text", "Gladly. ")),
        case("trailing-whitespace", put("9.content", "Gladly.\n")),
        case("block-type", put("0.content.0", "x")),
        case("block-type", put("0.content.0.type", "unheard_of")),
        case("block-type", insert("0.content.0", {"type": "thinking", "thinking": ""})),
        case("block-type", insert("9.content.0", ANTHROPIC[0]["content"][1])),
        case("block-members", put("0.content.0.text", 5)),
        case("block-members", put("2.content.1.is_error", "yes")),
        case("block-members", drop("3.content.1.content")),
        case("source", drop("0.content.1.source")),
        case("source", put("0.content.1.source.media_type", "image/bmp")),
        case("source", drop("0.content.1.source.data")),
        case("source", put("0.content.2.source.type", "gopher")),
        case("source", put("2.content.0.content.1.source", {"type": "url"})),
        case("thinking-members", drop("1.content.0.thinking")),
        case("thinking-members", drop("1.content.0.signature")),
        case("thinking-members", put("1.content.0.signature", "")),
        case("redacted-thinking-data", drop("1.content.1.data")),
        case("thinking-last", insert("9.content.1", ANTHROPIC[1]["content"][0])),
        case("thinking-last", insert("7.content.2", ANTHROPIC[1]["content"][1])),
        case(
            "tool-use-id",
            both(put("1.content.3.id", "a b"), put("2.content.1.tool_use_id", "a b")),
        ),
        case(
            "tool-use-id",
            both(put("1.content.3.id", "a\n"), put("2.content.1.tool_use_id", "a\n")),
        ),
        case(
            "tool-use-id",
            both(put("3.content.0.id", "toolu_S"), put("3.content.1.tool_use_id", "toolu_S")),
        ),
        case("tool-use-id", drop("1.content.3.id"), "tool-result-unexpected"),
        case(
            "tool-use-id-unique",
            both(put("5.content.1.id", "toolu_A"), put("6.content.0.tool_use_id", "toolu_A")),
        ),
        case("tool-name", put("1.content.3.name", "")),
        case("tool-name", put("1.content.3.name", "look up")),
        case("tool-name", put("1.content.3.name", "x" * 201)),
        case("tool-input", put("1.content.3.input", "{}")),
        case("tool-input", drop("3.content.0.input")),
        case("tool-use-unanswered", drop("2.content.1")),
        case("tool-use-unanswered", cut(2)),
        case("tool-use-unanswered", put("6.content", "Later.")),
        case("tool-result-unexpected", put("8.content", [RESULT])),
        case("tool-result-unexpected", both(drop("0"), drop("0"))),
        case("tool-result-unexpected", drop("1.content.4")),
        case(
            "tool-result-unexpected",
            put("2.content.0.tool_use_id", "toolu_X"),
            "tool-use-unanswered",
        ),
        case("tool-result-repeated", repeat("2.content.0")),
        case("tool-result-not-first", swap("2.content.1")),
        case("tool-result-content", put("2.content.1.content", None)),
        case("tool-result-content", put("2.content.0.content.2.type", "thinking")),
        case("tool-result-content", drop("2.content.0.content.2.tool_name")),
        case("server-tool-unanswered", drop("3.content.1")),
        case("server-tool-unanswered", drop("7.content.0")),
        case("server-tool-result-unexpected", drop("3.content.0")),
        case("server-tool-result-unexpected", repeat("3.content.1")),
        case("server-tool-result-unexpected", swap("3.content.0"), "server-tool-unanswered"),
        case("ill-formed-unicode", put("8.content", LONE)),
        case("ill-formed-unicode", put("1.content.3.input", {"a": [{LONE: 1}]})),
    ],
    "openai-chat": [
        case("empty-history", cut(0)),
        case("message-not-object", insert("8", "x")),
        case("role", put("8.role", "model")),
        case("role", put("8.role", 1)),
        case("participant-name", put("2.name", "Ann B")),
        case("participant-name", put("2.name", None)),
        case("message-members", drop("12.name")),
        case("message-members", put("10.refusal", 5)),
        case("message-members", put("11.function_call", {"name": "f"})),
        case("message-members", put("10.audio", {})),
        case("content-missing", drop("8.content")),
        case("content-missing", put("4.content", None)),
        case("content-missing", drop("10.refusal")),
        case("content-missing", drop("12.content")),
        case("content-type", put("8.content", 5)),
        case("content-type", put("12.content", [])),
        case("content-empty", put("2.content", [])),
        case("part-type", put("2.content.0", "x")),
        case("part-type", put("7.content.0.type", "output_text")),
        case("part-type", insert("5.content.0", CHAT[2]["content"][1])),
        case("part-type", insert("0.content.0", CHAT[2]["content"][3])),
        case("part-type", insert("7.content.0", CHAT[2]["content"][1])),
        case("part-type", insert("2.content.0", CHAT[15]["content"][0])),
        case("part-members", drop("2.content.0.text")),
        case("part-members", put("2.content.1.image_url", "https://example.com/a.png")),
        case("part-members", drop("2.content.1.image_url.url")),
        case("part-members", put("2.content.2.input_audio.format", "ogg")),
        case("part-members", drop("2.content.3.file.file_id")),
        case("tool-calls-type", put("7.tool_calls", None)),
        case("tool-calls-type", put("7.tool_calls", {})),
        case("tool-calls-empty", put("7.tool_calls", [])),
        case("tool-call-members", drop("3.tool_calls.0.function")),
        case("tool-call-members", put("3.tool_calls.0.type", "builtin")),
        case("tool-call-members", drop("3.tool_calls.2.type")),
        case(
            "tool-call-id",
            both(put("3.tool_calls.0.id", "x" * 41), put("5.tool_call_id", "x" * 41)),
        ),
        case("tool-call-id", drop("3.tool_calls.0.id"), "tool-message-unexpected"),
        case("tool-call-id-unique", repeat("3.tool_calls.0")),
        case("function-name", put("3.tool_calls.0.function.name", "a.b")),
        case("function-name", put("3.tool_calls.0.function.name", "x" * 65)),
        case("function-name", put("3.tool_calls.0.function.name", "")),
        case("arguments-type", put("3.tool_calls.0.function.arguments", {})),
        case("arguments-type", drop("3.tool_calls.2.custom.input")),
        case("tool-call-unanswered", drop("5")),
        case("tool-call-unanswered", cut(6)),
        case("tool-call-unanswered", both(drop("5"), insert("8", CHAT[5])), _UNEXPECTED),
        case(_UNEXPECTED, drop("13")),
        case(_UNEXPECTED, insert("9", CHAT[5])),
        case(_UNEXPECTED, drop("14.tool_call_id"), "tool-call-unanswered"),
        case("tool-message-repeated", repeat("5")),
        case("ill-formed-unicode", put("8.content", LONE)),
        case("ill-formed-unicode", put("3.tool_calls.0.function.arguments", LONE)),
    ],
    "openai-responses": [
        case("empty-history", cut(0)),
        case("item-not-object", insert("9", None)),
        case("item-type", put("10.type", "unheard_of")),
        case("item-type", insert("9", {})),
        case("item-members", drop("2.summary")),
        case("item-members", drop("23.server_label")),
        case("item-members", put("22.approve", "yes")),
        case("message-role", put("9.role", "tool")),
        case("content-type", put("9.content", None)),
        case("content-type", drop("1.content")),
        case("part-type", put("1.content.0.type", "text")),
        case("part-type", put("1.content.0.type", "output_text")),
        case("part-type", put("8.content.0.type", "input_text")),
        case("part-type", put("6.output.0", "x")),
        case("part-members", drop("8.content.0.text")),
        case("part-members", drop("1.content.1.image_url")),
        case("part-members", drop("1.content.2.file_id")),
        case("item-id", put("8.id", "msg_" + "x" * 61)),
        case("item-id", put("8.id", "msg_ö")),
        case("item-id", put("8.id", 5)),
        case("item-id-prefix", put("8.id", "rs_9")),
        case("item-id-prefix", put("3.id", "call_A")),
        case("item-id-prefix", put("2.id", "item_1")),
        case("item-id-prefix", put("5.id", "ctco_1")),
        case("item-id-unique", put("7.id", "rs_1")),
        case("item-id-unique", put("6.id", "fc_1")),
        case("call-id", both(put("3.call_id", "x" * 65), put("6.call_id", "x" * 65))),
        case("call-id", drop("3.call_id"), "output-unexpected"),
        case("call-id", drop("16.id"), "call-unanswered"),
        case("call-id-unique", repeat("4")),
        case("function-name", put("3.name", "a.b")),
        case("function-name", put("3.name", "x" * 129)),
        case("arguments-type", put("3.arguments", {})),
        case("arguments-type", drop("11.input")),
        case("arguments-type", drop("23.arguments")),
        case("output-type", put("5.output", {})),
        case("output-type", drop("14.output")),
        case("output-type", put("18.output", "x")),
        case("call-unanswered", drop("5")),
        case("call-unanswered", insert("25", CALL)),
        case("call-unanswered", drop("14")),
        case("call-unanswered", drop("20")),
        case("call-unanswered", put("12.type", "function_call_output"), "output-unexpected"),
        case("output-unexpected", drop("4")),
        case("output-unexpected", insert("9", OUTPUT)),
        case("output-unexpected", swap("11"), "call-unanswered"),
        case("output-unexpected", drop("15")),
        case("output-repeated", repeat("5")),
        case("reasoning-alone", drop("8")),
        case("reasoning-alone", cut(8)),
        case("approval-unexpected", drop("21")),
        case("trigger-not-last", insert("9", {"type": "compaction_trigger"})),
        case("ill-formed-unicode", put("9.content", LONE)),
        case("ill-formed-unicode", put("3.arguments", LONE)),
    ],
    "gemini": [
        case("empty-history", cut(0)),
        case("content-not-object", insert("8", "x")),
        case("role", put("3.role", "assistant")),
        case("role", put("6.role", "function")),
        case("role", put("3.role", {})),
        case("first-not-user", insert("0", GEMINI[3])),
        case("roles-not-alternating", repeat("4")),
        case("roles-not-alternating", repeat("3")),
        case("parts-type", put("3.parts", "x")),
        case("parts-empty", put("3.parts", [])),
        case("parts-empty", drop("3.parts")),
        case("part-not-object", insert("3.parts.0", "x")),
        case("part-data", insert("3.parts.0", {})),
        case("part-data", insert("3.parts.0", {"text": None})),
        case("part-data", insert("3.parts.0", {"thoughtSignature": "c2ln"})),
        case("part-data", put("3.parts.0.text", "x")),
        case("part-data", put("4.parts.0.inlineData", GEMINI[0]["parts"][1]["inlineData"])),
        case("part-role", insert("0.parts.0", FUNCTION_CALL), "response-count"),
        case("part-role", both(put("0.parts", [FUNCTION_CALL]), cut(1)), "response-count"),
        case(
            "part-role",
            insert("3.parts.0", GEMINI[2]["parts"][1]),
            "response-unexpected",
        ),
        case("part-members", put("3.parts.2.text", 5)),
        case("part-members", put("3.parts.0.executableCode", "x")),
        case("part-members", drop("4.parts.0.inline_data.mime_type")),
        case("part-members", drop("0.parts.2.fileData.fileUri")),
        case("text-empty", put("3.parts.2.text", "")),
        case("text-empty", drop("7.parts.1.thought_signature")),
        case(
            "function-name",
            both(
                put("5.parts.0.function_call.name", "1st"),
                put("6.parts.0.function_response.name", "1st"),
            ),
        ),
        case(
            "function-name",
            both(
                put("5.parts.0.function_call.name", "x" * 129),
                put("6.parts.0.function_response.name", "x" * 129),
            ),
        ),
        case("function-name", drop("6.parts.0.function_response.name"), "response-match"),
        case("function-args", put("1.parts.1.functionCall.args", "{}")),
        case(
            "function-id-unique",
            both(
                put("1.parts.2.functionCall.id", "1"),
                put("2.parts.0.functionResponse.id", "1"),
            ),
        ),
        case("function-response", put("6.parts.0.function_response.response", "x")),
        case("function-response", drop("2.parts.0.functionResponse.response")),
        case("response-count", drop("2.parts.0")),
        case("response-count", cut(2)),
        case("response-count", put("6.parts", [{"text": "Later."}])),
        case("response-count", repeat("6.parts.0")),
        case("response-match", put("6.parts.0.function_response.name", "other")),
        case("response-match", put("2.parts.0.functionResponse.id", "3")),
        case(
            "response-match",
            both(
                put("2.parts.0.functionResponse.id", "1"),
                put("2.parts.1.functionResponse.id", "2"),
            ),
        ),
        case("response-unexpected", insert("4.parts.0", GEMINI[6]["parts"][0])),
        case("response-unexpected", drop("5.parts.0"), "parts-empty"),
        case("ill-formed-unicode", put("3.parts.2.text", LONE)),
        case("ill-formed-unicode", put("1.parts.1.functionCall.args", {LONE: 1})),
    ],
}

CASES = [
    pytest.param(provider, *one, id=f"{provider}-{one[0]}-{place}")
    for provider, cases in MUTATIONS.items()
    for place, one in enumerate(cases)
]


def codes(items: Items, provider: str) -> set[str]:
    return {fault.rule for fault in check(items, provider=provider)}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_valid_history_has_no_fault(provider: str) -> None:
    """Parallel calls, reasoning, files and several turns as they should be give no fault."""
    assert check(HISTORIES[provider], provider=provider, system="Be short.") == []


@pytest.mark.parametrize(("provider", "code", "edit", "expected"), CASES)
def test_a_broken_rule_is_found(
    provider: str, code: str, edit: Edit, expected: frozenset[str]
) -> None:
    """A history that breaks one rule has faults of that rule, and of no other but those named.

    [G5]
    """
    items = deepcopy(HISTORIES[provider])
    edit(items)
    before = deepcopy(items)
    faults = check(items, provider=provider)
    assert {fault.rule for fault in faults} == expected
    assert items == before
    for fault in faults:
        assert fault.detail == rules(provider)[fault.rule]
        assert (fault.index is None) == (fault.rule == "empty-history")
        assert fault.index is None or 0 <= fault.index < len(items)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_rule_has_a_mutation(provider: str) -> None:
    """The table above has a history for each code of `rules`, and no other codes."""
    assert {code for code, _, _ in MUTATIONS[provider]} == set(rules(provider))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_rules_are_sentences(provider: str) -> None:
    """Codes are in kebab-case, and each stands for one sentence."""
    for code, sentence in rules(provider).items():
        assert code.replace("-", "").isalpha()
        assert code == code.lower()
        assert sentence.endswith(".")
        assert sentence[0].isupper()


def test_an_unknown_provider_is_refused() -> None:
    """A provider that is not known is an InvalidError that names the known ones."""
    with pytest.raises(InvalidError, match="anthropic, gemini, openai-chat, openai-responses"):
        check([], provider="nobody")
    with pytest.raises(InvalidError):
        rules("nobody")


def test_faults_say_where() -> None:
    """A fault names the item and the path in it, and its values cannot be changed."""
    items = deepcopy(ANTHROPIC)
    items[2]["content"][0]["tool_use_id"] = "toolu_X"
    unanswered, unexpected = check(items, provider="anthropic")
    assert (unanswered.index, unanswered.at) == (1, "content[4].id")
    assert (unexpected.index, unexpected.at) == (2, "content[0].tool_use_id")
    with pytest.raises(FrozenInstanceError):
        unexpected.at = None  # type: ignore[misc]


def test_faults_are_ordered_by_place_and_then_by_rule() -> None:
    """What the system text breaks is first; at one place the order is that of `rules`."""
    items = [{"role": "user", "content": [{"type": "text"}, 5]}, {"role": "user", "content": LONE}]
    faults = check(items, provider="anthropic", system=LONE)
    assert [(fault.index, fault.rule) for fault in faults] == [
        (None, "ill-formed-unicode"),
        (0, "block-type"),
        (0, "block-members"),
        (1, "roles-not-alternating"),
        (1, "ill-formed-unicode"),
    ]


def test_faults_hold_no_content() -> None:
    """A path names members of the format only, never a key that somebody wrote."""
    secret = {"her_name": {LONE: LONE, "content": [[LONE], {"x": LONE}]}}
    items = [
        {"role": "user", "content": "x"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "a", "name": "f", "input": secret}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]},
    ]
    (fault,) = check(items, provider="anthropic")
    assert (fault.index, fault.at) == (1, "content[0].input")


def test_what_anthropic_leaves_open_may_end_a_history() -> None:
    """A server tool without a result is a pause where it ends the history, and only there."""
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    items: Items = [{"role": "user", "content": "x"}, {"role": "assistant", "content": [use]}]
    assert check(items, provider="anthropic") == []
    items.append({"role": "user", "content": "y"})
    assert codes(items, "anthropic") == {"server-tool-unanswered"}


def test_betas_of_anthropic_are_known() -> None:
    """Calls of remote MCP servers are paired as other server tools are."""
    use = {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "t", "server_name": "s", "input": {}}
    result = {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "content": "x"}
    user = {"role": "user", "content": "x"}
    items = [user, {"role": "assistant", "content": [use, result]}, user]
    assert check(items, provider="anthropic") == []
    assert codes([user, {"role": "assistant", "content": [use]}, user], "anthropic") == {
        "server-tool-unanswered"
    }


def test_references_of_responses_may_stand_for_anything() -> None:
    """An output after a reference may answer a call that is stored at the provider."""
    user = {"role": "user", "content": "x"}
    assert codes([user, OUTPUT], "openai-responses") == {"output-unexpected"}
    for reference in ({"type": "item_reference", "id": "fc_1"}, {"id": "fc_1"}):
        assert check([user, reference, OUTPUT], provider="openai-responses") == []


def test_reasoning_without_an_id_may_stand_alone() -> None:
    """The API asks for the item after reasoning only where the reasoning has an id."""
    user = {"role": "user", "content": "x"}
    reasoning = {"type": "reasoning", "summary": [], "encrypted_content": "x"}
    assert check([user, reasoning, user], provider="openai-responses") == []
    items = [user, {**reasoning, "id": "rs_1"}, user]
    assert codes(items, "openai-responses") == {"reasoning-alone"}


def test_programs_and_searches_of_responses_are_paired() -> None:
    """A program's output needs its program; a search of tools by the client needs its output."""
    user = {"role": "user", "content": "x"}
    program = {"type": "program", "id": "p", "call_id": "c", "code": "", "fingerprint": ""}
    output = {"type": "program_output", "id": "o", "call_id": "c", "result": ""}
    assert check([user, program], provider="openai-responses") == []
    assert check([user, program, output], provider="openai-responses") == []
    assert codes([user, output], "openai-responses") == {"output-unexpected"}
    search = {"type": "tool_search_call", "arguments": {}}
    assert check([user, search], provider="openai-responses") == []
    assert codes([user, {**search, "call_id": "c"}], "openai-responses") == {"call-unanswered"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_long_and_deep_histories_take_linear_time(provider: str) -> None:
    """Eight times the history takes about eight times as long, also where all of it is broken."""

    def took(count: int) -> float:
        shared = [
            item
            for _ in range(count)
            for item in (*HISTORIES[provider], {"role": "user", "content": LONE}, 5, {}, CALL)
        ]
        nested: Any = LONE
        for _ in range(count):
            nested = {"content": [[nested]]}
        start = time.process_time()
        assert check([*shared, nested], provider=provider)
        return time.process_time() - start

    took(20)
    assert min(took(400) for _ in range(3)) < 8 * 3 * min(took(50) for _ in range(3))


def test_a_provider_is_imported_when_it_is_asked_for() -> None:
    """Importing the rules imports no provider's, and no framework."""
    script = (
        "import sys, threadkeep.dialects.rules as rules\n"
        "assert not [name for name in rules.PROVIDERS.values() if name in sys.modules]\n"
        "rules.check([], provider='gemini')\n"
        "assert 'threadkeep.dialects.rules.gemini' in sys.modules\n"
        "assert not {'anthropic', 'openai', 'google.genai', 'pydantic'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def consume(value: Any) -> None:
    """Walk a validated value: pydantic validates what is iterable only when it is walked."""
    if isinstance(value, Mapping):
        for item in value.values():
            consume(item)
    elif isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        for item in value:
            consume(item)


@pytest.mark.parametrize(
    ("provider", "module", "name"),
    [
        ("anthropic", "anthropic.types", "MessageParam"),
        ("openai-chat", "openai.types.chat", "ChatCompletionMessageParam"),
        ("openai-responses", "openai.types.responses", "ResponseInputItemParam"),
    ],
)
def test_the_packages_take_the_valid_histories(provider: str, module: str, name: str) -> None:
    """The types of the providers' own packages accept the histories on which nothing is found."""
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(getattr(pytest.importorskip(module), name))
    for item in HISTORIES[provider]:
        consume(adapter.validate_python(item))


def test_the_gemini_package_takes_the_valid_history() -> None:
    """The models of google-genai accept the history on which nothing is found."""
    types = pytest.importorskip("google.genai.types")
    for item in GEMINI:
        types.Content.model_validate(json.loads(json.dumps(item)))


WORDS = sorted(
    {
        word
        for history in HISTORIES.values()
        for word in json.dumps(history).replace('"', " ").replace(",", " ").split()
        if word.isidentifier()
    }
    | {"srvtoolu_S", "item_reference", "compaction_trigger", "program", "tool_search_call"}
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(WORDS)
    | st.text(st.characters(), max_size=3)
)
anything: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=2), inner, max_size=5)
    ),
    max_leaves=15,
)


@pytest.mark.parametrize("provider", PROVIDERS)
@few
@given(items=st.lists(anything, max_size=5))
def test_any_json_gives_faults_and_no_exception(provider: str, items: Items) -> None:
    """Whatever JSON values stand in a history, the answer is a list of known rules in order."""
    found = check(items, provider=provider)
    order = list(rules(provider))
    keys = [(-1 if one.index is None else one.index, order.index(one.rule)) for one in found]
    assert keys == sorted(keys)


@pytest.mark.parametrize("provider", PROVIDERS)
@few
@given(data=st.data())
def test_any_value_anywhere_gives_faults_and_no_exception(
    provider: str, data: st.DataObject
) -> None:
    """A valid history with any JSON value in any place is answered, too."""
    items = deepcopy(HISTORIES[provider])
    for _ in range(data.draw(st.integers(1, 4))):
        place: Any = items
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            inner = place[key]
            if isinstance(inner, (dict, list)) and inner and data.draw(st.booleans()):
                place = inner
                continue
            place[key] = data.draw(anything)
            break
    check(items, provider=provider)
