"""The message repository: the seed's calls, without its defects."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadkeep import (
    ConflictError,
    InvalidCursorError,
    InvalidError,
    Message,
    NotFoundError,
    TextPart,
    ToolCallPart,
)
from threadkeep.adapters.repositories import (
    Database,
    MessageRepository,
    create_message_repository,
    create_thread_repository,
)
from threadkeep.adapters.repositories.ids import known, outward, place_of

if TYPE_CHECKING:
    from threadkeep import AsyncStore

CALL = {"id": "c1", "type": "function", "function": {"name": "sum", "arguments": '{"a": 1e3}'}}
STRANGE: list[Any] = [
    *("unknown", "", "t", "t/", "/m", "t/m", "t/m/x", "%74/m", "t/%6d", "t/%ff", "t/%00"),
    *("t/ä", "t/\ud800", "not-a-uuid", None, 7, b"t/m"),
]

ids = st.text(min_size=1, max_size=20).filter(lambda text: known(text) is not None)


@pytest.fixture
async def messages(db: Database) -> MessageRepository:
    """The repository, with a thread "t" of a user."""
    await create_thread_repository(db).create(user_id="u", id="t")
    return create_message_repository(db)


async def contents(messages: MessageRepository, thread: str = "t", **which: Any) -> list[Any]:
    return [row.content for row in await messages.list_by_thread(thread, **which)]


@given(ids, ids)
def test_an_id_names_thread_and_message(thread: str, message: str) -> None:
    """The outward id gives back both, and no other spelling of it is known."""
    made = outward(thread, message)
    assert place_of(made) == (thread, message)
    assert made.isascii()
    assert made.count("/") == 1


@given(st.text() | st.binary() | st.integers())
def test_whatever_is_no_id_names_nothing(text: object) -> None:
    """Anything else is no place, and never an error."""
    place = place_of(text)
    assert place is None or outward(*place) == text


async def test_one_message_is_stored_and_found(messages: MessageRepository) -> None:
    """It has an id, a place, a time and what was given; its one id finds it. [C1 C13 H1]"""
    made = await messages.create(
        thread_id="t", role="user", content="How?", metadata={"ip": "192.0.2.1"}
    )
    assert (made.thread_id, made.role, made.content, made.seq) == ("t", "user", "How?", 1)
    assert made.metadata == {"ip": "192.0.2.1"}
    assert await messages.get_by_id(made.id) == made == await messages.find_by_id(made.id)
    parts: list[Any] = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "x": 1}]
    listed = await messages.create(thread_id="t", role="user", content=parts)
    found = await messages.get_by_id(listed.id)
    assert found is not None
    assert (found.content, found.text) == (parts, "a\n\nb")


async def test_tool_calls_and_names_are_lossless(
    store: AsyncStore, messages: MessageRepository
) -> None:
    """Calls, results and names come back as they were given, and go to a model so.

    [G1 G2 seed 004 defect 6]
    """
    await messages.create(thread_id="t", role="user", content="1000?", name="ann")
    asked = await messages.create(thread_id="t", role="assistant", tool_calls=[CALL])
    told = await messages.create(
        thread_id="t", role="tool", tool_call_id="c1", name="sum", content="1000"
    )
    assert (asked.content, asked.tool_calls) == (None, (CALL,))
    assert (told.tool_call_id, told.name, told.content) == ("c1", "sum", "1000")
    window = await store.owner("app").messages.window("t", turns=1, dialect="openai-chat")
    assert list(window) == [
        {"role": "user", "content": "1000?", "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "1000", "name": "sum", "tool_call_id": "c1"},
    ]
    written = {"id": "c2", "function": {"name": "f", "arguments": {"x": [1, None]}}, "extra": 1}
    made = await messages.create(thread_id="t", role="assistant", tool_calls=[written])
    assert made.tool_calls == (
        {
            "id": "c2",
            "type": "function",
            "function": {"name": "f", "arguments": '{"x":[1,null]}'},
            "extra": 1,
        },
    )


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"role": "robot"}, "role"),
        ({"role": "user", "content": 7}, "content"),
        ({"role": "user", "content": [7]}, "content"),
        ({"role": "user", "tool_calls": [CALL]}, "tool_calls"),
        ({"role": "assistant", "tool_calls": [{"id": "x"}]}, "tool_calls"),
        ({"role": "assistant", "tool_calls": ["x"]}, "tool_calls"),
        ({"role": "assistant", "tool_calls": 7}, "tool_calls"),
        ({"role": "tool", "content": "x"}, "tool_call_id"),
        ({"role": "user", "content": "x", "tool_call_id": "c"}, "tool_call_id"),
        ({"role": "user", "content": "x", "name": 7}, "name"),
        ({"role": "user", "content": "x", "id": ""}, "message_id"),
        ({"role": "user", "content": "x", "created_at": datetime(2024, 1, 1)}, "created_at"),  # noqa: DTZ001
        ({"role": "user", "content": "x", "metadata": [1]}, "metadata"),
    ],
)
async def test_a_bad_message_is_refused(
    messages: MessageRepository, wrong: dict[str, Any], field: str
) -> None:
    """The error names the member and never what it holds, and nothing is written. [C11]"""
    with pytest.raises(InvalidError) as raised:
        await messages.create(thread_id="t", **wrong)
    assert raised.value.field == field
    with pytest.raises(InvalidError) as raised:
        await messages.bulk_create([{"thread_id": "t", **wrong}])
    assert raised.value.field == field
    assert await messages.count("t") == 0


async def test_an_unknown_thread_gets_no_message(db: Database, messages: MessageRepository) -> None:
    """A message makes no thread unless that was asked for, then with the id given.

    [B3 seed 004 defect 8]
    """
    with pytest.raises(NotFoundError):
        await messages.create(thread_id="unknown", role="user", content="x")
    with pytest.raises(NotFoundError):
        await messages.bulk_create(
            [
                {"thread_id": "t", "role": "user", "content": "x"},
                {"thread_id": "unknown", "role": "user", "content": "x"},
            ]
        )
    assert await messages.count("t") == 0
    made = await messages.create(thread_id="unknown", role="user", content="x", create_thread=True)
    assert made.thread_id == "unknown"
    assert await create_thread_repository(db).get_by_id("unknown") is not None


async def test_a_call_with_an_id_can_be_made_again(messages: MessageRepository) -> None:
    """The same id with the same content is the stored row, with another a conflict. [C3 C4]"""
    first = await messages.create(thread_id="t", role="user", content="x", id="msg-abc")
    again = await messages.create(thread_id="t", role="user", content="x", id="msg-abc")
    assert (again.id, again.seq, again.message_id) == (first.id, 1, "msg-abc")
    with pytest.raises(ConflictError):
        await messages.create(thread_id="t", role="user", content="y", id="msg-abc")
    elsewhere = await messages.create(
        thread_id="t2", role="user", content="y", id="msg-abc", create_thread=True
    )
    assert elsewhere.id != first.id
    assert await messages.count("t") == 1


@pytest.mark.parametrize("strange", STRANGE, ids=repr)
async def test_an_unknown_message_of_any_shape_is_none(
    messages: MessageRepository, strange: Any
) -> None:
    """No id, however it looks, is an error. [C6 C7 seed 004 defect 16]"""
    assert await messages.get_by_id(strange) is None
    assert await messages.update(strange, content="x") is None
    assert await messages.update(strange, metadata={"x": 1}) is None
    assert await messages.delete(strange) is False
    assert await messages.list_by_thread(strange if strange != "t" else "x") == []
    assert await messages.count(strange if strange != "t" else "x") == 0


async def test_an_update_keeps_the_place(messages: MessageRepository) -> None:
    """Content and metadata change, place and times of making stay, and it says when.

    [C6 H2 seed 004 defect 17, 18]
    """
    first = await messages.create(
        thread_id="t", role="user", content="Old", name="ann", metadata={"a": 1, "b": 2}
    )
    await messages.create(thread_id="t", role="assistant", content="Answer")
    found = await messages.update(first.id, content="New", metadata={"a": None, "c": 3})
    assert found is not None
    assert (found.content, found.name, found.metadata) == ("New", "ann", {"b": 2, "c": 3})
    assert (found.seq, found.created_at, found.id) == (1, first.created_at, first.id)
    assert found.updated_at > first.updated_at
    found = await messages.update(first.id, name=None, replace_metadata=None)
    assert found is not None
    assert (found.content, found.name, found.metadata) == ("New", None, None)
    assert await contents(messages) == ["New", "Answer"]
    await asyncio.gather(
        messages.update(first.id, metadata={"x": 1}), messages.update(first.id, metadata={"y": 2})
    )
    merged = await messages.get_by_id(first.id)
    assert merged is not None
    assert merged.metadata == {"x": 1, "y": 2}
    for wrong in ({"tool_calls": [CALL]}, {"content": 7}):
        bad: Any = wrong
        with pytest.raises(InvalidError):
            await messages.update(first.id, **bad)


async def test_calls_and_results_can_be_updated(messages: MessageRepository) -> None:
    """The calls of an answer and the words of a result change; what is not given stays.

    [C6]
    """
    asked = await messages.create(thread_id="t", role="assistant", content="", tool_calls=[CALL])
    told = await messages.create(thread_id="t", role="tool", tool_call_id="c1", content="1")
    changed = await messages.update(told.id, content="2")
    assert changed is not None
    assert (changed.content, changed.tool_call_id) == ("2", "c1")
    other = {**CALL, "function": {"name": "sum", "arguments": "{}"}}
    found = await messages.update(asked.id, tool_calls=[other])
    assert found is not None
    assert (found.content, found.tool_calls) == ("", (other,))


async def test_a_message_that_was_deleted_meanwhile_stays_so(
    db: Database, messages: MessageRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update whose message goes between its two steps is an update of an unknown one.

    [C6]
    """
    made = await messages.create(thread_id="t", role="user", content="x")
    chat = await db.chat()

    async def late(*args: Any, **more: Any) -> Any:
        found = await type(chat.messages).get(chat.messages, *args, **more)
        await messages.delete(made.id)
        return found

    class Slow:
        get = staticmethod(late)

        def __getattr__(self, name: str) -> Any:
            return getattr(chat.messages, name)

    class Handle:
        messages = Slow()

    async def handle(user_id: str | None = None) -> Any:
        return Handle if not await messages_gone() else chat

    async def messages_gone() -> bool:
        return not await chat.messages.count("t")

    monkeypatch.setattr(db, "chat", handle)
    assert await messages.update(made.id, content="y") is None
    assert await messages.count("t") == 0


