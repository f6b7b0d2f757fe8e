"""The threads of an owner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from threadkeep import dialects
from threadkeep.core import thread_lists as lists
from threadkeep.core import threads as core
from threadkeep.core import transfer
from threadkeep.core.drafts import Drafting
from threadkeep.core.scope import Scope
from threadkeep.core.thread_lists import ThreadFilter
from threadkeep.store.pages import PageCall
from threadkeep.store.writing import Writing
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.imported import Imported
from threadkeep.values.page import Order, Page, ThreadOrder
from threadkeep.values.parts import Json
from threadkeep.values.thread import Access, Thread, ThreadStatus
from threadkeep.values.unset import UNSET, Unset

StatusFilter = ThreadStatus | Literal["all"]

_PREVIEW = 200


class Threads:
    """The threads that a handle reaches; all others are unknown to it."""

    __slots__ = ("_drafting", "_scope", "_writing")

    def __init__(self, scope: Scope, drafting: Drafting, writing: Writing) -> None:
        self._scope = scope
        self._drafting = drafting
        self._writing = writing

    async def create(
        self,
        thread_id: str | None = None,
        *,
        title: str | None = None,
        metadata: Mapping[str, Json] | None = None,
        external_id: str | None = None,
        created_at: datetime | None = None,
        active_at: datetime | None = None,
        format: str | None = None,
        payload: Json = None,
        exist_ok: bool = False,
    ) -> Thread:
        """Make a thread, under a given id or a new one.

        An id that is taken raises ConflictError (`exists`); with `exist_ok` the thread that has it
        is returned as it is, so that concurrent callers all get the one thread. `active_at` is
        `created_at`, or now, where it is not given. `payload` is the thread object of the format
        `format`: text and bytes are kept verbatim, anything else is encoded.
        """
        return await self._writing.run(
            core.create(
                self._scope,
                thread_id,
                title=title,
                metadata=metadata,
                external_id=external_id,
                created_at=created_at,
                active_at=active_at,
                format=format,
                payload=payload,
                exist_ok=exist_ok,
            )
        )

    async def get(self, thread_id: str) -> Thread:
        """The thread. NotFoundError if it is unknown."""
        return await core.get(self._scope, thread_id)

    def list(
        self,
        *,
        status: StatusFilter = "active",
        user: str | None = None,
        external_id: str | None = None,
        metadata: Mapping[str, Json] | None = None,
        title: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        order: Order = "desc",
        order_by: ThreadOrder = "active_at",
        limit: int = 50,
        cursor: str | None = None,
        after: str | None = None,
        offset: int = 0,
    ) -> PageCall[Thread]:
        """Threads by last activity, the latest first: `await` for a page, `async for` for all.

        `metadata` must be contained in the thread's, `title` must stand somewhere in its title,
        letters large or small. `since` (inclusive) and `until` (not) are about the last activity.
        By activity, a filter by status looks at 1 000 threads per page and one by metadata or title
        at 10 000: such a page may be short, even empty, and still have a next one; it says so with
        `truncated`. `limit` is 1 to 1000. InvalidCursorError for a cursor of another list.

        `order_by` another time or the title reads and sorts all that match; threads made at the
        same moment stay in the order they were made in. Titles compare by their first 200
        characters, by code point; threads without one come last (first in `desc`). The list starts
        behind the thread `after`, in its own order, and skips the first `offset` that match, which
        reads all of them; InvalidCursorError where `after` is unknown. With a cursor both are done
        with.
        """

        async def read(at: str | None) -> Page[Thread]:
            which = ThreadFilter.of(
                self._scope,
                status=status,
                user=user,
                external_id=external_id,
                metadata=metadata,
                title=title,
                since=since,
                until=until,
            )
            if offset and cursor is not None:
                raise InvalidError("offset", "must not be given together with cursor")
            return await lists.page(
                self._scope,
                which,
                order=order,
                limit=limit,
                cursor=at,
                order_by=order_by,
                after=after,
                offset=offset,
            )

        return PageCall(read, cursor)

    async def find_active(self, *, user: str | None = None) -> Thread | None:
        """The thread with the latest activity that is neither archived nor closed, or None."""
        which = ThreadFilter.of(
            self._scope, status="active", user=user, external_id=None, metadata=None
        )
        return await lists.find_active(self._scope, which)

    async def count(
        self,
        *,
        status: StatusFilter = "active",
        user: str | None = None,
        external_id: str | None = None,
        metadata: Mapping[str, Json] | None = None,
        title: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """How many threads match, as in `list`; reads them all."""
        which = ThreadFilter.of(
            self._scope,
            status=status,
            user=user,
            external_id=external_id,
            metadata=metadata,
            title=title,
            since=since,
            until=until,
        )
        return await lists.count(self._scope, which)

    async def previews(self, thread_ids: Iterable[str]) -> dict[str, str]:
        """How the head message of each thread begins, by thread id, in one statement.

        What a person would read of it, on one line, 200 characters at the most; empty where there
        is no message, or its format is unknown here. Unknown threads are left out. InvalidError
        for more than 1000 ids.
        """
        heads = await lists.heads(self._scope, thread_ids)
        return {id_: _beginning(format, payload) for id_, format, payload in heads}

    async def update(
        self,
        thread_id: str,
        *,
        title: str | Unset | None = UNSET,
        status: ThreadStatus | Unset = UNSET,
        metadata: Mapping[str, Json] | Unset = UNSET,
        replace_metadata: Mapping[str, Json] | Unset | None = UNSET,
        external_id: str | Unset | None = UNSET,
        active_at: datetime | Unset = UNSET,
        access: Access | Unset = UNSET,
        access_reason: str | Unset | None = UNSET,
        format: str | Unset | None = UNSET,
        payload: Json | Unset = UNSET,
        expected_revision: int | None = None,
    ) -> Thread:
        """Change what is given; None clears, what is not given stays.

        `metadata` is a JSON merge-patch (RFC 7396), `replace_metadata` takes the place of the old.
        `payload` and `format` are as in `create`, both or neither.
        With `access` locked or closed nobody appends or begins a turn any more but with `force`,
        and a closed thread is not active; all other calls go on. `access_reason` goes with it, and
        another access forgets it.
        NotFoundError for an unknown thread; ConflictError (`revision_moved`) where the thread's
        revision is not `expected_revision`.
        """
        return await self._writing.run(
            core.update(
                self._scope,
                thread_id,
                title=title,
                status=status,
                metadata=metadata,
                replace_metadata=replace_metadata,
                external_id=external_id,
                active_at=active_at,
                access=access,
                access_reason=access_reason,
                format=format,
                payload=payload,
                expected_revision=expected_revision,
            )
        )

    async def archive(self, thread_id: str) -> Thread:
        """Leave the thread out of default lists. NotFoundError if it is unknown."""
        return await self._writing.run(core.update(self._scope, thread_id, status="archived"))

    async def unarchive(self, thread_id: str) -> Thread:
        """Put the thread back into default lists. NotFoundError if it is unknown."""
        return await self._writing.run(core.update(self._scope, thread_id, status="active"))

    async def delete(self, thread_id: str) -> bool:
        """Delete the thread with all in it; False if it is unknown."""
        return await self._writing.run(core.delete(self._scope, thread_id))

    async def fork(
        self,
        thread_id: str,
        new_id: str | None = None,
        *,
        at: str | None = None,
        title: str | Unset | None = UNSET,
    ) -> Thread:
        """Copy the path to the head, or to the message `at`, into a new thread, in one statement.

        Order, message ids, times and turn numbers are kept. NotFoundError for an unknown thread or
        message, ConflictError (`exists`) where `new_id` is taken.
        """
        return await self._writing.run(
            core.fork(self._scope, thread_id, new_id, at=at, title=title)
        )

    async def set_head(self, thread_id: str, message_id: str) -> Thread:
        """Make the message the head as it is, leaf or not. NotFoundError if it is unknown."""
        return await self._writing.run(core.set_head(self._scope, thread_id, message_id))

    async def export(self, thread_id: str) -> str:
        """The thread with all its messages as JSON text, as `threadkeep export` writes one.

        All of it as it is at one moment: the tree with its head, each payload verbatim, and what
        else `import_` needs to make the same again. Its runs, spans, sessions, attachments and
        feedback stay behind. NotFoundError if it is unknown. The whole thread is in memory; the
        command reads one that is too long for that page by page.
        """
        return await transfer.export(self._scope, thread_id)

    async def import_(
        self,
        data: str | bytes | Mapping[str, Json],
        *,
        new_id: str | None = None,
        keep_ids: bool = False,
        user: str | Unset | None = UNSET,
        title: str | Unset | None = UNSET,
    ) -> Imported:
        """Make a thread of what `export` gave, with its whole tree, in one transaction.

        It gets a new id, or `new_id`, or with `keep_ids` its old one; messages keep theirs.
        `user` and `title` take the place of those in `data`. Times, statuses and metadata are
        kept, `seq` counts anew from 1, and a message whose run was under way is interrupted. Of
        text and bytes the payloads are taken verbatim; those of a decoded document are encoded
        anew. InvalidError, before anything is written, names the member that is wrong and its
        rule. ConflictError (`exists`) where the id is taken.
        """
        target = transfer.Target(new_id, keep_ids, user, title)
        return await self._writing.run(transfer.import_(self._scope, self._drafting, data, target))


def _beginning(format: str | None, payload: str | None) -> str:
    """The first characters of what a person would read of an item, on one line."""
    dialect = None if format is None else dialects.find(format)
    if dialect is None or payload is None:
        return ""
    try:
        text = dialect.text(jsontext.decode(payload))
    except InvalidError:
        return ""
    return " ".join(text.split())[:_PREVIEW]
