"""Document: a thread with all its messages as one JSON text, which `threadkeep export` writes.

A payload is never decoded and written again: that would lose duplicate keys and the spelling of
numbers. Its text is put into the text around it, and cut out of it when that is read. The version
is raised where a reader of this one could misread; a new member is none of that, for readers pass
over members that they do not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, get_args

from threadkeep.values import jsontext, slices
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message, Role, Status
from threadkeep.values.parts import Json
from threadkeep.values.thread import Access, Thread, ThreadStatus

FORMAT: Final = "threadkeep-export"
VERSION: Final = 1

LEVELS: Final = jsontext.MAX_LEVELS + 3
"""How deep a document may nest: a payload stands three levels deep."""

# So that turns can still be counted on from there.
_MOST: Final = 2**30


@dataclass(frozen=True, slots=True)
class Document:
    """What a document says: the thread, and its messages in order, parents before children."""

    thread: Thread
    messages: tuple[Message, ...]


# Writing


def thread_facts(thread: Thread) -> dict[str, Any]:
    """All that is known of a thread, but its payload."""
    return {
        "id": thread.id,
        "owner": thread.owner_id,
        "user": thread.user_id,
        "title": thread.title,
        "status": thread.status,
        "access": thread.access,
        "access_reason": thread.access_reason,
        "metadata": thread.metadata,
        "external_id": thread.external_id,
        "head": thread.head,
        "turns": thread.turns,
        "messages": thread.message_count,
        "revision": thread.revision,
        "created_at": _written(thread.created_at),
        "updated_at": _written(thread.updated_at),
        "active_at": _written(thread.active_at),
        "format": thread.format,
    }


def thread_text(thread: Thread) -> str:
    """A thread with its payload, null where it has none."""
    return with_raw(thread_facts(thread), "payload", thread.json)


def message_facts(message: Message) -> dict[str, Any]:
    """What a document says of a message, but its payload."""
    return {
        "id": message.id,
        "parent": message.parent_id,
        "seq": message.seq,
        "turn": message.turn,
        "role": message.role,
        "format": message.format,
        "created_at": _written(message.created_at),
        "status": message.status,
        "metadata": message.metadata,
        "session": message.session,
        "run": message.run,
    }


def message_text(message: Message, **more: Any) -> str:
    """A message with its payload."""
    return with_raw(message_facts(message) | more, "payload", message.json)


def with_raw(facts: dict[str, Any], name: str, raw: str | None) -> str:
    """The object of these facts, and after them a member whose value is this JSON text."""
    text = jsontext.encode(facts, overflow=True)
    return f'{text[:-1]}{"," if facts else ""}"{name}":{"null" if raw is None else raw}}}'


def export_text(thread: Thread, messages: Iterable[Message]) -> Iterator[str]:
    """The document of one thread, in pieces: a line for the thread and one for each message.

    A payload that has line breaks between its tokens spreads over more lines.
    """
    head = jsontext.encode(thread.head)
    yield f'{{"format":"{FORMAT}","version":{VERSION},"thread":{thread_text(thread)},"messages":['
    for index, message in enumerate(messages):
        yield f"{',' if index else ''}\n{message_text(message)}"
    yield f'\n],"head":{head}}}'


def on_one_line(piece: str) -> str:
    """The same JSON without line breaks.

    Valid JSON has raw line breaks between tokens only, where a space means the same.
    """
    return piece.replace("\r", " ").replace("\n", " ")


def _written(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


# Reading


def read(data: object, *, field: str = "data") -> Document:
    """What a document says, its payloads verbatim; from a decoded one they are encoded anew.

    InvalidError, with the place of the member and the rule, for what is no document of this
    version: a member that is missing or of another type, two messages with one id, a parent that
    does not stand before its child, a head that is no message. Of members that stand there twice
    the last one counts.
    """
    if isinstance(data, Mapping):
        text = jsontext.encode(dict(data), field=field, overflow=True)
    elif isinstance(data, str | bytes):
        text = jsontext.verify(data, field=field, levels=LEVELS)
    else:
        raise InvalidError(field, "must be a document as str or bytes, or decoded")
    top = _Object(text, field, ("thread", "messages"))
    if top.get("format", str) != FORMAT:
        raise InvalidError(f"{field}.format", f"must be {FORMAT}")
    if top.get("version", int) != VERSION:
        raise InvalidError(f"{field}.version", f"must be {VERSION}")
    if not top.raw("messages").lstrip().startswith("["):
        raise InvalidError(f"{field}.messages", "must be a list")
    messages = _messages(slices.items(top.raw("messages")), f"{field}.messages")
    head = top.get("head", str, None)
    if head is not None and head not in {message.id for message in messages}:
        raise InvalidError(f"{field}.head", "must be the id of a message, or null")
    return Document(_thread(top.raw("thread"), f"{field}.thread", head, messages), messages)


def copied(message: Message) -> Message:
    """The message as it is in a copy of its thread, to which its run does not come.

    One that was still running would run there for ever: it is interrupted, as in a fork.
    """
    cut_off = message.status == "running" and message.run is not None
    return replace(message, status="interrupted") if cut_off else message


def _thread(text: str, field: str, head: str | None, messages: tuple[Message, ...]) -> Thread:
    said = _Object(text, field, ("payload",))
    payload, format_ = said.raw("payload"), said.id("format")
    if format_ is None and payload.strip() != "null":
        raise InvalidError(f"{field}.payload", "must be null where format is")
    return Thread(
        id=said.must_id("id"),
        owner_id=said.must_id("owner"),
        user_id=said.id("user"),
        title=said.get("title", str, None),
        status=said.one_of("status", get_args(ThreadStatus)),
        metadata=said.metadata(),
        external_id=said.id("external_id"),
        head=head,
        turns=next((m.turn or 0 for m in messages if m.id == head), 0),
        message_count=len(messages),
        revision=said.number("revision"),
        created_at=said.time("created_at"),
        updated_at=said.time("updated_at"),
        active_at=said.time("active_at"),
        format=format_,
        json=None if format_ is None else payload,
        access=said.one_of("access", get_args(Access), "open"),
        access_reason=said.get("access_reason", str, None, absent=True),
    )


def _messages(texts: list[str], field: str) -> tuple[Message, ...]:
    known: set[str] = set()
    found = []
    for place, text in enumerate(texts):
        message = _message(text, f"{field}[{place}]")
        if message.parent_id is not None and message.parent_id not in known:
            rule = "must be the id of a message before this one, or null"
            raise InvalidError(f"{field}[{place}].parent", rule)
        if message.id in known:
            raise InvalidError(f"{field}[{place}].id", "must be another than those before")
        known.add(str(message.id))
        found.append(message)
    return tuple(found)


def _message(text: str, field: str) -> Message:
    said = _Object(text, field, ("payload",))
    return Message(
        said.one_of("role", get_args(Role)),
        said.raw("payload"),
        said.must_id("format"),
        said.must_id("id"),
        said.time("created_at"),
        said.metadata(),
        said.one_of("status", get_args(Status)),
        parent_id=said.id("parent"),
        turn=said.number("turn"),
        run=said.id("run", absent=True),
        session=said.id("session", absent=True),
    )


class _Object:
    """The members of an object: those named `kept` as text with the space around it.

    For that belongs to a payload as much as the space inside.
    """

    def __init__(self, text: str, field: str, kept: tuple[str, ...]) -> None:
        self._field = field
        if not text.lstrip().startswith("{"):
            raise InvalidError(field, "must be an object")
        self._raw: dict[str, str] = {}
        facts = []
        for member in slices.members(text):
            if member.name in kept:
                self._raw[member.name] = text[member.colon : member.comma]
            else:
                facts.append(text[member.key : member.comma])
        self._facts: dict[str, Any] = jsontext.decode(f"{{{','.join(facts)}}}")

    def raw(self, name: str) -> str:
        """The text of a member."""
        if name not in self._raw:
            raise self._error(name, "must be there")
        return self._raw[name]

    def get(self, name: str, *kinds: type | None, absent: bool = False) -> Any:
        """A member of one of these types (None: it may be null)."""
        if name not in self._facts:
            if absent:
                return None
            raise self._error(name, "must be there")
        value = self._facts[name]
        if type(value) not in (type(None) if kind is None else kind for kind in kinds):
            names = " or ".join("null" if kind is None else _NAMES[kind] for kind in kinds)
            raise self._error(name, f"must be {names}")
        return value

    def id(self, name: str, *, absent: bool = False) -> str | None:
        """A member that is an id or null."""
        value = self.get(name, str, None, absent=absent)
        return None if value is None else check_id(f"{self._field}.{name}", value)

    def must_id(self, name: str) -> str:
        """A member that is an id."""
        return check_id(f"{self._field}.{name}", self.get(name, str))

    def one_of(self, name: str, values: tuple[str, ...], default: str | None = None) -> Any:
        """A member that is one of these words."""
        value = self.get(name, str, absent=default is not None)
        if value is None:
            return default
        if value not in values:
            raise self._error(name, f"must be one of {', '.join(values)}")
        return value

    def number(self, name: str) -> int:
        """A member that counts something."""
        value = self.get(name, int)
        if not 0 <= value <= _MOST:
            raise self._error(name, "must be from 0 to 2**30")
        return int(value)

    def time(self, name: str) -> datetime:
        """A member that is a time with its zone."""
        try:
            found = datetime.fromisoformat(self.get(name, str))
            if found.utcoffset() is not None:
                return found.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            if isinstance(error, InvalidError):
                raise
        raise self._error(name, "must be a time with a zone, as in RFC 3339")

    def metadata(self) -> dict[str, Json] | None:
        """The member `metadata`."""
        found: dict[str, Json] | None = self.get("metadata", dict, None)
        return found

    def _error(self, name: str, rule: str) -> InvalidError:
        return InvalidError(f"{self._field}.{name}", rule)


_NAMES: Final = {str: "a string", int: "an integer", dict: "an object"}
