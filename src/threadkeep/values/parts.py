"""Parts: the typed pieces of a message, and nothing of storage.

Each part keeps the members of its JSON object that it has no field for in `extra`, so that reading
and writing an object loses nothing. `wire` has the JSON spelling, the payload format `threadkeep`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from threadkeep.values.quick import filled

Json = Any
"""A JSON value as Python's json module gives it."""


def _no_extra() -> Mapping[str, Json]:
    return {}


@filled
@dataclass(frozen=True, slots=True)
class TextPart:
    """Words; `role` is `system` where a user's message carries words of the system."""

    type: ClassVar[str] = "text"
    text: str
    role: str | None = None
    extra: Mapping[str, Json] = field(default_factory=_no_extra)


@filled
@dataclass(frozen=True, slots=True)
class ReasoningPart:
    """What a model thought.

    `signature`, `encrypted` and `id` go back as they came, and only to the `provider` that made
    them: `anthropic`, `openai`, `google` or another name, None where it is not known.
    """

    type: ClassVar[str] = "reasoning"
    text: str
    signature: str | None = None
    encrypted: str | None = None
    id: str | None = None
    provider: str | None = None
    extra: Mapping[str, Json] = field(default_factory=_no_extra)


@filled
@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A call of a tool. `input` is any JSON value; a raw string when the model's JSON was bad.

    `provider_executed`: the provider runs the tool itself, and the result stands in the same
    message.
    """

    type: ClassVar[str] = "tool_call"
    call_id: str
    name: str
    input: Json = None
    provider_executed: bool | None = None
    extra: Mapping[str, Json] = field(default_factory=_no_extra)


@filled
@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """What a tool answered to the call `call_id`: any JSON value as `output`, or a `content`.

    `content` is for texts and files; `output` is None beside it. `denied`: the tool did not run,
    since a person said no; `output` is the reason.
    """

    type: ClassVar[str] = "tool_result"
    call_id: str
    output: Json = None
    name: str | None = None
    is_error: bool | None = None
    denied: bool | None = None
    content: tuple[Part, ...] | None = None
    provider_executed: bool | None = None
    extra: Mapping[str, Json] = field(default_factory=_no_extra)


@filled
@dataclass(frozen=True, slots=True)
class ApprovalPart:
    """A question whether a call may run (`approved` is None), or the answer to it."""

    type: ClassVar[str] = "approval"
    approval_id: str
    call_id: str | None = None
    approved: bool | None = None
    reason: str | None = None
    extra: Mapping[str, Json] = field(default_factory=_no_extra)


@filled
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


@filled
@dataclass(frozen=True, slots=True)
class SourcePart:
    """Where something was found: a page or a document."""

    type: ClassVar[str] = "source"
    source_id: str | None = None
    url: str | None = None
    title: str | None = None
    media_type: str | None = None
    name: str | None = None
    extra: Mapping[str, Json] = field(default_factory=_no_extra)


@filled
@dataclass(frozen=True, slots=True)
class DataPart:
    """An app's own data under a name."""

    type: ClassVar[str] = "data"
    name: str
    data: Json = None
    extra: Mapping[str, Json] = field(default_factory=_no_extra)


@filled
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
    | ApprovalPart
    | FilePart
    | SourcePart
    | DataPart
    | RawPart
)
