"""Agents that say what a script says, and remember what they were given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from threadkeep.adapters.repositories import Database, MessageRecord, create_message_repository

CALL = {"id": "c1", "type": "function", "function": {"name": "sum", "arguments": "{}"}}
ASKS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
TOLD = {"role": "tool", "tool_call_id": "c1", "content": "3"}
SAYS = {"role": "assistant", "content": "It is 3."}


class Scripted:
    """An async callable: it gives the answers in turn, and raises those that are errors."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.received: list[list[dict[str, Any]]] = []
        self.given: list[dict[str, Any]] = []

    async def __call__(self, messages: list[dict[str, Any]], **given: Any) -> Any:
        self.received.append(list(messages))
        self.given.append(given)
        answer = self._answers.pop(0) if self._answers else "Yes."
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def last(self) -> list[Any]:
        """The contents of what it was given last."""
        return [message.get("content") for message in self.received[-1]]


class Streaming:
    """An object with `stream`: it yields the chunks, and raises those that are errors."""

    def __init__(self, *chunks: Any) -> None:
        self.chunks = chunks
        self.received: list[list[dict[str, Any]]] = []
        self.closed = False

    async def stream(self, messages: list[dict[str, Any]], **given: Any) -> AsyncIterator[Any]:
        self.received.append(list(messages))
        try:
            for chunk in self.chunks:
                if isinstance(chunk, BaseException):
                    raise chunk
                yield chunk
        finally:
            self.closed = True


def delta(text: str) -> dict[str, str]:
    """A chunk as the seed has them."""
    return {"type": "content", "delta": text}


async def rows(db: Database, thread: str = "t") -> list[MessageRecord]:
    """All messages of a thread."""
    return await create_message_repository(db).list_by_thread(thread, limit=None)


async def said(db: Database, thread: str = "t") -> list[tuple[str, Any]]:
    """What was said in a thread, by whom."""
    return [(row.role, row.content) for row in await rows(db, thread)]


async def filled(db: Database, count: int, thread: str = "t", user: str | None = None) -> None:
    """A thread with so many messages in turn, "0" first."""
    chat = await db.chat(user)
    roles: Sequence[str] = ("user", "assistant")
    items = [{"role": roles[n % 2], "content": str(n)} for n in range(count)]
    await chat.messages.append(thread, items, dialect="openai-chat")


async def statuses(db: Database, thread: str = "t") -> list[str]:
    """How the runs of a thread ended, oldest first."""
    chat = await db.chat()
    return [run.status async for run in chat.runs.list(thread, order="asc")]
