"""/threads: threads over plain REST, in any dialect."""

from __future__ import annotations

from typing import Final

from threadkeep.server.rest import (
    about,
    attachments,
    feedback,
    history,
    messages,
    sessions,
    threads,
    traces,
    transfer,
    windows,
)
from threadkeep.server.rest.fields import once

__all__ = ["ROUTERS", "once"]

ROUTERS: Final = tuple(
    module.router
    # The hottest first: routers are tried one after the other.
    for module in (
        history,
        messages,
        threads,
        windows,
        feedback,
        sessions,
        traces,
        transfer,
        attachments,
        about,
    )
)
"""All of the REST API, for `bound` with the check `once`."""
