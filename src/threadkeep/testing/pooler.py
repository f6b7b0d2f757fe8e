"""A PgBouncer in front of a test server: transactions of many clients on few connections.

It is Debian's, run by the tests with a configuration of its own and no system service.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

from threadkeep.drivers.embedded import ADMIN, APP, OWNER, SUPERUSER
from threadkeep.drivers.urls import Address
from threadkeep.testing.servers import server_account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadkeep.testing.servers import Database, Server

_PORT = 5432
_SECONDS = 30
# Several connections are open from the start and handed out in turn, so that two transactions of
# one client, even of one that is alone, rarely share one.
_CONFIGURATION = """\
[databases]
* = host={host} port={port}

[pgbouncer]
pool_mode = transaction
default_pool_size = 5
min_pool_size = 3
server_round_robin = 1
max_client_conn = 1000
unix_socket_dir = {folder}
listen_port = {own_port}
auth_type = trust
auth_file = {folder}/users
admin_users = {superuser}
logfile = {folder}/log
pidfile = {folder}/pid
"""


@dataclass(frozen=True, slots=True)
class Pooler:
    """A running pooler. Its socket has the port of a server, so no name gives it away."""

    folder: Path

    def before(self, database: Database) -> Database:
        """The same database with the app's and the admin's URL leading through the pooler.

        Its owner and the superuser go to the server itself, for migrations and checks.
        """
        return dataclasses.replace(
            database, url=self._through(database.url), admin_url=self._through(database.admin_url)
        )

    def _through(self, url: str) -> str:
        place = f"host={quote(str(self.folder), safe='/')}&port={_PORT}"
        return urlunsplit(urlsplit(url)._replace(query=place))


def program() -> Path | None:
    """Where PgBouncer is installed, None if it is absent."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return None if found is None else Path(found)


def version() -> str | None:
    """The version of the installed PgBouncer, None if it is absent."""
    found = program()
    if found is None:
        return None
    told = subprocess.run([found, "--version"], check=True, capture_output=True, text=True)
    return told.stdout.split()[1]


@contextlib.contextmanager
def running_pooler(server: Server, folder: Path) -> Iterator[Pooler]:
    """A PgBouncer in transaction mode in front of this server: configured, started, ended.

    The folder must not exist yet. Under root the pooler runs as the account of the servers.
    """
    installed = program()
    if installed is None:
        raise RuntimeError("PgBouncer is not installed")
    _configure(server, folder)
    account = server_account()
    process = subprocess.Popen(
        [installed, "--quiet", folder / "ini"],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )
    try:
        _await_start(process, folder)
        yield Pooler(folder)
    finally:
        end_pooler(folder)
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_pooler(folder: Path) -> None:
    """Stop the pooler of this folder, if one runs there, whoever is still connected."""
    with contextlib.suppress(psycopg.OperationalError):
        _console(folder, "SHUTDOWN")


def _configure(server: Server, folder: Path) -> None:
    (behind,) = Address.parse(server.superuser_url).hosts
    told = _CONFIGURATION.format(
        host=behind.name,
        port=behind.port or 5432,
        folder=folder,
        own_port=_PORT,
        superuser=SUPERUSER,
    )
    folder.mkdir(mode=0o755, parents=True)
    (folder / "ini").write_text(told)
    (folder / "users").write_text("".join(f'"{r}" ""\n' for r in (APP, ADMIN, OWNER, SUPERUSER)))
    account = server_account()
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)


def _await_start(process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            _console(folder, "SHOW VERSION")
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                log = folder / "log"
                said = log.read_text() if log.exists() else "nothing"
                raise RuntimeError(f"PgBouncer did not start; its log says: {said}") from None
            time.sleep(0.01)
        else:
            return


def _console(folder: Path, command: str) -> None:
    """Run a command of PgBouncer's console, which speaks only the simple protocol."""
    with psycopg.connect(
        host=str(folder), port=_PORT, dbname="pgbouncer", user=SUPERUSER, autocommit=True
    ) as console:
        console.execute(command.encode())
