"""Run reports: what a front end tells of an answer of a model, and the spans that it becomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from threadkeep.server.cloud.wire import derived_id
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import MAX_ID_BYTES
from threadkeep.values.message import Status
from threadkeep.values.run import Usage
from threadkeep.values.span import Span, SpanType

MOST_TEXT: Final = 50_000
_MOST_MS: Final = 10**11
_MOST_SPANS: Final = 1000

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_BYTES)]
_Word = Annotated[str, Field(max_length=255)]
_Text = Annotated[str, Field(max_length=MOST_TEXT)]
_Count = Annotated[int, Field(ge=0, le=2**53)]
# Longer than a run can take: a time of a clock, which counts from 1970.
_Ms = Annotated[float, Field(ge=0, le=_MOST_MS, allow_inf_nan=False)]
_Moment = Annotated[float, Field(ge=0, le=100 * _MOST_MS, allow_inf_nan=False)]


class _Used(BaseModel):
    """Tokens; null or nothing is not known."""

    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    reasoning_tokens: _Count | None = None
    cached_input_tokens: _Count | None = None

    def usage(self) -> Usage:
        """The same as a value."""
        return Usage(
            self.input_tokens, self.output_tokens, self.cached_input_tokens, self.reasoning_tokens
        )


class _Timed(BaseModel):
    """When, in milliseconds since the run began, or since 1970."""

    start_ms: _Moment | None = None
    end_ms: _Moment | None = None


class CloudSampling(_Used):
    """A call of a model that a tool made."""

    model_id: _Word | None = None
    duration_ms: _Ms | None = None


class CloudToolCall(_Timed):
    """A call of a tool. Arguments and result are JSON as text, or text."""

    tool_name: Annotated[str, Field(min_length=1, max_length=255)]
    tool_call_id: Id
    tool_args: _Text | None = None
    tool_result: _Text | None = None
    tool_source: _Word | None = None
    sampling_calls: Annotated[list[CloudSampling], Field(max_length=100)] | None = None


class CloudStep(_Used, _Timed):
    """One call of the model."""

    tool_calls: Annotated[list[CloudToolCall], Field(max_length=200)] | None = None
    finish_reason: Annotated[str, Field(max_length=64)] | None = None


class CloudRunReport(_Used):
    """An answer of a model, once it has ended. `trace_id` makes it safe to tell it again."""

    thread_id: Id
    status: Literal["completed", "incomplete", "error"]
    outcome_type: Annotated[str, Field(max_length=64)] | None = None
    message_id: Id | None = None
    first_token_ms: _Ms | None = None
    duration_ms: _Ms | None = None
    release: _Word | None = None
    environment: _Word | None = None
    tags: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=20)] | None = None
    provider: _Word | None = None
    provider_type: _Word | None = None
    trace_id: Annotated[str, Field(pattern="^[0-9a-fA-F]{32}$")] | None = None
    error_code: Annotated[str, Field(max_length=64)] | None = None
    error: Annotated[str, Field(max_length=2048)] | None = None
    total_steps: _Count | None = None
    model_id: _Word | None = None
    output_text: _Text | None = None
    metadata: dict[str, Any] | None = None
    tool_calls: Annotated[list[CloudToolCall], Field(max_length=200)] | None = None
    steps: Annotated[list[CloudStep], Field(max_length=200)] | None = None

    def ended_as(self) -> Status:
        """How the run ended, in our words."""
        if self.status == "completed":
            return "complete"
        if self.status == "error":
            return "failed"
        return "cancelled" if self.outcome_type == "aborted" else "interrupted"


def spans_of(report: CloudRunReport, run_id: str, started: datetime, ended: datetime) -> list[Span]:
    """The run as a tree of spans: the agent, its calls of the model, and its calls of tools.

    Their ids follow from the run's, so that telling it again stores nothing twice. InvalidError
    for more than 1 000 of them.
    """
    root = Span(
        id=run_id,
        name="run",
        type="agent",
        status=report.ended_as(),
        parent_id=None,
        thread_id=report.thread_id,
        user_id=None,
        run=run_id,
        started_at=started,
        ended_at=ended,
        duration_ms=report.duration_ms,
        error=report.error or report.error_code,
        usage=report.usage(),
        metadata=_metadata(report),
        input_json=None,
        output_json=None if report.output_text is None else jsontext.encode(report.output_text),
    )
    spans = {span.id: span for span in _below(report, root)}
    if len(spans) >= _MOST_SPANS:
        raise InvalidError("steps", f"must have fewer than {_MOST_SPANS} calls in all")
    return [root, *spans.values()]


def _below(report: CloudRunReport, root: Span) -> Iterator[Span]:
    """What the run did; a call of a tool that a step names too is below that step."""
    named = set()
    since = root.started_at
    for number, step in enumerate(report.steps or ()):
        place, name = ("step", str(number)), report.model_id or "step"
        span = _part(root, root, place, name, "llm", step, since)
        if step.end_ms is not None and span.ended_at is not None:
            since = span.ended_at
        facts = {"finish_reason": step.finish_reason, "model": report.model_id}
        yield replace(span, usage=step.usage(), metadata=_known(facts))
        for call in step.tool_calls or ():
            named.add(call.tool_call_id)
            yield from _tool(root, span, call)
    if not report.steps and report.usage() != Usage():
        span = _part(root, root, ("step", "0"), report.model_id or "step", "llm", _Timed())
        yield replace(span, usage=report.usage(), metadata=_known({"model": report.model_id}))
    for call in report.tool_calls or ():
        if call.tool_call_id not in named:
            yield from _tool(root, root, call)


def _tool(root: Span, above: Span, call: CloudToolCall) -> Iterator[Span]:
    place = ("tool", call.tool_call_id)
    span = _part(root, above, place, call.tool_name, "tool", call)
    yield replace(
        span,
        input_json=as_json(call.tool_args),
        output_json=as_json(call.tool_result),
        metadata=_known({"tool_call_id": call.tool_call_id, "tool_source": call.tool_source}),
    )
    for number, sampling in enumerate(call.sampling_calls or ()):
        name = sampling.model_id or "sampling"
        sampled = _part(root, span, (*place, str(number)), name, "llm", _Timed())
        yield replace(
            sampled,
            duration_ms=sampling.duration_ms,
            usage=sampling.usage(),
            metadata=_known({"model": sampling.model_id}),
        )


def _part(
    root: Span,
    above: Span,
    place: tuple[str, ...],
    name: str,
    type: SpanType,
    timed: _Timed,
    since: datetime | None = None,
) -> Span:
    """A span right below another one, for as long as that where nobody says when."""
    started = _at(root, timed.start_ms) or since or above.started_at
    ended = _at(root, timed.end_ms) or above.ended_at or started
    return Span(
        id=derived_id("span_", root.id, *place),
        name=name,
        type=type,
        status="complete",
        parent_id=above.id,
        thread_id=root.thread_id,
        user_id=None,
        run=root.run,
        started_at=started,
        ended_at=max(started, ended),
        duration_ms=None,
        error=None,
        usage=Usage(),
        metadata=None,
        input_json=None,
        output_json=None,
    )


def _at(root: Span, moment: float | None) -> datetime | None:
    if moment is None:
        return None
    if moment > _MOST_MS:
        return datetime.fromtimestamp(moment / 1000, UTC)
    return root.started_at + timedelta(milliseconds=moment)


def _metadata(report: CloudRunReport) -> dict[str, Any] | None:
    facts = {
        "outcome": report.outcome_type,
        "message_id": report.message_id,
        "model": report.model_id,
        "provider": report.provider or report.provider_type,
        "release": report.release,
        "environment": report.environment,
        "tags": report.tags,
        "first_token_ms": report.first_token_ms,
        "total_steps": report.total_steps,
        "trace_id": report.trace_id,
        "error_code": report.error_code,
        "metadata": report.metadata,
    }
    return _known(facts)


def _known(facts: dict[str, Any]) -> dict[str, Any] | None:
    """Those that are known; None if nothing is."""
    known = {name: value for name, value in facts.items() if value not in (None, [], {})}
    return known or None


def as_json(text: str | None) -> str | None:
    """Text that is JSON as it stands, other text as a JSON string."""
    if text is None:
        return None
    try:
        return jsontext.verify(text)
    except InvalidError:
        return jsontext.encode(text)
