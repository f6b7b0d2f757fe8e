"""Server-sent events: how a UI message stream travels."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep.dialects.ai_sdk import sse
from threadkeep.dialects.ai_sdk.sse import DONE, Event, Parser, comment, encode, parse
from threadkeep.values.errors import InvalidError

few = settings(max_examples=200, deadline=None)

text = st.text(st.characters(exclude_categories=()), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | text | st.sampled_from(["\u2028", "\r\n", "\ud83d", "[DONE]", "😀"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The bytes, cut at these places."""
    at = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(at)]


def events(data: bytes) -> list[Event]:
    return Parser().feed(data)


@few
@given(
    st.lists(st.tuples(values, st.none() | st.integers(0, 999)), max_size=5),
    st.lists(st.integers(0, 10_000), max_size=20),
)
def test_chunks_come_back_however_the_stream_is_cut(
    sent: list[tuple[Any, int | None]], cuts: list[int]
) -> None:
    """Any JSON values, with ids and comments between, are read as they were, cut anywhere."""
    stream = b"".join(encode(chunk, id=id) + comment("keep-alive") for chunk, id in sent) + DONE
    parser = Parser()
    got = [event for piece in pieces(stream, cuts) for event in parser.feed(piece)]
    assert got.pop().done
    assert [json.dumps(event.json()) for event in got] == [
        json.dumps(json.loads(json.dumps(chunk))) for chunk, _ in sent
    ]
    last = ""
    for event, (_, id) in zip(got, sent, strict=True):
        last = last if id is None else str(id)
        assert event.id == last
    assert parser.last_id == last
    assert [event.data for event in parse(pieces(stream, cuts))] == [event.data for event in got]


@few
@given(
    st.lists(
        st.sampled_from(
            ["data: a", "data", "data:", ": c", "event: e", "id: 7", "\r", "\n", "\r\n", "é😀", "x"]
        )
    ),
    st.lists(st.integers(0, 10_000), max_size=20),
    st.sampled_from(["", "\ufeff"]),
)
def test_cuts_do_not_matter(lines: list[str], cuts: list[int], mark: str) -> None:
    """Pieces of a stream give the events that the whole gives."""
    stream = (mark + "".join(lines) + "\n\n").encode()
    parser = Parser()
    assert [e for piece in pieces(stream, cuts) for e in parser.feed(piece)] == events(stream)


@few
@given(st.lists(st.binary(max_size=30), max_size=5))
def test_any_bytes_are_read(stream: list[bytes]) -> None:
    """Bytes that are no event stream raise nothing; their data is JSON or an InvalidError."""
    for event in parse([*stream, b"\n\ndata: x\n\n"]):
        with suppress(InvalidError):
            event.json()


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_end_in_three_ways(end: str) -> None:
    """LF, CR and CRLF are one thing each, and lines of data are joined by LF."""
    lines = [
        "\ufeff: hello",
        "id: 1",
        "event: add",
        "data: a",
        "data:b",
        "",
        "data",
        "",
        "",
        "data: c",
    ]
    assert events(end.join(lines).encode() + end.encode()) == [
        Event("a\nb", "add", "1"),
        Event("", "message", "1"),
    ]


def test_fields_follow_the_standard() -> None:
    """An id with NUL, an unknown field, and an event without data count for nothing."""
    stream = (
        b"id: 1\0\nfoo: bar\ndata:  two spaces\nretry: 25\n\n"
        b"event: lost\n\nid: 9\nretry: x\n\ndata: y\n\n"
    )
    assert events(stream) == [Event(" two spaces", "message", "", 25), Event("y", "message", "9")]


def test_an_event_cut_off_is_not_given() -> None:
    """Without its blank line an event has not happened, and its id is not the last one."""
    parser = Parser()
    assert parser.feed(b'id: 1\ndata: {"a":1}\n\nid: 2\ndata: {"b"') != []
    assert parser.last_id == "1"


def test_the_written_form_is_the_genuine_one() -> None:
    """One line of compact JSON, UTF-8, after an id if there is one; lone surrogates escaped."""
    assert encode({"type": "text-delta", "delta": "é\n"}) == (
        'data: {"type":"text-delta","delta":"é\\n"}\n\n'.encode()
    )
    assert encode({"a": "\ud83d"}, id=7) == b'id: 7\ndata: {"a":"\\ud83d"}\n\n'
    assert DONE == b"data: [DONE]\n\n"
    assert comment("keep-alive") == b": keep-alive\n\n"
    assert sse.HEADERS["x-vercel-ai-ui-message-stream"] == "v1"


def test_what_would_break_the_stream_is_refused() -> None:
    """Line breaks in ids and comments, and values that are no JSON, are InvalidErrors."""
    attempts: list[Callable[[], bytes]] = [
        lambda: encode({}, id="1\ndata: x"),
        lambda: encode({}, id="\0"),
        lambda: encode(float("nan")),
        lambda: comment("a\rb"),
    ]
    for wrong in attempts:
        with pytest.raises(InvalidError):
            wrong()


def test_bad_data_is_refused_without_its_content() -> None:
    """Data that is no JSON is an InvalidError that does not quote it."""
    (event,) = events(b"data: {secret\n\n")
    with pytest.raises(InvalidError) as caught:
        event.json()
    assert "secret" not in str(caught.value)


def test_an_endless_event_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has to be held of one event is limited; what comes in many events is not."""
    monkeypatch.setattr(sse, "MAX_EVENT_CHARS", 100)
    parser = Parser()
    for _ in range(50):
        parser.feed(b": some comment\n")
        parser.feed(b"data: " + b"x" * 80 + b"\n\n")
    for piece in (b"data: " + b"x" * 30 + b"\n", b"x" * 30):
        parser = Parser()
        for _ in range(3):
            parser.feed(piece)
        with pytest.raises(InvalidError):
            parser.feed(piece)
