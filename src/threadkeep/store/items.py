"""What apps hand in, as drafts: Messages, or native items of a dialect."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from threadkeep import dialects
from threadkeep.core.drafts import Draft, Drafting, check_batch, check_time
from threadkeep.dialects import healing
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message
from threadkeep.values.parts import Json

Items = Message | Json | Sequence[Message] | Sequence[Json]


def check_reading(dialect: str | None, *, strict: bool = False, heal: str | None = None) -> None:
    """Raise InvalidError for an unknown dialect or policy, or for what goes with a dialect only."""
    healing.check_policy(heal)
    if dialect is not None:
        dialects.get(dialect)
    elif heal is not None:
        raise InvalidError("heal", "goes with dialect")
    elif strict:
        raise InvalidError("strict", "goes with dialect")


def drafts_of(
    drafting: Drafting,
    items: Items,
    dialect: str | None,
    created_at: datetime | None,
    *,
    id: str | None = None,
    session: str | None = None,
) -> list[Draft]:
    """One draft for each item; InvalidError where one cannot be stored."""
    check_time("created_at", created_at)
    if session is not None:
        check_id("session", session)
    writer = None if dialect is None else dialects.get(dialect)
    listed = list(items) if isinstance(items, list | tuple) else [items]
    if writer is None:
        return [
            drafting.message(item, created_at=created_at, id=id, session=session) for item in listed
        ]
    return [
        drafting.native(item, writer, created_at=created_at, id=id, session=session)
        for item in listed
    ]


def batch_of(
    drafting: Drafting,
    items: Items,
    dialect: str | None,
    created_at: datetime | None,
    *,
    session: str | None = None,
) -> Sequence[Draft]:
    """The drafts of a batch to append: at least one, no id twice."""
    return check_batch(drafts_of(drafting, items, dialect, created_at, session=session))


def draft_as(
    drafting: Drafting, message_id: str, item: Message | Json, dialect: str | None
) -> Draft:
    """The draft of one item under the id that it shall have."""
    if isinstance(item, list | tuple):
        raise InvalidError("item", "must be one message")
    return drafts_of(drafting, item, dialect, None, id=message_id)[0]
