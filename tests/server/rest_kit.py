"""Calls of the REST routes, as one owner or another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import FastAPI


@asynccontextmanager
async def calling(
    app: FastAPI, owner: str = "ada", user: str | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app for an owner, or one user of it."""
    headers = {"Threadkeep-Owner": owner} | ({} if user is None else {"Threadkeep-User": user})
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers=headers
    ) as client:
        yield client


def at(*steps: str) -> str:
    """The path of these steps, each percent-encoded whole."""
    return "".join(f"/{quote(step, safe='')}" for step in steps)


def said(role: str, text: str, id: str | None = None, **more: Any) -> dict[str, Any]:
    """An item of our own dialect."""
    item: dict[str, Any] = {"role": role, "parts": [{"type": "text", "text": text}], **more}
    return item if id is None else {"id": id, **item}


def code(answer: httpx.Response) -> tuple[int, str]:
    """The status and the code of a problem, which must be problem+json."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"]
