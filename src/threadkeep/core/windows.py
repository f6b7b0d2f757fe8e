"""Windows: the tail of a path that a model accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from threadkeep.core.rows import PARENT_SEQ, SEQ, messages_of
from threadkeep.core.scope import Scope
from threadkeep.values.errors import InvalidError, NotFoundError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message
from threadkeep.values.page import Window
from threadkeep.values.ports import Row

CEILING = 1000
_LEADING = 5
_MOST = 2**31


@dataclass(frozen=True, slots=True)
class Extent:
    """How far back a window goes: exactly one of turns, tokens and messages."""

    turns: int | None = None
    tokens: int | None = None
    messages: int | None = None
    steady: int = 1

    def check(self) -> Extent:
        """Return itself, or raise InvalidError naming the argument and its rule."""
        given = {
            name: value
            for name in ("turns", "tokens", "messages")
            if (value := getattr(self, name)) is not None
        }
        if len(given) != 1:
            raise InvalidError("window", "takes exactly one of turns, tokens and messages")
        for name, value in (*given.items(), ("steady", self.steady)):
            least = 1 if name == "steady" else 0
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InvalidError(name, f"must be an int of at least {least}")
        if self.messages is not None and self.steady != 1:
            raise InvalidError("steady", "goes with turns or tokens")
        return self

    def bounds(self) -> tuple[int | None, int | None, int | None]:
        """What the statement stops at: turns, tokens, messages."""
        turns = None if self.turns is None else min(self.turns + self.steady - 1, _MOST)
        tokens, messages = self.tokens, self.messages
        return (
            turns,
            None if tokens is None else min(tokens, _MOST),
            None if messages is None else min(messages, _MOST),
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a path and what a window must know of it."""

    starts: bool
    cut: bool
    calls: frozenset[str]
    answers: frozenset[str]
    message: Message

    @property
    def tokens(self) -> int:
        """The count stored with the message."""
        return self.message.tokens or 0

    @property
    def turn(self) -> int:
        """The number of the turn that the message belongs to."""
        return self.message.turn or 0


@dataclass(frozen=True, slots=True)
class Tail:
    """The newest rows of a path, oldest first; `rooted` where they are the whole path."""

    entries: Sequence[Entry]
    pinned: Sequence[Message]
    rooted: bool
    full: bool


async def window(
    scope: Scope, thread_id: str, extent: Extent, *, leaf: str | None, keep_system: bool
) -> Window[Message]:
    """The window of a path: oldest first, in one statement.

    A second statement runs only where a result's call is not among the rows that the first one
    had to read.
    """
    extent.check()
    if leaf is not None:
        check_id("leaf", leaf)
    if 0 in (extent.turns, extent.messages):
        return Window()
    tail = await _read(scope, thread_id, leaf, extent.bounds(), keep_system)
    if leaf is not None and not tail.entries:
        raise NotFoundError("message", leaf)
    start = _start(tail, extent)
    if not (tail.rooted or tail.full) and (start == 0 or _unanswered(tail, start, extent)):
        tail = await _read(scope, thread_id, leaf, (None, None, None), keep_system)
        start = _start(tail, extent)
    return _cut(tail, extent, start)


async def _read(
    scope: Scope,
    thread_id: str,
    leaf: str | None,
    bounds: tuple[int | None, ...],
    keep_system: bool,
) -> Tail:
    rows = await scope.on_thread("window", thread_id, leaf, *bounds, keep_system)
    rows = sorted(rows, key=lambda row: row[_LEADING + SEQ])
    messages = messages_of([row[_LEADING:] for row in rows])
    pairs = list(zip(rows, messages, strict=True))
    entries = [_entry(row, message) for row, message in pairs if not row[0]]
    pinned = [message for row, message in pairs if row[0]]
    oldest = next((row for row in rows if not row[0]), None)
    rooted = oldest is not None and oldest[_LEADING + PARENT_SEQ] is None
    if len(entries) > CEILING:
        return Tail(entries[-CEILING:], pinned, rooted=False, full=True)
    return Tail(entries, pinned, rooted=rooted, full=len(entries) == CEILING)


def _entry(row: Row, message: Message) -> Entry:
    _, starts, cut, calls, answers = row[:_LEADING]
    return Entry(starts, cut, frozenset(calls or ()), frozenset(answers or ()), message)


def _start(tail: Tail, extent: Extent) -> int | None:
    """The index where the window starts, None where nothing fits."""
    if not tail.entries:
        return None
    if extent.tokens is not None:
        return _start_of_budget(tail, extent)
    wanted = _start_of_turns(tail, extent) if extent.turns else _start_of_messages(tail, extent)
    if wanted is None:
        # The ceiling: the first row where a window may start and no result loses its call.
        return _first(tail, 0)
    return _back_to_calls(tail, wanted)


