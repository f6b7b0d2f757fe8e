"""The twelve things that break a naive server, as the contract of assistant-cloud lists them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import httpx
from cloud_kit import Front, content, ids, loaded, text_of

from threadkeep import Message
from threadkeep.store import AsyncStore

# JavaScript's Date.prototype.toISOString.
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_times_are_what_javascript_writes(
    client: httpx.AsyncClient, store: AsyncStore
) -> None:
    """Three digits of a second and a Z, whatever the stored time was. (1)"""
    chat = store.owner("local")
    for n, time in enumerate(
        (
            datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=timezone(timedelta(hours=5, minutes=45))),
            datetime(999, 1, 1, tzinfo=UTC),
        )
    ):
        await chat.threads.create(f"t{n}", created_at=time, active_at=time)
        await chat.messages.append(f"t{n}", Message.user("x"), created_at=time)
    listed = (await client.get("/v1/threads")).json()["threads"]
    times = [
        thread[name]
        for thread in listed
        for name in ("created_at", "updated_at", "last_message_at")
    ]
    for thread in listed:
        rows = await Front(client, thread["id"]).rows()
        times += [row[name] for row in rows for name in ("created_at", "updated_at")]
    assert len(times) == 15
    assert all(_ISO.fullmatch(time) for time in times)
    assert {"2026-01-01T21:19:05.678Z", "0999-01-01T00:00:00.000Z"} <= set(times)


async def test_a_list_that_does_not_ask_for_archived_threads_has_none(
    client: httpx.AsyncClient,
) -> None:
    """Both sides together have each thread once. (2)"""
    made = [(await Front.begin(client)).thread_id for _ in range(4)]
    for thread_id in made[:2]:
        await client.put(f"/v1/threads/{thread_id}", json={"is_archived": True})
    sides = {}
    for query in ("", "?is_archived=false", "?is_archived=true"):
        found = (await client.get(f"/v1/threads{query}")).json()["threads"]
        sides[query] = ids(found)
        assert {thread["is_archived"] for thread in found} == {query.endswith("true")}
    assert sides[""] == sides["?is_archived=false"] == made[:1:-1]
    assert sides["?is_archived=true"] == made[1::-1]


async def test_messages_come_newest_first_and_the_last_one_is_seen(
    client: httpx.AsyncClient,
) -> None:
    """Reversed they have each parent before its children, and end at the visible leaf. (3)"""
    front = await Front.begin(client)
    path: list[str] = []
    for n in range(6):
        role = "assistant" if n % 2 else "user"
        path.append(await front.say(path[-1] if path else None, role, str(n)))
    rows = await front.rows()
    assert ids(rows) == path[::-1]
    assert loaded(rows) == path


async def test_the_server_gives_the_ids_and_keeps_to_them(client: httpx.AsyncClient) -> None:
    """They have a prefix and 48 characters at most, and are those of the rows from then on. (4)"""
    front = await Front.begin(client)
    made = [await front.say(None, "user", "same") for _ in range(3)]
    assert len(set(made)) == 3, "equal messages are not one"
    assert re.fullmatch(r"thread_[A-Za-z0-9]{24}", front.thread_id)
    assert all(re.fullmatch(r"msg_[A-Za-z0-9]{24}", id) for id in made)
    assert sorted(ids(await front.rows())) == sorted(made)


async def test_a_parent_that_was_never_stored_is_none(
    client: httpx.AsyncClient, store: AsyncStore
) -> None:
    """A client's local id gives a root; an id of ours that is not in the thread is refused. (5)"""
    front, other = await Front.begin(client), await Front.begin(client)
    foreign = await other.say(None, "user", "elsewhere")
    for local in ("aB3xY9z", "", "x" * 600, "nul\0", "msg"):
        made = await front.post(local, content("user", "kept"))
        assert made.status_code == 201, made.text
        [row] = [row for row in await front.rows() if row["id"] == made.json()["message_id"]]
        assert (row["parent_id"], row["height"]) == (None, 0)
    for parent in (foreign, "msg_" + "0" * 24):
        refused = await front.post(parent, content("user", "lost"))
        assert (refused.status_code, refused.json()["error"]) == (400, "parent_unknown")
    await store.owner("local").messages.append(front.thread_id, Message.user("?", id="app-1"))
    below = await front.post("app-1", content("assistant", "!"))
    assert below.status_code == 201
    [row] = [row for row in await front.rows() if row["id"] == below.json()["message_id"]]
    assert row["parent_id"] == "app-1"


async def test_every_row_says_how_high_it_stands(client: httpx.AsyncClient) -> None:
    """The root has 0, on pages that do not reach it too. (6)"""
    front = await Front.begin(client)
    parent = None
    for n in range(9):
        parent = await front.say(parent, "user", str(n))
    for limit in (1, 2, 4, 9, 200):
        assert [row["height"] for row in await front.walk(limit)] == [*range(8, -1, -1)]


