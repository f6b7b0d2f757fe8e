"""A borrowed SQLAlchemy connection or session, or its transaction.

SQLAlchemy says when its transaction begins and ends; the statements go to the driver below it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import sqlalchemy.exc
from sqlalchemy.engine import Connection, Dialect, Transaction
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    AsyncSessionTransaction,
    AsyncTransaction,
    async_scoped_session,
)
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

from threadkeep.drivers.borrowed import waiting
from threadkeep.drivers.borrowed.executor import BorrowedExecutor, Lend, Link, failed
from threadkeep.drivers.refusals import unreached
from threadkeep.values.errors import InvalidError, UnavailableError


def borrow(given: object) -> BorrowedExecutor | None:
    """The executor over an async connection, session or transaction, None for anything else."""
    if isinstance(given, async_scoped_session):
        given = given()
    if isinstance(given, AsyncTransaction):
        given = given.connection
    if isinstance(given, AsyncSessionTransaction):
        given = given.session
    if isinstance(given, AsyncSession):
        session = given
        _check(_dialect(session.sync_session))
        return _executor(session.sync_session, lambda: session.run_sync(_link_of_session))
    if isinstance(given, AsyncConnection):
        connection = given
        if connection.sync_connection is None:
            raise _closed()
        _check(connection.dialect)
        return _executor(connection.sync_connection, lambda: connection.run_sync(_link))
    return None


def borrow_blocking(given: object) -> BorrowedExecutor | None:
    """The executor over a blocking connection, session or transaction, None for anything else."""
    if isinstance(given, scoped_session):
        given = given()
    if isinstance(given, Transaction):
        given = given.connection
    if isinstance(given, SessionTransaction):
        given = given.session
    if isinstance(given, Session):
        session, dialect = given, _dialect(given)
        if dialect is not None and dialect.is_async:
            return None
        _check(dialect)
        return _executor_blocking(session, lambda: _link_of_session(session))
    if isinstance(given, Connection) and not given.dialect.is_async:
        connection = given
        _check(connection.dialect)
        return _executor_blocking(connection, lambda: _link(connection))
    return None


def lend(given: object) -> Lend | None:
    """How an engine lends a connection for a call; None for anything else."""
    if not isinstance(given, AsyncEngine):
        return None
    engine = given
    _check(engine.dialect)

    @asynccontextmanager
    async def lent() -> AsyncIterator[Link]:
        with _translated():
            try:
                connection = await engine.connect()
            except OSError as error:
                raise unreached(error) from error
        try:
            # Past SQLAlchemy, which would begin a transaction for every statement.
            driver: Any = (await connection.get_raw_connection()).driver_connection
            async with _driver_link(engine, driver) as link:
                yield link
        except UnavailableError:
            # SQLAlchemy has not seen it: the next caller would get the same connection.
            await connection.invalidate()
            raise
        finally:
            await connection.close()

    return lent


@asynccontextmanager
async def _driver_link(engine: AsyncEngine, driver: Any) -> AsyncIterator[Link]:
    if engine.dialect.driver == "asyncpg":
        from threadkeep.drivers.borrowed.asyncpg import AsyncpgLink

        yield AsyncpgLink(driver)
        return
    from threadkeep.drivers.borrowed.psycopg import AsyncPsycopgLink, autocommit

    async with autocommit(driver):
        yield AsyncPsycopgLink(driver)


def _executor(key: object, link: Callable[[], Awaitable[Link]]) -> BorrowedExecutor:
    @asynccontextmanager
    async def lend() -> AsyncIterator[Link]:
        async with waiting.alone(key):
            with _translated():
                lent = await link()
            yield lent

    return BorrowedExecutor(lend)


def _executor_blocking(key: object, link: Callable[[], Link]) -> BorrowedExecutor:
    @asynccontextmanager
    async def lend() -> AsyncIterator[Link]:
        async with waiting.alone_blocking(key):
            with _translated():
                lent = link()
            yield lent

    return BorrowedExecutor(lend)


def _link_of_session(session: Session) -> Link:
    return _link(session.connection())


def _link(connection: Connection) -> Link:
    """The driver's connection, once SQLAlchemy has begun: its end is then ours too."""
    _check(connection.dialect)
    lent = connection.connection
    if connection.get_transaction() is None:
        connection.begin()
    driver: Any = lent.driver_connection
    if connection.dialect.driver == "asyncpg":
        from threadkeep.drivers.borrowed.asyncpg import AsyncpgLink

        # This dialect begins on the server with the first statement that goes through it. What
        # reached the driver before that would stay after the caller's rollback.
        if not driver.is_in_transaction() and not getattr(lent, "autocommit", False):
            connection.exec_driver_sql("SELECT 1").close()
        return AsyncpgLink(driver)
    from threadkeep.drivers.borrowed.psycopg import AsyncPsycopgLink, PsycopgLink

    return AsyncPsycopgLink(driver) if connection.dialect.is_async else PsycopgLink(driver)


def _dialect(session: Session) -> Dialect | None:
    """The dialect of a session; None where it depends on what the session is asked for."""
    try:
        return session.get_bind().dialect
    except sqlalchemy.exc.UnboundExecutionError:
        return None


def _check(dialect: Dialect | None) -> None:
    if dialect is not None and (dialect.name, dialect.driver) not in (
        ("postgresql", "asyncpg"),
        ("postgresql", "psycopg"),
    ):
        raise InvalidError(
            "connection", "must be of postgresql+asyncpg or postgresql+psycopg in SQLAlchemy"
        )


def _closed() -> InvalidError:
    return InvalidError("connection", "must be open")


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what SQLAlchemy raises where it opens or begins into ours."""
    try:
        yield
    except sqlalchemy.exc.PendingRollbackError:
        raise failed() from None
    except sqlalchemy.exc.TimeoutError as error:
        raise UnavailableError("SQLAlchemy's pool had no connection", transient=True) from error
    except sqlalchemy.exc.InvalidRequestError as error:
        raise _closed() from error
    except sqlalchemy.exc.DBAPIError as error:
        raise UnavailableError(
            f"SQLAlchemy did not begin ({type(error).__name__})", transient=True
        ) from None
    except OSError as error:
        raise UnavailableError(f"the server was not reached ({type(error).__name__})") from error
