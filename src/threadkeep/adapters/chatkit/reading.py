"""Rows of the store as ChatKit's objects: always new ones, since the server changes them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from threadkeep.adapters.chatkit import texts
from threadkeep.adapters.chatkit.sdk import Attachment, FileAttachment, ThreadItem, ThreadMetadata
from threadkeep.dialects.convert import convert
from threadkeep.values import attachment as stored
from threadkeep.values import jsontext
from threadkeep.values.message import Message
from threadkeep.values.page import Order
from threadkeep.values.thread import Thread

FORMAT: Final = "chatkit"


def items_of(messages: Sequence[Message], thread_id: str, order: Order) -> list[ThreadItem]:
    """The items of messages, in order: as they were stored, and of other formats as converted.

    They are converted from the first to the last, since a result belongs to the call before it.
    """
    items: list[ThreadItem] = []
    forward = messages if order == "asc" else messages[::-1]
    for own, run in groupby(forward, lambda message: message.format == FORMAT):
        if own:
            items += [texts.item_of(message.json) for message in run]
        else:
            items += [_converted(item, thread_id) for item in convert(list(run), FORMAT)]
    return items if order == "asc" else items[::-1]


def thread_of(row: Thread) -> ThreadMetadata:
    """A thread: its payload, and what was changed since by others than ChatKit."""
    status = None if row.access == "open" else {"type": row.access, "reason": row.access_reason}
    if row.format != FORMAT or row.json is None:
        made: dict[str, Any] = {
            "id": row.id,
            "title": row.title,
            "created_at": texts.local(row.created_at),
            "metadata": row.metadata or {},
        }
        if status is not None:
            made["status"] = status
        return ThreadMetadata.model_validate(made)
    thread = texts.thread_of(row.json)
    # A copy, made by a fork or an import, has the payload of the thread it came from.
    changed: dict[str, Any] = {} if thread.id == row.id else {"id": row.id}
    if row.title != texts.without_nul(thread.title):
        changed["title"] = row.title
    if row.access != access_of(thread) or row.access_reason != reason_of(thread):
        changed["status"] = status or {"type": "active"}
    metadata = texts.without_nul(texts.metadata_of(row.json))
    if not texts.is_same(dict(row.metadata or {}), metadata):
        changed["metadata"] = row.metadata or {}
    if not changed:
        return thread
    return ThreadMetadata.model_validate({**thread.model_dump(), **changed})


def access_of(thread: ThreadMetadata) -> Any:
    """What the store calls the status of a thread."""
    return "open" if thread.status.type == "active" else thread.status.type


def reason_of(thread: ThreadMetadata) -> str | None:
    """Why a thread is locked or closed."""
    reason: str | None = getattr(thread.status, "reason", None)
    return texts.without_nul(reason)  # type: ignore[no-any-return]


def attachment_of(row: stored.Attachment) -> Attachment:
    """An attachment: its payload, or a file of that name where another adapter made it."""
    if row.format == FORMAT and row.json is not None:
        return texts.attachment_of(row.json)
    return FileAttachment(
        id=row.id, name=row.name, mime_type=row.media_type, thread_id=row.thread_id
    )


def _converted(item: Any, thread_id: str) -> ThreadItem:
    """An item that a dialect has made: in this thread, and with a time as the SDK makes them.

    It subtracts them from its own, which have no zone.
    """
    made = {**item, "thread_id": item.get("thread_id") or thread_id}
    with contextlib.suppress(TypeError, ValueError):
        made["created_at"] = texts.local(datetime.fromisoformat(item["created_at"])).isoformat()
    return texts.item_of(jsontext.encode(made))
