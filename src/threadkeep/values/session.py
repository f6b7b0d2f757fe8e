"""Session: one run of an agent's SDK in a thread, or one visit of a user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from threadkeep.values import jsontext
from threadkeep.values.parts import Json


@dataclass(frozen=True, slots=True)
class Session:
    """A session with the state that its SDK or app keeps in it.

    `state_json` is that state exactly as it was given, None where there is none. `sdk_version` says
    who wrote it. `archived_at` is when it was archived first; a session past `expires_at` is
    unknown. All times are in UTC. `repr` leaves the content out.
    """

    id: str
    thread_id: str | None
    user_id: str | None
    sdk_version: str | None
    state_json: str | None = field(repr=False)
    metadata: Mapping[str, Json] | None = field(repr=False)
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    expires_at: datetime | None

    @property
    def archived(self) -> bool:
        """Whether it is archived."""
        return self.archived_at is not None

    @property
    def state(self) -> Json:
        """The state decoded, anew at each call; duplicate keys fall together."""
        return None if self.state_json is None else jsontext.decode(self.state_json)
