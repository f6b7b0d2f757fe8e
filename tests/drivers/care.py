"""What the tests of the drivers share: both executors behind one face, and a wire to cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit

from threadkeep.drivers.asyncpg import AsyncpgExecutor
from threadkeep.drivers.limits import Limits
from threadkeep.drivers.psycopg import PsycopgExecutor
from threadkeep.drivers.urls import Address
from threadkeep.values.ports import Statement

Ex = AsyncpgExecutor | PsycopgExecutor
DRIVERS = ("asyncpg", "psycopg")
QUICK = Limits(pool_size=4, deadline=3.0)


def sql(text: str) -> Statement:
    """A statement of a test."""
    return Statement("test", text)


@contextlib.asynccontextmanager
async def executor(driver: str, url: str, limits: Limits = QUICK) -> AsyncIterator[Ex]:
    """An open executor of a driver."""
    address = Address.parse(url)
    ex: Ex
    if driver == "asyncpg":
        ex = await AsyncpgExecutor.open(address, limits)
    else:
        ex = PsycopgExecutor.open(address, limits)
    try:
        yield ex
    finally:
        await ex.close()


class Wire:
    """A way over TCP to a server behind a unix socket, which can be cut."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        self._upstream = f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}?sslmode=disable"
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """End all connections, with whatever is under way on them."""
        for end in tuple(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Cut for good."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(10)
        self.cut()
        for thread in self._threads:
            thread.join(10)
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._upstream)
                self._ends += [client, server]
                for ends in ((client, server), (server, client)):
                    thread = threading.Thread(target=_pass, args=ends, daemon=True)
                    thread.start()
                    self._threads.append(thread)


def _pass(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    # To close one under the other thread's hands would wake nobody.
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def wire(url: str) -> Iterator[Wire]:
    """A wire to the server of `url`."""
    made = Wire(url)
    try:
        yield made
    finally:
        made.close()
