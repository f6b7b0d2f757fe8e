"""Which messages /v1 lists, in what order and format, and what the genuine client makes of them."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator
from typing import Any, Final

import httpx
import orjson
import pytest
from cloud_kit import Front, content, genuine, ids, loaded
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep import Feedback, Message
from threadkeep.adapters.assistant_ui import ThreadHistory
from threadkeep.server.cloud.wire import with_feedback
from threadkeep.store import AsyncStore, Owner
from threadkeep.values import jsontext

V5_ITEM: Final = {"role": "user", "parts": [{"type": "text", "text": "five"}]}
V6_ITEM: Final = {"role": "user", "parts": [{"type": "text", "text": "six"}]}


@pytest.fixture
def chat(store: AsyncStore) -> Owner:
    """The owner that the client calls as."""
    return store.owner("local")


async def test_the_branch_last_seen_comes_back(client: httpx.AsyncClient, chat: Owner) -> None:
    """After an edit, an answer anew and a switch of branch the genuine client shows that branch."""
    front = await Front.begin(client)
    u1 = await front.say(None, "user", "one")
    a1 = await front.say(u1, "assistant", "first")
    u2 = await front.say(a1, "user", "two")
    a2 = await front.say(u2, "assistant", "second")
    seen = [(await front.rows(), [u1, a1, u2, a2])]
    e1 = await front.say(None, "user", "edited one")
    seen.append((await front.rows(), [e1]))
    b1 = await front.say(e1, "assistant", "answer")
    b2 = await front.say(e1, "assistant", "answer")
    seen.append((await front.rows(), [e1, b2]))
    for head, path in ((b1, [e1, b1]), (u2, [u1, a1, u2, a2]), (a1, [u1, a1, u2, a2])):
        await chat.threads.set_head(front.thread_id, head)
        seen.append((await front.rows(), path))
    a3 = await front.say(u2, "assistant", "third")
    seen.append((await front.rows(), [u1, a1, u2, a3]))
    for rows, path in seen:
        assert loaded(rows) == path
    said = genuine("load", [rows for rows, _ in seen])
    assert [one["shown"] for one in said] == [path for _, path in seen]
    assert [one["kept"] for one in said] == [len(rows) for rows, _ in seen]
    assert said[-1]["branches"][3] == [a2, a3]


async def test_pages_of_a_long_thread_are_parts_of_one_order(
    client: httpx.AsyncClient, chat: Owner
) -> None:
    """450 messages with branches: each comes once, with its height, whatever the page's size."""
    front, messages = await Front.begin(client), []
    for n in range(450):
        said = jsontext.encode(content("assistant" if n % 2 else "user", str(n)))
        messages.append(Message("assistant" if n % 2 else "user", said, "aui/v0", id=f"m{n}"))
    await chat.messages.append(front.thread_id, messages[:300])
    await chat.messages.append(front.thread_id, messages[300:], parent="m99")
    newest = [f"m{n}" for n in range(449, -1, -1)]
    heights = {f"m{n}": n if n < 300 else n - 200 for n in range(450)}
    for head, first in ((None, []), ("m299", ["m299"]), ("m250", ["m299"]), ("m20", [])):
        if head is not None:
            await chat.threads.set_head(front.thread_id, head)
        order = first + [id for id in newest if id not in first]
        for limit in (200, 37):
            rows = await front.walk(limit)
            assert ids(rows) == order
            assert {row["id"]: row["height"] for row in rows} == heights
        path = loaded(rows)
        assert len(path) == (300 if first else 250)
    await chat.threads.set_head(front.thread_id, "m299")
    two = [await front.rows(limit=1), await front.rows(limit=1, after="m299")]
    assert [ids(rows) for rows in two] == [["m299"], ["m449"]]
    assert ids(await front.rows(limit=2, after="unknown")) == ["m299", "m449"]


@pytest.mark.parametrize("seed", range(4))
async def test_any_tree_is_walked_whole_and_shows_its_head(
    client: httpx.AsyncClient, chat: Owner, seed: int
) -> None:
    """Whatever was said, deleted and switched to: pages join up, and the head's branch is seen."""
    rng = random.Random(seed)
    front = await Front.begin(client)
    for _ in range(40):
        there = [m async for m in chat.messages.list(front.thread_id, tree=True)]
        some = [str(message.id) for message in there]
        match rng.random():
            case chance if chance < 0.1 and some:
                await chat.messages.delete(front.thread_id, rng.choice(some))
            case chance if chance < 0.25 and some:
                await chat.threads.set_head(front.thread_id, rng.choice(some))
            case _:
                parent = rng.choice([*some[-3:], *some[:2], None])
                await front.say(parent, rng.choice(["user", "assistant"]), "x")
    whole = await front.walk(200)
    messages = [m async for m in chat.messages.list(front.thread_id, tree=True)]
    assert sorted(ids(whole)) == sorted(str(message.id) for message in messages)
    for limit in (1, 3, 7):
        assert await front.walk(limit) == whole
    leaf = await chat.messages.leaf(front.thread_id)
    path = [m.id async for m in chat.messages.list(front.thread_id, leaf=leaf)]
    assert loaded(whole) == path
    assert len(loaded(whole)) - 1 == whole[0]["height"]


