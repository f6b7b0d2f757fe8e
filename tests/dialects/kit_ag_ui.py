"""Messages of AG-UI: recorded, generated, and judged by the types of `ag_ui.core`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ag_ui.core import Message
from hypothesis import strategies as st
from pydantic import TypeAdapter

from threadkeep.testing.strategies import ids, json_values, strings
from threadkeep.values.parts import Json

PNG: Final = "iVBORw0KGgo="
IMAGE: Final[Json] = {
    "type": "image",
    "source": {"type": "data", "value": PNG, "mimeType": "image/png"},
    "metadata": {"filename": "a.png", "detail": "low"},
}
USER: Final[Json] = {
    "id": "u1",
    "role": "user",
    "content": [
        {"type": "text", "text": "What is this?", "id": "p1", "metadata": {"title": "t"}},
        IMAGE,
        {
            "type": "audio",
            "source": {"type": "url", "value": "https://a.example/b.mp3", "mimeType": "audio/mpeg"},
        },
        {"type": "video", "source": {"type": "url", "value": "https://a.example/c"}},
        {
            "type": "document",
            "source": {
                "type": "file",
                "value": "file-1",
                "provider": "openai",
                "mimeType": "application/pdf",
            },
        },
        {"type": "document", "source": {"type": "url", "value": "data:text/plain;base64,aGk="}},
    ],
    "name": "ann",
    "metadata": {"ag-ui": {}, "seen": None},
}
CALLS: Final[Json] = {
    "id": "a1",
    "role": "assistant",
    "content": "Let me see.",
    "toolCalls": [
        {
            "id": "c1",
            "type": "function",
            "function": {"name": "search", "arguments": '{"q": "x"}'},
            "encryptedValue": "b3Bh",
            "metadata": {"odd": 1},
        },
        {"id": "c2", "type": "function", "function": {"name": "run", "arguments": '{"bad'}},
    ],
    "encryptedValue": "bWVz",
    "subagentRunId": "s1",
}
RESULTS: Final[Sequence[Json]] = [
    {"id": "t1", "role": "tool", "content": '{"found": [1]}', "toolCallId": "c1"},
    {
        "id": "t2",
        "role": "tool",
        "content": [{"type": "text", "text": "partly"}, IMAGE],
        "toolCallId": "c2",
        "error": "timeout",
        "metadata": {"took": 3},
    },
]
REASONING: Final[Sequence[Json]] = [
    {"id": "r1", "role": "reasoning", "content": "Hm.", "encryptedValue": "ZW5j"},
    {
        "id": "r2",
        "role": "reasoning",
        "content": "So.",
        "encryptedValue": '{"signature": "c2ln", "provider_name": "anthropic",'
        ' "provider_details": {"x": 1}}',
    },
    {"id": "r3", "role": "reasoning", "content": "Thus."},
]
ACTIVITY: Final[Json] = {
    "id": "y1",
    "role": "activity",
    "activityType": "plan",
    "content": {"steps": [1, 2]},
    "metadata": {"z": 1},
}
known: Final[Sequence[Json]] = [
    {"id": "d1", "role": "developer", "content": "Be brief.", "name": "rules"},
    {"id": "s1", "role": "system", "content": "Be kind."},
    {"id": "u0", "role": "user", "content": "Hello"},
    USER,
    REASONING[0],
    CALLS,
    *RESULTS,
    *REASONING[1:],
    ACTIVITY,
    {"id": "a2", "role": "assistant", "toolCalls": []},
    {"id": "a3", "role": "assistant", "content": "Done.", "odd": {"b": 1, "a": None}},
]
"""Messages that the types of the package know."""
corpus: Final[Sequence[Json]] = [
    *known,
    {
        "id": "u2",
        "role": "user",
        "content": [
            {"type": "binary", "mimeType": "image/png", "data": PNG, "filename": "a.png"},
            {"type": "binary", "mimeType": "application/pdf", "id": "file-1"},
            {"type": "hologram", "source": {}},
            "bare",
            {"type": "image", "source": {"type": "later", "value": "x"}},
        ],
    },
    {"id": "a4", "role": "assistant", "content": None, "toolCalls": [{"id": "c", "type": "mcp"}]},
    {"id": "t3", "role": "tool", "content": "no call"},
    {"id": "y2", "role": "activity", "content": "words"},
    {"id": "r4", "role": "reasoning", "encryptedValue": {"a": 1}},
    {"id": "r5", "role": "reasoning", "content": "x", "encryptedValue": '{"signature": 7}'},
    {"role": "user", "content": 7},
    {"role": "system"},
]

_members = ["text", "source", "metadata", "mimeType", "data", "url", "id", "filename", "type"]
_odd: Final[list[Any]] = ["", "x", "{}", "c1", "data:,x", None, True, 1, -0.0, [], {}]
_values: st.SearchStrategy[Any] = st.sampled_from(_odd) | json_values(max_leaves=3)
_inner = st.dictionaries(
    st.sampled_from(["type", "value", "mimeType", "provider", "name", "arguments", "filename"]),
    _values | st.sampled_from(["data", "url", "file"]),
    max_size=4,
)
_kinds = ["text", "image", "audio", "video", "document", "binary", "function", "odd", 7]
_blocks = st.one_of(
    _values,
    st.builds(
        lambda kind, block: {**block, "type": kind},
        st.sampled_from(_kinds),
        st.dictionaries(st.sampled_from([*_members, "function"]), _values | _inner, max_size=5),
    ),
    st.sampled_from([*USER["content"], *CALLS["toolCalls"]]),
)
_lists = st.lists(_blocks, max_size=3)
_roles = ["developer", "system", "user", "assistant", "tool", "activity", "reasoning"]
items: st.SearchStrategy[Any] = st.builds(
    lambda order, item: {name: item[name] for name in order if name in item},
    st.permutations(
        [
            *("id", "role", "content", "toolCalls", "toolCallId", "error", "activityType"),
            *("encryptedValue", "metadata", "name", "subagentRunId", "odd"),
        ]
    ),
    st.fixed_dictionaries(
        {"role": st.sampled_from(_roles)},
        optional={
            "id": ids() | st.sampled_from(["u1", None]),
            "content": strings() | _values | _lists,
            "toolCalls": _values | _lists,
            "toolCallId": _values,
            "error": _values,
            "activityType": _values,
            "encryptedValue": _values | st.sampled_from(['{"signature":"s"}', '{"id":7}']),
            "metadata": _values,
            "name": _values,
            "subagentRunId": _values,
            "odd": _values,
        },
    ),
)
"""Messages of almost the right shape, with anything in place of what is expected."""

_messages: Final = TypeAdapter[Any](list[Message])


def accepts(items: Sequence[Json]) -> None:
    """Raise where an item is no message of AG-UI, or the package says another than was given."""
    read = _messages.validate_python(list(items))
    said = _messages.dump_python(read, mode="json", by_alias=True)
    assert said == list(items)
