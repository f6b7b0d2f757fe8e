"""Windows in plain Python: which tail of a path goes to a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadkeep.testing.model_rows import Row

PINNED = 16


@dataclass(frozen=True)
class ModelWindow:
    """What `window` answers."""

    rows: list[Row]
    truncated: bool = False

    @property
    def tokens(self) -> int:
        """What the rows count together."""
        return sum(row.tokens for row in self.rows)


def window(
    path: Sequence[Row],
    *,
    ceiling: int,
    turns: int | None = None,
    tokens: int | None = None,
    messages: int | None = None,
    keep_system: bool = False,
    steady: int = 1,
) -> ModelWindow:
    """The tail of a path, root first. Nothing before its newest `ceiling` rows is looked at."""
    if not path or 0 in (turns, messages):
        return ModelWindow([])
    floor = max(0, len(path) - ceiling)
    pinned = _pinned(path) if keep_system else []
    if tokens is not None:
        start = _start_of_budget(path, floor, tokens, pinned, steady)
        limited = True
    else:
        start = (
            _start_of_turns(path, floor, turns, steady)
            if turns is not None
            else _start_of_messages(path, floor, messages or 0)
        )
        limited = start is None
        if start is None:
            fits = (i for i in range(floor, len(path)) if _may_start(path, floor, i))
            start = next(fits, None)
        else:
            start = _back_to_calls(path, floor, start)
    if start is None:
        return ModelWindow([], truncated=True)
    front = [row for row in pinned if row not in path[start:]]
    return ModelWindow([*front, *path[start:]], truncated=limited and start > 0)


def _pinned(path: Sequence[Row]) -> list[Row]:
    """The system messages before the first turn, 16 at the most."""
    first = next((i for i, row in enumerate(path) if row.starts), len(path))
    return [row for row in path[:first] if row.message.role == "system"][:PINNED]


def _start_of_turns(path: Sequence[Row], floor: int, turns: int, steady: int) -> int | None:
    """Where the N-th turn from the end starts, or with `steady` the first turn of its block."""
    starts = [i for i in range(floor, len(path)) if path[i].starts]
    if len(starts) < turns:
        return 0 if floor == 0 else None
    block = _block(path[starts[-turns]], steady)
    return next(i for i in starts if _block(path[i], steady) == block)


def _start_of_messages(path: Sequence[Row], floor: int, messages: int) -> int | None:
    """N messages from the end, then back to a row where a window may start."""
    wanted = max(0, len(path) - messages)
    back = (i for i in range(wanted, floor - 1, -1) if path[i].cut or i == 0)
    return next(back, None)


def _start_of_budget(
    path: Sequence[Row], floor: int, budget: int, pinned: Sequence[Row], steady: int
) -> int | None:
    """The earliest row where a window may start and whose tail, with what is pinned, fits."""
    for start in range(floor, len(path)):
        tail = path[start:]
        spent = sum(row.tokens for row in [*tail, *(row for row in pinned if row not in tail)])
        if spent <= budget and _may_start(path, floor, start):
            return _steady(path, floor, start, steady) if start else 0
    return None


def _steady(path: Sequence[Row], floor: int, start: int, steady: int) -> int:
    """Forward to where a new block of turns starts; unmoved if there is none."""
    if steady == 1:
        return start
    before = _block(path[start - 1], steady)
    for i in range(start, len(path)):
        if path[i].starts and _block(path[i], steady) > before and _may_start(path, floor, i):
            return i
    return start


def _block(row: Row, steady: int) -> int:
    return max(0, row.turn - 1) // steady


def _may_start(path: Sequence[Row], floor: int, start: int) -> bool:
    return start == 0 or (path[start].cut and not _parted(path, floor, start))


def _back_to_calls(path: Sequence[Row], floor: int, start: int) -> int:
    """Extend a window back until it holds the call of each of its results."""
    while parted := _parted(path, floor, start):
        call = min(parted)
        cuts = (i for i in range(call, floor - 1, -1) if path[i].cut or i == 0)
        start = next(cuts, call)
    return start


def _parted(path: Sequence[Row], floor: int, start: int) -> list[int]:
    """Where the calls stand, from `floor` to `start`, that results from `start` on answer."""
    found = []
    for i in range(start, len(path)):
        for answer in path[i].answers:
            # An id may come again: a result answers the nearest call before it.
            calls = (j for j in range(i - 1, floor - 1, -1) if answer in path[j].calls)
            call = next(calls, start)
            if call < start:
                found.append(call)
    return found
