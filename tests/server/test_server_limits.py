"""How large a body may be, of which type, and how often somebody may call."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from threadkeep.server.answers import json_answer
from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.limits import Limits, Meter, Rate, address_of, large_body
from threadkeep.server.problems import Problem
from threadkeep.server.routing import CloudRoute, ProblemRoute, bound
from threadkeep.server.service import Reader, Service, per_address
from threadkeep.store import AsyncStore
from threadkeep.values.errors import InvalidError

BASE = "http://localhost"


class Sized(BaseModel):
    """A body of any size."""

    model_config = ConfigDict(extra="ignore")
    text: str


async def echo(request: Request) -> Response:
    """The size of the text."""
    return json_answer(len((await read_body(request, Sized)).said.text))


def routes(kind: type[ProblemRoute], prefix: str) -> APIRouter:
    """Routes that take bodies, and routes that are counted."""
    router = APIRouter(prefix=prefix, route_class=kind)
    router.post("/small", openapi_extra=body_schema(Sized))(echo)
    larger = [Depends(large_body)]
    router.post("/large", openapi_extra=body_schema(Sized), dependencies=larger)(echo)

    @router.get("/mine")
    async def mine(caller: Reader) -> Response:
        caller.spend("events")
        return json_answer({})

    @router.get("/anyone", dependencies=[per_address("anonymous")])
    async def anyone() -> Response:
        return json_answer({})

    return router


@pytest.fixture
def limited(store: AsyncStore) -> FastAPI:
    """An app of one's own with routes under small limits."""
    rates = {"events": Rate(2, 3600), "anonymous": Rate(1, 3600), "calls": Rate(5, 3600)}
    service = Service(store, limits=Limits(100, 1000, rates))
    app = FastAPI()
    app.include_router(bound(service, routes(ProblemRoute, "/rest"), routes(CloudRoute, "/v1")))
    return app


@pytest.fixture
async def caller(limited: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    transport = httpx.ASGITransport(app=limited)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("prefix", ["/rest", "/v1"])
@pytest.mark.parametrize(("path", "most"), [("small", 100), ("large", 1000)])
async def test_a_body_of_one_byte_too_many_is_refused(
    caller: httpx.AsyncClient, prefix: str, path: str, most: int
) -> None:
    """Up to the limit it is taken; above it the answer is 413, declared or in pieces."""
    fitting = b'{"text":"%s"}' % (b"x" * (most - 11))
    taken = await caller.post(f"{prefix}/{path}", content=fitting, headers=JSON)
    assert (len(fitting), taken.status_code) == (most, 200)

    async def pieces() -> AsyncIterator[bytes]:
        for byte in range(most + 1):
            yield bytes([(fitting + b" ")[byte]])

    for content in (fitting + b" ", pieces()):
        refused = await caller.post(f"{prefix}/{path}", content=content, headers=JSON)
        assert refused.status_code == 413
        assert refused.json().get("code", refused.json().get("error")) == "too_large"


async def test_nothing_is_read_of_a_body_that_says_it_is_too_large(limited: FastAPI) -> None:
    """The length that is declared is enough to refuse; not one byte is asked for."""
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("read")

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    headers = [(b"host", b"localhost"), (b"content-length", b"9" * 15), *raw(JSON)]
    scope = {
        "type": "http", "method": "POST", "path": "/rest/small", "headers": headers,
        "query_string": b"", "client": ("127.0.0.1", 1), "http_version": "1.1", "scheme": "http",
        "server": ("localhost", 80), "raw_path": b"/rest/small", "root_path": "", "asgi": {},
    }  # fmt: skip
    await limited(scope, receive, send)  # type: ignore[arg-type]
    assert messages[0]["status"] == 413


def raw(headers: dict[str, str]) -> Iterator[tuple[bytes, bytes]]:
    """Headers as ASGI has them."""
    return ((name.encode(), value.encode()) for name, value in headers.items())


@pytest.mark.parametrize("prefix", ["/rest", "/v1"])
@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", None]
)
async def test_a_body_that_a_page_could_send_unasked_is_refused(
    caller: httpx.AsyncClient, prefix: str, media: str | None
) -> None:
    """Only JSON is read as JSON: the types that a browser sends anywhere are 415."""
    headers = {} if media is None else {"content-type": media}
    answer = await caller.post(f"{prefix}/small", content=b'{"text":""}', headers=headers)
    assert answer.status_code == 415
    body = answer.json()
    assert body.get("code", body.get("error")) == "media_type"
    charset = {"content-type": "Application/JSON; charset=utf-8"}
    answer = await caller.post(f"{prefix}/small", content=b'{"text":""}', headers=charset)
    assert answer.status_code == 200


async def test_who_calls_too_often_is_told_when_to_try_again(caller: httpx.AsyncClient) -> None:
    """429 with Retry-After, for each caller by itself; by address where nobody is asked who."""
    statuses = [(await caller.get("/rest/mine")).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = await caller.get("/v1/mine")
    assert (refused.status_code, refused.json()["error"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 7200
    other = await caller.get("/rest/mine", headers={"Threadkeep-Owner": "other"})
    assert other.status_code == 200
    assert [(await caller.get("/v1/anyone")).status_code for _ in range(2)] == [200, 429]


async def test_all_calls_of_a_caller_are_counted(caller: httpx.AsyncClient) -> None:
    """The rate `calls` is for every route that has a caller."""
    statuses = [(await caller.get("/rest/mine")).status_code for _ in range(6)]
    refused = await caller.get("/rest/mine")
    assert statuses == [200, 200, 429, 429, 429, 429]
    assert refused.json()["code"] == "rate_limited"


@given(
    st.integers(1, 4),
    st.lists(st.floats(0, 15, allow_nan=False), min_size=1, max_size=60),
)
def test_a_meter_never_lets_twice_the_rate_through_and_says_when_it_lets_one_through(
    amount: int, waits: list[float]
) -> None:
    """No window has more than two windows' worth of calls; after the time it says one passes."""
    now = 0.0
    meter = Meter({"x": Rate(amount, 10)}, clock=lambda: now)
    passed: deque[float] = deque()
    for wait in waits:
        now += wait
        while passed and passed[0] <= now - 10:
            passed.popleft()
        try:
            meter.spend("x", "a")
        except Problem as refused:
            now += float(refused.headers["Retry-After"])
            meter.spend("x", "a")
        passed.append(now)
        assert sum(when > now - 10 for when in passed) <= 2 * amount
        meter.spend("unknown", "a")


def test_a_meter_forgets_those_who_stay_away() -> None:
    """However many call once, no more than the last two windows are kept."""
    now = 0.0
    meter = Meter({"x": Rate(1, 1)}, clock=lambda: now)
    for window in range(5):
        now = float(window)
        for name in range(50):
            meter.spend("x", f"{window}-{name}")
    [window_of] = meter._windows.values()
    assert len(window_of._now) + len(window_of._before) <= 100


@pytest.mark.parametrize("text", ["", "0/minute", "10", "10/fortnight", "-1/hour", "1e3/hour"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    """A rate is an amount and a unit of time."""
    with pytest.raises(InvalidError, match="600/minute"):
        Rate.parse(text)
    assert Rate.parse("600 / minute") == Rate(600, 60)


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_addresses_of_one_site_are_one(host: str, counted: str) -> None:
    """Whoever has a network of IPv6 has as many addresses as it likes, and one count."""
    assert address_of(Request({"type": "http", "client": (host, 1), "headers": []})) == counted
