"""A purge meets sessions that another transaction holds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lenders import WAYS, over

from threadkeep.core import attempts

if TYPE_CHECKING:
    import pytest

    from threadkeep.store import AsyncStore
    from threadkeep.testing.servers import Database

PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


async def test_a_purge_leaves_what_is_saved_again(
    database: Database, store: AsyncStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for a session that is begun anew, leaves it, and does not end early for that."""
    monkeypatch.setattr(attempts, "_PURGED", 2)
    plain = store.owner("a")
    for n in range(4):
        await plain.sessions.save(f"s{n}", expires_at=PAST.replace(minute=n))
    async with WAYS["asyncpg"](database.url) as caller:
        await over(store, caller).owner("a").sessions.save("s0", expires_at=FUTURE)
        purge = asyncio.create_task(plain.sessions.purge())
        done, _ = await asyncio.wait({purge}, timeout=0.2)
        assert not done
        await caller.commit()
        assert await asyncio.wait_for(purge, 10) == 3
    assert [session.id async for session in plain.sessions.list()] == ["s0"]
