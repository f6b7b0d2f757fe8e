"""JSON Web Tokens of an identity provider, or of an app's own backend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from threadkeep.server.auth.bearer import bearer_of
from threadkeep.server.auth.jwks import PublishedKeys
from threadkeep.server.auth.material import (
    Key,
    Keys,
    OneKey,
    key_of_pem,
    key_of_secret,
    key_set,
    public_algorithms,
)
from threadkeep.server.auth.naming import acting
from threadkeep.server.auth.verifying import Expected, id_claim, invalid, verified
from threadkeep.server.principal import ADMIN, READ, WRITE, Principal
from threadkeep.store import AsyncStore
from threadkeep.values.errors import InvalidError


class JwtAuth:
    """Callers bring a JSON Web Token (RFC 7519) that somebody else has signed.

    Exactly one of `secret` (HMAC, at least 32 bytes), `public_key` (PEM), `jwks_url` (https, or
    http on loopback) and `jwks` (the document itself) says by which keys. `algorithms` must go with
    the kind of key; by default HS256, RS256 or the one of the curve, and RS256 and ES256 for key
    sets. The algorithm that a token names is accepted if it is among them, and each key is used
    with algorithms of its own kind only.

    `exp` must be there. `issuer` and `audience`, one or several, must match where they are given;
    a token that names an audience is refused where none is given. `owner_claim` says whose threads
    they are; `user_claim` whom inside that owner, nobody in particular where it is None.
    `scope_claim` names a claim of scopes, a list or words between spaces: without it every token
    may read and write, with it a token may do what it says. The scope `admin` counts only with
    `admin`. `leeway` is in seconds.
    """

    __slots__ = ("_admin", "_expected", "_keys", "_owner_claim", "_scope_claim", "_user_claim")

    def __init__(
        self,
        *,
        secret: str | bytes | None = None,
        public_key: str | bytes | None = None,
        jwks_url: str | None = None,
        jwks: Mapping[str, Any] | None = None,
        algorithms: Iterable[str] | None = None,
        issuer: str | Iterable[str] | None = None,
        audience: str | Iterable[str] | None = None,
        leeway: float = 10.0,
        owner_claim: str = "workspace_id",
        user_claim: str | None = "sub",
        scope_claim: str | None = None,
        admin: bool = False,
        jwks_lifetime: float = 3600.0,
        jwks_cooldown: float = 30.0,
        jwks_timeout: float = 5.0,
    ) -> None:
        given = [value for value in (secret, public_key, jwks_url, jwks) if value is not None]
        if len(given) != 1:
            raise InvalidError("keys", "must be one of secret, public_key, jwks_url and jwks")
        names = None if algorithms is None else tuple(algorithms)
        if jwks_url is not None:
            chosen = public_algorithms(names or ("RS256", "ES256"))
            self._keys: Keys = PublishedKeys(
                jwks_url,
                chosen,
                lifetime=jwks_lifetime,
                cooldown=jwks_cooldown,
                timeout=jwks_timeout,
            )
        elif jwks is not None:
            chosen = public_algorithms(names or ("RS256", "ES256"))
            self._keys = _set_of(jwks, chosen)
        else:
            key = _key_of(secret, public_key, names)
            chosen = key.algorithms
            self._keys = OneKey(key)
        self._expected = Expected(
            chosen, _several("issuer", issuer), _several("audience", audience), leeway
        )
        self._owner_claim = owner_claim
        self._user_claim = user_claim
        self._scope_claim = scope_claim
        self._admin = admin

    @property
    def open(self) -> bool:
        """No."""
        return False

    @property
    def issuers(self) -> tuple[str, ...]:
        """The issuers that are expected, none where any is accepted."""
        return self._expected.issuers or ()

    async def principal(self, headers: Mapping[str, str], store: AsyncStore) -> Principal:  # noqa: ARG002
        """Whom the token of these headers speaks for."""
        claims = await verified(bearer_of(headers), self._keys, self._expected)
        owner_id = id_claim(claims, self._owner_claim)
        user_id = None if self._user_claim is None else id_claim(claims, self._user_claim)
        project = claims.get("project_id")
        repeated = {"project_id": project} if isinstance(project, str) else {}
        principal = Principal("jwt", owner_id, user_id, self._scopes(claims), claims=repeated)
        return acting(principal, headers)

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[str]:
        if self._scope_claim is None:
            return frozenset({READ, WRITE})
        said = claims.get(self._scope_claim, ())
        words = said.split() if isinstance(said, str) else said
        if not isinstance(words, list | tuple) or not all(isinstance(w, str) for w in words):
            raise invalid(self._scope_claim, "must be words between spaces, or a list of them")
        return frozenset(words) & ({READ, WRITE, ADMIN} if self._admin else {READ, WRITE})


def _set_of(jwks: Mapping[str, Any], algorithms: frozenset[str]) -> Keys:
    try:
        return key_set(jwks, algorithms)
    except ValueError:
        raise InvalidError("jwks", "must have a key for signatures of these algorithms") from None


def _key_of(
    secret: str | bytes | None, pem: str | bytes | None, names: tuple[str, ...] | None
) -> Key:
    if secret is not None:
        return key_of_secret(secret, ("HS256",) if names is None else names)
    return key_of_pem(pem or b"", names)


def _several(field: str, given: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """One or several as several; an empty one would let everything through or nothing."""
    if given is None:
        return None
    several = (given,) if isinstance(given, str) else tuple(given)
    if not several or not all(several):
        raise InvalidError(field, "must not be empty")
    return several
