"""What a refusal of the server means to us, by its SQLSTATE."""

from __future__ import annotations

from threadkeep.values.errors import (
    DatabaseError,
    ForbiddenError,
    SchemaMismatchError,
    ThreadkeepError,
    UnavailableError,
)

_GONE = ("08", "53", "57P", "28", "3D")
_NO_SUCH_NAME = {"42P01", "42703", "42883", "3F000"}


def refusal(sqlstate: str, constraint: str | None = None) -> ThreadkeepError:
    """Our error for a SQLSTATE. The server's message is dropped, since it may quote values."""
    if sqlstate.startswith(_GONE):
        return UnavailableError(f"the server is not to be used now (SQLSTATE {sqlstate})")
    if sqlstate == "42501":
        return ForbiddenError(
            "the database role lacks a privilege; `threadkeep migrate verify` names it"
        )
    if sqlstate in _NO_SUCH_NAME:
        return SchemaMismatchError(
            "a table, column or function of threadkeep is missing", command="threadkeep migrate up"
        )
    return DatabaseError(sqlstate, constraint)
