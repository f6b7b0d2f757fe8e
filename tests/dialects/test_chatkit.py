"""The thread items of ChatKit: read as typed parts, split and joined, and written again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from helpers import Bench, few, stored
from hypothesis import given
from hypothesis import strategies as st
from kit_chatkit import (
    ANSWER,
    ASKED,
    CALL,
    COPIED,
    END,
    HIDDEN,
    IMAGE,
    ITEM,
    PENDING,
    PNG,
    SDK_HIDDEN,
    SECRET,
    TASK,
    THOUGHTS,
    USER,
    WIDGET,
    WORK,
    accepts,
    corpus,
    item,
    items,
    known,
)

from threadkeep import dialects
from threadkeep.dialects.chatkit import dialect
from threadkeep.testing.strategies import messages
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message
from threadkeep.values.parts import (
    ApprovalPart,
    DataPart,
    FilePart,
    Part,
    RawPart,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

bench = Bench(dialect, accepts)
AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
DATA = "iVBORw0KGgo="


def parts_of(value: Any) -> tuple[Part, ...]:
    (message,) = dialect.load([value])
    return message.parts


KINDS: list[tuple[dict[str, Any], str, tuple[Part, ...]]] = [
    (
        USER,
        "user",
        (
            TextPart("Ask "),
            TextPart(
                "@ann",
                extra={
                    "tag": {
                        "id": "tag_1",
                        "data": {"b": 1, "a": None},
                        "group": None,
                        "interactive": True,
                    }
                },
            ),
            TextPart(" about this."),
            FilePart(
                "application/pdf",
                name="a.pdf",
                extra={"id": "atc_1", "thread_id": "thr_1", "metadata": {"size": 7}},
            ),
            FilePart(
                "image/png",
                url="https://example.org/b.png",
                name="b.png",
                extra={
                    "id": "atc_2",
                    "upload_descriptor": USER["attachments"][1]["upload_descriptor"],
                },
            ),
            TextPart(
                "The user is referring to this in particular: \nold words", extra={"quoted": True}
            ),
        ),
    ),
    (
        ANSWER,
        "assistant",
        (
            TextPart("Here it is."),
            SourcePart(
                None,
                "https://example.org",
                "A page",
                extra={"timestamp": "today", "attribution": "someone", "index": 4},
            ),
            SourcePart(None, None, "A paper", None, "p.pdf"),
            SourcePart(
                "e1",
                None,
                "Ann",
                extra={"label": "person", "interactive": False, "data": {"k": "v"}, "index": 9},
            ),
            TextPart("Done."),
        ),
    ),
    (
        CALL,
        "assistant",
        (
            ToolCallPart("call_1", "search", {"q": "x"}),
            ToolResultPart("call_1", {"found": [1, None]}, "search"),
        ),
    ),
    (PENDING, "assistant", (ToolCallPart("call_2", "search", {"q": "x"}),)),
    (WIDGET, "assistant", (DataPart("widget", WIDGET["widget"]),)),
    (
        COPIED,
        "assistant",
        (
            DataPart("widget", WIDGET["widget"]),
            TextPart("Weather in Lisbon", extra={"copy_text": True}),
        ),
    ),
    (IMAGE, "assistant", (FilePart("image/png", data=DATA, extra={"id": "ig_1"}),)),
    (
        ASKED,
        "assistant",
        (
            DataPart("structured_input", {"status": "answered", "inputs": ASKED["inputs"]}),
            TextPart(
                "- Where?: Lisbon, Porto\n- When?: skipped\n- Why?: unanswered",
                extra={"derived": True},
            ),
        ),
    ),
    (
        THOUGHTS,
        "assistant",
        (ReasoningPart("Hm."), ReasoningPart("So.", extra={"task": {"title": "Then"}})),
    ),
    (
        WORK,
        "assistant",
        (
            TextPart("Read: all", extra={"task": WORK["workflow"]["tasks"][0]}),
            *(DataPart("task", task) for task in WORK["workflow"]["tasks"][1:]),
        ),
    ),
    (TASK, "assistant", (TextPart("Looked it up", extra={"task": TASK["task"]}),)),
    (HIDDEN, "system", (TextPart("the user is in Lisbon"),)),
    (SECRET, "system", (DataPart("hidden_context", {"secret": ["plans"]}),)),
    (SDK_HIDDEN, "system", (TextPart("The user cancelled."),)),
    (END, "assistant", ()),
]


@pytest.mark.parametrize(("value", "role", "parts"), KINDS, ids=lambda one: str(one)[:12])
def test_every_kind_of_item_has_its_parts(
    value: dict[str, Any], role: str, parts: tuple[Part, ...]
) -> None:
    """Each of the 11 kinds is read as the parts that other formats can use. [G3]"""
    (message,) = dialect.load([value])
    assert (message.role, message.parts) == (role, parts)
    assert (message.id, message.created_at) == (value["id"], AT.replace(microsecond=123456))
    traits = dialect.traits(value)
    assert (traits.role, traits.starts) == (role, role == "user")


def test_all_kinds_of_the_sdk_are_known() -> None:
    """The kinds of the recorded items are the 11 that the SDK has. [G3]"""
    (union, *_) = ITEM.__args__
    kinds = {kind.model_fields["type"].default for kind in union.__args__}
    assert len(kinds) == 11
    assert kinds == {value["type"] for value in known}


def test_hidden_context_is_never_text() -> None:
    """What the user is never shown is not searched, nor are thoughts, and it starts no turn."""
    for value in (HIDDEN, SECRET, SDK_HIDDEN, THOUGHTS, END, CALL):
        assert dialect.text(value) == ""
    secret = item("hidden_context_item", id="x", content=["deep", {"plans": "deep"}])
    assert dialect.text(secret) == ""


def test_the_text_is_what_is_shown() -> None:
    """The words of a user with tags, of an answer, of widgets, tasks, questions and answers."""
    assert dialect.text(USER) == "Ask @ann about this."
    assert dialect.text(ANSWER) == "Here it is.\n\nDone."
    assert dialect.text(WIDGET) == "Weather\nLisbon\nMore"
    assert dialect.text(COPIED) == "Weather in Lisbon"
    assert dialect.text(WORK) == "Read: all"
    assert dialect.text(TASK) == "Looked it up"
    assert dialect.text(ASKED).startswith("- Where?: Lisbon, Porto\n")
    assert dialect.text(IMAGE) == ""


def test_a_pending_call_awaits_its_result() -> None:
    """A completed call answers itself, a pending one is open."""
    assert (dialect.traits(CALL).calls, dialect.traits(CALL).answers) == (("call_1",), ())
    assert dialect.traits(PENDING).calls == ("call_2",)
    assert not [part for part in parts_of(PENDING) if isinstance(part, ToolResultPart)]


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("2026-05-01T10:00:00", AT),
        ("2026-05-01T10:00:00Z", AT),
        ("2026-05-01T12:00:00+02:00", AT),
        ("yesterday", None),
        (None, None),
    ],
)
def test_a_naive_time_is_utc(said: Any, time: datetime | None) -> None:
    """Times are read with or without an offset, and stay in the item as they are."""
    value = {**END, "created_at": said}
    assert dialect.traits(value).created_at == time
    assert dialect.dump(dialect.load([value])) == [value]


def test_only_what_says_something_is_unsaid() -> None:
    """The unset members that the SDK writes are no loss; a choice of model is one."""
    unsaid = {message.id: message.extra["origin"].get("unsaid") for message in dialect.load(known)}
    assert {id: names for id, names in unsaid.items() if names} == {
        "msg_1": ["inference_options"],
        "wf_1": ["workflow"],
        "wf_2": ["workflow"],
    }


# --- writing ------------------------------------------------------------------------------------

CONVERSATION = [
    Message.of("system", "Be brief.", id="s", created_at=AT),
    Message.user([TextPart("Look"), FilePart("image/png", data=DATA, name="a.png")], id="u1"),
    Message.assistant(
        [
            ReasoningPart("Hm."),
            ReasoningPart("So."),
            TextPart("Well."),
            SourcePart(None, "https://a.b", "t"),
            ToolCallPart("c1", "a", {"q": 1}),
            ToolCallPart("c2", "b", [1]),
        ],
        id="a1",
    ),
    Message.tool([ToolResultPart("c2", 0), ToolResultPart("c1", {"x": None})], id="t1"),
    Message.assistant([TextPart("Done."), FilePart("image/png", data=DATA)], id="a2"),
]


def test_an_answer_is_several_items() -> None:
    """Thoughts, words, calls and pictures are items of their own; a result is in its call's."""
    items = dialect.dump(CONVERSATION)
    accepts(items)
    assert not items.losses
    assert [(value["type"], value["id"]) for value in items] == [
        ("hidden_context_item", "s"),
        ("user_message", "u1"),
        ("workflow", "a1"),
        ("assistant_message", "a1.2"),
        ("client_tool_call", "a1.3"),
        ("client_tool_call", "a1.4"),
        ("assistant_message", "a2"),
        ("generated_image", "a2.2"),
    ]
    assert items.sources[4:6] == (("a1", "t1"), ("a1", "t1"))
    assert {value["thread_id"] for value in items} == {""}
    assert {value["created_at"] for value in items} == {AT.isoformat()}
    assert [task["content"] for task in items[2]["workflow"]["tasks"]] == ["Hm.", "So."]
    assert items[3]["content"] == [
        {
            "annotations": [
                {
                    "type": "annotation",
                    "source": {"type": "url", "title": "t", "url": "https://a.b"},
                    "index": None,
                }
            ],
            "text": "Well.",
            "type": "output_text",
        }
    ]
    assert [(value["status"], value["output"]) for value in items[4:6]] == [
        ("completed", {"x": None}),
        ("completed", 0),
    ]
    assert [value["arguments"] for value in items[4:6]] == [{"q": 1}, {"input": [1]}]
    read = [part for message in dialect.load(items) for part in message.parts]
    said = [part for message in CONVERSATION for part in message.parts]
    for kind in (TextPart, ReasoningPart):
        assert [p for p in read if isinstance(p, kind)] == [p for p in said if isinstance(p, kind)]


