"""The messages of an owner's threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Unpack, overload

from threadkeep.core import messages as core
from threadkeep.core import tool_calls as tool_messages
from threadkeep.core import trees, windows
from threadkeep.core.append import HEAD, Place
from threadkeep.core.drafts import check_batch, check_time
from threadkeep.core.scans import MessageFilter, Scan
from threadkeep.core.windows import Extent
from threadkeep.dialects.convert import convert
from threadkeep.dialects.healing import Policy
from threadkeep.dialects.tool_calls import tool_calls
from threadkeep.store.bulk import BulkMessages
from threadkeep.store.items import Items, batch_of, check_reading, draft_as, drafts_of
from threadkeep.store.listing import Listing, NativeListing, converted, read_list
from threadkeep.store.pages import PageCall
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message, Role, Status
from threadkeep.values.page import MessageOrder, Order, Page, Window
from threadkeep.values.parts import Json
from threadkeep.values.tooluse import ToolUse
from threadkeep.values.unset import UNSET, Unset

# Inside Messages, `list` is the method.
Stored = list[Message]
ToolUses = list[ToolUse]


@dataclass(frozen=True, slots=True)
class Messages(BulkMessages):
    """The messages of the threads that a handle reaches.

    Without `dialect` everything is a Message. With it, items are native ones: decoded JSON values,
    or their text or bytes, which are kept verbatim.
    """

    async def append(
        self,
        thread_id: str,
        items: Items,
        *,
        dialect: str | None = None,
        parent: str | Unset | None = UNSET,
        expected_head: str | Unset | None = UNSET,
        on_conflict: Literal["error", "sibling"] = "error",
        created_at: datetime | None = None,
        active_at: datetime | None = None,
        session: str | None = None,
        create_thread: bool = True,
        force: bool = False,
    ) -> Stored:
        """Store one message or many, in order, all or none, and return them as stored.

        Makes the thread if it is absent, or with `create_thread=False` raises NotFoundError: a
        thread that is deleted meanwhile then stays so, for some more round trips. The batch goes
        under the head, or under `parent` (None: a new root beside the others). With
        `expected_head` the head must be that message (None: no message), else ConflictError
        (`head_moved`); with `on_conflict="sibling"` the batch then becomes a sibling. Messages
        without an id get one. What is stored already, the same id with the same content, is
        returned and not stored again; another content is a ConflictError (`message_differs`). The
        last message stored becomes the head. `session` is the session that they were said in, where
        a Message names none itself. NotFoundError for an unknown `parent`, or where the thread is
        another user's. ConflictError (`thread_locked`) where it is locked or closed, but with
        `force`.
        """
        drafts = batch_of(self._drafting, items, dialect, created_at, session=session)
        place = _place(parent, expected_head, on_conflict)
        if force is not False or create_thread is not True:
            _check_flags(create_thread=create_thread, force=force)
            place = replace(place, create=create_thread, force=force)
        active_at = check_time("active_at", active_at)
        return await self._writing.append(
            self._scope, thread_id, drafts, place, active_at=active_at
        )

    @overload
    async def get(self, thread_id: str, message_id: str) -> Message: ...
    @overload
    async def get(self, thread_id: str, message_id: str, *, dialect: str) -> Json: ...
    async def get(self, thread_id: str, message_id: str, *, dialect: str | None = None) -> Any:
        """The message. NotFoundError if it or the thread is unknown.

        With `dialect` the native item; InvalidError where the message cannot be said as one item
        without loss (`list` and `convert` say it with a report).
        """
        check_reading(dialect)
        message = await core.get(self._scope, thread_id, message_id)
        if dialect is None:
            return message
        items = convert([message], dialect, strict=True)
        if len(items) != 1:
            raise InvalidError("dialect", "must be one that says the message as one item")
        return items[0]

    @overload
    def list(self, thread_id: str, **which: Unpack[Listing]) -> PageCall[Message]: ...
    @overload
    def list(self, thread_id: str, **which: Unpack[NativeListing]) -> PageCall[Json]: ...
    def list(
        self,
        thread_id: str,
        *,
        tree: bool = False,
        leaf: str | None = None,
        roles: Sequence[Role] | None = None,
        metadata: Mapping[str, Json] | None = None,
        created_since: datetime | None = None,
        created_before: datetime | None = None,
        has_tool_calls: bool | None = None,
        session: str | None = None,
        archived_sessions: bool = True,
        since: int | None = None,
        order: Order = "asc",
        order_by: MessageOrder = "seq",
        limit: int = 50,
        cursor: str | None = None,
        after: str | None = None,
        offset: int = 0,
        last: int | None = None,
        dialect: str | None = None,
        strict: bool = False,
    ) -> PageCall[Any]:
        """Messages by seq: `await` for a page of `limit` (1 to 1000), `async for` for all.

        Along the path to the head, or to `leaf`; with `tree` all of the thread. `since` leaves out
        what has that seq or a lower one. `last` is one page of the newest, oldest first. Empty for
        an unknown thread; NotFoundError for an unknown `leaf`; InvalidCursorError for a cursor of
        another list. A page of `tree` also has the `head` of the thread.

        Only what matches all of: one of the `roles`; `metadata` contained in the message's;
        created at `created_since` or later, and before `created_before`; with tool calls, or
        without, as `has_tool_calls` says; said in this `session`, archived or not. With
        `archived_sessions=False` messages of archived sessions are left out; those without a
        session, or of an unknown one, never are. A filter reads the thread until the page is full.

        `order_by="created_at"` orders by that time, which is data of the app's, and by seq where it
        is equal; it reads and sorts all that matches. The list starts behind the message `after`,
        in its own order, and skips the first `offset` that match (with `last`, the last ones);
        InvalidCursorError where `after` is not in the thread. With a cursor both are done with.

        With `dialect` the items are native: those of that format as they were stored, all others
        converted, each page by itself. What the dialect cannot say is in the page's `losses`; with
        `strict` it is a LossyError.
        """

        async def read(at: str | None) -> Page[Any]:
            check_reading(dialect, strict=strict)
            which = MessageFilter.of(
                roles=roles,
                metadata=metadata,
                created_since=created_since,
                created_before=created_before,
                has_tool_calls=has_tool_calls,
                session=session,
                archived_sessions=archived_sessions,
            )
            scan = Scan(which, tree, leaf, since, order, order_by, after, offset)
            page = await read_list(
                self._scope, thread_id, scan, limit=limit, last=last, begun=cursor, at=at
            )
            return page if dialect is None else converted(page, dialect, strict=strict)

        return PageCall(read, cursor)

    @overload
    async def window(
        self,
        thread_id: str,
        *,
        turns: int | None = ...,
        tokens: int | None = ...,
        messages: int | None = ...,
        leaf: str | None = ...,
        keep_system: bool = ...,
        steady: int = ...,
    ) -> Window[Message]: ...
    @overload
    async def window(
        self,
        thread_id: str,
        *,
        turns: int | None = ...,
        tokens: int | None = ...,
        messages: int | None = ...,
        leaf: str | None = ...,
        keep_system: bool = ...,
        steady: int = ...,
        dialect: str,
        strict: bool = ...,
        heal: Policy | None = ...,
    ) -> Window[Json]: ...
    async def window(
        self,
        thread_id: str,
        *,
        turns: int | None = None,
        tokens: int | None = None,
        messages: int | None = None,
        leaf: str | None = None,
        keep_system: bool = False,
        steady: int = 1,
        dialect: str | None = None,
        strict: bool = False,
        heal: Policy | None = None,
    ) -> Window[Any]:
        """What a model gets: the end of the path to the head, or to `leaf`, oldest first.

        Exactly one of: the last `turns`; what fits into `tokens`, by the counts stored with the
        messages; the last `messages`, and back from there to where a window may start. Never parts
        a tool call from its result. Fewer turns than asked for give the whole path; 0 gives
        nothing; the ceiling is 1 000 messages. `keep_system` puts the system messages from before
        the first turn in front, 16 at most. With `steady=k` the start stays for k turns: a window
        of turns then has up to k - 1 turns more, one of tokens up to k - 1 turns less. Empty for an
        unknown thread; NotFoundError for an unknown `leaf`.

        `dialect` and `strict` are as in `list`. With `heal` the window is a history that the
        provider accepts: `error` answers calls that have no result, `drop` leaves out the turns
        that hold one, `keep` leaves calls and results alone; roles, names and texts are set right
        under each. A call at the very end that nobody has answered yet counts as one without a
        result. What was done is in the window's `repairs`; stored rows never change.
        """
        check_reading(dialect, strict=strict, heal=heal)
        extent = Extent(turns, tokens, messages, steady)
        found = await windows.window(
            self._scope, thread_id, extent, leaf=leaf, keep_system=keep_system
        )
        if dialect is None:
            return found
        made = convert(found, dialect, strict=strict, heal=heal)
        return Window(
            made,
            truncated=found.truncated,
            tokens=found.tokens,
            system=made.system,
            losses=made.losses,
            sources=made.sources,
            repairs=made.repairs,
        )

    async def siblings(self, thread_id: str, message_id: str) -> Stored:
        """The messages with the same parent, this one included, by seq; NotFoundError if none."""
        return await core.siblings(self._scope, thread_id, message_id)

    async def depths(self, thread_id: str, message_ids: Iterable[str]) -> dict[str, int]:
        """How many messages stand above each on its path: 0 for a root. In one statement.

        In the order of the ids; unknown ones are left out. InvalidError for more than 1000.
        """
        return await trees.depths(self._scope, thread_id, message_ids)

    async def leaf(self, thread_id: str, message_id: str | None = None) -> str | None:
        """The id of the newest leaf at or below a message, or at or below the head.

        A leaf has no message below it. None where the thread is unknown or has no head;
        NotFoundError for an unknown message.
        """
        return await trees.leaf(self._scope, thread_id, message_id)

    async def update(
        self,
        thread_id: str,
        message_id: str,
        item: Message | Json | Unset = UNSET,
        *,
        dialect: str | None = None,
        metadata: Mapping[str, Json] | Unset = UNSET,
        replace_metadata: Mapping[str, Json] | Unset | None = UNSET,
        status: Status | Unset = UNSET,
        parent: str | Unset | None = UNSET,
    ) -> Message:
        """Rewrite a message in its place, or append it if its id is new (`parent` as in append).

        Position, parent and created_at stay. `metadata` is a JSON merge-patch (RFC 7396),
        `replace_metadata` takes the place of the old, None clears it. A Message brings its own
        metadata as a replacement, if it has any, and its status. NotFoundError for an unknown
        thread, or an unknown message without `item`. ConflictError where the role (`role_fixed`)
        or the start of a turn (`starts_fixed`) would change.
        """
        check_id("message_id", message_id)
        draft = None
        if item is not UNSET:
            draft = draft_as(self._drafting, message_id, item, dialect)
            if isinstance(item, Message) and dialect is None:
                status = item.status if status is UNSET else status
        return await self._writing.run(
            core.update(
                self._scope,
                thread_id,
                message_id,
                draft,
                metadata=metadata,
                replace_metadata=replace_metadata,
                status=status,
                parent=parent,
            )
        )

    async def delete(self, thread_id: str, message_id: str) -> bool:
        """Remove a message; its children go to its parent. False if it is unknown."""
        return await self._writing.run(core.delete(self._scope, thread_id, message_id))

    async def truncate(self, thread_id: str, message_id: str) -> int:
        """Remove a message and all below it, not other branches; how many, 0 if it is unknown."""
        return await self._writing.run(core.truncate(self._scope, thread_id, message_id))

    async def pop_last(self, thread_id: str) -> Message | None:
        """Remove the head and return it; None if there is none.

        Concurrent calls get different messages. ConflictError (`has_children`) where the head is
        an inner message.
        """
        return await self._writing.run(core.pop_last(self._scope, thread_id))

    async def replace_all(
        self, thread_id: str, items: Items, *, dialect: str | None = None
    ) -> Stored:
        """Put these messages in the place of all in the thread, in one transaction.

        Makes the thread if it is absent; no items clear it. seq goes on, turns count from one.
        """
        drafts = drafts_of(self._drafting, items, dialect, None)
        if drafts:
            check_batch(drafts)
        return await self._writing.run(core.replace_all(self._scope, thread_id, drafts))

    async def count(self, thread_id: str, *, tree: bool = False, leaf: str | None = None) -> int:
        """How many messages the path to the head or to `leaf` has, or the whole tree."""
        return await core.count(self._scope, thread_id, tree=tree, leaf=leaf)

    async def tool_calls(
        self,
        thread_id: str,
        *,
        name: str | None = None,
        failed: bool | None = None,
        tree: bool = False,
    ) -> ToolUses:
        """The tool calls along the path to the head, each with its result; with `tree` all.

        Of one tool, by `name`; with `failed` those that ended in an error or were denied, or those
        that did not: calls that are pending are neither. Works on messages of all formats, and
        reads only those that hold calls or results. Empty for an unknown thread; InvalidError
        where a format is unknown here.
        """
        found = await tool_messages.read(self._scope, thread_id, tree=tree)
        uses = tool_calls(found.messages, precedes=found.precedes)
        return [use for use in uses if name in (None, use.name) and failed in (None, use.failed)]


def _check_flags(**flags: object) -> None:
    for field, value in flags.items():
        if not isinstance(value, bool):
            raise InvalidError(field, "must be a bool")


def _place(
    parent: str | Unset | None, expected_head: str | Unset | None, on_conflict: str
) -> Place:
    for field, value in (("parent", parent), ("expected_head", expected_head)):
        if value is not None and value is not UNSET:
            check_id(field, value)
    if on_conflict not in ("error", "sibling"):
        raise InvalidError("on_conflict", "must be error or sibling")
    if expected_head is UNSET:
        return HEAD if parent is UNSET else Place(parent)
    if parent is not UNSET:
        raise InvalidError("parent", "must not be given together with expected_head")
    return Place(expected_head, check=on_conflict == "error")
