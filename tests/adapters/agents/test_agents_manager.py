"""ThreadManager: conversations of an agent, their context and their forks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from scripted import ASKS, SAYS, TOLD, Scripted, Streaming, filled, rows, said

from threadkeep import ConflictError, InvalidError, NotFoundError
from threadkeep.adapters.agents import ThreadManager, create_thread_manager, with_storage
from threadkeep.adapters.repositories import create_message_repository

if TYPE_CHECKING:
    from threadkeep.adapters.repositories import Database


@pytest.fixture
def agent() -> Scripted:
    return Scripted()


@pytest.fixture
def manager(db: Database, agent: Scripted) -> ThreadManager:
    return create_thread_manager(database=db, agent=agent, agent_id="helper")


async def test_a_conversation_goes_on(
    db: Database, manager: ThreadManager, agent: Scripted
) -> None:
    """Each message is answered with all that came before, and the history has it all. [K7]"""
    thread = await manager.create_thread(user_id="u", title="New Chat")
    assert (thread.user_id, thread.title, thread.agent_id) == ("u", "New Chat", "helper")
    assert await manager.send_message(thread.id, {"role": "user", "content": "Hello!"}) == "Yes."
    await manager.send_message(thread.id, "How are you?", user_id="u", temperature=0)
    assert agent.last == ["Hello!", "Yes.", "How are you?"]
    assert agent.given == [{}, {"temperature": 0}]
    history = await manager.get_history(thread.id)
    assert [row.content for row in history] == ["Hello!", "Yes.", "How are you?", "Yes."]
    newest = await manager.get_history(thread.id, 1)
    assert [row.content for row in newest] == ["Yes."]
    with pytest.raises(NotFoundError):
        await manager.send_message("unknown", "x")
    with pytest.raises(NotFoundError):
        await manager.send_message(thread.id, "x", user_id="v")
    assert len(await rows(db, thread.id)) == 4


async def test_a_long_history_is_whole(db: Database, manager: ThreadManager) -> None:
    """`get_history` gives every message, however many there are. [K7]"""
    await filled(db, 1205)
    assert [row.content for row in await manager.get_history("t")] == [str(n) for n in range(1205)]
    assert await manager.get_history("unknown") == []


async def test_the_context_is_the_newest(db: Database, manager: ThreadManager) -> None:
    """Of a thread of 200 messages the last ones, oldest first; a limit of 0 is none.

    [K7 seed 004 defect 2, 3, 19]
    """
    await filled(db, 200)
    context = await manager.load_context("t")
    assert context == [
        {"role": "assistant" if n % 2 else "user", "content": str(n)} for n in range(150, 200)
    ]
    few = await manager.load_context("t", message_limit=4)
    assert [item["content"] for item in few] == ["196", "197", "198", "199"]
    assert await manager.load_context("t", message_limit=0) == []
    unknown: list[Any] = ["unknown", "", None, 7]
    for id_ in unknown:
        assert await manager.load_context(id_) == []
    for limit in (-1, 1001, True, None):
        wrong: Any = limit
        with pytest.raises(InvalidError):
            await manager.load_context("t", message_limit=wrong)


async def test_the_filter_counts_what_it_keeps(db: Database, manager: ThreadManager) -> None:
    """The limit is of the newest that are kept, however far back they are. [K7]"""
    await filled(db, 600)
    context = await manager.load_context(
        "t",
        message_limit=5,
        message_filter=lambda row: row.role == "user" and int(row.text) % 100 == 0,
    )
    assert [item["content"] for item in context] == ["100", "200", "300", "400", "500"]


async def test_tool_messages_stay_together_or_are_left_out(
    db: Database, manager: ThreadManager
) -> None:
    """A result is never without its call; without tool messages there is neither.

    [K7 seed 004 defect 5]
    """
    both = {**ASKS, "content": "Let me see."}
    await with_storage(Scripted([both, TOLD, ASKS, TOLD, SAYS]), db)("1+2?", thread_id="t")
    question = {"role": "user", "content": "1+2?"}
    for limit in (2, 4):
        context = await manager.load_context("t", message_limit=limit)
        roles = [item["role"] for item in context]
        assert roles[0] != "tool"
        assert roles[-1] == "assistant"
    kept = await manager.load_context(
        "t", message_limit=2, message_filter=lambda row: row.role != "user"
    )
    assert [item["role"] for item in kept] == ["assistant", "tool", "assistant"]
    plain = await manager.load_context("t", include_tool_messages=False)
    assert plain == [question, {"role": "assistant", "content": "Let me see."}, SAYS]
    one = await manager.load_context("t", include_tool_messages=False, message_limit=1)
    assert one == [SAYS]
    none = await manager.load_context("t", include_tool_messages=False, message_limit=0)
    assert none == []
    without_results = await manager.load_context("t", message_filter=lambda row: row.role != "tool")
    assert [item["role"] for item in without_results].count("tool") == 2


async def test_a_fork_has_the_whole_history(db: Database, manager: ThreadManager) -> None:
    """10 000 messages, in their order, with ids and times, at once; the original stays.

    [B18 seed 004 defect 4]
    """
    await manager.create_thread(user_id="u", title="Plans", id="t")
    for _ in range(10):
        await filled(db, 1000, user="u")
    copy = await manager.fork("t")
    assert (copy.title, copy.user_id, copy.message_count) == ("Fork of Plans", "u", 10_000)
    before, after = await rows(db, "t"), await rows(db, copy.id)
    assert [(row.message_id, row.content, row.created_at) for row in before] == [
        (row.message_id, row.content, row.created_at) for row in after
    ]
    await manager.send_message(copy.id, "On my own")
    assert len(await rows(db, "t")) == 10_000


async def test_a_fork_may_end_at_a_message(db: Database, manager: ThreadManager) -> None:
    """Up to a message of that thread, under another title and id; else nothing is made. [B18]"""
    await filled(db, 6)
    at = (await rows(db))[2].id
    copy = await manager.fork_thread("t", at=at, title="Other way", id="copy")
    assert (copy.id, copy.title, copy.user_id) == ("copy", "Other way", None)
    assert [content for _, content in await said(db, "copy")] == ["0", "1", "2"]
    with pytest.raises(ConflictError):
        await manager.fork("t", id="copy")
    await filled(db, 1, "other")
    elsewhere = (await rows(db, "other"))[0].id
    for wrong in ("unknown", elsewhere):
        with pytest.raises(NotFoundError):
            await manager.fork("t", at=wrong)
    with pytest.raises(NotFoundError):
        await manager.fork("unknown")
    assert len(await manager.threads.list()) == 3
    assert (await manager.fork("t", title=None)).title is None


async def test_threads_are_listed_and_deleted(db: Database, manager: ThreadManager) -> None:
    """A user's threads, the latest first, and one is gone once. [K7]"""
    for n in range(25):
        await manager.create_thread(user_id="u", id=f"t{n}")
    assert len(await manager.list("u")) == 20
    page = await manager.list_threads("u", limit=2, offset=24)
    assert [row.id for row in page] == ["t0"]
    assert await manager.delete("t0") is True
    assert await manager.delete_thread("t0") is False


