"""Routes that tell problems in their own way, so that a router works in any app."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ClassVar

from fastapi import APIRouter, Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from threadkeep.server import openapi
from threadkeep.server.limits import bounded
from threadkeep.server.logs import log_defect
from threadkeep.server.paths import decoded, undecoded
from threadkeep.server.problems import Problem, as_cloud_json, as_problem_json, problem_of
from threadkeep.server.service import SCOPE_OF, Service

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ProblemRoute(APIRoute):
    """A route whose problems are problem+json.

    Beyond that, each route of ours takes bodies only of the media types that it declares, else 415,
    and of no more bytes than the service allows, else 413. Ids in its path may hold any character.
    What every route may answer is added to what its operation declares.
    """

    kind: ClassVar[openapi.Kind] = "problem"

    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        super().__init__(path, endpoint, **given)
        self.mark = _mark_of(path)
        extra = self.openapi_extra or {}
        self.media = tuple(extra.get("requestBody", {}).get("content", ()))
        shared, said = openapi.common(
            self.kind,
            scope=_scope_of(self.dependant),
            takes_body=bool(self.media),
            takes_parameters=_takes_parameters(self.dependant),
        )
        self.responses = {**shared, **self.responses}
        self.openapi_extra = {**said, **extra}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the request is for this route: by its path as it was sent."""
        if self.mark not in scope["path"]:
            return Match.NONE, {}
        seen = undecoded(scope)
        match, found = super().matches(seen)
        if seen is not scope and match is not Match.NONE:
            found["path_params"] = decoded(found["path_params"])
        return match, found

    def tell(self, problem: Problem) -> Response:
        """The problem as this route tells it."""
        return as_problem_json(problem)

    def get_route_handler(self) -> Handler:
        """The handler, with every error told."""
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                self._check_media(request)
                return await handle(bounded(request))
            except Exception as error:  # noqa: BLE001  what nobody foresaw is a 500 with a code
                problem = problem_of(error)
                if problem.status == 500:
                    log_defect(error)
                return self.tell(problem)

        return told

    def _check_media(self, request: Request) -> None:
        """A body of another type is refused: a page elsewhere can send text without being asked."""
        if not self.media or "*/*" in self.media:
            return
        given = request.headers.get("content-type")
        if given is None and not _brings_body(request):
            return
        if (given or "").split(";")[0].strip().lower() not in self.media:
            wanted = " or ".join(self.media)
            raise Problem(415, "media_type", f"Content-Type must be {wanted}", accepted=wanted)


class CloudRoute(ProblemRoute):
    """A route whose problems are what the npm package assistant-cloud reads."""

    kind: ClassVar[openapi.Kind] = "cloud"

    def tell(self, problem: Problem) -> Response:
        """The problem as that package reads it."""
        return as_cloud_json(problem)


class _Marked(APIRouter):
    """A router that knows at once what is not for it: apps try all their routes in turn."""

    marks: frozenset[str] = frozenset()

    def include_router(self, router: APIRouter, *given: Any, **named: Any) -> None:
        """Include it, and know by what its routes are told."""
        super().include_router(router, *given, **named)
        found = (route.mark if isinstance(route, ProblemRoute) else "" for route in router.routes)
        self.marks |= frozenset(found)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the request is for one of its routes."""
        path = scope["path"]
        if not any(mark in path for mark in self.marks):
            return Match.NONE, {}
        return super().matches(scope)


def bound(
    service: Service, *routers: APIRouter, checks: Sequence[Callable[..., Any]] = ()
) -> APIRouter:
    """One router of these, whose routes reach this service, and run these checks first."""

    async def bind(request: Request) -> None:
        request.state.threadkeep = service
        service.admit(request)

    # All routes side by side: each router that stands in another one is matched anew at each step.
    routes = APIRouter()
    routes.routes.extend(route for router in routers for route in router.routes)
    outer = _Marked(dependencies=[Depends(bind), *map(Depends, checks)])
    outer.include_router(routes)
    return outer


def _mark_of(path: str) -> str:
    """The last fixed step of a route's path: what does not have it is not for this route."""
    fixed = [step for step in path.split("/") if step and "{" not in step]
    return f"/{fixed[-1]}" if fixed else ""


def _brings_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != (
        "0"
    )


def _scope_of(dependant: Dependant) -> str | None:
    """The scope that a caller of this route needs."""
    for needed in dependant.dependencies:
        scope = SCOPE_OF.get(needed.call) or _scope_of(needed)
        if scope is not None:
            return scope
    return None


def _takes_parameters(dependant: Dependant) -> bool:
    own = dependant.path_params or dependant.query_params or dependant.header_params
    return bool(own) or any(_takes_parameters(needed) for needed in dependant.dependencies)
