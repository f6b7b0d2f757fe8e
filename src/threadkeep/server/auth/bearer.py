"""The bearer token of a request, and how it is refused."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from threadkeep.server.problems import Problem

MAX_TOKEN: Final = 16_384
_TOKEN: Final = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a token says of itself. Nobody has vouched for any of it."""

    header: Mapping[str, Any] = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)


def bearer_of(headers: Mapping[str, str]) -> str:
    """The text after Bearer in the one Authorization header.

    Problem 401: `token_missing`, or `token_malformed` where it is given twice, under another scheme
    or as what no token looks like.
    """
    given = values_of(headers, "authorization")
    if not given:
        raise refused("token_missing", "an Authorization header is needed: Bearer and a token")
    scheme, _, text = given[0].partition(" ")
    text = text.strip(" ")
    if len(given) > 1:
        raise refused("token_malformed", "there must be one Authorization header")
    if scheme.lower() != "bearer" or not _TOKEN.fullmatch(text):
        raise refused("token_malformed", "the Authorization header must be: Bearer and a token")
    if len(text) > MAX_TOKEN:
        raise refused("token_malformed", f"a token has at most {MAX_TOKEN} characters")
    return text


def values_of(headers: Mapping[str, str], name: str) -> list[str]:
    """All values of a header, as many as were sent."""
    every = getattr(headers, "getlist", None)
    if every is not None:
        return list(every(name))
    return [headers[name]] if name in headers else []


def refused(code: str, detail: str, **members: Any) -> Problem:
    """A 401 that says why, with the challenge that RFC 6750 asks for."""
    challenge = 'Bearer realm="threadkeep"'
    if code != "token_missing":
        challenge += f', error="invalid_token", error_description="{code}"'
    return Problem(401, code, detail, headers={"WWW-Authenticate": challenge}, **members)


def peek(token: str) -> Claimed:
    """The header and the claims of a token, unverified; `token_malformed` if it is no JWT."""
    segments = token.split(".")
    if len(segments) != 3 or not all(map(_SEGMENT.fullmatch, segments)):
        raise _no_token()
    return Claimed(_object(segments[0]), _object(segments[1]))


def _object(segment: str) -> Mapping[str, Any]:
    try:
        # orjson refuses what would exhaust another reader: a thousand levels, NaN, lone surrogates.
        found = orjson.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (Error, ValueError):
        raise _no_token() from None
    if not isinstance(found, dict):
        raise _no_token()
    return found


def _no_token() -> Problem:
    return refused("token_malformed", "this is not a JSON Web Token")
