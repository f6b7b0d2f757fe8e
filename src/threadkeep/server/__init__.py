"""The server: threads over HTTP, for front ends that bring no storage of their own.

`create_app` makes all of it. `cloud_router`, `rest_router`, `inspector_router` and
`operations_router` go into an app of your own; `describe` completes its OpenAPI document.
"""

from __future__ import annotations

from threadkeep.server.app import (
    cloud_router,
    create_app,
    inspector_router,
    operations_router,
    rest_router,
)
from threadkeep.server.limits import Limits, Rate
from threadkeep.server.logs import Observed
from threadkeep.server.metrics import Metrics
from threadkeep.server.openapi import describe
from threadkeep.server.principal import Principal
from threadkeep.server.problems import Problem
from threadkeep.server.service import Service

__all__ = [
    "Limits",
    "Metrics",
    "Observed",
    "Principal",
    "Problem",
    "Rate",
    "Service",
    "cloud_router",
    "create_app",
    "describe",
    "inspector_router",
    "operations_router",
    "rest_router",
]
