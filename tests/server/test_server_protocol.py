"""Requests on the wire that no client would send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import uvicorn
from fastapi import FastAPI

from threadkeep.server.protocol import MOST, BoundedProtocol

HEAD = b"POST /healthz HTTP/1.1\r\nhost: localhost\r\n"
IN_PIECES = HEAD + b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    """Where the app is served in this process."""
    config = uvicorn.Config(app, port=0, http=BoundedProtocol, log_config=None, ws="none")
    server = uvicorn.Server(config)
    # Signals are pytest's here.
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110  it has no event for that
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


@pytest.mark.parametrize(
    ("before", "endless"),
    [
        (b"GET /", b"a"),
        (HEAD + b"x: ", b"a"),
        (HEAD, b"a"),
        (HEAD, b"x: y\r\n"),
        (IN_PIECES + b"1;", b"a"),
        (IN_PIECES + b"1\r\na\r\n0\r\nx: ", b"a"),
    ],
    ids=["path", "value", "name", "headers", "extension", "trailer"],
)
async def test_a_head_without_end_is_cut_off(port: int, before: bytes, endless: bytes) -> None:
    """The connection is closed soon after the limit, whatever it is that does not end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(before)
    sent = 0
    with suppress(ConnectionError):
        while sent < 100 * MOST:
            writer.write(endless * (8192 // len(endless)))
            await writer.drain()
            sent += 8192
            if reader.at_eof():
                break
            await asyncio.sleep(0)
    writer.close()
    assert sent < 100 * MOST


async def test_a_large_body_behind_a_small_head_is_no_matter(port: int) -> None:
    """A body in many pieces passes, and a second request after it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    pieces = b"".join(b"2000\r\n" + b"a" * 0x2000 + b"\r\n" for _ in range(20))
    head = b"POST /nothing HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    writer.write(head + pieces + b"0\r\n\r\n" + last)
    answers = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    assert answers.count(b"HTTP/1.1 404") == 1
    assert answers.count(b"HTTP/1.1 200") == 1
