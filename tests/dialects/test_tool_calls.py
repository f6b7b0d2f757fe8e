"""Tool calls of messages of any format, each with what came of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from conversations import conversation
from hypothesis import given, settings
from hypothesis import strategies as st
from kits import KITS, WRITTEN

from threadkeep import InvalidError, Message, ToolCallPart, ToolResultPart, convert, dialects
from threadkeep.dialects.flow import steps
from threadkeep.dialects.healing.calls import pair
from threadkeep.dialects.tool_calls import tool_calls
from threadkeep.testing.strategies import messages
from threadkeep.values import jsontext
from threadkeep.values.parts import ApprovalPart, Json, Part, TextPart

AT = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)


def _stored(items: list[Json], tag: str) -> list[Message]:
    """Native items as the store hands them out, with ids and times of its own."""
    dialect = dialects.get(tag)
    return [
        Message(
            dialect.traits(item).role,
            jsontext.encode(item),
            tag,
            f"m{n}",
            AT + n * timedelta(seconds=1),
        )
        for n, item in enumerate(items)
    ]


CALLED = [
    Message.user("Where?", id="u"),
    Message.assistant(
        [TextPart("hm"), ToolCallPart("c1", "look", {"n": 1}), ToolCallPart("c2", "book", {"n": 2})]
    ),
    Message.tool([ToolResultPart("c1", "seen", "look"), ToolResultPart("c2", "full", "book")]),
    Message.assistant("So."),
    Message.assistant([ToolCallPart("c3", "look", {"n": 3})]),
]


@pytest.mark.parametrize("tag", WRITTEN)
def test_every_format_tells_its_calls(tag: str) -> None:
    """Whatever the format: names, inputs, results, what is pending, and the messages. [G6]"""
    stored = _stored(list(convert(CALLED, tag)), tag)
    look, book, last = tool_calls(stored)
    assert [use.name for use in (look, book, last)] == ["look", "book", "look"]
    assert [use.input for use in (look, book, last)] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert [use.pending for use in (look, book, last)] == [False, False, True]
    assert (look.output or look.content, book.output or book.content) == ("seen", "full")
    times = {message.id: message.created_at for message in stored}
    for use in (look, book, last):
        assert use.called_at == times[use.call_message_id]
        together = use.result_message_id == use.call_message_id
        answered = None if together or use.pending else times[use.result_message_id]
        assert use.answered_at == answered
        assert (use.latency is None) == (answered is None)


@pytest.mark.parametrize("tag", KITS)
def test_no_recorded_item_is_too_odd(tag: str) -> None:
    """Every item of the corpus is read, alone and after one another."""
    corpus = list(KITS[tag].corpus)
    for item in corpus:
        tool_calls(_stored([item], tag))
    tool_calls(_stored(corpus, tag))


@settings(max_examples=30)
@given(st.lists(messages(), max_size=3))
def test_hostile_messages_are_read(given_: list[Message]) -> None:
    """One use for each call of a message, in their order, whatever else stands there."""
    calls = [part for m in given_ for part in m.parts if isinstance(part, ToolCallPart)]
    uses = tool_calls(given_)
    assert [(use.id, use.name) for use in uses] == [(part.call_id, part.name) for part in calls]


@pytest.mark.parametrize("seed", range(20))
def test_calls_are_paired_as_healing_pairs_them(seed: int) -> None:
    """In a conversation as models lead them, both know the same results of the same calls."""
    talk = conversation(seed)
    for leaf in talk.leaves():
        listed = talk.path(leaf)
        pairs = pair(steps(listed, "none")).calls
        uses = tool_calls(listed)
        assert len(uses) == len(pairs)
        for use, one in zip(uses, pairs, strict=True):
            assert use.id == one.part.call_id
            answer = one.results[-1][1].message if one.results else None
            if answer is not None:
                assert use.result_message_id == answer.id
            assert use.pending == (answer is None and one.denial is None)


def test_calls_with_one_id_in_one_message_are_answered_in_order() -> None:
    """The first open one gets the result, and a result beyond them goes to the last."""
    parts: list[Part] = [ToolCallPart("c", "a"), ToolCallPart("c", "b")]
    results: list[Part] = [ToolResultPart("c", n) for n in (1, 2, 3)]
    uses = tool_calls([Message.assistant(parts, id="m"), Message.tool(results, id="r")])
    assert [(use.name, use.output) for use in uses] == [("a", 1), ("b", 3)]
    again = [parts[0], results[0], parts[1], results[1]]
    assert [use.output for use in tool_calls([Message.assistant(again)])] == [1, 2]


def test_an_answer_to_an_approval_denies_or_lets_run() -> None:
    """The last answer counts, and a result counts more."""
    call = ToolCallPart("c", "pay")
    asked = ApprovalPart("p", "c")
    no, yes = ApprovalPart("p", approved=False, reason="dear"), ApprovalPart("p", approved=True)
    first = Message.assistant([call, asked], id="m")

    def then(*parts: Part) -> tuple[bool, bool, Json, str | None]:
        [use] = tool_calls([first, Message.tool(parts, id="r")])
        return use.denied, use.pending, use.output, use.result_message_id

    assert then(no) == (True, False, "dear", "r")
    assert then(yes) == (False, True, None, None)
    assert then(no, yes) == (False, True, None, None)
    assert then(no, ToolResultPart("c", "paid")) == (False, False, "paid", "r")
    assert then(ApprovalPart("other", approved=False)) == (False, True, None, None)


def test_branches_are_paired_along_their_paths() -> None:
    """With `precedes` a result answers a call that stands on its own path."""
    one, other = (Message.assistant([ToolCallPart("c", "look")], id=id) for id in "ab")
    result = Message.tool([ToolResultPart("c", 1)], id="r")
    assert [use.pending for use in tool_calls([one, other, result])] == [True, False]
    along = tool_calls([one, other, result], precedes=lambda before, _: before != 1)
    assert [use.pending for use in along] == [False, True]


def test_a_format_that_is_unknown_here_is_invalid() -> None:
    """What cannot be read is said, not left out."""
    with pytest.raises(InvalidError):
        tool_calls([Message("assistant", "{}", "nobody's")])
