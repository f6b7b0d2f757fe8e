"""The server's processes: start or join, stop, and what a crash left behind.

Whether a server runs is a fact that the kernel keeps: the postmaster inherits a locked file and
hands it to its children, so the lock is free exactly when the last of them is gone. A process id
in a file can be stale or belong to somebody else by now; it is only used to send signals, and
only after the process was looked at.

Every function here is called while deciding (`_members`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from threadkeep.drivers.embedded import _cluster, _sockets
from threadkeep.drivers.embedded._tools import find_tools
from threadkeep.values.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadkeep.drivers.embedded._folder import DataFolder
    from threadkeep.drivers.embedded._tools import Tools, Wheel

# Recovery after a crash replays up to 1 GB of WAL. A server that cannot start says so at once.
_START_SECONDS = 180.0
# A checkpoint of all shared buffers on a slow disk. PostgreSQL 18 can also hang for ever in a
# fast shutdown that meets the restart after a crashed session; an immediate one ends that.
_STOP_SECONDS = 30.0
# A server that says it is ready, but whose socket is not to be seen, lives in another world.
_ANSWER_SECONDS = 10.0
_GRACE_SECONDS = 1.0
_PAUSE = 0.01
_LOG_BYTES = 1024 * 1024

# Durability stays as PostgreSQL has it. The log takes only what ends a session or the server:
# an error's own text can quote a row, so errors and all their details stay out of it.
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_preload_libraries": "pg_stat_statements",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


def ensure(home: DataFolder, wheel: Wheel) -> Path:
    """The socket folder of a server that answers: the running one, else a fresh one."""
    begun = time.monotonic()
    while _is_running(home):
        found = _answering(home)
        if found is not None:
            _trim_log(home)
            return found
        waited = time.monotonic() - begun
        if waited > (_ANSWER_SECONDS if _is_ready(home) else _START_SECONDS):
            raise UnavailableError(_out_of_reach(home))
        if waited > _GRACE_SECONDS:
            _end_orphans(home)
        time.sleep(_PAUSE)
    _trim_log(home)
    home.sweep()
    tools = find_tools(home, wheel)
    if home.major() is None:
        _cluster.create(home, tools)
    return _launch(home, tools)


def stop(home: DataFolder) -> Path | None:
    """Stop the server, if it runs: clients are cut off, what was committed is safe.

    Gives the folder of its socket, for `tidy`.
    """
    state = _read_state(home)
    # Fast first. Immediate is as safe, it only makes the next start recover.
    for number, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, 10.0)):
        deadline = time.monotonic() + seconds
        pid = _signal_postmaster(home, number)
        orphans_at = time.monotonic() + _GRACE_SECONDS
        while _is_running(home) and time.monotonic() < deadline:
            if pid is None and time.monotonic() > orphans_at:
                _end_orphans(home)
            time.sleep(_PAUSE)
        if pid is not None and not _is_running(home):
            _reap(pid)
    return state.sockets if state else None


def tidy(home: DataFolder, sockets: Path | None) -> None:
    """Remove every lock, socket and member's file, once the server is down."""
    if _is_running(home):
        return
    _sockets.remove(home, sockets)
    with contextlib.suppress(UnavailableError):
        _forget_postmaster(home)
    _trim_log(home)
    home.sweep()
    home.running.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        home.members.rmdir()
    # Last: who waits for this file sees that it is gone, and takes a new one.
    home.lock.unlink(missing_ok=True)


def end_lost(home: DataFolder) -> None:
    """End the server of a cluster that somebody removed while it ran."""
    if not home.pgdata.exists():
        _end_all(home)
        _sockets.remove(home, None)


@dataclass(frozen=True, slots=True)
class _State:
    """What the server wrote into postmaster.pid."""

    pid: int
    sockets: Path | None
    ready: bool


