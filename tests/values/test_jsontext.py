"""JSON text is written, checked, read and patched without loss."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import sys
import time
import uuid
from collections import OrderedDict, namedtuple
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from threadkeep.testing.strategies import deep_json, json_texts, json_values, strings
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Callable

few = settings(max_examples=100, deadline=None)


class Colour(enum.Enum):
    RED = "red"


class Word(enum.StrEnum):
    RED = "red"


class Count(enum.IntEnum):
    ONE = 1


class Name(str):
    __slots__ = ()


@dataclasses.dataclass
class Point:
    x: int = 1


Pair = namedtuple("Pair", "left right")  # noqa: PYI024 - a tuple's subclass as apps have them


def same(left: Any, right: Any) -> bool:
    """Equal with types, key order and signs of zero."""
    return repr(left) == repr(right)


def nested(levels: int, leaf: Any = None) -> Any:
    value = [] if leaf is None else [leaf]
    for _ in range(levels - 1):
        value = [value]
    return value


def from_deep(frames: int, call: Callable[[], Any]) -> Any:
    return from_deep(frames - 1, call) if frames else call()


# --- encode -----------------------------------------------------------------------------------


@few
@given(json_values())
@example({"a": None, "b": [-0.0, 2**64, "\0\ud800"]})
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    """Reading what was written gives the same value, key order and sign of zero included."""
    text = jsontext.encode(value)
    assert same(jsontext.decode(text), value)
    assert jsontext.verify(text) == text


def without_floats(value: Any) -> Any:
    """The value with 1 for each float, since the spelling of floats is orjson's."""
    if isinstance(value, dict):
        return {key: without_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_floats(item) for item in value]
    return 1 if isinstance(value, float) else value


@few
@given(json_values().map(without_floats))
def test_text_is_compact_and_escapes_no_more_than_it_must(value: Any) -> None:
    """The text is the standard library's without spaces, in UTF-8, with surrogates escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    escaped = "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text)
    assert jsontext.encode(value) == escaped


@few
@given(json_values(), st.sampled_from([10**30, "\ud800"]))
def test_both_ways_of_writing_spell_alike(value: Any, odd: Any) -> None:
    """A value is spelled the same beside something that only the slow way can write."""
    plain = jsontext.encode([value, 0])
    assert jsontext.encode([value, odd]) == plain[:-2] + jsontext.encode(odd) + "]"


@few
@given(json_values(), st.sampled_from([math.nan, math.inf, -math.inf]), st.data())
def test_nan_and_infinity_are_refused_wherever_they_stand(
    value: Any, bad: float, data: st.DataObject
) -> None:
    """No NaN and no infinity becomes text, beside any other values and at any place."""
    shape = data.draw(
        st.sampled_from(
            [[bad], {"k": bad}, [value, bad], [bad, value], {"k": [value, {"m": bad}]}, (bad,)]
        )
    )
    with pytest.raises(InvalidError) as caught:
        jsontext.encode(shape, field="metadata")
    assert caught.value.field == "metadata"


REFUSED = [
    Colour.RED,
    Word.RED,
    Count.ONE,
    Name("x"),
    Point(),
    uuid.UUID(int=0),
    datetime(2024, 1, 1, tzinfo=UTC),
    orjson.Fragment(b"{broken"),  # pyright: ignore[reportAttributeAccessIssue]
    b"bytes",
    {1, 2},
    1j,
    ...,
    object(),
]


@pytest.mark.parametrize("beside", [0, None, 10**30, "\ud800", math.pi], ids=repr)
@pytest.mark.parametrize("value", REFUSED, ids=lambda value: type(value).__name__)
def test_other_types_are_refused(value: Any, beside: Any) -> None:
    """What is no JSON value is refused, on the fast way and on the slow one."""
    for shape in (value, [beside, value], {"a": beside, "b": {"c": value}}):
        with pytest.raises(InvalidError):
            jsontext.encode(shape)


@pytest.mark.parametrize("key", [1, None, True, 1.5, (1,), Name("k"), Word.RED], ids=repr)
def test_keys_must_be_str(key: Any) -> None:
    """A key that is no plain str is refused and never turned into one."""
    for beside in (0, 10**30):
        with pytest.raises(InvalidError, match="payload: "):
            jsontext.encode({"a": beside, "b": {key: 1}})


def test_containers_may_be_subclasses() -> None:
    """A subclass of dict, list or tuple is written as what it is."""
    value = [OrderedDict(b=1, a=2), Pair(1, None), (1, (2,))]
    assert jsontext.encode(value) == '[{"b":1,"a":2},[1,null],[1,[2]]]'


@pytest.mark.parametrize("leaf", [None, 0, 10**30, "\ud800"], ids=repr)
def test_500_levels_are_written_and_501_refused(leaf: Any) -> None:
    """The limit of nesting is 500, and the depth of the caller's stack does not count."""
    for levels in (253, 254, 255, 256, 499, 500):
        value = nested(levels, leaf)
        text = from_deep(sys.getrecursionlimit() - 200, partial(jsontext.encode, value))
        assert text.count("[") == levels
        assert jsontext.verify(text) == text
    with pytest.raises(InvalidError, match="500 levels"):
        jsontext.encode(nested(501, leaf))


