"""The psycopg executor: a blocking pool, for Store. Its coroutines never suspend."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from threadkeep.drivers.limits import Limits
from threadkeep.drivers.patience import BlockingPatience
from threadkeep.drivers.psycopg_connections import (
    ERRORS,
    Connection,
    Connector,
    is_lost,
    raise_ours,
    run_script,
    translated,
)
from threadkeep.drivers.refusals import ABORTED, refusal, unsynced
from threadkeep.drivers.setting import begin_as
from threadkeep.drivers.urls import Address
from threadkeep.values.errors import UnavailableError
from threadkeep.values.ports import Row, Statement

_POOL = "threadkeep"
# The pool's own patience: its pauses of seconds would outlast many an outage, so it gives up at
# once, and who still waits asks it again after so many seconds.
_AGAIN = 0.25


class PsycopgExecutor:
    """Runs statements on a pool of connections, each on its own or in a transaction."""

    checks_first = False

    def __init__(self, address: Address, limits: Limits) -> None:
        self._limits = limits
        self._sessions = _Sessions(address, limits)

    @classmethod
    def open(cls, address: Address, limits: Limits) -> PsycopgExecutor:
        """Connect; UnavailableError if the server does not answer or refuses."""
        ex = cls(address, limits)
        ex._sessions.start(limits.pool_min)
        return ex

    @classmethod
    def later(cls, address: Address, limits: Limits) -> PsycopgExecutor:
        """Connect at the first use only."""
        return cls(address, limits)

    @property
    def pooled(self) -> bool | None:
        """Whether a pooler lends the sessions by the transaction; None: nobody has looked yet."""
        return self._sessions.connector.pooled

    async def close(self) -> None:
        """Disconnect; what is under way still ends. Idempotent."""
        self._sessions.close()

    def patience(self) -> BlockingPatience:
        """The patience of one call."""
        return BlockingPatience(self._limits.deadline)

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        """Run one statement on its own; one round trip once it is prepared."""
        sessions = self._sessions
        connection = sessions.acquire()
        try:
            rows = connection.fetch_rows(statement, args)
        except BaseException as error:
            sessions.let_go(connection, error)
            raise_ours(error)
            raise
        late = connection.note()
        sessions.release(connection)
        if late:
            raise unsynced()
        return rows

    def transaction(self, owner_key: int | None) -> _Transaction:
        """A transaction that sees the rows of `owner_key`."""
        return _Transaction(self._sessions, owner_key, self._limits)


class _Transaction:
    """One transaction: entered it is open, left it is over."""

    __slots__ = ("_connection", "_limits", "_lost", "_owner_key", "_sessions", "xid")

    _connection: Connection

    def __init__(self, sessions: _Sessions, owner_key: int | None, limits: Limits) -> None:
        self._sessions = sessions
        self._owner_key = owner_key
        self._limits = limits
        self._lost: BaseException | None = None
        self.xid: str | None = None

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        try:
            return self._connection.fetch_rows(statement, args)
        except ERRORS as error:
            self._lost = error if is_lost(error) else self._lost
            raise_ours(error)
            raise

    async def script(self, text: str) -> None:
        try:
            run_script(self._connection, text)
        except ERRORS as error:
            self._lost = error if is_lost(error) else self._lost
            raise_ours(error)
            raise

    async def __aenter__(self) -> Self:
        self._connection = self._sessions.acquire()
        # Only now it is known what is behind the connection.
        timeout = self._limits.statement_ms if self._sessions.connector.pooled else None
        self._run(begin_as(self._owner_key, timeout))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            done = self._run("COMMIT")
            late = self._connection.note()
            self._sessions.release(self._connection)
            if late:
                raise unsynced()
            if done != "COMMIT":
                raise refusal(ABORTED)
        else:
            self._sessions.let_go(self._connection, self._lost or error)

    def _run(self, command: str) -> str | None:
        """Begin or end; where that fails the connection is given back."""
        try:
            return run_script(self._connection, command)
        except BaseException as error:
            self._sessions.let_go(self._connection, error)
            raise_ours(error)
            raise


class _Sessions:
    """The connections of an executor: psycopg's pool, and what is done when one is lost."""

    def __init__(self, address: Address, limits: Limits) -> None:
        self.connector = Connector(address, limits)
        self._limits = limits
        self._lock = threading.Lock()
        self._pool: ConnectionPool[Connection] | None = None
        self._closed = False
        self._drained = 0.0

    def start(self, least: int) -> ConnectionPool[Connection]:
        """The pool. It is made with the first connection, which tells what is behind."""
        with self._lock:
            if self._closed:
                raise _closed()
            if self._pool is None:
                # One of our own: its refusal has a reason, a pool's time-out has none.
                self.connector.look()
                self._pool = self._made(least)
            return self._pool

    def acquire(self) -> Connection:
        """A connection: one that idles, a new one, or the next that is released."""
        pool = self._pool or self.start(0)
        try:
            return pool.getconn(timeout=_AGAIN)
        except PoolClosed:
            raise _closed() from None
        except PoolTimeout:
            return self._insist(pool)

    def release(self, connection: Connection) -> None:
        """Give a connection back."""
        if self._pool is not None:
            self._pool.putconn(connection)

    def let_go(self, connection: Connection, error: BaseException) -> None:
        """Give a connection back after an error, also out of an open transaction."""
        connection.note()
        if is_lost(error) or not isinstance(error, Exception):
            connection.close()
        elif connection.pgconn.transaction_status != TransactionStatus.IDLE:
            with contextlib.suppress(*ERRORS):
                run_script(connection, "ROLLBACK")
        if connection.closed and isinstance(error, Exception):
            self._distrust(connection)
        self.release(connection)

    def close(self) -> None:
        """Disconnect; what is in use is closed when it comes back. Idempotent."""
        with self._lock:
            self._closed = True
        if self._pool is not None:
            self._pool.close()

    def _made(self, least: int) -> ConnectionPool[Connection]:
        pool = ConnectionPool(
            self.connector.conninfo,
            connection_class=Connection,
            kwargs=self.connector.arguments(),
            configure=Connection.make_ready,
            min_size=least,
            max_size=self._limits.pool_size,
            reconnect_timeout=0.0,
            name=_POOL,
            open=False,
        )
        # Who asked before the first connection is there would make the pool grow.
        with translated():
            pool.open(wait=True, timeout=self._limits.connect_timeout)
        return pool

    def _insist(self, pool: ConnectionPool[Connection]) -> Connection:
        """Wait on for a connection while others have some; where nobody has, say why."""
        deadline = time.monotonic() + self._limits.deadline
        while time.monotonic() < deadline:
            if pool.get_stats()["pool_size"] == 0:
                self.connector.look()
            try:
                return pool.getconn(timeout=_AGAIN)
            except PoolClosed:
                raise _closed() from None
            except PoolTimeout:
                continue
        raise UnavailableError("no connection of the pool became free in time", transient=True)

    def _distrust(self, connection: Connection) -> None:
        """Replace all connections that are as old as a lost one: once, not once per caller."""
        with self._lock:
            if self._pool is None or self._closed or connection.made <= self._drained:
                return
            self._drained = time.monotonic()
            self._pool.drain()


class _Quiet(logging.Filter):
    """Keeps our pools' reports of an outage out of the log: our callers get the errors themselves.

    They repeat the server's text. Pools of others stay as they are.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        args = record.args if isinstance(record.args, tuple) else ()
        return not any(arg == _POOL or isinstance(arg, Connection) for arg in args)


logging.getLogger("psycopg.pool").addFilter(_Quiet())


def _closed() -> UnavailableError:
    return UnavailableError("the store is closed")
