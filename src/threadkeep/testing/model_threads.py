"""Threads in plain Python: what an owner's handle does with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Self

from threadkeep.testing.model_rows import Metadata, ThreadRow
from threadkeep.values.errors import ConflictError, NotFoundError
from threadkeep.values.unset import UNSET, Unset


class ModelThreads:
    """The threads of an owner. With a `user` only that user's are known."""

    def __init__(
        self, tokens: Callable[[str], int], *, user: str | None = None, ceiling: int = 1000
    ) -> None:
        self.tokens = tokens
        self.user = user
        self.ceiling = ceiling
        self.threads: dict[str, ThreadRow] = {}
        self.clock = count(1)

    def as_user(self, user: str | None) -> Self:
        """The same threads through the handle of another user."""
        other = type(self)(self.tokens, user=user, ceiling=self.ceiling)
        other.threads, other.clock = self.threads, self.clock
        return other

    def find(self, thread_id: str) -> ThreadRow | None:
        thread = self.threads.get(thread_id)
        return thread if thread and self.user in (None, thread.user) else None

    def get(self, thread_id: str) -> ThreadRow:
        thread = self.find(thread_id)
        if thread is None:
            raise NotFoundError("thread", thread_id)
        return thread

    def _make(self, thread_id: str) -> ThreadRow:
        """A new thread under a free id; an id that another user holds is unknown."""
        if thread_id in self.threads:
            raise NotFoundError("thread", thread_id)
        tick = next(self.clock)
        thread = self.threads[thread_id] = ThreadRow(thread_id, self.user, tick, tick)
        return thread

    def create(self, thread_id: str, *, exist_ok: bool = False, **fields: Any) -> ThreadRow:
        known = self.find(thread_id)
        if known and not exist_ok:
            raise ConflictError("exists", "the id is taken", id=thread_id)
        if known:
            return known
        thread = self._make(thread_id)
        for name, value in fields.items():
            setattr(thread, name, value)
        return thread

    def update_thread(
        self,
        thread_id: str,
        *,
        expected_revision: int | None = None,
        metadata: Metadata | Unset | None = UNSET,
        replace_metadata: Metadata | Unset | None = UNSET,
        **fields: Any,
    ) -> ThreadRow:
        thread = self.get(thread_id)
        if expected_revision not in (None, thread.revision):
            raise ConflictError("revision_moved", "the thread was updated", id=thread_id)
        if metadata is not UNSET:
            thread.metadata = merged(thread.metadata, metadata)
        if replace_metadata is not UNSET:
            thread.metadata = replace_metadata
        if fields.get("access", UNSET) is not UNSET:
            thread.access_reason = None
        for name, value in fields.items():
            setattr(thread, name, value)
        thread.revision += 1
        return thread

    def delete_thread(self, thread_id: str) -> bool:
        return self.find(thread_id) is not None and bool(self.threads.pop(thread_id))

    def set_head(self, thread_id: str, message_id: str) -> ThreadRow:
        thread = self.get(thread_id)
        thread.head = thread.must(message_id).seq
        thread.revision += 1
        return thread

    def fork(
        self, thread_id: str, new_id: str, *, at: str | None = None, **title: Any
    ) -> ThreadRow:
        """Copy the path to `at`: seq anew, parents along it; ids, turns and contents kept."""
        source = self.get(thread_id)
        path = source.path(source.must(at).seq if at is not None else source.head)
        if self.find(new_id):
            raise ConflictError("exists", "the id is taken", id=new_id)
        fork = self._make(new_id)
        fork.user = self.user or source.user
        fork.title, fork.metadata = title.get("title", source.title), source.metadata
        for seq, row in enumerate(path, start=1):
            fork.rows[seq] = replace(row, seq=seq, parent=seq - 1 or None)
        fork.head, fork.next_seq = len(path) or None, len(path) + 1
        return fork

    def list_threads(
        self,
        *,
        status: str = "active",
        user: str | None = None,
        external_id: str | None = None,
        metadata: Metadata | None = None,
        order: str = "desc",
    ) -> list[ThreadRow]:
        found = [
            thread
            for thread in self.threads.values()
            if self.find(thread.id)
            and status in ("all", thread.status)
            and user in (None, thread.user)
            and external_id in (None, thread.external_id)
            and (metadata is None or contains(thread.metadata, metadata))
        ]
        return sorted(found, key=lambda t: (t.active, t.number), reverse=order == "desc")


def merged(old: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396)."""
    if not isinstance(patch, Mapping):
        return patch
    target = dict(old) if isinstance(old, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merged(target.get(name), value)
    return target


def contains(whole: Any, piece: Any) -> bool:
    """Whether jsonb containment holds: objects by members, arrays by elements."""
    if isinstance(piece, Mapping):
        return isinstance(whole, Mapping) and all(
            name in whole and contains(whole[name], value) for name, value in piece.items()
        )
    if isinstance(piece, list):
        return isinstance(whole, list) and all(
            any(contains(one, wanted) for one in whole) for wanted in piece
        )
    return type(whole) is type(piece) and bool(whole == piece)
