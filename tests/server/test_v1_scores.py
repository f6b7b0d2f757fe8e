"""Scores over /v1: judgements of threads, messages and runs."""

from __future__ import annotations

from typing import Any

import httpx
from cloud_kit import Front
from fastapi import FastAPI
from rest_kit import calling

from threadkeep.store import AsyncStore


async def score(client: httpx.AsyncClient, **said: Any) -> httpx.Response:
    """The answer to a score called `helpful` of the type `numeric`, unless it is said."""
    return await client.post("/v1/scores", json={"name": "helpful", "data_type": "numeric"} | said)


async def test_each_type_has_its_value(app: FastAPI, store: AsyncStore) -> None:
    """A number, a boolean as 1 or 0, a category: kept, and told as the client reads them."""
    async with calling(app, user="ann") as client:
        front = await Front.begin(client)
        about = {"thread_id": front.thread_id, "message_id": "msg_1", "run_id": "run_1"}
        for said, value, text in (
            ({"value": 0.5} | about, 0.5, None),
            ({"value": 2}, 2, None),
            ({"data_type": "boolean", "value": True}, 1, None),
            ({"data_type": "boolean", "value": 0}, 0, None),
            ({"data_type": "categorical", "string_value": "good", "comment": "yes"}, None, "good"),
        ):
            answer = await score(client, **said)
            assert answer.status_code == 201, answer.text
            told = answer.json()
            assert told.pop("score_id").startswith("score_")
            assert told == {
                "name": "helpful",
                "data_type": said.get("data_type", "numeric"),
                "value": value,
                "string_value": text,
            }
    stored = [one async for one in store.owner("ada", "ann").scores.list(order="asc")]
    assert [(one.value, one.text_value, one.comment) for one in stored] == [
        (0.5, None, None),
        (2, None, None),
        (1, None, None),
        (0, None, None),
        (None, "good", "yes"),
    ]
    first = stored[0]
    assert (first.thread_id, first.message_id, first.run) == (front.thread_id, "msg_1", "run_1")


async def test_a_value_that_does_not_go_with_its_type_is_refused(app: FastAPI) -> None:
    """400 names the member by the name that was sent."""
    async with calling(app) as client:
        for said, field in (
            ({}, "value"),
            ({"value": True}, "value"),
            ({"value": "1"}, "value.bool"),
            ({"value": 1, "string_value": "x"}, "string_value"),
            ({"data_type": "boolean"}, "value"),
            ({"data_type": "boolean", "value": 2}, "value"),
            ({"data_type": "categorical", "value": 1}, "string_value"),
            ({"data_type": "categorical", "string_value": "x", "value": 1}, "value"),
            ({"data_type": "categorical", "string_value": "\u20ac" * 400}, "string_value"),
            ({"data_type": "text", "string_value": "x"}, "data_type"),
            ({"name": "", "value": 1}, "name"),
            ({"value": 1, "message_id": "\0"}, "message_id"),
            ({"value": 1, "comment": "\0"}, "comment"),
        ):
            answer = await score(client, **said)
            assert (answer.status_code, answer.json()["field"]) == (400, field), said
        raw = b'{"name":"a","data_type":"numeric","value":1e999}'
        headers = {"Content-Type": "application/json"}
        answer = await client.post("/v1/scores", content=raw, headers=headers)
        assert answer.status_code == 400


async def test_a_score_of_a_foreign_thread_is_refused(app: FastAPI) -> None:
    """Foreign and unknown threads answer alike."""
    async with calling(app, user="ann") as ann, calling(app, user="bob") as bob:
        front = await Front.begin(ann)
        answers = [
            await score(bob, value=1, thread_id=thread_id)
            for thread_id in (front.thread_id, "thread_unknown")
        ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
