"""The messages of a Claude export: read as typed parts, and written again as they were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from helpers import spelled, stored
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kit_claude_export import ITEM, NAMELESS, accepts, items

from threadkeep.dialects.claude_export import dialect
from threadkeep.dialects.openai_chat import dialect as openai
from threadkeep.dialects.threadkeep import dialect as own
from threadkeep.testing.strategies import messages
from threadkeep.values import jsontext, wire
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

few = settings(max_examples=200, deadline=None)

SMALL = Path(__file__).parents[1] / "fixtures" / "claude-export-small.json"
GENUINE = (
    Path(__file__).parents[3] / "shared" / "fixtures" / "exports" / "claude-conversations.json"
)


@settings(max_examples=400, deadline=None)
@given(items)
@example({"sender": "human", "text": None})
@example({"sender": "human", "uuid": None, "created_at": None, "text": ""})
@example({"sender": "human", "text": "a", "content": [{"type": "text", "text": "b"}]})
@example({"sender": "human", "attachments": [{"file_name": None, "extracted_content": "\ud800"}]})
@example({"sender": "assistant", "content": [{"type": "tool_use", "id": None, "name": "n"}]})
def test_an_item_comes_back_as_it_was(item: Any) -> None:
    """Whatever an item holds, loading and dumping it gives the same JSON in the same order."""
    (message,) = dialect.load([item])
    assert spelled(dialect.dump([message])[0]) == spelled(item)
    jsontext.verify(message.json)
    assert own.traits(message.payload) == replace(dialect.traits(item), id=message.id)


@few
@given(items)
def test_a_loaded_message_says_what_the_item_says(item: Any) -> None:
    """The loaded message has the traits and the text of the item."""
    (message,) = dialect.load([item])
    traits = dialect.traits(item)
    assert (message.role, message.id, message.created_at) == (
        traits.role,
        traits.id,
        traits.created_at,
    )
    assert message.text == dialect.text(item)


PARTS: tuple[Part, ...] = (
    ReasoningPart("Let me see.", extra={"summaries": [], "cut_off": False}),
    TextPart("Here it is.", extra={"citations": []}),
    ToolCallPart("c1", "search", {"q": "x"}, extra={"message": None}),
    ToolResultPart(
        "c1",
        name="search",
        is_error=False,
        content=(TextPart("found", extra={"uuid": "t1"}),),
    ),
    RawPart({"start_timestamp": None, "type": "token_budget"}),
    TextPart("Done.", extra={"citations": []}),
    FilePart(
        "text/plain",
        data="d29yZHMgw6k=",
        name="a.txt",
        extra={"file_size": 5, "file_type": "txt"},
    ),
    FilePart(name="b.png"),
    FilePart(file_id="f2", name="c.png"),
)


def test_blocks_and_files_are_typed_parts() -> None:
    """Every kind of block that is known is its part, and every other one is raw and whole."""
    (message,) = dialect.load([ITEM])
    assert message.parts == PARTS
    assert (message.role, message.id) == ("assistant", "m1")
    assert message.created_at == datetime(2024, 3, 13, 14, 48, 44, 500_345, tzinfo=UTC)
    assert message.text == dialect.text(ITEM) == "Here it is.\n\nDone."


def test_results_answer_calls_of_the_same_item() -> None:
    """A call and its result in one message are no answer to another message."""
    traits = dialect.traits(ITEM)
    assert (traits.calls, traits.answers, traits.starts, traits.cut) == (("c1",), (), False, True)
    alone = {**ITEM, "content": [ITEM["content"][3]]}
    assert dialect.traits(alone).answers == ("c1",)


def test_a_human_message_starts_a_turn() -> None:
    """What the human says starts a turn, with or without words."""
    for item in ({"sender": "human", "text": "hi"}, {"sender": "human", "content": []}):
        assert dialect.traits(item).starts


def test_calls_without_ids_are_paired_with_their_results() -> None:
    """In exports without ids a result answers the first open call of its tool."""
    (message,) = dialect.load([NAMELESS])
    inputs = {part.call_id: part.input for part in message.parts if isinstance(part, ToolCallPart)}
    results = [part for part in message.parts if isinstance(part, ToolResultPart)]
    assert len(inputs) == len(results) == 3
    assert all(inputs[part.call_id] == part.output for part in results)
    assert message.parts[-1] == RawPart(NAMELESS["content"][-1])
    assert dialect.traits(NAMELESS).answers == ()
    assert dialect.dump([message]) == [NAMELESS]


def test_only_results_are_of_a_tool() -> None:
    """A message that holds results alone has the role tool, and is the assistant's again."""
    item = {"uuid": "m", "sender": "assistant", "content": [ITEM["content"][3]]}
    (message,) = dialect.load([item])
    assert message.role == "tool"
    (made,) = dialect.dump([Message.tool([ToolResultPart("c1", "found")], id="m")])
    assert made["sender"] == "assistant"
    assert dialect.traits(made).role == "tool"


