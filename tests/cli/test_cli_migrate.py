"""`threadkeep migrate`: up, status, verify, sql."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, LiteralString

import psycopg
import pytest
from commands import Ended

from threadkeep.cli.app import run
from threadkeep.core.migrations import UpReport

if TYPE_CHECKING:
    from threadkeep.testing.servers import Database

Migrate = Callable[..., Ended]


@pytest.fixture
def migrate(empty_database: Database, capfd: pytest.CaptureFixture[str]) -> Migrate:
    """Run `threadkeep migrate` on an empty database, as the owner of the tables to be."""

    def call(command: str, *arguments: str) -> Ended:
        capfd.readouterr()
        code = run(["migrate", command, "--url", empty_database.owner_url, *arguments])
        return Ended(code, *capfd.readouterr())

    return call


def execute(database: Database, text: LiteralString) -> None:
    """Run a text as superuser."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute(text)


def test_up_makes_the_tables(migrate: Migrate) -> None:
    """`up` applies what is pending, `status` tells so, and a second `up` has nothing to do."""
    before = migrate("status", "--json").json["migrations"]
    versions = [m["version"] for m in before]
    assert versions == list(range(1, len(versions) + 1))
    assert {m["state"] for m in before} == {"pending"}
    assert migrate("up", "--json").json["applied"] == versions
    assert {m["state"] for m in migrate("status", "--json").json["migrations"]} == {"applied"}
    assert migrate("up", "--json").json["applied"] == []
    assert "nothing to do" in migrate("up").out
    assert "0001" in migrate("status").out


def test_up_says_what_a_dba_must_run(migrate: Migrate, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQL that the role may not run is printed, ready for somebody who may; that is no failure."""

    async def up(*_: object) -> UpReport:
        return UpReport((1,), ("GRANT this;", "GRANT that;"))

    monkeypatch.setattr("threadkeep.core.migrations.up", up)
    ended = migrate("up")
    assert (ended.code, ended.out) == (0, "applied: 1\nGRANT this;\nGRANT that;\n")
    assert "a DBA must run this" in ended.err
    assert migrate("up", "--json").json["notes"] == ["GRANT this;", "GRANT that;"]


def test_verify_ends_with_one_for_drift(migrate: Migrate, empty_database: Database) -> None:
    """No drift is 0; a changed table is 1, with what was expected and what was found."""
    migrate("up")
    assert migrate("verify").code == 0
    assert migrate("verify", "--json").json == {"findings": []}
    execute(empty_database, "ALTER TABLE threadkeep.threads DROP COLUMN title CASCADE")
    ended = migrate("verify", "--json")
    assert ended.code == 1
    columns = [f for f in ended.json["findings"] if f["kind"] == "column"]
    assert [(f["object"], f["found"]) for f in columns] == [("threads.title", None)]
    told = migrate("verify")
    assert told.code == 1
    assert "column threads.title" in told.out


def test_verify_of_an_empty_database_finds_the_schema_missing(migrate: Migrate) -> None:
    """Before `up`, the missing schema is the one finding."""
    ended = migrate("verify", "--json")
    assert (ended.code, [f["kind"] for f in ended.json["findings"]]) == (1, ["schema"])


def test_sql_is_what_up_runs(
    migrate: Migrate, empty_database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    """The printed SQL makes a database on which `up` has nothing to do; it needs no database.

    [A8]
    """
    assert run(["migrate", "sql"]) == 0
    text = capfd.readouterr().out
    assert run(["migrate", "sql", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"sql": text}
    with psycopg.connect(empty_database.owner_url, autocommit=True) as connection:
        connection.execute(text.encode())
    assert migrate("up", "--json").json["applied"] == []
    assert migrate("verify").code == 0


def test_sql_takes_schema_and_version(capfd: pytest.CaptureFixture[str]) -> None:
    """--schema, --no-create-schema and --since shape the text; an unknown version is refused."""
    run(["migrate", "sql", "--schema", "we ird", "--no-create-schema"])
    text = capfd.readouterr().out
    assert '"we ird".threads' in text
    assert "CREATE SCHEMA" not in text
    assert run(["migrate", "sql", "--since", "99"]) == 2


def test_without_row_level_security(migrate: Migrate, empty_database: Database) -> None:
    """--no-rls makes tables without policies, and verify must be told so too."""
    migrate("up", "--no-rls")
    assert migrate("verify", "--no-rls").code == 0
    assert migrate("verify").code == 1
    with_rls = run(["threads", "--owner", "me", "--url", empty_database.url])
    assert with_rls == 5
    assert run(["threads", "--owner", "me", "--url", empty_database.url, "--no-rls"]) == 0
