"""The server of the tests with the genuine client, as a process of its own.

`uvicorn --factory cloud_served:app`, with what it needs in the environment.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
from fastapi import FastAPI

from threadkeep import connect_async
from threadkeep.adapters.files import FileBytes
from threadkeep.server import create_app
from threadkeep.server.auth import Anonymous, Auth, JwtAuth, KeyAuth, OwnTokens
from threadkeep.server.logs import configure
from threadkeep.testing.servers import Database

SECRET: Final = "a secret of the identity provider, 32 bytes"  # noqa: S105
ISSUER: Final = "https://issuer.example.org"
_URL, _ADMIN_URL, _FILES = "TEST_DATABASE", "TEST_ADMIN_DATABASE", "TEST_FILES"
_OWN: Final = "the secret of the server itself, 32 bytes"


def app() -> FastAPI:
    """The app with all three ways to call, and files in a folder."""
    configure("warning", "json")
    return create_app(
        connect_async(os.environ[_URL], admin_url=os.environ[_ADMIN_URL]),
        auth=Auth(
            jwt=JwtAuth(secret=SECRET, issuer=ISSUER),
            keys=KeyAuth(),
            anonymous=Anonymous(OwnTokens(_OWN)),
        ),
        files=FileBytes(os.environ[_FILES]),
        secret=_OWN.encode(),
    )


@contextlib.contextmanager
def served(database: Database, folder: Path) -> Iterator[str]:
    """The URL of such a server, which ends with the block, and has nothing to complain of then."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        _URL: database.url,
        _ADMIN_URL: database.admin_url,
        _FILES: str(folder),
        "PYTHONPATH": str(Path(__file__).parent),
    }
    command = ["uvicorn", "--factory", "cloud_served:app", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--log-level", "warning"],
            env=environment,
            stdout=log,
            stderr=log,
        )
    said = ""
    try:
        _wait(url, process, folder / "log")
        yield url
    finally:
        process.terminate()
        process.wait(30)
        said = (folder / "log").read_text()
    assert said == ""


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz").is_success:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
