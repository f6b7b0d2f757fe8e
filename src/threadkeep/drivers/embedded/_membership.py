"""The share of this process in the servers: one membership for each folder, counted uses of it."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from threadkeep.drivers.embedded import _server
from threadkeep.drivers.embedded._folder import ELSEWHERE, DataFolder
from threadkeep.drivers.embedded._members import Member, deciding, others
from threadkeep.drivers.embedded._tools import find_wheel
from threadkeep.values.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(slots=True)
class _Held:
    home: DataFolder
    member: Member
    uses: int = 0


@dataclass(slots=True)
class _Process:
    """What one process holds. A forked child gets an empty one: it holds nothing."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    held: dict[Path, _Held] = field(default_factory=dict)

    def own(self) -> set[str]:
        return {held.member.path.name for held in self.held.values()}


class Use:
    """One `start()` that was not closed yet."""

    __slots__ = ("_folder", "_process")

    def __init__(self, process: _Process, folder: Path) -> None:
        self._process: _Process | None = process
        self._folder = folder

    def end(self) -> None:
        """End it once; in a forked child it does nothing."""
        process = self._process
        if process is None or process is not _current:
            return
        with process.lock:
            if self._process is None:  # another thread was faster
                return
            self._process = None
            held = process.held.get(self._folder)
            if held is None:  # the interpreter's exit closed everything
                return
            held.uses -= 1
            if held.uses == 0:
                _leave(process, held)


def join(folder: Path) -> tuple[Use, Path]:
    """Start or join the server of this folder: the use, and the folder of its socket."""
    process = _current
    home = DataFolder(folder)
    wheel = find_wheel()
    with process.lock:
        try:
            home.check(wheel.major)
            home.make()
            with deciding(home):
                home.check(wheel.major)  # another process may have changed it meanwhile
                held = _enter(process, home)
                try:
                    socket = _server.ensure(home, wheel)
                except BaseException:
                    if held.uses == 0:
                        _leave_deciding(process, held)
                    raise
                held.uses += 1
                return Use(process, folder), socket
        except OSError as error:
            raise UnavailableError(
                f"The embedded PostgreSQL cannot use {folder}: {error.strerror or error}."
                f"{home.disk_hint() or ' ' + ELSEWHERE}"
            ) from error


def _enter(process: _Process, home: DataFolder) -> _Held:
    held = process.held.get(home.path)
    if held is None:
        held = process.held[home.path] = _Held(home, Member.enter(home))
    elif not held.member.is_listed():  # the folder was removed and made anew
        held.member.leave()
        held.member = Member.enter(home)
    return held


def _leave(process: _Process, held: _Held) -> None:
    try:
        with deciding(held.home):
            _leave_deciding(process, held)
    except (OSError, UnavailableError):
        # Without the lock nothing may be stopped, except the server of a folder that is gone:
        # nobody can join that one any more.
        _drop(process, held)
        _server.end_lost(held.home)


def _leave_deciding(process: _Process, held: _Held) -> None:
    if others(held.home, process.own()):
        _drop(process, held)
        return
    # Stop first and leave then: killed in between, we are a crashed member and nothing more.
    sockets = _server.stop(held.home)
    _drop(process, held)
    _server.tidy(held.home, sockets)


def _drop(process: _Process, held: _Held) -> None:
    if process.held.pop(held.home.path, None) is not None:
        held.member.leave()


def _leave_all() -> None:
    process = _current
    with process.lock:
        for held in list(process.held.values()):
            _leave(process, held)


def _forget() -> None:
    global _current  # a forked child is a new process
    _current = _Process()


_current = _Process()
os.register_at_fork(after_in_child=_forget)
atexit.register(_leave_all)
