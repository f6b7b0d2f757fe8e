"""Large JSON files cut into pieces of text: the elements of the array at the top.

Nothing is parsed here, so every piece is the text as it stands in the file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadkeep.sources.base import Progress

_CHUNK: Final = 1 << 18
_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\n\r"
_OPENING: Final = {ord("]"): ord("["), ord("}"): ord("{")}

# These run to the next character of structure: over all outside of strings, and over strings
# that end in the same text. Between the elements of the array a comma is structure too.
_INNER: Final = re.compile(rb'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{}]*+)*+', re.DOTALL)
_OUTER: Final = re.compile(
    rb'[^"\[\]{},]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{},]*+)*+', re.DOTALL
)
_STRING: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)


class Broken(NamedTuple):
    """A place in the array where no element can be read."""

    rule: str


def elements(stream: BinaryIO, progress: Progress | None = None) -> Iterator[bytes | Broken]:
    """The text of each element of the array that a file is, in order and not yet checked.

    Memory holds one element. Brackets inside one that do not match cost that element alone, if
    its outermost ones close; a quote or an outermost bracket that is missing costs what follows.
    The last one is `Broken` if the file breaks off or goes on behind the array. Raises
    InvalidError (field `file`) if the file does not start with an array.
    """
    splitter = _Splitter()
    consumed = 0
    while chunk := stream.read(_CHUNK):
        yield from splitter.feed(chunk)
        consumed += len(chunk)
        if progress is not None:
            progress(consumed)
    yield from splitter.end()


class _Splitter:
    """Splits the array at the top into its elements, chunk by chunk; looks at each byte once."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._open = bytearray()  # the brackets that are open; empty before the array starts
        self._in_string = self._escaped = self._some = self._ended = False

    def feed(self, chunk: bytes) -> Iterator[bytes | Broken]:
        """The elements that end in this chunk."""
        start = place = self._begin(chunk)
        while self._open and place < len(chunk):
            if self._in_string:
                place = self._through_string(chunk, place)
                continue
            match = (_OUTER if len(self._open) == 1 else _INNER).match(chunk, place)
            place = match.end() if match else place
            if place == len(chunk):
                break
            byte = chunk[place]
            if byte == ord('"'):
                self._in_string = True
            elif len(self._open) == 1 and byte in b",]":
                self._pieces.append(chunk[start:place])
                start = place + 1
                yield from self._element(last=byte == ord("]"))
            else:
                self._bracket(byte)
            place += 1
        self._pieces.append(chunk[start:])

    def end(self) -> Iterator[Broken]:
        """What is wrong at the end of the file, if anything."""
        if self._open:
            yield Broken("the file breaks off here")
        elif not self._ended:
            raise InvalidError("file", "must be a JSON array")
        elif b"".join(self._pieces).strip(_SPACE):
            yield Broken("the file goes on behind its array")

    def _begin(self, chunk: bytes) -> int:
        """Where to go on in this chunk: behind the bracket that starts the array, if it does."""
        if self._open:
            return 0
        # What stands before or behind the array matters only if it is more than space.
        head = b"".join([*self._pieces, chunk])
        self._pieces = []
        if self._ended:
            self._pieces.append(head.strip(_SPACE)[:1])
            return len(chunk)
        # A byte order mark may lie across chunks.
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._pieces.append(head)
            return len(chunk)
        text = head.removeprefix(_BOM).lstrip(_SPACE)
        if not text:
            return len(chunk)
        if not text.startswith(b"["):
            raise InvalidError("file", "must be a JSON array")
        self._open += b"["
        return len(chunk) - len(text) + 1

    def _through_string(self, chunk: bytes, place: int) -> int:
        if self._escaped:
            self._escaped = False
            return place + 1
        match = _STRING.match(chunk, place)
        place = match.end() if match else place
        if place < len(chunk):
            # A quote ends the string. A backslash here is the last byte: its partner comes next.
            self._escaped = chunk[place] == ord("\\")
            self._in_string = self._escaped
        return place + 1

    def _bracket(self, byte: int) -> None:
        if byte in b"[{":
            self._open.append(byte)
            return
        # A bracket that was never closed must not swallow the rest of the file: a closing one of
        # the other kind closes it too. One that closes nothing is passed over.
        place = self._open.rfind(_OPENING[byte], 1)
        if place > 0:
            del self._open[place:]

    def _element(self, *, last: bool) -> Iterator[bytes | Broken]:
        text = b"".join(self._pieces).strip(_SPACE)
        self._pieces = []
        if text:
            yield text
        elif self._some or not last:
            yield Broken("must not be empty")
        self._some = True
        if last:
            self._open.clear()
            self._ended = True
