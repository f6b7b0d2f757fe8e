"""The documentation says what is so: its code runs, its links lead somewhere, all is in it."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
from typer.main import get_command

from threadkeep import connect, dialects
from threadkeep.cli.app import app
from threadkeep.testing.fixtures import FOLDER

if TYPE_CHECKING:
    from threadkeep.testing.servers import Database, Server

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
# Options that every command has, or that only say what the opposite one says.
COMMON = {"--url", "--schema", "--data", "--rls", "--no-rls", "--json", "--help", "-h"}

HOSTS = {
    "keepachangelog.com",
    "semver.org",
    "example.org",
    "chat.example.org",
    "threads.example.org",
    "localhost",
    "127.0.0.1",
}


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a page in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def commands() -> dict[str, Any]:
    """All commands by their full name."""
    found: dict[str, Any] = {}

    def walk(command: Any, name: str) -> None:
        found[name] = command
        for child, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{name} {child}")

    walk(get_command(app), "threadkeep")
    return found


def options_of(command: Any) -> set[str]:
    """The options of a command."""
    options = {"--help", "-h"}
    for parameter in command.params:
        if parameter.param_type_name == "option":
            options |= {*parameter.opts, *parameter.secondary_opts}
    return options


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_code_of_a_page_runs(
    page: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every Python block runs, top to bottom, on a database of its page."""
    monkeypatch.setenv("THREADKEEP_URL", database.url)
    monkeypatch.setenv("THREADKEEP_ADMIN_URL", database.admin_url)
    monkeypatch.setenv("THREADKEEP_DATA", f"{os.environ[FOLDER]}/docs-{os.getpid()}")
    document = Sybil([PythonCodeBlockParser()], path=str(ROOT)).parse(page)
    examples = list(document.examples())
    assert len(examples) == len(blocks(page.read_text("utf-8"), "python"))
    for example in examples:
        example.evaluate()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the project names one that is there."""
    for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


def test_every_promise_has_its_test() -> None:
    """Each row of the README's table of promises names tests that are there."""
    text = (ROOT / "README.md").read_text("utf-8")
    promises = text.partition("\n## What it promises\n")[2].partition("\n## ")[0]
    rows = [line for line in promises.splitlines() if line.startswith("| ") and "`" in line]
    proofs = [row.split(" | ")[-1] for row in rows]
    assert len(proofs) >= 8
    for proof in proofs:
        path = None
        for file, test in re.findall(r"`([^`:]*)::(\w+)`", proof):
            path = ROOT / file if file else path
            assert path is not None
            assert f"def {test}(" in path.read_text("utf-8"), proof
        assert path is not None, proof


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_and_option_is_documented(name: str) -> None:
    """docs/cli.md has a section for each command, and names each of its options in it."""
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    general = text.partition("\n## threadkeep ")[0]
    assert all(f"`{option}" in general for option in COMMON)
    options = options_of(commands()[name]) - COMMON
    if name == "threadkeep":
        assert all(f"{option}`" in general for option in options)
        return
    [section] = re.findall(
        rf"^#+ {name}\n(.*?)(?=^#+ threadkeep|\Z)", text, re.DOTALL | re.MULTILINE
    )
    for option in options:
        assert re.search(rf"`{option}[ `]", section), option
    documented = set(re.findall(r"^\| (`-.*?) \|", section, re.MULTILINE))
    named = {option for cell in documented for option in re.findall(r"`(--?[a-z-]+)", cell)}
    assert named <= options_of(commands()[name])


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_in_the_text_are_real(page: Path) -> None:
    """Each command line of a page names a command and options that exist."""
    known = commands()
    for block in blocks(page.read_text("utf-8"), "console"):
        for line in block.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words[0] != "threadkeep":
                assert words[0] == "make"
                assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
                continue
            name = "threadkeep"
            while len(words) > 1 and f"{name} {words[1]}" in known:
                name = f"{name} {words.pop(1)}"
            assert {word for word in words if word.startswith("-")} <= options_of(known[name])


@pytest.mark.parametrize("tag", dialects.tags())
def test_every_dialect_has_a_page_with_its_losses(tag: str) -> None:
    """The page of a dialect names its tag, and each of its losses in the dialect's own words."""
    dialect = dialects.get(tag)
    [page] = [p for p in (ROOT / "docs" / "dialects").glob("*.md") if f"`{tag}`" in _head(p)]
    text = page.read_text("utf-8")
    for code, sentence in dialect.losses.items():
        assert re.search(
            rf"^\| `{re.escape(code)}` \| {re.escape(sentence)}", text, re.MULTILINE
        ), code
    assert f"(dialects/{page.name})" in (ROOT / "docs" / "dialects.md").read_text("utf-8")


def _head(page: Path) -> str:
    """What stands above the first section."""
    return page.read_text("utf-8").partition("\n## ")[0]


def test_the_sql_for_a_dba_works(database: Database) -> None:
    """The logins made as the page says can use the store; by hand a named owner's rows are seen.

    [A16]
    """
    text = (ROOT / "docs" / "row-level-security.md").read_text("utf-8")
    logins, by_hand = blocks(text, "sql")
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        superuser.execute(logins.encode())
        try:
            app = database.url.replace("threadkeep_app@", "my_app@")
            admin = database.admin_url.replace("threadkeep_admin@", "my_admin@")
            with connect(app, admin_url=admin, rls="required") as store:
                item = '{"role":"user","parts":[]}'
                store.owner("user-123").messages.append("thread-1", item, dialect="threadkeep")
                assert [t.id for t in store.admin().threads.list()] == ["thread-1"]
            setting, query = by_hand.split(";\n")[:2]
            with psycopg.connect(app, autocommit=True) as by_person:
                assert by_person.execute(query.encode()).fetchall() == []
                by_person.execute(setting.encode())
                assert len(by_person.execute(query.encode()).fetchall()) == 1
        finally:
            superuser.execute("DROP ROLE my_app, my_admin")


def test_a_dump_needs_a_role_that_bypasses(database: Database) -> None:
    """What pg_dump asks for, row_security = off, is refused to the owner of the tables."""
    for url, allowed in ((database.owner_url, False), (database.superuser_url, True)):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET row_security = off")
            try:
                connection.execute("SELECT FROM threadkeep.messages")
            except psycopg.errors.InsufficientPrivilege:
                assert not allowed
            else:
                assert allowed


def test_without_row_level_security_admin_works(empty_database: Database) -> None:
    """On tables without it, every role that may read them lists across owners."""
    with connect(empty_database.owner_url, migrate=True, rls=False) as store:
        store.owner("a").threads.create("t")
        assert [thread.id for thread in store.admin().threads.list()] == ["t"]


def test_the_extensions_are_there(postgres: Server) -> None:
    """The embedded PostgreSQL is 18 and brings pgvector and pg_trgm."""
    found = postgres.query("SELECT name FROM pg_available_extensions")
    assert {("vector",), ("pg_trgm",)} <= set(found)
    assert postgres.query("SELECT current_setting('server_version_num')::int / 10000") == [(18,)]


def test_pages_name_no_machine() -> None:
    """No page names somebody's home or a host that is neither an example's nor one's own."""
    for page in PAGES:
        text = page.read_text("utf-8")
        assert not re.search(r"/(home|root|tmp|Users)/", text), page.name
        hosts = set(re.findall(r"https?://([\w.-]+)", text))
        assert hosts <= HOSTS, page.name
