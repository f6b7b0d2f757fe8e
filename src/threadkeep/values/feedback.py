"""Feedback: what one user thinks of a message."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["positive", "negative"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """A user's word on a message, one at a time; `user_id` is None where no user was named.

    `created_at` is when that user first said something of the message, `updated_at` when it was
    said as it stands. All times are in UTC. `repr` leaves the comment out.
    """

    thread_id: str
    message_id: str
    user_id: str | None
    kind: Kind
    comment: str | None = field(repr=False)
    created_at: datetime
    updated_at: datetime
