"""What is told of requests and of defects: ids, one line each, counts, and no word of content."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Response

from threadkeep.connecting import connect_async
from threadkeep.server import create_app, operations_router
from threadkeep.server.answers import json_answer
from threadkeep.server.bodies import read_text
from threadkeep.server.logs import JsonFormatter, TextFormatter
from threadkeep.server.metrics import Metrics
from threadkeep.server.problems import Problem
from threadkeep.server.routing import CloudRoute, ProblemRoute, bound
from threadkeep.server.service import Reader, Service
from threadkeep.store import AsyncStore
from threadkeep.testing.servers import Database
from threadkeep.values.errors import UnavailableError

BASE = "http://localhost"
CANARY = "canary-9f2c"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """All that is logged, as JSON lines and once more as text, at every level."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers = [logging.StreamHandler(stream), logging.StreamHandler(stream)]
    handlers[0].setFormatter(JsonFormatter())
    handlers[1].setFormatter(TextFormatter())
    level = root.level
    root.setLevel(logging.DEBUG)
    # The client of these tests is no part of the server.
    logging.getLogger("httpx").disabled = True
    for handler in handlers:
        root.addHandler(handler)
    yield stream
    for handler in handlers:
        root.removeHandler(handler)
    root.setLevel(level)
    logging.getLogger("httpx").disabled = False


def facts(lines: io.StringIO, message: str) -> list[dict[str, Any]]:
    """The records that say this message."""
    found = [json.loads(line) for line in lines.getvalue().splitlines() if line.startswith("{")]
    return [record for record in found if record["message"] == message]


def failing(kind: type[ProblemRoute], prefix: str) -> APIRouter:
    """Routes with defects that quote what was sent."""
    router = APIRouter(prefix=prefix, route_class=kind)

    @router.post("/threads/{thread_id}/fail")
    async def fail(request: Request, caller: Reader, thread_id: str) -> Response:
        text = await read_text(request)
        try:
            raise ValueError(f"{thread_id} said {text}")
        except ValueError as error:
            raise RuntimeError(f"cannot handle {text}") from error

    @router.get("/threads/{thread_id}")
    async def fine(caller: Reader, thread_id: str) -> Response:
        return json_answer({})

    return router


@pytest.fixture
def observed(store: AsyncStore) -> FastAPI:
    """The server, counting, with routes that fail."""
    app = create_app(store, metrics=Metrics())
    app.include_router(bound(app.state.threadkeep, failing(ProblemRoute, "/rest")))
    app.include_router(bound(app.state.threadkeep, failing(CloudRoute, "/v1/failing")))

    @app.post("/outside")
    async def outside(request: Request) -> Response:
        raise RuntimeError((await request.body()).decode())

    return app


