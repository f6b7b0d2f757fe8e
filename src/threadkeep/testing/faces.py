"""A blocking store with the face of an async one, so that one suite checks both.

Each call runs in a thread of its own, as a server's workers do, so calls made at once really meet
in the database. Nothing is listed here: what the store has is looked up by name.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator

    from threadkeep.sync import Store


PARTS = (
    *("threads", "messages", "runs", "sessions", "spans", "attachments", "feedback"),
    *("events", "scores"),
    *("keys", "refresh_tokens"),
)
"""The parts of a handle, by the names of its attributes."""


class AwaitedStore:
    """The blocking store behind await."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def owner(self, owner_id: str, user: str | None = None) -> AwaitedHandle:
        """The handle of an owner."""
        return AwaitedHandle(self._store.owner(owner_id, user=user))

    def admin(self) -> AwaitedHandle:
        """The handle of the admin."""
        return AwaitedHandle(self._store.admin())

    async def check_key(self, text: str) -> Any:
        """The API key of a text."""
        return await asyncio.to_thread(self._store.check_key, text)

    async def close(self) -> None:
        """Disconnect."""
        await asyncio.to_thread(self._store.close)


class AwaitedHandle:
    """A handle: its parts behind await, its plain attributes as they are."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name == "turn":
            return lambda *args, **named: AwaitedTurn(found(*args, **named))
        if name == "span":
            return lambda *args, **named: AwaitedSpan(found(*args, **named))
        if name in ("reap", "transfer", "owners", "purge_refresh_tokens"):
            return lambda *args, **named: Awaited(lambda: found(*args, **named))
        return AwaitedPart(found) if name in PARTS else found


class AwaitedPart:
    """The methods of a part of a handle, behind await."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __dir__(self) -> list[str]:
        return [name for name in dir(self._inner) if not name.startswith("_")]

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Any] = getattr(self._inner, name)

        def call(*args: Any, **named: Any) -> Awaited:
            return Awaited(lambda: method(*args, **named))

        return call


class AwaitedBlock(AwaitedPart):
    """A block behind `async with`; what it knows by itself is plain."""

    _plain: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Any:
        if name in self._plain:
            return getattr(self._inner, name)
        return super().__getattr__(name)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._inner.__enter__)
        return self

    async def __aexit__(self, *ended: object) -> None:
        await asyncio.to_thread(self._inner.__exit__, *ended)


class AwaitedTurn(AwaitedBlock):
    """A turn."""

    _plain = ("id", "thread_id", "messages", "add_usage")


class AwaitedSpan(AwaitedBlock):
    """A span as a context."""

    _plain = ("id", "set")


class Awaited:
    """One call: `await` for its answer, `async for` over what iterating the answer gives."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call

    def __await__(self) -> Generator[Any, Any, Any]:
        return asyncio.to_thread(self._call).__await__()

    async def __aiter__(self) -> AsyncIterator[Any]:
        for item in await asyncio.to_thread(lambda: list(self._call())):
            yield item
