"""ChatKitStore: threads."""

from __future__ import annotations

from typing import Any

import chatkit_kit as kit
import pytest
from chatkit.store import NotFoundError as SdkNotFoundError
from chatkit.store import Store
from chatkit.types import ClosedStatus, LockedStatus, Page, Thread, ThreadMetadata

from threadkeep import AsyncStore, ConflictError, InvalidError
from threadkeep import NotFoundError as StoreNotFoundError
from threadkeep.adapters.chatkit import ChatKitStore, CursorNotFoundError, NotFoundError

Kit = ChatKitStore[Any]


@pytest.fixture
def chatkit(store: AsyncStore) -> Kit:
    return ChatKitStore(store)


async def test_it_is_a_store_of_chatkit(chatkit: Kit) -> None:
    """All abstract methods are there, so that the real class can be made. [seed 003 defect 1]"""
    assert isinstance(chatkit, Store)
    assert not ChatKitStore.__abstractmethods__


async def test_a_thread_comes_back_as_it_was_saved(chatkit: Kit) -> None:
    """Title, status, domains, metadata and the naive time survive. [B5 seed 003 defect 3, 7]"""
    made = kit.thread(
        title="Lis\0bon",
        status=LockedStatus(reason="done"),
        allowed_image_domains=["example.org"],
        metadata={"z": 1, "a": {"deep": [None, 1e22, 1.5e300, -0.0, "\0", 10**40]}, "b": True},
    )
    await chatkit.save_thread(made, kit.ANN)
    found = await chatkit.load_thread("thr_1", kit.ANN)
    assert found == made
    assert type(found) is ThreadMetadata
    assert found.created_at.tzinfo is None
    assert list(found.metadata) == ["z", "a", "b"]
    assert repr(found.metadata) == repr(made.metadata)


async def test_saving_again_changes_the_thread(chatkit: Kit) -> None:
    """save_thread is an upsert that keeps the thread's place. [B5 seed 003 defect 13]"""
    first, second = kit.thread(title="a"), kit.thread("thr_2", 1)
    await chatkit.save_thread(first, kit.ANN)
    await chatkit.save_thread(second, kit.ANN)
    first.title, first.metadata = "b", {"k": 1}
    await chatkit.save_thread(first, kit.ANN)
    assert await chatkit.load_thread("thr_1", kit.ANN) == first
    page = await chatkit.load_threads(10, None, "asc", kit.ANN)
    assert [one.id for one in page.data] == ["thr_1", "thr_2"]


async def test_a_thread_with_items_is_stored_without_them(chatkit: Kit) -> None:
    """A `Thread` is saved as ThreadMetadata, so that the server can load it again."""
    full = Thread(**kit.thread().model_dump(), items=Page(data=[kit.asked()]))
    await chatkit.save_thread(full, kit.ANN)
    found = await chatkit.load_thread("thr_1", kit.ANN)
    assert type(found) is ThreadMetadata
    assert Thread(**found.model_dump(), items=Page()).id == "thr_1"
    assert (await chatkit.load_thread_items("thr_1", None, 10, "asc", kit.ANN)).data == []


async def test_an_unknown_thread_is_said_to_be_not_found(chatkit: Kit) -> None:
    """load_thread raises ChatKit's error with its text, which is the store's error too."""
    for id in ("thr_none", "", "x" * 600, "nul\0"):
        with pytest.raises(NotFoundError, match="not found") as raised:
            await chatkit.load_thread(id, kit.ANN)
        assert isinstance(raised.value, SdkNotFoundError)
        assert isinstance(raised.value, StoreNotFoundError)
        assert str(raised.value) == f"Thread {id} not found"


