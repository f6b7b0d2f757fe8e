"""The blocks in which drivers and SQLAlchemy nest transactions go on working around our calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
from lenders import async_engine, engine, over
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncSession

from threadkeep import Message

if TYPE_CHECKING:
    from threadkeep.store import AsyncStore
    from threadkeep.testing.servers import Database


async def kept(store: AsyncStore) -> list[str | None]:
    """What another session reads."""
    return [m.id async for m in store.owner("a").messages.list("t")]


async def say(store: AsyncStore, lent: Any, id: str, *, blocking: bool = False) -> None:
    """One append over what is lent."""
    chat = over(store, lent, blocking=blocking).owner("a")
    await chat.messages.append("t", Message.user(id, id=id))


async def test_blocks_of_asyncpg(database: Database, store: AsyncStore) -> None:
    """An inner block that is undone takes what was said in it, no more. [A14]"""
    connection = await asyncpg.connect(database.url)
    try:
        async with connection.transaction():
            await say(store, connection, "m1")
            inner = connection.transaction()
            await inner.start()
            await say(store, inner, "m2")
            await inner.rollback()
            async with connection.transaction():
                await say(store, connection, "m3")
    finally:
        await connection.close()
    assert await kept(store) == ["m1", "m3"]


async def test_blocks_of_psycopg(database: Database, store: AsyncStore) -> None:
    """The same, blocking and async."""
    with psycopg.connect(database.url) as connection, connection.transaction():
        await say(store, connection, "m1", blocking=True)
        with connection.transaction(force_rollback=True) as inner:
            await say(store, inner, "m2", blocking=True)
        with connection.transaction():
            await say(store, connection, "m3", blocking=True)
    async with (
        await psycopg.AsyncConnection.connect(database.url, autocommit=True) as other,
        other.transaction(),
    ):
        await say(store, other, "m4")
        async with other.transaction(force_rollback=True) as deep:
            await say(store, deep, "m5")
    assert await kept(store) == ["m1", "m3", "m4"]


async def test_blocks_of_sqlalchemy(database: Database, store: AsyncStore) -> None:
    """The same, for connections and sessions."""
    made = async_engine(database.url)
    async with made.begin() as connection:
        nested = await connection.begin_nested()
        await say(store, nested, "m1")
        await nested.rollback()
        await say(store, connection, "m2")
        async with connection.begin_nested():
            await say(store, connection, "m3")
    async with AsyncSession(made) as session, session.begin():
        deep = await session.begin_nested()
        await say(store, deep, "m4")
        await deep.rollback()
        await say(store, session, "m5")
    await made.dispose()
    below = engine(database.url)
    with orm.Session(below) as plain, plain.begin():
        with plain.begin_nested():
            await say(store, plain, "m6", blocking=True)
        inner = plain.begin_nested()
        await say(store, inner, "m7", blocking=True)
        inner.rollback()
    with below.begin() as held, held.begin_nested() as point:
        await say(store, point, "m8", blocking=True)
    below.dispose()
    assert await kept(store) == ["m2", "m3", "m5", "m6", "m8"]
