"""Tokens that the server itself signs: short ones for access, and those that renew them."""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt

from threadkeep.server.auth.bearer import bearer_of, peek, refused
from threadkeep.server.auth.material import Key, OneKey, secret_bytes
from threadkeep.server.auth.naming import acting
from threadkeep.server.auth.verifying import Expected, id_claim, invalid, verified
from threadkeep.server.principal import READ, WRITE, Kind, Principal
from threadkeep.server.problems import Problem
from threadkeep.store import AsyncStore
from threadkeep.values.credentials import RefreshToken
from threadkeep.values.errors import InvalidError

_HS256: Final = frozenset({"HS256"})
_ACCESS: Final = "JWT"
_REFRESH: Final = "refresh+jwt"
# Clocks of several servers differ: a token is good a little before it was made.
_SKEW: Final = 10


def derived(secret: str | bytes, purpose: str) -> bytes:
    """A key for one purpose alone: what is signed with it means nothing for any other."""
    return hmac.digest(secret_bytes(secret), f"threadkeep {purpose}".encode(), "sha256")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a refresh token says: a line of some owner's and user's, and its generation."""

    owner_id: str
    user_id: str
    token_id: str
    generation: int


class OwnTokens:
    """Tokens signed by the server's secret (HS256, at least 32 bytes).

    All workers and restarts must have the same secret. Access tokens are good for `lifetime`
    seconds; refresh tokens are of another type and signed by another key, so that neither passes
    for the other. `issuer` tells them from other tokens, and `project` is the project_id that they
    name.
    """

    __slots__ = ("_access", "_expected", "_lifetime", "_refresh", "issuer", "project")

    def __init__(
        self,
        secret: str | bytes,
        *,
        issuer: str = "threadkeep",
        project: str = "threadkeep",
        lifetime: int = 300,
    ) -> None:
        if not issuer or not project:
            raise InvalidError("issuer" if not issuer else "project", "must not be empty")
        if lifetime < 60:
            # The npm client renews 30 seconds before the end: with less it would do so each time.
            raise InvalidError("lifetime", "must be at least 60 seconds")
        self.issuer = issuer
        self.project = project
        self._lifetime = lifetime
        self._access = derived(secret, "access token")
        self._refresh = derived(secret, "refresh token")
        self._expected = Expected(_HS256, (issuer,), leeway=_SKEW)

    @property
    def open(self) -> bool:
        """No."""
        return False

    def access(
        self,
        owner_id: str,
        user_id: str | None,
        *,
        scopes: Iterable[str] = (READ, WRITE),
        anonymous: bool = False,
    ) -> str:
        """A token that acts for this owner and user. It never carries the scope `admin`."""
        claims: dict[str, Any] = {
            "workspace_id": owner_id,
            "scope": " ".join(sorted({READ, WRITE} & set(scopes))),
        }
        if user_id is not None:
            claims["sub"] = user_id
        if anonymous:
            claims["anonymous"] = True
        return self._signed(claims, self._access, _ACCESS, int(time.time()) + self._lifetime)

    def refresh(self, line: RefreshToken) -> str:
        """The refresh token of a line's newest generation."""
        claims = {
            "sub": line.user_id,
            "workspace_id": line.owner_id,
            "jti": line.id,
            "generation": line.generation,
        }
        return self._signed(claims, self._refresh, _REFRESH, int(line.expires_at.timestamp()))

    async def principal(self, headers: Mapping[str, str], store: AsyncStore) -> Principal:  # noqa: ARG002
        """Whom the access token of these headers speaks for."""
        claims = await self._read(bearer_of(headers), self._access, _ACCESS)
        user_id = id_claim(claims, "sub") if "sub" in claims else None
        scopes = frozenset(str(claims.get("scope", "")).split()) & {READ, WRITE}
        kind: Kind = "anonymous" if claims.get("anonymous") is True else "jwt"
        repeated = {"project_id": claims.get("project_id")}
        owner_id = id_claim(claims, "workspace_id")
        return acting(Principal(kind, owner_id, user_id, scopes, claims=repeated), headers)

    async def read_refresh(self, text: str) -> Shown:
        """What a refresh token of ours says; whether its line still stands is in the database.

        Problem 400 (`refresh_malformed`), or 403 with a code of its own for what else is wrong.
        """
        try:
            claims = await self._read(text, self._refresh, _REFRESH)
            generation = claims.get("generation")
            if not isinstance(generation, int) or generation not in range(2**63):
                raise invalid("generation", "must be a number")
            owner_id, user_id = id_claim(claims, "workspace_id"), id_claim(claims, "sub")
            return Shown(owner_id, user_id, id_claim(claims, "jti"), generation)
        except Problem as problem:
            raise refresh_refused(problem.code.partition("_")[2]) from None

    async def _read(self, token: str, key: bytes, kind: str) -> Mapping[str, Any]:
        if peek(token).header.get("typ") != kind:
            raise refused("token_type", "this token is not for this use")
        return await verified(token, OneKey(Key(None, _HS256, key)), self._expected)

    def _signed(self, claims: Mapping[str, Any], key: bytes, kind: str, until: int) -> str:
        now = int(time.time())
        times = {"iat": now, "nbf": now - _SKEW, "exp": until}
        own = {"iss": self.issuer, "project_id": self.project}
        return jwt.encode({**own, **claims, **times}, key, "HS256", {"typ": kind})


def refresh_refused(why: str) -> Problem:
    """What is told of a refresh token that is not good: 400 where it is none, else 403.

    The npm client takes both as the end of the identity, and goes on with a new one.
    """
    why = why if why in _WHY else "malformed"
    return Problem(400 if why == "malformed" else 403, f"refresh_{why}", _WHY[why])


_WHY: Final = {
    "malformed": "this is not a refresh token of this server",
    "type": "this token is not for this use",
    "algorithm": "the algorithm of this refresh token is not accepted",
    "critical": "this refresh token asks for extensions that are not known here",
    "signature": "the signature of this refresh token is not right",
    "issuer": "this refresh token is from another issuer",
    "issued_in_future": "this refresh token was issued in the future",
    "not_yet_valid": "this refresh token is not valid yet",
    "expired": "this refresh token has expired",
    "unknown": "this refresh token is not known",
    "replayed": "this refresh token was used, and so was the one after it",
    "revoked": "this refresh token was revoked",
}
