"""Keys, tokens of ours, and visitors: who they are, and whose threads become whose."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
from auth_kit import SECRET, bearer, client_of, telling_app

from threadkeep import Message
from threadkeep.connecting import connect_async
from threadkeep.server import create_app
from threadkeep.server.auth import Anonymous, Auth, JwtAuth, KeyAuth, Open, OwnTokens
from threadkeep.server.limits import Limits, Rate
from threadkeep.store import AsyncStore
from threadkeep.testing.servers import Database

PROVIDER = "the secret that the app's own backend signs with"
# One store and one app for all: each test has owners of its own.
pytestmark = pytest.mark.asyncio(loop_scope="module")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def auth() -> Auth:
    return Auth(
        jwt=JwtAuth(secret=PROVIDER), keys=KeyAuth(), anonymous=Anonymous(OwnTokens(SECRET))
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(shared_database: Database) -> AsyncIterator[AsyncStore]:
    async with connect_async(shared_database.url, admin_url=shared_database.admin_url) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(store: AsyncStore) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(telling_app(store, auth())) as opened:
        yield opened


def read(token: str) -> dict[str, Any]:
    """What a token says."""
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def signed(owner: str, user: str) -> str:
    """A token of the app's own backend."""
    said = {"workspace_id": owner, "sub": user, "exp": int(time.time()) + 60}
    return jwt.encode(said, PROVIDER, "HS256")


