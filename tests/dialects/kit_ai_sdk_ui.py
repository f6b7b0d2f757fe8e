"""UI messages of the AI SDK for tests: recorded ones, generated ones, and the genuine judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from threadkeep.testing.strategies import ids, json_values, strings

if TYPE_CHECKING:
    from genuine import Genuine
    from hypothesis.strategies import SearchStrategy

Json = Any

PNG: Final = "iVBORw0KGgo="
SIGNED: Final = {"anthropic": {"signature": "c2ln"}}
ITEM_ID: Final = {"openai": {"itemId": "rs_1", "reasoningEncryptedContent": "ZW5j", "x": None}}

USER: Final[Json] = {
    "id": "u1",
    "role": "user",
    "metadata": {"createdAt": 1, "tags": ["a"]},
    "parts": [
        {"type": "text", "text": "What is this?"},
        {
            "type": "file",
            "mediaType": "image/png",
            "url": f"data:image/png;base64,{PNG}",
            "filename": "a.png",
        },
        {"type": "file", "mediaType": "application/pdf", "url": "https://example.com/a.pdf"},
        {"type": "data-place", "data": {"lat": 1.5}},
    ],
}
ANSWER: Final[Json] = {
    "id": "a1",
    "role": "assistant",
    "metadata": None,
    "parts": [
        {"type": "step-start"},
        {
            "type": "reasoning",
            "id": "0",
            "text": "Look it up.",
            "state": "done",
            "providerMetadata": {**SIGNED, "x": {"y": 1}},
        },
        {
            "type": "reasoning",
            "text": "",
            "providerMetadata": {"anthropic": {"redactedData": "cmVk"}},
        },
        {"type": "text", "text": "Looking.", "state": "done", "providerMetadata": {"p": {"x": 1}}},
        {
            "type": "tool-search",
            "toolCallId": "c1",
            "state": "output-available",
            "input": {"q": "x"},
            "output": {"hits": [1, None]},
            "callProviderMetadata": {"google": {"thoughtSignature": "ts"}},
        },
        {
            "type": "tool-read-file",
            "toolCallId": "c2",
            "state": "output-error",
            "input": {"path": "/x"},
            "errorText": "no such file",
        },
        {
            "type": "dynamic-tool",
            "toolName": "mcp-x",
            "toolCallId": "c3",
            "state": "output-available",
            "input": {},
            "output": "r",
            "title": "X",
            "preliminary": True,
        },
        {"type": "step-start"},
        {"type": "reasoning", "text": "So.", "providerMetadata": ITEM_ID},
        {
            "type": "tool-web",
            "toolCallId": "c4",
            "state": "output-available",
            "input": "q",
            "output": None,
            "providerExecuted": True,
        },
        {"type": "source-url", "sourceId": "s1", "url": "https://example.com", "title": "E"},
        {
            "type": "source-document",
            "sourceId": "s2",
            "mediaType": "text/plain",
            "title": "D",
            "filename": "d.txt",
            "providerMetadata": {"p": {}},
        },
        {"type": "data-chart", "id": "d1", "data": None},
        {"type": "text", "text": "Done.", "state": "streaming"},
        {"type": "file", "mediaType": "image/png", "url": f"data:image/png;base64,{PNG}"},
    ],
}
PENDING: Final[Json] = {
    "id": "a2",
    "role": "assistant",
    "parts": [
        {
            "type": "tool-search",
            "toolCallId": "c5",
            "state": "input-streaming",
            "input": {"q": "h"},
            "rawInput": '{"q":"h',
        },
        {"type": "tool-search", "toolCallId": "c6", "state": "input-streaming"},
        {"type": "tool-rm", "toolCallId": "c7", "state": "input-available", "input": {}},
        {
            "type": "tool-rm",
            "toolCallId": "c8",
            "state": "output-error",
            "rawInput": "{bad",
            "errorText": "invalid",
        },
    ],
}
APPROVALS: Final[Json] = {
    "id": "a3",
    "role": "assistant",
    "parts": [
        {
            "type": "tool-rm",
            "toolCallId": "c1",
            "state": "approval-requested",
            "input": {"path": "/"},
            "approval": {"id": "ap1", "signature": "s", "descriptor": {"k": 1}},
        },
        {
            "type": "tool-rm",
            "toolCallId": "c2",
            "state": "approval-responded",
            "input": {},
            "approval": {"id": "ap2", "approved": True},
        },
        {
            "type": "tool-rm",
            "toolCallId": "c3",
            "state": "approval-responded",
            "input": {},
            "approval": {"id": "ap3", "approved": False, "reason": "no"},
        },
        {
            "type": "tool-rm",
            "toolCallId": "c4",
            "state": "output-available",
            "input": {},
            "output": 1,
            "approval": {"id": "ap4", "approved": True, "reason": "fine"},
            "resultProviderMetadata": {"p": {"x": 1}},
        },
        {
            "type": "tool-rm",
            "toolCallId": "c5",
            "state": "output-denied",
            "input": {},
            "approval": {"id": "ap5", "approved": False, "reason": "never"},
        },
        {
            "type": "dynamic-tool",
            "toolName": "rm",
            "toolCallId": "c6",
            "state": "output-denied",
            "input": {},
            "approval": {"id": "ap6", "approved": False},
            "toolMetadata": {"m": 1},
        },
    ],
}
NEWEST: Final[Json] = {
    "id": "a4",
    "role": "assistant",
    "parts": [
        {"type": "step-start"},
        {
            "type": "text",
            "text": "See.",
            "citations": [
                {"source": {"type": "source", "sourceType": "url", "id": "1", "url": "https://e.x"}}
            ],
        },
        {"type": "reasoning-file", "mediaType": "image/png", "url": "https://example.com/a.png"},
        {"type": "custom", "kind": "openai.compaction", "providerMetadata": {"openai": {"x": 1}}},
        {
            "type": "file",
            "mediaType": "application/pdf",
            "url": "https://example.com/a.pdf",
            "providerReference": {"openai": "file-1"},
        },
        {"type": "steering-message", "id": "u9", "parts": [{"type": "text", "text": "Faster."}]},
        {"type": "step-start"},
        {
            "type": "tool-rm",
            "toolCallId": "c9",
            "state": "approval-requested",
            "input": {},
            "approval": {"id": "ap9", "requestReason": "It deletes.", "isAutomatic": False},
        },
    ],
}
ODD: Final[Json] = {
    "id": "a5",
    "role": "assistant",
    "createdAt": "2025-01-02T03:04:05.678Z",
    "unknown": [1],
    "parts": [
        {"type": "hologram", "depth": 3},
        {"type": "text", "text": "t", "role": "system", "native": 1, "v4": None, "state": 5},
        {"type": "reasoning", "text": "r", "id": 7, "provider": [], "signature": None},
        {"type": "tool-x", "toolCallId": "c", "state": "output-available", "name": 1, "extra": 2},
        {"type": "tool-x", "toolCallId": 7, "state": "output-available"},
        {"type": "tool-x", "toolCallId": "c", "state": "paused"},
        {"type": "step-start", "why": 1},
        {"type": "data-", "name": "n", "data": 1},
        {"type": "text"},
        None,
    ],
}
SYSTEM: Final[Json] = {
    "id": "s1",
    "role": "system",
    "parts": [{"type": "text", "text": "Be brief."}],
}

V4: Final[list[Json]] = [
    {"id": "u1", "role": "user", "content": "Hi", "createdAt": "2024-12-01T10:00:00.000Z"},
    {
        "id": "u2",
        "role": "user",
        "content": "See",
        "parts": [{"type": "text", "text": "See"}],
        "experimental_attachments": [
            {"name": "a.png", "contentType": "image/png", "url": f"data:image/png;base64,{PNG}"},
            {"url": "https://example.com/a.pdf"},
            {"url": None},
        ],
    },
    {
        "id": "a1",
        "role": "assistant",
        "content": "It is 20.",
        "reasoning": "Let me see.",
        "annotations": [{"x": 1}],
        "toolInvocations": [
            {
                "state": "result",
                "step": 0,
                "toolCallId": "c1",
                "toolName": "weather",
                "args": {"city": "Lisbon"},
                "result": {"t": 20},
            }
        ],
        "parts": [
            {"type": "step-start"},
            {
                "type": "reasoning",
                "reasoning": "Let me see.",
                "details": [
                    {"type": "text", "text": "Let me see.", "signature": "c2ln"},
                    {"type": "redacted", "data": "cmVk"},
                ],
            },
            {
                "type": "tool-invocation",
                "toolInvocation": {
                    "state": "result",
                    "step": 0,
                    "toolCallId": "c1",
                    "toolName": "weather",
                    "args": {"city": "Lisbon"},
                    "result": {"t": 20},
                },
            },
            {"type": "step-start"},
            {"type": "source", "source": {"sourceType": "url", "id": "s", "url": "https://e.x"}},
            {"type": "file", "mimeType": "image/png", "data": PNG},
            {"type": "text", "text": "It is 20."},
            {"type": "other"},
        ],
        "revisionId": "r1",
    },
    {
        "role": "assistant",
        "content": "",
        "toolInvocations": [
            {"state": "call", "toolCallId": "c2", "toolName": "w", "args": {}},
            {"state": "partial-call", "toolCallId": "c3", "toolName": "w", "args": {"c": "L"}},
            {"state": "lost", "toolCallId": "c4"},
        ],
    },
    {"id": "d1", "role": "data", "content": "", "data": {"x": 1}},
    {"id": "d2", "role": "data", "content": "plain"},
    {"id": "s1", "role": "system", "content": "Be brief."},
]

_V5: Final = [SYSTEM, USER, ANSWER, PENDING, ODD, {**ANSWER, "id": ""}]
_V6: Final = [*_V5, APPROVALS]
_V7: Final = [*_V6, NEWEST]


def _bare(listed: Sequence[Json]) -> list[Json]:
    return [{name: value for name, value in item.items() if name != "id"} for item in listed]


corpora: Mapping[str, list[Json]] = {
    "ai-sdk-ui@4": V4,
    "ai-sdk-ui@5": _V5,
    "ai-sdk-ui@6": _V6,
    "ai-sdk-ui@7": _V7,
    "ai-sdk/v5": _bare(_V5),
    "ai-sdk/v6": _bare(_V7),
}
"""Recorded items by the tag of their dialect."""

_kinds = [
    *("text", "reasoning", "file", "source-url", "source-document", "step-start", "data-x"),
    *("tool-x", "dynamic-tool", "tool-invocation", "custom", "reasoning-file", "source", 7, ""),
    "steering-message",
]
_states = [
    *("input-streaming", "input-available", "approval-requested", "approval-responded"),
    *("output-available", "output-error", "output-denied", "done", 7),
]
_members = [
    *("text", "state", "providerMetadata", "id", "url", "mediaType", "filename", "title", "data"),
    *("sourceId", "toolName", "toolCallId", "input", "output", "errorText", "approval", "native"),
    *("providerExecuted", "callProviderMetadata", "rawInput", "preliminary", "providerReference"),
    *("role", "name", "provider", "signature", "extra", "content", "v4", "call_id", "reasoning"),
    *("details", "toolInvocation", "source", "mimeType", "parts", "kind", "resultProviderMetadata"),
]
_odd: list[Json] = [
    *("", "x", "c1", f"data:image/png;base64,{PNG}", "https://e.x/a", "a:b", PNG, True, False),
    *(None, 1, 1.0, -0.0, [], {}, SIGNED, ITEM_ID, {"anthropic": 7}, {"openai": "file-1"}),
    *({"id": "ap1"}, {"id": "ap1", "approved": True}, {"id": "ap1", "approved": False}),
    {"id": "ap1", "approved": False, "reason": "no", "descriptor": 1, "call_id": 2},
    [{"type": "text", "text": "x", "signature": "s"}],
    {"type": "url", "url": "https://e.x/a"},
    {"sourceType": "url", "id": "s", "url": "u"},
]
_values: SearchStrategy[Json] = st.sampled_from(_odd) | json_values(max_leaves=3)


def _blocks() -> SearchStrategy[Json]:
    some = st.dictionaries(st.sampled_from(_members), _values, max_size=6)
    tools = st.fixed_dictionaries(
        {
            "type": st.sampled_from(["tool-x", "dynamic-tool"]),
            "toolCallId": st.sampled_from(["c1", "c2"]),
            "toolName": st.just("x"),
            "state": st.sampled_from(_states),
        },
        optional={
            "input": _values,
            "output": _values,
            "errorText": strings(),
            "approval": _values,
            "providerExecuted": st.booleans(),
            "odd": _values,
        },
    )
    invocations = st.fixed_dictionaries(
        {
            "type": st.just("tool-invocation"),
            "toolInvocation": st.fixed_dictionaries(
                {
                    "state": st.sampled_from(["call", "partial-call", "result", 7]),
                    "toolCallId": st.sampled_from(["c1", "c2", 7]),
                    "toolName": st.just("x"),
                },
                optional={"args": _values, "result": _values, "step": _values, "v4": _values},
            ),
        },
        optional={"v4": _values},
    )
    typed = st.builds(
        lambda kind, block: {"type": kind, "text": "t", **block}, st.sampled_from(_kinds), some
    )
    return st.one_of(tools, typed, invocations, some, _values)


def _items(roles: Sequence[str], tops: Mapping[str, SearchStrategy[Json]]) -> SearchStrategy[Json]:
    order = st.permutations(["role", *tops])
    item = st.fixed_dictionaries({"role": st.sampled_from(roles)}, optional=dict(tops))
    return st.builds(
        lambda names, made: {name: made[name] for name in names if name in made}, order, item
    )


def _modern(*, with_ids: bool) -> SearchStrategy[Json]:
    own_ids = st.none() | ids() | st.just("")
    tops = {
        "id": own_ids if with_ids else own_ids | _values,
        "metadata": _values,
        "createdAt": st.just("2024-03-13T14:48:44.500345Z") | _values,
        "odd": _values,
    }
    item = _items(["system", "user", "assistant"], tops)
    parts = st.lists(_blocks(), max_size=5)
    return st.builds(lambda made, listed: {**made, "parts": listed}, item, parts)


def _v4() -> SearchStrategy[Json]:
    tops = {
        "id": st.none() | ids(),
        "parts": st.none() | st.lists(_blocks(), max_size=4),
        "createdAt": st.just("2024-03-13T14:48:44Z") | _values,
        "toolInvocations": st.lists(_blocks() | _values, max_size=2) | _values,
        "experimental_attachments": st.lists(_values | _blocks(), max_size=2) | _values,
        "reasoning": strings() | _values,
        "annotations": _values,
        "data": _values,
        "odd": _values,
    }
    item = _items(["system", "user", "assistant", "data"], tops)
    return st.builds(lambda made, text: {**made, "content": text}, item, strings())


items: Mapping[str, SearchStrategy[Json]] = {
    "ai-sdk-ui@4": _v4(),
    "ai-sdk-ui@5": _modern(with_ids=True),
    "ai-sdk-ui@6": _modern(with_ids=True),
    "ai-sdk-ui@7": _modern(with_ids=True),
    "ai-sdk/v5": _modern(with_ids=False),
    "ai-sdk/v6": _modern(with_ids=False),
}
"""Items of almost the right shape, with anything in place of what is expected, by tag."""

_JUDGES: Final = {
    "ai-sdk-ui@5": 5,
    "ai-sdk-ui@6": 6,
    "ai-sdk-ui@7": 7,
    "ai-sdk/v5": 5,
    "ai-sdk/v6": 7,
}


def accepts(tag: str, items: Sequence[Json], genuine: Genuine) -> None:
    """Raise AssertionError where the genuine `safeValidateUIMessages` refuses the messages.

    An empty list and `ai-sdk-ui@4` have no judge. That of `ai-sdk/v6` is version 7, where the tag
    is in use.
    """
    version = _JUDGES.get(tag)
    if version is None or not items:
        return
    bare = tag.startswith("ai-sdk/")
    listed = [{"id": f"m{n}", **item} if bare else item for n, item in enumerate(items)]
    answer = genuine.call("validate", version, messages=listed)
    assert answer.ok, f"{tag}: {answer.error}"
