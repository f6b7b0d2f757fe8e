"""The trace repository: what agents did, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from threadkeep.adapters.repositories.database import Database
from threadkeep.adapters.repositories.ids import known
from threadkeep.adapters.repositories.records import TraceRecord
from threadkeep.adapters.repositories.rows import Rows, read, skip
from threadkeep.adapters.repositories.threads import check_database
from threadkeep.adapters.repositories.usage import KEPT, tokens_of, usage_of
from threadkeep.store import PageCall
from threadkeep.values.errors import InvalidError, NotFoundError
from threadkeep.values.ids import new_id
from threadkeep.values.message import Status
from threadkeep.values.page import Order
from threadkeep.values.parts import Json
from threadkeep.values.run import Usage
from threadkeep.values.span import Span, SpanType, Total, TotalsBy
from threadkeep.values.unset import UNSET, Unset

Tokens = Usage | Mapping[str, Json] | None
# Inside the repository, `list` is the method.
Traces = list[TraceRecord]
Totals = list[Total]


class TraceRepository:
    """The traces of a database. They outlive their threads; what is unknown is None or False."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(
        self,
        *,
        name: str,
        type: SpanType = "chain",
        thread_id: str | None = None,
        parent_id: str | None = None,
        user_id: str | None = None,
        input: Json = None,
        metadata: Mapping[str, Json] | None = None,
        id: str | None = None,
        started_at: datetime | None = None,
    ) -> TraceRecord:
        """Store a trace that runs, since now if not told.

        `type` is agent, tool, llm, retriever, embedding or chain. NotFoundError for an unknown
        thread or parent. The same call with the same id again returns the stored trace.
        """
        if metadata is not None:
            _check_metadata(metadata)
        chat = await self._database.chat()
        span = await chat.spans.start(
            name,
            type=type,
            span_id=id,
            parent=parent_id,
            thread=thread_id,
            user=user_id,
            input=input,
            metadata=metadata,
            started_at=started_at,
        )
        return TraceRecord.of(span)

    async def create(
        self,
        *,
        output: Json | Unset = UNSET,
        error: str | None = None,
        token_usage: Tokens = None,
        duration_ms: float | None = None,
        ended_at: datetime | None = None,
        **started: Any,
    ) -> TraceRecord:
        """`start`, and where any of these is given `end` as well."""
        ending: dict[str, Any] = {
            "error": error,
            "token_usage": token_usage,
            "duration_ms": duration_ms,
            "ended_at": ended_at,
        }
        if output is UNSET and all(value is None for value in ending.values()):
            return await self.start(**started)
        # No trace has this id: what is wrong with its end is told before anything is written.
        await self.end(new_id(), output=output, **ending)
        made = await self.start(**started)
        return await self.end(made.id, output=output, **ending) or made

    async def end(
        self,
        id: str,
        *,
        output: Json | Unset = UNSET,
        error: str | None = None,
        token_usage: Tokens = None,
        duration_ms: float | None = None,
        ended_at: datetime | None = None,
        status: Status | None = None,
        metadata: Mapping[str, Json] | Unset = UNSET,
    ) -> TraceRecord | None:
        """End a trace, now if not told; None if it is unknown.

        `duration_ms` is computed where it is not given; 0 is a duration. With an `error` it has
        failed. `token_usage` is `{promptTokens, completionTokens, totalTokens}`. `metadata` is
        merged. The same call again returns the ended trace; ConflictError (`span_ended`) where it
        has ended in another way: what a trace says is written once.
        """
        trace_id = known(id)
        if trace_id is None:
            return None
        if metadata is not UNSET:
            _check_metadata(metadata)
        usage, rest = usage_of(token_usage)
        if rest:
            metadata = {**({} if metadata is UNSET else metadata), KEPT: rest}
        chat = await self._database.chat()
        try:
            span = await chat.spans.end(
                trace_id,
                output=output,
                error=error,
                status=status,
                usage=usage,
                duration_ms=duration_ms,
                ended_at=ended_at,
                metadata=metadata,
            )
        except NotFoundError:
            return None
        return TraceRecord.of(span)

    complete = end
    update = end

    async def get_by_id(self, id: str) -> TraceRecord | None:
        """The trace."""
        trace_id = known(id)
        if trace_id is None:
            return None
        chat = await self._database.chat()
        try:
            return TraceRecord.of(await chat.spans.get(trace_id))
        except NotFoundError:
            return None

    find_by_id = get_by_id

    async def tree(self, id: str) -> Traces:
        """The trace and all below it, parents first, in one statement; [] if it is unknown."""
        trace_id = known(id)
        if trace_id is None:
            return []
        chat = await self._database.chat()
        try:
            return [TraceRecord.of(span) for span in await chat.spans.tree(trace_id)]
        except NotFoundError:
            return []

    async def list(
        self,
        *,
        thread_id: str | None = None,
        parent_id: str | None = None,
        user_id: str | None = None,
        roots: bool = False,
        type: SpanType | None = None,
        has_error: bool | None = None,
        status: Status | None = None,
        min_duration_ms: float | None = None,
        max_duration_ms: float | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        order: Order = "desc",
        limit: int | None = 50,
        offset: int = 0,
        cursor: str | None = None,
    ) -> Rows[TraceRecord]:
        """Traces by when they started, the latest first, that match all of what is given.

        Durations are inclusive, and 0 is one; `since` is inclusive, `until` is not. `has_error`
        asks for those that failed, or did not. `limit` is 0 to 1000, or None for all; `next` of the
        answer, given as `cursor` without `offset`, goes on behind it. What `offset` skips is read.
        """
        chat = await self._database.chat()
        which: dict[str, Any] = {
            "thread": thread_id,
            "parent": parent_id,
            "user": user_id,
            "roots": roots,
            "type": type,
            "failed": has_error,
            "status": status,
            "min_duration_ms": min_duration_ms,
            "max_duration_ms": max_duration_ms,
            "since": since,
            "until": until,
            "order": order,
        }

        def call(size: int, at: str | None) -> PageCall[Span]:
            return chat.spans.list(**which, limit=size, cursor=at)

        if cursor is None and offset != 0:
            cursor = await skip(call, offset)
            if cursor is None:
                return Rows()
        return await read(lambda size: call(size, cursor), TraceRecord.of, limit)

    async def list_by_thread(
        self, thread_id: str, *, limit: int | None = 100, order: Order = "desc", **which: Any
    ) -> Rows[TraceRecord]:
        """The traces of a thread, as `list`; [] if it is unknown."""
        if known(thread_id) is None:
            return Rows()
        return await self.list(thread_id=thread_id, limit=limit, order=order, **which)

    find_by_thread_id = list_by_thread

    async def find_by_parent_id(
        self, parent_id: str, *, limit: int | None = 100, order: Order = "asc", **which: Any
    ) -> Rows[TraceRecord]:
        """The traces right below another one, as `list`; [] if it is unknown."""
        if known(parent_id) is None:
            return Rows()
        return await self.list(parent_id=parent_id, limit=limit, order=order, **which)

    async def find_root_traces(
        self, *, limit: int | None = 50, order: Order = "desc", **which: Any
    ) -> Rows[TraceRecord]:
        """The traces without a parent, as `list`."""
        return await self.list(roots=True, limit=limit, order=order, **which)

    async def find_by_time_range(
        self, since: datetime, until: datetime, *, limit: int | None = 100, **which: Any
    ) -> Rows[TraceRecord]:
        """The traces that started at `since` or later and before `until`, as `list`."""
        return await self.list(since=since, until=until, limit=limit, **which)

    async def delete(self, id: str) -> bool:
        """Delete a trace with all below it; False if it is unknown."""
        trace_id = known(id)
        if trace_id is None:
            return False
        chat = await self._database.chat()
        return await chat.spans.delete(trace_id)

    async def sum_tokens_by_thread_id(self, thread_id: str) -> dict[str, Json]:
        """`{promptTokens, completionTokens, totalTokens}` of the calls of models in a thread.

        {} where none of them said anything.
        """
        if known(thread_id) is None:
            return {}
        found = await self.totals(by="thread", thread_id=thread_id, type="llm")
        return (tokens_of(found[0].usage, None) or {}) if found else {}

    async def totals(
        self,
        *,
        by: TotalsBy = "thread",
        thread_id: str | None = None,
        user_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        type: SpanType | None = None,
    ) -> Totals:
        """What the traces used together, for each run, thread, user or day, by its key.

        Where traces say what those below them used, `type="llm"` counts the calls of models only.
        """
        chat = await self._database.chat(user_id)
        return await chat.spans.totals(
            by=by, thread=thread_id, user=user_id, since=since, until=until, type=type
        )


def create_trace_repository(database: Database) -> TraceRepository:
    """The traces of a database. No I/O."""
    return TraceRepository(check_database(database))


def _check_metadata(metadata: Mapping[str, Json]) -> None:
    if not isinstance(metadata, Mapping):
        raise InvalidError("metadata", "must be a mapping")
    if KEPT in metadata:
        raise InvalidError("metadata", f"must not have a member {KEPT}")
