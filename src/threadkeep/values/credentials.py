"""Credentials: API keys, and the lines of refresh tokens behind visitors without an account."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from threadkeep.values.errors import CredentialError
from threadkeep.values.ids import new_id, random_text

_SECRET = 32
"""Characters of a secret: 190 random bits."""
_TEXT = re.compile(r"tk_([0-9a-f]{16})_([0-9a-f-]{36})_([0-9A-Za-z]{32})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of an API key. Its text is nowhere: it was seen once, when it was made.

    `user_id` is whom it acts for, None for the whole owner. `scopes` are words of the app.
    `replaces` is the id of the key that it was made from by a rotation. A key is good until
    `expires_at` or `revoked_at`, where it has one. All times are in UTC.
    """

    id: str
    owner_id: str
    user_id: str | None
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    replaces: str | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, with its text, which nobody can read again. `repr` leaves it out.

    The text is `tk_`, the owner's key as 16 hexadecimal digits, the key's id, and the secret, with
    `_` between them.
    """

    key: ApiKey
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A line of refresh tokens: each use makes the next generation.

    The newest generation is good until it is used, and the one before it as long as the newest has
    not been used, since its answer may have been lost. The line ends at `expires_at`, or where it
    has a `revoked_at`. All times are in UTC.
    """

    id: str
    owner_id: str
    user_id: str | None
    generation: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


def mint(owner_key: int) -> tuple[str, str, bytes]:
    """The id of a new key, its text, and the hash by which the text is known again."""
    key_id = new_id()
    secret = random_text(_SECRET)
    text = f"tk_{owner_key % 2**64:016x}_{key_id}_{secret}"
    return key_id, text, sha256(secret.encode()).digest()


def read_text(text: object) -> tuple[int, str, bytes]:
    """The owner key, the key's id and the hash of a key's text.

    CredentialError (`key_malformed`) for what no key's text can be.
    """
    found = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise CredentialError("key_malformed", "this is not the text of an API key")
    owner, key_id, secret = found.groups()
    signed = int.from_bytes(bytes.fromhex(owner), "big", signed=True)
    return signed, key_id, sha256(secret.encode()).digest()
