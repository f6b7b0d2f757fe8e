"""`threadkeep persistence`: what it prints is right, and what it finds is what is wrong."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from commands import Cli

    from threadkeep.testing.servers import Database

ODD = (
    *("--messages", 'app."Chat Messages"', "--sessions", "app.runs"),
    *("--column", "messages.thread_id=Thread=Id", "--column", "sessions.state_json=State"),
    *("--casing", "camel_case"),
)


def run(database: Database, text: str) -> None:
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute(text.encode())


@pytest.mark.parametrize("names", [(), ODD, (*ODD, "--per-user")], ids=["seed", "odd", "user"])
def test_what_is_printed_is_valid(cli: Cli, database: Database, names: tuple[str, ...]) -> None:
    """The SQL for any names makes tables with which nothing is wrong. [A10 A12 A13]"""
    run(database, "CREATE SCHEMA IF NOT EXISTS app")
    printed = cli("persistence", "ddl", *names, "--payload", "json")
    assert printed.code == 0
    assert cli("persistence", "ddl", *names, "--payload", "json", "--json").json == {
        "ddl": printed.out
    }
    run(database, printed.out)
    superuser = ("--url", database.superuser_url)
    ended = cli("persistence", "validate", *names, *superuser)
    assert (ended.code, ended.out) == (0, "nothing is wrong with the tables\n")
    ended = cli("persistence", "validate", *names, *superuser, "--json")
    assert ended.json == {"held": True, "problems": [], "ddl": "", "notes": []}


def test_what_is_wrong_is_printed_with_its_cure(cli: Cli, database: Database) -> None:
    """Problems stand as comments above the SQL that mends them, so psql can be given it. [A12]"""
    run(database, cli("persistence", "ddl").out)
    run(database, "ALTER TABLE chat_messages DROP COLUMN role, ENABLE ROW LEVEL SECURITY")
    ended = cli("persistence", "validate")
    assert ended.code == 1
    assert '-- "chat_messages"."role" is missing' in ended.out
    assert "it lacks INSERT" in ended.out
    found = cli("persistence", "validate", "--json")
    assert (found.code, found.json["held"]) == (1, False)
    assert {"table": '"chat_messages"', "column": "role", "rule": "is missing"}.items() <= (
        found.json["problems"][0].items()
    )
    assert ended.out.endswith(found.json["ddl"])
    run(database, ended.out)
    mended = cli("persistence", "validate")
    assert (mended.code, "row-level security" in mended.err) == (0, True)


def test_a_name_of_two_lines_stays_a_comment(cli: Cli, database: Database) -> None:
    """What is printed above the SQL is never SQL itself. [A10 A12]"""
    named = ("--messages", '"a\nDROP TABLE chat_sessions; --"')
    run(database, cli("persistence", "ddl", *named).out)
    ended = cli("persistence", "validate", *named)
    assert ended.code == 1
    assert not any(line.startswith("DROP") for line in ended.out.split("GRANT")[0].splitlines())
    run(database, ended.out)
    assert cli("persistence", "validate", *named).code == 0


def test_the_model_is_python(cli: Cli, tmp_path: Path) -> None:
    """What is printed is a module with both tables. [A13]"""
    (tmp_path / "model.py").write_text(cli("persistence", "model", *ODD).out, "utf-8")
    made = runpy.run_path(str(tmp_path / "model.py"))
    assert set(made["Base"].metadata.tables) == {"app.Chat Messages", "app.runs"}
    assert list(made["ChatMessageRow"].__table__.columns.keys())[:2] == ["Thread=Id", "messageId"]


def test_a_wrong_call_says_what_is_wrong(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bad names, an unknown column and no database end with 2."""
    for arguments in (
        ("ddl", "--messages", "a b"),
        ("ddl", "--column", "thread_id=x"),
        ("ddl", "--column", "messages.thread=x"),
        ("ddl", "--column", "messages.thread_id"),
        ("model", "--casing", "kebab-case"),
    ):
        assert cli("persistence", *arguments).code == 2
    for name in ("THREADKEEP_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert cli("persistence", "validate").code == 2