async def test_all_members_are_there_and_have_their_types(client: httpx.AsyncClient) -> None:
    """Text where text must be, null where it may be, and never nothing. (7)"""
    front = await Front.begin(client)
    await front.say(None, "user", "x")
    thread = await front.thread()
    texts = ("id", "project_id", "workspace_id")
    assert all(isinstance(thread[name], str) and thread[name] for name in texts)
    assert thread["is_archived"] is False
    assert [thread[name] for name in ("title", "external_id", "metadata")] == [None] * 3
    [row] = await front.rows()
    assert isinstance(row["content"], dict)
    assert [type(row[name]) for name in ("id", "format", "height")] == [str, str, int]
    assert row["parent_id"] is None


async def test_no_answer_carries_a_token_in_its_headers(client: httpx.AsyncClient) -> None:
    """The client takes an Authorization of an answer for its next token. (8)"""
    front = await Front.begin(client)
    await front.say(None, "user", "x")
    for path in ("/v1/threads", front.path, f"{front.path}/messages", "/v1/threads/unknown"):
        answer = await client.get(path, headers={"Authorization": "Bearer opaque"})
        assert "authorization" not in answer.headers
        assert answer.headers["cache-control"] == "private, no-store"


async def test_a_title_is_plain_text_that_is_stored(client: httpx.AsyncClient) -> None:
    """The client refuses other types, and does not write the title itself. (9)"""
    front = await Front.begin(client)
    body = {
        "thread_id": front.thread_id,
        "assistant_id": "system/thread_title",
        "messages": [{"id": "x", "createdAt": "?", **content("user", "  What\nto see? ")}],
    }
    answer = await client.post("/v1/runs/stream", json=body, headers={"Accept": "text/plain"})
    assert answer.headers["content-type"].split(";")[0] == "text/plain"
    assert answer.text == "What to see?"
    assert (await front.thread())["title"] == "What to see?"


async def test_a_thread_without_a_title_has_none(client: httpx.AsyncClient) -> None:
    """Null is what makes a front end show its own words, also after messages. (10)"""
    front = await Front.begin(client, title=None)
    await front.say(None, "user", "x")
    assert (await front.thread())["title"] is None
    await client.put(front.path, json={"title": "Named"})
    assert (await front.thread())["title"] == "Named"
    await client.put(front.path, json={"title": None})
    assert (await front.thread())["title"] is None


async def test_a_browser_may_send_what_the_client_sends(client: httpx.AsyncClient) -> None:
    """Each method, with all headers of the client, from a page of another origin. (11)"""
    wanted = "authorization, content-type, aui-sdk, aui-user-id, aui-workspace-id, accept"
    for method in ("GET", "POST", "PUT", "DELETE"):
        asked = {
            "Origin": "http://localhost:5173",
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": wanted,
        }
        answer = await client.options("/v1/threads/x/messages", headers=asked)
        assert answer.status_code == 200, answer.text
        allowed = {name.strip().lower() for name in _list(answer, "headers")}
        assert set(wanted.split(", ")) <= allowed
        assert method in _list(answer, "methods")
    answer = await client.get("/v1/threads", headers={"Origin": "http://localhost:5173"})
    assert answer.headers["access-control-allow-origin"] in ("*", "http://localhost:5173")
    exposed = answer.headers["access-control-expose-headers"].lower()
    assert "authorization" in exposed


def _list(answer: httpx.Response, name: str) -> list[str]:
    return [one.strip() for one in answer.headers[f"access-control-allow-{name}"].split(",")]


async def test_contents_come_back_as_they_were_sent(client: httpx.AsyncClient) -> None:
    """Key order, NUL, numbers and space stay, so that argsText is the same after a reload. (12)"""
    front = await Front.begin(client)
    call = '{"type":"tool-call","toolCallId":"c","toolName":"t","args":{"z":1,"a":{"10":1,"9":2}}}'
    odd = r'{"type":"text","text":"\u0000 \ud800 é \u00e9","n":[-0.0,1e400,12345678901234567890]}'
    said = f'{{"role" :"assistant","content":[{call}, {odd}],"metadata":{{"custom":{{}} }},"x":1}}'
    body = f'{{"parent_id":null,"format":"aui/v0","content": {said} }}'
    made = await client.post(
        f"{front.path}/messages", content=body, headers={"Content-Type": "application/json"}
    )
    assert made.status_code == 201, made.text
    for asked in ("aui/v0", None, "x/y"):
        query = {} if asked is None else {"format": asked}
        raw = (await client.get(f"{front.path}/messages", params=query)).text
        assert f'"content":{said}' in raw
    row: dict[str, Any] = (await front.rows())[0]
    assert text_of(row) == "\0 \ud800 é é"
