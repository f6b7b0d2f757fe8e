"""Joined appends: one statement for many callers, and each gets what it would have got alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import psycopg
import pytest
from drafting import drafts_of, triple, user
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from threadkeep import AsyncStore, Message, Store, ToolCallPart, ToolResultPart
from threadkeep.core import append as appending
from threadkeep.core.append import HEAD, Place
from threadkeep.core.drafts import Draft
from threadkeep.core.scope import Scope
from threadkeep.store.concurrent import Concurrent
from threadkeep.sync import step
from threadkeep.testing.servers import Database
from threadkeep.values.errors import (
    ConflictError,
    DatabaseError,
    NotFoundError,
    UnavailableError,
)

Batch = Sequence[Draft]

_ROWS = """
SELECT to_jsonb(m) - '{thread_key,created_at,updated_at}'::text[], m.payload::text,
       m.created_at = m.updated_at
FROM threadkeep.messages m JOIN threadkeep.threads t USING (owner_key, thread_key)
WHERE t.thread_id = %s ORDER BY m.seq"""
_THREAD = """
SELECT to_jsonb(t) - '{thread_key,thread_id,created_at,updated_at,active_at}'::text[],
       t.active_at = t.updated_at
FROM threadkeep.threads t WHERE t.thread_id = %s"""


class Flights:
    """Notes what is joined, and what goes alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.joined: list[list[list[str]]] = []
        self.alone: list[list[str]] = []
        self._append, self._append_joined = appending.append, appending.append_joined
        monkeypatch.setattr(appending, "append", self._one)
        monkeypatch.setattr(appending, "append_joined", self._many)

    async def _one(self, scope: Scope, thread_id: str, drafts: Batch, *args: Any, **kw: Any) -> Any:
        self.alone.append([draft.id for draft in drafts])
        return await self._append(scope, thread_id, drafts, *args, **kw)

    async def _many(self, scope: Scope, thread_id: str, batches: Sequence[Batch], **kw: Any) -> Any:
        self.joined.append([[draft.id for draft in drafts] for drafts in batches])
        return await self._append_joined(scope, thread_id, batches, **kw)


@pytest.fixture
def flights(monkeypatch: pytest.MonkeyPatch) -> Flights:
    """What is joined in this test."""
    return Flights(monkeypatch)


@pytest.fixture
def scope(store: AsyncStore) -> Scope:
    """The scope of an owner."""
    return Scope.of(store._ex, store._sql, "o", None)


async def together(
    writing: Concurrent, scope: Scope, batches: Sequence[Batch], place: Place = HEAD
) -> list[Any]:
    """What the batches give or raise, appended at once by a caller each."""
    calls = (writing.append(scope, "t", drafts, place, active_at=None) for drafts in batches)
    answers = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 60)
    assert len(writing) == 0
    return answers


async def stored(store: AsyncStore) -> list[str | None]:
    """The ids along the path."""
    return [m.id async for m in store.owner("o").messages.list("t", limit=1000)]


def ids(messages: Sequence[Message]) -> list[str | None]:
    return [message.id for message in messages]


def _messages() -> st.SearchStrategy[Message]:
    call, result = ToolCallPart("c", "look", {}), ToolResultPart("c", {"found": 1})
    made = [
        Message.system("be brief"),
        replace(Message.user("so?"), metadata={"k": 1}),
        replace(Message.user("then?"), created_at=datetime(2020, 1, 2, tzinfo=UTC)),
        Message.assistant([call]),
        Message.tool([result]),
        replace(Message.assistant("so."), status="failed"),
    ]
    return st.sampled_from(made)


BATCHES = st.lists(st.lists(_messages(), min_size=1, max_size=4), min_size=1, max_size=6)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.sampled_from(["nothing", "empty", "line", "branches", "moved"]),
    batches=BATCHES,
    active=st.sampled_from(
        [None, datetime(2001, 2, 3, tzinfo=UTC), datetime(2222, 2, 3, tzinfo=UTC)]
    ),
    numbers=st.just(count()),
)
def test_joined_is_as_if_one_came_after_the_other(
    blocking_store: Store,
    database: Database,
    before: str,
    batches: list[list[Message]],
    active: datetime | None,
    numbers: Any,
) -> None:
    """Rows, threads and answers of joined appends equal those of the same appends in turn."""
    number = next(numbers)
    chat = blocking_store.owner("o")
    inner = blocking_store._inner
    scope = Scope.of(inner._ex, inner._sql, "o", None)
    named = count()
    drafts = [drafts_of(*(replace(m, id=f"m{next(named)}") for m in batch)) for batch in batches]
    found = []
    for kind in ("joined", "alone"):
        thread = f"{kind}-{number}"
        if before == "empty":
            chat.threads.create(thread)
        elif before != "nothing":
            chat.messages.append(thread, [user("a"), user("b"), user("c")])
        if before in ("branches", "moved"):
            chat.messages.append(thread, user("d"), parent="a")
        if before == "moved":
            chat.threads.set_head(thread, "b")
        if kind == "joined":
            answers = step(appending.append_joined(scope, thread, drafts, active_at=active))
        else:
            answers = [
                step(appending.append(scope, thread, batch, active_at=active)) for batch in drafts
            ]
        assert answers is not None
        assert [m for batch in answers for m in batch] == list(
            chat.messages.list(thread, tree=True, limit=1000)
        )[-sum(map(len, batches)) :]
        bare = [[_timeless(m) for m in batch] for batch in answers]
        with psycopg.connect(database.superuser_url) as connection:
            rows = connection.execute(_ROWS, (thread,)).fetchall()
            found.append((bare, rows, connection.execute(_THREAD, (thread,)).fetchall()))
    assert found[0] == found[1]


