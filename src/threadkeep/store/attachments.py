"""The attachments of an owner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from threadkeep.core import attachments as core
from threadkeep.core.scope import Scope
from threadkeep.store.pages import PageCall
from threadkeep.store.writing import Writing
from threadkeep.values.attachment import Attachment
from threadkeep.values.page import Order, Page
from threadkeep.values.parts import Json
from threadkeep.values.unset import UNSET, Unset


@dataclass(frozen=True, slots=True)
class Attachments:
    """What is known of the files that a handle reaches. Their bytes stand elsewhere.

    A handle of one user reaches that user's.
    """

    _scope: Scope
    _writing: Writing

    async def save(
        self,
        attachment_id: str | None = None,
        *,
        name: str,
        media_type: str,
        size: int | None = None,
        thread: str | Unset | None = UNSET,
        user: str | None = None,
        format: str | None = None,
        payload: Json = None,
        metadata: Mapping[str, Json] | Unset | None = UNSET,
        stored_at: datetime | Unset | None = UNSET,
    ) -> Attachment:
        """Make an attachment, under a given id or a new one, or write over the one that has it.

        Its user and `created_at` are those of the first time. `thread`, `metadata` and `stored_at`
        stay as they are where they are not given, and None clears them; all else is as given.
        `payload` is the object of the format `format`: text and bytes are kept verbatim, anything
        else is encoded. `stored_at` is when the bytes were put where they stand. NotFoundError for
        an unknown thread, and where the id is held by another user than that of the handle or
        than `user`; nothing is written then. Doing it again is safe.
        """
        return await self._writing.run(
            core.save(
                self._scope,
                attachment_id,
                name=name,
                media_type=media_type,
                size=size,
                thread=thread,
                user=user,
                format=format,
                payload=payload,
                metadata=metadata,
                stored_at=stored_at,
            )
        )

    async def get(self, attachment_id: str) -> Attachment:
        """The attachment. NotFoundError if it is unknown."""
        return await core.get(self._scope, attachment_id)

    async def get_many(self, ids: Iterable[str]) -> dict[str, Attachment]:
        """Those of the ids that are known, by id and in the order given; 1 000 ids at the most.

        One statement: an id that is missing in the answer is unknown, or another's.
        """
        return await core.get_many(self._scope, ids)

    def list(
        self,
        *,
        thread: str | None = None,
        unused_before: datetime | None = None,
        order: Order = "desc",
        limit: int = 50,
        cursor: str | None = None,
    ) -> PageCall[Attachment]:
        """Attachments by when they were made: `await` for a page, `async for` for all.

        All, those of a thread (none for an unknown one), or those that no thread has and that were
        made before a time.
        """

        async def read(at: str | None) -> Page[Attachment]:
            return await core.page(
                self._scope,
                thread=thread,
                unused_before=unused_before,
                order=order,
                limit=limit,
                cursor=at,
            )

        return PageCall(read, cursor)

    async def delete(self, attachment_id: str, *, unused_before: datetime | None = None) -> bool:
        """Remove what is known of a file. False if it is unknown.

        With `unused_before` only one that `list` would still give: another one stays, and the
        answer is False.
        """
        return await self._writing.run(
            core.delete(self._scope, attachment_id, unused_before=unused_before)
        )
