"""/spans, /usage and /threads/{id}/runs: what agents did, and what it took."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, WithJsonSchema

from threadkeep.server.answers import text_answer
from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.openapi import problems
from threadkeep.server.rest.fields import (
    Absent,
    Asked,
    Cursor,
    Duration,
    Flag,
    Id,
    Limit,
    Object,
    Order,
    Said,
    SpanId,
    ThreadId,
    UsageSaid,
    When,
    given,
)
from threadkeep.server.rest.shapes import (
    Deleted,
    RunPage,
    SpanPage,
    SpanShape,
    SpanTree,
    Totals,
)
from threadkeep.server.rest.texts import (
    deleted,
    listed,
    page_answer,
    run_facts,
    span_text,
    texts_of,
    total_facts,
)
from threadkeep.server.routing import ProblemRoute
from threadkeep.server.service import Reader, Writer
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Status
from threadkeep.values.run import Usage
from threadkeep.values.span import SpanType, TotalsBy

router = APIRouter(route_class=ProblemRoute, tags=["traces"])

_VALUE = {"description": "Any JSON value, kept byte for byte."}
Value = Annotated[Any, WithJsonSchema(_VALUE)]


class SpansAsked(Asked):
    """Which spans: what is given must all hold. Durations are in milliseconds."""

    thread: Id | Absent = None
    parent: Id | Absent = None
    roots: Flag = False
    type: SpanType | Absent = None
    status: Status | Absent = None
    failed: Flag | Absent = None
    min_duration_ms: Duration | Absent = None
    max_duration_ms: Duration | Absent = None
    since: When | Absent = None
    until: When | Absent = None
    user: Id | Absent = None
    order: Order = "desc"
    limit: Limit = 50
    cursor: Cursor | Absent = None


class SpanNew(Said):
    """A span that begins."""

    name: Annotated[str, Field(min_length=1, max_length=512)]
    type: SpanType = "chain"
    id: Id | None = None
    parent: Id | None = None
    thread: Id | None = None
    run: Id | None = None
    user: Id | None = None
    input: Value = None
    metadata: Object | None = None
    started_at: When | None = None


class SpanEnd(Said):
    """How a span ends. `status` is failed with an `error` and complete without, unless it is given.

    `metadata` is a JSON merge-patch (RFC 7396).
    """

    output: Value = None
    error: str | None = None
    status: Literal["complete", "interrupted", "failed", "cancelled"] | None = None
    usage: UsageSaid | None = None
    duration_ms: Annotated[float, Field(ge=0)] | None = None
    ended_at: When | None = None
    metadata: Object = Field(default_factory=dict)


class UsageAsked(Asked):
    """Sums of what, by what, of which. `type` is one of spans."""

    of: Literal["runs", "spans"] = "runs"
    by: TotalsBy = "day"
    thread: Id | Absent = None
    user: Id | Absent = None
    since: When | Absent = None
    until: When | Absent = None
    type: SpanType | Absent = None


class RunsAsked(Asked):
    """Which page."""

    order: Order = "desc"
    limit: Limit = 50
    cursor: Cursor | Absent = None


@router.get("/spans", responses={200: {"model": SpanPage}})
async def list_spans(caller: Reader, asked: Annotated[SpansAsked, Query()]) -> Response:
    """Spans by when they started, the latest first. None for an unknown thread or parent.

    `since` is inclusive and `until` is not. A page looks at 10 000 spans: it may be short, even
    empty, and still have a next one.
    """
    page = await caller.chat.spans.list(**asked.model_dump())
    return page_answer("spans", map(span_text, page.items), page, truncated=page.truncated)


@router.post(
    "/spans",
    status_code=201,
    responses={201: {"model": SpanShape}, **problems(404, 409)},
    openapi_extra=body_schema(SpanNew),
)
async def start_span(caller: Writer, request: Request) -> Response:
    """Begin a span, under the given id or a new one. Its parent and thread must be there.

    The same call with an id again gives the stored span; 409 `exists` where the id is another's.
    """
    body = await read_body(request, SpanNew, "input")
    said = body.said
    text = body.texts.get("input")
    span = await caller.chat.spans.start(
        said.name,
        type=said.type,
        span_id=said.id,
        parent=said.parent,
        thread=said.thread,
        run=said.run,
        user=said.user,
        input=None if text is None else text.encode(),
        metadata=said.metadata,
        started_at=said.started_at,
    )
    return text_answer([span_text(span)], 201)


@router.get("/spans/{span_id}", responses={200: {"model": SpanShape}, **problems(404)})
async def read_span(caller: Reader, span_id: SpanId) -> Response:
    """A span."""
    return text_answer([span_text(await caller.chat.spans.get(span_id))])


@router.patch(
    "/spans/{span_id}",
    responses={200: {"model": SpanShape}, **problems(404, 409)},
    openapi_extra=body_schema(SpanEnd),
)
async def end_span(caller: Writer, span_id: SpanId, request: Request) -> Response:
    """End a span, now if not told. The same again gives the ended span.

    409 `span_ended` where it has ended in another way.
    """
    body = await read_body(request, SpanEnd, "output")
    said, changes = body.said, given(body.said, "metadata")
    if "output" in body.texts:
        changes["output"] = body.texts["output"].encode()
    span = await caller.chat.spans.end(
        span_id,
        error=said.error,
        status=said.status,
        usage=Usage() if said.usage is None else said.usage.usage(),
        duration_ms=said.duration_ms,
        ended_at=said.ended_at,
        **changes,
    )
    return text_answer([span_text(span)])


@router.delete("/spans/{span_id}", responses={200: {"model": Deleted}, **problems(404)})
async def delete_span(caller: Writer, span_id: SpanId) -> Response:
    """Delete a span and all below it; 404 if there is none."""
    return deleted(await caller.chat.spans.delete(span_id), "span", span_id)


@router.get("/spans/{span_id}/tree", responses={200: {"model": SpanTree}, **problems(404)})
async def read_span_tree(caller: Reader, span_id: SpanId) -> Response:
    """A span and all below it, each right after its parent or what is below earlier siblings."""
    return listed("spans", map(span_text, await caller.chat.spans.tree(span_id)), {})


@router.get("/usage", responses={200: {"model": Totals}})
async def read_usage(caller: Reader, asked: Annotated[UsageAsked, Query()]) -> Response:
    """What runs or spans used together, for each run, thread, user or day (UTC), by its key.

    The last key is null, for what has none. Where spans say what those below them used, ask for one
    `type`: a tree would count the same tokens at each level.
    """
    which: dict[str, Any] = asked.model_dump(exclude={"of", "type"})
    if asked.of == "spans":
        totals = await caller.chat.spans.totals(**which, type=asked.type)
    elif asked.type is not None:
        raise InvalidError("type", "goes with spans")
    else:
        totals = await caller.chat.runs.totals(**which)
    return listed("totals", texts_of(totals, total_facts), {})


@router.get("/threads/{thread_id}/runs", responses={200: {"model": RunPage}, **problems(404)})
async def list_runs(
    caller: Reader, thread_id: ThreadId, asked: Annotated[RunsAsked, Query()]
) -> Response:
    """The runs of a thread by when they started, the latest first."""
    page = await caller.chat.runs.list(
        thread_id, order=asked.order, limit=asked.limit, cursor=asked.cursor
    )
    if not page.items and asked.cursor is None:
        await caller.chat.threads.get(thread_id)
    return page_answer("runs", texts_of(page.items, run_facts), page)
