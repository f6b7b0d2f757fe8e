"""Behind PgBouncer in transaction mode: found out, and nothing is left in its sessions."""

from __future__ import annotations

import pytest
from care import DRIVERS, executor, sql

from threadkeep import connect
from threadkeep.connecting import settings
from threadkeep.drivers.limits import Limits, Pooler
from threadkeep.testing.servers import Database
from threadkeep.values.errors import InvalidError

SHOWN = sql("SELECT current_setting('statement_timeout'), current_setting('application_name')")


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("pooler", [None, "transaction"])
async def test_a_pooler_is_found_out(
    driver: str, pooler: Pooler | None, pooled_database: Database
) -> None:
    """Through a pooler that no name gives away statements run, unprepared, with nothing set.

    [A15]
    """
    async with executor(driver, pooled_database.url, Limits(pooler=pooler)) as ex:
        assert ex.pooled is True
        for _ in range(20):
            assert tuple((await ex.fetch(SHOWN))[0]) == ("0", "threadkeep")
            prepared = await ex.fetch(sql("SELECT count(*) FROM pg_prepared_statements"))
            # What runs may be there itself, without a name.
            assert prepared[0][0] == 0
            async with ex.transaction(1) as tx:
                [[timeout, _]] = await tx.fetch(SHOWN)
                assert timeout == "1min"


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_server_of_its_own_is_no_pooler(driver: str, database: Database) -> None:
    """A direct session is found to be one; `pooler` says otherwise without a look."""
    async with executor(driver, database.url) as ex:
        assert ex.pooled is False
    for pooler, expected in (("transaction", True), ("none", False)):
        limits = Limits(pooler=pooler)  # type: ignore[arg-type]
        async with executor(driver, database.url, limits) as ex:
            assert ex.pooled is expected


def test_migrations_go_by_the_direct_url(
    pooled_database: Database, empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`direct_url`, or its variable, is what `migrate=True` uses; a bad one is named."""
    direct = empty_database.owner_url
    with connect(empty_database.url, migrate=True, direct_url=direct) as store:
        assert store.migrations.verify() == ()
    monkeypatch.setenv("THREADKEEP_DIRECT_URL", direct)
    assert settings(pooled_database.url).direct_url is not None
    with pytest.raises(InvalidError) as bad:
        settings(pooled_database.url, direct_url="mysql://x")
    assert bad.value.field == "direct_url"
