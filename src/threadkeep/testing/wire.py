"""A proxy on loopback that counts the round trips a client makes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

_ENCRYPTION_REQUESTS = {80877103, 80877104}
_WAITS_FOR_ANSWER = b"SQH"
"""Sync, Query and Flush: what a client sends before it waits."""


@dataclass(slots=True)
class Wire:
    """Counts, and the URL that goes through it."""

    url: str
    trips: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


@contextlib.contextmanager
def counted(url: str) -> Iterator[Wire]:
    """A proxy in front of the server that `url` reaches by a unix socket."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    upstream = f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}"
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    wire = Wire(f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}?sslmode=disable")
    threads: list[threading.Thread] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(upstream)
                for target, args in ((_forward, (client, server, wire)), (_back, (server, client))):
                    thread = threading.Thread(target=target, args=args, daemon=True)
                    thread.start()
                    threads.append(thread)

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield wire
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (acceptor, *threads):
            thread.join(10)


def _forward(client: socket.socket, server: socket.socket, wire: Wire) -> None:
    with contextlib.suppress(OSError, struct.error), client, server:
        started = False
        while True:
            kind = b"" if not started else _read(client, 1)
            head = _read(client, 4)
            body = _read(client, struct.unpack("!I", head)[0] - 4)
            if not started and struct.unpack("!I", body[:4])[0] in _ENCRYPTION_REQUESTS:
                client.sendall(b"N")
                continue
            if started and kind in _WAITS_FOR_ANSWER:
                with wire.lock:
                    wire.trips += 1
            started = True
            server.sendall(kind + head + body)


def _back(server: socket.socket, client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := server.recv(65536):
            client.sendall(data)
        client.shutdown(socket.SHUT_RDWR)


def _read(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = source.recv(size - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data
