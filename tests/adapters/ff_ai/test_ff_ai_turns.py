"""The turn handler: durable before the model, each step once, and no failed save forgotten."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_ff_ai_steps import call, result, text

from threadkeep import ConflictError, InvalidError, UnavailableError, Usage
from threadkeep.adapters.ff_ai import ConversationStore, TurnHandler, create_turn_handler

if TYPE_CHECKING:
    from threadkeep import AsyncStore, Owner
    from threadkeep.testing.servers import Database

USER = {"role": "user", "content": "Will it rain?"}
ASKS, TOLD, SAYS = call("c1"), result("c1"), text("No.")


@pytest.fixture
def handler(store: AsyncStore) -> TurnHandler:
    """A handler of one thread."""
    return create_turn_handler(store, resource_id="r", thread_id="t")


async def contents(store: AsyncStore, thread: str = "t") -> list[Any]:
    """What is stored, as model messages."""
    found = await ConversationStore(store).get_messages(resource_id="r", thread_id=thread)
    return [message.to_model_message() for message in found]


def step(number: int, *messages: Any, **more: Any) -> dict[str, Any]:
    """A step result."""
    response = {"id": f"resp-{number}", "messages": list(messages)}
    return {"stepNumber": number, "response": response, **more}


class Flaky:
    """A store whose saves fail as planned: before they reach the database, or after it."""

    def __init__(self, inner: Any, plan: Iterator[str]) -> None:
        self._inner = inner
        self._plan = plan
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return Flaky(found, self._plan) if name == "messages" else found

    async def append(self, *args: Any, **more: Any) -> Any:
        how = next(self._plan, "well")
        if how == "before":
            raise UnavailableError("away", transient=True)
        stored = await self._inner.append(*args, **more)
        if how == "after":
            raise UnavailableError("the answer was lost", transient=True)
        return stored


class FlakyStore(ConversationStore):
    """The same, as a ConversationStore."""

    def __init__(self, store: AsyncStore, plan: Iterator[str]) -> None:
        super().__init__(store)
        self._plan = plan

    def owner(self, resource_id: str) -> Owner:
        return cast("Owner", Flaky(super().owner(resource_id), self._plan))


@pytest.mark.parametrize("accumulates", [False, True])
async def test_a_two_step_turn_is_stored_whole(
    store: AsyncStore, handler: TurnHandler, accumulates: bool
) -> None:
    """Lists of AI SDK 5 and 6 and lists of AI SDK 7 give the same rows.

    [K1 seed 001 defect 9]
    """
    await handler.save_user_message(USER)
    await handler.on_step(step(0, ASKS, TOLD))
    before = (ASKS, TOLD) if accumulates else ()
    stored = await handler.on_step(step(1, *before, SAYS))
    assert [message.to_model_message() for message in stored] == [SAYS]
    assert await contents(store) == [USER, ASKS, TOLD, SAYS]


async def test_history_has_ten_turns_by_default(store: AsyncStore, handler: TurnHandler) -> None:
    """get_history gives the last ten turns, as many as asked for, or all. [D2 K1]"""
    for n in range(12):
        await handler.save_user_message({"role": "user", "content": str(n)})
        await handler.on_step([text(f"answer {n}")])
    assert len(await handler.get_history()) == 20
    assert (await handler.get_history())[0]["content"] == "2"
    assert len(await handler.get_history(window_size=3)) == 6
    assert len(await handler.get_history(window_size=None)) == 24
    with pytest.raises(ValueError, match="window_size"):
        await handler.get_history(-1)


async def test_the_users_message_is_durable_first(store: AsyncStore, handler: TurnHandler) -> None:
    """When save_user_message returns, the message is stored. [K2]"""
    stored = await handler.save_user_message(USER)
    assert await contents(store) == [USER]
    assert stored.id
    assert stored.role == "user"
    assert handler.pending == ()


@pytest.mark.parametrize("role", ["assistant", "system", "tool"])
async def test_only_a_user_says_a_users_message(
    store: AsyncStore, handler: TurnHandler, role: str
) -> None:
    """Any other role is refused, and nothing is stored. [K1]"""
    with pytest.raises(InvalidError) as caught:
        await handler.save_user_message({"role": role, "content": [] if role == "tool" else "x"})
    assert caught.value.field == "role"
    assert await contents(store) == []


async def test_a_second_generation_starts_anew(store: AsyncStore, handler: TurnHandler) -> None:
    """The same handler serves turn after turn: nothing of the second is skipped.

    [seed 001 defect 10]
    """
    for n in range(3):
        await handler.save_user_message(USER)
        await handler.on_step(step(0, ASKS, TOLD))
        await handler.on_step(step(1, ASKS, TOLD, text(f"answer {n}")))
    one = [USER, ASKS, TOLD]
    assert await contents(store) == [
        *(*one, text("answer 0")),
        *(*one, text("answer 1")),
        *(*one, text("answer 2")),
    ]


async def test_a_second_answer_needs_no_question(store: AsyncStore, handler: TurnHandler) -> None:
    """A run is told from the one before by its names, or by new_run. [seed 001 defect 10]"""
    await handler.save_user_message(USER)
    await handler.on_step(step(0, text("a")))
    first = handler.run_id
    await handler.on_step(step(0, text("b")))
    assert handler.run_id != first
    await handler.on_step([text("c")])
    assert await handler.on_step([text("c")]) == []
    assert handler.new_run("mine") == "mine"
    [again] = await handler.on_step([text("c")])
    assert again.id == "mine.1"
    assert await contents(store) == [USER, text("a"), text("b"), text("c"), text("c")]


async def test_a_failed_save_is_made_again_by_the_next_call(store: AsyncStore) -> None:
    """What a failed call took is saved by the next one, first and once. [seed 001 defect 11]"""
    plan = iter(["well", "before", "before", "after"])
    handler = create_turn_handler(FlakyStore(store, plan), resource_id="r", thread_id="t")
    await handler.save_user_message(USER)
    for expected in ([ASKS, TOLD], [ASKS, TOLD]):
        with pytest.raises(UnavailableError):
            await handler.on_step(step(0, ASKS, TOLD))
        assert len(handler.pending) == len(expected)
    with pytest.raises(UnavailableError):
        await handler.on_step(step(1, ASKS, TOLD, SAYS))
    assert len(handler.pending) == 3
    assert await handler.on_step(step(1, ASKS, TOLD, SAYS)) == []
    assert not handler.pending
    assert await contents(store) == [USER, ASKS, TOLD, SAYS]


@pytest.mark.parametrize("how", ["before", "after"])
async def test_a_question_that_failed_is_asked_once(store: AsyncStore, how: str) -> None:
    """save_user_message may be called again after it failed, and the same words later anew. [K2]"""
    handler = create_turn_handler(FlakyStore(store, iter([how])), resource_id="r", thread_id="t")
    with pytest.raises(UnavailableError):
        await handler.save_user_message(USER)
    stored = await handler.save_user_message(USER)
    assert await contents(store) == [USER]
    again = await handler.save_user_message({**USER, "id": stored.id})
    assert again.id == stored.id
    await handler.save_user_message(USER)
    assert await contents(store) == [USER, USER]


async def test_flush_and_history_save_what_is_pending(store: AsyncStore) -> None:
    """Any call saves what waits: flush, close, get_history, the next question."""
    for n, last in enumerate(("flush", "close", "get_history")):
        flaky = FlakyStore(store, iter(["well", "before"]))
        handler = create_turn_handler(flaky, resource_id="r", thread_id=f"t{n}")
        await handler.save_user_message(USER)
        with pytest.raises(UnavailableError):
            await handler.on_step([SAYS])
        await getattr(handler, last)()
        assert await contents(store, f"t{n}") == [USER, SAYS]
    flaky = FlakyStore(store, iter(["well", "before"]))
    handler = create_turn_handler(flaky, resource_id="r", thread_id="t")
    await handler.save_user_message(USER)
    with pytest.raises(UnavailableError):
        await handler.on_step([SAYS])
    await handler.save_user_message({"role": "user", "content": "And now?"})
    assert await contents(store) == [USER, SAYS, {"role": "user", "content": "And now?"}]


async def test_what_the_store_refuses_can_be_given_up(store: AsyncStore) -> None:
    """A refusal for good keeps the step until the app takes it back; a question is not kept."""
    conversations = ConversationStore(store)
    taken = {"role": "user", "content": "first", "id": "m"}
    await conversations.save_messages(resource_id="r", thread_id="t", messages=[taken])
    handler = create_turn_handler(store, resource_id="r", thread_id="t")
    with pytest.raises(ConflictError):
        await handler.save_user_message({**USER, "id": "m"})
    assert not handler.pending
    await handler.save_user_message(USER)
    with pytest.raises(ConflictError):
        await handler.on_step([{**SAYS, "id": "m"}])
    assert handler.pending == ("m",)
    with pytest.raises(ConflictError):
        await handler.flush()
    [given_up] = await handler.discard()
    assert given_up.to_model_message() == SAYS
    await handler.on_step([SAYS])
    assert (await contents(store))[1:] == [USER, SAYS]


async def test_a_step_that_was_given_up_is_counted_once(store: AsyncStore) -> None:
    """Its tokens were used, and handing it over again uses no others. [K2]"""
    taken = {"role": "user", "content": "first", "id": "m"}
    conversations = ConversationStore(store)
    await conversations.save_messages(resource_id="r", thread_id="t", messages=[taken])
    usage = {"inputTokens": 10, "outputTokens": 5}
    async with create_turn_handler(store, resource_id="r", thread_id="t") as handler:
        await handler.save_user_message(USER)
        with pytest.raises(ConflictError):
            await handler.on_step(step(0, {**SAYS, "id": "m"}, usage=usage))
        assert len(await handler.discard()) == 1
        await handler.on_step(step(0, SAYS, usage=usage))
        await handler.on_step(step(1, text("And more."), usage=usage))
    [run] = [run async for run in store.owner("r").runs.list("t")]
    assert run.usage == Usage(20, 10)


@pytest.mark.parametrize("tracks", [False, True])
async def test_what_a_call_returns_is_what_is_stored(store: AsyncStore, tracks: bool) -> None:
    """With the ids and the times that the history has. [K1]"""
    handler = create_turn_handler(store, resource_id="r", thread_id="t")
    if tracks:
        await handler.__aenter__()
    asked = await handler.save_user_message(USER)
    again = await handler.save_user_message({**USER, "id": asked.id})
    first = await handler.on_step(step(0, ASKS, TOLD))
    second = await handler.on_step(step(1, ASKS, TOLD, SAYS))
    if tracks:
        await handler.__aexit__(None, None, None)
    history = await handler.get_history()
    assert [asked, *first, *second] == list(history)
    told = [(message.id, message.created_at) for message in (asked, *first, *second)]
    assert told == [(message.id, message.created_at) for message in history]
    assert (again.id, again.created_at) == told[0]
    assert all(time is not None for _, time in told)


async def test_a_bad_step_takes_nothing(store: AsyncStore, handler: TurnHandler) -> None:
    """After an InvalidError the handler is as it was."""
    await handler.save_user_message(USER)
    with pytest.raises(InvalidError):
        await handler.on_step([SAYS, {"role": "robot"}])
    assert handler.pending == ()
    await handler.on_step([SAYS])
    assert await contents(store) == [USER, SAYS]


async def test_tasks_may_hand_over_steps_at_once(store: AsyncStore, handler: TurnHandler) -> None:
    """Calls on one handler wait for each other."""
    await handler.save_user_message(USER)
    steps = [step(n, text(str(n))) for n in range(10)]
    await asyncio.gather(*(handler.on_step(one) for one in steps for _ in range(2)))
    assert await contents(store) == [USER, *(text(str(n)) for n in range(10))]


async def test_a_cancelled_save_is_not_lost(store: AsyncStore, handler: TurnHandler) -> None:
    """A caller that is cancelled while it saves leaves the step to the next call."""
    await handler.save_user_message(USER)
    task = asyncio.create_task(handler.on_step([SAYS]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await handler.on_step([SAYS])
    assert await contents(store) == [USER, SAYS]


async def test_the_same_run_in_another_process_stores_nothing_twice(store: AsyncStore) -> None:
    """A run that is done again under its name finds what the first one has stored. [K1]"""
    at = {"resource_id": "r", "thread_id": "t", "run_id": "run-7"}
    first, second = (create_turn_handler(store, **at) for _ in range(2))
    for handler in (first, second):
        await handler.save_user_message(USER)
        await handler.on_step([ASKS, TOLD])
    await second.on_step([SAYS])
    assert await contents(store) == [USER, ASKS, TOLD, SAYS]


class Stop(Exception):  # noqa: N818
    """Ends a block in a test."""


@pytest.mark.parametrize(
    ("raised", "status"),
    [(None, "complete"), (Stop, "failed"), (asyncio.CancelledError, "cancelled")],
)
async def test_as_a_context_each_generation_is_a_run(
    store: AsyncStore, raised: type[BaseException] | None, status: str
) -> None:
    """A run has the status its block ended with, and the tokens of its steps, each once. [K2]"""
    usage = {"inputTokens": 10, "outputTokens": 5, "inputTokenDetails": {"cacheReadTokens": 4}}
    try:
        async with create_turn_handler(store, resource_id="r", thread_id="t") as handler:
            await handler.save_user_message(USER)
            for _ in range(2):
                await handler.on_step(step(0, ASKS, TOLD, usage=usage))
            await handler.save_user_message(USER)
            await handler.on_step(step(0, SAYS, usage={"inputTokens": -1}))
            if raised is not None:
                raise raised
    except (Stop, asyncio.CancelledError):
        pass
    chat = store.owner("r")
    runs = [run async for run in chat.runs.list("t", order="asc")]
    assert [run.status for run in runs] == ["complete", status]
    assert [run.usage for run in runs] == [Usage(10, 5, 4), Usage()]
    found = [message async for message in chat.messages.list("t")]
    assert [message.run for message in found] == [*[runs[0].id] * 3, *[runs[1].id] * 2]
    assert await contents(store) == [USER, ASKS, TOLD, USER, SAYS]


async def test_a_run_that_lost_its_lease_is_saved_all_the_same(store: AsyncStore) -> None:
    """What was said after the lease had passed is stored, without the run. [K2]"""
    chat = store.owner("r")
    async with create_turn_handler(store, resource_id="r", thread_id="t") as handler:
        await handler.save_user_message(USER)
        # Nobody else may end a run, but the end of a turn of the same run is as good as a lapse.
        await handler._turn[1]._end("failed")  # type: ignore[index]
        await handler.on_step([SAYS])
    assert await contents(store) == [USER, SAYS]
    [run] = [run async for run in chat.runs.list("t")]
    assert run.status == "failed"


async def test_leaving_the_context_saves_what_is_pending(store: AsyncStore) -> None:
    """Also where the block raises."""
    for thread, error in (("a", None), ("b", Stop)):
        handler = create_turn_handler(store, resource_id="r", thread_id=thread)
        try:
            async with handler:
                await handler.save_user_message(USER)
                append = handler._turn[1].append  # type: ignore[index]

                async def fails(*_: Any, **__: Any) -> Any:
                    raise UnavailableError("away", transient=True)

                handler._turn[1].append = fails  # type: ignore[index, method-assign]
                with pytest.raises(UnavailableError):
                    await handler.on_step([SAYS])
                handler._turn[1].append = append  # type: ignore[index, method-assign]
                if error is not None:
                    raise error
        except Stop:
            pass
        assert await contents(store, thread) == [USER, SAYS]


async def test_a_context_that_cannot_save_ends_its_run(store: AsyncStore) -> None:
    """Leaving raises what the save raised, the run has failed, and nothing is forgotten. [K2]"""
    handler = create_turn_handler(store, resource_id="r", thread_id="t")

    async def fails(*_: Any, **__: Any) -> Any:
        raise UnavailableError("away", transient=True)

    await handler.__aenter__()
    await handler.save_user_message(USER)
    handler._turn[1].append = fails  # type: ignore[index, method-assign]
    with pytest.raises(UnavailableError):
        await handler.on_step([SAYS])
    with pytest.raises(UnavailableError):
        await handler.__aexit__(None, None, None)
    [run] = [run async for run in store.owner("r").runs.list("t")]
    assert run.status == "failed"
    assert len(handler.pending) == 1
    await handler.flush()
    assert await contents(store) == [USER, SAYS]


async def test_bad_ids_are_refused_before_anything_is_taken(store: AsyncStore) -> None:
    """An id that stands twice in a step, and a run's id that leaves no room, are InvalidErrors."""
    handler = create_turn_handler(store, resource_id="r", thread_id="t")
    with pytest.raises(InvalidError):
        await handler.on_step([{**SAYS, "id": "m"}, {**ASKS, "id": "m"}])
    assert not handler.pending
    for run_id in ("x" * 510, "", "a\0"):
        with pytest.raises(InvalidError) as caught:
            create_turn_handler(store, resource_id="r", thread_id="t", run_id=run_id)
        assert caught.value.field == "run_id"
    for resource_id, thread_id in (("", "t"), ("r", "")):
        with pytest.raises(InvalidError):
            create_turn_handler(store, resource_id=resource_id, thread_id=thread_id)


