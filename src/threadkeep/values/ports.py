"""Ports: the seams between the rooms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from threadkeep.values.converted import Converted
from threadkeep.values.errors import DatabaseError as DatabaseError
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import Json

Row = Sequence[Any]
"""One row; columns by position. Times are aware and in UTC, `json` columns are read as text."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One named SQL block, rendered for a schema. Parameters are `$1`, `$2`, each with a cast."""

    name: str
    text: str


class Transaction(Protocol):
    """Runs statements inside one transaction.

    `xid` is set by the core as soon as it knows what tells the transaction from others: so the
    server can be asked after a lost COMMIT whether that was carried out.
    """

    xid: str | None

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        """Run the statement and return its rows."""
        ...

    async def script(self, text: str) -> None:
        """Run several statements without parameters."""
        ...


class Patience(Protocol):
    """How long one call goes on trying. Its deadline runs from when it was made."""

    async def wait(self) -> bool:
        """Back off before the next attempt; False, at once, where the deadline has passed."""
        ...


class Executor(Protocol):
    """How the core reaches a database: a pool, or a transaction of the caller.

    Drivers turn every error of theirs into one of ours, most into `DatabaseError` with its
    SQLSTATE. What may succeed when it is tried again, as a whole, is a transient
    `UnavailableError`; also a commit whose wait for the synchronous standby was cancelled, which
    is no acknowledgement. An executor itself tries nothing twice.
    """

    checks_first: bool
    """Whether an append looks for its ids before it inserts. So it does in a transaction of the
    caller, where a refusal is dear; on a pool it inserts at once."""

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        """Run one statement on its own and return its rows."""
        ...

    def transaction(self, owner_key: int | None) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that sees the rows of `owner_key`; None sets no owner.

        Leaving it normally commits, an exception rolls back.
        """
        ...

    def patience(self) -> Patience:
        """The patience of one call."""
        ...


TokenCounter = Callable[[str], int]
"""Counts the tokens of one message, given its payload as JSON text."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What the store must know of one native item.

    `starts`: a turn starts here (a user's message that is not only tool results). `cut`: a window
    may start here as far as this item alone can tell: it does not continue a reasoning item that
    the provider wants beside it. `calls` are the tool calls opened by the item, `answers` the
    calls it carries results for that are not among its own `calls`. `id` and `created_at` are
    what the item itself says, None where it says nothing; a naive time is read as UTC.
    """

    role: Role
    starts: bool
    cut: bool = True
    id: str | None = None
    created_at: datetime | None = None
    calls: tuple[str, ...] = field(default=())
    answers: tuple[str, ...] = field(default=())


class Dialect(Protocol):
    """A message format: pure functions between native items and messages with typed parts.

    A native item is a decoded JSON value. Nothing here does I/O or imports a framework.
    `InvalidError` is raised for an item that is not of this format; it names the member and the
    rule, never the content.
    """

    name: str
    """The tag that is stored with each message of this format."""

    losses: Mapping[str, str]
    """What this format cannot express: each code that `Loss.what` may have, with one sentence."""

    def load(self, items: Sequence[Json]) -> list[Message]:
        """Native items to messages with typed parts (format `threadkeep`): one for each item.

        The items must not change as long as the messages are used.
        """
        ...

    def dump(self, messages: Sequence[Message]) -> Converted:
        """Messages with typed parts to native items, in order, with a report of what is lost.

        Messages may be merged into one item, and one may be several. `dump(load(items))` is
        `items`, with every member in its order.
        """
        ...

    def text(self, item: Json) -> str:
        """What a person would read in the item, and search may see; may be empty."""
        ...

    def traits(self, item: Json) -> Traits:
        """What the store must know of the item."""
        ...
