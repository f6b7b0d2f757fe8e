"""What reaches across owners."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from threadkeep.core import handover, owners, refresh_tokens, runs
from threadkeep.core.handover import Handover
from threadkeep.core.owners import AllThreadsOrder
from threadkeep.store.pages import PageCall
from threadkeep.store.threads import StatusFilter
from threadkeep.store.writing import Writing
from threadkeep.values.page import Order, Page
from threadkeep.values.ports import Executor, Statement
from threadkeep.values.thread import OwnerSummary, Thread
from threadkeep.values.unset import UNSET, Unset


@dataclass(frozen=True, slots=True)
class AllThreads:
    """The threads of all owners."""

    _ready: Callable[[], Awaitable[Executor]]
    _sql: Mapping[str, Statement]

    def list(
        self,
        *,
        status: StatusFilter = "all",
        order: Order = "asc",
        order_by: AllThreadsOrder = "key",
        limit: int = 50,
        cursor: str | None = None,
        after: str | None = None,
    ) -> PageCall[Thread]:
        """Threads across owners, in the order of their keys, so owner by owner.

        `order_by="active_at"` orders by last activity, and reads and sorts them all. The list
        starts behind the thread `after`, in its own order: InvalidCursorError where no owner has
        one of that id, InvalidError where several have. With a cursor that is done with.
        """

        async def read(at: str | None) -> Page[Thread]:
            return await owners.page_of_threads(
                await self._ready(),
                self._sql,
                status=status,
                order=order,
                order_by=order_by,
                limit=limit,
                cursor=at,
                after=after,
            )

        return PageCall(read, cursor)


@dataclass(frozen=True, slots=True)
class Admin:
    """What only the admin role may do. ForbiddenError at the first use by any other role."""

    threads: AllThreads
    _ready: Callable[[], Awaitable[Executor]]
    _sql: Mapping[str, Statement]
    _writing: Writing

    def owners(
        self,
        *,
        starts: str | None = None,
        order: Order = "asc",
        limit: int = 50,
        cursor: str | None = None,
    ) -> PageCall[OwnerSummary]:
        """The owners that have threads, by their ids as code points.

        With `starts` those whose id starts so.
        """

        async def read(at: str | None) -> Page[OwnerSummary]:
            return await owners.page_of_owners(
                await self._ready(), self._sql, starts=starts, order=order, limit=limit, cursor=at
            )

        return PageCall(read, cursor)

    async def transfer(
        self, from_owner: str, to_owner: str, *, user: str | Unset | None = UNSET
    ) -> int:
        """Hand everything of one owner over to another, all or nothing; how many threads.

        Threads, messages, runs, sessions, spans, attachments, feedback, events and scores keep
        their ids, their order, their times and each byte; API keys and refresh tokens stay. With
        `user` all of it is that user's from then on (None: nobody's), without it users stay as they
        are; where two users' feedback on one message becomes one user's, the later one stays.

        ConflictError (`exists`) where the other owner has a thread, session, span, attachment,
        event or score of the same id: nothing moves then. What is appended meanwhile comes along,
        or makes a new thread of the old owner, or is refused (`create_thread=False`). Done again it
        finds nothing left, and moves 0.
        """
        asked = Handover.of(from_owner, to_owner, user)
        ready = await self._ready()
        return await self._writing.run(handover.carry_out(ready, self._sql, asked))

    async def reap(self) -> int:
        """Write down which runs were interrupted; how many that were.

        Reads show them as interrupted anyway: nothing depends on this.
        """
        return await runs.reap(await self._ready(), self._sql)

    async def purge_refresh_tokens(self, *, before: datetime | None = None) -> int:
        """Delete the lines of refresh tokens past their end, or only what ended before a time.

        Those of all owners; how many. Reads refuse them anyway: nothing but room depends on this.
        """
        ready = await self._ready()
        return await self._writing.run(refresh_tokens.purge_all(ready, self._sql, before))
