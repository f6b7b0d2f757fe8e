"""The program: its commands, and how it ends."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from threadkeep.cli import (
    demo,
    doctor,
    endings,
    export,
    import_,
    keys,
    migrate,
    move,
    persistence,
    reap,
    serve,
    show,
    threads,
)
from threadkeep.cli.screen import Screen
from threadkeep.values.errors import ThreadkeepError

app = typer.Typer(
    name="threadkeep",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("import")(import_.import_)
app.command("export")(export.export)
app.command("threads")(threads.threads)
app.command("show")(show.show)
app.command("doctor")(doctor.doctor)
app.command("reap")(reap.reap)
app.add_typer(keys.app, name="keys")
app.add_typer(migrate.app, name="migrate")
app.add_typer(move.app, name="move")
app.add_typer(persistence.app, name="persistence")


def _version(wanted: bool) -> None:
    if wanted:
        import threadkeep

        print(f"threadkeep {threadkeep.__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Keep AI conversations on PostgreSQL: import them, list them, show them, export them.

    With no database configured, an embedded PostgreSQL is started for as long as it is needed.

    Exit codes: 0 done; 1 done in part, or something was found; 2 wrong call; 3 not found;
    4 conflict; 5 the database cannot be used.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; whatever goes wrong is one line on stderr."""
    screen = Screen(json="--json" in arguments)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        return int(app(list(arguments), prog_name="threadkeep", standalone_mode=False) or 0)
    except ThreadkeepError as error:
        screen.error(endings.line_of(error), **endings.facts_of(error))
        return endings.code_of(error)
    except typer.TyperException as error:
        _tell_of_call(error, screen)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        screen.error("interrupted", code="interrupted")
        return endings.INTERRUPTED
    except BrokenPipeError:
        # Who read our output has had enough. What is still buffered must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return endings.FINDING
    except Exception as error:  # noqa: BLE001  a traceback could show what people wrote
        if os.environ.get("THREADKEEP_DEBUG"):
            traceback.print_exc()
        screen.error(
            f"a defect in threadkeep: {type(error).__name__} "
            "(THREADKEEP_DEBUG=1 shows where; the trace may quote messages)",
            code="defect",
        )
        return endings.DEFECT


def _tell_of_call(error: typer.TyperException, screen: Screen) -> None:
    """What is wrong with the call, and where help is; help itself where no command was named."""
    said = error.format_message()
    if "\n" in said and not screen.json:
        print(said, file=sys.stderr)
        return
    context = getattr(error, "ctx", None)
    path = "threadkeep" if context is None else context.command_path
    short = "a command is missing" if "\n" in said else said.rstrip(".")
    screen.error(f"{short}. See {path} --help", code="usage")
