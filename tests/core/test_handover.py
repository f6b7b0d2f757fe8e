"""A transfer moves each row as it is: under every plan, in any schema, and for equal keys too."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from samples import OWNER, THREAD, USER, fill
from test_plans import PLANNERS
from test_statements import BOTH, ODD

from threadkeep import (
    ConflictError,
    Event,
    ForbiddenError,
    Message,
    Owner,
    connect,
    connect_async,
)
from threadkeep.connecting import open_migrations
from threadkeep.sql import statements
from threadkeep.store import Options
from threadkeep.testing.servers import Database
from threadkeep.testing.wire import counted
from threadkeep.values import ids

OTHER = "other"
STAY = {"api_keys", "refresh_tokens"}
_TABLES = """
SELECT c.table_name::text, c.column_name::text, c.data_type::text FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = %s AND t.table_type = 'BASE TABLE'
ORDER BY c.table_name, c.ordinal_position
"""
# What no row has, or not with anything: the tree, and what checks tie to something else.
_FIXED = {
    *("thread_key", "seq", "parent_seq", "parent_id", "head_seq", "head_anchor", "head_parent"),
    *("ended_at", "value", "text_value", "access", "user_id"),
}
_VALUES = {
    "text": "'a ' || random()",
    "bigint": "7",
    "numeric": "0.10",
    "double precision": "1.5",
    "timestamp with time zone": "timestamptz '2001-02-03 04:05:06.789+00'",
    "jsonb": """'{"b": 1, "a": null}'""",
    "json": """'{"b" : 1e400, "a":-0.0, "a":"\\u0000\\ud800"}'""",
    "ARRAY": "ARRAY['x', NULL]",
}
Columns = dict[str, dict[str, str]]


class Rows:
    """All rows of a database, as a superuser sees them."""

    def __init__(self, database: Database, schema: str = "threadkeep") -> None:
        self.connection = psycopg.connect(database.superuser_url, autocommit=True)
        self.schema = '"' + schema.replace('"', '""') + '"'
        self.tables: Columns = {}
        for table, column, kind in self.connection.execute(_TABLES, [schema]).fetchall():
            self.tables.setdefault(table, {})[column] = kind
        self.tables = {t: c for t, c in self.tables.items() if "owner_key" in c and t not in STAY}

    def fill_all_columns(self) -> None:
        """Give each column a value that has none, so that one that is forgotten shows."""
        for table, columns in self.tables.items():
            given = ", ".join(
                f'"{column}" = coalesce("{column}", {_VALUES[kind]})'
                for column, kind in columns.items()
                if column not in _FIXED and kind in _VALUES
            )
            self.connection.execute(f"UPDATE {self.schema}.{table} SET {given}".encode())

    def of(self, owner_id: str, key: int) -> list[str]:
        """The rows of an owner, less whose they are; verbatim."""
        found: list[str] = []
        for table, columns in self.tables.items():
            mine = f"x.owner_key = {key}"
            if "owner_id" in columns:
                mine += " AND x.owner_id = %(owner)s"
            else:
                mine += (
                    f" AND x.thread_key IN (SELECT thread_key FROM {self.schema}.threads t"
                    f" WHERE t.owner_key = {key} AND t.owner_id = %(owner)s)"
                )
            text = f"SELECT row_to_json(x)::text FROM {self.schema}.{table} x WHERE {mine}"
            for (row,) in self.connection.execute(text.encode(), {"owner": owner_id}).fetchall():
                bare = row.replace(f'"owner_key":{key},', "", 1)
                found.append(f"{table} {bare.replace(json.dumps(owner_id), 'mine', 1)}")
        return sorted(found)

    def count(self) -> int:
        """How many rows there are."""
        texts = (f"SELECT count(*) FROM {self.schema}.{table}" for table in self.tables)
        return sum(self.connection.execute(text.encode()).fetchall()[0][0] for text in texts)


@contextmanager
def rows_of(database: Database, schema: str = "threadkeep") -> Iterator[Rows]:
    """All rows of a database."""
    rows = Rows(database, schema)
    with rows.connection:
        yield rows


def furnish(store: Any, *, turns: int = 2, branches: int = 1) -> None:
    """Two owners with the same ids, and something in every table."""
    fill(store, turns, branches)
    for owner in (OWNER, "owner-b"):
        chat = store.owner(owner)
        chat.events.track([Event("k", THREAD, id="e1"), Event("k", id="e2", user_id=USER)])
        chat.scores.create("n", type="numeric", value=1, thread=THREAD, score_id="c1")
        chat.scores.create("n", type="categorical", text_value="a", score_id="c2", user=USER)
        chat.keys.create("stays")
        chat.refresh_tokens.create(lifetime=60)


async def moved(admin: str, rows: Rows, key: Callable[[str], int], **how: Any) -> None:
    """Transfer OWNER to OTHER and back, and look at each row."""
    before, stays = rows.of(OWNER, key(OWNER)), rows.of("owner-b", key("owner-b"))
    assert before
    assert len(before) > len(rows.tables)
    total = rows.count()
    async with connect_async(admin, **how) as store:
        for source, target in ((OWNER, OTHER), (OTHER, OWNER)):
            assert await store.admin().transfer(source, target) == 2
            assert rows.of(source, key(source)) == []
            assert rows.of(target, key(target)) == before
            assert rows.of("owner-b", key("owner-b")) == stays
            assert rows.count() == total


@BOTH
async def test_each_row_is_moved_as_it_is_under_every_plan(database: Database) -> None:
    """All columns of all tables stay but the owner, whatever plan is chosen, for the admin role."""
    with connect(database.url) as store:
        furnish(store, turns=40, branches=10)
    with rows_of(database) as rows:
        rows.fill_all_columns()
        for table, columns in rows.tables.items():
            for column in columns.keys() - _FIXED:
                text = f'SELECT count("{column}") FROM threadkeep.{table}'.encode()
                assert rows.connection.execute(text).fetchall()[0][0], (table, column)
        for mode in ("force_custom_plan", "force_generic_plan"):
            for planner in PLANNERS:
                options = f"-c plan_cache_mode={mode}" + (f" -c {planner}=off" if planner else "")
                admin = f"{database.admin_url}&options={quote(options)}"
                await moved(admin, rows, ids.owner_key)


def test_each_statement_names_all_columns_of_its_table(database: Database) -> None:
    """A column that a migration adds cannot be forgotten."""
    sql = statements("threadkeep")
    with rows_of(database) as rows:
        for table, columns in rows.tables.items():
            text = sql[f"handover_{table}"].text
            found = re.search(rf'INSERT INTO "threadkeep".{table} \(([^)]*)\)', text)
            assert found, table
            named = [name.strip() for name in found[1].split(",")]
            assert sorted(named) == sorted(columns), table


@BOTH
async def test_an_oddly_named_schema_makes_no_difference(empty_database: Database) -> None:
    """The transfer names its schema everywhere. [A9]"""
    url = empty_database.superuser_url
    with open_migrations(url, options=Options(schema=ODD)) as migrations:
        migrations.up()
    with pytest.warns(match="row-level security"), connect(url, schema=ODD) as store:
        furnish(store)
    with rows_of(empty_database, ODD) as rows, pytest.warns(match="row-level security"):
        await moved(url, rows, ids.owner_key, schema=ODD)


@BOTH
@pytest.mark.parametrize("alike", [(OWNER, "owner-b"), (OTHER, "owner-b"), (OWNER, OTHER)])
async def test_owners_whose_keys_are_equal_stay_apart(
    database: Database, monkeypatch: pytest.MonkeyPatch, alike: tuple[str, str]
) -> None:
    """Where two owners share a key, by their hashes, only the one's rows move."""
    real = ids.owner_key

    def key(owner_id: str) -> int:
        return 1 if owner_id in alike else real(owner_id)

    for module in ("scope", "handover"):
        monkeypatch.setattr(f"threadkeep.core.{module}.owner_key", key)
    with connect(database.url) as store:
        furnish(store)
        store.owner(OTHER).threads.create("there")
    with rows_of(database) as rows:
        rows.fill_all_columns()
        there = rows.of(OTHER, key(OTHER))
        before, stays = rows.of(OWNER, key(OWNER)), rows.of("owner-b", key("owner-b"))
        async with connect_async(database.admin_url) as opened:
            assert await opened.admin().transfer(OWNER, OTHER) == 2
            assert rows.of(OTHER, key(OTHER)) == sorted([*before, *there])
            assert rows.of("owner-b", key("owner-b")) == stays
            assert rows.of(OWNER, key(OWNER)) == []
            chat = opened.owner(OTHER)
            await chat.feedback.set(THREAD, "u0", "negative", user="z")
            assert await opened.admin().transfer(OTHER, OWNER, user="z") == 3
            [kept] = await opened.owner(OWNER, user="z").feedback.list(THREAD)
            assert (kept.user_id, kept.kind) == ("z", "negative")
            assert rows.of("owner-b", key("owner-b")) == stays
            await opened.owner(OTHER).threads.create("there")
            with pytest.raises(ConflictError) as refused:
                await opened.admin().transfer(OTHER, OWNER)
            assert refused.value.reason == "exists"


