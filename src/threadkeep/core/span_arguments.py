"""What spans are started, ended and looked for with, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from threadkeep.core.drafts import check_time
from threadkeep.core.runs import check_ended
from threadkeep.core.scope import Scope
from threadkeep.core.threads import check_text
from threadkeep.core.totals import check_between, check_type, used_by
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id, check_id_or_none, new_id
from threadkeep.values.message import Status
from threadkeep.values.numbers import finite
from threadkeep.values.parts import Json
from threadkeep.values.run import Usage
from threadkeep.values.span import Span
from threadkeep.values.unset import UNSET, Unset

_STATUSES: tuple[str, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A span as it is to be stored; `user` is whose it is where the handle does not say."""

    span_id: str
    name: str
    type: str
    parent: str | None
    thread: str | None
    run: str | None
    user: str | None
    started_at: datetime | None
    input: str | None
    metadata: str | None

    @classmethod
    def of(
        cls,
        scope: Scope,
        name: str,
        *,
        type: str,
        span_id: str | None,
        parent: str | None,
        thread: str | None,
        run: str | None,
        user: str | None,
        input: Json | bytes,
        metadata: Mapping[str, Json] | None,
        started_at: datetime | None,
    ) -> Beginning:
        """Checked arguments, with a new id where none is given."""
        for field, value in (("parent", parent), ("thread", thread), ("run", run)):
            check_id_or_none(field, value)
        return cls(
            check_id("span_id", new_id() if span_id is None else span_id),
            check_id("name", name),
            known_type(type),
            parent,
            thread,
            run,
            scope.person(user),
            check_time("started_at", started_at),
            _json("input", input),
            jsontext.check_metadata(metadata, "metadata"),
        )

    def made(self, stored: Span) -> bool:
        """Whether this is what the stored span was made with, by what tells spans apart."""
        mine = (self.name, self.type, self.parent, self.thread)
        return mine == (stored.name, stored.type, stored.parent_id, stored.thread_id)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a span ends. `patch` is the JSON text of what is merged into its metadata."""

    status: Status
    error: str | None
    ended_at: datetime | None
    duration_ms: float | None
    output: str | None
    patch: str | None
    usage: Usage

    @classmethod
    def of(
        cls,
        *,
        output: Json | bytes | Unset = UNSET,
        error: str | None = None,
        status: Status | None = None,
        usage: Usage | Unset = UNSET,
        duration_ms: float | None = None,
        ended_at: datetime | None = None,
        metadata: Mapping[str, Json] | Unset = UNSET,
    ) -> Ending:
        """Checked arguments; what is not said is failed with an error, and complete without."""
        if usage is not UNSET and not isinstance(usage, Usage):
            raise InvalidError("usage", "must be a Usage")
        if metadata is None:
            raise InvalidError("metadata", "must be a mapping")
        return cls(
            _ended(status, "complete" if error is None else "failed"),
            check_text("error", error),
            check_time("ended_at", ended_at),
            check_duration("duration_ms", duration_ms),
            None if output is UNSET else _json("output", output),
            None if metadata is UNSET else jsontext.check_metadata(metadata, "metadata"),
            Usage() if usage is UNSET else usage,
        )

    def given(self, metadata: str | None) -> tuple[object, ...]:
        """The parameters of the statements that end a span, from $5 on."""
        return (
            self.status,
            self.error,
            self.ended_at,
            self.duration_ms,
            self.output,
            self.patch is not None,
            metadata,
            *used_by(self.usage),
        )


@dataclass(frozen=True, slots=True)
class SpanFilter:
    """Which spans a list is about. None means any; `reach` is the user whose threads are known."""

    reach: str | None
    thread: str | None
    user: str | None
    since: datetime
    until: datetime
    parent: str | None
    roots: bool
    type: str | None
    status: str | None
    failed: bool | None
    min_duration_ms: float | None
    max_duration_ms: float | None

    @classmethod
    def of(
        cls,
        scope: Scope,
        *,
        thread: str | None,
        user: str | None,
        since: datetime | None,
        until: datetime | None,
        parent: str | None,
        roots: bool,
        type: str | None,
        status: str | None,
        failed: bool | None,
        min_duration_ms: float | None,
        max_duration_ms: float | None,
    ) -> SpanFilter:
        """A checked filter. A handle of one user cannot ask for another."""
        for field, value in (("thread", thread), ("parent", parent)):
            check_id_or_none(field, value)
        if not isinstance(roots, bool):
            raise InvalidError("roots", "must be a bool")
        if failed is not None and not isinstance(failed, bool):
            raise InvalidError("failed", "must be a bool, or None")
        if status is not None and status not in _STATUSES:
            raise InvalidError("status", f"must be one of {', '.join(_STATUSES)}")
        return cls(
            scope.user_id,
            thread,
            scope.person(user),
            *check_between(since, until),
            parent,
            roots,
            check_type(type),
            status,
            failed,
            check_duration("min_duration_ms", min_duration_ms),
            check_duration("max_duration_ms", max_duration_ms),
        )

    @property
    def kind(self) -> str:
        """Whose spans a page is read from, as the names of the statements say it."""
        if self.parent is not None:
            return "_of_parent"
        if self.thread is not None:
            return "_of_thread"
        return "" if self.user is None else "_of_user"

    def given(self, at: datetime, span_id: str) -> tuple[object, ...]:
        """The parameters of such a statement that starts after this place, from $3 to $15."""
        return (
            self.thread,
            self.reach,
            at,
            span_id,
            self.since,
            self.until,
            self.parent,
            self.roots,
            self.type,
            self.status,
            self.failed,
            self.min_duration_ms,
            self.max_duration_ms,
        )


def check_duration(field: str, value: object) -> float | None:
    """Milliseconds, or None; InvalidError for what is neither."""
    if value is None:
        return None
    number = finite(value)
    if number is None or number < 0:
        raise InvalidError(field, "must be a number of milliseconds, at least 0, or None")
    return number


def _ended(status: object, default: Status) -> Status:
    return default if status is None else check_ended(status)


def known_type(type: str | None) -> str:
    """Return `type` if it is a span's; else raise InvalidError."""
    known = check_type(type)
    if known is None:
        raise InvalidError("type", "must not be None")
    return known


def _json(field: str, value: Json | bytes) -> str | None:
    """The JSON text of a value, that of bytes verbatim; None for None."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return jsontext.verify(value, field=field)
    return jsontext.encode(value, field=field)
