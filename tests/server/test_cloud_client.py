"""The genuine npm client assistant-cloud against a real server process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import cloud_served
import jwt
import pytest
from cloud_kit import genuine, node
from cloud_served import ISSUER, SECRET

from processes import running
from threadkeep import connect
from threadkeep.testing.servers import Database

ROUTES: Final = {
    "POST /v1/auth/tokens": {200, 403},
    "POST /v1/auth/tokens/anonymous": {200},
    "POST /v1/auth/tokens/refresh": {200},
    "GET /v1/threads": {200, 401},
    "GET /v1/threads/:t": {200, 404},
    "POST /v1/threads": {201},
    "PUT /v1/threads/:t": {200, 400},
    "DELETE /v1/threads/:t": {200, 404},
    "POST /v1/threads/claim": {200, 403},
    "GET /v1/threads/:t/messages": {200},
    "POST /v1/threads/:t/messages": {201, 404},
    "PUT /v1/threads/:t/messages/:m": {200, 404},
    "POST /v1/threads/:t/messages/:m/feedback": {200, 404},
    "POST /v1/runs/stream": {200, 404},
    "POST /v1/runs": {201},
    "POST /v1/events": {202},
    "POST /v1/scores": {201},
    "POST /v1/files/attachments/generate-presigned-upload-url": {201},
    "POST /v1/files/attachments/generate-presigned-download-url": {200, 404},
    "POST /v1/files/pdf-to-images": {501},
    "PUT /v1/files/attachments/:f": {200},
    "GET /v1/files/attachments/:f": {200},
    "GET /v1/projects/threads": {200, 403},
    "GET /v1/projects/threads/:t/messages": {200, 403},
}


@pytest.fixture(scope="module")
def url(shared_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of this module, which has nothing to complain of."""
    folder = tmp_path_factory.mktemp("cloud")
    arguments = (shared_database.url, shared_database.admin_url, folder)
    with running(folder, cloud_served.__file__, *arguments) as server:
        yield server.url
    assert server.said() == ""


def _token(sub: str, *, lifetime: int = 300) -> str:
    now = int(time.time())
    claims = {"sub": sub, "workspace_id": "acme", "iss": ISSUER, "iat": now, "exp": now + lifetime}
    return jwt.encode(claims, SECRET, "HS256")


def test_the_genuine_client_works_in_its_three_modes_through_every_route(
    url: str, shared_database: Database
) -> None:
    """An API key, tokens of an identity provider, visitors: all routes end as they should. [N8]"""
    node()
    with connect(shared_database.url) as store:
        keys = store.owner("acme").keys
        key = keys.create("server").text
        admin = keys.create("all", scopes=("read", "write", "admin")).text
    tokens = {
        "ann": _token("ann"),
        "bob": _token("bob"),
        # What the client still takes for good, a server need not.
        "expired": _token("ann", lifetime=-3600),
    }
    given = {"baseUrl": url, "apiKey": key, "adminKey": admin, "workspaceId": "acme"}
    seen: dict[str, Any] = genuine("drive", given | {"tokens": tokens})
    called = {route: set(statuses) for route, statuses in seen["called"].items()}
    assert called == ROUTES
    assert len(set(seen["threads"])) == 3
    with connect(shared_database.url) as store:
        spans = [span.name for span in store.owner("acme").spans.list()]
    assert "gen_ai.chat" in spans, "the exporter does not use fetch, so no call of it was seen"
