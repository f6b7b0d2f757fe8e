"""`threadkeep doctor`: is all well between this machine and its database."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from threadkeep.cli import endings
from threadkeep.cli.opening import Database, told
from threadkeep.cli.options import Data, Json, Rls, Schema, Url
from threadkeep.cli.screen import Screen, shown
from threadkeep.examining import examine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadkeep.examining import Check

_MARKS: Final = {
    "ok": ("✓", "green"),
    "note": ("·", "cyan"),
    "warning": ("!", "yellow"),
    "failure": ("✗", "red"),
}


def doctor(
    *,
    url: Url = None,
    schema: Schema = "threadkeep",
    data: Data = None,
    rls: Rls = True,
    json: Json = False,
) -> int:
    """Say whether all is well with the database, and what to do where it is not.

    Looks at the connection, versions, the role, the tables, whether row-level security holds, a
    pooler, durability, clocks and more, as the role that the app uses. Changes nothing: what it
    tries with rows is rolled back. Ends with 1 if something failed, with 5 if the database cannot
    be reached; warnings and notes end with 0.
    """
    screen = Screen(json)
    database = Database(url, schema, data, rls)
    with told(screen.notice):
        found = examine(database.url, schema=schema, data=data, rls=rls)
    if json:
        checks = [asdict(check) for check in found.checks]
        screen.data({"held": found.held, "checks": checks, "facts": found.facts})
    else:
        screen.print(_table(found.checks))
    if found.error is not None:
        return endings.code_of(found.error)
    return endings.OK if found.held else endings.FINDING


def _table(checks: Sequence[Check]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for check in checks:
        mark, style = _MARKS[check.state]
        lines = [Text(shown(check.seen))]
        if check.advice is not None:
            lines.append(Text(shown(check.advice), style))
        table.add_row(Text(mark, style), check.name, Text("\n").join(lines))
    return table
