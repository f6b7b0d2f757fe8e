"""The session repository: visits of users, each with its end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from threadkeep import ConflictError, InvalidError, NotFoundError
from threadkeep.adapters.repositories import Database, SessionRepository, create_session_repository

SOON = timedelta(seconds=0.4)


@pytest.fixture
def sessions(db: Database) -> SessionRepository:
    return create_session_repository(db)


def now() -> datetime:
    return datetime.now(UTC)


async def test_a_session_is_made_and_found(sessions: SessionRepository) -> None:
    """It is its user's, with what was given; without an end it stays. [F9]"""
    made = await sessions.create(user_id="u", metadata={"device": "phone"}, id="s")
    assert (made.id, made.user_id, made.metadata, made.expires_at) == (
        *("s", "u"),
        {"device": "phone"},
        None,
    )
    assert await sessions.get_by_id("s") == made
    with pytest.raises(ConflictError):
        await sessions.create(user_id="u", id="s")
    with pytest.raises(NotFoundError):
        await sessions.create(user_id="v", id="s")
    nobody: Any = None
    with pytest.raises(InvalidError):
        await sessions.create(user_id=nobody)
    with pytest.raises(InvalidError):
        await sessions.create(user_id="u", expires_at=datetime(2024, 1, 1))  # noqa: DTZ001


async def test_a_session_past_its_end_is_unknown(sessions: SessionRepository) -> None:
    """It is None, in no list, cannot be changed, and a sweep deletes its row. [F9]"""
    end = now() + SOON
    await sessions.create(user_id="u", id="short", expires_at=end)
    await sessions.create(user_id="u", id="long", expires_at=end + timedelta(days=1))
    await sessions.create(user_id="u", id="endless")
    listed = await sessions.list_by_user("u")
    assert [row.id for row in listed] == ["endless", "long", "short"]
    assert await sessions.purge_expired() == 0
    await asyncio.sleep((end - now()).total_seconds() + 0.05)
    assert await sessions.get_by_id("short") is None
    assert [row.id for row in await sessions.list_by_user("u")] == ["endless", "long"]
    assert await sessions.update("short", metadata={"a": 1}) is None
    assert await sessions.purge_expired(before=end - timedelta(days=1)) == 0
    assert await sessions.purge_expired() == 1
    assert await sessions.purge_expired() == 0
    again = await sessions.create(user_id="u", id="short")
    assert again.expires_at is None


async def test_a_session_is_prolonged_and_deleted(sessions: SessionRepository) -> None:
    """Metadata is merged or replaced, the end moves or goes, and deleting is told once. [F9]"""
    end = now() + timedelta(hours=1)
    made = await sessions.create(user_id="u", metadata={"a": 1, "b": 2}, expires_at=end)
    found = await sessions.update(made.id, metadata={"a": None, "c": 3})
    assert found is not None
    assert (found.metadata, found.expires_at) == ({"b": 2, "c": 3}, end)
    found = await sessions.update(made.id, replace_metadata=None, expires_at=None)
    assert found is not None
    assert (found.metadata, found.expires_at, found.user_id) == (None, None, "u")
    assert found.created_at == made.created_at
    assert await sessions.delete(made.id) is True
    assert await sessions.delete(made.id) is False
    other = await sessions.create(user_id="u")
    with pytest.raises(InvalidError):
        await sessions.update(other.id, metadata={}, replace_metadata={})
    for wrong in (None, [1], "x"):
        bad: Any = wrong
        with pytest.raises(InvalidError, match="metadata"):
            await sessions.update(other.id, metadata=bad)


async def test_sessions_are_their_users(db: Database, sessions: SessionRepository) -> None:
    """Another user has none of them, and ids of no shape are unknown. [F9 seed 004 defect 16]"""
    await sessions.create(user_id="u", id="s")
    assert await sessions.list_by_user("v") == []
    assert await create_session_repository(db.for_user("v")).get_by_id("s") is None
    strange: list[Any] = ["unknown", "", "a\0b", None, 7]
    for id_ in strange:
        assert await sessions.get_by_id(id_) is None
        assert await sessions.update(id_, metadata={}) is None
        assert await sessions.delete(id_) is False
    assert await sessions.list_by_user("u", limit=0) == []
