"""Exchange: one question to an agent, and all that it answers, in one turn of a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

from threadkeep.adapters.agents.answers import MessageOf, TextOf, answer_of, asked_of, used_by
from threadkeep.adapters.agents.calling import Closing, call, is_stream
from threadkeep.adapters.agents.hooks import Hooks
from threadkeep.adapters.agents.recording import Recorder
from threadkeep.adapters.repositories import Database
from threadkeep.adapters.repositories.items import DIALECT, Item, message_of
from threadkeep.adapters.repositories.records import AGENT
from threadkeep.dialects.healing import Policy, check_policy
from threadkeep.store import Owner
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Status

_CANCELLED: Final = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt)
_MOST: Final = 999


@dataclass(frozen=True, slots=True)
class Ways:
    """How questions are asked and answers are saved; `with_storage` says what each means."""

    auto_save: bool = True
    auto_load_history: bool = True
    max_history: int = 50
    heal: Policy | None = "error"
    exclusive: bool = False
    save_every: float | None = 5.0
    hooks: Hooks = field(default_factory=Hooks)
    text_of: TextOf | None = None
    message_of: MessageOf | None = None

    def __post_init__(self) -> None:
        most = self.max_history
        if not isinstance(most, int) or isinstance(most, bool) or not 0 <= most <= _MOST:
            raise InvalidError("max_history", f"must be an int from 0 to {_MOST}")
        for name in ("auto_save", "auto_load_history", "exclusive"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidError(name, "must be a bool")
        for name in ("text_of", "message_of"):
            if getattr(self, name) is not None and not callable(getattr(self, name)):
                raise InvalidError(name, "must be callable, or None")
        if not isinstance(self.hooks, Hooks):
            raise InvalidError("hooks", "must be Hooks")
        check_policy(self.heal)
        seconds = self.save_every
        if seconds is None:
            return
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not seconds >= 0:
            raise InvalidError("save_every", "must be a number of seconds, at least 0, or None")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question in a thread of a database.

    With `known` the thread must be there: NotFoundError before anything is written; one that is
    deleted in the moment between is made anew. Else it is made if it is absent, with that id, of
    that user and that agent.
    """

    agent: Any
    database: Database
    thread_id: str
    question: Any = field(repr=False)
    ways: Ways
    user_id: str | None = None
    agent_id: str | None = None
    known: bool = False
    given: dict[str, Any] = field(default_factory=dict, repr=False)

    async def run(self) -> Any:
        """Ask, save, and return what the agent returned; of a stream all its words."""
        async with self._turn() as (recorder, received):
            answer = await call(self.agent, list(received), self.given, stream=False)
            if is_stream(answer):
                async with Closing(answer) as chunks:
                    async for chunk in chunks:
                        await recorder.take(chunk)
                return recorder.text
            await self._whole(recorder, answer, received)
            return answer

    async def stream(self) -> AsyncGenerator[Any, None]:
        """Ask, save, and yield what the agent yields, the very same objects.

        An agent that does not stream gives its answer as the only chunk.
        """
        async with self._turn() as (recorder, received):
            answer = await call(self.agent, list(received), self.given, stream=True)
            if not is_stream(answer):
                await self._whole(recorder, answer, received)
                yield answer
                return
            async with Closing(answer) as chunks:
                async for chunk in chunks:
                    # First, so that a consumer who stops here has it saved.
                    await recorder.take(chunk)
                    yield chunk

    async def _whole(self, recorder: Recorder, answer: Any, received: Sequence[Item]) -> None:
        await recorder.add(answer_of(answer, received))
        if recorder.turn is not None:
            recorder.turn.add_usage(used_by(answer))

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[tuple[Recorder, list[Item]]]:
        """The turn, with the question in it, and what the agent is to receive."""
        check_id("thread_id", self.thread_id)
        ways, chat = self.ways, await self.database.chat(self.user_id)
        asked = asked_of(self.question)
        if self.known:
            await chat.threads.get(self.thread_id)
        if not ways.auto_save:
            yield self._recorder(), [*await self._history(chat), *asked]
            return
        drafts = [message_of(await ways.hooks.before(self.thread_id, item)) for item in asked]
        begun = chat.turn(self.thread_id, drafts, exclusive=ways.exclusive)
        if self.agent_id is not None and not self.known:
            metadata = {AGENT: self.agent_id}
            await chat.threads.create(self.thread_id, metadata=metadata, exist_ok=True)
        async with begun as turn:
            recorder = self._recorder()
            recorder.turn, recorder.messages = turn, chat.messages
            try:
                await recorder.told(turn.messages)
                wanted = len(drafts) + (ways.max_history if ways.auto_load_history else 0)
                received = await turn.window(messages=wanted, dialect=DIALECT, heal=ways.heal)
                yield recorder, cast("list[Item]", list(received))
                await recorder.end("complete")
            except BaseException as error:
                status: Status = "cancelled" if isinstance(error, _CANCELLED) else "failed"
                await recorder.fail(status)
                raise

    async def _history(self, chat: Owner) -> list[Item]:
        ways = self.ways
        if not ways.auto_load_history:
            return []
        found = await chat.messages.window(
            self.thread_id, messages=ways.max_history, dialect=DIALECT, heal=ways.heal
        )
        return cast("list[Item]", list(found))

    def _recorder(self) -> Recorder:
        ways = self.ways
        return Recorder(ways.hooks, ways.text_of, ways.message_of, ways.save_every)