async def who(client: httpx.AsyncClient, token: str, **headers: str) -> list[Any]:
    """Whom the server takes the caller for."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await client.get("/who", headers=bearer(token, **named))
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()
    return found


async def begin(client: httpx.AsyncClient) -> dict[str, Any]:
    """A new visitor, as the npm client makes one: without a body."""
    answer = await client.post("/v1/auth/tokens/anonymous")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def renew(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/v1/auth/tokens/refresh", json={"refresh_token": token})


async def claim(client: httpx.AsyncClient, token: str, refresh: str) -> httpx.Response:
    body = {"refresh_token": refresh}
    return await client.post("/v1/threads/claim", json=body, headers=bearer(token))


async def test_a_key_acts_for_its_owner(client: httpx.AsyncClient, store: AsyncStore) -> None:
    """A key is its owner's and its user's; without a user the header may name one. [I5]"""
    chat = store.owner("acme")
    ours = (await chat.keys.create("ours")).text
    anns = (await chat.keys.create("ann's", user="ann", scopes=["read"])).text
    assert await who(client, ours) == ["key", "acme", None, ["read", "write"]]
    same = {"Aui_Workspace_Id": "acme", "Aui_User_Id": "bob"}
    assert await who(client, ours, **same) == ["key", "acme", "bob", ["read", "write"]]
    nobody = {"Aui_Workspace_Id": "acme", "Aui_User_Id": "__SYSTEM__"}
    assert await who(client, ours, **nobody) == ["key", "acme", None, ["read", "write"]]
    assert await who(client, anns, Threadkeep_User="ann") == ["key", "acme", "ann", ["read"]]


async def test_only_admin_keys_name_other_owners(
    client: httpx.AsyncClient, store: AsyncStore
) -> None:
    """A key with the scope admin acts for any owner and user; headers that disagree are refused."""
    chat = store.owner("acme")
    admin = (await chat.keys.create("root", user="ann", scopes=["read", "admin"])).text
    scopes = ["admin", "read"]
    assert await who(client, admin) == ["key", "acme", "ann", scopes]
    assert await who(client, admin, Threadkeep_Owner="globex") == ["key", "globex", None, scopes]
    other = {"Threadkeep_Owner": "globex", "Threadkeep_User": "bob"}
    assert await who(client, admin, **other) == ["key", "globex", "bob", scopes]
    assert await who(client, admin, Threadkeep_User="bob") == ["key", "acme", "bob", scopes]
    for headers in (
        {"Threadkeep-Owner": "a", "Aui-Workspace-Id": "b"},
        {"Threadkeep-Owner": "x" * 513},
    ):
        answer = await client.get("/who", headers=bearer(admin, **headers))
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    unclear = [*bearer(admin).items(), ("Threadkeep-Owner", "a"), ("Threadkeep-Owner", "b")]
    assert (await client.get("/who", headers=unclear)).status_code == 400
    foreign = [(b"authorization", f"Bearer {admin}".encode()), (b"threadkeep-owner", "ö".encode())]
    assert (await client.get("/who", headers=foreign)).status_code == 400


async def test_a_key_gets_a_token_for_a_front_end(
    client: httpx.AsyncClient, store: AsyncStore
) -> None:
    """It says whom the key acts for, lasts five minutes, and may do no more than the key. [I5]"""
    chat = store.owner("acme")
    ours = (await chat.keys.create("ours", scopes=["read", "admin"])).text
    headers = {"Aui-Workspace-Id": "acme", "Aui-User-Id": "bob"}
    answer = await client.post("/v1/auth/tokens", headers=bearer(ours, **headers))
    assert (answer.status_code, list(answer.json())) == (200, ["token"])
    token = answer.json()["token"]
    said = read(token)
    now = said["iat"]
    assert abs(now - time.time()) < 5
    assert said == {
        "iss": "threadkeep",
        "sub": "bob",
        "project_id": "threadkeep",
        "workspace_id": "acme",
        "scope": "read",
        "iat": now,
        "nbf": now - 10,
        "exp": now + 300,
    }
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    assert await who(client, token) == ["jwt", "acme", "bob", ["read"]]
    for other in (token, signed("acme", "ann"), (await begin(client))["access_token"]):
        refused = await client.post("/v1/auth/tokens", headers=bearer(other))
        assert (refused.status_code, refused.json()["error"]) == (403, "key_required")


async def test_each_visitor_is_somebody_of_its_own(client: httpx.AsyncClient) -> None:
    """Two visitors are two owners and two users; both tokens are as the npm client wants. [I4]"""
    first, second = await begin(client), await begin(client)
    for session in (first, second):
        assert set(session) == {"access_token", "refresh_token"}
        assert set(session["refresh_token"]) == {"token", "expires_at"}
        assert ISO.fullmatch(session["refresh_token"]["expires_at"])
        access, refresh = read(session["access_token"]), read(session["refresh_token"]["token"])
        expires = datetime.fromisoformat(session["refresh_token"]["expires_at"]).timestamp()
        assert abs(refresh["exp"] - expires) <= 1
        assert access["exp"] - access["iat"] == 300
        assert (access["iat"] - access["nbf"], access["iss"]) == (10, "threadkeep")
        assert re.fullmatch(r"anon_[0-9A-Za-z]{24}", access["workspace_id"])
        assert re.fullmatch(r"usr_anon_[0-9A-Za-z]{24}", access["sub"])
        assert [refresh[name] for name in ("sub", "workspace_id")] == [
            access[name] for name in ("sub", "workspace_id")
        ]
    kind, owner, user, scopes = await who(client, first["access_token"])
    other = await who(client, second["access_token"])
    assert (kind, scopes) == ("anonymous", ["read", "write"])
    assert owner not in other
    assert user not in other


async def test_a_lost_answer_does_not_lose_the_visitor(client: httpx.AsyncClient) -> None:
    """A refresh may be repeated until what it gave is used; after that it is a replay. [I5]"""
    session = await begin(client)
    visitor = await who(client, session["access_token"])
    first = session["refresh_token"]["token"]
    answers = await asyncio.gather(*(renew(client, first) for _ in range(5)))
    given = [read(answer.json()["refresh_token"]["token"]) for answer in answers]
    assert {(said["jti"], said["generation"]) for said in given} == {(given[0]["jti"], 1)}
    for answer in answers:
        assert await who(client, answer.json()["access_token"]) == visitor
    second = answers[0].json()["refresh_token"]["token"]
    third = await renew(client, second)
    assert await who(client, third.json()["access_token"]) == visitor
    replayed = await renew(client, first)
    assert (replayed.status_code, replayed.json()["error"]) == (403, "refresh_replayed")
    # The npm client takes only 429 and 5xx as a reason to keep the identity and try again.
    assert (await renew(client, third.json()["refresh_token"]["token"])).status_code == 200


async def test_a_visitor_takes_the_threads_along(
    client: httpx.AsyncClient, store: AsyncStore
) -> None:
    """Claimed threads are the caller's with ids and messages, and that may be repeated. [I4 I5]"""
    session = await begin(client)
    refresh = session["refresh_token"]["token"]
    _, owner, user, _ = await who(client, session["access_token"])
    visitor = store.owner(owner, user=user)
    for number in range(3):
        await visitor.messages.append(f"thread-{number}", Message.user("Where is Lisbon?"))
    mine = signed("claims", "ann")
    answer = await claim(client, mine, refresh)
    assert (answer.status_code, answer.json()) == (200, {"moved": 3})
    assert (await claim(client, mine, refresh)).json() == {"moved": 0}
    ann, bob = store.owner("claims", user="ann"), store.owner("claims", user="bob")
    assert {thread.id for thread in await ann.threads.list()} == {f"thread-{n}" for n in range(3)}
    assert len(await ann.messages.list("thread-0")) == 1
    assert await bob.threads.count() == await visitor.threads.count() == 0
    # A page that was open all the while goes on, and brings the rest.
    await visitor.messages.append("thread-3", Message.user("And Porto?"))
    assert (await claim(client, mine, refresh)).json() == {"moved": 1}
    assert (await renew(client, refresh)).status_code == 200


