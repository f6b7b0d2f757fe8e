"""Makes the cluster: complete, with roles and database, or not at all."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from threadkeep.drivers.embedded._folder import ELSEWHERE
from threadkeep.values.errors import UnavailableError

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from threadkeep.drivers.embedded._folder import DataFolder
    from threadkeep.drivers.embedded._tools import Tools

_INITDB = (
    "--username=postgres",
    "--auth-local=trust",
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
)
# A stand-alone backend takes one statement a line. None of the roles may bypass row-level
# security; only the owner of the tables owns the database.
_ROLES = """\
CREATE ROLE threadkeep_owner LOGIN;
CREATE ROLE threadkeep_app LOGIN;
CREATE ROLE threadkeep_admin LOGIN;
CREATE DATABASE threadkeep OWNER threadkeep_owner;
"""


def create(home: DataFolder, tools: Tools) -> None:
    """Make the cluster of this folder. Whatever goes wrong, no part of it stays."""
    fresh = home.unfinished("pgdata")
    fresh.mkdir(mode=0o700)
    try:
        tools.own(fresh)
        place = f"--pgdata={fresh.name}"
        _check(home, tools.run("initdb", place, *_INITDB, cwd=home.path))
        # No server yet: the roles are part of what the rename below makes visible at once.
        alone = ("--single", "-D", fresh.name, "-c", "exit_on_error=on", "postgres")
        _check(home, tools.run("postgres", *alone, cwd=home.path, text=_ROLES))
        fresh.rename(home.pgdata)
        _sync(home)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _check(home: DataFolder, done: CompletedProcess[str]) -> None:
    if done.returncode == 0:
        return
    said = [line for line in done.stdout.splitlines() if "error:" in line or "FATAL:" in line]
    reason = " ".join(said[-2:]) or f"exit status {done.returncode}"
    raise UnavailableError(
        f"PostgreSQL could not make its cluster in {home.path}: {reason}."
        f"{home.disk_hint() or ' ' + ELSEWHERE}"
    )


def _sync(home: DataFolder) -> None:
    descriptor = os.open(home.path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
