"""OneByOne: writes of the blocking store. Threads take turns at a conversation."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import TypeVar

from threadkeep.core.append import Place
from threadkeep.core.drafts import Draft
from threadkeep.core.scope import Scope
from threadkeep.store.writing import Plain
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message

T = TypeVar("T")


class OneByOne(Plain):
    """Writes of a Store. Nothing here suspends; appends to one conversation go one at a time.

    First come, first served. This spares the server writers that wait for a row; it is not what
    keeps them apart. So who has waited `patience` seconds goes on out of turn: while the server is
    away the deadlines of many waiting threads run side by side and do not add up.
    """

    def __init__(self, *, patience: float = 5.0) -> None:
        self._patience = patience
        self._guard = Lock()
        # An entry for each conversation with an append under way.
        self._waiting: dict[tuple[str, str], deque[Lock]] = {}

    def __len__(self) -> int:
        """How many conversations have an append under way."""
        return len(self._waiting)

    async def append(
        self,
        scope: Scope,
        thread_id: str,
        drafts: Sequence[Draft],
        place: Place,
        *,
        active_at: datetime | None,
    ) -> list[Message]:
        """Carry out one append that belongs to no run, when no other to its thread is under way."""
        check_id("thread_id", thread_id)
        with self._alone((scope.owner_id, thread_id)):
            return await super().append(scope, thread_id, drafts, place, active_at=active_at)

    @contextmanager
    def _alone(self, key: tuple[str, str]) -> Iterator[None]:
        mine = self._enter(key)
        try:
            yield
        finally:
            if mine:
                self._leave(key)

    def _enter(self, key: tuple[str, str]) -> bool:
        """Wait for the turn; False where it did not come."""
        with self._guard:
            queue = self._waiting.get(key)
            if queue is None:
                self._waiting[key] = deque()
                return True
            # A lock each: one shared by all goes to whoever asks first, mostly its last holder.
            bell = Lock()
            bell.acquire()
            queue.append(bell)
        try:
            came = bell.acquire(timeout=self._patience)
        except BaseException:
            if not self._withdraw(queue, bell):
                self._leave(key)
            raise
        return came or not self._withdraw(queue, bell)

    def _withdraw(self, queue: deque[Lock], bell: Lock) -> bool:
        """Wait no longer; False where the turn has come in the meantime."""
        with self._guard:
            if bell not in queue:
                return False
            queue.remove(bell)
            return True

    def _leave(self, key: tuple[str, str]) -> None:
        with self._guard:
            queue = self._waiting[key]
            if queue:
                queue.popleft().release()
            else:
                del self._waiting[key]
