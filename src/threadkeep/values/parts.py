"""Parts: the typed pieces of a message, and nothing of storage.

Each part keeps the members of its JSON object that it has no field for in `extra`, so that reading
and writing an object loses nothing. `wire` has the JSON spelling, the payload format `threadkeep`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

Json = Any
"""A JSON value as Python's json module gives it."""


def _no_extra() -> Mapping[str, Json]:
    return {}


@dataclass(frozen=True, slots=True)
class TextPart:
    """Words."""

    type: ClassVar[str] = "text"
    text: str
    extra: Mapping[str, Json] = field(default_factory=_no_extra)


@dataclass(frozen=True, slots=True)
class ReasoningPart:
    """What a model thought; `signature` and `encrypted` go back to the provider as they came."""

    type: ClassVar[str] = "reasoning"
    text: str
    signature: str | None = None
    encrypted: str | None = None
    extra: Mapping[str, Json] = field(default_factory=_no_extra)


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A call of a tool. `input` is any JSON value; a raw string when the model's JSON was bad."""

    type: ClassVar[str] = "tool_call"
    call_id: str
    name: str
    input: Json = None
    extra: Mapping[str, Json] = field(default_factory=_no_extra)


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """What a tool answered to the call `call_id`."""

    type: ClassVar[str] = "tool_result"
    call_id: str
    output: Json = None
    name: str | None = None
    is_error: bool | None = None
    extra: Mapping[str, Json] = field(default_factory=_no_extra)


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file: by `url`, by base64 `data`, or by a provider's `file_id`."""

    type: ClassVar[str] = "file"
    media_type: str | None = None
    url: str | None = None
    data: str | None = None
    file_id: str | None = None
    name: str | None = None
    extra: Mapping[str, Json] = field(default_factory=_no_extra)


@dataclass(frozen=True, slots=True)
class SourcePart:
    """Where something was found: a page or a document."""

    type: ClassVar[str] = "source"
    source_id: str | None = None
    url: str | None = None
    title: str | None = None
    extra: Mapping[str, Json] = field(default_factory=_no_extra)


@dataclass(frozen=True, slots=True)
class DataPart:
    """An app's own data under a name."""

    type: ClassVar[str] = "data"
    name: str
    data: Json = None
    extra: Mapping[str, Json] = field(default_factory=_no_extra)


@dataclass(frozen=True, slots=True)
class RawPart:
    """A part of another format that has no typed form; `value` is it, whole."""

    type: ClassVar[str] = "raw"
    value: Json = None


Part = (
    TextPart
    | ReasoningPart
    | ToolCallPart
    | ToolResultPart
    | FilePart
    | SourcePart
    | DataPart
    | RawPart
)
