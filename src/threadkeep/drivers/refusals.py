"""What a refusal of the server means to us, by its SQLSTATE."""

from __future__ import annotations

from threadkeep.values.errors import (
    DatabaseError,
    ForbiddenError,
    SchemaMismatchError,
    ThreadkeepError,
    UnavailableError,
)

READ_ONLY = "25006"

_ENDED = ("57P01", "57P02", "57P03", "57P05")
DISTRUSTED = frozenset((READ_ONLY, *_ENDED))
"""What says that a session is over, or at a server that takes no writes any more."""

_RETRIED_CLASS = "08"
_RETRIED = DISTRUSTED | {"40001", "40P01", "53300"}
_GONE = ("53", "57P", "28", "3D")
_NO_SUCH_NAME = {"42P01", "42703", "42883", "3F000"}
ABORTED = "25P02"
"""A transaction in which a statement failed: its COMMIT is answered with ROLLBACK."""

_CANCELLED_WAIT = "SyncRepWaitForLSN"


def refusal(sqlstate: str, constraint: str | None = None) -> ThreadkeepError:
    """Our error for a SQLSTATE. The server's message is dropped, since it may quote values."""
    if sqlstate in _RETRIED or sqlstate.startswith(_RETRIED_CLASS):
        return UnavailableError(_explained(sqlstate), transient=True)
    if sqlstate.startswith(_GONE):
        return UnavailableError(_explained(sqlstate))
    if sqlstate == "42501":
        return ForbiddenError(
            "the database role lacks a privilege; `threadkeep migrate verify` names it"
        )
    if sqlstate in _NO_SUCH_NAME:
        return SchemaMismatchError(
            "a table, column or function of threadkeep is missing", command="threadkeep migrate up"
        )
    return DatabaseError(sqlstate, constraint)


def unreached(error: BaseException, *, transient: bool = True) -> UnavailableError:
    """Our error for a server that was not reached, or was lost on the way."""
    found = UnavailableError(
        f"the server was not reached ({type(error).__name__})", transient=transient
    )
    found.__cause__ = error
    return found


def is_cancelled_wait(source_function: str | None) -> bool:
    """Whether a notice says that a commit did not wait for its synchronous standby to the end.

    The server then reports success all the same. Its source tells it in any language.
    """
    return source_function == _CANCELLED_WAIT


def unsynced() -> UnavailableError:
    """Our error for a commit that is not known to be on the synchronous standby."""
    return UnavailableError(
        "the wait for the synchronous standby was cancelled, so the commit is not safe yet",
        transient=True,
    )


def _explained(sqlstate: str) -> str:
    if sqlstate == READ_ONLY:
        return "the database is read-only, so it is not the primary"
    return f"the server is not to be used now (SQLSTATE {sqlstate})"
