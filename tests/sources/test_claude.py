"""A Claude export is streamed: verbatim, in order, and around what is broken."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep import dialects, sources
from threadkeep.sources import claude, jsonarray
from threadkeep.sources.base import SourceProblem, SourceThread
from threadkeep.testing.strategies import json_texts
from threadkeep.values import jsontext
from threadkeep.values import slices as cut
from threadkeep.values.errors import InvalidError
from threadkeep.values.unset import UNSET

if TYPE_CHECKING:
    from collections.abc import Iterable

few = settings(max_examples=100, deadline=None)

SMALL = Path(__file__).parents[1] / "fixtures" / "claude-export-small.json"
SHARED = Path(__file__).parents[3] / "shared" / "fixtures" / "exports"


class Dribble(io.BytesIO):
    """A stream that hands out only so many bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self.size = size

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self.size)


def read(text: str | bytes, size: int = 1 << 18) -> list[SourceThread | SourceProblem]:
    data = text.encode() if isinstance(text, str) else text
    return list(claude.read(Dribble(data, size)))


def threads(found: Iterable[SourceThread | SourceProblem]) -> list[SourceThread]:
    return [one for one in found if isinstance(one, SourceThread)]


def problems(found: Iterable[SourceThread | SourceProblem]) -> list[SourceProblem]:
    return [one for one in found if isinstance(one, SourceProblem)]


def conversation(id: str, *messages: str) -> str:
    return f'{{"uuid":"{id}","name":"n","chat_messages":[{",".join(messages)}]}}'


def message(id: str, **more: Any) -> str:
    return jsontext.encode({"uuid": id, "sender": "human", "text": "hi", **more})


# --- the array --------------------------------------------------------------------------------

spaces = st.text(" \t\r\n", max_size=3)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(spaces, json_texts(), spaces), max_size=5), st.integers(1, 40), spaces)
def test_elements_are_the_slices_of_the_array(
    listed: list[tuple[str, str, str]], size: int, around: str
) -> None:
    """Whatever the elements and wherever the chunks end, each element's text is its slice."""
    text = f"{around}[{','.join(''.join(three) for three in listed)}{around}]{around}"
    found = list(jsonarray.elements(Dribble(text.encode(), size)))
    assert found == [one.strip(" \t\r\n").encode() for _, one, _ in listed]


@few
@given(json_texts())
def test_members_and_items_are_the_slices_of_a_value(text: str) -> None:
    """The places of members and items, put together again, are the text."""
    if text.strip().startswith("{"):
        found = cut.members(text)
        pairs = json.loads(text, object_pairs_hook=list)
        values = [
            (one.name, json.loads(text[one.start : one.end], object_pairs_hook=list))
            for one in found
        ]
        assert repr(values) == repr(pairs)
        for at in range(len(found)):
            rest = json.loads(cut.without(text, found, at), object_pairs_hook=list)
            assert repr(rest) == repr(pairs[:at] + pairs[at + 1 :])
    elif text.strip().startswith("["):
        assert repr([json.loads(one) for one in cut.items(text)]) == repr(json.loads(text))
    else:
        listed = f" [ {text} , {text} ] "
        assert cut.items(listed) == [text, text]


@few
@given(st.binary(max_size=40), st.integers(1, 5))
def test_no_file_is_a_crash(data: bytes, size: int) -> None:
    """Any bytes at all are threads, problems, or a file that is no array."""
    for text in (b"[" + data, b'[{"a":"' + data + b'"},{}]'):
        found = read(text, size)
        assert [one.index for one in problems(found)] == list(range(len(found)))
    if not data.strip(b" \t\r\n\xef\xbb\xbf").startswith(b"["):
        with pytest.raises(InvalidError, match="file: "):
            read(data, size)


