"""The runs of an owner's threads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from threadkeep.core import runs as core
from threadkeep.core.scope import Scope
from threadkeep.core.totals import totals
from threadkeep.store.pages import PageCall
from threadkeep.store.writing import Writing
from threadkeep.values.message import Status
from threadkeep.values.page import Order, Page
from threadkeep.values.run import Run, Usage
from threadkeep.values.span import Total, TotalsBy

# Inside Runs, `list` is the method.
Totals = list[Total]


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of the threads that a handle reaches. `turn` makes them, `record` adds others."""

    _scope: Scope
    _writing: Writing

    async def get(self, thread_id: str, run_id: str) -> Run:
        """The run. NotFoundError if it or the thread is unknown."""
        return await core.get(self._scope, thread_id, run_id)

    async def record(
        self,
        thread_id: str,
        run_id: str,
        *,
        status: Status,
        started_at: datetime | None = None,
        ended_at: datetime | None = None,
        usage: Usage = Usage(),  # noqa: B008 (it is frozen)
    ) -> Run:
        """Store a run that happened elsewhere and has ended, under the id that it has there.

        It ended now if not told, and started when it ended; `status` is how. What it used counts
        in the thread's sums as that of a turn does. The same `run_id` again returns the stored
        run as it is, whatever is told, and nothing is counted twice. ConflictError (`run_live`)
        where a turn still runs it. NotFoundError for an unknown thread.
        """
        return await self._writing.run(
            core.record(
                self._scope,
                thread_id,
                run_id,
                status=status,
                started_at=started_at,
                ended_at=ended_at,
                usage=usage,
            )
        )

    def list(
        self,
        thread_id: str,
        *,
        order: Order = "desc",
        limit: int = 50,
        cursor: str | None = None,
    ) -> PageCall[Run]:
        """The runs of a thread by when they started: `await` for a page, `async for` for all.

        Empty for an unknown thread.
        """

        async def read(at: str | None) -> Page[Run]:
            return await core.page(self._scope, thread_id, order=order, limit=limit, cursor=at)

        return PageCall(read, cursor)

    async def usage(self, thread_id: str) -> Usage:
        """What the ended runs of a thread used together, read from the thread's own row.

        None is what no run has said. NotFoundError for an unknown thread.
        """
        return await core.usage(self._scope, thread_id)

    async def totals(
        self,
        *,
        by: TotalsBy = "run",
        thread: str | None = None,
        user: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Totals:
        """What the runs used together, for each run, thread, user or day in UTC, by its key.

        Counts all runs that started within `since` (inclusive) and `until` (not), running ones
        too, of one `thread` or of one `user`'s threads if given; nothing for an unknown thread. The
        last key is None, for the threads of no user. What a deleted thread used is gone with it.
        All keys are returned, and all those runs are read for it: parts of the answer would cost
        as much as the whole. `since`, `until` and `thread` keep it small.
        """
        return await totals(
            self._scope, "runs", by=by, thread=thread, user=user, since=since, until=until
        )
