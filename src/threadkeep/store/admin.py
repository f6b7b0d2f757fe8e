"""What reaches across owners."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from threadkeep.core import runs, thread_lists
from threadkeep.store.pages import PageCall
from threadkeep.store.threads import StatusFilter
from threadkeep.values.page import Order, Page
from threadkeep.values.ports import Executor, Statement
from threadkeep.values.thread import Thread


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
        limit: int = 50,
        cursor: str | None = None,
    ) -> PageCall[Thread]:
        """Threads across owners, in the order of their keys, so owner by owner."""

        async def read(at: str | None) -> Page[Thread]:
            return await thread_lists.page_of_all(
                await self._ready(), self._sql, status=status, order=order, limit=limit, cursor=at
            )

        return PageCall(read, cursor)


@dataclass(frozen=True, slots=True)
class Admin:
    """What only the admin role may do. ForbiddenError at the first use by any other role."""

    threads: AllThreads
    _ready: Callable[[], Awaitable[Executor]]
    _sql: Mapping[str, Statement]

    async def reap(self) -> int:
        """Write down which runs were interrupted; how many that were.

        Reads show them as interrupted anyway: nothing depends on this.
        """
        return await runs.reap(await self._ready(), self._sql)
