"""`threadkeep move`: conversations from the tables of another system, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import typer
from rich.progress import Progress, TextColumn

from threadkeep.adapters.ff_ai import FfAiTables, MoveReport
from threadkeep.adapters.ff_ai import move as move_ff_ai
from threadkeep.cli import endings
from threadkeep.cli.opening import Database, told
from threadkeep.cli.options import Data, Json, Rls, Schema, Url
from threadkeep.cli.screen import Screen, console_of
from threadkeep.connecting import connect_async
from threadkeep.lending import reach

app = typer.Typer(
    help="Move conversations over from the tables of another system.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Source = Annotated[str, typer.Argument(metavar="SOURCE_URL", help="The database that has them.")]
Prefix = Annotated[
    str,
    typer.Option(
        "--owner-prefix", metavar="TEXT", help="What stands before a resource's id in its owner's."
    ),
]


@app.command("ff-ai")
def ff_ai(
    source: Source,
    *,
    ff_schema: Annotated[
        str, typer.Option("--ff-schema", metavar="NAME", help="The schema that holds its tables.")
    ] = "ff_ai",
    casing: Annotated[
        Literal["snake_case", "camelCase"],
        typer.Option("--casing", help="How its columns are spelled."),
    ] = "snake_case",
    zone: Annotated[
        str,
        typer.Option("--zone", metavar="NAME", help="The time zone its times were written in."),
    ] = "UTC",
    resource: Annotated[
        str | None, typer.Option("--resource", metavar="ID", help="Only this resource.")
    ] = None,
    owner_prefix: Prefix = "",
    url: Url = None,
    schema: Schema = "threadkeep",
    data: Data = None,
    rls: Rls = True,
    json: Json = False,
) -> int:
    """Move the threads of ff-ai's tables: each resource becomes an owner.

    Ids, times and the order of insertion are kept, and the tables are only read. Moving again adds
    nothing but what is new there, so it may be broken off at any time. A row that cannot be read is
    reported, and the others go on; the command then ends with 1.
    """
    screen = Screen(json)
    database = Database(url, schema, data, rls)

    async def work() -> MoveReport:
        async with (
            reach(source) as reached,
            connect_async(
                database.url, schema=database.schema, data=database.data, rls=database.rls
            ) as store,
        ):
            tables = FfAiTables(reached, schema=ff_schema, casing=casing, zone=zone)
            with _progress() as progress:
                return await move_ff_ai(
                    tables,
                    store,
                    resource_id=resource,
                    owner_prefix=owner_prefix,
                    progress=progress,
                )

    with told(screen.notice):
        report = asyncio.run(work())
    _tell(report, screen)
    return endings.FINDING if report.problems else endings.OK


@contextmanager
def _progress() -> Iterator[Callable[[MoveReport], None] | None]:
    """Counts on stderr, if that is a terminal."""
    console = console_of("stderr")
    if not console.is_terminal:
        yield None
        return
    with Progress(TextColumn("{task.description}"), console=console, transient=True) as bar:
        task = bar.add_task("moving")

        def show(report: MoveReport) -> None:
            said = f"{report.threads.total:,} threads, {report.messages.total:,} messages"
            bar.update(task, description=said)

        yield show


def _tell(report: MoveReport, screen: Screen) -> None:
    if screen.json:
        screen.data(report.facts())
        return
    for count, what in ((report.threads, "threads"), (report.messages, "messages")):
        screen.print(f"{count.total:>8,} {what}, {count.new:,} of them new")
    for problem in report.problems:
        row = "" if problem.message is None else f", message {problem.message}"
        screen.notice(
            f"thread {problem.thread_id!r} of {problem.resource_id!r}{row}: {problem.rule}"
        )
    if report.problems:
        screen.notice(f"{len(report.problems)} rows were not moved, or not whole")
