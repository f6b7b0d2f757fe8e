"""/v1/runs: answers of models that front ends report once they have ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from threadkeep.server.answers import json_answer
from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.cloud.reports import CloudRunReport, spans_of
from threadkeep.server.cloud.wire import Text, derived_id, new_id
from threadkeep.server.limits import large_body
from threadkeep.server.openapi import cloud_problems
from threadkeep.server.routing import CloudRoute
from threadkeep.server.service import Writer

router: Final = APIRouter(prefix="/v1/runs", route_class=CloudRoute, tags=["cloud"])

RUN: Final = "run_"


class CloudRunMade(BaseModel):
    """The run's id."""

    run_id: Text


@router.post(
    "",
    summary="Report a run",
    dependencies=[Depends(large_body)],
    status_code=201,
    responses={201: {"model": CloudRunMade}, **cloud_problems(404)},
    response_model=None,
    openapi_extra=body_schema(CloudRunReport),
)
async def report_run(request: Request, caller: Writer) -> Response:
    """It counts in the thread's usage, and what it did is there as spans.

    With the same `trace_id` again it is the same run, and counts once. Without one each report is
    a run of its own.
    """
    said = (await read_body(request, CloudRunReport)).said
    run_id = new_id(RUN) if said.trace_id is None else run_of(said.thread_id, said.trace_id)
    now = datetime.now(UTC)
    started = now - timedelta(milliseconds=said.duration_ms or 0)
    await caller.chat.threads.get(said.thread_id)
    # Before the run: once that is there, nothing can be wrong with the report any more.
    await caller.chat.spans.record(spans_of(said, run_id, started, now))
    await caller.chat.runs.record(
        said.thread_id,
        run_id,
        status=said.ended_as(),
        started_at=started,
        ended_at=now,
        usage=said.usage(),
    )
    return json_answer({"run_id": run_id}, 201)


def run_of(thread_id: str, trace_id: str) -> str:
    """The id of the run of a thread that a trace is about."""
    return derived_id(RUN, thread_id, trace_id.lower())
