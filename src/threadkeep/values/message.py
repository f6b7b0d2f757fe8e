"""Message: one entry of a thread, as typed parts or as the verbatim bytes of any format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from threadkeep.values import jsontext, wire
from threadkeep.values.parts import Json, Part, RawPart, TextPart
from threadkeep.values.quick import maker

Role = Literal["system", "user", "assistant", "tool"]
Status = Literal["complete", "running", "interrupted", "failed", "cancelled"]

FORMAT = "threadkeep"
"""The format of our own typed parts."""

ORIGIN = "origin"
"""The member of such a payload that says what native item the message was loaded from."""

_SAID = ("role", "parts")
_set = object.__setattr__


class _Seen:
    """Room for what was read of a payload, beside the fields of a value."""

    __slots__ = ("_family", "_loaded", "_seen")
    _seen: tuple[tuple[Part, ...], Mapping[str, Json]]
    _family: str | None
    _loaded: str


@dataclass(frozen=True, slots=True)
class Message(_Seen):
    """One message.

    `json` is the payload exactly as it was given, in the format named by `format`. The members from
    `seq` on are set by the store: `seq` is the only order within a thread, `parent_id` the message
    before this one on its path (None for a root), `turn` the number of the turn it belongs to (a
    label given at append), `tokens` the count stored with it, `run` the id of the run that appended
    it. `session` is the id of the session that it was said in; the app gives it, and there need be
    no such session in the store. A message with the status `running` that belongs to a run shows
    how that run stands: it is running as long as the run is, and ends as the run does. All times
    are in UTC. `repr` leaves the content out, so that a traceback or a log does not show it.
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
    session: str | None = None

    @property
    def payload(self) -> Json:
        """The payload decoded, anew at each call; duplicate keys fall together, `json` has them."""
        return jsontext.decode(self.json)

    def shared_payload(self) -> Json:
        """The payload; one that is not written yet shares its values with the message's parts."""
        try:
            text = _TEXT.__get__(self)
        except AttributeError:  # not written yet
            return self._said()
        return jsontext.decode(text)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The typed parts; a payload of another format is one raw part (a dialect reads more)."""
        try:
            return self._seen[0]
        except AttributeError:
            return self._read()[0]

    @property
    def extra(self) -> Mapping[str, Json]:
        """The members of our own format's payload besides role and parts; else none."""
        try:
            return self._seen[1]
        except AttributeError:
            return self._read()[1]

    @property
    def family(self) -> str | None:
        """The dialect that read the message from a native item; None where none did."""
        try:
            return self._family
        except AttributeError:
            origin = self.extra.get(ORIGIN)
            name = origin.get("dialect") if isinstance(origin, dict) else None
            family = name if isinstance(name, str) else None
            _set(self, "_family", family)
            return family

    def _said(self) -> dict[str, Json]:
        parts, extra = self._seen
        return {"role": self.role, "parts": [wire.part_to_json(part) for part in parts], **extra}

    def _read(self) -> tuple[tuple[Part, ...], Mapping[str, Json]]:
        payload = self.payload
        if self.format != FORMAT:
            seen: tuple[tuple[Part, ...], Mapping[str, Json]] = (RawPart(payload),), {}
        else:
            members = payload.items() if isinstance(payload, dict) else ()
            extra = {name: value for name, value in members if name not in _SAID}
            seen = wire.parts_of(payload), extra
        _set(self, "_seen", seen)
        return seen

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
        session: str | None = None,
        extra: Mapping[str, Json] | None = None,
    ) -> Message:
        """A message of typed parts, or of one text; `extra` are further members of the payload."""
        listed: Sequence[Part] = (TextPart(parts),) if isinstance(parts, str) else parts
        payload = {"role": role, "parts": [wire.part_to_json(p) for p in listed], **(extra or {})}
        json = jsontext.encode(payload)
        return cls(role, json, FORMAT, id, created_at, metadata, status, session=session)

    @classmethod
    def read(
        cls,
        role: Role,
        parts: Sequence[Part],
        extra: Mapping[str, Json],
        *,
        id: str | None = None,
        created_at: datetime | None = None,
        family: str | None = None,
    ) -> Message:
        """What `of` makes, of values that were read from JSON: they may hold infinities.

        `family` is given by the dialect that has just read them from the item in `extra`.

        The text is written when it is first asked for; the values must not change until then.
        """
        made = _make(role, "", FORMAT, id, created_at, None, "complete", *_UNSTORED)
        _TEXT.__delete__(made)
        _set(made, "_seen", (tuple(parts), extra))
        if family is not None:
            _set(made, "_family", family)
            _set(made, "_loaded", family)
        return made

    if not TYPE_CHECKING:

        def __getattr__(self, name):  # noqa: ANN001, ANN204
            # Reached where a slot is empty.
            if name != "json":
                raise AttributeError(name)
            text = jsontext.encode(self._said(), overflow=True)
            _set(self, "json", text)
            return text

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


def is_loaded(message: Message) -> bool:
    """Whether a dialect made this very object of a native item: what it says of that is true."""
    return getattr(message, "_loaded", None) is not None


def stamp(message: Message, id: str | None, created_at: datetime | None) -> Message:
    """Give a message, which nobody else has seen yet, what the store knows of it."""
    _set(message, "id", id)
    _set(message, "created_at", created_at)
    return message


_make = maker(Message)
_TEXT: Any = Message.__dict__["json"]
_UNSTORED = (None,) * 7
