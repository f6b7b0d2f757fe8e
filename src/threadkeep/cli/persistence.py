"""`threadkeep persistence`: an app's own tables for a chat history: print them, look at them."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from threadkeep.adapters.persistence import (
    PostgresPersistence,
    TablesMismatchError,
    persistence_ddl,
    sqlalchemy_model,
)
from threadkeep.cli import endings
from threadkeep.cli.options import Json, Url
from threadkeep.cli.screen import Screen, shown
from threadkeep.lending import reach
from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from threadkeep.adapters.persistence import SchemaReport

app = typer.Typer(
    help="A chat history in two tables of the app's own: print them, look at them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Messages = Annotated[
    str,
    typer.Option("--messages", metavar="TABLE", help="The table of messages, [schema.]table."),
]
Sessions = Annotated[
    str,
    typer.Option("--sessions", metavar="TABLE", help="The table of sessions, [schema.]table."),
]
Column = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="NAME=COLUMN",
        help="What a column is called, as in messages.thread_id=Thread. Any number of times.",
    ),
]
Casing = Annotated[
    Literal["snake_case", "camel_case"],
    typer.Option("--casing", help="How the columns are spelt that are not named."),
]
Payload = Annotated[
    Literal["jsonb", "json"],
    typer.Option("--payload", help="The type of what is JSON; json keeps it byte for byte."),
]
PerUser = Annotated[
    bool,
    typer.Option("--per-user", help="Whether sessions have a user too."),
]


@app.command("ddl")
def ddl(
    *,
    messages: Messages = "chat_messages",
    sessions: Sessions = "chat_sessions",
    column: Column = None,
    casing: Casing = "snake_case",
    payload: Payload = "jsonb",
    per_user: PerUser = False,
    json: Json = False,
) -> int:
    """Print the SQL that makes the two tables. Connects nowhere."""
    names = _names(messages, sessions, column, casing)
    return _print(persistence_ddl(**names, payload=payload, per_user=per_user), "ddl", json=json)


@app.command("model")
def model(
    *,
    messages: Messages = "chat_messages",
    sessions: Sessions = "chat_sessions",
    column: Column = None,
    casing: Casing = "snake_case",
    payload: Payload = "jsonb",
    per_user: PerUser = False,
    json: Json = False,
) -> int:
    """Print a SQLAlchemy model of the two tables. Connects nowhere."""
    names = _names(messages, sessions, column, casing)
    return _print(sqlalchemy_model(**names, payload=payload, per_user=per_user), "model", json=json)


@app.command("validate")
def validate(
    *,
    url: Url = None,
    messages: Messages = "chat_messages",
    sessions: Sessions = "chat_sessions",
    column: Column = None,
    casing: Casing = "snake_case",
    per_user: PerUser = False,
    json: Json = False,
) -> int:
    """Say what is wrong with the two tables, and print the SQL that would mend it.

    Looks as the role of the URL: --url, else THREADKEEP_URL, else DATABASE_URL. Changes nothing.
    Ends with 1 if something is wrong.
    """
    names = _names(messages, sessions, column, casing)
    found = url or os.environ.get("THREADKEEP_URL") or os.environ.get("DATABASE_URL")
    if not found:
        raise InvalidError("--url", "must be given, or stand in THREADKEEP_URL or DATABASE_URL")
    screen = Screen(json)
    try:
        report = asyncio.run(_look(found, names, per_user=per_user))
    except TablesMismatchError as error:
        _tell(error, screen)
        return endings.FINDING
    if json:
        screen.data({"held": True, "problems": [], "ddl": "", "notes": list(report.notes)})
    else:
        for note in report.notes:
            screen.notice(note)
        screen.print("nothing is wrong with the tables")
    return endings.OK


async def _look(url: str, names: dict[str, Any], *, per_user: bool) -> SchemaReport:
    async with reach(url) as reached:
        # Whose it would be does not matter to the look.
        made = PostgresPersistence(reached, **names, user="anyone" if per_user else None)
        return await made.validate_schema()


def _tell(error: TablesMismatchError, screen: Screen) -> None:
    if screen.json:
        kept = ("table", "column", "rule", "ddl")
        listed = [{name: asdict(one)[name] for name in kept} for one in error.problems]
        screen.data({"held": False, "problems": listed, "ddl": error.ddl, "notes": []})
        return
    for problem in error.problems:
        # A name may have lines, and none of them is SQL.
        screen.print("-- " + shown(str(problem)).replace("\n", "\n-- "))
    screen.write(error.ddl)


def _names(messages: str, sessions: str, column: list[str] | None, casing: str) -> dict[str, Any]:
    columns: dict[str, dict[str, str]] = {}
    for given in column or ():
        name, equals, own = given.partition("=")
        table, dot, logical = name.partition(".")
        if not (equals and dot):
            raise InvalidError("--column", "must be NAME=COLUMN, as in messages.thread_id=Thread")
        columns.setdefault(table, {})[logical] = own
    tables = {"messages": messages, "sessions": sessions}
    return {"tables": tables, "columns": columns, "casing": casing}


def _print(text: str, name: str, *, json: bool) -> int:
    screen = Screen(json)
    if json:
        screen.data({name: text})
    else:
        screen.write(text)
    return endings.OK
