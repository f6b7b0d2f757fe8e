"""Sessions, traces, feedback, documents, attachments and who calls, over HTTP."""

from __future__ import annotations

import json
import os
from pathlib import Path

from fastapi import FastAPI
from rest_kit import at, calling, code, said

from threadkeep.adapters.files.folder import FileBytes
from threadkeep.server import create_app
from threadkeep.server.principal import Principal
from threadkeep.store import AsyncStore

JSON = {"Content-Type": "application/json"}


async def test_sessions_live_by_their_routes(app: FastAPI) -> None:
    """A session is saved, read, listed, archived and deleted; its state is kept verbatim. [N6]"""
    state = '{"b": 1.00, "a":[1e400, "\\ud800"], "b": null}'
    async with calling(app) as client:
        saved = await client.put(
            "/sessions/s%2F1",
            content=f'{{"thread":"t","sdk_version":"2","state": {state} ,"metadata":{{"k":1}}}}',
            headers=JSON,
        )
        assert saved.status_code == 200, saved.text
        assert saved.text.endswith(f'"state":{state}}}')
        same = await client.put("/sessions/s%2F1", json={"thread": "t"})
        assert f'"state":{state}}}' in same.text
        assert same.json()["metadata"] == {"k": 1}
        cleared = await client.put("/sessions/s%2F1", json={"metadata": None, "state": None})
        assert (cleared.json()["metadata"], cleared.json()["state"]) == (None, None)
        guarded = await client.get("/sessions/s%2F1?expected_sdk_version=1")
        assert code(guarded) == (409, "sdk_version")
        moved = await client.put("/sessions/s%2F1", json={"thread": "u"})
        assert code(moved) == (409, "session_thread")
        page = (await client.get("/sessions?thread=t")).json()
        assert [session["id"] for session in page["sessions"]] == ["s/1"]
        archived = await client.post("/sessions/s%2F1/archive", json={})
        again = await client.post("/sessions/s%2F1/archive", json={})
        assert archived.json()["archived_at"] == again.json()["archived_at"] is not None
        for query, count in (("", 0), ("archived=true", 1), ("all=true", 1)):
            page = (await client.get(f"/sessions?{query}")).json()
            assert len(page["sessions"]) == count
        assert (await client.post("/sessions/s%2F1/unarchive")).json()["archived_at"] is None
        assert code(await client.post("/sessions/new/archive", json={})) == (404, "not_found")
        made = {"thread": "t", "sdk_version": "1"}
        assert (await client.post("/sessions/new/archive", json=made)).status_code == 200
        assert (await client.delete("/sessions/s%2F1")).json() == {"status": "deleted"}
        assert code(await client.delete("/sessions/s%2F1")) == (404, "not_found")
        assert code(await client.get("/sessions/s%2F1")) == (404, "not_found")


async def test_spans_begin_and_end(app: FastAPI, store: AsyncStore) -> None:
    """A span begins once and ends once, keeps its values verbatim, and has its tree. [N6]"""
    async with calling(app) as client:
        await client.post("/threads", json={"id": "t"})
        top = {"id": "top", "name": "run", "type": "agent", "thread": "t"}
        first = await client.post("/spans", json=top)
        assert (first.status_code, first.json()["status"]) == (201, "running")
        again = await client.post("/spans", json=top)
        assert (again.status_code, again.json()) == (201, first.json())
        assert code(await client.post("/spans", json=top | {"name": "x"})) == (409, "exists")
        child = (
            '{"id":"leaf","name":"llm","type":"llm","parent":"top","input": [1.00, {"a":1,"a":2}]}'
        )
        begun = await client.post("/spans", content=child, headers=JSON)
        assert '"input":[1.00, {"a":1,"a":2}]' in begun.text
        end = '{"output": 1e999 ,"usage":{"input_tokens":5,"cost":0.1},"duration_ms":12.5}'
        ended = await client.patch("/spans/leaf", content=end, headers=JSON)
        assert ended.text.endswith('"output":1e999}')
        assert ended.json()["usage"]["cost"] == "0.1"
        same = await client.patch("/spans/leaf", content=end, headers=JSON)
        assert (same.status_code, same.text) == (200, ended.text)
        differs = await client.patch("/spans/leaf", json={"error": "boom"})
        assert code(differs) == (409, "span_ended")
        tree = (await client.get("/spans/top/tree")).json()["spans"]
        assert [(span["id"], span["depth"]) for span in tree] == [("top", 0), ("leaf", 1)]
        for query, found in (
            ("thread=t", ["top"]),
            ("parent=top", ["leaf"]),
            ("roots=true", ["top"]),
            ("type=llm", ["leaf"]),
            ("status=running", ["top"]),
            ("min_duration_ms=0", ["leaf"]),
            ("max_duration_ms=0", []),
            ("thread=never", []),
        ):
            page = (await client.get(f"/spans?{query}")).json()
            assert [span["id"] for span in page["spans"]] == found, query
        usage = (await client.get("/usage?of=spans&by=thread&type=llm")).json()["totals"]
        assert [(one["count"], one["usage"]["input_tokens"]) for one in usage] == [(1, 5)]
        for method, path in (("GET", "/spans/x"), ("GET", "/spans/x/tree"), ("DELETE", "/spans/x")):
            assert code(await client.request(method, path)) == (404, "not_found")
        assert code(await client.patch("/spans/x", json={})) == (404, "not_found")
        wrong = [{"name": ""}, {"name": "x", "type": "y"}, {"name": "x", "started_at": 1}, {}]
        for body in wrong:
            assert code(await client.post("/spans", json=body)) == (422, "invalid"), body
        for body in (
            {"usage": {"cost": -1}},
            {"usage": {"input_tokens": True}},
            {"status": "running"},
        ):
            assert code(await client.patch("/spans/top", json=body)) == (422, "invalid"), body
        assert (await client.delete("/spans/top")).json() == {"status": "deleted"}