def test_a_late_result_is_written_to_its_call() -> None:
    """A result that comes after other messages completes its call, and is no item."""
    said = [
        Message.assistant([ToolCallPart("c1", "a", {})], id="a1"),
        Message.user("And?", id="u"),
        Message.tool([ToolResultPart("c1", "late")], id="t"),
    ]
    items = dialect.dump(said)
    accepts(items)
    assert items.sources == (("a1", "t"), ("u",))
    assert (items[0]["status"], items[0]["output"]) == ("completed", "late")
    assert items[0]["created_at"] == "1970-01-01T00:00:00Z"


LOST: list[tuple[str, list[Part], list[tuple[int, str, str | None]]]] = [
    (
        "assistant",
        [ReasoningPart("x", "s", "e", "i", "openai")],
        [
            (0, "reasoning.signature", None),
            (0, "reasoning.encrypted", None),
            (0, "reasoning.id", None),
        ],
    ),
    (
        "assistant",
        [
            ToolCallPart("c", "f", provider_executed=True),
            ToolResultPart(
                "c", is_error=True, denied=True, content=(FilePart("image/png", data=DATA),)
            ),
            ToolResultPart("c", "again"),
        ],
        [
            (0, "provider_executed", None),
            (1, "tool_result.is_error", None),
            (1, "tool_result.denied", None),
            (1, "tool_result.content", None),
            (2, "tool_result", None),
        ],
    ),
    ("tool", [ToolResultPart("c", 1)], [(0, "tool_result", None)]),
    ("assistant", [ApprovalPart("a", "c")], [(0, "approval", None)]),
    ("assistant", [DataPart("d")], [(0, "data", None)]),
    ("assistant", [FilePart("text/plain", data="aGk=")], [(0, "raw", "file")]),
    (
        "assistant",
        [FilePart("image/png", url="https://a.b", name="n")],
        [
            (0, "extra", "media_type"),
            (0, "extra", "name"),
        ],
    ),
    (
        "assistant",
        [SourcePart("s", "https://a.b", None, "text/html", "n")],
        [
            (0, "source.source_id", None),
            (0, "source.media_type", None),
            (0, "extra", "name"),
        ],
    ),
    ("user", [FilePart("text/plain", data="aGk=")], [(0, "file.data", None)]),
    ("user", [FilePart("text/plain", url="https://a.b")], [(0, "file.url", None)]),
    ("user", [FilePart("image/png", url="/a.png")], [(0, "file.url", None)]),
    ("user", [FilePart("image/png", url="https://a b/")], [(0, "file.url", None)]),
    ("user", [FilePart(file_id="f")], [(0, "file.file_id", None)]),
    ("user", [ToolCallPart("c", "f"), RawPart(1)], [(0, "raw", "tool_call"), (1, "raw", None)]),
    ("user", [TextPart("x", extra={"a": 1})], [(0, "extra", "a")]),
    ("system", [FilePart(file_id="f")], [(0, "raw", "file")]),
]


