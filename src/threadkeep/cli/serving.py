"""From settings to a server: the composition of a store, auth and the app, for each process.

The process of the command and each of its workers make the app from the same settings, which the
command hands to workers in an environment variable.
"""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
import warnings
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from threadkeep.adapters.files import FileBytes
from threadkeep.connecting import connect_async, default_folder
from threadkeep.server import create_app
from threadkeep.server.auth import Anonymous, Auth, JwtAuth, KeyAuth, OwnTokens, derived
from threadkeep.server.limits import Limits, Rate
from threadkeep.server.logs import configure
from threadkeep.server.metrics import Metrics
from threadkeep.server.service import LEAST_SECRET
from threadkeep.server.settings import Settings
from threadkeep.values.errors import InvalidError, ThreadkeepWarning

App = Callable[..., Awaitable[None]]
"""An application as ASGI has it."""

HANDED: Final = "THREADKEEP_WORKER_SETTINGS"
"""The variable that has a worker's settings."""
PARENT: Final = "THREADKEEP_WORKER_PARENT"
"""The variable that has the process without which a worker ends."""
_LOOK_SECONDS: Final = 0.5


def worker() -> App:
    """The app of a worker, from the settings that its parent has handed over."""
    settings = Settings.taken_over(os.environ[HANDED])
    configure(settings.log_level, settings.log_format)
    # The command has said it already.
    warnings.simplefilter("ignore", ThreadkeepWarning)
    threading.Thread(target=_end_with, args=(int(os.environ[PARENT]),), daemon=True).start()
    return app_of(settings)


def app_of(settings: Settings) -> App:
    """The app; it opens its store when it starts. InvalidError names a bad setting."""
    store = connect_async(
        settings.url,
        admin_url=settings.admin_url,
        schema=settings.tables,
        rls=settings.rls,
        data=settings.data,
        pool_size=settings.pool_size,
    )
    secret = None if settings.secret is None else settings.secret.encode()
    return create_app(
        store,
        auth=_auth(settings),
        limits=_limits(settings),
        origins=settings.cors_origin,
        metrics=Metrics(settings.metrics_token) if settings.metrics else None,
        files=None if settings.files is None else FileBytes(settings.files),
        secret=None if secret is None else derived(secret, "links to files"),
        public_url=settings.public_url,
        patient=True,
    )


def with_files(settings: Settings) -> Settings:
    """The settings with a folder for files, beside the data of the embedded database.

    THREADKEEP_FILES names another. A database of a URL may have several servers, each of which
    would find its own files only: there the folder has to be said. Nor is there one where no secret
    can be kept to sign links with.
    """
    elsewhere = settings.url or os.environ.get("THREADKEEP_URL") or os.environ.get("DATABASE_URL")
    if settings.files is not None or (settings.data is None and elsewhere):
        return settings
    data = settings.data or default_folder()
    beside = data.with_name(f"{data.name}-files")
    files = FileBytes().folder if os.environ.get("THREADKEEP_FILES") else beside
    try:
        return with_secret(settings.model_copy(update={"files": files}))
    except InvalidError:
        return settings


def with_secret(settings: Settings) -> Settings:
    """The settings with the server's secret in them, where one is needed.

    It is the setting `secret`, else what is in the file `secret_file`, else in a file beside the
    default data folder, which is made once: all workers and restarts find the same.
    """
    if not settings.needs_secret:
        return settings
    secret = settings.secret
    if secret is None:
        secret = _read(settings.secret_file) if settings.secret_file else _kept(settings)
    if len(secret.encode()) < LEAST_SECRET:
        raise InvalidError("secret", f"must have at least {LEAST_SECRET} bytes")
    return settings.model_copy(update={"secret": secret})


def _auth(settings: Settings) -> Auth | None:
    if settings.open:
        return None
    tokens = OwnTokens(settings.secret or "") if settings.keys or settings.anonymous else None
    anonymous = Anonymous(tokens) if tokens is not None and settings.anonymous else None
    return Auth(
        jwt=_jwt(settings) if settings.jwt else None,
        keys=KeyAuth() if settings.keys else None,
        anonymous=anonymous,
        tokens=tokens,
    )


def _jwt(settings: Settings) -> JwtAuth:
    secret = settings.jwt_secret
    if settings.jwt_secret_file is not None:
        secret = _read(settings.jwt_secret_file)
    key = settings.jwt_public_key
    return JwtAuth(
        secret=secret,
        public_key=None if key is None else _read(key),
        jwks_url=settings.jwt_jwks_url,
        algorithms=settings.jwt_algorithm or None,
        issuer=settings.jwt_issuer or None,
        audience=settings.jwt_audience or None,
        leeway=settings.jwt_leeway,
        owner_claim=settings.owner_claim,
        user_claim=settings.user_claim or None,
        scope_claim=settings.jwt_scope_claim,
        admin=settings.jwt_admin,
    )


def _limits(settings: Settings) -> Limits:
    rates: dict[str, Any] = {
        "anonymous": settings.rate_anonymous,
        "refresh": settings.rate_refresh,
        "events": settings.rate_events,
        "calls": settings.rate,
    }
    return Limits(
        settings.max_body,
        settings.max_large_body,
        {name: Rate.parse(text) for name, text in rates.items() if text is not None},
    )


def _kept(settings: Settings) -> str:
    """The secret in the file of our own, which appears complete or not at all."""
    folder = settings.data or default_folder()
    file = folder.with_name(f"{folder.name}-server-secret")
    with suppress(OSError):
        return file.read_text("ascii").strip()
    begun = file.with_name(f"{file.name}-{secrets.token_hex(8)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        begun.touch(0o600, exist_ok=False)
        begun.write_text(secrets.token_urlsafe(48) + "\n", "ascii")
        # A link fails where another process was first; then its secret is the one.
        with suppress(FileExistsError):
            file.hardlink_to(begun)
        return file.read_text("ascii").strip()
    except OSError as error:
        raise InvalidError(
            "secret", f"must be given by THREADKEEP_SECRET or --secret-file ({error.strerror})"
        ) from None
    finally:
        with suppress(OSError):
            begun.unlink()


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, ValueError):
        raise InvalidError(str(file), "must be a file of text that can be read") from None


def _end_with(parent: int) -> None:
    """End this worker, in order, once its parent is gone: it would hold the port for ever."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
