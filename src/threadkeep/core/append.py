"""Append: a batch of messages, once, in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from operator import itemgetter

import orjson

from threadkeep.core import runs
from threadkeep.core.attempts import Attempts
from threadkeep.core.drafts import Draft
from threadkeep.core.rows import MESSAGE_ID, PARENT_SEQ, SEQ, message_of, thread_of
from threadkeep.core.runs import Hold
from threadkeep.core.scope import Inside, Scope
from threadkeep.core.threads import lock
from threadkeep.values.errors import ConflictError, DatabaseError, NotFoundError
from threadkeep.values.message import Message
from threadkeep.values.ports import Row, Transaction
from threadkeep.values.quick import maker
from threadkeep.values.unset import UNSET, Unset

_TAKEN = "23505"
_NO_PLACE = "23502"
# Under a parent only: its thread was deleted meanwhile, and no new one may have such a root.
_NO_ROOT = "23514"
_ATTEMPTS = 20
# JSON holds no control characters but white space: none can stand in a payload (RFC 7464).
_SEPARATOR = "\x1e"

_message = maker(Message)
_seq = itemgetter(SEQ)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch goes: under the head, or under `parent` (None: a new root).

    With `check` the parent must also be the head. With `create` the thread is made if it is
    absent, with `force` it may be locked or closed.
    """

    parent: str | Unset | None = UNSET
    check: bool = False
    create: bool = True
    force: bool = False


HEAD = Place()


async def append(
    scope: Scope,
    thread_id: str,
    drafts: Sequence[Draft],
    place: Place = HEAD,
    *,
    active_at: datetime | None = None,
    hold: Hold | None = None,
) -> list[Message]:
    """Store a batch, or find it stored: all of it or nothing, and nothing twice.

    Makes the thread if it is absent and the place says so. The optimistic statement runs first;
    only when it is refused does the batch's own past matter (DESIGN 3, "One statement per hot
    operation"). With `hold` the batch belongs to a run, whose lease the same statement renews.
    """
    if not place.create:
        return await _append_to_known(
            scope, thread_id, drafts, replace(place, create=True), active_at
        )
    calls = scope.attempts()
    rest, goes = drafts, place
    looks = scope.ex.checks_first
    for _ in range(_ATTEMPTS):
        rows = None if looks else await _try(scope, thread_id, rest, goes, active_at, hold, calls)
        if rows and rest is drafts:
            return await _answer(scope, thread_id, drafts, rows, hold.run_id if hold else None)
        stored = await _find(scope, thread_id, drafts)
        check_replay(drafts, stored)
        if len(stored) == len(drafts):
            return await _replayed(scope, thread_id, stored, hold, calls)
        if hold is not None and rows is not None:
            reason = await runs.refusal(scope, thread_id, hold)
            if reason is not None:
                raise reason
        if rows is not None:
            reason = await _refusal(scope, thread_id, place, begun=bool(stored))
            if reason is not None:
                raise reason
        rest, goes = drafts, place
        if stored:
            rest, goes = await _suffix(scope, thread_id, drafts, stored, place)
        looks = False
    raise ConflictError("message_differs", "the batch's messages keep coming and going")


async def _append_to_known(
    scope: Scope,
    thread_id: str,
    drafts: Sequence[Draft],
    place: Place,
    active_at: datetime | None,
) -> list[Message]:
    """Append to a thread that is there, and stays so meanwhile: its row is locked first."""

    async def change(tx: Transaction) -> list[Message]:
        await lock(scope, thread_id, tx)
        inside = replace(scope, ex=Inside(tx))
        return await append(inside, thread_id, drafts, place, active_at=active_at)

    return await scope.atomically(change)


async def _try(
    scope: Scope,
    thread_id: str,
    drafts: Sequence[Draft],
    place: Place,
    active_at: datetime | None,
    hold: Hold | None,
    calls: Attempts,
) -> Sequence[Row] | None:
    """The rows stored, none where there is no such place, None where an id is taken."""
    try:
        return await insert(
            scope, thread_id, drafts, place, active_at=active_at, hold=hold, over=calls
        )
    except DatabaseError as error:
        if error.sqlstate == _NO_PLACE and hold is not None:
            raise runs.lost(hold.run_id) from None
        if error.sqlstate == _NO_ROOT and isinstance(place.parent, str):
            return []
        if error.sqlstate != _TAKEN:
            raise
        return None


