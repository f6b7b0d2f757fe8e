"""`threadkeep doctor`: each thing that can be wrong is found, and what is well is not blamed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString
from urllib.parse import quote

import psycopg
import pytest
from test_cli_reap import interrupt

from threadkeep import Message, connect, examining
from threadkeep.cli.app import run
from threadkeep.core import health
from threadkeep.core.catalog import data_tables
from threadkeep.sql import statements
from threadkeep.testing.fixtures import FOLDER
from threadkeep.values.errors import UnavailableError
from threadkeep.values.ids import owner_key

if TYPE_CHECKING:
    from commands import Cli, Ended

    from threadkeep.testing.servers import Database
    from threadkeep.testing.servers import Server as TestServer

BOTH = pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
PASSWORD = "not-for-anyone"  # noqa: S105


def execute(url: str, text: LiteralString) -> None:
    """Run a text."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(text)


def states(ended: Ended) -> dict[str, str]:
    """How each check went."""
    return {check["name"]: check["state"] for check in ended.json["checks"]}


def check_of(ended: Ended, name: str) -> Any:
    """One check."""
    [found] = [check for check in ended.json["checks"] if check["name"] == name]
    return found


def contents(database: Database) -> list[tuple[Any, ...]]:
    """All rows of all tables."""
    with psycopg.connect(database.superuser_url) as connection:
        return [
            row
            for table in data_tables()
            for row in connection.execute(f"SELECT t::text FROM threadkeep.{table} t ORDER BY 1")
        ]


@BOTH
def test_the_app_role_on_a_migrated_database_is_well(cli: Cli, database: Database) -> None:
    """Nothing fails, row-level security was tried with rows, and nothing was changed."""
    with connect(database.url) as store:
        store.owner("o").messages.append("t", Message.user("q"))
    before = contents(database)
    ended = cli("doctor", "--json")
    assert (ended.code, ended.json["held"]) == (0, True)
    # The servers of the tests are fast and forget.
    assert {n for n, s in states(ended).items() if s not in ("ok", "note")} == {"durability"}
    isolation = ended.json["facts"]["isolation"]
    assert (isolation["how"], isolation["proved"], isolation["trouble"]) == ("rows", True, None)
    assert (isolation["seen"], isolation["written"], isolation["unseen"]) == ([], [], [])
    assert contents(database) == before
    drawn = cli("doctor")
    assert drawn.code == 0
    assert all(name in drawn.out for name in states(ended))


@BOTH
def test_the_owner_of_the_tables_is_bound_too(cli: Cli, database: Database) -> None:
    """A deployment with one role is well: FORCE binds it."""
    ended = cli("doctor", "--url", database.owner_url, "--json")
    assert (ended.code, states(ended)["role"], states(ended)["isolation"]) == (0, "note", "ok")


@BOTH
@pytest.mark.parametrize("role", ["superuser_url", "admin_url"])
def test_a_role_that_sees_everything_fails(cli: Cli, database: Database, role: str) -> None:
    """A superuser and the admin role fail by what they are, and by what they were seen to do."""
    url = getattr(database, role)
    ended = cli("doctor", "--url", url, "--json")
    assert ended.code == 1
    assert states(ended)["role"] == "failure"
    assert ended.json["facts"]["isolation"]["seen"] == sorted(data_tables())
    assert ended.json["facts"]["isolation"]["written"] == sorted(data_tables())
    assert "threadkeep_app" in check_of(ended, "isolation")["advice"]
    assert cli("doctor", "--url", url).out.count("✗") == 2


@contextmanager
def a_role(server: TestServer, database: Database, attributes: str) -> Iterator[str]:
    """A login of its own; its URL."""
    name = f"doctor_{database.name}"
    server.run(f"CREATE ROLE {name} LOGIN {attributes}")
    try:
        yield database.url.replace("threadkeep_app@", f"{name}@")
    finally:
        with psycopg.connect(database.superuser_url, autocommit=True) as connection:
            connection.execute(f"DROP OWNED BY {name}".encode())
        server.run(f"DROP ROLE {name}")


def test_a_role_with_bypassrls_fails(cli: Cli, database: Database, server: TestServer) -> None:
    """The right alone is enough."""
    with a_role(server, database, "BYPASSRLS IN ROLE threadkeep_app") as url:
        ended = cli("doctor", "--url", url, "--json")
    assert (ended.code, states(ended)["role"]) == (1, "failure")
    assert "BYPASSRLS" in check_of(ended, "role")["seen"]


