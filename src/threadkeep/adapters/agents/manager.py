"""ThreadManager: conversations of an agent, with all that an app does to them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Unpack

from threadkeep.adapters.agents.calling import check_agent
from threadkeep.adapters.agents.contexts import MessageFilter, check_limit, chosen, newest
from threadkeep.adapters.agents.exchange import Exchange, Ways
from threadkeep.adapters.agents.wrapping import Options
from threadkeep.adapters.repositories import Database, MessageRecord, Rows, ThreadRecord
from threadkeep.adapters.repositories.ids import known, place_of
from threadkeep.adapters.repositories.items import Item
from threadkeep.adapters.repositories.messages import create_message_repository
from threadkeep.adapters.repositories.threads import check_database, create_thread_repository
from threadkeep.dialects.healing import Policy
from threadkeep.values.errors import NotFoundError
from threadkeep.values.ids import check_id
from threadkeep.values.parts import Json
from threadkeep.values.unset import UNSET, Unset


@dataclass(frozen=True, slots=True)
class Sent:
    """What `send` did: the thread that it went to, and what the agent returned."""

    thread: ThreadRecord
    answer: Any = field(repr=False)


class ThreadManager:
    """The threads of a database, and the agent that answers in them. See `with_storage`."""

    def __init__(
        self,
        database: Database,
        agent: Any,
        *,
        agent_id: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        check_agent(agent)
        self.database = check_database(database)
        self.agent = agent
        self.threads = create_thread_repository(database)
        self.messages = create_message_repository(database)
        self._agent_id = None if agent_id is None else check_id("agent_id", agent_id)
        self._ways = Ways(**options)

    async def create_thread(
        self,
        *,
        user_id: str | None,
        title: str | None = None,
        metadata: Mapping[str, Json] | None = None,
        id: str | None = None,
    ) -> ThreadRecord:
        """Make a thread, as the repository's `create`; its agent is the manager's."""
        return await self.threads.create(
            user_id=user_id, title=title, metadata=metadata, agent_id=self._agent_id, id=id
        )

    async def send_message(
        self, thread_id: str, message: Any, *, user_id: str | None = None, **given: Any
    ) -> Any:
        """Ask the agent in a thread that is there, save all of it, and return its answer.

        NotFoundError for an unknown thread, before anything is written; with `user_id` also for
        another user's. As `PersistentAgent.run` in all else.
        """
        return await self._exchange(thread_id, message, user_id, given).run()

    def stream_message(
        self, thread_id: str, message: Any, *, user_id: str | None = None, **given: Any
    ) -> AsyncGenerator[Any, None]:
        """The same as a stream, as `stream_continue_thread`."""
        return self._exchange(thread_id, message, user_id, given).stream()

    async def send(self, user_id: str, text: Any, **given: Any) -> Sent:
        """Ask the agent in the user's active thread, which is made if there is none."""
        thread = await self.threads.find_or_create_active(user_id, agent_id=self._agent_id)
        answer = await self._exchange(thread.id, text, user_id, given).run()
        return Sent(thread, answer)

    async def get_history(self, thread_id: str, limit: int | None = None) -> Rows[MessageRecord]:
        """All messages of a thread, or the newest `limit`, oldest first; [] if it is unknown."""
        if limit is None:
            return await self.messages.list_by_thread(thread_id, limit=None)
        return await self.messages.list_recent(thread_id, limit)

    async def load_context(
        self,
        thread_id: str,
        *,
        message_limit: int = 50,
        include_tool_messages: bool = True,
        message_filter: MessageFilter | None = None,
        heal: Policy | None = "error",
    ) -> list[Item]:
        """What goes to a model: the newest messages of Chat Completions, oldest first.

        Of those that the filter keeps, which gets each as a record; the limit counts what is kept.
        A tool call and its result are never parted, so there may be some more. Without tool
        messages calls and results are left out. [] for an unknown thread.
        """
        limit, wanted = check_limit(message_limit), known(thread_id)
        if wanted is None:
            return []
        chat = await self.database.chat()
        if include_tool_messages and message_filter is None:
            return await newest(chat, wanted, limit, heal)
        return await chosen(
            chat, wanted, limit, tools=include_tool_messages, keep=message_filter, heal=heal
        )

    async def list(
        self, user_id: str, *, limit: int | None = 20, offset: int = 0, **which: Any
    ) -> Rows[ThreadRecord]:
        """A user's threads, the latest activity first, as the repository's `list_by_user`."""
        return await self.threads.list_by_user(user_id, limit=limit, offset=offset, **which)

    list_threads = list

    async def delete(self, thread_id: str) -> bool:
        """Delete a thread; False if it is unknown."""
        return await self.threads.delete(thread_id)

    delete_thread = delete

    async def fork(
        self,
        thread_id: str,
        *,
        at: str | None = None,
        title: str | Unset | None = UNSET,
        id: str | None = None,
    ) -> ThreadRecord:
        """Copy the whole history, or that up to the message `at`, into a new thread.

        In one statement: order, ids within the thread, times and metadata are kept, and so is the
        user. The title is "Fork of ..." unless one is given. NotFoundError for an unknown thread or
        message, ConflictError (`exists`) where `id` is taken.
        """
        place = None if at is None else place_of(at)
        if at is not None and (place is None or place.thread_id != thread_id):
            raise NotFoundError("message", str(at))
        chat = await self.database.chat()
        if title is UNSET:
            source = await chat.threads.get(thread_id)
            title = None if source.title is None else f"Fork of {source.title}"
        made = await chat.threads.fork(
            thread_id, id, at=None if place is None else place.message_id, title=title
        )
        return ThreadRecord.of(made)

    fork_thread = fork

    def _exchange(
        self, thread_id: str, message: Any, user_id: str | None, given: dict[str, Any]
    ) -> Exchange:
        return Exchange(
            self.agent,
            self.database,
            thread_id,
            message,
            self._ways,
            user_id,
            known=True,
            given=given,
        )


def create_thread_manager(
    *, database: Database, agent: Any, agent_id: str | None = None, **options: Unpack[Options]
) -> ThreadManager:
    """A manager of an agent's threads. No I/O."""
    return ThreadManager(database, agent, agent_id=agent_id, **options)
