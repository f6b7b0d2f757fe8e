"""Streams: chunks pass unchanged, and what was said is saved however it ends."""

from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted import (
    ASKS,
    CALL,
    SAYS,
    TOLD,
    Scripted,
    Streaming,
    delta,
    filled,
    rows,
    said,
    statuses,
)

from threadkeep import ConflictError, NotFoundError, UnavailableError
from threadkeep.adapters.agents import Hooks, continue_thread, stream_continue_thread, with_storage
from threadkeep.adapters.repositories import create_message_repository, create_thread_repository
from threadkeep.store import Turn

if TYPE_CHECKING:
    from threadkeep.adapters.repositories import Database


async def test_the_agent_really_gets_the_history(db: Database) -> None:
    """What was said before and the new message reach the agent, streaming or not.

    [K5 K6 seed 004 defect 1]
    """
    await filled(db, 4)
    agent = Scripted("A")
    answer = await continue_thread(agent=agent, thread_id="t", database=db, new_message="Q")
    assert answer == "A"
    assert agent.last == ["0", "1", "2", "3", "Q"]
    streaming = Streaming(delta("B"))
    async for _ in stream_continue_thread(
        agent=streaming, thread_id="t", database=db, new_message="R", given={}
    ):
        pass
    assert [m["content"] for m in streaming.received[0]] == ["0", "1", "2", "3", "Q", "A", "R"]
    assert (await said(db))[-2:] == [("user", "R"), ("assistant", "B")]


async def test_a_long_thread_gives_its_newest(db: Database) -> None:
    """Of 200 messages the newest are loaded, oldest first. [K5 seed 004 defect 2, 3]"""
    await filled(db, 200)
    agent = Scripted()
    await continue_thread(agent=agent, thread_id="t", database=db, new_message="Q", max_history=10)
    assert agent.last == [*(str(n) for n in range(190, 200)), "Q"]


async def test_an_unknown_thread_is_refused_before_any_write(db: Database) -> None:
    """NotFoundError, no agent called, nothing made; so for another user's thread. [K5]"""
    await create_thread_repository(db).create(user_id="a", id="of-a")
    agent = Scripted()
    for thread, user in (("unknown", None), ("of-a", "b")):
        with pytest.raises(NotFoundError):
            await continue_thread(
                agent=agent, thread_id=thread, database=db, new_message="Q", user_id=user
            )
        with pytest.raises(NotFoundError):
            async for _ in stream_continue_thread(
                agent=agent, thread_id=thread, database=db, new_message="Q", user_id=user
            ):
                pass
    assert agent.received == []
    assert await create_thread_repository(db).get_by_id("unknown") is None
    assert await rows(db, "of-a") == []


async def test_chunks_pass_unchanged(db: Database) -> None:
    """The consumer gets the very objects that the agent yields. [K6]"""
    await filled(db, 2)
    agent = Streaming(delta("Hel"), {"type": "tool", "x": object()}, delta("lo"), object(), "!")
    chunks = [
        chunk
        async for chunk in stream_continue_thread(
            agent=agent, thread_id="t", database=db, new_message="Q"
        )
    ]
    assert all(got is sent for got, sent in zip(chunks, agent.chunks, strict=True))
    assert (await rows(db))[-1].content == "Hello!"
    assert (await rows(db))[-1].status == "complete"
    assert await statuses(db) == ["complete"]
    assert agent.closed


@pytest.mark.parametrize(
    "chunks",
    [
        ["Hel", "lo"],
        [delta("Hel"), delta("lo"), {"type": "done"}],
        [SimpleNamespace(type="content", delta="Hello")],
        [{"type": "text-start"}, {"type": "text-delta", "id": "0", "delta": "Hello"}],
        [{"type": "text-delta", "textDelta": "Hel"}, {"type": "text-delta", "text": "lo"}],
        [{"choices": [{"delta": {"content": "Hello", "role": "assistant"}}]}, {"choices": []}],
        [SimpleNamespace(choices=[SimpleNamespace(delta=SimpleNamespace(content="Hello"))])],
        [{"type": "reasoning", "delta": "Hm"}, delta("Hello"), {"type": "content"}],
        [{"role": "assistant", "content": "Hello"}],
        ["Hel", "lo", {"role": "assistant", "content": "Hello"}],
        ["Hel", {"type": "final", "message": {"role": "assistant", "content": "Hello"}}],
    ],
)
async def test_the_words_of_a_chunk_are_known(db: Database, chunks: list[Any]) -> None:
    """Each of the known shapes of a chunk adds its words, once. [K6]"""
    stream = with_storage(Streaming(*chunks), db).stream("Q", thread_id="t")
    assert len([chunk async for chunk in stream]) == len(chunks)
    assert await said(db) == [("user", "Q"), ("assistant", "Hello")]


