"""with_storage: a plain call saves, the agent gets its history, and all of an answer is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from copy import deepcopy
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from scripted import ASKS, CALL, SAYS, TOLD, Scripted, Streaming, filled, rows, said, statuses

from threadkeep import ConflictError, InvalidError, NotFoundError
from threadkeep.adapters.agents import Hooks, with_storage
from threadkeep.adapters.repositories import create_message_repository, create_thread_repository

if TYPE_CHECKING:
    from threadkeep.adapters.repositories import Database


async def test_a_plain_call_saves_both_sides(db: Database) -> None:
    """The question, then the answer; the thread is made with its id and user. [K4]"""
    agent = Scripted("Hi!")
    persistent = with_storage(agent, db, agent_id="helper")
    assert await persistent("Hello!", thread_id="t", user_id="u", temperature=0) == "Hi!"
    assert await said(db) == [("user", "Hello!"), ("assistant", "Hi!")]
    thread = await create_thread_repository(db).get_by_id("t")
    assert thread is not None
    assert (thread.user_id, thread.agent_id) == ("u", "helper")
    assert agent.given == [{"temperature": 0}]
    assert await statuses(db) == ["complete"]
    assert await persistent.run("Again", thread_id="t", user_id="u") == "Yes."
    assert agent.last == ["Hello!", "Hi!", "Again"]


async def test_the_agent_gets_the_newest_history(db: Database) -> None:
    """Of 200 messages the newest 50 and the question, oldest first. [K4 K5 seed 004 defect 1, 2]"""
    await filled(db, 200)
    agent = Scripted()
    await with_storage(agent, db)("And now?", thread_id="t")
    assert agent.last == [*(str(n) for n in range(150, 200)), "And now?"]
    for most, expected in ((2, ["202", "203"]), (0, [])):
        await filled(db, 2)
        agent = Scripted()
        await with_storage(agent, db, max_history=most)("Q", thread_id="t")
        assert agent.last[-1] == "Q"
        assert len(agent.last) == len(expected) + 1


async def test_history_and_saving_can_be_left_out(db: Database) -> None:
    """Without history the agent gets the question only; without saving nothing is written. [K4]"""
    await filled(db, 4)
    agent = Scripted()
    await with_storage(agent, db, auto_load_history=False)("A", thread_id="t")
    assert agent.last == ["A"]
    before = await said(db)
    await with_storage(agent, db, auto_save=False)("B", thread_id="t")
    assert agent.last == [*(content for _, content in before), "B"]
    await with_storage(agent, db, auto_save=False, auto_load_history=False)("C", thread_id="new")
    assert agent.last == ["C"]
    assert await said(db) == before
    assert await create_thread_repository(db).get_by_id("new") is None
    assert await statuses(db) == ["complete"]


async def test_a_run_with_tools_is_stored_in_its_order(db: Database) -> None:
    """Call, result, answer: each with the other, and a model gets them so.

    [G1 G2 K4 seed 004 defect 5, 6]
    """
    agent = Scripted([ASKS, TOLD, SAYS])
    persistent = with_storage(agent, db)
    await persistent("1+2?", thread_id="t")
    asked, called, told, says = await rows(db)
    assert [row.role for row in (asked, called, told, says)] == [
        *("user", "assistant", "tool", "assistant")
    ]
    assert called.tool_calls == (CALL,)
    assert (told.tool_call_id, told.content) == ("c1", "3")
    assert says.content == "It is 3."
    await persistent("Sure?", thread_id="t")
    assert agent.received[1] == [
        {"role": "user", "content": "1+2?"},
        ASKS,
        TOLD,
        SAYS,
        {"role": "user", "content": "Sure?"},
    ]


async def test_a_call_is_not_parted_from_its_result(db: Database) -> None:
    """Where the limit falls between them, the history has both. [D4 K4]"""
    await with_storage(Scripted([ASKS, TOLD, SAYS]), db)("1+2?", thread_id="t")
    agent = Scripted()
    await with_storage(agent, db, max_history=2)("Sure?", thread_id="t")
    assert agent.received[0][-4:] == [ASKS, TOLD, SAYS, {"role": "user", "content": "Sure?"}]


@pytest.mark.parametrize(
    ("answer", "stored"),
    [
        ("Hi", [("assistant", "Hi")]),
        (None, []),
        (SAYS, [("assistant", "It is 3.")]),
        ([ASKS, TOLD, SAYS], [("assistant", None), ("tool", "3"), ("assistant", "It is 3.")]),
        ([], []),
        (SimpleNamespace(content="Hi"), [("assistant", "Hi")]),
        ({"content": "Hi", "finish": "stop"}, [("assistant", "Hi")]),
        (SimpleNamespace(messages=[ASKS, TOLD], content="It is 3."), None),
        (SimpleNamespace(messages=[ASKS, TOLD, SAYS], content="It is 3."), None),
        ({"messages": [ASKS, TOLD, SAYS]}, None),
        (SimpleNamespace(role="assistant", content="Hi", tool_calls=None), [("assistant", "Hi")]),
        ({"choices": [{"message": SAYS}]}, [("assistant", "It is 3.")]),
        ([{"role": "user", "content": "Q"}, SAYS], [("assistant", "It is 3.")]),
    ],
)
async def test_what_agents_answer_is_understood(db: Database, answer: Any, stored: Any) -> None:
    """A text, a message, messages, or an object with these; what was given is not stored again.

    [K4]
    """
    if stored is None:
        stored = [("assistant", None), ("tool", "3"), ("assistant", "It is 3.")]
    assert await with_storage(Scripted(answer), db)("Q", thread_id="t") is answer
    assert await said(db) == [("user", "Q"), *stored]


async def test_an_agents_own_instructions_double_nothing(db: Database) -> None:
    """An agent that puts a system message first and gives all back has its answer stored. [K4]"""

    async def agent(messages: list[Any]) -> list[Any]:
        return [{"role": "system", "content": "S"}, *messages, ASKS, TOLD, SAYS]

    persistent = with_storage(agent, db)
    for _ in range(2):
        await persistent("Q", thread_id="t")
    answer = [("assistant", None), ("tool", "3"), ("assistant", "It is 3.")]
    assert await said(db) == [("user", "Q"), *answer] * 2
    shorter = Scripted([{"role": "system", "content": "S"}, SAYS])
    await with_storage(shorter, db)("Q", thread_id="u")
    assert await said(db, "u") == [("user", "Q"), ("system", "S"), ("assistant", "It is 3.")]


async def test_an_answer_that_is_none_fails_the_run(db: Database) -> None:
    """The question stays, the run has failed, and the error never quotes what was said."""
    for answer in (7, object(), {"x": 1}, ["secret"], [{"content": "secret"}], b"secret"):
        with pytest.raises(InvalidError) as raised:
            await with_storage(Scripted(answer), db)("Q", thread_id="t")
        assert "secret" not in str(raised.value)
    assert await said(db) == [("user", "Q")] * 6
    assert await statuses(db) == ["failed"] * 6


async def test_the_real_client_objects_are_understood(db: Database) -> None:
    """A completion of the package `openai` is stored with its calls, and its usage counts."""
    from openai.types.chat import ChatCompletion

    completion = ChatCompletion.model_validate(
        {
            "id": "x",
            "created": 1,
            "model": "m",
            "object": "chat.completion",
            "usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6},
            "choices": [{"index": 0, "finish_reason": "tool_calls", "message": ASKS}],
        }
    )
    await with_storage(Scripted(completion), db)("Q", thread_id="t")
    assert (await rows(db))[-1].tool_calls == (CALL,)
    usage = await (await db.chat()).runs.usage("t")
    assert (usage.input_tokens, usage.output_tokens) == (4, 2)
    await with_storage(Scripted([*[SAYS], completion.choices[0].message]), db)("Q", thread_id="t")
    assert (await rows(db))[-1].tool_calls == (CALL,)


async def test_a_failed_agent_leaves_the_question_and_a_status(db: Database) -> None:
    """The error reaches the caller unchanged; the run says that it failed.

    [K2 seed 004 defect 7]
    """
    error = RuntimeError("model away")
    with pytest.raises(RuntimeError) as raised:
        await with_storage(Scripted(error), db)("Q", thread_id="t")
    assert raised.value is error
    assert await said(db) == [("user", "Q")]
    assert await statuses(db) == ["failed"]
    agent = Scripted("A")
    await with_storage(agent, db)("Again", thread_id="t")
    assert agent.last == ["Q", "Again"]


async def test_a_cancelled_call_is_cancelled(db: Database) -> None:
    """The question stays, the run says that it was cancelled. [K2 seed 004 defect 7]"""
    going = asyncio.Event()

    async def agent(messages: Any) -> str:
        going.set()
        await asyncio.sleep(60)
        return "late"

    task = asyncio.create_task(with_storage(agent, db)("Q", thread_id="t"))
    await going.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await statuses(db) == ["cancelled"]
    assert await said(db) == [("user", "Q")]


async def test_the_question_is_durable_before_the_agent_runs(db: Database) -> None:
    """When the agent is called, another reader finds the question. [K2]"""
    seen: list[Any] = []

    async def agent(messages: Any) -> str:
        seen.extend(await said(db))
        return "A"

    await with_storage(agent, db)("Q", thread_id="t")
    assert seen == [("user", "Q")]


async def test_an_interrupted_call_is_healed(db: Database) -> None:
    """A call that nobody answered has a result in the next history, and the row stays as it is."""
    await with_storage(Scripted([ASKS]), db)("1+2?", thread_id="t")
    agent = Scripted()
    await with_storage(agent, db)("Well?", thread_id="t")
    roles = [message["role"] for message in agent.received[0]]
    assert roles == ["user", "assistant", "tool", "user"]
    plain = Scripted()
    await with_storage(plain, db, heal=None)("Well?", thread_id="t")
    assert [message["role"] for message in plain.received[0]][:3] == ["user", "assistant", "user"]


async def test_questions_have_many_forms(db: Database) -> None:
    """A text, a message with an id, or several messages; anything else is refused. [K4]"""
    persistent = with_storage(Scripted("A", "B", "C"), db)
    question = {"role": "user", "content": [{"type": "text", "text": "Q"}], "id": "q1"}
    await persistent(question, thread_id="t")
    await persistent(question, thread_id="t")
    found = await rows(db)
    assert found[0].message_id == "q1"
    assert [row.role for row in found] == ["user", "assistant", "assistant"]
    await persistent(
        [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}], thread_id="u"
    )
    assert await said(db, "u") == [("system", "S"), ("user", "Q"), ("assistant", "C")]
    for wrong in (7, None, [], {}, {"content": "x"}, ["x"], b"x"):
        with pytest.raises(InvalidError):
            await persistent(wrong, thread_id="v")
    assert await create_thread_repository(db).get_by_id("v") is None


async def test_a_streaming_agent_can_be_called(db: Database) -> None:
    """Its words are returned as one text, and saved; one without a stream yields its answer.

    [K4]
    """

    async def generator(messages: Any, **given: Any) -> AsyncIterator[str]:
        for word in ("Hel", "lo"):
            yield word

    assert await with_storage(generator, db)("Q", thread_id="t") == "Hello"
    assert await with_storage(Streaming("Hel", "lo"), db).run("Q", thread_id="t") == "Hello"
    messages = Streaming("It ", ASKS, TOLD, "It is", SAYS)
    assert await with_storage(messages, db)("Q", thread_id="m") == "It It is 3."
    assert await with_storage(Streaming(SAYS), db)("Q", thread_id="n") == "It is 3."
    silent = with_storage(Streaming("It is", SAYS, " Yes."), db, auto_save=False)
    assert await silent("Q", thread_id="n") == "It is 3. Yes."
    whole = with_storage(Scripted(SAYS), db).stream("Q", thread_id="t")
    assert [chunk async for chunk in whole] == [SAYS]
    assert [content for _, content in await said(db)] == [
        "Q",
        "Hello",
        "Q",
        "Hello",
        "Q",
        "It is 3.",
    ]

    class Both:
        async def run(self, messages: Any) -> str:
            return "run"

        async def stream(self, messages: Any) -> AsyncIterator[str]:
            yield "stream"

    both = with_storage(Both(), db)
    assert await both("Q", thread_id="b") == "run"
    assert [chunk async for chunk in both.stream("Q", thread_id="b")] == ["stream"]


async def test_another_users_thread_is_unknown(db: Database) -> None:
    """With a user nothing of another user's thread is read or written. [I1]"""
    await create_thread_repository(db).create(user_id="a", id="t")
    agent = Scripted()
    for persistent in (with_storage(agent, db), with_storage(agent, db, agent_id="x")):
        with pytest.raises(NotFoundError):
            await persistent("Q", thread_id="t", user_id="b")
    assert agent.received == []
    assert await rows(db) == []


