"""Spans: start, end, get, list, tree, delete."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from threadkeep.core.attempts import Attempts
from threadkeep.core.cursors import read_by_time
from threadkeep.core.rows import metadata_of
from threadkeep.core.scope import Scope
from threadkeep.core.span_arguments import Beginning, Ending, SpanFilter
from threadkeep.core.totals import usage_of
from threadkeep.values import jsontext
from threadkeep.values.errors import ConflictError, DatabaseError, NotFoundError
from threadkeep.values.ids import check_id
from threadkeep.values.page import Order, Page
from threadkeep.values.ports import Row, Transaction
from threadkeep.values.quick import maker
from threadkeep.values.span import Span

_ATTEMPTS = 20
_LOOKED_AT = 10_000
_NO_PARENT = "23503"
_USAGE = slice(12, 17)

_made = maker(Span)


async def start(scope: Scope, begun: Beginning) -> Span:
    """Store a span that runs, or return the same one that was stored before."""
    calls = scope.attempts()
    for _ in range(_ATTEMPTS):
        rows = await _insert(scope, begun, calls)
        if rows:
            return _span(rows[0])
        stored = await _find(scope, begun.span_id, calls)
        if stored is not None and begun.made(stored):
            await calls.settle()
            return stored
        await _check_place(scope, begun, calls)
        if stored is not None:
            break
        if scope.user_id is not None:
            # Held by another user.
            raise NotFoundError("span", begun.span_id)
    raise ConflictError("exists", f"span {begun.span_id!r} exists", id=begun.span_id)


async def end(scope: Scope, span_id: str, ending: Ending) -> Span:
    """End a span that runs, or return one that has ended in just this way."""
    here = scope.named("span_id", span_id)

    async def change(tx: Transaction) -> tuple[Row, bool]:
        found = await _lock(scope, span_id, tx)
        if found is None:
            raise NotFoundError("span", span_id)
        status, stored = found
        running = status == "running"
        metadata = None
        if ending.patch is not None:
            merged = jsontext.merge_patch(metadata_of(stored), jsontext.decode(ending.patch))
            metadata = jsontext.check_metadata(merged, "metadata")
        rows = await tx.fetch(
            scope.sql["span_end" if running else "span_ended_so"], *here, *ending.given(metadata)
        )
        if not rows:
            raise ConflictError("span_ended", "the span has ended in another way", id=span_id)
        return rows[0], running

    calls = scope.attempts()
    row, written = await calls.atomically(scope.key, change)
    if not written:
        await calls.settle()
    return _span(row)


async def get(scope: Scope, span_id: str) -> Span:
    """The span; NotFoundError if there is none such."""
    found = await _find(scope, span_id, scope.attempts())
    if found is None:
        raise NotFoundError("span", span_id)
    return found


async def tree(scope: Scope, span_id: str) -> tuple[Span, ...]:
    """The span and all below it, each before its children, siblings by when they started."""
    rows = await scope.fetch("span_tree", *scope.named("span_id", span_id))
    if not rows:
        raise NotFoundError("span", span_id)
    below: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row[0] != span_id:
            below[row[4]].append(row)
    [top] = [row for row in rows if row[0] == span_id]
    found, todo = [], [(top, 0)]
    while todo:
        row, depth = todo.pop()
        found.append(_span(row, depth))
        todo += [(child, depth + 1) for child in reversed(below[row[0]])]
    return tuple(found)


async def page(
    scope: Scope, which: SpanFilter, *, order: Order, limit: int, cursor: str | None
) -> Page[Span]:
    """A page of spans by when they started; looks at 10 000 spans at the most."""

    async def fetch(way: str, at: datetime, id_: str, count: int) -> Sequence[Row]:
        given = (*which.given(at, id_), count, _LOOKED_AT, which.user)
        return await scope.fetch(f"spans{which.kind}_{way}", scope.key, scope.owner_id, *given)

    return await read_by_time(
        fetch,
        _span,
        by="started_at",
        order=order,
        limit=limit,
        cursor=cursor,
        identity=("spans", scope.owner_id, which, order),
        looked_at=_LOOKED_AT,
    )


async def delete(scope: Scope, span_id: str) -> bool:
    """Delete a span and all below it; whether there was one."""
    check_id("span_id", span_id)

    async def change(tx: Transaction) -> bool:
        if await _lock(scope, span_id, tx) is None:
            return False
        return bool(await tx.fetch(scope.sql["span_delete"], scope.key, scope.owner_id, span_id))

    return await scope.atomically(change)


async def _insert(scope: Scope, begun: Beginning, calls: Attempts) -> Sequence[Row]:
    try:
        return await calls.fetch(
            scope.sql["span_start"],
            scope.key,
            scope.owner_id,
            begun.thread,
            scope.user_id,
            begun.span_id,
            begun.parent,
            begun.user,
            begun.run,
            begun.name,
            begun.type,
            begun.started_at,
            begun.metadata,
            begun.input,
        )
    except DatabaseError as error:
        # The parent was deleted between the look at it and the check of the foreign key.
        if error.sqlstate != _NO_PARENT or begun.parent is None:
            raise
        raise NotFoundError("span", begun.parent) from None


async def _check_place(scope: Scope, begun: Beginning, calls: Attempts) -> None:
    """Raise NotFoundError unless the thread and the parent are there, where they are given."""
    if begun.thread is not None and not await scope.on_thread(
        "thread_get", begun.thread, over=calls
    ):
        raise NotFoundError("thread", begun.thread)
    if begun.parent is not None and await _find(scope, begun.parent, calls) is None:
        raise NotFoundError("span", begun.parent)


async def _find(scope: Scope, span_id: str, calls: Attempts) -> Span | None:
    rows = await calls.fetch(scope.sql["span_get"], *scope.named("span_id", span_id))
    return _span(rows[0]) if rows else None


async def _lock(scope: Scope, span_id: str, tx: Transaction) -> tuple[str, str | None] | None:
    """Lock the span's row: its status and metadata, None if it is unknown."""
    rows = await tx.fetch(scope.sql["span_lock"], *scope.named("span_id", span_id))
    if not rows:
        return None
    status, metadata, tx.xid = rows[0]
    return status, metadata


def _span(row: Row, depth: int | None = None) -> Span:
    """A Span from a row of `span_columns`."""
    metadata, went_in, came_out = row[_USAGE.stop :]
    return _made(
        *row[: _USAGE.start],
        usage_of(row[_USAGE]),
        metadata_of(metadata),
        went_in,
        came_out,
        depth,
    )
