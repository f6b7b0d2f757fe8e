"""What the routes tell OpenAPI: their problems, their bodies, who may call.

A route says what is its own: `responses=problems(404, 409)`, or `cloud_problems` under /v1. What
every route can answer is added by its class (routing), and `describe` puts the components in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

Responses = dict[int | str, dict[str, Any]]
Kind = Literal["problem", "cloud"]

_SCHEMAS: Final = "#/components/schemas/"
_MEDIA: Final[Mapping[Kind, tuple[str, str]]] = {
    "problem": ("application/problem+json", "Problem"),
    "cloud": ("application/json", "CloudProblem"),
}
_PROBLEM: Final[Mapping[str, Any]] = {
    "title": "Problem",
    "description": "What is wrong (RFC 9457). Members beside these depend on the code.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "description": "Stable; what a program should look at."},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "code", "detail"],
}
_CLOUD_PROBLEM: Final[Mapping[str, Any]] = {
    "title": "CloudProblem",
    "description": "What is wrong, as assistant-cloud reads it. `error` is a stable code.",
    "type": "object",
    "properties": {"error": {"type": "string"}, "message": {"type": "string", "minLength": 1}},
    "required": ["error", "message"],
}
_PROBLEMS: Final = {"Problem": _PROBLEM, "CloudProblem": _CLOUD_PROBLEM}
_BEARER: Final = "bearer"
_SCHEMES: Final[Mapping[str, Any]] = {
    _BEARER: {
        "type": "http",
        "scheme": "bearer",
        "description": (
            "An API key of ours, a JSON Web Token, or the token of an anonymous session: which of "
            "them are taken is configured. Without any auth configured none is needed. Callers who "
            "may, name an owner and a user by the headers Threadkeep-Owner and Threadkeep-User."
        ),
    }
}
TAGS: Final = (
    {"name": "cloud", "description": "What the npm package assistant-cloud calls."},
    {"name": "auth", "description": "Tokens, anonymous sessions, and claiming their threads."},
    {"name": "threads", "description": "Threads and their messages."},
    {"name": "sessions", "description": "Sessions of agents."},
    {"name": "traces", "description": "Runs, spans and usage."},
    {"name": "transfer", "description": "Export and import."},
    {"name": "inspector", "description": "A page for people."},
    {"name": "operations", "description": "Health, readiness and metrics."},
)

_MODELS: dict[str, type[BaseModel]] = {}


def problems(*statuses: int) -> Responses:
    """The entries of `responses=` for these statuses, told as application/problem+json."""
    return _told("problem", statuses)


def cloud_problems(*statuses: int) -> Responses:
    """The entries of `responses=` for these statuses, told as /v1 tells them."""
    return _told("cloud", statuses)


def component(model: type[BaseModel]) -> dict[str, str]:
    """A reference to the schema of a body that the route reads itself.

    TypeError if another model of that name is there: their schemas would be one.
    """
    if _MODELS.setdefault(model.__name__, model) is not model:
        raise TypeError(f"two models for bodies are called {model.__name__}")
    return {"$ref": _SCHEMAS + model.__name__}


def common(
    kind: Kind, *, scope: str | None, takes_body: bool, takes_parameters: bool
) -> tuple[Responses, dict[str, Any]]:
    """What every such route can answer, and what its operation says besides.

    `scope` is what a caller needs, None where everybody is let in.
    """
    statuses = {403, 429}
    extra: dict[str, Any] = {}
    if scope is not None:
        statuses |= {400, 401, 503}
        extra["security"] = [{_BEARER: [scope]}]
    if takes_body:
        statuses |= {400, 413, 415}
    if takes_body or takes_parameters:
        statuses.add(400 if kind == "cloud" else 422)
    return _told(kind, sorted(statuses)), extra


def describe(app: FastAPI) -> None:
    """Let the app's OpenAPI document be complete: for an app of one's own with our routers in it.

    Its other routes are left as they are.
    """
    made: list[dict[str, Any]] = []

    def openapi() -> dict[str, Any]:
        if not made:
            made.append(complete(_written(app)))
        return made[0]

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The document with our components in it, and without refusals that we never tell so."""
    for operation in _operations(document):
        _drop_foreign_422(operation["responses"])
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    if not _refers(document["paths"], "HTTPValidationError"):
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
    while missing := (set(_references(document)) & _ours()) - set(schemas):
        for name in missing:
            schemas |= _schemas_of(name)
    components["schemas"] = dict(sorted(schemas.items()))
    components.setdefault("securitySchemes", {}).update(_SCHEMES)
    return document


def _ours() -> set[str]:
    return {*_PROBLEMS, *_MODELS}


def _schemas_of(name: str) -> dict[str, Any]:
    """The schema of this name, of a problem or a body, and those inside it."""
    if name in _PROBLEMS:
        return {name: dict(_PROBLEMS[name])}
    schema = _MODELS[name].model_json_schema(ref_template=_SCHEMAS + "{model}")
    return {**schema.pop("$defs", {}), name: schema}


def _written(app: FastAPI) -> dict[str, Any]:
    """What FastAPI itself writes."""
    return get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description or None,
        routes=app.routes,
        tags=app.openapi_tags,
        servers=app.servers,
    )


def _told(kind: Kind, statuses: Iterable[int]) -> Responses:
    media, name = _MEDIA[kind]
    content = {media: {"schema": {"$ref": _SCHEMAS + name}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def _operations(document: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for path in document["paths"].values():
        for method, operation in path.items():
            if method in ("get", "post", "put", "patch", "delete", "options", "head"):
                yield operation


def _drop_foreign_422(responses: dict[str, Any]) -> None:
    """Where a route is one of /v1, FastAPI's own 422 never comes."""
    if _refers(responses, "CloudProblem") and _refers(responses.get("422"), "HTTPValidationError"):
        del responses["422"]


def _refers(value: Any, name: str) -> bool:
    return name in _references(value)


def _references(value: Any) -> Iterator[str]:
    """The names of all schemas that are referred to."""
    if isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str) and target.startswith(_SCHEMAS):
            yield target.removeprefix(_SCHEMAS)
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _references(inner)