@pytest.mark.parametrize("text", ["", " \n", "{}", '"["', "null", "x[]", "\ufeff{}", "\ufeff"])
@pytest.mark.parametrize("size", [1, 2, 100])
def test_what_is_no_array_is_refused(text: str, size: int) -> None:
    """A file that does not start with an array raises InvalidError for the file."""
    with pytest.raises(InvalidError) as caught:
        read(text, size)
    assert caught.value.field == "file"


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("text", ["[]", " [ \n] ", "\ufeff[]", "\ufeff\n[\n]\n"])
def test_an_empty_array_has_no_conversations(text: str, size: int) -> None:
    """An array without elements is no problem, with or without a byte order mark."""
    assert read(text, size) == []


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize(
    ("text", "kept", "broken"),
    [
        ("[A,]", 1, 1),
        ("[,A]", 1, 1),
        ("[A,,A]", 2, 1),
        ("[A]x", 1, 1),
        ("[A] ]", 1, 1),
        ("[A][]", 1, 1),
        ("[A", 0, 1),
        ("[A,", 1, 1),
        ("[", 0, 1),
        ("[A A]", 0, 1),
        ('[1,null,A,[],"s"]', 1, 4),
        ("[}A,A]", 1, 1),
    ],
)  # fmt: skip
def test_what_is_wrong_between_elements_is_a_problem(
    text: str, kept: int, broken: int, size: int
) -> None:
    """Missing, empty and superfluous elements are problems in their place."""
    found = read(text.replace("A", conversation("c")), size)
    assert (len(threads(found)), len(problems(found))) == (kept, broken)


# --- whole exports ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 17, 4096, 1 << 20])
def test_the_small_export_is_read_verbatim(size: int) -> None:
    """Every conversation and message comes in order, each text a slice of the file."""
    data = SMALL.read_bytes()
    found = threads(read(data, size))
    assert problems(read(data, size)) == []
    assert [thread.id[-1] for thread in found] == list("123456")
    assert [len(thread.items) for thread in found] == [0, 3, 4, 2, 3, 2]
    for thread, decoded in zip(found, json.loads(data), strict=True):
        assert {item.json for item in thread.items} <= set(slices(data.decode(), thread))
        expected = {one["uuid"]: one for one in decoded.pop("chat_messages")}
        assert {item.id: jsontext.decode(item.json) for item in thread.items} == expected
        assert jsontext.decode(thread.header) == decoded
        assert list(jsontext.decode(thread.header)) == list(decoded)
        assert thread.format == "claude-export"


def slices(text: str, thread: SourceThread) -> list[str]:
    return [item.json for item in thread.items if item.json in text]


def test_spellings_of_the_file_are_kept() -> None:
    """Numbers, escapes, spaces and duplicate keys stand in the texts as in the file."""
    odd = threads(read(SMALL.read_bytes()))[4]
    first, second, third = (item.json for item in odd.items)
    for spelling in ('"score":1.50', '"twice":1,"twice":1e5', r"\/, letter \u0041", "-1e400"):
        assert spelling in first
    assert "1234567890" * 4 in first
    assert second.startswith('{"uuid"  :  "')
    assert third.startswith(r'{"uuid":"\u0035')
    assert odd.items[2].id.startswith("55555555")
    assert odd.header.endswith('"unknown":{"chat_messages":["not these"]},"name2":"x"}')
    assert '"odd" : [1.50,1e5,-0,1e400 , 1234567890' in odd.header


def test_titles_and_times_are_read() -> None:
    """An empty title is None, what a title cannot hold is replaced, odd times are None."""
    found = threads(read(SMALL.read_bytes()))
    assert [thread.title for thread in found] == [
        None,
        "Linear, as older exports are",
        "Branches 😀",
        "Thinking and tools",
        "Odd \ufffd and \ufffd",
        None,
    ]
    assert str(found[2].created_at) == "2025-02-01 07:00:00+00:00"
    assert (found[4].created_at, found[4].updated_at) == (None, None)


@pytest.mark.parametrize("name", ["claude-export-small.json", "claude-conversations.json"])
def test_every_item_is_one_of_the_dialect(name: str) -> None:
    """The dialect reads each item with the same id, and writes it back as it was."""
    path = SMALL if name == SMALL.name else SHARED / name
    if not path.exists():
        pytest.skip("the shared fixtures are not here")
    dialect = dialects.get(claude.FORMAT)
    with path.open("rb") as stream:
        found = threads(claude.read(stream))
    for item in (item for thread in found for item in thread.items):
        native = jsontext.decode(item.json)
        assert dialect.traits(native).id == item.id
        assert repr(dialect.dump(dialect.load([native]))) == repr([native])


