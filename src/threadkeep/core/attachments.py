"""Attachments: save, get, list, delete. What is known of files; their bytes stand elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from threadkeep.core.cursors import read_by_time
from threadkeep.core.drafts import check_time
from threadkeep.core.rows import with_metadata
from threadkeep.core.scope import Scope
from threadkeep.values import jsontext
from threadkeep.values.attachment import Attachment
from threadkeep.values.errors import InvalidError, NotFoundError
from threadkeep.values.ids import check_id, check_id_or_none, check_ids, new_id
from threadkeep.values.numbers import check_whole
from threadkeep.values.page import Order, Page
from threadkeep.values.parts import Json
from threadkeep.values.ports import Row, Transaction
from threadkeep.values.unset import UNSET, Unset

_MAX_TEXT_BYTES = 1024
_METADATA = 7


async def save(
    scope: Scope,
    attachment_id: str | None,
    *,
    name: str,
    media_type: str,
    size: int | None,
    thread: str | Unset | None,
    user: str | None,
    format: str | None,
    payload: Json,
    metadata: Mapping[str, Json] | Unset | None,
    stored_at: datetime | Unset | None,
) -> Attachment:
    """Make an attachment, or write over the one that has the id."""
    id_ = check_id("attachment_id", new_id() if attachment_id is None else attachment_id)
    thread_id = None if thread is UNSET else check_id_or_none("thread", thread)
    person = scope.person(user)
    if (format is None) != (payload is None):
        raise InvalidError("payload", "must be given together with format")
    values = (
        check_id("name", name, most=_MAX_TEXT_BYTES),
        check_id("media_type", media_type, most=_MAX_TEXT_BYTES),
        None if size is None else check_whole("size", size),
        check_id_or_none("format", format),
        None if payload is None else _payload_text(payload),
        thread is not UNSET,
        metadata is not UNSET,
        None if metadata is UNSET else jsontext.check_metadata(metadata, "metadata"),
        stored_at is not UNSET,
        None if stored_at is UNSET else check_time("stored_at", stored_at),
    )
    named = (scope.key, scope.owner_id, thread_id, scope.user_id, id_, person)
    for _ in range(2):
        rows = await scope.fetch("attachment_save", *named, *values)
        if rows:
            return _attachment(rows[0])
        if thread_id is None:
            break
        if not await scope.on_thread("thread_get", thread_id):
            raise NotFoundError("thread", thread_id)
        # It may have been made between the two looks at it.
    raise NotFoundError("attachment", id_)


async def get(scope: Scope, attachment_id: str) -> Attachment:
    """The attachment; NotFoundError if there is none such."""
    found = await get_many(scope, [check_id("attachment_id", attachment_id)])
    if not found:
        raise NotFoundError("attachment", attachment_id)
    return found[attachment_id]


async def get_many(scope: Scope, ids: Iterable[str]) -> dict[str, Attachment]:
    """The attachments of some ids that are known here, by id, in the order of the ids."""
    wanted = check_ids("ids", ids)
    if not wanted:
        return {}
    rows = await scope.fetch("attachments_get", scope.key, scope.owner_id, scope.user_id, wanted)
    found = {row[0]: _attachment(row) for row in rows}
    return {id_: found[id_] for id_ in wanted if id_ in found}


async def page(
    scope: Scope,
    *,
    thread: str | None,
    unused_before: datetime | None,
    order: Order,
    limit: int,
    cursor: str | None,
) -> Page[Attachment]:
    """A page by when they were made; of all, of a thread, or of those that no thread has."""
    unused = check_time("unused_before", unused_before)
    if check_id_or_none("thread", thread) is not None and unused is not None:
        raise InvalidError("unused_before", "must not be given together with thread")

    async def fetch(way: str, *place: object) -> Sequence[Row]:
        if thread is not None:
            return await scope.on_thread(f"attachments_of_thread_{way}", thread, *place)
        here = (scope.key, scope.owner_id, *place)
        if unused is not None:
            return await scope.fetch(f"attachments_unused_{way}", *here, unused, scope.user_id)
        if scope.user_id is not None:
            return await scope.fetch(f"attachments_of_user_{way}", *here, scope.user_id)
        return await scope.fetch(f"attachments_{way}", *here)

    identity = ("attachments", scope.owner_id, scope.user_id, thread, unused, order)
    return await read_by_time(
        fetch, _attachment, order=order, limit=limit, cursor=cursor, identity=identity
    )


async def delete(scope: Scope, attachment_id: str, *, unused_before: datetime | None) -> bool:
    """Remove an attachment, or only one that is still without a thread; whether there was one."""
    check_id("attachment_id", attachment_id)
    unused = check_time("unused_before", unused_before)
    owned = (scope.key, scope.owner_id, attachment_id)

    async def change(tx: Transaction) -> bool:
        rows = await tx.fetch(scope.sql["attachment_lock"], *owned, scope.user_id, unused)
        if not rows:
            return False
        tx.xid = rows[0][0]
        return bool(await tx.fetch(scope.sql["attachment_delete"], *owned))

    return await scope.atomically(change)


def _attachment(row: Row) -> Attachment:
    """An Attachment from a row of `attachment_columns`, which are its fields."""
    return Attachment(*with_metadata(row, _METADATA))


def _payload_text(payload: Json) -> str:
    if isinstance(payload, str | bytes):
        return jsontext.verify(payload)
    return jsontext.encode(payload)
