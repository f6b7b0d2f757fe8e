"""Values as JSON text: what was stored as text is put in as it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from fastapi import Response

from threadkeep.server.answers import text_answer
from threadkeep.values import jsontext, wire
from threadkeep.values.attachment import Attachment
from threadkeep.values.document import message_text, with_raw
from threadkeep.values.errors import NotFoundError
from threadkeep.values.feedback import Feedback
from threadkeep.values.message import Message
from threadkeep.values.page import Page
from threadkeep.values.run import Run, Usage
from threadkeep.values.session import Session
from threadkeep.values.span import Span, Total
from threadkeep.values.thread import OwnerSummary
from threadkeep.values.tooluse import ToolUse


def written(facts: Any) -> str:
    """A value of ours as JSON text."""
    return jsontext.encode(facts, overflow=True)


def listed(
    name: str, texts: Iterable[str], facts: Mapping[str, Any], status: int = 200
) -> Response:
    """An object: a list of JSON texts under `name`, then the other facts."""
    rest = written(dict(facts))[1:]
    joined = ",".join(texts)
    return text_answer((f'{{"{name}":[{joined}]', "," if facts else "", rest), status)


def page_answer(name: str, texts: Iterable[str], page: Page[Any], **more: Any) -> Response:
    """A page: its items under `name`, then its cursors."""
    facts = {
        **more,
        "next_cursor": page.next,
        "previous_cursor": page.previous,
        "has_more": page.has_more,
    }
    return listed(name, texts, facts)


def deleted(was_there: bool, kind: str, id: str) -> Response:
    """That it is deleted. NotFoundError where there was nothing."""
    if not was_there:
        raise NotFoundError(kind, id)
    return text_answer(['{"status":"deleted"}'])


def stored_text(message: Message) -> str:
    """A message, its payload as it was stored."""
    return message_text(message, tokens=message.tokens, updated_at=_time(message.updated_at))


def session_text(session: Session) -> str:
    """A session, its state as it was stored."""
    facts = {
        "id": session.id,
        "thread": session.thread_id,
        "user": session.user_id,
        "sdk_version": session.sdk_version,
        "metadata": session.metadata,
        "created_at": _time(session.created_at),
        "updated_at": _time(session.updated_at),
        "archived_at": _time(session.archived_at),
        "expires_at": _time(session.expires_at),
    }
    return with_raw(facts, "state", session.state_json)


def span_text(span: Span) -> str:
    """A span, its input and output as they were stored."""
    facts = {
        "id": span.id,
        "name": span.name,
        "type": span.type,
        "status": span.status,
        "parent": span.parent_id,
        "thread": span.thread_id,
        "user": span.user_id,
        "run": span.run,
        "started_at": _time(span.started_at),
        "ended_at": _time(span.ended_at),
        "duration_ms": span.duration_ms,
        "error": span.error,
        "usage": usage_facts(span.usage),
        "metadata": span.metadata,
        **({} if span.depth is None else {"depth": span.depth}),
    }
    text = with_raw(facts, "input", span.input_json)
    return f'{text[:-1]},"output":{"null" if span.output_json is None else span.output_json}}}'


def attachment_text(attachment: Attachment, url: str | None) -> str:
    """An attachment with a link to its bytes, its payload as it was stored."""
    facts = {
        "id": attachment.id,
        "owner": attachment.owner_id,
        "user": attachment.user_id,
        "thread": attachment.thread_id,
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size": attachment.size,
        "metadata": attachment.metadata,
        "created_at": _time(attachment.created_at),
        "updated_at": _time(attachment.updated_at),
        "stored_at": _time(attachment.stored_at),
        "url": url,
        "format": attachment.format,
    }
    return with_raw(facts, "payload", attachment.json)


def usage_facts(usage: Usage) -> dict[str, Any]:
    """What was used."""
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "cost": None if usage.cost is None else f"{usage.cost:f}",
    }


def owner_facts(owner: OwnerSummary) -> dict[str, Any]:
    """An owner."""
    return {"id": owner.id, "threads": owner.threads, "active_at": _time(owner.active_at)}


def run_facts(run: Run) -> dict[str, Any]:
    """A run."""
    return {
        "id": run.id,
        "thread": run.thread_id,
        "status": run.status,
        "started_at": _time(run.started_at),
        "ended_at": _time(run.ended_at),
        "lease_until": _time(run.lease_until),
        "exclusive": run.exclusive,
        "usage": usage_facts(run.usage),
    }


def total_facts(total: Total) -> dict[str, Any]:
    """A sum."""
    return {"key": total.key, "count": total.count, "usage": usage_facts(total.usage)}


def feedback_facts(feedback: Feedback) -> dict[str, Any]:
    """A word of a user on a message."""
    return {
        "thread": feedback.thread_id,
        "message": feedback.message_id,
        "user": feedback.user_id,
        "kind": feedback.kind,
        "comment": feedback.comment,
        "created_at": _time(feedback.created_at),
        "updated_at": _time(feedback.updated_at),
    }


def tool_use_facts(use: ToolUse) -> dict[str, Any]:
    """A tool call and its result."""
    latency = use.latency
    return {
        "id": use.id,
        "name": use.name,
        "input": use.input,
        "output": use.output,
        "content": None if use.content is None else [wire.part_to_json(p) for p in use.content],
        "is_error": use.is_error,
        "denied": use.denied,
        "pending": use.pending,
        "failed": use.failed,
        "provider_executed": use.provider_executed,
        "call_message_id": use.call_message_id,
        "result_message_id": use.result_message_id,
        "called_at": _time(use.called_at),
        "answered_at": _time(use.answered_at),
        "latency": None if latency is None else latency.total_seconds(),
    }


def texts_of(values: Sequence[Any], facts: Any) -> list[str]:
    """Each value as JSON text, by what is told of it."""
    return [written(facts(value)) for value in values]


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
