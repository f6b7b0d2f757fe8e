"""The SQL of the seed's page, and the samples of it that need the seed's own tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from ff_ai_tables import SNAKE, Seed
from test_ff_ai_steps import text

from threadkeep.sql import statements
from threadkeep.values.ids import owner_key

if TYPE_CHECKING:
    from threadkeep import AsyncStore
    from threadkeep.testing.servers import Database

PAGE = (Path(__file__).parents[3] / "docs" / "seeds" / "ff-ai.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The code of the page in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


async def plan(connection: Any, query: str, *args: Any) -> str:
    """How the server would carry out a query."""
    rows = await connection.fetch(f"EXPLAIN {query}", *args)
    return "\n".join(row[0] for row in rows)


async def test_the_sql_of_the_page_runs_and_the_gin_index_serves_nothing(
    database: Database,
) -> None:
    """ff-ai's window walks other threads' rows whether the suggested index is there or not.

    [A17 seed 001 defect 13]
    """
    tables, window, rest, delete, indexes = blocks("sql")
    assert tables.split() == SNAKE.split()
    connection = await asyncpg.connect(database.superuser_url)
    try:
        await connection.execute(tables)
        await connection.execute(
            "INSERT INTO ff_ai.threads (public_id, resource_id) "
            "SELECT 'thread-' || n, 'user-123' FROM generate_series(1, 500) n"
        )
        await connection.execute(
            "INSERT INTO ff_ai.messages (uuid, thread_id, ai_sdk_v5, created_at) "
            "SELECT gen_random_uuid(), 1 + n % 500, jsonb_build_object('role', "
            "CASE WHEN n % 1000 < 500 THEN 'user' ELSE 'assistant' END, 'content', 'x'), "
            "now()::timestamp + n * interval '1 second' FROM generate_series(1, 20000) n"
        )
        await connection.execute(indexes)
        await connection.execute("ANALYZE ff_ai.messages")
        query = window.rstrip().removesuffix(";")
        assert len(await connection.fetch(query, 7, 3)) == 3
        assert await connection.fetch(rest, 7, 0)
        assert "idx_messages_role" not in await plan(connection, query, 7, 3)
        await connection.execute("SET enable_seqscan = off; SET enable_indexscan = off")
        assert "idx_messages_role" not in await plan(connection, query, 7, 3)
        assert await connection.execute(delete) == "DELETE 1"
        [left] = await connection.fetch("SELECT count(*) FROM ff_ai.messages WHERE thread_id = 456")
        assert left[0] == 0
    finally:
        await connection.close()


async def test_our_window_touches_no_other_thread(store: AsyncStore, database: Database) -> None:
    """A window is read by the thread's own key, without any index that one has to add.

    [A17 seed 001 defect 13]
    """
    chat = store.owner("r")
    for n in range(20):
        items = [{"role": "user", "content": str(m)} for m in range(100)]
        await chat.messages.append(f"t{n}", list(items), dialect="ai-sdk-model")
    connection = await asyncpg.connect(database.superuser_url)
    try:
        await connection.execute("ANALYZE threadkeep.messages, threadkeep.threads")
        await connection.execute(f"SET threadkeep.owner = '{owner_key('r')}'")
        window = statements("threadkeep")["window_of_turns"].text
        found = await plan(connection, window, owner_key("r"), "r", "t3", None, 2)
    finally:
        await connection.close()
    assert "Seq Scan on messages" not in found
    on_messages = [line for line in found.splitlines() if "on messages" in line]
    assert on_messages
    assert all("Index Scan" in line and "messages_pkey" in line for line in on_messages)
    conditions = [line for line in found.splitlines() if "Index Cond" in line]
    assert any("thread_key" in line for line in conditions)


@pytest.mark.parametrize("casing", ["snake_case", "camelCase"])
async def test_the_samples_on_ff_ais_own_tables_run(
    database: Database, store: AsyncStore, casing: str
) -> None:
    """Reading in place and moving over, as the page does it. [J5 A13]"""
    [code] = [block for block in blocks("python") if "def read_in_place" in block]
    sample: dict[str, Any] = {}
    exec(code, sample)  # noqa: S102
    seed = await Seed.made(database, casing)
    key = await seed.thread("user-123", "conversation-456")
    made = [
        await seed.message(key, {"role": "user", "content": "Hi."}),
        await seed.message(key, text("Hello.")),
    ]
    history = await sample["read_in_place"](seed.connection, casing)
    assert [message.id for message in history] == made
    assert await sample["move_over"](seed.connection, store, casing) == (1, 2, [])
    assert await sample["move_over"](seed.connection, store, casing) == (0, 0, [])
    await seed.connection.close()
