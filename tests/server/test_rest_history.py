"""/threads/{id}/history over HTTP: what seed 000's front end loads and appends."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from rest_kit import calling, code, said

from threadkeep.adapters.assistant_ui import FormatHistory, ThreadHistory
from threadkeep.store import AsyncStore
from threadkeep.values import jsontext

JSON = {"Content-Type": "application/json"}
ODD = (
    '{ "role":"assistant",\n "content":[{"type":"tool-call","toolCallId":"c","toolName":"f",'
    '"args":{"b":1.00,"a":1e400,"n":12345678901234567890123,"b":"\\u0000\\ud800"}}]'
)
"""A message without its end: key order, a key that comes twice, and numbers of all spellings."""


def _user(id: str, text: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "role": "user", "content": [{"type": "text", "text": text}], **more}


def _answer(id: str, text: str) -> dict[str, Any]:
    return {"id": id, "role": "assistant", "content": [{"type": "text", "text": text}]}


async def _append(
    client: httpx.AsyncClient, message: dict[str, Any], parent: str | None, dialect: str = "aui/v0"
) -> httpx.Response:
    body = {"message": message, "parentId": parent}
    return await client.post("/threads/t/history", params={"dialect": dialect}, json=body)


async def test_history_has_all_branches_in_order(app: FastAPI, store: AsyncStore) -> None:
    """The tree comes parents first with the leaf to show; messages keep their ids and parents.

    [N1 N8 seed 000 defect 17]
    """
    async with calling(app) as client:
        assert code(await client.get("/threads/t/history")) == (404, "not_found")
        await _append(client, _user("u1", "hi", createdAt="2026-01-02T03:04:05.678Z"), None)
        await _append(client, _answer("a1", "one"), "u1")
        await _append(client, _answer("a2", "two"), "u1")
        await client.put("/threads/t/head", json={"message_id": "u1"})
        found = (await client.get("/threads/t/history")).json()
        assert found["headId"] == "a2"
        rows = [(m["id"], m["parentId"], m["format"]) for m in found["messages"]]
        assert rows == [
            (id_, parent, "aui/v0") for id_, parent in (("u1", None), ("a1", "u1"), ("a2", "u1"))
        ]
        assert found["messages"][0]["createdAt"] == "2026-01-02T03:04:05.678Z"
        complete = (await client.get("/threads/t/history?dialect=aui/v0")).json()
        assert complete == await ThreadHistory(store.owner("ada"), "t").load()
        alias = (await client.get("/threads/t/history?dialect=assistant-ui")).json()
        assert alias == complete
        converted = (await client.get("/threads/t/history?dialect=ai-sdk/v6")).json()
        assert converted == await FormatHistory(store.owner("ada"), "t", "ai-sdk/v6").load()
        await store.owner("ada").threads.create("empty")
        empty: dict[str, Any] = {"headId": None, "messages": []}
        for query in ("", "?dialect=aui/v0", "?dialect=ai-sdk/v6"):
            assert (await client.get(f"/threads/empty/history{query}")).json() == empty
            missing = await client.get(f"/threads/never/history{query}")
            assert code(missing) == (404, "not_found")
        unknown = await client.get("/threads/t/history?dialect=no-such")
        assert code(unknown) == (422, "invalid")


async def test_history_need_not_be_sent_again(app: FastAPI) -> None:
    """The entity tag changes with the history and with nothing else. [N1]"""
    async with calling(app) as client:
        await _append(client, _user("u1", "hi"), None)
        first = await client.get("/threads/t/history")
        tag = first.headers["etag"]
        for header in (tag, f'"x", {tag}', f"W/{tag}", "*"):
            same = await client.get("/threads/t/history", headers={"If-None-Match": header})
            assert (same.status_code, same.content) == (304, b"")
        await client.patch("/threads/t", json={"title": "T"})
        same = await client.get("/threads/t/history", headers={"If-None-Match": tag})
        assert same.status_code == 304
        await _append(client, _answer("a1", "ho"), "u1")
        again = await client.get("/threads/t/history", headers={"If-None-Match": tag})
        assert again.status_code == 200
        assert again.headers["etag"] != tag


async def test_the_same_append_again_stores_nothing(app: FastAPI) -> None:
    """201 for a new message, 200 for the same again, 409 for another content under its id. [N2]"""
    async with calling(app) as client:
        first = await _append(client, _user("u1", "hi"), None)
        assert first.status_code == 201
        assert first.json()["id"] == "u1"
        again = await _append(client, _user("u1", "hi"), None)
        assert (again.status_code, again.json()) == (200, first.json())
        assert code(await _append(client, _user("u1", "ho"), None)) == (409, "message_differs")
        assert code(await _append(client, _user("u2", "x"), "none")) == (404, "not_found")
        many = await asyncio.gather(
            *(_append(client, _answer("a1", "yes"), "u1") for _ in range(8))
        )
        assert {one.status_code for one in many} <= {200, 201}
        found = (await client.get("/threads/t/history")).json()
        assert [m["id"] for m in found["messages"]] == ["u1", "a1"]


@pytest.mark.parametrize("dialect", ["aui/v0", "ai-sdk/v6", "my-own/format"])
async def test_content_comes_back_byte_for_byte(app: FastAPI, dialect: str) -> None:
    """A message is stored as it was sent but for its id: order, numbers, keys that come twice.

    [N1 N2 C12]
    """
    if dialect == "ai-sdk/v6":
        odd = (
            '{ "role":"assistant","parts":[ {"type":"data-x","data":{"b":1.00,"a":1e400,"b":[]}} ]'
        )
    else:
        odd = ODD
    text = odd + ', "id" : "m" , "x":-0.0 }'
    stored = odd + ', "x":-0.0 }'
    async with calling(app) as client:
        for status in (201, 200):
            sent = await client.post(
                "/threads/t/history",
                params={"dialect": dialect},
                content=f'{{"parentId":null,"message": {text} }}',
                headers=JSON,
            )
            assert sent.status_code == status, sent.text
        plain = (await client.get("/threads/t/history")).text
        assert f'"message":{stored}}}' in plain
        document = (await client.get("/threads/t/export")).text
        assert stored in document
        if dialect != "aui/v0":
            native = (await client.get("/threads/t/history", params={"dialect": dialect})).text
            assert f'"message":{stored[:-1]},"id":"m"}}' in native


async def test_stored_history_passes_through_undecoded(
    app: FastAPI, store: AsyncStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading history in the stored dialect decodes no JSON at all. [N1]"""
    chat = store.owner("ada")
    for n in range(5):
        item = {"role": "user", "parts": [{"type": "text", "text": f'"{n}"'}]}
        await FormatHistory(chat, "t", "ai-sdk/v6").append(
            {"message": {"id": f"m{n}", **item}, "parentId": f"m{n - 1}" if n else None}
        )
    decoded = 0

    def counting(decode: Any) -> Any:
        def counted(*given: Any, **named: Any) -> Any:
            nonlocal decoded
            decoded += 1
            return decode(*given, **named)

        return counted

    monkeypatch.setattr(orjson, "loads", counting(orjson.loads))
    monkeypatch.setattr(json, "loads", counting(json.loads))
    monkeypatch.setattr(jsontext, "decode", counting(jsontext.decode))
    async with calling(app) as client:
        for query in ("", "?dialect=ai-sdk/v6"):
            answer = await client.get(f"/threads/t/history{query}")
            assert (answer.status_code, answer.content.count(b'"role":"user"')) == (200, 5)
    assert decoded == 0


