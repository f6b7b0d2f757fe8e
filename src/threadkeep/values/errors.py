"""The errors. One base, one class per fact, a stable code, the facts as attributes.

No error ever carries message text, a payload, a title or a metadata value: only ids, names of
fields and rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from threadkeep.values.converted import Loss


class ThreadkeepError(Exception):
    """The base of all errors that threadkeep raises on purpose."""

    code: ClassVar[str] = "error"


class NotFoundError(ThreadkeepError):
    """The thread or message is unknown here.

    What belongs to another owner or user is unknown too: both give the same error.
    """

    code = "not_found"

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"unknown {kind}: {id!r}")
        self.kind = kind
        self.id = id


class ConflictError(ThreadkeepError):
    """What is stored contradicts the call; nothing was written.

    `reason` is stable: `message_differs` (same id, other content), `message_order` (a replayed
    batch is stored in another shape), `head_moved`, `revision_moved`, `has_children`, `exists`,
    `role_fixed`, `starts_fixed`, `run_live`, `run_lost`, `span_ended`, `thread_locked`,
    `session_thread`, `sdk_version`, `key_replaced` (`id` is the key that replaces it),
    `key_revoked`, `key_expired`. `head` is the id of the thread's head where the conflict is
    about it.
    """

    code = "conflict"

    def __init__(
        self, reason: str, explanation: str, *, id: str | None = None, head: str | None = None
    ) -> None:
        super().__init__(explanation)
        self.reason = reason
        self.id = id
        self.head = head


class InvalidError(ThreadkeepError, ValueError):
    """An argument breaks a rule; `field` names it and `rule` says the rule. Nothing was written."""

    code = "invalid"

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class LossyError(InvalidError):
    """The messages cannot be said in this dialect without loss; `losses` lists what would be lost.

    Raised only where a loss was forbidden.
    """

    code = "lossy"

    def __init__(self, dialect: str, losses: Sequence[Loss]) -> None:
        kinds = ", ".join(sorted({loss.what for loss in losses}))
        super().__init__("dialect", f"must be able to say all of it: {dialect} would lose {kinds}")
        self.losses = tuple(losses)


class InvalidCursorError(InvalidError):
    """A cursor that this list did not hand out: tampered with, or from another list."""

    code = "invalid_cursor"

    def __init__(self) -> None:
        super().__init__("cursor", "must be a cursor that this same list returned")


class ForbiddenError(ThreadkeepError):
    """The database role may not do this; the message says which role may."""

    code = "forbidden"


class CredentialError(ThreadkeepError):
    """A credential is not good. What it said is nowhere in the error.

    `reason` is stable: `key_malformed`, `key_unknown` (also where the secret is wrong),
    `key_revoked`, `key_expired`; `refresh_unknown`, `refresh_replayed` (a later generation has been
    used), `refresh_expired`, `refresh_revoked`.
    """

    code = "credential"

    def __init__(self, reason: str, explanation: str) -> None:
        super().__init__(explanation)
        self.reason = reason


class UnavailableError(ThreadkeepError):
    """The database cannot be used now: not reachable, not startable, or the store is closed.

    `transient`: the same call may well succeed later; whether the one that failed was carried out
    is not known, and calling again with the same ids is safe. A store has tried until its deadline
    before it raises such a one.
    """

    code = "unavailable"

    def __init__(self, explanation: str, *, transient: bool = False) -> None:
        super().__init__(explanation)
        self.transient = transient


class SchemaMismatchError(ThreadkeepError):
    """The tables are not the ones this version needs; `command` is the call that mends it."""

    code = "schema_mismatch"

    def __init__(self, explanation: str, *, command: str) -> None:
        super().__init__(f"{explanation}; run: {command}")
        self.command = command


class DatabaseError(ThreadkeepError):
    """The server refused a statement for a reason that has no class of its own here.

    `sqlstate` says which; the server's own message is left out, since it may quote values.
    """

    code = "database"

    def __init__(self, sqlstate: str, constraint: str | None = None) -> None:
        super().__init__(f"the server refused a statement (SQLSTATE {sqlstate})")
        self.sqlstate = sqlstate
        self.constraint = constraint


class ThreadkeepWarning(UserWarning):
    """Something works, but not as one would want it in production."""
