"""ConversationMessage: a model message with the id and the time that the store knows of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

from threadkeep import dialects
from threadkeep.adapters.ff_ai.files import as_json
from threadkeep.dialects.reading import read_time
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id, new_id
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import Json

DIALECT: Final = "ai-sdk-model@7"
"""The format that messages are stored in, and that all others are read as."""

# Where the seed merges what is not the model's into the message.
_ID: Final = "id"
_TIMES: Final = ("createdAt", "created_at")


class ConversationMessage(dict[str, Any]):
    """One message of a thread: the AI SDK's model message itself, as a dict, and beside it its id.

    `role`, `content`, `providerOptions` and whatever else the message has are its keys, in their
    order, so that a list of these is what a model's client takes. `id`, `created_at` and `json`,
    the text exactly as it is stored, are attributes. `repr` leaves the content out.
    """

    __slots__ = ("created_at", "id", "json")

    def __init__(
        self, message: Mapping[str, Any], *, id: str, created_at: datetime | None, json: str
    ) -> None:
        super().__init__(message)
        self.id = id
        self.created_at = created_at
        self.json = json

    @property
    def role(self) -> Role:
        """system, user, assistant or tool."""
        return cast("Role", self["role"])

    @property
    def content(self) -> Json:
        """A text, or a list of blocks."""
        return self["content"]

    def to_model_message(self) -> dict[str, Json]:
        """The model message alone, as a plain dict of its own."""
        return cast("dict[str, Json]", jsontext.decode(self.text()))

    def text(self) -> str:
        """The JSON text to store: `json` where the message still says that, else written anew."""
        said = jsontext.encode(as_json(self), overflow=True)
        return self.json if said == spelled(self.json) else said

    def __repr__(self) -> str:
        return f"ConversationMessage(id={self.id!r}, role={self.get('role')!r})"


def from_model_message(
    message: Mapping[str, Any], *, id: str | None = None, created_at: datetime | None = None
) -> ConversationMessage:
    """A model message with an id and a time: those given, else its own, else a new id and now.

    A ConversationMessage, and a dict with `id` and `createdAt` beside `role`, keep theirs. Bytes of
    files become base64. InvalidError for what is no model message, and for a naive time; it names
    the member, never the content.
    """
    made = stored_of(message)
    time = check_time(created_at) or made.created_at or datetime.now(UTC)
    named = made.id or new_id() if id is None else check_id("id", id)
    return ConversationMessage(made.payload, id=named, created_at=time, json=made.json)


def stored_of(message: Mapping[str, Any]) -> Message:
    """A model message as the store takes it, with an id and a time where it has them itself.

    InvalidError as for `from_model_message`.
    """
    if not isinstance(message, Mapping):
        raise InvalidError("message", "must be a mapping")
    if isinstance(message, ConversationMessage):
        id: Any = message.id
        text, time = message.text(), message.created_at
    else:
        said = {name: value for name, value in message.items() if name not in (_ID, *_TIMES)}
        text = jsontext.encode(as_json(said), field="message")
        id, time = message.get(_ID), _time_of(message)
    role = dialects.get(DIALECT).traits(jsontext.decode(text)).role
    named = None if id is None else check_id("id", id)
    return Message(role, text, DIALECT, id=named, created_at=time)


def all_stored_of(messages: Iterable[Mapping[str, Any]]) -> list[Message]:
    """The same for a list of messages; InvalidError where it is none."""
    if isinstance(messages, Mapping | str | bytes) or not isinstance(messages, Iterable):
        raise InvalidError("messages", "must be a list of messages")
    return [stored_of(message) for message in messages]


def from_stored(message: Message) -> ConversationMessage:
    """A stored message of this very format."""
    payload: dict[str, Any] = message.payload
    id = message.id or new_id()
    return ConversationMessage(payload, id=id, created_at=message.created_at, json=message.json)


def spelled(json: str) -> str:
    """JSON text as our encoder writes what it says: equal for texts that say the same."""
    return jsontext.encode(jsontext.decode(json), overflow=True)


def check_time(value: object, field: str = "created_at") -> datetime | None:
    """The time as it is, None for None; InvalidError with `field` for one without a zone."""
    if value is None:
        return None
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidError(field, "must be a datetime with a time zone")
    return value


def _time_of(message: Mapping[str, Any]) -> datetime | None:
    for name in _TIMES:
        value = message.get(name)
        if value is not None:
            time = read_time(value) if isinstance(value, str) else check_time(value, name)
            if time is None:
                raise InvalidError(name, "must be a datetime or an RFC 3339 text")
            return time
    return None
