"""Hypothesis strategies for what a store must keep: hostile JSON, parts, messages and ids."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from threadkeep.values.ids import MAX_ID_BYTES
from threadkeep.values.message import Message
from threadkeep.values.parts import (
    ApprovalPart,
    DataPart,
    FilePart,
    Json,
    Part,
    RawPart,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.strategies import SearchStrategy

_ODD: Final = ("\0", "\ud800", "\udfff", "\x1f", "\x7f", "\u2028", "\ufeff", '"', "\\", "😀", "é")
_PLAIN: Final = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_SPACE: Final = st.text(" \t\n\r", max_size=2)


def strings() -> SearchStrategy[str]:
    """Any text, rich in NUL, lone surrogates, quotes and other odd characters.

    A high surrogate is never followed by a low one: such a pair has no JSON text of its own.
    """
    odd = st.lists(st.sampled_from(_ODD) | st.characters(), max_size=6).map("".join)
    return (st.text(max_size=8) | odd).map(_join_pairs)


def numbers() -> SearchStrategy[int | float]:
    """Integers from small to beyond 64 bits, and finite floats with -0.0 and denormals."""
    whole = [0, -1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**40]
    broken = [-0.0, 0.0, 5e-324, 2.2250738585072014e-308, 1e16, 1.7976931348623157e308, 0.1, 1e-7]
    edges: SearchStrategy[int | float] = st.sampled_from([*whole, *broken])
    return edges | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


def json_values(*, max_leaves: int = 12) -> SearchStrategy[Json]:
    """JSON values as Python has them, at their most hostile; `decode(encode(x))` is x."""
    scalars: SearchStrategy[Json] = st.none() | st.booleans() | numbers() | strings()
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings(), inner, max_size=4),
        max_leaves=max_leaves,
    )


def json_texts(*, max_leaves: int = 10) -> SearchStrategy[str]:
    """Valid JSON text in odd spellings: spaces, duplicate keys, escapes, numbers of any size."""
    words = st.sampled_from(["null", "true", "false"])
    leaves = words | _number_texts() | _string_texts()
    return st.recursive(leaves, _nested_texts, max_leaves=max_leaves)


def deep_json(levels: int) -> SearchStrategy[Json]:
    """Values that nest exactly so many levels (at least 1), in arrays and objects mixed."""

    def nest(kinds: list[bool]) -> Json:
        value: Json = [] if kinds[0] else {}
        for index in range(1, levels):
            value = [value] if kinds[index % len(kinds)] else {"k": value}
        return value

    return st.lists(st.booleans(), min_size=1, max_size=8).map(nest)


def ids() -> SearchStrategy[str]:
    """Legal ids, also odd ones: spaces, any script, 512 bytes."""
    short = _PLAIN.filter(lambda text: 1 <= len(text.encode()) <= MAX_ID_BYTES)
    edges = ["a", " ", "\n", "..", "'", "%", "é" * (MAX_ID_BYTES // 2), "😀" * (MAX_ID_BYTES // 4)]
    return short | st.sampled_from([*edges, "x" * MAX_ID_BYTES, "00000000-0000-4000-8000-0"])


def bad_ids() -> SearchStrategy[object]:
    """What is no id: empty, too long, with NUL or a lone surrogate, or no str."""
    edges: list[object] = ["", "\0", "a\0b", "x" * (MAX_ID_BYTES + 1), "é" * 257, None, 7, b"id"]
    return st.sampled_from(edges) | st.builds(
        lambda before, after: f"{before}\ud800{after}", _PLAIN, _PLAIN
    )


def parts() -> SearchStrategy[Part]:
    """Every type of part with all its fields, hostile content and unknown members."""
    plain = _plain_parts()
    return plain | _contents(plain | _contents(plain))


def _plain_parts() -> SearchStrategy[Part]:
    text, value, extra = strings(), json_values(max_leaves=4), _extra()
    maybe, yes = st.none() | text, st.none() | st.booleans()
    provider = st.sampled_from([None, "anthropic", "openai", "google"]) | text
    return st.one_of(
        st.builds(TextPart, text, st.sampled_from([None, "system"]) | text, extra),
        st.builds(ReasoningPart, text, maybe, maybe, maybe, provider, extra),
        st.builds(ToolCallPart, ids(), text, value, yes, extra),
        st.builds(ToolResultPart, ids(), value, maybe, yes, yes, st.none(), yes, extra),
        st.builds(ApprovalPart, ids(), st.none() | ids(), yes, maybe, extra),
        st.builds(FilePart, maybe, maybe, maybe, maybe, maybe, extra),
        st.builds(SourcePart, maybe, maybe, maybe, maybe, maybe, extra),
        st.builds(DataPart, text, value, extra),
        st.builds(RawPart, value),
    )


def _contents(inner: SearchStrategy[Part]) -> SearchStrategy[Part]:
    content = st.lists(inner, max_size=3).map(tuple)
    name, yes = st.none() | strings(), st.none() | st.booleans()
    return st.builds(ToolResultPart, ids(), st.none(), name, yes, yes, content, yes, _extra())


def messages() -> SearchStrategy[Message]:
    """Messages of typed parts in every role, with or without id and time."""
    return st.builds(
        Message.of,
        st.sampled_from(["system", "user", "assistant", "tool"]),
        st.lists(parts(), max_size=4),
        id=st.none() | ids(),
        created_at=st.none() | times(),
        extra=_extra(),
    )


def times() -> SearchStrategy[datetime]:
    """Aware times with any offset, such that UTC can say them too."""
    epoch = datetime(1970, 1, 2, tzinfo=UTC)
    moments = st.integers(0, 2**52).map(lambda us: epoch + timedelta(microseconds=us))
    offsets = st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m)))
    return st.builds(lambda moment, zone: moment.astimezone(zone), moments, offsets)


def _extra() -> SearchStrategy[Mapping[str, Json]]:
    names = strings().map(lambda name: f"x-{name}")
    return st.dictionaries(names, json_values(max_leaves=3), max_size=2)


def _join_pairs(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _number_texts() -> SearchStrategy[str]:
    digits = st.text("0123456789", min_size=1, max_size=45)
    whole = st.just("0") | st.builds("{}{}".format, st.sampled_from("123456789"), digits)
    fraction = st.just("") | digits.map(".{}".format)
    exponent = st.just("") | st.builds(
        "{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), digits
    )
    small = st.sampled_from(["-0", "0", "1.50", "1e5", "-0.0", "1e400", "-1E+400", "1e-400"])
    sign = st.sampled_from(["", "-"])
    return small | st.builds("{}{}{}{}".format, sign, whole, fraction, exponent)


def _string_texts() -> SearchStrategy[str]:
    escapes = st.sampled_from(
        [r"\/", r"\u0041", r"\u0000", r"\uD83D\uDE00", r"\ud800", r"\uDFFF", r"\n", r"\"", r"\\"]
    )
    plain = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\')
    return st.lists(escapes | plain, max_size=6).map(lambda pieces: f'"{"".join(pieces)}"')


def _nested_texts(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    spaced = st.builds("{}{}{}".format, _SPACE, inner, _SPACE)
    keys = _string_texts() | st.sampled_from(['""', '"k"', json.dumps("k\0")])
    member = st.builds("{}{}{}:{}".format, _SPACE, keys, _SPACE, spaced)
    arrays = st.lists(spaced, max_size=4).map(lambda items: f"[{','.join(items)}]")
    objects = st.lists(member, max_size=4).map(lambda items: f"{{{','.join(items)}}}")
    return arrays | objects | arrays.map(" {}\n".format)
