"""Access: what the roles see and may do, with and without row-level security."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
import psycopg
import pytest
from databases import ODD_SCHEMAS, add_rows, executor, login, role_of, run

from threadkeep.core.catalog import data_tables, expected_facts
from threadkeep.core.drift import verify
from threadkeep.core.migrations import Options, UpReport, check, status, up
from threadkeep.sql import statements
from threadkeep.values.ids import owner_key

if TYPE_CHECKING:
    from collections.abc import Iterable

VIEWS = [name for kind, name in expected_facts(Options()) if kind == "view"]


async def migrate(url: str, options: Options) -> None:
    """Migrate, and store rows for two owners."""
    async with executor(url) as ex:
        await up(ex, options)
    add_rows(url)


def counts(url: str, names: Iterable[str]) -> dict[str, int]:
    """How many rows a plain SELECT sees."""
    return {n: run(url, f"SELECT count(*) FROM threadkeep.{n}")[0][0] for n in names}


async def test_without_an_owner_nothing_is_seen(database_url: str, options: Options) -> None:
    """A raw SELECT sees no row of any table or view, on a fresh session and on a used one. [I2]"""
    await migrate(database_url, options)
    names = [*data_tables(), *VIEWS]
    assert all(counts(database_url, names).values())
    connection = await asyncpg.connect(
        login(database_url, options, "user", member_of=options.app_role)
    )
    try:
        for _ in range(2):
            for name in names:
                assert await connection.fetch(f"SELECT * FROM threadkeep.{name}") == []
            call = statements("threadkeep")["thread_get"].text
            assert await connection.fetch(call, owner_key("ann"), "ann", "t", None)
    finally:
        await connection.close()


async def test_an_owner_sees_its_own_rows(database_url: str, options: Options) -> None:
    """With an owner set, a raw SELECT sees that owner's rows in every table and view, no other.

    [I2]
    """
    await migrate(database_url, options)
    url = login(database_url, options, "user", member_of=options.app_role)
    with psycopg.connect(url) as connection:
        connection.execute(f"SET LOCAL threadkeep.owner = '{owner_key('ann')}'".encode())
        for name in [*data_tables(), *VIEWS]:
            query = f"SELECT to_jsonb(x) - 'payload' FROM threadkeep.{name} x"
            [[row]] = connection.execute(query.encode()).fetchall()
            assert row.get("owner_id", "ann") == "ann"
            assert row.get("owner_key", owner_key("ann")) == owner_key("ann")


async def test_the_app_writes_for_no_other_owner(database_url: str, options: Options) -> None:
    """An INSERT for another owner than the one set is refused, UPDATE and DELETE meet no row.

    [I2]
    """
    await migrate(database_url, options)
    url = login(database_url, options, "user", member_of=options.app_role)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SET threadkeep.owner = '{owner_key('cy')}'".encode())
        for table in data_tables():
            for change in (
                f"UPDATE threadkeep.{table} SET owner_key = owner_key",
                f"DELETE FROM threadkeep.{table}",
            ):
                assert connection.execute(change.encode()).rowcount == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        add_rows(url)


async def test_the_tables_owner_is_bound_too(database_url: str, options: Options) -> None:
    """Where the app's role owns the tables, row-level security binds it all the same."""
    url = login(database_url, options, "one")
    run(database_url, f'CREATE SCHEMA threadkeep AUTHORIZATION "{role_of(url)}"')
    async with executor(url) as ex:
        await up(ex, options)
        standing = await check(ex, options)
    assert (standing.bypasses_rls, standing.is_admin) == (False, False)
    add_rows(database_url)
    assert set(counts(url, [*data_tables(), *VIEWS]).values()) == {0}


async def test_the_admin_sees_all(database_url: str, options: Options) -> None:
    """A member of the admin role sees the rows of all owners in every table and view."""
    await migrate(database_url, options)
    url = login(database_url, options, "keeper", member_of=options.admin_role)
    names = [*data_tables(), *VIEWS]
    assert counts(url, names) == counts(database_url, names)
    assert run(url, "DELETE FROM threadkeep.threads RETURNING 1") == [(1,), (1,)]


async def test_the_app_may_look_for_drift(database_url: str, options: Options) -> None:
    """`check`, `status` and `verify` need no more than the app role has."""
    await migrate(database_url, options)
    url = login(database_url, options, "user", member_of=options.app_role)
    async with executor(url) as ex:
        assert await verify(ex, options) == ()
        assert {s.state for s in await status(ex, options)} == {"applied"}
        assert not (await check(ex, options)).bypasses_rls


async def test_the_app_cannot_touch_the_ledger(database_url: str, options: Options) -> None:
    """The app role reads the ledger and can neither write it nor empty a table."""
    await migrate(database_url, options)
    url = login(database_url, options, "user", member_of=options.app_role)
    assert run(url, "SELECT count(*) > 0 FROM threadkeep.schema_migrations") == [(True,)]
    for text in ("DELETE FROM threadkeep.schema_migrations", "TRUNCATE threadkeep.messages"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(url, text)


async def test_without_row_level_security(database_url: str, options: Options) -> None:
    """With rls=False there is no policy, the app sees all rows, and no drift is found."""
    open_ = replace(options, rls=False)
    await migrate(database_url, open_)
    url = login(database_url, options, "user", member_of=options.app_role)
    names = [*data_tables(), *VIEWS]
    assert counts(url, names) == counts(database_url, names)
    async with executor(database_url) as ex:
        assert await verify(ex, open_) == ()
        standing = await check(ex, open_)
        assert (standing.rls_enabled, standing.rls_forced) == (False, False)
        kinds = {f.kind for f in await verify(ex, options)}
        assert kinds == {"rls", "policy"}


async def test_row_level_security_may_change(database_url: str, options: Options) -> None:
    """A second `up` with another `rls` turns it off or on, and loses no row."""
    await migrate(database_url, options)
    async with executor(database_url) as ex:
        for rls in (False, True):
            changed = replace(options, rls=rls)
            assert await up(ex, changed) == UpReport((), ())
            assert await verify(ex, changed) == ()
    assert counts(database_url, data_tables()) == dict.fromkeys(data_tables(), 2)


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE threadkeep.threads NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY threads_owner ON threadkeep.threads",
        "ALTER POLICY messages_owner ON threadkeep.messages USING (true)",
        "DROP POLICY messages_admin ON threadkeep.messages",
        "REVOKE DELETE ON threadkeep.messages FROM PUBLIC, {app}",
        "REVOKE USAGE ON SCHEMA threadkeep FROM {admin}",
        "REVOKE EXECUTE ON FUNCTION threadkeep.current_owner() FROM PUBLIC, {app}",
    ],
)
async def test_up_mends_the_access(database_url: str, options: Options, damage: str) -> None:
    """What is missing in policies and privileges is put back by the next `up`."""
    async with executor(database_url) as ex:
        await up(ex, options)
        run(database_url, damage.format(app=options.app_role, admin=options.admin_role))
        assert len(await verify(ex, options)) == 1
        assert await up(ex, options) == UpReport((), ())
        assert await verify(ex, options) == ()


async def test_two_schemas_share_the_roles(database_url: str, options: Options) -> None:
    """Several schemas of one database, with the same roles, each stand on their own. [A9]"""
    schemas = [replace(options, schema=name) for name in ("threadkeep", ODD_SCHEMAS[0])]
    async with executor(database_url) as ex:
        for each in schemas:
            assert (await up(ex, each)).notes == ()
        assert [await verify(ex, each) for each in schemas] == [(), ()]
