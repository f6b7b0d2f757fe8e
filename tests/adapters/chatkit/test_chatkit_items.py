"""ChatKitStore: items."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import chatkit_kit as kit
import pytest
from chatkit.types import (
    AssistantMessageItem,
    ClientToolCallItem,
    ThreadItem,
    WidgetItem,
    WorkflowItem,
)
from chatkit.widgets import DynamicWidgetRoot
from hypothesis import HealthCheck, given, settings

from threadkeep import AsyncStore, InvalidError
from threadkeep.adapters.chatkit import ChatKitStore, CursorNotFoundError, NotFoundError, texts
from threadkeep.testing.strategies import json_values

Kit = ChatKitStore[Any]


@pytest.fixture
async def chatkit(store: AsyncStore) -> Kit:
    """A store with one thread of Ann's."""
    made = ChatKitStore[Any](store)
    await made.save_thread(kit.thread(), kit.ANN)
    return made


async def listed(chatkit: Kit, order: str = "asc", context: Any = kit.ANN) -> list[ThreadItem]:
    return (await chatkit.load_thread_items("thr_1", None, 1000, order, context)).data


async def test_every_kind_comes_back_equal(chatkit: Kit) -> None:
    """All 11 kinds of items, also hidden ones, are stored whole. [G3 seed 003 defect 7, 18]"""
    items = kit.every_kind()
    assert len({item.type for item in items}) == 11
    for item in items:
        await chatkit.add_thread_item("thr_1", item, kit.ANN)
    assert await listed(chatkit) == items
    assert await listed(chatkit, "desc") == items[::-1]
    for item in items:
        found = await chatkit.load_item("thr_1", item.id, kit.ANN)
        assert type(found) is type(item)
        assert found == item
        assert texts.item_text(found) == texts.item_text(item)


async def test_the_stored_text_is_the_items_own(chatkit: Kit) -> None:
    """What is in the table is what ChatKit's own type adapter writes, byte for byte. [C12]"""
    for item in kit.every_kind():
        await chatkit.add_thread_item("thr_1", item, kit.ANN)
        row = await chatkit.chat(kit.ANN).messages.get("thr_1", item.id)
        assert (row.format, row.json) == ("chatkit", texts.item_text(item))


async def test_items_are_read_in_other_formats(chatkit: Kit) -> None:
    """A model's window holds the conversation, without hidden words as the user's. [C17]"""
    await chatkit.add_thread_item("thr_1", kit.asked(), kit.ANN)
    await chatkit.add_thread_item("thr_1", kit.hidden(), kit.ANN)
    await chatkit.add_thread_item("thr_1", kit.said(seconds=7), kit.ANN)
    chat = chatkit.chat(kit.ANN)
    window = await chat.messages.window("thr_1", turns=1, dialect="openai-chat")
    assert [one["role"] for one in window] == ["user", "system", "assistant"]


async def test_items_of_other_formats_are_shown(chatkit: Kit) -> None:
    """What another part of the app has appended is an item of ChatKit's, with a naive time."""
    chat = chatkit.chat(kit.ANN)
    await chatkit.add_thread_item("thr_1", kit.asked(), kit.ANN)
    answer = {"role": "assistant", "content": "Hi", "tool_calls": []}
    [stored] = await chat.messages.append("thr_1", answer, dialect="openai-chat")
    items = await listed(chatkit)
    assert [item.type for item in items] == ["user_message", "assistant_message"]
    assert (items[1].id, items[1].thread_id) == (stored.id, "thr_1")
    assert items[1].created_at.tzinfo is None
    assert await chatkit.load_item("thr_1", str(stored.id), kit.ANN) == items[1]


async def test_items_of_other_formats_are_the_same_in_both_orders(chatkit: Kit) -> None:
    """Newest first is the exact reverse, and a tool's result is its call's in both. [D8]"""
    calls = [
        {"id": id, "type": "function", "function": {"name": "place", "arguments": "{}"}}
        for id in ("c1", "c2")
    ]
    conversation: list[Any] = [
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": "I look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "here"},
        {"role": "tool", "tool_call_id": "c2", "content": "there"},
    ]
    await chatkit.chat(kit.ANN).messages.append("thr_1", conversation, dialect="openai-chat")
    items = await listed(chatkit)
    states = [item.status for item in items if isinstance(item, ClientToolCallItem)]
    assert states == ["completed", "completed"]
    assert await listed(chatkit, "desc") == items[::-1]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=json_values())