async def test_many_threads_take_as_many_statements_as_one(database: Database) -> None:
    """What a transfer costs in round trips does not grow with what is transferred."""
    with counted(database.admin_url) as wire:
        async with connect_async(wire.url, pool_size=1) as store:
            trips: list[int] = []
            for number in (1, 1, 60):
                chat = store.owner(f"from {len(trips)}")
                batches = {f"t{n}": [Message.user("q"), Message.user("r")] for n in range(number)}
                await chat.messages.append_many(batches)
                for n in range(number):
                    await chat.spans.start("s", thread=f"t{n}")
                before = wire.trips
                assert await store.admin().transfer(chat.owner_id, f"to {len(trips)}") == number
                trips.append(wire.trips - before)
    assert trips[1] == trips[2] <= 16


async def test_only_the_admin_may(database: Database) -> None:
    """The app's role is refused what reaches across owners, before anything is asked."""
    async with connect_async(database.url) as store:
        await store.owner("a").threads.create("t")
        admin = store.admin()
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: admin.transfer("a", "b"),
            admin.purge_refresh_tokens,
            lambda: _page(admin.owners()),
            lambda: _page(admin.threads.list(order_by="active_at")),
        ]
        for call in calls:
            with pytest.raises(ForbiddenError):
                await call()
        assert await store.owner("a").threads.count() == 1


