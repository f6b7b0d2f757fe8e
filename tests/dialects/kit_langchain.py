"""Messages of LangChain: recorded, generated, and judged by `messages_from_dict`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st
from langchain_core.messages import BaseMessage, messages_from_dict
from langchain_core.messages.content import KNOWN_BLOCK_TYPES, ContentBlock
from pydantic import TypeAdapter

from threadkeep.testing.strategies import ids, json_values, strings
from threadkeep.values.parts import Json

PNG: Final = "iVBORw0KGgo="


def made(kind: str, content: Json, **members: Json) -> Json:
    """A message as `message_to_dict` writes it."""
    data = {
        "content": content,
        "additional_kwargs": {},
        "response_metadata": {},
        "type": kind,
        "name": None,
        "id": None,
    }
    return {"type": kind, "data": {**data, **members}}


def answered(content: Json, calls: Sequence[Json] = (), **members: Json) -> Json:
    """A model's message."""
    said: dict[str, Json] = {"tool_calls": list(calls), "invalid_tool_calls": []}
    return made("ai", content, **{**said, "usage_metadata": None, **members})


def called(name: str, args: Json, id: str | None) -> Json:
    """A call as a message lists it."""
    return {"name": name, "args": args, "id": id, "type": "tool_call"}


FILES: Final[Sequence[Json]] = [
    {"type": "image", "url": "https://a.example/b.png", "mime_type": "image/png", "id": "lc_1"},
    {"type": "image", "base64": PNG, "mime_type": "image/png", "extras": {"detail": "low"}},
    {"type": "audio", "base64": "UklGRg==", "mime_type": "audio/wav"},
    {"type": "video", "url": "https://a.example/c"},
    {"type": "file", "file_id": "file-1", "mime_type": "application/pdf"},
    {"type": "file", "base64": "JVBERg==", "extras": {"filename": "a.pdf"}},
    {"type": "text-plain", "text": "words", "mime_type": "text/plain", "title": "a.txt"},
    {"type": "image", "source_type": "url", "url": "https://a.example/d.png"},
    {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
    {"type": "file", "source_type": "id", "id": "file-2", "filename": "b.pdf"},
    {"type": "file", "source_type": "text", "text": "words"},
    {"type": "image_url", "image_url": {"url": "https://a.example/e.png", "detail": "low"}},
    {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"},
    {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
    {
        "type": "file",
        "file": {"file_data": "data:application/pdf;base64,JVBERg==", "filename": "c.pdf"},
    },
    {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": PNG},
        "cache_control": {"type": "ephemeral"},
    },
    {"type": "document", "source": {"type": "url", "url": "https://a.example/f.pdf"}},
]
"""Files as standard blocks, as blocks of v0, and as providers have them."""
SPOKEN: Final[Sequence[Json]] = [
    {"type": "thinking", "thinking": "Hm.", "signature": "c2ln", "index": 0},
    {"type": "redacted_thinking", "data": "ZW5j"},
    {"type": "reasoning", "reasoning": "So.", "id": "rs_1", "extras": {"signature": "c2ln"}},
    {
        "type": "reasoning",
        "id": "rs_2",
        "summary": [{"type": "summary_text", "text": "Thus."}],
        "encrypted_content": "ZW5j",
    },
    {"type": "non_standard", "value": {"type": "redacted_thinking", "data": "ZW5k"}},
    {"type": "text", "text": "See.", "annotations": [{"type": "citation", "url": "https://a/"}]},
    {"type": "server_tool_call", "id": "s1", "name": "web_search", "args": {"q": "x"}},
    {"type": "server_tool_result", "tool_call_id": "s1", "status": "success", "output": [1]},
    {"type": "server_tool_use", "id": "s2", "name": "web_search", "input": {"q": "y"}},
    {
        "type": "web_search_tool_result",
        "tool_use_id": "s2",
        "content": {"type": "web_search_tool_result_error", "error_code": "unavailable"},
    },
    {"type": "tool_use", "id": "c1", "name": "search", "input": {"q": "x"}},
    {"type": "function_call", "call_id": "c2", "name": "run", "arguments": '{"a": 1}'},
    {"type": "non_standard", "value": {"type": "odd"}},
    {"type": "refusal", "refusal": "No."},
    "bare",
]
"""What models say, in standard blocks and in their own."""
CHUNK: Final = answered("part", [called("f", {"a": 1}, "c7")], id="run-1")
known: Final[Sequence[Json]] = [
    made("system", "Be brief."),
    made("human", "Hello", id="h1", name="ann"),
    made("human", [{"type": "text", "text": "What is this?", "index": 1}, *FILES]),
    answered(
        "Let me see.",
        [called("search", {"q": "x"}, "c1"), called("search", {}, None)],
        invalid_tool_calls=[
            {
                "name": "run",
                "args": '{"bad',
                "id": "c3",
                "error": "no JSON",
                "type": "invalid_tool_call",
            }
        ],
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        response_metadata={"model_name": "m", "finish_reason": "tool_calls"},
        id="run-2",
    ),
    made("tool", "found", name="search", tool_call_id="c1", artifact={"n": 1}, status="success"),
    made(
        "tool",
        ["bare", {"type": "text", "text": "x"}, FILES[1], {"type": "json", "json": {"a": 1}}],
        tool_call_id="c3",
        artifact=None,
        status="error",
    ),
    answered(SPOKEN, [called("search", {"q": "x"}, "c1"), called("run", {"a": 1}, "c2")]),
    answered("Two.", additional_kwargs={"reasoning_content": "One and one.", "refusal": None}),
    answered(
        "",
        additional_kwargs={
            "tool_calls": [
                {
                    "id": "c9",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"a": 1}'},
                }
            ]
        },
    ),
    answered("", additional_kwargs={"function_call": {"name": "old", "arguments": "{}"}}),
    made("function", "done", name="old"),
    made("chat", "Well.", role="assistant"),
    made("chat", "Hm.", role="narrator"),
    {
        "type": "AIMessageChunk",
        "data": {
            **CHUNK["data"],
            "type": "AIMessageChunk",
            "tool_call_chunks": [
                {"name": "f", "args": '{"a": 1}', "id": "c7", "index": 0, "type": "tool_call_chunk"}
            ],
            "chunk_position": "last",
        },
    },
    {"type": "HumanMessageChunk", "data": {"content": "half", "type": "HumanMessageChunk"}},
    made("remove", "", id="h1"),
]
"""Messages that the package reads."""
corpus: Final[Sequence[Json]] = [
    *known,
    made("human", [{"type": "hologram", "rays": []}, {"text": "untyped"}, 7, None]),
    made("human", 7, odd={"b": 1, "a": None}),
    made("tool", "no call"),
    {"type": "human", "data": {}, "odd": 1},
    {"data": {"content": "x", "id": 7}, "type": "human"},
    answered("", [{"name": None, "args": {}, "id": "c"}, 7]),
]

_members = ["text", "reasoning", "thinking", "signature", "data", "summary", "extras", "id", "url"]
_members += ["base64", "file_id", "mime_type", "source_type", "source", "file", "image_url", "name"]
_members += ["input_audio", "args", "input", "arguments", "call_id", "tool_call_id", "tool_use_id"]
_members += ["output", "content", "status", "value", "title", "filename", "metadata", "error"]
_odd: Final[list[Any]] = ["", "x", "url", "base64", "id", "c1", "data:,x", None, True, 1, [], {}]
_values: st.SearchStrategy[Any] = st.sampled_from(_odd) | json_values(max_leaves=3)
_inner = st.dictionaries(
    st.sampled_from([*_members, "type", "format", "file_data", "media_type"]), _values, max_size=4
)
_kinds = [*sorted(KNOWN_BLOCK_TYPES), "thinking", "redacted_thinking", "image_url", "input_audio"]
_kinds += ["tool_use", "function_call", "server_tool_use", "web_search_tool_result", "document"]
_blocks = st.one_of(
    _values,
    st.builds(
        lambda kind, block: {**block, "type": kind},
        st.sampled_from([*_kinds, "odd"]),
        st.dictionaries(st.sampled_from(_members), _values | _inner, max_size=5),
    ),
    st.sampled_from([*FILES, *SPOKEN]),
)
_lists = st.lists(_blocks, max_size=3)
_calls = st.lists(st.sampled_from([called("f", {"a": 1}, "c1"), called("f", "x", None)]) | _blocks)
_types = ["human", "ai", "system", "tool", "function", "chat", "remove", "AIMessageChunk"]
items: st.SearchStrategy[Any] = st.builds(
    lambda order, item, data: {
        name: {**item, "data": data}[name] for name in order if name in {**item, "data": data}
    },
    st.permutations(["type", "data", "odd"]),
    st.fixed_dictionaries({"type": st.sampled_from(_types)}, optional={"odd": _values}),
    st.fixed_dictionaries(
        {},
        optional={
            "content": strings() | _values | _lists,
            "id": ids() | _values,
            "name": _values,
            "role": _values,
            "tool_calls": _calls | _values,
            "invalid_tool_calls": _calls | _values,
            "tool_call_id": _values,
            "status": _values | st.just("error"),
            "artifact": _values,
            "additional_kwargs": st.dictionaries(
                st.sampled_from(["tool_calls", "function_call", "reasoning_content", "odd"]),
                _values | _lists | _inner,
                max_size=2,
            )
            | _values,
            "response_metadata": st.just({"model_provider": "openai"}) | _values,
            "odd": _values,
        },
    ),
)
"""Messages of almost the right shape, with anything in place of what is expected."""

_block: Final = TypeAdapter[Any](ContentBlock)


def accepts(items: Sequence[Json]) -> None:
    """Raise where the package reads no message, another one, or a block that is none."""
    for item, message in zip(items, messages_from_dict(list(items)), strict=True):
        assert isinstance(message, BaseMessage)
        said = message.model_dump()
        assert {name: said[name] for name in item["data"]} == item["data"]
        for block in message.content if isinstance(message.content, list) else ():
            if isinstance(block, dict) and block["type"] in KNOWN_BLOCK_TYPES:
                _block.validate_python(block)
        assert all(block["type"] in KNOWN_BLOCK_TYPES for block in message.content_blocks)
