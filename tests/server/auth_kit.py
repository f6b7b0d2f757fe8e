"""What the tests of auth share: keys, tokens, a server of key sets, an app that tells who calls."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fastapi import APIRouter, FastAPI, Response

from threadkeep.server import Service, create_app
from threadkeep.server.answers import json_answer
from threadkeep.server.auth import Anonymous, Auth, JwtAuth, KeyAuth, OwnTokens
from threadkeep.server.routing import ProblemRoute, bound
from threadkeep.server.service import Reader
from threadkeep.store import AsyncStore

BASE = "http://localhost"
ISSUER = "https://issuer.example.org"
AUDIENCE = "threads"
SECRET = "the secret of the server under test, 32 bytes or more"  # noqa: S105
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@lru_cache
def private_key(name: str) -> PrivateKey:
    """A key of this name, made once; its name says of which kind."""
    if name.startswith("rsa"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if name.startswith("p384"):
        return ec.generate_private_key(ec.SECP384R1())
    if name.startswith("ed25519"):
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def pem(name: str) -> bytes:
    """The public half in PEM."""
    return (
        private_key(name)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def jwk(name: str, **members: Any) -> dict[str, Any]:
    """The public half as a JSON Web Key, with its name as the key id."""
    kinds: Mapping[str, Any] = {
        "rsa": jwt.algorithms.RSAAlgorithm,
        "ec": jwt.algorithms.ECAlgorithm,
        "p3": jwt.algorithms.ECAlgorithm,
        "ed": jwt.algorithms.OKPAlgorithm,
    }
    [kind] = [kinds[start] for start in kinds if name.startswith(start)]
    return {**kind.to_jwk(private_key(name).public_key(), as_dict=True), "kid": name, **members}


def claims(**changed: Any) -> dict[str, Any]:
    """Good claims; None takes one away."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ann",
        "workspace_id": "acme",
        "iat": now,
        "exp": now + 300,
    }
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def token(
    key: str = "rsa-1",
    *,
    algorithm: str = "RS256",
    headers: Mapping[str, Any] | None = None,
    **changed: Any,
) -> str:
    """A token of the identity provider, signed by the key of this name."""
    header = {"kid": key, **(headers or {})}
    kept = {name: value for name, value in header.items() if value is not None}
    return jwt.encode(claims(**changed), private_key(key), algorithm, kept)


class KeyServer:
    """A real HTTP server that publishes a key set, and counts how often it was asked."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ("rsa-1", "rsa-2", "ec-1")
        self.asked: list[str] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] | None = None
        self.url = ""

    def document(self) -> bytes:
        """What stands there."""
        return json.dumps({"keys": [jwk(name, use="sig") for name in self.names]}).encode()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """One request: the key set, or what the test wants instead."""
        self.asked.append(request.path)
        if self.answer is not None:
            self.answer(request)
            return
        body = self.document()
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@contextmanager
def key_server() -> Iterator[KeyServer]:
    """A server of a key set on loopback, while the block runs."""
    keys = KeyServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.handle(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    keys.url = f"http://127.0.0.1:{server.server_port}/keys"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield keys
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def everything(url: str, **jwt_settings: Any) -> Auth:
    """Auth with all ways to call."""
    provider = JwtAuth(jwks_url=url, issuer=ISSUER, audience=AUDIENCE, **jwt_settings)
    return Auth(jwt=provider, keys=KeyAuth(), anonymous=Anonymous(OwnTokens(SECRET)))


def telling_app(store: AsyncStore, auth: Any) -> FastAPI:
    """The server, with a route beside it that tells who calls."""
    app = create_app(store, auth=auth)
    service: Service = app.state.threadkeep
    probe = APIRouter(route_class=ProblemRoute)

    @probe.get("/who", response_model=None)
    async def who(caller: Reader) -> Response:
        """Who calls."""
        said = caller.principal
        return json_answer([said.kind, said.owner_id, said.user_id, sorted(said.scopes)])

    app.include_router(bound(service, probe))
    return app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """A client of the app in this process; an error in it is the test's."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE)


def bearer(text: str, **more: str) -> dict[str, str]:
    """The headers that carry it."""
    return {"Authorization": f"Bearer {text}", **more}
