"""UI messages, validated as the `ai` package validates them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep.dialects.ai_sdk import shapes
from threadkeep.dialects.ai_sdk.validate import (
    Tool,
    safe_validate_ui_messages,
    validate_ui_messages,
)
from threadkeep.values.errors import InvalidError

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "fixtures/ai-sdk/validate_ui_messages.json").read_text("utf-8")
)


@pytest.mark.parametrize("name", GOLDEN)
def test_messages_are_judged_as_by_the_genuine_package(name: str) -> None:
    """The same verdict, and the same messages with the same members in the same order. [G4 G9]"""
    case = GOLDEN[name]
    result = safe_validate_ui_messages(case["input"])
    assert result.ok == case["ok"]
    if result.ok:
        assert json.dumps(result.messages) == json.dumps(case["data"])
    else:
        assert result.messages is None


@pytest.mark.parametrize("name", [name for name, case in GOLDEN.items() if case["ok"]])
def test_unknown_members_can_be_kept(name: str) -> None:
    """With keep_unknown, valid messages come back as they were. [G9]"""
    messages = GOLDEN[name]["input"]
    assert json.dumps(validate_ui_messages(messages, keep_unknown=True)) == json.dumps(messages)


def message(*parts: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [{"id": "1", "role": "assistant", "parts": list(parts), **more}]


def call(state: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool-w", "toolCallId": "c", "state": state, **more}


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (call("output-available", input=1), "messages[0].parts[0].output"),
        (call("input-available", input=1, output=None), "messages[0].parts[0].output"),
        (call("nope"), "messages[0].parts[0].state"),
        (
            call("approval-requested", input=1, approval={"id": "a", "approved": True}),
            "messages[0].parts[0].approval.approved",
        ),
        (
            {"type": "text", "text": "x", "providerMetadata": {"secret": {"secret": 1e999}}},
            "messages[0].parts[0].providerMetadata.*.*",
        ),
        (
            {"type": "text", "text": "x", "citations": [{"source": {}}]},
            "messages[0].parts[0].citations[0].source.sourceType",
        ),
        ({"type": "steering-message", "id": "s", "parts": [1]}, "messages[0].parts[0].parts[0]"),
        ({"type": "secret"}, "messages[0].parts[0].type"),
    ],
)
def test_the_first_fault_is_named(part: dict[str, Any], field: str) -> None:
    """The error has the path to the fault, and nothing of what somebody wrote."""
    with pytest.raises(InvalidError) as caught:
        validate_ui_messages(message(part))
    assert caught.value.field == field
    assert "secret" not in str(caught.value)


def city(value: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("city"), str):
        raise ValueError(f"secret: {value}")  # noqa: TRY004
    return {"city": value["city"], "checked": True}


def degrees(value: Any) -> Any:
    if not isinstance(value, int):
        raise TypeError if value == "bug" else ValueError("secret")
    return value + 1


TOOLS = {"w": Tool(input=city, output=degrees)}
SF = {"city": "SF"}


@pytest.mark.parametrize(
    "part",
    [
        call("input-streaming", input="{"),
        call("input-available", input=SF),
        call("output-available", input=SF, output=1),
        call("output-error", errorText="e"),
        call("output-error", input=SF, errorText="e"),
        call(
            "approval-requested",
            input={"checked": True, "city": "SF"},
            approval={"id": "a", "inputSchemaInput": SF},
        ),
    ],
)
def test_good_calls_of_known_tools_stay_as_they_are(part: dict[str, Any]) -> None:
    """What the tool's validators return is not put in, as in the genuine package."""
    assert validate_ui_messages(message(part), tools=TOOLS) == message(part)


@pytest.mark.parametrize(
    "part",
    [
        call("output-error", input=1, errorText="e"),
        call("output-available", input={}, output=1),
        {**call("output-available", input=1, output="x"), "type": "tool-gone"},
        {**call("output-error", errorText="x"), "type": "tool-gone"},
        {
            **call("output-denied", input=1, approval={"id": "a", "approved": False}),
            "type": "tool-gone",
        },
    ],
)
def test_calls_that_are_history_become_dynamic(part: dict[str, Any]) -> None:
    """A finished call of a vanished tool, or with input that no longer fits, is demoted."""
    (checked,) = validate_ui_messages(message(part), tools=TOOLS)
    (demoted,) = checked["parts"]
    kept = {key: value for key, value in part.items() if key != "type"}
    name = part["type"].removeprefix("tool-")
    assert list(demoted.items())[-3:] == [
        ("type", "dynamic-tool"),
        ("toolName", name),
        ("dynamic", False),
    ]
    assert demoted == {**kept, "type": "dynamic-tool", "toolName": name, "dynamic": False}
    assert validate_ui_messages([checked], tools=TOOLS) == [checked]


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (call("input-available", input=1), "input"),
        (call("output-available", input=[], output=1), "input"),
        (call("output-available", input=SF, output="x"), "output"),
        (call("output-available", input={}, output="x"), "output"),
        ({**call("input-available", input=1), "type": "tool-gone"}, "type"),
        ({**call("input-streaming"), "type": "tool-gone"}, "type"),
        (
            call("approval-requested", input=SF, approval={"id": "a", "inputSchemaInput": SF}),
            "input",
        ),
    ],
)
def test_bad_calls_are_refused(part: dict[str, Any], field: str) -> None:
    """Input and output must pass, and a call that goes on needs its tool."""
    with pytest.raises(InvalidError) as caught:
        validate_ui_messages(message(part), tools=TOOLS)
    assert caught.value.field == f"messages[0].parts[0].{field}"
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_data_and_metadata_are_replaced_by_what_their_validators_return() -> None:
    """Data parts need a validator of their name; absent metadata is None to its validator."""
    part = {"type": "data-n", "data": 1}
    checked = validate_ui_messages(message(part), data={"n": degrees}, metadata=lambda m: m)
    assert checked == message({"type": "data-n", "data": 2})
    checked = validate_ui_messages(message(part), metadata=lambda m: m or {"new": 1})
    assert checked == message(part, metadata={"new": 1})
    for wrong, field in (
        (message({"type": "data-x", "data": 1}), "messages[0].parts[0].type"),
        (message({"type": "data-n", "data": "1"}), "messages[0].parts[0].data"),
    ):
        error = safe_validate_ui_messages(wrong, data={"n": degrees}).error
        assert error is not None
        assert error.field == field
    error = safe_validate_ui_messages(message(part), metadata=city).error
    assert error is not None
    assert error.field == "messages[0].metadata"


