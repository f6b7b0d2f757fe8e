"""Lost connections: what they are called, and that the next attempt works."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from care import DRIVERS, Ex, executor, sql, wire

from threadkeep.drivers.limits import Limits
from threadkeep.testing import servers
from threadkeep.testing.fixtures import FOLDER
from threadkeep.testing.servers import DEBIAN_15, Database, Server
from threadkeep.values.errors import DatabaseError, InvalidError, UnavailableError

ONE = sql("SELECT 1::bigint")
SLEEP = sql("SELECT pg_sleep(60)::text")
KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = '{}' AND pid <> pg_backend_pid()"
)


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server that these tests may stop and configure."""
    if servers.version_of(DEBIAN_15) is None:
        pytest.skip(f"there is no PostgreSQL in {DEBIAN_15}: apt-get install postgresql-15")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    folder = Path(os.environ[FOLDER]) / f"debian15-care-{worker}"
    with servers.installed_server(DEBIAN_15, folder, name="care") as server:
        yield server


def control(folder: Path, *command: str | Path) -> None:
    """Run pg_ctl on the server of a folder."""
    account = servers.server_account()
    subprocess.run(
        [DEBIAN_15 / "pg_ctl", "--silent", f"--pgdata={folder}", "--wait", *command],
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )


def start(folder: Path) -> None:
    """Start a server that was stopped, as it was started first."""
    sockets = folder.parent
    options = f"-c listen_addresses= -c unix_socket_directories={sockets} -c max_connections=200"
    control(folder, f"--log={sockets / 'log'}", f"--options={options}", "start")


async def until_it_works(ex: Ex) -> int:
    """How many attempts fail before one works; each failure must be transient."""
    patience = ex.patience()
    for failed in range(1000):
        try:
            assert [tuple(row) for row in await ex.fetch(ONE)] == [(1,)]
        except UnavailableError as error:
            if not error.transient or not await patience.wait():
                raise
        else:
            return failed
    raise AssertionError("unreachable")


async def spread(ex: Ex, count: int) -> None:
    """Have this many connections open at once."""
    if count:
        async with ex.transaction(None) as tx:
            await tx.fetch(ONE)
            await spread(ex, count - 1)


@pytest.mark.parametrize("driver", DRIVERS)
async def test_one_failure_is_all_that_dead_connections_cost(
    driver: str, database: Database, server: Server
) -> None:
    """When all idle connections are dead one call fails, transiently, and the next one works.

    [A15]
    """
    async with executor(driver, database.url) as ex:
        await spread(ex, 4)
        server.run(KILL.format(database.name))
        assert await until_it_works(ex) <= 1
        assert await until_it_works(ex) == 0


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_transaction_that_lost_its_connection_is_transient(
    driver: str, database: Database, server: Server
) -> None:
    """A statement, and a COMMIT, whose backend was ended in between raise a transient error."""
    async with executor(driver, database.url) as ex:

        async def transact(after: str) -> None:
            async with ex.transaction(1) as tx:
                await tx.fetch(ONE)
                server.run(KILL.format(database.name))
                if after == "statement":
                    await tx.fetch(ONE)

        for after in ("statement", "commit"):
            with pytest.raises(UnavailableError) as lost:
                await transact(after)
            assert lost.value.transient
            await until_it_works(ex)


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_wire_cut_in_the_middle_is_transient(
    driver: str, database: Database, server: Server
) -> None:
    """A statement whose connection is cut while it runs is transient; the next attempt works."""
    with wire(database.url) as way:
        async with executor(driver, way.url) as ex:
            await until_it_works(ex)
            timer = threading.Timer(0.3, way.cut)
            timer.start()
            with pytest.raises(UnavailableError) as lost:
                async with asyncio.timeout(30):
                    await ex.fetch(SLEEP)
            timer.join()
            assert lost.value.transient
            await until_it_works(ex)
            server.run(KILL.format(database.name))