async def test_any_json_content_survives(store: AsyncStore, content: Any) -> None:
    """Hidden context is any JSON, and is read back equal or refused, never changed. [C12]"""
    chatkit = ChatKitStore[Any](store)
    await chatkit.save_thread(kit.thread(), kit.ANN)
    item = kit.hidden(content)
    try:
        await chatkit.save_item("thr_1", item, kit.ANN)
    except InvalidError:
        return
    found = await chatkit.load_item("thr_1", item.id, kit.ANN)
    assert found == item
    assert texts.item_text(found) == texts.item_text(item)


async def test_what_json_cannot_hold_is_refused(chatkit: Kit) -> None:
    """NaN, lone surrogates, foreign objects and endless nesting are errors that quote nothing."""
    deep: list[Any] = []
    for _ in range(230):
        deep = [deep]
    for content in (float("nan"), [float("inf")], "secret \ud800", object(), b"\xff", deep):
        for write in (chatkit.add_thread_item, chatkit.save_item):
            with pytest.raises(InvalidError) as raised:
                await write("thr_1", kit.hidden(content), kit.ANN)
            assert "secret" not in str(raised.value)
    assert await listed(chatkit) == []


async def test_a_time_that_pydantic_would_change_is_refused(chatkit: Kit) -> None:
    """It leaves the seconds of a zone out: the time would be another one. [C11]"""
    zone = timezone(timedelta(hours=5, minutes=53, seconds=28))
    item = kit.said().model_copy(update={"created_at": kit.at(1).astimezone(zone)})
    for write in (chatkit.add_thread_item, chatkit.save_item):
        with pytest.raises(InvalidError, match="created_at"):
            await write("thr_1", item, kit.ANN)
    whole = timezone(-timedelta(hours=23, minutes=59))
    item = item.model_copy(update={"created_at": kit.at(1).astimezone(whole)})
    await chatkit.add_thread_item("thr_1", item, kit.ANN)
    assert await listed(chatkit) == [item]


@pytest.fixture(params=["Asia/Tokyo", "America/New_York", "UTC"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process whose local time is that of some place."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("zone")
async def test_times_stay_as_they_were_given(chatkit: Kit) -> None:
    """Naive times come back naive, aware ones aware; the order is that of the instants. [C11]"""
    items: list[ThreadItem] = []
    for n in range(4):
        aware = kit.at(n).astimezone(timezone(timedelta(hours=3 * n - 5)))
        made = kit.said(id=f"msg_{n}", seconds=n)
        items.append(made.model_copy(update={"created_at": aware}) if n % 2 else made)
    for item in items[::-1]:
        await chatkit.add_thread_item("thr_1", item, kit.ANN)
    assert await listed(chatkit) == items
    found = await listed(chatkit)
    assert [item.created_at.tzinfo is None for item in found] == [True, False, True, False]
    age = datetime.now() - found[0].created_at  # noqa: DTZ005  as the SDK does
    assert age < timedelta(days=3650)


async def test_items_are_ordered_by_time_then_as_stored(chatkit: Kit) -> None:
    """A workflow that was begun before the answer stands before it, though stored after. [C9]"""
    for item in (
        kit.asked(seconds=1),
        kit.said(seconds=3),
        kit.workflow("Hm.", seconds=2),
        kit.said(id="same_1", seconds=3),
        kit.said(id="same_2", seconds=3),
    ):
        await chatkit.add_thread_item("thr_1", item, kit.ANN)
    up = [item.id for item in await listed(chatkit)]
    assert up == ["msg_1", "wf_1", "msg_2", "same_1", "same_2"]
    assert [item.id for item in await listed(chatkit, "desc")] == up[::-1]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 4])
async def test_pages_of_items_lose_and_repeat_none(chatkit: Kit, order: str, limit: int) -> None:
    """Six items of one time are all seen, at any size of pages. [D8 D10 seed 003 defect 8]"""
    ids = [f"msg_{n}" for n in range(6)]
    for id in ids:
        await chatkit.add_thread_item("thr_1", kit.said(id=id), kit.ANN)
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await chatkit.load_thread_items("thr_1", after, limit, order, kit.ANN)
        seen += [item.id for item in page.data]
        assert len(page.data) == min(limit, 6) or not page.has_more
        if not page.has_more:
            break
        assert page.after == seen[-1]
        after = page.after
    assert seen == (ids if order == "asc" else ids[::-1])
    assert page.after is None