def test_a_role_without_rights_is_told_which_it_needs(
    cli: Cli, database: Database, server: TestServer
) -> None:
    """Whoever may connect may ask; what it cannot see is a failure, and no other error."""
    with a_role(server, database, "") as url:
        nothing = cli("doctor", "--url", url, "--json")
        name = f"doctor_{database.name}"
        with psycopg.connect(database.superuser_url, autocommit=True) as connection:
            for grant in ("USAGE ON SCHEMA threadkeep", "SELECT ON threadkeep.schema_migrations"):
                connection.execute(f"GRANT {grant} TO {name}".encode())
        ledger = cli("doctor", "--url", url, "--json")
        with psycopg.connect(database.superuser_url, autocommit=True) as connection:
            tables = ", ".join(f"threadkeep.{table}" for table in data_tables())
            connection.execute(f"GRANT SELECT ON {tables} TO {name}".encode())
        reads = cli("doctor", "--url", url, "--json")
    assert (nothing.code, states(nothing)["tables"]) == (1, "failure")
    assert "threadkeep_app" in check_of(nothing, "tables")["seen"]
    assert (ledger.code, states(ledger)["isolation"]) == (1, "failure")
    assert ledger.json["facts"]["isolation"]["how"] == "none"
    # Empty tables prove nothing to a reader.
    assert (reads.code, states(reads)["isolation"]) == (0, "note")


def fill_all_tables(url: str) -> None:
    """A row of one owner in each table, as the doctor plants it, and there to stay."""
    text = statements("threadkeep")["health_plant"].text
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
        connection.execute(text.encode(), (owner_key("o"), "o"))


def test_what_only_reads_proves_it_by_what_is_there(
    cli: Cli, database: Database, server: TestServer
) -> None:
    """With rows in all tables, a reader that sees none is bound, and one that sees some is not."""
    fill_all_tables(database.superuser_url)
    url = f"{database.url}&options={quote('-c default_transaction_read_only=on')}"
    bound = cli("doctor", "--url", url, "--json")
    assert bound.json["facts"]["isolation"]["how"] == "reads"
    assert states(bound)["isolation"] == "ok"
    assert (bound.code, states(bound)["primary"]) == (1, "failure")
    execute(database.superuser_url, "CREATE POLICY open ON threadkeep.runs USING (true)")
    free = cli("doctor", "--url", url, "--json")
    assert free.json["facts"]["isolation"]["seen"] == ["runs"]


