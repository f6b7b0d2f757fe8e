"""Messages of pydantic-ai: recorded, generated, and judged by its `ModelMessagesTypeAdapter`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from hypothesis import strategies as st
from pydantic_ai.messages import ModelMessagesTypeAdapter

from threadkeep.testing.strategies import json_values, strings
from threadkeep.values.parts import Json

AT: Final = "2026-05-01T10:00:00Z"
URL: Final[Json] = {
    "url": "https://a.example/a.png",
    "force_download": False,
    "vendor_metadata": None,
    "kind": "image-url",
    "media_type": "image/png",
    "identifier": "bd451e",
}
DIGEST: Final = "0753328a5abdf70c0a8166d285cafb7986dafbe7d3be692a7c268fb8b13442c0"
BINARY: Final[Json] = {
    "data": "__77",
    "media_type": "image/png",
    "vendor_metadata": {"detail": "low"},
    "kind": "binary",
    "identifier": "99d5e6",
}
UPLOADED: Final[Json] = {
    "file_id": "file-1",
    "provider_name": "openai",
    "vendor_metadata": None,
    "kind": "uploaded-file",
    "media_type": "application/pdf",
    "identifier": "mine",
}
SYSTEM: Final[Json] = {
    "content": "Be brief.",
    "timestamp": AT,
    "dynamic_ref": "f",
    "context_id": None,
    "scope": "conversation",
    "metadata": None,
    "part_kind": "system-prompt",
}
PROMPT: Final[Json] = {
    "content": [
        "What is this?",
        URL,
        BINARY,
        UPLOADED,
        {"kind": "cache-point", "ttl": "5m"},
        {"content": "noted", "metadata": {"a": 1}, "kind": "text-content"},
        {
            "content": '{"b":1}',
            "metadata": None,
            "value": {"b": 1},
            "tag": None,
            "description": None,
            "kind": "structured-content",
        },
        {**URL, "url": "https://a.example/noext", "kind": "document-url", "media_type": None},
        {"url": "https://a.example/c", "kind": "video-url"},
    ],
    "timestamp": AT,
    "part_kind": "user-prompt",
}
CALLS: Final[Sequence[Json]] = [
    {
        "tool_name": "search",
        "args": '{"q": "x"}',
        "tool_call_id": "c1",
        "tool_kind": None,
        "id": "fc_1",
        "provider_name": "openai",
        "provider_details": None,
        "part_kind": "tool-call",
    },
    {"tool_name": "run", "args": {"a": 1}, "tool_call_id": "c2", "part_kind": "tool-call"},
    {"tool_name": "stop", "args": None, "tool_call_id": "c3", "part_kind": "tool-call"},
    {"tool_name": "bad", "args": '{"bad', "tool_call_id": "c4", "part_kind": "tool-call"},
    {
        "tool_name": "web_search",
        "args": {"query": "x"},
        "tool_call_id": "s1",
        "provider_name": "anthropic",
        "part_kind": "builtin-tool-call",
    },
]
RETURNS: Final[Sequence[Json]] = [
    {
        "tool_name": "search",
        "content": {"found": [1]},
        "tool_call_id": "c1",
        "tool_kind": None,
        "metadata": {"took": 3},
        "timestamp": AT,
        "outcome": "success",
        "retry": None,
        "part_kind": "tool-return",
        "content_file_digests": [],
    },
    {
        "tool_name": "run",
        "content": ["see", BINARY, URL, {"kind": "image-url"}, 7],
        "tool_call_id": "c2",
        "timestamp": AT,
        "outcome": "failed",
        "part_kind": "tool-return",
        "content_file_digests": [DIGEST],
    },
    {
        "tool_name": "stop",
        "content": "no",
        "tool_call_id": "c3",
        "outcome": "denied",
        "part_kind": "tool-return",
    },
    {
        "tool_name": "bad",
        "content": "again",
        "tool_call_id": "c4",
        "outcome": "retried",
        "retry": {"cause": "model_retry", "attempt": 1, "max_retries": 2},
        "part_kind": "tool-return",
    },
    {
        "tool_name": "late",
        "content": "stopped",
        "tool_call_id": "c5",
        "outcome": "interrupted",
        "part_kind": "tool-return",
    },
]
RETRIES: Final[Sequence[Json]] = [
    {
        "content": "Try again.",
        "tool_name": "run",
        "tool_call_id": "c2",
        "timestamp": AT,
        "part_kind": "retry-prompt",
    },
    {"content": "Answer in JSON.", "tool_name": None, "timestamp": AT, "part_kind": "retry-prompt"},
    {
        "content": "Please return text.",
        "retry": {"cause": "no_output", "attempt": 1, "max_retries": 1},
        "timestamp": AT,
        "part_kind": "retry-feedback",
    },
    {
        "content": [{"type": "missing", "loc": ["a"], "msg": "Field required", "input": {}}],
        "retry": {"cause": "validation_error", "attempt": None, "max_retries": None},
        "timestamp": AT,
        "part_kind": "retry-feedback",
    },
]
SAID: Final[Sequence[Json]] = [
    {
        "content": "Hm.",
        "id": None,
        "signature": "c2ln",
        "provider_name": "anthropic",
        "provider_details": None,
        "part_kind": "thinking",
    },
    {
        "content": "",
        "id": "redacted_thinking",
        "signature": "ZW5j",
        "provider_name": "anthropic",
        "part_kind": "thinking",
    },
    {
        "content": "So.",
        "id": "rs_1",
        "signature": "ZW5j",
        "provider_name": "openai",
        "provider_details": {"raw_content": ["So."]},
        "part_kind": "thinking",
    },
    {"content": "Z.", "signature": "Z29v", "provider_name": "google-gla", "part_kind": "thinking"},
    {
        "content": "See.",
        "id": "msg_1",
        "provider_name": "openai",
        "provider_details": {"phase": "final"},
        "citations": [{"sources": [{"url": "https://a/", "kind": "web"}]}],
        "part_kind": "text",
    },
    *CALLS,
    {
        "tool_name": "web_search",
        "content": [{"url": "https://a/"}],
        "tool_call_id": "s1",
        "provider_name": "anthropic",
        "outcome": "success",
        "timestamp": AT,
        "part_kind": "builtin-tool-return",
    },
    {"content": BINARY, "id": "f1", "provider_name": "google", "part_kind": "file"},
    {"content": "Before.", "provider_name": "anthropic", "part_kind": "compaction"},
    {"speaker": "assistant", "transcript": "Hello", "audio": None, "part_kind": "speech"},
]
USAGE: Final[Json] = {"input_tokens": 3, "output_tokens": 4, "details": {"x": 1}}


def request(*parts: Json, **members: Json) -> Json:
    """A request as the adapter writes it."""
    said = {"timestamp": None, "instructions": None, "kind": "request", "run_id": None}
    return {"parts": list(parts), **said, "state": "complete", **members}


def response(*parts: Json, **members: Json) -> Json:
    """A response, with some of what the adapter writes."""
    return {"parts": list(parts), "timestamp": AT, "kind": "response", **members}


known: Final[Sequence[Json]] = [
    request(SYSTEM, {"content": "Hello", "timestamp": AT, "part_kind": "user-prompt"}),
    request(PROMPT, instructions="Be kind.", run_id="r1", metadata={"a": 1}, timestamp=AT),
    response(*SAID, usage=USAGE, model_name="m", provider_name="openai", finish_reason="stop"),
    request(*RETURNS),
    request(RETURNS[0], SYSTEM, {**PROMPT, "content": "And?"}),
    request(RETRIES[0]),
    *(request(retry) for retry in RETRIES[1:]),
    request(SYSTEM),
    request(state="interrupted"),
    request({"settings": {}, "top_level": True, "part_kind": "model-settings-delta"}),
    request({"tools_added": ["t"], "tool_call_id": "c1", "part_kind": "tool-availability-delta"}),
    request({"speaker": "user", "transcript": "Hello", "part_kind": "speech"}),
    response({"content": "Done.", "part_kind": "text"}),
    response(),
]
"""Messages that the adapter reads."""
corpus: Final[Sequence[Json]] = [
    *known,
    request({"content": "Hello", "odd": 1, "part_kind": "user-prompt"}, odd={"b": 1, "a": None}),
    request({"content": [7, {"kind": "odd"}, None], "part_kind": "user-prompt"}, "bare"),
    request({"content": 7, "part_kind": "user-prompt"}, {"part_kind": "later", "x": 1}),
    response({"content": "x", "odd": [1], "part_kind": "text"}, {"part_kind": "later"}, None),
    response({"tool_name": "t", "part_kind": "tool-call"}, {"args": 1, "part_kind": "tool-call"}),
    {"kind": "request", "parts": []},
]

_odd: Final[list[Any]] = ["", "x", "c1", "{}", "anthropic", "openai", None, True, 1, -0.0, [], {}]
_values: st.SearchStrategy[Any] = st.sampled_from(_odd) | json_values(max_leaves=3)
_files = ["binary", "uploaded-file", "image-url", "document-url", "text-content", "cache-point"]
_content = st.one_of(
    _values,
    st.sampled_from(PROMPT["content"]),
    st.builds(
        lambda kind, block: {**block, "kind": kind},
        st.sampled_from([*_files, "odd"]),
        st.dictionaries(
            st.sampled_from(["url", "data", "file_id", "media_type", "content", "identifier"]),
            _values,
            max_size=4,
        ),
    ),
)
_kinds = ["system-prompt", "user-prompt", "tool-return", "retry-prompt", "retry-feedback", "text"]
_kinds += ["thinking", "tool-call", "builtin-tool-call", "builtin-tool-return", "file", "speech"]
_parts = st.one_of(
    _values,
    st.sampled_from([SYSTEM, PROMPT, *RETURNS, *RETRIES, *SAID]),
    st.builds(
        lambda kind, block: {**block, "part_kind": kind},
        st.sampled_from([*_kinds, "odd"]),
        st.fixed_dictionaries(
            {},
            optional={
                "content": strings() | _content | st.lists(_content, max_size=3),
                "tool_name": _values,
                "tool_call_id": _values,
                "args": _values,
                "signature": _values,
                "provider_name": _values,
                "id": _values,
                "outcome": _values | st.sampled_from(["failed", "denied", "retried"]),
                "content_file_digests": _values,
                "transcript": _values,
                "timestamp": _values | st.just(AT),
                "odd": _values,
            },
        ),
    ),
)
items: st.SearchStrategy[Any] = st.builds(
    lambda order, item: {name: item[name] for name in order if name in item},
    st.permutations(
        ["parts", "kind", "timestamp", "instructions", "usage", "state", "metadata", "odd"]
    ),
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["request", "response"]), "parts": st.lists(_parts, max_size=4)},
        optional={
            "timestamp": st.just(AT) | _values,
            "instructions": _values,
            "usage": _values | st.just(USAGE),
            "state": _values,
            "metadata": _values,
            "odd": _values,
        },
    ),
)
"""Messages of almost the right shape, with anything in place of what is expected."""


def accepts(items: Sequence[Json]) -> None:
    """Raise where the adapter refuses the items, or reads less than they say.

    What it is known to say in another way is the spelling of times, retries of before 2.68, and
    the media type of a URL that was given none.
    """
    read = ModelMessagesTypeAdapter.validate_python(list(items))
    holds(ModelMessagesTypeAdapter.dump_python(read, mode="json"), list(items))


def holds(read: Json, given: Json) -> None:
    """Raise unless all that is given is there when it is read."""
    if isinstance(given, dict):
        if given.get("part_kind") == "retry-prompt":
            return
        assert isinstance(read, dict)
        assert given.keys() <= read.keys(), given.keys() - read.keys()
        for name, value in given.items():
            if name == "content_file_digests":
                # They are of the files as they are read, with the types told by their URLs.
                assert len(read[name]) == len(value)
            elif name == "media_type" and value is None:
                assert isinstance(read[name], str | None)
            elif name == "timestamp" and value is not None:
                assert datetime.fromisoformat(read[name]) == datetime.fromisoformat(value)
            else:
                holds(read[name], value)
    elif isinstance(given, list):
        assert isinstance(read, list)
        assert len(read) == len(given)
        for inside, one in zip(read, given, strict=True):
            holds(inside, one)
    else:
        assert read == given
