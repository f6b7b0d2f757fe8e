"""Servers for tests: one that is started for them, and databases that are cheap to make.

A template database is migrated once per server and cloned for each test, in some 15 ms. The
servers here keep nothing through a crash (`fsync=off`): they are for tests that end with them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shlex
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

from threadkeep.connecting import connect
from threadkeep.drivers import embedded
from threadkeep.drivers.embedded import ADMIN, APP, OWNER, SUPERUSER

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")

_HELD = "session.lock"
_TEMPLATE = "threadkeep_template"
_FAST = (
    *("fsync = off", "full_page_writes = off", "synchronous_commit = off"),
    *("max_wal_size = '256MB'", "min_wal_size = '32MB'"),
)
_FIND_TEMPLATE = "SELECT 1 FROM pg_database WHERE datname = 'threadkeep_template'"
# Any number: what keeps several processes from making the template at once.
_LOCK = "pg_advisory_lock(7465726561)"
_UNLOCK = "pg_advisory_unlock(7465726561)"
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one test, by the URLs of the roles that may use it."""

    name: str
    url: str
    admin_url: str
    owner_url: str
    superuser_url: str


@dataclass(slots=True)
class Server:
    """A running server on which tests make databases; the roles of the store are there."""

    name: str
    superuser_url: str
    _connection: psycopg.Connection | None = field(default=None, repr=False)
    _has_template: bool = field(default=False, repr=False)

    def clone(self) -> Database:
        """A new database with the migrated tables, all empty."""
        self.template()
        return self._create(_TEMPLATE)

    def empty(self) -> Database:
        """A new database without anything in it."""
        return self._create("template0")

    def drop(self, database: Database) -> None:
        """Drop a database, whoever is still connected."""
        self.run(f'DROP DATABASE IF EXISTS "{database.name}" WITH (FORCE)')

    def template(self) -> None:
        """Make the template database, once for all processes."""
        if self._has_template:
            return
        self.run(f"SELECT {_LOCK}")
        try:
            if not self.query(_FIND_TEMPLATE):
                self._make_template()
        finally:
            self.run(f"SELECT {_UNLOCK}")
        self._has_template = True

    def _make_template(self) -> None:
        for setting in _FAST:
            self.run(f"ALTER SYSTEM SET {setting}")
        self.run("SELECT pg_reload_conf()")
        fresh = self.empty()
        try:
            connect(fresh.owner_url, migrate=True).close()
            # Nobody may be connected to a template; autovacuum does not enter this one either.
            self.run(f'ALTER DATABASE "{fresh.name}" ALLOW_CONNECTIONS false')
            self.run(f'ALTER DATABASE "{fresh.name}" RENAME TO {_TEMPLATE}')
        finally:
            self.drop(fresh)

    def _create(self, template: str) -> Database:
        name = f"tk_{uuid.uuid4().hex}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE {template} STRATEGY wal_log OWNER {OWNER}')
        urls = {role: _url(self.superuser_url, role, name) for role in (APP, ADMIN, OWNER)}
        superuser = _url(self.superuser_url, None, name)
        return Database(name, urls[APP], urls[ADMIN], urls[OWNER], superuser)

    def query(self, text: str) -> list[tuple[object, ...]]:
        """Run one statement as superuser and return its rows."""
        if self._connection is None:
            self._connection = psycopg.connect(self.superuser_url, autocommit=True)
        cursor = self._connection.execute(text.encode())
        return cursor.fetchall() if cursor.description else []

    def run(self, text: str) -> None:
        """Run one statement as superuser."""
        self.query(text)

    def close(self) -> None:
        """Disconnect; the server goes on."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def embedded_server(folder: Path) -> Iterator[Server]:
    """The embedded server in this folder: started, or joined where another process did that."""
    with (
        embedded.start(folder) as running,
        Server("embedded", _url(running.superuser_url, None, "postgres")) as server,
    ):
        yield server


def end_embedded_server(folder: Path) -> None:
    """Stop the server of this folder, if a process that crashed has left it running."""
    if (folder / "pgdata" / "postmaster.pid").exists():
        embedded.start(folder).close()


@contextlib.contextmanager
def installed_server(programs: Path, folder: Path, *, name: str) -> Iterator[Server]:
    """A server of an installed PostgreSQL, such as Debian's: made, started, stopped.

    The folder must not exist yet. Under root the server runs as `postgres`, else as `nobody`.
    """
    account = server_account()
    folder.mkdir(mode=0o755, parents=True)
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    data = folder / "data"
    make = (f"--pgdata={data}", f"--username={SUPERUSER}", "--auth=trust", "--no-sync")
    _program(programs / "initdb", *make, "--encoding=UTF8", "--locale=C", account=account)
    settings = ("listen_addresses=", f"unix_socket_directories={folder}", "max_connections=200")
    options = " ".join(f"-c {shlex.quote(setting)}" for setting in settings)
    control = (programs / "pg_ctl", "--silent", f"--pgdata={data}")
    log = f"--log={folder / 'log'}"
    _program(*control, log, "--wait", f"--options={options}", "start", account=account)
    try:
        url = f"postgresql://{SUPERUSER}@/postgres?host={quote(str(folder))}&port=5432"
        with Server(name, url) as server:
            for role in (OWNER, APP, ADMIN):
                server.run(f"CREATE ROLE {role} LOGIN")
            yield server
    finally:
        _program(*control, "--mode=fast", "--wait", "stop", account=account)


def end_installed_server(programs: Path, folder: Path) -> None:
    """Stop the server of this folder, if a process that crashed has left it running."""
    data = folder / "data"
    if (data / "postmaster.pid").exists():
        control = (programs / "pg_ctl", "--silent", f"--pgdata={data}")
        _program(*control, "--mode=immediate", "stop", account=server_account())


def hold(folder: Path) -> TextIO:
    """Say that a session lives in this folder, until the file is closed or the process ends."""
    mark = (folder / "session.new").open("w")
    fcntl.flock(mark, fcntl.LOCK_EX)
    (folder / "session.new").rename(folder / _HELD)
    return mark


def is_held(folder: Path) -> bool:
    """Whether a session lives in this folder, or one that is just being made."""
    try:
        with (folder / _HELD).open() as mark:
            fcntl.flock(mark, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError):
        return True
    return False


def version_of(programs: Path) -> str | None:
    """The version of an installed PostgreSQL, None if it is absent."""
    if not (programs / "initdb").exists():
        return None
    return _program(programs / "postgres", "--version", account=None).split()[2]


def server_account() -> pwd.struct_passwd | None:
    """Whom servers of a test run as under root; None means ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _program(program: Path, *arguments: str, account: pwd.struct_passwd | None) -> str:
    done = subprocess.run(
        [program, *arguments],
        check=False,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{program.name} failed: {done.stdout}")
    return done.stdout


def _url(url: str, role: str | None, database: str) -> str:
    """The URL for another role, or None for the same one, and another database."""
    split = urlsplit(url)
    if role is not None:
        split = split._replace(netloc=f"{role}@{split.netloc.rpartition('@')[2]}")
    return urlunsplit(split._replace(path=f"/{database}"))
