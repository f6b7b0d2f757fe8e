"""Drafts: what is about to be stored, checked before any I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeVar, get_args

from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id, new_id
from threadkeep.values.message import Message, Role, Status
from threadkeep.values.parts import Json
from threadkeep.values.ports import Dialect, TokenCounter, Traits
from threadkeep.values.quick import maker

_STATUSES: tuple[str, ...] = get_args(Status)
_ROLES: tuple[str, ...] = get_args(Role)
_MAX_TOKENS = 2**31 - 1
_MAX_LINK = 64
_SEVERAL = 1000

T = TypeVar("T")

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""The two ends of time, which no stored time is."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One message as its row will hold it; `metadata` is JSON text, links are short and clean."""

    id: str
    role: Role
    status: Status
    format: str
    json: str
    created_at: datetime | None
    starts: bool
    cut: bool
    tokens: int
    metadata: Mapping[str, Json] | None
    metadata_json: str | None
    calls: list[str] | None
    answers: list[str] | None
    session: str | None = None


_draft = maker(Draft)


@dataclass(frozen=True, slots=True)
class Drafting:
    """How items become drafts: the formats that are known, who counts tokens, how large one may be.

    With `id` the draft has it, and an item that names itself otherwise is an InvalidError. With
    `session` the draft has that, unless a Message brings its own.
    """

    find: Callable[[str], Dialect | None]
    count: TokenCounter
    max_bytes: int | None = None

    def native(
        self,
        item: Json,
        dialect: Dialect,
        *,
        created_at: datetime | None,
        id: str | None = None,
        session: str | None = None,
    ) -> Draft:
        """A draft of a native item: a decoded JSON value, or its text or bytes kept verbatim."""
        text, value = (
            jsontext.read(item) if isinstance(item, str | bytes) else (jsontext.encode(item), item)
        )
        traits = dialect.traits(value)
        named = _named(traits.id, id)
        at = check_time("created_at", created_at)
        return self._draft(text, dialect.name, traits, named, at, session=session)

    def message(
        self,
        message: object,
        *,
        created_at: datetime | None,
        id: str | None = None,
        session: str | None = None,
    ) -> Draft:
        """A draft of a Message; one of an unknown format is kept as it is."""
        if not isinstance(message, Message):
            raise InvalidError("items", "must be Message objects, or native items with dialect=")
        text, value = jsontext.read(message.json)
        dialect = self.find(message.format)
        traits = (
            dialect.traits(value)
            if dialect
            else Traits(message.role, starts=message.role == "user")
        )
        if message.role not in _ROLES or traits.role != message.role:
            raise InvalidError("role", f"must be {' or '.join(_ROLES)}, and that of the payload")
        check_status(message.status)
        return self._draft(
            text,
            message.format if dialect else check_id("format", message.format),
            traits,
            _named(message.id or traits.id, id),
            check_time("created_at", created_at or message.created_at),
            message.status,
            message.metadata,
            session if message.session is None else check_id("session", message.session),
        )

    def _draft(
        self,
        text: str,
        format: str,
        traits: Traits,
        id: str,
        created_at: datetime | None,
        status: Status = "complete",
        metadata: Mapping[str, Json] | None = None,
        session: str | None = None,
    ) -> Draft:
        if self.max_bytes is not None and _size(text) > self.max_bytes:
            raise InvalidError("payload", f"must have at most {self.max_bytes} bytes")
        return _draft(
            id,
            traits.role,
            status,
            format,
            text,
            created_at or (traits.created_at and _instant(traits.created_at)),
            # A result answers an earlier call: no turn and no window begins with it.
            traits.starts and not traits.answers,
            traits.cut and not traits.answers,
            _tokens(self.count(text)),
            metadata,
            None if metadata is None else jsontext.check_metadata(metadata, "metadata"),
            _links(traits.calls),
            _links(traits.answers),
            session,
        )


def _named(said: str | None, id: str | None) -> str:
    """The id of a draft, given what its item and the caller say, None where they say nothing."""
    if id is not None and said is not None and said != id:
        raise InvalidError("item", "must have the id message_id, or none")
    return check_id("message_id", id or said or new_id())


def check_batch(drafts: Sequence[Draft]) -> Sequence[Draft]:
    """Refuse an empty batch and one that names an id twice."""
    if not drafts:
        raise InvalidError("items", "must hold at least one message")
    if len({draft.id for draft in drafts}) != len(drafts):
        raise InvalidError("items", "must not hold the same message id twice")
    return drafts


def check_several(field: str, given: object, kind: type[T]) -> Iterator[T]:
    """These up to 1 000 objects of a class, one by one; InvalidError where they are none."""
    if isinstance(given, kind) or not isinstance(given, Iterable):
        raise InvalidError(field, f"must be several {field}")
    for count, one in enumerate(given):
        if count == _SEVERAL:
            raise InvalidError(field, f"must be {_SEVERAL} at the most")
        if not isinstance(one, kind):
            raise InvalidError(field, f"must all be of the class {kind.__name__}")
        yield one


def check_status(value: str) -> None:
    """Raise InvalidError if `value` is no status of a message."""
    if value not in _STATUSES:
        raise InvalidError("status", f"must be one of {', '.join(_STATUSES)}")


def check_time(field: str, value: object) -> datetime | None:
    """Return an aware time in UTC, or None; InvalidError for anything else.

    PostgreSQL knows offsets below 16 hours only, and psycopg sends them as text.
    """
    if value is None:
        return None
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidError(field, "must be a datetime with a time zone")
    instant = _instant(value)
    if instant is None:
        raise InvalidError(field, "must be within the years 1 to 9999 in UTC")
    return instant


def check_seconds(field: str, value: object, least: float, most: float) -> float:
    """Return a number of seconds within these bounds as a float; else raise InvalidError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise InvalidError(field, f"must be a number of seconds, from {least:g} to {most:.0f}")
    return float(value)


def _instant(value: datetime) -> datetime | None:
    """The time in UTC, None where that has none."""
    try:
        instant = value.astimezone(UTC)
    except OverflowError:
        return None
    # The two ends of time are what asyncpg says for infinity, and reads back without a zone.
    return instant if FIRST < instant < LAST else None


def estimate_tokens(json: str) -> int:
    """The default token counter: a quarter of the payload's UTF-8 bytes, rounded up.

    English prose has about four bytes a token; the JSON around it makes the estimate err upwards,
    which is the safe side of a budget. Inline files count by their base64.
    """
    return (_size(json) + 3) // 4


def _size(json: str) -> int:
    return len(json) if json.isascii() else len(json.encode("utf-8", "surrogatepass"))


def _tokens(count: object) -> int:
    if not isinstance(count, int) or count < 0:
        raise InvalidError("token_counter", "must return an int of at least 0")
    return min(int(count), _MAX_TOKENS)


def _links(ids: Sequence[str]) -> list[str] | None:
    return [_link(id_) for id_ in ids] if ids else None


def _link(id_: str) -> str:
    # Call ids are the framework's: they may hold what PostgreSQL's text cannot, or be very long.
    raw = id_.encode("utf-8", "surrogatepass")
    if len(raw) <= _MAX_LINK and "\0" not in id_ and raw.decode("utf-8", "replace") == id_:
        return id_
    return sha256(raw).hexdigest()