async def test_threads_are_listed_by_when_they_were_made(chatkit: Kit) -> None:
    """Saving and appending do not reorder; desc is the reverse of asc. [seed 003 defect 16]"""
    for n, seconds in enumerate((3, 1, 1, 2)):
        await chatkit.save_thread(kit.thread(f"thr_{n}", seconds), kit.ANN)
    await chatkit.add_thread_item("thr_1", kit.asked(), kit.ANN)
    await chatkit.save_thread(kit.thread("thr_1", 1, title="new"), kit.ANN)
    up = await chatkit.load_threads(10, None, "asc", kit.ANN)
    down = await chatkit.load_threads(10, None, "desc", kit.ANN)
    assert [one.id for one in up.data] == ["thr_1", "thr_2", "thr_3", "thr_0"]
    assert down.data == up.data[::-1]
    assert not up.has_more
    assert up.after is None


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_of_threads_lose_and_repeat_none(chatkit: Kit, order: str) -> None:
    """Cursors are ids, and threads of the same time are not skipped. [D8 D10]"""
    ids = [f"thr_{n}" for n in range(7)]
    for id in ids:
        await chatkit.save_thread(kit.thread(id), kit.ANN)
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await chatkit.load_threads(2, after, order, kit.ANN)
        seen += [one.id for one in page.data]
        if not page.has_more:
            break
        assert page.after == seen[-1]
        after = page.after
    assert seen == (ids if order == "asc" else ids[::-1])
    assert page.after is None


async def test_an_unknown_cursor_of_threads_is_an_error(chatkit: Kit) -> None:
    """A list never starts anew at its first page. [seed 003 defect 9]"""
    await chatkit.save_thread(kit.thread(), kit.ANN)
    await chatkit.save_thread(kit.thread("thr_b"), kit.BOB)
    for after in ("thr_none", "thr_b", "", "\0"):
        with pytest.raises(CursorNotFoundError) as raised:
            await chatkit.load_threads(2, after, "asc", kit.ANN)
        assert isinstance(raised.value, ValueError)
        assert isinstance(raised.value, SdkNotFoundError)


async def test_a_page_has_a_bound(store: AsyncStore) -> None:
    """A limit of the client's is clamped, and has_more stays true."""
    chatkit = ChatKitStore[Any](store, page_limit=3)
    for n in range(5):
        await chatkit.save_thread(kit.thread(f"thr_{n}", n), kit.ANN)
    page = await chatkit.load_threads(10**9, None, "asc", kit.ANN)
    assert (len(page.data), page.has_more, page.after) == (3, True, "thr_2")
    page = await chatkit.load_threads(-1, None, "asc", kit.ANN)
    assert (len(page.data), page.has_more) == (1, True)
    with pytest.raises(InvalidError):
        await chatkit.load_threads(2, None, "asc; DROP TABLE threads", kit.ANN)
    with pytest.raises(InvalidError):
        ChatKitStore(store, page_limit=1001)


async def test_the_list_can_be_filtered_by_the_context(store: AsyncStore) -> None:
    """`thread_filter` takes metadata from the context that listed threads must contain. [H3]"""

    def agent_of(context: Any) -> Any:
        return {"agent": context["agent"]} if "agent" in context else None

    chatkit = ChatKitStore[Any](store, thread_filter=agent_of)
    for n in range(9):
        agent = "support" if n % 3 else "sales"
        await chatkit.save_thread(kit.thread(f"thr_{n}", n, metadata={"agent": agent}), kit.ANN)
    sales = {**kit.ANN, "agent": "sales"}
    page = await chatkit.load_threads(2, None, "asc", sales)
    assert ([one.id for one in page.data], page.has_more) == (["thr_0", "thr_3"], True)
    page = await chatkit.load_threads(2, page.after, "asc", sales)
    assert ([one.id for one in page.data], page.has_more) == (["thr_6"], False)
    assert len((await chatkit.load_threads(20, None, "asc", kit.ANN)).data) == 9


async def test_threads_of_a_user_by_activity(chatkit: Kit) -> None:
    """The seed's own list goes by the last activity, with an offset. [seed 003 defect 1, 16]"""
    for n in range(4):
        await chatkit.save_thread(kit.thread(f"thr_{n}", n), kit.ANN)
    await chatkit.add_thread_item("thr_0", kit.asked(), kit.ANN)
    listed = await chatkit.list_user_threads("ann", limit=2)
    assert [one.id for one in listed] == ["thr_0", "thr_3"]
    listed = await chatkit.list_user_threads("ann", limit=2, offset=2)
    assert [one.id for one in listed] == ["thr_2", "thr_1"]
    assert await chatkit.list_user_threads("bob") == []


