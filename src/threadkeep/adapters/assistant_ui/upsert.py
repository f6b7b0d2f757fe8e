"""Update that inserts: what assistant-ui calls `update` may come for a message never stored."""

from __future__ import annotations

from dataclasses import replace

from threadkeep.store import Owner
from threadkeep.values.errors import NotFoundError
from threadkeep.values.message import Message


async def upsert(chat: Owner, thread_id: str, message: Message, parent: str | None) -> Message:
    """Rewrite the stored message of this id, or store it under its parent.

    Its metadata goes into what the stored one has. Nothing is written where content and metadata
    are stored like that already. The thread is made if it is absent. Returns it as it is stored.
    """
    id = str(message.id)
    try:
        there = await chat.messages.get(thread_id, id)
    except NotFoundError:
        there = None
    if there is not None:
        kept = there.metadata or {}
        if message.metadata is not None:
            message = replace(message, metadata={**kept, **message.metadata})
        same = (there.format, there.json) == (message.format, message.json)
        if same and (message.metadata or kept) == kept:
            return there
    try:
        return await chat.messages.update(thread_id, id, message, parent=parent)
    except NotFoundError:  # no thread yet, or no such parent, which append refuses as well
        if there is not None:  # deleted since
            raise
        return (await chat.messages.append(thread_id, message, parent=parent))[0]
