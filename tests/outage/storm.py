"""Writers of both faces at once, and a server that is restarted under them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from restarted import Restartable, Stop

from threadkeep import connect, connect_async
from threadkeep.testing.faces import AwaitedStore

Writer = Callable[[Any, int, Callable[[], bool]], Coroutine[Any, Any, None]]

WRITERS = 8
OWNER_ID = "o"


async def storm(
    own_server: Restartable, write: Writer, stops: Sequence[Stop], *, calm: float, away: float
) -> None:
    """Let 8 writers write, 4 of each face, while the server is stopped and started again and again.

    `write` gets a handle, its own number and what says whether to go on; whatever it raises, this
    raises. `calm` seconds lie between two stops, and the server is `away` for so long.
    """
    over = threading.Event()

    def going() -> bool:
        return not over.is_set()

    async with connect_async(own_server.url) as store:
        with connect(own_server.url) as blocking:
            handles = [store.owner(OWNER_ID), AwaitedStore(blocking).owner(OWNER_ID)]
            tasks = [
                asyncio.create_task(write(handles[number % 2], number, going))
                for number in range(WRITERS)
            ]
            try:
                for how in stops:
                    await asyncio.sleep(calm)
                    await asyncio.to_thread(own_server.stop, how)
                    await asyncio.sleep(away)
                    await asyncio.to_thread(own_server.start)
                await asyncio.sleep(calm)
            finally:
                over.set()
                found = await asyncio.gather(*tasks, return_exceptions=True)
            for error in found:
                if error is not None:
                    raise error
