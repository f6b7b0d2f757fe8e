"""The message repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from threadkeep.adapters.repositories.database import Database
from threadkeep.adapters.repositories.ids import known, place_of
from threadkeep.adapters.repositories.items import DIALECT, Content, item_of, message_of
from threadkeep.adapters.repositories.records import MessageRecord
from threadkeep.adapters.repositories.rows import Rows, only, read
from threadkeep.adapters.repositories.threads import check_database
from threadkeep.values.errors import InvalidCursorError, InvalidError, NotFoundError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message, Role
from threadkeep.values.page import MessageOrder, Order
from threadkeep.values.parts import Json
from threadkeep.values.unset import UNSET, Unset

Calls = Sequence[Mapping[str, Json]]

_MEMBERS: Final = (
    *("thread_id", "role", "content", "name", "tool_call_id", "tool_calls", "metadata", "id"),
    "created_at",
)


class MessageRepository:
    """The messages of a database, each by one id that names its thread too.

    They are stored as messages of Chat Completions, byte for byte as they were made, and show what
    they say whatever format a row has. What is unknown, of whatever shape its id is, is None, False
    or []. Lists are along the path to the thread's head, in the one order that there is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        *,
        thread_id: str,
        role: Role,
        content: Content = None,
        name: str | None = None,
        tool_call_id: str | None = None,
        tool_calls: Calls | None = None,
        metadata: Mapping[str, Json] | None = None,
        id: str | None = None,
        created_at: datetime | None = None,
        create_thread: bool = False,
    ) -> MessageRecord:
        """Store a message at the end of a thread, which moves the thread's `updated_at`.

        NotFoundError for an unknown thread, or with `create_thread` it is made. `id` is the
        message's own id in its thread, any text: what is stored under it already is returned, and
        another content is a ConflictError, so a call with an id can be made again.
        """
        item = item_of(role, content, name=name, tool_call_id=tool_call_id, tool_calls=tool_calls)
        message = message_of(item, id=id, metadata=metadata, created_at=created_at)
        chat = await self._database.chat()
        [stored] = await chat.messages.append(thread_id, message, create_thread=create_thread)
        return MessageRecord.of(thread_id, stored)

    async def get_by_id(self, id: str) -> MessageRecord | None:
        """The message."""
        place = place_of(id)
        if place is None:
            return None
        chat = await self._database.chat()
        try:
            return MessageRecord.of(place.thread_id, await chat.messages.get(*place))
        except NotFoundError:
            return None

    find_by_id = get_by_id

    async def list_by_thread(
        self,
        thread_id: str,
        *,
        limit: int | None = 100,
        offset: int = 0,
        order: Order = "asc",
        order_by: MessageOrder = "seq",
        filter: Mapping[str, Any] | None = None,
        roles: Sequence[Role] | None = None,
        from_date: datetime | None = None,
        to_date: datetime | None = None,
        has_tool_calls: bool | None = None,
        session: str | None = None,
        after: str | None = None,
        cursor: str | None = None,
    ) -> Rows[MessageRecord]:
        """The messages of a thread, oldest first; [] for an unknown thread or past the end.

        Only what matches all of: `filter={"metadata": {...}}`, contained in the message's; one of
        the `roles`; created at `from_date` or later, and before `to_date`; with tool calls, or
        without; said in this `session`. `limit` is 0 to 1000, or None for all. `after` is the id of
        a message that the list starts behind. `next` of the answer, given as `cursor` without
        `offset`, goes on behind it, and never skips or repeats a message.
        """
        wanted = known(thread_id)
        if wanted is None:
            return Rows()
        chat = await self._database.chat()
        call = partial(
            chat.messages.list,
            wanted,
            order=order,
            order_by=order_by,
            offset=offset,
            metadata=_metadata_of(filter),
            roles=roles,
            created_since=from_date,
            created_before=to_date,
            has_tool_calls=has_tool_calls,
            session=session,
            after=_anchor(wanted, after),
            cursor=cursor,
        )
        return await read(lambda size: call(limit=size), partial(MessageRecord.of, wanted), limit)

    find_by_thread_id = list_by_thread

    async def list_recent(self, thread_id: str, limit: int = 50) -> Rows[MessageRecord]:
        """The newest messages, oldest first. `limit` is 0 to 1000."""
        newest = await self.list_by_thread(thread_id, limit=limit, order="desc")
        return Rows(newest[::-1])

    find_recent_by_thread_id = list_recent

    async def count(self, thread_id: str) -> int:
        """How many messages a thread has; 0 if it is unknown."""
        wanted = known(thread_id)
        if wanted is None:
            return 0
        chat = await self._database.chat()
        return await chat.messages.count(wanted)

    async def update(
        self,
        id: str,
        *,
        content: Content | Unset = UNSET,
        name: str | Unset | None = UNSET,
        tool_calls: Calls | Unset | None = UNSET,
        metadata: Mapping[str, Json] | Unset = UNSET,
        replace_metadata: Mapping[str, Json] | Unset | None = UNSET,
    ) -> MessageRecord | None:
        """Change what is given, and return the message in its old place; None if it is unknown.

        None clears, what is not given stays, `created_at` too; `updated_at` is when. `metadata` is
        merged (RFC 7396), `replace_metadata` takes the place of the old. Of two callers who change
        the content at once the last one stands. InvalidError where a message of another format
        cannot be said in this one without loss, unless only its metadata changes.
        """
        place = place_of(id)
        if place is None:
            return None
        changes = {"content": content, "name": name, "tool_calls": tool_calls}
        given = {member: value for member, value in changes.items() if value is not UNSET}
        chat = await self._database.chat()
        write = partial(
            chat.messages.update, *place, metadata=metadata, replace_metadata=replace_metadata
        )
        try:
            if not given:
                stored = await write()
            else:
                item = _changed(await chat.messages.get(*place, dialect=DIALECT), given)
                # A message that was deleted meanwhile has no place below itself: it stays deleted.
                stored = await write(item, dialect=DIALECT, parent=place.message_id)
        except NotFoundError:
            return None
        return MessageRecord.of(place.thread_id, stored)

    async def delete(self, id: str) -> bool:
        """Delete a message; what follows it stays. False if it is unknown."""
        place = place_of(id)
        if place is None:
            return False
        chat = await self._database.chat()
        return await chat.messages.delete(*place)

    async def bulk_create(
        self, messages: Iterable[Mapping[str, Any]], *, create_threads: bool = False
    ) -> list[MessageRecord]:
        """Store many messages, of any threads, in one transaction: all of them or none.

        Each is a mapping of what `create` takes. Those of a thread keep their order, and the answer
        is in the order given. No messages give []. NotFoundError for an unknown thread, before
        anything is written, or with `create_threads` it is made.
        """
        drafts = [_drafted(one) for one in messages]
        if not drafts:
            return []
        chat = await self._database.chat()
        if not create_threads:
            for thread_id in dict.fromkeys(thread_id for thread_id, _ in drafts):
                await chat.threads.get(thread_id)
        found = await chat.messages.append_many(drafts)
        stored = {thread_id: iter(listed) for thread_id, listed in found.items()}
        return [MessageRecord.of(thread_id, next(stored[thread_id])) for thread_id, _ in drafts]

    create_many = bulk_create

    async def bulk_delete(
        self,
        *,
        thread_id: str | Iterable[str],
        older_than: datetime | None = None,
        roles: Sequence[Role] | None = None,
        metadata: Mapping[str, Json] | None = None,
        dry_run: bool = False,
    ) -> int:
        """Delete the messages of a thread, or of several, that match all of it; how many.

        Created before `older_than` (not at that moment), one of the `roles`, `metadata` contained
        in theirs. With `dry_run` they are only counted. The threads stay.
        """
        listed = [thread_id] if isinstance(thread_id, str) else list(thread_id)
        chat = await self._database.chat()
        return await chat.messages.delete_many(
            [one for one in listed if known(one) is not None],
            older_than=older_than,
            roles=roles,
            metadata=metadata,
            dry_run=dry_run,
        )

    async def delete_by_thread(self, thread_id: str) -> int:
        """Delete all messages of a thread; how many. The thread stays."""
        return await self.bulk_delete(thread_id=thread_id)

    delete_by_thread_id = delete_by_thread