@pytest.mark.parametrize(("role", "parts", "lost"), LOST)
def test_what_has_no_place_is_reported(
    role: str, parts: list[Part], lost: list[tuple[int, str, str | None]]
) -> None:
    """What ChatKit cannot say is a loss with its place, and what is written is accepted."""
    items = dialect.dump([Message.of(role, parts, id="m")])  # type: ignore[arg-type]
    accepts(items)
    assert [(loss.part, loss.what, loss.name) for loss in items.losses] == lost
    assert {loss.message for loss in items.losses} == {"m"}


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a?b=c#d",
        "http://localhost:8000/a.png",
        "https://127.0.0.1/",
        "https://my_bucket.s3.example.org/a%20b",
        "http://256.1.1.1/",
        "https://",
        "https://a..b/",
        "https://xn--a/",
        "https://a.b:99999/",
        "ftp://a.b/c",
        "https://a.b/\ud800",
        "x",
    ],
)
def test_an_image_is_shown_by_a_url_that_the_sdk_takes(url: str) -> None:
    """Whatever URL an image has, the item is accepted, and the URL is there or reported."""
    items = dialect.dump([Message.user([FilePart("image/png", url=url)], id="u")])
    accepts(items)
    (made,) = items[0]["attachments"]
    assert (made.get("preview_url") == url) != bool(items.losses)