def test_a_value_that_holds_itself_is_refused() -> None:
    """A cycle is too deep, not an endless loop."""
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InvalidError, match="500 levels"):
        jsontext.encode(value)


def test_integers_beyond_pythons_limit_of_digits_are_written() -> None:
    """An integer of more than 4300 digits is written exactly."""
    assert jsontext.encode([10**5000]) == "[1" + "0" * 5000 + "]"
    assert jsontext.encode(-(10**5000)) == "-1" + "0" * 5000


def test_overflow_writes_what_decode_read() -> None:
    """With `overflow` an infinity that came from a too large number is written as one."""
    value = jsontext.decode('{"a":[1e400,-1e400,null]}')
    assert jsontext.decode(jsontext.encode(value, overflow=True)) == value
    with pytest.raises(InvalidError):
        jsontext.encode([math.nan], overflow=True)


def test_refusals_quote_nothing() -> None:
    """No error holds the value that was refused, nor a cause that does."""
    for call in (
        lambda: jsontext.encode({"secret-key": Name("secret-value")}),
        lambda: jsontext.encode(["secret", math.nan]),
        lambda: jsontext.verify('{"secret": tru}'),
        lambda: jsontext.verify(b'"secret\xff"'),
        lambda: jsontext.verify('"secret\ud800"'),
        lambda: jsontext.decode('{"secret": tru}'),
        lambda: jsontext.check_metadata({"secret\0": 1}, "metadata"),
    ):
        with pytest.raises(InvalidError) as caught:
            call()
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


# --- verify -----------------------------------------------------------------------------------


@few
@given(json_texts())
def test_valid_text_is_kept_as_it_is(text: str) -> None:
    """Whatever its spelling, valid JSON is returned unchanged, from str and from bytes."""
    assert jsontext.verify(text) == text
    assert jsontext.verify(text.encode()) == text


def stdlib_accepts(text: str) -> bool:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(text, parse_constant=refuse, parse_int=str, parse_float=str)
    except ValueError:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(json_texts(), st.data())
def test_text_is_judged_as_the_standard_library_judges_it(text: str, data: st.DataObject) -> None:
    """Broken in one place or not, the verdict is the one of another strict parser."""
    pieces = ["", '"', "\\", ",", "[", "]", "{", "}", ":", "0", "1", "-", ".", "e", "A", "NaN"]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 2)))
    broken = text[:start] + data.draw(st.sampled_from([*pieces, "\0", "\n", "\\u00"])) + text[end:]
    if stdlib_accepts(broken):
        assert jsontext.verify(broken) == broken
    else:
        with pytest.raises(InvalidError):
            jsontext.verify(broken)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "NaN",
        "-Infinity",
        '[NaN,"\\ud800"]',
        "{} {}",
        "[1,]",
        "01",
        "[00,1e400]",
        "[001,1e400]",
        "--1",
        "[--1,1e400]",
        "1.5.3",
        "[1.5.3,1e400]",
        "1e400e400",
        "+1",
        "1.",
        ".5",
        "'a'",
        '"\t"',
        '"\0"',
        "\0",
        "1\0",
        "\ufeff1",
        '"\ud800"',
        "tr\\u0041",
        '"\\ud8"',
        '"\\u00\\/\\/"',
        '["\\u00\\n0",1e400]',
        '"\\ud800',
        '"\\ud800" "\\ud800"',
        b"\xef\xbb\xbf{}",
        b'"\xed\xa0\x80"',
        b'"\xff"',
        "{}".encode("utf-16"),
        None,
        {},
        bytearray(b"{}"),
    ],
)
def test_invalid_text_is_refused(text: Any) -> None:
    """Text that is not UTF-8, not JSON, or no text at all raises InvalidError with the field."""
    for call in (jsontext.verify, jsontext.read):
        with pytest.raises(InvalidError) as caught:
            call(text, field="item")
        assert caught.value.field == "item"


