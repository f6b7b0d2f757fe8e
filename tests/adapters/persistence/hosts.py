"""Apps that have tables of their own, and the ways in which they hold a database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import asyncpg
import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool
from sqlalchemy.ext.asyncio import create_async_engine

from threadkeep.adapters.persistence import PostgresPersistence, persistence_ddl
from threadkeep.testing.servers import Database

# Before a test imports them: else what fails in the contract says only that it does.
pytest.register_assert_rewrite(
    "threadkeep.testing.persistence", "threadkeep.testing.persistence_sessions"
)

SEED_DDL = """
create table chat_messages (
thread_id text not null,
message_id text not null,
session_id text,
user_id text,
role text not null,
created_at timestamptz not null default now(),
parts_json jsonb not null,
primary key (thread_id, message_id)
);
create index on chat_messages (thread_id, created_at);
create index on chat_messages (session_id);
create table chat_sessions (
session_id text primary key,
thread_id text not null,
sdk_version text not null,
state_json jsonb,
metadata_json jsonb,
created_at timestamptz not null default now(),
updated_at timestamptz not null default now(),
archived_at timestamptz
);
create index on chat_sessions (thread_id);
"""
"""The seed's own SQL, as it stands there."""

GRANTS = """
GRANT USAGE ON SCHEMA {schema} TO threadkeep_app;
GRANT SELECT, INSERT ON {messages} TO threadkeep_app;
GRANT SELECT, INSERT, UPDATE ON {sessions} TO threadkeep_app;
"""


@dataclass(frozen=True, slots=True)
class Host:
    """An app's two tables: how they are called, and what they keep JSON as."""

    tables: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    casing: Literal["snake_case", "camel_case"] = "snake_case"
    payload: Literal["jsonb", "json"] = "jsonb"
    ddl: str | None = None
    more: str = ""

    @property
    def names(self) -> dict[str, Any]:
        """What both the adapter and the DDL are told."""
        return {"tables": self.tables, "columns": self.columns, "casing": self.casing}

    def sql(self) -> str:
        """The app's migration: its tables, with a user for sessions, and the role's privileges."""
        made = self.ddl or persistence_ddl(**self.names, payload=self.payload, per_user=True)
        messages = self.tables.get("messages", "chat_messages")
        sessions = self.tables.get("sessions", "chat_sessions")
        schema = messages.partition(".")[0] if "." in messages else "public"
        begin = "" if schema == "public" else f"CREATE SCHEMA IF NOT EXISTS {schema};"
        grants = GRANTS.format(schema=schema, messages=messages, sessions=sessions)
        return f"{begin}{made}{self.more}{grants}"

    def adapter(self, pool: object, **more: Any) -> PostgresPersistence:
        """The adapter over these tables."""
        return PostgresPersistence(pool, **self.names, **more)


SEED = Host(ddl=SEED_DDL, more="ALTER TABLE chat_sessions ADD COLUMN user_id text;")
"""The seed's tables. What is added is what an adapter bound to a user asks for."""

ODD = Host(
    tables={"messages": 'app."Chat Messages"', "sessions": 'app."Chat.""Sessions"'},
    columns={
        "messages": {
            "thread_id": "Thread Id",
            "message_id": 'the "id"',
            "session_id": "session.id",
            "user_id": "user",
            "role": "Größe",
            "created_at": "at; --",
            "parts_json": "select",
        },
        "sessions": {
            "session_id": "Session Id",
            "thread_id": "%s",
            "sdk_version": "$1",
            "state_json": "state's",
            "metadata_json": "/*column messages.role*/",
            "created_at": "created\\at",
            "updated_at": "x" * 63,
            "archived_at": "group",
            "user_id": "user",
        },
    },
    more="""
    ALTER TABLE app."Chat Messages" ADD COLUMN "Extra" text, ADD COLUMN n serial NOT NULL,
      ADD COLUMN "x y" int NOT NULL DEFAULT 7, ADD COLUMN made timestamptz NOT NULL DEFAULT now(),
      ADD COLUMN twice int GENERATED ALWAYS AS (7) STORED;
    GRANT USAGE ON SEQUENCE app."Chat Messages_n_seq" TO threadkeep_app;
    """,
)
"""Names that only quoting gets through, and columns that are the app's own business."""

CAMEL = Host(
    tables={"messages": "Chat_Log", "sessions": '"chatRuns"'},
    columns={"messages": {"seq": "position", "parts_json": "content"}},
    casing="camel_case",
    payload="json",
)
"""camelCase columns, a column for the order, and JSON that is kept byte for byte."""

HOSTS = {"seed": SEED, "odd": ODD, "camel": CAMEL}


@asynccontextmanager
async def asyncpg_pool(url: str) -> AsyncIterator[object]:
    async with asyncpg.create_pool(url, min_size=0, max_size=8) as pool:
        yield pool


@asynccontextmanager
async def psycopg_pool(url: str) -> AsyncIterator[object]:
    async with AsyncConnectionPool(url, min_size=1, max_size=8, open=False) as pool:
        yield pool


@asynccontextmanager
async def _engine(url: str, driver: str) -> AsyncIterator[object]:
    engine = create_async_engine(url.replace("postgresql:", f"postgresql+{driver}:", 1))
    try:
        yield engine
    finally:
        await engine.dispose()


def sqlalchemy_asyncpg(url: str) -> AbstractAsyncContextManager[object]:
    return _engine(url, "asyncpg")


def sqlalchemy_psycopg(url: str) -> AbstractAsyncContextManager[object]:
    return _engine(url, "psycopg")


Way = Callable[[str], AbstractAsyncContextManager[object]]
WAYS: dict[str, Way] = {
    "asyncpg": asyncpg_pool,
    "psycopg": psycopg_pool,
    "sqlalchemy_asyncpg": sqlalchemy_asyncpg,
    "sqlalchemy_psycopg": sqlalchemy_psycopg,
}


def run(database: Database, text: str) -> list[tuple[Any, ...]]:
    """Run SQL as the superuser."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        cursor = connection.execute(text.encode())
        return cursor.fetchall() if cursor.description else []