@pytest.mark.parametrize("table", data_tables())
@pytest.mark.parametrize(
    "opened",
    [
        "ALTER TABLE threadkeep.{} DISABLE ROW LEVEL SECURITY",
        "CREATE POLICY open ON threadkeep.{} USING (true)",
    ],
)
def test_a_table_that_is_open_is_found(
    cli: Cli, database: Database, table: str, opened: str
) -> None:
    """With RLS off, or a policy that lets everything through, that very table is named."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute(opened.format(table).encode())
    ended = cli("doctor", "--json")
    assert ended.code == 1
    assert (states(ended)["role"], states(ended)["schema"]) == ("ok", "failure")
    isolation = ended.json["facts"]["isolation"]
    assert (isolation["seen"], isolation["written"]) == ([table], [table])
    assert "migrate verify" in check_of(ended, "isolation")["advice"]


def test_a_table_that_is_open_for_writing_only_is_found(cli: Cli, database: Database) -> None:
    """A policy that hides rows and lets foreign ones in is a hole too."""
    execute(
        database.superuser_url,
        "CREATE POLICY hole ON threadkeep.messages FOR INSERT WITH CHECK (true)",
    )
    isolation = cli("doctor", "--json").json["facts"]["isolation"]
    assert (isolation["seen"], isolation["written"]) == ([], ["messages"])


def test_an_owner_that_does_not_see_its_own_is_found(cli: Cli, database: Database) -> None:
    """A policy that hides too much is no boundary either."""
    execute(
        database.superuser_url,
        "CREATE POLICY shut ON threadkeep.runs AS RESTRICTIVE FOR SELECT USING (false)",
    )
    ended = cli("doctor", "--json")
    assert (ended.code, ended.json["facts"]["isolation"]["unseen"]) == (1, ["runs"])


def test_the_probe_tries_all_tables_with_rows_of_owners() -> None:
    """A table that a later migration adds must be in the probe."""
    blocks = statements("threadkeep")
    for table in data_tables():
        assert f"health_intrude_{table}" in blocks
        for block in ("health_plant", "health_seen", "health_peek"):
            assert f'"threadkeep".{table}' in blocks[block].text


def test_without_row_level_security_only_a_note_is_made(cli: Cli, empty_database: Database) -> None:
    """--no-rls asks for none; where it is on all the same, that is drift."""
    with connect(empty_database.owner_url, migrate=True, rls=False):
        pass
    asked = ("doctor", "--url", empty_database.url, "--json")
    without = cli(*asked, "--no-rls")
    assert (without.code, states(without)["isolation"]) == (0, "note")
    assert cli(*asked).code == 1


def test_a_database_that_is_not_migrated_is_one_failure(cli: Cli, empty_database: Database) -> None:
    """It names the command, and the rest is looked at all the same."""
    ended = cli("doctor", "--url", empty_database.url, "--json")
    assert ended.code == 1
    assert [name for name, state in states(ended).items() if state == "failure"] == ["tables"]
    assert check_of(ended, "tables")["advice"] == "run: threadkeep migrate up"
    assert {"schema", "isolation", "runs"}.isdisjoint(states(ended))


def test_drift_is_found(cli: Cli, database: Database) -> None:
    """What `migrate verify` finds is a failure that names the first of it."""
    execute(database.superuser_url, "DROP INDEX threadkeep.threads_user_idx")
    ended = cli("doctor", "--json")
    assert (ended.code, states(ended)["schema"], states(ended)["isolation"]) == (1, "failure", "ok")
    assert "index threads.threads_user_idx" in check_of(ended, "schema")["seen"]


def test_a_schema_that_no_row_fits_into_is_not_called_safe(cli: Cli, database: Database) -> None:
    """Where the probe itself is refused, that is a failure and no trace."""
    execute(
        database.superuser_url,
        "ALTER TABLE threadkeep.runs ADD CONSTRAINT none_more CHECK (run_id <> 'doctor')",
    )
    ended = cli("doctor", "--json")
    assert (ended.code, states(ended)["isolation"]) == (1, "failure")
    assert ended.json["facts"]["isolation"]["how"] == "none"


def test_a_locked_table_does_not_hold_the_doctor_up(
    cli: Cli, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for nobody for long, and says what it could not look at."""
    monkeypatch.setattr(examining, "_PATIENCE", 0.5)
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("LOCK TABLE threadkeep.runs IN ACCESS EXCLUSIVE MODE")
        ended = cli("doctor", "--json")
    failed = {name for name, state in states(ended).items() if state == "failure"}
    assert (ended.code, failed) == (1, {"tables"})
    assert "lock" in check_of(ended, "tables")["advice"]


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{PASSWORD}@127.0.0.1:1/x",
        f"postgresql://me:{PASSWORD}@/x?host=/nowhere/at/all",
        f"postgresql://me:{PASSWORD}@nobody.invalid/x",
    ],
)
def test_an_unreachable_database_is_one_failure_with_its_reason(cli: Cli, url: str) -> None:
    """It ends with 5, says why and what to do, and shows no password."""
    ended = cli("doctor", "--url", url, "--json")
    assert (ended.code, ended.err) == (5, "")
    [check] = ended.json["checks"]
    assert (check["name"], check["state"]) == ("connection", "failure")
    assert check["advice"]
    drawn = cli("doctor", "--url", url)
    assert (drawn.code, drawn.out.count("✗")) == (5, 1)
    assert PASSWORD not in ended.out + drawn.out + drawn.err


def test_a_database_that_does_not_exist_is_named_as_the_reason(
    cli: Cli, database: Database
) -> None:
    """The server is there, the database is not."""
    ended = cli("doctor", "--url", database.url.replace(database.name, "absent"), "--json")
    assert (ended.code, ended.json["checks"][0]["advice"]) == (
        5,
        "the server has no such database",
    )


def test_a_wrong_url_is_a_wrong_call(cli: Cli) -> None:
    """It is no finding about a database."""
    ended = cli("doctor", "--url", f"postgresql://me:{PASSWORD}@host:port/x", "--json")
    assert (ended.code, ended.out) == (2, "")
    assert PASSWORD not in ended.err