async def test_deleting_a_thread_takes_its_items(chatkit: Kit) -> None:
    """delete_thread removes all of it, and is silent where there is none. [seed 003 defect 6]"""
    await chatkit.save_thread(kit.thread(), kit.ANN)
    await chatkit.add_thread_item("thr_1", kit.asked(), kit.ANN)
    await chatkit.delete_thread("thr_1", kit.ANN)
    await chatkit.delete_thread("thr_1", kit.ANN)
    await chatkit.delete_thread("\0", kit.ANN)
    with pytest.raises(NotFoundError):
        await chatkit.load_thread("thr_1", kit.ANN)
    assert (await chatkit.load_thread_items("thr_1", None, 10, "asc", kit.ANN)).data == []


async def test_a_stream_does_not_bring_a_deleted_thread_back(store: AsyncStore) -> None:
    """What a process has seen must still be there when it saves it, whoever deleted it."""
    ours, theirs = ChatKitStore[Any](store), ChatKitStore[Any](store)
    made = kit.thread()
    await ours.save_thread(made, kit.ANN)
    loaded = await theirs.load_thread("thr_1", kit.ANN)
    await ours.delete_thread("thr_1", kit.ANN)
    for process, seen in ((ours, made), (theirs, loaded)):
        seen.title = "back again"
        with pytest.raises(NotFoundError):
            await process.save_thread(seen, kit.ANN)
        full = Thread(**seen.model_dump(), items=Page())
        with pytest.raises(NotFoundError):
            await process.save_thread(full, kit.ANN)
        with pytest.raises(NotFoundError, match="Thread thr_1 not found"):
            await process.add_thread_item("thr_1", kit.said(), kit.ANN)
        with pytest.raises(NotFoundError):
            await process.save_item("thr_1", kit.said(), kit.ANN)
    assert (await ours.load_threads(10, None, "asc", kit.ANN)).data == []


async def test_an_id_can_be_used_for_a_new_thread(chatkit: Kit) -> None:
    """A thread that is made anew under a deleted one's id has another time, and is made."""
    await chatkit.save_thread(kit.thread(), kit.ANN)
    await chatkit.delete_thread("thr_1", kit.ANN)
    await chatkit.save_thread(kit.thread(seconds=60), kit.ANN)
    assert (await chatkit.load_thread("thr_1", kit.ANN)).created_at == kit.at(60)


async def test_nobody_writes_into_a_locked_thread(chatkit: Kit) -> None:
    """Users' messages are refused where the thread is locked or closed, all else is not. [B14]"""
    for id, status in (("thr_1", LockedStatus(reason="review")), ("thr_2", ClosedStatus())):
        await chatkit.save_thread(kit.thread(id), kit.ANN)
        await chatkit.add_thread_item(id, kit.asked(), kit.ANN)
        await chatkit.save_thread(kit.thread(id, status=status), kit.ANN)
        with pytest.raises(ConflictError) as raised:
            await chatkit.add_thread_item(id, kit.asked("More", "msg_3"), kit.ANN)
        assert raised.value.reason == "thread_locked"
        await chatkit.add_thread_item(id, kit.said(), kit.ANN)
        row = await chatkit.chat(kit.ANN).threads.get(id)
        assert (row.access, row.access_reason) == (status.type, status.reason)
        await chatkit.save_thread(kit.thread(id), kit.ANN)
        await chatkit.add_thread_item(id, kit.asked("More", "msg_3"), kit.ANN)
        assert (await chatkit.load_thread(id, kit.ANN)).status.type == "active"


async def test_a_thread_may_be_made_locked(chatkit: Kit) -> None:
    """The status of the first save counts as any later one."""
    await chatkit.save_thread(kit.thread(status=LockedStatus(reason="x")), kit.ANN)
    with pytest.raises(ConflictError):
        await chatkit.add_thread_item("thr_1", kit.asked(), kit.ANN)