@few
@given(st.sampled_from([499, 500, 501, 502]).flatmap(lambda n: st.tuples(st.just(n), deep_json(n))))
def test_text_of_500_levels_is_kept_and_501_refused(case: tuple[int, Any]) -> None:
    """Levels are counted across arrays and objects, and brackets in strings do not count."""
    levels, value = case
    noise = '"\\\\\\"' + "[{" * 600 + '"'
    text = f"[{noise},{spelled(value)}]"  # one level more
    if levels < 500:
        assert jsontext.verify(text) == text
        assert json.loads(text)[1] == value
    else:
        with pytest.raises(InvalidError, match="500 levels"):
            jsontext.verify(text)


def spelled(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "[1e400," * 100_000,
        '["\\ud800",' * 100_000 + "]" * 100_000,
        "[{" * 2_000_000,
    ],
    ids=["open", "arrays", "objects", "numbers", "surrogates", "5 MiB"],
)
def test_hostile_nesting_is_refused_quickly(text: str) -> None:
    """100 000 levels and more are an InvalidError, not a crash, in a few seconds."""
    start = time.perf_counter()
    with pytest.raises(InvalidError):
        jsontext.verify(text)
    with pytest.raises(InvalidError):
        jsontext.decode(text)
    assert time.perf_counter() - start < 5


def test_wide_text_is_not_deep() -> None:
    """A long text with many brackets side by side is kept, odd or not."""
    for leaf in ('{"a":[]}', '{"a":["\\ud800"]}', "[1e400]"):
        text = "[" + ",".join([leaf] * 20_000) + "]"
        assert jsontext.verify(text) is text


# --- decode -----------------------------------------------------------------------------------


@few
@given(json_texts())
def test_decode_reads_as_the_standard_library(text: str) -> None:
    """Every valid text has the value that the exact parser of the standard library gives."""
    assert same(jsontext.decode(text), json.loads(text))


@pytest.mark.parametrize(
    "number",
    [
        *(2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**64 + 1, 10**19, 10**20, 10**308, 10**309),
        *(10**4299, -(2**63), -(2**63) - 1, -(2**64), -(10**40), 9_007_199_254_740_993),
    ],
    ids=lambda number: f"{'-' if number < 0 else ''}{number.bit_length()} bits",
)
@pytest.mark.parametrize("around", ["{}", "[{}]", '{{"a": [1e300, "+", {} ]}}', '["",{},1.5]'])
def test_integers_are_exact(number: int, around: str) -> None:
    """Integers of any size up to 4300 digits are read exactly, wherever they stand."""
    text = around.format(number)
    assert same(jsontext.decode(text), json.loads(text))
    assert str(number) in str(jsontext.decode(text))


def test_integers_beyond_the_limit_of_digits_are_floats() -> None:
    """More than 4300 digits do not raise, and the value does not hang on the process's limit."""
    assert jsontext.decode("9" * 4300) == 10**4300 - 1
    assert jsontext.decode("[" + "9" * 4301 + "]") == [math.inf]
    assert jsontext.decode("-" + "9" * 5000) == -math.inf
    assert jsontext.verify("9" * 5000) == "9" * 5000


def test_deep_odd_text_is_read_from_a_deep_stack() -> None:
    """500 levels around what orjson cannot read are read, however deep the caller stands."""
    text = "[" * 500 + str(10**30) + "]" * 500
    value = from_deep(sys.getrecursionlimit() - 200, lambda: jsontext.decode(text))
    for _ in range(500):
        (value,) = value
    assert value == 10**30


@pytest.mark.parametrize("text", ["", "NaN", "[-Infinity,1e400]", '{"a":1', "[1]]", "\ufeff1"])
def test_decode_refuses_what_is_no_json(text: str) -> None:
    """Text that is no JSON raises InvalidError."""
    with pytest.raises(InvalidError):
        jsontext.decode(text)


def test_the_last_of_duplicate_keys_counts() -> None:
    """Duplicate keys fall together at the place of the first, with the last value."""
    for odd in ("0", "1e400"):
        value = jsontext.decode(f'{{"a":1,"b":{odd},"a":2}}')
        assert next(iter(value.items())) == ("a", 2)


# --- read -------------------------------------------------------------------------------------


