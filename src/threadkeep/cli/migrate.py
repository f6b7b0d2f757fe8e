"""`threadkeep migrate`: make the tables, say how they stand, hold them against this version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from threadkeep.cli import endings
from threadkeep.cli.opening import Database, told
from threadkeep.cli.options import Data, Json, Rls, Schema, Url
from threadkeep.cli.screen import Screen
from threadkeep.connecting import Options, migration_sql, open_migrations

if TYPE_CHECKING:
    from threadkeep.sync import Migrations

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Make the tables, and hold them against this version.",
)

CreateSchema = Annotated[
    bool,
    typer.Option(
        "--create-schema/--no-create-schema", help="Whether to create the schema if it is missing."
    ),
]
_STYLES: Final = {"applied": "green", "pending": "yellow"}


@app.command("up")
def up(
    *,
    url: Url = None,
    schema: Schema = "threadkeep",
    data: Data = None,
    rls: Rls = True,
    create_schema: CreateSchema = True,
    json: Json = False,
) -> int:
    """Apply what is pending, in one transaction.

    Any number of processes may run it at once. Connect as the role that shall own the tables. The
    roles threadkeep_app and threadkeep_admin are made where the role may make roles; where it may
    not, the SQL that a DBA must run is printed.
    """
    screen = Screen(json)
    with _opened(Database(url, schema, data, rls), screen, create_schema=create_schema) as found:
        report = found.up()
    if json:
        screen.data({"applied": report.applied, "notes": report.notes})
        return endings.OK
    names = ", ".join(str(version) for version in report.applied)
    screen.print(f"applied: {names}" if names else "nothing to do: the tables are up to date")
    if report.notes:
        screen.notice("the role may not do the rest; a DBA must run this:")
        screen.write("\n".join(report.notes).rstrip("\n") + "\n")
    return endings.OK


@app.command("status")
def status(
    *,
    url: Url = None,
    schema: Schema = "threadkeep",
    data: Data = None,
    json: Json = False,
) -> int:
    """List the migrations and which of them are applied; changes nothing."""
    screen = Screen(json)
    with _opened(Database(url, schema, data), screen) as found:
        states = found.status()
    if json:
        screen.data({"migrations": [_state(asdict(state)) for state in states]})
        return endings.OK
    table = Table("version", "name", "state", "applied at", box=None, pad_edge=False)
    for state in states:
        when = f"{state.applied_at:%Y-%m-%d %H:%M}" if state.applied_at else ""
        style = _STYLES.get(state.state, "red")
        table.add_row(f"{state.version:04d}", state.name, Text(state.state, style), when)
    screen.print(table)
    return endings.OK


@app.command("verify")
def verify(
    *,
    url: Url = None,
    schema: Schema = "threadkeep",
    data: Data = None,
    rls: Rls = True,
    json: Json = False,
) -> int:
    """Report every difference between the database and what this version expects.

    Columns, types, nullability, keys, indexes, triggers, functions, views, policies, privileges
    and roles, all at once. Ends with 1 if there is one.
    """
    screen = Screen(json)
    with _opened(Database(url, schema, data, rls), screen) as found:
        findings = found.verify()
    if json:
        screen.data({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            screen.print(f"{finding.kind} {finding.object}")
            screen.print(f"  expected: {finding.expected or 'nothing'}")
            screen.print(f"  found:    {finding.found or 'nothing'}")
        drift = f"{len(findings)} differences" if findings else "no drift"
        screen.notice(f"schema {schema}: {drift}")
    return endings.FINDING if findings else endings.OK


@app.command("sql")
def sql(
    *,
    schema: Schema = "threadkeep",
    rls: Rls = True,
    create_schema: CreateSchema = True,
    since: Annotated[
        int, typer.Option("--since", help="The version that the database is at; 0 is an empty one.")
    ] = 0,
    json: Json = False,
) -> int:
    """Print the SQL that `up` would run, for psql or another migration tool; connects nowhere."""
    text = migration_sql(Options(schema=schema, create_schema=create_schema, rls=rls), since=since)
    if json:
        Screen(json).data({"sql": text})
    else:
        Screen().write(text)
    return endings.OK


@contextmanager
def _opened(
    database: Database, screen: Screen, *, create_schema: bool = True
) -> Iterator[Migrations]:
    options = Options(database.schema, create_schema, database.rls)
    with (
        told(screen.notice),
        open_migrations(database.url, options=options, data=database.data) as found,
    ):
        yield found


def _state(facts: dict[str, Any]) -> dict[str, Any]:
    when = facts["applied_at"]
    return facts | {"applied_at": None if when is None else when.isoformat()}