async def test_appends_while_paging_hide_nothing(chatkit: Kit) -> None:
    """Newer items come behind the cursor, and none of the old ones is seen twice. [D8]"""
    for n in range(4):
        await chatkit.add_thread_item("thr_1", kit.said(id=f"msg_{n}", seconds=n), kit.ANN)
    first = await chatkit.load_thread_items("thr_1", None, 2, "asc", kit.ANN)
    await chatkit.add_thread_item("thr_1", kit.said(id="msg_new", seconds=9), kit.ANN)
    rest = await chatkit.load_thread_items("thr_1", first.after, 10, "asc", kit.ANN)
    assert [item.id for item in rest.data] == ["msg_2", "msg_3", "msg_new"]


async def test_an_unknown_cursor_of_items_is_an_error(chatkit: Kit) -> None:
    """Unknown, deleted and other threads' cursors are no first page. [D9 seed 003 defect 9]"""
    await chatkit.save_thread(kit.thread("thr_2"), kit.ANN)
    for id in ("msg_1", "msg_2"):
        await chatkit.add_thread_item("thr_1", kit.said(id=id), kit.ANN)
    await chatkit.add_thread_item("thr_2", kit.said(id="other"), kit.ANN)
    await chatkit.delete_thread_item("thr_1", "msg_2", kit.ANN)
    for after in ("nothing", "other", "msg_2", ""):
        with pytest.raises(CursorNotFoundError):
            await chatkit.load_thread_items("thr_1", after, 2, "asc", kit.ANN)


async def test_an_unknown_thread_has_no_items(chatkit: Kit) -> None:
    """load_thread_items of an unknown thread is an empty page, and no error. [D10]"""
    for id in ("thr_none", "", "\0"):
        page = await chatkit.load_thread_items(id, None, 20, "asc", kit.ANN)
        assert (page.data, page.has_more, page.after) == ([], False, None)


async def test_unknown_items_are_not_found(chatkit: Kit) -> None:
    """Unknown, of another thread, of another user: one answer. [I3]"""
    await chatkit.save_thread(kit.thread("thr_2"), kit.ANN)
    await chatkit.add_thread_item("thr_2", kit.said(id="other"), kit.ANN)
    cases = (("thr_1", "x"), ("thr_1", "other"), ("thr_none", "other"), ("thr_2", "\0"), ("", "x"))
    for thread_id, item_id in cases:
        with pytest.raises(NotFoundError) as raised:
            await chatkit.load_item(thread_id, item_id, kit.ANN)
        assert str(raised.value) == f"Item {item_id} not found"
    with pytest.raises(NotFoundError):
        await chatkit.load_item("thr_2", "other", kit.BOB)


async def test_saving_an_item_keeps_its_place(chatkit: Kit) -> None:
    """save_item replaces in place, or adds what is new. [C5 seed 003 defect 13]"""
    pending = kit.called()
    for item in (kit.asked(), pending, kit.said(seconds=9)):
        await chatkit.save_item("thr_1", item, kit.ANN)
    pending.status, pending.output = "completed", {"found": True}
    pending.created_at = kit.at(60)
    await chatkit.save_item("thr_1", pending, kit.ANN)
    await chatkit.save_item("thr_1", pending, kit.ANN)
    assert [item.id for item in await listed(chatkit)] == ["msg_1", "tc_1", "msg_2"]
    assert await chatkit.load_item("thr_1", "tc_1", kit.ANN) == pending


async def test_an_item_may_become_one_of_another_speaker(chatkit: Kit) -> None:
    """A replaced event may turn a user's message into the assistant's, where it stands. [C5]"""
    for item in (kit.asked(), kit.said()):
        await chatkit.add_thread_item("thr_1", item, kit.ANN)
    other = kit.said("Hi", id="msg_1", seconds=60)
    await chatkit.save_item("thr_1", other, kit.ANN)
    assert [item.id for item in await listed(chatkit)] == ["msg_1", "msg_2"]
    assert await chatkit.load_item("thr_1", "msg_1", kit.ANN) == other


