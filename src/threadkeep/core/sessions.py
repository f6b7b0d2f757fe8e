"""Sessions: save, get, list, archive, delete, purge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from threadkeep.core.attempts import purged
from threadkeep.core.cursors import read_by_time
from threadkeep.core.drafts import check_time
from threadkeep.core.rows import with_metadata
from threadkeep.core.scope import Scope
from threadkeep.core.threads import check_text, lock_if_any
from threadkeep.values import jsontext
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import check_id, check_id_or_none, new_id
from threadkeep.values.page import Order, Page
from threadkeep.values.parts import Json
from threadkeep.values.ports import Row, Transaction
from threadkeep.values.session import Session
from threadkeep.values.unset import UNSET, Unset

# The second stands behind the columns of a session.
_METADATA, _MARK = 5, 10

T = TypeVar("T")


async def save(
    scope: Scope,
    session_id: str | None,
    *,
    thread: str | None = None,
    sdk_version: str | Unset | None = UNSET,
    state: Json | Unset = UNSET,
    state_json: str | bytes | None = None,
    metadata: Mapping[str, Json] | Unset | None = UNSET,
    user: str | None = None,
    expires_at: datetime | Unset | None = UNSET,
    expected_sdk_version: str | None = None,
    archive: bool = False,
) -> Session:
    """Make a session, or change what is given of one; makes its thread too if that is absent."""
    whose = replace(scope, user_id=scope.person(user))
    id_ = check_id("session_id", new_id() if session_id is None else session_id)
    check_id_or_none("thread", thread)
    columns = (
        *_flagged(sdk_version, check_text("sdk_version", _or_none(sdk_version))),
        *_state(state, state_json),
        *_flagged(metadata, jsontext.check_metadata(_or_none(metadata), "metadata")),
        *_flagged(expires_at, check_time("expires_at", _or_none(expires_at))),
        archive,
        check_text("expected_sdk_version", expected_sdk_version),
    )

    async def change(tx: Transaction) -> Session:
        key = None if thread is None else await _lock_or_make(whose, thread, tx)
        rows = await _on_session(whose, "session_save", id_, key, *columns, over=tx)
        if not rows:
            raise await _refusal(whose, id_, thread, tx)
        tx.xid = rows[0][_MARK]
        return _session(rows[0])

    return await whose.atomically(change)


async def get(scope: Scope, session_id: str, *, expected_sdk_version: str | None) -> Session:
    """The session; NotFoundError if this scope has none such, or it is past its end."""
    check_text("expected_sdk_version", expected_sdk_version)
    rows = await _on_session(scope, "session_get", session_id)
    if not rows:
        raise NotFoundError("session", session_id)
    found = _session(rows[0])
    if expected_sdk_version not in (None, found.sdk_version):
        raise _other_version(session_id)
    return found


async def page(
    scope: Scope,
    *,
    thread: str | None,
    user: str | None,
    archived: bool | None,
    order: Order,
    limit: int,
    cursor: str | None,
) -> Page[Session]:
    """A page of sessions by when they were made; empty for an unknown thread."""
    whose = replace(scope, user_id=scope.person(user))
    check_id_or_none("thread", thread)
    if archived is not None and not isinstance(archived, bool):
        raise InvalidError("archived", "must be a bool, or None for all")
    kind = "_of_user" if whose.user_id is not None else ""
    kind = "_of_thread" if thread is not None else kind

    async def fetch(way: str, *place: object) -> Sequence[Row]:
        here = (whose.key, whose.owner_id, thread, whose.user_id)
        return await whose.fetch(f"sessions{kind}_{way}", *here, archived, *place)

    identity = ("sessions", whose.owner_id, whose.user_id, thread, archived, order)
    return await read_by_time(
        fetch, _session, order=order, limit=limit, cursor=cursor, identity=identity
    )


async def archive(
    scope: Scope, session_id: str, *, thread: str | None, sdk_version: str | None
) -> Session:
    """Archive a session, once; one that is unknown is made, given its thread and version."""
    check_id_or_none("thread", thread)
    check_text("sdk_version", sdk_version)

    async def change(tx: Transaction) -> Session | None:
        rows = await _on_session(scope, "session_archive", session_id, over=tx)
        found = _session(rows[0]) if rows else None
        if found is not None and _elsewhere(found, thread):
            raise _other_thread(session_id)
        return found

    found = await scope.atomically(change)
    if found is not None:
        return found
    if thread is None or sdk_version is None:
        raise NotFoundError("session", session_id)
    return await save(scope, session_id, thread=thread, sdk_version=sdk_version, archive=True)


async def unarchive(scope: Scope, session_id: str) -> Session:
    """Take a session out of the archive; NotFoundError if it is unknown."""

    async def change(tx: Transaction) -> Session:
        rows = await _on_session(scope, "session_unarchive", session_id, over=tx)
        if not rows:
            raise NotFoundError("session", session_id)
        return _session(rows[0])

    return await scope.atomically(change)


async def delete(scope: Scope, session_id: str) -> bool:
    """Delete a session; whether there was one."""

    async def change(tx: Transaction) -> bool:
        rows = await _on_session(scope, "session_delete", session_id, over=tx)
        if rows:
            tx.xid = rows[0][0]
        return bool(rows)

    return await scope.atomically(change)


async def purge(scope: Scope, before: datetime | None) -> int:
    """Delete the sessions that are past their end; how many."""
    given = (scope.key, scope.owner_id, check_time("before", before), scope.user_id)
    return await purged(scope.ex, scope.sql, scope.key, "sessions_purge", *given)


async def _on_session(
    scope: Scope, name: str, session_id: str, *args: object, over: Transaction | None = None
) -> Sequence[Row]:
    """Run a statement whose first four parameters name a session of this scope."""
    named = scope.named("session_id", session_id)
    return await (over or scope.attempts()).fetch(scope.sql[name], *named, *args)


async def _lock_or_make(scope: Scope, thread: str, tx: Transaction) -> int:
    """Lock a thread, made if it is absent; NotFoundError where it is another user's."""
    while True:
        row = await lock_if_any(scope, thread, tx)
        if row is not None:
            return int(row[0])
        made = await scope.on_thread("thread_create", thread, *[None] * 7, over=tx)
        if not made and scope.user_id is not None:
            raise NotFoundError("thread", thread)