async def _page(call: Any) -> Any:
    return await call


Change = Callable[[Owner], Awaitable[Any]]
CHANGES: dict[str, list[Change]] = {
    "spans": [
        lambda chat: chat.spans.start("x", span_id="below", parent="root"),
        lambda chat: chat.spans.start("x", span_id="deeper", parent="below"),
    ],
    "a span's end": [lambda chat: chat.spans.end("root", output="late")],
    "feedback": [lambda chat: chat.feedback.set("t", "m", "positive")],
    "messages": [
        lambda chat: chat.messages.append("t", Message.user("n", id="n")),
        lambda chat: chat.messages.delete("t", "m"),
    ],
    "a session": [lambda chat: chat.sessions.save("s", state="late")],
    "files": [
        lambda chat: chat.attachments.save("f", name="late", media_type="m"),
        lambda chat: chat.attachments.save("g", name="late", media_type="m", thread="t"),
    ],
    "scores": [lambda chat: chat.scores.create("x", type="numeric", value=1, thread="t")],
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
async def test_what_is_done_just_before_comes_along(
    database: Database, changes: list[Change]
) -> None:
    """A change that is not committed yet when the transfer begins is waited for, and moved too."""
    async with connect_async(database.url, admin_url=database.admin_url) as store:
        chat = store.owner("a")
        await chat.messages.append("t", Message.user("m", id="m"))
        await chat.spans.start("root", span_id="root")
        await chat.sessions.save("s", state="early")
        await chat.attachments.save("f", name="early", media_type="m")
        with rows_of(database) as rows:
            connection = await psycopg.AsyncConnection.connect(database.url)
            async with connection, connection.transaction():
                within = store.using(connection).owner("a")
                for change in changes:
                    await change(within)
                moving = asyncio.create_task(store.admin().transfer("a", "b"))
                await asyncio.sleep(0.2)
                assert not moving.done()
                assert rows.of("b", ids.owner_key("b")) == []
                expected = await _seen(connection, rows)
            assert await moving == 1
            assert rows.of("b", ids.owner_key("b")) == expected
            assert rows.of("a", ids.owner_key("a")) == []


async def _seen(connection: psycopg.AsyncConnection, rows: Rows) -> list[str]:
    """The rows of owner a, as the transaction of this connection sees them."""
    key, found = ids.owner_key("a"), []
    await connection.execute("SELECT set_config('threadkeep.owner', %s, true)", [str(key)])
    for table in rows.tables:
        text = f"SELECT row_to_json(x)::text FROM threadkeep.{table} x".encode()
        for (row,) in await (await connection.execute(text)).fetchall():
            bare = row.replace(f'"owner_key":{key},', "", 1).replace('"a"', "mine", 1)
            found.append(f"{table} {bare}")
    return sorted(found)
