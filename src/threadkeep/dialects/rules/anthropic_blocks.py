"""The blocks of Anthropic's messages: which role may hold which, and what each must have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from threadkeep.dialects.rules.common import (
    Test,
    among,
    is_bool,
    is_filled,
    is_list,
    is_present,
    is_text,
    kind_of,
    wrong_members,
)

if TYPE_CHECKING:
    from threadkeep.values.parts import Json

_SERVER_RESULTS: Final = frozenset(
    {
        "advisor_tool_result",
        "bash_code_execution_tool_result",
        "code_execution_tool_result",
        "mcp_tool_result",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
        "web_fetch_tool_result",
        "web_search_tool_result",
    }
)
_USER: Final = frozenset(
    {"text", "image", "document", "search_result", "tool_result", "container_upload"}
)
_ASSISTANT: Final = _SERVER_RESULTS | {
    "text",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "server_tool_use",
    "container_upload",
    "mcp_tool_use",  # this and the next three are betas
    "mcp_tool_listing",
    "compaction",
    "fallback",
}
_IN_RESULT: Final = frozenset(
    {"text", "image", "document", "search_result", "tool_reference", "browser_state"}
)

_MEMBERS: Final[Mapping[str, Mapping[str, Test]]] = {
    "text": {"text": is_text},
    "search_result": {"content": is_list, "source": is_text, "title": is_text},
    "container_upload": {"file_id": is_filled},
    "mcp_tool_use": {"server_name": is_text},
    "tool_reference": {"tool_name": is_filled},
    "browser_state": {"tabs": is_list},
    **{kind: {"content": is_present} for kind in _SERVER_RESULTS - {"mcp_tool_result"}},
}
_THINKING: Final[Mapping[str, Test]] = {"thinking": is_text, "signature": is_filled}

_DATA: Final[Mapping[str, Test]] = {"data": is_filled}
_URL: Final[Mapping[str, Test]] = {"url": is_filled}
_FILE: Final[Mapping[str, Test]] = {"file_id": is_filled}
_IMAGE_TYPES: Final = among("image/jpeg", "image/png", "image/gif", "image/webp")
_SOURCES: Final[Mapping[str, Mapping[str, Mapping[str, Test]]]] = {
    "image": {"base64": {"media_type": _IMAGE_TYPES, **_DATA}, "url": _URL, "file": _FILE},
    "document": {
        "base64": {"media_type": among("application/pdf"), **_DATA},
        "text": {"media_type": among("text/plain"), "data": is_text},
        "content": {"content": lambda value: isinstance(value, (str, list))},
        "url": _URL,
        "file": _FILE,
    },
}


def may_hold(role: str, kind: str) -> bool:
    """Whether messages of the role may hold such a block; a role that is none holds all."""
    if role == "user":
        return kind in _USER
    return kind in _ASSISTANT or (role == "" and kind in _USER)


def is_server_result(kind: str) -> bool:
    """Whether the block is what a tool of the provider's gave."""
    return kind in _SERVER_RESULTS


def faults(kind: str, block: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """The rules that a block of a known kind breaks by itself, each with the path inside it."""
    if kind == "text" and is_text(block.get("text")) and not block["text"].strip():
        yield "text-blank", "text"
    elif kind == "thinking":
        for name in wrong_members(block, _THINKING):
            yield "thinking-members", name
    elif kind == "redacted_thinking":
        if not is_filled(block.get("data")):
            yield "redacted-thinking-data", "data"
    elif kind == "tool_result":
        yield from _tool_result(block)
    elif kind in _SOURCES:
        yield from _source(kind, block.get("source"))
    else:
        for name in wrong_members(block, _MEMBERS.get(kind, {})):
            yield "block-members", name


def _source(kind: str, source: Json) -> Iterator[tuple[str, str]]:
    tests = _SOURCES[kind].get(kind_of(source))
    if tests is None:
        yield "source", "source"
        return
    for name in wrong_members(source, tests):
        yield "source", f"source.{name}"


def _tool_result(block: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    if not is_bool(block.get("is_error", False)):
        yield "block-members", "is_error"
    content = block.get("content", "")
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        yield "tool-result-content", "content"
        return
    for place, part in enumerate(content):
        kind, at = kind_of(part), f"content[{place}]"
        if kind not in _IN_RESULT:
            yield "tool-result-content", at
        elif kind in _SOURCES:
            for rule, member in _source(kind, part.get("source")):
                yield rule, f"{at}.{member}"
        elif kind == "text" and part.get("text") == "":
            yield "text-blank", f"{at}.text"
        else:
            for name in wrong_members(part, _MEMBERS[kind]):
                yield "tool-result-content", f"{at}.{name}"