async def _refusal(scope: Scope, session_id: str, thread: str | None, tx: Transaction) -> Exception:
    """Why a session was not saved. Its row is locked: it says now what it said then."""
    rows = await _on_session(scope, "session_get", session_id, over=tx)
    if not rows:
        return NotFoundError("session", session_id)
    if _elsewhere(_session(rows[0]), thread):
        return _other_thread(session_id)
    return _other_version(session_id)


def _or_none(value: T | Unset) -> T | None:
    return None if value is UNSET else value


def _flagged(given: object, column: object) -> tuple[bool, object]:
    """Whether a column is written, and what."""
    return given is not UNSET, column


def _state(state: Json | Unset, text: str | bytes | None) -> tuple[bool, str | None]:
    if text is None:
        given = state is not UNSET
        return given, jsontext.encode(state, field="state") if given and state is not None else None
    if state is not UNSET:
        raise InvalidError("state", "must not be given together with state_json")
    return True, jsontext.verify(text, field="state_json")


def _session(row: Row) -> Session:
    """A Session from a row that begins with its fields."""
    return Session(*with_metadata(row[:_MARK], _METADATA))


def _elsewhere(session: Session, thread: str | None) -> bool:
    """Whether a session has a thread, but not this one."""
    return None not in (thread, session.thread_id) and thread != session.thread_id


def _other_thread(session_id: str) -> ConflictError:
    return ConflictError("session_thread", "the session is of another thread", id=session_id)


def _other_version(session_id: str) -> ConflictError:
    return ConflictError(
        "sdk_version", "the session was saved by another version of the SDK", id=session_id
    )
