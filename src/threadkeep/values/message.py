"""Message: one entry of a thread, as typed parts or as the verbatim bytes of any format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from threadkeep.values import jsontext, wire
from threadkeep.values.parts import Json, Part, RawPart, TextPart

Role = Literal["system", "user", "assistant", "tool"]
Status = Literal["complete", "running", "interrupted", "failed", "cancelled"]

FORMAT = "threadkeep"
"""The format of our own typed parts."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    `json` is the payload exactly as it was given, in the format named by `format`. The members
    from `seq` on are set by the store: `seq` is the only order within a thread, `parent_id` the
    message before this one on its path (None for a root), `turn` the number of the turn it
    belongs to (a label given at append), `tokens` the count stored with it, `run` the id of the run
    that appended it. A message with the status `running` that belongs to a run shows how that run
    stands: it is running as long as the run is, and ends as the run does. All times are in UTC.
    `repr` leaves the content out, so that a traceback or a log does not show it.
    """

    role: Role
    json: str = field(repr=False)
    format: str = FORMAT
    id: str | None = None
    created_at: datetime | None = None
    metadata: Mapping[str, Json] | None = field(default=None, repr=False)
    status: Status = "complete"
    seq: int | None = None
    parent_id: str | None = None
    turn: int | None = None
    tokens: int | None = None
    updated_at: datetime | None = field(default=None, compare=False)
    run: str | None = None

    @property
    def payload(self) -> Json:
        """The payload decoded, anew at each call; duplicate keys fall together, `json` has them."""
        return jsontext.decode(self.json)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The typed parts; a payload of another format is one raw part (a dialect reads more)."""
        if self.format != FORMAT:
            return (RawPart(self.payload),)
        return wire.parts_of(self.payload)

    @property
    def text(self) -> str:
        """The text parts, joined by blank lines."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, TextPart))

    @classmethod
    def of(
        cls,
        role: Role,
        parts: str | Sequence[Part],
        *,
        id: str | None = None,
        created_at: datetime | None = None,
        metadata: Mapping[str, Json] | None = None,
        status: Status = "complete",
        extra: Mapping[str, Json] | None = None,
    ) -> Message:
        """A message of typed parts, or of one text; `extra` are further members of the payload."""
        listed: Sequence[Part] = (TextPart(parts),) if isinstance(parts, str) else parts
        payload = {"role": role, "parts": [wire.part_to_json(p) for p in listed], **(extra or {})}
        return cls(role, jsontext.encode(payload), FORMAT, id, created_at, metadata, status)

    @classmethod
    def user(cls, parts: str | Sequence[Part], *, id: str | None = None) -> Message:
        """A user's message; `Message.of` takes the rest."""
        return cls.of("user", parts, id=id)

    @classmethod
    def assistant(cls, parts: str | Sequence[Part], *, id: str | None = None) -> Message:
        """A model's message; `Message.of` takes the rest."""
        return cls.of("assistant", parts, id=id)

    @classmethod
    def system(cls, parts: str | Sequence[Part], *, id: str | None = None) -> Message:
        """A system message; `Message.of` takes the rest."""
        return cls.of("system", parts, id=id)

    @classmethod
    def tool(cls, parts: Sequence[Part], *, id: str | None = None) -> Message:
        """Tool results; `Message.of` takes the rest."""
        return cls.of("tool", parts, id=id)