def changed(message: Message, parts: tuple[Part, ...]) -> Message:
    payload = {**message.payload, "parts": [wire.part_to_json(part) for part in parts]}
    return replace(message, json=spelled(payload))


@pytest.mark.parametrize("text", ["Here it is.\n\nDone.", "another text"])
def test_a_changed_part_shows_in_the_item(text: str) -> None:
    """A part that was edited after loading is dumped as edited, and all else as it was."""
    (message,) = dialect.load([{**ITEM, "text": text}])
    edited = changed(message, (PARTS[0], TextPart("New.", extra={"citations": []}), *PARTS[2:]))
    (item,) = dialect.dump([edited])
    expected = json.loads(json.dumps(ITEM))
    expected["content"][1]["text"] = "New."
    expected["text"] = "New.\n\nDone." if text != "another text" else text
    assert item == expected


@pytest.mark.parametrize(
    "item", [ITEM, {**ITEM, "text": None}, {"sender": "human", "text": "hi", "files": []}]
)
def test_added_and_removed_parts_show_in_the_item(item: Any) -> None:
    """Parts that no longer fit the item they came from give a new item with all of them."""
    (message,) = dialect.load([item])
    more = (*message.parts, DataPart("n", 1))
    for parts in (more, message.parts[1:], message.parts[:-1], (TextPart("x"),), ()):
        (dumped,) = dialect.dump([changed(message, parts)])
        texts = [part.text for part in parts if isinstance(part, TextPart)]
        assert dialect.text(dumped) == "\n\n".join(texts)
        if DataPart("n", 1) in parts:
            assert {"type": "data", "name": "n", "data": 1} in dumped["content"]
        (again,) = dialect.load([dumped])
        assert len(again.parts) == len(parts)


def test_parts_taken_off_the_end_leave_the_rest_as_it_was() -> None:
    """An item that has lost its last parts keeps what it says of the others."""
    (message,) = dialect.load([ITEM])
    (item,) = dialect.dump([changed(message, PARTS[:-1])])
    assert item == {**ITEM, "files": ITEM["files"][:-1]}


@few
@given(messages())
def test_any_message_can_be_dumped(message: Message) -> None:
    """A message from elsewhere gives items that load again, with words, calls and results."""
    items = dialect.dump([replace(message, id="m7")])
    loaded = dialect.load(items)
    if not message.parts and message.role != "user":
        assert not items
        return
    assert loaded[0].id == "m7"
    assert {again.created_at for again in loaded} == {message.created_at}
    assert [spelled(item) for item in dialect.dump(loaded)] == [spelled(item) for item in items]

    def kept(listed: Sequence[Part]) -> list[Any]:
        words = [p.text for p in listed if isinstance(p, TextPart | ReasoningPart)]
        calls = [(p.call_id, p.name, p.input) for p in listed if isinstance(p, ToolCallPart)]
        results = [(p.call_id, p.output) for p in listed if isinstance(p, ToolResultPart)]
        return [words, calls, results]

    assert kept([part for again in loaded for part in again.parts]) == kept(message.parts)


def test_an_answer_and_its_results_are_one_item() -> None:
    """Calls, their results and what follows them are one message, as Claude has it."""
    calls: list[Part] = [ToolCallPart("c1", "a", {}), ToolCallPart("c2", "b", {})]
    said = [
        Message.user("Go.", id="u"),
        Message.assistant([TextPart("Well."), *calls], id="a1"),
        Message.tool([ToolResultPart("c1", 1), ToolResultPart("c2", 2, denied=True)], id="t1"),
        Message.assistant([ToolCallPart("c3", "a", {}, provider_executed=True)], id="a2"),
        Message.tool([ToolResultPart("c3", 3)], id="t2"),
        Message.assistant("Done.", id="a3"),
        Message.system("Stop.", id="s"),
    ]
    items = dialect.dump(said)
    accepts(items)
    assert items.sources == (("u",), ("a1", "t1", "a2", "t2", "a3"), ("s",))
    assert not items.losses
    kinds = ["text", "tool_use", "tool_use", "tool_result", "tool_result"]
    kinds += ["tool_use", "tool_result", "text"]
    assert [block["type"] for block in items[1]["content"]] == kinds
    loaded = dialect.load(items)
    assert [message.role for message in loaded] == ["user", "assistant", "system"]
    listed = [part for message in said[1:6] for part in message.parts]
    assert [
        replace(p, is_error=None) if isinstance(p, ToolResultPart) else p for p in loaded[1].parts
    ] == listed


