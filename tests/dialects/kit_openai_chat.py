"""Messages of Chat Completions: recorded, generated, and judged by the types of `openai`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessage, ChatCompletionMessageParam
from openai.types.chat.chat_completion_store_message import ChatCompletionStoreMessage
from pydantic import TypeAdapter, ValidationError

from threadkeep.testing.strategies import json_values, strings
from threadkeep.values.parts import Json

PNG: Final = "iVBORw0KGgo="
USER: Final[Json] = {
    "role": "user",
    "name": "ann",
    "content": [
        {"type": "text", "text": "What is this?", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
        {
            "type": "file",
            "file": {"file_data": "data:application/pdf;base64,JVBERg==", "filename": "a.pdf"},
        },
        {"type": "file", "file": {"file_id": "file-1"}},
    ],
}
CALLS: Final[Json] = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "search", "arguments": '{"q": "x"}'},
        },
        {"id": "call_2", "type": "custom", "custom": {"name": "run", "input": "print(1)"}},
    ],
}
ANSWER: Final[Json] = {
    "content": "See [1].",
    "refusal": None,
    "role": "assistant",
    "annotations": [
        {
            "type": "url_citation",
            "url_citation": {
                "end_index": 7,
                "start_index": 4,
                "title": "A page",
                "url": "https://a.example/",
            },
        }
    ],
    "audio": None,
    "function_call": None,
    "tool_calls": None,
}
SPOKEN: Final[Json] = {
    "content": None,
    "refusal": None,
    "role": "assistant",
    "annotations": [],
    "audio": {"id": "audio_1", "data": "UklGRg==", "expires_at": 1760000000, "transcript": "Hello"},
    "function_call": None,
    "tool_calls": None,
}
known: Final[Sequence[Json]] = [
    {"role": "developer", "content": "Be brief."},
    {"role": "system", "content": [{"type": "text", "text": "Be kind."}], "name": "rules"},
    {"role": "user", "content": "Hello"},
    USER,
    CALLS,
    {"role": "tool", "tool_call_id": "call_1", "content": '{"found": [1, 2]}'},
    {
        "role": "tool",
        "tool_call_id": "call_2",
        "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}],
    },
    ANSWER,
    SPOKEN,
    {"role": "assistant", "audio": {"id": "audio_1"}},
    {"role": "assistant", "content": None, "refusal": "I cannot."},
    {
        "role": "assistant",
        "content": [{"type": "text", "text": "Well."}, {"type": "refusal", "refusal": "No."}],
    },
    {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "old", "arguments": '{"a":1}'},
    },
    {"role": "function", "name": "old", "content": "done"},
    {"role": "function", "name": "old", "content": None},
]
"""Messages that the types of the package know."""
corpus: Final[Sequence[Json]] = [
    *known,
    {
        "id": "chatcmpl-1-0",
        "role": "user",
        "content": "stored",
        "content_parts": None,
        "name": None,
    },
    {
        "role": "assistant",
        "content": "Two.",
        "reasoning_content": "One and one.",
        "reasoning_details": [{"type": "reasoning.text", "text": "One and one."}],
    },
    {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://a/b"}}, 7]},
    {"role": "user", "content": 7, "odd": {"a": [None]}},
    {"role": "assistant", "tool_calls": [{"id": "c", "type": "later", "later": {}}], "odd": 1},
    {"role": "tool", "content": "no call"},
    {"role": "user"},
]

_members = ["text", "image_url", "input_audio", "file", "refusal", "id", "function", "custom"]
_members += ["url", "data", "format", "file_data", "file_id", "filename", "name", "arguments"]
_members += ["input", "transcript", "role", "media_type", "call_id", "type", "detail"]
_odd: Final[list[Any]] = ["", "x", "text", "wav", "{}", "data:,x", None, True, 1, -0.0, [], {}]
_values: st.SearchStrategy[Any] = st.sampled_from(_odd) | json_values(max_leaves=3)
_inner = st.dictionaries(st.sampled_from(_members), _values, max_size=4)
_kinds = ["text", "refusal", "image_url", "input_audio", "file", "function", "custom", "odd", 7]
_blocks = st.one_of(
    _values,
    st.builds(
        lambda kind, block: {**block, "type": kind},
        st.sampled_from(_kinds),
        st.dictionaries(st.sampled_from(_members), _values | _inner, max_size=5),
    ),
    st.sampled_from([*USER["content"], *CALLS["tool_calls"], *ANSWER["annotations"]]),
)
_lists = st.lists(_blocks, max_size=3)
items: st.SearchStrategy[Any] = st.builds(
    lambda order, item: {name: item[name] for name in order if name in item},
    st.permutations(
        [
            *("role", "content", "name", "tool_calls", "tool_call_id", "refusal", "audio", "id"),
            *("annotations", "function_call", "reasoning_content", "reasoning", "odd"),
        ]
    ),
    st.fixed_dictionaries(
        {"role": st.sampled_from(["developer", "system", "user", "assistant", "tool", "function"])},
        optional={
            "content": strings() | _values | _lists,
            "name": _values,
            "tool_calls": _values | _lists,
            "tool_call_id": _values,
            "refusal": _values,
            "audio": _values | _inner,
            "id": _values,
            "annotations": _values | _lists,
            "function_call": _values | _inner,
            "reasoning_content": _values,
            "reasoning": _values,
            "odd": _values,
        },
    ),
)
"""Messages of almost the right shape, with anything in place of what is expected."""

_params: Final = TypeAdapter[Any](ChatCompletionMessageParam)


def consume(value: Any) -> None:
    """Walk a validated value: pydantic judges an `Iterable` only when it is walked."""
    if isinstance(value, dict):
        for one in value.values():
            consume(one)
    elif not isinstance(value, str | bytes) and hasattr(value, "__iter__"):
        for one in value:
            consume(one)


def accepts(items: Sequence[Json]) -> None:
    """Raise where an item is neither a message for the API nor one that the API answers."""
    for item in items:
        try:
            consume(_params.validate_python(item))
        except ValidationError:
            answered = ChatCompletionStoreMessage if "id" in item else ChatCompletionMessage
            if item.get("role") != "assistant":
                raise
            answered.model_validate(item)
