"""Who uses the server, and who may decide about it. The kernel keeps both.

These are POSIX record locks: they belong to one process, a forked child does not inherit them,
and they are gone the moment their process is, however it died. No number is stored that another
process could get later. Their one trap: closing any descriptor of a file drops this process's
lock on it. So a process never opens its own member's file a second time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from threadkeep.values.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from threadkeep.drivers.embedded._folder import DataFolder

# Longer than the longest start and stop that another process may be at.
_PATIENCE = 300.0
_PAUSE = 0.02
_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@contextlib.contextmanager
def deciding(home: DataFolder) -> Iterator[None]:
    """Hold the folder: no other process starts, joins or stops its server meanwhile.

    Within one process the caller sees to it that one thread at a time is here.
    """
    descriptor = _lock(home.lock)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path) -> int:
    deadline = time.monotonic() + _PATIENCE
    while True:
        descriptor = os.open(path, _OPEN, 0o644)
        try:
            while not _try(descriptor, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise UnavailableError(
                        f"Another process has held {path} for {_PATIENCE:.0f} seconds: it is "
                        "stuck while it starts or stops the embedded server. End that process."
                    )
                time.sleep(_PAUSE)
            if _still_there(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the last one out removed this file: take the new one


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.lockf(descriptor, kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # POSIX allows both answers for "held"
        return False
    return True


def _still_there(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@dataclass(frozen=True, slots=True)
class Member:
    """The file of this process among the members; held from `enter` to `leave`."""

    path: Path
    descriptor: int

    @classmethod
    def enter(cls, home: DataFolder) -> Member:
        """Count from now on. Call it while deciding."""
        with contextlib.suppress(FileExistsError):
            home.members.mkdir(mode=0o755)
        path = home.members / f"{os.getpid()}-{os.urandom(4).hex()}"
        descriptor = os.open(path, _OPEN | os.O_EXCL, 0o644)
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return cls(path, descriptor)

    def leave(self) -> None:
        """Count no longer. Once: the descriptor's number may be another file's afterwards."""
        with contextlib.suppress(OSError):  # the folder may be gone
            self.path.unlink()
        os.close(self.descriptor)

    def is_listed(self) -> bool:
        """False once somebody removed the folder under us."""
        return _still_there(self.descriptor, self.path)


def others(home: DataFolder, own: Collection[str]) -> bool:
    """Does another process use the server? Call it while deciding.

    `own` are the names of this process's members. Files of dead processes are removed.
    """
    found = False
    for path in home.members.iterdir() if home.members.is_dir() else ():
        if path.name not in own and not _remove_if_dead(path):
            found = True
    return found


def _remove_if_dead(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if not _try(descriptor, fcntl.LOCK_SH):
            return False
        path.unlink()
    finally:
        os.close(descriptor)
    return True
