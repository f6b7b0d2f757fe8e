"""What the server's refusals mean where the tables are the app's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from threadkeep.adapters.persistence.survey import Problem, TablesMismatchError
from threadkeep.values.errors import (
    DatabaseError,
    ForbiddenError,
    InvalidError,
    SchemaMismatchError,
)

_RULES: Final = {
    "22P05": "must not contain NUL where a column is jsonb",
    "22P02": "must not contain a lone surrogate where a column is jsonb",
    "22003": "must not contain a number beyond what jsonb keeps",
    "22001": "must not be longer than the columns of the table",
    "54000": "must not be larger than what the columns keep",
}
"""What the server refuses of a value, by SQLSTATE: where a column is narrower than text."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn refusals that are about values or the tables into what the caller can mend."""
    try:
        yield
    except DatabaseError as error:
        rule = _RULES.get(error.sqlstate)
        if rule is None:
            raise
        raise InvalidError("value", rule) from None
    except ForbiddenError:
        raise ForbiddenError(
            "the role of the pool lacks a privilege on the app's tables, or their row-level "
            "security refused: see validate_schema()"
        ) from None
    except TablesMismatchError:
        raise
    except SchemaMismatchError:
        missing = Problem(
            "the app's tables", None, "lack a table or a column: see validate_schema()"
        )
        raise TablesMismatchError([missing]) from None