async def test_an_update_rewrites_or_stores(app: FastAPI) -> None:
    """PUT rewrites a message in its place, or stores one that never arrived. [N8 C5]"""
    async with calling(app) as client:
        await _append(client, _user("u1", "hi"), None)
        put = await client.put(
            "/threads/t/history/a1",
            json={"message": _answer("a1", "one"), "parentId": "u1", "runConfig": {"k": 1}},
        )
        assert (put.status_code, put.json()["parentId"]) == (200, "u1")
        put = await client.put(
            "/threads/t/history/a1", json={"message": _answer("a1", "two"), "parentId": None}
        )
        assert put.json()["parentId"] == "u1"
        found = (await client.get("/threads/t/history?dialect=aui/v0")).json()
        last = found["messages"][-1]
        assert last["message"]["content"][0]["text"] == "two"
        assert last["runConfig"] == {"k": 1}
        other = await client.put(
            "/threads/t/history/a1", json={"message": _answer("zz", "x"), "parentId": None}
        )
        assert code(other) == (422, "invalid")
        role = await client.put(
            "/threads/t/history/a1", json={"message": _user("a1", "x"), "parentId": None}
        )
        assert code(role) == (409, "role_fixed")
        gone = await client.delete("/threads/t/history/u1")
        assert (gone.status_code, gone.json()) == (200, {"status": "deleted"})
        assert code(await client.delete("/threads/t/history/u1")) == (404, "not_found")
        found = (await client.get("/threads/t/history")).json()
        assert [(m["id"], m["parentId"]) for m in found["messages"]] == [("a1", None)]


