"""Parts and their JSON objects: nothing is lost in either direction."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from threadkeep.testing.strategies import json_values, messages, parts
from threadkeep.values import jsontext, wire
from threadkeep.values.message import Message
from threadkeep.values.parts import (
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

few = settings(max_examples=150, deadline=None)

TYPES = ["text", "reasoning", "tool_call", "tool_result", "file", "source", "data", "raw", "odd"]
NAMES = ["text", "signature", "call_id", "name", "input", "output", "is_error", "url", "data"]
NAMES += ["value", "title", "media_type", "unknown", "extra"]

raw_objects = st.recursive(
    st.builds(
        lambda kind, rest: {"type": kind, **rest},
        st.sampled_from([*TYPES, 7, None]),
        st.dictionaries(
            st.sampled_from(NAMES),
            st.sampled_from(["x", "", None, True, 7, [1], {"a": None}]),
            max_size=5,
        ),
    ),
    lambda inner: inner.map(lambda value: {"type": "raw", "value": value}),
)
"""Objects that are almost parts: members missing, unknown, null and of the wrong type."""


def content(value: Any) -> Any:
    """The JSON value with its types told apart (True is not 1), regardless of key order."""
    if isinstance(value, dict):
        return {key: content(item) for key, item in value.items()}
    if isinstance(value, list):
        return [content(item) for item in value]
    return (type(value).__name__, repr(value))


@few
@given(parts())
@example(RawPart({"type": "text", "text": "not typed"}))
@example(RawPart({"type": "raw", "value": {"type": "odd"}}))
@example(RawPart({"type": "raw", "value": 5}))
@example(ToolResultPart("c", None))
def test_a_part_comes_back_equal(part: Part) -> None:
    """Writing a part and reading it gives an equal part of the same type."""
    again = wire.part_from_json(wire.part_to_json(part))
    assert type(again) is type(part)
    assert again == part


@settings(max_examples=500, deadline=None)
@given(raw_objects)
@example({"type": "reasoning", "text": "t", "signature": None})
@example({"type": "tool_result", "call_id": "c", "is_error": 1})
@example({"type": "raw", "value": {"type": "raw", "value": {"type": "odd"}}})
@example({"type": "raw", "value": {"type": "raw", "value": "x"}})
def test_an_object_keeps_every_member(value: dict[str, Any]) -> None:
    """Reading an object, however odd, and writing it gives the same members and values."""
    assert content(wire.part_to_json(wire.part_from_json(value))) == content(value)


@few
@given(json_values())
def test_reading_is_never_an_error(value: Any) -> None:
    """Any JSON value is some part, and any value some tuple of parts."""
    assert isinstance(wire.part_from_json(value), Part)
    for payload in (value, {"role": "user", "parts": value}, {"parts": [value]}):
        assert all(isinstance(part, Part) for part in wire.parts_of(payload))


def test_members_stand_in_the_order_of_the_fields() -> None:
    """`type` is first, then the fields in order without the None ones, then the unknown members."""
    part = ToolResultPart("c1", {"b": 1, "a": 2}, is_error=False, extra={"z": 1, "y": None})
    assert jsontext.encode(wire.part_to_json(part)) == (
        '{"type":"tool_result","call_id":"c1","output":{"b":1,"a":2},"is_error":false,'
        '"z":1,"y":null}'
    )


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ({"type": "text", "text": "hi", "lang": "en"}, TextPart("hi", extra={"lang": "en"})),
        ({"type": "reasoning", "text": "", "encrypted": "e"}, ReasoningPart("", None, "e")),
        ({"type": "tool_call", "call_id": "c", "name": "n"}, ToolCallPart("c", "n")),
        ({"type": "tool_result", "call_id": "c", "output": 0}, ToolResultPart("c", 0)),
        ({"type": "file"}, FilePart()),
        ({"type": "source", "url": "u"}, SourcePart(url="u")),
        ({"type": "data", "name": "n", "data": [1]}, DataPart("n", [1])),
        ({"type": "raw", "value": 5}, RawPart(5)),
        ({"type": "text"}, RawPart({"type": "text"})),
        ({"type": "text", "text": None}, RawPart({"type": "text", "text": None})),
        ({"type": "file", "url": 5}, RawPart({"type": "file", "url": 5})),
        (
            {"type": "tool_result", "call_id": "c", "is_error": 1},
            RawPart({"type": "tool_result", "call_id": "c", "is_error": 1}),
        ),
        ({"type": "video", "url": "u"}, RawPart({"type": "video", "url": "u"})),
        ({"type": ["text"]}, RawPart({"type": ["text"]})),
        ("words", RawPart("words")),
    ],
)
def test_objects_are_read_as_their_parts(value: Any, part: Part) -> None:
    """A well-formed object is its typed part; unknown or malformed ones are raw and whole."""
    assert wire.part_from_json(value) == part


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"role": "user"}, ()),
        ({"role": "user", "parts": []}, ()),
        ({"role": "user", "parts": "words"}, (RawPart("words"),)),
        (["words"], (RawPart(["words"]),)),
        (None, (RawPart(None),)),
        ({"parts": [{"type": "text", "text": "a"}, 5]}, (TextPart("a"), RawPart(5))),
    ],
)
def test_parts_of_any_payload(payload: Any, expected: tuple[Part, ...]) -> None:
    """A payload of another shape is one raw part, and one without parts has none."""
    assert wire.parts_of(payload) == expected


def test_raw_parts_may_be_nested_deeply() -> None:
    """Raw in raw, 10 000 times, is read and written without recursion."""
    for inner in ({"type": "odd"}, {"type": "text", "text": "t"}, 5):
        value: Any = inner
        for _ in range(10_000):
            value = {"type": "raw", "value": value}
        assert wire.part_to_json(wire.part_from_json(value)) is value or (
            wire.part_to_json(wire.part_from_json(value))["value"] is value["value"]
        )


@few
@given(messages())
def test_a_message_gives_its_parts_again(message: Message) -> None:
    """The parts of a message, made into a message again, are the same parts."""
    assert Message.of(message.role, message.parts).parts == message.parts
    assert message.text == "\n\n".join(p.text for p in message.parts if isinstance(p, TextPart))
