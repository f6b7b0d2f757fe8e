"""The messages of assistant-ui: read as typed parts, merged and split, and written again."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from helpers import Bench, few, stored
from hypothesis import given
from hypothesis import strategies as st
from kit_assistant_ui import ANSWER, PAUSED, PNG, USER, accepts, corpus, items, known

from threadkeep.dialects.assistant_ui import dialect
from threadkeep.testing.strategies import messages
from threadkeep.values import jsontext
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
DATA = "iVBORw0KGgo="


def parts_of(*content: Any, role: str = "assistant", **members: Any) -> tuple[Part, ...]:
    (message,) = dialect.load([{"role": role, "content": list(content), **members}])
    return message.parts


def written(*said: Part, role: str = "assistant") -> Any:
    """The content that parts from elsewhere become, where nothing of them is lost."""
    items = dialect.dump([Message.of(role, said, id="m")])  # type: ignore[arg-type]
    assert not items.losses
    accepts(items)
    return items[0]["content"]


def losses(*said: Message) -> list[tuple[str | None, int | None, str, str | None]]:
    items = dialect.dump(said)
    accepts(items)
    return [(loss.message, loss.part, loss.what, loss.name) for loss in items.losses]


BOTH_WAYS: list[tuple[str, dict[str, Any], Part]] = [
    ("user", {"type": "text", "text": "x"}, TextPart("x")),
    ("assistant", {"type": "reasoning", "text": "x"}, ReasoningPart("x")),
    (
        "assistant",
        {
            "type": "reasoning",
            "text": "x",
            "providerMetadata": {"anthropic": {"signature": "s", "redactedData": "e"}},
        },
        ReasoningPart("x", "s", "e", provider="anthropic"),
    ),
    (
        "assistant",
        {
            "type": "reasoning",
            "text": "x",
            "providerMetadata": {"openai": {"reasoningEncryptedContent": "e", "itemId": "rs_1"}},
        },
        ReasoningPart("x", encrypted="e", id="rs_1", provider="openai"),
    ),
    (
        "assistant",
        {"type": "source", "sourceType": "url", "id": "s", "url": "https://a.b", "title": "t"},
        SourcePart("s", "https://a.b", "t"),
    ),
    (
        "assistant",
        {
            "type": "source",
            "sourceType": "document",
            "id": "s",
            "title": "t",
            "mediaType": "application/pdf",
            "filename": "p.pdf",
        },
        SourcePart("s", None, "t", "application/pdf", "p.pdf"),
    ),
    ("user", {"type": "image", "image": PNG}, FilePart("image/png", data=DATA)),
    (
        "user",
        {"type": "image", "image": "https://a.b/c.png", "filename": "c.png"},
        FilePart("image/*", url="https://a.b/c.png", name="c.png"),
    ),
    (
        "assistant",
        {"type": "image", "image": "https://a.b/c", "mimeType": "image/webp"},
        FilePart("image/webp", url="https://a.b/c"),
    ),
    (
        "assistant",
        {"type": "file", "data": "http://a.b/c", "mimeType": "image/gif", "sourceType": "url"},
        FilePart("image/gif", url="http://a.b/c"),
    ),
    (
        "user",
        {"type": "file", "data": "aGk=", "mimeType": "text/plain", "filename": "a.txt"},
        FilePart("text/plain", data="aGk=", name="a.txt"),
    ),
    (
        "user",
        {"type": "file", "data": "f1", "mimeType": "text/plain", "sourceType": "id"},
        FilePart("text/plain", file_id="f1"),
    ),
    (
        "assistant",
        {"type": "data", "name": "weather", "data": {"sky": None}},
        DataPart("weather", {"sky": None}),
    ),
]


@pytest.mark.parametrize(("role", "block", "part"), BOTH_WAYS)
def test_a_block_is_a_part_and_back(role: str, block: dict[str, Any], part: Part) -> None:
    """Each block is read as its part, and a part from elsewhere is written as the block."""
    assert parts_of(block, role=role) == (part,)
    assert written(part, role=role) == [block]


ONE_WAY: list[tuple[str, dict[str, Any], Part]] = [
    (
        "user",
        {"type": "audio", "audio": {"data": "aGk=", "format": "mp3"}},
        FilePart("audio/mpeg", data="aGk="),
    ),
    (
        "user",
        {"type": "file", "data": "data:text/css;base64,aGk=", "mimeType": "text/plain"},
        FilePart("text/plain", data="aGk="),
    ),
    (
        "user",
        {"type": "file", "data": "https://a.b/c", "mimeType": "text/plain"},
        FilePart("text/plain", url="https://a.b/c"),
    ),
    ("user", {"type": "data-mood", "data": 1, "x": 2}, DataPart("mood", 1, {"x": 2})),
    (
        "assistant",
        {"type": "generative-ui", "spec": {"root": {}}, "id": "g"},
        DataPart("generative-ui", {"root": {}}, {"id": "g", "spec": True}),
    ),
    (
        "assistant",
        {"type": "reasoning", "unstable_summary": "short"},
        ReasoningPart("short", extra={"unstable_summary": "short"}),
    ),
    (
        "assistant",
        {"type": "reasoning", "text": "x", "id": "ui-1", "parentId": "p"},
        ReasoningPart("x", extra={"parentId": "p", "native": {"id": "ui-1"}}),
    ),
    (
        "assistant",
        {"type": "reasoning", "text": "x", "providerMetadata": {"a": {"signature": "s", "b": 1}}},
        ReasoningPart("x", "s", provider="a", extra={"providerMetadata": {"a": {"b": 1}}}),
    ),
    ("assistant", {"type": "hologram"}, RawPart({"type": "hologram"})),
    ("assistant", {"type": "text", "text": 7}, RawPart({"type": "text", "text": 7})),
]


@pytest.mark.parametrize(("role", "block", "part"), ONE_WAY)
def test_what_only_assistant_ui_says_is_kept(role: str, block: dict[str, Any], part: Part) -> None:
    """A block with members of its own is its part, with those in extra; others are raw."""
    assert parts_of(block, role=role) == (part,)


@pytest.mark.parametrize("result", [False, 0, "", None, {"a": 1}])
def test_any_result_that_is_there_counts(result: Any) -> None:
    """A call with a result member is answered, whatever the result is; without one it is open."""
    call = {"type": "tool-call", "toolCallId": "c", "toolName": "f", "args": {"q": 1}}
    item = {"role": "assistant", "content": [{**call, "result": result}]}
    assert parts_of(*item["content"]) == (
        ToolCallPart("c", "f", {"q": 1}),
        ToolResultPart("c", result, "f"),
    )
    assert (dialect.traits(item).calls, dialect.traits(item).answers) == (("c",), ())
    assert parts_of(call) == (ToolCallPart("c", "f", {"q": 1}),)
    failed = parts_of({**call, "isError": True})
    assert failed[1] == ToolResultPart("c", None, "f", is_error=True)


def test_approvals_are_parts() -> None:
    """A question stands with the calls, an answer with the results; a denial marks the result."""
    (message,) = dialect.load([PAUSED])
    asked, *others = [part for part in message.parts if isinstance(part, ApprovalPart)]
    assert (asked.approval_id, asked.call_id, asked.approved) == ("ap1", "c7", None)
    assert asked.extra["prompt"] == "May it?"
    assert [(part.approved, part.reason) for part in others] == [(False, "no"), (True, None)]
    (result,) = [part for part in message.parts if isinstance(part, ToolResultPart)]
    assert (result.denied, result.is_error, result.output) == (True, True, "denied")
    calls = [part for part in message.parts if isinstance(part, ToolCallPart)]
    assert "interrupt" in calls[2].extra
    assert "messages" in calls[3].extra


@pytest.mark.parametrize("input", [{}, {"a": [1]}, [1], 7, None, "{ bad", "7", '"x"', "", "words"])
def test_any_input_comes_back(input: Any) -> None:
    """An object is args, everything else arguments as text that says the same when read."""
    content = written(ToolCallPart("c", "f", input))
    assert ("args" in content[0]) == isinstance(input, dict)
    (part,) = parts_of(*content)
    assert isinstance(part, ToolCallPart)
    assert jsontext.encode(part.input) == jsontext.encode(input)


def test_parallel_calls_stay_side_by_side() -> None:
    """Calls that stand side by side come before their results, and words begin a new step."""
    kinds = [part.type for part in dialect.load([ANSWER])[0].parts]
    assert kinds[:16] == [
        *["reasoning", "reasoning", "text"],
        *["tool_call"] * 6,
        *["tool_result"] * 6,
        "text",
    ]


def test_attachments_follow_the_content() -> None:
    """What attachments hold are parts of the message, with the name of the attachment."""
    (message,) = dialect.load([USER])
    text, file, image = message.parts[-3:]
    head = {name: value for name, value in USER["attachments"][0].items() if name != "content"}
    words = USER["attachments"][0]["content"][0]["text"]
    extra = {"attachment": head}
    assert text == TextPart(words, extra=extra)
    assert file == FilePart("text/plain", data="d29yZHM=", name="notes.txt", extra=extra)
    assert isinstance(image, FilePart)
    assert (image.data, image.name) == (DATA, "e.png")


CONVERSATION = [
    Message.system("Be brief.", id="s"),
    Message.user([TextPart("Look"), FilePart("image/png", data=DATA)], id="u1"),
    Message.assistant(
        [
            ReasoningPart("Hm.", "s", provider="anthropic"),
            ToolCallPart("c1", "a", {"q": 1}),
            ToolCallPart("c2", "b", {}),
            ApprovalPart("ap", "c2"),
        ],
        id="a1",
    ),
    Message.tool([ToolResultPart("c2", "no", denied=True), ToolResultPart("c1", 0)], id="t1"),
    Message.tool([ApprovalPart("ap", None, approved=False, reason="why")], id="t2"),
    Message.assistant([TextPart("Again."), ToolCallPart("c3", "a", {})], id="a2"),
    Message.tool([ToolResultPart("c3", content=(TextPart("x"), TextPart("y")))], id="t3"),
    Message.assistant("Done.", id="a3"),
    Message.user("Thanks", id="u2"),
]


def test_an_answer_and_its_results_are_one_item() -> None:
    """Steps, calls, results and approvals of one answer become one message, each at its call."""
    items = dialect.dump(CONVERSATION)
    accepts(items)
    assert items.sources == (("s",), ("u1",), ("a1", "t1", "t2", "a2", "t3", "a3"), ("u2",))
    assert [loss.what for loss in items.losses] == ["tool_result.denied"]
    assert items[2]["content"] == [
        {
            "type": "reasoning",
            "text": "Hm.",
            "providerMetadata": {"anthropic": {"signature": "s"}},
        },
        {
            "type": "tool-call",
            "toolCallId": "c1",
            "toolName": "a",
            "args": {"q": 1},
            "result": 0,
        },
        {
            "type": "tool-call",
            "toolCallId": "c2",
            "toolName": "b",
            "args": {},
            "approval": {"id": "ap", "approved": False, "reason": "why"},
            "result": "no",
        },
        {"type": "text", "text": "Again."},
        {
            "type": "tool-call",
            "toolCallId": "c3",
            "toolName": "a",
            "args": {},
            "result": "x\n\ny",
        },
        {"type": "text", "text": "Done."},
    ]


def test_a_late_result_is_written_to_its_call() -> None:
    """A result that comes after other messages still stands at its call, and is no message."""
    said = [
        Message.assistant([ToolCallPart("c1", "a", {})], id="a1"),
        Message.user("And?", id="u"),
        Message.tool([ToolResultPart("c1", "late")], id="t"),
    ]
    items = dialect.dump(said)
    assert items.sources == (("a1", "t"), ("u",))
    assert items[0]["content"][0]["result"] == "late"


def test_what_has_no_place_is_reported() -> None:
    """Results of no call, and parts that a role cannot have, are losses with their place."""
    assert losses(Message.tool([ToolResultPart("c9", 1)], id="t")) == [
        ("t", 0, "tool_result", None)
    ]
    call = ToolCallPart("c1", "f", provider_executed=True)
    twice: list[Part] = [call, ToolResultPart("c1", 1), ToolResultPart("c1", 2)]
    assert losses(Message.assistant(twice, id="a")) == [
        ("a", 0, "provider_executed", None),
        ("a", 2, "tool_result", None),
    ]
    odd: list[Part] = [TextPart("x"), ReasoningPart("x"), SourcePart("s"), call, FilePart(name="n")]
    assert losses(Message.user(odd, id="u")) == [
        ("u", at, "raw", kind)
        for at, kind in enumerate(["reasoning", "source", "tool_call", "file"], 1)
    ]
    assert losses(Message.system([DataPart("d"), RawPart(1)], id="s")) == [
        ("s", 0, "raw", "data"),
        ("s", 1, "raw", "raw"),
    ]
    assert losses(Message.assistant([ApprovalPart("x", "c1")], id="a")) == [
        ("a", 0, "raw", "approval")
    ]
    both = FilePart("text/plain", url="https://a.b", data="aGk=", file_id="f")
    assert [name for *_, name in losses(Message.user([both], id="u"))] == ["url", "file_id"]


def test_several_texts_of_the_system_are_one() -> None:
    """A message of the system has exactly one text, whatever it is made of."""
    said = [Message.system([TextPart("a"), TextPart("b")], id="s")]
    items = dialect.dump(said)
    accepts(items)
    assert [item["content"] for item in items] == [
        [{"type": "text", "text": "a\n\nb"}],
    ]


@pytest.mark.parametrize("item", [item for item in known if item["content"]])
def test_a_changed_part_shows_and_the_rest_stays(item: Any) -> None:
    """Beside an edited text the item stays as it was, with every unknown member."""
    whole = {**item, "odd": {"b": 1, "a": None}, "id": "m1"}
    (message,) = dialect.load([whole])
    (unchanged,) = dialect.dump([message])
    assert unchanged is whole
    parts = [
        replace(part, text="New.") if isinstance(part, TextPart) else part for part in message.parts
    ]
    if parts == list(message.parts):
        parts.append(TextPart("New."))
    dumped = dialect.dump([stored(message, parts)])
    assert not dumped.losses
    expected = json.loads(json.dumps(whole))
    texts = [block for block in expected["content"] if block["type"] == "text"]
    texts += [b for a in expected.get("attachments", ()) for b in a["content"] if "text" in b]
    for text in texts:
        text["text"] = "New."
    if not texts:
        expected["content"].append({"type": "text", "text": "New."})
    # An attachment's file gets the attachment's name, and arguments are spelled anew.
    (made,) = json.loads(json.dumps(dumped))
    for attachment in made.get("attachments", ()):
        for block in attachment["content"]:
            block.pop("filename", None)
    for block in expected["content"]:
        if block.get("argsText") == '{ "path": "/x" }':
            del block["argsText"]
            block["args"] = {"path": "/x"}
        if block.get("sourceType") is None and str(block.get("data")).startswith("data:"):
            block["data"] = block["data"].partition(",")[2]
    assert made == expected


def test_ids_and_times_are_kept_where_they_stand() -> None:
    """An item with an id and a time has them again after an edit; new ones have none."""
    item = {**corpus[1], "id": "m1", "createdAt": "2026-03-15T00:00:00.000Z"}
    (message,) = dialect.load([item])
    assert (message.id, message.created_at) == ("m1", datetime(2026, 3, 15, tzinfo=UTC))
    (made,) = dialect.dump([stored(message, [TextPart("x")])])
    assert (made["id"], made["createdAt"]) == ("m1", "2026-03-15T00:00:00.000Z")
    assert dialect.dump([Message.user("x", id="m2")]) == [
        {
            "role": "user",
            "content": [{"type": "text", "text": "x"}],
            "metadata": {"custom": {}},
        }
    ]


def test_only_what_says_something_is_unsaid() -> None:
    """Empty metadata and a status of completion are no loss; others are one by name."""
    from threadkeep.dialects.threadkeep import dialect as other

    def named(item: Any) -> list[str]:
        (message,) = dialect.load([item])
        return message.extra["origin"].get("unsaid", [])  # type: ignore[no-any-return]

    assert named(known[1]) == []
    assert named({**ANSWER, "metadata": {"custom": {}, "steps": [], "unstable_state": None}}) == []
    assert named(ANSWER) == ["metadata"]
    assert named(PAUSED) == ["status"]
    assert not other.dump(dialect.load(known)).losses


def test_the_text_is_what_is_read() -> None:
    """Texts of content and attachments are searched, thoughts and tools are not."""
    assert dialect.text(ANSWER) == "Let me see.\n\nDone."
    assert "words" in dialect.text(USER)


def test_a_user_starts_a_turn() -> None:
    """Only what a user says starts a turn."""
    starts = {item["role"]: dialect.traits(item).starts for item in known}
    assert starts == {"system": False, "user": True, "assistant": False}


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ([], "item"),
        ({}, "role"),
        ({"role": "tool", "content": []}, "role"),
        ({"role": ["user"], "content": []}, "role"),
        ({"role": "user", "content": [], "id": 7}, "id"),
    ],
)
def test_what_is_no_item_is_refused(item: Any, field: str) -> None:
    """An item with another role, or an id that cannot be stored, raises InvalidError."""
    with pytest.raises(InvalidError) as caught:
        dialect.load([item])
    assert caught.value.field == field


@few
@given(messages())
def test_words_and_calls_of_any_message_come_through(message: Message) -> None:
    """An assistant's message from elsewhere keeps its words, calls and answers in order."""
    message = replace(message, role="assistant")
    read = [part for one in dialect.load(dialect.dump([message])) for part in one.parts]
    for kind, field in ((TextPart, "text"), (ToolCallPart, "name"), (DataPart, "name")):
        assert [getattr(part, field) for part in read if isinstance(part, kind)] == [
            getattr(part, field) for part in message.parts if isinstance(part, kind)
        ]


@few
@given(items, st.integers(0, 3))
def test_any_item_can_be_edited(item: Any, cut: int) -> None:
    """Whatever an item holds, its message can be changed; the item itself stays as it was."""
    with suppress(InvalidError):
        bench.can_be_extended(item, cut)


def test_arguments_as_text_are_no_loss_and_do_not_outlive_a_change() -> None:
    """A text that says the arguments once more says nothing; a changed call has no old one."""
    called = {"type": "tool-call", "toolCallId": "c", "toolName": "f", "args": {"a": 1}}
    message = bench.loaded({"role": "assistant", "content": [{**called, "argsText": '{ "a": 1 }'}]})
    assert message.parts == (ToolCallPart("c", "f", {"a": 1}),)
    (item,) = dialect.dump([stored(message, [ToolCallPart("c", "f", {"a": 2})])])
    assert item["content"] == [{**called, "args": {"a": 2}}]
