"""How a command ends: its exit code, and what is wrong in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from threadkeep.values.errors import InvalidError, ThreadkeepError

if TYPE_CHECKING:
    from collections.abc import Mapping

OK: Final = 0
FINDING: Final = 1
"""The command did its work and found something wrong, or could do only a part of it."""
INVALID: Final = 2
NOT_FOUND: Final = 3
CONFLICT: Final = 4
UNAVAILABLE: Final = 5
"""The database cannot be used: not reachable, not at this version, or the role may not."""
DEFECT: Final = 70
"""An error that threadkeep did not foresee."""
INTERRUPTED: Final = 130

_CODES: Final[Mapping[str, int]] = {
    "not_found": NOT_FOUND,
    "conflict": CONFLICT,
    "invalid": INVALID,
    "invalid_cursor": INVALID,
    "lossy": INVALID,
    "forbidden": UNAVAILABLE,
    "credential": UNAVAILABLE,
    "unavailable": UNAVAILABLE,
    "schema_mismatch": UNAVAILABLE,
    "database": UNAVAILABLE,
}

# The options by the names that the library's errors give to what they hold.
_OPTIONS: Final[Mapping[str, str]] = {
    "owner_id": "--owner",
    "user_id": "--user",
    "external_id": "--external-id",
    "thread_id": "the thread id",
    "message_id": "the message id",
    "key_id": "the key id",
    "scopes": "--scope",
    "grace": "--grace",
    "source": "--from",
}


def code_of(error: ThreadkeepError) -> int:
    """The exit code for an error of the library."""
    return _CODES.get(error.code, UNAVAILABLE)


def line_of(error: ThreadkeepError) -> str:
    """What is wrong, for people."""
    if isinstance(error, InvalidError) and error.field in _OPTIONS:
        return f"{_OPTIONS[error.field]}: {error.rule}"
    return str(error)


def facts_of(error: ThreadkeepError) -> dict[str, Any]:
    """The error's code and message, and all it knows besides."""
    # Typer hangs a mark of its own on errors that pass through it.
    known = {name: value for name, value in vars(error).items() if not name.startswith("_")}
    return {"code": error.code, "message": line_of(error), **known}
