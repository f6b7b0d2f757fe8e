"""The contract suite, async and blocking: on the embedded PostgreSQL and through PgBouncer in front
of it; async on Debian's 15.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from threadkeep.connecting import connect, connect_async
from threadkeep.testing import contract
from threadkeep.testing.faces import AwaitedStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from threadkeep.store import AsyncStore
    from threadkeep.testing.servers import Database

SUITES = [getattr(contract, name) for name in contract.__all__ if name != "Contract"]
ON_15 = pytest.mark.parametrize("server", ["debian15"], indirect=True)


class Direct:
    @pytest.fixture(scope="class")
    @classmethod
    def place(cls, shared_database: Database) -> Database:
        return shared_database


class Pooled:
    """Nothing but the URL says that a pooler is in front, and the URL looks like a server's own."""

    @pytest.fixture(scope="class")
    @classmethod
    def place(cls, shared_pooled_database: Database) -> Database:
        return shared_pooled_database


# A store serves all tests of its class, as it serves many requests in an app; but for this one.
CLOSES = "test_a_closed_store_is_unavailable"


class Async:
    @pytest_asyncio.fixture(scope="class", loop_scope="class")
    @classmethod
    async def shared(cls, place: Database) -> AsyncIterator[AsyncStore]:
        async with connect_async(place.url, admin_url=place.admin_url) as store:
            yield store

    @pytest_asyncio.fixture(loop_scope="class")
    async def store(
        self, request: pytest.FixtureRequest, shared: AsyncStore, place: Database
    ) -> AsyncIterator[AsyncStore]:
        if request.function.__name__ != CLOSES:
            yield shared
            return
        async with connect_async(place.url, admin_url=place.admin_url) as store:
            yield store


class Blocking:
    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls, place: Database) -> Iterator[Any]:
        with connect(place.url, admin_url=place.admin_url) as store:
            yield AwaitedStore(store)

    @pytest.fixture
    def store(self, request: pytest.FixtureRequest, shared: Any, place: Database) -> Iterator[Any]:
        if request.function.__name__ != CLOSES:
            yield shared
            return
        with connect(place.url, admin_url=place.admin_url) as store:
            yield AwaitedStore(store)


FACES = {
    "": (Direct, Async),
    "Blocking": (Direct, Blocking),
    "Pooled": (Pooled, Async),
    "PooledBlocking": (Pooled, Blocking),
}

# What these ask is asked of the same statements by the other face, and they are two thirds of the
# time.
ONCE_POOLED = (contract.IsolationContract, contract.LosslessContract)

# One class for each suite and place: a failure names all three.
for suite in SUITES:
    name = f"Test{suite.__name__.removesuffix('Contract')}"
    for face, bases in FACES.items():
        if face == "PooledBlocking" and suite in ONCE_POOLED:
            continue
        globals()[f"{name}{face}"] = type(f"{name}{face}", (*bases, suite), {})
    globals()[f"{name}On15"] = ON_15(type(f"{name}On15", (Direct, Async, suite), {}))
del suite, name, face, bases
