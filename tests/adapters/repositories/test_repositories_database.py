"""create_database: it connects when used, says how it stands, migrates, and closes."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import asyncpg
import pytest

from threadkeep import InvalidError, UnavailableError
from threadkeep.adapters.repositories import (
    Database,
    create_database,
    create_message_repository,
    create_thread_repository,
)
from threadkeep.adapters.repositories.dsn import with_ssl
from threadkeep.drivers.urls import Address
from threadkeep.sql import migration_files
from threadkeep.values.ids import owner_key

if TYPE_CHECKING:
    from threadkeep import AsyncStore
    from threadkeep.testing import servers

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


async def test_it_connects_when_it_is_first_used(database: servers.Database) -> None:
    """Making it does no I/O, and every way of using it connects."""
    made = create_database(database.url, owner="app", max_connections=3)
    with pytest.raises(UnavailableError):
        _ = made.store
    threads = create_thread_repository(made.db)
    assert (await threads.create(user_id="u")).user_id == "u"
    assert made.store is not None
    await made.close()
    async with create_database(database.url, owner="app") as entered:
        assert await create_thread_repository(entered).count() == 1
    awaited = await create_database(database.url, owner="app")
    assert awaited.store is not None
    await awaited.close()


async def test_callers_at_once_connect_once(database: servers.Database) -> None:
    """The first calls of many tasks share one connection pool."""
    made = create_database(database.url, owner="app")
    handles = await asyncio.gather(*(made.chat() for _ in range(10)))
    assert len({id(handle._scope.ex) for handle in handles}) == 1
    await made.close()


async def test_the_owner_must_be_named() -> None:
    """There is no default owner that two apps could share without knowing."""
    maker: Any = create_database
    with pytest.raises(TypeError):
        maker(NOWHERE)
    for owner in ("", "a\0b", 7, None):
        with pytest.raises(InvalidError):
            maker(NOWHERE, owner=owner)


async def test_a_healthy_database_says_so(database: servers.Database) -> None:
    """The check is true, and the long form has the latency and the server's version. [A5]"""
    async with create_database(database.url, owner="app") as made:
        assert await made.health_check() is True
        health = await made.health()
        assert (health.alive, health.ready, health.trouble) == (True, True, None)
        assert health.latency is not None
        assert 0 < health.latency < 5
        assert (health.server_version or "").startswith("18.")


async def test_a_database_that_is_away_is_unhealthy_in_time() -> None:
    """A server that refuses, is unknown or never answers: False, within the time given.

    [A5]
    """
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        mute = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none"
        for url in (NOWHERE, "postgresql://nobody@nowhere.invalid/none", mute):
            made = create_database(url, owner="app")
            begun = monotonic()
            assert await made.health_check(within=0.5) is False
            assert monotonic() - begun < 2
            await made.close()


