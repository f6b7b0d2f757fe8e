"""Event: what a person did in a front end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from threadkeep.values.parts import Json


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done: a branch switched, a message copied.

    `kind` is any word of the app, of 1 to 64 characters. `message_id` and `run` are any ids,
    `value` a whole number of at least 0, `props` a JSON object of at most 1 KiB. What the store
    hands out has an `id` and a `created_at`; `thread_id` is None there where the event belongs to
    no thread. All times are in UTC. `repr` leaves the props out.
    """

    kind: str
    thread_id: str | None = None
    message_id: str | None = None
    run: str | None = None
    value: int | None = None
    props: Mapping[str, Json] | None = field(default=None, repr=False)
    id: str | None = None
    user_id: str | None = None
    created_at: datetime | None = None
