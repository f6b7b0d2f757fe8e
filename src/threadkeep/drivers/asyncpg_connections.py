"""The connections of asyncpg: how one is made, and what its errors mean."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator
from typing import Any, Self

import asyncpg

from threadkeep.drivers.limits import Keepalive, Limits
from threadkeep.drivers.refusals import DISTRUSTED, is_cancelled_wait, refusal, unreached
from threadkeep.drivers.setting import APPLICATION, own_session, session_settings
from threadkeep.drivers.urls import Address
from threadkeep.values.errors import ThreadkeepError, UnavailableError

_NEVER = (
    asyncpg.exceptions.ClientConfigurationError,
    asyncpg.UnsupportedClientFeatureError,
    ssl.SSLCertVerificationError,
)
ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""What asyncpg raises."""


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that notes a commit which did not wait for the synchronous standby.

    Taken from the pool it also knows its `generation`, until when it is `kept`, and what the pool
    has `lent` for it.
    """

    __slots__ = ("generation", "kept", "lent", "unsynced")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.unsynced = False
        self.generation = 0
        self.kept = 0.0
        self.lent: Any = None

    def itself(self) -> Self:
        """The connection: what the pool lends hides it, at a price for each call."""
        return self

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
        # asyncpg's own is a round trip, and ours leave nothing in a session.
        self.unsynced = False
        if self.is_in_transaction():
            async with asyncio.timeout(timeout):
                await self.execute("ROLLBACK")


class Connector:
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
        ends = self._limits.statement_timeout
        more: dict[str, Any] = {"command_timeout": ends}
        if pooled:
            more["statement_cache_size"] = 0
        else:
            # The server ends a statement itself, unless it or the network has stopped for good.
            more["command_timeout"] = ends and ends + self._limits.connect_timeout
        if pooled is False:
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


def is_lost(error: BaseException) -> bool:
    """Whether a connection is not to be used after this error."""
    if isinstance(error, asyncpg.PostgresError):
        return _sqlstate(error) in DISTRUSTED
    return isinstance(error, ERRORS)


def meaning(error: BaseException) -> ThreadkeepError | None:
    """Our error for one of asyncpg, None for any other; the server's text is dropped.

    Its cause is set where it tells about the network and not about values.
    """
    if isinstance(error, asyncpg.PostgresError):
        return refusal(_sqlstate(error), getattr(error, "constraint_name", None))
    if isinstance(error, ERRORS):
        return unreached(error, transient=not isinstance(error, _NEVER))
    return None


def _sqlstate(error: asyncpg.PostgresError) -> str:
    return getattr(error, "sqlstate", None) or "XX000"


def raise_ours(error: BaseException) -> None:
    """Raise our error for one of asyncpg, nothing for any other."""
    found = meaning(error)
    if found is not None:
        raise found from found.__cause__


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn asyncpg's errors into ours."""
    try:
        yield
    except ERRORS as error:
        raise_ours(error)
        raise
