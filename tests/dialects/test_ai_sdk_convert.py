"""UI messages become the model messages that the genuine package makes of them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

import pytest
from ai_sdk_values import broken, fixture, json_values, ordered, ui_messages
from genuine import Genuine
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep.dialects.ai_sdk.convert import convert_to_model_messages
from threadkeep.dialects.ai_sdk.urls import href
from threadkeep.values.errors import InvalidError

few = settings(max_examples=100, deadline=None)
more = settings(max_examples=200, deadline=None)
many = settings(max_examples=10_000, deadline=None)

CASES = fixture("ui_to_model.json")


@dataclass(frozen=True, slots=True)
class Echo:
    """A tool that shows the model all it is given; `ai.mjs` has the same one."""

    def to_model_output(self, tool_call_id: str, input: Any, output: Any) -> Any:
        return {
            "type": "json",
            "value": {"toolCallId": tool_call_id, "input": input, "output": output},
        }


def as_text(part: Any) -> Any:
    data = json.dumps(part.get("data"), separators=(",", ":"), ensure_ascii=False)
    return {"type": "text", "text": data}


@pytest.mark.parametrize("name", CASES)
def test_each_golden_case_gives_the_same_text(name: str) -> None:
    """All golden cases, with and without incomplete calls, are equal with the order of keys.

    [G8]
    """
    case = CASES[name]
    if "model_error" in case:
        with pytest.raises(InvalidError):
            convert_to_model_messages(case["ui"])
    else:
        assert ordered(convert_to_model_messages(case["ui"])) == ordered(case["model"])
    if "model_ignore_incomplete" in case:
        complete = convert_to_model_messages(case["ui"], ignore_incomplete_tool_calls=True)
        assert ordered(complete) == ordered(case["model_ignore_incomplete"])


def agree(genuine: Genuine, messages: Any, complete: bool, named: Any, data: bool) -> bool:
    """Ask both; what ours gives must be theirs. Returns whether ours gave anything."""
    theirs = genuine.call(
        "convert",
        messages=messages,
        ignoreIncompleteToolCalls=complete,
        tools=named,
        dataParts=data,
    )
    try:
        ours = convert_to_model_messages(
            messages,
            ignore_incomplete_tool_calls=complete,
            convert_data_part=as_text if data else None,
            tools={name: Echo() if own else object() for name, own in named.items()},
        )
    except InvalidError:
        return False
    assert theirs.ok, theirs.error
    assert ordered(ours) == ordered(theirs.value)
    return True


tools = st.dictionaries(st.sampled_from(["weather", "rm", "mcp-x"]), st.booleans(), max_size=2)


@more
@given(ui_messages, st.booleans(), tools, st.booleans())
def test_sound_messages_are_converted_as_by_the_genuine_package(
    genuine: Genuine, messages: Any, complete: bool, named: Any, data: bool
) -> None:
    """Every state, step, approval, file, tool and data part gives the genuine package's text."""
    assert agree(genuine, messages, complete, named, data)


@more
@given(broken(ui_messages), st.booleans(), st.booleans())
def test_broken_messages_are_refused_or_converted_as_by_the_genuine_package(
    genuine: Genuine, messages: Any, complete: bool, data: bool
) -> None:
    """Where the genuine package throws there is an InvalidError; a result is always its own."""
    agree(genuine, messages, complete, {}, data)


@pytest.mark.prove
@many
@given(ui_messages | broken(ui_messages), st.booleans(), tools, st.booleans())
def test_many_messages_are_converted_as_by_the_genuine_package(
    genuine: Genuine, messages: Any, complete: bool, named: Any, data: bool
) -> None:
    """The same for many messages, sound and broken."""
    agree(genuine, messages, complete, named, data)


@few
@given(json_values | st.lists(json_values) | broken(ui_messages))
def test_hostile_input_gives_model_messages_or_an_invalid_error(messages: Any) -> None:
    """Whatever JSON stands in place of messages, no other error gets out."""
    try:
        made = convert_to_model_messages(messages)
    except InvalidError:
        return
    assert all(one["role"] in ("system", "user", "assistant", "tool") for one in made)


@few
@given(ui_messages)
def test_the_messages_given_are_not_changed(messages: Any) -> None:
    """Converting reads only."""
    before = ordered(messages)
    convert_to_model_messages(messages, ignore_incomplete_tool_calls=True)
    assert ordered(messages) == before


def test_an_error_names_the_place_and_not_the_content() -> None:
    """The field of an InvalidError leads to the message; what it holds is not told."""
    file = {"type": "file", "mediaType": "image/png", "url": "secret"}
    with pytest.raises(InvalidError) as caught:
        convert_to_model_messages([{"role": "user", "parts": [file]}])
    assert caught.value.field == "messages[0].parts"
    assert "secret" not in str(caught.value)


PIECES = (
    *("http:", "file:", "foo:", "mailto:", "/", "//", "\\", "@", ":", "?", "#", "..", ".", "%2E"),
    *("a", "B", "e.x", "[::1]", "[1:2::3:0:0:4]", "[::ffff:1.2.3.4]", "[", "]", "127.0.0.1"),
    *("0x7f.1", "1.2.3", "256", "0300.1", "80", "443", "99999", " ", "\t", "%", "%41", "é", "日本"),
    *("😀", "'", '"', "<", "`", "{", "|", "^", "~", "C:", "c|", "localhost", "x=1", "&", "\x7f"),
    *("xn--a", "xn--tda", "。", "%00", "\u00ad", "ß", "\x85", "\u2028", "\ud800"),
)
STARTS = ("http://", "https://", "file:///", "file:", "data:", "foo:", "foo://", "http:", " ws://")


def test_addresses_are_written_as_javascript_writes_them(genuine: Genuine) -> None:
    """3 000 addresses, most of them odd, have the spelling of `new URL(text).href`, or none."""
    rng = random.Random(7)
    texts = [
        rng.choice(STARTS) + "".join(rng.choices(PIECES, k=rng.randint(0, 5))) for _ in range(3000)
    ]
    answer = genuine.call("href", texts=texts)
    assert answer.ok, answer.error
    for text, theirs in zip(texts, answer.value, strict=True):
        try:
            ours: str | None = href(text)
        except InvalidError:
            ours = None
        assert ours == theirs, text
