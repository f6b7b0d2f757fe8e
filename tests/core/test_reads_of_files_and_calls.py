"""What listing attachments, feedback and tool calls costs, as rows and blocks read."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest
from samples import FIRST, KEY, LAST, NAMED, OWNER, THREAD, turn

from threadkeep import connect
from threadkeep.sql import statements
from threadkeep.testing.servers import Database

SQL = statements("threadkeep")
MANY_FILES = """
INSERT INTO threadkeep.attachments (owner_key, thread_key, created_at, updated_at, owner_id,
  attachment_id, user_id, name, media_type)
SELECT $1::bigint, CASE WHEN n % 50 = 0 THEN t.thread_key END, now() - n * interval '1 second',
  now(), $2::text, 'file-' || n, CASE WHEN n % 50 < 2 THEN 'person' END, 'n', 'm'
FROM threadkeep.threads t, generate_series(1, 20000) n
WHERE t.owner_key = $1::bigint AND t.thread_id = $3::text
"""
MUCH_PROSE = """
INSERT INTO threadkeep.messages (owner_key, thread_key, seq, parent_seq, anchor, created_at,
  updated_at, turn, tokens, starts, cut, message_id, role, status, format, payload)
SELECT $1::bigint, t.thread_key, n, n - 1, 1, now(), now(), 1, 100, false, true, 'm' || n,
  'assistant', 'complete', 'threadkeep', json_build_object('role', 'assistant', 'parts',
  json_build_array(), 'x', (SELECT string_agg(md5(random()::text || n || k), '')
                            FROM generate_series(1, 300) k))
FROM threadkeep.threads t, generate_series(9, 2000) n
WHERE t.owner_key = $1::bigint AND t.thread_id = $2::text
"""
HEAD = """
UPDATE threadkeep.threads SET head_seq = 2000, next_seq = 2001, message_count = 2000
WHERE owner_key = $1::bigint AND thread_id = $2::text
"""
LISTS: dict[str, tuple[str, tuple[object, ...]]] = {
    "all": ("attachments", (KEY, OWNER)),
    "of a user": ("attachments_of_user", (KEY, OWNER)),
    "of a thread": ("attachments_of_thread", (*NAMED, None)),
    "unused": ("attachments_unused", (KEY, OWNER)),
}
MORE: dict[str, tuple[object, ...]] = {"of a user": ("person",), "unused": (LAST, None)}


@pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
async def test_a_page_of_attachments_reads_few_rows(database: Database) -> None:
    """Of 20 000 attachments at most three rows are read for a row returned. [A17 G12]"""
    with connect(database.url) as store:
        store.owner(OWNER).threads.create(THREAD)
    await _run(database, MANY_FILES, KEY, OWNER, THREAD)
    connection = await asyncpg.connect(database.url)
    try:
        for analysed in (False, True):
            if analysed:
                await _run(database, "VACUUM ANALYZE threadkeep.attachments")
            for mode in ("force_custom_plan", "force_generic_plan"):
                await connection.execute(f"SET plan_cache_mode = {mode}")
                for name, (block, owned) in LISTS.items():
                    if name == "all" and not analysed:
                        continue  # as for threads: a table without statistics may be sorted
                    for end, start in (("newest", LAST), ("oldest", FIRST)):
                        args = (*owned, start, "", 51, *MORE.get(name, ()))
                        plan = await _explain(connection, f"{block}_{end}", args)
                        assert round(plan["Actual Rows"]) == 51, name
                        read = _read_rows(plan, "attachments")
                        assert read <= 156, (name, end, mode, analysed, read)
    finally:
        await connection.close()


@pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
async def test_tool_calls_cost_nothing_of_the_prose_around_them(database: Database) -> None:
    """Of 20 MB of prose not a payload is read, and nothing without an index. [G6]"""
    with connect(database.url) as store:
        store.owner(OWNER).messages.append(THREAD, [*turn(0), *turn(1)])
    await _run(database, MUCH_PROSE, KEY, THREAD)
    await _run(database, HEAD, KEY, THREAD)
    with connect(database.url) as store:
        uses = store.owner(OWNER).messages.tool_calls(THREAD)
        assert [(use.id, use.result_message_id) for use in uses] == [("c0", "t0"), ("c1", "t1")]
        assert store.owner(OWNER).messages.count(THREAD) == 2000
    connection = await asyncpg.connect(database.url)
    try:
        for analysed in (False, True):
            if analysed:
                await _run(database, "VACUUM ANALYZE threadkeep.messages")
            for mode in ("force_custom_plan", "force_generic_plan"):
                await connection.execute(f"SET plan_cache_mode = {mode}")
                for block, args, rows in (
                    ("tool_messages_path", (*NAMED, None, None), 4),
                    ("tool_messages_tree", (*NAMED, None), 5),
                ):
                    plan = await _explain(connection, block, args)
                    assert round(plan["Actual Rows"]) == rows, block
                    blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
                    assert blocks < 500, (block, mode, analysed, blocks)
                    scans = {node["Node Type"] for node in _nodes(plan) if node.get("Alias") == "m"}
                    assert "Seq Scan" not in scans, (block, mode, analysed)
                everything = ("messages_down_path", (*NAMED, None, None, 2**62, -1, 10_000))
                plan = await _explain(connection, *everything)
                assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] > 5000
    finally:
        await connection.close()


async def _run(database: Database, text: str, *args: object) -> None:
    connection = await asyncpg.connect(database.superuser_url)
    try:
        await connection.execute(text, *args)
    finally:
        await connection.close()


async def _explain(connection: Any, block: str, args: tuple[object, ...]) -> Any:
    options = "ANALYZE, BUFFERS, TIMING OFF, SERIALIZE, FORMAT JSON"
    if connection.get_server_version().major < 17:
        options = options.replace("SERIALIZE, ", "")
    explain = f"EXPLAIN ({options}) {SQL[block].text}"
    return json.loads(await connection.fetchval(explain, *args))[0]["Plan"]


def _nodes(plan: Any) -> list[Any]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in _nodes(child))]


def _read_rows(plan: Any, table: str) -> int:
    """How many rows of a table were looked at."""
    scans = [node for node in _nodes(plan) if node.get("Relation Name") == table]
    return sum(
        round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in scans
    )
