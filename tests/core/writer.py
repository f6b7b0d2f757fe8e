"""A process of writers: `writer.py URL FACE WRITERS APPENDS NAME` appends triples to one thread."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

from threadkeep import Message, connect, connect_async

THREAD = "hot"


def triple(name: str, writer: int, number: int) -> list[Message]:
    """Three messages that belong together."""
    return [Message.user(".", id=f"{name}-{writer}-{number}-{n}") for n in range(3)]


async def write_async(url: str, writers: int, appends: int, name: str) -> None:
    """Many tasks on one AsyncStore."""
    async with connect_async(url) as store:
        messages = store.owner("o").messages

        async def write(writer: int) -> None:
            for number in range(appends):
                await messages.append(THREAD, triple(name, writer, number))

        await asyncio.gather(*(write(writer) for writer in range(writers)))


def write_blocking(url: str, writers: int, appends: int, name: str) -> None:
    """Many threads on one Store."""
    with connect(url) as store:
        messages = store.owner("o").messages

        def write(writer: int) -> None:
            for number in range(appends):
                messages.append(THREAD, triple(name, writer, number))

        with ThreadPoolExecutor(writers) as pool:
            list(pool.map(write, range(writers)))


if __name__ == "__main__":
    url, face, *numbers, name = sys.argv[1:]
    writers, appends = map(int, numbers)
    if face == "async":
        asyncio.run(write_async(url, writers, appends, name))
    else:
        write_blocking(url, writers, appends, name)
