"""What locks a thread first does so inside the caller's transaction as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lenders import WAYS, look, make_notes, over

from threadkeep import Message
from threadkeep.values.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from lenders import Way

    from threadkeep.store import AsyncStore
    from threadkeep.testing.servers import Database

pytestmark = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


async def test_what_is_refused_leaves_the_transaction_as_it_was(
    way: Way, database: Database, store: AsyncStore
) -> None:
    """An unknown thread, a locked one, a session of another thread: the rest is committed."""
    await make_notes(database)
    async with way(database.url) as caller:
        chat = over(store, caller).owner("a")
        with pytest.raises(NotFoundError):
            await chat.messages.append("t", Message.user("one"), create_thread=False)
        await chat.sessions.save("s", thread="t", state=1)
        batch = [Message.user("one", id="m1")]
        stored = await chat.messages.append("t", batch, create_thread=False, session="s")
        await chat.threads.update("t", access="locked")
        for known in (True, False):
            with pytest.raises(ConflictError):
                await chat.messages.append("t", Message.user("x"), create_thread=known)
            assert await chat.messages.append("t", batch, create_thread=known) == stored
        with pytest.raises(ConflictError):
            await chat.sessions.save("s", thread="other", state=2)
        await caller.query("INSERT INTO notes VALUES ('n')")
        await caller.commit()
    assert await look(database, "SELECT thread_id, access FROM threadkeep.threads") == [
        ("t", "locked")
    ]
    assert await look(database, "SELECT message_id, session FROM threadkeep.messages") == [
        ("m1", "s")
    ]
    assert await look(database, "SELECT session_id, state::text FROM threadkeep.sessions") == [
        ("s", "1")
    ]
    assert await look(database, "SELECT count(*) FROM notes") == [(1,)]
