"""What tokens are verified with: a secret, or public keys, each bound to its own algorithms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from threadkeep.server.auth.bearer import refused
from threadkeep.server.problems import Problem
from threadkeep.values.errors import InvalidError

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

# RFC 7518 section 3.2: the secret has at least as many bytes as the hash.
_HMAC: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
# Weaker keys are not safe, and longer ones cost whoever verifies with them too much.
_RSA_BITS: Final = range(2048, 16_384 + 1)
_MAX_KEYS: Final = 100


@dataclass(frozen=True, slots=True)
class Key:
    """A key and the algorithms that it may be used with. No other is ever tried with it."""

    kid: str | None
    algorithms: frozenset[str]
    value: bytes | PublicKey = field(repr=False)


class Keys(Protocol):
    """Where the keys for a token come from."""

    async def of(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        """The keys that may have signed such a token.

        Problem 401 (`token_key_unknown`, `token_algorithm`) where there is none.
        """
        ...


@dataclass(frozen=True, slots=True)
class OneKey:
    """One key that is fixed: what a token says of key ids does not matter."""

    key: Key

    async def of(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:  # noqa: ARG002
        """The key, if it goes with the algorithm."""
        if algorithm not in self.key.algorithms:
            raise wrong_algorithm()
        return (self.key,)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of a JSON Web Key Set (RFC 7517)."""

    keys: tuple[Key, ...]

    async def of(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        """The keys of this id; without one, the only key that goes with the algorithm."""
        found = self.find(kid, algorithm)
        if not found:
            raise unknown_key()
        return found

    def find(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        """The same, and none where there is none."""
        named = [key for key in self.keys if kid is None or key.kid == kid]
        found = tuple(key for key in named if algorithm in key.algorithms)
        if named and not found:
            raise wrong_algorithm()
        return found if kid is not None or len(found) == 1 else ()


def secret_bytes(secret: str | bytes, field: str = "secret", least: int = 32) -> bytes:
    """A secret as bytes; InvalidError if it is too short, or the text of a key file."""
    value = secret.encode() if isinstance(secret, str) else secret
    if len(value) < least:
        raise InvalidError(field, f"must have at least {least} bytes")
    if value.lstrip().startswith((b"-----BEGIN", b"ssh-", b"ecdsa-")):
        raise InvalidError(field, "must be a secret, not a key file")
    return value


def key_of_secret(secret: str | bytes, algorithms: Iterable[str]) -> Key:
    """A secret for HMAC, which goes with HS algorithms only."""
    chosen = _chosen(algorithms, frozenset(_HMAC))
    return Key(None, chosen, secret_bytes(secret, least=max(_HMAC[name] for name in chosen)))


def key_of_pem(pem: str | bytes, algorithms: Iterable[str] | None) -> Key:
    """A public key in PEM, which goes with the algorithms of its kind only."""
    try:
        value = load_pem_public_key(pem.encode() if isinstance(pem, str) else pem)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidError("public_key", "must be a public key in PEM") from None
    fitting = _fitting(value)
    if fitting is None or not isinstance(value, PublicKey):
        raise InvalidError("public_key", "must be RSA of 2048 bits or more, EC or Ed25519")
    default = {"RS256"} if isinstance(value, RSAPublicKey) else fitting
    return Key(None, _chosen(default if algorithms is None else algorithms, fitting), value)


def key_set(document: object, algorithms: Iterable[str]) -> KeySet:
    """The keys of a JWKS document that can sign with one of these algorithms.

    Secrets, private keys, keys for encryption and those that nobody can read are left out.
    ValueError where that leaves none.
    """
    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or len(listed) > _MAX_KEYS:
        raise ValueError("this is no JSON Web Key Set, or too large a one")
    allowed = frozenset(algorithms)
    found = (_key_of_jwk(jwk, allowed) for jwk in listed)
    keys = tuple(key for key in found if key is not None)
    if not keys:
        raise ValueError("there is no key for signatures in the set")
    return KeySet(keys)


def public_algorithms(algorithms: Iterable[str]) -> frozenset[str]:
    """The names, if all of them are of signatures by a private key."""
    return _chosen(algorithms, _RSA | frozenset(_CURVES.values()) | {"EdDSA"})


def unknown_key() -> Problem:
    """401: no key of this id."""
    return refused("token_key_unknown", "no key is known by which this token could be signed")


def wrong_algorithm() -> Problem:
    """401: another algorithm than the configured ones."""
    return refused("token_algorithm", "the algorithm of this token is not accepted")


def _key_of_jwk(jwk: object, allowed: frozenset[str]) -> Key | None:
    if not isinstance(jwk, dict) or jwk.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list):
        return None
    kid, only = jwk.get("kid"), jwk.get("alg")
    try:
        bare: dict[str, Any] = {name: value for name, value in jwk.items() if name != "alg"}
        value = jwt.PyJWK(bare).key
    except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError, AttributeError):
        return None
    fitting = _fitting(value)
    if fitting is None or "verify" not in operations or not isinstance(kid, str | None):
        return None
    usable = frozenset(name for name in fitting & allowed if only in (None, name))
    return Key(kid, usable, value) if usable else None


def _fitting(value: object) -> frozenset[str] | None:
    """The algorithms of a public key's kind; None for kinds that are not taken."""
    match value:
        case RSAPublicKey() if value.key_size in _RSA_BITS:
            return _RSA
        case EllipticCurvePublicKey() if value.curve.name in _CURVES:
            return frozenset({_CURVES[value.curve.name]})
        case Ed25519PublicKey() | Ed448PublicKey():
            return frozenset({"EdDSA"})
        case _:
            return None


def _chosen(algorithms: Iterable[str], fitting: frozenset[str]) -> frozenset[str]:
    chosen = frozenset(algorithms)
    if not chosen or not chosen <= fitting:
        raise InvalidError("algorithms", f"must be some of {', '.join(sorted(fitting))}")
    return chosen
