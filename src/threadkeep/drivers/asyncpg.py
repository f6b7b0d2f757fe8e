"""The asyncpg executor: a pool, for AsyncStore."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import asyncpg

from threadkeep.drivers.limits import Keepalive, Limits
from threadkeep.drivers.patience import AsyncPatience
from threadkeep.drivers.refusals import (
    ABORTED,
    DISTRUSTED,
    is_cancelled_wait,
    refusal,
    unreached,
    unsynced,
)
from threadkeep.drivers.setting import APPLICATION, begin_as, own_session, session_settings
from threadkeep.drivers.urls import Address
from threadkeep.values.errors import ThreadkeepError, UnavailableError
from threadkeep.values.ports import Row, Statement

_NEVER = (
    asyncpg.exceptions.ClientConfigurationError,
    asyncpg.UnsupportedClientFeatureError,
    ssl.SSLCertVerificationError,
)
_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that notes a commit which did not wait for the synchronous standby."""

    __slots__ = ("unsynced",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.unsynced = False

    def _process_log_message(self, fields: dict[str, str], last_query: str) -> None:
        # asyncpg comes here before it wakes who waits for the statement. A listener of its own
        # would cost every call: its pool warns of those that it finds on what is released.
        if is_cancelled_wait(fields.get("R")):
            self.unsynced = True
        super()._process_log_message(fields, last_query)

    def note(self) -> bool:
        """Whether a commit did not wait; what was noted is taken away."""
        noted, self.unsynced = self.unsynced, False
        return noted

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        # asyncpg's own is a round trip per call, and ours leave nothing in a session.
        self.unsynced = False
        if self.is_in_transaction():
            async with asyncio.timeout(timeout):
                await self.execute("ROLLBACK")


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
        generation = sessions.connector.generation
        try:
            rows: list[Row] = await connection.fetch(statement.text, *args)
            late = connection.note()
        except BaseException as error:
            await sessions.let_go(connection, generation, error)
            _raise_ours(error)
            raise
        await sessions.release(connection)
        if late:
            raise unsynced()
        return rows

    def transaction(self, owner_key: int | None) -> _Transaction:
        """A transaction that sees the rows of `owner_key`."""
        return _Transaction(self._sessions, owner_key, self._limits)


class _Transaction:
    """One transaction: entered it is open, left it is over."""

    __slots__ = ("_connection", "_generation", "_limits", "_lost", "_owner_key", "_sessions", "xid")

    _connection: Any

    def __init__(self, sessions: _Sessions, owner_key: int | None, limits: Limits) -> None:
        self._sessions = sessions
        self._owner_key = owner_key
        self._limits = limits
        self._lost: BaseException | None = None
        self.xid: str | None = None

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        try:
            rows: list[Row] = await self._connection.fetch(statement.text, *args)
        except _ERRORS as error:
            self._lost = error if is_lost(error) else self._lost
            _raise_ours(error)
            raise
        return rows

    async def script(self, text: str) -> None:
        try:
            await self._connection.execute(text)
        except _ERRORS as error:
            self._lost = error if is_lost(error) else self._lost
            _raise_ours(error)
            raise

    async def __aenter__(self) -> Self:
        self._connection = await self._sessions.acquire()
        self._generation = self._sessions.connector.generation
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
            _raise_ours(error)
            raise
        return done

    async def _let_go(self, error: BaseException) -> None:
        await self._sessions.let_go(self._connection, self._generation, error)


class _Sessions:
    """The connections of an executor: asyncpg's pool, and what is done when one is lost."""

    def __init__(self, address: Address, limits: Limits) -> None:
        self.connector = _Connector(address, limits)
        self._limits = limits
        self._free = limits.pool_size
        self._pool: asyncpg.Pool

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

    async def acquire(self) -> Any:
        """A connection: one that idles, a new one, or the next that is released."""
        # A time-out costs a task, and only who must wait for another caller needs one.
        timeout = None if self._free > 0 else self._limits.deadline
        self._free -= 1
        try:
            connection = await self._pool.acquire(timeout=timeout)
        except BaseException as error:
            self._free += 1
            if self._pool.is_closing() and isinstance(error, asyncpg.InterfaceError):
                raise UnavailableError("the store is closed") from None
            _raise_ours(error)
            raise
        return connection

    async def release(self, connection: Any, patience: float | None = None) -> None:
        """Give a connection back."""
        try:
            await self._pool.release(connection, timeout=patience)
        finally:
            self._free += 1

    async def let_go(self, connection: Any, generation: int, error: BaseException) -> None:
        """Give a connection back after an error, also out of an open transaction.

        `generation` was the connector's when it was acquired: no pool gives an older one out.
        """
        gone = _is_gone(connection)
        if is_lost(error) or (gone and isinstance(error, Exception)):
            await self._distrust(generation)
        if is_lost(error) and not gone and not isinstance(error, TimeoutError):
            connection.terminate()
        # The server is told of a statement that was given up, and must confirm that it heard.
        with contextlib.suppress(*_ERRORS):
            await self.release(connection, self._limits.connect_timeout)

    async def close(self) -> None:
        """Wait for what is under way, then disconnect. Idempotent."""
        await self._pool.close()

    async def _distrust(self, generation: int) -> None:
        """Replace all connections that are as old as a lost one: once, not once per caller."""
        if generation == self.connector.generation:
            self.connector.generation += 1
            await self._pool.expire_connections()


class _Connector:
    """Makes the connections, and finds out by the first whether a pooler is in front."""

    def __init__(self, address: Address, limits: Limits) -> None:
        self.generation = 0
        self.pooled = limits.lends(address.looks_pooled)
        self._limits = limits
        self._dsn, given = address.for_asyncpg()
        self._settings: dict[str, str] = given.pop("server_settings", {})
        # Of several hosts asyncpg would give all its time to the first that does not answer.
        self._hosts = _hosts(given)
        timeout = given.pop("timeout", 0.0) / len(self._hosts)
        self._given = {**given, "timeout": timeout or limits.connect_timeout}
        # What the URL says has the last word.
        self._session = session_settings(limits.statement_ms, self._settings.get("options", ""))

    async def connect(self, *_: Any, **__: Any) -> Connection:
        """A new connection, of the first host that will do. For the pool, whose arguments are ours.

        UnavailableError says why there is none.
        """
        with translated():
            if self.pooled is not None:
                return await self._reach(pooled=self.pooled)
            connection = await self._reach(pooled=None)
            own = own_session(connection.get_server_pid(), self._session)
            self.pooled = await connection.execute(own) != "SELECT 1"
            if self.pooled:
                connection.terminate()
                connection = await self._reach(pooled=True)
            return connection

    async def _reach(self, *, pooled: bool | None) -> Connection:
        """Connect; without what a pooler refuses, unless it is known that there is none."""
        settings = {"application_name": APPLICATION, **self._settings}
        more: dict[str, Any] = {}
        if pooled:
            more = {"statement_cache_size": 0, "command_timeout": self._limits.statement_timeout}
        elif pooled is False:
            settings.update(self._session)
        for left, host in enumerate(self._hosts, start=1 - len(self._hosts)):
            try:
                with translated():
                    connection: Connection = await asyncpg.connect(
                        self._dsn,
                        **{**self._given, **host, **more},
                        server_settings=settings,
                        connection_class=Connection,
                    )
            except UnavailableError as error:
                if left == 0 or not error.transient:
                    raise
            else:
                _watch(connection, self._limits.connect_timeout)
                return connection
        raise AssertionError("unreachable")


def _watch(connection: Connection, seconds: float) -> None:
    """Let the system find out soon about a host that is gone without a word, as libpq does."""
    transport = getattr(connection, "_transport", None)
    wire = transport and transport.get_extra_info("socket")
    if wire is None or wire.family == socket.AF_UNIX:
        return
    names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
    # Not every system has all of them, nor lets every event loop set them.
    with contextlib.suppress(OSError, TypeError):
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in zip(names, Keepalive.of(seconds), strict=True):
            if hasattr(socket, name):
                wire.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class _Quiet(logging.Filter):
    """Keeps asyncpg's traces of an outage out of the log: our callers get the errors themselves.

    It logs one whenever it could not keep its pool at its least size. Pools of others stay as
    they are: only what our connector raised is meant.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, UnavailableError)


logging.getLogger("asyncpg.pool").addFilter(_Quiet())


def _hosts(given: dict[str, Any]) -> list[dict[str, Any]]:
    """The arguments for each host, to be tried in turn."""
    names = given.get("host", [])
    if len(names) < 2 or given.get("target_session_attrs") == "prefer-standby":
        return [{}]
    ports = given.get("port")
    if not isinstance(ports, list):
        return [{"host": name} for name in names]
    return [{"host": name, "port": port} for name, port in zip(names, ports, strict=True)]


def _is_gone(connection: Any) -> bool:
    try:
        closed: bool = connection.is_closed()
    except asyncpg.InterfaceError:
        # The pool takes back at once what is closed.
        return True
    return closed


def is_lost(error: BaseException) -> bool:
    """Whether a connection is not to be used after this error."""
    if isinstance(error, asyncpg.PostgresError):
        return _sqlstate(error) in DISTRUSTED
    return isinstance(error, _ERRORS)


def meaning(error: BaseException) -> ThreadkeepError | None:
    """Our error for one of asyncpg, None for any other; the server's text is dropped.

    Its cause is set where it tells about the network and not about values.
    """
    if isinstance(error, asyncpg.PostgresError):
        return refusal(_sqlstate(error), getattr(error, "constraint_name", None))
    if isinstance(error, _ERRORS):
        return unreached(error, transient=not isinstance(error, _NEVER))
    return None


def _sqlstate(error: asyncpg.PostgresError) -> str:
    return getattr(error, "sqlstate", None) or "XX000"


def _raise_ours(error: BaseException) -> None:
    found = meaning(error)
    if found is not None:
        raise found from found.__cause__


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn asyncpg's errors into ours."""
    try:
        yield
    except _ERRORS as error:
        _raise_ours(error)
        raise
