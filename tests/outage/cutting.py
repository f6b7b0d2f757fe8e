"""A proxy that cuts the connection at a chosen message of the protocol."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, urlsplit

_ENCRYPTION_REQUESTS = {80877103, 80877104}
_ASKS = b"SQH"
"""Sync, Query and Flush: what a client sends before it waits."""
_LATE = 0.01
_SECONDS = 30.0

Mode = Literal["before", "after", "late", "amid"]
MODES: tuple[Mode, ...] = ("before", "after", "late", "amid")


@dataclass(slots=True)
class Cutter:
    """The URL that goes through it, and where it cuts next.

    The requests of the client are counted from `arm` on: a request is what it sends before it
    waits, or with `every` each single message. At the n-th one the connection is cut, once:

    - `before`: the server never gets it;
    - `after`: the server gets it and answers, and nothing of the answer comes through;
    - `late`: the client is cut off at once, and the server gets the request a little later;
    - `amid`: half of the n-th answer (with `every`: half of the server's n-th message) comes
      through.
    """

    url: str
    fired: bool = False
    _left: int = 0
    _mode: Mode = "before"
    _meanwhile: Callable[[], None] | None = None
    every: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def arm(
        self,
        mode: Mode,
        number: int,
        *,
        every: bool = False,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """Cut at the request with this number from now on; the client waits for `meanwhile`."""
        with self._lock:
            self.fired, self._left, self._mode, self.every = False, number, mode, every
            self._meanwhile = meanwhile

    def disarm(self) -> bool:
        """Cut no more; whether it did."""
        with self._lock:
            self._left = 0
            return self.fired

    def due(self, *, answer: bool, asks: bool) -> Mode | None:
        """Count one message of a direction; the mode where the connection is to be cut at it."""
        with self._lock:
            if self._left == 0 or answer != (self._mode == "amid") or not (asks or self.every):
                return None
            self._left -= 1
            self.fired = self._left == 0
            return self._mode if self.fired else None

    def pause(self) -> None:
        """Let happen what shall happen before the client learns of the cut."""
        if self._meanwhile is not None:
            self._meanwhile()


class _Link:
    """One connection of a client, and the one to the server that it stands for."""

    def __init__(self, client: socket.socket, upstream: str, cutter: Cutter) -> None:
        self.client = client
        self.server = _connect(upstream)
        self.cutter = cutter
        self.swallow = False
        # From the start-up on the server speaks in messages; a refused encryption is one byte.
        self.threads = [
            threading.Thread(target=work, daemon=True) for work in (self._forward, self._back)
        ]

    def end(self) -> None:
        """Wake both threads; each closes nothing that the other may still read."""
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def _forward(self) -> None:
        with contextlib.suppress(OSError, struct.error):
            self._forward_all()
        self.end()

    def _forward_all(self) -> None:
        self._start()
        while True:
            kind, rest = _message(self.client)
            mode = self.cutter.due(answer=False, asks=kind in _ASKS)
            if mode is None:
                self.server.sendall(kind + rest)
                continue
            self.swallow = True
            if mode == "before":
                self.cutter.pause()
                return
            if mode == "late":
                self.client.shutdown(socket.SHUT_RDWR)
                time.sleep(_LATE)
            self.server.sendall(kind + rest)
            # The server reads it, works and answers before it sees the end; the answer is dropped.
            self.server.shutdown(socket.SHUT_WR)
            self.threads[1].join(_SECONDS)
            self.cutter.pause()
            return

    def _start(self) -> None:
        """Pass the start-up on; here no encryption is offered."""
        while True:
            head = _read(self.client, 4)
            body = _read(self.client, struct.unpack("!I", head)[0] - 4)
            if struct.unpack("!I", body[:4])[0] not in _ENCRYPTION_REQUESTS:
                self.server.sendall(head + body)
                return
            self.client.sendall(b"N")

    def _back(self) -> None:
        with contextlib.suppress(OSError, struct.error):
            self._answer_all()
        # What is swallowed ends with the other thread, which waits for this one.
        if not self.swallow:
            self.end()

    def _answer_all(self) -> None:
        answer = b""
        while True:
            kind, rest = _message(self.server)
            answer += kind + rest
            ends = kind == b"Z"
            mode = self.cutter.due(answer=True, asks=ends)
            if mode is not None and not self.swallow:
                self.client.sendall(answer[: len(answer) // 2])
                return
            # An answer is held back until it is whole, so that it can be cut in its middle; an
            # answer to a Flush has no such end.
            if self.cutter.every or ends or not _more(self.server):
                if not self.swallow:
                    self.client.sendall(answer)
                answer = b""


@contextlib.contextmanager
def cutter(url: str) -> Iterator[Cutter]:
    """A proxy on loopback in front of the server that `url` reaches by a unix socket."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    upstream = f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}"
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    made = Cutter(f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}?sslmode=disable")
    links: list[_Link] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    link = _Link(client, upstream, made)
                except OSError:
                    client.close()  # the server is away
                    continue
                links.append(link)
                for thread in link.threads:
                    thread.start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield made
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(_SECONDS)
        for link in links:
            link.end()
            for thread in link.threads:
                thread.join(_SECONDS)
            link.client.close()
            link.server.close()


def _connect(upstream: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    try:
        made.connect(upstream)
    except OSError:
        made.close()
        raise
    return made


def _message(source: socket.socket) -> tuple[bytes, bytes]:
    kind = _read(source, 1)
    head = _read(source, 4)
    return kind, head + _read(source, struct.unpack("!I", head)[0] - 4)


def _more(source: socket.socket) -> bool:
    """Whether more has come already."""
    try:
        return bool(source.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return False


def _read(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = source.recv(size - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data
