"""The connections of psycopg: how one is made and used, and what its errors mean."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any, cast

import psycopg
from psycopg.adapt import AdaptersMap, Buffer, Loader, Transformer
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Format
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper

from threadkeep.drivers.limits import Keepalive, Limits
from threadkeep.drivers.refusals import DISTRUSTED, is_cancelled_wait, refusal, unreached
from threadkeep.drivers.setting import APPLICATION, own_session, session_settings
from threadkeep.drivers.urls import Address
from threadkeep.values.errors import ThreadkeepError
from threadkeep.values.ports import Row, Statement

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_INT8 = Struct("!q")
_BAD_VALUE = "22000"
_MISUSED = "XX000"
_LOST = (psycopg.OperationalError, psycopg.InterfaceError, OSError)
ERRORS = (psycopg.Error, OSError)
"""What psycopg raises."""
# As many as psycopg leaves prepared in a session.
_MOST_CURSORS = 100


class _Int(Int8BinaryDumper):
    """Every int as bigint: psycopg sizes it by value otherwise, and prepares each size apart."""


class _Instant(Loader):
    """A timestamptz as an aware time in UTC, whatever the session's time zone."""

    format = Format.BINARY

    def load(self, data: Buffer) -> datetime:
        return _EPOCH + timedelta(microseconds=_INT8.unpack(data)[0])


def adapt(adapters: AdaptersMap) -> None:
    """Let values pass as the statements of the store want them."""
    # Lists of ints are dumped as text: else the first list's size would bind the later ones.
    adapters.register_dumper(int, Int8Dumper)
    adapters.register_dumper(int, _Int)
    adapters.register_loader("timestamptz", _Instant)


class _Cursor(psycopg.RawCursor[tuple[Any, ...]]):
    """A cursor that is used again and again for one statement.

    So it keeps how its parameters are dumped and its columns are loaded, which to look up anew
    takes as long as all the rest of a small call.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__(connection)
        self._tx = Transformer(self)

    def forget(self) -> None:
        """Let go of the parameters and the result, which may be large."""
        self._reset()
        self._tx.set_pgresult(None)


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that notes a commit which did not wait for the synchronous standby."""

    made = 0.0
    unsynced = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._cursors: dict[str, _Cursor] = {}

    def make_ready(self) -> None:
        """Set the connection up, on the client's side only."""
        adapt(self.adapters)
        self.add_notice_handler(self._heed)
        self.made = time.monotonic()

    def fetch_rows(self, statement: Statement, args: Sequence[object]) -> Sequence[Row]:
        """Run one statement, prepared where the session is our own, and return its rows."""
        cursor = self._cursors.get(statement.text) or self._cursor(statement.text)
        try:
            # The text comes from our own .sql files.
            cursor.execute(cast("Any", statement.text), args, binary=True)
            return () if cursor.rownumber is None else cursor.fetchall()
        finally:
            cursor.forget()

    def close(self) -> None:
        """Close, and undo the loop that its cursors make."""
        self._cursors.clear()
        super().close()

    def note(self) -> bool:
        """Whether a commit did not wait; what was noted is taken away."""
        noted, self.unsynced = self.unsynced, False
        return noted

    def _cursor(self, text: str) -> _Cursor:
        if len(self._cursors) >= _MOST_CURSORS:
            self._cursors.clear()
        return self._cursors.setdefault(text, _Cursor(self))

    def _heed(self, notice: psycopg.errors.Diagnostic) -> None:
        if is_cancelled_wait(notice.source_function):
            self.unsynced = True


class Connector:
    """How to connect. Finds out by a first connection whether a pooler is in front."""

    def __init__(self, address: Address, limits: Limits) -> None:
        self.pooled = limits.lends(address.looks_pooled)
        self.conninfo = address.for_psycopg()
        given = conninfo_to_dict(self.conninfo)
        # What the URL and the environment say has the last word.
        self._options = str(given.get("options") or os.environ.get("PGOPTIONS", ""))
        self._session = session_settings(limits.statement_ms, self._options)
        times = Keepalive.of(limits.connect_timeout)
        ours: dict[str, Any] = {
            "fallback_application_name": APPLICATION,
            "connect_timeout": max(2, round(limits.connect_timeout)),
            "keepalives_idle": times.idle,
            "keepalives_interval": times.interval,
            "keepalives_count": times.probes,
            "tcp_user_timeout": times.unanswered_ms,
        }
        self._given = {name: value for name, value in ours.items() if name not in given}

    def arguments(self) -> dict[str, Any]:
        """The arguments of connections; without what a pooler refuses, unless there is none."""
        given = {**self._given, "autocommit": True, "prepare_threshold": None}
        if self.pooled is False:
            given["prepare_threshold"] = 0
            set_to = [f"-c {name}={value}" for name, value in self._session.items()]
            given["options"] = " ".join([*set_to, self._options]).strip()
        return given

    def look(self) -> None:
        """Connect once, to see whether that works and what is behind."""
        with (
            translated(),
            contextlib.closing(Connection.connect(self.conninfo, **self.arguments())) as connection,
        ):
            if self.pooled is None:
                own = own_session(connection.info.backend_pid, {})
                self.pooled = run_script(connection, own) != "SELECT 1"


def run_script(connection: psycopg.Connection[Any], text: str) -> str | None:
    """Run statements without parameters in one round trip; what the server said to the last."""
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(cast("Any", text), prepare=False)
        while cursor.nextset():
            pass
        return cursor.statusmessage


def is_lost(error: BaseException) -> bool:
    """Whether a connection is not to be used after this error."""
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        return error.sqlstate in DISTRUSTED
    return isinstance(error, _LOST)


def meaning(error: BaseException) -> ThreadkeepError | None:
    """Our error for one of psycopg, None for any other; the server's text is dropped.

    Its cause is set where it tells about the network and not about values.
    """
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        return refusal(error.sqlstate, error.diag.constraint_name)
    if isinstance(error, _LOST):
        return unreached(error)
    if isinstance(error, psycopg.Error):
        return refusal(_BAD_VALUE if isinstance(error, psycopg.DataError) else _MISUSED)
    return None


def raise_ours(error: BaseException) -> None:
    """Raise our error for one of psycopg, nothing for any other."""
    found = meaning(error)
    if found is not None:
        raise found from found.__cause__


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn psycopg's errors into ours."""
    try:
        yield
    except ERRORS as error:
        raise_ours(error)
        raise
