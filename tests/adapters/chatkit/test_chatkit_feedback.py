"""Feedback that ChatKit's server is told and keeps nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import chatkit_kit as kit
import pytest
from chatkit.server import ChatKitServer
from chatkit.types import ThreadStreamEvent

from threadkeep import AsyncStore
from threadkeep.adapters.chatkit import ChatKitStore, NotFoundError, RecordsFeedback


class Server(RecordsFeedback, ChatKitServer[Any]):
    """A server that has nothing to say."""

    async def respond(self, *_: Any) -> AsyncIterator[ThreadStreamEvent]:
        return
        yield


async def test_feedback_is_recorded(store: AsyncStore) -> None:
    """One word of each user on each item, the latest one. [H4]"""
    chatkit = ChatKitStore[Any](store)
    server = Server(chatkit)
    await chatkit.save_thread(kit.thread(), kit.ANN)
    for item in (kit.asked(), kit.said()):
        await chatkit.add_thread_item("thr_1", item, kit.ANN)

    async def feedback(kind: str, *ids: str) -> None:
        params = {"thread_id": "thr_1", "item_ids": ids, "kind": kind}
        request = {"type": "items.feedback", "params": params}
        await server.process(_json(request), kit.ANN)

    await feedback("positive", "msg_1", "msg_2")
    await feedback("negative", "msg_2")
    rows = (await chatkit.chat(kit.ANN).feedback.list("thr_1")).items
    assert [(row.message_id, row.user_id, row.kind) for row in rows] == [
        ("msg_1", "ann", "positive"),
        ("msg_2", "ann", "negative"),
    ]
    with pytest.raises(NotFoundError, match="Item msg_9 not found"):
        await feedback("positive", "msg_9")


def _json(value: object) -> bytes:
    import json

    return json.dumps(value).encode()
