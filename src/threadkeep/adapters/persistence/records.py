"""What a persistence adapter keeps and answers, and what every such adapter can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.parts import Json
from threadkeep.values.unset import UNSET, Unset

Order = Literal["asc", "desc"]

_set = object.__setattr__


@dataclass(frozen=True, slots=True, init=False)
class ChatMessage:
    """One message of a thread.

    `parts` is any JSON array, or its text, which is kept verbatim: `parts_json` is that text. The
    ids and the role are opaque. `thread_id` is filled in where a message is read; appending takes
    the thread from its own argument. `repr` leaves the content out.
    """

    message_id: str
    role: str
    parts_json: str = field(repr=False)
    created_at: datetime | None
    session_id: str | None
    user_id: str | None
    thread_id: str | None

    def __init__(
        self,
        message_id: str,
        role: str,
        parts: Sequence[Json] | str | bytes | Unset = UNSET,
        *,
        parts_json: str | bytes | Unset = UNSET,
        created_at: datetime | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        thread_id: str | None = None,
    ) -> None:
        if parts is not UNSET and parts_json is not UNSET:
            raise InvalidError("parts", "must not be given together with parts_json")
        text = _array(parts_json if parts is UNSET else parts)
        values = (message_id, role, text, created_at, session_id, user_id, thread_id)
        for name, value in zip(self.__slots__, values, strict=True):
            _set(self, name, value)

    @classmethod
    def stored(cls, values: Sequence[Any]) -> ChatMessage:
        """What a store has read, by the order of the fields; nothing is checked."""
        made = cls.__new__(cls)
        for name, value in zip(cls.__slots__, values, strict=True):
            _set(made, name, value)
        return made

    @property
    def parts(self) -> Json:
        """The parts decoded, anew at each call; duplicate keys fall together."""
        return jsontext.decode(self.parts_json)

    @property
    def content(self) -> Json:
        """The parts, by the name that they have in a chat message on the wire."""
        return self.parts


@dataclass(frozen=True, slots=True, init=False)
class SessionRecord:
    """One session of an agent's SDK inside a thread, with the state that the SDK keeps in it.

    `state` is any JSON value and `metadata` an object; `state_json` and `metadata_json` are their
    texts, kept verbatim where they are given so. `sdk_version` says who wrote the state. The times
    are filled in where a session is read. `repr` leaves the content out.
    """

    session_id: str
    thread_id: str
    sdk_version: str
    state_json: str | None = field(repr=False)
    metadata_json: str | None = field(repr=False)
    created_at: datetime | None
    updated_at: datetime | None
    archived_at: datetime | None
    user_id: str | None

    def __init__(
        self,
        session_id: str,
        thread_id: str,
        sdk_version: str,
        state: Json = None,
        metadata: Mapping[str, Json] | None = None,
        *,
        state_json: str | bytes | None = None,
        metadata_json: str | bytes | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
        archived_at: datetime | None = None,
        user_id: str | None = None,
    ) -> None:
        state_text = text_of("state", state, state_json)
        metadata_text = jsontext.check_metadata(metadata, "metadata")
        if metadata is not None and metadata_json is not None:
            raise InvalidError("metadata", "must not be given together with metadata_json")
        if metadata_json is not None:
            metadata_text = jsontext.verify(metadata_json, field="metadata_json")
        texts = (state_text, metadata_text)
        times = (created_at, updated_at, archived_at)
        values = (session_id, thread_id, sdk_version, *texts, *times, user_id)
        for name, value in zip(self.__slots__, values, strict=True):
            _set(self, name, value)

    @classmethod
    def stored(cls, values: Sequence[Any]) -> SessionRecord:
        """What a store has read, by the order of the fields; nothing is checked."""
        made = cls.__new__(cls)
        for name, value in zip(cls.__slots__, values, strict=True):
            _set(made, name, value)
        return made

    @property
    def archived(self) -> bool:
        """Whether it is archived."""
        return self.archived_at is not None

    @property
    def state(self) -> Json:
        """The state decoded, anew at each call; None where there is none."""
        return None if self.state_json is None else jsontext.decode(self.state_json)

    @property
    def metadata(self) -> Json:
        """The metadata decoded, anew at each call; None where there is none."""
        return None if self.metadata_json is None else jsontext.decode(self.metadata_json)


class PersistenceAdapter(Protocol):
    """What an agent's runtime asks of a durable chat history.

    `run_persistence_contract` in `threadkeep.testing` proves it of an adapter.
    """

    async def append_message(
        self, thread_id: str, message: ChatMessage, *, session_id: str | None = None
    ) -> ChatMessage:
        """Append one message; see `append_messages`."""
        ...

    async def append_messages(
        self, thread_id: str, messages: Sequence[ChatMessage], *, session_id: str | None = None
    ) -> list[ChatMessage]:
        """Append messages in their order, all or none; `session_id` is for those without their own.

        A message that is stored with the same role and parts is returned as it is stored; with
        others it is a ConflictError (`message_differs`). So a retry is always safe.
        """
        ...

    async def list_messages(
        self,
        thread_id: str,
        *,
        session_id: str | None = None,
        include_archived: bool = False,
        after: str | None = None,
        limit: int | None = None,
        order: Order = "asc",
    ) -> list[ChatMessage]:
        """The messages of a thread in the order in which they were appended; [] if it is unknown.

        Those of archived sessions are left out, unless `include_archived` or a `session_id` asks
        for them. `after` is the id of a message that the list goes on from, archived or not:
        InvalidCursorError if the thread has none such.
        """
        ...

    async def count_messages(
        self, thread_id: str, *, session_id: str | None = None, include_archived: bool = False
    ) -> int:
        """How many messages `list_messages` gives."""
        ...

    async def save_session(
        self,
        session: SessionRecord | str,
        *,
        thread_id: str | None = None,
        sdk_version: str | None = None,
        state: Json | Unset = UNSET,
        metadata: Mapping[str, Json] | Unset | None = UNSET,
    ) -> SessionRecord:
        """Make a session or write it anew: a record as a whole, or by its id what is given.

        By id, a thread and a version are required, and what is not given stays. The times of a
        record are not taken. ConflictError (`session_thread`) for a session of another thread.
        """
        ...

    async def load_session(
        self, session_id: str, *, expect_sdk_version: str | None = None
    ) -> SessionRecord | None:
        """The session, None if it is unknown.

        ConflictError (`sdk_version`) where another version than the expected one has saved it.
        """
        ...

    async def archive_session(
        self, session_id: str, *, thread_id: str | None = None, sdk_version: str | None = None
    ) -> bool:
        """Archive a session; whether that changed it. The first time stands.

        An unknown session is made, archived, where both a thread and a version are given, else
        NotFoundError. ConflictError (`session_thread`) for a session of another thread.
        """
        ...

    async def unarchive_session(self, session_id: str) -> bool:
        """Take a session out of the archive; whether that changed it. NotFoundError if unknown."""
        ...

    async def list_sessions(
        self, thread_id: str, *, include_archived: bool = False, limit: int | None = None
    ) -> list[SessionRecord]:
        """The sessions of a thread, newest first; [] if it is unknown."""
        ...


def text_of(name: str, value: Json, text: str | bytes | None) -> str | None:
    """The JSON text of a value, or the text that was given instead; None for neither."""
    if value is not None and text is not None:
        raise InvalidError(name, f"must not be given together with {name}_json")
    if text is not None:
        return jsontext.verify(text, field=f"{name}_json")
    return None if value is None else jsontext.encode(value, field=name)


def _array(given: Sequence[Json] | str | bytes | Unset) -> str:
    if given is UNSET:
        raise InvalidError("parts", "must be given")
    if isinstance(given, (str, bytes)):
        text = jsontext.verify(given, field="parts")
    elif isinstance(given, (list, tuple)):
        text = jsontext.encode(given, field="parts")
    else:
        raise InvalidError("parts", "must be a JSON array, or its text")
    if not text.lstrip(" \t\n\r").startswith("["):
        raise InvalidError("parts", "must be a JSON array, or its text")
    return text
