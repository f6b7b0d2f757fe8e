"""What /v1 stores: retries, external ids, rewriting, deleting, and hostile contents."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any, Final

import httpx
import pytest
from cloud_kit import TIME, Front, content, ids, loaded, text_of

from threadkeep import Message, NotFoundError
from threadkeep.store import AsyncStore, Owner

JSON: Final = {"Content-Type": "application/json"}
NO_MESSAGES: Final = (
    b'{"format":"aui/v0","content":{"role":"user"}}',
    b'{"parent_id":null,"content":{"role":"user"}}',
    b'{"parent_id":null,"format":"","content":{}}',
    b'{"parent_id":null,"format":"%s","content":{}}' % (b"x" * 256),
    b'{"parent_id":7,"format":"x","content":{}}',
    b'{"parent_id":null,"format":"x"}',
    b'{"parent_id":null,"format":"x","content":[]}',
    b'{"parent_id":null,"format":"x","content":"{}"}',
    b'{"parent_id":null,"format":"x","content":null}',
    b'{"parent_id":null,"format":"x","content":{},"content":{}}',
    b'{"parent_id":null,"format":"nul\\u0000","content":{}}',
    b'{"parent_id":null,"format":"x\\ud800","content":{}}',
    b'{"parent_id":null,"format":"x","content":{},"external_id":"\\u0000"}',
    b'{"parent_id":null,"format":"x","content":{"n":NaN}}',
    b'{"parent_id":null,"format":"x","content":' + b'{"a":' * 600 + b"1" + b"}" * 601,
    b'{"parent_id":null,"format":"x","content":{"a":"\xff"}}',
    b'{"parent_id":null,"format":"aui/v0","content":{"role":"nobody"}}',
    b"[]",
    b"",
    b"{",
)


@pytest.fixture
def chat(store: AsyncStore) -> Owner:
    """The owner that the client calls as."""
    return store.owner("local")


async def test_a_thread_is_changed_member_by_member(client: httpx.AsyncClient) -> None:
    """Only what is sent is written, null clears, and what is unknown is refused."""
    front = await Front.begin(client, title="T", external_id="e", metadata={"a": {"b": 1}})
    before = await front.thread()
    assert (before["title"], before["external_id"]) == ("T", "e")
    assert before["last_message_at"] == TIME
    for change in (
        {},
        {"is_archived": True},
        {"title": "U"},
        {"metadata": {"c": [None]}},
        {"last_message_at": "2026-12-01T00:00:00.001Z"},
        {"title": None, "metadata": None, "is_archived": False},
    ):
        changed = await client.put(front.path, json=change)
        assert (changed.status_code, changed.json()) == (200, {})
        now = await front.thread()
        before = {**before, **change, "updated_at": now["updated_at"]}
        assert now == before
    refusals: tuple[dict[str, Any], ...] = (
        {"pinned": True},
        {"external_id": "other"},
        {"title": 1},
        {"metadata": []},
        {"is_archived": None},
        {"is_archived": "true"},
        {"last_message_at": None},
        {"last_message_at": 1},
        {"last_message_at": "yesterday"},
        {"last_message_at": "0001-01-01T00:00:00+14:00"},
        {"title": "\0"},
        {"title": "\ud800"},
        {"metadata": {"x": "\ud800"}},
        {"metadata": {"\0": 1}},
    )
    for refused in refusals:
        answer = await client.put(front.path, content=json.dumps(refused), headers=JSON)
        assert answer.status_code == 400, (refused, answer.text)
        assert answer.json()["error"]
        assert answer.json()["message"].startswith(next(iter(refused)))
    assert await front.thread() == before


async def test_threads_are_listed_by_activity_page_by_page(
    client: httpx.AsyncClient, chat: Owner
) -> None:
    """Pages join up though archived threads lie between, and a thread made elsewhere is there."""
    made = []
    for n in range(30):
        time = datetime.fromisoformat(f"2026-11-21T00:00:{n:02}Z")
        one = await chat.threads.create(f"{'long' * 40}/{n}", active_at=time, external_id="odd")
        made.append(one.id)
        if n % 3 == 0:
            await chat.threads.archive(one.id)
    active = [id for n, id in enumerate(made) if n % 3][::-1]

    async def walk(limit: int, after: str | None = None, **query: str) -> list[str]:
        found: list[str] = []
        while True:
            params = {"limit": str(limit), **query} | ({"after": after} if after else {})
            page = ids((await client.get("/v1/threads", params=params)).json()["threads"])
            found += page
            if len(page) < limit:
                return found
            after = page[-1]

    assert await walk(7) == await walk(100) == active
    assert await walk(3, is_archived="true") == made[27::-3]
    assert await walk(9, external_id="odd") == active
    assert await walk(9, external_id="none") == []
    await chat.threads.archive(active[4])
    assert await walk(7, active[4]) == active[5:], "it was archived since"
    assert await walk(100, "unknown") == [id for id in active if id != active[4]]
    newest = Front(client, made[0].replace("/", "%2F"))
    await client.put(newest.path, json={"is_archived": False})
    await newest.say(None, "user", "now")
    assert (await walk(1))[0] == made[0], "a message moves its thread to the top"
    for bad in ("limit=0", "limit=101", "limit=x", "is_archived=maybe"):
        assert (await client.get(f"/v1/threads?{bad}")).status_code == 400


async def test_an_upsert_finds_the_oldest_thread_of_its_external_id(
    client: httpx.AsyncClient,
) -> None:
    """Calls that come at once get one thread; without `upsert` each makes its own."""
    body = {"last_message_at": TIME, "external_id": "e", "upsert": True}
    at_once = await asyncio.gather(*(client.post("/v1/threads", json=body) for _ in range(5)))
    assert len({answer.json()["thread_id"] for answer in at_once}) == 1
    assert sorted(answer.status_code for answer in at_once) == [200] * 4 + [201]
    first = at_once[0].json()["thread_id"]
    plain = await client.post("/v1/threads", json={**body, "upsert": False})
    assert plain.status_code == 201
    assert plain.json()["thread_id"] != first
    again = await client.post("/v1/threads", json=body)
    assert (again.status_code, again.json()["thread_id"]) == (200, first)
    await client.delete(f"/v1/threads/{first}")
    again = await client.post("/v1/threads", json=body)
    assert (again.status_code, again.json()["thread_id"]) == (200, plain.json()["thread_id"])


async def test_an_external_id_makes_a_message_safe_to_repeat(
    client: httpx.AsyncClient, chat: Owner
) -> None:
    """The same content again writes nothing, another one rewrites, another role is refused."""
    front = await Front.begin(client)
    said = content("user", "x")
    at_once = await asyncio.gather(*(front.post(None, said, external_id="e1") for _ in range(4)))
    assert {answer.status_code for answer in at_once} <= {200, 201}
    [id] = {answer.json()["message_id"] for answer in at_once}
    thread = await chat.threads.get(front.thread_id)
    same = await front.post("aB3xY9z", said, external_id="e1")
    assert (same.status_code, same.json()) == (200, {"message_id": id})
    assert await chat.threads.get(front.thread_id) == thread, "nothing was written"
    below = await front.post(
        None, content("assistant", "y"), external_id="e2", parent_external_id="e1"
    )
    assert below.status_code == 201
    rows = await front.rows()
    assert [(row["external_id"], row["parent_id"]) for row in rows] == [("e2", id), ("e1", None)]
    changed = await front.post(None, content("user", "z"), external_id="e1")
    assert (changed.status_code, changed.json()) == (200, {"message_id": id})
    rows = await front.rows()
    assert [text_of(row) for row in rows] == ["y", "z"]
    assert (await chat.threads.get(front.thread_id)).active_at > thread.active_at
    role = await front.post(None, content("assistant", "z"), external_id="e1")
    assert (role.status_code, role.json()["message"]) == (409, "Message role cannot change")
    lost = await front.post(None, said, external_id="e3", parent_external_id="e9")
    assert (lost.status_code, lost.json()["error"]) == (400, "parent_unknown")
    assert len(await front.rows()) == 2
    await chat.threads.fork(front.thread_id, "fork")
    fork = await Front(client, "fork").post(None, content("user", "z"), external_id="e1")
    assert (fork.status_code, fork.json()) == (200, {"message_id": id})


async def test_a_rewrite_keeps_everything_but_the_content(
    client: httpx.AsyncClient, chat: Owner
) -> None:
    """Messages with answers too; where nothing has changed nothing is written."""
    front = await Front.begin(client)
    ask = await front.say(None, "user", "x")
    answer = await front.say(ask, "assistant", "y")
    before, thread = await front.rows(), await chat.threads.get(front.thread_id)
    for id, row in ((ask, before[1]), (answer, before[0])):
        same = await client.put(f"{front.path}/messages/{id}", json={"content": row["content"]})
        assert same.status_code == 200
    assert await chat.threads.get(front.thread_id) == thread
    new = content("user", "edited")
    changed = await client.put(f"{front.path}/messages/{ask}", json={"content": new})
    assert (changed.status_code, changed.json()) == (200, {})
    after = await front.rows()
    expected = {**before[1], "content": new, "updated_at": after[1]["updated_at"]}
    assert after == [before[0], expected]
    assert after[1]["updated_at"] >= before[1]["updated_at"]
    assert (await chat.threads.get(front.thread_id)).active_at == thread.active_at
    role = {"content": content("assistant", "edited")}
    refused = await client.put(f"{front.path}/messages/{ask}", json=role)
    assert (refused.status_code, refused.json()["error"]) == (409, "role_fixed")
    for path in (f"{front.path}/messages/unknown", f"/v1/threads/unknown/messages/{ask}"):
        gone = await client.put(path, json={"content": new})
        assert gone.status_code == 404
    assert len(await front.rows()) == 2


async def test_a_rewrite_of_what_was_shown_converted_stays_readable(
    client: httpx.AsyncClient, chat: Owner
) -> None:
    """The content tells in which format its reader was shown the message."""
    front = await Front.begin(client)
    shown = await front.say(None, "assistant", "x")
    six = {"role": "assistant", "parts": [{"type": "text", "text": "six"}]}
    await client.put(f"{front.path}/messages/{shown}", json={"content": six})
    assert (await chat.messages.get(front.thread_id, shown)).format == "ai-sdk/v6"
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    items: list[dict[str, Any]] = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    stored = await chat.messages.append(front.thread_id, items, dialect="openai-chat")
    paused, own = str(stored[1].id), str(stored[0].id)
    openai = {"content": {"role": "user", "content": "!"}}
    assert (await client.put(f"{front.path}/messages/{own}", json=openai)).status_code == 200
    assert (await chat.messages.get(front.thread_id, own)).format == "openai-chat"
    done = content("assistant", "approved")
    answer = await client.put(f"{front.path}/messages/{paused}", json={"content": done})
    assert answer.status_code == 200, answer.text
    assert (await chat.messages.get(front.thread_id, paused)).format == "aui/v0"
    items = [{**items[1], "tool_calls": [{**call, "id": "d"}]}]
    items.append({"role": "tool", "tool_call_id": "d", "content": "1"})
    items.append({"role": "assistant", "content": "2"})
    stored = await chat.messages.append(front.thread_id, items, dialect="openai-chat")
    [row] = [row for row in await front.rows() if row["id"] == stored[-1].id]
    refused = await client.put(f"{front.path}/messages/{row['id']}", json={"content": done})
    assert (refused.status_code, refused.json()["error"]) == (409, "format_fixed")


async def test_a_message_deleted_meanwhile_is_not_stored_anew(
    client: httpx.AsyncClient, chat: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rewrite that comes after the deletion is told that the message is unknown."""
    front = await Front.begin(client)
    id = await front.say(None, "user", "x")
    there = await chat.messages.get(front.thread_id, id)
    await chat.messages.delete(front.thread_id, id)

    async def late(*_: object, **__: object) -> Message:
        return there

    monkeypatch.setattr("threadkeep.store.messages.Messages.get", late)
    answer = await client.put(f"{front.path}/messages/{id}", json={"content": content("user", "y")})
    monkeypatch.undo()
    assert answer.status_code == 404
    assert await front.rows() == []


