"""`threadkeep export`: conversations as JSON, payloads verbatim."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from threadkeep.cli import endings
from threadkeep.cli.opening import Database
from threadkeep.cli.options import Data, Json, Owner, Rls, Schema, Url, User
from threadkeep.cli.screen import Screen
from threadkeep.values.document import export_text, on_one_line
from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from threadkeep import Thread
    from threadkeep.sync import Owner as Handle

Format = Literal["json", "jsonl"]
Write = Callable[[str], None]


def export(
    thread_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="THREAD_ID", help="Which; by default all, archived ones too."),
    ] = None,
    *,
    owner: Owner,
    user: User = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file, not to stdout."),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="One JSON array, or one line for each thread.")
    ] = "json",
    url: Url = None,
    schema: Schema = "threadkeep",
    data: Data = None,
    rls: Rls = True,
    json: Json = False,
) -> int:
    """Write conversations as JSON: each thread with all its branches, each payload verbatim.

    As json, payloads are there byte for byte. As jsonl, a payload's line breaks between its tokens
    are written as spaces; everything else is the same. With --output the file appears only when
    it is complete.
    """
    screen = Screen(json)
    with Database(url, schema, data, rls).open(screen.notice) as store:
        own = store.owner(owner, user)
        # Unknown ids are met before the first byte is written.
        given = [own.threads.get(thread_id) for thread_id in thread_ids or ()]
        with _target(output, screen) as write:
            count = _write(own, given if thread_ids else _all(own), form, write)
    if output is not None and json:
        screen.data({"threads": count, "output": str(output)})
    elif output is not None:
        screen.notice(f"{count} threads written to {output}")
    return endings.OK


def _all(own: Handle) -> Iterator[Thread]:
    # The least active first: a thread that somebody writes to meanwhile moves to where it is
    # still to come. It may then come twice.
    seen: set[str] = set()
    for thread in own.threads.list(status="all", order="asc", limit=1000):
        if thread.id not in seen:
            seen.add(thread.id)
            yield thread


def _write(own: Handle, threads: Iterable[Thread], form: Format, write: Write) -> int:
    count = 0
    array = form == "json"
    if array:
        write("[")
    for thread in threads:
        if array:
            write(",\n" if count else "\n")
        for piece in export_text(thread, own.messages.list(thread.id, tree=True, limit=1000)):
            write(piece if array else on_one_line(piece))
        if not array:
            write("\n")
        count += 1
    if array:
        write("\n]\n" if count else "]\n")
    return count


@contextmanager
def _target(output: Path | None, screen: Screen) -> Iterator[Write]:
    """Where the text goes: stdout, or a file that takes its name once it is complete."""
    if output is None:
        yield screen.write
        return
    unfinished = output.with_name(f"{output.name}.{os.getpid()}.part")
    try:
        stream = unfinished.open("xb")
    except OSError as error:
        raise InvalidError("--output", f"cannot be written: {error.strerror}") from None
    try:
        with stream:
            yield lambda text: _no_result(stream.write(text.encode()))
        unfinished.replace(output)
    except OSError as error:
        raise InvalidError("--output", f"cannot be written: {error.strerror}") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _no_result(_: int) -> None:
    return
