"""The persistence contract over apps' own tables, by every pool that an app may have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hosts import CAMEL, HOSTS, ODD, WAYS, Host, run

from threadkeep import connect_async
from threadkeep.adapters.persistence import NativePersistence, PersistenceAdapter
from threadkeep.testing import run_persistence_contract
from threadkeep.testing.persistence import PersistenceContract
from threadkeep.testing.servers import Database
from threadkeep.values.ids import new_id


class OverTables(PersistenceContract):
    host: Host
    way: str

    @pytest.fixture
    async def make(self, tables: Database) -> AsyncIterator[Any]:
        async with WAYS[self.way](tables.url) as pool:

            async def make(*, user: str | None = None) -> PersistenceAdapter:
                return self.host.adapter(pool, user=user)

            yield make


@pytest.fixture(scope="module")
def tables(shared_database: Database) -> Database:
    """A database with the tables of all apps."""
    for host in HOSTS.values():
        run(shared_database, host.sql())
    return shared_database


class OverStore(PersistenceContract):
    @pytest.fixture
    async def make(self, shared_database: Database) -> AsyncIterator[Any]:
        async with connect_async(shared_database.url) as store:
            owner = new_id()

            async def make(*, user: str | None = None) -> PersistenceAdapter:
                return NativePersistence(store.owner(owner, user=user))

            yield make


ON_15 = pytest.mark.parametrize("server", ["debian15"], indirect=True)

for way in WAYS:
    for name, host in HOSTS.items():
        if way != "asyncpg" and host is not ODD:
            continue
        title = f"Test{name.title()}{way.title().replace('_', '')}"
        globals()[title] = type(title, (OverTables,), {"host": host, "way": way})
    if "sqlalchemy" in way:
        continue
    title = f"TestOdd{way.title().replace('_', '')}On15"
    globals()[title] = ON_15(type(title, (OverTables,), {"host": ODD, "way": way}))


class TestNative(OverStore):
    pass


@ON_15
class TestNativeOn15(OverStore):
    pass


del way, name, host, title


async def test_the_contract_is_a_call(tables: Database) -> None:
    """Who has no pytest class runs the same tests by one call. [O2 A13]"""
    async with WAYS["asyncpg"](tables.url) as pool:

        async def make(*, user: str | None = None) -> PersistenceAdapter:
            return CAMEL.adapter(pool, user=user)

        assert len(await run_persistence_contract(make)) > 25
