"""The contract suite: on the embedded PostgreSQL and on Debian's 15, async and blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.connecting import connect, connect_async
from threadkeep.testing import contract
from threadkeep.testing.faces import AwaitedStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from threadkeep.store import AsyncStore
    from threadkeep.testing.servers import Database

SUITES = [getattr(contract, name) for name in contract.__all__ if name != "Contract"]
ON_15 = pytest.mark.parametrize("server", ["debian15"], indirect=True)


class Async:
    @pytest.fixture
    async def store(self, shared_database: Database) -> AsyncIterator[AsyncStore]:
        base = shared_database
        async with connect_async(base.url, admin_url=base.admin_url) as store:
            yield store


class Blocking:
    @pytest.fixture
    def store(self, shared_database: Database) -> Iterator[Any]:
        base = shared_database
        with connect(base.url, admin_url=base.admin_url) as store:
            yield AwaitedStore(store)


# One class for each suite and place: a failure names all three.
for suite in SUITES:
    name = suite.__name__.removesuffix("Contract")
    globals()[f"Test{name}"] = type(f"Test{name}", (Async, suite), {})
    globals()[f"Test{name}Blocking"] = type(f"Test{name}Blocking", (Blocking, suite), {})
    globals()[f"Test{name}On15"] = ON_15(type(f"Test{name}On15", (Async, suite), {}))
del suite, name
