"""The message formats, by name. A dialect's module is imported when it is first asked for."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Final, cast

from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadkeep.values.ports import Dialect

ENTRY_POINTS: Final = "threadkeep.dialects"
"""The entry-point group where other packages name a `Dialect` object of their own."""

# The tags that formats are stored under, and the object in our modules that knows each.
_OURS: Final[Mapping[str, str]] = {
    "ag-ui": "ag_ui:dialect",
    "ai-sdk-model@4": "ai_sdk_formats.model:v4",
    "ai-sdk-model@5": "ai_sdk_formats.model:v5",
    "ai-sdk-model@6": "ai_sdk_formats.model:v6",
    "ai-sdk-model@7": "ai_sdk_formats.model:v7",
    "ai-sdk-ui@4": "ai_sdk_formats.ui:v4",
    "ai-sdk-ui@5": "ai_sdk_formats.ui:v5",
    "ai-sdk-ui@6": "ai_sdk_formats.ui:v6",
    "ai-sdk-ui@7": "ai_sdk_formats.ui:v7",
    "ai-sdk/v5": "ai_sdk_formats.ui:cloud_v5",
    "ai-sdk/v6": "ai_sdk_formats.ui:cloud_v6",
    "anthropic": "anthropic:dialect",
    "aui/v0": "assistant_ui:dialect",
    "chatkit": "chatkit:dialect",
    "claude-export": "claude_export:dialect",
    "gemini": "gemini:dialect",
    "langchain": "langchain:dialect",
    "openai-chat": "openai_chat:dialect",
    "openai-responses": "openai_responses:dialect",
    "pydantic-ai": "pydantic_ai:dialect",
    "threadkeep": "threadkeep:dialect",
}
_SHORT: Final[Mapping[str, str]] = {
    "ai-sdk-model": "ai-sdk-model@7",
    "ai-sdk-ui": "ai-sdk-ui@7",
    "assistant-ui": "aui/v0",
}


def get(name: str) -> Dialect:
    """The dialect of that name; raises InvalidError naming the known ones if there is none."""
    dialect = find(name)
    if dialect is None:
        raise InvalidError("dialect", f"must be one of {', '.join(names())}")
    return dialect


def find(format: str) -> Dialect | None:
    """The dialect of that name, None if there is none. Our own names cannot be taken over.

    A name is the tag that is stored, with the version where the format has versions; without one
    (`ai-sdk-ui`) it means the newest.
    """
    return _found(format) if isinstance(format, str) else None


@lru_cache(maxsize=256)
def _found(format: str) -> Dialect | None:
    tag = _SHORT.get(format, format)
    if tag in _OURS:
        module, name = _OURS[tag].split(":")
        return cast("Dialect", getattr(import_module(f"{__name__}.{module}"), name))
    point = _others().get(tag)
    return None if point is None else cast("Dialect", point.load())


def tags() -> tuple[str, ...]:
    """The tags that are stored with messages, sorted, with those of other packages."""
    return tuple(sorted({*_OURS, *_others()}))


def names() -> tuple[str, ...]:
    """The names that `get` takes, sorted: all tags, and short names without a version."""
    return tuple(sorted({*tags(), *_SHORT}))


@cache
def _others() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}
