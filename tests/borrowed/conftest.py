"""A store on the database of the module, for tests that work for owners of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest_asyncio

from threadkeep import connect_async

if TYPE_CHECKING:
    from threadkeep.store import AsyncStore
    from threadkeep.testing.servers import Database


@pytest_asyncio.fixture
async def shared_store(shared_database: Database) -> AsyncIterator[AsyncStore]:
    """An AsyncStore, as the app's role."""
    async with connect_async(shared_database.url) as opened:
        yield opened
