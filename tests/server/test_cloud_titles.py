"""Titles: made of what was said, told piece by piece, stored before the last one."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import httpx
import pytest
from cloud_kit import Front, content

from threadkeep import Message
from threadkeep.server import create_app
from threadkeep.server.titling import LONGEST, MakeTitle, first_words, read_messages, streamed
from threadkeep.store import AsyncStore, Owner

_PART = {"type": "file", "filename": "p.pdf", "data": "", "mimeType": "x/y"}
FILE: Final = {"role": "user", "content": [_PART]}


@pytest.fixture
def chat(store: AsyncStore) -> Owner:
    """The owner that the client calls as."""
    return store.owner("local")


async def _ask(client: httpx.AsyncClient, thread_id: str, messages: Any = ()) -> str:
    body = {"thread_id": thread_id, "assistant_id": "system/thread_title", "messages": messages}
    answer = await client.post("/v1/runs/stream", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text


@pytest.mark.parametrize(
    ("messages", "title"),
    [
        ([content("user", " \n "), content("user", "b\tc")], "b c"),
        ([content("assistant", "hello"), content("user", "asked")], "asked"),
        ([content("assistant", "hello there")], "hello there"),
        ([{"role": "user", "content": "plain text"}], "plain text"),
        ([{"role": "user", "parts": [{"type": "text", "text": "of the AI SDK"}]}], "of the AI SDK"),
        ([content("user", "one two three four five six seven eight nine")], "one two three "),
        ([content("user", "長" * 100)], "長" * 60),
        ([content("user", "a\0b\ud800c")], "abc"),
        ([FILE], "p.pdf"),
        ([7, None, {}, {"role": 1}, content("user", "kept")], "kept"),
        ([content("user", "")], ""),
        ([], ""),
    ],
)
def test_the_first_words_are_a_title(messages: Sequence[Any], title: str) -> None:
    """The user's before others', short, in any shape; what cannot be read is passed over."""
    made = first_words(read_messages(messages))
    assert made.startswith(title)
    assert bool(made) == bool(title)
    assert len(made) <= 60


async def test_a_thread_keeps_the_title_that_it_has(client: httpx.AsyncClient) -> None:
    """It is told as it is stored; a cleared one is made anew."""
    front = await Front.begin(client, title="Mine")
    assert await _ask(client, front.thread_id, [content("user", "other")]) == "Mine"
    for cleared in (None, ""):
        await client.put(front.path, json={"title": cleared})
        assert await _ask(client, front.thread_id, [content("user", "other")]) == "other"
        assert (await front.thread())["title"] == "other"


async def test_what_is_stored_is_titled_where_nothing_is_sent_along(
    client: httpx.AsyncClient, chat: Owner
) -> None:
    """Of any format; and where there are no words the answer is not empty, and nothing is kept."""
    front = await Front.begin(client)
    assert await _ask(client, front.thread_id) == "Untitled"
    assert (await front.thread())["title"] is None
    unknown = Message("user", "[]", "somebody/v1")
    await chat.messages.append(front.thread_id, [unknown, Message.user("What to see?")])
    assert await _ask(client, front.thread_id) == "What to see?"
    assert (await front.thread())["title"] == "What to see?"


async def test_another_assistant_is_refused(client: httpx.AsyncClient) -> None:
    """There is only the one that makes titles."""
    front = await Front.begin(client)
    body = {"thread_id": front.thread_id, "assistant_id": "mine", "messages": []}
    answer = await client.post("/v1/runs/stream", json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid")


async def test_an_app_makes_its_own_titles(store: AsyncStore) -> None:
    """As text, later, or piece by piece; told and stored the same."""

    def at_once(messages: Sequence[Message]) -> str:
        return f"Of {messages[0].text}"

    async def later(messages: Sequence[Message]) -> str:
        return at_once(messages)

    async def in_pieces(messages: Sequence[Message]) -> AsyncIterator[str]:
        for piece in ("Of", " ", "", messages[0].text):
            yield piece

    makers: tuple[MakeTitle, ...] = (at_once, later, in_pieces)
    for make in makers:
        app = create_app(store, title=make)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            front = await Front.begin(client)
            assert await _ask(client, front.thread_id, [content("user", "x")]) == "Of x"
            assert (await front.thread())["title"] == "Of x"


async def test_a_title_is_stored_before_its_last_piece_is_heard(chat: Owner) -> None:
    """And pieces are heard as they come."""
    heard: list[str] = []

    async def make(_: Sequence[Message]) -> AsyncIterator[str]:
        for piece in ("A", " title", "  of pieces"):
            yield piece
            assert len(heard) <= 3

    thread = await chat.threads.create()
    async for piece in streamed(chat, thread.id, make, []):
        heard.append(piece)
        stored = (await chat.threads.get(thread.id)).title
        assert stored == (None if len(heard) < 3 else "A title of pieces")
    assert heard == ["A", " title", "  of pieces"]


async def test_a_maker_that_fails_is_stood_in_for(
    chat: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    """By the first words, or by what it has said; the log tells its error's type only."""

    def fails(_: Sequence[Message]) -> str:
        raise RuntimeError("SECRET")

    async def breaks_off(_: Sequence[Message]) -> AsyncIterator[str]:
        yield "Begun"
        raise RuntimeError("SECRET")

    def nothing(_: Sequence[Message]) -> str:
        return " "

    def odd(_: Sequence[Message]) -> Any:
        return None

    said = [Message.user("Asked")]
    for make, title in (
        (fails, "Asked"),
        (breaks_off, "Begun"),
        (nothing, "Asked"),
        (odd, "Asked"),
    ):
        thread = await chat.threads.create()
        with caplog.at_level(logging.INFO):
            heard = [piece async for piece in streamed(chat, thread.id, make, said)]
        assert "".join(heard).strip() == title
        assert (await chat.threads.get(thread.id)).title == title
    assert caplog.text.count("title_failed") == 3
    assert "SECRET" not in caplog.text


async def test_a_title_that_somebody_gives_meanwhile_stays(chat: Owner) -> None:
    """It is told instead of the one that was made; and no title is longer than it may be."""
    thread = await chat.threads.create()

    async def make(_: Sequence[Message]) -> str:
        await chat.threads.update(thread.id, title="By hand")
        return "Made"

    assert [piece async for piece in streamed(chat, thread.id, make, [])] == ["By hand"]

    async def endless(_: Sequence[Message]) -> AsyncIterator[str]:
        while True:
            yield "long\0 "

    thread = await chat.threads.create()
    heard = "".join([piece async for piece in streamed(chat, thread.id, endless, [])])
    title = (await chat.threads.get(thread.id)).title or ""
    assert heard.strip().startswith(title)
    assert len(heard) <= 2 * LONGEST
    assert LONGEST - 5 <= len(title) <= LONGEST
