"""A server of its own that keeps what it acknowledged, and can be stopped in any way."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psutil
import psycopg

from processes import await_end
from threadkeep.connecting import connect
from threadkeep.drivers.embedded import ADMIN, APP, OWNER, SUPERUSER
from threadkeep.drivers.embedded._folder import DataFolder
from threadkeep.drivers.embedded._tools import Tools, find_tools, find_wheel
from threadkeep.testing.servers import Server

Stop = Literal["fast", "immediate", "kill"]

_SECONDS = 60.0
_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}
_SETTINGS = {
    "listen_addresses": "''",
    "max_connections": "100",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "'16MB'",
    "max_wal_size": "'256MB'",
}


@dataclass(slots=True)
class Restartable:
    """A server of the wheel in a folder; `url` is the app's, on a migrated database."""

    folder: Path
    tools: Tools
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The database as the app's role."""
        return self._url(APP)

    @property
    def superuser_url(self) -> str:
        """The database as the superuser."""
        return self._url(SUPERUSER)

    def server(self) -> Server:
        """A connection of the superuser, for one time up: to be used as a context."""
        return Server("restartable", self.superuser_url)

    def run(self, text: str) -> None:
        """Run one statement as the superuser."""
        with self.server() as server:
            server.run(text)

    def configure(self, setting: str) -> None:
        """Change a setting, and wait until new statements see it."""
        name, _, value = setting.partition(" = ")
        with self.server() as server:
            server.run(f"ALTER SYSTEM SET {setting}")
            server.run("SELECT pg_reload_conf()")
            while server.query(f"SHOW {name}") != [(value.strip("'"),)]:
                time.sleep(0.01)

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            # What is left of a killed one may hold its memory for a moment.
            if self.process is None or self.process.poll() is not None:
                self.process = self._spawn()
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.superuser_url).close()
                return
            time.sleep(0.02)
        raise RuntimeError("the server does not start")

    def stop(self, how: Stop) -> None:
        """End it: with its work done, at once, or by a signal that it cannot catch."""
        if self.process is not None:
            backends = psutil.Process(self.process.pid).children(recursive=True)
            self.process.send_signal(_SIGNALS[how])
            self.process.wait(_SECONDS)
            self.process = None
            # Without their parent they may answer once more before they notice.
            await_end(backends)

    def make(self) -> None:
        """Make the cluster, the roles and the tables; it runs then."""
        self.folder.mkdir(mode=0o755, parents=True)
        self.tools.own(self.folder)
        given = (f"--username={SUPERUSER}", "--auth=trust", "--encoding=UTF8", "--no-sync")
        data = self.folder / "data"
        done = self.tools.run("initdb", f"--pgdata={data}", *given, "--locale=C", cwd=self.folder)
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stdout}")
        settings = {**_SETTINGS, "unix_socket_directories": f"'{self.folder}'"}
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        self.start()
        with self.server() as server:
            for role in (OWNER, APP, ADMIN):
                server.run(f"CREATE ROLE {role} LOGIN")
            server.run(f"ALTER DATABASE postgres OWNER TO {OWNER}")
        connect(self._url(OWNER), migrate=True).close()

    def _url(self, role: str) -> str:
        return f"postgresql://{role}@/postgres?host={quote(str(self.folder))}&port=5432"

    def _spawn(self) -> subprocess.Popen[bytes]:
        account = self.tools.account
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen(
                [self.tools.programs / "postgres", "-D", self.folder / "data"],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                start_new_session=True,
            )


@contextlib.contextmanager
def restartable(folder: Path, home: Path) -> Iterator[Restartable]:
    """A server in this folder, which must not exist; `home` is where the programs may lie."""
    made = Restartable(folder, find_tools(DataFolder(home), find_wheel()))
    try:
        made.make()
        yield made
    finally:
        made.stop("immediate")
