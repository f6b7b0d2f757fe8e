"""The texts that are no statement of the store: what a session or a transaction is told."""

from __future__ import annotations

APPLICATION = "threadkeep"
"""What our sessions are called where the URL does not say."""


def begin_as(owner_key: int | None, timeout_ms: int | None = None) -> str:
    """The text that opens a transaction for an owner, in one round trip.

    Both are integers, so nothing in it needs quoting. No owner leaves the setting alone.
    `timeout_ms` is the statement timeout of this transaction: for a session that is not ours.
    """
    if owner_key is None and timeout_ms is None:
        return "BEGIN"
    parts = ["BEGIN"]
    if timeout_ms is not None:
        parts.append(f"SET LOCAL statement_timeout = {int(timeout_ms)}")
    if owner_key is not None:
        parts.append(f"SET LOCAL threadkeep.owner = '{int(owner_key)}'")
    return "; ".join(parts)


def own_session(backend_pid: int, timeout_ms: int | None) -> str:
    """The text that returns a row only where the session behind the connection is its own.

    Behind a pooler another process answers than the one that was announced at connect. Only a
    session of our own gets the statement timeout: set in a shared one, it would stay there.
    """
    act = "1"
    if timeout_ms is not None:
        act = f"pg_catalog.set_config('statement_timeout', '{int(timeout_ms)}', false)"
    return f"SELECT {act} WHERE pg_catalog.pg_backend_pid() = {int(backend_pid)}"