def _start_of_turns(tail: Tail, extent: Extent) -> int | None:
    starts = [i for i, entry in enumerate(tail.entries) if entry.starts]
    if len(starts) < (extent.turns or 0):
        return 0 if tail.rooted else None
    start = starts[-(extent.turns or 0)]
    block = _block(tail.entries[start], extent.steady)
    return next(i for i in starts if _block(tail.entries[i], extent.steady) == block)


def _start_of_messages(tail: Tail, extent: Extent) -> int | None:
    wanted = len(tail.entries) - (extent.messages or 0)
    if wanted <= 0 and tail.rooted:
        return 0
    back = (i for i in range(wanted, -1, -1) if tail.entries[i].cut)
    return next(back, 0 if tail.rooted else None)


def _start_of_budget(tail: Tail, extent: Extent) -> int | None:
    budget = extent.tokens or 0
    spent = sum(entry.tokens for entry in tail.entries)
    start = None
    for i, entry in enumerate(tail.entries):
        seq = entry.message.seq or 0
        extra = sum(m.tokens or 0 for m in tail.pinned if (m.seq or 0) < seq)
        if spent + extra <= budget and _may_start(tail, i):
            start = i
            break
        spent -= entry.tokens
    if start is None or (start == 0 and tail.rooted) or extent.steady == 1:
        return start
    return _steady(tail, start, extent.steady)


def _steady(tail: Tail, start: int, steady: int) -> int:
    """Move a start forward to where a block of turns begins, so that it stays for the block."""
    before = tail.entries[start - 1].turn if start else tail.entries[start].turn - 1
    block = max(before - 1, 0) // steady
    for i in range(start, len(tail.entries)):
        entry = tail.entries[i]
        if entry.starts and _block(entry, steady) > block and _may_start(tail, i):
            return i
    return start


def _block(entry: Entry, steady: int) -> int:
    return (entry.turn - 1) // steady


def _first(tail: Tail, start: int) -> int | None:
    fits = (i for i in range(start, len(tail.entries)) if _may_start(tail, i))
    return next(fits, None)


def _may_start(tail: Tail, start: int) -> bool:
    if start == 0 and tail.rooted:
        return True
    return tail.entries[start].cut and not _parted(tail, start)


def _back_to_calls(tail: Tail, start: int) -> int:
    """Extend a window back until no result in it has its call before it."""
    while parted := _parted(tail, start):
        call = min(parted)
        cuts = (i for i in range(call, -1, -1) if tail.entries[i].cut)
        before = next(cuts, 0 if tail.rooted else call)
        start = before
    return start


def _parted(tail: Tail, start: int) -> list[int]:
    """Where the calls stand, before `start`, that results from `start` on answer.

    A call's id may come again: a result answers the nearest call before it.
    """
    opened: dict[str, int] = {}
    found: list[int] = []
    for i, entry in enumerate(tail.entries):
        if i >= start:
            found += (opened[id_] for id_ in entry.answers if opened.get(id_, start) < start)
        opened.update(dict.fromkeys(entry.calls, i))
    return found


def _unanswered(tail: Tail, start: int | None, extent: Extent) -> bool:
    """Whether the call of a result that counts may stand before all rows that were read."""
    if start is None:
        return False
    # A steady budget moved its start forward, from one that results before it may rule out.
    first = 0 if extent.tokens is not None and extent.steady > 1 else start
    opened: set[str] = set()
    for i, entry in enumerate(tail.entries):
        if i >= first and not entry.answers <= opened:
            return True
        opened |= entry.calls
    return False


def _cut(tail: Tail, extent: Extent, start: int | None) -> Window[Message]:
    if start is None:
        return Window(truncated=bool(tail.entries))
    messages = [entry.message for entry in tail.entries[start:]]
    first = messages[0].seq or 0
    messages = [m for m in tail.pinned if (m.seq or 0) < first] + messages
    tokens = sum(m.tokens or 0 for m in messages)
    whole = start == 0 and tail.rooted
    limited = extent.tokens is not None or _short(tail, extent, start)
    return Window(messages, truncated=limited and not whole, tokens=tokens)


def _short(tail: Tail, extent: Extent, start: int) -> bool:
    """Whether the window holds less than was asked for."""
    rows = tail.entries[start:]
    if extent.turns is not None:
        return sum(entry.starts for entry in rows) < extent.turns
    return len(rows) < (extent.messages or 0)
