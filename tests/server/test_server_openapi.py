"""The OpenAPI document is whole, and an app of one's own keeps what is its."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

from threadkeep.server import describe, rest_router
from threadkeep.server.bodies import body_schema
from threadkeep.server.openapi import TAGS, common, problems
from threadkeep.server.routing import CloudRoute, bound
from threadkeep.server.service import Service
from threadkeep.store import AsyncStore

METHODS = {"get", "post", "put", "patch", "delete"}
OPEN = {"/healthz", "/readyz", "/v1/auth/tokens/anonymous", "/v1/auth/tokens/refresh"}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each operation with its path and method."""
    for path, methods in document["paths"].items():
        for method in METHODS & set(methods):
            yield path, method, methods[method]


def references(value: Any) -> Iterator[str]:
    """All references in a part of the document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_the_document_is_whole(app: FastAPI) -> None:
    """Every reference leads somewhere, every component is used, ids are unique. [N6]"""
    document = app.openapi()
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    found = {reference.rpartition("/")[2] for reference in references(document)}
    assert found == set(schemas)
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)


def test_every_operation_says_how_it_is_refused(app: FastAPI) -> None:
    """Problems are ours, in the one shape of the route; who needs a token says so. [N6]"""
    known = {tag["name"] for tag in TAGS}
    for path, method, operation in operations(app.openapi()):
        place = f"{method} {path}"
        assert set(operation["tags"]) <= known, place
        cloud = path.startswith("/v1/")
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                media = "application/json" if cloud else "application/problem+json"
                schema = "CloudProblem" if cloud else "Problem"
                wanted = {"$ref": f"#/components/schemas/{schema}"}
                assert response["content"][media]["schema"] == wanted, place
        if "requestBody" in operation:
            assert {"413", "415"} <= set(operation["responses"]), place
        if operation.get("security"):
            assert {"401", "403", "429", "503"} <= set(operation["responses"]), place
        else:
            assert path in OPEN or path.startswith(("/inspector", "/v1/files/")), place


def test_an_app_of_ones_own_keeps_its_own_routes(store: AsyncStore) -> None:
    """`describe` adds what our routes refer to, and leaves the refusals of others as they are."""
    app = FastAPI(title="mine")

    @app.get("/mine/{number}")
    async def mine(number: int) -> int:
        return number

    app.include_router(rest_router(Service(store)))
    describe(app)
    document = app.openapi()
    own = document["paths"]["/mine/{number}"]["get"]["responses"]["422"]
    assert next(references(own)).endswith("/HTTPValidationError")
    schemas = document["components"]["schemas"]
    assert {r.rpartition("/")[2] for r in references(document)} <= set(schemas)
    assert document["info"]["title"] == "mine"


def test_a_route_of_v1_never_says_422(store: AsyncStore) -> None:
    """There a wrong request is 400, whatever FastAPI would say."""
    router = APIRouter(prefix="/v1", route_class=CloudRoute, tags=["cloud"])

    @router.get("/things/{number}", responses=problems(404))
    async def things(number: int) -> int:
        return number

    app = FastAPI()
    app.include_router(bound(Service(store), router))
    describe(app)
    responses = app.openapi()["paths"]["/v1/things/{number}"]["get"]["responses"]
    assert "422" not in responses
    assert {"400", "404"} <= set(responses)


def test_two_bodies_of_one_name_are_refused() -> None:
    """Their schemas would be one: the second one fails when its module is imported."""

    def model() -> type[BaseModel]:
        class SameNameTwice(BaseModel):
            """A body."""

        return SameNameTwice

    body_schema(model())
    with pytest.raises(TypeError, match="SameNameTwice"):
        body_schema(model())


def test_what_every_route_can_answer_follows_from_what_it_takes() -> None:
    """A caller, a body and parameters each add the statuses that they bring."""
    nothing, said = common("problem", scope=None, takes_body=False, takes_parameters=False)
    assert (set(nothing), said) == ({403, 429}, {})
    rest, said = common("problem", scope="write", takes_body=True, takes_parameters=True)
    assert set(rest) == {400, 401, 403, 413, 415, 422, 429, 503}
    assert said == {"security": [{"bearer": ["write"]}]}
    cloud, _ = common("cloud", scope="read", takes_body=True, takes_parameters=True)
    assert set(cloud) == {400, 401, 403, 413, 415, 429, 503}
