"""The source `threadkeep`: what `threadkeep export` and `threads.export` write."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from threadkeep.sources import jsonarray
from threadkeep.sources.base import SourceDocument, SourceProblem
from threadkeep.values import document, jsontext
from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadkeep.sources.base import Progress

_CHUNK: Final = 1 << 18
_BOM: Final = b"\xef\xbb\xbf"


def read(
    stream: BinaryIO, *, progress: Progress | None = None
) -> Iterator[SourceDocument | SourceProblem]:
    """The documents of a file in order: of an array, of lines with one each, or a single one.

    Memory holds one of them at a time. What is no document is a `SourceProblem`. Raises
    InvalidError (field `file`) when the first is asked for if the file holds nothing of the kind.
    """
    start = _start(stream)
    rest = cast("BinaryIO", io.BufferedReader(_Rest(start, stream)))
    texts: Iterator[bytes | jsonarray.Broken]
    if start.startswith(b"["):
        texts = jsonarray.elements(rest, progress)
    else:
        texts = _objects(rest, progress)
    for index, text in enumerate(texts):
        if isinstance(text, jsonarray.Broken):
            yield SourceProblem(index, None, text.rule)
            continue
        try:
            said = document.read(text, field="document")
            yield SourceDocument(said.thread.id, text.decode(), said.messages)
        except InvalidError as error:
            yield SourceProblem(index, None, str(error))


def _start(stream: BinaryIO) -> bytes:
    """The first bytes that are more than space."""
    start = b""
    while chunk := stream.read(_CHUNK):
        start = (start + chunk).removeprefix(_BOM).lstrip()
        if start and not _BOM.startswith(start):
            return start
    raise InvalidError("file", "must hold an array of documents, or documents line by line")


def _objects(stream: BinaryIO, progress: Progress | None) -> Iterator[bytes]:
    """One document for each line; where the first line is none, the whole file is one."""
    consumed = 0
    for line in stream:
        text = line.strip()
        if not consumed and not _is_json(text):
            text = (line + stream.read()).strip()
        consumed += max(len(line), len(text))
        if progress is not None:
            progress(consumed)
        if text:
            yield text


def _is_json(text: bytes) -> bool:
    try:
        jsontext.verify(text, field="file", levels=document.LEVELS)
    except InvalidError:
        return False
    return True


class _Rest(io.RawIOBase):
    """What was read already, then the rest of a stream."""

    def __init__(self, start: bytes, stream: BinaryIO) -> None:
        super().__init__()
        self._start = start
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        found = self._start[: len(buffer)] or self._stream.read(len(buffer))
        self._start = self._start[len(found) :] if self._start else b""
        buffer[: len(found)] = found
        return len(found)
