"""Threads and messages as JSON texts, with payloads verbatim inside.

A payload is never decoded and written again: that would lose duplicate keys and the spelling of
numbers. Its text is put into the text around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from threadkeep.values import jsontext

if TYPE_CHECKING:
    from threadkeep import Message, Thread

FORMAT: Final = "threadkeep-export"
VERSION: Final = 1


def thread_facts(thread: Thread) -> dict[str, Any]:
    """All that is known of a thread, but its payload."""
    return {
        "id": thread.id,
        "owner": thread.owner_id,
        "user": thread.user_id,
        "title": thread.title,
        "status": thread.status,
        "metadata": thread.metadata,
        "external_id": thread.external_id,
        "head": thread.head,
        "turns": thread.turns,
        "messages": thread.message_count,
        "revision": thread.revision,
        "created_at": _time(thread.created_at),
        "updated_at": _time(thread.updated_at),
        "active_at": _time(thread.active_at),
        "format": thread.format,
    }


def thread_text(thread: Thread) -> str:
    """A thread with its payload, null where it has none."""
    return with_raw(thread_facts(thread), "payload", thread.json)


def message_facts(message: Message) -> dict[str, Any]:
    """What an export says of a message, but its payload."""
    return {
        "id": message.id,
        "parent": message.parent_id,
        "seq": message.seq,
        "turn": message.turn,
        "role": message.role,
        "format": message.format,
        "created_at": _time(message.created_at),
        "status": message.status,
        "metadata": message.metadata,
    }


def message_text(message: Message, **more: Any) -> str:
    """A message with its payload."""
    return with_raw(message_facts(message) | more, "payload", message.json)


def with_raw(facts: dict[str, Any], name: str, raw: str | None) -> str:
    """The object of these facts, and after them a member whose value is this JSON text."""
    text = jsontext.encode(facts, overflow=True)
    return f'{text[:-1]}{"," if facts else ""}"{name}":{"null" if raw is None else raw}}}'


def export_text(thread: Thread, messages: Iterable[Message]) -> Iterator[str]:
    """The export of one thread, in pieces: a line for the thread and one for each message.

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


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