def test_a_bug_in_a_validator_is_not_hidden() -> None:
    """Only ValueError refuses."""
    with pytest.raises(TypeError):
        validate_ui_messages(message({"type": "data-n", "data": "bug"}), data={"n": degrees})


def test_prototypes_are_dropped_where_the_genuine_package_drops_them() -> None:
    """A member `__proto__` of provider metadata is gone; one in a tool's input stays."""
    odd = {"p": {"a": {"__proto__": {}, "b": 1}, "__proto__": 1}, "__proto__": 2}
    part = call("input-available", input=odd, callProviderMetadata=odd)
    (checked,) = validate_ui_messages(message(part))
    assert checked["parts"][0]["callProviderMetadata"] == {"p": {"a": {"b": 1}}}
    assert checked["parts"][0]["input"] == odd


jsons = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 2)
    | st.floats()
    | st.sampled_from(["", "a", "text"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["id", "type", "source", "__proto__"]), inner, max_size=2)
    ),
    max_leaves=5,
)
valid = [case["input"] for case in GOLDEN.values() if case["ok"]]


def places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    todo = [value]
    while todo:
        holder = todo.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        found.extend((holder, key) for key in keys)
        todo.extend(holder[key] for key in keys if isinstance(holder[key], (dict, list)))
    return found


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(valid), jsons, st.data(), st.sampled_from([None, TOOLS]))
def test_whatever_comes_nothing_but_an_invalid_error_is_raised(
    messages: Any, odd: Any, data: st.DataObject, tools: Any
) -> None:
    """Any JSON value in any place is taken or refused, and what is passed in is never changed."""
    messages = json.loads(json.dumps(messages))
    holder, key = data.draw(st.sampled_from(places(messages)))
    holder[key] = odd
    before = json.dumps(messages)
    for value in (messages, odd):
        strict = safe_validate_ui_messages(value, tools=tools, data={"x": degrees})
        kept = safe_validate_ui_messages(value, tools=tools, data={"x": degrees}, keep_unknown=True)
        assert strict.ok == kept.ok
        if strict.ok:
            again = safe_validate_ui_messages(kept.messages, tools=tools, data={"x": degrees})
            assert again.ok
    assert json.dumps(messages) == before


def test_deep_values_are_no_problem() -> None:
    """A value of 100 000 levels in metadata and input is checked and compared."""
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    part = call(
        "approval-requested",
        input=deep,
        approval={"id": "a", "inputSchemaInput": deep},
        callProviderMetadata={"p": {"a": deep, "__proto__": 1}},
    )
    assert safe_validate_ui_messages(message(part), tools={"w": Tool()}).ok


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (shapes.index, [0, 2.0, 2**53 - 1], [-1, 2.5, 2**53, True, "1", 1e999]),
        (shapes.number, [0, -1.5, 10**300], [True, "1", 1e999, 10**400, None]),
        (shapes.json, [None, [{}], 1.5], [[1e999], {"a": {1}}]),
        (shapes.literal(expected=True), [True], [1, "true", None]),
        (shapes.literal("a"), ["a"], ["b", None, ["a"]]),
        (shapes.prefixed("x-"), ["x-", "x-1"], ["x", None]),
        (shapes.any_of("rule", shapes.null, shapes.string), [None, "a"], [1]),
    ],
)
def test_shapes_accept_what_zod_accepts(
    shape: shapes.Shape, good: list[Any], bad: list[Any]
) -> None:
    """Numbers as zod counts them, and no confusion of 1 and true."""
    for value in good:
        assert shapes.check(shape, value) == value
    for value in bad:
        with pytest.raises(InvalidError):
            shapes.check(shape, value)
