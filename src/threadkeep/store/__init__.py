"""AsyncStore and the owner's handle: what async users hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from threadkeep.core import keys as core_keys
from threadkeep.core import migrations as core_migrations
from threadkeep.core.drafts import Drafting
from threadkeep.core.drift import Finding, verify
from threadkeep.core.migrations import MigrationState, Options, Standing, UpReport
from threadkeep.core.migrations import script as migration_sql
from threadkeep.core.runs import LEASE
from threadkeep.core.scope import Scope
from threadkeep.store.admin import Admin, AllThreads
from threadkeep.store.attachments import Attachments
from threadkeep.store.events import Events
from threadkeep.store.feedback import Feedbacks
from threadkeep.store.items import Items
from threadkeep.store.keys import Keys
from threadkeep.store.messages import Messages
from threadkeep.store.owner import Owner
from threadkeep.store.pages import PageCall
from threadkeep.store.refresh_tokens import RefreshTokens
from threadkeep.store.runs import Runs
from threadkeep.store.scores import Scores
from threadkeep.store.sessions import Sessions
from threadkeep.store.spans import OpenSpan, Spans
from threadkeep.store.threads import Threads
from threadkeep.store.turns import Turn
from threadkeep.store.writing import Plain, Writing
from threadkeep.values.credentials import ApiKey
from threadkeep.values.errors import ForbiddenError
from threadkeep.values.ports import Executor, Statement

__all__ = [
    "LEASE",
    "Admin",
    "AllThreads",
    "AsyncStore",
    "Attachments",
    "Events",
    "Feedbacks",
    "Items",
    "Keys",
    "Messages",
    "Migrations",
    "OpenSpan",
    "Options",
    "Owner",
    "PageCall",
    "RefreshTokens",
    "Runs",
    "Scores",
    "Sessions",
    "Spans",
    "Standing",
    "Threads",
    "Turn",
    "Writing",
    "migration_sql",
]


@dataclass(frozen=True, slots=True)
class Migrations:
    """The schema: bring it up, tell its state, hold the database against it."""

    _ex: Executor
    options: Options

    async def up(self) -> UpReport:
        """Apply what is pending, in one transaction; safe when two processes do it at once."""
        return await core_migrations.up(self._ex, self.options)

    async def status(self) -> tuple[MigrationState, ...]:
        """Each migration and whether it is applied."""
        return await core_migrations.status(self._ex, self.options)

    async def verify(self) -> tuple[Finding, ...]:
        """All differences between the database and what this version expects; none is good."""
        return await verify(self._ex, self.options)

    async def check(self) -> Standing:
        """How the schema and the role stand; SchemaMismatchError if it is not this version's."""
        return await core_migrations.check(self._ex, self.options)


class AsyncStore:
    """Conversations on PostgreSQL. Made by `connect_async`; close it, or use it as a context."""

    def __init__(
        self,
        ex: Executor,
        sql: Mapping[str, Statement],
        drafting: Drafting,
        *,
        options: Options,
        admin: Executor,
        writing: Writing,
        borrow: Callable[[object], Executor],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self._ex = ex
        self._sql = sql
        self._drafting = drafting
        self._admin = admin
        self._writing = writing
        self._borrow = borrow
        self._admin_may: bool | None = None
        self._close = close
        self._closed = False
        self.migrations = Migrations(ex, options)

    def owner(self, owner_id: str, user: str | None = None) -> Owner:
        """The handle of an owner; with `user`, of that person's threads only.

        No I/O. InvalidError for an id that is none.
        """
        scope = Scope.of(self._ex, self._sql, owner_id, user)
        return Owner(scope, self._drafting, self._writing)

    async def check_key(self, text: str) -> ApiKey:
        """The API key that has this text, of whatever owner; one statement, and nothing changes.

        CredentialError where there is none (`key_malformed`, `key_unknown`) or it is not good now
        (`key_revoked`, `key_expired`).
        """
        return await core_keys.check(self._ex, self._sql, text)

    def admin(self) -> Admin:
        """What reaches across owners. No I/O; ForbiddenError at use if the role may not."""
        ready = self._admin_ready
        return Admin(AllThreads(ready, self._sql), ready, self._sql, self._writing)

    def using(self, connection: object) -> AsyncStore:
        """The store inside a transaction of the caller, who commits or rolls back.

        `connection` is a connection or transaction of asyncpg, of psycopg's async side or of
        SQLAlchemy's; InvalidError for any other. Each call runs under a savepoint: one that fails
        leaves the caller's transaction as it was. Nothing is retried, joined or shielded here, and
        a turn renews its lease by appends and `touch` only. Closing it closes nothing.
        """
        return AsyncStore(
            self._borrow(connection),
            self._sql,
            self._drafting,
            options=self.migrations.options,
            admin=self._admin,
            writing=Plain(),
            borrow=self._borrow,
            close=_nothing,
        )

    async def close(self) -> None:
        """Wait for calls under way and disconnect; calls after it raise UnavailableError."""
        if not self._closed:
            self._closed = True
            await self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _admin_ready(self) -> Executor:
        if self._admin_may is None:
            standing = await core_migrations.check(self._admin, self.migrations.options)
            self._admin_may = standing.bypasses_rls or standing.is_admin or not standing.rls_enabled
        if not self._admin_may:
            raise ForbiddenError(
                "the database role is not the admin role and does not bypass row-level security; "
                "give its URL as admin_url or THREADKEEP_ADMIN_URL"
            )
        return self._admin


async def _nothing() -> None:
    pass
