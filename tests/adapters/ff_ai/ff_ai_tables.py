"""The seed's own tables, in both casings, and rows in them."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from threadkeep.testing.servers import Database

SNAKE = """
CREATE SCHEMA IF NOT EXISTS ff_ai;

CREATE TABLE ff_ai.threads (
  id BIGSERIAL PRIMARY KEY,
  public_id TEXT NOT NULL,
  resource_id TEXT NOT NULL,
  created_at TIMESTAMP DEFAULT NOW() NOT NULL,
  updated_at TIMESTAMP DEFAULT NOW() NOT NULL,
  UNIQUE(resource_id, public_id)
);

CREATE TABLE ff_ai.messages (
  id BIGSERIAL PRIMARY KEY,
  uuid UUID NOT NULL UNIQUE,
  thread_id BIGINT NOT NULL REFERENCES ff_ai.threads(id) ON DELETE CASCADE,
  ai_sdk_v5 JSONB,
  created_at TIMESTAMP DEFAULT NOW() NOT NULL
);

CREATE INDEX idx_messages_thread_id ON ff_ai.messages(thread_id);
CREATE INDEX idx_messages_created_at ON ff_ai.messages(created_at);
"""
"""The seed's DDL, word for word."""

NAMES = ("public_id", "resource_id", "created_at", "updated_at", "thread_id", "ai_sdk_v5")
CAMEL_NAMES = ("publicId", "resourceId", "createdAt", "updatedAt", "threadId", "aiSdkV5")


def camel(sql: str) -> str:
    """The same with the columns that Drizzle makes where no casing is set."""
    for snake, name in zip(NAMES, CAMEL_NAMES, strict=True):
        sql = sql.replace(f"{snake}", f'"{name}"')
    return sql.replace('idx_messages_"threadId"', "i1").replace('idx_messages_"createdAt"', "i2")


class Seed:
    """The tables on a database, by one connection of their owner."""

    def __init__(self, connection: Any, casing: str) -> None:
        self.connection = connection
        self.casing = casing

    @classmethod
    async def made(cls, database: Database, casing: str) -> Seed:
        """The tables, empty."""
        seed = cls(await asyncpg.connect(database.superuser_url), casing)
        await seed.run(SNAKE)
        return seed

    async def run(self, sql: str, *args: Any) -> Any:
        """Run a statement that is written in snake_case."""
        text = sql if self.casing == "snake_case" else camel(sql)
        return await (self.connection.fetch(text, *args) if args else self.connection.execute(text))

    async def thread(self, resource: str, thread: str, at: str = "2024-01-01 10:00:00") -> int:
        """Make a thread; its key."""
        sql = (
            "INSERT INTO ff_ai.threads (public_id, resource_id, created_at, updated_at) "
            "VALUES ($1, $2, $3::text::timestamp, $3::text::timestamp + interval '1 hour') "
            "RETURNING id"
        )
        [row] = await self.run(sql, thread, resource, at)
        key: int = row[0]
        return key

    async def message(self, key: int, message: Any, at: str = "2024-01-01 10:00:00") -> str:
        """Insert a message; its id. None is NULL, and a text is the JSON itself."""
        id = str(uuid.uuid4())
        text = message if message is None or isinstance(message, str) else json.dumps(message)
        await self.run(
            "INSERT INTO ff_ai.messages (uuid, thread_id, ai_sdk_v5, created_at) "
            "VALUES ($1::text::uuid, $2, $3::text::jsonb, $4::text::timestamp) RETURNING id",
            id,
            key,
            text,
            at,
        )
        return id
