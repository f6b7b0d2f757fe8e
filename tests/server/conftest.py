"""The server in this process: the app of a test, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from threadkeep.server import create_app

if TYPE_CHECKING:
    from threadkeep.store import AsyncStore

BASE = "http://localhost"
"""Without auth the server is called by the names of this machine only."""


@pytest.fixture
def app(store: AsyncStore) -> FastAPI:
    """The server on the test's store, with nobody asked who calls."""
    return create_app(store)


@pytest_asyncio.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app`, as the owner `local` unless its headers name another."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as opened:
        yield opened
