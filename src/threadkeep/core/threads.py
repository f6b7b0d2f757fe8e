"""Threads: create, get, list, update, delete, fork, head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import get_args

from threadkeep.core.attempts import Attempts
from threadkeep.core.cursors import Found, Place, Stretch, read_page
from threadkeep.core.drafts import FIRST, LAST, check_time
from threadkeep.core.rows import metadata_of, thread_of
from threadkeep.core.scope import Scope
from threadkeep.values import jsontext
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import check_id, new_id
from threadkeep.values.page import Order, Page
from threadkeep.values.parts import Json
from threadkeep.values.ports import Executor, Row, Statement, Transaction
from threadkeep.values.thread import Thread, ThreadStatus
from threadkeep.values.unset import UNSET, Unset

_STATUSES: tuple[str, ...] = get_args(ThreadStatus)
_ATTEMPTS = 20
_LOOKED_AT = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FAR = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ThreadFilter:
    """Which threads a list or a count is about. None means any; metadata must be contained."""

    status: str | None = "active"
    user: str | None = None
    external_id: str | None = None
    metadata: str | None = None

    @property
    def kind(self) -> str:
        """Whose threads a page is read from, as the names of the statements say it."""
        if self.external_id is not None:
            return "_of_external"
        return "" if self.user is None else "_of_user"

    @property
    def given(self) -> tuple[str | None, ...]:
        """The last parameters of such a statement."""
        if self.external_id is not None:
            return (self.user, self.external_id)
        return () if self.user is None else (self.user,)

    @classmethod
    def of(
        cls,
        scope: Scope,
        *,
        status: str,
        user: str | None,
        external_id: str | None,
        metadata: Mapping[str, Json] | None,
    ) -> ThreadFilter:
        """A checked filter. A handle of one user cannot ask for another."""
        wanted = _wanted_status(status)
        if user is not None:
            check_id("user", user)
            if scope.user_id is not None and user != scope.user_id:
                raise InvalidError("user", "must be the user of this handle, or left out")
        if external_id is not None:
            check_id("external_id", external_id)
        return cls(
            wanted,
            scope.user_id or user,
            external_id,
            jsontext.check_metadata(metadata, "metadata"),
        )


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
    if (format is None) != (payload is None):
        raise InvalidError("payload", "must be given together with format")
    values = (
        check_text("title", title),
        jsontext.check_metadata(metadata, "metadata"),
        None if external_id is None else check_id("external_id", external_id),
        check_time("created_at", created_at),
        check_time("active_at", active_at),
        None if format is None else check_id("format", format),
        None if payload is None else _payload_text(payload),
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


async def page(
    scope: Scope, which: ThreadFilter, *, order: Order, limit: int, cursor: str | None
) -> Page[Thread]:
    """A page of threads by last activity; looks at 1 000 threads at the most."""
    newest_first = check_order(order) == "desc"

    async def fetch(stretch: Stretch) -> Found[Thread]:
        down = stretch.forward == newest_first
        at, key = stretch.after or ((_FAR, _FAR) if down else (-_FAR, -1))
        rows = await scope.fetch(
            f"threads{which.kind}_{'newest' if down else 'oldest'}",
            scope.key,
            scope.owner_id,
            _instant(at),
            key,
            which.status,
            which.metadata,
            stretch.count,
            max(_LOOKED_AT, stretch.count),
            *which.given,
        )
        kept = [(row, thread_of(row[2:])) for row in rows if row[1]]
        end = rows[-1] if rows and not rows[-1][1] else None
        return Found(kept, end, _place)

    identity = ("threads", scope.owner_id, which, order)
    return await read_page(fetch, limit=limit, cursor=cursor, width=2, identity=identity)


async def page_of_all(
    ex: Executor,
    sql: Mapping[str, Statement],
    *,
    status: str,
    order: Order,
    limit: int,
    cursor: str | None,
) -> Page[Thread]:
    """A page of the threads of all owners, by their keys: for the admin role."""
    ascending = check_order(order) == "asc"
    wanted = _wanted_status(status)

    async def fetch(stretch: Stretch) -> Found[Thread]:
        up = stretch.forward == ascending
        start = stretch.after or ((-_FAR - 1, -1) if up else (_FAR, _FAR))
        name = "threads_of_all_up" if up else "threads_of_all_down"
        rows = await Attempts(ex, sql).fetch(sql[name], *start, wanted, stretch.count)
        return Found([((row[0], row[1]), thread_of(row[2:])) for row in rows])

    identity = ("threads of all", status, order)
    return await read_page(fetch, limit=limit, cursor=cursor, width=2, identity=identity)


async def find_active(scope: Scope, which: ThreadFilter) -> Thread | None:
    """The active thread with the latest activity, or None."""
    cursor = None
    while True:
        found = await page(scope, which, order="desc", limit=1, cursor=cursor)
        if found.items or found.next is None:
            return found.items[0] if found.items else None
        cursor = found.next


async def count(scope: Scope, which: ThreadFilter) -> int:
    """How many threads match."""
    rows = await scope.fetch(
        "threads_count",
        scope.key,
        scope.owner_id,
        which.user,
        which.external_id,
        which.status,
        which.metadata,
    )
    return int(rows[0][0])


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
    expected_revision: int | None = None,
) -> Thread:
    """Change what is given. `metadata` is merged (RFC 7396), `replace_metadata` takes its place."""
    _check_metadata(metadata, replace_metadata)
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
        given = (title, status, replaced, external_id, active_at)
        values = (title, status, text, external_id, at)
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
    if at is not None:
        check_id("at", at)
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


def _check_metadata(
    metadata: Mapping[str, Json] | Unset, replace: Mapping[str, Json] | Unset | None
) -> None:
    """Raise unless at most one is given, and can be stored."""
    if metadata is not UNSET and replace is not UNSET:
        raise InvalidError("metadata", "must not be given together with replace_metadata")
    for given in (metadata, replace):
        jsontext.check_metadata(None if given is UNSET else given, "metadata")


def _wanted_status(status: str) -> str | None:
    """The status to look for, None for all; InvalidError for what is neither."""
    if status == "all":
        return None
    if status not in _STATUSES:
        raise InvalidError("status", f"must be all or one of {', '.join(_STATUSES)}")
    return status


def check_order(order: object) -> Order:
    """Return `order` if it is asc or desc, else raise InvalidError."""
    if order == "asc":
        return "asc"
    if order == "desc":
        return "desc"
    raise InvalidError("order", "must be asc or desc")


def check_text(field: str, value: object) -> str | None:
    """Return `value` if it is text that PostgreSQL can hold, or None."""
    if value is None:
        return None
    if (
        not isinstance(value, str)
        or "\0" in value
        or value != value.encode(errors="replace").decode()
    ):
        raise InvalidError(field, "must be a str without NUL and lone surrogates, or None")
    return value


def _payload_text(payload: Json) -> str:
    if isinstance(payload, str | bytes):
        return jsontext.verify(payload)
    return jsontext.encode(payload)


def _instant(microseconds: int) -> datetime:
    if microseconds == _FAR:
        return LAST
    if microseconds == -_FAR:
        return FIRST
    return _EPOCH + microseconds * _MICROSECOND


def _place(row: Row) -> Place:
    return ((row[2 + 13] - _EPOCH) // _MICROSECOND, row[0])
