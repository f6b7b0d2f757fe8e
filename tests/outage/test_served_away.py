"""The server while its database is away: it says so, answers in time, and goes on by itself."""

from __future__ import annotations

import asyncio
import time

import httpx
from restarted import Restartable

from threadkeep import connect_async
from threadkeep.server import create_app


async def test_readiness_follows_the_database(own_server: Restartable) -> None:
    """PostgreSQL is killed: /readyz is 503 within seconds, /healthz 200; it comes back, so does it.

    An append that was sent meanwhile is stored once it is back. [N10]
    """
    async with connect_async(own_server.url) as store:
        transport = httpx.ASGITransport(app=create_app(store))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await client.get("/readyz")).status_code == 200
            own_server.stop("kill")
            started = time.monotonic()
            away = await client.get("/readyz")
            assert time.monotonic() - started < 10
            assert (away.status_code, away.json()["code"]) == (503, "unavailable")
            assert (await client.get("/healthz")).status_code == 200
            sent = asyncio.create_task(client.post("/threads", json={"id": "t", "title": "x"}))
            await asyncio.sleep(0.2)
            await asyncio.to_thread(own_server.start)
            assert (await sent).status_code == 201
            assert (await client.get("/readyz")).status_code == 200
            assert (await client.get("/threads/t")).json()["title"] == "x"
