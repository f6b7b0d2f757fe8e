"""Transfer: one thread with all its messages, out as a document and in again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from threadkeep.core.append import batch
from threadkeep.core.bulk import chunks
from threadkeep.core.drafts import Draft, Drafting, check_time
from threadkeep.core.rows import COLUMNS, SEQ, messages_of, thread_of
from threadkeep.core.scope import Scope
from threadkeep.core.threads import check_text
from threadkeep.values import document, jsontext
from threadkeep.values.document import Document
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import check_id, check_id_or_none, new_id
from threadkeep.values.imported import Imported
from threadkeep.values.message import Message
from threadkeep.values.ports import Transaction
from threadkeep.values.thread import Thread
from threadkeep.values.unset import UNSET, Unset

_ATTEMPTS = 20


async def export(scope: Scope, thread_id: str) -> str:
    """The document of a thread as it is at one moment; NotFoundError if it is unknown."""
    rows = await scope.on_thread("thread_export", thread_id)
    if not rows:
        raise NotFoundError("thread", thread_id)
    rows = sorted(rows, key=lambda row: row[SEQ] or 0)
    # Behind the columns of a message stands the number of the row.
    thread = thread_of(rows[0][COLUMNS + 1 :])
    messages = messages_of([row for row in rows if row[SEQ] is not None])
    return "".join(document.export_text(thread, messages))


@dataclass(frozen=True, slots=True)
class Target:
    """What an imported thread becomes, where the document does not say it.

    It has the id `new`, or with `keep_ids` that of the document, else a new one.
    """

    new: str | None = None
    keep_ids: bool = False
    user: str | Unset | None = UNSET
    title: str | Unset | None = UNSET

    def id_of(self, said: Document) -> str:
        """The id that the thread gets; InvalidError for what goes against each other."""
        if not isinstance(self.keep_ids, bool):
            raise InvalidError("keep_ids", "must be a bool")
        if self.keep_ids and self.new is not None:
            raise InvalidError("new_id", "must not be given together with keep_ids")
        if self.keep_ids:
            return said.thread.id
        return new_id() if self.new is None else check_id("new_id", self.new)

    def user_of(self, scope: Scope, said: Document) -> str | None:
        """Whose thread it becomes. A handle of one user makes threads of that user."""
        if self.user is UNSET:
            return scope.user_id or said.thread.user_id
        check_id_or_none("user", self.user)
        if scope.user_id is not None and self.user != scope.user_id:
            raise InvalidError("user", "must be the user of this handle, or left out")
        return self.user

    def title_of(self, said: Document) -> str | None:
        """Its title."""
        if self.title is UNSET:
            return check_text("data.thread.title", said.thread.title)
        return check_text("title", self.title)


async def import_(scope: Scope, drafting: Drafting, data: object, target: Target) -> Imported:
    """Make a thread of a document, whole or not at all.

    InvalidError before any I/O for what is no document; ConflictError (`exists`) where the id that
    it shall have is taken.
    """
    said = document.read(data)
    tree = _Tree.of(said, [_draft(drafting, m, n) for n, m in enumerate(said.messages)])
    id_ = target.id_of(said)
    columns = (
        target.user_of(scope, said),
        target.title_of(said),
        *_columns(said.thread),
        *tree.head,
    )

    async def change(tx: Transaction) -> Thread | None:
        rows = await tx.fetch(scope.sql["thread_import"], scope.key, scope.owner_id, id_, *columns)
        if not rows:
            return None
        key, tx.xid = rows[0]
        seq = 0
        for [(_, drafts)] in chunks({id_: tree.drafts}):
            texts, places = batch(drafts)[:2], tree.places[seq : seq + len(drafts)]
            listed = orjson.dumps(places).decode()
            await tx.fetch(scope.sql["messages_import"], scope.key, key, seq, *texts, listed)
            seq += len(drafts)
        return thread_of((await scope.on_thread("thread_get", id_, over=tx))[0])

    for _ in range(_ATTEMPTS):
        thread = await scope.atomically(change)
        if thread is not None:
            return Imported(thread, {said.thread.id: thread.id})
        if await scope.on_thread("thread_get", id_):
            raise ConflictError("exists", f"thread {id_!r} exists", id=id_)
        if scope.user_id is not None:
            break
    raise NotFoundError("thread", id_)


@dataclass(frozen=True, slots=True)
class _Tree:
    """The messages of a document with their new places: seq from 1, in the order they stand in."""

    drafts: Sequence[Draft]
    places: Sequence[dict[str, Any]]
    head: tuple[int, int | None, int | None, int]
    """How many messages there are; seq, anchor and turn of the head."""

    @classmethod
    def of(cls, said: Document, drafts: Sequence[Draft]) -> _Tree:
        seqs: dict[str | None, int] = {}
        places: list[dict[str, Any]] = []
        for seq, message in enumerate(said.messages, 1):
            parent = seqs.get(message.parent_id)
            # A stretch goes on where a row is the child of the row before.
            on = parent is not None and parent == seq - 1
            anchor = places[-1]["anchor"] if on else seq
            places.append({"parent": parent, "anchor": anchor, "turn": message.turn})
            seqs[message.id] = seq
        head = seqs.get(said.thread.head)
        anchor = None if head is None else places[head - 1]["anchor"]
        return cls(drafts, places, (len(places), head, anchor, said.thread.turns))


def _draft(drafting: Drafting, message: Message, place: int) -> Draft:
    try:
        return drafting.message(document.copied(message), created_at=None)
    except InvalidError as error:
        raise InvalidError(f"data.messages[{place}].{error.field}", error.rule) from None


def _columns(thread: Thread) -> tuple[object, ...]:
    """What the document says of the thread, as the statement takes it."""
    reason = check_text("data.thread.access_reason", thread.access_reason)
    if reason is not None and thread.access == "open":
        raise InvalidError("data.thread.access_reason", "goes with locked and closed")
    return (
        thread.status,
        None if thread.access == "open" else thread.access,
        reason,
        jsontext.check_metadata(thread.metadata, "data.thread.metadata"),
        thread.external_id,
        check_time("data.thread.created_at", thread.created_at),
        check_time("data.thread.active_at", thread.active_at),
        thread.revision,
        thread.format,
        None if thread.json is None else jsontext.verify(thread.json, field="data.thread.payload"),
    )
