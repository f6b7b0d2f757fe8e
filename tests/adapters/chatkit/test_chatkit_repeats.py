"""ChatKitStore: an id that is added a second time."""

from __future__ import annotations

from typing import Any

import chatkit_kit as kit
import pytest
from chatkit.types import DurationSummary, StructuredInputAnswer, ThreadItem

from threadkeep import AsyncStore, ConflictError
from threadkeep.adapters.chatkit import ChatKitStore

Kit = ChatKitStore[Any]


@pytest.fixture
async def chatkit(store: AsyncStore) -> Kit:
    """A store with one thread of Ann's, which begins with a message."""
    made = ChatKitStore[Any](store)
    await made.save_thread(kit.thread(), kit.ANN)
    await made.add_thread_item("thr_1", kit.asked(), kit.ANN)
    return made


async def stored(chatkit: Kit, *items: ThreadItem) -> ThreadItem:
    """The last item of that id after adding these in turn."""
    for item in items:
        await chatkit.add_thread_item("thr_1", item, kit.ANN)
    return await chatkit.load_item("thr_1", items[-1].id, kit.ANN)


async def test_the_same_item_twice_is_stored_once(chatkit: Kit) -> None:
    """Adding what is there already changes nothing. [C4]"""
    for item in kit.every_kind():
        assert await stored(chatkit, item, item) == item
    page = await chatkit.load_thread_items("thr_1", None, 100, "asc", kit.ANN)
    assert len(page.data) == len(kit.every_kind()) + 1


async def test_a_workflow_goes_on_in_its_place(chatkit: Kit) -> None:
    """A workflow that is stored open and finished in the next turn is updated. [C5]"""
    done = kit.workflow("one", "two", summary=DurationSummary(duration=3))
    await chatkit.add_thread_item("thr_1", kit.workflow("one"), kit.ANN)
    await chatkit.add_thread_item("thr_1", kit.said(), kit.ANN)
    assert await stored(chatkit, done) == done
    page = await chatkit.load_thread_items("thr_1", None, 10, "asc", kit.ANN)
    assert [item.id for item in page.data] == ["msg_1", "wf_1", "msg_2"]


async def test_an_answer_survives_that_it_is_asked_again(chatkit: Kit) -> None:
    """A structured input that is answered does not become pending again. [seed 003 defect 13]"""
    answered = kit.questions("answered", StructuredInputAnswer(values=["a"]))
    assert await stored(chatkit, answered, kit.questions()) == answered


async def test_the_output_of_a_tool_survives_that_it_is_called_again(chatkit: Kit) -> None:
    """A client tool call that is completed does not become pending again."""
    completed = kit.called("completed", {"found": 1})
    assert await stored(chatkit, completed, kit.called()) == completed


async def test_a_cut_off_answer_does_not_replace_the_whole(chatkit: Kit) -> None:
    """What a cancelled stream had of an answer is dropped where all of it is stored."""
    whole = kit.said("Hello, world", seconds=5)
    assert await stored(chatkit, whole, kit.said("Hello", seconds=4)) == whole


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (kit.said("Yes, of course"), kit.said("No")),
        (kit.said("Yes, of course"), kit.said("Yes", seconds=60)),
        (kit.said("Yes"), kit.said("Yes, of course", seconds=60)),
        (kit.asked("one", "x"), kit.asked("two", "x")),
        (kit.asked("one", "x"), kit.said("one", "x")),
        (kit.widget(), kit.widget(size="lg")),
        (kit.called("completed", 1), kit.called("completed", 2)),
        (kit.questions("skipped"), kit.questions().model_copy(update={"inputs": []})),
        (kit.workflow("x", id="x"), kit.said(id="x")),
    ],
)
async def test_another_item_under_the_same_id_is_refused(
    chatkit: Kit, first: ThreadItem, second: ThreadItem
) -> None:
    """Content that would be lost is an error, and what is stored stays. [C4 seed 003 defect 13]"""
    await chatkit.add_thread_item("thr_1", first, kit.ANN)
    with pytest.raises(ConflictError) as raised:
        await chatkit.add_thread_item("thr_1", second, kit.ANN)
    assert (raised.value.reason, raised.value.id) == ("message_differs", first.id)
    assert await chatkit.load_item("thr_1", first.id, kit.ANN) == first


async def test_another_formats_message_is_not_written_over(chatkit: Kit) -> None:
    """An id that a message of another format has is refused as well."""
    chat = chatkit.chat(kit.ANN)
    [row] = await chat.messages.append(
        "thr_1", {"role": "assistant", "content": "Hi"}, dialect="openai-chat"
    )
    with pytest.raises(ConflictError):
        await chatkit.add_thread_item("thr_1", kit.said(id=str(row.id)), kit.ANN)
