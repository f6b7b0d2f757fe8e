"""The texts that are no statement of the store: what a session or a transaction is told."""

from __future__ import annotations

from collections.abc import Mapping

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


def session_settings(timeout_ms: int | None, said: str) -> dict[str, str]:
    """What a session of our own is set to, but for what its options (`said`) already name.

    Our statements are written for one plan, whatever their parameters are. Left to itself the
    server plans some of them anew at each call, which takes longer than the call, and compiles
    those that it thinks dear.
    """
    settings = {"plan_cache_mode": "force_generic_plan", "jit": "off"}
    if timeout_ms is not None:
        settings["statement_timeout"] = str(int(timeout_ms))
    return {name: value for name, value in settings.items() if name not in said}


def own_session(backend_pid: int, settings: Mapping[str, str]) -> str:
    """The text that returns a row only where the session behind the connection is its own.

    Behind a pooler another process answers than the one that was announced at connect. Only a
    session of our own gets the settings: made in a shared one, they would stay there.
    """
    acts = [
        f"pg_catalog.set_config('{name}', '{value}', false)" for name, value in settings.items()
    ]
    act = ", ".join(acts) or "1"
    return f"SELECT {act} WHERE pg_catalog.pg_backend_pid() = {int(backend_pid)}"