def test_sources_before_the_words_annotate_them() -> None:
    """A source that stands before a text annotates it, and one without a text an empty one."""
    source = SourcePart(None, "https://a.b", "t")
    (made,) = dialect.dump([Message.assistant([source, TextPart("x")], id="a")])
    assert [(b["text"], len(b["annotations"])) for b in made["content"]] == [("x", 1)]
    (made,) = dialect.dump([Message.assistant([source], id="a")])
    assert [(b["text"], len(b["annotations"])) for b in made["content"]] == [("", 1)]


# --- changes ------------------------------------------------------------------------------------


def edited(value: dict[str, Any], at: int, **members: Any) -> dict[str, Any]:
    """The item after one part of its message was changed."""
    whole = {**value, "odd": {"b": 1, "a": None}}
    (message,) = dialect.load([whole])
    parts = list(message.parts)
    parts[at] = replace(parts[at], **members)
    dumped = dialect.dump([stored(message, parts)])
    assert not dumped.losses
    (made,) = dumped
    assert made.pop("odd") == whole["odd"]
    assert made != value
    return made  # type: ignore[no-any-return]


def changed(value: dict[str, Any], path: Sequence[str | int], new: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(value))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new
    return copy  # type: ignore[no-any-return]


EDITS: list[tuple[dict[str, Any], int, dict[str, Any], list[str | int], Any]] = [
    (CALL, 1, {"output": 7}, ["output"], 7),
    (CALL, 0, {"input": {"q": "y"}}, ["arguments"], {"q": "y"}),
    (WIDGET, 0, {"data": {"type": "Card"}}, ["widget"], {"type": "Card"}),
    (COPIED, 1, {"text": "New"}, ["copy_text"], "New"),
    (IMAGE, 0, {"data": "aGk="}, ["image", "url"], "data:image/png;base64,aGk="),
    (HIDDEN, 0, {"text": "New"}, ["content"], "New"),
    (SECRET, 0, {"data": 7}, ["content"], 7),
    (SDK_HIDDEN, 0, {"text": "New"}, ["content"], "New"),
    (
        WORK,
        1,
        {"data": {"type": "image"}},
        ["workflow", "tasks", 1],
        {"type": "image"},
    ),
]


@pytest.mark.parametrize(("value", "at", "members", "path", "new"), EDITS)
def test_a_changed_part_shows_and_the_rest_stays(
    value: dict[str, Any], at: int, members: dict[str, Any], path: list[str | int], new: Any
) -> None:
    """Beside an edited part the item stays as it was, with every unknown member."""
    assert edited(value, at, **members) == changed(value, path, new)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


def test_changed_words_stay_among_their_own() -> None:
    """Tags, quotes, attachments, annotations and options stay where only a text was changed."""
    made = edited(USER, 2, text=" New.")
    expected = changed(USER, ["content", 2, "text"], " New.")
    assert without_nulls(made) == without_nulls(expected)
    made = edited(USER, 1, text="@bea")
    assert without_nulls(made) == without_nulls(changed(USER, ["content", 1, "text"], "bea"))
    made = edited(ANSWER, 0, text="New.")
    expected = changed(ANSWER, ["content", 0, "text"], "New.")
    assert without_nulls(made) == without_nulls(expected)
    made = edited(THOUGHTS, 1, text="New.")
    assert [task["content"] for task in made["workflow"]["tasks"]] == ["Hm.", "New."]
    assert made["workflow"]["summary"] == {"duration": 12}
    made = edited(TASK, 0, text="New.")
    assert made == changed(TASK, ["task", "content"], "New.")
    accepts([made])