def test_the_genuine_export_is_read_whole() -> None:
    """A genuine export has 85 conversations and 557 messages, each a slice, none a problem."""
    path = SHARED / "claude-conversations.json"
    if not path.exists():
        pytest.skip("the shared fixtures are not here")
    data = path.read_bytes()
    seen: list[int] = []
    found = list(claude.read(io.BytesIO(data), progress=seen.append))
    assert problems(found) == []
    assert len(found) == 85
    items = [item for thread in threads(found) for item in thread.items]
    assert len(items) == 557
    assert all(item.json.encode() in data and item.parent is UNSET for item in items)
    assert len({item.id for item in items}) == 557
    assert seen == sorted(seen)
    assert seen[-1] == len(data)


# --- trees ------------------------------------------------------------------------------------


def test_older_exports_are_linear() -> None:
    """Without the member every parent is unset, and the order is the file's."""
    found = threads(read(SMALL.read_bytes()))
    assert [item.parent for item in found[1].items] == [UNSET] * 3
    assert [item.id[-1] for item in found[1].items] == list("123")


def test_branches_keep_their_parents() -> None:
    """The root's parent is None and each other one is the message above, in the file's order."""
    found = threads(read(SMALL.read_bytes()))
    tree = [(item.id[-1], item.parent and str(item.parent)[-1]) for item in found[2].items]
    assert tree == [("1", None), ("3", "1"), ("2", "1"), ("4", "2")]


def test_a_parent_that_stands_later_comes_first() -> None:
    """A child before its parent in the file is yielded behind it."""
    tree = [(item.id[-1], item.parent) for item in threads(read(SMALL.read_bytes()))[5].items]
    assert tree == [("1", None), ("2", "66666666-0000-4000-8000-000000000001")]


IDS = [f"m{n}" for n in range(6)]
parents = st.sampled_from([*IDS, claude.ROOT, "elsewhere", "", None, "absent"])


@settings(max_examples=300, deadline=None)
@given(st.lists(parents, min_size=1, max_size=6))
def test_any_parents_make_a_tree(given_parents: list[str | None]) -> None:
    """Whatever the parents, every message comes once, behind its parent, and no circle is left."""
    ids = IDS[: len(given_parents)]
    texts = [
        message(id, **({} if parent == "absent" else {"parent_message_uuid": parent}))
        for id, parent in zip(ids, given_parents, strict=True)
    ]
    (thread,) = threads(read(f"[{conversation('c', *texts)}]"))
    assert sorted(item.id for item in thread.items) == ids
    if set(given_parents) == {"absent"}:
        assert all(item.parent is UNSET for item in thread.items)
        return
    asked = {
        id: (ids[at - 1] if at else None) if parent == "absent" else parent
        for at, (id, parent) in enumerate(zip(ids, given_parents, strict=True))
    }
    above: set[str] = set()
    for item in thread.items:
        assert item.parent is None or item.parent in above
        above.add(item.id)
        if item.parent != asked[item.id]:
            assert item.parent is None
            assert asked[item.id] not in ids or in_circle(item.id, asked)
    for circle in (one for one in ids if in_circle(one, asked)):
        assert (
            sum(item.parent is None for item in thread.items if item.id in round_of(circle, asked))
            == 1
        )


def round_of(id: str, asked: dict[str, str | None]) -> list[str]:
    seen: list[str] = []
    at: str | None = id
    while at in asked and at not in seen:
        seen.append(at)
        at = asked[at]
    return seen if at == id else []


def in_circle(id: str, asked: dict[str, str | None]) -> bool:
    return bool(round_of(id, asked))


def test_a_circle_starts_where_the_file_does() -> None:
    """Of messages that are each other's parents the first is the root and keeps its place."""
    texts = [
        message("a", parent_message_uuid="c"),
        message("b", parent_message_uuid="a"),
        message("c", parent_message_uuid="b"),
    ]
    (thread,) = threads(read(f"[{conversation('t', *texts)}]"))
    assert [(item.id, item.parent) for item in thread.items] == [
        ("a", None),
        ("b", "a"),
        ("c", "b"),
    ]


# --- what is broken ---------------------------------------------------------------------------

