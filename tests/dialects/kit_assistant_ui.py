"""Messages of assistant-ui: recorded, generated, and judged by a schema of our own.

The schema is that of the types in `auiV0.ts` of `@assistant-ui/core` 0.3.20, with what its decoder
asks for: the parts that a role may have, one text in a message of the system, attachments and
status where they belong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from pydantic.alias_generators import to_camel

from threadkeep.testing.strategies import ids, json_values, strings
from threadkeep.values.parts import Json

PNG: Final = "data:image/png;base64,iVBORw0KGgo="
USER: Final[dict[str, Any]] = {
    "role": "user",
    "content": [
        {"type": "text", "text": "What is this?", "parentId": "p1"},
        {"type": "image", "image": PNG, "filename": "a.png"},
        {"type": "image", "image": "https://example.org/b.jpg"},
        {"type": "file", "data": "aGk=", "mimeType": "application/pdf", "filename": "c.pdf"},
        {
            "type": "file",
            "data": "https://example.org/d.pdf",
            "mimeType": "application/pdf",
            "sourceType": "url",
        },
        {"type": "file", "data": "file-1", "mimeType": "application/pdf", "sourceType": "id"},
        {"type": "audio", "audio": {"data": "aGk=", "format": "mp3"}},
        {"type": "data", "name": "place", "data": {"b": 1, "a": None}},
    ],
    "metadata": {"custom": {}},
    "attachments": [
        {
            "id": "at1",
            "type": "document",
            "name": "notes.txt",
            "contentType": "text/plain",
            "status": {"type": "complete"},
            "content": [
                {"type": "text", "text": "<attachment name=notes.txt>words</attachment>"},
                {"type": "file", "data": "d29yZHM=", "mimeType": "text/plain"},
            ],
        },
        {
            "id": "at2",
            "type": "image",
            "name": "e.png",
            "status": {"type": "complete"},
            "content": [{"type": "image", "image": PNG}],
        },
    ],
}
ANSWER: Final[dict[str, Any]] = {
    "role": "assistant",
    "content": [
        {
            "type": "reasoning",
            "text": "Hm.",
            "unstable_summary": "thinking",
            "providerMetadata": {
                "openai": {"itemId": "rs_1", "reasoningEncryptedContent": "ZW5j", "x": 1},
                "other": {},
            },
        },
        {
            "type": "reasoning",
            "text": "So.",
            "providerMetadata": {"anthropic": {"signature": "c2ln"}},
        },
        {"type": "text", "text": "Let me see."},
        {
            "type": "tool-call",
            "toolCallId": "c1",
            "toolName": "search",
            "args": {"q": "x", "n": 1},
            "result": {"found": [1]},
            "timing": {"startedAt": 1, "completedAt": 2},
            "artifact": {"big": True},
        },
        {
            "type": "tool-call",
            "toolCallId": "c2",
            "toolName": "run",
            "argsText": '{ "bad',
            "result": "failed",
            "isError": True,
            "mcp": {"app": {"resourceUri": "ui://x"}},
        },
        {"type": "tool-call", "toolCallId": "c3", "toolName": "f", "args": {}, "result": False},
        {"type": "tool-call", "toolCallId": "c4", "toolName": "f", "args": {}, "result": 0},
        {"type": "tool-call", "toolCallId": "c5", "toolName": "f", "args": {}, "result": ""},
        {"type": "tool-call", "toolCallId": "c6", "toolName": "f", "args": {}, "result": None},
        {"type": "text", "text": "Done."},
        {"type": "source", "sourceType": "url", "id": "s1", "url": "https://example.org"},
        {
            "type": "source",
            "sourceType": "document",
            "id": "s2",
            "title": "A paper",
            "mediaType": "application/pdf",
            "filename": "p.pdf",
            "providerMetadata": {"openai": {"fileId": "f1"}},
        },
        {"type": "generative-ui", "spec": {"root": {"type": "Card"}}, "id": "g1"},
        {"type": "data", "name": "generative-ui", "data": {"version": 1}},
        {"type": "image", "image": PNG},
        {"type": "file", "data": "data:text/plain;base64,aGk=", "mimeType": "text/plain"},
    ],
    "metadata": {
        "unstable_state": None,
        "unstable_annotations": [],
        "unstable_data": [],
        "steps": [{"usage": {"inputTokens": 1, "outputTokens": 2}}],
        "custom": {"model": "m"},
        "timing": {"streamStartTime": 1, "totalChunks": 2, "toolCallCount": 6},
        "submittedFeedback": {"type": "positive"},
    },
    "status": {"type": "complete", "reason": "stop"},
}
PAUSED: Final[dict[str, Any]] = {
    "role": "assistant",
    "content": [
        {
            "type": "tool-call",
            "toolCallId": "c7",
            "toolName": "delete",
            "argsText": '{ "path": "/x" }',
            "approval": {
                "id": "ap1",
                "prompt": "May it?",
                "display": "select",
                "options": [{"id": "o1", "kind": "allow-once", "label": "once"}],
            },
        },
        {
            "type": "tool-call",
            "toolCallId": "c8",
            "toolName": "delete",
            "args": {},
            "approval": {"id": "ap2", "approved": False, "reason": "no", "optionId": "o2"},
            "result": "denied",
            "isError": True,
        },
        {
            "type": "tool-call",
            "toolCallId": "c9",
            "toolName": "ask",
            "args": {},
            "interrupt": {"type": "human", "payload": {"question": "which?"}},
        },
        {
            "type": "tool-call",
            "toolCallId": "c10",
            "toolName": "agent",
            "args": {},
            "approval": {"id": "ap3", "approved": True},
            "messages": [
                {
                    "id": "n1",
                    "createdAt": "2026-03-15T00:00:00.000Z",
                    "role": "assistant",
                    "content": [{"type": "text", "text": "inside"}],
                    "metadata": {"custom": {}},
                    "status": {"type": "complete", "reason": "unknown"},
                }
            ],
        },
    ],
    "metadata": {"custom": {}, "steps": []},
    "status": {"type": "requires-action", "reason": "tool-calls"},
}
known: Final[list[Json]] = [
    {"role": "system", "content": [{"type": "text", "text": "Be brief."}], "metadata": {}},
    {"role": "user", "content": [{"type": "text", "text": "Hello"}], "metadata": {"custom": {}}},
    USER,
    ANSWER,
    PAUSED,
    {
        "role": "assistant",
        "content": [],
        "metadata": {"custom": {}},
        "status": {"type": "incomplete", "reason": "error", "error": {"code": 1}},
    },
]
"""Messages that the types know."""
corpus: Final[list[Json]] = [
    *known,
    {**USER, "id": "u1", "createdAt": "2026-03-15T00:00:00.000Z", "odd": {"b": 1, "a": 2}},
    {**ANSWER, "id": "a1", "createdAt": "yesterday"},
    {
        "role": "assistant",
        "content": [
            {"type": "hologram", "x": 1},
            {"type": "data-mood", "data": "fine"},
            {"type": "data-mood"},
            {"type": "reasoning", "unstable_summary": "only a summary"},
            {"type": "reasoning", "text": "x", "id": "r1", "provider": 7},
            {"type": "reasoning", "text": "x", "providerMetadata": {"openai": 7}},
            {"type": "tool-call", "toolCallId": "c", "toolName": "f"},
            {
                "type": "tool-call",
                "toolCallId": "c",
                "toolName": "f",
                "args": {},
                "argsText": "{ }",
                "isError": "x",
                "approval": {"id": 7},
                "input": 1,
            },
            {"type": "tool-call", "toolCallId": "c0", "toolName": "f", "args": {}, "isError": True},
            {"type": "image", "image": 7},
            {"type": "audio", "audio": {"data": "x", "format": "ogg"}},
            {"type": "data", "name": "x"},
            {"type": "generative-ui", "spec": 7},
            {"type": "source", "sourceType": "later", "id": "s"},
            "bare",
            None,
        ],
        "metadata": None,
        "attachments": [1],
    },
    {"role": "user", "content": "words", "attachments": [7, {"id": "x", "content": [{}]}]},
    {"role": "user", "content": {}},
    {"role": "system"},
]

_members = ["text", "args", "argsText", "result", "isError", "toolCallId", "toolName", "approval"]
_members += ["image", "data", "mimeType", "filename", "sourceType", "audio", "name", "spec", "id"]
_members += ["url", "title", "mediaType", "providerMetadata", "unstable_summary", "input", "native"]
_odd: list[Any] = ["", "x", "url", "id", "data:,x", "{}", None, True, 1, -0.0, [], {}]
_values: st.SearchStrategy[Any] = st.sampled_from(_odd) | json_values(max_leaves=3)
_inner = st.dictionaries(
    st.sampled_from(["id", "approved", "reason", "data", "format", "openai", "anthropic"]),
    _values | st.sampled_from(["mp3", {"signature": "s"}, {"itemId": "i", "x": 1}]),
    max_size=3,
)
_kinds = ["text", "reasoning", "source", "tool-call", "image", "file", "audio", "data", "data-x"]
_kinds += ["generative-ui", "odd"]
_blocks = st.one_of(
    _values,
    st.builds(
        lambda kind, block: {**block, "type": kind},
        st.sampled_from(_kinds),
        st.dictionaries(st.sampled_from(_members), _values | _inner, max_size=6),
    ),
    st.sampled_from([*USER["content"], *ANSWER["content"], *PAUSED["content"]]),
)
_attachments = st.fixed_dictionaries(
    {"content": st.lists(_blocks, max_size=2) | _values},
    optional={"id": _values, "name": _values, "attachment": _values},
)
items: st.SearchStrategy[Any] = st.builds(
    lambda order, item: {name: item[name] for name in order if name in item},
    st.permutations(["id", "role", "content", "metadata", "status", "attachments", "createdAt"]),
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system"])},
        optional={
            "id": ids() | _values,
            "content": st.lists(_blocks, max_size=4) | strings() | _values,
            "metadata": _values,
            "status": _values | st.just({"type": "complete", "reason": "stop"}),
            "attachments": st.lists(_attachments | _values, max_size=2) | _values,
            "createdAt": st.just("2026-03-15T00:00:00.000Z") | _values,
        },
    ),
)
"""Items of almost the right shape, with anything in place of what is expected."""


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", alias_generator=to_camel)


class _Part(_Model):
    parent_id: str | None = None
    provider_metadata: dict[str, dict[str, Any]] | None = None


class _Text(_Part):
    type: Literal["text"]
    text: str


class _Reasoning(_Part):
    type: Literal["reasoning"]
    text: str
    unstable_summary: str | None = Field(default=None, alias="unstable_summary")


class _Image(_Part):
    type: Literal["image"]
    image: str
    filename: str | None = None
    mime_type: str | None = None


class _File(_Part):
    type: Literal["file"]
    data: str
    mime_type: str
    filename: str | None = None
    source_type: Literal["url", "id"] | None = None


class _Sound(_Model):
    data: str
    format: Literal["mp3", "wav"]


class _Audio(_Part):
    type: Literal["audio"]
    audio: _Sound


class _Data(_Part):
    type: Literal["data"]
    name: str
    data: Any


class _Interface(_Part):
    type: Literal["generative-ui"]
    spec: dict[str, Any]
    id: str | None = None


class _Source(_Part):
    type: Literal["source"]
    source_type: Literal["url", "document"]
    id: str
    url: str | None = None
    title: str | None = None
    media_type: str | None = None
    filename: str | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> _Source:
        page = self.source_type == "url"
        assert (self.url is not None) == page
        assert page == (self.media_type is None)
        assert page or self.title is not None
        return self


class _Approval(BaseModel):
    model_config = ConfigDict(strict=True)
    id: str
    approved: bool | None = None
    reason: str | None = None


class _ToolCall(_Part):
    type: Literal["tool-call"]
    tool_call_id: str
    tool_name: str
    args: dict[str, Any] | None = None
    args_text: str | None = None
    result: Any = None
    is_error: bool | None = None
    artifact: Any = None
    interrupt: dict[str, Any] | None = None
    timing: dict[str, Any] | None = None
    mcp: dict[str, Any] | None = None
    model_content: list[Any] | None = None
    approval: _Approval | None = None
    messages: list[dict[str, Any]] | None = None

    @model_validator(mode="after")
    def _has_one_input(self) -> _ToolCall:
        assert (self.args is None) != (self.args_text is None)
        return self


_UserPart = Annotated[_Text | _Image | _File | _Audio | _Data, Field(discriminator="type")]
_AnswerPart = Annotated[
    _Text | _Reasoning | _Source | _ToolCall | _Image | _File | _Data | _Interface,
    Field(discriminator="type"),
]


class _Attachment(_Model):
    id: str
    type: str
    name: str
    content_type: str | None = None
    status: dict[str, Any]
    content: list[_UserPart]


class _Message(_Model):
    id: str | None = None
    created_at: str | None = None
    metadata: dict[str, Any]


class _System(_Message):
    role: Literal["system"]
    content: Annotated[list[_Text], Field(min_length=1, max_length=1)]


class _User(_Message):
    role: Literal["user"]
    content: list[_UserPart]
    attachments: list[_Attachment] | None = None


class _Answer(_Message):
    role: Literal["assistant"]
    content: list[_AnswerPart]
    status: dict[str, Any] | None = None


_ITEM: Final = Annotated[_System | _User | _Answer, Field(discriminator="role")]
_ADAPTER: Final[TypeAdapter[Any]] = TypeAdapter(list[_ITEM])  # type: ignore[valid-type]


def accepts(items: Sequence[Json]) -> None:
    """Raise for what assistant-ui would not take as it is."""
    _ADAPTER.validate_python(list(items))