async def test_a_deleted_message_leaves_the_others(messages: MessageRepository) -> None:
    """It goes, once; what follows stays in its order. [C7]"""
    made = [await messages.create(thread_id="t", role="user", content=str(n)) for n in range(3)]
    assert await messages.delete(made[1].id) is True
    assert await messages.delete(made[1].id) is False
    assert await contents(messages) == ["0", "2"]


async def test_all_messages_of_a_thread_can_go(db: Database, messages: MessageRepository) -> None:
    """It says how many went, and the thread stays. [C8]"""
    for n in range(3):
        await messages.create(thread_id="t", role="user", content=str(n))
    assert await messages.delete_by_thread("t") == 3
    assert await messages.delete_by_thread("t") == 0
    assert await messages.delete_by_thread("unknown") == 0
    assert await create_thread_repository(db).get_by_id("t") is not None


async def test_a_thousand_messages_keep_their_order(messages: MessageRepository) -> None:
    """One call stores them with one time, and they are read back in order.

    [C2 J1 D7 seed 004 defect 11]
    """
    at = datetime(2024, 1, 1, tzinfo=UTC)
    stored = await messages.bulk_create(
        [
            {"thread_id": "t", "role": "user", "content": str(n), "created_at": at}
            for n in range(1000)
        ]
    )
    expected = [str(n) for n in range(1000)]
    assert [row.content for row in stored] == expected
    assert {row.created_at for row in stored} == {at}
    assert await contents(messages, limit=None) == expected
    pages = [await contents(messages, limit=300, offset=n) for n in (0, 300, 600, 900, 1200)]
    assert [one for page in pages for one in page] == expected
    assert pages[-1] == []
    assert await contents(messages) == expected[:100]
    assert await contents(messages, order="desc", limit=2) == ["999", "998"]
    assert await messages.count("t") == 1000