async def test_health_is_that_of_the_server_not_of_a_connection(
    database: servers.Database, postgres: servers.Server
) -> None:
    """Connections that were lost are no illness; a database that lets nobody in is. [A5]"""
    ended = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        f"WHERE datname = '{database.name}'"
    )
    async with create_database(database.url, owner="app", max_connections=3) as made:
        await asyncio.gather(*(made.health_check() for _ in range(3)))
        postgres.run(ended)
        assert await made.health_check() is True
        postgres.run(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS false')
        postgres.run(ended)
        assert await made.health_check(within=3) is False
        postgres.run(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS true')
        assert await made.health_check() is True


async def test_a_database_without_tables_is_alive_and_not_ready(
    empty_database: servers.Database,
) -> None:
    """Health tells a server without our tables from none; migrate makes them, twice.

    [A5 seed 004 defect 22]
    """
    made = create_database(empty_database.owner_url, owner="app")
    health = await made.health()
    assert (health.alive, health.ready, health.trouble) == (True, False, "schema_mismatch")
    assert (await made.migrate()).applied == tuple(number for number, _, _ in migration_files())
    assert (await made.migrate()).applied == ()
    assert (await made.health()).ready
    found = await _fetch(empty_database.superuser_url, "SELECT extname FROM pg_extension")
    assert [row[0] for row in found] == ["plpgsql"]
    await made.close()


def test_the_migrations_are_in_the_wheel(tmp_path: Path) -> None:
    """The wheel that users install holds every migration. [seed 004 defect 23]"""
    wheel = pytest.importorskip("hatchling.builders.wheel")
    root = Path(__file__).parents[3]
    [built] = wheel.WheelBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"])
    with ZipFile(built) as archive:
        names = archive.namelist()
    folder = "threadkeep/sql/migrations/"
    shipped = [name for name in names if name.startswith(folder) and name.endswith(".sql")]
    assert len(shipped) == len(migration_files()) >= 3


async def test_close_is_idempotent_and_final(database: servers.Database) -> None:
    """It can be closed twice; calls after that raise, and the check is False. [A6]"""
    for connected in (True, False):
        made = create_database(database.url, owner="app")
        threads = create_thread_repository(made)
        if connected:
            await threads.count()
        await made.close()
        await made.close()
        with pytest.raises(UnavailableError):
            await threads.count()
        with pytest.raises(UnavailableError):
            await made.migrate()
        assert await made.health_check() is False


async def test_close_waits_for_what_is_under_way(database: servers.Database) -> None:
    """A write that has begun is finished before the connections go. [A6]"""
    made = await create_database(database.url, owner="app")
    threads = create_thread_repository(made)
    writes = [asyncio.create_task(threads.create(user_id="u", id=f"t{n}")) for n in range(5)]
    await asyncio.sleep(0)
    await made.close()
    done = await asyncio.gather(*writes, return_exceptions=True)
    async with create_database(database.url, owner="app") as again:
        stored = {row.id for row in await create_thread_repository(again).list()}
    assert stored == {row.id for row in done if not isinstance(row, BaseException)}


async def test_a_store_of_the_apps_own_stays_open(store: AsyncStore) -> None:
    """`Database.over` works on an open store, and closes nothing of it."""
    made = Database.over(store, owner="app")
    assert (await made.migrate()).applied == ()
    assert await made.health_check()
    await made.close()
    assert await store.owner("app").threads.count() == 0


async def test_own_sql_finds_the_tables(db: Database, database: servers.Database) -> None:
    """The names of the tables serve SQL of the app's own, in one transaction with ours.

    [A16]
    """
    connection = await asyncpg.connect(database.url)
    try:
        async with connection.transaction():
            inside = db.using(connection)
            thread = await create_thread_repository(inside).create(user_id="u", title="Mine")
            await create_message_repository(inside).create(
                thread_id=thread.id, role="user", content="Hello"
            )
            setting = "SELECT set_config('threadkeep.owner', $1, true)"
            await connection.fetch(setting, str(owner_key("app")))
            query = (
                f"SELECT t.title, m.role FROM {db.tables['threads']} t "
                f"JOIN {db.tables['messages']} m USING (owner_key, thread_key)"
            )
            assert [tuple(row) for row in await connection.fetch(query)] == [("Mine", "user")]
            assert await create_thread_repository(db).get_by_id(thread.id) is None
        assert await create_thread_repository(db).get_by_id(thread.id) is not None
    finally:
        await connection.close()


async def test_a_user_of_the_database_reaches_only_his(db: Database) -> None:
    """`for_user` makes all others unknown, and cannot be widened."""
    threads = create_thread_repository(db)
    await threads.create(user_id="a", id="of-a")
    await threads.create(user_id=None, id="of-none")
    narrow = db.for_user("b")
    his = create_thread_repository(narrow)
    assert await his.get_by_id("of-a") is None
    assert await his.get_by_id("of-none") is None
    assert await his.list() == []
    assert not await his.delete("of-a")
    with pytest.raises(InvalidError):
        await his.list_by_user("a")
    with pytest.raises(InvalidError):
        narrow.for_user("a")
    assert await threads.count() == 2


async def test_owners_do_not_see_each_other(store: AsyncStore) -> None:
    """A thread, a message and a list of one owner are unknown to another."""
    mine, other = (Database.over(store, owner=name) for name in ("app", "other"))
    thread = await create_thread_repository(mine).create(user_id="u")
    message = await create_message_repository(mine).create(
        thread_id=thread.id, role="user", content="Hello"
    )
    assert await create_thread_repository(other).get_by_id(thread.id) is None
    assert await create_message_repository(other).get_by_id(message.id) is None
    assert await create_message_repository(other).list_by_thread(thread.id) == []
    assert not await create_message_repository(other).delete(message.id)


@pytest.mark.parametrize(
    ("given", "ssl", "mode"),
    [
        ("postgresql://h/d", True, "require"),
        ("postgresql://h/d?application_name=x", True, "require"),
        ("postgresql://u:p?w@h/d", True, "require"),
        ("postgresql://h/d?sslmode=disable", True, "require"),
        ("postgresql://h/d?sslmode=verify-full", True, "verify-full"),
        ("postgresql://h/d?sslmode=verify-full", None, "verify-full"),
        ("postgresql://h/d", "verify-full", "verify-full"),
        ("postgresql://h/d?sslmode=require", "verify-ca", "verify-ca"),
        ("postgresql://h/d", False, "disable"),
        ("host=h dbname=d", True, "require"),
        ("host=h dbname=d sslmode=prefer", "verify-full", "verify-full"),
    ],
)
def test_ssl_is_the_sslmode_of_the_dsn(given: str, ssl: Any, mode: str) -> None:
    """True never weakens what stands there, and every mode of libpq can be named.

    [seed 004 defect 21]
    """
    address = Address.parse(str(with_ssl(given, ssl)))
    assert address._parameters["sslmode"] == mode
    assert [host.name for host in address.hosts] == ["h"]
    assert address.database == "d"


def test_a_bad_ssl_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object, an unknown mode, and no TLS where the string demands it. [seed 004 defect 21]"""
    monkeypatch.delenv("THREADKEEP_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for url, ssl in (
        ("postgresql://h/d", {"rejectUnauthorized": False}),
        ("postgresql://h/d", "on"),
        ("postgresql://h/d", 1.5),
        ("postgresql://h/d?sslmode=require", False),
        (None, True),
    ):
        bad: Any = ssl
        with pytest.raises(InvalidError) as raised:
            create_database(url, owner="app", ssl=bad)
        assert raised.value.field == "ssl"
    monkeypatch.setenv("DATABASE_URL", "postgresql://h/d")
    assert with_ssl(None, ssl=True) == "postgresql://h/d?sslmode=require"


async def _fetch(url: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()
