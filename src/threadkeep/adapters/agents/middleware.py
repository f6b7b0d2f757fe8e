"""The persistence middleware: it is told what happens, and stores it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from threadkeep.adapters.agents.events import MessageEvent
from threadkeep.adapters.agents.hooks import AfterSave, tell
from threadkeep.adapters.repositories import (
    Database,
    MessageRecord,
    MessageRepository,
    Rows,
    ThreadRepository,
    TraceRecord,
    TraceRepository,
    create_message_repository,
    create_thread_repository,
    create_trace_repository,
)
from threadkeep.adapters.repositories.items import message_of
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import check_id
from threadkeep.values.parts import Json

AfterTrace = Callable[[TraceRecord], Any]


class PersistenceMiddleware:
    """Stores messages and traces as an agent tells of them.

    Nothing is kept in memory: what another process deletes or makes is seen at once. With
    `persist_messages=False` or `persist_traces=False` the calls of that kind do nothing. The
    callbacks run after the commit; what they raise is logged by its class and changes nothing.
    """

    def __init__(
        self,
        database: Database,
        *,
        auto_create_thread: bool = True,
        default_agent_id: str = "default",
        persist_messages: bool = True,
        persist_traces: bool = True,
        on_message_persisted: AfterSave | None = None,
        on_trace_persisted: AfterTrace | None = None,
    ) -> None:
        self.threads: ThreadRepository = create_thread_repository(database)
        self.messages: MessageRepository = create_message_repository(database)
        self.traces: TraceRepository = create_trace_repository(database)
        self.database = database
        self._creates = auto_create_thread
        self._agent_id = check_id("default_agent_id", default_agent_id)
        self._persists = (persist_messages, persist_traces)
        self._told = (on_message_persisted, on_trace_persisted)

    async def ensure_thread(
        self,
        thread_id: str,
        *,
        agent_id: str | None = None,
        user_id: str | None = None,
        title: str | None = None,
    ) -> bool:
        """Make the thread under this very id unless it is there; whether that made it.

        Of those who call it at once one makes it. NotFoundError where it is another user's.
        """
        try:
            await self.threads.create(
                id=thread_id,
                user_id=user_id,
                title=title,
                agent_id=self._agent_id if agent_id is None else agent_id,
            )
        except ConflictError as error:
            if error.reason != "exists":
                raise
            return False
        return True

    async def persist_message(
        self, event: MessageEvent | Mapping[str, Any]
    ) -> MessageRecord | None:
        """Store what an event says, at the end of its thread; None where messages are not stored.

        A thread that is absent is made with its id, its agent and its user; NotFoundError where
        `auto_create_thread` is off, or where it is another user's.
        """
        if not self._persists[0]:
            return None
        said = MessageEvent.of(event)
        message = message_of(said.item, id=said.id, metadata=said.metadata)
        chat = await self.database.chat(said.user_id)
        try:
            stored = await chat.messages.append(said.thread_id, message, create_thread=False)
        except NotFoundError:
            if not self._creates:
                raise
            await self.ensure_thread(
                said.thread_id, agent_id=said.agent_id, user_id=said.user_id, title=said.title
            )
            stored = await chat.messages.append(said.thread_id, message)
        record = MessageRecord.of(said.thread_id, stored[0])
        await tell(self._told[0], record)
        return record

    async def persist_trace(
        self, trace_id: str, action: Literal["start", "end"], data: Mapping[str, Any] | None = None
    ) -> TraceRecord | None:
        """Start a trace under this id, or end it; None where traces are not stored.

        `data` is what the trace repository's `start` or `end` takes. NotFoundError for the end of
        an unknown trace.
        """
        if not self._persists[1]:
            return None
        if action == "start":
            record = await self.traces.start(id=trace_id, **(data or {}))
        elif action == "end":
            ended = await self.traces.end(trace_id, **(data or {}))
            if ended is None:
                raise NotFoundError("trace", str(trace_id))
            record = ended
        else:
            raise InvalidError("action", "must be start or end")
        await tell(self._told[1], record)
        return record

    async def get_thread_messages(self, thread_id: str, limit: int = 50) -> Rows[MessageRecord]:
        """The newest messages of a thread, oldest first; [] if it is unknown."""
        return await self.messages.list_recent(thread_id, limit)

    async def get_thread_traces(self, thread_id: str, limit: int = 50) -> Rows[TraceRecord]:
        """The newest traces of a thread, the latest first; [] if it is unknown."""
        return await self.traces.list_by_thread(thread_id, limit=limit)


def create_persistence_middleware(database: Database, **options: Any) -> PersistenceMiddleware:
    """The middleware over a database, with the options of `PersistenceMiddleware`. No I/O."""
    return PersistenceMiddleware(database, **options)


class AutoPersistedMessageHandler:
    """Three callbacks of one thread, to be handed to whatever runs the agent."""

    def __init__(
        self,
        middleware: PersistenceMiddleware,
        *,
        thread_id: str,
        agent_id: str | None = None,
        user_id: str | None = None,
    ) -> None:
        self._middleware = middleware
        self._about = {"thread_id": thread_id, "agent_id": agent_id, "user_id": user_id}

    async def on_user_message(self, content: Json, **more: Any) -> MessageRecord | None:
        """Store what the user said."""
        return await self._persist("user", content=content, **more)

    async def on_assistant_message(
        self,
        content: Json,
        tool_calls: Sequence[Mapping[str, Json]] | None = None,
        **more: Any,
    ) -> MessageRecord | None:
        """Store what the agent said, with its tool calls."""
        return await self._persist("assistant", content=content, tool_calls=tool_calls, **more)

    async def on_tool_result(
        self, tool_call_id: str, result: Json, **more: Any
    ) -> MessageRecord | None:
        """Store what a tool gave."""
        return await self._persist("tool-result", tool_call_id=tool_call_id, content=result, **more)

    async def _persist(self, kind: str, **said: Any) -> MessageRecord | None:
        return await self._middleware.persist_message({**self._about, "type": kind, **said})


def create_auto_persisted_message_handler(
    middleware: PersistenceMiddleware,
    *,
    thread_id: str,
    agent_id: str | None = None,
    user_id: str | None = None,
) -> AutoPersistedMessageHandler:
    """The callbacks of one thread. No I/O."""
    return AutoPersistedMessageHandler(
        middleware, thread_id=thread_id, agent_id=agent_id, user_id=user_id
    )