OURS: tuple[Part, ...] = (
    TextPart("x", role="system"),
    ReasoningPart("x", "sig", "enc", "rs_1", "openai"),
    ReasoningPart("x", "sig", provider="anthropic"),
    ToolCallPart("c1", "n", [1], provider_executed=True),
    ToolResultPart("c1", "no", "n", is_error=False, denied=True, provider_executed=True),
    ToolResultPart(
        "c1", is_error=True, content=(TextPart("x"), FilePart("image/png", data="aGk="))
    ),
    ApprovalPart("a1", "c1", approved=False, reason="no"),
    FilePart("image/png", data="aGk=", name="a.png"),
    FilePart("text/csv", data="aGk=", name="a.csv"),
    FilePart("text/plain", data="no base64"),
    FilePart(url="https://example.org/a"),
    FilePart("image/png", file_id="f1"),
    SourcePart("s1", "https://example.org", "t"),
    DataPart("n", {"a": None}),
)


@pytest.mark.parametrize("part", OURS, ids=lambda part: part.type)
def test_what_claude_has_no_word_for_is_said_in_ours(part: Part) -> None:
    """Every part comes back whole, by a member or a block of our own where Claude has none."""
    items = dialect.dump([Message.assistant([TextPart("x"), part], id="m")])
    accepts(items)
    assert not items.losses
    assert part in dialect.load(items)[0].parts


def test_a_new_item_has_claudes_members() -> None:
    """A message from elsewhere is an item with Claude's members in Claude's order."""
    at = datetime(2024, 5, 1, 10, tzinfo=UTC)
    message = replace(Message.of("user", PARTS[6:], created_at=at), id="m1")
    assert spelled(dialect.dump([message])[0]) == spelled(
        {
            "uuid": "m1",
            "text": "",
            "content": [],
            "sender": "human",
            "created_at": "2024-05-01T10:00:00+00:00",
            "updated_at": "2024-05-01T10:00:00+00:00",
            "attachments": [{"file_name": "a.txt", "extracted_content": "words é"}],
            "files": [{"file_name": "b.png"}, {"file_name": "c.png", "file_uuid": "f2"}],
        }
    )


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ([], "item"),
        (None, "item"),
        ({}, "sender"),
        ({"sender": "user"}, "sender"),
        ({"sender": ["human"]}, "sender"),
        ({"sender": "human", "uuid": 7}, "uuid"),
        ({"sender": "human", "uuid": "a\0"}, "uuid"),
    ],
)
def test_what_is_no_item_is_refused(item: Any, field: str) -> None:
    """An item with another sender, or an id that cannot be stored, raises InvalidError."""
    for call in (dialect.traits, dialect.text, lambda item: dialect.load([item])):
        with pytest.raises(InvalidError) as caught:
            call(item)
        assert caught.value.field == field


def messages_of(path: Path) -> list[Any]:
    conversations = jsontext.decode(path.read_text("utf-8"))
    return [item for one in conversations for item in one["chat_messages"]]


@pytest.mark.parametrize("path", [SMALL, GENUINE], ids=["small", "genuine"])
def test_exports_come_back_as_they_were(path: Path) -> None:
    """Every message of an export is loaded with parts and dumped as it was."""
    if path == GENUINE and not path.exists():
        pytest.skip("the shared fixtures are not here")
    listed = messages_of(path)
    loaded = dialect.load(listed)
    assert [spelled(item) for item in dialect.dump(loaded)] == [spelled(item) for item in listed]
    assert len(listed) == (557 if path == GENUINE else 14)


@few
@given(items, st.integers(0, 3))
def test_any_item_can_be_edited(item: Any, cut: int) -> None:
    """Whatever an item holds, its message can be changed; the item itself stays as it was."""
    try:
        (message,) = dialect.load([item])
    except InvalidError:
        return
    before = spelled(item)
    made = dialect.dump([changed(message, (*message.parts[cut:], TextPart("New.")))])
    assert spelled(item) == before
    assert {loss.what for loss in made.losses} <= set(dialect.losses)
    read = [part for one in dialect.load(made) for part in one.parts]
    assert any(isinstance(part, TextPart) and part.text.endswith("New.") for part in read)


def test_what_a_real_export_always_says_is_no_loss() -> None:
    """Empty citations, and the time of the last change where there was none, are no loss."""
    time = "2026-01-01T00:00:00Z"
    block: Any = {"type": "text", "text": "a", "citations": [], "start_timestamp": None}
    item = {"uuid": "u", "text": "a", "sender": "human", "content": [block]}
    item |= {"created_at": time, "updated_at": time, "attachments": [], "files": []}
    (message,) = dialect.load([item])
    assert not openai.dump([message]).losses
    (again,) = dialect.dump([stored(message, [TextPart("b")])])
    assert again["updated_at"] == time