async def test_deleting_messages_gives_their_answers_to_what_came_before(
    client: httpx.AsyncClient,
) -> None:
    """As many as there are; 404 where there are none, and nothing of the list is lost."""
    front = await Front.begin(client)
    path: list[str] = []
    for n in range(5):
        path.append(await front.say(path[-1] if path else None, "user", str(n)))
    gone = {"message_ids": [path[1], "unknown", "", path[3], path[3]]}
    answer = await client.request("DELETE", f"{front.path}/messages", json=gone)
    assert (answer.status_code, answer.json()) == (200, {})
    rows = await front.rows()
    assert loaded(rows) == [path[0], path[2], path[4]]
    assert [row["height"] for row in rows] == [2, 1, 0]
    again = await client.request("DELETE", f"{front.path}/messages", json=gone)
    assert (again.status_code, again.json()["error"]) == (404, "not_found")
    for bad in ([], ["x"] * 201, "x", [1]):
        answer = await client.request("DELETE", f"{front.path}/messages", json={"message_ids": bad})
        assert answer.status_code == 400


async def test_a_deleted_thread_takes_no_message(client: httpx.AsyncClient) -> None:
    """It stays deleted: what a front end had under way is told so."""
    front = await Front.begin(client)
    assert (await client.delete(front.path)).json() == {}
    assert (await client.delete(front.path)).status_code == 404
    late = await front.post(None, content("user", "x"))
    assert (late.status_code, late.json()["error"]) == (404, "not_found")
    assert (await client.get(front.path)).status_code == 404


