"""ChatKit's real server on ChatKitStore, behind uvicorn, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from chatkit_app import Client, Scripted, app_of, events_in, said, served, thread_in

from threadkeep import AsyncStore
from threadkeep.adapters.chatkit import ChatKitAttachmentStore, ChatKitStore
from threadkeep.adapters.files import FileBytes


@dataclass
class World:
    """A running app, and two users of it."""

    server: Scripted
    chatkit: ChatKitStore[Any]
    url: str
    ann: Client
    bob: Client

    async def stored(self, thread_id: str) -> list[str]:
        """The kinds of all items of a thread of Ann's, hidden ones too."""
        page = await self.chatkit.load_thread_items(thread_id, None, 100, "asc", {"user_id": "ann"})
        return [item.type for item in page.data]


@pytest.fixture
async def world(store: AsyncStore, tmp_path: Path) -> AsyncIterator[World]:
    chatkit = ChatKitStore[Any](store)
    address = ["http://example.org"]
    attachments = ChatKitAttachmentStore[Any](
        FileBytes(tmp_path),
        chatkit,
        upload_url=lambda id, token: f"{address[0]}/up/{id}?token={token}",
        preview_url=lambda id, token: f"{address[0]}/see/{id}?token={token}",
        secret=b"0123456789abcdef",
    )
    server = Scripted(chatkit, attachments)
    async with served(app_of(server, attachments)) as url:
        address[0] = url
        ann, bob = Client(url, "ann"), Client(url, "bob")
        async with ann.http, bob.http:
            yield World(server, chatkit, url, ann, bob)


async def test_a_thread_is_made_and_answered(world: World) -> None:
    """Create, stream, read back, title, list, rename and delete. [G3 D8]"""
    events = await world.ann.say("title")
    kinds = [event["type"] for event in events]
    assert kinds[0] == "thread.created"
    assert kinds.count("thread.item.done") == 2
    assert "thread.updated" in kinds
    id = thread_in(events)
    await world.ann.say("hidden", id)
    items = await world.ann.items(id)
    assert [item["type"] for item in items] == ["user_message", "assistant_message"] * 2
    assert items[1]["content"][0]["text"] == "You said title"
    assert (await world.stored(id)).count("hidden_context_item") == 1
    full = await world.ann.get("threads.get_by_id", thread_id=id)
    assert (full["title"], full["items"]["data"]) == ("Lisbon", items)
    assert full["metadata"] == {}
    renamed = await world.ann.get("threads.update", thread_id=id, title="Porto")
    assert renamed["title"] == "Porto"
    others = [thread_in(await world.ann.say("more")) for _ in range(2)]
    page = await world.ann.get("threads.list", limit=2)
    assert [one["id"] for one in page["data"]] == others[::-1]
    assert (page["has_more"], page["after"]) == (True, others[0])
    page = await world.ann.get("threads.list", limit=2, after=page["after"])
    assert [(one["id"], one["title"]) for one in page["data"]] == [(id, "Porto")]
    assert await world.ann.get("threads.delete", thread_id=id) == {}
    assert (await world.ann.ask("threads.get_by_id", thread_id=id)).status_code == 404
    assert await world.ann.items(id) == []


async def test_a_stream_that_is_cancelled_keeps_what_was_said(world: World) -> None:
    """A client leaves: its partial answer and the hidden item are stored. [seed 003 defect 18]"""
    id = thread_in(await world.ann.say("hello"))
    params = {"thread_id": id, **said("wait")}
    request = {"type": "threads.add_user_message", "params": params}
    async with world.ann.http.stream("POST", "/chatkit", json=request) as response:
        async for line in response.aiter_lines():
            if " answer" in line:
                break
        await world.server.waiting.wait()
    with anyio.fail_after(10):
        while len(await world.stored(id)) < 5:  # noqa: ASYNC110  the stream ends by itself
            await asyncio.sleep(0.02)
    assert await world.stored(id) == [
        "user_message",
        "assistant_message",
        "user_message",
        "assistant_message",
        "sdk_hidden_context",
    ]
    items = await world.ann.items(id)
    assert [item["type"] for item in items[2:]] == ["user_message", "assistant_message"]
    assert items[3]["content"][0]["text"] == "Half an answer"
    events = await world.ann.say("go on", id)
    assert events[-1]["type"] == "thread.item.done"


async def test_a_client_tool_is_called_and_answered(world: World) -> None:
    """The pending call is completed in its place, and the answer follows it. [G3]"""
    events = await world.ann.say("tool")
    id, call = thread_in(events), events[-1]["item"]
    assert (call["status"], call["arguments"]) == ("pending", {"city": "Lisbon"})
    output = {"found": [1, None, 2.5]}
    await world.ann.events("threads.add_client_tool_output", thread_id=id, result=output)
    items = await world.ann.items(id)
    assert [item["type"] for item in items] == [
        "user_message",
        "client_tool_call",
        "assistant_message",
    ]
    assert (items[1]["id"], items[1]["status"]) == (call["id"], "completed")
    stored = await world.chatkit.load_item(id, call["id"], {"user_id": "ann"})
    assert stored.output == output  # type: ignore[union-attr]


