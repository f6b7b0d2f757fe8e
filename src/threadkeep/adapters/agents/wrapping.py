"""with_storage: an agent whose plain call saves the conversation."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, TypedDict, Unpack

from threadkeep.adapters.agents.answers import MessageOf, TextOf
from threadkeep.adapters.agents.calling import check_agent
from threadkeep.adapters.agents.exchange import Exchange, Ways
from threadkeep.adapters.agents.hooks import Hooks
from threadkeep.adapters.repositories import Database
from threadkeep.adapters.repositories.threads import check_database
from threadkeep.dialects.healing import Policy
from threadkeep.values.ids import check_id


class Options(TypedDict, total=False):
    """What `with_storage` and its like can be told; the defaults are those of `with_storage`."""

    auto_save: bool
    auto_load_history: bool
    max_history: int
    heal: Policy | None
    exclusive: bool
    save_every: float | None
    hooks: Hooks
    text_of: TextOf | None
    message_of: MessageOf | None


class PersistentAgent:
    """An agent that remembers. Made by `with_storage`."""

    def __init__(
        self, agent: Any, database: Database, ways: Ways, agent_id: str | None = None
    ) -> None:
        check_agent(agent)
        self.agent = agent
        self.database = check_database(database)
        self._ways = ways
        self._agent_id = None if agent_id is None else check_id("agent_id", agent_id)

    async def run(
        self, message: Any, *, thread_id: str, user_id: str | None = None, **given: Any
    ) -> Any:
        """Ask the agent in a thread, save all of it, and return what the agent returned.

        `message` is a text, a message, or a list of messages; it is durable before the agent is
        called. The agent gets the history and the message, and all else that is `given`. A thread
        that is absent is made, under this id and of this user; NotFoundError where it is another
        user's. Of a stream all words are returned.

        A run of the store goes with it: complete, failed where the agent raises, cancelled where
        the caller is; what was said until then is saved with that status.
        """
        return await self._exchange(message, thread_id, user_id, given).run()

    __call__ = run

    def stream(
        self, message: Any, *, thread_id: str, user_id: str | None = None, **given: Any
    ) -> AsyncGenerator[Any, None]:
        """The same as a stream of what the agent yields, unchanged.

        The answer is saved at the end, where the agent raises, and where the consumer stops: at
        once under `contextlib.aclosing`, else when the generator is thrown away.
        """
        return self._exchange(message, thread_id, user_id, given).stream()

    def _exchange(
        self, message: Any, thread_id: str, user_id: str | None, given: dict[str, Any]
    ) -> Exchange:
        return Exchange(
            self.agent,
            self.database,
            thread_id,
            message,
            self._ways,
            user_id,
            self._agent_id,
            given=given,
        )


def with_storage(
    agent: Any, database: Database, *, agent_id: str | None = None, **options: Unpack[Options]
) -> PersistentAgent:
    """An agent that saves each conversation and is given its history. No I/O.

    `agent` is an async callable `agent(messages, **given)`, an async generator function, or an
    object with `run`, `stream` or both. It gets messages of Chat Completions, the history first,
    and answers with a str, a message, a list of messages (calls, results and the final text in
    their order), or an object with `messages` or `content`. What it was given is not stored again
    where its messages begin with that, or with instructions of its own and then that.

    `max_history` (50) newest messages from before the question are loaded, more where else a tool
    call were parted from its result; with `auto_load_history=False` none. With `auto_save=False`
    nothing is stored. `heal` ("error") makes the history one that a model accepts, as in
    `messages.window`; None gives it as it is. With `exclusive` a thread has one question at a time.
    A stream's words are also saved every `save_every` (5) seconds; None for at the end only.
    `text_of` and `message_of` read chunks that are not known here: the words that one adds, the
    whole message that it is. `hooks` are called around each save. `agent_id` is that of threads
    that are made.
    """
    return PersistentAgent(agent, database, Ways(**options), agent_id)