async def test_one_question_at_a_time(db: Database) -> None:
    """With `exclusive` a second question of the same thread is refused while the first runs.

    [K11]
    """
    going = asyncio.Event()
    end = asyncio.Event()

    async def agent(messages: Any) -> str:
        going.set()
        await end.wait()
        return "A"

    persistent = with_storage(agent, db, exclusive=True)
    first = asyncio.create_task(persistent("Q1", thread_id="t"))
    await going.wait()
    with pytest.raises(ConflictError) as raised:
        await persistent("Q2", thread_id="t")
    assert raised.value.reason == "run_live"
    end.set()
    await first
    assert await said(db) == [("user", "Q1"), ("assistant", "A")]


async def test_hooks_see_each_save(db: Database) -> None:
    """The one before may change or prevent it, the one after sees what is stored. [K10]"""
    seen: list[Any] = []

    async def before(thread_id: str, item: dict[str, Any]) -> dict[str, Any] | None:
        if "refuse" in str(item["content"]):
            raise PermissionError
        seen.append((thread_id, item["role"]))
        return {**item, "content": item["content"].upper()} if item["role"] == "user" else None

    hooks = Hooks(before_save=before, after_save=lambda row: seen.append(row.content))
    agent = Scripted("a", "please refuse")
    persistent = with_storage(agent, db, hooks=hooks)
    await persistent("q", thread_id="t")
    assert seen == [("t", "user"), "Q", ("t", "assistant"), "a"]
    assert agent.last == ["Q"]
    with pytest.raises(PermissionError):
        await persistent("please refuse", thread_id="t")
    assert len(agent.received) == 1
    with pytest.raises(PermissionError):
        await persistent("q2", thread_id="t")
    assert await said(db) == [("user", "Q"), ("assistant", "a"), ("user", "Q2")]
    assert await statuses(db) == ["complete", "failed"]