async def test_a_bulk_is_all_or_nothing(db: Database, messages: MessageRepository) -> None:
    """Messages of several threads, in the order given; one that is refused refuses all.

    [C2 J1]
    """
    await create_thread_repository(db).create(user_id="v", id="t2")
    await messages.create(thread_id="t2", role="user", content="old", id="taken")
    assert await messages.bulk_create([]) == []
    mixed: list[dict[str, Any]] = [
        {"thread_id": "t", "role": "user", "content": "a", "metadata": {"n": 1}},
        {"thread_id": "t2", "role": "user", "content": "b"},
        {"thread_id": "t", "role": "assistant", "content": "c"},
    ]
    with pytest.raises(ConflictError):
        await messages.bulk_create(
            [*mixed, {"thread_id": "t2", "role": "user", "content": "other", "id": "taken"}]
        )
    assert await messages.count("t") == 0
    stored = await messages.bulk_create(mixed)
    assert [(row.thread_id, row.content) for row in stored] == [
        *(("t", "a"), ("t2", "b"), ("t", "c"))
    ]
    assert stored[0].metadata == {"n": 1}
    assert await contents(messages, "t2") == ["old", "b"]
    for wrong in ({"role": "user"}, {"thread_id": "t"}, {"threadId": "t", "role": "user"}, 7):
        bad: Any = wrong
        with pytest.raises(InvalidError):
            await messages.bulk_create([bad])


