"""The spans of an owner: what its agents did, step by step."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Self

from threadkeep.core import recording
from threadkeep.core import spans as core
from threadkeep.core.scope import Scope
from threadkeep.core.span_arguments import Beginning, Ending, SpanFilter
from threadkeep.core.totals import totals
from threadkeep.store.pages import PageCall
from threadkeep.store.writing import Writing
from threadkeep.values.errors import InvalidError, ThreadkeepError
from threadkeep.values.message import Status
from threadkeep.values.page import Order, Page
from threadkeep.values.parts import Json
from threadkeep.values.run import Usage
from threadkeep.values.span import Span, SpanType, Total, TotalsBy
from threadkeep.values.unset import UNSET, Unset

# Inside Spans, `list` is the method.
Totals = list[Total]

_CANCELLED = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt)


@dataclass(frozen=True, slots=True)
class Spans:
    """The spans that a handle reaches. With `user=`, only those of that user."""

    _scope: Scope
    _writing: Writing

    async def start(
        self,
        name: str,
        *,
        type: SpanType = "chain",
        span_id: str | None = None,
        parent: str | None = None,
        thread: str | None = None,
        run: str | None = None,
        user: str | None = None,
        input: Json | bytes = None,
        metadata: Mapping[str, Json] | None = None,
        started_at: datetime | None = None,
    ) -> Span:
        """Store a span that runs, under a given id or a new one; it started now if not told.

        It runs until somebody ends it: a span has no lease, so one whose process died goes on
        running. `parent` is the id of a span, `thread` that of a thread: NotFoundError where it is
        unknown. `run` is any id. The span is the handle's user's, else `user`'s, else that of the
        thread's user, else of the parent's. `input` is any JSON value, of which bytes are the text,
        kept verbatim. The same call again returns the stored span: what has the same id, name,
        type, parent and thread is the same. ConflictError (`exists`) where the id is another's.
        """
        begun = Beginning.of(
            self._scope,
            name,
            type=type,
            span_id=span_id,
            parent=parent,
            thread=thread,
            run=run,
            user=user,
            input=input,
            metadata=metadata,
            started_at=started_at,
        )
        return await self._writing.run(core.start(self._scope, begun))

    async def end(
        self,
        span_id: str,
        *,
        output: Json | bytes | Unset = UNSET,
        error: str | None = None,
        status: Status | None = None,
        usage: Usage = Usage(),  # noqa: B008 (it is frozen)
        duration_ms: float | None = None,
        ended_at: datetime | None = None,
        metadata: Mapping[str, Json] | Unset = UNSET,
    ) -> Span:
        """End a span, now if not told.

        `status` is failed where an `error` is given and complete where not, unless it says
        otherwise. `duration_ms` is the time from its start to its end where it is not given, and 0
        where the clock went back meanwhile. `output` is as `start`'s input; `metadata` is a JSON
        merge-patch (RFC 7396) on what the span has. The same call again returns the ended span;
        ConflictError (`span_ended`) where it has ended in another way. NotFoundError for an
        unknown span.
        """
        ending = Ending.of(
            output=output,
            error=error,
            status=status,
            usage=usage,
            duration_ms=duration_ms,
            ended_at=ended_at,
            metadata=metadata,
        )
        return await self._writing.run(core.end(self._scope, span_id, ending))

    async def record(self, spans: Iterable[Span]) -> int:
        """Store up to 1 000 spans that happened elsewhere, all or none; how many are stored.

        Each has ended, with a `started_at` and an `ended_at`; a `duration_ms` of None is the time
        between them. They come in any order, in this call or over several: a parent that is not
        there yet is stored as a span that runs, and a span that runs under one of the ids is ended
        as it is told, what is None staying as it was. One that has ended before stays untouched,
        and is counted. One whose id is another user's is left out. A span is the handle's user's,
        else its `user_id`'s, else that of the thread's user. Where the thread is unknown it is
        stored without it, and where the parent is another user's, without that. InvalidError where
        one of them is none, an id is in there twice, or a span would stand above itself: nothing is
        stored then. Doing it again is safe.
        """
        return await self._writing.run(recording.record(self._scope, spans))

    async def get(self, span_id: str) -> Span:
        """The span. NotFoundError if it is unknown."""
        return await core.get(self._scope, span_id)

    async def tree(self, span_id: str) -> tuple[Span, ...]:
        """The span and all below it, in one statement; NotFoundError if it is unknown.

        Each comes right after its parent or after what is below an earlier sibling; siblings by
        when they started. `depth` says how far below the first one each stands.
        """
        return await core.tree(self._scope, span_id)

    def list(
        self,
        *,
        thread: str | None = None,
        parent: str | None = None,
        roots: bool = False,
        type: SpanType | None = None,
        status: Status | None = None,
        failed: bool | None = None,
        min_duration_ms: float | None = None,
        max_duration_ms: float | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        user: str | None = None,
        order: Order = "desc",
        limit: int = 50,
        cursor: str | None = None,
    ) -> PageCall[Span]:
        """Spans by when they started, the latest first: `await` for a page, `async for` for all.

        What is given must all hold. `roots` asks for those without a parent, `failed` for those
        whose status is failed, or is not. Both durations are inclusive, and hold for no span that
        still runs. `since` is inclusive and `until` is not, both of the start. A page looks at
        10 000 spans of the thread, parent, user or owner within that time: it may be short, even
        empty, and still have a next one. Empty for an unknown thread or parent. `limit` is 1 to
        1000. InvalidCursorError for a cursor of another list.
        """

        async def read(at: str | None) -> Page[Span]:
            which = SpanFilter.of(
                self._scope,
                thread=thread,
                user=user,
                since=since,
                until=until,
                parent=parent,
                roots=roots,
                type=type,
                status=status,
                failed=failed,
                min_duration_ms=min_duration_ms,
                max_duration_ms=max_duration_ms,
            )
            return await core.page(self._scope, which, order=order, limit=limit, cursor=at)

        return PageCall(read, cursor)

    async def delete(self, span_id: str) -> bool:
        """Delete the span and all below it, whoever's they are; False if it is unknown."""
        return await self._writing.run(core.delete(self._scope, span_id))

    async def totals(
        self,
        *,
        by: TotalsBy = "run",
        thread: str | None = None,
        user: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        type: SpanType | None = None,
    ) -> Totals:
        """What the spans used together, for each run, thread, user or day in UTC, by its key.

        Where spans say what those below them used, a tree counts the same tokens again at each
        level: `type="llm"` counts the calls of models only. Counts all spans that started within
        `since` (inclusive) and `until` (not), running ones too, of one `thread` or `user` if
        given; nothing for an unknown thread. The last key is None, for spans that have none.
        All keys are returned, and all those spans are read for it: parts of the answer would cost
        as much as the whole. `since`, `until` and `thread` keep it small.
        """
        return await totals(
            self._scope,
            "spans",
            by=by,
            thread=thread,
            user=user,
            since=since,
            until=until,
            type=type,
        )


