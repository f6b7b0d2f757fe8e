"""How writes are carried out: what needs time to pass stands here, above the core."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from threadkeep.core import append as appending
from threadkeep.core.append import Place
from threadkeep.core.drafts import Draft
from threadkeep.core.scope import Scope
from threadkeep.values.message import Message

T = TypeVar("T")


class Writing(Protocol):
    """The way a store writes. Reads need none."""

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry out one write and return its answer."""
        ...

    async def append(
        self,
        scope: Scope,
        thread_id: str,
        drafts: Sequence[Draft],
        place: Place,
        *,
        active_at: datetime | None,
    ) -> list[Message]:
        """Carry out one append that belongs to no run."""
        ...

    def every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> Callable[[], None]:
        """Do `work` again and again, as far as this way can do that.

        Until the returned function is called, or `work` raises.
        """
        ...


class Plain:
    """In the caller's own time, and nothing beside it: as on a connection that the caller lent."""

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        return await work

    async def append(
        self,
        scope: Scope,
        thread_id: str,
        drafts: Sequence[Draft],
        place: Place,
        *,
        active_at: datetime | None,
    ) -> list[Message]:
        return await appending.append(scope, thread_id, drafts, place, active_at=active_at)

    def every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> Callable[[], None]:  # noqa: ARG002
        return lambda: None