KILLED = """
import asyncio, os, sys
from threadkeep import connect_async
from threadkeep.adapters.ff_ai import create_turn_handler

async def main():
    async with connect_async(sys.argv[1]) as store:
        async with create_turn_handler(store, resource_id="r", thread_id="t") as handler:
            await handler.save_user_message({"role": "user", "content": "Will it rain?"})
            await handler.on_step([{"role": "assistant", "content": "Let me see."}])
            print("ready", flush=True)
            await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_killed_process_leaves_what_was_said(store: AsyncStore, database: Database) -> None:
    """After kill -9 in mid-run the question and the first step are there, once. [K2]"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, database.url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    process.kill()
    await process.wait()
    kept = [USER, {"role": "assistant", "content": "Let me see."}]
    assert await contents(store) == kept
    handler = create_turn_handler(store, resource_id="r", thread_id="t")
    history = await handler.get_history()
    assert [message.to_model_message() for message in history] == kept
    await handler.on_step([SAYS])
    assert await contents(store) == [*kept, SAYS]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.sampled_from(["well", "before", "after"]), max_size=12),
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=5),
    st.integers(0, 10**9),
)
async def test_whatever_fails_each_message_is_stored_once_and_in_order(
    store: AsyncStore, plan: list[str], steps: list[tuple[bool, bool]], salt: int
) -> None:
    """Saves may fail before or after the commit, and calls be made again or not: all is there.

    [K1 seed 001 defect 11]
    """
    thread = f"t{salt}-{os.urandom(4).hex()}"
    handler = create_turn_handler(FlakyStore(store, iter(plan)), resource_id="r", thread_id=thread)
    expected: list[Any] = [USER]
    while True:
        try:
            await handler.save_user_message(USER)
            break
        except UnavailableError:
            continue
    for number, (accumulates, again) in enumerate(steps):
        own = [call(f"c{number}"), result(f"c{number}")]
        expected += own
        handed = step(number, *(expected[1:] if accumulates else own))
        for _ in range(1 + again):
            try:
                await handler.on_step(handed)
            except UnavailableError:
                continue
    while handler.pending:
        try:
            await handler.flush()
        except UnavailableError:
            continue
    assert await contents(store, thread) == expected
