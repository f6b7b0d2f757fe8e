"""Ids: opaque text from apps, generated ids, and the 8-byte owner key."""

from __future__ import annotations

import os
import secrets
import string
import time
from collections.abc import Iterable
from hashlib import sha256

from threadkeep.values.errors import InvalidError

MAX_ID_BYTES = 512
MAX_IDS = 1000
_ALPHABET = string.digits + string.ascii_letters


def check_id(field: str, value: object, *, most: int = MAX_ID_BYTES) -> str:
    """Return `value` if it is a legal id, else raise InvalidError naming `field`.

    A legal id is text of 1 to 512 UTF-8 bytes, or `most`, with no NUL and no lone surrogate.
    """
    if not isinstance(value, str):
        raise InvalidError(field, "must be a str")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidError(field, "must not contain a lone surrogate") from None
    if not 1 <= size <= most:
        raise InvalidError(field, f"must have 1 to {most} UTF-8 bytes")
    if "\0" in value:
        raise InvalidError(field, "must not contain NUL")
    return value


def check_id_or_none(field: str, value: object) -> str | None:
    """Return `value` if it is None or a legal id, else raise InvalidError naming `field`."""
    return None if value is None else check_id(field, value)


def check_ids(field: str, values: object) -> list[str]:
    """Return these ids, each once, in their order; InvalidError for a bad one and over 1000."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidError(field, "must be several ids")
    found = list(dict.fromkeys(check_id(field, value) for value in values))
    if len(found) > MAX_IDS:
        raise InvalidError(field, f"must be at most {MAX_IDS} ids")
    return found


def new_id() -> str:
    """A new id: UUID version 7 (RFC 9562) as 36 characters, so ids of one process sort by time."""
    stamp = time.time_ns() // 1_000_000
    bits = (stamp << 80) | int.from_bytes(os.urandom(10), "big")
    bits = (bits & ~(0xF << 76)) | (0x7 << 76)
    bits = (bits & ~(0x3 << 62)) | (0x2 << 62)
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def random_text(length: int) -> str:
    """Letters and digits that nobody can guess, nearly six random bits each."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def owner_key(owner_id: str) -> int:
    """The first 8 bytes of SHA-256 of the id's UTF-8 bytes, as a signed big-endian integer.

    The SQL function `owner_key(text)` gives the same number.
    """
    return int.from_bytes(sha256(owner_id.encode()).digest()[:8], "big", signed=True)
