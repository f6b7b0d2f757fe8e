"""Store: the same surface without await. Each method steps the async one over a blocking driver.

The core awaits only its executor, and the blocking executor never suspends, so one step runs a
coroutine to its end: no event loop, no thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Self

from threadkeep import store
from threadkeep.store import LEASE, Items
from threadkeep.sync.blocks import OpenSpan, Turn
from threadkeep.sync.faces import Face, Pages, blocking, paging, step
from threadkeep.sync.parts import (
    Attachments,
    Events,
    Feedbacks,
    Keys,
    Messages,
    RefreshTokens,
    Runs,
    Scores,
    Sessions,
    Spans,
    Threads,
)
from threadkeep.values.credentials import ApiKey
from threadkeep.values.parts import Json
from threadkeep.values.span import SpanType

__all__ = [
    "Admin",
    "AllThreads",
    "Attachments",
    "Events",
    "Feedbacks",
    "Keys",
    "Messages",
    "Migrations",
    "OpenSpan",
    "Owner",
    "Pages",
    "RefreshTokens",
    "Runs",
    "Scores",
    "Sessions",
    "Spans",
    "Store",
    "Threads",
    "Turn",
    "step",
]


class AllThreads(Face[store.AllThreads]):
    """The threads of all owners."""

    list = paging(store.AllThreads.list)


class Migrations(Face[store.Migrations]):
    """The schema: bring it up, tell its state, hold the database against it."""

    up = blocking(store.Migrations.up)
    status = blocking(store.Migrations.status)
    verify = blocking(store.Migrations.verify)
    check = blocking(store.Migrations.check)


class Admin(Face[store.Admin]):
    """What only the admin role may do. ForbiddenError at the first use by any other role."""

    owners = paging(store.Admin.owners)
    transfer = blocking(store.Admin.transfer)
    reap = blocking(store.Admin.reap)
    purge_refresh_tokens = blocking(store.Admin.purge_refresh_tokens)

    @property
    def threads(self) -> AllThreads:
        """The threads of all owners."""
        return AllThreads(self._inner.threads)


class Owner(Face[store.Owner]):
    """The handle of one owner, or of one user inside it. Nothing else can be reached from here."""

    @property
    def owner_id(self) -> str:
        """The owner."""
        return self._inner.owner_id

    @property
    def user_id(self) -> str | None:
        """The user, None for all of the owner's."""
        return self._inner.user_id

    @property
    def threads(self) -> Threads:
        """The owner's threads."""
        return Threads(self._inner.threads)

    @property
    def messages(self) -> Messages:
        """The messages of the owner's threads."""
        return Messages(self._inner.messages)

    @property
    def runs(self) -> Runs:
        """The runs of the owner's threads."""
        return Runs(self._inner.runs)

    @property
    def sessions(self) -> Sessions:
        """The owner's sessions."""
        return Sessions(self._inner.sessions)

    @property
    def spans(self) -> Spans:
        """What the owner's agents did, step by step."""
        return Spans(self._inner.spans)

    @property
    def attachments(self) -> Attachments:
        """What is known of the owner's files."""
        return Attachments(self._inner.attachments)

    @property
    def feedback(self) -> Feedbacks:
        """What users think of the owner's messages."""
        return Feedbacks(self._inner.feedback)

    @property
    def events(self) -> Events:
        """What people did in the owner's front ends."""
        return Events(self._inner.events)

    @property
    def scores(self) -> Scores:
        """Judgements of the owner's threads, messages and runs."""
        return Scores(self._inner.scores)

    @property
    def keys(self) -> Keys:
        """The owner's API keys."""
        return Keys(self._inner.keys)

    @property
    def refresh_tokens(self) -> RefreshTokens:
        """The owner's refresh tokens."""
        return RefreshTokens(self._inner.refresh_tokens)

    def turn(
        self,
        thread_id: str,
        message: Items | None = None,
        *,
        dialect: str | None = None,
        session: str | None = None,
        exclusive: bool = False,
        lease: float = LEASE,
        force: bool = False,
    ) -> Turn:
        """A turn in a thread, to be entered: a run that lives as long as the block.

        As the AsyncStore's, but nothing renews the lease by itself: `touch` it before it passes.
        """
        inner = self._inner.turn(
            thread_id,
            message,
            dialect=dialect,
            session=session,
            exclusive=exclusive,
            lease=lease,
            force=force,
        )
        return Turn(inner)

    def span(
        self,
        name: str,
        *,
        type: SpanType = "chain",
        span_id: str | None = None,
        parent: str | None = None,
        thread: str | None = None,
        run: str | None = None,
        user: str | None = None,
        input: Json | bytes = None,
        metadata: Mapping[str, Json] | None = None,
        started_at: datetime | None = None,
    ) -> OpenSpan:
        """A span as a context, made of what `spans.start` takes; as the AsyncStore's."""
        inner = self._inner.span(
            name,
            type=type,
            span_id=span_id,
            parent=parent,
            thread=thread,
            run=run,
            user=user,
            input=input,
            metadata=metadata,
            started_at=started_at,
        )
        return OpenSpan(inner)


class Store:
    """Conversations on PostgreSQL. Made by `connect`; close it, or use it as a context."""

    def __init__(self, inner: store.AsyncStore) -> None:
        self._inner = inner
        self.migrations = Migrations(inner.migrations)

    def owner(self, owner_id: str, user: str | None = None) -> Owner:
        """The handle of an owner; with `user`, of that person's threads only.

        No I/O. InvalidError for an id that is none.
        """
        return Owner(self._inner.owner(owner_id, user))

    def check_key(self, text: str) -> ApiKey:
        """The API key that has this text, of whatever owner; one statement, and nothing changes.

        CredentialError where there is none (`key_malformed`, `key_unknown`) or it is not good now
        (`key_revoked`, `key_expired`).
        """
        return step(self._inner.check_key(text))

    def admin(self) -> Admin:
        """What reaches across owners. No I/O; ForbiddenError at use if the role may not."""
        return Admin(self._inner.admin())

    def using(self, connection: object) -> Store:
        """The store inside a transaction of the caller, who commits or rolls back.

        `connection` is a connection or transaction of psycopg or of SQLAlchemy on psycopg;
        InvalidError for any other. Each call runs under a savepoint: one that fails leaves the
        caller's transaction as it was. Nothing is retried here. Closing it closes nothing.
        """
        return Store(self._inner.using(connection))

    def close(self) -> None:
        """Disconnect; calls after it raise UnavailableError."""
        step(self._inner.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
