"""Contexts: what of a thread goes to a model, where not just all of its end does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from threadkeep.adapters.repositories import MessageRecord
from threadkeep.adapters.repositories.items import DIALECT, Item
from threadkeep.dialects.convert import convert
from threadkeep.dialects.healing import Policy
from threadkeep.store import Owner
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message

MessageFilter = Callable[[MessageRecord], bool]

_PAGE: Final = 200
_MOST: Final = 1000


def check_limit(limit: object) -> int:
    """Return the number of messages; InvalidError unless it is 0 to 1000."""
    if not isinstance(limit, int) or isinstance(limit, bool) or not 0 <= limit <= _MOST:
        raise InvalidError("message_limit", f"must be an int from 0 to {_MOST}")
    return limit


async def newest(chat: Owner, thread_id: str, limit: int, heal: Policy | None) -> list[Item]:
    """The newest messages, oldest first; more where else a call were parted from its result."""
    found = await chat.messages.window(thread_id, messages=limit, dialect=DIALECT, heal=heal)
    return cast("list[Item]", list(found))


async def chosen(
    chat: Owner,
    thread_id: str,
    limit: int,
    *,
    tools: bool,
    keep: MessageFilter | None,
    heal: Policy | None,
) -> list[Item]:
    """The newest messages that are kept, oldest first; without `tools` no calls and no results."""
    found: list[Message] = []
    if not limit:
        return []
    async for message in chat.messages.list(thread_id, order="desc", limit=_PAGE):
        if len(found) >= limit and not (tools and found[-1].role == "tool"):
            break
        record = MessageRecord.of(thread_id, message)
        if (tools or _has_words(record)) and (keep is None or keep(record)):
            found.append(message)
    items = cast("list[Item]", list(convert(found[::-1], DIALECT, heal=heal if tools else None)))
    return items if tools else _without_tools(items)


def _has_words(record: MessageRecord) -> bool:
    """Whether something is left of a message without its calls."""
    return record.role != "tool" and bool(record.content or not record.tool_calls)


def _without_tools(items: list[Any]) -> list[Item]:
    left = []
    for item in items:
        if item["role"] in ("tool", "function"):
            continue
        kept = {name: item[name] for name in item if name not in ("tool_calls", "function_call")}
        if kept == item or kept.get("content"):
            left.append(kept)
    return left
