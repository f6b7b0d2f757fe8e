"""Bulk calls, export and import on a lent connection belong to the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lenders import WAYS, over

from threadkeep import Message
from threadkeep.values.errors import ConflictError

if TYPE_CHECKING:
    from lenders import Way

    from threadkeep.store import AsyncStore
    from threadkeep.testing.servers import Database

pytestmark = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


async def test_a_rollback_takes_all_of_it(way: Way, database: Database, store: AsyncStore) -> None:
    """What was stored, removed and imported is gone with the transaction; a conflict spares it."""
    plain = store.owner("a")
    one, two = Message.user("one", id="m1"), Message.assistant("two", id="m2")
    await plain.messages.append("t", [one, two])
    text = await plain.threads.export("t")
    async with way(database.url) as caller:
        chat = over(store, caller).owner("a")
        stored = await chat.messages.append_many({"t": [one, two, Message.user("x")], "s": one})
        assert [m.seq for m in stored["t"]] == [1, 2, 3]
        with pytest.raises(ConflictError):
            await chat.messages.append_many({"n": one, "t": Message.user("other", id="m1")})
        assert await chat.messages.delete_many("t", roles=["user"]) == 2
        made = (await chat.threads.import_(text)).thread
        with pytest.raises(ConflictError):
            await chat.threads.import_(text, keep_ids=True)
        assert await chat.threads.export(made.id) != text
        assert await chat.threads.count() == 3
        await caller.rollback()
    assert await plain.threads.export("t") == text
    assert await plain.threads.count() == 1


async def test_a_commit_keeps_all_of_it(way: Way, database: Database, store: AsyncStore) -> None:
    """After the commit the threads are there for all."""
    async with way(database.url) as caller:
        chat = over(store, caller).owner("a")
        await chat.messages.append_many({"s": Message.user("s"), "t": Message.user("t")})
        made = (await chat.threads.import_(await chat.threads.export("t"))).thread
        await caller.commit()
    plain = store.owner("a")
    assert (await plain.threads.get(made.id)).message_count == 1
    assert await plain.threads.count() == 3
