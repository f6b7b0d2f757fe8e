"""The server that the tests of outages may stop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from restarted import Restartable, restartable

from threadkeep.testing.fixtures import FOLDER
from threadkeep.testing.servers import Server


@pytest.fixture(scope="session")
def _own_server(postgres: Server) -> Iterator[Restartable]:
    # The embedded server brings the programs.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    session = Path(os.environ[FOLDER])
    with restartable(session / f"outage-{worker}", session / "embedded") as made:
        yield made


@pytest.fixture
def own_server(_own_server: Restartable) -> Restartable:
    """A server that these tests stop, start and configure; it runs when a test begins."""
    if _own_server.process is None:
        _own_server.start()
    return _own_server
