"""`threadkeep demo`: what it says, it has done."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep import connect
from threadkeep.cli import cut, demo, opening
from threadkeep.cli.app import run
from threadkeep.testing.fixtures import FOLDER

if TYPE_CHECKING:
    from commands import Cli

    from threadkeep.testing.servers import Database


README = Path(__file__).parents[2] / "README.md"
SOME_ID = "01a1fdd8-9a0b-761e-907b-d54b43c14572"


def drawn(out: str) -> str:
    """What the demo wrote, with the README's id and program, without blanks at line ends."""
    out = out.replace(f"{sys.executable} -m threadkeep", ".venv/bin/threadkeep")
    out = out.replace("\n  threadkeep show", "\n  .venv/bin/threadkeep show")
    lines = [line.rstrip() for line in out.strip("\n").splitlines()]
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", SOME_ID, "\n".join(lines))


def test_the_demo_runs_on_nothing_twice() -> None:
    """With no database configured it starts one, every check holds, and a second run works. [A2]"""
    data = Path(os.environ[FOLDER]) / f"demo-{os.getpid()}"
    kept = {n: v for n, v in os.environ.items() if n not in ("THREADKEEP_URL", "DATABASE_URL")}
    # A database of somebody else in the environment must not be touched.
    # The README shows the demo as it is in a terminal of this width.
    kept["COLUMNS"] = "88"
    environment = kept | {
        "THREADKEEP_DATA": str(data),
        "DATABASE_URL": "postgresql://127.0.0.1:1/x",
    }
    for number in (1, 2):
        call = [sys.executable, "-m", "threadkeep", "demo"]
        ended = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.count("✓") == 5, number
        assert len(ended.stdout.splitlines()) < 60
        assert str(data) in ended.stderr
        assert ended.stderr.count("\n") == 1
        assert drawn(ended.stdout) in README.read_text("utf-8")
    again = ended.stdout.splitlines()[-1].split()
    shown = subprocess.run(
        again,
        env=kept | {"THREADKEEP_DATA": str(data)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert "At Ponto Final" in shown.stdout


def test_the_demo_for_machines(cli: Cli, database: Database) -> None:
    """With --json stdout is one object; each run is a conversation of its own, and it is there."""
    ended = cli("demo", "--url", database.url, "--json")
    facts = ended.json
    assert (ended.code, facts["held"], facts["messages"]) == (0, True, 10)
    assert [check["name"] for check in facts["checks"]] == [
        "nothing_lost",
        "nothing_twice",
        "isolated",
        "window_whole",
        "killed_in_a_turn",
    ]
    assert facts["window"] == ["eat-by-the-river", "search", "found", "table"]
    killed = facts["killed"]
    assert (killed["acknowledged"], killed["status"]) == (["way", "ferry"], "interrupted")
    with connect(database.url) as store:
        chat = store.owner("demo")
        stored = list(chat.messages.list(facts["thread"], tree=True))
        assert [m.id for m in stored[-4:]] == killed["messages"]
        assert [m.status for m in stored] == [*["complete"] * 11, "interrupted", *["complete"] * 2]
        runs = chat.runs.list(facts["thread"], order="asc")
        assert [run.status for run in runs] == ["interrupted", "complete"]
        assert runs.items[0].id == killed["run"]
    again = cli("demo", "--url", database.url, "--json").json
    listed = cli("threads", "--owner", "demo", "--json").json["threads"]
    assert [thread["id"] for thread in listed] == [again["thread"], facts["thread"]]


def test_a_broken_promise_ends_with_one(
    database: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """If what the other process reads is not what was sent, the demo says so and ends with 1."""
    monkeypatch.setattr(demo, "_SENT", {**demo._SENT, "dry": "{}"})
    assert run(["demo", "--url", database.url, "--json"]) == 1
    facts = json.loads(capfd.readouterr().out)
    assert [check["held"] for check in facts["checks"]] == [False, True, True, True, True]


def test_a_process_that_cannot_even_begin_is_no_proof(
    database: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where the process that is to be killed does not come so far, the check does not hold."""
    away = opening.Database("postgresql://127.0.0.1:1/x")
    assert cut.play("t", away) == []
    monkeypatch.setattr(cut, "play", lambda *_: [])
    assert run(["demo", "--url", database.url, "--json"]) == 1
    facts = json.loads(capfd.readouterr().out)
    assert [check["held"] for check in facts["checks"]] == [True, True, True, True, False]


def test_the_url_of_the_killed_process_stands_in_no_list_of_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may hold a password, so it goes through a pipe."""
    calls: list[list[str]] = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, call: list[str], **given: Any) -> None:
            calls.append(call)
            super().__init__(call, **given)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    assert cut.play("t", opening.Database("postgresql://me:secret@127.0.0.1:1/x")) == []
    [call] = calls
    assert "secret" not in " ".join(call)
