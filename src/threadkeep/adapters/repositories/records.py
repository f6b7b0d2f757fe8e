"""Records: threads, messages, traces and sessions with the members that the seed names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from threadkeep.adapters.repositories import items
from threadkeep.adapters.repositories.ids import outward
from threadkeep.adapters.repositories.usage import KEPT, tokens_of
from threadkeep.values.message import Message, Role, Status
from threadkeep.values.parts import Json
from threadkeep.values.session import Session
from threadkeep.values.span import Span, SpanType
from threadkeep.values.thread import Access, Thread, ThreadStatus

AGENT: Final = "agent_id"
"""The member of a thread's metadata that names its agent."""


@dataclass(frozen=True, slots=True)
class ThreadRecord:
    """A conversation.

    `updated_at` moves with each message and any other change, `active_at` with messages only.
    `agent_id` is the member of that name in `metadata`, so that every other call can filter by it.
    """

    id: str
    user_id: str | None
    title: str | None = field(repr=False)
    metadata: Mapping[str, Json] | None = field(repr=False)
    agent_id: str | None
    created_at: datetime
    updated_at: datetime
    active_at: datetime
    status: ThreadStatus = "active"
    access: Access = "open"
    message_count: int = 0
    turn_count: int = 0

    @classmethod
    def of(cls, thread: Thread) -> Self:
        """The record of a thread."""
        agent = (thread.metadata or {}).get(AGENT)
        return cls(
            id=thread.id,
            user_id=thread.user_id,
            title=thread.title,
            metadata=thread.metadata,
            agent_id=agent if isinstance(agent, str) else None,
            created_at=thread.created_at,
            updated_at=thread.updated_at,
            active_at=thread.active_at,
            status=thread.status,
            access=thread.access,
            message_count=thread.message_count,
            turn_count=thread.turns,
        )


@dataclass(frozen=True, slots=True)
class ThreadSummary:
    """What a list of conversations shows of one.

    `last_message_at` is None where it has no message. `preview` is how its last message begins, on
    one line.
    """

    id: str
    title: str | None = field(repr=False)
    created_at: datetime
    updated_at: datetime
    last_message_at: datetime | None
    message_count: int
    turn_count: int
    preview: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message.

    `id` names the thread too: it is all that a call needs. `message_id` is its id in the thread.
    `content` is as it was given, a text or a list of parts; `text` is the words of it.
    `tool_calls` are `{id, type, function: {name, arguments}}`. A message of another `format` is
    shown as far as these members can. `seq` is its place in the thread, the only order there is.
    """

    id: str
    thread_id: str
    message_id: str
    role: Role
    content: str | list[Any] | None = field(repr=False)
    name: str | None
    tool_call_id: str | None
    tool_calls: Sequence[Mapping[str, Any]] | None = field(repr=False)
    metadata: Mapping[str, Json] | None = field(repr=False)
    created_at: datetime
    updated_at: datetime
    status: Status = "complete"
    seq: int = 0
    run: str | None = None
    format: str = items.DIALECT

    @property
    def text(self) -> str:
        """The words of the content."""
        return items.text_of(self.content)

    @classmethod
    def of(cls, thread_id: str, message: Message) -> Self:
        """The record of a stored message."""
        item = items.native(message)
        content, calls = item.get("content"), item.get("tool_calls")
        message_id, created_at = str(message.id), message.created_at
        assert created_at is not None  # noqa: S101  the store sets it
        return cls(
            id=outward(thread_id, message_id),
            thread_id=thread_id,
            message_id=message_id,
            role=message.role,
            content=content if isinstance(content, str | list) else None,
            name=_text(item.get("name")),
            tool_call_id=_text(item.get("tool_call_id")),
            tool_calls=tuple(calls) if isinstance(calls, list) and calls else None,
            metadata=message.metadata,
            created_at=created_at,
            updated_at=message.updated_at or created_at,
            status=message.status,
            seq=message.seq or 0,
            run=message.run,
            format=message.format,
        )


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """One step of what an agent did.

    `token_usage` is `{promptTokens, completionTokens, totalTokens}`, None where nothing was said.
    `duration_ms` and `ended_at` are None while it runs. `depth` is how far below the one whose tree
    was asked for it stands.
    """

    id: str
    thread_id: str | None
    parent_id: str | None
    user_id: str | None
    name: str
    type: SpanType
    status: Status
    input: Json = field(repr=False)
    output: Json = field(repr=False)
    error: str | None = field(repr=False)
    token_usage: Mapping[str, Json] | None
    duration_ms: float | None
    started_at: datetime
    ended_at: datetime | None
    metadata: Mapping[str, Json] | None = field(repr=False)
    depth: int | None = field(default=None, compare=False)

    @classmethod
    def of(cls, span: Span) -> Self:
        """The record of a span."""
        kept = dict(span.metadata or {})
        rest = kept.pop(KEPT, None)
        return cls(
            id=span.id,
            thread_id=span.thread_id,
            parent_id=span.parent_id,
            user_id=span.user_id,
            name=span.name,
            type=span.type,
            status=span.status,
            input=span.input,
            output=span.output,
            error=span.error,
            token_usage=tokens_of(span.usage, rest),
            duration_ms=span.duration_ms,
            started_at=span.started_at,
            ended_at=span.ended_at,
            metadata=span.metadata if rest is None else kept or None,
            depth=span.depth,
        )


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A visit of a user; past `expires_at` it is unknown."""

    id: str
    user_id: str | None
    metadata: Mapping[str, Json] | None = field(repr=False)
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, session: Session) -> Self:
        """The record of a session."""
        return cls(
            id=session.id,
            user_id=session.user_id,
            metadata=session.metadata,
            expires_at=session.expires_at,
            created_at=session.created_at,
            updated_at=session.updated_at,
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
