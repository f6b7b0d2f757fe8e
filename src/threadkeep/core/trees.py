"""Trees: how deep messages stand in a thread, and where its branches end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from threadkeep.core.scope import Scope
from threadkeep.values.errors import NotFoundError
from threadkeep.values.ids import check_id, check_id_or_none, check_ids
from threadkeep.values.ports import Row


async def depths(scope: Scope, thread_id: str, message_ids: Iterable[str]) -> dict[str, int]:
    """How many messages stand above each on its path; unknown ones are left out."""
    asked = check_ids("message_ids", message_ids)
    check_id("thread_id", thread_id)
    if not asked:
        return {}
    rows = await scope.on_thread("messages_depths", thread_id, asked)
    seqs = {id_: seq for id_, seq, *_ in rows if id_ is not None}
    levels = _levels({seq: (count, above) for _, seq, count, above in rows})
    return {id_: levels[seqs[id_]] - 1 for id_ in asked if id_ in seqs}


def _levels(places: Mapping[int, tuple[int, int | None]]) -> dict[int, int]:
    """How many messages the path to each place has.

    A place is the seq of a row: how many rows its stretch has up to it, and the place that the
    stretch hangs below. That one has a lower seq.
    """
    levels: dict[int, int] = {}
    for seq in sorted(places):
        count, above = places[seq]
        levels[seq] = count + (0 if above is None else levels[above])
    return levels


async def leaf(scope: Scope, thread_id: str, message_id: str | None) -> str | None:
    """The newest leaf at or below a message, None where the thread has none."""
    check_id_or_none("message_id", message_id)
    rows = await scope.on_thread("messages_leaf", thread_id, message_id)
    if rows:
        return _last_below(rows)
    if message_id is not None:
        raise NotFoundError("message", message_id)
    return None


def _last_below(rows: Sequence[Row]) -> str:
    """The id of the last row below a message.

    Stretches stand one behind the other: a row with another anchor than the one before it begins a
    stretch and ends the one before. The last row below the message ends the last stretch that hangs
    below it, and has no child, since a child would stand behind it.
    """
    since, current = rows[0][:2]
    below = {current: since}
    last = ""
    for _, _, _, anchor, parent, parents_anchor, before in sorted(rows, key=lambda row: row[2]):
        if current in below:
            last = before
        if anchor != current and parents_anchor in below and parent >= below[parents_anchor]:
            below[anchor] = anchor
        current = anchor
    return str(last)