def test_changed_answers_show_beside_the_old_words() -> None:
    """Data that was changed is the item; words that no longer follow from it are a message."""
    (message,) = dialect.load([ASKED])
    parts = list(message.parts)
    assert isinstance(parts[0], DataPart)
    parts[0] = replace(parts[0], data={**parts[0].data, "status": "skipped"})
    (made,) = dialect.dump([stored(message, parts)])
    assert made == {**ASKED, "status": "skipped"}
    parts[1] = TextPart("Other words.", extra=message.parts[1].extra)  # type: ignore[union-attr]
    made, more = dialect.dump([stored(message, parts)])
    assert (made["id"], made["status"]) == ("si_1", "skipped")
    assert (more["id"], more["type"]) == ("si_1.2", "assistant_message")


def test_the_thread_is_known_where_an_item_says_it() -> None:
    """New items stand in the thread of the items they were written with."""
    (message,) = dialect.load([ANSWER])
    parts = [*message.parts, ToolCallPart("c", "f", {})]
    made = dialect.dump([stored(message, parts), Message.user("x", id="u")])
    accepts(made)
    assert [value["thread_id"] for value in made] == ["thr_1"] * 3
    assert [value["id"] for value in made] == ["msg_2", "msg_2.2", "u"]


def test_raw_items_stay_whole_among_others() -> None:
    """An item of an unknown kind is one raw part, and is written again as it was."""
    unknown = next(value for value in corpus if value["type"] == "hologram")
    (message,) = dialect.load([unknown])
    assert message.parts == (RawPart(unknown),)
    made, more = dialect.dump([stored(message, [RawPart(unknown), TextPart("x")])])
    assert made == unknown
    assert more["type"] == "assistant_message"


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ([], "item"),
        ({}, "type"),
        ({"type": "hologram"}, "type"),
        ({"type": "message", "id": "m", "role": "user"}, "type"),
        ({"type": ["task"], "id": "m", "thread_id": "t"}, "type"),
        ({"type": "task", "id": 7}, "id"),
    ],
)
def test_what_is_no_item_is_refused(value: Any, field: str) -> None:
    """An unknown kind without an item's members, or an illegal id, raises InvalidError."""
    for call in (dialect.traits, dialect.text, lambda value: dialect.load([value])):
        with pytest.raises(InvalidError) as caught:
            call(value)
        assert caught.value.field == field


def test_the_url_of_an_image_is_its_data() -> None:
    """An image by a data: URL is data, another one has its URL."""
    assert parts_of({**IMAGE, "image": {"id": "x", "url": "https://a.b"}}) == (
        FilePart("image/*", url="https://a.b", extra={"id": "x"}),
    )
    assert PNG.endswith(DATA)


@few
@given(messages())
def test_words_of_any_message_come_through(message: Message) -> None:
    """Whatever a message from elsewhere holds, its words are read again in order."""
    read = [part for one in dialect.load(dialect.dump([message])) for part in one.parts]
    wanted = "".join(part.text for part in message.parts if isinstance(part, TextPart))
    texts = "".join(part.text for part in read if isinstance(part, TextPart))
    assert texts.replace("\n\n", "") == wanted.replace("\n\n", "")


@few
@given(items, st.integers(0, 3))
def test_any_item_can_be_edited(value: Any, cut: int) -> None:
    """Whatever an item holds, its message can be changed; the item itself stays as it was."""
    with suppress(InvalidError):
        bench.can_be_extended(value, cut)


@pytest.mark.parametrize("target", ["openai-chat", "openai-responses", "anthropic", "gemini"])
def test_the_end_of_a_turn_is_no_message_elsewhere(target: str) -> None:
    """An item that says nothing to a model becomes nothing, and nothing of it is lost."""
    made = dialects.get(target).dump(dialect.load([ANSWER, END]))
    assert len(made) == len(dialects.get(target).dump(dialect.load([ANSWER])))
    assert all(loss.message != END["id"] for loss in made.losses)
