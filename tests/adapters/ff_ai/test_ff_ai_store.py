"""ff-ai's ConversationStore on ours: what is saved, what a window holds, what a retry does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from threadkeep import ConflictError, InvalidError, Message
from threadkeep.adapters.ff_ai import ConversationMessage, ConversationStore, from_model_message
from threadkeep.testing.wire import counted

if TYPE_CHECKING:
    from threadkeep import AsyncStore
    from threadkeep.testing.servers import Database

OLD = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def conversations(store: AsyncStore) -> ConversationStore:
    """The store of the seed's interface."""
    return ConversationStore(store)


def said(id: str, at: datetime | None = None, role: str = "user") -> ConversationMessage:
    """A message that says its own id."""
    content: Any = id if role != "assistant" else [{"type": "text", "text": id}]
    return from_model_message({"role": role, "content": content}, id=id, created_at=at)


def answer(id: str, at: datetime | None = None) -> ConversationMessage:
    """A model's message."""
    return said(id, at, "assistant")


async def save(conversations: ConversationStore, *messages: Any, thread: str = "t") -> None:
    await conversations.save_messages(resource_id="r", thread_id=thread, messages=messages)


async def read(
    conversations: ConversationStore, window_size: int | None = None, thread: str = "t"
) -> list[str]:
    found = await conversations.get_messages(
        resource_id="r", thread_id=thread, window_size=window_size
    )
    return [message.id for message in found]


TURNS = ["hi", "u1", "a1", "u2", "a2", "u3", "a3"]


async def three_turns(conversations: ConversationStore) -> None:
    await save(conversations, said("hi", role="system"))
    for n in (1, 2, 3):
        await save(conversations, said(f"u{n}"), answer(f"a{n}"))


@pytest.mark.parametrize(
    ("window_size", "expected"),
    [
        (None, TURNS),
        (0, []),
        (1, TURNS[5:]),
        (2, TURNS[3:]),
        (3, TURNS[1:]),
        (4, TURNS),
        (10**30, TURNS),
    ],
)
async def test_a_window_holds_the_last_turns_whole(
    conversations: ConversationStore, window_size: int | None, expected: list[str]
) -> None:
    """A window is the last turns; one that is larger than the thread begins at its beginning.

    [D2 seed 001 defect 4]
    """
    await three_turns(conversations)
    assert await read(conversations, window_size) == expected


@pytest.mark.parametrize("window_size", [-1, -(10**20), True, 1.0, "3"])
async def test_a_bad_window_is_a_value_error_before_any_io(
    conversations: ConversationStore, window_size: Any
) -> None:
    """A negative window, and what is no int, is a ValueError that names the argument.

    [D2 seed 001 defect 5]
    """
    await conversations.store.close()
    with pytest.raises(ValueError, match="window_size") as caught:
        await read(conversations, window_size)
    assert isinstance(caught.value, InvalidError)
    assert await read(conversations, 0) == []


async def test_the_window_goes_by_what_was_appended_not_by_times(
    conversations: ConversationStore,
) -> None:
    """Older turns that are imported after a newer one come after it, in every window.

    [C11 D2 seed 001 defect 1]
    """
    await save(conversations, said("new-q", OLD), answer("new-a", OLD))
    for n in (1, 2):
        at = OLD - timedelta(days=30 - n)
        await save(conversations, said(f"u{n}", at), answer(f"a{n}", at))
    assert await read(conversations, 1) == ["u2", "a2"]
    assert await read(conversations, 2) == ["u1", "a1", "u2", "a2"]
    assert await read(conversations, None) == ["new-q", "new-a", "u1", "a1", "u2", "a2"]


async def test_a_clock_that_is_behind_does_not_put_an_answer_first(
    conversations: ConversationStore,
) -> None:
    """An answer with an earlier time than its question stands behind it. [seed 001 defect 2]"""
    for n in (1, 2):
        await save(conversations, said(f"u{n}", OLD))
        await save(conversations, answer(f"a{n}", OLD - timedelta(hours=1)))
    assert await read(conversations, 10) == ["u1", "a1", "u2", "a2"]


