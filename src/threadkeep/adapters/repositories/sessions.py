"""The session repository: visits of users, each with its end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial

from threadkeep.adapters.repositories.database import Database
from threadkeep.adapters.repositories.ids import known
from threadkeep.adapters.repositories.records import SessionRecord
from threadkeep.adapters.repositories.rows import Rows, read
from threadkeep.adapters.repositories.threads import check_database
from threadkeep.values import jsontext
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import check_id
from threadkeep.values.page import Order
from threadkeep.values.parts import Json
from threadkeep.values.unset import UNSET, Unset


class SessionRepository:
    """The sessions of a database. One past its end is unknown: None, False, and in no list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        *,
        user_id: str,
        metadata: Mapping[str, Json] | None = None,
        expires_at: datetime | None = None,
        id: str | None = None,
    ) -> SessionRecord:
        """Make a session of a user, under a new id or a given one; without an end it stays.

        ConflictError (`exists`) where the id is taken by the user, NotFoundError where it is by
        another one.
        """
        check_id("user_id", user_id)
        chat = await self._database.chat(user_id)
        if id is not None:
            with suppress(NotFoundError):
                await chat.sessions.get(id)
                raise ConflictError("exists", f"session {id!r} exists", id=id)
        made = await chat.sessions.save(id, metadata=metadata, expires_at=expires_at)
        return SessionRecord.of(made)

    async def get_by_id(self, id: str) -> SessionRecord | None:
        """The session, None if it is unknown or past its end."""
        session_id = known(id)
        if session_id is None:
            return None
        chat = await self._database.chat()
        try:
            return SessionRecord.of(await chat.sessions.get(session_id))
        except NotFoundError:
            return None

    find_by_id = get_by_id

    async def list_by_user(
        self,
        user_id: str,
        *,
        limit: int | None = 50,
        order: Order = "desc",
        cursor: str | None = None,
    ) -> Rows[SessionRecord]:
        """A user's sessions, the newest first. `limit` is 0 to 1000, or None for all."""
        check_id("user_id", user_id)
        chat = await self._database.chat(user_id)
        call = partial(chat.sessions.list, archived=None, order=order, cursor=cursor)
        return await read(lambda size: call(limit=size), SessionRecord.of, limit)

    find_by_user_id = list_by_user

    async def update(
        self,
        id: str,
        *,
        metadata: Mapping[str, Json] | Unset = UNSET,
        replace_metadata: Mapping[str, Json] | Unset | None = UNSET,
        expires_at: datetime | Unset | None = UNSET,
    ) -> SessionRecord | None:
        """Change what is given; None if it is unknown or past its end.

        `metadata` is merged with what was there when the call began (RFC 7396), `replace_metadata`
        takes its place.
        """
        found = await self.get_by_id(id)
        if found is None:
            return None
        replaced = replace_metadata
        if metadata is not UNSET:
            if replace_metadata is not UNSET:
                raise InvalidError("metadata", "must not be given together with replace_metadata")
            if not isinstance(metadata, Mapping):
                raise InvalidError("metadata", "must be a mapping")
            replaced = jsontext.merge_patch(found.metadata, dict(metadata))
        chat = await self._database.chat(found.user_id)
        saved = await chat.sessions.save(found.id, metadata=replaced, expires_at=expires_at)
        return SessionRecord.of(saved)

    async def delete(self, id: str) -> bool:
        """Delete a session; False if it is unknown."""
        session_id = known(id)
        if session_id is None:
            return False
        chat = await self._database.chat()
        return await chat.sessions.delete(session_id)

    async def purge_expired(self, *, before: datetime | None = None) -> int:
        """Delete the rows of sessions past their end, or of what ended before a time; how many."""
        chat = await self._database.chat()
        return await chat.sessions.purge(before=before)


def create_session_repository(database: Database) -> SessionRepository:
    """The sessions of a database. No I/O."""
    return SessionRepository(check_database(database))
