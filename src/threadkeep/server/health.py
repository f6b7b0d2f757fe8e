"""/healthz, /readyz and /metrics: for whoever keeps the server running."""

from __future__ import annotations

import asyncio
from hmac import compare_digest
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from threadkeep.server.answers import json_answer
from threadkeep.server.auth.bearer import bearer_of, refused
from threadkeep.server.metrics import MEDIA
from threadkeep.server.openapi import problems
from threadkeep.server.problems import NO_STORE, Problem
from threadkeep.server.routing import ProblemRoute
from threadkeep.server.service import service_of
from threadkeep.values.errors import SchemaMismatchError, ThreadkeepError

SECONDS: Final = 3.0
"""How long readiness waits for the database: shorter than those who ask are patient."""

router = APIRouter(route_class=ProblemRoute, tags=["operations"])
counted = APIRouter(route_class=ProblemRoute, tags=["operations"])


class Well(BaseModel):
    """The answer where all is well."""

    ok: bool = True


@router.get("/healthz", response_model=None, responses={200: {"model": Well}})
async def healthz() -> Response:
    """Whether this process answers. It does not ask the database."""
    return json_answer({"ok": True})


@router.get("/readyz", response_model=None, responses={200: {"model": Well}, **problems(503)})
async def readyz(request: Request) -> Response:
    """Whether the database answers and its tables are those of this version.

    503 where not: `unavailable` or `schema_mismatch`.
    """
    store = service_of(request).store
    try:
        async with asyncio.timeout(SECONDS):
            await store.migrations.check()
    except SchemaMismatchError as error:
        raise Problem(503, error.code, str(error)) from None
    except (TimeoutError, ThreadkeepError):
        raise Problem(503, "unavailable", "the database does not answer") from None
    return json_answer({"ok": True})


@counted.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(401)},
)
async def metrics(request: Request) -> Response:
    """What was counted, for Prometheus. With a token of its own, its bearer only."""
    kept = service_of(request).metrics
    if kept is None:
        raise Problem(404, "not_found", "metrics are off")
    if kept.token is not None and not compare_digest(
        bearer_of(request.headers).encode(), kept.token.encode()
    ):
        raise refused("token_signature", "this is not the token for metrics")
    return Response(kept.text(), headers=NO_STORE, media_type=MEDIA)
