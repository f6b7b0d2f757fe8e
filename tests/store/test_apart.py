"""Appends that are not as all others go alone, in their turn."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from drafting import user

from threadkeep import AsyncStore
from threadkeep.core import append as appending


@pytest.mark.parametrize("apart", [{"force": True}, {"create_thread": False}])
async def test_a_different_append_is_not_joined(
    store: AsyncStore, monkeypatch: pytest.MonkeyPatch, apart: dict[str, Any]
) -> None:
    """It parts those that wait before it from those behind, and all are stored in their order."""
    joined: list[int] = []
    append_joined = appending.append_joined

    async def noted(*args: Any, **named: Any) -> Any:
        joined.append(len(args[2]))
        return await append_joined(*args, **named)

    monkeypatch.setattr(appending, "append_joined", noted)
    chat = store.owner("o")
    await chat.threads.create("t")
    ways: list[dict[str, Any]] = [{}] * 4
    ways.insert(2, {**apart})
    calls = [chat.messages.append("t", user("first"))]
    calls += [chat.messages.append("t", user(f"m{n}"), **way) for n, way in enumerate(ways)]
    await asyncio.gather(*calls)
    assert joined == [3, 2]
    listed = [message.id async for message in chat.messages.list("t")]
    assert listed == ["first", "m0", "m1", "m2", "m3", "m4"]
