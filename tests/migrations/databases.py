"""What the tests of the migrations do to a database, past the library."""

from __future__ import annotations

import itertools
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql as compose

from threadkeep.core import ledger, migrations
from threadkeep.core.catalog import read_facts
from threadkeep.drivers.asyncpg import AsyncpgExecutor
from threadkeep.drivers.limits import Limits
from threadkeep.drivers.urls import Address
from threadkeep.sql import migration_files
from threadkeep.values.ids import owner_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    import asyncpg
    import pytest

    from threadkeep.core.catalog import Facts
    from threadkeep.core.migrations import Options
    from threadkeep.values.ports import Patience, Row, Statement

T = TypeVar("T")

_NUMBERS = itertools.count()

ODD_SCHEMAS = [
    'we"ird name',
    "Größe.x",
    "select",
    "public",
    "it's \\ $1 $$",
    """:"role" :'role'""",
    "threadkeep.",
    "x" * 63,
]


def pick_prefix() -> str:
    """What the names of a test's roles begin with."""
    return f"mig_{os.getpid()}_{next(_NUMBERS)}_"


def run(url: str, text: str, *args: object) -> list[tuple[Any, ...]]:
    """Run a text in autocommit; several statements if there are no arguments."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(text.encode(), args or None)
        return cursor.fetchall() if cursor.description else []


def as_role(url: str, role: str) -> str:
    """The same database for another role."""
    parts = urlsplit(url)
    _, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{quote(role)}@{host}").geturl()


def login(url: str, options: Options, name: str, *, member_of: str | None = None) -> str:
    """Make a role that can log in, and give its URL; it is dropped with the test's own roles."""
    role = f"{options.app_role.removesuffix('app')}{name}"
    member = f'IN ROLE "{member_of}"' if member_of else ""
    run(url, f'CREATE ROLE "{role}" LOGIN {member}')
    return as_role(url, role)


def drop_roles(url: str, prefix: str) -> None:
    """Drop the roles of a test and all they own in its database."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", [prefix]
        )
        for (role,) in found.fetchall():
            name = compose.Identifier(role)
            connection.execute(compose.SQL("DROP OWNED BY {} CASCADE").format(name))
            connection.execute(compose.SQL("DROP ROLE {}").format(name))


@asynccontextmanager
async def executor(url: str) -> AsyncIterator[AsyncpgExecutor]:
    """An executor on this database."""
    ex = await AsyncpgExecutor.open(Address.parse(url), Limits(pool_size=2))
    try:
        yield ex
    finally:
        await ex.close()


class Borrowed:
    """An executor on one connection, in the transaction that is open there."""

    checks_first = True
    xid: str | None = None

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        rows: list[Row] = await self._connection.fetch(statement.text, *args)
        return rows

    async def script(self, text: str) -> None:
        await self._connection.execute(text)

    @asynccontextmanager
    async def transaction(self, owner_key: int | None) -> AsyncIterator[Borrowed]:
        yield self

    def patience(self) -> Patience:
        raise NotImplementedError


@asynccontextmanager
async def undone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """A transaction that is rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def facts_of(ex: AsyncpgExecutor, options: Options) -> Facts:
    """All facts about all that is in the schema."""
    async with ex.transaction(None) as tx:
        return await read_facts(tx, options, names=None)


def add_rows(url: str, schema: str = "threadkeep") -> None:
    """A row in each table for each of two owners."""
    for owner in ("ann", "ben"):
        key = owner_key(owner)
        run(
            url,
            f"""
            WITH t AS (
              INSERT INTO "{schema}".threads (owner_key, next_seq, structure, revision,
                message_count, created_at, updated_at, active_at, turns, owner_id, thread_id,
                status)
              VALUES ({key}, 2, 0, 0, 1, now(), now(), now(), 1, '{owner}', 't', 'active')
              RETURNING owner_key, thread_key),
            r AS (
              INSERT INTO "{schema}".runs (owner_key, thread_key, started_at, renewed_at,
                lease_until, exclusive, run_id, status)
              SELECT owner_key, thread_key, now(), now(), now(), false, 'r', 'running' FROM t),
            s AS (
              INSERT INTO "{schema}".sessions (owner_key, thread_key, created_at, updated_at,
                owner_id, session_id)
              SELECT owner_key, thread_key, now(), now(), '{owner}', 's' FROM t),
            p AS (
              INSERT INTO "{schema}".spans (owner_key, thread_key, started_at, owner_id, span_id,
                name, type, status)
              SELECT owner_key, thread_key, now(), '{owner}', 'p', 'p', 'llm', 'running' FROM t),
            a AS (
              INSERT INTO "{schema}".attachments (owner_key, thread_key, created_at, updated_at,
                owner_id, attachment_id, name, media_type)
              SELECT owner_key, thread_key, now(), now(), '{owner}', 'a', 'a', 'text/plain' FROM t),
            f AS (
              INSERT INTO "{schema}".feedback (owner_key, thread_key, seq, created_at, updated_at,
                user_id, kind)
              SELECT owner_key, thread_key, 1, now(), now(), '', 'positive' FROM t),
            k AS (
              INSERT INTO "{schema}".api_keys (owner_key, created_at, updated_at, owner_id, key_id,
                name, scopes, hash)
              SELECT owner_key, now(), now(), '{owner}', 'k', 'k', '{{read}}', sha256('k') FROM t),
            n AS (
              INSERT INTO "{schema}".refresh_tokens (owner_key, generation, created_at, updated_at,
                expires_at, owner_id, token_id)
              SELECT owner_key, 0, now(), now(), now(), '{owner}', 'n' FROM t),
            e AS (
              INSERT INTO "{schema}".events (owner_key, thread_key, created_at, owner_id, event_id,
                kind)
              SELECT owner_key, thread_key, now(), '{owner}', 'e', 'e' FROM t),
            c AS (
              INSERT INTO "{schema}".scores (owner_key, thread_key, value, created_at, owner_id,
                score_id, name, type)
              SELECT owner_key, thread_key, 1, now(), '{owner}', 'c', 'c', 'numeric' FROM t)
            INSERT INTO "{schema}".messages (owner_key, thread_key, seq, anchor, created_at,
              updated_at, turn, tokens, starts, cut, message_id, role, status, format, payload)
            SELECT owner_key, thread_key, 1, 1, now(), now(), 1, 1, true, true, 'm', 'user',
                   'complete', 'threadkeep', '{{}}'
            FROM t
            """,
        )


def database_name(url: str) -> str:
    """The database of a URL."""
    return urlsplit(url).path.removeprefix("/")


def role_of(url: str) -> str:
    """The role of a URL."""
    return urlsplit(url).netloc.partition("@")[0]


def next_migration(sql: str) -> tuple[int, str, str]:
    """A migration that follows those we ship."""
    return migration_files()[-1][0] + 1, "next", sql


def ship(monkeypatch: pytest.MonkeyPatch, migration: tuple[int, str, str]) -> None:
    """Make the package ship one migration more."""
    files = [*migration_files(), migration]
    for module in (ledger, migrations):
        monkeypatch.setattr(module, "migration_files", lambda: files)


def step(call: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits."""
    try:
        call.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    raise AssertionError("it waited")
