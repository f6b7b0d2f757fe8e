"""Pages of a thread's messages for a front end: newest first, and the branch last seen on top.

The client reverses what it gets, drops what comes before its parent, and shows the branch of the
last one. So rows come by the order of storing, the newest first; and where the head of the thread
is on an older branch, the leaf of that branch comes before all of them. It has no children, so its
place breaks no other rule.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from threadkeep.adapters.assistant_ui.trees import newest_below, read_all
from threadkeep.server.cloud.files import base_of
from threadkeep.server.cloud.shown import AUI, by_itself, way_of, ways_of, whole
from threadkeep.server.cloud.wire import Row, row_value
from threadkeep.server.links import Who
from threadkeep.server.problems import NO_STORE
from threadkeep.server.service import Service
from threadkeep.store import Owner
from threadkeep.values.errors import InvalidCursorError, NotFoundError
from threadkeep.values.feedback import Feedback
from threadkeep.values.message import Message

_Heights = Mapping[str | None, int]

log = logging.getLogger("threadkeep.server")

_FILES = b"/v1/files/"
_PAGE = 1000
# More messages than that are converted beside the event loop.
_MANY = 200
# Where a page hangs on more messages of later pages than that, the whole thread is read instead.
_FEW = 8


@dataclass(frozen=True, slots=True)
class _Part:
    """A page in order; `complete` if it is all of the thread."""

    messages: Sequence[Message]
    complete: bool = False


async def messages_answer(
    request: Request,
    service: Service,
    chat: Owner,
    thread_id: str,
    *,
    asked: str | None,
    limit: int,
    after: str | None,
) -> Response:
    """A page of messages; the links to files in it are fresh."""
    values = await message_values(chat, thread_id, asked=asked, limit=limit, after=after)
    answer = orjson.dumps({"messages": values})
    if service.links is not None and _FILES in answer:
        who = Who(chat.owner_id, chat.user_id)
        answer = service.links.renewed(answer.decode(), base_of(request), who).encode()
    return Response(answer, 200, NO_STORE, "application/json")


async def message_values(
    chat: Owner, thread_id: str, *, asked: str | None, limit: int, after: str | None
) -> list[dict[str, Any]]:
    """A page of messages to be written by orjson; empty for an unknown thread.

    `after` is the id of the last message of the page before; where it is unknown the first page
    comes again. A page is shorter than `limit` only where nothing follows. While a thread's head is
    moved, a walk over its pages may miss the leaf that it moves to.
    """
    part = await _part(chat, thread_id, limit, after)
    ways = ways_of(part.messages, asked)
    rows = [row for m in part.messages if (row := by_itself(m, ways[m.format], asked)) is not None]
    plain = len(rows) == len(part.messages)
    if plain and await _hangs_on_shown(chat, thread_id, part, asked):
        heights = await _heights(chat, thread_id, part)
    else:
        rows, heights = await _of_whole(chat, thread_id, asked, limit, after)
    feedback = await _feedback(chat, thread_id, rows)
    return [
        row_value(row, heights[row.id], feedback.get(row.id) if _has_thumbs(row) else None)
        for row in rows
    ]


async def _part(chat: Owner, thread_id: str, limit: int, after: str | None) -> _Part:
    if after is None:
        return await _first(chat, thread_id, limit)
    leaf = await chat.messages.leaf(thread_id)
    if after == leaf:
        first = await _first(chat, thread_id, limit + 1)
        return _Part(first.messages[1:])
    try:
        found = await chat.messages.list(
            thread_id, tree=True, order="desc", limit=limit + 1, after=after
        )
    except InvalidCursorError:
        return await _first(chat, thread_id, limit)
    return _Part([message for message in found.items if message.id != leaf][:limit])


async def _first(chat: Owner, thread_id: str, limit: int) -> _Part:
    found = await chat.messages.list(thread_id, tree=True, order="desc", limit=limit)
    messages = list(found.items)
    complete = found.next is None
    if messages and found.head is not None and messages[0].id != found.head:
        leaf = await _leaf(chat, thread_id, messages, found.head)
        if leaf is not None:
            others = [message for message in messages if message.id != leaf.id]
            messages = [leaf, *others][:limit]
    return _Part(messages, complete)


async def _leaf(
    chat: Owner, thread_id: str, newest: Sequence[Message], head: str
) -> Message | None:
    """The newest leaf at or below the head; `newest` are the thread's newest messages."""
    known = {str(message.id): message for message in newest}
    if head in known:  # and so is all below it
        return known[newest_below(head, ((str(m.id), m.parent_id) for m in reversed(newest)))]
    leaf = await chat.messages.leaf(thread_id)
    if leaf is None or leaf in known:
        return known.get(leaf or "")
    try:
        return await chat.messages.get(thread_id, leaf)
    except NotFoundError:  # deleted since
        return None


async def _hangs_on_shown(chat: Owner, thread_id: str, part: _Part, asked: str | None) -> bool:
    """Whether all parents on later pages are rows of their own there."""
    parents = {message.parent_id for message in _edges(part)}
    if len(parents) > _FEW:
        return False
    for parent in parents:
        try:
            message = await chat.messages.get(thread_id, str(parent))
        except NotFoundError:  # deleted since
            return False
        if by_itself(message, way_of(message.format, asked), asked) is None:
            return False
    return True


async def _heights(chat: Owner, thread_id: str, part: _Part) -> _Heights:
    """How many messages stand above each one."""
    edges = [str(message.id) for message in _edges(part)]
    heights: dict[str | None, int] = {None: -1}
    known = await chat.messages.depths(thread_id, edges) if edges else {}
    # Each after its parent: the leaf that comes before all others has no children.
    for message in reversed(part.messages):
        above = heights.get(message.parent_id)
        heights[message.id] = known.get(str(message.id), 0) if above is None else above + 1
    return heights


def _edges(part: _Part) -> Collection[Message]:
    """The messages whose parent is not on their page."""
    if part.complete:
        return ()
    here = {None, *(message.id for message in part.messages)}
    return [message for message in part.messages if message.parent_id not in here]


async def _of_whole(
    chat: Owner, thread_id: str, asked: str | None, limit: int, after: str | None
) -> tuple[list[Row], _Heights]:
    """The same page of a thread whose messages are not each a row of its own."""
    messages, head = await read_all(chat, thread_id)
    if len(messages) > _MANY:
        rows, leaf, left_out = await run_in_threadpool(whole, messages, head, asked)
    else:
        rows, leaf, left_out = whole(messages, head, asked)
    if left_out:
        log.warning("messages_left_out", extra={"count": left_out})
    heights: dict[str | None, int] = {None: -1}
    for row in rows:
        heights[row.id] = heights[row.parent_id] + 1
    newest = rows[::-1]
    ordered = [row for row in newest if row.id == leaf] + [row for row in newest if row.id != leaf]
    ids = [row.id for row in ordered]
    start = ids.index(after) + 1 if after in ids else 0
    return ordered[start : start + limit], heights


async def _feedback(chat: Owner, thread_id: str, rows: Sequence[Row]) -> Mapping[str, Feedback]:
    """What the reader thinks of these answers, by message."""
    if not any(_has_thumbs(row) for row in rows):
        return {}
    listed = chat.feedback.list(thread_id, limit=_PAGE)
    return {one.message_id: one async for one in listed if one.user_id == chat.user_id}


def _has_thumbs(row: Row) -> bool:
    """Whether a front end shows feedback on it."""
    return row.format == AUI and row.role == "assistant"