async def test_runs_and_their_usage_are_listed(app: FastAPI, store: AsyncStore) -> None:
    """The runs of a thread come newest first, with what they used. [N6 M4]"""
    chat = store.owner("ada")
    async with chat.turn("t"):
        pass
    async with calling(app) as client:
        runs = (await client.get("/threads/t/runs")).json()["runs"]
        assert [(run["thread"], run["status"]) for run in runs] == [("t", "complete")]
        totals = (await client.get("/usage?by=thread")).json()["totals"]
        assert [(total["key"], total["count"]) for total in totals] == [("t", 1)]
        assert code(await client.get("/usage?by=hour")) == (422, "invalid")
        assert code(await client.get("/usage?type=llm")) == (422, "invalid")


async def test_feedback_is_each_users_own(app: FastAPI, store: AsyncStore) -> None:
    """A user's word replaces that user's earlier one, and no other sees or changes it. [N6 H4]"""
    item = said("user", "hi", "m")
    async with calling(app, user="eve") as eve, calling(app) as all_:
        assert (await eve.post("/threads/t/messages", json={"messages": [item]})).status_code == 201
        path = "/threads/t/messages/m/feedback"
        await eve.put(path, json={"kind": "positive", "comment": "so"})
        said_ = await eve.put(path, json={"kind": "negative"})
        assert (said_.json()["kind"], said_.json()["comment"]) == ("negative", None)
        await all_.put(path, json={"kind": "positive", "user": "dan"})
        mine = (await eve.get("/threads/t/feedback")).json()["feedback"]
        every = (await all_.get("/threads/t/feedback")).json()["feedback"]
        assert [one["user"] for one in mine] == ["eve"]
        assert [one["user"] for one in every] == ["dan", "eve"]
        assert code(await eve.delete(f"{path}?user=dan")) == (422, "invalid")
        assert (await eve.delete(path)).json() == {"status": "deleted"}
        assert code(await eve.delete(path)) == (404, "not_found")
        assert code(await eve.put(path, json={"kind": "meh"})) == (422, "invalid")


async def test_a_document_makes_the_same_thread_again(app: FastAPI) -> None:
    """What an export gives, an import takes: the whole tree, each payload verbatim. [N6 J3 J4]"""
    deep = "[" * 490 + "]" * 490
    odd = f'{{ "role":"user","parts":[],"x":1.00,"y":{deep} }}'
    async with calling(app) as client, calling(app, "bob") as bob:
        sent = await client.post(
            "/threads/t/messages", content=f'{{"messages":[{odd}],"ids":["m"]}}', headers=JSON
        )
        assert sent.status_code == 201, sent.text
        more = {"messages": [said("user", "b", "n")], "parent": None}
        await client.post("/threads/t/messages", json=more)
        document = (await client.get("/threads/t/export")).content
        made = await bob.post(
            "/threads/import?keep_ids=true&title=Again", content=document, headers=JSON
        )
        assert made.status_code == 201, made.text
        assert (made.json()["ids"], made.json()["thread"]["title"]) == ({"t": "t"}, "Again")
        assert odd in (await bob.get("/threads/t/messages/m")).text
        again = await bob.post("/threads/import?keep_ids=true", content=document, headers=JSON)
        assert code(again) == (409, "exists")
        new = await bob.post("/threads/import", content=document, headers=JSON)
        assert new.json()["thread"]["id"] != "t"
        for body in (b"", b"{}", b"[]", b"\xff", document[:-3], document.replace(b'"n"', b'"m"')):
            answer = await bob.post("/threads/import", content=body, headers=JSON)
            assert code(answer) == (422, "invalid")
        both = await bob.post(
            "/threads/import?keep_ids=true&new_id=x", content=document, headers=JSON
        )
        assert code(both) == (422, "invalid")


