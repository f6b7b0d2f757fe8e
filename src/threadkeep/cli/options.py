"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="The database. Else THREADKEEP_URL, else DATABASE_URL, else the embedded PostgreSQL.",
    ),
]
Schema = Annotated[
    str, typer.Option("--schema", metavar="NAME", help="The schema that holds the tables.")
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        help="Use the embedded PostgreSQL of this folder, whatever the environment says.",
    ),
]
Rls = Annotated[
    bool,
    typer.Option(
        "--rls/--no-rls", help="Whether the tables are under row-level security.", show_default=True
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Write JSON: results to stdout, errors to stderr.")
]
Owner = Annotated[
    str, typer.Option("--owner", metavar="NAME", help="Whose conversations; nobody else's.")
]
User = Annotated[
    str | None,
    typer.Option("--user", metavar="NAME", help="Only those of this person inside the owner."),
]
