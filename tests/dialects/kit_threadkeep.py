"""Messages of our own format: recorded, generated, and judged by its schema."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from threadkeep.testing.strategies import ids, json_values, parts, times
from threadkeep.values.parts import Json
from threadkeep.values.wire import part_to_json

corpus: Final[list[Json]] = [
    {"role": "system", "parts": [{"type": "text", "text": "Be brief."}]},
    {
        "id": "u1",
        "role": "user",
        "parts": [
            {"type": "text", "text": "What is this?", "odd": [1, None]},
            {"type": "text", "text": "be kind", "role": "system"},
            {"type": "file", "media_type": "image/png", "data": "aGk=", "name": "a.png"},
            {"type": "file", "url": "https://example.org/a.pdf"},
            {"type": "file", "file_id": "file-1"},
        ],
        "created_at": "2026-05-01T10:00:00+00:00",
        "z": {"b": 1, "a": 2},
    },
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "text": "Hm.", "signature": "c2ln", "provider": "anthropic"},
            {"type": "reasoning", "text": "", "encrypted": "ZW5j", "id": "rs_1"},
            {"type": "tool_call", "call_id": "c1", "name": "search", "input": {"q": "x"}},
            {"type": "approval", "approval_id": "a1", "call_id": "c1"},
            {"type": "source", "source_id": "s1", "url": "https://example.org", "title": "t"},
            {"type": "source", "media_type": "text/plain", "name": "a.txt"},
            {"type": "data", "name": "weather", "data": {"sky": None}},
            {"type": "hologram", "value": 1},
            {"type": "raw", "value": "bare"},
            {"type": "text"},
        ],
    },
    {
        "role": "tool",
        "parts": [
            {"type": "approval", "approval_id": "a1", "approved": False, "reason": "no"},
            {"type": "tool_result", "call_id": "c1", "output": None, "denied": True},
            {
                "type": "tool_result",
                "call_id": "c2",
                "name": "run",
                "is_error": True,
                "content": [{"type": "text", "text": "partly"}, {"type": "file", "data": "aGk="}],
            },
        ],
    },
    {"role": "user", "parts": []},
]

_values: st.SearchStrategy[Any] = json_values(max_leaves=3)
items: st.SearchStrategy[Any] = st.builds(
    lambda head, more: {**head, **{f"x{name}": value for name, value in more.items()}},
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "user", "assistant", "tool"]) | _values,
            "parts": st.lists(parts().map(part_to_json) | _values, max_size=3) | _values,
        },
        optional={
            "id": ids() | _values,
            "created_at": times().map(datetime.isoformat) | _values,
        },
    ),
    st.dictionaries(st.text(max_size=3), _values, max_size=2),
)
"""Items of almost the right shape, with anything in place of what is expected."""


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Text(_Model):
    type: Literal["text"]
    text: str
    role: str | None = None


class _Reasoning(_Model):
    type: Literal["reasoning"]
    text: str
    signature: str | None = None
    encrypted: str | None = None
    id: str | None = None
    provider: str | None = None


class _ToolCall(_Model):
    type: Literal["tool_call"]
    call_id: str
    name: str
    provider_executed: bool | None = None


class _ToolResult(_Model):
    type: Literal["tool_result"]
    call_id: str
    name: str | None = None
    is_error: bool | None = None
    denied: bool | None = None
    content: list[Any] | None = None
    provider_executed: bool | None = None


class _Approval(_Model):
    type: Literal["approval"]
    approval_id: str
    call_id: str | None = None
    approved: bool | None = None
    reason: str | None = None


class _File(_Model):
    type: Literal["file"]
    media_type: str | None = None
    url: str | None = None
    data: str | None = None
    file_id: str | None = None
    name: str | None = None


class _Source(_Model):
    type: Literal["source"]
    source_id: str | None = None
    url: str | None = None
    title: str | None = None
    media_type: str | None = None
    name: str | None = None


class _Data(_Model):
    type: Literal["data"]
    name: str


_TYPED: Final = Annotated[
    _Text | _Reasoning | _ToolCall | _ToolResult | _Approval | _File | _Source | _Data,
    Field(discriminator="type"),
]
_TYPES: Final = ("text", "reasoning", "tool_call", "tool_result", "approval", "file", "source")
_PART: Final[TypeAdapter[Any]] = TypeAdapter(_TYPED)  # type: ignore[arg-type]


class _Item(_Model):
    role: Literal["system", "user", "assistant", "tool"]
    parts: list[dict[str, Any]]
    id: str | None = None
    created_at: Annotated[AwareDatetime, Field(strict=False)] | None = None


_ADAPTER: Final = TypeAdapter(list[_Item])


def accepts(items: Sequence[Json]) -> None:
    """Raise for what is not of our format; a part of another type stands for itself."""
    for item in _ADAPTER.validate_python(list(items)):
        for part in item.parts:
            if part.get("type") in (*_TYPES, "data"):
                _PART.validate_python(part)