async def test_other_chunks_can_be_read(db: Database) -> None:
    """`text_of` and `message_of` say what a chunk of the app's own is. [K6]"""
    agent = Streaming(("t", "Hel"), ("t", "lo"), ("m", ASKS), ("m", TOLD), ("t", "Bye"))
    persistent = with_storage(
        agent,
        db,
        text_of=lambda chunk: chunk[1] if chunk[0] == "t" else None,
        message_of=lambda chunk: chunk[1] if chunk[0] == "m" else None,
    )
    assert [chunk async for chunk in persistent.stream("Q", thread_id="t")] == list(agent.chunks)
    assert await said(db) == [
        ("user", "Q"),
        ("assistant", "Hello"),
        ("assistant", None),
        ("tool", "3"),
        ("assistant", "Bye"),
    ]


async def test_tool_messages_of_a_stream_stay_in_order(db: Database) -> None:
    """Words, call, result, words: stored in that order, the call with its result.

    [K6 seed 004 defect 5]
    """
    agent = Streaming("Let me ", "see.", ASKS, TOLD, "It is", " 3.", {**SAYS})
    async for _ in with_storage(agent, db).stream("1+2?", thread_id="t"):
        pass
    found = await rows(db)
    assert [(row.role, row.content) for row in found] == [
        ("user", "1+2?"),
        ("assistant", "Let me see."),
        ("assistant", None),
        ("tool", "3"),
        ("assistant", "It is 3."),
    ]
    assert found[2].tool_calls == (CALL,)


async def test_an_error_keeps_what_was_said(db: Database) -> None:
    """The error reaches the consumer, and the partial answer says that it failed.

    [K6 seed 004 defect 7]
    """
    agent = Streaming("Hel", "lo", RuntimeError("away"))
    got: list[Any] = []

    async def consume() -> None:
        async for chunk in with_storage(agent, db).stream("Q", thread_id="t"):
            got.append(chunk)  # noqa: PERF401  what came before the error counts

    with pytest.raises(RuntimeError, match="away"):
        await consume()
    assert got == ["Hel", "lo"]
    assert [(row.content, row.status) for row in await rows(db)] == [
        *(("Q", "complete"), ("Hello", "failed"))
    ]
    assert await statuses(db) == ["failed"]


async def test_a_consumer_who_stops_keeps_what_was_said(db: Database) -> None:
    """After a break the partial answer is there, and says that it was cancelled.

    [K6 seed 004 defect 7]
    """
    await filled(db, 2)
    agent = Streaming("Hel", "lo")
    stream = stream_continue_thread(agent=agent, thread_id="t", database=db, new_message="Q")
    async with aclosing(stream) as chunks:
        async for chunk in chunks:
            assert chunk == "Hel"
            break
    last = (await rows(db))[-1]
    assert (last.role, last.content, last.status) == ("assistant", "Hel", "cancelled")
    assert await statuses(db) == ["cancelled"]
    assert agent.closed


@pytest.mark.parametrize("name", ["aclose", "close"])
async def test_the_agents_stream_is_closed(db: Database, name: str) -> None:
    """When the consumer stops, the stream of a client's SDK is closed too, and only then. [K6]"""
    closed: list[str] = []

    class Chunks:
        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> str:
            assert not closed
            return "Hel"

    async def close(self: Any) -> None:
        closed.append(name)

    setattr(Chunks, name, close)
    stream = with_storage(lambda messages: Chunks(), db).stream("Q", thread_id="t")
    async with aclosing(stream) as chunks:
        assert await anext(chunks) == "Hel"
    assert closed == [name]


async def test_a_plain_break_is_enough(db: Database) -> None:
    """Also without closing it: the generator that is thrown away saves what was said. [K6]"""
    agent = Streaming("Hel", "lo")
    async for _ in with_storage(agent, db).stream("Q", thread_id="t"):
        break
    gc.collect()
    for _ in range(200):
        if await statuses(db) == ["cancelled"]:
            break
        await asyncio.sleep(0.01)
    assert [(row.content, row.status) for row in await rows(db)] == [
        *(("Q", "complete"), ("Hel", "cancelled"))
    ]


async def test_a_cancelled_consumer_keeps_what_was_said(db: Database) -> None:
    """A task that is cancelled in mid-stream leaves the partial answer, cancelled. [K6]"""
    going = asyncio.Event()

    async def agent(messages: Any) -> Any:
        yield "Hel"
        going.set()
        await asyncio.sleep(60)
        yield "lo"

    async def consume() -> None:
        async for _ in with_storage(agent, db).stream("Q", thread_id="t"):
            pass

    task = asyncio.create_task(consume())
    await going.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    last = (await rows(db))[-1]
    assert (last.content, last.status) == ("Hel", "cancelled")
    assert await statuses(db) == ["cancelled"]


