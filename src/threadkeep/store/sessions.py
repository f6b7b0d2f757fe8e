"""The sessions of an owner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from threadkeep.core import sessions as core
from threadkeep.core.scope import Scope
from threadkeep.store.pages import PageCall
from threadkeep.store.writing import Writing
from threadkeep.values.page import Order, Page
from threadkeep.values.parts import Json
from threadkeep.values.session import Session
from threadkeep.values.unset import UNSET, Unset


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions that a handle reaches; all others are unknown to it.

    A session past its `expires_at` is unknown too, until a `save` begins it anew.
    """

    _scope: Scope
    _writing: Writing

    async def save(
        self,
        session_id: str | None = None,
        *,
        thread: str | None = None,
        sdk_version: str | Unset | None = UNSET,
        state: Json | Unset = UNSET,
        state_json: str | bytes | None = None,
        metadata: Mapping[str, Json] | Unset | None = UNSET,
        user: str | None = None,
        expires_at: datetime | Unset | None = UNSET,
        expected_sdk_version: str | None = None,
    ) -> Session:
        """Make a session, under a given id or a new one, or change what is given of one.

        None clears, what is not given stays, `created_at` too. `state` is any JSON value;
        `state_json` is its text instead, kept verbatim. `metadata` replaces the old. A `thread`
        that is absent is made; a session stays in its thread: ConflictError (`session_thread`).
        `user` makes the call that of this user's handle. ConflictError (`sdk_version`) where the
        session has another version than `expected_sdk_version`; NotFoundError where the session or
        the thread is another user's. Nothing is written then.
        """
        return await self._writing.run(
            core.save(
                self._scope,
                session_id,
                thread=thread,
                sdk_version=sdk_version,
                state=state,
                state_json=state_json,
                metadata=metadata,
                user=user,
                expires_at=expires_at,
                expected_sdk_version=expected_sdk_version,
            )
        )

    async def get(self, session_id: str, *, expected_sdk_version: str | None = None) -> Session:
        """The session. NotFoundError if it is unknown or past its end.

        ConflictError (`sdk_version`) where it has another version than `expected_sdk_version`.
        """
        return await core.get(self._scope, session_id, expected_sdk_version=expected_sdk_version)

    def list(
        self,
        *,
        thread: str | None = None,
        user: str | None = None,
        archived: bool | None = False,
        order: Order = "desc",
        limit: int = 50,
        cursor: str | None = None,
    ) -> PageCall[Session]:
        """Sessions by when they were made, the newest first: `await` for a page, `async for` all.

        Those that are not archived, or only those that are, or with None all. Empty for an unknown
        thread.
        """

        async def read(at: str | None) -> Page[Session]:
            return await core.page(
                self._scope,
                thread=thread,
                user=user,
                archived=archived,
                order=order,
                limit=limit,
                cursor=at,
            )

        return PageCall(read, cursor)

    async def archive(
        self, session_id: str, *, thread: str | None = None, sdk_version: str | None = None
    ) -> Session:
        """Archive a session; the first time stands, however often this is called.

        An unknown session is made, archived, where both `thread` and `sdk_version` are given, else
        NotFoundError. ConflictError (`session_thread`) where it is of another thread.
        """
        return await self._writing.run(
            core.archive(self._scope, session_id, thread=thread, sdk_version=sdk_version)
        )

    async def unarchive(self, session_id: str) -> Session:
        """Take a session out of the archive. NotFoundError if it is unknown."""
        return await self._writing.run(core.unarchive(self._scope, session_id))

    async def delete(self, session_id: str) -> bool:
        """Delete a session; False if it is unknown. What was said in it stays, and names it."""
        return await self._writing.run(core.delete(self._scope, session_id))

    async def purge(self, *, before: datetime | None = None) -> int:
        """Delete the sessions past their end, or only what ended before a time; how many."""
        return await self._writing.run(core.purge(self._scope, before))
