"""The models of the example, and the routes that the page calls them by."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2]))

from examples.chat.models import Endpoint, Event, Model, Said, Scripted, chosen
from examples.chat.page import POLICY, add_page

ASKED = [Said(role="user", text="Hello")]


async def events(model: Model, *questions: str) -> list[list[Event]]:
    """The answers to these questions, one after the other."""
    return [
        [event async for event in model.answer([Said(role="user", text=text)])]
        for text in questions
    ]


def text_of(answer: Sequence[Event], kind: str = "text") -> str:
    return "".join(event["text"] for event in answer if event["type"] == kind)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_the_script_answers_the_same_questions_the_same_way(questions: list[str]) -> None:
    """Two scripts that are asked the same in the same order say the same, and end each answer."""

    async def twice() -> list[list[list[Event]]]:
        return [await events(Scripted(pace=0), *questions) for _ in range(2)]

    first, second = asyncio.run(twice())
    assert first == second
    assert all(answer[-1]["type"] == "end" for answer in first)


async def test_another_answer_differs_from_the_first() -> None:
    """Who asks again gets other words, so that the versions can be told apart."""
    first, second = await events(Scripted(pace=0), "Hello", "Hello")
    assert text_of(first) != text_of(second)
    assert all("Hello" in text_of(answer) for answer in (first, second))


async def test_a_question_about_weather_is_looked_up() -> None:
    """The call and its result come before the text, with members in no sorted order."""
    [answer] = await events(Scripted(pace=0), "Is the weather good in New York?")
    call, result = (event for event in answer if event["type"].startswith("tool_"))
    assert call["arguments"] == '{"unit":"celsius","city":"New York","days":2}'
    assert result["id"] == call["id"]
    assert "New York" in text_of(answer)


def endpoint(status: int, *lines: str) -> tuple[Endpoint, list[httpx.Request]]:
    """An endpoint that streams these lines, and what it was asked."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, text="".join(f"{line}\n\n" for line in lines))

    transport = httpx.MockTransport(answer)
    return Endpoint("some-model", "http://model.test/v1", "secret-key", transport), seen


def chunk(**delta: str) -> str:
    return "data: " + json.dumps({"choices": [{"delta": delta}]})


async def test_an_endpoint_is_asked_and_streamed() -> None:
    """What an OpenAI-compatible endpoint streams becomes reasoning, text and usage."""
    used = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5}}
    model, seen = endpoint(
        200,
        ": a comment",
        chunk(reasoning_content="Hm."),
        chunk(content="Good "),
        chunk(content="day."),
        "data: " + json.dumps(used),
        "data: [DONE]",
    )
    said = [Said(role="user", text="Hello", files=["a.txt"])]
    answer = [event async for event in model.answer(said)]
    assert text_of(answer, "reasoning") == "Hm."
    assert text_of(answer) == "Good day."
    assert answer[-1]["usage"] == {"inputTokens": 3, "outputTokens": 5}
    [request] = seen
    assert request.url == "http://model.test/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer secret-key"
    assert json.loads(request.content)["messages"] == [
        {"role": "user", "content": "Hello\n[attached: a.txt]"}
    ]


@pytest.mark.parametrize(("status", "line"), [(401, "wrong: secret-key"), (200, "data: {broken")])
async def test_an_endpoint_that_fails_is_told_without_its_words(status: int, line: str) -> None:
    """A refusal, or an answer that cannot be read, is one error that quotes nothing."""
    model, _ = endpoint(status, line)
    [told] = [event async for event in model.answer(ASKED)]
    assert told["type"] == "error"
    assert "secret" not in told["message"]
    assert "broken" not in told["message"]


def test_the_environment_chooses_the_model() -> None:
    """Without a key and an address it is the script; each of them alone chooses an endpoint."""
    assert isinstance(chosen({}), Scripted)
    local = chosen({"OPENAI_BASE_URL": "http://localhost:1/v1/", "OPENAI_MODEL": "m"})
    assert local == Endpoint("m", "http://localhost:1/v1", "")
    hosted = chosen({"OPENAI_API_KEY": "k"})
    assert isinstance(hosted, Endpoint)
    assert "'k'" not in repr(hosted)


# --- the routes ---------------------------------------------------------------------------------


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A page as Vite leaves it."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>page</title>")
    (tmp_path / "assets" / "index.js").write_text("1")
    return tmp_path


def client(model: Model, built: Path) -> httpx.AsyncClient:
    app = FastAPI()
    add_page(app, model, built=built)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:8000")


async def test_the_page_comes_with_its_policy(built: Path, tmp_path: Path) -> None:
    """The page allows scripts of its own only; one that is not built says how it is."""
    async with client(Scripted(), built) as http:
        page = await http.get("/")
        assert page.headers["content-security-policy"] == POLICY
        assert "'unsafe" not in POLICY
        assert (await http.get("/assets/index.js")).status_code == 200
    async with client(Scripted(), tmp_path / "absent") as http:
        unbuilt = await http.get("/")
        assert unbuilt.status_code == 503
        assert "make chat" in unbuilt.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost:8000", "Content-Type": "application/json"}, 200),
        ({"Origin": "http://evil.test", "Content-Type": "application/json"}, 403),
        ({"Content-Type": "text/plain"}, 422),
    ],
)
async def test_only_the_page_itself_may_ask(
    built: Path, headers: dict[str, str], status: int
) -> None:
    """Another site's page reaches no model: not by its origin, not by a type without preflight."""
    async with client(Scripted(pace=0), built) as http:
        body = json.dumps({"messages": [{"role": "user", "text": "Hello"}]})
        answer = await http.post("/model", content=body, headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert json.loads(answer.text.splitlines()[-1])["type"] == "end"


class Endless:
    """A model that never comes to an end, and says when it was ended."""

    name = "endless"
    ended = False

    async def answer(self, messages: Sequence[Said]) -> AsyncGenerator[Event]:
        try:
            while True:
                await asyncio.sleep(0.001)
                yield {"type": "text", "text": "on "}
        finally:
            self.ended = True


async def test_who_stops_an_answer_stops_the_model(built: Path) -> None:
    """A page that goes away in the middle of an answer ends the model's work."""
    model, app, gone = Endless(), FastAPI(), asyncio.Event()
    add_page(app, model, built=built)
    body = json.dumps({"messages": [{"role": "user", "text": "Hello"}]}).encode()
    asked = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        message = next(asked, None)
        if message is None:
            await gone.wait()
            return {"type": "http.disconnect"}
        return message

    async def send(message: Any) -> None:
        if message.get("body"):
            gone.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/model",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    await asyncio.wait_for(app(scope, receive, send), 10)
    assert model.ended