GOOD = conversation("good", message("m1"))
BROKEN = {
    "no JSON": '{"uuid":"x","chat_messages":[tru]}',
    "a number of no kind": '{"uuid":"x","chat_messages":[],"n":01}',
    "NaN": '{"uuid":"x","chat_messages":[],"n":NaN}',
    "a bracket is missing": '{"uuid":"x","chat_messages":[{"uuid":"m"}}',
    "a brace is missing": '{"uuid":"x","chat_messages":[{"uuid":"m",{"uuid":"n"}]}',
    "a bracket too many": '{"uuid":"x","chat_messages":[]]}',
    "too deep": '{"uuid":"x","chat_messages":[],"n":' + "[" * 100_000 + "]" * 100_000 + "}",
    "no object": "[1]",
    "no uuid": '{"name":"n","chat_messages":[]}',
    "a uuid that is no str": '{"uuid":7,"chat_messages":[]}',
    "a uuid with NUL": r'{"uuid":"\u0000","chat_messages":[]}',
    "a title that is no str": '{"uuid":"x","name":7,"chat_messages":[]}',
    "no messages": '{"uuid":"x"}',
    "messages twice": '{"uuid":"x","chat_messages":[],"chat\\u005fmessages":[]}',
    "messages in no list": '{"uuid":"x","chat_messages":{}}',
    "a message that is no object": conversation("x", "7"),
    "a message without uuid": conversation("x", '{"sender":"human"}'),
    "a message with an illegal uuid": conversation("x", message("")),
    "an unknown sender": conversation("x", message("m", sender="system")),
    "an id twice": conversation("x", message("m"), message("n"), message("m")),
    "a parent that is no str": conversation("x", message("m", parent_message_uuid=7)),
}


@pytest.mark.parametrize("size", [5, 1 << 18])
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_conversation_does_not_stop_the_rest(broken: str, size: int) -> None:
    """What is wrong with one conversation is one problem in its place, and the rest is read."""
    found = read(f"[{GOOD},{broken},{GOOD}]", size)
    assert [type(one) for one in found] == [SourceThread, SourceProblem, SourceThread]
    (problem,) = problems(found)
    assert problem.index == 1
    assert problem.id in ("x", None)


def test_bytes_that_are_no_utf_8_cost_one_conversation() -> None:
    """A conversation that is not UTF-8 is a problem, and the ones around it are read."""
    found = read(b"[" + GOOD.encode() + b',{"uuid":"\xff"},' + GOOD.encode() + b"]")
    assert [type(one) for one in found] == [SourceThread, SourceProblem, SourceThread]


def test_a_problem_names_the_place_and_quotes_nothing() -> None:
    """The rule says which member of which message is wrong, but not what stands there."""
    text = conversation("x", message("m1"), message("m2", sender="secret"))
    assert read(f"[{text}]") == [
        SourceProblem(0, "x", "chat_messages.1.sender: must be one of human, assistant")
    ]
    assert "secret" not in str(read('[{"uuid":"c","name":"secret" "secret"}]'))


@few
@given(st.integers(1, 2000))
def test_a_file_that_breaks_off_gives_what_is_complete(cut: int) -> None:
    """Cut anywhere, the complete conversations come and then one problem."""
    data = SMALL.read_bytes().strip()
    whole = read(data)
    found = read(data[: -cut * (len(data) - 1) // 2000 or None])
    assert len(problems(found)) == 1
    assert isinstance(found[-1], SourceProblem)
    assert found[:-1] == whole[: len(found) - 1]
    assert found[-1].index == len(found) - 1


def test_memory_holds_one_conversation() -> None:
    """Reading a file of 40 MB takes memory for its largest conversation, not for the file."""
    one = conversation("c", *(message(f"m{n}", text="words " * 200) for n in range(150)))

    pieces = iter([b"[", *[f"{one},".encode()] * 199, one.encode(), b"]"])

    class Long(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return next(pieces, b"")

    tracemalloc.start()
    try:
        count = len([None for _ in claude.read(Long())])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 200
    assert peak < 20 * len(one)


# --- the registry -----------------------------------------------------------------------------


def test_sources_are_found_by_name() -> None:
    """Each source is imported by its name; an unknown name raises with the known ones."""
    assert sources.get("claude") is claude
    assert "claude" in sources.names()
    with pytest.raises(InvalidError, match="claude") as caught:
        sources.get("none-such")
    assert caught.value.field == "source"
