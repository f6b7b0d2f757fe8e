"""The ledger: which migrations a database has had, held against those this version ships."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from threadkeep.sql import migration_files, statements
from threadkeep.values.errors import ForbiddenError, SchemaMismatchError, UnavailableError

if TYPE_CHECKING:
    from datetime import datetime

    from threadkeep.values.ports import Executor, Transaction

MIGRATE = "threadkeep migrate up"
OLDEST_SERVER = 15

State = Literal["applied", "pending", "changed", "unknown"]


@dataclass(frozen=True, slots=True)
class MigrationState:
    """One migration here.

    `changed` was applied with another text than this version ships, `unknown` is not shipped by
    this version at all: a newer one applied it.
    """

    version: int
    name: str
    applied_at: datetime | None
    state: State


@dataclass(frozen=True, slots=True)
class Place:
    """What there is before the first look at a table."""

    server_version_num: int
    has_schema: bool
    has_ledger: bool


def checksum(sql: str) -> str:
    """What the ledger keeps of a migration's unrendered text."""
    return sha256(sql.encode()).hexdigest()


async def find_place(over: Executor | Transaction, schema: str) -> Place:
    """Look for the schema and the ledger; needs no privilege."""
    [row] = await over.fetch(statements(schema)["migration_place"], schema)
    return Place(*row)


async def read_states(over: Executor | Transaction, schema: str) -> tuple[MigrationState, ...]:
    """The migrations of a database that has a ledger, by version."""
    try:
        rows = await over.fetch(statements(schema)["ledger_read"])
    except ForbiddenError:
        raise ForbiddenError(f"the database role may not read schema {schema!r}") from None
    except SchemaMismatchError:
        # Other migration tools like this name too.
        raise SchemaMismatchError(
            f"the table schema_migrations in schema {schema!r} is another tool's",
            command=f"{MIGRATE} --schema threadkeep",
        ) from None
    return held_against_files({v: (name, digest, at) for v, name, digest, at in rows})


def held_against_files(
    applied: dict[int, tuple[str, str, datetime | None]],
) -> tuple[MigrationState, ...]:
    """The states, given the ledger's rows as name, checksum and time by version."""
    states = {v: MigrationState(v, name, at, "unknown") for v, (name, _, at) in applied.items()}
    for version, name, sql in migration_files():
        state: State = "pending"
        at = None
        if version in applied:
            _, digest, at = applied[version]
            state = "applied" if digest == checksum(sql) else "changed"
        states[version] = MigrationState(version, name, at, state)
    return tuple(state for _, state in sorted(states.items()))


def refuse_strange(states: tuple[MigrationState, ...]) -> None:
    """SchemaMismatchError if a migration was applied that is not one of ours, word for word."""
    for state in states:
        if state.state == "unknown":
            raise SchemaMismatchError(
                f"a newer threadkeep migrated this database: migration {state.version} is unknown",
                command="pip install --upgrade threadkeep",
            )
        if state.state == "changed":
            raise SchemaMismatchError(
                f"migration {state.version} was applied with another text than this version has",
                command="threadkeep migrate verify",
            )


def refuse_old_server(version: int) -> None:
    """UnavailableError if the server is older than what we support."""
    if version < OLDEST_SERVER * 10_000:
        raise UnavailableError(
            f"the server is PostgreSQL {version // 10_000}.{version % 100}: "
            f"threadkeep needs {OLDEST_SERVER} or later"
        )
