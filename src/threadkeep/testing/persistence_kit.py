"""What the tests of the persistence contract share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol

from threadkeep.adapters.persistence import ChatMessage, PersistenceAdapter
from threadkeep.values.ids import new_id

TEXT: list[Any] = [{"type": "text", "text": "hi"}]
PARTS: list[Any] = [
    {"type": "text", "text": "Größe 🌍 \" \\ % _ ' \x01\u2028", "unknown": None},
    {"type": "thinking", "thinking": "so", "signature": "c2lnbmF0dXJl=="},
    {"type": "tool_use", "id": "c1", "name": "look", "input": {"z": 1, "a": {"deep": [[], {}]}}},
    {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": ""}]},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
    {"type": "of-the-future", "numbers": [0, -1, 2**70, 1.5, 0.1, 1e-7], "flags": [True, False]},
    "a bare string",
    None,
]
ANCIENT = datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=5.5)))
MANY = 50


class Make(Protocol):
    """Gives an adapter, which sees the whole or only what is one user's."""

    async def __call__(self, *, user: str | None = None) -> PersistenceAdapter: ...


def said(id_: str, **more: Any) -> ChatMessage:
    """A user's message."""
    return ChatMessage(id_, "user", TEXT, **more)


def ids(messages: Iterable[ChatMessage]) -> list[str]:
    """The ids."""
    return [message.message_id for message in messages]


async def four(adapter: PersistenceAdapter, thread: str) -> Sequence[str]:
    """m0 in no session, m1 in an archived one, m2 in a live one, m3 in one that was never saved."""
    archived, live, unknown = new_id(), new_id(), new_id()
    await adapter.append_message(thread, said("m0"))
    await adapter.append_message(thread, said("m1"), session_id=archived)
    await adapter.append_message(thread, said("m2"), session_id=live)
    await adapter.append_message(thread, said("m3"), session_id=unknown)
    await adapter.save_session(archived, thread_id=thread, sdk_version="1")
    await adapter.save_session(live, thread_id=thread, sdk_version="1")
    assert await adapter.archive_session(archived) is True
    return archived, live


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, a bool being no number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
