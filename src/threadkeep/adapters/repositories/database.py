"""Database: where it is, whose it is, and whether it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self, Unpack

from threadkeep.adapters.repositories.dsn import Ssl, with_ssl
from threadkeep.connecting import Given, connect_async, open_migrations
from threadkeep.sql import quote_name
from threadkeep.store import AsyncStore, Options, Owner
from threadkeep.values.errors import (
    ForbiddenError,
    InvalidError,
    SchemaMismatchError,
    ThreadkeepError,
    UnavailableError,
)
from threadkeep.values.ids import check_id

_TABLES: Final = (
    *("threads", "messages", "runs", "spans", "sessions", "attachments", "feedback"),
    *("transcript", "schema_migrations"),
)

_left: set[asyncio.Task[Any]] = set()


@dataclass(frozen=True, slots=True)
class Health:
    """How a database stands.

    `alive`: it answers. `ready`: its tables are those of this version and the role may use them.
    `latency` is how many seconds one statement took. `server_version` is as in `18.1`. Where
    something is wrong `trouble` is the code of the error, `timeout`, or the error's class.
    """

    alive: bool
    ready: bool = False
    latency: float | None = None
    server_version: str | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Migrated:
    """What `migrate` did: the versions that it applied, and SQL that a DBA must still run."""

    applied: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(slots=True, eq=False)
class _Door:
    """Opens the store once, and closes what it has opened."""

    url: str | None = field(default=None, repr=False)
    given: Given = field(default_factory=lambda: Given(), repr=False)
    store: AsyncStore | None = None
    borrowed: bool = False
    closed: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def options(self) -> Options:
        """Where the tables are."""
        if self.store is not None:
            return self.store.migrations.options
        schema, rls = self.given.get("schema", "threadkeep"), self.given.get("rls", True)
        return Options(schema=schema, rls=bool(rls))

    async def open(self) -> AsyncStore:
        """The store, connected."""
        if self.store is None and not self.closed:
            async with self.lock:
                if self.store is None and not self.closed:
                    self.store = await connect_async(self.url, **self.given)
        if self.closed or self.store is None:
            raise UnavailableError("the database is closed")
        return self.store

    async def migrate(self) -> Migrated:
        """Apply what is pending."""
        if self.borrowed and self.store is not None:
            report = await self.store.migrations.up()
            return Migrated(report.applied, report.notes)
        if self.closed:
            raise UnavailableError("the database is closed")
        return await asyncio.to_thread(self._migrate)

    def _migrate(self) -> Migrated:
        data, direct_url = self.given.get("data"), self.given.get("direct_url")
        with open_migrations(
            self.url, options=self.options, data=data, direct_url=direct_url
        ) as migrations:
            report = migrations.up()
        return Migrated(report.applied, report.notes)

    async def close(self) -> None:
        """Close what was opened here."""
        self.closed = True
        async with self.lock:
            if self.store is not None and not self.borrowed:
                await self.store.close()


class Database:
    """The database of one owner: what repositories and agents are made over.

    Nothing outside of the owner can be reached from here. It connects when it is first used,
    awaited or entered as a context. Made by `create_database`, or by `Database.over` for a store
    that the app has opened itself.
    """

    def __init__(self, door: _Door, owner: str, user: str | None = None) -> None:
        self._door = door
        self.owner_id = check_id("owner", owner)
        self.user_id = None if user is None else check_id("user_id", user)

    @classmethod
    def over(cls, store: AsyncStore, *, owner: str, user_id: str | None = None) -> Database:
        """The database of an open store, for one owner. Closing it leaves the store open."""
        if not isinstance(store, AsyncStore):
            raise InvalidError("store", "must be an AsyncStore")
        return cls(_Door(store=store, borrowed=True), owner, user_id)

    def for_user(self, user_id: str) -> Database:
        """The same for one user: threads of others, and of no user, are unknown then."""
        if self.user_id not in (None, user_id):
            raise InvalidError("user_id", "must be the user of this database, or left out")
        return Database(self._door, self.owner_id, check_id("user_id", user_id))

    def using(self, connection: object) -> Database:
        """The same inside a transaction of the caller, as `AsyncStore.using` says."""
        return Database.over(
            self.store.using(connection), owner=self.owner_id, user_id=self.user_id
        )

    @property
    def db(self) -> Database:
        """Itself: the seed hands `database.db` to its repositories."""
        return self

    @property
    def store(self) -> AsyncStore:
        """The store, with all that has no call here; UnavailableError before it is connected."""
        if self._door.store is None or self._door.closed:
            raise UnavailableError("the database is not connected: await it first")
        return self._door.store

    @property
    def tables(self) -> Mapping[str, str]:
        """The names of the tables, quoted and with their schema, for SQL of the app's own."""
        schema = quote_name(self._door.options.schema)
        return MappingProxyType({name: f"{schema}.{quote_name(name)}" for name in _TABLES})

    async def chat(self, user_id: str | None = None) -> Owner:
        """The owner's handle, or that of one user; connects where that was not done yet.

        InvalidError for another user than that of `for_user`.
        """
        if user_id is not None:
            check_id("user_id", user_id)
            if self.user_id not in (None, user_id):
                raise InvalidError("user_id", "must be the user of this database, or left out")
        store = await self._door.open()
        return store.owner(self.owner_id, user_id or self.user_id)

    async def health_check(self, *, within: float = 5.0) -> bool:
        """Whether the database answers within so many seconds. Never raises."""
        return (await self.health(within=within)).alive

    async def health(self, *, within: float = 5.0) -> Health:
        """How the database stands, at the latest after so many seconds. Never raises."""
        look = asyncio.ensure_future(self._look())
        try:
            done, _ = await asyncio.wait({look}, timeout=within)
        except asyncio.CancelledError:
            _leave(look)
            raise
        if not done:
            # To end it may take as long again: the driver waits for a server that is silent.
            _leave(look)
            return Health(alive=False, trouble="timeout")
        return look.result()

    async def _look(self) -> Health:
        try:
            store = await self._door.open()
            begun = perf_counter()
            try:
                standing = await store.migrations.check()
            except UnavailableError as error:
                if not error.transient:
                    raise
                # The connection was lost while it idled, and so were all others: a new one tells.
                begun = perf_counter()
                standing = await store.migrations.check()
        except (SchemaMismatchError, ForbiddenError) as error:
            return Health(alive=True, trouble=error.code)
        except ThreadkeepError as error:
            return Health(alive=False, trouble=error.code)
        except Exception as error:  # noqa: BLE001  whatever it is, the answer is no
            return Health(alive=False, trouble=type(error).__name__)
        major, minor = divmod(standing.server_version_num, 10_000)
        return Health(
            alive=True,
            ready=True,
            latency=perf_counter() - begun,
            server_version=f"{major}.{minor}",
        )

    async def migrate(self) -> Migrated:
        """Bring the tables to this version; may be run again, and by two processes at once.

        Needs a role that may make tables: give its URL as `direct_url` where the connection string
        is the app role's. ForbiddenError for a role that may not.
        """
        return await self._door.migrate()

    async def close(self) -> None:
        """Wait for what is under way and disconnect. Calls after it raise UnavailableError."""
        await self._door.close()

    def __await__(self) -> Generator[Any, Any, Database]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Self:
        await self._door.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def create_database(
    connection_string: str | None = None,
    *,
    owner: str,
    max_connections: int = 10,
    ssl: Ssl = None,
    **given: Unpack[Given],
) -> Database:
    """A database of one owner. No I/O: it connects when it is first used, awaited or entered.

    Without a connection string it is the one of THREADKEEP_URL or DATABASE_URL, else the embedded
    PostgreSQL. `owner` is the boundary that nothing here crosses, such as the app's own name; users
    are inside of it. It has no default, since two apps that share one would share their threads.
    `ssl` is True, False, or a mode of libpq such as "verify-full"; a stricter mode in the
    connection string stands. All else is as in `threadkeep.connect`, `migrate=True` too.
    InvalidError names a bad argument.
    """
    if given.get("pool_size", max_connections) != max_connections:
        raise InvalidError("pool_size", "must be given as max_connections here")
    given["pool_size"] = max_connections
    return Database(_Door(with_ssl(connection_string, ssl), given), owner)


def _leave(task: asyncio.Task[Any]) -> None:
    """End a task that nobody waits for any longer."""

    def ended(task: asyncio.Task[Any]) -> None:
        _left.discard(task)
        if not task.cancelled():
            task.exception()

    _left.add(task)
    task.add_done_callback(ended)
    task.cancel()
