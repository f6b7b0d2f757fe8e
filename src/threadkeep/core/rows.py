"""Rows to values. The order of the columns is that of the fragments in the .sql files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from threadkeep.values import jsontext
from threadkeep.values.message import Message
from threadkeep.values.ports import Row
from threadkeep.values.thread import Thread

SEQ, PARENT_SEQ, MESSAGE_ID = 0, 1, 5


def thread_of(row: Row) -> Thread:
    """A Thread from a row of `thread_columns`."""
    (
        id_,
        owner_id,
        user_id,
        title,
        status,
        metadata,
        external_id,
        head,
        turns,
        message_count,
        revision,
        created_at,
        updated_at,
        active_at,
        format_,
        payload,
    ) = row
    return Thread(
        id=id_,
        owner_id=owner_id,
        user_id=user_id,
        title=title,
        status=status,
        metadata=metadata_of(metadata),
        external_id=external_id,
        head=head,
        turns=turns,
        message_count=message_count,
        revision=revision,
        created_at=created_at,
        updated_at=updated_at,
        active_at=active_at,
        format=format_,
        json=payload,
    )


def messages_of(rows: Sequence[Row]) -> list[Message]:
    """Messages from rows of `message_columns`, in the order of the rows.

    A row has its parent's id only where its parent need not be among the rows.
    """
    ids = {row[SEQ]: row[MESSAGE_ID] for row in rows}
    return [message_of(row, ids) for row in rows]


def message_of(row: Row, ids: Mapping[int, str]) -> Message:
    """A Message from a row of `message_columns`, given the ids of the messages by seq."""
    seq, parent_seq, parent_id, turn, tokens, id_, role, status, format_ = row[:9]
    created_at, updated_at, metadata, payload, run = row[9:14]
    return Message(
        role,
        payload,
        format_,
        id_,
        created_at,
        metadata_of(metadata),
        status,
        seq,
        parent_id if parent_id is not None else ids.get(parent_seq),
        turn,
        tokens,
        updated_at,
        run,
    )


def metadata_of(text: str | None) -> Mapping[str, Any] | None:
    """Metadata from its JSON text."""
    return None if text is None else jsontext.decode(text)