async def _replayed(
    scope: Scope, thread_id: str, stored: Sequence[Row], hold: Hold | None, calls: Attempts
) -> list[Message]:
    """The answer to a batch that was stored before: by then it must be safe from a failover."""
    await calls.settle()
    if hold is not None:
        await (runs.begin if hold.begins else runs.renew)(scope, thread_id, hold)
    return found_of(stored)


async def insert(
    scope: Scope,
    thread_id: str,
    drafts: Sequence[Draft],
    place: Place,
    *,
    active_at: datetime | None = None,
    hold: Hold | None = None,
    over: Transaction | Attempts | None = None,
) -> Sequence[Row]:
    """Run the append statement; no row where the place does not exist for this scope."""
    under = place.parent is not UNSET
    more: tuple[object, ...] = (place.parent, place.check) if under else ()
    name = "append_under" if under else "append_to_head"
    if hold is not None:
        name = "append_in_run"
        more = (*(more or (None, False)), not under)
        more = (*more, hold.run_id, hold.lease, hold.exclusive, hold.begins)
    rows = await scope.on_thread(
        name, thread_id, active_at, *batch(drafts), place.force, *more, over=over
    )
    return sorted(rows, key=_seq)


def batch(drafts: Sequence[Draft]) -> tuple[str, str, int, int]:
    """A batch as the append statements take it: rows, payloads, their number, turns that start.

    A parameter for each column would cost a driver more than all the rest, and arrays most.
    """
    starts, rows = 0, []
    for d in drafts:
        starts += d.starts
        row: dict[str, object] = {
            "message_id": d.id,
            "role": d.role,
            "status": d.status,
            "format": d.format,
            "turn": starts,
            "tokens": d.tokens,
            "starts": d.starts,
            "cut": d.cut,
        }
        # A member that is left out is NULL.
        if d.created_at is not None:
            row["created_at"] = d.created_at.isoformat()
        if d.metadata_json is not None:
            row["metadata"] = d.metadata_json
        if d.session is not None:
            row["session"] = d.session
        if d.calls is not None:
            row["calls"] = d.calls
        if d.answers is not None:
            row["answers"] = d.answers
        rows.append(row)
    payloads = _SEPARATOR.join([d.json for d in drafts])
    return orjson.dumps(rows).decode(), payloads, len(rows), starts


def stored_of(
    drafts: Sequence[Draft],
    rows: Sequence[Row],
    parent_id: str | None,
    run: str | None = None,
) -> list[Message]:
    """The messages that the append statement stored, the first of them under `parent_id`."""
    messages = []
    for draft, (seq, _, turn, created_at, updated_at, _) in zip(drafts, rows, strict=True):
        messages.append(
            _message(
                draft.role,
                draft.json,
                draft.format,
                draft.id,
                created_at,
                draft.metadata,
                draft.status,
                seq,
                parent_id,
                turn,
                draft.tokens,
                updated_at or created_at,
                run,
                draft.session,
            )
        )
        parent_id = draft.id
    return messages


async def append_joined(
    scope: Scope,
    thread_id: str,
    batches: Sequence[Sequence[Draft]],
    *,
    active_at: datetime | None = None,
) -> list[list[Message]] | None:
    """Store batches under the head in one statement, as if one were appended after the other.

    None, and nothing is written, where an id is taken or the thread is another user's: each batch
    then has to go by itself. No id may stand in two batches.
    """
    drafts = [draft for batch in batches for draft in batch]
    rows = await _try(scope, thread_id, drafts, HEAD, active_at, None, scope.attempts())
    if not rows:
        return None
    stored = iter(await _answer(scope, thread_id, drafts, rows))
    return [list(islice(stored, len(batch))) for batch in batches]


