"""Which branch a person has seen last, from what a front end tells of its branch pickers.

`branch_switched` names the message that was left, not the one that was shown instead: the client
reports it before it switches. With two branches the other one is meant. With more a picker shows
the one before or after, which nobody tells; then it is taken to go on the way that it went.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from threadkeep.store import Owner
from threadkeep.values.errors import ConflictError, NotFoundError
from threadkeep.values.event import Event

SWITCHED: Final = "branch_switched"
SOON: Final = timedelta(minutes=2)
"""How long somebody looks at a branch before the next one; after that the page was loaded anew."""
_LONGEST: Final = 100
# What is stored after one of these becomes the head by itself.
_WRITES: Final = frozenset({"message_sent", "message_edited", "message_regenerated"})


async def follow(chat: Owner, events: Iterable[Event]) -> None:
    """Let each thread show the branch that was switched to last, once the events are stored.

    What is told of unknown threads and messages, or was overtaken by a new message, changes
    nothing.
    """
    for thread_id, left in _left_last(events).items():
        try:
            await _show(chat, thread_id, left)
        except (NotFoundError, ConflictError):  # deleted since, or closed
            continue


def _left_last(events: Iterable[Event]) -> dict[str, str]:
    """The message that was left last in each thread where nothing was written after that."""
    left: dict[str, str] = {}
    for event in events:
        if event.thread_id is None:
            continue
        if event.kind == SWITCHED and event.message_id is not None:
            left[event.thread_id] = event.message_id
        elif event.kind in _WRITES:
            left.pop(event.thread_id, None)
    return left


async def _show(chat: Owner, thread_id: str, left: str) -> None:
    siblings = await chat.messages.siblings(thread_id, left)
    branches: Sequence[str] = [str(one.id) for one in siblings]
    if len(branches) == 1:
        return
    way = [left]
    if len(branches) > 2:
        way = await _way(chat, thread_id, branches) or way
        branches = await _as_shown(chat, thread_id, branches, way[-1])
    leaf = await chat.messages.leaf(thread_id, _beside(branches, way))
    if leaf is not None and leaf != await chat.messages.leaf(thread_id):
        await chat.threads.set_head(thread_id, leaf)


async def _way(chat: Owner, thread_id: str, branches: Sequence[str]) -> list[str]:
    """Which of these were left one soon after the other, the latest first."""
    told = await chat.events.list(thread=thread_id, kind=SWITCHED, limit=_LONGEST)
    way: list[str] = []
    later: datetime | None = None
    for event in told.items:
        at = event.created_at or datetime.now(UTC)
        id = event.message_id
        if id is None or id not in branches or (later is not None and later - at > SOON):
            break
        way.append(id)
        later = at
    return way


async def _as_shown(
    chat: Owner, thread_id: str, branches: Sequence[str], first: str
) -> Sequence[str]:
    """The branches as the client has them: what it has shown first since its load comes last.

    It does where it has nothing below it: that is how its list tells what to show.
    """
    if await chat.messages.leaf(thread_id, first) != first:
        return branches
    return [*(one for one in branches if one != first), first]


def _beside(branches: Sequence[str], way: Sequence[str]) -> str:
    """The branch after the one that was left last, or before it; at the end the other one."""
    at = branches.index(way[0])
    forward = len(way) > 1 and branches.index(way[1]) < at
    beside = at + 1 if forward else at - 1
    return branches[beside if 0 <= beside < len(branches) else 2 * at - beside]