async def test_claims_that_move_nothing(client: httpx.AsyncClient, store: AsyncStore) -> None:
    """A visitor claims nothing, nor does anybody twice; a taken id is a conflict for all."""
    session, other = await begin(client), await begin(client)
    refresh = session["refresh_token"]["token"]
    refused = await claim(client, other["access_token"], refresh)
    assert (refused.status_code, refused.json()["error"]) == (403, "anonymous_caller")
    _, owner, user, _ = await who(client, session["access_token"])
    # A backend may sign for the visitor's own workspace.
    own = await claim(client, signed(owner, user), refresh)
    assert (own.status_code, own.json()) == (200, {"moved": 0})
    visitor, taker = store.owner(owner, user=user), store.owner("takers")
    await visitor.threads.create("same")
    await visitor.threads.create("another")
    await taker.threads.create("same")
    conflict = await claim(client, signed("takers", "ann"), refresh)
    assert (conflict.status_code, conflict.json()["error"]) == (409, "exists")
    assert await visitor.threads.count() == 2
    assert await taker.threads.count() == 1
    readers = (await taker.keys.create("reader", scopes=["read"])).text
    refused = await claim(client, readers, refresh)
    assert (refused.status_code, refused.json()["error"]) == (403, "scope_missing")
    assert (await claim(client, "tk_x", refresh)).status_code == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/auth/tokens/refresh", {}),
        ("/v1/auth/tokens/refresh", {"refresh_token": ""}),
        ("/v1/auth/tokens/refresh", {"refresh_token": None}),
        ("/v1/auth/tokens/refresh", {"refresh_token": "x" * 20_000}),
        ("/v1/auth/tokens/refresh", {"refresh_token": "\ud800"}),
        ("/v1/threads/claim", {"refresh_token": ["x"]}),
    ],
)
async def test_a_body_without_a_refresh_token_is_a_400(
    path: str, body: dict[str, Any], client: httpx.AsyncClient
) -> None:
    """It names the member that is wrong and repeats nothing of it."""
    headers = bearer(signed("acme", "ann"), **{"Content-Type": "application/json"})
    answer = await client.post(path, content=json.dumps(body), headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid", "refresh_malformed")
    assert "xxx" not in answer.text


async def test_what_is_not_configured_is_not_there(store: AsyncStore) -> None:
    """Without sessions, tokens or an admin role the server says so, and lets nobody further in."""
    async with client_of(create_app(store, auth=Auth(keys=KeyAuth()))) as client:
        key = (await store.owner("acme").keys.create("ours")).text
        answers = {
            "tokens_disabled": await client.post("/v1/auth/tokens", headers=bearer(key)),
            "anonymous_disabled": await client.post("/v1/auth/tokens/anonymous"),
        }
        for error, answer in answers.items():
            assert (answer.status_code, answer.json()["error"]) == (403, error)
    async with client_of(create_app(store, auth=Open())) as client:
        assert (await client.post("/v1/auth/tokens/anonymous")).status_code == 403


async def test_claiming_needs_the_admin_role(shared_database: Database) -> None:
    """A server whose database role may not move threads says 503, and moves none."""
    async with (
        connect_async(shared_database.url) as store,
        client_of(telling_app(store, auth())) as client,
    ):
        session = await begin(client)
        refresh = session["refresh_token"]["token"]
        answer = await claim(client, signed("acme", "ann"), refresh)
        assert (answer.status_code, answer.json()["error"]) == (503, "claims_unavailable")


async def test_visitors_are_counted_by_address(store: AsyncStore) -> None:
    """Too many new sessions from one place are a 429 that says when to come back."""
    limits = Limits(rates={"anonymous": Rate(2, 3600), "refresh": Rate(1, 3600)})
    async with client_of(create_app(store, auth=auth(), limits=limits)) as client:
        session = await begin(client)
        await begin(client)
        limited = [await client.post("/v1/auth/tokens/anonymous")]
        token = session["refresh_token"]["token"]
        assert (await renew(client, token)).status_code == 200
        limited.append(await renew(client, token))
        for answer in limited:
            assert (answer.status_code, answer.json()["error"]) == (429, "rate_limited")
            assert int(answer.headers["Retry-After"]) >= 1


async def test_workers_and_restarts_share_their_sessions(store: AsyncStore) -> None:
    """With the same secret a token of one process is good in all others. [I5]"""
    one, two = (client_of(telling_app(store, auth())) for _ in range(2))
    async with one, two:
        session = await begin(one)
        assert (await renew(two, session["refresh_token"]["token"])).status_code == 200
        assert await who(two, session["access_token"]) == await who(one, session["access_token"])