@few
@given(json_texts() | json_values().map(json.dumps))
def test_read_verifies_and_decodes(text: str) -> None:
    """Reading gives the text unchanged and the value that decoding gives, of bytes as of text."""
    for given_ in (text, text.encode()):
        read, value = jsontext.read(given_)
        assert read == jsontext.verify(given_) == text
        assert same(value, jsontext.decode(text))


@pytest.mark.parametrize("leaf", [1, 2**64, 10**30, "x" * 2000])
@pytest.mark.parametrize("levels", [254, 255, 499, 500, 501])
def test_read_knows_the_levels_and_reads_exactly(levels: int, leaf: Any) -> None:
    """500 levels are read and 501 refused, with integers of any size, in short text and long."""
    text = "[" * levels + json.dumps(leaf) + "]" * levels
    if levels > 500:
        with pytest.raises(InvalidError, match="levels"):
            jsontext.read(text)
        return
    _, value = jsontext.read(text)
    for _ in range(levels):
        (value,) = value
    assert same(value, leaf)


# --- merge_patch ------------------------------------------------------------------------------

RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7396)
def test_merge_patch_follows_the_examples_of_rfc_7396(target: Any, patch: Any, result: Any) -> None:
    """Every example in the RFC's appendix holds."""
    assert jsontext.merge_patch(target, patch) == result


def reference_patch(target: Any, patch: Any) -> Any:
    """The pseudo code of RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = reference_patch(result.get(name), value)
    return result


documents = st.recursive(
    st.none() | st.integers(0, 3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner),
    max_leaves=8,
)


@few
@given(documents, documents)
@example({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}})
def test_merge_patch_is_the_rfcs_and_pure(target: Any, patch: Any) -> None:
    """The result is that of the RFC's pseudo code, and neither argument changes."""
    before = repr((target, patch))
    assert same(jsontext.merge_patch(target, patch), reference_patch(target, patch))
    assert repr((target, patch)) == before


def test_merge_patch_may_be_deep() -> None:
    """A patch of 500 levels merges from a deep stack."""
    patch: Any = {"leaf": 1}
    for _ in range(499):
        patch = {"k": patch}
    merged = from_deep(sys.getrecursionlimit() - 200, lambda: jsontext.merge_patch({}, patch))
    assert jsontext.encode(merged) == jsontext.encode(patch)


# --- check_metadata ---------------------------------------------------------------------------


@few
@given(st.dictionaries(strings(), json_values(max_leaves=5), max_size=4))
@example({"\\u0000": "\\ud800"})
@example({"a": "\\\\\0"})
def test_metadata_is_refused_exactly_where_jsonb_would(value: dict[str, Any]) -> None:
    """NUL and surrogates are refused in every string and key, and everything else is kept."""
    if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in characters(value)):
        with pytest.raises(InvalidError, match="metadata: must not contain"):
            jsontext.check_metadata(value, "metadata")
    else:
        text = jsontext.check_metadata(value, "metadata")
        assert text is not None
        assert same(jsontext.decode(text), value)


def characters(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "".join(key + characters(item) for key, item in value.items())
    return "".join(map(characters, value)) if isinstance(value, list) else ""


@pytest.mark.parametrize(
    "value",
    [
        [],
        "{}",
        7,
        [("a", 1)],
        {"a": math.nan},
        {1: 2},
        {"a": uuid.UUID(int=0)},
        {"a": nested(500)},
        {"a": "x" * (1 << 20)},
        {"a": "é" * (1 << 19)},
        {"a": 10**131_072},
        {"a": [-(10**131_072)]},
    ],
    ids=lambda value: type(value).__name__,
)
def test_metadata_that_cannot_be_stored_is_refused(value: Any) -> None:
    """What is no object of JSON, or too deep, long or large, raises InvalidError."""
    with pytest.raises(InvalidError) as caught:
        jsontext.check_metadata(value, "metadata")
    assert caught.value.field == "metadata"


def test_metadata_at_its_limits_is_kept() -> None:
    """None is None; 1 MiB of text, 500 levels and 131 072 digits are still metadata."""
    assert jsontext.check_metadata(None, "metadata") is None
    assert jsontext.check_metadata({}, "metadata") == "{}"
    longest = {"a": "x" * ((1 << 20) - len('{"a":""}'))}
    digits = 10**131_072 - 1
    for value in (longest, {"a": nested(499)}, {"a": digits}, {"a": "9" * 131_073}):
        assert jsontext.check_metadata(value, "metadata") is not None