def _timeless(message: Message) -> Message:
    given = message.created_at if message.created_at != message.updated_at else None
    return replace(message, created_at=given, updated_at=None)


async def test_who_waits_is_joined_and_who_is_first_does_not_wait(
    store: AsyncStore, scope: Scope, flights: Flights
) -> None:
    """The first append goes by itself; what comes while it is under way is one statement."""
    writing = Concurrent()
    first = asyncio.create_task(writing.append(scope, "t", triple("first"), HEAD, active_at=None))
    while not flights.alone:  # noqa: ASYNC110
        await asyncio.sleep(0)
    batches = [triple(str(n)) for n in range(20)]
    answers = await together(writing, scope, batches)
    answers.insert(0, await first)
    names = [[draft.id for draft in drafts] for drafts in (triple("first"), *batches)]
    assert flights.alone == names[:1]
    assert flights.joined == [names[1:]]
    assert [ids(answer) for answer in answers] == names
    assert await stored(store) == [id for batch in names for id in batch]
    assert [m.seq for answer in answers for m in answer] == list(range(1, 64))


async def test_writers_that_go_on_are_joined_as_well(scope: Scope, flights: Flights) -> None:
    """Tasks that append again as soon as they are answered come together in one statement each."""
    writing = Concurrent()

    async def write(writer: int) -> None:
        for number in range(5):
            await writing.append(scope, "t", triple(f"{writer}-{number}"), HEAD, active_at=None)

    first = asyncio.create_task(write(0))
    while not flights.alone:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await asyncio.gather(first, *(write(writer) for writer in range(1, 8)))
    assert [len(flight) for flight in flights.joined] == [8, 8, 8, 8, 7]
    assert len(flights.alone) == 1
    assert len(writing) == 0


async def test_a_bad_append_fails_alone(store: AsyncStore, scope: Scope, flights: Flights) -> None:
    """A changed duplicate and a refused JSON get their own errors; the others land in order."""
    await together(Concurrent(), scope, [drafts_of(user("old"))])
    bad = [replace(drafts_of(user("bad"))[0], json='{"text": ')]
    batches: list[Batch] = [
        drafts_of(user("a")),
        drafts_of(user("b")),
        drafts_of(user("old", "another content")),
        drafts_of(user("c")),
        bad,
        drafts_of(user("old")),
        drafts_of(user("d"), user("e")),
    ]
    answers = await together(Concurrent(), scope, batches)
    assert len(flights.joined) == 2
    assert isinstance(answers[2], ConflictError)
    assert answers[2].reason == "message_differs"
    assert isinstance(answers[4], DatabaseError)
    assert answers[4].sqlstate == "22P02"
    good = [ids(answer) for answer in answers if isinstance(answer, list)]
    assert good == [["a"], ["b"], ["c"], ["old"], ["d", "e"]]
    assert await stored(store) == ["old", "a", "b", "c", "d", "e"]


async def test_the_same_message_from_many_callers_is_one_row(
    store: AsyncStore, scope: Scope, flights: Flights
) -> None:
    """Batches that share an id are never in one statement; all get the same answer."""
    answers = await together(Concurrent(), scope, [triple("x")] * 12)
    assert flights.joined == []
    assert all(answer == answers[0] for answer in answers)
    assert await stored(store) == ["x/0", "x/1", "x/2"]


async def test_of_conflicting_callers_the_first_wins(store: AsyncStore, scope: Scope) -> None:
    """The same id with other contents: one is stored, the others get their conflict."""
    batches = [drafts_of(user(f"own{n}"), user("same", str(n))) for n in range(6)]
    answers = await together(Concurrent(), scope, [*batches, drafts_of(user("after"))])
    assert [type(answer) for answer in answers] == [list, *[ConflictError] * 5, list]
    assert await stored(store) == ["own0", "same", "after"]


