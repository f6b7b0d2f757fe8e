"""The app of the example: threadkeep's server, and beside it the page and a model."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

import threadkeep
from examples.chat.models import Model, chosen
from examples.chat.page import add_page
from threadkeep.adapters.files import FileBytes
from threadkeep.connecting import default_folder
from threadkeep.server import create_app
from threadkeep.server.auth import Anonymous, Auth, OwnTokens, derived

# A page elsewhere whose name is made to lead here would be of one origin with us.
_HOSTS: Final = ("127.0.0.1", "localhost")


def create(home: Path, *, url: str | None = None, model: Model | None = None) -> FastAPI:
    """The server of the page, for calls from this machine.

    Every browser is a visitor of its own. The database is `url`, else the embedded PostgreSQL with
    its data where they always are. `home` has the secret of the tokens and the bytes of files.
    """
    store = (
        threadkeep.connect_async(url) if url else threadkeep.connect_async(data=default_folder())
    )
    secret = _secret(home)
    app = create_app(
        store,
        auth=Auth(anonymous=Anonymous(OwnTokens(secret))),
        files=FileBytes(home / "files"),
        secret=derived(secret, "links"),
    )
    add_page(app, model or chosen())
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS)
    return app


def default_home() -> Path:
    """Where the example keeps what is not in the database, beside the files of the server."""
    return FileBytes().folder.with_name("threadkeep-chat")


def _secret(home: Path) -> str:
    """What is signed with: made once, so that tokens and links outlive a restart."""
    kept = home / "secret"
    if not kept.exists():
        home.mkdir(parents=True, exist_ok=True)
        made = home / f"secret.{os.getpid()}"
        made.touch(0o600)
        made.write_text(secrets.token_urlsafe(32), "ascii")
        with suppress(FileExistsError):
            os.link(made, kept)
        made.unlink()
    return kept.read_text("ascii")