@pytest.fixture
async def caller(observed: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    transport = httpx.ASGITransport(app=observed)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client


@pytest.mark.parametrize("path", ["/rest/threads/t/fail", "/v1/failing/threads/t/fail", "/outside"])
async def test_a_defect_is_told_by_types_and_places_and_not_by_words(
    caller: httpx.AsyncClient, lines: io.StringIO, path: str
) -> None:
    """Neither the answer nor any log line has a word of what was sent, at whatever level."""
    headers = {
        "authorization": f"Bearer {CANARY}",
        "content-type": "application/json",
        "cookie": CANARY,
    }
    answer = await caller.post(
        path, params={"q": CANARY}, headers=headers, content=json.dumps({"said": CANARY})
    )
    assert answer.status_code == 500
    assert answer.json().get("code", answer.json().get("error")) == "defect"
    [defect] = facts(lines, "defect")
    assert defect["error"].startswith("RuntimeError")
    assert any(re.fullmatch(r"test_server_observed:\d+", place) for place in defect["at"])
    [request] = facts(lines, "request")
    assert (request["status"], request["method"]) == (500, "POST")
    assert request["request_id"] == defect["request_id"] == answer.headers["x-request-id"]
    assert CANARY not in lines.getvalue()
    assert CANARY not in answer.text


async def test_a_request_is_one_line_with_the_template_of_its_route(
    caller: httpx.AsyncClient, lines: io.StringIO
) -> None:
    """The line has the method, the template, the status, the time and the kind of caller."""
    await caller.get(f"/rest/threads/{CANARY}", params={"q": CANARY})
    await caller.get(f"/{CANARY}")
    await caller.request("BREW", f"/rest/threads/{CANARY}")
    one, nowhere, brewed = facts(lines, "request")
    assert one["route"] == "/rest/threads/{thread_id}"
    assert (one["method"], one["status"], one["caller"]) == ("GET", 200, "open")
    assert 0 < one["ms"] < 60_000
    assert (nowhere["route"], nowhere["status"], brewed["method"]) == ("", 404, "other")
    assert CANARY not in lines.getvalue()


async def test_the_id_of_a_request_comes_back(caller: httpx.AsyncClient) -> None:
    """One that was sent is kept if it is a plain word, else a new one is made; each is unique."""
    kept = await caller.get("/healthz", headers={"x-request-id": "abc-1.2_3"})
    assert kept.headers["x-request-id"] == "abc-1.2_3"
    refused = ["", "a b", "x" * 129, 'quote"', "a,b"]
    made = {
        (await caller.get("/healthz", headers={"x-request-id": given})).headers["x-request-id"]
        for given in refused
    }
    assert len(made) == len(refused)
    assert not made & set(refused)


async def test_metrics_count_by_template_and_never_by_id(caller: httpx.AsyncClient) -> None:
    """/metrics has counts and times, and not one id, name or unknown path. [N10]"""
    for path in (f"/rest/threads/{CANARY}", f"/{CANARY}"):
        await caller.get(path)
    await caller.request("BREW", "/healthz")
    answer = await caller.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    labels = 'method="GET",route="/rest/threads/{thread_id}",status="200"'
    counted = re.search(re.escape(labels) + r"\} ([0-9.]+)", answer.text)
    assert counted is not None
    assert float(counted[1]) >= 1
    assert 'method="other"' in answer.text
    assert CANARY not in answer.text


async def test_metrics_are_there_only_when_asked_for(
    client: httpx.AsyncClient, store: AsyncStore
) -> None:
    """Without the setting there is no such route; with a token only its bearer reads them."""
    assert (await client.get("/metrics")).status_code == 404
    transport = httpx.ASGITransport(app=create_app(store, metrics=Metrics("m" * 20)))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as guarded:
        assert (await guarded.get("/metrics")).status_code == 401
        bad = await guarded.get("/metrics", headers={"authorization": "Bearer x"})
        assert bad.status_code == 401
        good = await guarded.get("/metrics", headers={"authorization": f"Bearer {'m' * 20}"})
        assert good.status_code == 200


async def test_readiness_asks_the_database_and_health_does_not(
    client: httpx.AsyncClient,
) -> None:
    """Without a database /readyz is 503 and says why, and /healthz is 200. [N10]"""
    assert (await client.get("/healthz")).json() == {"ok": True}
    assert (await client.get("/readyz")).json() == {"ok": True}
    away = connect_async("postgresql://nobody@127.0.0.1:9/none", connect_timeout=1)
    service = Service(away, patient=True)
    app = FastAPI()
    app.include_router(operations_router(service))
    async with (
        service,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE) as waiting,
    ):
        assert (await waiting.get("/healthz")).status_code == 200
        answer = await waiting.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_patient_service_opens_its_store_when_the_database_comes(
    database: Database,
) -> None:
    """It starts while the database is away, and answers as soon as that is there."""

    class Late(AbstractAsyncContextManager[AsyncStore]):
        """A store whose database is away at first."""

        def __init__(self) -> None:
            self.tries = 0
            self.inner = connect_async(database.url)

        async def __aenter__(self) -> AsyncStore:
            self.tries += 1
            if self.tries < 3:
                raise UnavailableError("away")
            return await self.inner.__aenter__()

        async def __aexit__(self, *ended: object) -> None:
            await self.inner.__aexit__(None, None, None)

    async with Service(Late(), patient=True) as service:
        with pytest.raises(Problem, match="no database yet"):
            _ = service.store
        assert service._opening is not None
        await asyncio.wait_for(service._opening, 20)
        assert await service.store.owner("o").threads.count() == 0
    with pytest.raises(UnavailableError):
        await Service(Late()).__aenter__()
