"""Rows in plain Python: a thread as a dict of messages by seq."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from threadkeep.values.errors import NotFoundError
from threadkeep.values.parts import ToolCallPart, ToolResultPart

if TYPE_CHECKING:
    from threadkeep.values.message import Message

Metadata = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A stored message. Only `parent` ever changes by other calls than `update`."""

    id: str
    seq: int
    parent: int | None
    turn: int
    message: Message
    tokens: int

    @property
    def calls(self) -> list[str]:
        """The tool calls that it opens."""
        return [part.call_id for part in self.message.parts if isinstance(part, ToolCallPart)]

    @property
    def answers(self) -> list[str]:
        """The calls of other messages that it holds results of."""
        results = [part.call_id for part in self.message.parts if isinstance(part, ToolResultPart)]
        return [call for call in results if call not in self.calls]

    @property
    def starts(self) -> bool:
        """Whether a turn starts here: a user's message, unless it answers a tool call."""
        return self.message.role == "user" and not self.answers

    @property
    def cut(self) -> bool:
        """Whether a window may start here: anywhere but at an answer to an earlier call."""
        return not self.answers


@dataclass
class ThreadRow:
    """A thread with its messages by seq."""

    id: str
    user: str | None
    number: int
    active: int
    title: str | None = None
    status: str = "active"
    metadata: Metadata | None = None
    external_id: str | None = None
    access: str = "open"
    access_reason: str | None = None
    revision: int = 0
    head: int | None = None
    next_seq: int = 1
    rows: dict[int, Row] = field(default_factory=dict)

    @property
    def turns(self) -> int:
        return 0 if self.head is None else self.rows[self.head].turn

    def named(self, message_id: str) -> Row | None:
        return next((row for row in self.rows.values() if row.id == message_id), None)

    def must(self, message_id: str) -> Row:
        row = self.named(message_id)
        if row is None:
            raise NotFoundError("message", message_id)
        return row

    def name(self, seq: int | None) -> str | None:
        return None if seq is None else self.rows[seq].id

    def path(self, leaf: int | None) -> list[Row]:
        """Root first."""
        found: list[Row] = []
        while leaf is not None:
            found.insert(0, self.rows[leaf])
            leaf = self.rows[leaf].parent
        return found

    def children(self, seq: int | None) -> list[Row]:
        return [row for row in self.rows.values() if row.parent == seq]
