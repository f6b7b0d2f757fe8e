"""Where the bytes of attachments stand, and which of them nobody needs any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from threadkeep.adapters.chatkit.ids import is_id
from threadkeep.adapters.chatkit.reading import FORMAT
from threadkeep.adapters.chatkit.scopes import Scope
from threadkeep.adapters.files.base import ByteStore, StoredBytes, name_of, names_in, text_of
from threadkeep.store import Owner

_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Collected:
    """How many attachments were deleted that no thread had, and how many files."""

    attachments: int = 0
    files: int = 0

    def __add__(self, other: Collected) -> Collected:
        return Collected(self.attachments + other.attachments, self.files + other.files)


def key_of(scope: Scope, attachment_id: str) -> str:
    """The key of an attachment's bytes: that of another user is never the same."""
    return f"{_folder(scope)}/{name_of(attachment_id)}"


async def scopes_in(files: ByteStore) -> set[Scope]:
    """Who has bytes here."""
    found: set[Scope] = set()
    async for stored in files.list():
        place = _place(stored.key)
        if place is not None:
            found.add(place[0])
    return found


async def collect(files: ByteStore, chat: Owner, scope: Scope, before: datetime) -> Collected:
    """Delete what one user does not need any more and is from before a time."""
    rows = bytes_gone = 0
    async for row in chat.attachments.list(unused_before=before, order="asc", limit=_BATCH):
        # Its bytes are looked at below: a message that has just read the row may save it anew.
        if row.format == FORMAT:
            rows += await chat.attachments.delete(row.id, unused_before=before)
    async for batch in _batches(files.list(_folder(scope))):
        ids = {
            place[1]: stored.key
            for stored in batch
            if stored.modified_at < before
            and (place := _place(stored.key)) is not None
            and place[0] == scope
        }
        known = await chat.attachments.get_many(ids) if ids else {}
        for id, key in ids.items():
            if id not in known:
                bytes_gone += await files.delete(key)
    return Collected(rows, bytes_gone)


def _folder(scope: Scope) -> str:
    return f"{name_of(scope.owner_id)}/{name_of(scope.person or '')}"


def _place(key: str) -> tuple[Scope, str] | None:
    """Whose bytes a key is of, and of which attachment; None for a key of something else."""
    names = [text_of(name) for name in names_in(key)]
    if len(names) != 3:
        return None
    owner, person, attachment_id = names
    if owner is None or person is None or not is_id(owner) or not is_id(attachment_id):
        return None
    return Scope(person, owner) if person else Scope(owner), str(attachment_id)


async def _batches(stored: AsyncIterator[StoredBytes]) -> AsyncIterator[list[StoredBytes]]:
    batch: list[StoredBytes] = []
    async for one in stored:
        batch.append(one)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch
