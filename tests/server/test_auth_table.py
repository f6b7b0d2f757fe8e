"""Who is refused, and how: each with a code of its own, and nowhere with what was sent."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
from auth_kit import (
    SECRET,
    KeyServer,
    bearer,
    claims,
    client_of,
    everything,
    jwk,
    key_server,
    pem,
    private_key,
    telling_app,
    token,
)

from threadkeep.connecting import connect_async
from threadkeep.server.auth import Anonymous, OwnTokens
from threadkeep.server.auth.own_tokens import derived
from threadkeep.store import AsyncStore
from threadkeep.testing.servers import Database

Headers = dict[str, str] | list[tuple[str, str]]

# One store and one app for all rows of the tables.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def keys() -> Iterator[KeyServer]:
    with key_server() as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(shared_database: Database) -> AsyncIterator[AsyncStore]:
    async with connect_async(shared_database.url, admin_url=shared_database.admin_url) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(store: AsyncStore, keys: KeyServer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(telling_app(store, everything(keys.url))) as opened:
        yield opened


def segment(value: object) -> str:
    """A part of a token."""
    text = value if isinstance(value, str) else json.dumps(value)
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def forged(header: object, payload: object = None, signature: str = "c2lnbmVk") -> str:
    """A token that nobody has signed."""
    return f"{segment(header)}.{segment(claims() if payload is None else payload)}.{signature}"


def by_public_key() -> str:
    """Signed by HMAC with the public key as its secret, as the classic attack does."""
    signing = f"{segment({'alg': 'HS256', 'kid': 'rsa-1'})}.{segment(claims())}"
    made = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = made.sign(signing.encode(), pem("rsa-1"))
    return f"{signing}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


def tampered() -> str:
    """A good token whose claims were changed after it was signed."""
    header, _, signature = token().split(".")
    return f"{header}.{segment(claims(sub='bob'))}.{signature}"


def own(kind: str = "JWT", purpose: str = "access token", **changed: Any) -> str:
    """A token like those of the server, signed by its secret."""
    now = int(time.time())
    said = {
        "iss": "threadkeep",
        "sub": "u",
        "workspace_id": "w",
        "scope": "read write",
        "iat": now,
        "exp": now + 300,
        **changed,
    }
    return jwt.encode(said, derived(SECRET, purpose), "HS256", {"typ": kind})


NOW = int(time.time())
OWN = {"iss": "threadkeep", "sub": "u", "workspace_id": "w", "exp": NOW + 3600}
REFRESH = {"typ": "refresh+jwt"}
DEEP = forged("[" * 9000 + "]" * 9000)
TOKENS: dict[str, tuple[str, Callable[[], str]]] = {
    "no token at all": ("token_malformed", lambda: "nonsense"),
    "two segments": ("token_malformed", lambda: token().rpartition(".")[0]),
    "encrypted": ("token_malformed", lambda: token() + ".e30.e30"),
    "not base64url": ("token_malformed", lambda: "a+b." + token().partition(".")[2]),
    "header no JSON": ("token_malformed", lambda: forged("{")),
    "header no object": ("token_malformed", lambda: forged([])),
    "claims no object": ("token_malformed", lambda: forged({"alg": "RS256"}, [])),
    "claims with half a character": (
        "token_malformed",
        lambda: forged({"alg": "RS256"}, '{"sub":"\\ud800"}'),
    ),
    "number too large": ("token_malformed", lambda: forged({"alg": "RS256"}, '{"exp":1e999}')),
    "nested too deep": ("token_malformed", lambda: DEEP),
    "too long": ("token_malformed", lambda: token(filler="x" * 20_000)),
    "key id a number": ("token_malformed", lambda: forged({"alg": "RS256", "kid": 7})),
    "expired": ("token_expired", lambda: token(exp=NOW - 3600)),
    "not yet valid": ("token_not_yet_valid", lambda: token(nbf=NOW + 3600)),
    "issued in future": ("token_issued_in_future", lambda: token(iat=NOW + 3600)),
    "wrong audience": ("token_audience", lambda: token(aud="others")),
    "wrong audiences": ("token_audience", lambda: token(aud=["others", "more"])),
    "audience a number": ("token_audience", lambda: token(aud=[7])),
    "wrong issuer": ("token_issuer", lambda: token(iss="https://evil.example.org")),
    "issuer a list": ("token_issuer", lambda: forged_issuer()),
    "no audience": ("claim_missing", lambda: token(aud=None)),
    "no issuer": ("claim_missing", lambda: token(iss=None)),
    "no end": ("claim_missing", lambda: token(exp=None)),
    "no owner": ("claim_missing", lambda: token(workspace_id=None)),
    "no user": ("claim_missing", lambda: token(sub=None)),
    "end a text": ("claim_invalid", lambda: token(exp=str(NOW + 60))),
    "end a bool": ("claim_invalid", lambda: token(exp=True)),
    "owner a number": ("claim_invalid", lambda: token(workspace_id=7)),
    "owner empty": ("claim_invalid", lambda: token(workspace_id="")),
    "owner too long": ("claim_invalid", lambda: token(workspace_id="x" * 513)),
    "user with NUL": ("claim_invalid", lambda: token(sub="a\0b")),
    "algorithm none": ("token_algorithm", lambda: forged({"alg": "none"}, signature="")),
    "algorithm None": ("token_algorithm", lambda: forged({"alg": "nOnE"}, signature="")),
    "no algorithm": ("token_algorithm", lambda: forged({"typ": "JWT"})),
    "algorithm a list": ("token_algorithm", lambda: forged({"alg": ["RS256"]})),
    "RS/HS confusion": ("token_algorithm", by_public_key),
    "algorithm not configured": ("token_algorithm", lambda: token(algorithm="RS512")),
    "algorithm of another key": (
        "token_algorithm",
        lambda: token("ec-1", algorithm="ES256", headers={"kid": "rsa-1"}),
    ),
    "changed claims": ("token_signature", tampered),
    "no signature": ("token_signature", lambda: token().rpartition(".")[0] + "."),
    "key of somebody else": ("token_signature", lambda: token("rsa-3", headers={"kid": "rsa-1"})),
    "its own key in the header": (
        "token_signature",
        lambda: token("rsa-3", headers={"kid": "rsa-1", "jwk": jwk("rsa-3")}),
    ),
    "unknown key id": ("token_key_unknown", lambda: token("rsa-3")),
    "no key id among many keys": ("token_key_unknown", lambda: token(headers={"kid": None})),
    "critical extension": ("token_critical", lambda: token(headers={"crit": ["exp"], "exp": 1})),
    "unencoded payload": ("token_critical", lambda: forged({"alg": "RS256", "b64": False})),
    "own, expired": ("token_expired", lambda: own(exp=NOW - 60)),
    "own, of a refresh": ("token_type", lambda: own("refresh+jwt", "refresh token")),
    "own, typed as access": ("token_signature", lambda: own("JWT", "refresh token")),
    "own, of another secret": (
        "token_signature",
        lambda: OwnTokens("another secret, which has 32 bytes too").access("w", "u"),
    ),
    "own, unsigned": ("token_algorithm", lambda: forged({"alg": "none", "typ": "JWT"}, OWN)),
    "own, by a key of the provider": (
        "token_algorithm",
        lambda: jwt.encode(OWN, private_key("rsa-1"), "RS256", {"kid": "rsa-1"}),
    ),
    "own, without owner": ("claim_missing", lambda: own(workspace_id=None)),
    "key cut short": ("key_malformed", lambda: "tk_0123456789abcdef_0"),
}


def forged_issuer() -> str:
    """jwt.encode itself refuses an issuer that is a list."""
    algorithm = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256)
    header = segment({"alg": "RS256", "kid": "rsa-1"})
    signing = f"{header}.{segment(claims(iss=['https://issuer.example.org']))}"
    key: Any = private_key("rsa-1")
    signature = urlsafe_b64encode(algorithm.sign(signing.encode(), key)).decode()
    return f"{signing}.{signature.rstrip('=')}"


class Quiet:
    """Looks that nothing of a value stands in answers and logs."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        # Its records are another list once the test begins.
        self._caplog = caplog

    def check(self, value: str, *responses: httpx.Response) -> None:
        """No piece of the value that is long enough to be it, in any of them."""
        pieces = {
            piece for piece in [value, *value.replace("_", ".").split(".")] if len(piece) > 11
        }
        told = [f"{response.headers} {response.text}" for response in responses]
        assert self._caplog.records
        told += [f"{record.getMessage()} {vars(record)}" for record in self._caplog.records]
        for piece in pieces:
            assert not any(piece in text for text in told)


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Quiet:
    caplog.set_level(logging.DEBUG)
    return Quiet(caplog)


async def both(
    client: httpx.AsyncClient, headers: Headers, status: int, code: str
) -> tuple[httpx.Response, httpx.Response]:
    """The refusal as problem+json, and as the npm client reads it."""
    told = await client.get("/who", headers=headers)
    cloud = await client.post("/v1/auth/tokens", headers=headers)
    assert (told.status_code, told.json()["code"]) == (status, code)
    assert told.json()["status"] == status
    assert told.headers["content-type"] == "application/problem+json"
    assert (cloud.status_code, cloud.json()["error"]) == (status, code)
    assert cloud.json()["message"] == told.json()["detail"]
    for response in (told, cloud):
        challenge = response.headers.get("www-authenticate", "")
        assert challenge.startswith("Bearer ") is (status == 401)
        assert response.headers["cache-control"] == "private, no-store"
    return told, cloud


@pytest.mark.parametrize("case", TOKENS)
async def test_each_bad_token_is_refused_with_its_own_code(
    case: str, client: httpx.AsyncClient, quiet: Quiet
) -> None:
    """A token that is not right is a 401 that says why, and nothing repeats it. [I5]"""
    code, make = TOKENS[case]
    value = make()
    quiet.check(value, *await both(client, bearer(value), 401, code))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "token_missing"),
        ({"Authorization": ""}, "token_malformed"),
        ({"Authorization": "Bearer"}, "token_malformed"),
        ({"Authorization": "Bearer a.b.c d.e.f"}, "token_malformed"),
        ({"Authorization": "Basic dXNlcjpzZWNyZXQtb2YtYS11c2Vy"}, "token_malformed"),
        ([("Authorization", f"Bearer {token()}")] * 2, "token_malformed"),
        ({"Authorization": "Bearer a.b.c, Bearer d.e.f"}, "token_malformed"),
    ],
)
async def test_there_is_one_authorization_header(
    headers: Headers, code: str, client: httpx.AsyncClient
) -> None:
    """None, two, or one under another scheme lets nobody in. [I4 I5]"""
    await both(client, headers, 401, code)


@dataclass
class Made:
    """A credential and the headers that come with it."""

    text: str
    more: dict[str, str] = field(default_factory=dict)


async def _revoked(store: AsyncStore) -> Made:
    chat = store.owner("acme")
    made = await chat.keys.create("ours")
    await chat.keys.revoke(made.key.id)
    return Made(made.text)


async def _expired(store: AsyncStore) -> Made:
    soon = datetime.now(UTC) + timedelta(seconds=0.2)
    made = await store.owner("acme").keys.create("ours", expires_at=soon)
    await asyncio.sleep(0.3)
    return Made(made.text)


async def _rotated(store: AsyncStore) -> Made:
    chat = store.owner("acme")
    made = await chat.keys.create("ours")
    await chat.keys.rotate(made.key.id)
    return Made(made.text)


async def _wrong_secret(store: AsyncStore) -> Made:
    made = await store.owner("acme").keys.create("ours")
    return Made(made.text[:-4] + ("aaaa" if not made.text.endswith("aaaa") else "bbbb"))


async def _with_owner_of_another(store: AsyncStore) -> Made:
    """The secret of one owner's key under another owner's number."""
    made = await store.owner("acme").keys.create("ours")
    other = await store.owner("globex").keys.create("theirs")
    return Made(other.text[:19] + made.text[19:])


async def _naming(store: AsyncStore, **headers: str) -> Made:
    made = await store.owner("acme").keys.create("ours", user="ann")
    return Made(made.text, {name.replace("_", "-"): value for name, value in headers.items()})


KEYS: dict[str, tuple[int, str, Callable[[AsyncStore], Awaitable[Made]]]] = {
    "revoked": (401, "key_revoked", _revoked),
    "expired": (401, "key_expired", _expired),
    "replaced": (401, "key_expired", _rotated),
    "wrong secret": (401, "key_unknown", _wrong_secret),
    "secret of another": (401, "key_unknown", _with_owner_of_another),
    "another owner": (
        403,
        "key_of_another_owner",
        lambda store: _naming(store, Threadkeep_Owner="globex"),
    ),
    "another workspace": (
        403,
        "key_of_another_owner",
        lambda store: _naming(store, Aui_Workspace_Id="globex", Aui_User_Id="ann"),
    ),
    "another user": (
        403,
        "key_of_another_owner",
        lambda store: _naming(store, Aui_Workspace_Id="acme", Aui_User_Id="bob"),
    ),
}


@pytest.mark.parametrize("case", KEYS)
async def test_each_bad_key_is_refused_with_its_own_code(
    case: str, client: httpx.AsyncClient, store: AsyncStore, quiet: Quiet
) -> None:
    """A key that is no longer good, was never one, or is another's opens nothing. [I5]"""
    status, code, make = KEYS[case]
    made = await make(store)
    refused = await both(client, bearer(made.text, **made.more), status, code)
    quiet.check(made.text, *refused)