async def test_a_hook_changes_what_it_returns_only(db: Database) -> None:
    """What a hook does to the item that it gets changes neither the save nor the answer. [K10]"""

    def before(thread_id: str, item: dict[str, Any]) -> None:
        for call in item.pop("tool_calls", ()):
            call["function"]["arguments"] = "gone"
        item["content"] = "gone"

    answer = {"role": "assistant", "content": "A", "tool_calls": [deepcopy(CALL)]}
    persistent = with_storage(Scripted(answer), db, hooks=Hooks(before_save=before))
    assert await persistent("Q", thread_id="t") is answer
    assert answer == {"role": "assistant", "content": "A", "tool_calls": [CALL]}
    asked, says = await rows(db)
    assert (asked.content, says.content, says.tool_calls) == ("Q", "A", (CALL,))


async def test_a_question_that_is_none_makes_no_thread(db: Database) -> None:
    """Also where the agent has an id: nothing is written before the question was looked at. [K4]"""
    persistent = with_storage(Scripted(), db, agent_id="x")
    twice = [{"role": "user", "content": "Q", "id": "q"}] * 2
    for wrong in ({"role": "user", "content": object()}, twice):
        with pytest.raises(InvalidError):
            await persistent(wrong, thread_id="t")
    assert await create_thread_repository(db).get_by_id("t") is None


