"""The persistence middleware: told of events, it stores them; and never from memory."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from scripted import CALL, filled, rows, said

from threadkeep import InvalidError, NotFoundError
from threadkeep.adapters.agents import (
    MessageEvent,
    create_auto_persisted_message_handler,
    create_persistence_middleware,
)
from threadkeep.adapters.repositories import create_thread_repository

if TYPE_CHECKING:
    from threadkeep.adapters.repositories import Database


async def test_the_four_events_are_stored(db: Database) -> None:
    """User, assistant, tool call and tool result, each as its message, in order. [K3]"""
    middleware = create_persistence_middleware(db)
    function = {"name": "sum", "arguments": {"a": 1}}
    for event in (
        {"type": "user", "content": "1+2?", "metadata": {"ip": "x"}},
        {"type": "tool-call", "tool_call_id": "c1", **function},
        {"type": "tool-result", "tool_call_id": "c1", "name": "sum", "content": {"sum": 3}},
        {"type": "assistant", "content": "It is 3.", "id": "last"},
    ):
        stored = await middleware.persist_message({"thread_id": "t", **event})
        assert stored is not None
        assert stored.thread_id == "t"
    asked, called, told, says = await rows(db)
    assert (asked.content, asked.metadata) == ("1+2?", {"ip": "x"})
    [made] = called.tool_calls or ()
    assert (made["id"], made["function"]) == ("c1", {"name": "sum", "arguments": '{"a":1}'})
    assert (told.role, told.tool_call_id, told.content) == ("tool", "c1", '{"sum":3}')
    assert (says.content, says.message_id) == ("It is 3.", "last")
    again = MessageEvent(type="assistant", thread_id="t", content="It is 3.", id="last")
    assert await middleware.persist_message(again) == says
    assert len(await rows(db)) == 4
    assert await middleware.get_thread_messages("t", 2) == [told, says]


async def test_a_thread_is_made_with_the_id_that_was_asked_for(db: Database) -> None:
    """The very id, once, with its agent, user and title. [K3 B3 seed 004 defect 8]"""
    middleware = create_persistence_middleware(db)
    assert await middleware.ensure_thread("mine", user_id="u", title="T", agent_id="a") is True
    assert await middleware.ensure_thread("mine", user_id="u") is False
    thread = await create_thread_repository(db).get_by_id("mine")
    assert thread is not None
    assert (thread.user_id, thread.title, thread.agent_id) == ("u", "T", "a")
    event: dict[str, Any] = {"type": "user", "thread_id": "new", "content": "x", "user_id": "u"}
    stored = await middleware.persist_message({**event, "title": "T2"})
    assert stored is not None
    assert stored.thread_id == "new"
    thread = await create_thread_repository(db).get_by_id("new")
    assert thread is not None
    assert (thread.user_id, thread.title, thread.agent_id) == ("u", "T2", "default")
    with pytest.raises(InvalidError, match="agent_id"):
        await middleware.ensure_thread("other", agent_id="")
    with pytest.raises(InvalidError, match="default_agent_id"):
        create_persistence_middleware(db, default_agent_id="")
    with pytest.raises(NotFoundError):
        await middleware.ensure_thread("mine", user_id="v")
    with pytest.raises(NotFoundError):
        await middleware.persist_message({**event, "user_id": "v"})


async def test_what_others_delete_is_not_remembered(db: Database) -> None:
    """A thread that goes between two events is made anew by the second. [K3 seed 004 defect 9]"""
    middleware = create_persistence_middleware(db)
    event = {"type": "user", "thread_id": "t", "content": "x"}
    await middleware.persist_message(event)
    assert await middleware.ensure_thread("t") is False
    await create_thread_repository(db).delete("t")
    assert await middleware.persist_message(event) is not None
    assert await said(db) == [("user", "x")]
    await create_thread_repository(db).delete("t")
    assert await middleware.ensure_thread("t") is True


async def test_first_events_at_once_make_one_thread(db: Database) -> None:
    """Twenty events of a new thread, of two middlewares: one thread, all twenty messages.

    [B3 B20 K3 seed 004 defect 10]
    """
    both = [create_persistence_middleware(db) for _ in range(2)]
    made = await asyncio.gather(*(both[n % 2].ensure_thread("e") for n in range(20)))
    assert made.count(True) == 1
    events = [{"type": "user", "thread_id": "t", "content": str(n)} for n in range(20)]
    await asyncio.gather(*(both[n % 2].persist_message(e) for n, e in enumerate(events)))
    assert sorted(content for _, content in await said(db)) == sorted(str(n) for n in range(20))
    assert await create_thread_repository(db).count() == 2


async def test_without_automatic_threads_an_unknown_one_is_an_error(db: Database) -> None:
    """NotFoundError, and nothing is written. [K3]"""
    middleware = create_persistence_middleware(db, auto_create_thread=False)
    event = {"type": "user", "thread_id": "t", "content": "x"}
    with pytest.raises(NotFoundError):
        await middleware.persist_message(event)
    assert await create_thread_repository(db).count() == 0
    await filled(db, 1)
    assert await middleware.persist_message(event) is not None


async def test_disabled_is_a_no_op(db: Database) -> None:
    """What is switched off does nothing and raises nothing. [K3 seed 004 defect 20]"""
    told: list[Any] = []
    middleware = create_persistence_middleware(
        db,
        persist_messages=False,
        persist_traces=False,
        on_message_persisted=told.append,
        on_trace_persisted=told.append,
    )
    event = {"type": "user", "thread_id": "t", "content": "x"}
    assert await middleware.persist_message(event) is None
    assert await middleware.persist_message({"whatever": 1}) is None
    assert await middleware.persist_trace("x", "start", {"name": "n"}) is None
    assert await middleware.persist_trace("x", "end") is None
    assert await create_thread_repository(db).count() == 0
    assert told == []


async def test_callbacks_run_after_the_commit(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """They find what they are told of; what they raise is logged by its class. [K3 K10]"""
    found: list[Any] = []

    async def on_message(record: Any) -> None:
        found.append(await said(db))
        raise ValueError(record.content)

    middleware = create_persistence_middleware(
        db, on_message_persisted=on_message, on_trace_persisted=lambda trace: found.append(trace)
    )
    with caplog.at_level(logging.WARNING, logger="threadkeep"):
        await middleware.persist_message({"type": "user", "thread_id": "t", "content": "secret"})
    assert found == [[("user", "secret")]]
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text
    trace = await middleware.persist_trace("x", "start", {"name": "n", "thread_id": "t"})
    assert found[1] == trace


async def test_traces_are_started_and_ended(db: Database) -> None:
    """Under the id that was given, with what it used; an unknown one cannot end. [K3 M1]"""
    middleware = create_persistence_middleware(db)
    await middleware.ensure_thread("t", user_id="u")
    started = {"name": "call", "type": "llm", "thread_id": "t", "input": "Q"}
    begun = await middleware.persist_trace("x", "start", started)
    assert begun is not None
    assert (begun.id, begun.status) == ("x", "running")
    ended = await middleware.persist_trace(
        "x", "end", {"output": "A", "token_usage": {"promptTokens": 1, "completionTokens": 2}}
    )
    assert ended is not None
    assert ended.token_usage == {"promptTokens": 1, "completionTokens": 2, "totalTokens": 3}
    assert await middleware.get_thread_traces("t") == [ended]
    with pytest.raises(NotFoundError):
        await middleware.persist_trace("unknown", "end", {})
    wrong: Any = "stop"
    with pytest.raises(InvalidError):
        await middleware.persist_trace("x", wrong)


async def test_the_newest_messages_are_given(db: Database) -> None:
    """Of a hundred the last fifty, oldest first. [D6 K3 seed 004 defect 3]"""
    await filled(db, 100)
    middleware = create_persistence_middleware(db)
    found = await middleware.get_thread_messages("t")
    assert [row.content for row in found] == [str(n) for n in range(50, 100)]
    assert await middleware.get_thread_messages("t", 0) == []
    assert await middleware.get_thread_messages("unknown") == []


async def test_a_handler_stores_one_thread(db: Database) -> None:
    """Its three callbacks say user, assistant with calls, and result. [K3]"""
    handler = create_auto_persisted_message_handler(
        create_persistence_middleware(db), thread_id="t", user_id="u", agent_id="a"
    )
    await handler.on_user_message("1+2?")
    await handler.on_assistant_message(None, [CALL])
    await handler.on_tool_result("c1", 3, name="sum")
    await handler.on_assistant_message("It is 3.", metadata={"model": "m"})
    found = await rows(db)
    assert [(row.role, row.content) for row in found] == [
        ("user", "1+2?"),
        ("assistant", None),
        ("tool", "3"),
        ("assistant", "It is 3."),
    ]
    assert found[1].tool_calls == (CALL,)
    thread = await create_thread_repository(db).get_by_id("t")
    assert thread is not None
    assert (thread.user_id, thread.agent_id) == ("u", "a")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"type": "user"},
        {"thread_id": "t"},
        {"type": "robot", "thread_id": "t"},
        {"type": "user", "thread_id": "", "content": "x"},
        {"type": "user", "thread_id": "t", "content": 7},
        {"type": "user", "threadId": "t"},
        {"type": "tool-call", "thread_id": "t", "name": "f"},
        {"type": "tool-result", "thread_id": "t", "content": "x"},
        7,
    ],
)
async def test_a_bad_event_is_refused(db: Database, wrong: Any) -> None:
    """InvalidError before anything is written. [K3]"""
    with pytest.raises(InvalidError):
        await create_persistence_middleware(db).persist_message(wrong)
    assert await create_thread_repository(db).count() == 0
