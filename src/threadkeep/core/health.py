"""Health: what a database, and a role in it, are to threadkeep. Facts; `verdicts` judges them.

Nothing here changes a database. Row-level security is tried with rows that are rolled back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from threadkeep.core.catalog import data_tables
from threadkeep.core.drift import Finding, verify
from threadkeep.core.ledger import OLDEST_SERVER, refuse_old_server
from threadkeep.core.migrations import check
from threadkeep.sql import statements
from threadkeep.values.errors import ForbiddenError, ThreadkeepError, UnavailableError
from threadkeep.values.ids import new_id, owner_key

if TYPE_CHECKING:
    from datetime import datetime

    from threadkeep.core.schema import Options
    from threadkeep.values.ports import Executor, Statement, Transaction

__all__ = [
    "EXTENSIONS",
    "OLDEST_SERVER",
    "Extension",
    "Health",
    "Isolation",
    "Role",
    "Server",
    "count_lapsed",
    "look",
    "read_clock",
    "read_server",
]

EXTENSIONS = ("pg_stat_statements", "pg_trgm", "vector")
MOST_LAPSED = 10_000


@dataclass(frozen=True, slots=True)
class Server:
    """What the server says of itself and of our session.

    `started` tells two servers apart. `room` is how many connections roles like ours may have
    together, `limit` how many this role or database may have, None for no limit of its own. `tls`
    is the version that protects the server's session, `client` the address that it sees, None for
    a local socket.
    """

    version: str
    version_num: int
    database: str
    encoding: str
    started: str
    standby: bool
    read_only: bool
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    synchronous_standby_names: str
    room: int
    limit: int | None
    tls: str | None
    client: str | None


@dataclass(frozen=True, slots=True)
class Role:
    """Who we are in the database; the last three say whose rights are ours too."""

    name: str
    superuser: bool
    bypasses_rls: bool
    app_exists: bool
    admin_exists: bool
    is_app: bool
    is_admin: bool
    owns_tables: bool


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension: the version that is installed, and the one that could be; None for none."""

    name: str
    installed: str | None
    available: str | None


@dataclass(frozen=True, slots=True)
class Isolation:
    """What became of trying to reach one owner's rows as another owner, and as none.

    `how`: "rows" with a row of one owner in each table, rolled back; "reads" where nothing can be
    written, and then `proved` only by tables that hold something; "none" where neither may be,
    and `trouble` says why. `seen` and `written` are the tables in which that was possible, and
    `unseen` those in which an owner did not see its own row.
    """

    how: str
    proved: bool
    seen: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """A look at a database. `trouble` is why the tables cannot be used.

    Then `drift` and `isolation` are None: there is nothing to look at. `drift_trouble` is why the
    tables could not be compared.
    """

    server: Server
    role: Role
    extensions: tuple[Extension, ...]
    trouble: str | None = None
    drift: tuple[Finding, ...] | None = None
    drift_trouble: str | None = None
    isolation: Isolation | None = None


async def read_server(ex: Executor, options: Options) -> Server:
    """The server; works on any version, for any role."""
    [row] = await ex.fetch(statements(options.schema)["health_server"])
    return Server(*row)


async def read_clock(ex: Executor, options: Options) -> datetime:
    """The time on the server, in one round trip."""
    [[now]] = await ex.fetch(statements(options.schema)["health_clock"])
    at: datetime = now
    return at


async def count_lapsed(ex: Executor, options: Options) -> int:
    """How many runs nobody has reaped, at most MOST_LAPSED. ForbiddenError if we are not admin."""
    standing = await check(ex, options)
    if not (standing.bypasses_rls or standing.is_admin or not standing.rls_enabled):
        raise ForbiddenError("the role is not the admin role and is bound by row-level security")
    sql = statements(options.schema)["health_lapsed"]
    [[count]] = await ex.fetch(sql, MOST_LAPSED)
    return int(count)


