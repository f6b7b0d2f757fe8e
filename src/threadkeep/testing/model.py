"""The store as plain Python: one owner's threads as dicts and lists, and what each call does.

This is the readable statement of the state machine (DESIGN 3), and what the stateful tests hold
a store against. It is slow on purpose: paths are walked from child to parent, and nothing is kept
that can be found by looking. It knows no times: `active` counts the appends instead.

- `model_rows`     a thread and its messages
- `model_threads`  the calls of `owner.threads`
- `model`          the calls of `owner.messages`
- `model_windows`  which tail of a path a window is
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from threadkeep.testing import model_windows
from threadkeep.testing.model_rows import Metadata, Row, ThreadRow
from threadkeep.testing.model_threads import ModelThreads, merged
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.unset import UNSET, Unset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadkeep.values.message import Message


class Model(ModelThreads):
    """An owner's handle. With a `user` only that user's threads are known."""

    def append(
        self,
        thread_id: str,
        batch: Sequence[Message],
        *,
        parent: str | Unset | None = UNSET,
        expected_head: str | Unset | None = UNSET,
        on_conflict: str = "error",
        create_thread: bool = True,
        force: bool = False,
    ) -> list[Row]:
        ids = [message.id for message in batch]
        if not batch or len(set(ids)) < len(ids):
            raise InvalidError("items", "must not be empty and must not repeat an id")
        if parent is not UNSET and expected_head is not UNSET:
            raise InvalidError("parent", "must not be given together with expected_head")
        place = parent if expected_head is UNSET else expected_head
        thread = self.find(thread_id)
        if thread is None:
            if isinstance(place, str) or not create_thread:
                raise NotFoundError("thread", thread_id)
            return self._store(self._make(thread_id), batch, None)
        stored = self._replayed(thread, batch)
        if len(stored) == len(batch):
            return stored
        if thread.access != "open" and not force:
            raise ConflictError("thread_locked", "nobody may write", id=thread_id)
        if stored:
            if place is UNSET and stored[-1].seq != thread.head:
                raise _head_moved(thread)
            under: int | None = stored[-1].seq
        else:
            moved = expected_head not in (UNSET, thread.name(thread.head))
            if moved and on_conflict == "error":
                raise _head_moved(thread)
            under = _place(thread, place)
        return stored + self._store(thread, batch[len(stored) :], under)

    def _replayed(self, thread: ThreadRow, batch: Sequence[Message]) -> list[Row]:
        """What is stored of a batch: nothing, or its beginning, as one chain of equal content."""
        known = [thread.named(message.id or "") for message in batch]
        for message, row in zip(batch, known, strict=True):
            if row and (row.message.format, row.message.json) != (message.format, message.json):
                raise ConflictError("message_differs", "stored with other content", id=message.id)
        stored = [row for row in known if row]
        in_front = known[: len(stored)] == stored
        if not in_front or any(after.parent != row.seq for row, after in pairwise(stored)):
            raise ConflictError("message_order", "stored in another order")
        return stored

    def _store(self, thread: ThreadRow, batch: Sequence[Message], under: int | None) -> list[Row]:
        made = []
        for message in batch:
            row = Row(message.id or "", thread.next_seq, under, 0, message, 0)
            row = replace(row, tokens=self.tokens(message.json))
            turn = (0 if under is None else thread.rows[under].turn) + row.starts
            thread.rows[row.seq] = replace(row, turn=turn)
            made.append(thread.rows[row.seq])
            thread.head = under = row.seq
            thread.next_seq += 1
            thread.active = next(self.clock)
        return made

    def update(
        self,
        thread_id: str,
        message_id: str,
        item: Message | None = None,
        *,
        parent: str | Unset | None = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        replace_metadata: Metadata | Unset | None = UNSET,
        **fields: Any,
    ) -> Row:
        """Rewrite a message in its place; one that is unknown is appended, if there is an item."""
        thread = self.get(thread_id)
        row = thread.named(message_id)
        # The item brings its status, and its metadata where it has some; created_at stays.
        old = row.message.metadata if row else None
        if item is not None and item.metadata is not None:
            old = item.metadata
        if metadata is not UNSET:
            old = merged(old, metadata)
        elif replace_metadata is not UNSET:
            old = replace_metadata
        fields["metadata"] = old
        if row is None:
            if item is None:
                raise NotFoundError("message", message_id)
            new = replace(item, id=message_id, **fields)
            return self.append(thread_id, [new], parent=parent, force=True)[0]
        message = row.message
        if item is not None:
            message = replace(item, id=message_id, session=message.session)
        changed = replace(row, message=replace(message, **fields), tokens=self.tokens(message.json))
        if changed.message.role != row.message.role:
            raise ConflictError("role_fixed", "the role stays", id=message_id)
        if changed.starts != row.starts:
            raise ConflictError("starts_fixed", "it starts a turn or does not", id=message_id)
        thread.rows[row.seq] = changed
        return changed

    def delete(self, thread_id: str, message_id: str) -> bool:
        """The children go to the grandparent, and so does the head."""
        thread = self.find(thread_id)
        row = thread.named(message_id) if thread else None
        if thread is None or row is None:
            return False
        for child in thread.children(row.seq):
            thread.rows[child.seq] = replace(child, parent=row.parent)
        if thread.head == row.seq:
            thread.head = row.parent
        del thread.rows[row.seq]
        return True

    def truncate(self, thread_id: str, message_id: str) -> int:
        """A message and all below it go; a head among them moves to the parent."""
        thread = self.find(thread_id)
        row = thread.named(message_id) if thread else None
        if thread is None or row is None:
            return 0
        gone = [below for below in thread.rows.values() if row in thread.path(below.seq)]
        if thread.head in [below.seq for below in gone]:
            thread.head = row.parent
        for below in gone:
            del thread.rows[below.seq]
        return len(gone)

    def pop_last(self, thread_id: str) -> Row | None:
        thread = self.find(thread_id)
        if thread is None or thread.head is None:
            return None
        row = thread.rows[thread.head]
        if thread.children(row.seq):
            raise ConflictError("has_children", "the head has children", id=row.id, head=row.id)
        self.delete(thread_id, row.id)
        return row

    def replace_all(self, thread_id: str, batch: Sequence[Message]) -> list[Row]:
        """All messages go and the batch comes; seq goes on."""
        if len({message.id for message in batch}) < len(batch):
            raise InvalidError("items", "must not repeat an id")
        thread = self.find(thread_id) or self._make(thread_id)
        thread.rows, thread.head = {}, None
        return self._store(thread, batch, None)

    # Reading messages

    def siblings(self, thread_id: str, message_id: str) -> list[Row]:
        thread = self.get(thread_id)
        return thread.children(thread.must(message_id).parent)

    def list(
        self,
        thread_id: str,
        *,
        tree: bool = False,
        leaf: str | None = None,
        order: str = "asc",
        since: int = 0,
        last: int | None = None,
    ) -> list[Row]:
        """Along the path to the leaf or the head, or all rows by seq."""
        thread = self.find(thread_id)
        if thread is None:
            if leaf is not None:
                raise NotFoundError("message", leaf)
            return []
        path = thread.path(thread.must(leaf).seq if leaf is not None else thread.head)
        rows = [row for row in (thread.rows.values() if tree else path) if row.seq > since]
        rows = rows if last is None else rows[-last:]
        return rows if order == "asc" else rows[::-1]

    def count(self, thread_id: str, *, tree: bool = False, leaf: str | None = None) -> int:
        return len(self.list(thread_id, tree=tree, leaf=leaf))

    def window(
        self, thread_id: str, *, leaf: str | None = None, **wanted: Any
    ) -> model_windows.ModelWindow:
        nothing = 0 in (wanted.get("turns"), wanted.get("messages"))
        path = [] if nothing else self.list(thread_id, leaf=leaf)
        return model_windows.window(path, ceiling=self.ceiling, **wanted)


def _place(thread: ThreadRow, place: str | Unset | None) -> int | None:
    """The seq of the message that a batch goes under."""
    if place is UNSET:
        return thread.head
    return None if place is None else thread.must(place).seq


def _head_moved(thread: ThreadRow) -> ConflictError:
    return ConflictError("head_moved", "the head is another one", head=thread.name(thread.head))
