"""The event wrapper for models that give every message the same id."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import chatkit_kit as kit
import pytest
from chatkit.types import (
    AssistantMessageContentPartTextDelta,
    ProgressUpdateEvent,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
    WorkflowTaskAdded,
)

from threadkeep import AsyncStore
from threadkeep.adapters.chatkit import ChatKitStore, replace_placeholder_ids
from threadkeep.adapters.chatkit.placeholders import PLACEHOLDER


async def stream(*events: ThreadStreamEvent) -> AsyncIterator[ThreadStreamEvent]:
    for event in events:
        yield event


def delta(text: str, item_id: str = PLACEHOLDER) -> ThreadItemUpdatedEvent:
    update = AssistantMessageContentPartTextDelta(content_index=0, delta=text)
    return ThreadItemUpdatedEvent(item_id=item_id, update=update)


def message(text: str) -> tuple[ThreadStreamEvent, ...]:
    """The events of one message with the placeholder."""
    return (
        ThreadItemAddedEvent(item=kit.said("", id=PLACEHOLDER)),
        delta(text),
        ThreadItemDoneEvent(item=kit.said(text, id=PLACEHOLDER)),
    )


async def changed(store: AsyncStore, *events: ThreadStreamEvent) -> list[ThreadStreamEvent]:
    chatkit = ChatKitStore[Any](store)
    wrapped = replace_placeholder_ids(stream(*events), chatkit, kit.thread(), kit.ANN)
    return [event async for event in wrapped]


def id_of(event: ThreadStreamEvent) -> str:
    item: ThreadItem | None = getattr(event, "item", None)
    return item.id if item is not None else str(getattr(event, "item_id", None))


async def test_each_message_gets_one_id_of_its_own(store: AsyncStore) -> None:
    """Added, updated and done of one message agree, and two messages differ."""
    assert PLACEHOLDER == "__fake_id__"
    made = await changed(store, *message("one"), *message("two"))
    ids = [id_of(event) for event in made]
    assert ids[:3] == [ids[0]] * 3
    assert ids[3:] == [ids[3]] * 3
    assert ids[0] != ids[3]
    assert all(id.startswith("msg_") for id in ids)


async def test_both_answers_are_stored(store: AsyncStore) -> None:
    """The second answer does not overwrite the first, nor is it refused. [C3]"""
    chatkit = ChatKitStore[Any](store)
    await chatkit.save_thread(kit.thread(), kit.ANN)
    for text in ("one", "two"):
        for event in await changed(store, *message(text)):
            if isinstance(event, ThreadItemDoneEvent):
                await chatkit.add_thread_item("thr_1", event.item, kit.ANN)
    page = await chatkit.load_thread_items("thr_1", None, 10, "asc", kit.ANN)
    assert [item.content[0].text for item in page.data] == ["one", "two"]  # type: ignore[union-attr]


async def test_other_events_pass_unchanged(store: AsyncStore) -> None:
    """Items with an id of their own, and events of no item, are the same objects."""
    events: list[ThreadStreamEvent] = [
        ProgressUpdateEvent(text="working"),
        ThreadItemAddedEvent(item=kit.said()),
        delta("x", "msg_2"),
        ThreadItemDoneEvent(item=kit.said()),
        ThreadItemReplacedEvent(item=kit.said()),
        ThreadItemRemovedEvent(item_id="msg_2"),
    ]
    made = await changed(store, *events)
    assert all(one is other for one, other in zip(made, events, strict=True))


async def test_the_events_handed_in_are_not_changed(store: AsyncStore) -> None:
    """The agents SDK goes on with its own objects."""
    events = message("one")
    await changed(store, *events)
    assert [id_of(event) for event in events] == [PLACEHOLDER] * 3


async def test_kinds_have_their_prefixes(store: AsyncStore) -> None:
    """A tool call between the events of a message has an id of its own, and of its kind."""
    task = kit.workflow("x").workflow.tasks[0]
    made = await changed(
        store,
        ThreadItemAddedEvent(item=kit.said("", id=PLACEHOLDER)),
        ThreadItemDoneEvent(item=kit.called(id=PLACEHOLDER)),
        ThreadItemAddedEvent(item=kit.workflow(id=PLACEHOLDER)),
        ThreadItemUpdatedEvent(
            item_id=PLACEHOLDER, update=WorkflowTaskAdded(task=task, task_index=0)
        ),
        delta("x"),
        ThreadItemDoneEvent(item=kit.said("x", id=PLACEHOLDER)),
        ThreadItemDoneEvent(item=kit.workflow(id=PLACEHOLDER)),
    )
    ids = [id_of(event) for event in made]
    assert [id.partition("_")[0] for id in ids] == ["msg", "tc", "wf", "wf", "msg", "msg", "wf"]
    assert ids[0] == ids[4] == ids[5]
    assert ids[2] == ids[3] == ids[6]


async def test_what_is_replaced_later_keeps_its_id(store: AsyncStore) -> None:
    """A replaced event means the item that was done last."""
    replaced = ThreadItemReplacedEvent(item=kit.said("new", id=PLACEHOLDER))
    made = await changed(store, *message("one"), replaced)
    assert len({id_of(event) for event in made}) == 1
    [alone] = await changed(store, replaced)
    assert id_of(alone) != PLACEHOLDER


async def test_removing_the_placeholder_removes_all(store: AsyncStore) -> None:
    """After a guardrail the SDK removes one id: all items that had it go."""
    removed = ThreadItemRemovedEvent(item_id=PLACEHOLDER)
    made = await changed(store, *message("one"), *message("two"), removed)
    assert [id_of(event) for event in made[6:]] == [id_of(made[0]), id_of(made[3])]
    assert all(isinstance(event, ThreadItemRemovedEvent) for event in made[6:])
    assert await changed(store, removed) == []


async def test_updates_without_a_beginning(store: AsyncStore) -> None:
    """A stream that begins in the middle of a message is consistent too."""
    made = await changed(store, delta("a"), delta("b"), message("ab")[2])
    assert len({id_of(event) for event in made}) == 1


async def test_leaving_closes_what_is_behind(store: AsyncStore) -> None:
    """Errors pass through, and a wrapper that is left closes its events."""
    closed: list[str] = []

    async def broken() -> AsyncIterator[ThreadStreamEvent]:
        try:
            yield message("x")[0]
            yield message("x")[1]
            raise ConnectionError
        finally:
            closed.append("closed")

    chatkit = ChatKitStore[Any](store)
    with pytest.raises(ConnectionError):
        async for _ in replace_placeholder_ids(broken(), chatkit, kit.thread(), kit.ANN):
            pass
    wrapped = replace_placeholder_ids(broken(), chatkit, kit.thread(), kit.ANN)
    await anext(wrapped)
    await wrapped.aclose()  # type: ignore[attr-defined]
    assert closed == ["closed", "closed"]
