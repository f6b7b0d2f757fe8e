"""A turn: a run that lives as long as the block of code that makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, Self, overload

from threadkeep.core import append as appending
from threadkeep.core import runs
from threadkeep.core.append import Place
from threadkeep.core.drafts import Draft, Drafting
from threadkeep.core.runs import Hold
from threadkeep.core.scope import Scope
from threadkeep.dialects.healing import Policy
from threadkeep.store.items import Items, batch_of
from threadkeep.store.messages import Messages
from threadkeep.store.writing import Writing
from threadkeep.values.errors import InvalidError, NotFoundError, ThreadkeepError
from threadkeep.values.ids import check_id, new_id
from threadkeep.values.message import Message, Status
from threadkeep.values.page import Window
from threadkeep.values.parts import Json
from threadkeep.values.run import Usage
from threadkeep.values.unset import UNSET, Unset

_RENEWALS = 3
_CANCELLED = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt)


class Turn:
    """A run as a context: begun on entering, ended on leaving, interrupted where the process dies.

    `id` is the run's id, `messages` what the turn has stored so far, in order.
    """

    def __init__(
        self,
        scope: Scope,
        messages: Messages,
        drafting: Drafting,
        writing: Writing,
        thread_id: str,
        items: Items | None,
        *,
        dialect: str | None,
        session: str | None,
        exclusive: bool,
        lease: float,
        force: bool,
    ) -> None:
        for field, value in (("exclusive", exclusive), ("force", force)):
            if not isinstance(value, bool):
                raise InvalidError(field, "must be a bool")
        self.id = new_id()
        self.thread_id = check_id("thread_id", thread_id)
        self.messages: list[Message] = []
        self._scope = scope
        self._all = messages
        self._drafting = drafting
        self._writing = writing
        self._session = None if session is None else check_id("session", session)
        self._drafts = None if items is None else self._draft(items, dialect, None)
        self._hold = Hold(self.id, runs.check_lease(lease), exclusive, force=force)
        self._usage = Usage()
        self._state: Status | None = None
        self._stop: Callable[[], None] = lambda: None

    async def append(
        self,
        items: Items,
        *,
        dialect: str | None = None,
        parent: str | Unset | None = UNSET,
        created_at: datetime | None = None,
    ) -> list[Message]:
        """Store one message or many at once, as `messages.append` does, and renew the lease.

        ConflictError (`run_lost`) where the run has ended or its lease has passed: nothing is
        stored then.
        """
        self._check_open()
        drafts = self._draft(items, dialect, created_at)
        if parent is not UNSET and parent is not None:
            check_id("parent", parent)
        return await self._writing.run(self._store(drafts, parent, self._hold))

    @overload
    async def window(
        self,
        *,
        turns: int | None = ...,
        tokens: int | None = ...,
        messages: int | None = ...,
        leaf: str | None = ...,
        keep_system: bool = ...,
        steady: int = ...,
    ) -> Window[Message]: ...
    @overload
    async def window(
        self,
        *,
        turns: int | None = ...,
        tokens: int | None = ...,
        messages: int | None = ...,
        leaf: str | None = ...,
        keep_system: bool = ...,
        steady: int = ...,
        dialect: str,
        strict: bool = ...,
        heal: Policy | None = ...,
    ) -> Window[Json]: ...
    async def window(self, *, leaf: str | None = None, **extent: Any) -> Window[Any]:
        """What a model gets, as `messages.window` says: up to the last message of this turn.

        Up to the thread's head where the turn has stored nothing yet, or that message is gone.
        """
        found: Window[Any]
        if leaf is None and self.messages:
            with suppress(NotFoundError):
                last = self.messages[-1].id
                found = await self._all.window(self.thread_id, leaf=last, **extent)
                return found
        found = await self._all.window(self.thread_id, leaf=leaf, **extent)
        return found

    async def touch(self) -> None:
        """Renew the lease. ConflictError (`run_lost`) where it has passed or the run has ended.

        An AsyncStore does this by itself while the block runs.
        """
        self._check_open()
        await self._writing.run(self._renew())

    def add_usage(self, usage: Usage) -> None:
        """Add what a call of a model used; it is stored when the turn is left."""
        if not isinstance(usage, Usage):
            raise InvalidError("usage", "must be a Usage")
        self._usage += usage

    async def __aenter__(self) -> Self:
        if self._state is not None:
            raise InvalidError("turn", "can be entered once")
        self._state = "running"
        try:
            await self._writing.run(self._begin())
        except BaseException as error:
            self._state = "failed"
            # Whether it was begun is open then: nobody shall wait for its lease to pass.
            if not isinstance(error, Exception):
                await self._end_quietly("cancelled")
            raise
        self._stop = self._writing.every(self._hold.lease / _RENEWALS, self._renew)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        if error is None:
            self._state = "complete"
            await self._writing.run(self._end("complete"))
            return
        self._state = "cancelled" if isinstance(error, _CANCELLED) else "failed"
        await self._end_quietly(self._state)

    async def _begin(self) -> None:
        hold = replace(self._hold, begins=True)
        if self._drafts is None:
            await runs.begin(self._scope, self.thread_id, hold)
        else:
            await self._store(self._drafts, UNSET, hold)

    def _draft(
        self, items: Items, dialect: str | None, created_at: datetime | None
    ) -> Sequence[Draft]:
        return batch_of(self._drafting, items, dialect, created_at, session=self._session)

    async def _store(
        self, drafts: Sequence[Draft], parent: str | Unset | None, hold: Hold
    ) -> list[Message]:
        place = Place(parent, force=hold.force)
        # What is stored is noted here: a cancelled caller does not come back to do it.
        stored = await appending.append(self._scope, self.thread_id, drafts, place, hold=hold)
        self.messages += stored
        # Tasks that share a turn are answered in any order.
        self.messages.sort(key=lambda message: message.seq or 0)
        return stored

    async def _renew(self) -> None:
        await runs.renew(self._scope, self.thread_id, self._hold)

    async def _end(self, status: Status) -> None:
        await runs.end(self._scope, self.thread_id, self.id, status, self._usage)

    async def _end_quietly(self, status: Status) -> None:
        # The error of the block is the one to tell; a run that nobody ended is interrupted in time.
        with suppress(ThreadkeepError):
            await self._writing.run(self._end(status))

    def _check_open(self) -> None:
        if self._state != "running":
            raise InvalidError("turn", "must be entered, and not left yet")