async def test_rows_are_converted_as_the_hosted_service_does(
    client: httpx.AsyncClient, chat: Owner
) -> None:
    """`format` asks for a conversion: what cannot become that format comes as it is stored."""
    front = await Front.begin(client)
    parent = None
    items = {
        "aui/v0": content("assistant", "zero"),
        "ai-sdk/v5": V5_ITEM,
        "ai-sdk/v6": V6_ITEM,
        "somebody/v1": {"any": ["thing"], "role": 7},
    }
    for format, item in items.items():
        made = await front.post(parent, item, format=format)
        assert made.status_code == 201, made.text
        parent = made.json()["message_id"]
    six, five, own, unknown = "ai-sdk/v6", "ai-sdk/v5", "aui/v0", "somebody/v1"
    expected = {
        None: [own, five, six, unknown],
        own: [own, five, six, unknown],
        five: [five, five, six, unknown],
        six: [six, six, six, unknown],
        unknown: [own, five, six, unknown],
        "openai-chat": [own, five, six, unknown],
    }
    for asked, formats in expected.items():
        rows = (await front.rows(format=asked))[::-1]
        assert [row["format"] for row in rows] == formats
        assert [row["height"] for row in rows] == [0, 1, 2, 3]
        for row, format in zip(rows, items, strict=True):
            if row["format"] == format:
                assert row["content"] == items[format]
    [zero] = [row for row in await front.rows(format=six) if row["height"] == 0]
    assert {"type": "text", "text": "zero"} in zero["content"]["parts"]
    assert "id" not in zero["content"]


def _openai() -> Iterator[dict[str, Any]]:
    yield {"role": "user", "content": "Weather?"}
    call = {"id": "c", "type": "function", "function": {"name": "w", "arguments": '{"b": 1}'}}
    yield {"role": "assistant", "content": None, "tool_calls": [call]}
    yield {"role": "tool", "tool_call_id": "c", "content": "sunny"}
    yield {"role": "assistant", "content": "It is sunny."}


async def test_messages_of_libraries_are_shown_too(client: httpx.AsyncClient, chat: Owner) -> None:
    """What a server stored in its own format is converted, as the history adapter shows it."""
    front = await Front.begin(client)
    stored = []
    for item in _openai():
        stored += await chat.messages.append(front.thread_id, item, dialect="openai-chat")
    said = ' {"role":"user","content":[{"text":"Thanks","type":"text"}],"metadata":{"custom":{}}}'
    own = Message("user", said, "aui/v0", id="own")
    await chat.messages.append(front.thread_id, own)
    typed = await chat.messages.append(front.thread_id, Message.assistant("Welcome"))
    history = await ThreadHistory(chat, front.thread_id).load()
    shown = [item["message"]["id"] for item in history["messages"]]
    assert shown == [stored[0].id, stored[3].id, "own", typed[0].id]
    rows = await front.rows()
    assert ids(rows) == shown[::-1]
    assert loaded(rows) == shown
    assert {row["format"] for row in rows} == {"aui/v0"}
    for limit in (1, 2, 3):
        assert await front.walk(limit) == rows
    raw = (await client.get(f"{front.path}/messages", params={"format": "aui/v0"})).text
    assert f'"content":{said}' in raw, "a row of the format that is asked for is not touched"
    [seen] = genuine("load", [rows])
    assert seen["shown"] == shown
    assert seen["args"] == ['{"b":1}']
    six = await front.rows(format="ai-sdk/v6")
    assert {row["format"] for row in six} == {"ai-sdk/v6"}
    assert loaded(six) == shown
    untouched = await front.rows(format=None)
    assert [row["format"] for row in untouched][::-1] == ["openai-chat"] * 4 + [
        *("aui/v0", "threadkeep")
    ]


async def test_a_page_that_hangs_on_converted_messages_hangs_on_what_is_shown(
    client: httpx.AsyncClient, chat: Owner
) -> None:
    """Where a page ends just above messages that are one for the front end, no parent is lost."""
    front = await Front.begin(client)
    for item in list(_openai())[:3]:
        await chat.messages.append(front.thread_id, item, dialect="openai-chat")
    parent = (await chat.threads.get(front.thread_id)).head
    for n in range(5):
        parent = await front.say(parent, "user", str(n))
    rows = await front.rows()
    for limit in (2, 4, 5, 6):
        assert _places(await front.walk(limit)) == _places(rows)
    assert len(loaded(rows)) == len(rows) == 7