async def test_a_token_names_nobody_else(client: httpx.AsyncClient) -> None:
    """The headers of somebody with a token may name that one, and nobody else. [I5]"""
    for header, value in {"Threadkeep-Owner": "globex", "Aui-User-Id": "bob"}.items():
        await both(client, bearer(token(), **{header: value}), 403, "token_of_another_owner")
    same = {"Aui-Workspace-Id": "acme", "Threadkeep-User": "ann"}
    told = await client.get("/who", headers=bearer(token(), **same))
    assert told.json() == ["jwt", "acme", "ann", ["read", "write"]]


async def _session(store: AsyncStore) -> str:
    return (await Anonymous(OwnTokens(SECRET)).begin(store)).refresh


async def _replayed(store: AsyncStore) -> str:
    visitors = Anonymous(OwnTokens(SECRET))
    first = await visitors.begin(store)
    second = await visitors.renew(store, first.refresh)
    await visitors.renew(store, second.refresh)
    return first.refresh


async def _ended(store: AsyncStore) -> str:
    refresh = await _session(store)
    said = jwt.decode(refresh, options={"verify_signature": False})
    lines = store.owner(said["workspace_id"], user=said["sub"]).refresh_tokens
    assert await lines.revoke(said["jti"])
    return refresh


async def _account(store: AsyncStore) -> str:
    """A line that an app has begun for somebody with an account, signed as those of visitors."""
    chat = store.owner("globex", user="bob")
    await store.owner("globex", user="eve").threads.create()
    return OwnTokens(SECRET).refresh(await chat.refresh_tokens.create(lifetime=600))


async def _made_up(**changed: Any) -> str:
    now = int(time.time())
    said = {"workspace_id": "anon_w", "jti": "x", "generation": 0, "exp": now + 60, **changed}
    return own("refresh+jwt", "refresh token", **said)


async def _access(store: AsyncStore) -> str:
    return (await Anonymous(OwnTokens(SECRET)).begin(store)).access


async def _other_secret(store: AsyncStore) -> str:
    other = Anonymous(OwnTokens("another secret, which has 32 bytes too"))
    return (await other.begin(store)).refresh


async def _text(text: str) -> str:
    return text


REFRESHES: dict[str, tuple[int, str, Callable[[AsyncStore], Awaitable[str]]]] = {
    "replayed": (403, "refresh_replayed", _replayed),
    "revoked": (403, "refresh_revoked", _ended),
    "unknown": (403, "refresh_unknown", lambda _: _made_up()),
    "of an account": (403, "refresh_unknown", _account),
    "expired": (403, "refresh_expired", lambda _: _made_up(exp=NOW - 60)),
    "of another issuer": (403, "refresh_issuer", lambda _: _made_up(iss="others")),
    "an access token": (403, "refresh_type", _access),
    "of another secret": (403, "refresh_signature", _other_secret),
    "of a provider": (403, "refresh_type", lambda _: _text(token())),
    "without a line": (400, "refresh_malformed", lambda _: _made_up(jti=None)),
    "generation a text": (400, "refresh_malformed", lambda _: _made_up(generation="0")),
    "generation below 0": (400, "refresh_malformed", lambda _: _made_up(generation=-1)),
    "none": (400, "refresh_malformed", lambda _: _text("something-else-altogether")),
    "unsigned": (403, "refresh_algorithm", lambda _: _text(forged({"alg": "none", **REFRESH}))),
}


@pytest.mark.parametrize("case", REFRESHES)
async def test_each_bad_refresh_token_is_refused_with_its_own_code(
    case: str, client: httpx.AsyncClient, store: AsyncStore, quiet: Quiet
) -> None:
    """Neither a new session nor anybody's threads are had for it. [I5]"""
    status, code, make = REFRESHES[case]
    value = await make(store)
    body = {"refresh_token": value}
    renewed = await client.post("/v1/auth/tokens/refresh", json=body)
    claimed = await client.post("/v1/threads/claim", json=body, headers=bearer(token()))
    for response in (renewed, claimed):
        assert (response.status_code, response.json()["error"]) == (status, code)
        assert response.json()["message"]
    quiet.check(value, renewed, claimed)


async def test_keys_named_by_a_token_are_never_fetched(
    client: httpx.AsyncClient, keys: KeyServer
) -> None:
    """What a header says of a place to find keys at is not followed. [I5]"""
    with key_server() as evil:
        evil.names = ("rsa-3",)
        headers = {"kid": "rsa-1", "jku": evil.url, "x5u": evil.url}
        value = token("rsa-3", headers=headers)
        await both(client, bearer(value), 401, "token_signature")
        assert (await client.get("/who", headers=bearer(token(headers=headers)))).status_code == 200
    assert evil.asked == []
    assert keys.asked