async def test_a_widget_takes_actions(world: World) -> None:
    """A custom action replaces the widget in its place; a sync action answers with it. [G3]"""
    events = await world.ann.say("widget")
    id, item = thread_in(events), events[-1]["item"]
    assert item["widget"]["future"] == 1
    action = {"type": "pick", "payload": {"n": 1}}
    target = {"thread_id": id, "item_id": item["id"], "action": action}
    events = await world.ann.events("threads.custom_action", **target)
    assert "thread.item.replaced" in [event["type"] for event in events]
    items = await world.ann.items(id)
    assert [one["type"] for one in items] == ["user_message", "widget", "assistant_message"]
    assert items[1]["widget"] == {**item["widget"], "payload": {"n": 1}}
    answer = await world.ann.get("threads.sync_custom_action", **target)
    assert answer["updated_item"] == items[1]


async def test_an_attachment_in_two_phases(world: World) -> None:
    """Announced, uploaded, used in a message, shown and deleted. [G12 C16]"""
    described = {"name": "b.png", "size": 4, "mime_type": "image/png"}
    announced = await world.ann.get("attachments.create", **described)
    assert "metadata" not in announced
    upload = announced["upload_descriptor"]
    refused = await world.bob.http.put(upload["url"] + "x", content=b"\x89PNG")
    assert refused.status_code == 403
    for _ in range(2):  # a retry is safe
        sent = await world.ann.http.request(
            upload["method"], upload["url"], content=b"\x89PNG", headers=upload.get("headers")
        )
        assert sent.status_code == 204
    events = await world.ann.say("see", attachments=(announced["id"],))
    id = thread_in(events)
    items = await world.ann.items(id)
    [used] = items[0]["attachments"]
    assert (used["thread_id"], used.get("upload_descriptor")) == (id, None)
    assert items[1]["content"][0]["text"] == "You said see b.png"
    shown = await world.ann.http.get(used["preview_url"])
    assert (shown.content, shown.headers["content-type"]) == (b"\x89PNG", "image/png")
    again = await world.ann.http.put(upload["url"], content=b"\x89PNG")
    assert again.status_code == 409
    assert await world.bob.get("attachments.delete", attachment_id=announced["id"]) == {}
    assert (await world.ann.http.get(used["preview_url"])).status_code == 200
    for _ in range(2):
        assert await world.ann.get("attachments.delete", attachment_id=announced["id"]) == {}
    assert (await world.ann.http.get(used["preview_url"])).status_code == 404


async def test_retry_after_an_item(world: World) -> None:
    """All after the user's message goes, and the answer is new; others stay. [C7]"""
    id = thread_in(await world.ann.say("one"))
    await world.ann.say("two", id)
    await world.ann.say("three", id)
    before = await world.ann.items(id)
    question = before[2]["id"]
    await world.ann.events("threads.retry_after_item", thread_id=id, item_id=question)
    after = await world.ann.items(id)
    assert after[:3] == before[:3]
    assert len(after) == 4
    assert after[3]["id"] != before[3]["id"]
    assert after[3]["content"] == before[3]["content"]


async def test_two_users_never_see_each_other(world: World) -> None:
    """No request of one user shows, changes or deletes anything of another's. [I1 I3]"""
    id = thread_in(await world.ann.say("widget"))
    await world.bob.say("hello")
    items = await world.ann.items(id)
    assert await world.bob.items(id) == []
    assert id not in str(await world.bob.get("threads.list"))
    assert (await world.bob.ask("threads.get_by_id", thread_id=id)).status_code == 404
    assert (await world.bob.ask("threads.update", thread_id=id, title="x")).status_code == 404
    assert (await world.bob.ask("threads.delete", thread_id=id)).status_code == 200
    action = {"thread_id": id, "item_id": items[1]["id"], "action": {"type": "x", "payload": 1}}
    assert (await world.bob.ask("threads.sync_custom_action", **action)).status_code == 404
    feedback = {"thread_id": id, "item_ids": [items[1]["id"]], "kind": "negative"}
    assert (await world.bob.ask("items.feedback", **feedback)).status_code == 404
    for kind, params in (
        ("threads.add_user_message", {"thread_id": id, **said("x")}),
        ("threads.retry_after_item", {"thread_id": id, "item_id": items[0]["id"]}),
        ("threads.custom_action", action),
        ("threads.add_client_tool_output", {"thread_id": id, "result": 1}),
    ):
        with pytest.raises(Exception, match=r"peer closed|disconnected|incomplete"):
            await world.bob.ask(kind, **params)
    assert await world.ann.items(id) == items
    assert (await world.ann.get("threads.get_by_id", thread_id=id))["id"] == id


async def test_a_request_without_a_user_is_refused(world: World) -> None:
    """Nobody is let in as anonymous. [I4 seed 003 defect 12]"""
    nobody = Client(world.url, None)
    async with nobody.http:
        assert (await nobody.ask("threads.list")).status_code == 401
    feedback = {"thread_id": "x", "item_ids": ["y"], "kind": "positive"}
    assert (await world.ann.ask("items.feedback", **feedback)).status_code == 404


async def test_a_turn_that_fails_keeps_the_question(world: World) -> None:
    """An error of the model is one event, and what was said before it is stored. [K2]"""
    events = await world.ann.say("break")
    assert events[-1]["type"] == "error"
    items = await world.ann.items(thread_in(events))
    assert [item["type"] for item in items] == ["user_message"]
    assert events_in("") == []
