"""The folder of the server's socket: short, private, and the same one after every restart.

A socket's path may have 107 bytes (103 on macOS), which a data folder easily exceeds. The name
is made from the data folder, so that the URLs of members stay good when the server restarts.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from threadkeep.drivers.embedded._folder import ELSEWHERE
from threadkeep.values.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadkeep.drivers.embedded._folder import DataFolder
    from threadkeep.drivers.embedded._tools import Tools

_SOCKET = ".s.PGSQL.5432"
_PREFIX = "threadkeep-"
_LONGEST = 100


def prepare(home: DataFolder, tools: Tools) -> Path:
    """A folder that only the server's account (and root) can enter."""
    for path in _candidates(home, tools.uid):
        with contextlib.suppress(OSError):
            return _make(path, tools)
    raise UnavailableError(
        f"There is no place for the socket of the embedded PostgreSQL: neither /tmp nor "
        f"{tempfile.gettempdir()} can be written, or their paths are too long. Set TMPDIR to a "
        f"short folder. {ELSEWHERE}"
    )


def accepts(folder: Path) -> bool:
    """Does a server listen here? It sees a client that left without a word, and logs nothing."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(folder / _SOCKET))
        except OSError:
            return False
    return True


def clear(folder: Path) -> None:
    """Remove the socket and its lock file, which a killed server leaves behind."""
    for name in (_SOCKET, f"{_SOCKET}.lock"):
        with contextlib.suppress(FileNotFoundError):
            (folder / name).unlink()


def remove(home: DataFolder, noted: Path | None) -> None:
    """Remove this server's socket folder: the noted one, and the one its name gives."""
    uids = {os.geteuid()}
    with contextlib.suppress(OSError):
        uids.add(home.pgdata.stat().st_uid)
    made = {path for uid in uids for path in _candidates(home, uid)}
    if noted is not None and noted.name.startswith(_PREFIX):
        made.add(noted)
    for path in made:
        with contextlib.suppress(OSError):
            if _is_private(path.lstat(), uids) and not accepts(path):
                clear(path)
                path.rmdir()


def _candidates(home: DataFolder, uid: int) -> Iterator[Path]:
    digest = hashlib.sha256(os.fsencode(home.path)).hexdigest()[:12]
    for base in dict.fromkeys((Path("/tmp"), Path(tempfile.gettempdir()), home.path)):  # noqa: S108
        path = base / f"{_PREFIX}{uid}-{digest}"
        if len(os.fsencode(path / _SOCKET)) <= _LONGEST:
            yield path


def _make(path: Path, tools: Tools) -> Path:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if not _is_private(found, {tools.uid, os.geteuid()}):
            # Somebody sits on the name. A name that nobody can foresee does as well.
            path = Path(tempfile.mkdtemp(prefix=f"{path.name}-", dir=path.parent))
        elif found.st_uid == tools.uid:
            return path
    tools.own(path)
    return path


def _is_private(found: os.stat_result, uids: set[int]) -> bool:
    return (
        found.st_uid in uids
        and stat.S_ISDIR(found.st_mode)
        and stat.S_IMODE(found.st_mode) & 0o077 == 0
    )
