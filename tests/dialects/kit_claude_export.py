"""Messages of a Claude export: recorded, generated, and judged by a schema of our own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from threadkeep.testing.strategies import ids, json_values, strings
from threadkeep.values.parts import Json

ITEM: Final[dict[str, Any]] = {
    "uuid": "m1",
    "text": "Here it is.\n\nDone.",
    "content": [
        {"type": "thinking", "thinking": "Let me see.", "summaries": [], "cut_off": False},
        {"type": "text", "text": "Here it is.", "citations": []},
        {"type": "tool_use", "id": "c1", "name": "search", "input": {"q": "x"}, "message": None},
        {
            "type": "tool_result",
            "tool_use_id": "c1",
            "name": "search",
            "content": [{"type": "text", "text": "found", "uuid": "t1"}],
            "is_error": False,
        },
        {"start_timestamp": None, "type": "token_budget"},
        {"type": "text", "text": "Done.", "citations": []},
    ],
    "sender": "assistant",
    "created_at": "2024-03-13T14:48:44.500345Z",
    "updated_at": "2025-06-21T20:47:54.195022Z",
    "attachments": [
        {"file_name": "a.txt", "file_size": 5, "file_type": "txt", "extracted_content": "words é"}
    ],
    "files": [{"file_name": "b.png"}, {"file_uuid": "f2", "file_name": "c.png"}],
    "parent_message_uuid": "m0",
}
"""A message with a block of every kind."""

NAMELESS: Final[dict[str, Any]] = {
    "uuid": "m",
    "sender": "assistant",
    "content": [
        {"type": "tool_use", "name": "a", "input": 1},
        {"type": "tool_use", "name": "b", "input": 2},
        {"type": "tool_result", "name": "b", "content": 2},
        {"type": "tool_result", "name": "a", "content": 1},
        {"type": "tool_use", "name": "a", "input": 3},
        {"type": "tool_result", "content": 3},
        {"type": "tool_result", "content": "of no call"},
    ],
}
"""A message of 2024, when calls had no ids."""

corpus: Final[list[Json]] = [
    ITEM,
    NAMELESS,
    {"uuid": "m2", "sender": "human", "text": "hi", "created_at": "2024-03-13T14:48:44Z"},
    {"uuid": "m3", "sender": "human", "text": "hi", "content": [], "attachments": [], "files": []},
    {"uuid": "m4", "sender": "human", "text": "", "content": [{"type": "text", "text": ""}]},
    {**ITEM, "uuid": "m5", "text": None, "odd": {"b": 1, "a": 2}},
    {**ITEM, "uuid": "m6", "text": "another text", "created_at": "yesterday"},
    {"uuid": "m7", "sender": "assistant", "content": [ITEM["content"][3]]},
    {"uuid": "m8", "sender": "human", "content": "no list", "text": "words", "files": 7},
    {
        "uuid": "m9",
        "sender": "assistant",
        "content": [
            {"type": "thinking", "thinking": "why", "signature": "c2ln"},
            {"type": "tool_result", "tool_use_id": "c9", "content": None, "is_error": None},
            {"type": "tool_result", "tool_use_id": "c8", "content": [{"type": "knowledge"}]},
            {"type": "voice_note", "title": "t", "text": "said"},
            {"type": "tool_use", "id": 7, "name": "bad"},
            {"type": "text", "text": "t", "role": 7, "native": 1},
            None,
        ],
        "attachments": [{"file_name": "b.csv", "file_type": "text/csv", "extracted_content": "1"}],
        "files": ["bare", {"file_uuid": 7}],
    },
]

_kinds = ["text", "thinking", "tool_use", "tool_result", "token_budget", "voice_note", "data", 7]
_members = ["text", "thinking", "signature", "id", "name", "input", "tool_use_id", "content"]
_members += ["is_error", "citations", "type", "file_name", "extracted_content", "file_uuid"]
_members += ["role", "denied", "provider", "data", "native"]
_odd: list[Any] = ["", "x", "c1", None, True, 1, 1.0, -0.0, [], {}]
_values: st.SearchStrategy[Any] = st.sampled_from(_odd) | json_values(max_leaves=3)
_blocks = st.one_of(
    st.dictionaries(st.sampled_from(_members), _values, max_size=6),
    st.builds(
        lambda kind, block: {**block, "type": kind},
        st.sampled_from(_kinds),
        st.dictionaries(st.sampled_from(_members), _values, max_size=6),
    ),
    _values,
)
items: st.SearchStrategy[Any] = st.builds(
    lambda order, item: {name: item[name] for name in order if name in item},
    st.permutations(
        ["uuid", "text", "content", "sender", "created_at", "attachments", "files", "odd"]
    ),
    st.fixed_dictionaries(
        {"sender": st.sampled_from(["human", "assistant"])},
        optional={
            "uuid": st.none() | ids(),
            "text": strings() | _values,
            "content": st.lists(_blocks, max_size=4) | _values,
            "created_at": st.just("2024-03-13T14:48:44.500345Z") | _values,
            "attachments": st.lists(_blocks, max_size=2) | _values,
            "files": st.lists(_blocks, max_size=2) | _values,
            "odd": _values,
        },
    ),
)
"""Items of almost the right shape, with anything in place of what is expected."""


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Text(_Model):
    type: Literal["text"]
    text: str


class _Thinking(_Model):
    type: Literal["thinking"]
    thinking: str
    signature: str | None = None


class _ToolUse(_Model):
    type: Literal["tool_use"]
    id: str | None = None
    name: str
    input: Any


class _ToolResult(_Model):
    type: Literal["tool_result"]
    tool_use_id: str | None = None
    name: str | None = None
    content: Any
    is_error: bool | None = None


class _Other(_Model):
    """What Claude writes besides, and the blocks of our own format."""

    type: Literal["token_budget", "approval", "file", "source", "data"]


class _Attachment(_Model):
    file_name: str
    extracted_content: str
    file_size: int | None = None
    file_type: str | None = None


class _File(_Model):
    file_name: str | None = None
    file_uuid: str | None = None


_Block = Annotated[_Text | _Thinking | _ToolUse | _ToolResult | _Other, Field(discriminator="type")]


class _Item(_Model):
    uuid: str
    sender: Literal["human", "assistant"]
    text: str
    content: list[_Block]
    created_at: Annotated[AwareDatetime, Field(strict=False)] | None = None
    updated_at: Annotated[AwareDatetime, Field(strict=False)] | None = None
    attachments: list[_Attachment]
    files: list[_File]


_ADAPTER: Final = TypeAdapter(list[_Item])


def accepts(items: Sequence[Json]) -> None:
    """Raise for what no Claude export holds."""
    _ADAPTER.validate_python(list(items))