async def test_what_others_change_is_seen(chatkit: Kit) -> None:
    """Title, metadata and access that other parts of an app set are ChatKit's too."""
    made = kit.thread(title="a", metadata={"k": 1.5e300}, allowed_image_domains=["x.org"])
    await chatkit.save_thread(made, kit.ANN)
    chat = chatkit.chat(kit.ANN)
    await chat.threads.update("thr_1", title="b", access="closed", access_reason="over")
    found = await chatkit.load_thread("thr_1", kit.ANN)
    assert (found.title, found.status) == ("b", ClosedStatus(reason="over"))
    assert repr(found.metadata) == repr(made.metadata)
    await chat.threads.update("thr_1", title=None, access="open", metadata={"tag": "x"})
    found = await chatkit.load_thread("thr_1", kit.ANN)
    assert (found.title, found.status.type, found.metadata["tag"]) == (None, "active", "x")
    assert found.allowed_image_domains == ["x.org"]


async def test_threads_of_others_formats_are_shown(chatkit: Kit) -> None:
    """A thread that another part of the app has made is a thread of ChatKit's too."""
    chat = chatkit.chat(kit.ANN)
    await chat.threads.create("plain", title="t", metadata={"k": 1})
    await chat.threads.update("plain", access="locked", access_reason="r")
    found = await chatkit.load_thread("plain", kit.ANN)
    assert (found.id, found.title, found.metadata) == ("plain", "t", {"k": 1})
    assert found.status == LockedStatus(reason="r")
    assert found.created_at.tzinfo is None


async def test_a_copy_of_a_thread_is_a_thread_of_its_own(chatkit: Kit) -> None:
    """A fork has its own id, and its items are those of the original; saving it changes only it."""
    await chatkit.save_thread(kit.thread(title="a", metadata={"k": 1}), kit.ANN)
    await chatkit.add_thread_item("thr_1", kit.asked(), kit.ANN)
    await chatkit.chat(kit.ANN).threads.fork("thr_1", "thr_2")
    copy = await chatkit.load_thread("thr_2", kit.ANN)
    assert (copy.id, copy.title, copy.metadata) == ("thr_2", "a", {"k": 1})
    copy.title = "b"
    await chatkit.save_thread(copy, kit.ANN)
    assert (await chatkit.load_thread("thr_2", kit.ANN)).title == "b"
    assert (await chatkit.load_thread("thr_1", kit.ANN)).title == "a"
    page = await chatkit.load_thread_items("thr_2", None, 5, "asc", kit.ANN)
    assert page.data == [kit.asked()]


async def test_archived_threads_are_not_listed(chatkit: Kit) -> None:
    """An app may archive a thread: it is left out of the list, and can still be loaded."""
    await chatkit.save_thread(kit.thread(), kit.ANN)
    await chatkit.chat(kit.ANN).threads.archive("thr_1")
    assert (await chatkit.load_threads(5, None, "asc", kit.ANN)).data == []
    assert (await chatkit.load_thread("thr_1", kit.ANN)).id == "thr_1"


async def test_copies_go_in_and_out(chatkit: Kit) -> None:
    """What the server changes in a loaded thread changes nothing until it is saved."""
    made = kit.thread(metadata={"k": [1]})
    await chatkit.save_thread(made, kit.ANN)
    made.metadata["k"].append(2)
    found = await chatkit.load_thread("thr_1", kit.ANN)
    found.metadata["k"].append(3)
    page = await chatkit.load_threads(5, None, "asc", kit.ANN)
    page.data.clear()
    assert (await chatkit.load_thread("thr_1", kit.ANN)).metadata == {"k": [1]}
    assert len((await chatkit.load_threads(5, None, "asc", kit.ANN)).data) == 1


async def test_what_json_cannot_hold_is_refused(chatkit: Kit) -> None:
    """A lone surrogate and NaN are an error that does not quote them, and nothing is stored."""
    for members in ({"title": "\ud800"}, {"metadata": {"k": float("nan")}}):
        with pytest.raises(InvalidError) as raised:
            await chatkit.save_thread(kit.thread(**members), kit.ANN)
        assert "ud800" not in str(raised.value)
    assert (await chatkit.load_threads(5, None, "asc", kit.ANN)).data == []
