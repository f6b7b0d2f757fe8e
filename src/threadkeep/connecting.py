"""The composition root: from a URL, or from nothing, to a store. Used by nobody inside."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from threadkeep import dialects
from threadkeep.core.drafts import Drafting, estimate_tokens
from threadkeep.drivers.borrowed import borrow, borrow_blocking
from threadkeep.drivers.limits import Limits, Pooler
from threadkeep.drivers.urls import Address
from threadkeep.sql import statements
from threadkeep.store import AsyncStore, Options, Standing, Writing, migration_sql
from threadkeep.store import Migrations as AsyncMigrations
from threadkeep.store.concurrent import Concurrent
from threadkeep.store.onebyone import OneByOne
from threadkeep.sync import Migrations, Store, step
from threadkeep.values.errors import (
    ForbiddenError,
    InvalidError,
    SchemaMismatchError,
    ThreadkeepWarning,
    UnavailableError,
)
from threadkeep.values.ports import Executor, TokenCounter

if TYPE_CHECKING:
    from threadkeep.drivers.embedded import EmbeddedServer
    from threadkeep.drivers.psycopg import PsycopgExecutor

__all__ = [
    "Options",
    "connect",
    "connect_async",
    "default_folder",
    "migration_sql",
    "open_migrations",
    "settings",
]

RlsMode = bool | Literal["required"]


@dataclass(frozen=True, slots=True)
class Settings:
    """All that connect can be told, with the environment's answers filled in."""

    url: Address | None
    admin_url: Address | None
    direct_url: Address | None
    options: Options
    migrate: bool
    rls: RlsMode
    data: Path | None
    limits: Limits
    token_counter: TokenCounter
    max_message_bytes: int | None = None

    @property
    def drafting(self) -> Drafting:
        """How the store makes rows of items."""
        return Drafting(dialects.find, self.token_counter, self.max_message_bytes)


@dataclass(frozen=True, slots=True)
class Target:
    """The URLs to use, and the embedded server behind them, if it is one."""

    url: Address
    admin_url: Address
    owner_url: Address
    server: EmbeddedServer | None = field(default=None)

    def leave(self) -> None:
        if self.server is not None:
            self.server.close()


class GivenLimits(TypedDict, total=False):
    """What may be given of `Limits`, which has the defaults."""

    pool_size: int
    pool_min: int
    deadline: float
    connect_timeout: float
    statement_timeout: float | None
    pooler: Pooler | None


def settings(
    url: str | None = None,
    *,
    admin_url: str | None = None,
    schema: str = "threadkeep",
    migrate: bool = False,
    rls: RlsMode = True,
    data: str | Path | None = None,
    token_counter: TokenCounter | None = None,
    max_message_bytes: int | None = None,
    direct_url: str | None = None,
    **limits: Unpack[GivenLimits],
) -> Settings:
    """Check the arguments and fill in the environment. InvalidError names the bad one."""
    if url is not None and data is not None:
        raise InvalidError("data", "must not be given together with a URL")
    given = url
    if url is None and data is None:
        given = os.environ.get("THREADKEEP_URL") or os.environ.get("DATABASE_URL")
        if given is None and os.environ.get("THREADKEEP_EMBEDDED") == "0":
            raise UnavailableError(
                "no database is configured and THREADKEEP_EMBEDDED=0 forbids the embedded one: "
                "set THREADKEEP_URL"
            )
    if rls not in (True, False, "required"):
        raise InvalidError("rls", "must be True, False or 'required'")
    if max_message_bytes is not None and (
        not isinstance(max_message_bytes, int) or max_message_bytes < 1
    ):
        raise InvalidError("max_message_bytes", "must be an int of at least 1, or None")
    return Settings(
        url=_address("url", given),
        admin_url=_address("admin_url", admin_url or _variable("THREADKEEP_ADMIN_URL", given)),
        direct_url=_address("direct_url", direct_url or _variable("THREADKEEP_DIRECT_URL", given)),
        options=Options(schema=schema, rls=bool(rls)),
        migrate=migrate,
        rls=rls,
        data=None if data is None else Path(data),
        limits=Limits(**limits),
        token_counter=token_counter or estimate_tokens,
        max_message_bytes=max_message_bytes,
    )


