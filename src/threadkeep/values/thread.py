"""Thread: one conversation as the store knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from threadkeep.values.parts import Json

ThreadStatus = Literal["active", "archived"]
Access = Literal["open", "locked", "closed"]


@dataclass(frozen=True, slots=True)
class Thread:
    """One conversation.

    `head` is the id of the message the thread shows last, None when it has none. `active_at` is
    the last append and orders lists; `updated_at` moves with any change. `revision` counts
    updates of the thread itself, not appends. `json` is the verbatim thread object of the format
    named by `format`, where one was given. A thread whose `access` is locked or closed takes no
    messages; `access_reason` is what the app said about that. All times are in UTC. `repr` leaves
    the content out.
    """

    id: str
    owner_id: str
    user_id: str | None
    title: str | None = field(repr=False)
    status: ThreadStatus
    metadata: Mapping[str, Json] | None = field(repr=False)
    external_id: str | None
    head: str | None
    turns: int
    message_count: int
    revision: int
    created_at: datetime
    updated_at: datetime
    active_at: datetime
    format: str | None = None
    json: str | None = field(default=None, repr=False)
    access: Access = "open"
    access_reason: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class OwnerSummary:
    """One owner that has threads: how many, and when the last of them was active, in UTC."""

    id: str
    threads: int
    active_at: datetime
