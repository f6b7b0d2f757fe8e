"""/v1/traces: spans that OpenTelemetry exports (OTLP over HTTP)."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from threadkeep.server.cloud.gen_ai import spans_of
from threadkeep.server.cloud.otlp import JSON, PROTOBUF, answer_of, inflated, read, too_large
from threadkeep.server.limits import large_body
from threadkeep.server.problems import NO_STORE, Problem
from threadkeep.server.routing import CloudRoute
from threadkeep.server.service import Writer
from threadkeep.store import Owner
from threadkeep.values.errors import InvalidError
from threadkeep.values.span import Span

router: Final = APIRouter(prefix="/v1/traces", route_class=CloudRoute, tags=["cloud"])

MOST_BYTES: Final = 20 << 20
"""What the OpenTelemetry collector takes at once; each span is many objects while it is read."""
_AT_ONCE: Final = 1000
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_WHY: Final = "spans that cannot be read, are too large, or stand above themselves"


class PartialSuccess(BaseModel):
    """How many spans were not stored."""

    rejectedSpans: str  # noqa: N815  as OTLP has it
    errorMessage: str  # noqa: N815


class CloudTraced(BaseModel):
    """What was not stored, if anything."""

    partialSuccess: PartialSuccess | None = None  # noqa: N815


@router.post(
    "",
    summary="Export spans",
    dependencies=[Depends(large_body)],
    responses={200: {"model": CloudTraced, "content": {PROTOBUF: _BINARY}}},
    response_model=None,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {"type": "object"}}, PROTOBUF: _BINARY},
        }
    },
)
async def export_traces(request: Request, caller: Writer) -> Response:
    """Spans of agents, of the thread that their attributes name. Exporting again is safe.

    `gen_ai.conversation.id`, `threadkeep.thread` or `session.id` name the thread. The body may be
    compressed by gzip, and has at most 20 MiB when it is not.
    """
    data, most = await request.body(), min(MOST_BYTES, caller.service.limits.large_body)
    if len(data) > most:
        raise too_large(most)
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("gzip", "identity"):
        raise Problem(415, "content_encoding", "Content-Encoding must be gzip", accepted="gzip")
    media_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    chat = caller.chat

    def convert() -> tuple[list[Span], int]:
        plain = inflated(data, most) if coding == "gzip" else data
        exported, unread = read(plain, media_type)
        spans, unfit = spans_of(exported, user=chat.user_id)
        return spans, unread + unfit

    # It may be a lot: other requests go on meanwhile.
    spans, rejected = await run_in_threadpool(convert)
    for start in range(0, len(spans), _AT_ONCE):
        rejected += await _left_out(chat, spans[start : start + _AT_ONCE])
    answer, media_type = await run_in_threadpool(answer_of, rejected, _WHY, media_type)
    return Response(answer, 200, NO_STORE, media_type)


async def _left_out(chat: Owner, spans: list[Span]) -> int:
    """Store a batch; how many of it are not stored."""
    try:
        return len(spans) - await chat.spans.record(spans)
    except InvalidError:  # such as a circle, which has no first span
        return len(spans)
