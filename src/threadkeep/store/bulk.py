"""Many messages at once: of many threads, or of a kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, overload

from threadkeep.core import bulk
from threadkeep.core.bulk import Choice, How
from threadkeep.core.drafts import Draft, Drafting, check_batch
from threadkeep.core.scope import Scope
from threadkeep.store.items import Items, drafts_of
from threadkeep.store.writing import Writing
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import Json

Batches = Mapping[str, Items] | Iterable[tuple[str, Items]]
"""The messages of many threads, by thread id. In pairs an id may come again: its items follow."""


@dataclass(frozen=True, slots=True)
class BulkMessages:
    """The calls of `Messages` that are about many at once."""

    _scope: Scope
    _drafting: Drafting
    _writing: Writing

    @overload
    async def append_many(
        self,
        batches: Batches,
        *,
        dialect: str | None = ...,
        force: bool = ...,
        count_only: Literal[False] = ...,
    ) -> dict[str, list[Message]]: ...
    @overload
    async def append_many(
        self,
        batches: Batches,
        *,
        dialect: str | None = ...,
        force: bool = ...,
        count_only: Literal[True],
    ) -> int: ...
    async def append_many(
        self,
        batches: Batches,
        *,
        dialect: str | None = None,
        force: bool = False,
        count_only: bool = False,
    ) -> dict[str, list[Message]] | int:
        """Store messages of many threads, in one transaction: all of them or none.

        Each thread's messages go under its head, in order, as by `append`: a thread that is absent
        is made, what is stored already is returned and not stored again. So a call that may or may
        not have been carried out can be made again. The answer has each thread's messages as they
        are stored, or with `count_only` their number, which spares memory for them. No batches are
        no call. ConflictError and NotFoundError as `append`; they name the thread or the message,
        and nothing was written.
        """
        for name, flag in (("force", force), ("count_only", count_only)):
            if not isinstance(flag, bool):
                raise InvalidError(name, "must be a bool")
        drafts = _drafts(self._drafting, batches, dialect)
        number = sum(map(len, drafts.values()))
        found: dict[str, list[Message]] = {}
        if number:
            how = How(force=force, told=not count_only)
            found = await self._writing.run(bulk.append_many(self._scope, drafts, how))
        if count_only:
            return number
        return {thread_id: found.get(thread_id, []) for thread_id in drafts}

    async def delete_many(
        self,
        thread_ids: str | Iterable[str],
        *,
        older_than: datetime | None = None,
        roles: Sequence[Role] | None = None,
        metadata: Mapping[str, Json] | None = None,
        dry_run: bool = False,
    ) -> int:
        """Remove the messages of one thread or of many that match all of it; how many those are.

        Created before `older_than`, one of the `roles`, `metadata` contained in theirs; without any
        of these all messages go, and the thread stays. The children of a message go to the nearest
        one above that stays, and the head moves there: as if each were deleted by itself. Each
        thread is a transaction of its own, one after the other. An unknown thread has none.
        With `dry_run` they are counted, and nothing is written.
        """
        if not isinstance(dry_run, bool):
            raise InvalidError("dry_run", "must be a bool")
        choice = Choice.of(older_than=older_than, roles=roles, metadata=metadata)
        listed = [thread_ids] if isinstance(thread_ids, str) else list(thread_ids)
        removed = 0
        for thread_id in dict.fromkeys(check_id("thread_ids", one) for one in listed):
            if dry_run:
                removed += await bulk.count_chosen(self._scope, thread_id, choice)
            else:
                work = bulk.delete_chosen(self._scope, thread_id, choice)
                removed += await self._writing.run(work)
        return removed


def _drafts(drafting: Drafting, batches: Batches, dialect: str | None) -> dict[str, list[Draft]]:
    """The drafts of each thread, in the order given; no id twice in one."""
    pairs = batches.items() if isinstance(batches, Mapping) else batches
    found: dict[str, list[Draft]] = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise InvalidError("batches", "must be pairs of a thread id and its items")
        thread_id, items = pair
        drafts = drafts_of(drafting, items, dialect, None)
        found.setdefault(check_id("thread_id", thread_id), []).extend(drafts)
    for drafts in filter(None, found.values()):
        check_batch(drafts)
    return found
