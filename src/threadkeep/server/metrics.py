"""Metrics: how many requests, and how long they took, for Prometheus.

Labels are methods, templates of routes and statuses, so nobody's ids are in them. Where there are
several processes and PROMETHEUS_MULTIPROC_DIR names a folder of theirs, each tells of all.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
MEDIA: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Counts requests of this process. With a `token`, only its bearer reads what was counted."""

    token: str | None = field(default=None, repr=False)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        total, took = _counted()
        total.labels(method, route, str(status)).inc()
        took.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """All that was counted, as Prometheus reads it."""
        from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        _counted()
        if not os.environ.get(FOLDER):
            return generate_latest(REGISTRY)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
        return generate_latest(registry)


@cache
def _counted() -> tuple[Counter, Histogram]:
    """The metrics of this process; the client's registry takes each name once."""
    from prometheus_client import Counter, Histogram

    total = Counter("threadkeep_requests", "Requests answered.", ("method", "route", "status"))
    took = Histogram(
        "threadkeep_request_seconds",
        "How long a request took.",
        ("method", "route"),
        buckets=_SECONDS,
    )
    return total, took
