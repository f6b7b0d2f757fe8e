"""JSON text that is still being written, read as the `ai` package reads it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep.dialects.ai_sdk.partial_json import fix_json, parse_partial_json

few = settings(max_examples=200, deadline=None)

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


# What ai 7.0.173 returned for these texts.
@pytest.mark.parametrize(
    ("text", "state", "value"),
    [
        (None, "undefined-input", None),
        ("", "failed-parse", None),
        ("nope", "failed-parse", None),
        ("tr", "repaired-parse", True),
        ("nu", "repaired-parse", None),
        ("-", "failed-parse", None),
        ("1.", "repaired-parse", 1),
        ("12e", "repaired-parse", 12),
        ('"a', "repaired-parse", "a"),
        ('"a\\', "repaired-parse", "a"),
        ('"a\\u00e', "repaired-parse", "a"),
        ("[1, 2", "repaired-parse", [1, 2]),
        ("[1,", "repaired-parse", [1]),
        ('{"city":"S', "repaired-parse", {"city": "S"}),
        ('{"city', "repaired-parse", {}),
        ('{"a":1,"b', "repaired-parse", {"a": 1}),
        ('{"a":{"b":[tru', "repaired-parse", {"a": {"b": [True]}}),
        ('{"a":1}}', "repaired-parse", {"a": 1}),
        ('{"__proto__":{"a":1', "failed-parse", None),
        ('{"constructor":{"prototype":{}}}', "failed-parse", None),
        ('{"constructor":{}}', "successful-parse", {"constructor": {}}),
    ],
)
def test_cut_off_text_reads_as_in_the_genuine_package(
    text: str | None, state: str, value: Any
) -> None:
    """State and value are those of the genuine `parsePartialJson`."""
    result = parse_partial_json(text)
    assert (result.state, result.value) == (state, value)
    assert result.parsed == state.endswith(("successful-parse", "repaired-parse"))


@few
@given(values, st.data())
def test_every_prefix_of_an_object_is_repaired(value: Any, data: st.DataObject) -> None:
    """Wherever the text of an object is cut off after its first character, it reads as one."""
    text = json.dumps({"a": value})
    cut = data.draw(st.integers(1, len(text)))
    result = parse_partial_json(text[:cut])
    assert result.parsed
    assert isinstance(result.value, dict)


@few
@given(values)
def test_whole_text_is_read_as_it_is(value: Any) -> None:
    """Valid JSON is not repaired."""
    result = parse_partial_json(json.dumps([value]))
    assert result.state in ("successful-parse", "failed-parse")
    if result.parsed:
        assert result.value == [value]


@few
@given(st.text() | st.text('{}[]",:\\ 0123456789-.eEtruefalsn', max_size=40))
def test_no_text_raises(text: str) -> None:
    """Any text gives a state."""
    assert parse_partial_json(text).state in ("successful-parse", "repaired-parse", "failed-parse")


def test_deep_nesting_is_a_failed_parse() -> None:
    """Up to 500 levels are read; more are a failed parse, however many."""
    assert parse_partial_json("[" * 500).parsed
    assert not parse_partial_json("[" * 501).parsed
    assert not parse_partial_json("[" * 501 + "]" * 501).parsed
    assert not parse_partial_json('{"a":' * 100_000).parsed


@pytest.mark.parametrize("piece", ['"abc', "\\", "[", '{"a":', "12", "tru", " ", '{"a', "\\u00"])
def test_repair_takes_time_in_proportion(piece: str) -> None:
    """Half a million characters of anything are repaired in seconds."""
    start = time.perf_counter()
    fix_json('["' + piece * (500_000 // len(piece)))
    fix_json("[" + piece * (500_000 // len(piece)))
    assert time.perf_counter() - start < 10
