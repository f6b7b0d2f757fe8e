"""JSON Web Tokens of others: by which keys, and for whom."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any, cast

import jwt
import pytest
from auth_kit import AUDIENCE, ISSUER, KeyServer, claims, jwk, key_server, pem, token
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep.server.auth import Anonymous, Auth, JwtAuth, OwnTokens, jwks
from threadkeep.server.principal import Principal
from threadkeep.server.problems import Problem
from threadkeep.store import AsyncStore
from threadkeep.values.errors import InvalidError

SHARED = "a secret that the backend of the app has as well"
KNOWN: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE}
# A token is looked at without the store.
NO_STORE = cast("AsyncStore", None)


class Clock:
    """The time by which key sets age, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(jwks, "time", moved)
    return moved


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with key_server() as served:
        yield served


async def principal(auth: Any, text: str, **headers: str) -> Principal:
    found: Principal = await auth.principal(
        {"authorization": f"Bearer {text}", **headers}, NO_STORE
    )
    return found


async def code(auth: Any, text: str) -> str:
    """The code of the refusal."""
    with pytest.raises(Problem) as caught:
        await principal(auth, text)
    return caught.value.code


def hs256(algorithm: str = "HS256", secret: str = SHARED, **changed: Any) -> str:
    return jwt.encode(claims(**changed), secret, algorithm)


@pytest.mark.parametrize(
    ("given", "name", "algorithm"),
    [
        ({"public_key": pem("rsa-1")}, "rsa-1", "RS256"),
        ({"public_key": pem("rsa-1"), "algorithms": ["PS512"]}, "rsa-1", "PS512"),
        ({"public_key": pem("ec-1").decode()}, "ec-1", "ES256"),
        ({"public_key": pem("p384-1")}, "p384-1", "ES384"),
        ({"public_key": pem("ed25519-1")}, "ed25519-1", "EdDSA"),
        ({"jwks": {"keys": [jwk("ec-1"), jwk("rsa-1", alg="RS256")]}}, "rsa-1", "RS256"),
        ({"jwks": {"keys": [jwk("ed25519-1")]}, "algorithms": ["EdDSA"]}, "ed25519-1", "EdDSA"),
    ],
)
async def test_a_token_of_a_known_key_is_its_subject(
    given: dict[str, Any], name: str, algorithm: str
) -> None:
    """Every kind of key lets in by its own algorithm, and by no other one. [I5]"""
    auth = JwtAuth(**given, **KNOWN)
    value = token(name, algorithm=algorithm)
    assert await principal(auth, value) == Principal("jwt", "acme", "ann")
    other, its = ("ec-1", "ES256") if algorithm != "ES256" else ("rsa-1", "RS256")
    wrong = token(other, algorithm=its, headers={"kid": name})
    assert await code(auth, wrong) == "token_algorithm"
    confused = jwt.encode(claims(), SHARED, "HS256", {"kid": name})
    assert await code(auth, confused) == "token_algorithm"


async def test_a_key_id_may_be_left_out_where_one_key_fits() -> None:
    """Without a key id the only key of that algorithm counts; with one, only the key of that id."""
    auth = JwtAuth(jwks={"keys": [jwk("ec-1"), jwk("rsa-1"), jwk("ed25519-1")]}, **KNOWN)
    assert (await principal(auth, token("ec-1", algorithm="ES256", headers={"kid": None}))).user_id
    assert await code(auth, token("rsa-1", headers={"kid": "rsa-9"})) == "token_key_unknown"
    unnamed = JwtAuth(jwks={"keys": [{**jwk("rsa-1"), "kid": None}]}, **KNOWN)
    assert (await principal(unnamed, token(headers={"kid": None}))).user_id
    assert await code(unnamed, token()) == "token_key_unknown"


async def test_a_shared_secret_signs_by_hmac_only() -> None:
    """With a secret no public key is ever looked for, and HS256 is not HS512. [I5]"""
    auth = JwtAuth(secret=SHARED, **KNOWN)
    assert (await principal(auth, hs256())).owner_id == "acme"
    assert await code(auth, token("rsa-1")) == "token_algorithm"
    assert await code(auth, hs256("HS512", SHARED * 2)) == "token_algorithm"
    assert await code(auth, hs256(secret=SHARED + "!")) == "token_signature"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"secret": SHARED, "public_key": pem("rsa-1")},
        {"secret": "x" * 31},
        {"secret": "x" * 32, "algorithms": ["HS512"]},
        {"secret": pem("rsa-1")},
        {"secret": SHARED, "algorithms": ["RS256"]},
        {"secret": SHARED, "algorithms": ["none"]},
        {"secret": SHARED, "algorithms": []},
        {"public_key": pem("rsa-1"), "algorithms": ["HS256"]},
        {"public_key": pem("rsa-1"), "algorithms": ["RS256", "HS256"]},
        {"public_key": pem("rsa-1"), "algorithms": ["ES256"]},
        {"public_key": pem("p384-1"), "algorithms": ["ES256"]},
        {"public_key": "no key"},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "1"}]}},
        {"jwks": {"keys": [{"kty": "RSA", "n": 5}, {"kty": "EC"}, 7, None]}},
        {"jwks": {"keys": [jwk("rsa-1", use="enc")]}},
        {"jwks": {"keys": [jwk("rsa-1", alg="RSA-OAEP")]}},
        {"jwks": {"keys": [{**jwk("rsa-1"), "d": "AQ"}]}},
        {"jwks": {"keys": [jwk("rsa-1", key_ops=["sign"]), jwk("rsa-1", key_ops=5)]}},
        {"jwks": {"keys": [jwk("rsa-1", alg=["RS256"]), {**jwk("ec-1"), "crv": "P-999"}]}},
        {"jwks": {"keys": [jwk("rsa-1")]}, "algorithms": ["HS256"]},
        {"jwks": {"keys": [jwk("rsa-1")]}, "algorithms": ["ES256"]},
        {"jwks_url": "http://keys.example.org/"},
        {"jwks_url": "ftp://127.0.0.1/"},
        {"jwks_url": "https://user:word@keys.example.org/"},
        {"jwks_url": "https://keys.example.org/", "algorithms": ["HS256"]},
        {"secret": SHARED, "issuer": ""},
        {"secret": SHARED, "audience": []},
    ],
)
def test_what_is_not_safe_cannot_be_configured(given: dict[str, Any]) -> None:
    """Weak secrets, keys for other uses, and keys with algorithms of other keys are refused."""
    with pytest.raises(InvalidError) as caught:
        JwtAuth(**given)
    assert SHARED not in str(caught.value)


async def test_claims_say_for_whom_and_what() -> None:
    """Owner, user and scopes come from the claims that the configuration names. [I5]"""

    async def found(said: dict[str, Any], **given: Any) -> tuple[str, str | None, list[str]]:
        auth = JwtAuth(secret=SHARED, **KNOWN, **given)
        who = await principal(auth, hs256(**said))
        return who.owner_id, who.user_id, sorted(who.scopes)

    rw = ["read", "write"]
    assert await found({"org": "o"}, owner_claim="org") == ("o", "ann", rw)
    assert await found({}, owner_claim="sub", user_claim=None) == ("ann", None, rw)
    assert await found({"scope": "admin openid"}) == ("acme", "ann", rw)
    scoped: dict[str, Any] = {"scope_claim": "scope"}
    assert await found({"scope": "openid read"}, **scoped) == ("acme", "ann", ["read"])
    assert await found({"scope": ["write", "admin"]}, **scoped) == ("acme", "ann", ["write"])
    assert await found({}, **scoped) == ("acme", "ann", [])
    assert await found({"scope": "admin"}, **scoped, admin=True) == ("acme", "ann", ["admin"])
    auth = JwtAuth(secret=SHARED, **KNOWN, **scoped)
    assert await code(auth, hs256(scope=[7])) == "claim_invalid"
    assert await code(auth, hs256(scope={"read": True})) == "claim_invalid"


async def test_audience_and_issuer_are_compared_whole() -> None:
    """One of several is enough, part of one is not; an audience that nobody expects is refused."""
    several = JwtAuth(secret=SHARED, issuer=["a", ISSUER], audience=["b", AUDIENCE])
    assert (await principal(several, hs256(aud=["x", AUDIENCE]))).owner_id == "acme"
    assert await code(several, hs256(aud=AUDIENCE[:-1])) == "token_audience"
    assert await code(several, hs256(iss=ISSUER[:-1])) == "token_issuer"
    none = JwtAuth(secret=SHARED)
    assert (await principal(none, hs256(aud=None, iss=None))).owner_id == "acme"
    assert await code(none, hs256()) == "token_audience"


async def test_clocks_may_differ_by_the_leeway() -> None:
    """A token just past its end, or not yet begun, is good within the leeway only."""
    now = int(time.time())
    auth = JwtAuth(secret=SHARED, **KNOWN, leeway=30)
    for name, value in (("exp", now - 20), ("nbf", now + 20), ("iat", now + 20)):
        said: dict[str, Any] = {name: value}
        assert (await principal(auth, hs256(**said))).owner_id == "acme"
    assert await code(auth, hs256(exp=now - 40)) == "token_expired"
    assert await code(auth, hs256(nbf=now + 40)) == "token_not_yet_valid"
    assert await code(auth, hs256(iat=now + 40)) == "token_issued_in_future"


async def test_the_issuer_chooses_who_looks_at_a_token() -> None:
    """What a token says of its issuer decides which key it must be of, and nothing else. [I5]"""
    own = OwnTokens(SHARED)
    auth = Auth(jwt=JwtAuth(secret=SHARED, **KNOWN), anonymous=Anonymous(own))
    assert await principal(auth, own.access("w", "u")) == Principal(
        "jwt", "w", "u", claims={"project_id": "threadkeep"}
    )
    assert (await principal(auth, hs256())).owner_id == "acme"
    # Even with the same secret, and the name of the other issuer.
    assert await code(auth, hs256(iss="threadkeep")) == "token_signature"
    visitors = Auth(anonymous=Anonymous(own))
    assert await code(visitors, hs256()) == "token_issuer"
    assert await code(visitors, "tk_x") == "key_not_accepted"
    with pytest.raises(InvalidError):
        Auth(jwt=JwtAuth(secret=SHARED, issuer="threadkeep"), tokens=own)
    with pytest.raises(InvalidError):
        Auth()
    with pytest.raises(InvalidError):
        OwnTokens("x" * 31)
    for lifetime in (59, float("nan"), float("inf")):
        with pytest.raises(InvalidError):
            Anonymous(own, lifetime=lifetime)


GOOD = hs256()


@given(st.integers(0, len(GOOD) - 1), st.sampled_from("Aa0_-.=%{"))
@settings(max_examples=150, deadline=None)
def test_one_changed_character_spoils_a_token(place: int, character: str) -> None:
    """Whatever is changed in a good token, it is refused."""
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    if changed != GOOD:
        auth = JwtAuth(secret=SHARED, **KNOWN)
        assert asyncio.run(code(auth, changed)).startswith("token_")


