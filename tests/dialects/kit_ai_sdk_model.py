"""Model messages of the AI SDK for tests: recorded, generated, and the genuine judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from threadkeep.testing.strategies import json_values, strings

if TYPE_CHECKING:
    from genuine import Genuine
    from hypothesis.strategies import SearchStrategy

Json = Any

PNG: Final = "iVBORw0KGgo="
SIGNED: Final = {"anthropic": {"signature": "c2ln"}}

SYSTEM: Final[Json] = {"role": "system", "content": "Be brief.", "providerOptions": {"p": {}}}
USER: Final[Json] = {
    "role": "user",
    "content": [
        {"type": "text", "text": "What is this?", "providerOptions": {"p": {"cache": True}}},
        {"type": "image", "image": PNG},
        {"type": "image", "image": "https://example.com/a.png", "mediaType": "image/png"},
        {"type": "file", "data": PNG, "mediaType": "image/png", "filename": "a.png"},
        {"type": "file", "data": "https://example.com/a.pdf", "mediaType": "application/pdf"},
    ],
}
ANSWER: Final[Json] = {
    "role": "assistant",
    "content": [
        {"type": "reasoning", "text": "Look it up.", "providerOptions": {**SIGNED, "x": {"y": 1}}},
        {
            "type": "reasoning",
            "text": "",
            "providerOptions": {"openai": {"itemId": "rs_1", "reasoningEncryptedContent": None}},
        },
        {"type": "text", "text": "Looking."},
        {"type": "file", "data": PNG, "mediaType": "image/png"},
        {"type": "tool-call", "toolCallId": "c1", "toolName": "search", "input": {"q": "x"}},
        {
            "type": "tool-call",
            "toolCallId": "c2",
            "toolName": "read",
            "input": "{bad",
            "providerOptions": {"google": {"thoughtSignature": "ts"}},
        },
        {
            "type": "tool-call",
            "toolCallId": "c3",
            "toolName": "web",
            "input": {},
            "providerExecuted": True,
        },
        {
            "type": "tool-result",
            "toolCallId": "c3",
            "toolName": "web",
            "output": {"type": "json", "value": "quoted"},
        },
    ],
    "providerOptions": {"p": {"x": 1}},
}
RESULTS: Final[Json] = {
    "role": "tool",
    "content": [
        {
            "type": "tool-result",
            "toolCallId": "c1",
            "toolName": "search",
            "output": {"type": "json", "value": {"hits": [1, None]}},
        },
        {
            "type": "tool-result",
            "toolCallId": "c2",
            "toolName": "read",
            "output": {"type": "error-text", "value": "no such file"},
            "providerOptions": {"p": {"x": 1}},
        },
        {
            "type": "tool-result",
            "toolCallId": "c4",
            "toolName": "read",
            "output": {"type": "error-json", "value": {"code": 1}},
        },
        {
            "type": "tool-result",
            "toolCallId": "c5",
            "toolName": "shot",
            "output": {"type": "content", "value": [{"type": "text", "text": "Here."}]},
        },
        {
            "type": "tool-result",
            "toolCallId": "c6",
            "toolName": "shot",
            "output": {"type": "text", "value": "plain"},
        },
    ],
}
MEDIA: Final[Json] = {
    "role": "tool",
    "content": [
        {
            "type": "tool-result",
            "toolCallId": "c1",
            "toolName": "shot",
            "output": {
                "type": "content",
                "value": [{"type": "media", "data": PNG, "mediaType": "image/png"}],
            },
        }
    ],
}
APPROVALS: Final[list[Json]] = [
    {
        "role": "assistant",
        "content": [
            {"type": "tool-call", "toolCallId": "c1", "toolName": "rm", "input": {}},
            {
                "type": "tool-approval-request",
                "approvalId": "ap1",
                "toolCallId": "c1",
                "signature": "s",
            },
        ],
    },
    {
        "role": "tool",
        "content": [
            {
                "type": "tool-approval-response",
                "approvalId": "ap1",
                "approved": False,
                "reason": "no",
                "providerExecuted": True,
            },
            {
                "type": "tool-result",
                "toolCallId": "c1",
                "toolName": "rm",
                "output": {"type": "execution-denied", "reason": "no"},
            },
        ],
    },
    {
        "role": "tool",
        "content": [
            {
                "type": "tool-result",
                "toolCallId": "c2",
                "toolName": "shot",
                "output": {
                    "type": "content",
                    "value": [
                        {"type": "file-data", "data": PNG, "mediaType": "image/png"},
                        {"type": "file-url", "url": "https://example.com/a.pdf"},
                        {"type": "file-id", "fileId": "file-1"},
                        {"type": "file-id", "fileId": {"openai": "file-1"}},
                        {"type": "image-data", "data": PNG, "mediaType": "image/png"},
                        {"type": "image-url", "url": "https://example.com/a.png"},
                        {"type": "image-file-id", "fileId": "file-2"},
                        {"type": "custom", "providerOptions": {"p": {"x": 1}}},
                    ],
                },
            }
        ],
    },
]
NEWEST: Final[list[Json]] = [
    {
        "role": "user",
        "content": [
            {"type": "file", "data": {"type": "data", "data": PNG}, "mediaType": "image"},
            {
                "type": "file",
                "data": {"type": "url", "url": "https://e.x/a", "originalUrl": "https://e.x/a?"},
                "mediaType": "image",
            },
            {
                "type": "file",
                "data": {"type": "reference", "reference": {"openai": "f1", "google": "f2"}},
                "mediaType": "image/png",
            },
            {"type": "file", "data": {"openai": "f1"}, "mediaType": "image/png"},
            {"type": "file", "data": {"type": "text", "text": "doc"}, "mediaType": "text/plain"},
        ],
    },
    {
        "role": "assistant",
        "content": [
            {
                "type": "reasoning-file",
                "data": {"type": "data", "data": PNG},
                "mediaType": "image/png",
            },
            {"type": "custom", "kind": "p.k", "providerOptions": {"p": {"x": 1}}},
            {"type": "tool-call", "toolCallId": "c1", "toolName": "rm", "input": {}},
            {
                "type": "tool-approval-request",
                "approvalId": "ap1",
                "toolCallId": "c1",
                "reason": "It deletes.",
                "isAutomatic": True,
                "inputSchemaInput": {"a": 1},
            },
        ],
    },
    {
        "role": "tool",
        "content": [
            {
                "type": "tool-result",
                "toolCallId": "c2",
                "toolName": "shot",
                "output": {
                    "type": "content",
                    "value": [
                        {
                            "type": "file",
                            "data": {"type": "data", "data": PNG},
                            "mediaType": "image/png",
                            "filename": "a.png",
                        },
                        {
                            "type": "file",
                            "data": {"type": "reference", "reference": {"openai": "f1"}},
                            "mediaType": "image/png",
                        },
                        {"type": "file-reference", "providerReference": {"openai": "f1"}},
                        {"type": "image-file-reference", "providerReference": {"openai": "f1"}},
                    ],
                },
            }
        ],
    },
]
ODD: Final[list[Json]] = [
    {"role": "user", "content": "Hi", "id": "x", "unknown": [1]},
    {"role": "assistant", "content": "Hello"},
    {"role": "assistant", "content": []},
    {
        "role": "assistant",
        "content": [
            {"type": "hologram", "depth": 3},
            {"type": "text", "text": "t", "role": "system", "native": 1, "v4": None},
            {"type": "tool-result", "toolCallId": "c", "toolName": "t", "output": "bare"},
            {"type": "tool-call", "toolCallId": "c", "toolName": "t", "name": 1, "extra": 2},
            {"type": "tool-call", "toolCallId": 7, "toolName": "t"},
            None,
        ],
    },
    {
        "role": "tool",
        "content": [
            {"type": "hologram"},
            {
                "type": "tool-result",
                "toolCallId": "c",
                "toolName": "t",
                "output": {"type": "text", "value": "v", "providerOptions": {"p": {}}, "odd": 1},
                "denied": 7,
            },
        ],
    },
]

V4: Final[list[Json]] = [
    {"role": "system", "content": "Be brief.", "experimental_providerMetadata": {"p": {}}},
    {"role": "user", "content": "Hi"},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "See", "experimental_providerMetadata": {"p": {"x": 1}}},
            {"type": "image", "image": PNG, "mimeType": "image/png"},
            {"type": "image", "image": "https://example.com/a.png"},
            {"type": "file", "data": PNG, "mimeType": "image/png", "filename": "a.png"},
        ],
    },
    {
        "role": "assistant",
        "id": "msg-1",
        "content": [
            {"type": "reasoning", "text": "Let me see.", "signature": "c2ln"},
            {"type": "redacted-reasoning", "data": "cmVk"},
            {"type": "text", "text": "Looking."},
            {"type": "tool-call", "toolCallId": "c1", "toolName": "w", "args": {"city": "Lisbon"}},
            {"type": "other"},
        ],
    },
    {
        "role": "tool",
        "content": [
            {"type": "tool-result", "toolCallId": "c1", "toolName": "w", "result": {"t": 20}},
            {
                "type": "tool-result",
                "toolCallId": "c2",
                "toolName": "w",
                "result": "gone",
                "isError": True,
            },
            {
                "type": "tool-result",
                "toolCallId": "c3",
                "toolName": "w",
                "result": None,
                "experimental_content": [
                    {"type": "text", "text": "Here."},
                    {"type": "image", "data": PNG, "mimeType": "image/png"},
                ],
            },
        ],
    },
]

_V5: Final = [SYSTEM, USER, ANSWER, RESULTS, MEDIA, *ODD]
_V6: Final = [*_V5, *APPROVALS]
_V7: Final = [*_V6, *NEWEST]

corpora: Mapping[str, list[Json]] = {
    "ai-sdk-model@4": V4,
    "ai-sdk-model@5": _V5,
    "ai-sdk-model@6": _V6,
    "ai-sdk-model@7": _V7,
}
"""Recorded items by the tag of their dialect."""

_kinds = [
    *("text", "image", "file", "reasoning", "reasoning-file", "custom", "tool-call", "tool-result"),
    *("tool-approval-request", "tool-approval-response", "redacted-reasoning", "hologram", 7),
]
_outputs = ["text", "json", "error-text", "error-json", "execution-denied", "content", "odd", 7]
_members = [
    *("text", "providerOptions", "image", "data", "mediaType", "filename", "toolCallId", "input"),
    *("toolName", "providerExecuted", "output", "approvalId", "approved", "reason", "signature"),
    *("role", "name", "provider", "extra", "content", "native", "v4", "args", "result", "isError"),
    *("experimental_content", "mimeType", "is_error", "denied", "kind", "url", "fileId", "value"),
]
_odd: list[Json] = [
    *("", "x", "c1", "ap1", f"data:image/png;base64,{PNG}", "https://e.x/a", PNG, True, False),
    *(None, 1, 1.0, -0.0, [], {}, SIGNED, {"anthropic": 7}, {"openai": "file-1"}),
    *({"type": "data", "data": PNG}, {"type": "url", "url": "https://e.x/a", "more": 1}),
    *({"type": "text", "text": "\ud800"}, {"type": "reference", "reference": {"p": "f"}}),
    {"type": "reference"},
]
_values: SearchStrategy[Json] = st.sampled_from(_odd) | json_values(max_leaves=3)


def _blocks() -> SearchStrategy[Json]:
    some = st.dictionaries(st.sampled_from(_members), _values, max_size=6)
    inner = st.builds(
        lambda kind, block: {**block, "type": kind},
        st.sampled_from(["text", "media", "file", "file-url", "file-id", "image-data", "custom"]),
        some,
    )
    outputs = st.builds(
        lambda kind, value, more: {**more, "type": kind, "value": value},
        st.sampled_from(_outputs),
        _values | st.lists(inner | _values, max_size=2),
        st.dictionaries(st.sampled_from(["reason", "providerOptions", "odd"]), _values),
    )
    tools = st.fixed_dictionaries(
        {
            "type": st.sampled_from(["tool-call", "tool-result"]),
            "toolCallId": st.sampled_from(["c1", "c2"]),
            "toolName": st.just("x"),
        },
        optional={
            "output": outputs | _values,
            "input": _values,
            "args": _values,
            "result": _values,
            "experimental_content": st.lists(inner, max_size=2),
            "providerExecuted": st.booleans(),
            "odd": _values,
        },
    )
    typed = st.builds(
        lambda kind, block: {"type": kind, "text": "t", **block}, st.sampled_from(_kinds), some
    )
    return st.one_of(tools, typed, some, _values)


def _items() -> SearchStrategy[Json]:
    role = st.sampled_from(["system", "user", "assistant", "tool"])
    tops = {"providerOptions": _values, "id": _values, "odd": _values}
    content = st.lists(_blocks(), max_size=5)
    made = st.fixed_dictionaries({"role": role, "content": content}, optional=tops)
    words = st.fixed_dictionaries(
        {"content": strings(), "role": st.sampled_from(["system", "user", "assistant"])},
        optional=tops,
    )
    return made | words


items: Mapping[str, SearchStrategy[Json]] = {tag: _items() for tag in corpora}
"""Items of almost the right shape, with anything in place of what is expected, by tag."""

_JUDGES: Final = {"ai-sdk-model@5": 5, "ai-sdk-model@6": 6, "ai-sdk-model@7": 7}


def accepts(tag: str, items: Sequence[Json], genuine: Genuine) -> None:
    """Raise AssertionError where the genuine `modelMessageSchema` refuses a message.

    No version judges `ai-sdk-model@4`.
    """
    version = _JUDGES.get(tag)
    if version is None:
        return
    for item in items:
        answer = genuine.call("model_schema", version, message=item)
        assert answer.ok, f"{tag}: {answer.error}"
