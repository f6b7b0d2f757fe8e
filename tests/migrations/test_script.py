"""The script for DBAs and the generated files: both make what `up` makes."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import asyncpg
import psycopg
import pytest
from databases import executor, facts_of, next_migration, run, ship

from threadkeep.core.catalog import LEDGER, data_tables, expected_facts
from threadkeep.core.drift import verify
from threadkeep.core.migrations import Options, script, up
from threadkeep.sql import migration_files
from threadkeep.values.errors import InvalidError

ROOT = Path(__file__).parents[2]
LATEST = migration_files()[-1][0]


async def run_script(url: str, text: str, how: str, folder: Path) -> None:
    """Run a text as a DBA does, or as one simple query."""
    if how == "simple query":
        connection = await asyncpg.connect(url)
        await connection.execute(text)
        await connection.close()
        return
    psql = shutil.which("psql")
    if psql is None:
        pytest.skip("no psql on the path")
    file = folder / "script.sql"
    file.write_text(text, "utf-8")
    command = [psql, url, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(file)]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, timeout=30)


@pytest.mark.parametrize("rls", [True, False])
@pytest.mark.parametrize("how", ["psql", "simple query"])
async def test_script_makes_what_up_makes(
    database_url: str, options: Options, tmp_path: Path, how: str, rls: bool
) -> None:
    """The script gives the catalog and the ledger that `up` gives, by psql or as one query. [A8]"""
    given = replace(options, rls=rls)
    rows = "SELECT version, name, checksum FROM threadkeep.schema_migrations ORDER BY 1"
    async with executor(database_url) as ex:
        await up(ex, given)
        wanted = await facts_of(ex, given), run(database_url, rows)
        run(database_url, "DROP SCHEMA threadkeep CASCADE")
        await run_script(database_url, script(given), how, tmp_path)
        assert (await facts_of(ex, given), run(database_url, rows)) == wanted
        assert await verify(ex, given) == ()
        assert (await up(ex, given)).applied == ()


async def test_script_refuses_a_migrated_database(database_url: str, options: Options) -> None:
    """On a database that has the migrations the script fails as a whole and changes nothing."""
    run(database_url, script(options))
    async with executor(database_url) as ex:
        before = await facts_of(ex, options)
        with pytest.raises(psycopg.errors.UniqueViolation):
            run(database_url, script(options))
        assert await facts_of(ex, options) == before


async def test_script_without_the_schema(database_url: str, options: Options) -> None:
    """With create_schema=False the script makes no schema, and works in one that is there."""
    text = script(replace(options, create_schema=False))
    assert "CREATE SCHEMA" not in text
    run(database_url, "CREATE SCHEMA threadkeep")
    run(database_url, text)
    async with executor(database_url) as ex:
        assert await verify(ex, options) == ()


async def test_script_goes_on_from_a_version(
    database_url: str, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`script(since=n)` brings a database at n to the newest version."""
    async with executor(database_url) as ex:
        await up(ex, options)
        ship(monkeypatch, next_migration("CREATE TABLE /*schema*/notes (n bigint);\n-- the end"))
        run(database_url, script(options, since=LATEST))
        assert (await up(ex, options)).applied == ()
    with pytest.raises(InvalidError):
        script(options, since=LATEST + 2)


async def test_schema_sql_is_the_sum_of_the_migrations(database_url: str, options: Options) -> None:
    """The readable schema.sql gives, on an empty database, the catalog that the migrations give."""
    text = (ROOT / "src/threadkeep/sql/schema.sql").read_text("utf-8")
    assert "enerated" in text.splitlines()[0]
    for option, role in Options().roles.items():
        text = text.replace(role, options.roles[option])
    async with executor(database_url) as ex:
        await up(ex, options)
        wanted = await facts_of(ex, options)
        run(database_url, "DROP SCHEMA threadkeep CASCADE")
        run(database_url, text)
        assert await facts_of(ex, options) == wanted == expected_facts(options)


def test_the_generated_files_are_current(database_url: str, tmp_path: Path) -> None:
    """Generating catalog.json and schema.sql anew gives the committed files, byte for byte."""
    command = [sys.executable, str(ROOT / "tools/generate_schema.py"), database_url, str(tmp_path)]
    paths = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}
    subprocess.run(command, check=True, env=environment, timeout=60)
    for name in ("catalog.json", "schema.sql"):
        committed = (ROOT / "src/threadkeep/sql" / name).read_bytes()
        assert (tmp_path / name).read_bytes() == committed, "run `make generate`"
    left = run(database_url, "SELECT rolname FROM pg_roles WHERE rolname ~ '^threadkeep_generate_'")
    assert left == []


def test_every_data_table_is_guarded(options: Options) -> None:
    """Every table but the ledger has forced row-level security, both policies and both grants."""
    facts = expected_facts(options)
    assert LEDGER not in data_tables()
    for table in data_tables():
        assert facts["column", f"{table}.owner_key"] == "bigint NOT NULL"
        assert facts["rls", table] == "enabled and forced"
        assert "current_owner" in facts["policy", f"{table}.{table}_owner"]
        assert facts["policy", f"{table}.{table}_admin"] == 'FOR ALL TO :"admin_role" USING (true)'
        for role in options.roles:
            assert facts["privilege", f"{role}: {table}"] == "SELECT, INSERT, UPDATE, DELETE"
