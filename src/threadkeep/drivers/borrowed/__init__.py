"""Borrowed connections: what the caller lends, as an executor inside the caller's transaction.

Nothing is imported for a driver or a framework that the caller does not use.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from threadkeep.drivers.borrowed.executor import BorrowedExecutor
from threadkeep.values.errors import InvalidError

_Lender = Callable[[object], BorrowedExecutor | None]


def borrow(connection: object) -> BorrowedExecutor:
    """An executor for an AsyncStore over a connection of the caller, or over its transaction.

    Of asyncpg, psycopg or SQLAlchemy over one of these, and an async one. InvalidError otherwise.
    No I/O.
    """
    for loaded, lender in (
        ("asyncpg", _asyncpg),
        ("psycopg", _psycopg_async),
        ("sqlalchemy", _sqlalchemy_async),
    ):
        found = lender(connection) if loaded in sys.modules else None
        if found is not None:
            return found
    raise InvalidError(
        "connection",
        "must be an async connection or transaction of asyncpg, of psycopg, or of SQLAlchemy over "
        "one of them; a blocking one goes with Store",
    )


def borrow_blocking(connection: object) -> BorrowedExecutor:
    """As `borrow`, for a Store: of psycopg or SQLAlchemy over it, and a blocking one."""
    for loaded, lender in (("psycopg", _psycopg), ("sqlalchemy", _sqlalchemy)):
        found = lender(connection) if loaded in sys.modules else None
        if found is not None:
            return found
    raise InvalidError(
        "connection",
        "must be a blocking connection or transaction of psycopg, or of SQLAlchemy over it; "
        "an async one goes with AsyncStore",
    )


def _asyncpg(connection: object) -> BorrowedExecutor | None:
    from threadkeep.drivers.borrowed import asyncpg

    return asyncpg.borrow(connection)


def _psycopg_async(connection: object) -> BorrowedExecutor | None:
    from threadkeep.drivers.borrowed import psycopg

    return psycopg.borrow(connection)


def _psycopg(connection: object) -> BorrowedExecutor | None:
    from threadkeep.drivers.borrowed import psycopg

    return psycopg.borrow_blocking(connection)


def _sqlalchemy_async(connection: object) -> BorrowedExecutor | None:
    from threadkeep.drivers.borrowed import sqlalchemy

    return sqlalchemy.borrow(connection)


def _sqlalchemy(connection: object) -> BorrowedExecutor | None:
    from threadkeep.drivers.borrowed import sqlalchemy

    return sqlalchemy.borrow_blocking(connection)
