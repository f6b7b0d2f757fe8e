"""Grants: signed, short-lived permissions to upload or to see the bytes of one attachment."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from threadkeep.adapters.chatkit.scopes import Scope
from threadkeep.values.errors import ForbiddenError, InvalidError

Purpose = Literal["put", "get"]

LEAST_SECRET: Final = 16
"""How many bytes a secret must have."""

_MOST: Final = 8192


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token permits: something with one attachment of one user, until a time."""

    purpose: Purpose
    scope: Scope
    attachment_id: str
    expires_at: int


class Signer:
    """Makes tokens with HMAC-SHA-256, and reads its own. All workers share one secret."""

    def __init__(self, secret: str | bytes, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret.encode() if isinstance(secret, str) else bytes(secret)
        if len(self._secret) < LEAST_SECRET:
            raise InvalidError("secret", f"must have at least {LEAST_SECRET} bytes")
        self._clock = clock

    def token(self, purpose: Purpose, scope: Scope, attachment_id: str, seconds: float) -> str:
        """A token for a URL: letters, digits, `-`, `_` and one dot."""
        said = {
            "p": purpose,
            "u": scope.user_id,
            "t": scope.tenant_id,
            "a": attachment_id,
            "e": int(self._clock() + seconds),
        }
        body = _text(json.dumps(said, separators=(",", ":")).encode())
        return f"{body}.{_text(self._sign(body))}"

    def read(self, token: str, purpose: Purpose) -> Grant:
        """What a token permits. ForbiddenError, always the same, for one that is no good."""
        known = isinstance(token, str) and len(token) <= _MOST
        body, _, signature = token.partition(".") if known else ("", "", "")
        try:
            genuine = hmac.compare_digest(_bytes(signature), self._sign(body))
            said = json.loads(_bytes(body)) if genuine else {}
        except (binascii.Error, ValueError):
            said = {}
        if said.get("p") != purpose or said["e"] <= self._clock():
            raise ForbiddenError("the token does not permit this, or not any more")
        return Grant(purpose, Scope(said["u"], said["t"]), said["a"], said["e"])

    def _sign(self, body: str) -> bytes:
        return hmac.digest(self._secret, b"threadkeep.chatkit:" + body.encode(), hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