async def test_send_finds_or_makes_the_thread(
    db: Database, manager: ThreadManager, agent: Scripted
) -> None:
    """The first message makes the user's thread, the next ones go on in it. [K8]"""
    first = await manager.send("u", "Hello")
    second = await manager.send("u", {"role": "user", "content": "Still there?"})
    assert first.thread.id == second.thread.id
    assert (first.thread.user_id, first.thread.agent_id) == ("u", "helper")
    assert agent.last == ["Hello", "Yes.", "Still there?"]
    assert "Yes." not in repr(first)
    assert (await manager.send("v", "Hello")).thread.id != first.thread.id
    await manager.threads.update(first.thread.id, access="closed")
    third = await manager.send("u", "And now?")
    assert third.thread.id != first.thread.id
    assert agent.last == ["And now?"]


async def test_sends_at_once_make_one_thread(db: Database, manager: ThreadManager) -> None:
    """Ten first messages of a user end in one thread, all of them. [K8 B10 seed 004 defect 10]"""
    sent = await asyncio.gather(*(manager.send("u", f"Q{n}") for n in range(10)))
    [thread] = {one.thread.id for one in sent}
    assert len(await rows(db, thread)) == 20
    assert len(await manager.list("u", status="all")) == 1


async def test_a_manager_streams(db: Database) -> None:
    """A streamed answer is saved as any other. [K6 K7]"""
    manager = create_thread_manager(database=db, agent=Streaming("Hel", "lo"))
    thread = await manager.create_thread(user_id="u")
    chunks = [chunk async for chunk in manager.stream_message(thread.id, "Q")]
    assert chunks == ["Hel", "lo"]
    assert await said(db, thread.id) == [("user", "Q"), ("assistant", "Hello")]


async def test_the_repositories_are_the_managers(db: Database, manager: ThreadManager) -> None:
    """What the manager stored is what the repositories find."""
    thread = await manager.create_thread(user_id="u")
    await manager.send_message(thread.id, "Q")
    [question, _] = await create_message_repository(db).list_by_thread(thread.id)
    assert await manager.messages.get_by_id(question.id) == question
