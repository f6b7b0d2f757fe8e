"""Rows to values. The order of the columns is that of the fragments in the .sql files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from threadkeep.values import jsontext
from threadkeep.values.message import Message
from threadkeep.values.ports import Row
from threadkeep.values.quick import maker
from threadkeep.values.thread import Thread

SEQ, PARENT_SEQ, PARENT_ID, TURN, TOKENS, MESSAGE_ID = range(6)
COLUMNS = 15

# The columns of `thread_columns` are the fields of Thread.
_METADATA, _UPDATED_AT = 5, 12

_thread = maker(Thread)
_message = maker(Message)


def thread_of(row: Row) -> Thread:
    """A Thread from a row of `thread_columns`."""
    values = with_metadata(row, _METADATA)
    if values[_UPDATED_AT] is None:
        values[_UPDATED_AT] = values[_UPDATED_AT + 1]
    return _thread(*values)


def split_head(rows: Sequence[Row]) -> tuple[list[Row], str | None]:
    """The rows of messages, and the id of the head that stands behind the columns of one of them.

    A row without a seq is there for the head only.
    """
    head = next((row[COLUMNS] for row in rows if row[COLUMNS] is not None), None)
    return [row for row in rows if row[SEQ] is not None], head


def messages_of(rows: Sequence[Row]) -> list[Message]:
    """Messages from rows of `message_columns`, in the order of the rows.

    A row has its parent's id only where its parent need not be among the rows.
    """
    ids = {row[SEQ]: row[MESSAGE_ID] for row in rows}
    return [message_of(row, ids) for row in rows]


def message_of(row: Row, ids: Mapping[int, str]) -> Message:
    """A Message from a row of `message_columns`, given the ids of the messages by seq."""
    parent_id = row[PARENT_ID]
    if parent_id is None:
        parent_id = ids.get(row[PARENT_SEQ])
    return chain_of([row], parent_id)[0]


def chain_of(rows: Sequence[Row], parent_id: str | None) -> list[Message]:
    """Messages from rows that begin with `message_columns`, each the parent of the next."""
    chain = []
    for row in rows:
        (
            seq,
            _,
            _,
            turn,
            tokens,
            id_,
            role,
            status,
            format_,
            created_at,
            updated_at,
            metadata,
            payload,
            run,
            session,
        ) = row[:COLUMNS]
        found = _message(
            role,
            payload,
            format_,
            id_,
            created_at,
            metadata if metadata is None else metadata_of(metadata),
            status,
            seq,
            parent_id,
            turn,
            tokens,
            created_at if updated_at is None else updated_at,
            run,
            session,
        )
        chain.append(found)
        parent_id = id_
    return chain


def with_metadata(row: Row, at: int) -> list[Any]:
    """The values of a row, of which the one at this place is metadata."""
    values = list(row)
    values[at] = metadata_of(values[at])
    return values


def metadata_of(text: str | None) -> Mapping[str, Any] | None:
    """Metadata from its JSON text."""
    return None if text is None else jsontext.decode(text)
