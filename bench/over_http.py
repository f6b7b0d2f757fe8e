"""The server: the CPU that listing a thread costs over HTTP, beside the library's own call.

The app is called in this process, without a network: what is measured is the way through the
server, from the request that has been read to the answer that could be sent.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from bench.items import turns_of_two
from bench.sizes import Sizes
from threadkeep import AsyncStore, dialects

GOAL_MS = 1.0
"""The most CPU that the handler may take over the library's call (issue 6, acceptance 4)."""

_MESSAGES = 60
_FORMAT = "aui/v0"
_THREAD = "listed-over-http"


async def measure(sizes: Sizes, store: AsyncStore) -> dict[str, Any]:
    """Milliseconds of CPU for a list of 60 messages: both in turn, the order turned round."""
    # Not sooner: all that it loads would be gone through by the collections before other rows.
    from threadkeep.server import create_app

    chat = store.owner("local")
    items = dialects.get(_FORMAT).dump(turns_of_two(_MESSAGES // 2))
    await chat.messages.append(_THREAD, items, dialect=_FORMAT)
    app = create_app(store)

    async def over_http() -> None:
        status, body = await _get(app, f"/v1/threads/{_THREAD}/messages", f"format={_FORMAT}")
        if status != 200 or body.count(b'"parent_id"') != _MESSAGES:
            raise AssertionError(status)

    async def library() -> None:
        await chat.messages.list(_THREAD, tree=True, order="desc", limit=200)

    took: dict[str, list[float]] = {"http": [], "library": []}
    sides = [("http", over_http), ("library", library)]
    for round_ in range(sizes.rounds + 1):
        for name, call in sides if round_ % 2 else reversed(sides):
            spent = await _cpu(call, sizes.calls)
            if round_:
                took[name].append(spent)
    over = [a - b for a, b in zip(took["http"], took["library"], strict=True)]
    return {
        "messages": _MESSAGES,
        "http_cpu_ms": round(median(took["http"]), 4),
        "library_cpu_ms": round(median(took["library"]), 4),
        "over_ms": round(median(over), 4),
        "goal_ms": GOAL_MS,
    }


async def _cpu(call: Callable[[], Awaitable[None]], number: int) -> float:
    gc.collect()
    start = time.process_time()
    for _ in range(number):
        await call()
    return (time.process_time() - start) * 1000 / number


async def _get(app: Any, path: str, query: str) -> tuple[int, bytes]:
    """What an ASGI server would be told for this request."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    status, pieces = 0, []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: dict[str, Any]) -> None:
        nonlocal status
        if event["type"] == "http.response.start":
            status = event["status"]
        else:
            pieces.append(event.get("body", b""))

    await app(scope, receive, send)
    return status, b"".join(pieces)
