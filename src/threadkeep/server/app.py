"""The app: all routers on one service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Unpack

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException

from threadkeep import __version__
from threadkeep.server import health, rest
from threadkeep.server.cloud import (
    events,
    feedback,
    files,
    messages,
    projects,
    runs,
    scores,
    threads,
    titles,
    tokens,
    traces,
)
from threadkeep.server.inspector import pages
from threadkeep.server.logs import REQUEST_ID, Observed
from threadkeep.server.openapi import TAGS, describe
from threadkeep.server.problems import told_outside
from threadkeep.server.routing import bound
from threadkeep.server.service import Options, Service
from threadkeep.store import AsyncStore

# What the browser may send: the headers of assistant-cloud, and ours.
_HEADERS: Final = (
    "Authorization",
    "Content-Type",
    "Accept",
    "Aui-Sdk",
    "Aui-User-Id",
    "Aui-Workspace-Id",
    "If-Match",
    "If-None-Match",
    "Threadkeep-Owner",
    "Threadkeep-User",
    REQUEST_ID,
)
_LOOPBACK: Final = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?"


def cloud_router(service: Service) -> APIRouter:
    """/v1, as the npm package assistant-cloud calls it."""
    # The hottest first: routes are tried one after the other.
    return bound(
        service,
        messages.router,
        threads.router,
        tokens.router,
        feedback.router,
        titles.router,
        runs.router,
        events.router,
        scores.router,
        files.router,
        projects.router,
        traces.router,
    )


def rest_router(service: Service) -> APIRouter:
    """/threads and what belongs to it."""
    return bound(service, *rest.ROUTERS, checks=[rest.once])


def inspector_router(service: Service) -> APIRouter:
    """/inspector, a page that reads the REST routes: they go in under the same prefix."""
    return bound(service, pages.router)


def operations_router(service: Service) -> APIRouter:
    """/healthz and /readyz, and /metrics where requests are counted."""
    return bound(service, health.router, *([health.counted] if service.metrics else []))


def create_app(
    store: AsyncStore | AbstractAsyncContextManager[AsyncStore], **given: Unpack[Options]
) -> FastAPI:
    """The server on a store.

    `store` is an open AsyncStore, which the caller closes, or `connect_async(...)`, which the app
    opens when it starts and closes when it ends. Without `auth` everybody is let in: listen on
    loopback only. All else that may be given is in `service.Options`.
    """
    service = Service(store, **given)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service:
            yield

    app = FastAPI(
        title="threadkeep",
        summary="Durable threads for AI conversations.",
        version=__version__,
        openapi_tags=list(TAGS),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.threadkeep = service
    for router in (cloud_router, rest_router, inspector_router, operations_router):
        app.include_router(router(service))
    describe(app)
    app.add_exception_handler(HTTPException, _told)
    app.add_exception_handler(RequestValidationError, _told)
    _let_pages_call(app, service)
    app.add_middleware(Observed, metrics=service.metrics)
    return app


def _let_pages_call(app: FastAPI, service: Service) -> None:
    """CORS: for the pages of the given origins, and without auth for those of this machine."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=sorted(service.origins),
        allow_origin_regex=_LOOPBACK if service.auth.open else None,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=_HEADERS,
        expose_headers=["Authorization", "ETag", "Retry-After", REQUEST_ID],
        max_age=600,
    )


async def _told(request: Request, error: Exception) -> Response:
    """A problem outside of all routes: no such path, no such method."""
    return told_outside(request.url.path, error)
