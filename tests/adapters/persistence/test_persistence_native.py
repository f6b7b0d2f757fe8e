"""The persistence adapter on our own store: the same interface, and the store's own guarantees."""

from __future__ import annotations

import pytest
from test_persistence_tables import EXACT

from threadkeep import AsyncStore, InvalidError, Message, Store
from threadkeep.adapters.persistence import ChatMessage, NativePersistence, SessionRecord


async def test_every_byte_is_kept(store: AsyncStore) -> None:
    """Parts and states come back as the text that they were. [C12 F2]"""
    made = NativePersistence(store.owner("o"))
    for n, text in enumerate(EXACT):
        given = ChatMessage(f"m{n}", "user", text)
        assert (await made.append_message("t", given)).parts_json == text
        assert (await made.append_message("t", given)).parts_json == text
        await made.save_session(SessionRecord(f"s{n}", "t", "1", state_json=text))
        loaded = await made.load_session(f"s{n}")
        assert loaded is not None
        assert loaded.state_json == text
    assert [m.parts_json for m in await made.list_messages("t")] == EXACT


async def test_the_messages_are_those_of_the_store(store: AsyncStore) -> None:
    """What the adapter stores, every other call reads, and the other way round. [C17]"""
    chat = store.owner("o")
    made = NativePersistence(chat)
    parts = [{"type": "text", "text": "hello"}, {"type": "of the app", "x": 1}]
    await made.append_message("t", ChatMessage("m0", "user", parts), session_id="s")
    [message] = await chat.messages.list("t")
    assert (message.text, message.session) == ("hello", "s")
    await chat.messages.append("t", Message.assistant("and hello", id="m1"))
    native = {"role": "user", "content": "again"}
    await chat.messages.append("t", native, dialect="openai-chat")
    listed = await made.list_messages("t")
    assert [m.parts for m in listed] == [parts, [{"type": "text", "text": "and hello"}], [native]]
    assert [m.role for m in listed] == ["user", "assistant", "user"]


async def test_whose_a_message_is_is_the_handles_user(store: AsyncStore) -> None:
    """The handle's user stands in what is read, and another user cannot be given. [F10]"""
    made = NativePersistence(store.owner("o", user="ann"))
    stored = await made.append_message("t", ChatMessage("m", "user", [], user_id="ann"))
    assert stored.user_id == "ann"
    for chat in (store.owner("o", user="ann"), store.owner("o")):
        with pytest.raises(InvalidError):
            await NativePersistence(chat).append_message(
                "t", ChatMessage("n", "user", [], user_id="ben")
            )
        with pytest.raises(InvalidError):
            await NativePersistence(chat).save_session(SessionRecord("s", "t", "1", user_id="ben"))


async def test_what_is_no_handle_is_refused(store: AsyncStore, blocking_store: Store) -> None:
    """A store, or a blocking handle, is an InvalidError; so is a role that the store has not."""
    for chat in (store, blocking_store.owner("o"), None):
        with pytest.raises(InvalidError):
            NativePersistence(chat)  # type: ignore[arg-type]
    with pytest.raises(InvalidError, match="role"):
        await NativePersistence(store.owner("o")).append_message("t", ChatMessage("m", "data", []))


async def test_sessions_of_another_kind_are_unknown(store: AsyncStore) -> None:
    """A session without a thread or a version is none of an agent's SDK."""
    chat = store.owner("o")
    made = NativePersistence(chat)
    await chat.sessions.save("visit", user="ann")
    await chat.sessions.save("s", thread="t")
    assert await made.load_session("visit") is None
    assert await made.list_sessions("t") == []
    await made.save_session("s", thread_id="t", sdk_version="1")
    assert [s.session_id for s in await made.list_sessions("t", limit=1)] == ["s"]
