"""Attachments over /v1: signed links to put and to show them, and whose they are."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from cloud_kit import Front, content
from fastapi import FastAPI
from rest_kit import calling

from threadkeep.adapters.files import FileBytes
from threadkeep.server import create_app
from threadkeep.server.cloud.files import MOST_BYTES
from threadkeep.store import AsyncStore

SECRET: Final = b"a secret of at least 32 bytes, really"
UPLOAD: Final = "/v1/files/attachments/generate-presigned-upload-url"
DOWNLOAD: Final = "/v1/files/attachments/generate-presigned-download-url"
PNG: Final = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@pytest.fixture
def app(store: AsyncStore, tmp_path: Path) -> FastAPI:
    """A server with a folder for files."""
    return create_app(store, files=FileBytes(tmp_path), secret=SECRET, origins=[PAGE])


PAGE: Final = "https://chat.example.org"


def bytes_in(folder: Path) -> list[str]:
    """The keys of all that is stored."""
    files = (one for one in folder.rglob("*") if one.is_file() and ".incoming" not in one.parts)
    return sorted(one.relative_to(folder).as_posix() for one in files)


async def granted(client: httpx.AsyncClient, filename: str = "tram.png", **more: Any) -> Any:
    """Where a file goes."""
    answer = await client.post(UPLOAD, json={"filename": filename} | more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def put(
    client: httpx.AsyncClient, filename: str = "tram.png", data: bytes = PNG, type: str = ""
) -> Any:
    """Where a file is, once its bytes have been put there as a browser puts them."""
    given = await granted(client, filename)
    answer = await client.put(given["signedUrl"], content=data, headers={"Content-Type": type})
    assert (answer.status_code, answer.text) == (200, "")
    return given


async def test_a_file_is_put_and_shown_by_links_alone(app: FastAPI, tmp_path: Path) -> None:
    """The link says for whom: no header is needed, and putting the bytes again is safe."""
    async with calling(app, user="ann") as ann, calling(app, owner="other") as anybody:
        given = await granted(ann, "../../tr\u00e1m.PNG")
        assert given["success"] is True
        assert given["expiresAt"].endswith("Z")
        assert (await anybody.get(given["publicUrl"])).status_code == 404
        for data in (b"first", PNG, PNG):
            headers = {"Content-Type": "image/png", "Origin": PAGE}
            answer = await anybody.put(given["signedUrl"], content=data, headers=headers)
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == PAGE
        shown = await anybody.get(given["publicUrl"])
        assert (shown.status_code, shown.content) == (200, PNG)
        assert shown.headers["content-type"] == "image/png"
        assert shown.headers["content-disposition"] == (
            "inline; filename=\"tr_m.PNG\"; filename*=UTF-8''tr%C3%A1m.PNG"
        )
        again = {"If-None-Match": f'"x", {shown.headers["etag"]}'}
        assert (await anybody.get(given["publicUrl"], headers=again)).status_code == 304
        for said in ({"key": given["key"]}, {"url": given["publicUrl"]}):
            link = (await ann.post(DOWNLOAD, json=said)).json()
            assert (await anybody.get(link["signedUrl"])).content == PNG
        assert bytes_in(tmp_path) == [given["key"]]
        known = (await ann.get("/attachments")).json()["attachments"]
        assert [(one["id"], one["size"], one["media_type"]) for one in known] == [
            (given["key"], len(PNG), "image/png")
        ]


async def test_the_browser_may_put_from_another_origin(app: FastAPI) -> None:
    """The preflight of the upload is answered for the pages that may call."""
    async with calling(app) as client:
        asked = {
            "Origin": PAGE,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-type",
        }
        given = await granted(client)
        answer = await client.options(given["signedUrl"], headers=asked)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "PUT" in answer.headers["access-control-allow-methods"]


async def test_nothing_that_can_run_is_shown_in_the_browser(app: FastAPI) -> None:
    """Only images, sound, films, PDFs and plain text are; all is sandboxed, and no type guessed."""
    hostile = 'x"\r\nSet-Cookie: a=b\\%0a\u202e;.html'
    async with calling(app) as client:
        for type, how in (
            ("text/html", "attachment"),
            ("image/svg+xml", "attachment"),
            ("application/xhtml+xml", "attachment"),
            ("text/html; charset=utf-8", "attachment"),
            ("nonsense", "attachment"),
            ("", "attachment"),
            ("image/jpeg", "inline"),
            ("application/pdf", "inline"),
        ):
            given = await put(client, hostile, b"<script>alert(1)</script>", type)
            shown = await client.get(given["publicUrl"])
            assert shown.headers["content-disposition"].startswith(f'{how}; filename="x__Set-'[:12])
            assert shown.headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in shown.headers["content-security-policy"]
            assert "set-cookie" not in shown.headers
            assert given["key"].endswith(".html")


async def test_a_file_is_as_large_and_of_the_type_that_was_said(
    app: FastAPI, tmp_path: Path
) -> None:
    """More than 25 MiB are refused as they come; another type than the link's is too."""
    async with calling(app) as client:
        given = await granted(client, "a.txt", content_type="Text/Plain; charset=utf-8")
        html = {"Content-Type": "text/html"}
        answer = await client.put(given["signedUrl"], content=b"x", headers=html)
        assert (answer.status_code, answer.json()["error"]) == (415, "media_type")
        plain = {"Content-Type": "text/plain;charset=UTF-8"}
        assert (await client.put(given["signedUrl"], content=b"x", headers=plain)).is_success
        sent = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal sent
            while True:
                sent += 1 << 20
                yield bytes(1 << 20)

        for data in (endless(), bytes(MOST_BYTES + 1)):
            answer = await client.put(given["signedUrl"], content=data, headers=plain)
            assert (answer.status_code, answer.json()["error"]) == (413, "too_large")
        assert MOST_BYTES < sent <= MOST_BYTES + (2 << 20)
        assert (await client.get(given["publicUrl"])).content == b"x"
        assert bytes_in(tmp_path) == [given["key"]]
        for bad in (
            {"content_length": MOST_BYTES + 1},
            {"content_type": "text"},
            {"filename": ""},
            {"filename": "a" * 1025},
            {"filename": 5},
        ):
            answer = await client.post(UPLOAD, json={"filename": "a"} | bad)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid"), bad
        # What no file name can have is left out of it, or refused.
        json = {"Content-Type": "application/json"}
        odd = b'{"filename": "x/a\\u0000b\\u0007\\u0085.TXT"}'
        answer = await client.post(UPLOAD, content=odd, headers=json)
        assert answer.status_code == 201
        known = (
            await client.get(f"/attachments/{answer.json()['key'].replace('/', '%2F')}")
        ).json()
        assert (known["name"], known["media_type"]) == ("ab\u0085.TXT", "text/plain")
        answer = await client.post(UPLOAD, content=b'{"filename": "\\ud800"}', headers=json)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid")