@given(st.text(st.characters(max_codepoint=0x17F), max_size=80), st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_comes_as_a_token_is_told_as_a_refusal(text: str, dotted: bool) -> None:
    """No text gets past, and none is a defect."""
    value = f"{GOOD.partition('.')[0]}.{text}.{GOOD.rpartition('.')[2]}" if dotted else text
    auth = Auth(jwt=JwtAuth(secret=SHARED, **KNOWN), tokens=OwnTokens(SHARED))
    assert asyncio.run(code(auth, value)).startswith("token_")


async def test_published_keys_are_fetched_once_for_all(keys: KeyServer) -> None:
    """Twenty at once wait for one answer; whoever goes away takes nothing with it. [I5]"""
    auth = JwtAuth(jwks_url=keys.url, **KNOWN)
    first = asyncio.create_task(principal(auth, token()))
    await asyncio.sleep(0)
    first.cancel()
    found = await asyncio.gather(*(principal(auth, token()) for _ in range(20)))
    assert {who.owner_id for who in found} == {"acme"}
    assert len(keys.asked) == 1


async def test_a_new_key_is_found_and_an_unknown_one_is_not_looked_for_again(
    keys: KeyServer, clock: Clock
) -> None:
    """A key id that is not there is asked for again, but not before the cooldown is over. [I5]"""
    auth = JwtAuth(jwks_url=keys.url, **KNOWN)
    assert (await principal(auth, token())).owner_id == "acme"
    keys.names += ("rsa-3",)
    clock.now += 29
    for _ in range(5):
        assert await code(auth, token("rsa-3")) == "token_key_unknown"
    assert len(keys.asked) == 1
    clock.now += 2
    assert (await principal(auth, token("rsa-3"))).owner_id == "acme"
    for _ in range(5):
        assert await code(auth, token("rsa-9")) == "token_key_unknown"
    assert len(keys.asked) == 2


async def test_old_keys_go_when_they_are_no_longer_published(keys: KeyServer, clock: Clock) -> None:
    """After an hour the keys are what is published then; while nothing is, a day longer. [I5]"""
    auth = JwtAuth(jwks_url=keys.url, **KNOWN)
    assert (await principal(auth, token())).owner_id == "acme"
    keys.answer = lambda request: request.send_error(500)
    clock.now += 3601
    assert (await principal(auth, token())).owner_id == "acme"
    assert await code(auth, token("rsa-9")) == "keys_unavailable"
    clock.now += 86_400
    assert await code(auth, token()) == "keys_unavailable"
    keys.answer, keys.names = None, ("rsa-2",)
    clock.now += 6
    assert (await principal(auth, token("rsa-2"))).owner_id == "acme"
    assert await code(auth, token()) == "token_key_unknown"


async def test_who_has_keys_does_not_wait_for_new_ones_in_vain(
    keys: KeyServer, clock: Clock
) -> None:
    """Once an attempt has failed, further ones go on beside the calls, until one has keys. [I5]"""
    auth = JwtAuth(jwks_url=keys.url, **KNOWN)
    assert (await principal(auth, token())).owner_id == "acme"
    keys.answer = lambda request: request.send_error(500)
    clock.now += 3601
    assert (await principal(auth, token())).owner_id == "acme"
    goes_on = threading.Event()

    def hang(request: BaseHTTPRequestHandler) -> None:
        goes_on.wait(60)
        keys.answer = None
        keys.handle(request)

    keys.answer, keys.names = hang, ("rsa-1", "rsa-3")
    clock.now += 6
    try:
        for _ in range(3):
            found = await asyncio.wait_for(principal(auth, token()), 2)
            assert found.owner_id == "acme"
    finally:
        goes_on.set()
    # Whoever needs the new keys waits for them.
    assert (await principal(auth, token("rsa-3"))).owner_id == "acme"


def _redirect(request: BaseHTTPRequestHandler, keys: KeyServer) -> None:
    """The key set, and a place to go to."""
    request.send_response(302)
    request.send_header("Location", "/elsewhere")
    request.end_headers()
    request.wfile.write(keys.document())


def _large(request: BaseHTTPRequestHandler, keys: KeyServer) -> None:
    """The key set after much space, which is good JSON."""
    request.send_response(200)
    request.end_headers()
    with suppress(OSError):
        request.wfile.write(b" " * 300_000 + keys.document())


def _slow(request: BaseHTTPRequestHandler, keys: KeyServer) -> None:
    """The key set after a while, drop by drop, so that no single wait is long."""
    request.send_response(200)
    request.end_headers()
    with suppress(OSError):
        for _ in range(40):
            request.wfile.write(b" ")
            time.sleep(0.05)
        request.wfile.write(keys.document())


def _no_json(request: BaseHTTPRequestHandler, keys: KeyServer) -> None:
    request.send_response(200)
    request.end_headers()
    request.wfile.write(b"[[" * 50_000)


def _secrets(request: BaseHTTPRequestHandler, keys: KeyServer) -> None:
    """A set of what is no public key."""
    request.send_response(200)
    request.end_headers()
    request.wfile.write(b'{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"rsa-1"}]}')


@pytest.mark.parametrize("answer", [_redirect, _large, _slow, _no_json, _secrets])
async def test_an_answer_that_is_no_key_set_is_our_trouble(
    answer: Callable[[BaseHTTPRequestHandler, KeyServer], None], keys: KeyServer
) -> None:
    """Nobody is let in and nobody is told to be wrong: 503, soon, without a second request."""
    keys.answer = lambda request: answer(request, keys)
    auth = JwtAuth(jwks_url=keys.url, **KNOWN, jwks_timeout=1.0)
    for _ in range(3):
        with pytest.raises(Problem) as caught:
            await principal(auth, token())
        assert (caught.value.status, caught.value.code) == (503, "keys_unavailable")
        assert caught.value.headers["Retry-After"] == "5"
    assert len(keys.asked) == 1


def test_secrets_show_nowhere() -> None:
    """What holds a secret or a key does not show it."""
    own = OwnTokens(SHARED)
    holders: list[Any] = [own, JwtAuth(secret=SHARED), Auth(tokens=own), Anonymous(own)]
    for holder in holders:
        assert SHARED[:12] not in repr(holder)
        for name in type(holder).__slots__:
            assert SHARED[:12] not in repr(getattr(holder, name))