async def test_a_cancelled_scope_keeps_what_was_said(db: Database) -> None:
    """Also where every await is cancelled again, as by anyio and so by Starlette. [K6]"""
    anyio = pytest.importorskip("anyio")

    async def agent(messages: Any) -> Any:
        yield "Hel"
        await asyncio.sleep(60)
        yield "lo"

    with anyio.CancelScope() as scope:
        async for _ in with_storage(agent, db).stream("Q", thread_id="t"):
            scope.cancel()
    assert scope.cancelled_caught
    last = (await rows(db))[-1]
    assert (last.content, last.status) == ("Hel", "cancelled")
    assert await statuses(db) == ["cancelled"]


async def test_a_growing_answer_is_saved_on_the_way(db: Database) -> None:
    """While it streams another reader finds what was said so far, as still running. [K2]"""
    seen: list[Any] = []

    async def agent(messages: Any) -> Any:
        for word in "abcd":
            yield word
            last = (await rows(db))[-1]
            seen.append((last.content, last.status))

    stream = with_storage(agent, db, save_every=0).stream("Q", thread_id="t")
    async for _ in stream:
        pass
    assert seen == [
        ("Q", "complete"),
        ("ab", "running"),
        ("abc", "running"),
        ("abcd", "running"),
    ]
    assert [(row.content, row.status, row.seq) for row in await rows(db)] == [
        *(("Q", "complete", 1), ("abcd", "complete", 2))
    ]


@pytest.mark.parametrize("end", ["fail", "message", "own id", "deleted"])
async def test_a_growing_answer_ends_once(db: Database, end: str) -> None:
    """However it ends, there is one message of it, with its last words and its status. [K2 K6]"""
    messages = create_message_repository(db)

    async def agent(given: Any) -> Any:
        for word in ("a", "b"):
            yield word
        if end == "fail":
            raise RuntimeError
        if end == "message":
            yield {"role": "assistant", "content": "abc"}
        if end == "own id":
            yield {"role": "assistant", "content": "abc", "id": "mine"}
        if end == "deleted":
            await messages.delete((await rows(db))[-1].id)
            yield "c"

    stream = with_storage(agent, db, save_every=0).stream("Q", thread_id="t")
    try:
        async for _ in stream:
            pass
    except RuntimeError:
        assert end == "fail"
    last = (await rows(db))[-1]
    assert len(await rows(db)) == 2
    expected = ("ab", "failed") if end == "fail" else ("abc", "complete")
    assert (last.content, last.status) == expected
    assert (last.message_id == "mine") is (end == "own id")
    assert last.run is not None


@pytest.mark.parametrize("save_every", [None, 0])
@pytest.mark.parametrize(
    "whole",
    [
        {"role": "assistant", "content": "Hello", "tool_calls": [CALL]},
        {"role": "assistant", "content": "Hello", "tool_calls": [CALL], "id": "mine"},
    ],
)
@pytest.mark.parametrize("how", ["in the hook", "in the write"])
async def test_a_cancelled_completion_stays_whole(
    db: Database, how: str, whole: dict[str, Any], save_every: float | None
) -> None:
    """A caller who goes while a message is stored leaves all of it, once, with its calls. [K6]"""
    cancelled: list[bool] = []

    async def before(thread_id: str, item: dict[str, Any]) -> None:
        if item["content"] == "Hello" and not cancelled:
            task = asyncio.current_task()
            assert task is not None
            cancelled.append(task.cancel())
            if how == "in the hook":
                await asyncio.sleep(0)

    async def consume() -> None:
        persistent = with_storage(
            Streaming("He", "l", whole), db, hooks=Hooks(before_save=before), save_every=save_every
        )
        async for _ in persistent.stream("Q", thread_id="t"):
            pass

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(consume())
    _, last = await rows(db)
    assert (last.content, last.tool_calls) == ("Hello", (CALL,))
    assert (last.message_id == "mine") is ("id" in whole)
    assert await statuses(db) == ["cancelled"]


