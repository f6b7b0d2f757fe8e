"""Model messages are taken and refused as by the genuine schema, and the place is named."""

from __future__ import annotations

from typing import Any

import pytest
from ai_sdk_values import broken, fixture, json_values, model_message, ordered
from genuine import Genuine
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep.dialects.ai_sdk.model_schema import check_model_message, safe_check_model_message
from threadkeep.values.errors import InvalidError

few = settings(max_examples=100, deadline=None)
more = settings(max_examples=200, deadline=None)
many = settings(max_examples=10_000, deadline=None)

CASES = fixture("model_message_schema.json")


@pytest.mark.parametrize("name", CASES)
def test_each_golden_case_has_the_same_verdict_and_text(name: str) -> None:
    """All golden cases are accepted or refused alike, and cleaned to the same text."""
    case = CASES[name]
    value, error = safe_check_model_message(case["input"])
    assert (error is None) == case["ok"]
    if case["ok"]:
        assert ordered(value) == ordered(case["data"])


def agree(genuine: Genuine, message: Any) -> None:
    theirs = genuine.call("model_schema", message=message)
    ours, error = safe_check_model_message(message)
    assert (error is None) == theirs.ok, error or theirs.error
    if theirs.ok:
        assert ordered(ours) == ordered(theirs.value)


@more
@given(model_message | broken(model_message))
def test_messages_are_judged_and_cleaned_as_by_the_genuine_schema(
    genuine: Genuine, message: Any
) -> None:
    """Sound and broken messages have the genuine verdict, and the genuine text if it is good."""
    agree(genuine, message)


@pytest.mark.prove
@many
@given(model_message | broken(model_message) | json_values)
def test_many_messages_are_judged_as_by_the_genuine_schema(genuine: Genuine, message: Any) -> None:
    """The same for many messages."""
    agree(genuine, message)


def result(output: Any) -> Any:
    part = {"type": "tool-result", "toolCallId": "c", "toolName": "w", "output": output}
    return {"role": "tool", "content": [part]}


def assistant(part: Any) -> Any:
    return {"role": "assistant", "content": [{"type": "text", "text": "x"}, part]}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (None, "value"),
        ({"content": "x"}, "role"),
        ({"role": "data", "content": "x"}, "role"),
        ({"role": "user"}, "content"),
        ({"role": "user", "content": 1}, "content"),
        ({"role": "tool", "content": "x"}, "content"),
        ({"role": "user", "content": "x", "providerOptions": {"p": 1}}, "providerOptions.*"),
        (assistant({"type": "image", "image": "AA=="}), "content[1].type"),
        (assistant({"type": "tool-call", "toolCallId": "c", "toolName": "w"}), "content[1].input"),
        (result({"type": "nope"}), "content[0].output.type"),
        (
            result({"type": "content", "value": [{"type": "media"}]}),
            "content[0].output.value[0].type",
        ),
    ],
)
def test_an_error_names_the_place(message: Any, field: str) -> None:
    """The field of an InvalidError is the path to what breaks the rule."""
    with pytest.raises(InvalidError) as caught:
        check_model_message(message)
    assert caught.value.field == field


def test_the_text_of_a_url_counts_as_one_only_when_asked() -> None:
    """JSON has no URL objects: text in their place is good with `text_urls`, if it is a URL."""

    def message(url: str) -> Any:
        data = {"type": "url", "url": url}
        return assistant({"type": "reasoning-file", "data": data, "mediaType": "image/png"})

    with pytest.raises(InvalidError) as caught:
        check_model_message(message("https://e.x"))
    assert caught.value.field == "content[1].data"
    assert check_model_message(message("https://e.x"), text_urls=True) == message("https://e.x")
    with pytest.raises(InvalidError):
        check_model_message(message("e.x"), text_urls=True)


@few
@given(json_values | broken(model_message), st.booleans())
def test_hostile_input_gives_a_message_or_an_invalid_error(message: Any, text_urls: bool) -> None:
    """Whatever JSON stands in place of a message, no other error gets out; it is not changed."""
    before = ordered(message)
    value, error = safe_check_model_message(message, text_urls=text_urls)
    assert (value is None) == (error is not None)
    assert ordered(message) == before


def test_depth_is_no_limit() -> None:
    """Values as deep as threadkeep stores them do not exhaust the stack."""
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    message = check_model_message(result({"type": "json", "value": deep}))
    assert message["content"][0]["output"]["value"] is deep