async def test_old_messages_go_in_bulk(db: Database, messages: MessageRepository) -> None:
    """Strictly older ones, of a role or a kind, or only counted; the rest stays. [J2]"""
    await create_thread_repository(db).create(user_id="u", id="t2")
    at = datetime(2024, 1, 1, tzinfo=UTC)
    for thread in ("t", "t2"):
        await messages.bulk_create(
            [
                {
                    "thread_id": thread,
                    "role": "user" if n % 2 else "assistant",
                    "content": str(n),
                    "created_at": at + timedelta(days=n),
                    "metadata": {"n": n},
                }
                for n in range(5)
            ]
        )
    two = at + timedelta(days=2)
    assert await messages.bulk_delete(thread_id="t", older_than=two, dry_run=True) == 2
    assert await messages.bulk_delete(thread_id="t", older_than=two) == 2
    assert await contents(messages) == ["2", "3", "4"]
    assert await messages.bulk_delete(thread_id="t", roles=["user"]) == 1
    assert await messages.bulk_delete(thread_id="t", metadata={"n": 4}) == 1
    assert await contents(messages) == ["2"]
    assert await messages.bulk_delete(thread_id=["t", "t2", "unknown"]) == 6


async def test_the_newest_are_the_newest(messages: MessageRepository) -> None:
    """The last n of a hundred, oldest first; 0 is none. [D6 seed 004 defect 3, 19]"""
    await messages.bulk_create(
        [{"thread_id": "t", "role": "user", "content": str(n)} for n in range(100)]
    )
    newest = await messages.list_recent("t", 5)
    assert [row.content for row in newest] == ["95", "96", "97", "98", "99"]
    assert len(await messages.list_recent("t")) == 50
    assert await messages.list_recent("t", 0) == []
    assert await messages.list_by_thread("t", limit=0) == []


