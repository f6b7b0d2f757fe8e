"""Threads: create, get, update, delete, fork, head."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import get_args

from threadkeep.core.drafts import check_time
from threadkeep.core.rows import metadata_of, thread_of
from threadkeep.core.scope import Scope
from threadkeep.values import jsontext
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import check_id, check_id_or_none, new_id
from threadkeep.values.parts import Json
from threadkeep.values.ports import Row, Transaction
from threadkeep.values.thread import Access, Thread, ThreadStatus
from threadkeep.values.unset import UNSET, Unset

_STATUSES: tuple[str, ...] = get_args(ThreadStatus)
_ACCESSES: tuple[str, ...] = get_args(Access)
_ATTEMPTS = 20


async def create(
    scope: Scope,
    thread_id: str | None,
    *,
    title: str | None,
    metadata: Mapping[str, Json] | None,
    external_id: str | None,
    created_at: datetime | None,
    active_at: datetime | None,
    format: str | None,
    payload: Json,
    exist_ok: bool,
) -> Thread:
    """Make a thread, or with `exist_ok` return the one that has the id."""
    id_ = new_id() if thread_id is None else thread_id
    values = (
        check_text("title", title),
        jsontext.check_metadata(metadata, "metadata"),
        check_id_or_none("external_id", external_id),
        check_time("created_at", created_at),
        check_time("active_at", active_at),
        *_made_by(format, payload),
    )
    calls = scope.attempts()
    for _ in range(_ATTEMPTS):
        rows = await scope.on_thread("thread_create", id_, *values, over=calls)
        if rows:
            return thread_of(rows[0])
        taken = await scope.on_thread("thread_get", id_)
        if taken:
            found = thread_of(taken[0])
            if exist_ok or (calls.lost and (thread_id is None or _is_fresh(found, values))):
                return found
            raise ConflictError("exists", f"thread {id_!r} exists", id=id_)
        if scope.user_id is not None:
            break
    raise NotFoundError("thread", id_)


def _is_fresh(found: Thread, values: tuple[object, ...]) -> bool:
    """Whether a thread is as `create` makes it: by an attempt whose answer was lost, most likely.

    Metadata and payload are left to `revision`, which counts every change of them.
    """
    title, _, external_id, created_at, active_at, format_, _ = values
    return (
        (found.revision, found.message_count, found.title) == (0, 0, title)
        and (found.external_id, found.format) == (external_id, format_)
        and created_at in (None, found.created_at)
        and active_at in (None, found.active_at)
    )


async def get(scope: Scope, thread_id: str) -> Thread:
    """The thread; NotFoundError if this scope has none such."""
    rows = await scope.on_thread("thread_get", thread_id)
    if not rows:
        raise NotFoundError("thread", thread_id)
    return thread_of(rows[0])


async def update(
    scope: Scope,
    thread_id: str,
    *,
    title: str | Unset | None = UNSET,
    status: str | Unset = UNSET,
    metadata: Mapping[str, Json] | Unset = UNSET,
    replace_metadata: Mapping[str, Json] | Unset | None = UNSET,
    external_id: str | Unset | None = UNSET,
    active_at: datetime | Unset = UNSET,
    access: Access | Unset = UNSET,
    access_reason: str | Unset | None = UNSET,
    format: str | Unset | None = UNSET,
    payload: Json | Unset = UNSET,
    expected_revision: int | None = None,
) -> Thread:
    """Change what is given. `metadata` is merged (RFC 7396), `replace_metadata` takes its place."""
    check_changes(metadata, replace_metadata)
    made_by, opening = _made_by(format, payload), _opening(access, access_reason)
    if status is not UNSET and status not in _STATUSES:
        raise InvalidError("status", f"must be one of {', '.join(_STATUSES)}")
    if title is not UNSET:
        check_text("title", title)
    if isinstance(external_id, str):
        check_id("external_id", external_id)
    at = None if active_at is UNSET else check_time("active_at", active_at)
    if at is None and active_at is not UNSET:
        raise InvalidError("active_at", "must not be None")

    async def change(tx: Transaction) -> Thread:
        key, _, revision, stored, _ = await lock(scope, thread_id, tx)
        if expected_revision is not None and revision != expected_revision:
            raise ConflictError(
                "revision_moved", f"the revision of the thread is {revision}", id=thread_id
            )
        replaced = replace_metadata
        if metadata is not UNSET:
            replaced = jsontext.merge_patch(metadata_of(stored), metadata)
        text = None if replaced is UNSET else jsontext.check_metadata(replaced, "metadata")
        given = (title, status, replaced, external_id, active_at, *made_by, *opening)
        values = (title, status, text, external_id, at, *made_by, *opening)
        pairs = [
            x
            for g, v in zip(given, values, strict=True)
            for x in (g is not UNSET, None if g is UNSET else v)
        ]
        rows = await tx.fetch(scope.sql["thread_update"], scope.key, key, *pairs)
        return thread_of(rows[0])

    return await scope.atomically(change)


async def delete(scope: Scope, thread_id: str) -> bool:
    """Delete a thread with all in it; whether there was one."""

    async def change(tx: Transaction) -> bool:
        row = await lock_if_any(scope, thread_id, tx)
        return row is not None and bool(
            await tx.fetch(scope.sql["thread_delete"], scope.key, row[0])
        )

    return await scope.atomically(change)


async def set_head(scope: Scope, thread_id: str, message_id: str) -> Thread:
    """Make a message the head, as it is, leaf or not."""
    check_id("message_id", message_id)

    async def change(tx: Transaction) -> Thread:
        key, *_ = await lock(scope, thread_id, tx)
        place = await tx.fetch(scope.sql["message_place"], scope.key, key, message_id)
        if not place:
            raise NotFoundError("message", message_id)
        return await point(scope, tx, key, place[0][0])

    return await scope.atomically(change)


async def fork(
    scope: Scope,
    thread_id: str,
    new: str | None,
    *,
    at: str | None,
    title: str | Unset | None,
) -> Thread:
    """Copy a path, up to the message `at` or whole, into a new thread, in one statement."""
    id_ = check_id("new_id", new_id() if new is None else new)
    check_id_or_none("at", at)
    if title is not UNSET:
        check_text("title", title)
    calls = scope.attempts()
    titled = (title is not UNSET, None if title is UNSET else title)
    rows = await scope.on_thread("fork", thread_id, at, id_, *titled, over=calls)
    if rows:
        return thread_of(rows[0])
    taken = await scope.on_thread("thread_get", id_)
    if taken and calls.lost and new is None:
        return thread_of(taken[0])
    source = await get(scope, thread_id)
    if at is not None and not await scope.on_thread("message_get", thread_id, at):
        raise NotFoundError("message", at)
    if not taken:
        raise NotFoundError("thread", id_)
    found = thread_of(taken[0])
    shown = source.title if title is UNSET else title
    if calls.lost and found.title == shown and await _is_copy(scope, found, source, at):
        return found
    raise ConflictError("exists", f"thread {id_!r} exists", id=id_)


async def _is_copy(scope: Scope, found: Thread, source: Thread, at: str | None) -> bool:
    """Whether a thread is as `fork` makes it: by an attempt whose answer was lost, most likely.

    The head of the source may have moved on since.
    """
    if found.revision or (found.metadata, found.json) != (source.metadata, source.json):
        return False
    if found.head is None:
        return source.head is None and at is None
    if at not in (None, found.head):
        return False
    rows = await scope.on_thread("messages_count_path", source.id, found.head)
    return bool(rows[0][0] == found.message_count)


async def lock(scope: Scope, thread_id: str, tx: Transaction) -> Row:
    """Lock the thread's row as `lock_if_any`; NotFoundError if there is none."""
    row = await lock_if_any(scope, thread_id, tx)
    if row is None:
        raise NotFoundError("thread", thread_id)
    return row


