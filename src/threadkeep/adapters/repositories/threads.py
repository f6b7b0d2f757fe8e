"""The thread repository."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from threadkeep.adapters.repositories.database import Database
from threadkeep.adapters.repositories.ids import known
from threadkeep.adapters.repositories.records import AGENT, ThreadRecord, ThreadSummary
from threadkeep.adapters.repositories.rows import Rows, read
from threadkeep.store import Owner
from threadkeep.values import jsontext
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import check_id
from threadkeep.values.page import Order, ThreadOrder
from threadkeep.values.parts import Json
from threadkeep.values.thread import Access, ThreadStatus
from threadkeep.values.unset import UNSET, Unset

_ATTEMPTS: Final = 20
_SPACE: Final = uuid.UUID("0d3c1f6e-5f6b-5c0e-9c7e-6b1d2f8a4e10")

Patch = Mapping[str, Json]


class ThreadRepository:
    """The threads of a database. What is unknown, of whatever shape its id is, is None or False."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        *,
        user_id: str | None,
        title: str | None = None,
        metadata: Patch | None = None,
        agent_id: str | None = None,
        id: str | None = None,
        created_at: datetime | None = None,
        exist_ok: bool = False,
    ) -> ThreadRecord:
        """Make a thread of a user, or of none, under a new id or a given one.

        ConflictError (`exists`) where the id is taken; with `exist_ok` the thread that has it is
        returned as it is. NotFoundError where another user's thread has it.
        """
        chat = await self._database.chat(user_id)
        return ThreadRecord.of(
            await chat.threads.create(
                id,
                title=title,
                metadata=_with_agent(metadata, agent_id),
                created_at=created_at,
                exist_ok=exist_ok,
            )
        )

    async def get_by_id(self, id: str) -> ThreadRecord | None:
        """The thread."""
        thread_id = known(id)
        if thread_id is None:
            return None
        chat = await self._database.chat()
        try:
            return ThreadRecord.of(await chat.threads.get(thread_id))
        except NotFoundError:
            return None

    find_by_id = get_by_id

    async def update(
        self,
        id: str,
        *,
        title: str | Unset | None = UNSET,
        metadata: Patch | Unset = UNSET,
        replace_metadata: Patch | Unset | None = UNSET,
        agent_id: str | Unset | None = UNSET,
        status: ThreadStatus | Unset = UNSET,
        access: Access | Unset = UNSET,
        access_reason: str | Unset | None = UNSET,
    ) -> ThreadRecord | None:
        """Change what is given, and return the thread; None if it is unknown.

        None clears, what is not given stays. `metadata` is merged (RFC 7396: null deletes a
        member), so that two callers who change different members both succeed. `replace_metadata`
        takes the place of all but the agent.
        """
        thread_id = known(id)
        if thread_id is None:
            return None
        chat = await self._database.chat()
        write = partial(
            chat.threads.update,
            thread_id,
            title=title,
            status=status,
            access=access,
            access_reason=access_reason,
        )
        try:
            if replace_metadata is UNSET:
                patch = metadata if agent_id is UNSET else _patched(metadata, agent_id)
                return ThreadRecord.of(await write(metadata=patch))
            if metadata is not UNSET:
                raise InvalidError("metadata", "must not be given together with replace_metadata")
            return await _replaced(chat, thread_id, write, replace_metadata, agent_id)
        except NotFoundError:
            return None

    async def list_by_user(
        self,
        user_id: str,
        *,
        limit: int | None = 50,
        offset: int = 0,
        order_by: ThreadOrder = "active_at",
        order: Order = "desc",
        status: ThreadStatus | str = "active",
        metadata: Patch | None = None,
        cursor: str | None = None,
    ) -> Rows[ThreadRecord]:
        """A user's threads, the latest activity first; [] for an unknown user.

        As `list`. A missing user is an InvalidError, never everybody.
        """
        check_id("user_id", user_id)
        return await self._list(
            user_id, limit, offset, order_by, order, status, metadata=metadata, cursor=cursor
        )

    find_by_user_id = list_by_user

    async def find_by_agent_id(
        self,
        agent_id: str,
        *,
        user_id: str | None = None,
        limit: int | None = 50,
        offset: int = 0,
        order_by: ThreadOrder = "active_at",
        order: Order = "desc",
        status: ThreadStatus | str = "active",
        cursor: str | None = None,
    ) -> Rows[ThreadRecord]:
        """The threads of an agent, as `list`."""
        which = {AGENT: _agent(agent_id)}
        return await self._list(
            user_id, limit, offset, order_by, order, status, metadata=which, cursor=cursor
        )

    async def list(
        self,
        *,
        limit: int | None = 50,
        offset: int = 0,
        order_by: ThreadOrder = "active_at",
        order: Order = "desc",
        status: ThreadStatus | str = "active",
        metadata: Patch | None = None,
        cursor: str | None = None,
    ) -> Rows[ThreadRecord]:
        """The threads of all users of this database's owner, the latest activity first.

        `order_by` is active_at, created_at, updated_at or title; anything else is an InvalidError.
        `limit` is 0 to 1000, or None for all. `next` of the answer, given as `cursor` without
        `offset`, goes on behind it, and never skips or repeats a thread that did not move.
        Archived threads are left out, unless `status` is "archived" or "all". `metadata` must be
        contained in the thread's; that looks at the 10 000 newest, and says so with `truncated`.
        """
        return await self._list(
            None, limit, offset, order_by, order, status, metadata=metadata, cursor=cursor
        )

    async def _list(
        self,
        user_id: str | None,
        limit: int | None,
        offset: int,
        order_by: ThreadOrder,
        order: Order,
        status: Any,
        *,
        metadata: Patch | None,
        cursor: str | None,
    ) -> Rows[ThreadRecord]:
        chat = await self._database.chat(user_id)
        call = partial(
            chat.threads.list,
            status=status,
            metadata=metadata,
            order_by=order_by,
            order=order,
            offset=offset,
            cursor=cursor,
        )
        return await read(lambda size: call(limit=size), ThreadRecord.of, limit)

    async def count(self, *, user_id: str | None = None, status: Any = "active") -> int:
        """How many threads there are, of one user or of all."""
        chat = await self._database.chat(user_id)
        return await chat.threads.count(status=status)

    async def find_active(self, user_id: str) -> ThreadRecord | None:
        """The user's thread with the latest activity that is neither archived nor closed."""
        check_id("user_id", user_id)
        chat = await self._database.chat(user_id)
        found = await chat.threads.find_active()
        return None if found is None else ThreadRecord.of(found)

    async def find_or_create_active(
        self,
        user_id: str,
        *,
        title: str | None = None,
        metadata: Patch | None = None,
        agent_id: str | None = None,
    ) -> ThreadRecord:
        """The user's active thread, made if there is none; callers at once all get the one thread.

        Title, metadata and agent are those of a thread that is made.
        """
        check_id("user_id", user_id)
        said = _with_agent(metadata, agent_id)
        chat = await self._database.chat(user_id)
        taken = 0
        for _ in range(_ATTEMPTS):
            found = await chat.threads.find_active()
            if found is not None:
                return ThreadRecord.of(found)
            page = await chat.threads.list(status="all", order_by="created_at", limit=1)
            latest = page.items[0] if page.items else None
            if latest is not None and latest.status == "active" and latest.access != "closed":
                continue
            # All who see the same threads, none of them active, make the same new one.
            id_ = _next_id(user_id, None if latest is None else latest.id, taken)
            try:
                made = await chat.threads.create(id_, title=title, metadata=said, exist_ok=True)
            except NotFoundError:
                taken += 1
                continue
            if made.status == "active" and made.access != "closed":
                return ThreadRecord.of(made)
        raise ConflictError("exists", "the user's threads keep coming and going")

    async def delete(self, id: str) -> bool:
        """Delete a thread with its messages; its traces stay. False if it is unknown."""
        thread_id = known(id)
        if thread_id is None:
            return False
        chat = await self._database.chat()
        return await chat.threads.delete(thread_id)

    async def describe(self, id: str) -> ThreadSummary | None:
        """Title, times, counts and how the last message begins; None if it is unknown."""
        found = await self.get_by_id(id)
        if found is None:
            return None
        return ThreadSummary(
            id=found.id,
            title=found.title,
            created_at=found.created_at,
            updated_at=found.updated_at,
            last_message_at=found.active_at if found.message_count else None,
            message_count=found.message_count,
            turn_count=found.turn_count,
            preview=(await self.previews([found.id])).get(found.id, ""),
        )

    async def previews(self, ids: Iterable[str]) -> dict[str, str]:
        """How the last message of each of these threads begins, by thread id, in one statement."""
        wanted = [id_ for id_ in ids if known(id_) is not None]
        chat = await self._database.chat()
        return await chat.threads.previews(wanted)

    async def export(self, id: str) -> dict[str, Any]:
        """The thread with all its messages, as `threadkeep export` writes it, decoded.

        `{format, version, thread, messages, head}`, of one moment. NotFoundError if it is unknown.
        """
        decoded: dict[str, Any] = jsontext.decode(await self.export_text(id))
        return decoded

    async def export_text(self, id: str) -> str:
        """The same as JSON text, in which each message stands byte for byte."""
        chat = await self._database.chat()
        return await chat.threads.export(id)

    async def import_(
        self,
        data: str | bytes | Mapping[str, Json],
        *,
        user_id: str | Unset | None = UNSET,
        title: str | Unset | None = UNSET,
        keep_ids: bool = False,
    ) -> ThreadRecord:
        """Make a new thread of an export, whole or not at all, and return it.

        It is of `user_id`, or where that is not given of the user that the export names. Order,
        times and metadata are kept. With `keep_ids` it has its old id: ConflictError (`exists`)
        where that is taken. InvalidError for what is no export of a known version.
        """
        chat = await self._database.chat()
        made = await chat.threads.import_(data, user=user_id, title=title, keep_ids=keep_ids)
        return ThreadRecord.of(made.thread)


