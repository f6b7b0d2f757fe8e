"""Server-sent events: how a UI message stream travels.

Written as the `ai` package writes it, read by the rules of the WHATWG HTML standard, section
9.2.6 "Interpreting an event stream".
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.parts import Json

HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "content-type": "text/event-stream",
        "cache-control": "no-cache",
        "connection": "keep-alive",
        "x-vercel-ai-ui-message-stream": "v1",
        "x-accel-buffering": "no",
    }
)
"""The headers of a response that is a UI message stream."""

DONE: Final = b"data: [DONE]\n\n"
"""The event that ends a stream."""

MAX_EVENT_CHARS: Final = 64 << 20
"""How many characters an event may have before the parser refuses it."""

_DONE_DATA: Final = "[DONE]"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `id` is the last id that the stream gave, which counts on until the next."""

    data: str
    event: str = "message"
    id: str = ""
    retry: int | None = None
    """The reconnection time in milliseconds that was set since the event before."""

    @property
    def done(self) -> bool:
        """Whether this is the end of the stream."""
        return self.data == _DONE_DATA

    def json(self) -> Json:
        """The value of the data; InvalidError if it is no JSON, without saying what it is."""
        try:
            return jsontext.read(self.data, field="data")[1]
        except InvalidError as error:
            raise InvalidError("data", error.rule) from None


def encode(chunk: Json, *, id: str | int | None = None) -> bytes:
    """The event that carries a chunk, with an `id:` line before it if there is an id.

    Raises InvalidError for what is no JSON value, and for an id with a line break or a NUL.
    """
    data = f"data: {jsontext.encode(chunk, field='chunk')}\n\n"
    if id is None:
        return data.encode()
    line = str(id)
    if any(char in line for char in "\r\n\0"):
        raise InvalidError("id", "must not contain a line break or NUL")
    return f"id: {line}\n{data}".encode(errors="replace")


def comment(text: str = "") -> bytes:
    """A comment, which keeps the connection alive and is read by nobody.

    Raises InvalidError for a text with a line break.
    """
    if "\n" in text or "\r" in text:
        raise InvalidError("text", "must not contain a line break")
    return f": {text}\n\n".encode(errors="replace")


def parse(source: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream that comes in pieces, cut anywhere.

    Ends after the event `[DONE]`, which is not given, or with the source. An event that the source
    cuts off is not given either.
    """
    parser = Parser()
    for piece in source:
        for event in parser.feed(piece):
            if event.done:
                return
            yield event


class Parser:
    """Bytes in, events out. Bytes that are no UTF-8 become U+FFFD, as the standard wants.

    Time and memory are proportional to what is fed; an event of more than 64 Mi characters is an
    InvalidError.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._begun = False
        self._after_return = False
        self._line: list[str] = []
        self._data: list[str] = []
        self._event = ""
        self._id = ""
        self._last_id = ""
        self._retry: int | None = None
        self._held = 0

    @property
    def last_id(self) -> str:
        """The id of the last event, which a client sends as Last-Event-ID to go on."""
        return self._last_id

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete now."""
        text = self._decoder.decode(data)
        if text and not self._begun:
            self._begun = True
            text = text.removeprefix("\ufeff")
        if text and self._after_return:
            self._after_return = False
            text = text.removeprefix("\n")
        if not text:
            return []
        self._after_return = text[-1] == "\r"
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._hold(self._line, lines[0])
        if len(lines) == 1:
            return []
        lines[0] = "".join(self._line)
        self._held -= len(lines[0])
        self._line = []
        events: list[Event] = []
        for line in lines[:-1]:
            self._read(line, events)
        self._hold(self._line, lines[-1])
        return events

    def _hold(self, where: list[str], text: str) -> None:
        self._held += len(text)
        if self._held > MAX_EVENT_CHARS:
            raise InvalidError("event", f"must have at most {MAX_EVENT_CHARS} characters")
        where.append(text)

    def _read(self, line: str, events: list[Event]) -> None:
        if not line:
            self._dispatch(events)
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._hold(self._data, value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdecimal() and len(value) < 16:
                self._retry = int(value)
            case _:
                pass  # a comment, or a field of a later standard

    def _dispatch(self, events: list[Event]) -> None:
        self._last_id = self._id
        if self._data:
            data = "\n".join(self._data)
            events.append(Event(data, self._event or "message", self._id, self._retry))
            self._retry = None
        self._data, self._event, self._held = [], "", 0
