"""Migrations: bring a database to this version's tables, and say how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from threadkeep.core.catalog import (
    ACCESS,
    OBJECTS,
    data_tables,
    expected_facts,
    expected_names,
    read_facts,
)
from threadkeep.core.drift import Finding, absent_roles, compare, lacks
from threadkeep.core.ledger import (
    MIGRATE,
    MigrationState,
    Place,
    checksum,
    find_place,
    held_against_files,
    read_states,
    refuse_old_server,
    refuse_strange,
)
from threadkeep.core.schema import Options, filled
from threadkeep.sql import migration_files, quote_name, render, statements
from threadkeep.values.errors import (
    DatabaseError,
    ForbiddenError,
    InvalidError,
    SchemaMismatchError,
    UnavailableError,
)

if TYPE_CHECKING:
    from threadkeep.values.ports import Executor, Transaction

__all__ = ["MigrationState", "Options", "Standing", "UpReport", "check", "script", "status", "up"]

_ATTEMPTS = 10
_RACES = ("23505", "42P06", "42P07", "42710", "42723", "XX000")
"""Another process made the same thing, or changed the same catalog row, at the same moment."""


@dataclass(frozen=True, slots=True)
class UpReport:
    """What `up` did. `notes` is SQL, ready to run, that a DBA must still run, one text per role."""

    applied: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a database stands, and the current role in it.

    `is_admin`: the role has the admin role's rights, and every protected table honours them.
    `rls_enabled` and `rls_forced` hold for all tables with rows of owners.
    """

    version: int
    server_version_num: int
    bypasses_rls: bool
    is_admin: bool
    rls_enabled: bool
    rls_forced: bool