def create_thread_repository(database: Database) -> ThreadRepository:
    """The threads of a database. No I/O."""
    return ThreadRepository(check_database(database))


def check_database(database: object) -> Database:
    """Return `database` if it is one; InvalidError else."""
    if not isinstance(database, Database):
        raise InvalidError("database", "must be what create_database or Database.over gives")
    return database


async def _replaced(
    chat: Owner, thread_id: str, write: Any, metadata: Patch | None, agent_id: str | Unset | None
) -> ThreadRecord:
    """Replace the metadata, and keep the agent that the thread has at that very moment."""
    if agent_id is not UNSET or AGENT in (metadata or {}):
        given = None if agent_id is UNSET else agent_id
        return ThreadRecord.of(await write(replace_metadata=_with_agent(metadata, given)))
    for _ in range(_ATTEMPTS):
        thread = await chat.threads.get(thread_id)
        agent = ThreadRecord.of(thread).agent_id
        try:
            made = await write(
                replace_metadata=_with_agent(metadata, agent), expected_revision=thread.revision
            )
        except ConflictError as error:
            if error.reason != "revision_moved":
                raise
        else:
            return ThreadRecord.of(made)
    raise ConflictError("revision_moved", "the thread keeps changing", id=thread_id)


def _with_agent(metadata: Patch | None, agent_id: str | None) -> Patch | None:
    """The metadata with the agent in it. InvalidError where it names another one."""
    if agent_id is None:
        return metadata
    return {**_of_agent({} if metadata is None else metadata, agent_id), AGENT: _agent(agent_id)}


def _patched(metadata: Patch | Unset, agent_id: str | None) -> Patch:
    """The patch that also sets or clears the agent."""
    given = _of_agent({} if metadata is UNSET else metadata, agent_id)
    return {**given, AGENT: None if agent_id is None else _agent(agent_id)}


def _of_agent(metadata: Patch, agent_id: str | None) -> Patch:
    if not isinstance(metadata, Mapping):
        raise InvalidError("metadata", "must be a mapping")
    if metadata.get(AGENT, agent_id) != agent_id:
        raise InvalidError("metadata", f"must not have another {AGENT}")
    return metadata


def _agent(agent_id: str) -> str:
    return check_id("agent_id", agent_id)


def _next_id(user_id: str, latest: str | None, taken: int) -> str:
    """The id of the thread that a user gets after the latest one.

    Neither who else there is nor how often it is asked for changes it.
    """
    said = jsontext.encode([user_id, latest, taken])
    return str(uuid.uuid5(_SPACE, said))