def default_folder() -> Path:
    """Where the embedded server keeps its data: THREADKEEP_DATA, else the platform's user data."""
    from threadkeep.drivers import embedded

    return embedded.default_folder()


class Given(GivenLimits, total=False):
    """What `connect` and `connect_async` take besides the URL; `settings` has the defaults."""

    admin_url: str | None
    schema: str
    migrate: bool
    rls: RlsMode
    data: str | Path | None
    token_counter: TokenCounter | None
    max_message_bytes: int | None
    direct_url: str | None


def connect(url: str | None = None, **given: Unpack[Given]) -> Store:
    """Open a blocking store.

    The database is `url`, or the embedded PostgreSQL with its data in the folder `data`, else
    THREADKEEP_URL, else DATABASE_URL, else the embedded one in its `default_folder()`. An embedded
    server is started or joined, migrated, and announced once as a ThreadkeepWarning. On a URL the
    tables must be there, in `schema` ("threadkeep"): SchemaMismatchError names the command, and
    `migrate=True` makes them. `admin_url`, else THREADKEEP_ADMIN_URL, is for `store.admin()`.

    With `rls=True`, the default, a role that bypasses row-level security is warned about; with
    "required" it is a ForbiddenError; False is for tables migrated without it. `token_counter`
    counts the tokens of a payload's JSON text, a quarter of its bytes by default. A payload larger
    than `max_message_bytes` is refused before anything is sent; by default there is no limit.

    All times are in seconds. There are `pool_min` (1) to `pool_size` (10) connections. While the
    server is away a call goes on trying for `deadline` (30), then it raises a transient
    UnavailableError; the next call tries anew. A host has `connect_timeout` (5) to give a
    connection; the blocking driver takes at least 2. Connecting itself is tried once:
    UnavailableError if the server cannot be reached.

    The server ends a statement after `statement_timeout` (60), None for never; migrations have
    none. It is a setting of the session. Behind a pooler it is set in each transaction; for a
    statement outside of one the async store stops waiting instead, and the blocking one does not.

    A pooler that lends its sessions by the transaction is found by the URL, or when the first
    connection is made; then no statement stays prepared and nothing is set in a session.
    `pooler="transaction"` or "none" says so beforehand. `direct_url`, else THREADKEEP_DIRECT_URL,
    leads past it to the server, for `migrate=True`. InvalidError names a bad option.
    """
    return _open(settings(url, **given))


class connect_async:  # noqa: N801  a call that is awaited or entered, spelt as the function it is
    """Open an AsyncStore: `await connect_async(...)`, or `async with connect_async(...) as store`.

    Arguments and errors are those of `connect`.
    """

    def __init__(self, url: str | None = None, **given: Unpack[Given]) -> None:
        self._settings = settings(url, **given)
        self._store: AsyncStore | None = None

    def __await__(self) -> Generator[Any, Any, AsyncStore]:
        return _open_async(self._settings).__await__()

    async def __aenter__(self) -> AsyncStore:
        self._store = await self
        return self._store

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._store is not None:
            await self._store.close()


