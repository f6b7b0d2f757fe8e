"""The byte store's seam, and the keys under which bytes stand in one."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from threadkeep.values.errors import InvalidError, NotFoundError

MAX_KEY: Final = 4096
"""How many characters a key may have."""

# Lower case only: some file systems and stores do not tell the cases apart.
_SEGMENT: Final = re.compile(r"[a-z0-9=+_-][a-z0-9=+._-]{0,199}")
_PLAIN: Final = re.compile(r"[a-z0-9_-]{1,100}")
# No whole text has so many digits in base 32, so that no name is a folder of another one's.
_CHUNK: Final = 190
_ENCODED: Final = "="
_GOES_ON: Final = "+"


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """What stands under a key: how many bytes, and since when, in UTC."""

    key: str
    size: int
    modified_at: datetime


class ByteStore(Protocol):
    """Where the bytes of files go.

    A key is one or more segments with slashes between them, as `check_key` demands; `name_of`
    makes one of any text. What is under a key is all of what was put there, or is not there.
    """

    async def put(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """Store the bytes under the key, in the place of any before; how many they were.

        They are there, durably, once this returns. If `chunks` raises, nothing has changed.
        """
        ...

    async def open(self, key: str) -> AsyncIterator[bytes]:
        """The bytes under the key, piece by piece. NotFoundError at once if there are none."""
        ...

    async def delete(self, key: str) -> bool:
        """Remove what is under the key; whether there was something."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[StoredBytes]:
        """What stands under the keys that begin with these segments, in no order."""
        ...


def check_key(key: object) -> str:
    """Return `key` if it is one, else raise InvalidError.

    Segments have 1 to 200 characters of `a-z 0-9 = + . _ -` and do not begin with a dot, so that no
    key leads out of a folder, and no two keys are one file where upper and lower case are the same.
    """
    if not isinstance(key, str) or len(key) > MAX_KEY:
        raise InvalidError("key", f"must be a str of at most {MAX_KEY} characters")
    if not all(_SEGMENT.fullmatch(segment) for segment in key.split("/")):
        raise InvalidError("key", "must be segments of a-z 0-9 = + . _ - with slashes between them")
    return key


def check_prefix(prefix: str) -> str:
    """Return the prefix of a listing: a key, or nothing for all."""
    return check_key(prefix) if prefix else ""


def name_of(text: str) -> str:
    """One part of a key for any text that is an id; no two texts have the same."""
    if _PLAIN.fullmatch(text):
        return text
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise InvalidError("key", "must not contain a lone surrogate") from None
    encoded = base64.b32encode(raw).decode().rstrip("=").lower()
    pieces = [encoded[at : at + _CHUNK] for at in range(0, len(encoded), _CHUNK)] or [""]
    return _ENCODED + f"/{_GOES_ON}".join(pieces)


def text_of(name: str) -> str | None:
    """The text that `name_of` made this name of; None where it made it of none."""
    if not name.startswith(_ENCODED):
        return name if _PLAIN.fullmatch(name) else None
    encoded = name[1:].replace(f"/{_GOES_ON}", "").upper()
    try:
        text = base64.b32decode(encoded + "=" * (-len(encoded) % 8)).decode()
    except (binascii.Error, ValueError):
        return None
    return text if name_of(text) == name else None


def names_in(key: str) -> list[str]:
    """The names that a key was made of, each as `name_of` gave it."""
    names: list[str] = []
    for segment in key.split("/"):
        if segment.startswith(_GOES_ON) and names:
            names[-1] += f"/{segment}"
        else:
            names.append(segment)
    return names


async def bytes_of(
    data: bytes | bytearray | memoryview | AsyncIterable[bytes],
) -> AsyncIterator[bytes]:
    """The pieces of bytes or of a stream, without empty ones. InvalidError for what is no bytes."""
    if isinstance(data, bytes | bytearray | memoryview):
        if len(data):
            yield bytes(data)
        return
    if not isinstance(data, AsyncIterable):
        raise InvalidError("stream", "must be bytes or an async iterable of bytes")
    async for chunk in data:
        if not isinstance(chunk, bytes | bytearray | memoryview):
            raise InvalidError("stream", "must yield bytes")
        if len(chunk):
            yield bytes(chunk)


def no_bytes(key: str) -> NotFoundError:
    """The error of a key that nothing is under."""
    return NotFoundError("bytes", key)