@pytest.mark.parametrize("window_size", [1, 10, None])
async def test_a_thread_in_which_no_user_spoke_is_not_empty(
    conversations: ConversationStore, window_size: int | None
) -> None:
    """A system prompt and a greeting are what the window holds. [D2 seed 001 defect 3]"""
    await save(conversations, said("s", role="system"), answer("hello"))
    assert await read(conversations, window_size) == ["s", "hello"]


async def test_the_same_ids_in_two_threads_and_two_resources_are_apart(
    conversations: ConversationStore,
) -> None:
    """Message and thread ids are unique where they stand, not across tenants.

    [B2 seed 001 defect 6]
    """
    for resource, thread in (("r", "t"), ("r", "t2"), ("other", "t")):
        message = from_model_message({"role": "user", "content": f"{resource} {thread}"}, id="m")
        await conversations.save_messages(
            resource_id=resource, thread_id=thread, messages=[message]
        )
    for resource, thread in (("r", "t"), ("r", "t2"), ("other", "t")):
        [found] = await conversations.get_messages(resource_id=resource, thread_id=thread)
        assert (found.id, found["content"]) == ("m", f"{resource} {thread}")
    assert await conversations.get_messages(resource_id="nobody", thread_id="t") == []


async def test_the_same_save_again_stores_once(conversations: ConversationStore) -> None:
    """The same ids with the same content are a success; another content is a conflict.

    [C4 seed 001 defect 7]
    """
    batch = [said("u1", OLD), answer("a1", OLD)]
    await save(conversations, *batch)
    await save(conversations, *batch)
    await save(conversations, *batch, said("u2"))
    assert await read(conversations) == ["u1", "a1", "u2"]
    changed = from_model_message({"role": "user", "content": "other"}, id="u1")
    with pytest.raises(ConflictError):
        await save(conversations, changed, answer("a9"))
    assert await read(conversations) == ["u1", "a1", "u2"]


async def test_a_read_and_a_save_are_one_round_trip_each(database: Database) -> None:
    """A window of any size is one round trip, and so is a save. [D3 seed 001 defect 8, 17]"""
    from threadkeep import connect_async

    with counted(database.url) as wire:
        async with connect_async(wire.url, pool_size=1) as store:
            conversations = ConversationStore(store)
            trips = []
            for n in range(4):
                await save(conversations, said(f"u{n}"), answer(f"a{n}"))
                await read(conversations, 5)
            for window_size in (1, 3, 50):
                before = wire.trips
                await read(conversations, window_size)
                trips.append(wire.trips - before)
            before = wire.trips
            await save(conversations, said("u"), answer("a"))
            trips.append(wire.trips - before)
    assert trips == [1, 1, 1, 1]


async def test_no_messages_make_or_touch_the_thread(conversations: ConversationStore) -> None:
    """An empty list makes the thread, and marks one that is there as active. [C2]"""
    chat = conversations.owner("r")
    await save(conversations)
    first = await chat.threads.get("t")
    await save(conversations, said("u1", OLD), thread="other")
    assert [thread.id async for thread in chat.threads.list()] == ["other", "t"]
    await save(conversations)
    assert [thread.id async for thread in chat.threads.list()] == ["t", "other"]
    assert (await chat.threads.get("t")).active_at > first.active_at
    assert await read(conversations) == []


