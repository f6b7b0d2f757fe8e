"""The files of /inspector: one page, its modules and its styles, as they stand in the package.

Nothing in them is about anybody: what the page shows it asks of the REST routes, as the caller.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from importlib import resources
from typing import Final

from fastapi import APIRouter, Request, Response

from threadkeep.server.problems import Problem
from threadkeep.server.routing import ProblemRoute

router = APIRouter(prefix="/inspector", route_class=ProblemRoute, tags=["inspector"])

# Nothing from elsewhere, no code but in files of ours, and no way to make code of text.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_INDEX: Final = "index.html"


@dataclass(frozen=True, slots=True)
class Static:
    """A file as it is sent."""

    content: bytes
    media_type: str
    etag: str


def _read() -> dict[str, Static]:
    found = {}
    for entry in resources.files("threadkeep.server.inspector").joinpath("static").iterdir():
        media_type = _TYPES.get(re.sub(r"^[^.]*", "", entry.name))
        if media_type is not None:
            content = entry.read_bytes()
            etag = f'"{blake2b(content, digest_size=12).hexdigest()}"'
            found[entry.name] = Static(content, media_type, etag)
    return found


FILES: Final = _read()
"""All files, by name."""


@router.get("", include_in_schema=False)
async def find_page() -> Response:
    """The page's links are relative to the folder that it stands in, wherever that is mounted."""
    return Response(status_code=308, headers=_HEADERS | {"Location": "inspector/"})


@router.get(
    "/",
    response_model=None,
    response_class=Response,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)
async def read_page(request: Request) -> Response:
    """A page for people, which reads threads by the REST routes."""
    return _sent(FILES[_INDEX], request)


@router.get("/{name}", include_in_schema=False)
async def read_file(request: Request, name: str) -> Response:
    """A module, a style or an image of the page."""
    found = FILES.get(name)
    if found is None:
        raise Problem(404, "not_found", "the inspector has no such file")
    return _sent(found, request)


def _sent(file: Static, request: Request) -> Response:
    headers = _HEADERS | {"ETag": file.etag}
    if file.etag in re.split(r"\s*,\s*", request.headers.get("if-none-match", "").strip()):
        return Response(status_code=304, headers=headers)
    return Response(file.content, 200, headers, file.media_type)
