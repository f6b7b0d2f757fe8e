"""Attachment: what is known of a file. Its bytes stand elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from threadkeep.values.parts import Json


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that belongs to an owner, to a user where one is named, and to a thread or none.

    `size` is in bytes, None where it is not known. `stored_at` is when the bytes were put where
    they stand, None while they are only announced. `json` is the verbatim object of the format
    named by `format`, where one was given. All times are in UTC. `repr` leaves the content out.
    """

    id: str
    owner_id: str
    user_id: str | None
    thread_id: str | None
    name: str = field(repr=False)
    media_type: str
    size: int | None
    metadata: Mapping[str, Json] | None = field(repr=False)
    created_at: datetime
    updated_at: datetime
    stored_at: datetime | None
    format: str | None = None
    json: str | None = field(default=None, repr=False)
