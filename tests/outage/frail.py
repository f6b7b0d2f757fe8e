"""A store behind a wire that can be cut, by either face."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from cutting import Cutter

from threadkeep import connect, connect_async
from threadkeep.testing.faces import AwaitedStore

FACES = ("async", "blocking")


@contextlib.asynccontextmanager
async def behind(way: Cutter, face: str) -> AsyncIterator[Any]:
    """A store of this face, awaited both, with one connection, which goes through the wire."""
    if face == "async":
        async with connect_async(way.url, pool_size=1) as opened:
            yield opened
    else:
        with connect(way.url, pool_size=1) as blocking:
            yield AwaitedStore(blocking)
