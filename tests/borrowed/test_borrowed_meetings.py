"""Calls that meet others: at once on one connection, cancelled, and against other transactions."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lenders import ASYNC_WAYS, WAYS, look, over

from threadkeep import Message
from threadkeep.sync import step
from threadkeep.values.errors import ConflictError, ThreadkeepError, UnavailableError
from threadkeep.values.ids import new_id, owner_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lenders import Way

    from threadkeep.store import AsyncStore, Owner
    from threadkeep.testing.servers import Database

each_async_way = pytest.mark.parametrize("way", ASYNC_WAYS.values(), ids=ASYNC_WAYS)
SOME = ("asyncpg", "psycopg", "sqlalchemy-asyncpg", "sqlalchemy-psycopg-session")


@each_async_way
async def test_calls_at_once_on_one_connection_all_land(
    way: Way, database: Database, store: AsyncStore
) -> None:
    """Also from several stores over it, with failures between them."""
    async with way(database.url) as caller:
        lent = [over(store, caller).owner("a") for _ in range(3)]
        await lent[0].messages.append("t", [Message.user("first", id="m")])

        async def call(n: int) -> object:
            chat = lent[n % 3]
            if n % 4 == 3:
                with pytest.raises(ConflictError):
                    await chat.messages.append("t", [Message.user("other", id="m")])
            elif n % 4 == 2:
                await chat.threads.update("t", title=f"title {n}")
            await chat.messages.append("t", [Message.user(str(n), id=f"m{n}")])
            return await chat.messages.get("t", f"m{n}")

        await asyncio.gather(*(call(n) for n in range(12)))
        await caller.commit()
    stored = [m.id async for m in store.owner("a").messages.list("t")]
    assert sorted(map(str, stored)) == sorted(["m", *(f"m{n}" for n in range(12))])


def test_threads_on_one_connection_all_land(database: Database, blocking_store: Any) -> None:
    """Calls of several threads over one psycopg connection wait for each other."""
    with psycopg.connect(database.url) as connection:
        inner = blocking_store._inner

        def call(n: int) -> None:
            chat = over(inner, connection, blocking=True).owner("a")
            step(chat.messages.append("t", [Message.user(str(n), id=f"m{n}")]))
            step(chat.threads.update("t", title=f"title {n}"))
            with contextlib.suppress(ConflictError):
                step(chat.messages.append("t", [Message.user("other", id=f"m{n}")]))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(call, range(12)))
    assert blocking_store.owner("a").messages.count("t") == 12


@each_async_way
async def test_a_cancelled_call_leaves_the_connection_usable(
    way: Way, database: Database, store: AsyncStore
) -> None:
    """It waited for a lock: cancelled, it is undone, and the transaction goes on."""
    await store.owner("a").threads.create("t")
    async with way(database.url) as caller:
        chat = over(store, caller).owner("a")
        await chat.threads.create("mine")
        [(pid,)] = await caller.query("SELECT pg_backend_pid()")
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: chat.messages.append("t", [Message.user("one", id="m1")]),
            lambda: chat.threads.update("t", title="hers"),
        ]
        async with await psycopg.AsyncConnection.connect(database.superuser_url) as other:
            await other.execute("SELECT 1 FROM threadkeep.threads FOR UPDATE")
            for call in calls:
                task = asyncio.ensure_future(call())
                await _blocked(database, pid)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert await chat.threads.count() == 2
        await chat.messages.append("t", [Message.user("two", id="m2")])
        await caller.commit()
    chat = store.owner("a")
    assert [m.id async for m in chat.messages.list("t")] == ["m2"]
    assert (await chat.threads.get("t")).title is None
    assert await chat.threads.count() == 2


@each_async_way
async def test_a_call_cancelled_at_any_point_leaves_the_connection_usable(
    way: Way, database: Database, store: AsyncStore
) -> None:
    """After each number of turns of the event loop; once and twice."""
    async with way(database.url) as caller:
        chat = over(store, caller).owner("a")
        await caller.query("SET LOCAL threadkeep.owner = '17'")
        await chat.threads.create("t")
        for n in range(40):
            task = asyncio.ensure_future(_both(chat, f"m{n}"))
            for _ in range(n):
                await asyncio.sleep(0)
            task.cancel()
            if n % 2:
                await asyncio.sleep(0)
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            found = await caller.query("SELECT current_setting('threadkeep.owner')")
            assert found == [("17",)]
        await chat.messages.append("t", [Message.user("last", id="last")])
        await caller.commit()
    assert (await store.owner("a").threads.get("t")).head == "last"


async def _both(chat: Owner, id: str) -> None:
    await chat.messages.append("t", [Message.user("one", id=id)])
    await chat.threads.update("t", title=id)


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_a_stricter_isolation_gives_the_caller_its_error(
    way: Way, level: str, database: Database, store: AsyncStore
) -> None:
    """Alone an append works; against a later commit it is transient, and the caller's to repeat."""
    plain = store.owner("a")
    await plain.messages.append("t", [Message.user("one", id="m1")])
    async with way(database.url) as caller:
        chat = over(store, caller).owner("a")
        await caller.query(f"SET TRANSACTION ISOLATION LEVEL {level}")
        await chat.messages.append("t", [Message.user("two", id="m2")])
        await caller.commit()
    async with way(database.url) as caller:
        chat = over(store, caller).owner("a")
        await caller.query(f"SET TRANSACTION ISOLATION LEVEL {level}")
        assert await chat.messages.count("t") == 2
        await plain.messages.append("t", [Message.user("three", id="m3")])
        with pytest.raises(UnavailableError) as caught:
            await chat.messages.append("t", [Message.user("four", id="m4")])
        assert caught.value.transient
        await caller.rollback()
    assert [m.id async for m in plain.messages.list("t")] == ["m1", "m2", "m3"]


