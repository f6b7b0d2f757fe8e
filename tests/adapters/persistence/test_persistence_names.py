"""Any name that PostgreSQL takes is a name for the app's tables and columns."""

from __future__ import annotations

import re

import pytest
from hosts import WAYS, run

from threadkeep.adapters.persistence import ChatMessage, PostgresPersistence, persistence_ddl
from threadkeep.adapters.persistence.naming import Naming
from threadkeep.sql.host import host_statements
from threadkeep.testing.servers import Database

BOTH = pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
# Words of our own statements, signs of SQL, of drivers and of our own marks, the longest names.
NAMES = [
    *("given", "asked", "stored", "fresh", "verdict", "last", "placed", "added", "one", "excluded"),
    *("m", "s", "u", "select", "user", "null", "a.b", "'", "\\", 'U&"', " ", "\t", "\u2028"),
    *('x"; DROP TABLE y; --', "two\nlines", "-- c", "/* c */", "/*table messages*/", "/*dir*/DESC"),
    *("/*use visible*/", "/*past*/<", "$1", "$1::text", "%s %(a)s %", ":x", "ü" * 31, "🌍" * 15),
]


async def _works(made: PostgresPersistence) -> None:
    await made.validate_schema()
    batch = [ChatMessage("a", "user", [1]), ChatMessage("b", "user", [1])]
    await made.append_messages("t", batch, session_id="s")
    await made.append_messages("t", batch, session_id="s")
    await made.save_session("s", thread_id="t", sdk_version="1")
    await made.save_session("s", thread_id="t", sdk_version="2")
    assert await made.archive_session("s") is True
    assert await made.list_messages("t") == []
    assert await made.count_messages("t", session_id="s") == 2
    [after] = await made.list_messages("t", include_archived=True, after="a")
    assert after.message_id == "b"
    assert len(await made.list_sessions("t", include_archived=True)) == 1


@BOTH
@pytest.mark.parametrize("way", ["asyncpg", "sqlalchemy_psycopg"])
async def test_tables_may_have_any_name(empty_database: Database, way: str) -> None:
    """Also that of a step of our statements, which would stand before the table. [A10]"""
    async with WAYS[way](empty_database.superuser_url) as pool:
        for n, name in enumerate(NAMES):
            quoted = '"' + name.replace('"', '""') + '"'
            tables = {"messages": quoted, "sessions": f"s{n}"}
            if n % 2:
                tables = {"messages": f"m{n}", "sessions": quoted}
            run(empty_database, persistence_ddl(tables=tables, per_user=True))
            await _works(PostgresPersistence(pool, tables=tables, user="ann"))
            run(empty_database, f"DROP TABLE {tables['messages']}, {tables['sessions']}")


@BOTH
@pytest.mark.parametrize("way", ["asyncpg", "psycopg"])
async def test_columns_may_have_any_name(empty_database: Database, way: str) -> None:
    """Each column has each of the names once. [A10 A13]"""
    own = {label: list(names) for label, names in Naming.of(per_user=True).columns.items()}
    own["messages"].append("seq")
    async with WAYS[way](empty_database.superuser_url) as pool:
        for n in range(0, len(NAMES), 3):
            turned = NAMES[n:] + NAMES[:n]
            columns = {
                label: dict(zip(names, turned, strict=False)) for label, names in own.items()
            }
            run(empty_database, persistence_ddl(columns=columns, per_user=True))
            await _works(PostgresPersistence(pool, columns=columns, user="ann"))
            run(empty_database, "DROP TABLE chat_messages, chat_sessions")


def test_no_step_of_ours_hides_a_table() -> None:
    """The steps of statements over the app's tables have names that are plainly ours. [A10]"""
    seen = 0
    for name, statement in host_statements("persistence", Naming.of(per_user=True).names).items():
        if name != "look":
            steps = re.findall(r"(\w+) AS (?:MATERIALIZED )?\(", statement.text)
            seen += len(steps)
            assert all(step.startswith("threadkeep_") for step in steps), name
    assert seen > 8
