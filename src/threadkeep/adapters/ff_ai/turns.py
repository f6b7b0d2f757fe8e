"""The turn handler: history, the user's message, and each step of the answer as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

from threadkeep.adapters.ff_ai.messages import ConversationMessage, from_stored, stored_of
from threadkeep.adapters.ff_ai.steps import Progress, Step, print_of
from threadkeep.adapters.ff_ai.store import ConversationStore, check_window
from threadkeep.adapters.ff_ai.usage import tokens_of
from threadkeep.dialects.healing import Policy
from threadkeep.store import AsyncStore, Turn
from threadkeep.values.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ThreadkeepError,
)
from threadkeep.values.ids import check_id, new_id
from threadkeep.values.message import Message
from threadkeep.values.page import Window
from threadkeep.values.run import Usage

_REFUSED = (ConflictError, ForbiddenError, InvalidError, NotFoundError)
_MOST = 10**9


def create_turn_handler(
    store: ConversationStore | AsyncStore,
    *,
    resource_id: str,
    thread_id: str,
    run_id: str | None = None,
) -> TurnHandler:
    """A handler for a thread of a resource. No I/O; InvalidError for a bad id.

    `run_id` names the first run: a process that does the same run again, because the first one
    died, stores nothing twice.
    """
    known = store if isinstance(store, ConversationStore) else ConversationStore(store)
    return TurnHandler(known, resource_id=resource_id, thread_id=thread_id, run_id=run_id)


@dataclass(slots=True, eq=False)
class _Run:
    """One generation: what asks for it, what was taken of it, and what it used.

    A message that has no id gets one of the run and its place in it, so that a save that is made
    again finds what the first attempt has stored.
    """

    id: str
    asked: Message | None = None
    progress: Progress = field(default_factory=Progress)
    used: Usage = field(default_factory=Usage)
    given_up: list[Step] = field(default_factory=list)

    def named(self, message: Message, place: int) -> Message:
        return message if message.id is not None else replace(message, id=f"{self.id}.{place}")

    def was_given_up(self, step: Step) -> bool:
        """Whether a step was taken and then discarded: it was counted, though it is new again."""
        return any(one.is_named_as(step) or one.prints == step.prints for one in self.given_up)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Messages that one append saves, the run that they belong to, and the step they are of."""

    run: _Run
    messages: list[Message]
    step: Step | None = None


