"""Without auth only this machine is served; and whose pages may call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from threadkeep.server import create_app
from threadkeep.server.auth import KeyAuth
from threadkeep.server.local import is_loopback
from threadkeep.store import AsyncStore
from threadkeep.values.errors import InvalidError

ASKED = ("authorization", "content-type", "accept", "aui-sdk", "aui-user-id", "aui-workspace-id",
         "threadkeep-owner", "threadkeep-user")  # fmt: skip


@asynccontextmanager
async def client_of(store: AsyncStore, **given: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server with these options."""
    transport = httpx.ASGITransport(app=create_app(store, **given))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("app.localhost:80", True),
        ("127.0.0.1:8000", True),
        ("127.9.9.9", True),
        ("[::1]:8000", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("evil.example:80@localhost", False),
        ("localhost@evil.example", False),
        ("192.168.0.7", False),
        ("0.0.0.0", False),  # noqa: S104
        ("[::1", False),
        ("", False),
    ],
)
async def test_without_auth_the_server_is_called_by_the_names_of_this_machine(
    client: httpx.AsyncClient, host: str, served: bool
) -> None:
    """A name of somebody else that leads here (DNS rebinding) is refused."""
    answer = await client.get("/healthz", headers={"host": host})
    assert answer.status_code == (200 if served else 403)
    if not served:
        assert answer.json()["code"] == "host_refused"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "file://", "http://127.evil"])
async def test_without_auth_pages_from_elsewhere_are_refused(
    client: httpx.AsyncClient, origin: str
) -> None:
    """Neither may they read, nor write without being asked; those of this machine may."""
    answer = await client.get("/readyz", headers={"origin": origin})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")
    assert "access-control-allow-origin" not in answer.headers
    own = "http://localhost:5173"
    answer = await client.get("/readyz", headers={"origin": own})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == own


async def test_what_a_page_may_send_and_see(store: AsyncStore) -> None:
    """The browser's question is answered for each header and method of assistant-cloud and ours."""
    origin = "https://app.example"
    async with client_of(store, auth=KeyAuth(), origins=[origin]) as client:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            asked = await client.options(
                "/v1/threads",
                headers={
                    "origin": origin,
                    "access-control-request-method": method,
                    "access-control-request-headers": ",".join(ASKED),
                },
            )
            assert asked.status_code == 200
            assert asked.headers["access-control-allow-origin"] == origin
            assert method in asked.headers["access-control-allow-methods"]
            allowed = asked.headers["access-control-allow-headers"].lower().split(", ")
            assert set(ASKED) <= set(allowed)
        answer = await client.get("/healthz", headers={"origin": origin})
        exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
        assert {"authorization", "x-request-id"} <= set(exposed)
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    ("origins", "asking", "allowed"),
    [
        ((), "http://localhost:5173", None),
        (("https://a.example",), "https://b.example", None),
        (("https://a.example",), "https://a.example", "https://a.example"),
        (("*",), "https://b.example", "*"),
    ],
)
async def test_with_auth_only_pages_of_the_given_origins_may_read(
    store: AsyncStore, origins: tuple[str, ...], asking: str, allowed: str | None
) -> None:
    """By default none; those that are listed; all where "*" is asked for."""
    async with client_of(store, auth=KeyAuth(), origins=origins) as client:
        answer = await client.get("/healthz", headers={"origin": asking, "host": "any.example"})
        assert answer.status_code == 200
        assert answer.headers.get("access-control-allow-origin") == allowed


async def test_all_pages_and_no_auth_do_not_go_together(store: AsyncStore) -> None:
    """With both, any page that is open on this machine could read and change everything."""
    with pytest.raises(InvalidError, match="without auth"):
        create_app(store, origins=["*"])


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "10.0.0.1", "example.com", "", "2130706433"],  # noqa: S104
)
def test_what_is_not_loopback(host: str) -> None:
    """All addresses of this machine together are not loopback."""
    assert not is_loopback(host)
