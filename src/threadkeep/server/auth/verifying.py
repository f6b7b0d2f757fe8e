"""Tokens held against what is expected of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from threadkeep.server.auth.bearer import Claimed, peek, refused
from threadkeep.server.auth.material import Key, Keys, wrong_algorithm
from threadkeep.server.problems import Problem
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must be like. `issuers` and `audiences` are not looked at where they are None.

    A token that names audiences is refused where none is expected: it was meant for somebody else.
    """

    algorithms: frozenset[str]
    issuers: tuple[str, ...] | None = None
    audiences: tuple[str, ...] | None = None
    leeway: float = 0.0


async def verified(token: str, keys: Keys, expected: Expected) -> Mapping[str, Any]:
    """The claims of a token whose signature, times, issuer and audience are right.

    Problem 401 with a code of its own for each thing that is not. What the header says of places to
    find keys at (jku, x5u) or of keys (jwk, x5c) is never looked at.
    """
    claimed = peek(token)
    kid, algorithm = _asked(claimed, expected)
    signed: Problem | None = None
    for key in await keys.of(kid, algorithm):
        try:
            claims = _decoded(token, key, algorithm, expected)
        except jwt.InvalidSignatureError:
            signed = refused("token_signature", "the signature of this token is not right")
        else:
            _check_issued(claims, expected.leeway)
            return claims
    raise signed or wrong_algorithm()


def id_claim(claims: Mapping[str, Any], name: str) -> str:
    """A claim that is an id. Problem 401: `claim_missing`, `claim_invalid`."""
    value = claims.get(name)
    if value is None:
        raise missing(name)
    try:
        return check_id(name, value)
    except InvalidError as error:
        raise invalid(name, error.rule) from None


def missing(claim: str) -> Problem:
    """401: a claim that must be there is not."""
    return refused("claim_missing", f"this token lacks the claim {claim}", claim=claim)


def invalid(claim: str, rule: str) -> Problem:
    """401: a claim that nothing can be made of."""
    return refused("claim_invalid", f"the claim {claim} {rule}", claim=claim, rule=rule)


def _asked(claimed: Claimed, expected: Expected) -> tuple[str | None, str]:
    """The key id and the algorithm of a token, if it is one that can be verified at all."""
    if "crit" in claimed.header or claimed.header.get("b64", True) is not True:
        raise refused("token_critical", "this token asks for extensions that are not known here")
    algorithm, kid = claimed.header.get("alg"), claimed.header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in expected.algorithms:
        raise wrong_algorithm()
    if not isinstance(kid, str | None):
        raise refused("token_malformed", "the key id of this token is no text")
    for claim in ("exp", "nbf", "iat"):
        value = claimed.claims.get(claim, 0)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise invalid(claim, "must be a number")
    return kid, algorithm


def _decoded(token: str, key: Key, algorithm: str, expected: Expected) -> Mapping[str, Any]:
    """The claims, verified; InvalidSignatureError if it is not this key's signature."""
    try:
        return jwt.decode(
            token,
            key.value,
            algorithms=[algorithm],
            audience=expected.audiences,
            issuer=expected.issuers,
            leeway=expected.leeway,
            # iat is looked at here: PyJWT tells its error from that of nbf by words only. jti and
            # sub are checked where they are used.
            options={
                "require": ["exp"],
                "verify_iat": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )
    except jwt.InvalidSignatureError:
        raise
    except jwt.MissingRequiredClaimError as error:
        raise missing(error.claim) from None
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _told(error) from None


def _told(error: Exception) -> Problem:
    match error:
        case jwt.ExpiredSignatureError():
            return refused("token_expired", "this token has expired")
        case jwt.ImmatureSignatureError():
            return refused("token_not_yet_valid", "this token is not valid yet")
        case jwt.InvalidAudienceError():
            return refused("token_audience", "this token is for another audience")
        case jwt.InvalidIssuerError():
            return refused("token_issuer", "this token is from another issuer")
        case jwt.InvalidAlgorithmError():
            return wrong_algorithm()
        case _:
            return refused("token_malformed", "this is not a JSON Web Token")


def _check_issued(claims: Mapping[str, Any], leeway: float) -> None:
    if claims.get("iat", 0) > time.time() + leeway:
        raise refused("token_issued_in_future", "this token was issued in the future")
