"""Every named block is valid SQL, in any schema and on every PostgreSQL that is supported."""

from __future__ import annotations

import asyncpg
import pytest

from threadkeep.connecting import open_migrations
from threadkeep.sql import render, statements
from threadkeep.store import Options
from threadkeep.testing.servers import Database

ODD = 'we "ird; --'
BOTH = pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)


@BOTH
async def test_every_block_runs_in_an_oddly_named_schema(empty_database: Database) -> None:
    """Each block with parameters prepares against tables that only exist in the odd schema. [A9]"""
    with open_migrations(empty_database.superuser_url, options=Options(schema=ODD)) as migrations:
        migrations.up()
    connection = await asyncpg.connect(empty_database.superuser_url)
    try:
        prepared = 0
        for statement in statements(ODD).values():
            if "$1" in statement.text:
                await connection.prepare(statement.text)
                prepared += 1
        assert prepared > 30
    finally:
        await connection.close()


@BOTH
async def test_every_block_reads_only_its_own_schema(empty_database: Database) -> None:
    """A block that names one of our tables fails where that schema has none, search path or not."""
    with open_migrations(empty_database.superuser_url, options=Options()) as migrations:
        migrations.up()
    connection = await asyncpg.connect(empty_database.superuser_url)
    try:
        await connection.execute("SET search_path = threadkeep")
        for statement in statements("elsewhere").values():
            if "$1" in statement.text and '"elsewhere".' in statement.text:
                with pytest.raises(asyncpg.PostgresError) as refused:
                    await connection.prepare(statement.text)
                assert refused.value.sqlstate in ("42P01", "3F000", "42883"), statement.name
    finally:
        await connection.close()


def test_a_mark_that_is_not_filled_in_is_an_error() -> None:
    """A misspelt mark does not reach the server as a comment."""
    with pytest.raises(ValueError, match="mark"):
        render("SELECT /*shcema*/x", "threadkeep")