class TurnHandler:
    """Saves a conversation as it happens: the user's message first, then each step.

    What a call takes it keeps until it is saved. A call whose save fails raises, and the next call
    of any kind saves that first; `pending` shows what is waiting. Each save is idempotent.

    As a context (`async with`) each run is one of the store's runs: complete, failed or cancelled
    as the block ends, interrupted where the process dies, with the tokens that its steps used.
    Leaving it saves what is pending.
    """

    def __init__(
        self,
        store: ConversationStore,
        *,
        resource_id: str,
        thread_id: str,
        run_id: str | None = None,
    ) -> None:
        self._store = store
        self._chat = store.owner(resource_id)
        self.resource_id = resource_id
        self.thread_id = check_id("thread_id", thread_id)
        self._run = _new_run(run_id)
        self._waiting: list[_Batch] = []
        self._one = asyncio.Lock()
        self._tracks = False
        self._turn: tuple[_Run, Turn] | None = None

    @property
    def run_id(self) -> str:
        """The id of the current run, which the ids of its messages begin with."""
        return self._run.id

    @property
    def pending(self) -> tuple[str, ...]:
        """The ids of the messages that are taken and not known to be saved."""
        return tuple(str(message.id) for batch in self._waiting for message in batch.messages)

    async def get_history(
        self, window_size: int | None = 10, *, heal: Policy | None = None
    ) -> Window[ConversationMessage]:
        """The last turns, oldest first, as `ConversationStore.get_messages` gives them.

        What is pending is saved first.
        """
        check_window(window_size)
        await self.flush()
        return await self._store.get_messages(
            resource_id=self.resource_id,
            thread_id=self.thread_id,
            window_size=window_size,
            heal=heal,
        )

    async def save_user_message(self, message: Mapping[str, Any]) -> ConversationMessage:
        """Save what the user said, and begin a run: when this returns it is durable.

        InvalidError for another role; nothing is taken then, nor where the store refuses the
        message. Calling it again after a failure, or with the id of the message that began this
        run, saves it once.
        """
        said = stored_of(message)
        if said.role != "user":
            raise InvalidError("role", "must be user")
        async with self._one:
            if not self._is_asked_again(said):
                if self._run.asked is not None or self._run.progress.prints:
                    self._run = _new_run(None)
                self._run.asked = self._run.named(said, 0)
                self._waiting.append(_Batch(self._run, [self._run.asked]))
            run = self._run
            try:
                stored = await self._flush()
            except _REFUSED:
                if self._waiting[-1].step is None and self._waiting[-1].run is run:
                    del self._waiting[-1]
                    run.asked = None
                raise
            if stored:
                [run.asked] = stored
            return from_stored(run.asked or said)

    async def on_step(self, step: Any) -> list[ConversationMessage]:
        """Save what is new in a step, and return that.

        `step` is a step result, as a mapping or an object with `response.messages` (or
        `response_messages`), or a list of model messages. The list may be the step's own, or that
        of all steps so far, in any mixture; a step that was handed over before adds nothing. A step
        that names another generation (`callId`, or a `stepNumber` that was there with another
        content) begins a run. InvalidError, and nothing is taken, for what is none of these.
        """
        found = Step.of(step)
        async with self._one:
            if self._run.progress.begins_another(found):
                self._run = _new_run(None)
            run = self._run
            place = len(run.progress.prints) + 1
            old, again = run.progress.take(found)
            fresh = [
                run.named(message, place + offset)
                for offset, message in enumerate(found.messages[old:])
            ]
            if not again and not run.was_given_up(found):
                run.used += tokens_of(step)
            if fresh:
                self._waiting.append(_Batch(run, fresh, found))
            stored = await self._flush()
            return [from_stored(message) for message in stored] if fresh else []

    def new_run(self, run_id: str | None = None) -> str:
        """Begin a run where no user's message does, such as a second answer; its id.

        What is pending stays, and is saved first.
        """
        self._run = _new_run(run_id)
        return self._run.id

    async def flush(self) -> None:
        """Save what is pending; without that it does nothing."""
        async with self._one:
            await self._flush()

    async def discard(self) -> list[ConversationMessage]:
        """Give up what is pending, because the store refuses it for good, and return it.

        A step that is handed over again is then taken again.
        """
        async with self._one:
            left, self._waiting = self._waiting, []
            for batch in left:
                if batch.step is None:
                    batch.run.asked = None
                else:
                    batch.run.progress.give_back(len(batch.messages))
                    batch.run.given_up.append(batch.step)
        return [from_stored(message) for batch in left for message in batch.messages]

    async def close(self) -> None:
        """Save what is pending, and end the run. The handler may go on being used."""
        async with self._one:
            await self._flush()
            await self._leave()

    async def __aenter__(self) -> Self:
        self._tracks = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ended: tuple[Any, ...] = (kind, error, trace)
        try:
            if error is None:
                await self.flush()
            else:
                with suppress(ThreadkeepError):
                    await self.flush()
        except BaseException as failure:
            ended = (type(failure), failure, failure.__traceback__)
            raise
        finally:
            self._tracks = False
            async with self._one:
                await self._leave(*ended)

    def _is_asked_again(self, said: Message) -> bool:
        asked = self._run.asked
        if asked is None or self._run.progress.prints or print_of(asked) != print_of(said):
            return False
        waits = any(batch.messages == [asked] for batch in self._waiting)
        return said.id == asked.id or (said.id is None and waits)

    async def _flush(self) -> list[Message]:
        """Save what is pending, in order; what the last save has stored."""
        stored: list[Message] = []
        while self._waiting:
            stored = await self._save(self._waiting[0])
            del self._waiting[0]
        return stored

    async def _save(self, batch: _Batch) -> list[Message]:
        if self._turn is not None and self._turn[0] is not batch.run:
            await self._leave()
        if self._tracks and self._turn is None:
            turn = self._chat.turn(self.thread_id, batch.messages)
            self._turn = batch.run, await turn.__aenter__()
            return list(turn.messages)
        if self._tracks and self._turn is not None:
            try:
                return await self._turn[1].append(batch.messages)
            except ConflictError as error:
                if error.reason != "run_lost":
                    raise
                # The lease has passed while the process slept. What was said is kept all the same.
                await self._leave()
        return await self._chat.messages.append(self.thread_id, batch.messages)

    async def _leave(self, *ended: Any) -> None:
        """End the run in the store, as well as that can be done: what was said is there."""
        if self._turn is None:
            return
        (run, turn), self._turn = self._turn, None
        turn.add_usage(run.used)
        run.used = Usage()
        with suppress(ThreadkeepError):
            await turn.__aexit__(*(ended or (None, None, None)))


def _new_run(run_id: str | None) -> _Run:
    if run_id is None:
        return _Run(new_id())
    check_id("run_id", run_id)
    # The longest id that is made of it must be one too.
    check_id("run_id", f"{run_id}.{_MOST}")
    return _Run(run_id)