class OpenSpan:
    """A span as a context: started on entering, ended on leaving, however that happens.

    `id` is the span's id: the `parent` of what is started inside.
    """

    def __init__(self, scope: Scope, writing: Writing, begun: Beginning) -> None:
        self.id = begun.span_id
        self._scope = scope
        self._writing = writing
        self._begun = begun
        self._ending = Ending.of()
        self._entered = False

    def set(
        self,
        *,
        output: Json | bytes | Unset = UNSET,
        usage: Usage | Unset = UNSET,
        metadata: Mapping[str, Json] | Unset = UNSET,
    ) -> None:
        """What the span is to end with, as `spans.end` takes it; the last that was said counts."""
        said = Ending.of(output=output, usage=usage, metadata=metadata)
        if output is not UNSET:
            self._ending = replace(self._ending, output=said.output)
        if usage is not UNSET:
            self._ending = replace(self._ending, usage=said.usage)
        if metadata is not UNSET:
            self._ending = replace(self._ending, patch=said.patch)

    async def __aenter__(self) -> Self:
        if self._entered:
            raise InvalidError("span", "can be entered once")
        self._entered = True
        try:
            await self._writing.run(core.start(self._scope, self._begun))
        except BaseException as error:
            # Whether it was started is open then: nobody else would end it.
            if not isinstance(error, Exception):
                await self._end_quietly("cancelled", None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            await self._writing.run(core.end(self._scope, self.id, self._ending))
        elif isinstance(error, _CANCELLED):
            await self._end_quietly("cancelled", None)
        else:
            await self._end_quietly("failed", type(error).__name__)

    async def _end_quietly(self, status: Status, error: str | None) -> None:
        ending = replace(self._ending, status=status, error=error)
        # The error of the block is the one to tell.
        with suppress(ThreadkeepError):
            await self._writing.run(core.end(self._scope, self.id, ending))
