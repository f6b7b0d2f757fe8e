"""ChatKit's objects as rows of the store. The store carries each of these out as one write."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

from threadkeep.adapters.chatkit import reading, texts
from threadkeep.adapters.chatkit.errors import NotFoundError
from threadkeep.adapters.chatkit.reading import FORMAT
from threadkeep.adapters.chatkit.sdk import (
    AssistantMessageItem,
    Attachment,
    ClientToolCallItem,
    FeedbackKind,
    StructuredInputItem,
    ThreadItem,
    ThreadMetadata,
    UserMessageItem,
    WorkflowItem,
)
from threadkeep.store import Owner
from threadkeep.values import errors
from threadkeep.values.errors import ConflictError
from threadkeep.values.unset import UNSET, Unset

_MOST_BYTES: Final = 1024

Verdict = Literal["keep", "replace", "refuse"]


async def save_thread(chat: Owner, thread: ThreadMetadata, text: str, *, known: bool) -> None:
    """Make the thread unless it is `known`, or change it; the store's NotFoundError if it may not.

    The columns beside the payload are there to be searched and listed by.
    """
    title = texts.without_nul(thread.title)
    metadata = texts.without_nul(texts.metadata_of(text))
    access = reading.access_of(thread)
    if not known:
        try:
            await chat.threads.create(
                thread.id,
                title=title,
                metadata=metadata,
                created_at=texts.instant(thread.created_at),
                format=FORMAT,
                payload=text,
            )
        except ConflictError:
            pass  # It is there: changed below.
        else:
            if access == "open":
                return
    await chat.threads.update(
        thread.id,
        title=title,
        replace_metadata=metadata,
        access=access,
        access_reason=reading.reason_of(thread),
        format=FORMAT,
        payload=text,
    )


async def add_item(chat: Owner, thread_id: str, item: ThreadItem, text: str) -> None:
    """Store a new item, or decide about one whose id is stored with another content."""
    while conflict := await _append(chat, thread_id, item, text):
        try:
            row = await chat.messages.get(thread_id, item.id)
        except errors.NotFoundError:
            continue  # It was deleted meanwhile.
        verdict: Verdict = "refuse"
        if row.format == FORMAT:
            verdict = on_repeat(texts.item_of(row.json), item)
        if verdict == "refuse":
            raise conflict
        if verdict == "replace":
            await _rewrite(chat, thread_id, item, text)
        return


async def put_item(chat: Owner, thread_id: str, item: ThreadItem, text: str) -> None:
    """Store an item in the place of the one that has its id, or as a new one."""
    try:
        await chat.messages.get(thread_id, item.id)
    except errors.NotFoundError:
        if await _append(chat, thread_id, item, text) is None:
            return
    await _rewrite(chat, thread_id, item, text)


async def truncate_after(chat: Owner, thread_id: str, item_id: str) -> int:
    """Delete all that was stored after an item; how many that were."""
    try:
        row = await chat.messages.get(thread_id, item_id)
    except errors.NotFoundError:
        raise NotFoundError("item", item_id) from None
    while below := (await chat.messages.list(thread_id, since=row.seq, limit=1)).items:
        # None are removed where that one has just been deleted by somebody else.
        if removed := await chat.messages.truncate(thread_id, str(below[0].id)):
            return removed
    return 0


async def record_feedback(
    chat: Owner, thread_id: str, item_ids: Iterable[str], kind: FeedbackKind, user_id: str
) -> None:
    """Store what a user thinks of some items."""
    for item_id in item_ids:
        try:
            await chat.feedback.set(thread_id, item_id, kind, user=user_id)
        except errors.NotFoundError:
            raise NotFoundError("item", item_id) from None


async def save_attachment(
    chat: Owner,
    attachment: Attachment,
    text: str,
    *,
    size: int | None = None,
    stored_at: datetime | Unset = UNSET,
) -> None:
    """Store what is known of an attachment; ChatKit's NotFoundError where the id is another's."""
    said = (attachment.metadata or {}).get("size")
    if size is None and type(said) is int and said >= 0:
        size = said

    async def save(thread: str | Unset) -> None:
        await chat.attachments.save(
            attachment.id,
            name=_column(attachment.name) or "file",
            media_type=_column(attachment.mime_type) or "application/octet-stream",
            size=size,
            thread=thread,
            format=FORMAT,
            payload=text,
            stored_at=stored_at,
        )

    try:
        # A copy from before it was used does not take it back from its thread.
        await save(UNSET if attachment.thread_id is None else attachment.thread_id)
    except errors.NotFoundError as error:
        if error.kind != "thread":
            raise NotFoundError("attachment", attachment.id) from None
        await save(UNSET)  # of a thread that is gone: `collect` will find it


async def _append(chat: Owner, thread_id: str, item: ThreadItem, text: str) -> ConflictError | None:
    """Store a new item; the conflict where its id is stored with another content."""
    try:
        await chat.messages.append(
            thread_id,
            text,
            dialect=FORMAT,
            created_at=texts.instant(item.created_at),
            create_thread=False,
            force=not isinstance(item, UserMessageItem),
        )
    except errors.NotFoundError:
        raise NotFoundError("thread", thread_id) from None
    except ConflictError as conflict:
        if conflict.reason != "message_differs":
            raise
        return conflict
    return None


async def _rewrite(chat: Owner, thread_id: str, item: ThreadItem, text: str) -> None:
    """Put an item in the place of the one that has its id."""
    while True:
        try:
            await chat.messages.update(thread_id, item.id, text, dialect=FORMAT)
            return
        except errors.NotFoundError:
            raise NotFoundError("thread", thread_id) from None
        except ConflictError as conflict:
            if conflict.reason not in ("role_fixed", "starts_fixed"):
                raise
        if await _exchange(chat, thread_id, item.id, text):
            return


async def _exchange(chat: Owner, thread_id: str, item_id: str, text: str) -> bool:
    """Put an item in the place of one that somebody else has said: ChatKit allows that.

    The store does not, since turns begin with what a user says: so it is a new message, with the
    time of the old one, by which ChatKit orders. False where others change it at this moment.
    """
    try:
        row = await chat.messages.get(thread_id, item_id)
        await chat.messages.delete(thread_id, item_id)
        await chat.messages.append(
            thread_id,
            text,
            dialect=FORMAT,
            created_at=row.created_at,
            create_thread=False,
            force=True,
        )
    except errors.NotFoundError:
        return False
    except ConflictError as conflict:
        if conflict.reason != "message_differs":
            raise
        return False
    return True


def _column(text: str) -> str:
    """As much of a text as a column beside the payload can hold."""
    return str(texts.without_nul(text)).encode()[:_MOST_BYTES].decode(errors="ignore")


def on_repeat(stored: ThreadItem, new: ThreadItem) -> Verdict:
    """Judge an item that ChatKit adds under an id that another content has.

    A workflow is stored while it is open and added again when it goes on: replace. What was asked
    is added again though it was answered meanwhile, and what was cut off is added again though all
    of it is stored: keep, for nothing is lost. Anything else is another item under the same id, as
    models make them that give every message one placeholder: refuse.
    """
    if isinstance(stored, WorkflowItem) and isinstance(new, WorkflowItem):
        return "replace"
    return "keep" if stored == new or _is_earlier(new, stored) else "refuse"


def _is_earlier(new: ThreadItem, stored: ThreadItem) -> bool:
    """Whether the new item is what the stored one was before."""
    if isinstance(new, StructuredInputItem) and isinstance(stored, StructuredInputItem):
        answered = new.status == "pending" and stored.status != "pending"
        return answered and _questions(new) == _questions(stored)
    if isinstance(new, ClientToolCallItem) and isinstance(stored, ClientToolCallItem):
        answered = new.status == "pending" and stored.status == "completed"
        return answered and (new.call_id, new.name, new.arguments) == (
            stored.call_id,
            stored.name,
            stored.arguments,
        )
    if isinstance(new, AssistantMessageItem) and isinstance(stored, AssistantMessageItem):
        return _is_beginning(new, stored)
    return False


def _questions(item: StructuredInputItem) -> list[object]:
    return [question.model_dump(exclude={"answer"}) for question in item.inputs]


def _is_beginning(new: AssistantMessageItem, stored: AssistantMessageItem) -> bool:
    """Whether an answer is the beginning of another, and not a later one.

    A stream that is cancelled while its last item is written adds what had come of it by then,
    with the time when it began.
    """
    if texts.instant(new.created_at) > texts.instant(stored.created_at):
        return False
    pairs = list(zip(new.content, stored.content, strict=False))
    return len(pairs) == len(new.content) and all(
        whole.text.startswith(part.text)
        and all(annotation in whole.annotations for annotation in part.annotations)
        for part, whole in pairs
    )