class open_migrations:  # noqa: N801
    """The migrations of a database as a context, without asking whether they are applied.

    With no URL configured the embedded server is started, and its owner role is used. On a URL
    `direct_url`, else THREADKEEP_DIRECT_URL, goes before it.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        options: Options,
        data: str | Path | None = None,
        direct_url: str | None = None,
    ) -> None:
        self._settings = settings(
            url, schema=options.schema, rls=options.rls, data=data, direct_url=direct_url
        )
        self._options = options

    def __enter__(self) -> Migrations:
        self._target = _target(self._settings, announce=False)
        try:
            self._ex = _migrator(self._settings, self._target)
        except BaseException:
            self._target.leave()
            raise
        return Migrations(AsyncMigrations(self._ex, self._options))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        step(self._ex.close())
        self._target.leave()


def _open(given: Settings) -> Store:
    from threadkeep.drivers.psycopg import PsycopgExecutor

    target = prepare(given)
    opened: list[PsycopgExecutor] = []

    async def close() -> None:
        for ex in opened:
            await ex.close()
        target.leave()

    try:
        opened.append(PsycopgExecutor.open(target.url, given.limits))
        opened.append(PsycopgExecutor.later(target.admin_url, _few(given.limits)))
        store = _store(given, *opened, writing=OneByOne(), borrow=borrow_blocking, close=close)
        _judge(given, step(store.migrations.check()))
        return Store(store)
    except BaseException:
        step(close())
        raise


async def _open_async(given: Settings) -> AsyncStore:
    from threadkeep.drivers.asyncpg import AsyncpgExecutor

    target = await asyncio.to_thread(prepare, given)
    opened: list[AsyncpgExecutor] = []
    writing = Concurrent()

    async def close() -> None:
        await writing.drain()
        for ex in opened:
            await ex.close()
        await asyncio.to_thread(target.leave)

    try:
        opened.append(await AsyncpgExecutor.open(target.url, given.limits))
        opened.append(await AsyncpgExecutor.later(target.admin_url, _few(given.limits)))
        store = _store(given, *opened, writing=writing, borrow=borrow, close=close)
        _judge(given, await store.migrations.check())
    except BaseException:
        await close()
        raise
    return store


def _store(
    given: Settings,
    ex: Executor,
    admin: Executor,
    *,
    writing: Writing,
    borrow: Callable[[object], Executor],
    close: Callable[[], Awaitable[None]],
) -> AsyncStore:
    return AsyncStore(
        ex,
        statements(given.options.schema),
        given.drafting,
        options=given.options,
        admin=admin,
        writing=writing,
        borrow=borrow,
        close=close,
    )


def prepare(given: Settings) -> Target:
    """Start what must be started and migrate what shall be migrated; blocking."""
    target = _target(given, announce=True)
    if target.server is None and not given.migrate:
        return target
    try:
        ex = _migrator(given, target)
        try:
            step(AsyncMigrations(ex, given.options).up())
        finally:
            step(ex.close())
    except BaseException:
        target.leave()
        raise
    return target


def _migrator(given: Settings, target: Target) -> PsycopgExecutor:
    from threadkeep.drivers.psycopg import PsycopgExecutor

    pooler = given.limits.pooler if target.owner_url is target.url else None
    limits = replace(given.limits, pool_size=1, pool_min=1, statement_timeout=None, pooler=pooler)
    return PsycopgExecutor.open(target.owner_url, limits)


def _few(limits: Limits) -> Limits:
    """For the admin, who rarely calls."""
    return replace(limits, pool_size=2, pool_min=0)


def _target(given: Settings, *, announce: bool) -> Target:
    if given.url is not None:
        return Target(given.url, given.admin_url or given.url, given.direct_url or given.url)
    from threadkeep.drivers import embedded

    server = embedded.start(given.data)
    if announce:
        _warn(f"using the embedded PostgreSQL in {server.folder}")
    return Target(
        Address.parse(server.url),
        Address.parse(server.admin_url),
        Address.parse(server.owner_url),
        server,
    )


def _judge(given: Settings, standing: Standing) -> None:
    """Say what is wrong with the role or the tables for what was asked of row-level security."""
    if not given.rls:
        return
    if not (standing.rls_enabled and standing.rls_forced):
        raise SchemaMismatchError(
            "row-level security is off on the tables, and rls=False was not given",
            command="threadkeep migrate up",
        )
    if standing.bypasses_rls:
        if given.rls == "required":
            raise ForbiddenError("the database role bypasses row-level security; use the app role")
        _warn(
            "the database role bypasses row-level security: only the statements themselves keep "
            "owners apart; connect as the app role"
        )


def _warn(text: str) -> None:
    warnings.warn(text, ThreadkeepWarning, stacklevel=2)


def _variable(name: str, url: str | None) -> str | None:
    """A variable that stands beside a URL; with the embedded server it has no say."""
    return os.environ.get(name) if url is not None else None


def _address(option: str, url: str | None) -> Address | None:
    if url is None:
        return None
    try:
        return Address.parse(url)
    except InvalidError as error:
        raise InvalidError(option, error.rule) from None
