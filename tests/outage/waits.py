"""Waits for a synchronous standby, and who cancels them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import psycopg

_CANCEL = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@contextlib.contextmanager
def waits_cancelled(url: str) -> Iterator[list[bool]]:
    """Cancel every wait for a synchronous standby; yields the list of those that were."""
    done = threading.Event()
    cancelled: list[bool] = []

    def cancel() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not done.wait(0.02):
                cancelled.extend(row[0] for row in connection.execute(_CANCEL).fetchall())

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        yield cancelled
    finally:
        done.set()
        thread.join()