def test_where_no_database_may_be_used_that_is_the_failure(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the embedded server forbidden and no URL there is nothing to look at."""
    monkeypatch.delenv("THREADKEEP_URL")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("THREADKEEP_EMBEDDED", "0")
    ended = cli("doctor", "--json")
    assert (ended.code, states(ended)) == (5, {"connection": "failure"})


def test_a_password_is_shown_nowhere(cli: Cli, database: Database) -> None:
    """Not in the facts, and not in what is drawn."""
    url = database.url.replace("threadkeep_app@", f"threadkeep_app:{PASSWORD}@")
    for ended in (cli("doctor", "--url", url, "--json"), cli("doctor", "--url", url)):
        assert ended.code == 0
        assert "threadkeep_app" in ended.out
        assert PASSWORD not in ended.out + ended.err


@pytest.mark.parametrize(("ahead", "state"), [(0.0, "ok"), (3.0, "warning"), (-3.0, "warning")])
def test_a_clock_that_differs_is_found(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, ahead: float, state: str
) -> None:
    """By as much as it differs, either way."""
    clock = examining._now
    monkeypatch.setattr(examining, "_now", lambda: clock() - ahead)
    ended = cli("doctor", "--json")
    assert (ended.code, states(ended)["clock"]) == (0, state)
    found = ended.json["facts"]["surroundings"]["clock"]
    assert abs(found["ahead"] - ahead) <= found["within"] + 0.5


def test_interrupted_runs_are_counted_by_the_admin(
    cli: Cli, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the admin's URL they are information, with a wrong one that is a warning."""
    interrupt(database.url, "t1", "t2")
    assert states(cli("doctor", "--json"))["runs"] == "note"
    for url, lapsed, state in (
        (database.admin_url, 2, "note"),
        (database.owner_url, None, "warning"),
        ("postgresql://127.0.0.1:1/x", None, "warning"),
    ):
        monkeypatch.setenv("THREADKEEP_ADMIN_URL", url)
        ended = cli("doctor", "--json")
        assert (ended.code, states(ended)["runs"]) == (0, state)
        assert ended.json["facts"]["surroundings"]["lapsed"] == lapsed
    monkeypatch.setenv("THREADKEEP_ADMIN_URL", database.admin_url)
    assert cli("reap", "--json").json["reaped"] == 2
    assert states(cli("doctor", "--json"))["runs"] == "ok"


def test_a_pooler_is_found_and_a_way_past_it_is_tried(
    cli: Cli, pooled_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is known by the session that answers; all other checks hold through it."""
    asked = ("doctor", "--url", pooled_database.url, "--json")
    ended = cli(*asked)
    assert (ended.code, states(ended)["pooler"], states(ended)["isolation"]) == (0, "note", "ok")
    assert ended.json["facts"]["surroundings"]["pooled_by"] == "session"
    for url, state in (
        (pooled_database.owner_url, "ok"),
        (pooled_database.url, "warning"),
        (pooled_database.superuser_url.replace(pooled_database.name, "postgres"), "warning"),
        ("postgresql://127.0.0.1:1/x", "warning"),
    ):
        monkeypatch.setenv("THREADKEEP_DIRECT_URL", url)
        found = cli(*asked)
        assert (found.code, states(found)["pooler"]) == (0, state), url


def test_what_only_the_other_driver_refuses_is_a_warning(cli: Cli, database: Database) -> None:
    """AsyncStore cannot use every URL that Store can."""
    ended = cli("doctor", "--url", f"{database.url}&require_auth=none", "--json")
    assert (ended.code, states(ended)["connection"]) == (0, "warning")
    assert "require_auth" in check_of(ended, "connection")["seen"]


def test_the_embedded_server_is_examined_as_it_would_be_used(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It is started and migrated as by any command, and nothing but notes is found."""
    folder = Path(os.environ[FOLDER]) / f"doctor-{os.getpid()}"
    try:
        assert run(["doctor", "--data", str(folder), "--json"]) == 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found = json.loads(capfd.readouterr().out)
    assert {check["state"] for check in found["checks"]} <= {"ok", "note"}


def test_a_database_that_goes_away_meanwhile_is_one_failure(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is lost on the way ends like a database that was not reached."""

    def lost(*_: object) -> Callable[..., Any]:
        raise UnavailableError("the server was not reached", transient=True)

    monkeypatch.setattr(health, "verify", lost)
    ended = cli("doctor", "--json")
    assert (ended.code, states(ended)) == (5, {"connection": "failure"})