async def test_ids_and_times_are_kept(conversations: ConversationStore) -> None:
    """What the app gives is stored; what it does not, is made. [C3 C11 seed 001 defect 14]"""
    lisbon = timezone(timedelta(hours=1))
    at = datetime(2025, 3, 1, 12, 0, tzinfo=lisbon)
    kept = from_model_message({"role": "user", "content": "x"}, id="msg-abc", created_at=at)
    merged = {"id": "m2", "createdAt": "2025-03-01T11:00:00Z", "role": "user", "content": "y"}
    await save(conversations, kept, merged, {"role": "user", "content": "z"})
    found = await conversations.get_messages(resource_id="r", thread_id="t")
    assert [message.id for message in found[:2]] == ["msg-abc", "m2"]
    assert [message.created_at for message in found[:2]] == [at, at]
    assert found[1] == {"role": "user", "content": "y"}
    assert len(found[2].id) == 36
    again = from_model_message(found[0])
    assert (again.id, again.created_at, again.json) == ("msg-abc", at, kept.json)
    with pytest.raises(InvalidError):
        from_model_message({"role": "user", "content": "x"}, created_at=datetime(2025, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "message",
    [
        {"role": "robot", "content": "x"},
        {"role": "tool", "content": "x"},
        {"role": "user"},
        {"role": "user", "content": object()},
        {"role": "user", "content": "x", "id": 7},
        {"role": "user", "content": "x", "createdAt": "yesterday"},
        {"role": "user", "content": [{"type": "text", "text": float("nan")}]},
        None,
        "user",
    ],
)
async def test_what_is_no_message_is_refused_and_nothing_is_stored(
    conversations: ConversationStore, message: Any
) -> None:
    """A bad row never gets in: it is an InvalidError, without a word of it, for the whole batch.

    [seed 001 defect 12]
    """
    with pytest.raises(InvalidError):
        await save(conversations, said("u1"), message)
    assert await read(conversations) == []


@pytest.mark.parametrize("messages", [None, 5, "x", b"x", {"role": "user", "content": "x"}])
async def test_what_is_no_list_is_refused(conversations: ConversationStore, messages: Any) -> None:
    """An InvalidError that names `messages`, and no thread is made."""
    with pytest.raises(InvalidError) as caught:
        await conversations.save_messages(resource_id="r", thread_id="t", messages=messages)
    assert caught.value.field == "messages"
    assert [thread async for thread in conversations.owner("r").threads.list()] == []


@pytest.mark.parametrize("window_size", [None, 0, 1])
@pytest.mark.parametrize("thread_id", [None, "", 5, "\0"])
async def test_a_bad_thread_id_is_refused_for_any_window(
    conversations: ConversationStore, thread_id: Any, window_size: int | None
) -> None:
    """Also where nothing would be read."""
    with pytest.raises(InvalidError) as caught:
        await conversations.get_messages(
            resource_id="r", thread_id=thread_id, window_size=window_size
        )
    assert caught.value.field == "thread_id"


async def test_a_message_of_another_format_does_not_make_a_thread_unreadable(
    conversations: ConversationStore,
) -> None:
    """Messages that others appended in their formats are there as model messages, under their ids.

    [C17 seed 001 defect 12]
    """
    await save(conversations, said("u1"))
    chat = conversations.owner("r")
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    for id, item in (
        ("a1", {"role": "assistant", "content": "hm", "tool_calls": [call]}),
        ("r1", {"role": "tool", "tool_call_id": "c1", "content": "42"}),
    ):
        import json

        role: Any = item["role"]
        await chat.messages.append("t", Message(role, json.dumps(item), "openai-chat", id=id))
    await save(conversations, answer("a2"))
    found = await conversations.get_messages(resource_id="r", thread_id="t", window_size=3)
    assert [message.id for message in found] == ["u1", "a1", "r1", "a2"]
    assert found[2]["content"][0]["output"] == {"type": "text", "value": "42"}
    assert found[3].json == answer("a2").json
    assert found.losses == ()


async def test_bytes_and_urls_of_files_survive(conversations: ConversationStore) -> None:
    """Bytes become base64 with a tag, URL objects their text. [C12 seed 001 defect 15]"""
    raw = bytes(range(256))
    message = {
        "role": "user",
        "content": [
            {"type": "image", "image": raw},
            {"type": "file", "data": bytearray(raw), "mediaType": "application/pdf"},
            {"type": "file", "data": {"type": "data", "data": raw}, "mediaType": "image/png"},
            {"type": "image", "image": urlsplit("https://example.org/a.png")},
            {"type": "file", "data": "aGk=", "mediaType": "text/plain"},
        ],
    }
    result = {
        "role": "tool",
        "content": [
            {
                "type": "tool-result",
                "toolCallId": "c",
                "toolName": "t",
                "output": {
                    "type": "content",
                    "value": [{"type": "file-data", "data": memoryview(raw), "mediaType": "x/y"}],
                },
            }
        ],
    }
    await save(conversations, message, result)
    found, answered = await conversations.get_messages(resource_id="r", thread_id="t")
    from base64 import b64decode

    image, file, tagged, url, text = found["content"]
    assert b64decode(image["image"]) == raw
    assert file["data"]["type"] == "data"
    assert b64decode(file["data"]["data"]) == raw
    assert b64decode(tagged["data"]["data"]) == raw
    assert url["image"] == "https://example.org/a.png"
    assert text["data"] == "aGk="
    item = answered["content"][0]["output"]["value"][0]
    assert b64decode(item["data"]) == raw
    assert message["content"][0]["image"] is raw  # type: ignore[index]


async def test_what_jsonb_would_change_is_returned_as_it_was(
    conversations: ConversationStore,
) -> None:
    """NUL, lone surrogates, key order and big numbers come back, byte for byte.

    [C12 seed 001 defect 16]
    """
    call = {
        "type": "tool-call",
        "toolCallId": "c",
        "toolName": "t",
        "input": {"z": 1, "a": "\0 \ud800", "big": 10**40, "float": 1e300, "minus": -0.0},
        "unknown": None,
    }
    message = from_model_message({"role": "assistant", "content": [call], "later": {"b": 1}})
    await save(conversations, message)
    [found] = await conversations.get_messages(resource_id="r", thread_id="t", window_size=1)
    assert found.json == message.json
    assert list(found["content"][0]["input"]) == ["z", "a", "big", "float", "minus"]
    assert found.to_model_message() == message.to_model_message()
    await save(conversations, found, thread="copy")
    [copy] = await conversations.get_messages(resource_id="r", thread_id="copy")
    assert copy.json == message.json
    found["content"] = "changed"
    await save(conversations, found, thread="changed")
    [other] = await conversations.get_messages(resource_id="r", thread_id="changed")
    assert other["content"] == "changed"
    assert "changed" not in repr(other)


async def test_a_string_content_stays_a_string(conversations: ConversationStore) -> None:
    """A text and a list of blocks are returned in the form they were given. [C13]"""
    await save(conversations, {"role": "user", "content": "a"}, answer("b"))
    found = await conversations.get_messages(resource_id="r", thread_id="t")
    assert [message.content for message in found] == ["a", [{"type": "text", "text": "b"}]]
    assert [message.role for message in found] == ["user", "assistant"]


async def test_a_window_of_more_than_a_thousand_messages_is_whole(
    conversations: ConversationStore,
) -> None:
    """The turns asked for are all there, whatever a window of the store itself holds. [D2]"""
    everything = []
    for n in range(1200):
        everything += [f"u{n}", f"a{n}"]
    batch = [said(id) if id[0] == "u" else answer(id) for id in everything]
    await save(conversations, answer("hello"), *batch)
    assert await read(conversations, 900) == everything[-1800:]
    assert await read(conversations, 1199) == everything[2:]
    assert await read(conversations, 1200) == everything
    assert await read(conversations, 1201) == ["hello", *everything]
    assert await read(conversations, None) == ["hello", *everything]


async def test_a_window_can_be_healed(conversations: ConversationStore) -> None:
    """After a crash in a tool call the model gets a history that it accepts. [K2]"""
    call = {"type": "tool-call", "toolCallId": "c", "toolName": "t", "input": {}}
    broken = from_model_message({"role": "assistant", "content": [call]}, id="a1")
    await save(conversations, said("u1"), broken)
    plain = await conversations.get_messages(resource_id="r", thread_id="t", window_size=1)
    assert [message.id for message in plain] == ["u1", "a1"]
    healed = await conversations.get_messages(
        resource_id="r", thread_id="t", window_size=1, heal="error"
    )
    assert [message.role for message in healed] == ["user", "assistant", "tool"]
    assert len({message.id for message in healed}) == 3
    assert healed.repairs


async def test_what_ff_ai_has_no_call_for_is_there(conversations: ConversationStore) -> None:
    """Threads of a resource are listed, searched by metadata, and deleted. [seed 001 defect 18]"""
    await save(conversations, said("u1"))
    await save(conversations, said("u2"), thread="t2")
    chat = conversations.owner("r")
    assert {thread.id async for thread in chat.threads.list()} == {"t", "t2"}
    assert await chat.threads.delete("t") is True
    assert await read(conversations) == []
    assert await read(conversations, thread="t2") == ["u2"]
