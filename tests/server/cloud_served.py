"""The server of the tests with the genuine client, as a process of its own.

`python cloud_served.py URL ADMIN_URL FOLDER`: on this database, with its files in this folder.
"""

from __future__ import annotations

import json
import socket
import sys
from typing import Final

import uvicorn
from fastapi import FastAPI

from threadkeep import connect_async
from threadkeep.adapters.files import FileBytes
from threadkeep.server import create_app
from threadkeep.server.auth import Anonymous, Auth, JwtAuth, KeyAuth, OwnTokens
from threadkeep.server.logs import configure

SECRET: Final = "a secret of the identity provider, 32 bytes"  # noqa: S105
ISSUER: Final = "https://issuer.example.org"
_OWN: Final = "the secret of the server itself, 32 bytes"


def app(url: str, admin_url: str, folder: str) -> FastAPI:
    """The app with all three ways to call, and files in a folder."""
    return create_app(
        connect_async(url, admin_url=admin_url),
        auth=Auth(
            jwt=JwtAuth(secret=SECRET, issuer=ISSUER),
            keys=KeyAuth(),
            anonymous=Anonymous(OwnTokens(_OWN)),
        ),
        files=FileBytes(folder),
        secret=_OWN.encode(),
    )


def main() -> None:
    """Say where it is, and serve until a signal comes."""
    configure("warning", "json")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        told = json.dumps({"url": f"http://127.0.0.1:{listening.getsockname()[1]}"})
        sys.stdout.write(f"{told}\n")
        sys.stdout.flush()
        config = uvicorn.Config(app(*sys.argv[1:]), log_level="warning")
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
