"""No plan that PostgreSQL may choose changes what a statement does under row-level security."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from samples import KEY, Call, appends, changes, fill, reads

from threadkeep import connect
from threadkeep.drivers.setting import begin_as
from threadkeep.sql import statements
from threadkeep.testing.servers import Database

SQL = statements("threadkeep")
PLANNERS = ("", "enable_nestloop", "enable_hashjoin", "enable_indexscan", "enable_mergejoin")
VOLATILE = {
    "append_to_head",
    "append_under",
    "append_in_run",
    "bulk_append",
    "thread_import",
    "thread_create",
    "thread_lock",
    "fork",
    "thread_update",
    "thread_set_head",
    "session_save",
    "session_archive",
    "session_unarchive",
    "session_delete",
    "sessions_purge",
    "span_start",
    "span_lock",
    "attachment_save",
    "attachment_lock",
    "feedback_set",
    "score_create",
    "key_create",
    "key_lock",
    "key_revoke",
    "refresh_create",
    "refresh_lock",
    "refresh_use",
    "refresh_purge",
    "refresh_purge_all",
}
SIZES = {"empty": (0, 0), "one turn": (1, 0), "large": (250, 40)}


@pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_no_plan_changes_what_a_statement_does(
    database: Database, size: str, mode: str
) -> None:
    """Each statement gives the same rows, and as many as are due, under every plan."""
    with connect(database.url) as store:
        fill(store, *SIZES[size])
    plain = await _run(database, "", mode, filled=size != "empty")
    assert len(plain) == len(reads()) + len(appends()) + len(changes(lambda: 0))
    for planner in PLANNERS[1:]:
        assert await _run(database, planner, mode, filled=size != "empty") == plain, planner


async def _run(
    database: Database, planner: str, mode: str, *, filled: bool
) -> list[tuple[str, int, Any]]:
    connection = await asyncpg.connect(database.url)
    try:
        # Forbidden plans look dear, and what looks dear is compiled first: that only takes time.
        await connection.execute(f"SET plan_cache_mode = {mode}; SET jit = off")
        if planner == "enable_indexscan":
            await connection.execute("SET enable_bitmapscan = off; SET enable_indexonlyscan = off")
        if planner:
            await connection.execute(f"SET {planner} = off")
        results = [await _rows(connection, call, filled=filled) for call in reads()]
        for call in appends():
            await connection.execute("BEGIN")
            due = filled or call.name in ("append_to_head", "thread_create", "run_begin")
            parent = {"append_under": -2, "append_in_run": -7}.get(call.name)
            due = due or (parent is not None and call.args[parent] is None)
            due = due or call.name in ("bulk_append", "thread_import")
            due = due or call.name in ("key_create", "refresh_create", "spans_record")
            due = due or (call.name == "events_track" and call.args[2] is not None)
            due = due or (call.name == "span_start" and call.args[2] is None)
            results.append(await _rows(connection, call, filled=due))
            await connection.execute("ROLLBACK")
        key = await _key(connection)
        for call in changes(lambda: key):
            await connection.execute(begin_as(KEY))
            due = filled or call.name in ("session_save", "spans_hold")
            results.append(await _rows(connection, call, filled=due))
            await connection.execute("ROLLBACK")
        return results
    finally:
        await connection.close()


async def _rows(connection: Any, call: Call, *, filled: bool) -> tuple[str, int, Any]:
    statement = await connection.prepare(SQL[call.name].text)
    rows = await statement.fetch(*call.args)
    affected = int(statement.get_statusmsg().split()[-1])
    if filled:
        assert affected >= max(call.least, 1), (call.name, call.args)
    elif "count" not in call.name and call.name != "message_children":
        assert affected == 0, call.name
    kept = () if call.name in VOLATILE else sorted(map(repr, rows))
    return call.name, affected, kept


async def _key(connection: Any) -> int:
    await connection.execute(begin_as(KEY))
    rows = await connection.fetch(
        "SELECT thread_key FROM threadkeep.threads WHERE thread_id = 'thread-1'"
    )
    await connection.execute("ROLLBACK")
    return rows[0][0] if rows else 0
