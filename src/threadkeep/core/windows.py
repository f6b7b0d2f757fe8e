"""Windows: the tail of a path that a model accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from threadkeep.core.rows import (
    COLUMNS,
    MESSAGE_ID,
    PARENT_SEQ,
    SEQ,
    TOKENS,
    TURN,
    chain_of,
    message_of,
)
from threadkeep.core.scope import Scope
from threadkeep.values.errors import InvalidError, NotFoundError
from threadkeep.values.ids import check_id_or_none
from threadkeep.values.message import Message
from threadkeep.values.page import Window
from threadkeep.values.ports import Row

CEILING = 1000
_MOST = 2**31

# What stands in a row behind the columns of a message.
_PINNED, _STARTS, _CUT, _CALLS, _ANSWERS = range(COLUMNS, COLUMNS + 5)
_BY_SEQ = itemgetter(SEQ)


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
class Tail:
    """The newest rows of a path, oldest first, and what a window must know of them.

    `above` is the id of the message before them where that was read too, `rooted` says that there
    is none; `full` that nothing further back may be looked at. `spans` has for each result the
    places of its call, which is the nearest one before it with its id, and of itself; `loose` the
    places of results whose call is not among the rows.
    """

    rows: Sequence[Row]
    pinned: Sequence[Row]
    above: str | None
    rooted: bool
    full: bool
    spans: Sequence[tuple[int, int]]
    loose: Sequence[int]


async def window(
    scope: Scope, thread_id: str, extent: Extent, *, leaf: str | None, keep_system: bool
) -> Window[Message]:
    """The window of a path: oldest first, in one statement.

    A second statement runs only where a result's call is not among the rows that the first one
    had to read.
    """
    extent.check()
    check_id_or_none("leaf", leaf)
    if 0 in (extent.turns, extent.messages):
        return Window()
    bounds = extent.bounds()
    if extent.turns is not None and leaf is None and not keep_system:
        rows = await scope.on_thread("window_of_turns", thread_id, bounds[0])
    else:
        rows = await scope.on_thread("window", thread_id, leaf, *bounds, keep_system)
    tail = _tail(rows)
    if leaf is not None and not tail.rows:
        raise NotFoundError("message", leaf)
    start = _start(tail, extent)
    if not (tail.rooted or tail.full) and (start == 0 or _unanswered(tail, start, extent)):
        tail = _tail(
            await scope.on_thread("window", thread_id, leaf, None, None, None, keep_system)
        )
        start = _start(tail, extent)
    return _cut(tail, extent, start)


def _tail(found: Sequence[Row]) -> Tail:
    rows = sorted(found, key=_BY_SEQ)
    pinned = [row for row in rows if row[_PINNED]]
    if pinned:
        rows = [row for row in rows if not row[_PINNED]]
    rooted = bool(rows) and rows[0][PARENT_SEQ] is None
    above, full = None, len(rows) > CEILING
    if full:
        above, rooted = rows[-CEILING - 1][MESSAGE_ID], False
        rows = rows[-CEILING:]
    return Tail(rows, pinned, above, rooted, full, *_links(rows))


def _links(rows: Sequence[Row]) -> tuple[list[tuple[int, int]], list[int]]:
    opened: dict[str, int] = {}
    spans: list[tuple[int, int]] = []
    loose: list[int] = []
    for i, row in enumerate(rows):
        for id_ in row[_ANSWERS] or ():
            call = opened.get(id_)
            if call is None:
                loose.append(i)
            else:
                spans.append((call, i))
        for id_ in row[_CALLS] or ():
            opened[id_] = i
    return spans, loose


def _start(tail: Tail, extent: Extent) -> int | None:
    """The index where the window starts, None where nothing fits."""
    if not tail.rows:
        return None
    if extent.tokens is not None:
        return _start_of_budget(tail, extent.tokens, extent.steady)
    wanted = _start_of_turns(tail, extent) if extent.turns else _start_of_messages(tail, extent)
    if wanted is None:
        # The ceiling: the first row where a window may start and no result loses its call.
        return next((i for i in range(len(tail.rows)) if _may_start(tail, i)), None)
    return _back_to_calls(tail, wanted)


def _start_of_turns(tail: Tail, extent: Extent) -> int | None:
    starts = [i for i, row in enumerate(tail.rows) if row[_STARTS]]
    if len(starts) < (extent.turns or 0):
        return 0 if tail.rooted else None
    start = starts[-(extent.turns or 0)]
    block = _block(tail.rows[start], extent.steady)
    return next(i for i in starts if _block(tail.rows[i], extent.steady) == block)


def _start_of_messages(tail: Tail, extent: Extent) -> int | None:
    wanted = len(tail.rows) - (extent.messages or 0)
    if wanted <= 0 and tail.rooted:
        return 0
    back = (i for i in range(wanted, -1, -1) if tail.rows[i][_CUT])
    return next(back, 0 if tail.rooted else None)


def _start_of_budget(tail: Tail, budget: int, steady: int) -> int | None:
    spent = sum(row[TOKENS] for row in tail.rows)
    start = None
    for i, row in enumerate(tail.rows):
        extra = sum(p[TOKENS] for p in tail.pinned if p[SEQ] < row[SEQ])
        if spent + extra <= budget and _may_start(tail, i):
            start = i
            break
        spent -= row[TOKENS]
    if start is None or (start == 0 and tail.rooted) or steady == 1:
        return start
    return _steady(tail, start, steady)


def _steady(tail: Tail, start: int, steady: int) -> int:
    """Move a start forward to where a block of turns begins, so that it stays for the block."""
    before = tail.rows[start - 1][TURN] if start else tail.rows[start][TURN] - 1
    block = max(before - 1, 0) // steady
    for i in range(start, len(tail.rows)):
        row = tail.rows[i]
        if row[_STARTS] and _block(row, steady) > block and _may_start(tail, i):
            return i
    return start


def _block(row: Row, steady: int) -> int:
    return int(row[TURN] - 1) // steady


def _may_start(tail: Tail, start: int) -> bool:
    if start == 0 and tail.rooted:
        return True
    return tail.rows[start][_CUT] and not _parted(tail, start)


def _back_to_calls(tail: Tail, start: int) -> int:
    """Extend a window back until no result in it has its call before it."""
    while parted := _parted(tail, start):
        call = min(parted)
        cuts = (i for i in range(call, -1, -1) if tail.rows[i][_CUT])
        start = next(cuts, 0 if tail.rooted else call)
    return start


def _parted(tail: Tail, start: int) -> list[int]:
    """Where the calls stand, before `start`, that results from `start` on answer."""
    return [call for call, answer in tail.spans if call < start <= answer]


def _unanswered(tail: Tail, start: int | None, extent: Extent) -> bool:
    """Whether the call of a result that counts may stand before all rows that were read."""
    if start is None:
        return False
    # A steady budget moved its start forward, from one that results before it may rule out.
    first = 0 if extent.tokens is not None and extent.steady > 1 else start
    return any(answer >= first for answer in tail.loose)


def _cut(tail: Tail, extent: Extent, start: int | None) -> Window[Message]:
    if start is None:
        return Window(truncated=bool(tail.rows))
    rows = tail.rows[start:]
    before = tail.rows[start - 1][MESSAGE_ID] if start else tail.above
    pinned = [row for row in tail.pinned if row[SEQ] < rows[0][SEQ]]
    messages = [*(message_of(row, {}) for row in pinned), *chain_of(rows, before)]
    tokens = sum([row[TOKENS] for row in (*pinned, *rows)])
    whole = start == 0 and tail.rooted
    limited = extent.tokens is not None or _short(rows, extent)
    return Window(messages, truncated=limited and not whole, tokens=tokens)


def _short(rows: Sequence[Row], extent: Extent) -> bool:
    """Whether a window of these rows holds less than was asked for."""
    if extent.turns is not None:
        return len([row for row in rows if row[_STARTS]]) < extent.turns
    return len(rows) < (extent.messages or 0)