async def up(ex: Executor, options: Options) -> UpReport:
    """Apply what is pending and set the access up, all in one transaction or not at all.

    Any number of processes may do this at once, also on an empty database. Where nothing is to
    be done nothing is written and no table is locked.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with ex.transaction(None) as tx:
                return await _up(tx, options)
        except ForbiddenError:
            raise ForbiddenError(
                f"the database role may not migrate schema {options.schema!r}: "
                "only a role that owns its tables may, or one that may create them"
            ) from None
        except SchemaMismatchError as error:
            if error.command != MIGRATE:
                raise
            raise SchemaMismatchError(
                "what earlier migrations made is not all there", command="threadkeep migrate verify"
            ) from None
        except DatabaseError as error:
            if error.sqlstate not in _RACES or attempt == _ATTEMPTS:
                raise _refusal(error, options) from None
        except UnavailableError as error:
            # Also a deadlock or a lost serialization, and a connection that was lost.
            if not error.transient or attempt == _ATTEMPTS:
                raise
    raise AssertionError("unreachable")


async def status(ex: Executor, options: Options) -> tuple[MigrationState, ...]:
    """Every migration that this version ships or the ledger names; changes nothing."""
    if (await find_place(ex, options.schema)).has_ledger:
        return await read_states(ex, options.schema)
    return held_against_files({})


def script(options: Options, *, since: int = 0) -> str:
    """What `up` would run on an empty database, or on one at version `since`, as one text.

    For psql, for one simple query, or for another migration tool. It carries its own BEGIN and
    COMMIT and writes the ledger, so that `up` finds nothing to do afterwards.
    """
    files = migration_files()
    if not 0 <= since <= files[-1][0]:
        raise InvalidError("since", f"must be a version from 0 to {files[-1][0]}")
    parts = ["-- Made by threadkeep. Run it as the role that shall own the tables.\n", "BEGIN;\n"]
    if since == 0:
        parts += [filled("schema_create", options)] if options.create_schema else []
        parts += [filled("ledger_create", options)]
    parts += [filled("ledger_lock", options)]
    parts += [_step(options, *file) for file in files if file[0] > since]
    parts += [_isolation(options), *(_role(option, options) for option in options.roles)]
    return "\n".join([*parts, "COMMIT;\n"])


async def check(ex: Executor, options: Options) -> Standing:
    """Look at a database in one statement; SchemaMismatchError if it is not at this version.

    UnavailableError if the server is too old, ForbiddenError if the role may not look.
    """
    sql = statements(options.schema)["migration_check"]
    try:
        [row] = await ex.fetch(sql, options.schema, options.admin_role, data_tables())
    except ForbiddenError:
        raise ForbiddenError(
            f"the database role may not use schema {options.schema!r}: make it a member of "
            f"{quote_name(options.app_role)}"
        ) from None
    except (SchemaMismatchError, DatabaseError) as error:
        await _explain(ex, options)
        raise error from None
    server, versions, names, checksums, *flags = row
    refuse_old_server(server)
    rows = zip(names, checksums, [None] * len(names), strict=True)
    states = held_against_files(dict(zip(versions, rows, strict=True)))
    refuse_strange(states)
    pending = [m.version for m in states if m.state == "pending"]
    if pending:
        raise SchemaMismatchError(
            f"schema {options.schema!r} lacks migration {pending[0]}", command=MIGRATE
        )
    return Standing(states[-1].version, server, *flags)


async def _explain(ex: Executor, options: Options) -> None:
    """Say why the ledger could not be read."""
    place = await find_place(ex, options.schema)
    refuse_old_server(place.server_version_num)
    if not place.has_ledger:
        raise SchemaMismatchError(f"schema {options.schema!r} is not migrated", command=MIGRATE)
    await read_states(ex, options.schema)


async def _up(tx: Transaction, options: Options) -> UpReport:
    place = await find_place(tx, options.schema)
    refuse_old_server(place.server_version_num)
    if place.has_ledger and (done := await _nothing_to_do(tx, options)):
        return done
    await _make_ledger(tx, options, place)
    await tx.script(filled("ledger_lock", options))
    # Only now is nobody else at it, and somebody may have done it all.
    if done := await _nothing_to_do(tx, options):
        return done
    pending = await _pending(tx, options)
    for version, name, sql in migration_files():
        if version in pending:
            await tx.script(_step(options, version, name, sql))
    return UpReport(pending, await _give_access(tx, options))


async def _nothing_to_do(tx: Transaction, options: Options) -> UpReport | None:
    """The report, if all is applied and the access as far along as this role can bring it."""
    if await _pending(tx, options):
        return None
    absent, may_create = await absent_roles(tx, options)
    if (absent and may_create) or await _gaps(tx, options, absent):
        return None
    return UpReport((), tuple(_role(option, options) for option in absent))


async def _pending(tx: Transaction, options: Options) -> tuple[int, ...]:
    states = await read_states(tx, options.schema)
    refuse_strange(states)
    return tuple(m.version for m in states if m.state == "pending")


async def _make_ledger(tx: Transaction, options: Options, place: Place) -> None:
    # PostgreSQL asks for the right to create a thing even if IF NOT EXISTS then does nothing.
    if not place.has_schema:
        if not options.create_schema:
            raise SchemaMismatchError(
                f"there is no schema {options.schema!r}",
                command=f"CREATE SCHEMA {quote_name(options.schema)}",
            )
        await tx.script(filled("schema_create", options))
    if not place.has_ledger:
        await tx.script(filled("ledger_create", options))


def _step(options: Options, version: int, name: str, sql: str) -> str:
    """A migration and its row in the ledger."""
    noted = filled(
        "ledger_insert", options, version=str(version), name=name, checksum=checksum(sql)
    )
    return f"{noted}\n{render(sql, options.schema)}"


def _isolation(options: Options) -> str:
    return filled("isolate" if options.rls else "share", options)


def _role(option: str, options: Options, *, create: bool = True) -> str:
    """What makes a role and gives it its rights."""
    role = options.roles[option]
    parts = [filled("role_create", options, role=role)] if create else []
    parts += [filled("role_grant", options, role=role)]
    if option == "admin_role" and options.rls:
        parts += [filled("oversee", options)]
    return "\n".join(parts)


async def _give_access(tx: Transaction, options: Options) -> tuple[str, ...]:
    absent, may_create = await absent_roles(tx, options)
    if may_create:
        for option in absent:
            await tx.script(filled("role_create", options, role=options.roles[option]))
        absent = ()
    await tx.script(_isolation(options))
    for option in options.roles:
        if option not in absent:
            await tx.script(_role(option, options, create=False))
    # To grant what is not ours to give is a warning, not an error: so look.
    lacking = {f.object.partition(":")[0] for f in await _gaps(tx, options, absent)}
    return tuple(
        _role(option, options, create=option in absent)
        for option in options.roles
        if option in absent or option in lacking
    )


async def _gaps(tx: Transaction, options: Options, absent: tuple[str, ...]) -> list[Finding]:
    """What is missing or wrong in the access to what is there.

    What somebody granted on top is left to `verify`, and so are missing tables.
    """
    found = await read_facts(tx, options, names=expected_names(), kinds=(*OBJECTS, *ACCESS))
    findings = compare(expected_facts(options, (*OBJECTS, *ACCESS)), found, absent)
    return [finding for finding in findings if finding.kind in ACCESS and lacks(finding)]


def _refusal(error: DatabaseError, options: Options) -> Exception:
    """Our error for what the server says to a migration."""
    if error.sqlstate in ("42P07", "42710", "42723"):
        return SchemaMismatchError(
            f"schema {options.schema!r} already holds something with a name of ours",
            command=f"{MIGRATE} --schema threadkeep",
        )
    if error.sqlstate == "25006":
        return UnavailableError("the database is read-only: migrate on the primary")
    return error