async def test_messages_are_filtered(messages: MessageRepository) -> None:
    """By nested metadata, role, half-open dates and calls, together and with paging.

    [D12 D13 D7]
    """
    at = datetime(2024, 1, 1, tzinfo=UTC)
    rows: list[dict[str, Any]] = []
    for n in range(12):
        role = ("user", "assistant", "tool")[n % 3]
        rows.append(
            {
                "thread_id": "t",
                "role": role,
                "content": str(n),
                "created_at": at + timedelta(days=n),
                "metadata": {"category": {"name": "technical" if n < 6 else "other", "n": n}},
                "tool_calls": [CALL] if role == "assistant" else None,
                "tool_call_id": "c1" if role == "tool" else None,
            }
        )
    await messages.bulk_create(rows)
    technical = {"metadata": {"category": {"name": "technical"}}}
    assert await contents(messages, filter=technical) == [*"012345"]
    assert await contents(messages, filter=technical, limit=2, offset=3) == ["3", "4"]
    assert await contents(messages, filter=technical, roles=["tool"]) == ["2", "5"]
    assert await contents(messages, has_tool_calls=True) == ["1", "4", "7", "10"]
    assert await contents(messages, has_tool_calls=False, roles=["assistant"]) == []
    since, until = at + timedelta(days=3), at + timedelta(days=5)
    assert await contents(messages, from_date=since, to_date=until) == ["3", "4"]
    assert await contents(messages, from_date=since, filter=technical, order="desc") == [*"543"]
    assert await contents(messages, filter={}) == [str(n) for n in range(12)]
    for wrong in ({"role": "user"}, "x"):
        bad: Any = wrong
        with pytest.raises(InvalidError):
            await contents(messages, filter=bad)


async def test_a_cursor_never_skips_a_message(messages: MessageRepository) -> None:
    """Messages that come between two pages are at the end; `after` starts behind a message.

    [D8 seed 004 defect 13]
    """
    for n in range(6):
        await messages.create(thread_id="t", role="user", content=str(n))
    page = await messages.list_by_thread("t", limit=2)
    seen = [row.content for row in page]
    for n in (6, 7):
        await messages.create(thread_id="t", role="user", content=str(n))
        page = await messages.list_by_thread("t", limit=2, cursor=page.next)
        seen += [row.content for row in page]
    assert seen == [*"012345"]
    assert await contents(messages, after=page[-1].id) == ["6", "7"]
    for wrong in ("unknown", "x/y", outward("t", "unknown")):
        with pytest.raises(InvalidCursorError):
            await contents(messages, after=wrong)


async def test_other_formats_are_shown(store: AsyncStore, messages: MessageRepository) -> None:
    """A row of any format shows its words, calls and results; its metadata can change.

    [C17]
    """
    chat = store.owner("app")
    await chat.messages.append("t", Message.user("Hello"))
    call = ToolCallPart("c1", "sum", {"a": 1})
    await chat.messages.append("t", Message.assistant([TextPart("Let me see."), call]))
    block = {"type": "tool_result", "tool_use_id": "c1", "content": "1"}
    words = {"type": "text", "text": "Go on."}
    await chat.messages.append(
        "t", {"role": "user", "content": [block, words]}, dialect="anthropic"
    )
    await chat.messages.append("t", Message("user", '{"x":1}', "somebody-elses"))
    said, asked, told, strange = await messages.list_by_thread("t")
    assert (said.content, said.format) == ("Hello", "threadkeep")
    assert (asked.content, asked.role) == ("Let me see.", "assistant")
    assert asked.tool_calls is not None
    assert asked.tool_calls[0]["function"] == {"name": "sum", "arguments": '{"a":1}'}
    assert (told.tool_call_id, told.text) == ("c1", "1\n\nGo on.")
    assert (strange.role, strange.content) == ("user", None)
    changed = await messages.update(strange.id, metadata={"seen": True})
    assert changed is not None
    assert changed.metadata == {"seen": True}
    with pytest.raises(InvalidError):
        await messages.update(strange.id, content="x")
    rewritten = await messages.update(said.id, content="Hi")
    assert rewritten is not None
    assert (rewritten.content, rewritten.format) == ("Hi", "openai-chat")
