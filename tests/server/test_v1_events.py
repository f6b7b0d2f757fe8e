"""Events over /v1: what people did, and the branch that they have seen last."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cloud_kit import Front, loaded
from fastapi import FastAPI
from rest_kit import calling

from threadkeep.server import create_app
from threadkeep.server.cloud import branches
from threadkeep.server.limits import Limits, Rate
from threadkeep.store import AsyncStore


async def track(client: httpx.AsyncClient, *events: dict[str, Any]) -> int:
    """How many of a batch are stored."""
    answer = await client.post("/v1/events", json={"events": events})
    assert answer.status_code == 202, answer.text
    accepted: int = answer.json()["accepted"]
    return accepted


class Picker:
    """The branches of a thread, and the switches that the client reports: what was left."""

    def __init__(self, front: Front) -> None:
        self.front = front

    def left(self, message_id: str, kind: str = "branch_switched") -> dict[str, Any]:
        """The event of a switch from this message to the one beside it."""
        return {"kind": kind, "thread_id": self.front.thread_id, "message_id": message_id}

    async def leave(self, *message_ids: str) -> list[str]:
        """Report such switches in one batch; what is shown after the next load."""
        await track(self.front.client, *map(self.left, message_ids))
        return loaded(await self.front.rows())


async def test_the_branch_that_was_switched_to_comes_back(app: FastAPI) -> None:
    """The client names the branch that was left; the other one is shown, to its newest leaf."""
    async with calling(app) as client:
        front = await Front.begin(client)
        q = await front.say(None, "user", "q")
        a1 = await front.say(q, "assistant", "a1")
        u = await front.say(a1, "user", "u")
        below = await front.say(u, "assistant", "below a1")
        a2 = await front.say(q, "assistant", "a2")
        picker = Picker(front)
        assert loaded(await front.rows()) == [q, a2]
        assert await picker.leave(a2) == [q, a1, u, below]
        thread = await client.get(f"/threads/{front.thread_id}")
        # It is shown already: nothing is written.
        assert await picker.leave(a2) == [q, a1, u, below]
        assert (await client.get(f"/threads/{front.thread_id}")).json() == thread.json()
        assert await picker.leave(a1) == [q, a2]
        assert await picker.leave(a2, a1, a2) == [q, a1, u, below]
        # Nothing stands beside these, or they are unknown.
        assert await picker.leave(u, below, "msg_unknown") == [q, a1, u, below]
        # What is written after a switch is shown anyway.
        a3 = await front.say(q, "assistant", "a3")
        await track(client, picker.left(a1), picker.left(a1, "message_regenerated"))
        assert loaded(await front.rows()) == [q, a3]
        events = (await client.get("/threads")).json()["threads"][0]
        assert events["head"] == a3


async def test_among_many_branches_the_way_that_was_gone_goes_on(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the middle nobody tells which way: on in the same direction, as the client has them."""
    monkeypatch.setattr(branches, "SOON", timedelta(seconds=0.5))
    async with calling(app) as client:
        front = await Front.begin(client)
        a, b, c, d = [await front.say(None, "user", text) for text in "abcd"]
        picker = Picker(front)
        assert await picker.leave(d) == [c]
        assert await picker.leave(c) == [b]
        assert await picker.leave(b, a) == [b]
        assert await picker.leave(b) == [c]
        # After a load the one that was shown comes last: a, b, d, c.
        await asyncio.sleep(0.6)
        assert await picker.leave(c) == [d]
        assert await picker.leave(d) == [b]
        assert await picker.leave(b, a) == [b]
        # It keeps its place where something is below it.
        await asyncio.sleep(0.6)
        below = await front.say(b, "assistant", "below b")
        assert await picker.leave(b) == [a]
        assert await picker.leave(a) == [b, below]
        assert await picker.leave(b) == [c]


async def test_events_are_stored_and_foreign_threads_left_out(
    app: FastAPI, store: AsyncStore
) -> None:
    """What is about a thread of others is dropped like what is about none, and moves no head."""
    async with calling(app, user="ann") as ann, calling(app, user="bob") as bob:
        front = await Front.begin(ann)
        q1 = await front.say(None, "user", "1")
        q2 = await front.say(None, "user", "2")
        props = {"chars": 5, "type": "image/png", "big": True, "ratio": 0.5}
        mine = {"kind": "message_sent", "thread_id": front.thread_id, "value": 12, "props": props}
        loose = {"kind": "suggestion_clicked", "run_id": "run_1", "new": {"x": 1}}
        assert await track(ann, mine, loose, mine | {"thread_id": "thread_unknown"}) == 2
        assert await track(bob, mine, Picker(front).left(q2), loose) == 1
        assert loaded(await front.rows()) == [q2]
        assert await track(bob, Picker(front).left(q1)) == 0
    chat = store.owner("ada")
    stored = [event async for event in chat.events.list(order="asc")]
    assert [(one.kind, one.user_id, one.run) for one in stored] == [
        ("message_sent", "ann", None),
        ("suggestion_clicked", "ann", "run_1"),
        ("suggestion_clicked", "bob", "run_1"),
    ]
    assert (stored[0].value, stored[0].props) == (12, props)


async def test_batches_have_bounds(app: FastAPI) -> None:
    """1 to 50 events of a known form; a bad one refuses its batch, and nothing of it is stored."""
    good = {"kind": "message_copied"}
    async with calling(app) as client:
        assert await track(client, *[good] * 50) == 50
        for bad in (
            [],
            [good] * 51,
            [good, {"kind": ""}],
            [good, {"kind": "x" * 65}],
            [good, {"kind": "a\0"}],
            [good, good | {"value": -1}],
            [good, good | {"value": 1.5}],
            [good, good | {"value": True}],
            [good, good | {"value": 2**63}],
            [good, good | {"thread_id": ""}],
            [good, good | {"thread_id": "x" * 513}],
            [good, good | {"message_id": "\0"}],
            [good, good | {"props": {"a": {"b": 1}}}],
            [good, good | {"props": {"a": "x" * 1024}}],
            [good, good | {"props": {"a": "\0"}}],
            [good, "x"],
            "x",
        ):
            answer = await client.post("/v1/events", json={"events": bad})
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid"), bad
        for odd in (
            b'{"events":[{"kind":"a","props":{"x":1e999}}]}',
            b'{"events":[{"kind":"\\ud800"}]}',
        ):
            headers = {"Content-Type": "application/json"}
            answer = await client.post("/v1/events", content=odd, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid")
        # sendBeacon with text would come without being asked by the browser first.
        answer = await client.post(
            "/v1/events", content="x", headers={"Content-Type": "text/plain"}
        )
        assert answer.status_code == 415


async def test_events_have_a_rate_of_their_own(store: AsyncStore) -> None:
    """Too many batches are refused, with the time after which they are not."""
    app = create_app(store, limits=Limits(rates={"events": Rate(1, 60)}))
    async with calling(app) as client:
        await track(client, {"kind": "message_copied"})
        answer = await client.post("/v1/events", json={"events": [{"kind": "message_copied"}]})
        assert (answer.status_code, answer.json()["error"]) == (429, "rate_limited")
        assert int(answer.headers["retry-after"]) > 0
        assert (await client.get("/v1/threads")).status_code == 200