async def _blocked(database: Database, pid: int) -> None:
    waits = f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND wait_event_type = 'Lock'"
    async with asyncio.timeout(60):
        while not await look(database, waits):  # noqa: ASYNC110  another process tells nobody
            await asyncio.sleep(0.01)


THREADS = st.sampled_from(["t1", "t2"])
IDS = st.sampled_from(["m1", "m2", "m3", "m4", "m5"])
TEXTS = st.sampled_from(["yes", "no"])


def _said(pairs: list[tuple[str, str]]) -> list[Message]:
    return [Message.user(text, id=id) for id, text in pairs]


BATCHES = st.lists(
    st.tuples(IDS, st.just("yes")), min_size=1, max_size=3, unique_by=lambda pair: pair[0]
).map(_said)
Op = tuple[str, str, tuple[Any, ...], dict[str, Any]]


def _op(part: str, name: str, *args: Any, **named: Any) -> Any:
    return st.tuples(
        st.just(part), st.just(name), st.tuples(THREADS, *args), st.fixed_dictionaries(named)
    )


OPS = st.lists(
    st.one_of(
        _op("messages", "append", BATCHES),
        _op("messages", "append", BATCHES, parent=st.none() | IDS),
        _op("messages", "append", BATCHES, expected_head=st.none() | IDS),
        _op("messages", "update", IDS, TEXTS.map(Message.user)),
        _op("messages", "delete", IDS),
        _op("messages", "truncate", IDS),
        _op("messages", "pop_last"),
        _op("messages", "replace_all", BATCHES),
        _op("messages", "get", IDS),
        _op("messages", "count"),
        _op("messages", "window", turns=st.integers(0, 3)),
        _op("threads", "create", title=TEXTS),
        _op("threads", "update", title=TEXTS, metadata=st.dictionaries(TEXTS, st.integers())),
        _op("threads", "set_head", IDS),
        _op("threads", "archive"),
        _op("threads", "fork", new_id=THREADS),
        _op("threads", "delete"),
    ),
    min_size=1,
    max_size=12,
)


async def _run(chat: Owner, ops: list[Op]) -> list[object]:
    """What each call answered, without what no two runs share."""
    answers: list[object] = []
    for part, name, args, named in ops:
        try:
            answers.append(_shape(await getattr(getattr(chat, part), name)(*args, **named)))
        except ThreadkeepError as error:
            answers.append((type(error), str(error)))
    return answers


def _shape(answer: Any) -> object:
    if isinstance(answer, Message):
        return (answer.id, answer.json, answer.seq, answer.parent_id, answer.turn, answer.tokens)
    if hasattr(answer, "revision"):
        return (answer.id, answer.title, answer.head, answer.revision, answer.message_count)
    if isinstance(answer, int | None):
        return answer
    return [_shape(item) for item in answer]


async def _stored(database: Database, owner: str) -> list[Any]:
    """All rows of an owner, without the keys and times that no two runs share."""
    found = []
    for table in ("threads", "messages"):
        gone = "'owner_key,owner_id,thread_key,created_at,updated_at,active_at'"
        query = (
            f"SELECT (to_jsonb(r) - string_to_array({gone}, ','))::text, t.thread_id "
            f"FROM threadkeep.{table} r JOIN threadkeep.threads t USING (owner_key, thread_key) "
            f"WHERE owner_key = {owner_key(owner)} ORDER BY 2, 1"
        )
        found.append(await look(database, query))
    return found


async def _everything(database: Database) -> list[Any]:
    return [
        await look(database, f"SELECT ctid::text, t::text FROM threadkeep.{table} t ORDER BY 1")
        for table in ("threads", "messages", "runs")
    ]


@pytest.mark.parametrize("name", SOME)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=OPS, ops=OPS)
async def test_a_lent_connection_changes_nothing_but_when(
    name: str, before: list[Op], ops: list[Op], database: Database, store: AsyncStore
) -> None:
    """The same calls answer and store the same; rolled back they leave every row where it lay."""
    owner, twin = new_id(), new_id()
    for each in (owner, twin):
        await _run(store.owner(each), before)
    expected = await _run(store.owner(twin), ops)
    rows = await _everything(database)
    async with WAYS[name](database.url) as caller:
        assert await _run(over(store, caller).owner(owner), ops) == expected
        await caller.rollback()
    assert await _everything(database) == rows
    async with WAYS[name](database.url) as caller:
        assert await _run(over(store, caller).owner(owner), ops) == expected
        await caller.commit()
    assert await _stored(database, owner) == await _stored(database, twin)
