"""What the tests need of `anthropic`: recorded items, generated ones, and what its types accept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from anthropic.types import Message, MessageParam
from anthropic.types.beta import BetaMessage, BetaMessageParam
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from threadkeep.testing.strategies import ids, json_values, strings

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from threadkeep.values.parts import Json

PNG: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5E"
)
PDF: Final = "JVBERi0xLjcKJSVFT0YK"
CACHED: Final = {"type": "ephemeral", "ttl": "5m"}
ONCE: Final = {"type": "direct"}


def text(words: str, **members: Json) -> Json:
    return {"type": "text", "text": words, **members}


def user(*blocks: Json) -> Json:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


CHAR: Final = {
    "type": "char_location",
    "cited_text": "The sky is blue.",
    "document_index": 0,
    "document_title": "Sky",
    "start_char_index": 0,
    "end_char_index": 16,
}
WEB: Final = {
    "type": "web_search_result_location",
    "cited_text": "Lisbon is the capital",
    "encrypted_index": "Eo8BCioIAhgBIiQ",
    "title": "Lisbon",
    "url": "https://example.org/lisbon",
}
RESPONSE: Final[Json] = {
    "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-4-8",
    "content": [
        {"type": "thinking", "thinking": "They want trams.", "signature": "EqQBCgIYAhIM"},
        text("Trams run until midnight.", citations=None),
        {
            "type": "tool_use",
            "id": "toolu_01D7FLrfh4GYq7yT1ULFeyMV",
            "name": "get_trams",
            "input": {"line": 28},
            "caller": ONCE,
        },
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 377,
        "output_tokens": 65,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "server_tool_use": None,
        "service_tier": "standard",
    },
}
SERVER: Final[Json] = assistant(
    text("I look that up."),
    {
        "type": "server_tool_use",
        "id": "srvtoolu_01",
        "name": "web_search",
        "input": {"query": "Lisbon"},
        "caller": ONCE,
    },
    {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_01",
        "content": [
            {
                "type": "web_search_result",
                "title": "Lisbon",
                "url": "https://example.org/lisbon",
                "encrypted_content": "EqgfCioIARgB",
                "page_age": "April 30, 2026",
            }
        ],
    },
    text("Lisbon is the capital.", citations=[WEB]),
    {"type": "server_tool_use", "id": "srvtoolu_02", "name": "web_search", "input": {"query": "x"}},
    {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_02",
        "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"},
    },
    {"type": "server_tool_use", "id": "srvtoolu_03", "name": "web_fetch", "input": {"url": "u"}},
    {
        "type": "web_fetch_tool_result",
        "tool_use_id": "srvtoolu_03",
        "content": {
            "type": "web_fetch_result",
            "url": "https://example.org/a.pdf",
            "retrieved_at": "2026-05-01T10:00:00Z",
            "content": {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                "title": "A",
                "citations": {"enabled": True},
            },
        },
    },
)
CODE: Final[Json] = assistant(
    {
        "type": "server_tool_use",
        "id": "srvtoolu_1",
        "name": "code_execution",
        "input": {"code": "1"},
    },
    {
        "type": "code_execution_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": {
            "type": "code_execution_result",
            "stdout": "1\n",
            "stderr": "",
            "return_code": 0,
            "content": [{"type": "code_execution_output", "file_id": "file_011"}],
        },
    },
    {
        "type": "server_tool_use",
        "id": "srvtoolu_2",
        "name": "bash_code_execution",
        "input": {"command": "ls"},
    },
    {
        "type": "bash_code_execution_tool_result",
        "tool_use_id": "srvtoolu_2",
        "content": {
            "type": "bash_code_execution_result",
            "stdout": "a.txt",
            "stderr": "",
            "return_code": 0,
            "content": [],
        },
    },
    {
        "type": "server_tool_use",
        "id": "srvtoolu_3",
        "name": "text_editor_code_execution",
        "input": {"command": "view", "path": "a.txt"},
    },
    {
        "type": "text_editor_code_execution_tool_result",
        "tool_use_id": "srvtoolu_3",
        "content": {
            "type": "text_editor_code_execution_view_result",
            "content": "words",
            "file_type": "text",
            "num_lines": 1,
            "start_line": 1,
            "total_lines": 1,
        },
    },
    {
        "type": "server_tool_use",
        "id": "srvtoolu_4",
        "name": "tool_search_tool_regex",
        "input": {"pattern": "tram"},
    },
    {
        "type": "tool_search_tool_result",
        "tool_use_id": "srvtoolu_4",
        "content": {
            "type": "tool_search_tool_search_result",
            "tool_references": [{"type": "tool_reference", "tool_name": "get_trams"}],
        },
    },
)
BETA: Final[Json] = assistant(
    {"type": "mcp_tool_listing", "mcp_server_name": "maps", "tools": []},
    {
        "type": "mcp_tool_use",
        "id": "mcptoolu_1",
        "name": "route",
        "server_name": "maps",
        "input": {"to": "Belém"},
    },
    {
        "type": "mcp_tool_result",
        "tool_use_id": "mcptoolu_1",
        "is_error": False,
        "content": [text("take 15E"), text("or walk")],
    },
    {"type": "server_tool_use", "id": "srvtoolu_5", "name": "advisor", "input": {}},
    {
        "type": "advisor_tool_result",
        "tool_use_id": "srvtoolu_5",
        "content": {"type": "advisor_result", "text": "Walk."},
    },
    {"type": "compaction", "content": "They asked for trams.", "encrypted_content": "Enc"},
    {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}, "trigger": None},
    {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"},
    text("Walk."),
)
FILES: Final[Json] = user(
    text("See these.", cache_control=CACHED),
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
    {
        "type": "image",
        "source": {"type": "url", "url": "https://example.org/a.jpg"},
        "cache_control": CACHED,
    },
    {"type": "image", "source": {"type": "file", "file_id": "file_011CNha8iCJcU1wXNR6q4V8w"}},
    {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
        "title": "Map",
        "context": "of Lisbon",
        "citations": {"enabled": True},
    },
    {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
    {"type": "document", "source": {"type": "file", "file_id": "file_012"}, "title": None},
    {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "The sky is blue. é"},
    },
    {"type": "document", "source": {"type": "content", "content": "words"}, "title": "W"},
    {
        "type": "document",
        "source": {
            "type": "content",
            "content": [
                text("chunk"),
                {"type": "image", "source": {"type": "url", "url": "https://example.org/i.png"}},
            ],
        },
    },
    {
        "type": "search_result",
        "source": "https://example.org/doc",
        "title": "Doc",
        "content": [text("found words")],
        "citations": {"enabled": True},
    },
    {"type": "container_upload", "file_id": "file_013"},
)
RESULTS: Final[Json] = user(
    {"type": "tool_result", "tool_use_id": "toolu_01D7FLrfh4GYq7yT1ULFeyMV", "content": "at 10:05"},
    {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no such line", "is_error": True},
    {"type": "tool_result", "tool_use_id": "toolu_3"},
    {"type": "tool_result", "tool_use_id": "toolu_4", "content": [text("one text")]},
    {
        "type": "tool_result",
        "tool_use_id": "toolu_5",
        "cache_control": CACHED,
        "toolset_name": "browser",
        "content": [
            text("a picture", cache_control=CACHED),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
            {
                "type": "search_result",
                "source": "s",
                "title": "t",
                "content": [text("w")],
            },
            {"type": "tool_reference", "tool_name": "get_trams"},
            {"type": "browser_state", "tabs": []},
        ],
    },
)
corpus: list[Json] = [
    {"role": "user", "content": "What should I see in Lisbon?"},
    {"role": "assistant", "content": "Take tram 28."},
    {"role": "user", "content": ""},
    user(text("a"), text("b")),
    user(),
    assistant(text("The sky is blue.", citations=[CHAR])),
    {"role": "system", "content": "Be brief."},
    {
        "role": "system",
        "clear_at": "never",
        "output_config": {"effort": "low"},
        "content": [
            text("Now with a tool."),
            {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "get_trams"}},
        ],
    },
    {"role": "system", "output_config": {"effort": "high"}},
    RESPONSE,
    RESULTS,
    user(RESULTS["content"][0], text("and the metro?")),
    SERVER,
    CODE,
    BETA,
    FILES,
    assistant({"type": "odd_new_block", "of": [1, None]}, text("x")),
    assistant(
        {"type": "odd_tool_result", "tool_use_id": "srvtoolu_9", "content": {"of": 1}},
        {"type": "server_tool_use", "id": "s", "name": "odd", "input": {}, "server_name": "x"},
        {"type": "mcp_tool_use", "id": "s", "name": "odd", "input": {}},
    ),
    {"role": "user", "content": [text("x", role="y", odd=1), "words", None, 7], "odd": {"a": 1}},
    {
        "content": [{"type": "text", "text": 5}, {"type": 7}, {"text": "no type"}],
        "role": "assistant",
    },
]
"""Items of every kind, as the API gives and takes them; the last ones as it might one day."""

_KINDS: Final = [
    "text",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "server_tool_use",
    "mcp_tool_use",
    "tool_result",
    "mcp_tool_result",
    "web_search_tool_result",
    "odd_tool_result",
    "_tool_result",
    "image",
    "document",
    "search_result",
    "container_upload",
    "odd",
    7,
]
_MEMBERS: Final = [
    *("text", "thinking", "signature", "data", "id", "name", "input", "server_name", "tool_use_id"),
    *("content", "is_error", "source", "title", "citations", "cache_control", "role", "output"),
    *("provider", "call_id", "url", "extra", "caller", "type"),
]
_SOURCES: Final = [
    {"type": "base64", "media_type": "image/png", "data": PNG},
    {"type": "base64", "media_type": "image/png", "data": PNG, "odd": 1},
    {"type": "url", "url": "data:image/png;base64,iVBO"},
    {"type": "url", "url": "data:,x"},
    {"type": "text", "media_type": "text/plain", "data": "\ud800"},
    {"type": "content", "content": "words"},
    {"type": "file", "file_id": "f"},
    {"type": "url"},
]
_plain: SearchStrategy[Json] = st.sampled_from(["", "x", "c1", None, True, 1, -0.0, [], {}])
_values: SearchStrategy[Json] = st.one_of(
    _plain, st.sampled_from(_SOURCES), json_values(max_leaves=3)
)
_flat: SearchStrategy[Json] = st.builds(
    lambda kind, block: {"type": kind, **block},
    st.sampled_from(_KINDS),
    st.dictionaries(st.sampled_from(_MEMBERS), _values, max_size=6),
)
_likely: SearchStrategy[Json] = st.sampled_from(
    [block for item in corpus for block in item.get("content", ()) if isinstance(block, dict)]
)
_blocks: SearchStrategy[Json] = st.one_of(
    _likely,
    _flat,
    st.builds(
        lambda id, inner: {"type": "tool_result", "tool_use_id": id, "content": inner},
        strings(),
        st.lists(_flat | _likely, max_size=3),
    ),
    st.builds(
        lambda block, name, value: {**block, name: value} if isinstance(block, dict) else block,
        _likely,
        st.sampled_from(_MEMBERS),
        _values,
    ),
    _values,
)
items: SearchStrategy[Json] = st.builds(
    lambda order, item: {name: item[name] for name in order if name in item},
    st.permutations(["id", "type", "role", "content", "model", "odd"]),
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "system"]),
            "content": strings() | st.lists(_blocks, max_size=4),
        },
        optional={
            "id": st.none() | ids(),
            "type": st.sampled_from(["message", None]),
            "model": _values,
            "odd": _values,
        },
    ),
)
"""Items of almost the right shape, with anything in place of what is expected."""


def accepts(items: Sequence[Json]) -> None:
    """Raise unless the package's types take each item: as of a request, or as a response."""
    for item in items:
        accepted = ["response", "beta response"] if "type" in item else ["request", "beta request"]
        try:
            _consume(_adapter(accepted[0]).validate_python(item))
        except ValidationError:
            _consume(_adapter(accepted[1]).validate_python(item))


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    kinds: dict[str, Any] = {
        "request": MessageParam,
        "beta request": BetaMessageParam,
        "response": Message,
        "beta response": BetaMessage,
    }
    return TypeAdapter(kinds[name])


def _consume(value: Any) -> None:
    """Walk through a validated value: what is an iterable is only validated then."""
    if isinstance(value, dict):
        for inner in value.values():
            _consume(inner)
    elif isinstance(value, list | tuple | Iterator):
        for inner in value:
            _consume(inner)
