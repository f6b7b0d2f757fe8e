"""The messages of a Claude export: read as typed parts, and written again as they were."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from threadkeep.dialects.claude_export import dialect
from threadkeep.dialects.threadkeep import dialect as own
from threadkeep.testing.strategies import ids, json_values, messages, strings
from threadkeep.values import jsontext, wire
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message
from threadkeep.values.parts import (
    DataPart,
    FilePart,
    Part,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

few = settings(max_examples=200, deadline=None)

SMALL = Path(__file__).parents[1] / "fixtures" / "claude-export-small.json"
GENUINE = (
    Path(__file__).parents[3] / "shared" / "fixtures" / "exports" / "claude-conversations.json"
)

kinds = ["text", "thinking", "tool_use", "tool_result", "token_budget", "voice_note", 7]
members = ["text", "thinking", "signature", "id", "name", "input", "tool_use_id", "content"]
members += ["is_error", "citations", "type", "file_name", "extracted_content", "file_uuid"]
odd_values: list[Any] = ["", "x", "c1", None, True, 1, 1.0, -0.0, [], {}]
values: st.SearchStrategy[Any] = st.sampled_from(odd_values) | json_values(max_leaves=3)
blocks = st.one_of(
    st.dictionaries(st.sampled_from(members), values, max_size=6),
    st.builds(
        lambda kind, block: {**block, "type": kind},
        st.sampled_from(kinds),
        st.dictionaries(st.sampled_from(members), values, max_size=6),
    ),
    values,
)
items = st.builds(
    lambda order, item: {name: item[name] for name in order if name in item},
    st.permutations(
        ["uuid", "text", "content", "sender", "created_at", "attachments", "files", "odd"]
    ),
    st.fixed_dictionaries(
        {"sender": st.sampled_from(["human", "assistant"])},
        optional={
            "uuid": st.none() | ids(),
            "text": strings() | values,
            "content": st.lists(blocks, max_size=4) | values,
            "created_at": st.just("2024-03-13T14:48:44.500345Z") | values,
            "attachments": st.lists(blocks, max_size=2) | values,
            "files": st.lists(blocks, max_size=2) | values,
            "odd": values,
        },
    ),
)
"""Items of almost the right shape, with anything in place of what is expected."""


def spelled(item: Any) -> str:
    return jsontext.encode(item, overflow=True)


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


ITEM: dict[str, Any] = {
    "uuid": "m1",
    "text": "Here it is.\n\nDone.",
    "content": [
        {"type": "thinking", "thinking": "Let me see.", "summaries": [], "cut_off": False},
        {"type": "text", "text": "Here it is.", "citations": []},
        {"type": "tool_use", "id": "c1", "name": "search", "input": {"q": "x"}, "message": None},
        {
            "type": "tool_result",
            "tool_use_id": "c1",
            "name": "search",
            "content": [{"type": "text", "text": "found"}],
            "is_error": False,
        },
        {"start_timestamp": None, "type": "token_budget"},
        {"type": "text", "text": "Done.", "citations": []},
    ],
    "sender": "assistant",
    "created_at": "2024-03-13T14:48:44.500345Z",
    "updated_at": "2025-06-21T20:47:54.195022Z",
    "attachments": [
        {"file_name": "a.txt", "file_size": 5, "file_type": "txt", "extracted_content": "words é"}
    ],
    "files": [{"file_name": "b.png"}, {"file_uuid": "f2", "file_name": "c.png"}],
    "parent_message_uuid": "m0",
}
PARTS: tuple[Part, ...] = (
    ReasoningPart("Let me see."),
    TextPart("Here it is."),
    ToolCallPart("c1", "search", {"q": "x"}),
    ToolResultPart("c1", [{"type": "text", "text": "found"}], "search", is_error=False),
    RawPart({"start_timestamp": None, "type": "token_budget"}),
    TextPart("Done."),
    FilePart("text/plain", data="d29yZHMgw6k=", name="a.txt"),
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


def test_what_the_parts_say_is_not_kept_again() -> None:
    """The words, inputs and results of a usual item stand in the payload once."""
    (message,) = dialect.load([ITEM])
    for words in (
        "Let me see.",
        "Here it is.",
        "Done.",
        '"found"',
        '{"q":"x"}',
        "d29yZHM",
        "a.txt",
    ):
        assert message.json.count(words) == (2 if words == '"c1"' else 1)
    assert "words é" not in message.json


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
    use, result = {"type": "tool_use"}, {"type": "tool_result"}
    content = [
        {**use, "name": "a", "input": 1},
        {**use, "name": "b", "input": 2},
        {**result, "name": "b", "content": 2},
        {**result, "name": "a", "content": 1},
        {**use, "name": "a", "input": 3},
        {**result, "content": 3},
        {**result, "content": "of no call"},
    ]
    item = {"uuid": "m", "sender": "assistant", "content": content}
    (message,) = dialect.load([item])
    inputs = {part.call_id: part.input for part in message.parts if isinstance(part, ToolCallPart)}
    results = [part for part in message.parts if isinstance(part, ToolResultPart)]
    assert len(inputs) == len(results) == 3
    assert all(inputs[part.call_id] == part.output for part in results)
    assert message.parts[-1] == RawPart(content[-1])
    assert dialect.traits(item).answers == ()
    assert dialect.dump([message]) == [item]


def changed(message: Message, parts: tuple[Part, ...]) -> Message:
    payload = {**message.payload, "parts": [wire.part_to_json(part) for part in parts]}
    return replace(message, json=jsontext.encode(payload))


@pytest.mark.parametrize("text", ["Here it is.\n\nDone.", "another text"])
def test_a_changed_part_shows_in_the_item(text: str) -> None:
    """A part that was edited after loading is dumped as edited, and all else as it was."""
    (message,) = dialect.load([{**ITEM, "text": text}])
    edited = changed(message, (PARTS[0], TextPart("New."), *PARTS[2:]))
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
    """A message from elsewhere gives an item that loads again, with words, calls and results."""
    (item,) = dialect.dump([replace(message, id="m7")])
    (again,) = dialect.load([item])
    assert again.id == "m7"
    assert again.created_at == message.created_at
    assert spelled(dialect.dump([again])[0]) == spelled(item)

    def kept(listed: tuple[Part, ...]) -> list[Any]:
        words = [p.text for p in listed if isinstance(p, TextPart | ReasoningPart)]
        calls = [(p.call_id, p.name, p.input) for p in listed if isinstance(p, ToolCallPart)]
        results = [(p.call_id, p.output) for p in listed if isinstance(p, ToolResultPart)]
        return [words, calls, results]

    assert kept(again.parts) == kept(message.parts)


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
    """Every message of an export is loaded with parts and dumped as it was, kept only once."""
    if path == GENUINE and not path.exists():
        pytest.skip("the shared fixtures are not here")
    listed = messages_of(path)
    loaded = dialect.load(listed)
    assert [spelled(item) for item in dialect.dump(loaded)] == [spelled(item) for item in listed]
    assert not any('"whole"' in message.json for message in loaded)
    assert len(listed) == (557 if path == GENUINE else 14)
