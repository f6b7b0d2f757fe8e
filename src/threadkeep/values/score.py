"""Score: a judgement with a name, of a thread, a message or a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

ScoreType = Literal["numeric", "categorical", "boolean"]


@dataclass(frozen=True, slots=True)
class Score:
    """What a person or a program found.

    `value` is a number, for a boolean score 1.0 or 0.0, and None for a categorical one; that has
    a `text_value` instead. `message_id` and `run` are any ids. `thread_id` is None where the score
    belongs to no thread. All times are in UTC. `repr` leaves `text_value` and `comment` out.
    """

    id: str
    name: str
    type: ScoreType
    value: float | None
    text_value: str | None = field(repr=False)
    comment: str | None = field(repr=False)
    thread_id: str | None
    message_id: str | None
    run: str | None
    user_id: str | None
    created_at: datetime
