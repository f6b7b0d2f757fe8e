"""Bulk: batches of many threads in one transaction, and messages removed by what they are."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from operator import itemgetter
from typing import TypeVar

import orjson

from threadkeep.core.append import batch, check_replay, found_of, moved, parent_of, stored_of
from threadkeep.core.attempts import Attempts
from threadkeep.core.drafts import Draft, check_time
from threadkeep.core.rows import SEQ
from threadkeep.core.runs import locked
from threadkeep.core.scans import check_roles
from threadkeep.core.scope import Scope
from threadkeep.core.threads import lock_if_any, point
from threadkeep.values import jsontext
from threadkeep.values.errors import ConflictError, DatabaseError, NotFoundError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import Json
from threadkeep.values.ports import Row, Transaction

T = TypeVar("T")

Batches = Mapping[str, Sequence[Draft]]
Stored = dict[str, list[Message]]
Chunk = list[tuple[str, Sequence[Draft]]]
"""What one statement stores: threads, each with its batch or a piece of it."""

# What a statement holds at the most; one message that is longer goes alone.
_MOST_ROWS = 5_000
_MOST_CHARACTERS = 8 << 20
_ATTEMPTS = 20
# An id is stored already; a thread gave no place.
_REFUSED = ("23505", "23502")


@dataclass(frozen=True, slots=True)
class How:
    """With `force` a thread may be locked or closed; without `told` the answer may be empty."""

    force: bool = False
    told: bool = True


async def append_many(scope: Scope, batches: Batches, how: How) -> Stored:
    """Store batches of many threads, each under its head: all of them or none, nothing twice.

    The optimistic statements run first. Only when they are refused all threads are locked, and what
    is stored of each batch decides, as for a single append.
    """
    calls = scope.attempts()
    looks = scope.ex.checks_first
    for _ in range(_ATTEMPTS):
        if not looks:
            found = await _unless_refused(_at_once(scope, batches, how, calls))
            if found is not None:
                return found
        looks = True
        rest: dict[str, Sequence[Draft]] = {}
        found = await _unless_refused(_checked(scope, batches, rest, how, calls))
        if found is not None:
            return found
        reason = await _refusal(scope, rest, how)
        if reason is not None:
            raise reason
    raise ConflictError("message_differs", "the batches' messages keep coming and going")


def chunks(batches: Batches) -> Iterator[Chunk]:
    """What each statement stores, in the one order of thread ids in which all calls lock."""
    chunk: Chunk = []
    rows = size = 0
    for thread_id in sorted(batches):
        drafts, start = batches[thread_id], 0
        for place, draft in enumerate(drafts):
            weight = len(draft.json) + len(draft.metadata_json or "")
            if rows and (rows == _MOST_ROWS or size + weight > _MOST_CHARACTERS):
                yield [*chunk, *_piece(thread_id, drafts, start, place)]
                chunk, rows, size, start = [], 0, 0, place
            rows += 1
            size += weight
        chunk += _piece(thread_id, drafts, start, len(drafts))
    if chunk:
        yield chunk


def _piece(thread_id: str, drafts: Sequence[Draft], start: int, end: int) -> Chunk:
    return [(thread_id, drafts[start:end])] if end > start else []


class _UnlockedError(Exception):
    """A thread was made after those that were there had been locked."""


async def _unless_refused(work: Awaitable[T]) -> T | None:
    """The answer; None where an id is taken or a thread gave no place, or was not locked."""
    try:
        return await work
    except _UnlockedError:
        return None
    except DatabaseError as error:
        if error.sqlstate not in _REFUSED:
            raise
        return None


async def _at_once(scope: Scope, batches: Batches, how: How, calls: Attempts) -> Stored:
    """Store all, as if nothing of it were stored yet."""
    listed = list(chunks(batches))
    if len(listed) == 1:
        return await _insert(scope, listed[0], how, calls)

    async def change(tx: Transaction) -> Stored:
        # It needs no xid: where the answer to the COMMIT is lost, it then finds its ids taken.
        return await _insert_all(scope, listed, how, tx)

    return await calls.atomically(scope.key, change)


async def _checked(
    scope: Scope,
    batches: Batches,
    rest: dict[str, Sequence[Draft]],
    how: How,
    calls: Attempts,
) -> Stored:
    """Lock the threads, and store what is not stored yet; ConflictError where that cannot be.

    `rest` tells what that was, also where it is refused.
    """

    async def change(tx: Transaction) -> Stored:
        known = await _find(scope, batches, tx)
        rest.clear()
        for thread_id, drafts in batches.items():
            at = known.get(thread_id, _Known())
            check_replay(drafts, at.stored)
            if len(at.stored) == len(drafts):
                continue
            if at.access is not None and not how.force:
                raise locked(thread_id)
            if at.stored and at.stored[-1][2 + SEQ] != at.head_seq:
                raise moved(at.head)
            rest[thread_id] = drafts[len(at.stored) :]
        added = await _insert_all(scope, list(chunks(rest)), How(how.force), tx)
        return {
            thread_id: found_of(known[thread_id].stored if thread_id in known else [])
            + added.get(thread_id, [])
            for thread_id in batches
        }

    found = await calls.atomically(scope.key, change)
    if not rest:
        # An attempt whose answer was lost may have stored it: by now it must be safe.
        await calls.settle()
    return found


async def _insert_all(scope: Scope, listed: Sequence[Chunk], how: How, tx: Transaction) -> Stored:
    found: Stored = {}
    for chunk in listed:
        # A batch may go on in the next chunk.
        for thread_id, messages in (await _insert(scope, chunk, how, tx)).items():
            found.setdefault(thread_id, []).extend(messages)
    return found


async def _insert(scope: Scope, chunk: Chunk, how: How, over: Transaction | Attempts) -> Stored:
    """Store a chunk in one statement; DatabaseError where that is refused."""
    rows = await _on_chunk(scope, "bulk_append", chunk, how.force, over=over)
    if not how.told:
        return {}
    found = {}
    tx = None if isinstance(over, Attempts) else over
    for (thread_id, drafts), row in zip(chunk, sorted(rows, key=itemgetter(0)), strict=True):
        _, base, turn, parent_seq, parent_id, now = row
        starts = accumulate((draft.starts for draft in drafts), initial=turn)
        next(starts)
        placed = [
            (base + n, None, turn, draft.created_at or now, now, None)
            for n, (draft, turn) in enumerate(zip(drafts, starts, strict=True))
        ]
        parent = await parent_of(scope, thread_id, parent_seq, parent_id, tx)
        found[thread_id] = stored_of(drafts, placed, parent)
    return found


@dataclass(slots=True)
class _Known:
    """A thread that is there: its head, and what is stored of its batch.

    `access` is None where the thread is open.
    """

    head_seq: int | None = None
    access: str | None = None
    head: str | None = None
    stored: list[Row] = field(default_factory=list)


async def _find(scope: Scope, batches: Batches, tx: Transaction) -> dict[str, _Known]:
    """Lock the threads that are there, and read what is stored of their batches."""
    known: dict[str, _Known] = {}
    listed = list(chunks(batches))
    for chunk in listed:
        rows = await tx.fetch(scope.sql["bulk_lock"], *_named(scope), _ids(chunk))
        known |= {row[0]: _Known(row[1], row[2], row[4]) for row in rows}
    read: dict[str, int] = {}
    for chunk in listed:
        rows = await _on_chunk(scope, "bulk_find", chunk, over=tx)
        for place, n, *row in sorted(rows, key=itemgetter(0, 1)):
            thread_id, _ = chunk[place - 1]
            if thread_id not in known:
                raise _UnlockedError
            known[thread_id].stored.append((read.get(thread_id, 0) + n, *row))
        for thread_id, drafts in chunk:
            read[thread_id] = read.get(thread_id, 0) + len(drafts)
    return known


async def _refusal(scope: Scope, batches: Batches, how: How) -> Exception | None:
    """Why nothing was stored, though no id was taken; None where nothing speaks against it."""
    for chunk in chunks(batches):
        rows = await scope.fetch("bulk_refused", *_named(scope), _ids(chunk), how.force)
        if rows:
            [(thread_id, known)] = rows
            return locked(thread_id) if known else NotFoundError("thread", thread_id)
    return None


async def _on_chunk(
    scope: Scope, name: str, chunk: Chunk, *more: object, over: Transaction | Attempts
) -> Sequence[Row]:
    first, before, threads = 1, 0, []
    for thread_id, drafts in chunk:
        starts = sum(draft.starts for draft in drafts)
        rows = {"rows": len(drafts), "starts": starts, "first": first, "before": before}
        threads.append({"thread_id": thread_id, **rows})
        first, before = first + len(drafts), before + starts
    texts = batch([draft for _, drafts in chunk for draft in drafts])[:2]
    listed = orjson.dumps(threads).decode()
    return await over.fetch(scope.sql[name], *_named(scope), listed, *texts, *more)


def _named(scope: Scope) -> tuple[int, str, str | None]:
    return (scope.key, scope.owner_id, scope.user_id)


def _ids(chunk: Chunk) -> str:
    return orjson.dumps([thread_id for thread_id, _ in chunk]).decode()


# Removing


@dataclass(frozen=True, slots=True)
class Choice:
    """Which messages of a thread are meant: those that match all of it. None means any."""

    older_than: datetime | None = None
    roles: tuple[str, ...] | None = None
    metadata: str | None = None

    @classmethod
    def of(
        cls,
        *,
        older_than: datetime | None,
        roles: Sequence[Role] | None,
        metadata: Mapping[str, Json] | None,
    ) -> Choice:
        """A checked choice."""
        return cls(
            check_time("older_than", older_than),
            None if roles is None else check_roles(roles),
            jsontext.check_metadata(metadata, "metadata"),
        )

    def after(self, seq: int) -> tuple[object, ...]:
        """The parameters of a statement: what stands after this seq."""
        roles = None if self.roles is None else list(self.roles)
        return (seq, self.older_than, roles, self.metadata)


async def count_chosen(scope: Scope, thread_id: str, choice: Choice) -> int:
    """How many messages of a thread are meant; 0 for an unknown one."""
    check_id("thread_id", thread_id)
    rows = await scope.fetch(
        "messages_count_chosen",
        scope.key,
        scope.owner_id,
        *choice.after(0),
        thread_id,
        scope.user_id,
    )
    return int(rows[0][0])


async def delete_chosen(scope: Scope, thread_id: str, choice: Choice) -> int:
    """Remove the messages that are meant, in one transaction; how many that were.

    The children of one that goes are given to the nearest message above that stays, and so is the
    head: as if each were deleted by itself. An unknown thread has none.
    """

    async def change(tx: Transaction) -> int:
        row = await lock_if_any(scope, thread_id, tx)
        if row is None:
            return 0
        key: int = row[0]
        head: int | None = row[1]
        removed = seq = 0
        full = True
        while full:
            gone = await tx.fetch(
                scope.sql["messages_delete_chosen"], scope.key, key, *choice.after(seq), _MOST_ROWS
            )
            heirs = _heirs(gone)
            await tx.fetch(scope.sql["messages_reparent"], scope.key, key, *_handed_on(heirs))
            head = None if head is None else heirs.get(head, head)
            removed += len(gone)
            seq, full = max(heirs, default=seq), len(gone) == _MOST_ROWS
        if removed:
            await point(scope, tx, key, head, removed=removed)
        return removed

    return await scope.atomically(change)


def _heirs(gone: Sequence[Row]) -> dict[int, int | None]:
    """For each message that is gone the nearest one above that is left, None where none is."""
    heirs: dict[int, int | None] = {}
    # A parent has a lower seq than its children.
    for seq, parent in sorted(gone, key=itemgetter(0)):
        heirs[seq] = heirs.get(parent, parent)
    return heirs


def _handed_on(heirs: Mapping[int, int | None]) -> tuple[str, str]:
    """Who takes whose children, as the statement takes it."""
    gone = [{"gone": seq, "next": seq + 1} for seq in heirs]
    named = {str(seq): heir for seq, heir in heirs.items()}
    return orjson.dumps(gone).decode(), orjson.dumps(named).decode()
