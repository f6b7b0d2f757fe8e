"""What people did in the front ends of an owner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from threadkeep.core import events as core
from threadkeep.core.scope import Scope
from threadkeep.store.pages import PageCall
from threadkeep.store.writing import Writing
from threadkeep.values.event import Event
from threadkeep.values.page import Order, Page


@dataclass(frozen=True, slots=True)
class Events:
    """The events that a handle reaches. With `user=`, only those of that user.

    Events go with their thread.
    """

    _scope: Scope
    _writing: Writing

    async def track(self, events: Iterable[Event]) -> int:
        """Store up to 1 000 events in one statement; how many of them are stored.

        Those whose thread is unknown are left out. An event is the handle's user's, else its
        `user_id`'s, else that of the thread's user. One without an `id` gets a new one, one without
        a `created_at` was now, in the order given. The same event again, with its id, is counted
        and not stored twice; one whose id is another event's is left out. InvalidError where one of
        them is none or an id is in there twice: nothing is stored then.
        """
        return await self._writing.run(core.track(self._scope, events))

    def list(
        self,
        *,
        thread: str | None = None,
        kind: str | None = None,
        user: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        order: Order = "desc",
        limit: int = 50,
        cursor: str | None = None,
    ) -> PageCall[Event]:
        """Events by when they were, the latest first: `await` for a page, `async for` for all.

        What is given must all hold; `since` is inclusive and `until` is not. A page looks at 10 000
        events of the thread or owner within that time: it may be short, even empty, and still have
        a next one. Empty for an unknown thread. `limit` is 1 to 1000. InvalidCursorError for a
        cursor of another list.
        """

        async def read(at: str | None) -> Page[Event]:
            return await core.page(
                self._scope,
                thread=thread,
                kind=kind,
                user=user,
                since=since,
                until=until,
                order=order,
                limit=limit,
                cursor=at,
            )

        return PageCall(read, cursor)
