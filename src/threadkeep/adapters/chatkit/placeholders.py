"""Ids for the items of models that give each message one and the same."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final

from threadkeep.adapters.chatkit.sdk import (
    Store,
    StoreItemType,
    TContext,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
)

PLACEHOLDER: Final = "__fake_id__"
"""What openai-agents gives to all that a chat completions model says (`FAKE_RESPONSES_ID`)."""

_KINDS: Final[dict[str, StoreItemType]] = {
    "client_tool_call": "tool_call",
    "workflow": "workflow",
    "task": "task",
    "sdk_hidden_context": "sdk_hidden_context",
}


async def replace_placeholder_ids(
    events: AsyncIterable[ThreadStreamEvent],
    store: Store[TContext],
    thread: ThreadMetadata,
    context: TContext,
    *,
    placeholder: str = PLACEHOLDER,
) -> AsyncIterator[ThreadStreamEvent]:
    """The events of a stream, with ids of the store's in the place of the placeholder.

    All events of one item, from added to done, get the same id, and the next item another one; a
    removal of the placeholder removes all items that had it. Wrap `stream_agent_response` in it.
    """
    ids = _Ids(lambda kind: store.generate_item_id(kind, thread, context), placeholder)
    async with aclosing(_generator(events)) as stream:
        async for event in stream:
            for changed in ids.change(event):
                yield changed


class _Ids:
    """The ids given in one stream; one item of a kind is open at a time."""

    def __init__(self, new: Callable[[StoreItemType], str], placeholder: str) -> None:
        self._new = new
        self._placeholder = placeholder
        self._open: dict[str, str] = {}
        self._given: list[str] = []

    def change(self, event: ThreadStreamEvent) -> list[ThreadStreamEvent]:
        """The event with another id; several where it removes several items."""
        if isinstance(event, ThreadItemAddedEvent | ThreadItemDoneEvent | ThreadItemReplacedEvent):
            if event.item.id != self._placeholder:
                return [event]
            item = event.item.model_copy(update={"id": self._id(event)})
            return [event.model_copy(update={"item": item})]
        if isinstance(event, ThreadItemUpdatedEvent) and event.item_id == self._placeholder:
            kind = event.update.type.partition(".")[0]
            id = self._open.get(kind) or self._give(kind)
            return [event.model_copy(update={"item_id": id})]
        if isinstance(event, ThreadItemRemovedEvent) and event.item_id == self._placeholder:
            gone, self._given, self._open = self._given, [], {}
            return [event.model_copy(update={"item_id": id}) for id in gone]
        return [event]

    def _id(
        self, event: ThreadItemAddedEvent | ThreadItemDoneEvent | ThreadItemReplacedEvent
    ) -> str:
        kind = event.item.type
        if isinstance(event, ThreadItemAddedEvent):
            return self._give(kind)
        id = self._open.pop(kind, None)
        if id is None and isinstance(event, ThreadItemReplacedEvent) and self._given:
            return self._given[-1]  # the item of before, which is done
        if id is None:
            id = self._give(kind)
            del self._open[kind]
        return id

    def _give(self, kind: str) -> str:
        self._open[kind] = id = self._new(_KINDS.get(kind, "message"))
        self._given.append(id)
        return id


async def _generator(
    events: AsyncIterable[ThreadStreamEvent],
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """The events; closing it closes what they come from, if that can be closed."""
    try:
        async for event in events:
            yield event
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()