async def _answer(
    scope: Scope,
    thread_id: str,
    drafts: Sequence[Draft],
    rows: Sequence[Row],
    run: str | None = None,
) -> list[Message]:
    parent_id = await parent_of(scope, thread_id, rows[0][1], rows[0][5])
    return stored_of(drafts, rows, parent_id, run)


async def parent_of(
    scope: Scope, thread_id: str, seq: int | None, id_: str | None, over: Transaction | None = None
) -> str | None:
    """The id of a parent, where the statement that stored its child may not have seen it."""
    if seq is None or id_ is not None:
        return id_
    # It was committed after that statement's snapshot was taken.
    found = await scope.on_thread("messages_up_tree", thread_id, seq + 1, seq - 1, 1, over=over)
    return found[0][MESSAGE_ID] if found else None


async def _find(scope: Scope, thread_id: str, drafts: Sequence[Draft]) -> list[Row]:
    rows, payloads, *_ = batch(drafts)
    found = await scope.on_thread("messages_find", thread_id, rows, payloads)
    return sorted(found, key=itemgetter(0))


def check_replay(drafts: Sequence[Draft], stored: Sequence[Row]) -> None:
    """Raise unless what is stored is a prefix of the batch, same in content, in one chain."""
    for place, same, *_ in stored:
        if not same:
            id_ = drafts[place - 1].id
            raise ConflictError(
                "message_differs", f"message {id_!r} is stored with another content", id=id_
            )
    places = [row[0] for row in stored]
    seqs = [row[2 + SEQ] for row in stored]
    parents = [row[2 + PARENT_SEQ] for row in stored]
    if places != list(range(1, len(stored) + 1)) or parents[1:] != seqs[:-1]:
        raise ConflictError(
            "message_order",
            "messages of the batch are stored in another order or on other branches",
        )


async def _suffix(
    scope: Scope,
    thread_id: str,
    drafts: Sequence[Draft],
    stored: Sequence[Row],
    place: Place,
) -> tuple[Sequence[Draft], Place]:
    """What of the batch is still to be stored, and where; ConflictError where it cannot be."""
    last = drafts[len(stored) - 1].id
    if place.parent is not UNSET:
        return drafts[len(stored) :], replace(place, parent=last, check=False)
    rows = await scope.on_thread("thread_get", thread_id)
    thread = thread_of(rows[0]) if rows else None
    if thread is not None and thread.access != "open" and not place.force:
        raise runs.locked(thread_id)
    head = thread.head if thread else None
    if head == last:
        return drafts[len(stored) :], replace(place, parent=last, check=True)
    if len(await _find(scope, thread_id, drafts)) == len(stored):
        raise moved(head)
    # Between the reads another call has stored more of the same batch.
    return drafts, place


def found_of(stored: Sequence[Row]) -> list[Message]:
    """The messages of rows of `messages_find`."""
    ids: Mapping[int, str] = {row[2 + SEQ]: row[2 + MESSAGE_ID] for row in stored}
    return [message_of(row[2:], ids) for row in stored]


async def _refusal(scope: Scope, thread_id: str, place: Place, *, begun: bool) -> Exception | None:
    """Why the append statement stored nothing, though none of its ids was taken.

    None where nothing speaks against it any more. Of a batch that is stored in part, `begun`, the
    rest has another place.
    """
    rows = await scope.on_thread("thread_get", thread_id)
    thread = thread_of(rows[0]) if rows else None
    if thread is not None and thread.access != "open" and not place.force:
        return runs.locked(thread_id)
    if begun:
        return None
    if thread is None:
        return NotFoundError("thread", thread_id)
    if place.check:
        return None if thread.head == place.parent else moved(thread.head)
    if isinstance(place.parent, str):
        found = await scope.on_thread("message_get", thread_id, place.parent)
        return None if found else NotFoundError("message", place.parent)
    return None


def moved(head: str | None) -> ConflictError:
    """The error of what may only go under a message that is not the head any more."""
    return ConflictError("head_moved", f"the head of the thread is {head!r}", head=head)