def _read_state(home: DataFolder) -> _State | None:
    try:
        lines = (home.pgdata / "postmaster.pid").read_text().splitlines()
        pid = int(lines[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None
    lines += [""] * (8 - len(lines))
    sockets = Path(lines[4].strip()) if lines[4].strip() else None
    return _State(abs(pid), sockets, lines[7].strip() == "ready")


def _is_running(home: DataFolder) -> bool:
    try:
        descriptor = os.open(home.running, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_ready(home: DataFolder) -> bool:
    state = _read_state(home)
    return state is not None and state.ready


def _answering(home: DataFolder) -> Path | None:
    state = _read_state(home)
    if state is None or not state.ready or state.sockets is None:
        return None
    return state.sockets if _sockets.accepts(state.sockets) else None


def _out_of_reach(home: DataFolder) -> str:
    state = _read_state(home)
    where = f" at {state.sockets}" if state and state.sockets else ""
    return (
        f"The server of {home.path} runs, but its socket{where} does not answer from here. It "
        "may belong to another container or to a service with a private /tmp: run both in one, "
        "or set THREADKEEP_DATA to a folder of its own. If it hangs, end it."
    )


def _postmaster(home: DataFolder) -> psutil.Process | None:
    """The server's first process, if the noted process id is still that."""
    state = _read_state(home)
    if state is None:
        return None
    try:
        process = psutil.Process(state.pid)
        if process.name() != "postgres" or process.uids().real != home.pgdata.stat().st_uid:
            return None
        return process if process.cwd() == str(home.pgdata.resolve()) else None
    except (psutil.Error, OSError):
        return None


def _postgres_in(folder: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            found = process.name() == "postgres" and process.cwd() == folder
        except (psutil.Error, OSError):
            continue
        if found:
            yield process


def _end_orphans(home: DataFolder) -> None:
    """End what outlived a killed postmaster: a new one must not start beside it."""
    if _postmaster(home) is None:
        _end_all(home)


def _end_all(home: DataFolder) -> None:
    """Immediate shutdown of all in the cluster's folder, or in one that lay there before."""
    found = list(_postgres_in(str(home.pgdata.resolve())))
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGQUIT)
    # On its way out a server removes its socket by name: a new one must not be there yet.
    deadline = time.monotonic() + _ANSWER_SECONDS
    while any(map(_lives, found)) and time.monotonic() < deadline:
        time.sleep(_PAUSE)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _signal_postmaster(home: DataFolder, number: signal.Signals) -> int | None:
    process = _postmaster(home) if _is_running(home) else None
    if process is None:
        return None
    with contextlib.suppress(psutil.Error):
        process.send_signal(number)
    pid: int = process.pid
    return pid


def _reap(pid: int) -> None:
    # Where we are the container's first process, the server became our child.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _forget_postmaster(home: DataFolder) -> None:
    """Remove the note of a server that is gone.

    PostgreSQL itself refuses to start while the noted process id lives, whosever it is by now.
    """
    process = _postmaster(home)
    if process is not None:
        raise UnavailableError(
            f"Process {process.pid} is a server on {home.pgdata} that threadkeep did not start. "
            "Stop it, or give its URL in THREADKEEP_URL."
        )
    (home.pgdata / "postmaster.pid").unlink(missing_ok=True)


def _launch(home: DataFolder, tools: Tools) -> Path:
    _forget_postmaster(home)
    sockets = _sockets.prepare(home, tools)
    if _sockets.accepts(sockets):
        # No server runs on this cluster, as we know by now. So it is that of a folder which lay
        # here and was removed. It would end by itself, within a minute.
        _end_all(home)
    _sockets.clear(sockets)
    with tools.open(home.log, os.O_WRONLY | os.O_APPEND) as log:
        before = os.fstat(log).st_size
        with tools.open(home.running, os.O_RDWR) as running:
            fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
            tools.run(
                "pg_ctl",
                *("start", "-W", "-s", "-D", home.pgdata.name, "-o", _options(home, sockets)),
                cwd=home.path,
                output=log,
                keep=[running],
            )
    deadline = time.monotonic() + _START_SECONDS
    while _is_running(home):
        found = _answering(home)
        if found is not None:
            return found
        if time.monotonic() > deadline:
            break
        time.sleep(_PAUSE)
    raise UnavailableError(_why_not(home, before))


def _options(home: DataFolder, sockets: Path) -> str:
    # Shown by ps with every process of this server.
    title = f"threadkeep {home.path}".encode("ascii", "replace").decode()[:60]
    settings = {**_SETTINGS, "unix_socket_directories": f'"{sockets}"', "cluster_name": title}
    return " ".join(shlex.quote(word) for k, v in settings.items() for word in ("-c", f"{k}={v}"))


def _why_not(home: DataFolder, before: int) -> str:
    with home.log.open("rb") as log:
        log.seek(before)
        lines = log.read(_LOG_BYTES).decode("utf-8", "replace").splitlines()
    fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line] or lines
    said = " ".join(fatal[-3:]) or "it said nothing"
    still = " It is still starting; try again later." if _is_running(home) else ""
    return (
        f"The embedded PostgreSQL of {home.path} did not start: {said}.{still} "
        f"Its log is {home.log}.{home.disk_hint()}"
    )


def _trim_log(home: DataFolder) -> None:
    with contextlib.suppress(OSError):
        if home.log.stat().st_size > _LOG_BYTES:
            os.truncate(home.log, 0)