async def test_an_expected_head_is_judged_in_its_turn(
    store: AsyncStore, scope: Scope, flights: Flights
) -> None:
    """An append of another place goes alone, after those that came before it."""
    writing = Concurrent()

    def go(name: str, place: Place = HEAD) -> Any:
        return writing.append(scope, "t", drafts_of(user(name)), place, active_at=None)

    last = Place("c", check=True)
    calls = [go("a"), go("b"), go("c"), go("d", last), go("e"), go("f"), go("g", last)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert flights.joined == [[["a"], ["b"], ["c"]], [["e"], ["f"]]]
    assert flights.alone == [["d"], ["g"]]
    assert isinstance(answers[-1], ConflictError)
    assert answers[-1].head == "f"
    assert await stored(store) == ["a", "b", "c", "d", "e", "f"]
    assert len(writing) == 0


async def test_only_what_agrees_is_joined(
    scope: Scope, store: AsyncStore, flights: Flights
) -> None:
    """Another active_at, another user and another thread go by themselves; each is right."""
    writing = Concurrent()
    mine = Scope.of(store._ex, store._sql, "o", "someone")
    late = datetime(2222, 2, 2, tzinfo=UTC)
    calls = [
        writing.append(where, thread, drafts_of(user(name)), HEAD, active_at=active)
        for name, where, thread, active in (
            ("a", scope, "t", None),
            ("b", scope, "t", None),
            ("c", scope, "t", late),
            ("d", scope, "t", late),
            ("e", mine, "t", late),
            ("f", mine, "t", late),
            ("g", scope, "u", None),
        )
    ]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert flights.joined == [[["a"], ["b"]], [["c"], ["d"]], [["e"], ["f"]]]
    assert [isinstance(answer, NotFoundError) for answer in answers] == [
        name in "ef" for name in "abcdefg"
    ]
    chat = store.owner("o")
    assert (await chat.threads.get("t")).active_at == late
    assert await chat.messages.count("t") == 4
    assert await chat.messages.count("u") == 1


async def test_a_joined_statement_is_bounded(scope: Scope, flights: Flights) -> None:
    """Neither more than 256 messages nor more than a million characters go into one."""
    batches = [drafts_of(*(user(f"{b}-{n}") for n in range(10))) for b in range(80)]
    batches += [drafts_of(user(f"big{n}", "x" * 300_000)) for n in range(7)]
    batches += [drafts_of(user("huge", "x" * 1_500_000)), drafts_of(user("end"))]
    answers = await together(Concurrent(), scope, batches)
    assert [len(answer) for answer in answers] == [len(batch) for batch in batches]
    size = {draft.id: len(draft.json) for batch in batches for draft in batch}
    for flight in flights.joined:
        names = [name for batch in flight for name in batch]
        assert len(names) <= 256
        assert sum(size[name] for name in names) <= 1_000_000
    assert len(flights.joined) < 10


async def test_an_absence_reaches_all_who_waited_through_it(
    scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They get errors of their own after one attempt; who came during it has its own attempt."""
    away, begun = asyncio.Event(), asyncio.Event()
    attempts = []

    async def fail(_: Any, __: Any, batches: Any, *rest: Any, **more: Any) -> Any:
        attempts.append(batches)
        begun.set()
        await away.wait()
        raise UnavailableError("away", transient=True)

    monkeypatch.setattr(appending, "append", fail)
    monkeypatch.setattr(appending, "append_joined", fail)
    writing = Concurrent()

    def go(name: str, place: Place = HEAD) -> asyncio.Task[Any]:
        call = writing.append(scope, "t", drafts_of(user(name)), place, active_at=None)
        return asyncio.create_task(call)

    early = [go("a"), go("b"), go("c", Place(None)), go("d")]
    await begun.wait()
    late = [go("e"), go("f")]
    await asyncio.sleep(0)
    away.set()
    errors = await asyncio.wait_for(asyncio.gather(*early, *late, return_exceptions=True), 60)
    assert all(isinstance(error, UnavailableError) and error.transient for error in errors)
    assert len({id(error) for error in errors}) == 6
    assert len(attempts) == 2
    assert len(writing) == 0


@pytest.mark.parametrize("end", ["cancel", "drain"])
async def test_a_lane_that_is_cut_off_answers_all(
    scope: Scope, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Where the loop or `drain` ends what was under way, nobody goes on waiting."""
    begun = asyncio.Event()

    async def hang(*_: Any, **__: Any) -> Any:
        begun.set()
        await asyncio.sleep(3600)

    monkeypatch.setattr(appending, "append", hang)
    writing = Concurrent(deadline=0.01 if end == "drain" else 60)

    def go(name: str) -> asyncio.Task[Any]:
        call = writing.append(scope, "t", drafts_of(user(name)), HEAD, active_at=None)
        return asyncio.create_task(call)

    callers = [go("a")]
    await begun.wait()
    callers += [go("b"), go("c")]
    await asyncio.sleep(0)
    if end == "drain":
        await asyncio.wait_for(writing.drain(), 60)
    else:
        [task] = writing._tasks
        task.cancel()
    errors = await asyncio.wait_for(asyncio.gather(*callers, return_exceptions=True), 60)
    assert all(isinstance(error, UnavailableError) and error.transient for error in errors)
    assert len(writing) == 0
