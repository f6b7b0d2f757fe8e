"""What the tests of migrations share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from databases import drop_roles, pick_prefix

from threadkeep.core.migrations import Options
from threadkeep.testing.servers import Database

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run all of these on the embedded PostgreSQL and on Debian's 15."""
    if "server" in metafunc.fixturenames:
        metafunc.parametrize("server", ["postgres", "debian15"], indirect=True)


@pytest.fixture
def database_url(empty_database: Database) -> str:
    """A superuser's URL of an empty database."""
    return empty_database.superuser_url


@pytest.fixture
def options(database_url: str) -> Iterator[Options]:
    """Options with roles of this test's own, since roles belong to the whole cluster."""
    prefix = pick_prefix()
    yield Options(app_role=f"{prefix}app", admin_role=f"{prefix}admin")
    drop_roles(database_url, prefix)