async def test_what_is_no_history_item_is_refused(app: FastAPI) -> None:
    """A body without its parent or its message's id is a 422, one too large a 413. [N2]"""
    wrong = [
        '{"message":{"id":"m","role":"user","content":[]}}',
        '{"parentId":null}',
        '{"message":null,"parentId":null}',
        '{"message":[],"parentId":null}',
        '{"message":{"role":"user","content":[]},"parentId":null}',
        '{"message":{"id":"","role":"user","content":[]},"parentId":null}',
        '{"message":{"id":"\\ud800","role":"user","content":[]},"parentId":null}',
        '{"message":{"id":"a","id":"b","role":"user","content":[]},"parentId":null}',
        '{"message":{"id":"m","role":"bot","content":[]},"parentId":null}',
        '{"message":{"id":"m","role":"user","content":[],"createdAt":"x"},"parentId":null}',
        '{"message":{"id":"m","role":"user","content":[]},"parentId":""}',
        '{"message":{"id":"m","role":"user","content":[]},"parentId":null,"runConfig":[]}',
        '{"message":{"id":"m","role":"user","content":'
        + "[" * 600
        + "]" * 600
        + '},"parentId":null}',
    ]
    async with calling(app) as client:
        for body in wrong:
            answer = await client.post("/threads/t/history", content=body, headers=JSON)
            assert code(answer) == (422, "invalid"), body[:90]
        huge = json.dumps({"message": _user("m", "x" * 5_000_000), "parentId": None})
        answer = await client.post("/threads/t/history", content=huge, headers=JSON)
        assert code(answer) == (413, "too_large")
        plain = await client.post(
            "/threads/t/history", content="{}", headers={"Content-Type": "text/plain"}
        )
        assert code(plain) == (415, "media_type")
        assert code(await client.get("/threads/t")) == (404, "not_found")


async def test_messages_of_other_formats_are_converted(app: FastAPI, store: AsyncStore) -> None:
    """History in a dialect has what was stored in another one. [N8 C17]"""
    async with calling(app) as client:
        items = [said("user", "hi", "m1"), said("assistant", "ho", "m2")]
        await client.post("/threads/t/messages", json={"messages": items})
        found = (await client.get("/threads/t/history?dialect=aui/v0")).json()
        texts = [m["message"]["content"][0]["text"] for m in found["messages"]]
        assert texts == ["hi", "ho"]
        assert found["messages"][1]["parentId"] == "m1"
        posted = await _append(client, _user("m3", "more"), "m2")
        assert posted.status_code == 201
        mixed = (await client.get("/threads/t/history")).json()
        assert [m["format"] for m in mixed["messages"]] == ["threadkeep", "threadkeep", "aui/v0"]


async def test_a_long_history_comes_whole(app: FastAPI, store: AsyncStore) -> None:
    """A thread of more messages than a page has comes as one tree, with its head. [N1 D16]"""
    items = [said("user", str(n), f"m{n}") for n in range(1005)]
    await store.owner("ada").messages.append_many({"t": items}, dialect="threadkeep")
    async with calling(app) as client:
        found = (await client.get("/threads/t/history")).json()
        assert [m["id"] for m in found["messages"]] == [item["id"] for item in items]
        assert found["headId"] == "m1004"
        await client.put("/threads/t/head", json={"message_id": "m3"})
        await _append(client, _user("x", "beside"), "m3")
        assert (await client.get("/threads/t/history")).json()["headId"] == "x"
        window = (await client.get("/threads/t/messages?last=2")).json()
        assert [m["id"] for m in window["messages"]] == ["m3", "x"]
