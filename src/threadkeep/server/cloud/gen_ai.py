"""What exported spans say of generative AI: which step it was, what it used, for which thread.

By OpenTelemetry's conventions (https://opentelemetry.io/docs/specs/semconv/gen-ai/), and by the
names that the AI SDK, OpenInference and OpenLLMetry give the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from threadkeep.server.cloud.otlp import Exported
from threadkeep.server.cloud.reports import as_json
from threadkeep.server.cloud.runs import run_of
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import MAX_ID_BYTES, check_id
from threadkeep.values.parts import Json
from threadkeep.values.run import Usage
from threadkeep.values.span import Span, SpanType

Attributes = Mapping[str, Json]

_THREAD: Final = (
    "threadkeep.thread",
    "gen_ai.conversation.id",
    "ai.telemetry.metadata.threadId",
    "ai.telemetry.metadata.sessionId",
    "session.id",
)
_USER: Final = ("user.id", "enduser.id", "ai.telemetry.metadata.userId")
_MODEL: Final = (
    "gen_ai.response.model",
    "gen_ai.request.model",
    "llm.model_name",
    "ai.model.id",
    "embedding.model_name",
)
_INPUT: Final = (
    "gen_ai.input.messages",
    "gen_ai.tool.call.arguments",
    "ai.prompt.messages",
    "ai.prompt",
    "ai.toolCall.args",
    "input.value",
    "traceloop.entity.input",
)
_OUTPUT: Final = (
    "gen_ai.output.messages",
    "gen_ai.tool.call.result",
    "ai.response.text",
    "ai.response.object",
    "ai.toolCall.result",
    "output.value",
    "traceloop.entity.output",
)
_TOKENS: Final = (
    (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",
    ),
    (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
    ),
    (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cached_input_tokens",
        "llm.token_count.prompt_details.cache_read",
        "ai.usage.cachedInputTokens",
    ),
    (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "ai.usage.reasoningTokens",
    ),
)
_COST: Final = ("gen_ai.usage.cost", "llm.cost.total")
_ERROR: Final = ("error.type", "exception.type")
_TYPES: Final[Mapping[str, Mapping[str, SpanType]]] = {
    "gen_ai.operation.name": {
        "chat": "llm",
        "text_completion": "llm",
        "generate_content": "llm",
        "embeddings": "embedding",
        "retrieval": "retriever",
        "execute_tool": "tool",
        "invoke_agent": "agent",
        "create_agent": "agent",
    },
    "openinference.span.kind": {
        "LLM": "llm",
        "EMBEDDING": "embedding",
        "RETRIEVER": "retriever",
        "RERANKER": "retriever",
        "TOOL": "tool",
        "AGENT": "agent",
    },
    "traceloop.span.kind": {"tool": "tool", "agent": "agent"},
    "llm.request.type": {"chat": "llm", "completion": "llm", "embedding": "embedding"},
}
# The last step of the names of the AI SDK's operations.
_OPERATIONS: Final[Mapping[str, SpanType]] = {
    "doGenerate": "llm",
    "doStream": "llm",
    "doEmbed": "embedding",
    "toolCall": "tool",
}
_TOLD: Final = "ai.operationId"


def spans_of(exported: Iterable[Exported], *, user: str | None) -> tuple[list[Span], int]:
    """The spans as the store takes them, each once, and how many it could not take.

    Where one thread is named anywhere in a trace, all spans of it that are told now are of that.
    `user` is whose they are anyway, if it is known.
    """
    told = {(one.trace_id, one.span_id): one for one in exported}
    threads: dict[str, set[str]] = {}
    for one in told.values():
        named = _known_id(one.attributes, _THREAD)
        if named is not None:
            threads.setdefault(one.trace_id, set()).add(named)
    spans, rejected = [], 0
    for one in told.values():
        of_trace = threads.get(one.trace_id, set())
        only = next(iter(of_trace)) if len(of_trace) == 1 else None
        try:
            spans.append(_span(one, only, user))
        except InvalidError:
            rejected += 1
    return spans, rejected


def _span(one: Exported, thread_of_trace: str | None, user: str | None) -> Span:
    attributes = dict(one.attributes)
    thread_id = _known_id(attributes, _THREAD) or thread_of_trace
    whose = _known_id(attributes, _USER) if user is None else None
    given, made = _taken(attributes, _INPUT), _taken(attributes, _OUTPUT)
    error = one.message or _first(attributes, _ERROR) if one.failed else None
    metadata = {
        "model": _first(attributes, _MODEL),
        "attributes": attributes,
        "resource": one.resource,
        "scope": one.scope,
        "kind": one.kind,
        "events": one.events,
    }
    known = {name: value for name, value in metadata.items() if value not in (None, "", {}, [])}
    jsontext.check_metadata(known, "attributes")
    parent = one.parent_id
    return Span(
        id=f"{one.trace_id}-{one.span_id}",
        name=one.name.encode()[:MAX_ID_BYTES].decode(errors="ignore") or "unknown",
        type=_type(one.attributes),
        status="failed" if one.failed else "complete",
        parent_id=None if parent is None else f"{one.trace_id}-{parent}",
        thread_id=thread_id,
        user_id=whose,
        run=None if thread_id is None else run_of(thread_id, one.trace_id),
        started_at=one.started_at,
        ended_at=one.ended_at,
        duration_ms=one.duration_ms,
        error=error if isinstance(error, str) else None,
        usage=_usage(one.attributes),
        metadata=known or None,
        input_json=given,
        output_json=made,
    )


def _type(attributes: Attributes) -> SpanType:
    for name, types in _TYPES.items():
        found = types.get(str(attributes.get(name)))
        if found is not None:
            return found
    told = str(attributes.get(_TOLD) or attributes.get("gen_ai.operation.name") or "")
    return _OPERATIONS.get(told.rpartition(".")[2], "chain")


def _usage(attributes: Attributes) -> Usage:
    given, made, cached, reasoning = (_number(_first(attributes, names)) for names in _TOKENS)
    return Usage(given, made, cached, reasoning, _cost(_first(attributes, _COST)))


def _number(value: Json) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        return None
    return int(value) if 0 <= value <= 2**53 else None


def _cost(value: Json) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        cost = Decimal(str(value))
        Usage(cost=cost)
    except (InvalidError, InvalidOperation):
        return None
    return cost


def _first(attributes: Attributes, names: Sequence[str]) -> Json:
    """The value under the first of these names that has one."""
    return next((attributes[name] for name in names if attributes.get(name) is not None), None)


def _known_id(attributes: Attributes, names: Sequence[str]) -> str | None:
    """The id under the first of these names; None where it cannot be one."""
    found = _first(attributes, names)
    try:
        return None if found is None else check_id("id", found)
    except InvalidError:
        return None


def _taken(attributes: dict[str, Json], names: Sequence[str]) -> str | None:
    """The JSON text of the value under the first of these names, which is taken away."""
    for name in names:
        if attributes.get(name) is not None:
            value = attributes.pop(name)
            return as_json(value) if isinstance(value, str) else jsontext.encode(value)
    return None
