"""The pooler of the tests: it pools, nothing gives it away, and it ends with its session."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from threadkeep.drivers.urls import Address
from threadkeep.testing import pooler
from threadkeep.testing.fixtures import FOLDER
from threadkeep.testing.pooler import Pooler
from threadkeep.testing.servers import Database, Server

PID = "SELECT pg_backend_pid()"


@pytest.fixture
def pooled(pgbouncer: Pooler, postgres: Server, empty_database: Database) -> Database:
    return pgbouncer.before(empty_database)


@pytest.fixture
def folder(pgbouncer: Pooler) -> Iterator[Path]:
    """A new folder in the session's, with a short path that the server's account can enter."""
    with tempfile.TemporaryDirectory(dir=os.environ[FOLDER]) as made:
        Path(made).chmod(0o755)
        yield Path(made) / "p"


def test_transactions_of_one_client_run_on_several_connections(pooled: Database) -> None:
    """With two server connections open, a client that is alone is moved between them."""
    with (
        psycopg.connect(pooled.url, prepare_threshold=None, autocommit=True) as alone,
        psycopg.connect(pooled.url, prepare_threshold=None) as other,
    ):
        other.execute(PID)
        alone.execute(PID)
        other.rollback()
        assert len({alone.execute(PID).fetchone() for _ in range(4)}) > 1
        with alone.transaction():
            assert len({alone.execute(PID).fetchone() for _ in range(4)}) == 1


def test_only_the_process_id_gives_the_pooler_away(pooled: Database) -> None:
    """Host and port look like a server's own; the driver's process id is not the server's."""
    for url in (pooled.url, pooled.admin_url):
        assert not Address.parse(url).looks_pooled
        with psycopg.connect(url) as connection:
            assert connection.execute(PID).fetchone() != (connection.info.backend_pid,)
    for url in (pooled.owner_url, pooled.superuser_url):
        with psycopg.connect(url) as connection:
            assert connection.execute(PID).fetchone() == (connection.info.backend_pid,)


def test_a_session_parameter_is_refused_as_by_the_real_one(pooled: Database) -> None:
    """Options at the start of a session are what PgBouncer cannot keep: it refuses them."""
    with pytest.raises(psycopg.OperationalError, match="unsupported startup parameter"):
        psycopg.connect(f"{pooled.url}&options=-c%20geqo%3Doff")


def test_a_pooler_ends_with_its_context(
    postgres: Server, folder: Path, empty_database: Database
) -> None:
    """After it nobody listens, and a client that was connected has lost its connection."""
    with pooler.running_pooler(postgres, folder) as running:
        url = running.before(empty_database).url
        connection = psycopg.connect(url, autocommit=True)
        connection.execute(PID)
    with connection, pytest.raises(psycopg.OperationalError):
        connection.execute(PID)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_a_pooler_of_a_session_that_crashed_is_ended(postgres: Server, folder: Path) -> None:
    """Whoever cleans up needs its folder only, and may ask twice."""
    with pooler.running_pooler(postgres, folder):
        assert (folder / "pid").exists()
        pooler.end_pooler(folder)
        pooler.end_pooler(folder)
        assert not (folder / "pid").exists()
