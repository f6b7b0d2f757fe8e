"""The threads of an owner."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from threadkeep.core import threads as core
from threadkeep.core.scope import Scope
from threadkeep.core.threads import ThreadFilter
from threadkeep.store.pages import PageCall
from threadkeep.store.writing import Writing
from threadkeep.values.page import Order, Page
from threadkeep.values.parts import Json
from threadkeep.values.thread import Thread, ThreadStatus
from threadkeep.values.unset import UNSET, Unset

StatusFilter = ThreadStatus | Literal["all"]


class Threads:
    """The threads that a handle reaches; all others are unknown to it."""

    __slots__ = ("_scope", "_writing")

    def __init__(self, scope: Scope, writing: Writing) -> None:
        self._scope = scope
        self._writing = writing

    async def create(
        self,
        thread_id: str | None = None,
        *,
        title: str | None = None,
        metadata: Mapping[str, Json] | None = None,
        external_id: str | None = None,
        created_at: datetime | None = None,
        active_at: datetime | None = None,
        format: str | None = None,
        payload: Json = None,
        exist_ok: bool = False,
    ) -> Thread:
        """Make a thread, under a given id or a new one.

        An id that is taken raises ConflictError (`exists`); with `exist_ok` the thread that has it
        is returned as it is, so that concurrent callers all get the one thread. `active_at` is
        `created_at`, or now, where it is not given. `payload` is the thread object of the format
        `format`: text and bytes are kept verbatim, anything else is encoded.
        """
        return await self._writing.run(
            core.create(
                self._scope,
                thread_id,
                title=title,
                metadata=metadata,
                external_id=external_id,
                created_at=created_at,
                active_at=active_at,
                format=format,
                payload=payload,
                exist_ok=exist_ok,
            )
        )

    async def get(self, thread_id: str) -> Thread:
        """The thread. NotFoundError if it is unknown."""
        return await core.get(self._scope, thread_id)

    def list(
        self,
        *,
        status: StatusFilter = "active",
        user: str | None = None,
        external_id: str | None = None,
        metadata: Mapping[str, Json] | None = None,
        order: Order = "desc",
        limit: int = 50,
        cursor: str | None = None,
    ) -> PageCall[Thread]:
        """Threads by last activity, the latest first: `await` for a page, `async for` for all.

        `metadata` must be contained in the thread's. Filters by status and metadata look at 1 000
        threads per page: such a page may be short, even empty, and still have a next one.
        `limit` is 1 to 1000. InvalidCursorError for a cursor of another list.
        """

        async def read(at: str | None) -> Page[Thread]:
            which = ThreadFilter.of(
                self._scope,
                status=status,
                user=user,
                external_id=external_id,
                metadata=metadata,
            )
            return await core.page(self._scope, which, order=order, limit=limit, cursor=at)

        return PageCall(read, cursor)

    async def find_active(self, *, user: str | None = None) -> Thread | None:
        """The thread with the latest activity that is not archived, or None."""
        which = ThreadFilter.of(
            self._scope, status="active", user=user, external_id=None, metadata=None
        )
        return await core.find_active(self._scope, which)

    async def count(
        self,
        *,
        status: StatusFilter = "active",
        user: str | None = None,
        external_id: str | None = None,
        metadata: Mapping[str, Json] | None = None,
    ) -> int:
        """How many threads match; reads them all."""
        which = ThreadFilter.of(
            self._scope, status=status, user=user, external_id=external_id, metadata=metadata
        )
        return await core.count(self._scope, which)

    async def update(
        self,
        thread_id: str,
        *,
        title: str | Unset | None = UNSET,
        status: ThreadStatus | Unset = UNSET,
        metadata: Mapping[str, Json] | Unset = UNSET,
        replace_metadata: Mapping[str, Json] | Unset | None = UNSET,
        external_id: str | Unset | None = UNSET,
        active_at: datetime | Unset = UNSET,
        expected_revision: int | None = None,
    ) -> Thread:
        """Change what is given; None clears, what is not given stays.

        `metadata` is a JSON merge-patch (RFC 7396), `replace_metadata` takes the place of the old.
        NotFoundError for an unknown thread; ConflictError (`revision_moved`) where the thread's
        revision is not `expected_revision`.
        """
        return await self._writing.run(
            core.update(
                self._scope,
                thread_id,
                title=title,
                status=status,
                metadata=metadata,
                replace_metadata=replace_metadata,
                external_id=external_id,
                active_at=active_at,
                expected_revision=expected_revision,
            )
        )

    async def archive(self, thread_id: str) -> Thread:
        """Leave the thread out of default lists. NotFoundError if it is unknown."""
        return await self._writing.run(core.update(self._scope, thread_id, status="archived"))

    async def unarchive(self, thread_id: str) -> Thread:
        """Put the thread back into default lists. NotFoundError if it is unknown."""
        return await self._writing.run(core.update(self._scope, thread_id, status="active"))

    async def delete(self, thread_id: str) -> bool:
        """Delete the thread with all in it; False if it is unknown."""
        return await self._writing.run(core.delete(self._scope, thread_id))

    async def fork(
        self,
        thread_id: str,
        new_id: str | None = None,
        *,
        at: str | None = None,
        title: str | Unset | None = UNSET,
    ) -> Thread:
        """Copy the path to the head, or to the message `at`, into a new thread, in one statement.

        Order, message ids, times and turn numbers are kept. NotFoundError for an unknown thread or
        message, ConflictError (`exists`) where `new_id` is taken.
        """
        return await self._writing.run(
            core.fork(self._scope, thread_id, new_id, at=at, title=title)
        )

    async def set_head(self, thread_id: str, message_id: str) -> Thread:
        """Make the message the head as it is, leaf or not. NotFoundError if it is unknown."""
        return await self._writing.run(core.set_head(self._scope, thread_id, message_id))