async def lock_if_any(scope: Scope, thread_id: str, tx: Transaction) -> Row | None:
    """Lock the thread's row: (thread_key, head_seq, revision, metadata, xid), None if unknown."""
    rows = await scope.on_thread("thread_lock", thread_id, over=tx)
    if not rows:
        return None
    tx.xid = rows[0][4]
    return rows[0]


async def point(
    scope: Scope, tx: Transaction, key: int, head: int | None, *, removed: int | None = None
) -> Thread:
    """Point a locked thread's head at the message with this seq.

    With `removed`, because so many messages went: that is a new structure, not a new revision.
    """
    revision, structure = (1, 0) if removed is None else (0, 1)
    rows = await tx.fetch(
        scope.sql["thread_set_head"], scope.key, key, head, revision, removed or 0, structure
    )
    return thread_of(rows[0])


def _opening(
    access: Access | Unset, reason: str | Unset | None
) -> tuple[str | Unset | None, str | Unset | None]:
    """The columns of access and its reason; InvalidError for a reason of nothing."""
    text = None if reason is UNSET else check_text("access_reason", reason)
    if access is UNSET:
        if reason is not UNSET:
            raise InvalidError("access_reason", "goes with access")
        return UNSET, UNSET
    if access not in _ACCESSES:
        raise InvalidError("access", f"must be one of {', '.join(_ACCESSES)}")
    if access != "open":
        return access, text
    if text is not None:
        raise InvalidError("access_reason", "goes with locked and closed")
    return None, None


def check_changes(
    metadata: Mapping[str, Json] | Unset, replace: Mapping[str, Json] | Unset | None
) -> None:
    """Raise unless at most one is given, and can be stored."""
    if metadata is not UNSET and replace is not UNSET:
        raise InvalidError("metadata", "must not be given together with replace_metadata")
    for given in (metadata, replace):
        jsontext.check_metadata(None if given is UNSET else given, "metadata")


def check_text(field: str, value: object, *, most: int | None = None) -> str | None:
    """Return `value` if it is text that PostgreSQL can hold, of `most` bytes at most, or None."""
    if value is None:
        return None
    if (
        not isinstance(value, str)
        or "\0" in value
        or value != value.encode(errors="replace").decode()
    ):
        raise InvalidError(field, "must be a str without NUL and lone surrogates, or None")
    if most is not None and len(value.encode()) > most:
        raise InvalidError(field, f"must have at most {most} UTF-8 bytes")
    return value


def _made_by(
    format: str | Unset | None, payload: Json | Unset
) -> tuple[str | Unset | None, str | Unset | None]:
    """The columns of a thread object: both given, both None, or neither."""
    if (format is UNSET, format is None) != (payload is UNSET, payload is None):
        raise InvalidError("payload", "must be given together with format")
    if format is None or format is UNSET:
        return format, format
    if isinstance(payload, str | bytes):
        return check_id("format", format), jsontext.verify(payload)
    return check_id("format", format), jsontext.encode(payload)