async def test_attachments_are_told_of(app: FastAPI, store: AsyncStore) -> None:
    """What is known of a file is listed by thread, and its object is verbatim. [N6 G12]"""
    chat = store.owner("ada")
    await chat.threads.create("t")
    await chat.attachments.save(
        "a/1", name="x.png", media_type="image/png", thread="t", format="f", payload='{"n": 1.0}'
    )
    async with calling(app) as client, calling(app, "bob") as bob:
        page = (await client.get("/attachments?thread=t")).json()
        assert [one["id"] for one in page["attachments"]] == ["a/1"]
        one = await client.get(at("attachments", "a/1"))
        assert one.text.endswith('"payload":{"n": 1.0}}')
        assert one.json()["url"] is None
        assert (await bob.get("/attachments?thread=t")).json()["attachments"] == []
        foreign, never = await bob.get(at("attachments", "a/1")), await bob.get("/attachments/x")
        assert (foreign.status_code, foreign.content) == (404, never.content)


async def test_who_calls_is_told(app: FastAPI) -> None:
    """/me says whom a call speaks for, and /dialects what may be spoken. [N6]"""
    async with calling(app, user="eve") as client:
        me = (await client.get("/me")).json()
        assert me == {
            "kind": "open",
            "owner": "ada",
            "user": "eve",
            "scopes": ["admin", "read", "write"],
        }
        found = {one["name"]: one for one in (await client.get("/dialects")).json()["dialects"]}
        assert found["aui/v0"]["also"] == ["assistant-ui"]
        assert found["threadkeep"]["losses"] == {}


async def test_an_attachment_leads_to_its_bytes(store: AsyncStore, tmp_path: Path) -> None:
    """The link of a file that was uploaded gives its bytes. [N6 G12]"""
    app = create_app(store, files=FileBytes(tmp_path), secret=b"s" * 32)
    async with calling(app) as client:
        granted = await client.post(
            "/v1/files/attachments/generate-presigned-upload-url", json={"filename": "a.txt"}
        )
        key = granted.json()["key"]
        assert (await client.get(at("attachments", key))).json()["url"] is None
        put = await client.put(
            granted.json()["signedUrl"], content=b"bytes", headers={"Content-Type": "text/plain"}
        )
        assert put.status_code == 200, put.text
        link = (await client.get(at("attachments", key))).json()["url"]
        assert (await client.get(link)).content == b"bytes"
        await client.post("/threads", json={"id": "t"})
        message = {"id": "m", "role": "user", "content": [{"type": "image", "image": link}]}
        body = {"message": message, "parentId": None}
        assert (await client.post("/threads/t/history", json=body)).status_code == 201
        page = (await client.get("/attachments?thread=t")).json()
        assert [one["id"] for one in page["attachments"]] == [key]
        await client.delete("/threads/t")
        assert code(await client.get(at("attachments", key))) == (404, "not_found")
        assert not [name for _, _, names in os.walk(tmp_path) for name in names]


class _Reading:
    """Everybody is ada, and may read."""

    open = False

    async def principal(self, headers: object, store: AsyncStore) -> Principal:
        return Principal("key", "ada", None, frozenset({"read"}))


async def test_scopes_bound_what_a_caller_may(store: AsyncStore) -> None:
    """Without the scope to write or to administer such calls are refused, and do nothing. [N6]"""
    await store.owner("bob").threads.create("b")
    async with calling(create_app(store, auth=_Reading())) as client:
        assert (await client.get("/threads")).status_code == 200
        refused = [
            await client.post("/threads", json={"id": "t"}),
            await client.get("/owners"),
        ]
        assert [code(answer) for answer in refused] == [(403, "scope_missing")] * 2
        assert (await client.get("/threads")).json()["threads"] == []
    async with calling(create_app(store)) as admin:
        owners = (await admin.get("/owners?starts=b")).json()["owners"]
        assert [(owner["id"], owner["threads"]) for owner in owners] == [("bob", 1)]
        assert json.dumps(owners).count("active_at") == 1
