"""The server as a process of its own: started, asked whether it is there, restarted, ended."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import uvicorn

from threadkeep.server import logs
from threadkeep.values.errors import ThreadkeepWarning

ROOT: Final = Path(__file__).parents[2]
HOST: Final = "127.0.0.1"
PREFERRED: Final = 8000

_BACKLOG: Final = 128
_START_SECONDS: Final = 120
_END_SECONDS: Final = 30
_STREAMS_SECONDS: Final = 3


class NotServedError(Exception):
    """The server did not start."""


def serve(home: Path, listening: socket.socket, *, url: str | None = None) -> None:
    """Be the server on this socket until a signal comes."""
    from examples.chat.app import create

    # Where the data stands is said by those who start this process.
    warnings.simplefilter("ignore", ThreadkeepWarning)
    logs.configure("warning", "text")
    config = uvicorn.Config(
        create(home, url=url),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_STREAMS_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listening])


@dataclass(slots=True)
class Server:
    """A running server. Who calls while it is restarted waits, since its socket stays open."""

    listening: socket.socket
    _call: Sequence[str]
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{HOST}:{self.listening.getsockname()[1]}"

    def start(self) -> None:
        """Start it, and wait until it answers. NotServedError if it does not."""
        descriptor = self.listening.fileno()
        call = [*self._call, "--descriptor", str(descriptor)]
        self._process = subprocess.Popen(call, cwd=ROOT, pass_fds=[descriptor])
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                # A proxy of the environment's does not lead to loopback.
                if httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False).is_success:
                    return
            time.sleep(0.05)
        self.stop()
        raise NotServedError(f"the server did not start on {self.url}")

    def stop(self) -> None:
        """End it as a signal does: it finishes what it has begun."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def restart(self) -> None:
        """End it and start another one on the same database."""
        self.stop()
        self.start()

    def wait(self) -> None:
        """Wait until it ends by itself."""
        if self._process is not None:
            self._process.wait()


@contextmanager
def running(home: Path, *, url: str | None = None, preferred: int = PREFERRED) -> Iterator[Server]:
    """A server for the time of the block, on the preferred port if that is free."""
    call = [sys.executable, "-m", "examples.chat", "serve"]
    call += ["--home", str(home), *(["--url", url] if url else [])]
    with listen(preferred) as listening:
        server = Server(listening, call)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def listen(preferred: int = PREFERRED) -> socket.socket:
    """A socket on loopback, on the preferred port if nobody has it, else on any."""
    for port in (preferred, 0):
        opened = socket.socket()
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((HOST, port))
            opened.listen(_BACKLOG)
        except OSError:
            opened.close()
        else:
            return opened
    raise NotServedError("there is no free port")
