"""`threadkeep import`: conversations from an export file, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from threadkeep import sources
from threadkeep.cli import endings
from threadkeep.cli.importing import Report, import_threads
from threadkeep.cli.opening import Database
from threadkeep.cli.options import Data, Json, Owner, Rls, Schema, Url
from threadkeep.cli.screen import Screen, console_of
from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from threadkeep.sources.base import SourceDocument, SourceProblem, SourceThread


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The export, as it was downloaded.")],
    *,
    source: Annotated[
        str,
        typer.Option(
            "--from", metavar="SOURCE", help="What it is an export of: claude or threadkeep."
        ),
    ],
    owner: Owner,
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="The person it belongs to.")
    ] = None,
    url: Url = None,
    schema: Schema = "threadkeep",
    data: Data = None,
    rls: Rls = True,
    json: Json = False,
) -> int:
    """Store the conversations of an export, each message exactly as it stands in the file.

    Importing a file again adds nothing; importing a newer export adds what is new. A conversation
    that cannot be read, or that says something else than what is stored, is reported, and the
    others go on; the command then ends with 1.
    """
    screen = Screen(json)
    chosen = sources.get(source)
    with (
        _opened(file) as stream,
        _progress(file) as progress,
        Database(url, schema, data, rls).open(screen.notice) as store,
    ):
        found: Iterator[SourceThread | SourceDocument | SourceProblem] = chosen.read(
            stream, progress=progress
        )
        report = import_threads(store.owner(owner, user), found)
    _tell(report, screen)
    return endings.FINDING if report.problems else endings.OK


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        stream = file.open("rb")
    except OSError as error:
        raise InvalidError("FILE", f"cannot be read: {error.strerror}") from None
    with stream:
        yield stream


@contextmanager
def _progress(file: Path) -> Iterator[Callable[[int], None] | None]:
    """A bar on stderr, if that is a terminal."""
    console = console_of("stderr")
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("importing", total=file.stat().st_size)
        yield lambda consumed: bar.update(task, completed=consumed)


def _tell(report: Report, screen: Screen) -> None:
    if screen.json:
        screen.data(report.facts())
        return
    for count, what in ((report.threads, "threads"), (report.messages, "messages")):
        screen.print(f"{count.total:>8,} {what}, {count.new:,} of them new")
    for problem in report.problems:
        named = problem.thread or f"number {problem.index + 1} in the file"
        screen.notice(f"conversation {named}: {problem.message}")
    if report.problems:
        screen.notice(f"{len(report.problems)} conversations were not imported, or not whole")
