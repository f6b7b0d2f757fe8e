"""ChatKitStore: ChatKit's `Store` on threadkeep."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

from threadkeep.adapters.chatkit import reading, saving, texts
from threadkeep.adapters.chatkit.errors import CursorNotFoundError, NotFoundError
from threadkeep.adapters.chatkit.ids import is_id, wide_id
from threadkeep.adapters.chatkit.scopes import Scope, by_tenant, by_user
from threadkeep.adapters.chatkit.sdk import (
    AssistantMessageItem,
    Attachment,
    FeedbackKind,
    Page,
    Store,
    StoreItemType,
    TContext,
    ThreadItem,
    ThreadMetadata,
    UserMessageItem,
)
from threadkeep.adapters.chatkit.seen import Mark, Seen
from threadkeep.adapters.chatkit.shielding import WRITE_TIMEOUT, Interrupted, carry_out
from threadkeep.store import AsyncStore, Owner
from threadkeep.values import errors
from threadkeep.values.errors import InvalidError
from threadkeep.values.page import Order
from threadkeep.values.parts import Json

T = TypeVar("T")

MOST: Final = 1000
"""How many rows a page may have: the store's own limit."""


class ChatKitStore(Store[TContext]):
    """ChatKit's store, for `ChatKitServer(store=ChatKitStore(store))`.

    `scope` says whose request a context is of, `by_user` by default; what belongs to others is
    unknown here. `thread_filter` gives metadata that the threads of `load_threads` must contain,
    or None for all. `on_load_attachment` may change each attachment that is handed out, alone or
    inside an item; what is stored stays. Pages have at most `page_limit` rows, whatever is asked
    for. A write goes on when its stream is cancelled, for `write_timeout` seconds at the most.

    Items are stored as their own JSON, in the dialect `chatkit`, and read by any other. They are
    ordered by `created_at`, then as they were stored; a time without a zone is the local time of
    the process, so that all processes of an app must have one time zone.
    """

    def __init__(
        self,
        store: AsyncStore,
        *,
        scope: Callable[[TContext], Scope] = by_user,
        thread_filter: Callable[[TContext], Mapping[str, Json] | None] | None = None,
        on_load_attachment: Callable[[Attachment, TContext], Awaitable[Attachment]] | None = None,
        page_limit: int = MOST,
        write_timeout: float = WRITE_TIMEOUT,
    ) -> None:
        if not 1 <= page_limit <= MOST:
            raise InvalidError("page_limit", f"must be 1 to {MOST}")
        self._store = store
        self._scope = scope
        self._thread_filter = thread_filter
        self.on_load_attachment = on_load_attachment
        self._page_limit = page_limit
        self._write_timeout = write_timeout
        self._seen = Seen()
        self._interrupted = Interrupted()

    def scope_of(self, context: TContext) -> Scope:
        """Whose request this is. InvalidError where the context does not say."""
        scope = self._scope(context)
        if not isinstance(scope, Scope):
            raise InvalidError("scope", "must give a Scope")
        return scope

    def owner_of(self, scope: Scope) -> Owner:
        """The handle of a scope, with all that the store can do. Nothing else is reached by it."""
        return self._store.owner(scope.owner_id, scope.person)

    def chat(self, context: TContext) -> Owner:
        """The handle of the context's user."""
        return self.owner_of(self.scope_of(context))

    def generate_thread_id(self, context: TContext) -> str:  # noqa: ARG002
        return wide_id("thread")

    def generate_item_id(
        self,
        item_type: StoreItemType,
        thread: ThreadMetadata,  # noqa: ARG002
        context: TContext,  # noqa: ARG002
    ) -> str:
        return wide_id(item_type)

    # --- threads --------------------------------------------------------------------------------

    async def load_thread(self, thread_id: str, context: TContext) -> ThreadMetadata:
        """The thread. NotFoundError if it is unknown."""
        scope = self.scope_of(context)
        if not is_id(thread_id):
            raise NotFoundError("thread", thread_id)
        try:
            found = await self.owner_of(scope).threads.get(thread_id)
        except errors.NotFoundError:
            raise NotFoundError("thread", thread_id) from None
        thread = reading.thread_of(found)
        self._seen.add(Mark.of(scope, thread))
        return thread

    async def save_thread(self, thread: ThreadMetadata, context: TContext) -> None:
        """Make the thread, or change it.

        One that this process has saved, or loaded by its id, must still be there: NotFoundError
        where it was deleted meanwhile, and it stays deleted. So it is where the id is another
        user's.
        """
        scope = self.scope_of(context)
        text = texts.thread_text(thread)
        mark = Mark.of(scope, thread)
        known = mark in self._seen
        try:
            await self._write(saving.save_thread(self.owner_of(scope), thread, text, known=known))
        except errors.NotFoundError:
            raise NotFoundError("thread", thread.id) from None
        self._seen.add(mark)

    async def load_threads(
        self, limit: int, after: str | None, order: str, context: TContext
    ) -> Page[ThreadMetadata]:
        """Threads by when they were made. NotFoundError for an unknown `after`."""
        chat = self.chat(context)
        which = None if self._thread_filter is None else self._thread_filter(context)
        limit = self._clamped(limit)
        if after is not None and not is_id(after):
            raise CursorNotFoundError("thread", after)
        call = chat.threads.list(
            order_by="created_at", metadata=which, order=_order(order), limit=limit, after=after
        )
        try:
            page = await call
            rows = [*page.items]
            # With a filter a page may be short, and still not be the last.
            while len(rows) < limit and page.next is not None:
                page = await call.at(page.next)
                rows += page.items
        except errors.InvalidCursorError:
            raise CursorNotFoundError("thread", str(after)) from None
        more = page.has_more or len(rows) > limit
        rows = rows[:limit]
        return _page([reading.thread_of(row) for row in rows], [row.id for row in rows], more=more)

    async def list_user_threads(
        self, user_id: str, limit: int = 20, offset: int = 0, *, tenant_id: str | None = None
    ) -> list[ThreadMetadata]:
        """A user's threads by last activity, the latest first.

        InvalidError without a tenant where the scope is `by_tenant`.
        """
        if tenant_id is None and self._scope is by_tenant:
            raise InvalidError("tenant_id", "must be given: the scope of this store is by_tenant")
        chat = self.owner_of(Scope(user_id, tenant_id))
        rows = await chat.threads.list(
            order_by="active_at", limit=self._clamped(limit), offset=offset
        )
        return [reading.thread_of(row) for row in rows.items]

    async def delete_thread(self, thread_id: str, context: TContext) -> None:
        """Delete the thread with its items, and what is known of its attachments; silent."""
        chat = self.chat(context)
        if is_id(thread_id):
            await self._write(chat.threads.delete(thread_id))

    # --- items ----------------------------------------------------------------------------------

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: TContext
    ) -> Page[ThreadItem]:
        """Items by when they were made; none for an unknown thread.

        NotFoundError for an unknown `after`, also one of another thread.
        """
        chat = self.chat(context)
        order = _order(order)
        if after is not None and not (is_id(after) and is_id(thread_id)):
            raise CursorNotFoundError("item", after)
        if not is_id(thread_id):
            return _page([], [], more=False)
        try:
            page = await chat.messages.list(
                thread_id,
                order_by="created_at",
                order=order,
                limit=self._clamped(limit),
                after=after,
            )
        except errors.InvalidCursorError:
            raise CursorNotFoundError("item", str(after)) from None
        items = reading.items_of(page.items, thread_id, order)
        for item in items:
            await self._refresh(item, context)
        return _page(items, [str(row.id) for row in page.items], more=page.has_more)

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        """Store a new item at the end of the thread.

        NotFoundError if the thread is unknown, or was deleted meanwhile. ConflictError where the
        id is stored with another content (`message_differs`; `on_repeat` has the exceptions), and
        for a user's message to a thread that is locked or closed (`thread_locked`). A task that
        was cancelled while it wrote an item does not undo that by what it had of the item before.
        """
        scope = self.scope_of(context)
        text = texts.item_text(item)
        place = (scope, thread_id, item.id)
        if isinstance(item, AssistantMessageItem) and self._interrupted.has(place):
            return
        work = saving.add_item(self.owner_of(scope), thread_id, item, text)
        await self._interrupted.watch(place, work, self._write_timeout)

    async def save_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        """Put the item in the place of the one that has its id, or at the end of the thread.

        NotFoundError if the thread is unknown. Where the user's words, hidden context and what the
        assistant says change into each other, it takes two writes.
        """
        scope = self.scope_of(context)
        text = texts.item_text(item)
        work = saving.put_item(self.owner_of(scope), thread_id, item, text)
        place = (scope, thread_id, item.id)
        await self._interrupted.watch(place, work, self._write_timeout)

    async def load_item(self, thread_id: str, item_id: str, context: TContext) -> ThreadItem:
        """The item. NotFoundError if it or the thread is unknown."""
        chat = self.chat(context)
        if not (is_id(thread_id) and is_id(item_id)):
            raise NotFoundError("item", item_id)
        try:
            row = await chat.messages.get(thread_id, item_id)
        except errors.NotFoundError:
            raise NotFoundError("item", item_id) from None
        for item in reading.items_of([row], thread_id, "asc"):
            await self._refresh(item, context)
            return item
        raise NotFoundError("item", item_id)

    async def delete_thread_item(self, thread_id: str, item_id: str, context: TContext) -> None:
        """Delete the item; silent, since ChatKit removes items that were never stored."""
        scope = self.scope_of(context)
        if is_id(thread_id) and is_id(item_id):
            work = self.owner_of(scope).messages.delete(thread_id, item_id)
            place = (scope, thread_id, item_id)
            await self._interrupted.watch(place, work, self._write_timeout)

    async def truncate_after_item(self, thread_id: str, item_id: str, context: TContext) -> int:
        """Delete all that was stored after an item, in one transaction; how many that were.

        NotFoundError if the item is unknown. ChatKit's own retry deletes one by one.
        """
        chat = self.chat(context)
        if not (is_id(thread_id) and is_id(item_id)):
            raise NotFoundError("item", item_id)
        return await self._write(saving.truncate_after(chat, thread_id, item_id))

    # --- attachments and feedback ---------------------------------------------------------------

    async def save_attachment(self, attachment: Attachment, context: TContext) -> None:
        """Store what is known of an attachment, in the place of what was known before.

        `size` in its metadata, if there is one, is its size. NotFoundError where the id is another
        user's.
        """
        chat = self.chat(context)
        text = texts.attachment_text(attachment)
        await self._write(saving.save_attachment(chat, attachment, text))

    async def load_attachment(self, attachment_id: str, context: TContext) -> Attachment:
        """The attachment. NotFoundError if it is unknown."""
        attachment = await self.stored_attachment(attachment_id, context)
        if self.on_load_attachment is None:
            return attachment
        return await self.on_load_attachment(attachment, context)

    async def stored_attachment(self, attachment_id: str, context: TContext) -> Attachment:
        """The attachment as it is stored, without `on_load_attachment`. NotFoundError as above."""
        chat = self.chat(context)
        if not is_id(attachment_id):
            raise NotFoundError("attachment", attachment_id)
        try:
            return reading.attachment_of(await chat.attachments.get(attachment_id))
        except errors.NotFoundError:
            raise NotFoundError("attachment", attachment_id) from None

    async def delete_attachment(self, attachment_id: str, context: TContext) -> None:
        """Delete what is known of an attachment; silent. Its bytes are the attachment store's."""
        chat = self.chat(context)
        if is_id(attachment_id):
            await self._write(chat.attachments.delete(attachment_id))

    async def record_feedback(
        self, thread_id: str, item_ids: Sequence[str], kind: FeedbackKind, context: TContext
    ) -> None:
        """Store what the context's user thinks of some items; the latest word stands.

        NotFoundError where one is unknown; those before it are stored then.
        """
        scope = self.scope_of(context)
        chat = self.owner_of(scope)
        await self._write(saving.record_feedback(chat, thread_id, item_ids, kind, scope.user_id))

    # --- how it is done -------------------------------------------------------------------------

    async def _write(self, work: Coroutine[Any, Any, T]) -> T:
        return await carry_out(work, self._write_timeout)

    def _clamped(self, limit: int) -> int:
        return max(1, min(limit, self._page_limit))

    async def _refresh(self, item: ThreadItem, context: TContext) -> None:
        """Let the app change the attachments of an item that is handed out."""
        if self.on_load_attachment is not None and isinstance(item, UserMessageItem):
            item.attachments = [
                await self.on_load_attachment(attachment, context)
                for attachment in item.attachments
            ]


class RecordsFeedback:
    """A base for servers whose store is a ChatKitStore: feedback on items is stored.

    ChatKit hands it to its server and keeps it nowhere. It stands before ChatKit's:
    `class Server(RecordsFeedback, ChatKitServer[Context])`.
    """

    store: Any

    async def add_feedback(
        self, thread_id: str, item_ids: list[str], feedback: FeedbackKind, context: Any
    ) -> None:
        """Store it with `ChatKitStore.record_feedback`."""
        await self.store.record_feedback(thread_id, item_ids, feedback, context)


def _page(data: list[Any], ids: list[str], *, more: bool) -> Page[Any]:
    return Page(data=data, has_more=more, after=ids[-1] if more and ids else None)


def _order(order: str) -> Order:
    if order == "asc":
        return "asc"
    if order == "desc":
        return "desc"
    raise InvalidError("order", "must be asc or desc")