async def test_a_content_has_as_many_characters_as_the_hosted_one(
    client: httpx.AsyncClient,
) -> None:
    """1 048 576 of them, of any script; and what is too large is refused, not cut."""
    front = await Front.begin(client)
    big = content("user", "\u9577" * (1 << 20))
    assert (await front.post(None, big)).status_code == 201
    assert (await front.rows())[0]["content"] == big
    assert (await front.post(None, content("user", "x" * (4 << 20)))).status_code == 413


async def test_what_is_no_message_is_refused_and_nothing_is_stored(
    client: httpx.AsyncClient,
) -> None:
    """400 with a code and a sentence, never a defect."""
    front = await Front.begin(client)
    for body in NO_MESSAGES:
        answer = await client.post(f"{front.path}/messages", content=body, headers=JSON)
        assert answer.status_code == 400, (body, answer.text)
        assert answer.json()["error"]
        assert answer.json()["message"]
    assert await front.rows() == []


async def test_what_belongs_to_others_is_unknown(
    client: httpx.AsyncClient, store: AsyncStore
) -> None:
    """Every route answers the ids of another owner or user as it answers unknown ones. [I3]"""
    front = await Front.begin(client)
    message = await front.say(None, "user", "x")
    body = {"parent_id": None, "format": "aui/v0", "content": content("user", "y")}
    title = {"assistant_id": "system/thread_title", "messages": []}

    def calls(thread: str, id: str) -> list[tuple[str, str, Any]]:
        path = f"/v1/threads/{thread}"
        return [
            ("GET", path, None),
            ("PUT", path, {"title": "mine"}),
            ("PUT", path, {}),
            ("DELETE", path, None),
            ("GET", f"{path}/messages", None),
            ("GET", f"{path}/messages?format=ai-sdk/v6&after={id}&limit=1", None),
            ("POST", f"{path}/messages", body),
            ("POST", f"{path}/messages", {**body, "external_id": "e"}),
            ("POST", f"{path}/messages", {**body, "parent_id": id}),
            ("PUT", f"{path}/messages/{id}", {"content": body["content"]}),
            ("DELETE", f"{path}/messages", {"message_ids": [id]}),
            ("POST", f"{path}/messages/{id}/feedback", {"type": "positive"}),
            ("POST", "/v1/runs/stream", {**title, "thread_id": thread}),
        ]

    unknown = ("thread_" + "0" * 24, "msg_" + "0" * 24)
    before = (await front.thread(), await front.rows())
    for stranger in ({"Aui-Workspace-Id": "eve"}, {"Aui-User-Id": "eve"}):
        pairs = zip(calls(front.thread_id, message), calls(*unknown), strict=True)
        for (method, path, said), (_, nowhere, nothing) in pairs:
            one = await client.request(method, path, json=said, headers=stranger)
            other = await client.request(method, nowhere, json=nothing, headers=stranger)
            assert one.status_code == other.status_code, (method, path)
            assert one.status_code in (200, 404)
            swapped = one.text.replace(front.thread_id, unknown[0]).replace(message, unknown[1])
            assert swapped == other.text
        listed = await client.get("/v1/threads", headers=stranger)
        assert listed.json() == {"threads": []}
    assert (await front.thread(), await front.rows()) == before
    with pytest.raises(NotFoundError):
        await store.owner("eve").threads.get(front.thread_id)
