"""What the store does on a lent connection belongs to the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from lenders import WAYS, look, make_notes, over

from threadkeep import Message
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import new_id

if TYPE_CHECKING:
    from lenders import Way

    from threadkeep.store import AsyncStore
    from threadkeep.testing.servers import Database

pytestmark = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)

TABLES = ("threads", "messages", "runs")
OWNER = "SELECT current_setting('threadkeep.owner', true)"


async def dump(database: Database) -> list[Any]:
    """All rows of the store's tables, as text, with where they lie."""
    return [
        await look(database, f"SELECT t.ctid::text, t::text FROM threadkeep.{table} t ORDER BY 1")
        for table in TABLES
    ]


async def test_a_rollback_takes_the_rows_of_both(
    way: Way, database: Database, store: AsyncStore
) -> None:
    """Ours the very first statement of the transaction; after the rollback nothing is there.

    [A14]
    """
    await make_notes(database)
    before = await dump(database)
    async with way(database.url) as caller:
        chat = over(store, caller).owner("a")
        await chat.messages.append("t", [Message.user("one", id="m1")])
        await chat.messages.delete("t", "m1")
        await chat.messages.append("t", [Message.user("two", id="m2")])
        await caller.query("INSERT INTO notes VALUES ('n')")
        assert [m.id for m in await _all(chat)] == ["m2"]
        assert await look(database, "SELECT 1 FROM threadkeep.messages") == []
        await caller.rollback()
    assert await dump(database) == before
    assert await look(database, "SELECT 1 FROM notes") == []


async def test_a_commit_keeps_the_rows_of_both(
    way: Way, database: Database, store: AsyncStore
) -> None:
    """Ours the very first statement of the transaction; after the commit both rows are there."""
    await make_notes(database)
    async with way(database.url) as caller:
        chat = over(store, caller).owner("a")
        await chat.messages.append("t", [Message.user("one", id="m1")])
        await chat.threads.update("t", title="hers")
        await caller.query("INSERT INTO notes VALUES ('n')")
        await caller.commit()
    plain = store.owner("a")
    assert [m.id for m in await _all(plain)] == ["m1"]
    assert (await plain.threads.get("t")).title == "hers"
    assert await look(database, "SELECT id FROM notes") == [("n",)]


async def test_a_refusal_leaves_the_transaction_alive(
    way: Way, database: Database, store: AsyncStore
) -> None:
    """A duplicate is answered and not doubled; each error leaves what the caller did before.

    [A14]
    """
    await make_notes(database)
    await store.owner("a").messages.append("t", [Message.user("one", id="m1")])
    async with way(database.url) as caller:
        chat = over(store, caller).owner("a")
        await caller.query("INSERT INTO notes VALUES ('before')")
        [again] = await chat.messages.append("t", [Message.user("one", id="m1")])
        assert again.seq == 1
        with pytest.raises(ConflictError, match="another content"):
            await chat.messages.append("t", [Message.user("other", id="m1")])
        await chat.messages.delete("t", "m1")
        with pytest.raises(NotFoundError):
            await chat.threads.set_head("t", "m1")
        with pytest.raises(ConflictError):
            await chat.threads.create("t")
        await chat.messages.append("t", [Message.user("two", id="m2")])
        await caller.query("INSERT INTO notes VALUES ('after')")
        await caller.commit()
    assert [m.id for m in await _all(store.owner("a"))] == ["m2"]
    assert await look(database, "SELECT count(*) FROM notes") == [(2,)]


@pytest.mark.parametrize("level", ["SESSION", "LOCAL"])
@pytest.mark.parametrize("value", [None, "", "17"])
async def test_the_owner_is_afterwards_what_it_was(
    way: Way, value: str | None, level: str, shared_database: Database, shared_store: AsyncStore
) -> None:
    """After a read, a write and a failure of either kind, for a value of the session too."""
    async with way(shared_database.url) as caller:
        if value is not None:
            await caller.query(f"SET {level} threadkeep.owner = '{value}'")
        chat = over(shared_store, caller).owner(new_id())

        async def check() -> None:
            # A setting of no extension is NULL until it was first set, and '' ever after.
            [(found,)] = await caller.query(OWNER)
            assert (found or None) == (value or None)
            assert await caller.query("SELECT 1 FROM threadkeep.messages") == []

        await chat.messages.append("t", [Message.user("one", id="m1")])
        await check()
        await chat.messages.get("t", "m1")
        await check()
        await chat.messages.update("t", "m1", Message.user("uno"))
        await check()
        with pytest.raises(NotFoundError):
            await chat.threads.update("nowhere", title="x")
        await check()
        with pytest.raises(ConflictError):
            await chat.messages.append("t", [Message.user("other", id="m1")])
        await check()
        await caller.commit()
        [(found,)] = await caller.query(OWNER)
        assert (found or None) == ((value or None) if level == "SESSION" else None)


async def test_savepoints_of_the_caller_hold(
    way: Way, database: Database, store: AsyncStore
) -> None:
    """What was done under a savepoint of the caller goes with it, whatever its name."""
    async with way(database.url) as caller:
        chat = over(store, caller).owner("a")
        await chat.messages.append("t", [Message.user("one", id="m1")])
        await caller.query("SAVEPOINT threadkeep_using")
        await chat.messages.append("t", [Message.user("two", id="m2")])
        await caller.query("SAVEPOINT inner_one")
        await chat.messages.append("t", [Message.user("three", id="m3")])
        with pytest.raises(NotFoundError):
            await chat.messages.get("t", "m9")
        await caller.query("ROLLBACK TO SAVEPOINT threadkeep_using")
        await chat.messages.append("t", [Message.user("four", id="m4")])
        await caller.query("RELEASE SAVEPOINT threadkeep_using")
        await caller.commit()
    assert [m.id for m in await _all(store.owner("a"))] == ["m1", "m4"]


async def test_a_transaction_that_failed_is_said_so(
    way: Way, database: Database, store: AsyncStore
) -> None:
    """Nothing can be done in it; after its rollback the same store works again."""
    async with way(database.url) as caller:
        with pytest.raises(Exception, match="division by zero"):
            await caller.query("SELECT 1 / 0")
        chat = over(store, caller).owner("a")
        with pytest.raises(InvalidError, match="has failed") as caught:
            await chat.threads.create()
        assert caught.value.field == "connection"
        with pytest.raises(InvalidError, match="has failed"):
            await chat.threads.update("t", title="x")
        await caller.rollback()


async def test_a_turn_belongs_to_the_transaction(
    way: Way, database: Database, store: AsyncStore
) -> None:
    """Its run and its messages are there after the commit and gone after the rollback."""
    before = await dump(database)
    for ends in ("rollback", "commit"):
        async with way(database.url) as caller:
            chat = over(store, caller).owner("a")
            async with chat.turn("t", Message.user("hi", id="m1")) as turn:
                await turn.append(Message.assistant("hello", id="m2"))
            await getattr(caller, ends)()
        if ends == "rollback":
            assert await dump(database) == before
    assert [m.id for m in await _all(store.owner("a"))] == ["m1", "m2"]
    [run] = (await store.owner("a").runs.list("t")).items
    assert (run.id, run.status) == (turn.id, "complete")


async def _all(chat: Any) -> list[Message]:
    return [message async for message in chat.messages.list("t")]
