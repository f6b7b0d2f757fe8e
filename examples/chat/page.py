"""The routes of the page and of the model."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles

from examples.chat.models import Model, Question

BUILT: Final = Path(__file__).parent / "dist"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_UNBUILT: Final = "The page is not built yet: run make chat, where there is Node.\n"


def add_page(app: FastAPI, model: Model, *, built: Path = BUILT) -> None:
    """Put the page and the model into the app: `/`, `/icon.svg`, `/assets` and `/model`."""
    app.include_router(_routes(model, built))
    if (built / "assets").is_dir():
        app.mount("/assets", StaticFiles(directory=built / "assets"))


def _routes(model: Model, built: Path) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def index() -> Response:
        """The page."""
        if not (built / "index.html").is_file():
            return PlainTextResponse(_UNBUILT, 503)
        return FileResponse(built / "index.html", headers=_HEADERS)

    @router.get("/icon.svg")
    async def icon() -> Response:
        """The page's icon."""
        return FileResponse(built / "icon.svg", headers=_HEADERS)

    @router.get("/model")
    async def named() -> dict[str, str]:
        """Which model answers."""
        return {"model": model.name}

    @router.post("/model")
    async def answered(question: Question, request: Request) -> Response:
        """The answer, one JSON object per line; it ends when the page goes away."""
        _refuse_strangers(request)
        lines = _lines(model, question)
        return StreamingResponse(lines, media_type="application/x-ndjson", headers=_HEADERS)

    return router


async def _lines(model: Model, question: Question) -> AsyncIterator[str]:
    async with aclosing(model.answer(question.messages)) as events:
        async for event in events:
            yield json.dumps(event) + "\n"


def _refuse_strangers(request: Request) -> None:
    """Refuse what another site's page sends: a model may cost its owner money."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403)