@pytest.mark.parametrize("save_every", [None, 0])
async def test_an_answer_that_was_lost_on_its_way_is_stored_once(
    db: Database, monkeypatch: pytest.MonkeyPatch, save_every: float | None
) -> None:
    """Where it is not known whether a message was stored, it is there whole, and once. [K6]"""
    append = Turn.append

    async def lost(self: Turn, items: Any, **more: Any) -> Any:
        stored = await append(self, items, **more)
        if stored[0].id == "mine":
            monkeypatch.undo()
            raise UnavailableError("the connection was lost")
        return stored

    monkeypatch.setattr(Turn, "append", lost)
    whole = {"role": "assistant", "content": "Hello", "id": "mine"}
    stream = with_storage(Streaming("He", "l", whole), db, save_every=save_every)
    with pytest.raises(UnavailableError):
        async for _ in stream.stream("Q", thread_id="t"):
            pass
    assert await said(db) == [("user", "Q"), ("assistant", "Hello")]


@pytest.mark.parametrize("save_every", [None, 0])
async def test_an_id_that_is_taken_is_another_message(
    db: Database, save_every: float | None
) -> None:
    """An agent that uses an id again changes nothing there, and its words are kept. [K6]"""
    old = {"role": "assistant", "content": "Old", "id": "mine"}
    await with_storage(Scripted(old), db)("Q", thread_id="t")
    agent = Streaming("He", "l", {"role": "assistant", "content": "Hello", "id": "mine"})
    with pytest.raises(ConflictError):
        async for _ in with_storage(agent, db, save_every=save_every).stream("R", thread_id="t"):
            pass
    assert await said(db) == [
        *(("user", "Q"), ("assistant", "Old"), ("user", "R"), ("assistant", "Hel"))
    ]
    assert await statuses(db) == ["complete", "failed"]


@pytest.mark.parametrize(
    "content",
    [
        "It is 3.",
        "It is 3. Yes.",
        [{"type": "text", "text": "It is"}, {"type": "text", "text": "3."}],
    ],
)
async def test_white_space_doubles_nothing(db: Database, content: Any) -> None:
    """A message completes its words also where white space was trimmed or parts were joined. [K6]

    A caller gets all words too, as the message has them.
    """
    chunks = ("\n", "It is", " 3.", " ", {"role": "assistant", "content": content})
    answer = await with_storage(Streaming(*chunks), db)("Q", thread_id="t")
    assert await said(db) == [("user", "Q"), ("assistant", content)]
    assert answer == (await rows(db))[-1].text


async def test_hooks_see_the_end_of_a_stream(db: Database) -> None:
    """A stream is told of when it has ended, once, with its status. [K10]"""
    told: list[Any] = []
    hooks = Hooks(after_save=lambda row: told.append((row.content, row.status)))
    agent = Streaming("a", "b", RuntimeError())
    with pytest.raises(RuntimeError):
        async for _ in with_storage(agent, db, hooks=hooks, save_every=0).stream(
            "Q", thread_id="t"
        ):
            pass
    assert told == [("Q", "complete"), ("ab", "failed")]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    chunks=st.lists(
        st.text("ab \n", min_size=1, max_size=3) | st.sampled_from(["CALL", "MESSAGE"]), max_size=8
    ),
    stop=st.integers(0, 9),
    fails=st.booleans(),
    save_every=st.sampled_from([None, 0]),
)
async def test_nothing_said_is_lost_or_doubled(
    db: Database, chunks: list[str], stop: int, fails: bool, save_every: float | None
) -> None:
    """Wherever a stream ends, the words that were stored are those that were consumed. [K6]"""
    thread = f"t{len(await create_thread_repository(db).list(limit=None))}"
    consumed: list[str] = []

    async def agent(messages: Any) -> Any:
        for place, chunk in enumerate(chunks):
            if fails and place == stop:
                raise RuntimeError
            if chunk == "CALL":
                yield ASKS
                yield TOLD
            elif chunk == "MESSAGE":
                yield {"role": "assistant", "content": "whole"}
            else:
                yield chunk

    stream = with_storage(agent, db, save_every=save_every).stream("Q", thread_id=thread)
    taken = 0
    try:
        async with aclosing(stream) as found:
            async for chunk in found:
                text = chunk if isinstance(chunk, str) else chunk["content"] or ""
                consumed.append("" if chunk is TOLD else text)
                taken += 1
                if not fails and taken == stop:
                    break
    except RuntimeError:
        assert fails
    stored = [row for row in await rows(db, thread) if row.role == "assistant"]
    said_words, heard = "".join(row.text for row in stored), "".join(consumed)
    if not {"CALL", "MESSAGE"} & set(chunks):
        assert said_words == heard
    # A message that begins with the words before it completes them, white space aside.
    assert "".join(said_words.split()) == "".join(heard.split())
    assert all(row.status != "running" for row in stored)
    [status] = await statuses(db, thread) or ["none"]
    assert status in ("complete", "failed", "cancelled", "none")