def _places(rows: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """Rows with their parents; their heights may count what is stored, not what is shown."""
    return [(row["id"], row["parent_id"]) for row in rows]


async def test_what_cannot_be_read_is_left_out_and_loses_nothing_below(
    client: httpx.AsyncClient, chat: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    """A malformed row costs itself only, and the log does not say what was in it."""
    front = await Front.begin(client)
    top = await front.say(None, "user", "top")
    # As an older version may have stored it: a scalar, and an item without what it must have.
    bad = Message("user", '"no object, SECRET"', "somebody/v1", id="bad")
    await chat.messages.append(front.thread_id, bad, parent=top)
    below = await front.say("bad", "user", "below")
    with caplog.at_level(logging.INFO):
        for asked in ("aui/v0", "ai-sdk/v6", None):
            rows = await front.rows(format=asked)
            assert ids(rows) == [below, top]
            assert [row["height"] for row in rows] == [1, 0]
            assert await front.walk(1, format=asked) == rows
    assert "messages_left_out" in caplog.text
    assert "SECRET" not in caplog.text


async def test_thumbs_survive_a_reload(client: httpx.AsyncClient, store: AsyncStore) -> None:
    """The reader's own feedback is in answers in aui/v0, nobody else's, and nothing is stored."""
    front = await Front.begin(client)
    asked = await front.say(None, "user", "x")
    answer = await front.say(asked, "assistant", "y")
    thumb = {"type": "negative", "comment": "  no  "}
    for path, headers in ((answer, {}), (asked, {}), (answer, {"Aui-User-Id": "ann"})):
        told = await client.post(
            f"{front.path}/messages/{path}/feedback", json=thumb, headers=headers
        )
        expected = 404 if headers else 200  # that user has no such thread
        assert told.status_code == expected, told.text
    await store.owner("local").feedback.set(front.thread_id, answer, "positive", user="bob")
    rows = await front.rows()
    assert rows[0]["content"]["metadata"] == {
        "custom": {},
        "submittedFeedback": {"type": "negative", "comment": "no"},
    }
    assert "submittedFeedback" not in rows[1]["content"]["metadata"]
    assert genuine("load", [rows])[0]["feedback"] == [None, {"type": "negative", "comment": "no"}]
    again = {"type": "positive", "comment": " \n"}
    told = await client.post(f"{front.path}/messages/{answer}/feedback", json=again)
    assert told.json() | {"feedback_id": ""} == {
        "feedback_id": "",
        "type": "positive",
        "comment": None,
    }
    assert (await front.rows())[0]["content"]["metadata"]["submittedFeedback"] == {
        "type": "positive"
    }
    kept = await store.owner("local").messages.get(front.thread_id, answer)
    assert "submittedFeedback" not in kept.json
    for format in (None, "ai-sdk/v6"):
        [row] = [row for row in await front.rows(format=format) if row["id"] == answer]
        assert ("submittedFeedback" in json.dumps(row)) == (format is None)


_scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=4)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["role", "content", "x", "m\\etadata", ""]), _values),
    st.none() | _scalars | st.dictionaries(st.sampled_from(["a", "submittedFeedback"]), _values),
    st.sampled_from([None, 1]),
)
@settings(max_examples=60, deadline=None)
def test_feedback_is_spliced_in_and_all_else_stays(
    members: dict[str, Any], metadata: Any, indent: int | None
) -> None:
    """The content means what it meant, with submittedFeedback in its metadata."""
    said = members if metadata is None else {**members, "metadata": metadata, "after": 1}
    text = json.dumps(said, indent=indent)
    message = Message("assistant", text, "aui/v0")
    assert message.created_at is None
    feedback = Feedback("t", "m", None, "positive", 'a "quote"', *[_TIME] * 2)
    expected = dict(said)
    kept = metadata if isinstance(metadata, dict) else {}
    thumb = {"type": "positive", "comment": 'a "quote"'}
    expected["metadata"] = {**kept, "submittedFeedback": thumb}
    assert jsontext.decode(with_feedback(text, feedback)) == expected


_TIME: Any = None


async def test_a_list_in_the_stored_format_decodes_nothing(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contents go from the row to the answer as text, also with feedback in them."""
    front = await Front.begin(client)
    parent = None
    for n in range(60):
        parent = await front.say(parent, "assistant" if n % 2 else "user", str(n))
    thumb = await client.post(f"{front.path}/messages/{parent}/feedback", json={"type": "positive"})
    assert thumb.status_code == 200
    decoded: list[object] = []

    def counting(decode: Any) -> Any:
        def counted(text: Any, *args: Any, **kwargs: Any) -> Any:
            decoded.append(text)
            return decode(text, *args, **kwargs)

        return counted

    monkeypatch.setattr(orjson, "loads", counting(orjson.loads))
    monkeypatch.setattr(json, "loads", counting(json.loads))
    monkeypatch.setattr(json.JSONDecoder, "decode", counting(json.JSONDecoder.decode))
    for query in ("format=aui/v0", "", "format=aui/v0&limit=20"):
        answer = await client.get(f"{front.path}/messages?{query}")
        assert answer.status_code == 200
    assert decoded == []
    monkeypatch.undo()
    assert answer.text.count('"submittedFeedback"') == 1
