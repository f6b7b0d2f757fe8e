"""/threads/{id}/messages, windows and tool calls over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from rest_kit import calling, code, said

from threadkeep.store import AsyncStore
from threadkeep.testing.strategies import json_texts

JSON = {"Content-Type": "application/json"}


async def _append(client: httpx.AsyncClient, *items: dict[str, Any], **more: Any) -> httpx.Response:
    return await client.post("/threads/t/messages", json={"messages": items, **more})


async def _walk(client: httpx.AsyncClient, name: str, query: str) -> list[str]:
    """The ids on all pages; the cursor goes back as the parameter `name`."""
    found: list[str] = []
    url = httpx.URL(f"/threads/t/messages?{query}")
    at = url
    while True:
        page = (await client.get(at)).json()
        found += [message["id"] for message in page["messages"]]
        cursor = page["next_cursor"]
        assert page["has_more"] is (cursor is not None)
        if cursor is None:
            return found
        at = url.copy_merge_params({name: cursor})


async def test_messages_come_page_by_page(app: FastAPI) -> None:
    """Each message comes once, in either order, by cursor or as the seed has it by `after`. [N5]"""
    ids = [f"m{n}" for n in range(7)]
    async with calling(app) as client:
        await _append(client, *(said("user", id_, id_) for id_ in ids))
        default = (await client.get("/threads/t/messages")).json()
        assert [m["id"] for m in default["messages"]] == ids
        for name in ("cursor", "after"):
            assert await _walk(client, name, "limit=3") == ids
            assert await _walk(client, name, "limit=3&order=desc") == ids[::-1]
        behind = (await client.get("/threads/t/messages?after=m4")).json()
        assert [m["id"] for m in behind["messages"]] == ["m5", "m6"]
        last = (await client.get("/threads/t/messages?last=2")).json()
        assert [m["id"] for m in last["messages"]] == ["m5", "m6"]
        for query in ("cursor=x", "after=none", "cursor=" + "A" * 40):
            answer = await client.get(f"/threads/t/messages?{query}")
            assert code(answer) == (400, "invalid_cursor"), query
        foreign = (await client.get("/threads/t/messages?limit=2")).json()["next_cursor"]
        await client.post("/threads/u/messages", json={"messages": [said("user", "x")]})
        answer = await client.get("/threads/u/messages", params={"cursor": foreign})
        assert code(answer) == (400, "invalid_cursor")
        assert code(await client.get("/threads/never/messages")) == (404, "not_found")


async def test_filters_narrow_the_messages(app: FastAPI) -> None:
    """Roles, metadata, sessions, branches and times each narrow what is listed. [N5 D13]"""
    async with calling(app) as client:
        await _append(client, said("user", "a", "m1"), said("assistant", "b", "m2"))
        await _append(client, said("assistant", "c", "m3"), parent="m1", session="s")
        await client.patch("/threads/t/messages/m1", json={"metadata": {"k": [1]}})

        async def ids(query: str) -> list[str]:
            answer = await client.get(f"/threads/t/messages?{query}")
            assert answer.status_code == 200, answer.text
            return [message["id"] for message in answer.json()["messages"]]

        assert await ids("") == ["m1", "m3"]
        assert await ids("tree=true") == ["m1", "m2", "m3"]
        assert await ids("leaf=m2") == ["m1", "m2"]
        assert await ids("role=assistant") == ["m3"]
        assert await ids("role=assistant&role=user&tree=true") == ["m1", "m2", "m3"]
        assert await ids('metadata={"k":[1]}') == ["m1"]
        assert await ids("session=s") == ["m3"]
        assert await ids("since=1&tree=true") == ["m2", "m3"]
        assert await ids("has_tool_calls=true") == []
        assert await ids("created_before=2000-01-01T00:00:00Z") == []
        for query in ("role=bot", "tree=1", "since=-1", "dialect=nope", "limit=1001"):
            answer = await client.get(f"/threads/t/messages?{query}")
            assert code(answer) == (422, "invalid"), query


async def test_a_batch_goes_where_it_is_told(app: FastAPI) -> None:
    """A batch has its ids and its place, is stored whole or not, and never twice. [N6 C2 C4 C14]"""
    async with calling(app) as client:
        item = {"role": "user", "content": "hi"}
        query = "/threads/t/messages?dialect=openai-chat"
        body = {"messages": [item, {"role": "assistant", "content": "ho"}], "ids": ["a", "b"]}
        first = await client.post(query, json=body)
        assert first.status_code == 201
        assert [m["id"] for m in first.json()["messages"]] == ["a", "b"]
        assert first.json()["messages"][0]["payload"] == item
        again = await client.post(query, json=body)
        assert (again.status_code, again.json()) == (201, first.json())
        differs = await client.post(
            query, json={"messages": [item | {"content": "x"}], "ids": ["a"]}
        )
        assert code(differs) == (409, "message_differs")
        moved = await client.post(query, json={"messages": [item], "expected_head": "a"})
        assert code(moved) == (409, "head_moved")
        assert moved.json()["head"] == "b"
        beside = await client.post(
            query, json={"messages": [item], "expected_head": "a", "on_conflict": "sibling"}
        )
        assert beside.json()["messages"][0]["parent"] == "a"
        root = await client.post(query, json={"messages": [item], "parent": None})
        assert root.json()["messages"][0]["parent"] is None
        wrong: dict[str, Any]
        for wrong in (
            {"messages": []},
            {"messages": {}},
            {"messages": [item], "ids": []},
            {"messages": [item, item], "ids": ["x", "x"]},
            {"messages": [item], "ids": [""]},
            {"messages": [{"role": "bot"}]},
            {"messages": [item], "parent": "a", "expected_head": "a"},
            {},
        ):
            answer = await client.post(query, json=wrong)
            assert code(answer) == (422, "invalid"), wrong
        other = {"messages": [said("user", "x", "own")], "ids": ["other"]}
        assert code(await client.post("/threads/t/messages", json=other)) == (422, "invalid")
        absent = {"messages": [item], "create_thread": False}
        answer = await client.post("/threads/new/messages?dialect=openai-chat", json=absent)
        assert code(answer) == (404, "not_found")


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=json_texts())
async def test_items_come_back_byte_for_byte(app: FastAPI, text: str) -> None:
    """Whatever JSON an item holds, it is stored and given as it was sent. [N6 C12]"""
    item = f'{{"role" : "user","parts":[],\n"x":{text} }}'
    async with calling(app, "bytes") as client:
        sent = await client.post(
            "/threads/t/messages", content=f'{{"messages":[ {item} ]}}', headers=JSON
        )
        assert sent.status_code == 201, sent.text
        id_ = sent.json()["messages"][0]["id"]
        path = f"/threads/t/messages/{id_}"
        assert (await client.get(path)).text.endswith(f'"payload":{item}}}')
        assert (await client.get(f"{path}?dialect=threadkeep")).text == item
        listed = (await client.get("/threads/t/messages?last=1&dialect=threadkeep")).text
        assert listed.startswith(f'{{"messages":[{item}]')
        window = (await client.get("/threads/t/window?messages=1&dialect=threadkeep")).text
        assert window.startswith(f'{{"messages":[{item}]')


async def test_messages_are_given_in_any_dialect(app: FastAPI, store: AsyncStore) -> None:
    """A list in a dialect has converted items, their sources, and what is lost. [N5 C17]"""
    async with calling(app) as client:
        await _append(client, said("system", "be brief", "s"), said("user", "hi", "u"))
        odd = '{"role":"assistant", "content":[{"type":"text","text":"ho","n":1.0}]}'
        sent = await client.post(
            "/threads/t/messages?dialect=anthropic",
            content=f'{{"messages":[{odd}],"ids":["a"]}}',
            headers=JSON,
        )
        assert sent.status_code == 201, sent.text
        answer = await client.get("/threads/t/messages?dialect=anthropic")
        page = answer.json()
        assert page["system"] == "be brief"
        assert [m["role"] for m in page["messages"]] == ["user", "assistant"]
        assert page["sources"][-1] == ["a"]
        assert odd in answer.text
        strict = await client.get("/threads/t/messages?dialect=openai-chat&strict=true")
        assert code(strict) == (422, "lossy")
        one = await client.get("/threads/t/messages/u?dialect=openai-chat")
        assert one.json() == {"role": "user", "content": "hi"}


async def test_a_message_is_changed_and_deleted(app: FastAPI) -> None:
    """A change keeps what it does not name; one of an unknown message stores nothing. [N6 N8]"""
    async with calling(app) as client:
        await _append(client, said("user", "hi", "m1"), said("assistant", "ho", "m2"))
        changed = await client.patch(
            "/threads/t/messages/m2",
            json={"item": said("assistant", "new"), "metadata": {"a": 1}, "status": "failed"},
        )
        assert changed.status_code == 200, changed.text
        body = changed.json()
        assert (body["parent"], body["status"], body["metadata"]) == ("m1", "failed", {"a": 1})
        assert body["payload"]["parts"][0]["text"] == "new"
        cleared = await client.patch("/threads/t/messages/m2", json={"replace_metadata": None})
        assert (cleared.json()["metadata"], cleared.json()["status"]) == (None, "failed")
        role = await client.patch("/threads/t/messages/m2", json={"item": said("user", "x")})
        assert code(role) == (409, "role_fixed")
        for body in ({"item": said("user", "x")}, {"metadata": {}}, {}):
            answer = await client.patch("/threads/t/messages/m9", json=body)
            assert code(answer) == (404, "not_found")
        assert (await client.delete("/threads/t/messages/m1")).json() == {"status": "deleted"}
        assert code(await client.delete("/threads/t/messages/m1")) == (404, "not_found")
        rest = (await client.get("/threads/t/messages?tree=true")).json()["messages"]
        assert [(m["id"], m["parent"]) for m in rest] == [("m2", None)]


async def test_a_window_is_what_a_model_takes(app: FastAPI) -> None:
    """A window keeps calls with their results, and heals what is open. [D2 N6]"""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    items = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    async with calling(app) as client:
        query = "/threads/t/messages?dialect=openai-chat"
        await client.post(query, json={"messages": items, "ids": ["1", "2", "3", "4"]})
        window = (await client.get("/threads/t/window?turns=1&dialect=openai-chat")).json()
        assert window["messages"] == items[2:]
        assert window["sources"] == [["3"], ["4"]]
        healed = await client.get("/threads/t/window?turns=1&dialect=openai-chat&heal=error")
        assert healed.json()["repairs"][0]["what"] == "result_made"
        assert healed.json()["messages"][-1]["role"] == "tool"
        plain = (await client.get("/threads/t/window?messages=2")).json()
        assert [m["id"] for m in plain["messages"]] == ["3", "4"]
        uses = (await client.get("/threads/t/tool-calls?name=f")).json()["tool_calls"]
        assert [(use["name"], use["pending"], use["call_message_id"]) for use in uses] == [
            ("f", True, "4")
        ]
        assert (await client.get("/threads/t/tool-calls?failed=true")).json()["tool_calls"] == []
        for query in ("", "turns=1&tokens=1", "turns=-1", "turns=1&heal=error", "turns=1&heal=x"):
            answer = await client.get(f"/threads/t/window?{query}")
            assert code(answer) == (422, "invalid"), query
        for path in ("window?turns=1", "tool-calls"):
            assert code(await client.get(f"/threads/never/{path}")) == (404, "not_found")


async def test_seed_003s_own_client_reads_its_messages(app: FastAPI, store: AsyncStore) -> None:
    """ChatKit's items come as they are, newest first, by the seed's own parameters. [N3 N4 N5]"""
    async with calling(app) as client:
        items = [
            {
                "id": f"msg_{n}",
                "type": "user_message",
                "thread_id": "thr",
                "created_at": "2026-01-01T00:00:00Z",
                "content": [{"type": "input_text", "text": str(n)}],
                "attachments": [],
                "inference_options": {},
            }
            for n in range(4)
        ]
        sent = await client.post("/threads/thr/messages?dialect=chatkit", json={"messages": items})
        assert sent.status_code == 201, sent.text
        query = {"limit": "3", "order": "desc", "dialect": "chatkit"}
        page = (await client.get("/threads/thr/messages", params=query)).json()
        assert page["messages"] == items[:0:-1]
        assert page["has_more"] is True
        query["after"] = page["next_cursor"]
        page = (await client.get("/threads/thr/messages", params=query)).json()
        assert page["messages"] == items[:1]
        assert (page["has_more"], page["next_cursor"]) == (False, None)