def create_message_repository(database: Database) -> MessageRepository:
    """The messages of a database. No I/O."""
    return MessageRepository(check_database(database))


def _metadata_of(filter: Mapping[str, Any] | None) -> Mapping[str, Json] | None:
    return None if filter is None else only(filter, "filter", ("metadata",)).get("metadata")


def _anchor(thread_id: str, id: str | None) -> str | None:
    """The id in its thread of a message that a list starts behind."""
    if id is None:
        return None
    place = place_of(id)
    if place is None or place.thread_id != thread_id:
        raise InvalidCursorError
    return place.message_id


def _changed(item: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The item with other members; all else in it stays as it is."""
    role = "tool" if item["role"] == "function" else item["role"]
    checked = item_of(
        "system" if role == "developer" else role,
        given.get("content"),
        name=given.get("name"),
        tool_calls=given.get("tool_calls"),
        tool_call_id="" if role == "tool" else None,
    )
    made = dict(item)
    if "content" in given:
        made["content"] = checked["content"]
    for member in ("name", "tool_calls"):
        if member in checked:
            made[member] = checked[member]
        elif member in given:
            made.pop(member, None)
    return made


def _drafted(one: Mapping[str, Any]) -> tuple[str, Message]:
    """One message of a bulk, and its thread."""
    given = only(one, "messages", _MEMBERS)
    for name in ("thread_id", "role"):
        if name not in given:
            raise InvalidError("messages", f"must each have a {name}")
    known_of = {name: given.pop(name, None) for name in ("id", "metadata", "created_at")}
    thread_id = check_id("thread_id", given.pop("thread_id"))
    return thread_id, message_of(item_of(**given), **known_of)
