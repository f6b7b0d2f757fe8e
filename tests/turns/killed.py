"""What runs in the process that is killed: turns without end, each acknowledged step told."""

from __future__ import annotations

import asyncio
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from threadkeep import Message, connect, connect_async
from threadkeep.testing.faces import AwaitedStore

if TYPE_CHECKING:
    from threadkeep import Owner

LEASE = 0.5


def live(url: str, thread_id: str, told: Connection, face: str) -> None:
    """Turns on one thread until the process is killed; `told` hears what was acknowledged."""
    asyncio.run(_live(url, thread_id, told, face))


async def _live(url: str, thread_id: str, told: Connection, face: str) -> None:
    if face == "blocking":
        with connect(url, pool_size=2) as store:
            await _turns(AwaitedStore(store).owner("o"), thread_id, told)
    async with connect_async(url, pool_size=2) as opened:
        await _turns(opened.owner("o"), thread_id, told)


async def _turns(chat: Owner | Any, thread_id: str, told: Connection) -> None:
    number = 0
    while True:
        number += 1
        question = Message.user("q", id=f"{number}-q")
        async with chat.turn(thread_id, question, exclusive=True, lease=LEASE) as turn:
            told.send(("stored", [question.id]))
            for step in range(3):
                pair = [
                    Message.assistant("so", id=f"{number}-{step}a"),
                    Message.of("assistant", "so f", id=f"{number}-{step}b", status="running"),
                ]
                await turn.append(pair)
                told.send(("stored", [message.id for message in pair]))
        told.send(("ended", [turn.id]))
