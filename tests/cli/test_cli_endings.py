"""Exit codes, and errors as one line: never a traceback, never what people wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from threadkeep.cli import endings
from threadkeep.cli.app import app, run
from threadkeep.cli.opening import Database
from threadkeep.values import errors

if TYPE_CHECKING:
    from commands import Cli

    from threadkeep.testing.servers import Database as TestDatabase

COMMANDS = ["", "demo", "import", "export", "threads", "show", "doctor", "reap", "serve", "migrate"]
COMMANDS += [f"migrate {name}" for name in ("up", "status", "verify", "sql")]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    """--help says what the command does and what each of its options is for."""
    assert run([*command.split(), "--help"]) == 0
    out = capfd.readouterr().out
    assert f"Usage: threadkeep {command}".rstrip() in out
    assert "--help" in out


def test_version_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """--version names the package and its version."""
    import threadkeep

    assert run(["--version"]) == 0
    assert capfd.readouterr().out == f"threadkeep {threadkeep.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["unknown"],
        ["threads"],
        ["threads", "--owner", "x", "--unknown"],
        ["threads", "--owner", "x", "--limit", "many"],
        ["threads", "--owner", "x", "--status", "lost"],
        ["threads", "--owner", "x", "--url", "postgresql://", "--data", "folder"],
        ["threads", "--owner", "x", "--schema", "pg_x"],
    ],
)
def test_a_wrong_call_ends_with_two(arguments: list[str], cli: Cli) -> None:
    """A wrong call is one line on stderr that names what is wrong."""
    ended = cli(*arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.err.startswith("threadkeep: ")
    told = cli(*arguments, "--json")
    assert (told.code, told.out) == (2, "")
    assert told.errors[0]["error"]["code"] in ("usage", "invalid")


def test_a_program_without_command_shows_help(capfd: pytest.CaptureFixture[str]) -> None:
    """With no command, help goes to stderr and the call counts as wrong."""
    for arguments in ([], ["migrate"]):
        assert run(arguments) == 2
        out, err = capfd.readouterr()
        assert out == ""
        assert "Commands:" in err


def test_errors_of_the_store_have_their_codes(cli: Cli, database: TestDatabase) -> None:
    """Unknown is 3; no server, no tables, no right are 5; each with its facts in JSON."""
    ended = cli("show", "unknown", "--owner", "me", "--json")
    assert ended.code == 3
    assert ended.errors == [
        {
            "error": {
                "code": "not_found",
                "message": "unknown thread: 'unknown'",
                "kind": "thread",
                "id": "unknown",
            }
        }
    ]
    away = cli("threads", "--owner", "me", "--url", "postgresql://127.0.0.1:1/x", "--json")
    assert (away.code, away.errors[0]["error"]["code"]) == (5, "unavailable")
    bare = cli("threads", "--owner", "me", "--schema", "elsewhere", "--json")
    assert (bare.code, bare.errors[0]["error"]["command"]) == (5, "threadkeep migrate up")
    forbidden = cli("migrate", "up", "--schema", "mine", "--json")
    assert (forbidden.code, forbidden.errors[0]["error"]["code"]) == (5, "forbidden")
    assert (
        cli("threads", "--owner", "").err == "threadkeep: --owner: must have 1 to 512 UTF-8 bytes\n"
    )


def test_every_error_has_an_exit_code() -> None:
    """Each class of error maps to one of the documented codes."""
    wanted = {
        errors.NotFoundError("thread", "t"): 3,
        errors.ConflictError("exists", "taken"): 4,
        errors.InvalidError("f", "r"): 2,
        errors.InvalidCursorError(): 2,
        errors.LossyError("x", ()): 2,
        errors.ForbiddenError("no"): 5,
        errors.CredentialError("key_unknown", "no"): 5,
        errors.UnavailableError("no"): 5,
        errors.SchemaMismatchError("no", command="c"): 5,
        errors.DatabaseError("XX000"): 5,
    }
    classes = {type(error) for error in wanted} | {errors.ThreadkeepError}
    assert classes == {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.ThreadkeepError)
    }
    assert {error: endings.code_of(error) for error in wanted} == wanted


def test_a_defect_is_one_line(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What threadkeep did not foresee shows its kind, not its text, and ends with 70."""

    def fail(*_: object, **__: object) -> None:
        raise KeyError("what somebody wrote")

    monkeypatch.setattr(Database, "open", fail)
    assert run(["threads", "--owner", "x"]) == 70
    err = capfd.readouterr().err
    assert "a defect in threadkeep: KeyError" in err
    assert err.count("\n") == 1
    assert "somebody" not in err
    assert run(["threads", "--owner", "x", "--json"]) == 70
    assert json.loads(capfd.readouterr().err)["error"]["code"] == "defect"
    monkeypatch.setenv("THREADKEEP_DEBUG", "1")
    run(["threads", "--owner", "x"])
    assert "Traceback" in capfd.readouterr().err


def test_an_interrupt_is_one_line(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends with 130."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Database, "open", interrupt)
    assert run(["threads", "--owner", "x"]) == 130
    assert "Traceback" not in capfd.readouterr().err


def test_the_module_is_the_program(database: TestDatabase) -> None:
    """`python -m threadkeep` and the installed script are the same; both give the exit code."""
    call = [sys.executable, "-m", "threadkeep", "show", "x", "--owner", "x", "--url", database.url]
    ended = subprocess.run(call, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr == "threadkeep: unknown thread: 'x'\n"


def test_commands_are_known() -> None:
    """The tests above go through all commands."""
    names = {command.name for command in app.registered_commands}
    assert names | {"migrate"} == {name for name in COMMANDS if name and " " not in name}