@pytest.mark.parametrize("driver", DRIVERS)
async def test_nothing_is_there(driver: str, database: Database) -> None:
    """A port where nobody listens is transient, as is a wire that nobody answers at its end."""
    with wire(database.url) as way:
        url = way.url
    with pytest.raises(UnavailableError) as refused:
        async with executor(driver, url):
            pass
    assert refused.value.transient


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_it_recovers_from_an_outage_longer_than_the_deadline(
    driver: str, mode: str, own_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Stopped, every call fails transiently; started again, they work; nothing is logged."""
    url = own_server.superuser_url
    with caplog.at_level(logging.WARNING):
        async with executor(driver, url, Limits(pool_size=4, pool_min=2, deadline=1.0)) as ex:
            await spread(ex, 4)
            folder = Path(str(own_server.query("SHOW data_directory")[0][0]))
            own_server.close()
            control(folder, f"--mode={mode}", "stop")
            try:
                patience, failures = ex.patience(), 0
                while await patience.wait():
                    with pytest.raises(UnavailableError) as gone:
                        await ex.fetch(ONE)
                    assert gone.value.transient
                    failures += 1
                assert failures > 1
            finally:
                start(folder)
            assert await until_it_works(ex) <= 1
            await spread(ex, 4)
    assert [record.getMessage() for record in caplog.records] == []


@contextlib.contextmanager
def waits_cancelled(url: str) -> Iterator[list[int]]:
    """Cancel every wait for a synchronous standby; yields the list of those that were."""
    done = threading.Event()
    cancelled: list[int] = []

    def cancel() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not done.wait(0.05):
                found = connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                ).fetchall()
                for (pid,) in found:
                    connection.execute("SELECT pg_cancel_backend(%s)", [pid])
                    cancelled.append(pid)

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        yield cancelled
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("atomic", [False, True])
async def test_a_cancelled_wait_for_the_standby_is_no_acknowledgement(
    driver: str, atomic: bool, own_server: Server
) -> None:
    """The server says success with a warning, the executor says transient; later success again."""
    url = own_server.superuser_url
    own_server.run("CREATE TABLE IF NOT EXISTS kept (n bigint)")
    insert = sql("INSERT INTO kept VALUES (1) RETURNING n")

    async def write(ex: Ex) -> None:
        if not atomic:
            await ex.fetch(insert)
            return
        async with ex.transaction(1) as tx:
            await tx.fetch(insert)

    async def write_until_cancelled(ex: Ex, cancelled: list[int]) -> None:
        # Until the server has read its configuration there is no wait.
        while not cancelled:
            await write(ex)

    async with executor(driver, url) as ex:
        await write(ex)
        own_server.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        try:
            own_server.run("SELECT pg_reload_conf()")
            with waits_cancelled(url) as cancelled:
                with pytest.raises(UnavailableError, match="standby") as unsafe:
                    await write_until_cancelled(ex, cancelled)
                assert unsafe.value.transient
                assert await ex.fetch(sql("SELECT n FROM kept"))
        finally:
            own_server.run("ALTER SYSTEM RESET synchronous_standby_names")
            own_server.run("SELECT pg_reload_conf()")
        with waits_cancelled(url):
            for _ in range(100):
                with contextlib.suppress(UnavailableError):
                    await write(ex)
                    break
            else:
                pytest.fail("the warning was heard again and again")


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_full_pool_is_waited_for_and_then_given_up(driver: str, database: Database) -> None:
    """With all connections lent, a call waits up to the deadline and says so. [A3]"""
    async with executor(driver, database.url, Limits(pool_size=1, deadline=0.6)) as ex:
        async with ex.transaction(1) as tx:
            await tx.fetch(ONE)
            with pytest.raises(UnavailableError) as crowded:
                await ex.fetch(ONE)
            assert crowded.value.transient
        assert await ex.fetch(ONE)


async def swallow(ex: Ex) -> None:
    """Commit a transaction in which a statement failed."""
    async with ex.transaction(1) as tx:
        with contextlib.suppress(DatabaseError):
            await tx.fetch(sql("SELECT 1/0"))


@pytest.mark.parametrize("driver", DRIVERS)
async def test_what_will_not_get_better_is_not_transient(driver: str, database: Database) -> None:
    """A slow statement, a bad value, a failed transaction and a closed store are for good."""
    async with executor(driver, database.url, Limits(statement_timeout=0.2)) as ex:
        with pytest.raises(DatabaseError) as slow:
            await ex.fetch(SLEEP)
        assert slow.value.sqlstate == "57014"
        with pytest.raises(DatabaseError):
            await ex.fetch(sql("SELECT $1::text"), "a\0b")
        with pytest.raises(DatabaseError, match="25P02"):
            await swallow(ex)
        with pytest.raises(KeyError):
            async with ex.transaction(1):
                raise KeyError
        assert await ex.fetch(ONE)
    with pytest.raises(UnavailableError, match="closed") as closed:
        await ex.fetch(ONE)
    assert not closed.value.transient


async def test_a_cancelled_call_leaves_the_pool_whole(database: Database) -> None:
    """Calls cancelled in a statement, in a transaction and while waiting give all back."""
    async with executor("asyncpg", database.url, Limits(pool_size=2, deadline=20)) as ex:

        async def sleep() -> None:
            async with ex.transaction(1) as tx:
                await tx.fetch(SLEEP)

        for _ in range(3):
            tasks = [asyncio.create_task(sleep()), asyncio.create_task(ex.fetch(SLEEP))]
            tasks += [asyncio.create_task(sleep())]
            await asyncio.sleep(0.2)
            for task in tasks:
                task.cancel()
            assert all(
                isinstance(found, asyncio.CancelledError)
                for found in await asyncio.gather(*tasks, return_exceptions=True)
            )
            async with asyncio.timeout(20):
                await spread(ex, 2)


@pytest.mark.parametrize(
    "given",
    [
        {"pool_size": True},
        {"pool_min": 11},
        {"deadline": -1},
        {"deadline": float("nan")},
        {"connect_timeout": 0},
        {"statement_timeout": 0},
        {"statement_timeout": 1e9},
        {"pooler": "session"},
    ],
)
def test_a_bad_limit_is_named(given: dict[str, object]) -> None:
    """InvalidError names the limit."""
    with pytest.raises(InvalidError) as bad:
        Limits(**given)  # type: ignore[arg-type]
    assert bad.value.field in given


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("seconds", [7.5, None])
async def test_limits_reach_the_server(
    driver: str, seconds: float | None, database: Database
) -> None:
    """Sessions have the name and the statement timeout; those of the URL go before ours. [A3]"""
    limits = Limits(pool_size=3, statement_timeout=seconds)
    shown = sql("SELECT current_setting('statement_timeout'), current_setting('application_name')")
    async with executor(driver, database.url, limits) as ex:
        assert ex.pooled is False

        async def look(left: int) -> None:
            async with ex.transaction(1) as tx:
                expected = ("0" if seconds is None else "7500ms", "threadkeep")
                assert tuple((await tx.fetch(shown))[0]) == expected
                if left:
                    await look(left - 1)

        await look(2)
    own = f"{database.url}&application_name=mine&options=-c%20statement_timeout%3D9s"
    async with executor(driver, own, limits) as ex:
        assert tuple((await ex.fetch(shown))[0]) == ("9s", "mine")