async def test_an_upload_that_breaks_off_leaves_nothing(
    app: FastAPI, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was there before is still there, whole; and it is no defect of the server."""
    async with calling(app) as client:
        given = await put(client)
        path, _, query = given["signedUrl"].partition("localhost")[2].partition("?")
        told: list[Any] = []
        parts = iter([{"type": "http.request", "body": b"half", "more_body": True}])

        async def receive() -> Any:
            return next(parts, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            told.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "PUT",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(b"host", b"localhost")],
            "client": ("127.0.0.1", 1),
            "server": ("localhost", 80),
        }
        await app(scope, receive, send)
        assert told[0]["status"] == 400
        assert "defect" not in caplog.text
        assert (await client.get(given["publicUrl"])).content == PNG
        assert bytes_in(tmp_path) == [given["key"]]
        assert list((tmp_path / ".incoming").iterdir()) == []


async def test_a_foreign_file_is_unknown(app: FastAPI) -> None:
    """Another owner or user gets no link to it, and a link that is pasted stays dead. [I3]"""
    async with (
        calling(app, user="ann") as ann,
        calling(app, user="bob") as bob,
        calling(app, owner="other") as other,
    ):
        given = await put(ann)
        unknown = f"attachments/{'0' * 32}.png"
        for stranger in (bob, other):
            for said in ({"key": given["key"]}, {"key": unknown}, {"url": given["publicUrl"]}):
                answer = await stranger.post(DOWNLOAD, json=said)
                assert answer.status_code == 404
                assert answer.json() == {
                    "error": "not_found",
                    "message": "file not found",
                    "kind": "file",
                }
            front = await Front.begin(stranger)
            part = {"type": "image", "image": given["publicUrl"]}
            await front.post(None, content("user", "look") | {"content": [part]})
            [row] = await front.rows()
            link = row["content"]["content"][0]["image"]
            assert link != given["publicUrl"]
            assert (await stranger.get(link)).status_code == 404
        known = (await ann.get("/attachments")).json()["attachments"]
        assert [one["thread"] for one in known] == [None]


async def test_links_are_refused_when_altered_or_old(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each refusal has its code; a link to put is none to get."""
    async with calling(app) as client:
        given = await put(client)
        for url, code in (
            (given["publicUrl"].replace("who=", "who=x"), "link_invalid"),
            (given["publicUrl"].replace("&until=", "&until=1"), "link_invalid"),
            (given["publicUrl"][:-1] + "_", "link_invalid"),
            (given["signedUrl"], "link_invalid"),
        ):
            answer = await client.get(url)
            assert (answer.status_code, answer.json()["error"]) == (403, code), url
        assert (await client.get(given["publicUrl"].partition("?")[0])).status_code == 400
        assert (await client.get("/v1/files/attachments/..%2f..%2fsecret?who=a")).status_code == 400
        later = time.time() + 1801
        monkeypatch.setattr(time, "time", lambda: later)
        for call in (client.get(given["publicUrl"]), client.put(given["signedUrl"], content=b"")):
            answer = await call
            assert (answer.status_code, answer.json()["error"]) == (403, "link_expired")


async def test_links_in_messages_are_fresh_and_go_with_their_thread(
    app: FastAPI, store: AsyncStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list renews them for whoever owns the file by then; with its thread the file goes too."""
    visitor, user = "anon_1", "usr_anon_1"
    async with calling(app, visitor, user) as client:
        given, unused = await put(client), await put(client)
        front = await Front.begin(client)
        part = {"type": "image", "image": given["publicUrl"], "filename": "tram.png"}
        said = content("user", "look") | {"content": [part]}
        await front.post(None, said)
        [attachment] = [
            one async for one in store.owner(visitor).attachments.list(thread=front.thread_id)
        ]
        assert attachment.id == given["key"]
    stored = await store.owner(visitor).messages.list(front.thread_id)
    assert stored.items[0].payload == said
    await store.admin().transfer(visitor, "acme", user="ann")
    later = time.time() + 7200
    monkeypatch.setattr(time, "time", lambda: later)
    async with calling(app, "acme", "ann") as ann, calling(app, "acme", "bob") as bob:
        assert (await ann.get(given["publicUrl"])).status_code == 403
        [row] = await Front(ann, front.thread_id).rows()
        link = row["content"]["content"][0].pop("image")
        assert row["content"] == said | {"content": [{"type": "image", "filename": "tram.png"}]}
        assert (await bob.get(link)).content == PNG
        path = f"/v1/threads/{front.thread_id}"
        assert (await bob.delete(path)).status_code == 404
        assert bytes_in(tmp_path) == sorted([given["key"], unused["key"]])
        assert (await ann.delete(path)).status_code == 200
        assert bytes_in(tmp_path) == [unused["key"]]
        assert (await ann.get(link)).status_code == 404
        # The route of the REST API takes the files along too.
        front = await Front.begin(ann)
        link = (await ann.post(DOWNLOAD, json={"key": unused["key"]})).json()["signedUrl"]
        await front.post(None, content("user", f"see {link}"))
        assert (await ann.delete(f"/threads/{front.thread_id}")).status_code == 200
        assert bytes_in(tmp_path) == []


async def test_links_lead_where_the_server_is_said_to_be(store: AsyncStore, tmp_path: Path) -> None:
    """They start as the request did, or with the URL that is configured, path and all."""
    files = FileBytes(tmp_path)
    inner = create_app(store, files=files, secret=SECRET)
    app = FastAPI()
    app.mount("/chat", inner)
    async with calling(app) as client:
        answer = await client.post(f"/chat{UPLOAD}", json={"filename": "a"})
        url = answer.json()["publicUrl"]
        assert url.startswith("http://localhost/chat/v1/files/attachments/")
        assert (await client.put(answer.json()["signedUrl"], content=b"a")).is_success
        assert (await client.get(url)).content == b"a"
    outside = create_app(store, files=files, secret=SECRET, public_url="https://h.example/x/")
    async with calling(outside) as client:
        url = (await granted(client))["publicUrl"]
        assert url.startswith("https://h.example/x/v1/files/attachments/")


async def test_without_a_store_for_bytes_there_are_no_files(store: AsyncStore) -> None:
    """Each route says so; and pages of a PDF are never made."""
    async with calling(create_app(store)) as client:
        link = f"/v1/files/attachments/{'0' * 32}?who=a&until=1&signature=a"
        for call in (
            client.post(UPLOAD, json={"filename": "a"}),
            client.post(DOWNLOAD, json={"key": "a"}),
            client.put(link, content=b""),
            client.get(link),
        ):
            answer = await call
            assert answer.status_code == 503
            assert answer.json()["message"] == "Attachments are not configured on this deployment"
        answer = await client.post("/v1/files/pdf-to-images", json={"file_url": "x"})
        assert (answer.status_code, answer.json()["error"]) == (501, "not_supported")
        front = await Front.begin(client)
        await front.say(None, "user", "hello")
        assert (await client.delete(front.path)).status_code == 200
