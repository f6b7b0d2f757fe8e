"""Our store, as an app calls it, by both faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.items import Turn, payload
from threadkeep import AsyncStore, Message, Store

OWNER, LISTER = "somebody", "lister"


class AsyncOurs:
    """The asyncio face."""

    def __init__(self, store: AsyncStore) -> None:
        self._chat = store.owner(OWNER)
        self._lister = store.owner(LISTER)

    async def append(self, thread: str, turn: Turn) -> object:
        return await self._chat.messages.append(thread, _messages(turn))

    async def append_native(self, thread: str, turn: Turn) -> object:
        return await self._chat.messages.append(thread, _natives(turn), dialect="threadkeep")

    async def window(self, thread: str) -> object:
        found = await self._chat.messages.window(thread, turns=10)
        return [message.payload for message in found]

    async def threads(self, count: int) -> object:
        return await self._lister.threads.list(limit=count)

    threads_bare = threads

    async def fill(self, thread: str, messages: Sequence[Message]) -> None:
        """Store messages in few statements."""
        for start in range(0, len(messages), 1_000):
            await self._chat.messages.append(thread, list(messages[start : start + 1_000]))

    async def fill_listed(self, count: int) -> None:
        """Threads for the list, each with a turn, none of them archived."""
        for n in range(1, count + 1):
            metadata = {"model": "some-model", "starred": False}
            await self._lister.threads.create(
                f"thread-{n}", title=f"A thread about {n}", metadata=metadata
            )
            await self._lister.messages.append(f"thread-{n}", Message.user("?"))

    async def append_many(self, batches: Mapping[str, Sequence[Message]]) -> object:
        """Store messages of many threads."""
        return await self._chat.messages.append_many(
            {thread: list(messages) for thread, messages in batches.items()}
        )

    async def ids(self, thread: str) -> list[str]:
        """The ids of a thread's messages, by seq."""
        found = self._chat.messages.list(thread, tree=True, limit=1000)
        return [str(message.id) async for message in found]


class BlockingOurs:
    """The blocking face."""

    def __init__(self, store: Store) -> None:
        self._chat = store.owner(OWNER)
        self._lister = store.owner(LISTER)

    def append(self, thread: str, turn: Turn) -> object:
        return self._chat.messages.append(thread, _messages(turn))

    def append_native(self, thread: str, turn: Turn) -> object:
        return self._chat.messages.append(thread, _natives(turn), dialect="threadkeep")

    def window(self, thread: str) -> object:
        return [message.payload for message in self._chat.messages.window(thread, turns=10)]

    def threads(self, count: int) -> object:
        return self._lister.threads.list(limit=count)

    threads_bare = threads


def _messages(turn: Turn) -> list[Message]:
    (first, second), (user, answer) = turn.ids, turn.texts
    return [Message.user(user, id=first), Message.assistant(answer, id=second)]


def _natives(turn: Turn) -> list[dict[str, object]]:
    (first, second), (user, answer) = turn.ids, turn.texts
    return [
        {**payload("user", user), "id": first},
        {**payload("assistant", answer), "id": second},
    ]
