"""Calling: an agent is any callable, or an object with `run` and `stream`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from threadkeep.adapters.agents.hooks import settled
from threadkeep.adapters.repositories.items import Item
from threadkeep.values.errors import InvalidError


def check_agent(agent: object) -> None:
    """Raise InvalidError unless this can be called, or run, or streamed."""
    if not callable(agent) and not hasattr(agent, "run") and not hasattr(agent, "stream"):
        raise InvalidError("agent", "must be callable, or have run or stream")


async def call(agent: Any, messages: Sequence[Item], given: dict[str, Any], *, stream: bool) -> Any:
    """What the agent answers to the messages: an async iterator of chunks, or the whole answer.

    With `stream` its `stream` goes before its `run`, else the other way round.
    """
    first, second = ("stream", "run") if stream else ("run", "stream")
    target = getattr(agent, first, None)
    if target is None:
        target = agent if callable(agent) else getattr(agent, second)
    return await settled(target(messages, **given))


def is_stream(answer: object) -> bool:
    """Whether this is an async iterator of chunks."""
    return hasattr(answer, "__aiter__")


class Closing:
    """The chunks of a stream, which is closed however the block is left."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self._chunks: AsyncIterator[Any] = aiter(source)

    async def __aenter__(self) -> AsyncIterator[Any]:
        return self._chunks

    async def __aexit__(self, *_: object) -> None:
        for stream, name in ((self._chunks, "aclose"), (self._source, "close")):
            close = getattr(stream, name, None)
            if close is not None:
                await settled(close())
                return