async def look(ex: Executor, options: Options) -> Health:
    """Look at all there is. Errors are for a server that went away, no finding is one."""
    sql = statements(options.schema)
    server = await read_server(ex, options)
    roles = (options.app_role, options.admin_role)
    [row] = await ex.fetch(sql["health_role"], *roles, options.schema, data_tables())
    rows = await ex.fetch(sql["health_extensions"], list(EXTENSIONS))
    seen = (server, Role(*row), tuple(Extension(*row) for row in rows))
    try:
        refuse_old_server(server.version_num)
        await check(ex, options)
    except ThreadkeepError as error:
        return Health(*seen, _told(error))
    drift: tuple[Finding, ...] | None = None
    drift_trouble = None
    try:
        drift = await verify(ex, options)
    except ThreadkeepError as error:
        drift_trouble = _told(error)
    isolation = await _try_isolation(ex, options, server) if options.rls else None
    return Health(*seen, drift=drift, drift_trouble=drift_trouble, isolation=isolation)


def _told(error: ThreadkeepError) -> str:
    """What is wrong with the database, given that it still answers."""
    if isinstance(error, UnavailableError) and error.transient:
        raise error
    return str(error)


class _UndoneError(Exception):
    """Rolls a transaction back."""


async def _try_isolation(ex: Executor, options: Options, server: Server) -> Isolation:
    sql = statements(options.schema)
    try:
        if not (server.standby or server.read_only):
            return await _by_rows(ex, sql)
    except ForbiddenError:
        # A role that only reads; whether it does so within one owner can still be seen.
        pass
    except ThreadkeepError as error:
        return Isolation("none", proved=False, trouble=_told(error))
    try:
        return await _by_reads(ex, options, sql)
    except ThreadkeepError as error:
        return Isolation("none", proved=False, trouble=_told(error))


async def _by_rows(ex: Executor, sql: Mapping[str, Statement]) -> Isolation:
    seen: set[str] = set()
    written: set[str] = set()
    unseen: set[str] = set()
    # A refused INSERT ends its transaction, so each table has its own.
    for table in data_tables():
        try:
            async with ex.transaction(None) as tx:
                key = await _plant(tx, sql)
                unseen |= set(data_tables()) - await _seen(tx, sql, *key)
                for other in ("", str(owner_key(new_id()))):
                    await tx.fetch(sql["health_as"], other)
                    seen |= await _seen(tx, sql, *key)
                if await _intrudes(tx, sql[f"health_intrude_{table}"], *key):
                    written.add(table)
                raise _UndoneError
        except _UndoneError:
            pass
    return Isolation(
        "rows",
        proved=True,
        seen=tuple(sorted(seen)),
        written=tuple(sorted(written)),
        unseen=tuple(sorted(unseen)),
    )


async def _plant(tx: Transaction, sql: Mapping[str, Statement]) -> tuple[int, int]:
    """Store a row in each table for an owner whom nobody else knows; its keys."""
    owner = new_id()
    key = owner_key(owner)
    await tx.fetch(sql["health_limits"])
    await tx.fetch(sql["health_as"], str(key))
    [[thread_key]] = await tx.fetch(sql["health_plant"], key, owner)
    return key, thread_key


async def _seen(
    tx: Transaction, sql: Mapping[str, Statement], key: int, thread_key: int
) -> set[str]:
    return {row[0] for row in await tx.fetch(sql["health_seen"], key, thread_key)}


async def _intrudes(tx: Transaction, statement: Statement, key: int, thread_key: int) -> bool:
    try:
        await tx.fetch(statement, key, thread_key)
    except ForbiddenError:
        return False
    return True


async def _by_reads(ex: Executor, options: Options, sql: Mapping[str, Statement]) -> Isolation:
    seen: set[str] = set()
    filled: set[str] = set()
    async with ex.transaction(None) as tx:
        await tx.fetch(sql["health_limits"])
        for other in ("", str(owner_key(new_id()))):
            await tx.fetch(sql["health_as"], other)
            for table, fill, shown in await tx.fetch(
                sql["health_peek"], options.schema, data_tables()
            ):
                filled |= {table} if fill else set()
                seen |= {table} if shown else set()
    return Isolation("reads", proved=filled == set(data_tables()), seen=tuple(sorted(seen)))