async def test_many_may_save_one_item_at_once(chatkit: Kit) -> None:
    """save_item puts its item there, whoever else does, also as another speaker's. [C5]"""
    items: list[ThreadItem] = [kit.asked(f"{n}", "x") for n in range(8)]
    items += [kit.said(f"{n}", "x") for n in range(8)]
    for _ in range(3):
        await asyncio.gather(*(chatkit.save_item("thr_1", item, kit.ANN) for item in items))
        [found] = await listed(chatkit)
        assert found in items


async def test_adding_what_others_delete(chatkit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workflow that goes between two looks at it is added as a new one. [C5]"""
    await chatkit.add_thread_item("thr_1", kit.workflow("one"), kit.ANN)
    messages = type(chatkit.chat(kit.ANN).messages)
    get = messages.get

    async def late(self: Any, thread_id: str, item_id: str) -> Any:
        monkeypatch.undo()
        await self.delete(thread_id, item_id)
        return await get(self, thread_id, item_id)

    monkeypatch.setattr(messages, "get", late)
    again = kit.workflow("one", "two")
    await chatkit.add_thread_item("thr_1", again, kit.ANN)
    assert await listed(chatkit) == [again]


async def test_the_same_id_in_two_threads(chatkit: Kit) -> None:
    """An item's id counts within its thread only. [B2 seed 003 defect 14]"""
    await chatkit.save_thread(kit.thread("thr_2"), kit.ANN)
    await chatkit.add_thread_item("thr_1", kit.said("one"), kit.ANN)
    await chatkit.add_thread_item("thr_2", kit.said("two"), kit.ANN)
    one = await chatkit.load_item("thr_1", "msg_2", kit.ANN)
    two = await chatkit.load_item("thr_2", "msg_2", kit.ANN)
    assert isinstance(one, AssistantMessageItem)
    assert isinstance(two, AssistantMessageItem)
    assert (one.content[0].text, two.content[0].text) == ("one", "two")


async def test_the_same_ids_of_two_users(chatkit: Kit) -> None:
    """Two users may have threads and items of the same ids, and each sees the own. [B2 I1]"""
    await chatkit.save_thread(kit.thread(), kit.BOB)
    for context, text in ((kit.ANN, "Ann's"), (kit.BOB, "Bob's")):
        await chatkit.add_thread_item("thr_1", kit.asked(text), context)
    assert await listed(chatkit) == [kit.asked("Ann's")]
    assert await listed(chatkit, context=kit.BOB) == [kit.asked("Bob's")]


async def test_arguments_of_tools_are_kept_as_they_are(chatkit: Kit) -> None:
    """NUL, the order of keys and the spelling of numbers survive in a tool's arguments. [G1 C12]"""
    call = kit.called(arguments={"z\0": "a\0b", "a": [1e22, -0.0, 10**30], "m": {}})
    await chatkit.add_thread_item("thr_1", call, kit.ANN)
    found = await chatkit.load_item("thr_1", "tc_1", kit.ANN)
    assert texts.item_text(found) == texts.item_text(call)
    chat = chatkit.chat(kit.ANN)
    row = await chat.messages.get("thr_1", "tc_1")
    assert list(row.payload["arguments"]) == ["z\0", "a", "m"]


async def test_the_thread_id_inside_an_item_is_left_alone(chatkit: Kit) -> None:
    """The row belongs to the thread of the call, whatever the item itself says."""
    item = kit.said().model_copy(update={"thread_id": "elsewhere"})
    await chatkit.add_thread_item("thr_1", item, kit.ANN)
    assert await listed(chatkit) == [item]


async def test_deleting_items(chatkit: Kit) -> None:
    """delete_thread_item removes one, and is silent where there is none."""
    for item in (kit.asked(), kit.said(), kit.said(id="msg_3", seconds=3)):
        await chatkit.add_thread_item("thr_1", item, kit.ANN)
    await chatkit.delete_thread_item("thr_1", "msg_2", kit.ANN)
    for thread_id, item_id in (("thr_1", "msg_2"), ("thr_none", "msg_1"), ("thr_1", "\0")):
        await chatkit.delete_thread_item(thread_id, item_id, kit.ANN)
    await chatkit.delete_thread_item("thr_1", "msg_1", kit.BOB)
    assert [item.id for item in await listed(chatkit)] == ["msg_1", "msg_3"]


async def test_truncating_after_an_item(chatkit: Kit) -> None:
    """All that was stored after an item goes at once, and what comes next follows it."""
    for n in range(6):
        await chatkit.add_thread_item("thr_1", kit.said(id=f"msg_{n}", seconds=n), kit.ANN)
    assert await chatkit.truncate_after_item("thr_1", "msg_2", kit.ANN) == 3
    assert await chatkit.truncate_after_item("thr_1", "msg_2", kit.ANN) == 0
    for item_id in ("msg_5", "\0"):
        with pytest.raises(NotFoundError):
            await chatkit.truncate_after_item("thr_1", item_id, kit.ANN)
    with pytest.raises(NotFoundError):
        await chatkit.truncate_after_item("thr_1", "msg_0", kit.BOB)
    await chatkit.add_thread_item("thr_1", kit.said(id="msg_9", seconds=9), kit.ANN)
    ids = [item.id for item in await listed(chatkit)]
    assert ids == ["msg_0", "msg_1", "msg_2", "msg_9"]


async def test_widgets_of_templates_keep_what_the_sdk_drops(chatkit: Kit) -> None:
    """Unknown members of a widget and its children come back, and no defaults are added."""
    item = kit.widget()
    await chatkit.add_thread_item("thr_1", item, kit.ANN)
    found = await chatkit.load_item("thr_1", item.id, kit.ANN)
    assert isinstance(found, WidgetItem)
    assert isinstance(found.widget, DynamicWidgetRoot)
    assert texts.item_text(found) == texts.item_text(item)
    dumped = found.widget.model_dump(mode="json")
    assert dumped["futureField"] == {"x": 1}
    assert dumped["children"][0]["futureProp"] is True
    assert dumped["children"][1]["onClickAction"] == {"type": "more", "payload": {}}
    await chatkit.save_item("thr_1", found, kit.ANN)
    assert texts.item_text(await chatkit.load_item("thr_1", item.id, kit.ANN)) == texts.item_text(
        item
    )


@pytest.mark.parametrize("padding", [10**17 + 1, 3, 3.0, -0.0, {"top": 10**17 + 1}, "3"])
async def test_numbers_in_widgets_are_not_rounded(chatkit: Kit, padding: Any) -> None:
    """The SDK's own classes would make floats of them, and of two integers the same one. [G3]"""
    root = {"type": "Card", "padding": padding, "children": []}
    item = kit.widget().model_copy(update={"widget": DynamicWidgetRoot.model_validate(root)})
    await chatkit.add_thread_item("thr_1", item, kit.ANN)
    found = await chatkit.load_item("thr_1", item.id, kit.ANN)
    assert isinstance(found, WidgetItem)
    assert repr(found.widget.model_dump(mode="json")["padding"]) == repr(padding)


async def test_copies_go_in_and_out(chatkit: Kit) -> None:
    """The server changes the page and the items that it got; nothing of it is stored."""
    item = kit.workflow("one")
    await chatkit.add_thread_item("thr_1", item, kit.ANN)
    item.workflow.tasks.clear()
    page = await chatkit.load_thread_items("thr_1", None, 5, "asc", kit.ANN)
    assert isinstance(page.data[0], WorkflowItem)
    page.data[0].workflow.tasks.clear()
    page.data.clear()
    [found] = await listed(chatkit)
    assert isinstance(found, WorkflowItem)
    assert len(found.workflow.tasks) == 1


async def test_two_writers_both_land(chatkit: Kit) -> None:
    """Twenty items from two processes' stores at once are all there, once."""
    other = ChatKitStore[Any](chatkit._store)
    items = [kit.said(id=f"msg_{n}", seconds=n) for n in range(20)]
    await asyncio.gather(
        *(
            (chatkit if n % 2 else other).add_thread_item("thr_1", item, kit.ANN)
            for n, item in enumerate(items)
        )
    )
    assert await listed(chatkit) == items


async def test_an_item_that_cannot_be_read_names_no_content(chatkit: Kit) -> None:
    """A row of a later version of ChatKit is an error that says where, and quotes nothing."""
    item = {
        "type": "structured_input",
        "id": "si_9",
        "thread_id": "thr_1",
        "created_at": "2026-05-01T10:00:00",
        "status": "secret words",
        "inputs": [],
    }
    await chatkit.chat(kit.ANN).messages.append("thr_1", item, dialect="chatkit")
    with pytest.raises(InvalidError, match=r"structured_input\.status") as raised:
        await chatkit.load_item("thr_1", "si_9", kit.ANN)
    assert "secret" not in str(raised.value)