async def test_a_raising_hook_loses_nothing(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    """What the hook after a save raises is logged by its class, and all is saved. [K10]"""

    def after(row: Any) -> None:
        raise ValueError(f"secret: {row.content}")

    with caplog.at_level(logging.WARNING, logger="threadkeep"):
        persistent = with_storage(Scripted([ASKS, TOLD, SAYS]), db, hooks=Hooks(after_save=after))
        await persistent("1+2?", thread_id="t")
    assert len(await rows(db)) == 4
    assert await statuses(db) == ["complete"]
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_bad_options_are_refused(db: Database) -> None:
    """Options and agents that are none are refused when they are given."""
    maker: Any = with_storage
    options: list[tuple[str, Any]] = [
        *(("max_history", -1), ("max_history", 1000), ("auto_save", "yes"), ("exclusive", 1)),
        *(("heal", "often"), ("hooks", None), ("text_of", "text"), ("message_of", 7)),
        *(("save_every", -1), ("save_every", "5"), ("save_every", float("nan"))),
        *(("agent_id", ""), ("agent_id", 7)),
    ]
    for name, wrong in options:
        with pytest.raises(InvalidError) as raised:
            maker(Scripted(), db, **{name: wrong})
        assert raised.value.field == name
    with pytest.raises(TypeError):
        maker(Scripted(), db, unknown=1)
    with pytest.raises(InvalidError):
        maker("agent", db)
    with pytest.raises(InvalidError):
        maker(Scripted(), "database")


async def test_concurrent_questions_all_land(db: Database) -> None:
    """Ten questions at once on one new thread: all ten and their answers are stored. [B3]"""
    agent = Scripted()
    persistent = with_storage(agent, db)
    await asyncio.gather(*(persistent(f"Q{n}", thread_id="t", user_id="u") for n in range(10)))
    found = await said(db)
    assert sorted(content for role, content in found if role == "user") == [
        f"Q{n}" for n in range(10)
    ]
    assert len(found) == 20
    assert await create_message_repository(db).count("t") == 20
