"""Recording: spans that have ended elsewhere, many at once and in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from threadkeep.core.attempts import Attempts
from threadkeep.core.drafts import check_several, check_time
from threadkeep.core.runs import check_ended
from threadkeep.core.scope import Scope
from threadkeep.core.span_arguments import check_duration, known_type
from threadkeep.core.threads import check_text
from threadkeep.core.totals import USED, used_by
from threadkeep.values import jsontext
from threadkeep.values.errors import DatabaseError, InvalidError
from threadkeep.values.ids import check_id, check_id_or_none
from threadkeep.values.ports import Row, Transaction
from threadkeep.values.span import Span

_MOST_ABOVE = 100_000
_OTHER_PARENT = "23502"
_MILLISECOND = timedelta(milliseconds=1)

Told = dict[str, dict[str, Any]]
"""Spans as the statement takes them, by their ids."""


async def record(scope: Scope, spans: Iterable[Span]) -> int:
    """Store spans that have ended; how many of them are stored now.

    The optimistic statement runs first. Only where a span that runs would get another parent, all
    that stands above the parents is read before, and nobody else gives parents meanwhile.
    """
    told = _checked(scope, spans)
    if not told:
        return 0
    calls = scope.attempts()
    try:
        rows = await _store(scope, _with_parents(told), calls)
    except DatabaseError as error:
        if error.sqlstate != _OTHER_PARENT:
            raise
        rows = await _move(scope, told, calls)
    stored = {row[0] for row in rows} & told.keys()
    if len(stored) == len(told):
        return len(stored)
    # The others had ended before, perhaps by an attempt whose answer was lost, or are another's.
    ids = list(told)
    found = await calls.fetch(
        scope.sql["spans_known"], scope.key, scope.owner_id, scope.user_id, ids
    )
    await calls.settle()
    return len(found)


async def _move(scope: Scope, told: Told, calls: Attempts) -> Sequence[Row]:
    """Store a batch in which spans that run get other parents; InvalidError for a circle."""
    parents = _running(told)

    async def change(tx: Transaction) -> Sequence[Row]:
        # It needs no xid: where the answer to the COMMIT is lost, it then finds its spans ended.
        await tx.fetch(scope.sql["spans_hold"], scope.key)
        # From here on the parents are there, and nobody but this call can give them others.
        await _store(scope, parents, tx)
        above = await tx.fetch(
            scope.sql["spans_above"], scope.key, scope.owner_id, list(parents), _MOST_ABOVE
        )
        if len(above) == _MOST_ABOVE:
            raise InvalidError("parent_id", f"must have fewer than {_MOST_ABOVE} spans above it")
        edges: dict[str, str | None] = {id_: parent for id_, parent, _ in above}
        fixed = {id_ for id_, _, running in above if not running}
        for id_, row in told.items():
            if id_ not in fixed:
                edges[id_] = row["parent_id"] or edges.get(id_)
        _check_circles(edges)
        return await _store(scope, told, tx, moving=True)

    return await calls.atomically(scope.key, change)


async def _store(
    scope: Scope, told: Told, over: Transaction | Attempts, *, moving: bool = False
) -> Sequence[Row]:
    # Always in the same order, so that two calls wait for each other one way only.
    rows = orjson.dumps([told[id_] for id_ in sorted(told)]).decode()
    here = (scope.key, scope.owner_id, scope.user_id)
    return await over.fetch(scope.sql["spans_record"], *here, rows, moving)


def _with_parents(told: Told) -> Told:
    """The batch, and a span that runs for each parent that is not in it."""
    return {**_running(told), **told}


def _running(told: Told) -> Told:
    """A span that runs for each parent, since its first child started."""
    found: Told = {}
    for row in told.values():
        id_, at = row["parent_id"], row["started_at"]
        if id_ is not None:
            since = min(at, found[id_]["started_at"]) if id_ in found else at
            found[id_] = {
                "span_id": id_,
                "name": "unknown",
                "type": "chain",
                "status": "running",
                "started_at": since,
            }
    return found


def _checked(scope: Scope, spans: Iterable[Span]) -> Told:
    """The spans as the statement takes them, all of them checked."""
    told: Told = {}
    for span in check_several("spans", spans, Span):
        row = _row(scope, span)
        if row["span_id"] in told:
            raise InvalidError("spans", "must not have the same id twice")
        told[row["span_id"]] = row
    _check_circles({id_: row["parent_id"] for id_, row in told.items()})
    return told


def _row(scope: Scope, span: Span) -> dict[str, Any]:
    named = {"parent_id": span.parent_id, "thread_id": span.thread_id, "run": span.run}
    for field, value in named.items():
        check_id_or_none(field, value)
    started, ended = _time("started_at", span.started_at), _time("ended_at", span.ended_at)
    took = check_duration("duration_ms", span.duration_ms)
    texts = {"input": span.input_json, "output": span.output_json}
    return {
        "span_id": check_id("id", span.id),
        **named,
        "user_id": scope.person(span.user_id),
        "name": check_id("name", span.name),
        "type": known_type(span.type),
        "status": check_ended(span.status),
        "error": check_text("error", span.error),
        "started_at": started,
        "ended_at": ended,
        "duration_ms": max(0.0, (ended - started) / _MILLISECOND) if took is None else took,
        **dict(zip(USED, used_by(span.usage), strict=True)),
        "metadata": jsontext.check_metadata(span.metadata, "metadata"),
        **{
            field: None if text is None else jsontext.verify(text, field=f"{field}_json")
            for field, text in texts.items()
        },
    }


def _time(field: str, value: object) -> datetime:
    at = check_time(field, value)
    if at is None:
        raise InvalidError(field, "must be given")
    return at


def _check_circles(parents: Mapping[str, str | None]) -> None:
    """Raise InvalidError where the way up from a span comes back to it."""
    done: set[str] = set()
    for start in parents:
        way: set[str] = set()
        at: str | None = start
        while at is not None and at not in done:
            if at in way:
                raise InvalidError("parent_id", "must not lead back to the span itself")
            way.add(at)
            at = parents.get(at)
        done |= way
