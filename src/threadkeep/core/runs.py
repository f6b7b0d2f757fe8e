"""Runs: begin, renew, end, record, get, list, usage, reap.

Appends inside a run are core/append.py's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import get_args

from threadkeep.core.attempts import Attempts
from threadkeep.core.cursors import read_by_time
from threadkeep.core.drafts import check_seconds, check_time
from threadkeep.core.scope import Scope
from threadkeep.core.threads import lock, lock_if_any
from threadkeep.core.totals import usage_of, used_by
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Status
from threadkeep.values.page import Order, Page
from threadkeep.values.ports import Executor, Row, Statement, Transaction
from threadkeep.values.run import Run, Usage

LEASE = 600.0
_SHORTEST, _LONGEST = 0.01, 7 * 86400.0
_REAPED = 1000


@dataclass(frozen=True, slots=True)
class Hold:
    """A run's hold on its thread, as a statement asks for it; `begins` where the run may be new.

    With `force` the thread may be locked or closed.
    """

    run_id: str
    lease: float
    exclusive: bool
    begins: bool = False
    force: bool = False


def check_lease(lease: object) -> float:
    """Return the seconds of a lease; InvalidError for what is none."""
    return check_seconds("lease", lease, _SHORTEST, _LONGEST)


async def begin(scope: Scope, thread_id: str, hold: Hold) -> None:
    """Begin a run, or renew what an earlier attempt began; makes the thread if it is absent.

    ConflictError (`run_live`) where another exclusive run holds the thread, or (`thread_locked`)
    where that takes no messages.
    """
    calls = scope.attempts()
    while True:
        hows = (hold.run_id, hold.lease, hold.exclusive, hold.force)
        rows = await scope.on_thread("run_begin", thread_id, *hows, over=calls)
        if rows:
            return
        reason = await refusal(scope, thread_id, hold)
        if reason is not None:
            raise reason


async def refusal(scope: Scope, thread_id: str, hold: Hold) -> Exception | None:
    """Why a statement of a run was refused; None where nothing speaks against it now."""
    rows = await scope.on_thread("run_standing", thread_id, hold.run_id)
    if not rows:
        # Only a thread of another user is there and unknown; else a run makes its thread.
        return NotFoundError("thread", thread_id) if hold.begins else lost(hold.run_id)
    live, status, access = rows[0]
    if status not in (None, "running") or (hold.exclusive and not hold.begins and live is None):
        return lost(hold.run_id)
    if access is not None and not hold.force:
        return locked(thread_id)
    if hold.exclusive and live not in (None, hold.run_id):
        if not hold.begins:
            return lost(hold.run_id)
        return ConflictError("run_live", "another exclusive run holds the thread", id=live)
    return None


def locked(thread_id: str) -> ConflictError:
    """The error of what would write to a locked or closed thread."""
    return ConflictError("thread_locked", "the thread is locked or closed", id=thread_id)


def lost(run_id: str) -> ConflictError:
    """The error of a run that cannot go on."""
    return ConflictError(
        "run_lost", "the run has ended, its lease has passed, or its thread is gone", id=run_id
    )


async def renew(scope: Scope, thread_id: str, hold: Hold) -> None:
    """Renew the lease of a run; ConflictError (`run_lost`) if it has none any more."""

    async def change(tx: Transaction) -> bool:
        row = await lock_if_any(scope, thread_id, tx)
        return row is not None and bool(
            await tx.fetch(scope.sql["run_renew"], scope.key, row[0], hold.run_id, hold.lease)
        )

    if not await scope.atomically(change):
        raise lost(hold.run_id)


async def end(scope: Scope, thread_id: str, run_id: str, status: Status, usage: Usage) -> None:
    """End a run with what it used; ConflictError (`run_lost`) if it has ended or lost its lease."""
    used = used_by(usage)

    async def change(tx: Transaction) -> bool:
        row = await lock_if_any(scope, thread_id, tx)
        return row is not None and bool(
            await tx.fetch(scope.sql["run_end"], scope.key, row[0], run_id, status, *used)
        )

    if not await scope.atomically(change):
        raise lost(run_id)


async def record(
    scope: Scope,
    thread_id: str,
    run_id: str,
    *,
    status: Status,
    started_at: datetime | None,
    ended_at: datetime | None,
    usage: Usage,
) -> Run:
    """Store a run that has ended elsewhere, or return the one that has the id.

    NotFoundError for an unknown thread; ConflictError (`run_live`) while a turn still runs it.
    """
    check_id("run_id", run_id)
    used = used_by(usage)
    times = (check_time("started_at", started_at), check_time("ended_at", ended_at))
    if times[0] and times[1] and times[1] < times[0]:
        raise InvalidError("ended_at", "must not be before started_at")
    told = (run_id, check_ended(status), *used, *times)

    async def change(tx: Transaction) -> tuple[Row, bool]:
        key = (await lock(scope, thread_id, tx))[0]
        rows = await tx.fetch(scope.sql["run_record"], scope.key, key, *told)
        if rows:
            return rows[0], True
        return (await scope.on_thread("run_get", thread_id, run_id, over=tx))[0], False

    calls = scope.attempts()
    row, written = await calls.atomically(scope.key, change)
    found = _run(thread_id, row)
    if found.status == "running":
        raise ConflictError("run_live", "a turn still runs it", id=run_id)
    if not written:
        await calls.settle()
    return found


def check_ended(status: object) -> Status:
    """Return `status` if something can end with it, else raise InvalidError."""
    for known in get_args(Status):
        if status == known != "running":
            found: Status = known
            return found
    raise InvalidError("status", "must be complete, failed, cancelled or interrupted")


async def get(scope: Scope, thread_id: str, run_id: str) -> Run:
    """The run; NotFoundError if there is none such."""
    check_id("run_id", run_id)
    rows = await scope.on_thread("run_get", thread_id, run_id)
    if not rows:
        raise NotFoundError("run", run_id)
    return _run(thread_id, rows[0])


async def page(
    scope: Scope, thread_id: str, *, order: Order, limit: int, cursor: str | None
) -> Page[Run]:
    """A page of a thread's runs by when they started; empty for an unknown thread."""

    async def fetch(way: str, *place: object) -> Sequence[Row]:
        return await scope.on_thread(f"runs_{way}", thread_id, *place)

    return await read_by_time(
        fetch,
        partial(_run, thread_id),
        by="started_at",
        order=order,
        limit=limit,
        cursor=cursor,
        identity=("runs", scope.owner_id, scope.user_id, thread_id, order),
    )


async def usage(scope: Scope, thread_id: str) -> Usage:
    """What the ended runs of a thread used together; NotFoundError if it is unknown."""
    rows = await scope.on_thread("thread_usage", thread_id)
    if not rows:
        raise NotFoundError("thread", thread_id)
    return usage_of(rows[0])


async def reap(ex: Executor, sql: Mapping[str, Statement]) -> int:
    """Write down which runs were interrupted, of all owners; how many. For the admin role."""
    reaped = 0
    while True:
        rows = await Attempts(ex, sql).fetch(sql["runs_reap"], _REAPED)
        reaped += len(rows)
        if len(rows) < _REAPED:
            return reaped


def _run(thread_id: str, row: Row) -> Run:
    id_, status, started_at, ended_at, lease_until, exclusive, *used = row
    return Run(id_, thread_id, status, started_at, ended_at, lease_until, exclusive, usage_of(used))
