"""/v1/projects: the threads of all owners, for the scope admin alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio
from cloud_kit import Front, loaded

from threadkeep.server import create_app
from threadkeep.server.auth import Auth, KeyAuth
from threadkeep.store import AsyncStore

BASE = "http://localhost"


async def with_key(
    store: AsyncStore, owner: str, *scopes: str, **headers: str
) -> httpx.AsyncClient:
    """A client with an API key of an owner."""
    key = (await store.owner(owner).keys.create("k", scopes=scopes or ("read", "write"))).text
    app = create_app(store, auth=Auth(keys=KeyAuth()))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url=BASE,
        headers={"Authorization": f"Bearer {key}"} | headers,
    )


@pytest_asyncio.fixture
async def admin(store: AsyncStore) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a key that may see everything."""
    async with await with_key(store, "operator", "read", "admin") as client:
        yield client


async def listed(client: httpx.AsyncClient, **query: Any) -> list[tuple[str, str]]:
    """Whose threads a page has, and which."""
    answer = await client.get("/v1/projects/threads", params=query)
    assert answer.status_code == 200, answer.text
    return [(one["workspace_id"], one["id"]) for one in answer.json()["threads"]]


async def test_threads_of_all_owners_are_listed(
    store: AsyncStore, admin: httpx.AsyncClient
) -> None:
    """By activity across owners, archived ones apart, page by page."""
    for owner, thread in (("a", "t1"), ("b", "t2"), ("a", "t3"), ("c", "t4"), ("c", "t5")):
        await store.owner(owner).threads.create(thread)
    await store.owner("c").threads.archive("t4")
    assert await listed(admin) == [("c", "t5"), ("a", "t3"), ("b", "t2"), ("a", "t1")]
    assert await listed(admin, is_archived="true") == [("c", "t4")]
    assert await listed(admin, limit=2, after="t5") == [("a", "t3"), ("b", "t2")]
    assert await listed(admin, limit=1, after="unknown") == [("c", "t5")]


async def test_messages_of_anybody_are_shown(store: AsyncStore, admin: httpx.AsyncClient) -> None:
    """Whoever's the thread is, wherever it stands; of two that share an id, one's own."""
    async with await with_key(store, "a") as front_end:
        front = await Front.begin(front_end)
        q = await front.say(None, "user", "hello")
        await front.say(q, "assistant", "one")
        a2 = await front.say(q, "assistant", "two")

    async def shown(thread_id: str) -> list[dict[str, Any]]:
        path = f"/v1/projects/threads/{thread_id}/messages"
        answer = await admin.get(path, params={"format": "aui/v0"})
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["messages"]
        return rows

    assert await shown("unknown") == []
    # It is the first and the last of all, then in the middle, then last again.
    for other in ("b", "c", "d", "e"):
        rows = await shown(front.thread_id)
        assert loaded(rows) == [q, a2]
        assert len(rows) == 3
        await store.owner(other).threads.create(f"of {other}")
        assert await shown(f"of {other}") == []
    await store.owner("b").threads.create(front.thread_id)
    assert await shown(front.thread_id) == []
    await store.owner("operator").threads.create(front.thread_id)
    assert await shown(front.thread_id) == []


async def test_only_admins_see_them(store: AsyncStore) -> None:
    """A key without the scope, and one that names a workspace of its own, are refused alike."""
    for headers in ({}, {"Aui-Workspace-Id": "a", "Aui-User-Id": "ann"}):
        async with await with_key(store, "a", **headers) as client:
            for path in ("/v1/projects/threads", "/v1/projects/threads/x/messages"):
                answer = await client.get(path)
                assert (answer.status_code, answer.json()["error"]) == (403, "scope_missing")
