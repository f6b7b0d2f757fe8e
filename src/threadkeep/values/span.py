"""Span: one step of what an agent did, and Total: what several steps used together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from threadkeep.values import jsontext
from threadkeep.values.message import Status
from threadkeep.values.parts import Json
from threadkeep.values.run import Usage

SpanType = Literal["agent", "tool", "llm", "retriever", "embedding", "chain"]

TotalsBy = Literal["run", "thread", "user", "day"]
"""What sums of usage are kept apart by; a day is a date in UTC."""


@dataclass(frozen=True, slots=True)
class Span:
    """One step: what it was, when, how it ended, what it used.

    `status` is `running` until somebody ends the span. `parent_id` is the span it is a part of.
    `thread_id` is None where the span belongs to no thread, or to one that is gone. `duration_ms`
    is None while it runs. `input_json` and `output_json` are the JSON texts as they were stored,
    None where nothing was given. `depth` is how many levels the span stands below the one whose
    tree was asked for, None elsewhere. All times are in UTC. `repr` leaves the content out.
    """

    id: str
    name: str
    type: SpanType
    status: Status
    parent_id: str | None
    thread_id: str | None
    user_id: str | None
    run: str | None
    started_at: datetime
    ended_at: datetime | None
    duration_ms: float | None
    error: str | None = field(repr=False)
    usage: Usage
    metadata: Mapping[str, Json] | None = field(repr=False)
    input_json: str | None = field(repr=False)
    output_json: str | None = field(repr=False)
    depth: int | None = field(default=None, compare=False)

    @property
    def input(self) -> Json:
        """What went in, decoded anew at each call; None where nothing was given."""
        return None if self.input_json is None else jsontext.decode(self.input_json)

    @property
    def output(self) -> Json:
        """What came out, decoded anew at each call; None where nothing was given."""
        return None if self.output_json is None else jsontext.decode(self.output_json)


@dataclass(frozen=True, slots=True)
class Total:
    """What `count` runs or spans used together.

    `key` is what they have in common: the id of a run, a thread or a user, or a day as in
    `2026-01-31`; None for those that have none. A member of `usage` is None where none of them
    said anything, else the sum of what was said; it may be more than one run may say.
    """

    key: str | None
    usage: Usage
    count: int
