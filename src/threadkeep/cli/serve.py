"""`threadkeep serve`: threads over HTTP."""

from __future__ import annotations

import logging
import os
import signal
import socket
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from threadkeep.cli import endings
from threadkeep.cli.opening import told
from threadkeep.cli.options import Json
from threadkeep.cli.screen import Screen
from threadkeep.cli.serve_options import (
    CallRate,
    Config,
    CorsOrigin,
    CountMetrics,
    Files,
    Host,
    JwtAdmin,
    JwtAlgorithm,
    JwtAudience,
    JwtIssuer,
    JwtJwksUrl,
    JwtLeeway,
    JwtPublicKey,
    JwtScopeClaim,
    JwtSecretFile,
    Keys,
    LogFormat,
    LogLevel,
    MaxBody,
    MaxLargeBody,
    Migrate,
    OwnerClaim,
    PoolSize,
    Port,
    Proxy,
    PublicUrl,
    SecretFile,
    ServeData,
    ServeRls,
    ServeSchema,
    ServeUrl,
    StopSeconds,
    UserClaim,
    Visitors,
    Workers,
)
from threadkeep.connecting import connect
from threadkeep.values.errors import InvalidError, ThreadkeepWarning, UnavailableError

if TYPE_CHECKING:
    import uvicorn

    from threadkeep.server.settings import Settings

log = logging.getLogger("threadkeep.server")

_NEEDED: Final = ("fastapi", "uvicorn", "httptools", "jwt")
_KEEP_ALIVE_SECONDS: Final = 75
_BACKLOG: Final = 2048


def serve(
    *,
    config: Config = None,
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    stop_seconds: StopSeconds = None,
    proxy: Proxy = None,
    public_url: PublicUrl = None,
    url: ServeUrl = None,
    data: ServeData = None,
    schema: ServeSchema = None,
    rls: ServeRls = None,
    migrate: Migrate = None,
    pool_size: PoolSize = None,
    keys: Keys = None,
    anonymous: Visitors = None,
    jwt_secret_file: JwtSecretFile = None,
    jwt_public_key: JwtPublicKey = None,
    jwt_jwks_url: JwtJwksUrl = None,
    jwt_algorithm: JwtAlgorithm = None,
    jwt_issuer: JwtIssuer = None,
    jwt_audience: JwtAudience = None,
    jwt_leeway: JwtLeeway = None,
    jwt_scope_claim: JwtScopeClaim = None,
    jwt_admin: JwtAdmin = None,
    owner_claim: OwnerClaim = None,
    user_claim: UserClaim = None,
    secret_file: SecretFile = None,
    cors_origin: CorsOrigin = None,
    rate: CallRate = None,
    max_body: MaxBody = None,
    max_large_body: MaxLargeBody = None,
    files: Files = None,
    metrics: CountMetrics = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
    json: Json = False,
) -> int:
    """Serve threads over HTTP, until it is told to stop.

    Each option is also a variable THREADKEEP_SERVE_… and a line of the file: options go before
    variables, and those before the file. With no auth configured everybody is let in, and the
    server listens on loopback only.
    """
    flags = {name: value for name, value in locals().items() if name != "json"}
    for needed in _NEEDED:
        if find_spec(needed) is None:
            raise UnavailableError(
                f"the server needs {needed}, which is not here: pip install 'threadkeep[server]'"
            )
    settings = _settled(flags)
    with ExitStack() as stack:
        _prepare(settings, stack)
        listening = stack.enter_context(_listen(settings))
        _announce(settings, listening, Screen(json))
        _run(settings, listening, stack)
    return endings.OK


def _settled(flags: Mapping[str, Any]) -> Settings:
    """The settings, with all that can be refused before anything is started."""
    from threadkeep.cli.serving import app_of, with_files, with_secret
    from threadkeep.server.local import is_loopback
    from threadkeep.server.logs import configure
    from threadkeep.server.settings import resolve

    settings = resolve(flags, os.environ)
    if settings.open and not is_loopback(settings.host):
        raise InvalidError(
            "--host",
            "must be loopback (127.0.0.1, ::1 or localhost) without auth, since everybody who "
            "reaches the server may read and change all of it: configure --keys, --anonymous or "
            "--jwt-...",
        )
    settings = with_secret(with_files(settings))
    app_of(settings)
    configure(settings.log_level, settings.log_format)
    return settings


def _prepare(settings: Settings, stack: ExitStack) -> None:
    """Start and migrate what is ours to start and migrate, before there is any worker.

    The embedded server is held until the end, so that it does not end with its last worker.
    """
    with told(log.warning):
        store = connect(
            settings.url,
            admin_url=settings.admin_url,
            schema=settings.tables,
            data=settings.data,
            rls=settings.rls,
            migrate=settings.migrate,
        )
    stack.enter_context(store)


def _listen(settings: Settings) -> socket.socket:
    """The socket that all workers accept from."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server(
            (settings.host, settings.port), family=family, backlog=_BACKLOG
        )
    except OSError as error:
        place = f"{settings.host} port {settings.port}"
        raise InvalidError(
            "--port", f"must be one to listen on: {place}: {error.strerror or 'unknown host'}"
        ) from None
    listening.set_inheritable(True)
    return listening


def _announce(settings: Settings, listening: socket.socket, screen: Screen) -> None:
    port = listening.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{port}"
    if settings.open:
        log.warning("no auth is configured: everybody on this machine is let in, and nobody else")
    if screen.json:
        screen.data({"url": address, "open": settings.open, "workers": settings.workers})
    else:
        screen.print(f"serving at {address}")


def _run(settings: Settings, listening: socket.socket, stack: ExitStack) -> None:
    """Serve until a signal; then requests under way are finished, as long as that may take."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from threadkeep.cli import serving

    for ending in (signal.SIGINT, signal.SIGTERM):
        # uvicorn sends itself the signal again when all is done: to end is what we do anyway.
        stack.callback(signal.signal, ending, signal.signal(ending, lambda *_: None))
    config = _config(settings)
    if settings.workers == 1:
        # It was said when the store was looked at.
        warnings.simplefilter("ignore", ThreadkeepWarning)
        config.app = serving.app_of(settings)
        uvicorn.Server(config).run([listening])
        return
    os.environ[serving.HANDED] = settings.handed_over()
    os.environ[serving.PARENT] = str(os.getpid())
    if settings.metrics:
        folder = tempfile.TemporaryDirectory(prefix="threadkeep-metrics-")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = stack.enter_context(folder)
    Multiprocess(config, [listening]).run()


def _config(settings: Settings) -> uvicorn.Config:
    import uvicorn

    from threadkeep.server.protocol import BoundedProtocol

    return uvicorn.Config(
        "threadkeep.cli.serving:worker",
        factory=settings.workers > 1,
        workers=settings.workers,
        loop="uvloop" if find_spec("uvloop") else "auto",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.proxy),
        forwarded_allow_ips=list(settings.proxy),
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.stop_seconds,
        # A machine under load may take long to start a worker; one that hangs is rare.
        timeout_worker_healthcheck=60,
        backlog=_BACKLOG,
    )
