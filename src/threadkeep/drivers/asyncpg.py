"""The asyncpg executor: a pool, for AsyncStore."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import asyncpg

from threadkeep.drivers.asyncpg_connections import (
    ERRORS,
    Connection,
    Connector,
    is_lost,
    raise_ours,
)
from threadkeep.drivers.limits import Limits
from threadkeep.drivers.patience import AsyncPatience
from threadkeep.drivers.refusals import ABORTED, refusal, unsynced
from threadkeep.drivers.setting import begin_as
from threadkeep.drivers.urls import Address
from threadkeep.values.errors import UnavailableError
from threadkeep.values.ports import Row, Statement

# Seconds for which a connection is kept from the pool, which else would not see how old it grows.
_KEPT = 60.0


class AsyncpgExecutor:
    """Runs statements on a pool of connections, each on its own or in a transaction."""

    checks_first = False

    def __init__(self, sessions: _Sessions, limits: Limits) -> None:
        self._sessions = sessions
        self._limits = limits

    @classmethod
    async def open(cls, address: Address, limits: Limits) -> AsyncpgExecutor:
        """Connect; UnavailableError if the server does not answer or refuses."""
        return cls(await _Sessions.open(address, limits, limits.pool_min), limits)

    @classmethod
    async def later(cls, address: Address, limits: Limits) -> AsyncpgExecutor:
        """Connect at the first use only."""
        return cls(await _Sessions.open(address, limits, 0), limits)

    @property
    def pooled(self) -> bool | None:
        """Whether a pooler lends the sessions by the transaction; None: nobody has looked yet."""
        return self._sessions.connector.pooled

    async def close(self) -> None:
        """Wait for what is under way, then disconnect. Idempotent."""
        await self._sessions.close()

    def patience(self) -> AsyncPatience:
        """The patience of one call."""
        return AsyncPatience(self._limits.deadline)

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        """Run one statement on its own; one round trip once it is prepared."""
        sessions = self._sessions
        connection = await sessions.acquire()
        try:
            rows: list[Row] = await connection.fetch(statement.text, *args)
        except BaseException as error:
            await sessions.let_go(connection, error)
            raise_ours(error)
            raise
        late = connection.note()
        await sessions.release(connection)
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
            rows: list[Row] = await self._connection.fetch(statement.text, *args)
        except ERRORS as error:
            self._lost = error if is_lost(error) else self._lost
            raise_ours(error)
            raise
        return rows

    async def script(self, text: str) -> None:
        try:
            await self._connection.execute(text)
        except ERRORS as error:
            self._lost = error if is_lost(error) else self._lost
            raise_ours(error)
            raise

    async def __aenter__(self) -> Self:
        self._connection = await self._sessions.acquire()
        # Only now it is known what is behind the connection.
        timeout = self._limits.statement_ms if self._sessions.connector.pooled else None
        await self._run(begin_as(self._owner_key, timeout))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            done = await self._run("COMMIT")
            late = self._connection.note()
            await self._sessions.release(self._connection)
            if late:
                raise unsynced()
            if done != "COMMIT":
                raise refusal(ABORTED)
        else:
            await self._let_go(self._lost or error)

    async def _run(self, command: str) -> str:
        """Begin or end; where that fails the connection is given back."""
        try:
            done: str = await self._connection.execute(command)
        except BaseException as error:
            await self._let_go(error)
            raise_ours(error)
            raise
        return done

    async def _let_go(self, error: BaseException) -> None:
        await self._sessions.let_go(self._connection, error)


class _Sessions:
    """The connections of an executor: asyncpg's pool, and what is done when one is lost.

    The pool makes, bounds and closes them. To take one from it and give it back costs as much as
    a small call, so they are kept here between calls, for a minute at most.
    """

    _pool: asyncpg.Pool

    def __init__(self, address: Address, limits: Limits) -> None:
        self.connector = Connector(address, limits)
        self._limits = limits
        # Who holds a slot finds a connection idle here, or else one of the pool that is free.
        self._slots = asyncio.Semaphore(limits.pool_size)
        self._idle: list[Connection] = []
        self._timer: asyncio.TimerHandle | None = None
        self._tidying: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(cls, address: Address, limits: Limits, least: int) -> _Sessions:
        """A pool that has `least` connections now."""
        made = cls(address, limits)
        made._pool = await asyncpg.create_pool(
            min_size=least,
            max_size=limits.pool_size,
            connection_class=Connection,
            connect=made.connector.connect,
        )
        return made

    async def acquire(self) -> Connection:
        """A connection: one that idles, a new one, or the next that is released."""
        # A time-out has its price, and only who must wait for another caller needs one.
        await (self._wait() if self._slots.locked() else self._slots.acquire())
        try:
            if self._closed:
                raise _closed()
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    return connection
                # So the pool has it back.
                connection.terminate()
            return await self._take()
        except BaseException:
            self._slots.release()
            raise

    async def release(self, connection: Connection) -> None:
        """Keep a connection for the next call, or give it back where its time is up."""
        if (
            self._closed
            or connection.generation != self.connector.generation
            or connection.kept < time.monotonic()
            or connection.is_in_transaction()
        ):
            await self._give_back(connection)
            return
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_KEPT, self._start_tidying)
        self._idle.append(connection)
        self._slots.release()

    async def let_go(self, connection: Connection, error: BaseException) -> None:
        """Give a connection back after an error, also out of an open transaction."""
        gone = connection.is_closed()
        if is_lost(error) or (gone and isinstance(error, Exception)):
            await self._distrust(connection.generation)
        if gone or (is_lost(error) and not isinstance(error, TimeoutError)):
            connection.terminate()
        await self._give_back(connection)

    async def close(self) -> None:
        """Wait for what is under way, then disconnect. Idempotent."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        try:
            if self._tidying is not None:
                await self._tidying
            await self._tidy()
            await self._pool.close()
        except BaseException:
            self._pool.terminate()
            raise

    async def _wait(self) -> None:
        if self._closed:
            raise _closed()
        try:
            async with asyncio.timeout(self._limits.deadline):
                await self._slots.acquire()
        except TimeoutError:
            late = "no connection of the pool became free in time"
            raise UnavailableError(late, transient=True) from None

    async def _take(self) -> Connection:
        """One of the pool's."""
        # No pool gives out a connection that is older than this.
        generation = self.connector.generation
        try:
            lent = await self._pool.acquire()
        except BaseException as error:
            if self._closed and isinstance(error, asyncpg.InterfaceError):
                raise _closed() from None
            raise_ours(error)
            raise
        connection: Connection = lent.itself()
        connection.generation = generation
        connection.kept = time.monotonic() + _KEPT
        connection.lent = lent
        return connection

    async def _give_back(self, connection: Connection) -> None:
        lent, connection.lent = connection.lent, None
        try:
            # The server is told of a statement that was given up, and must confirm that it heard.
            with contextlib.suppress(*ERRORS):
                await self._pool.release(lent, timeout=self._limits.connect_timeout)
        finally:
            self._slots.release()

    async def _distrust(self, generation: int) -> None:
        """Replace all connections that are as old as a lost one: once, not once per caller."""
        if generation == self.connector.generation:
            self.connector.generation += 1
            await self._pool.expire_connections()
            while self._idle:
                self._idle.pop().terminate()

    def _start_tidying(self) -> None:
        self._timer = None
        self._tidying = asyncio.create_task(self._tidy())

    async def _tidy(self) -> None:
        """Release all that idle, once more: so those whose time is up are given back."""
        for _ in range(len(self._idle)):
            await self._slots.acquire()
            if self._idle:
                await self.release(self._idle.pop(0))
            else:
                self._slots.release()


def _closed() -> UnavailableError:
    return UnavailableError("the store is closed")
