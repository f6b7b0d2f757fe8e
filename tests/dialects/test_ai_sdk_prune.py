"""Pruned model messages are the genuine package's, and no half of a tool call is left alone."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from ai_sdk_values import broken, fixture, json_values, model_messages, ordered
from genuine import Genuine
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep.dialects.ai_sdk.prune import prune_messages
from threadkeep.values.errors import InvalidError

few = settings(max_examples=100, deadline=None)
more = settings(max_examples=100, deadline=None)
many = settings(max_examples=10_000, deadline=None)

GOLDEN = fixture("prune_messages.json")
NAMES = {"reasoning": "reasoning", "toolCalls": "tool_calls", "emptyMessages": "empty_messages"}

spans = st.sampled_from(["all", "before-last-message"]) | st.integers(0, 9).map(
    "before-last-{}-messages".format
)
rules = st.lists(
    st.fixed_dictionaries(
        {"type": spans},
        optional={"tools": st.lists(st.sampled_from(["weather", "rm", "mcp-x"]), max_size=2)},
    ),
    max_size=3,
)
options = st.fixed_dictionaries(
    {},
    optional={
        "reasoning": st.sampled_from(["none", "all", "before-last-message"]),
        "toolCalls": st.just("none") | spans | rules,
        "emptyMessages": st.sampled_from(["remove", "keep"]),
    },
)


def prune(messages: Any, chosen: Any) -> Any:
    return prune_messages(messages, **{NAMES[key]: value for key, value in chosen.items()})


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: str(case["options"]))
def test_each_golden_case_gives_the_same_text(case: Any) -> None:
    """All golden cases are equal with the order of keys. [G10]"""
    assert ordered(prune(GOLDEN["messages"], case["options"])) == ordered(case["result"])


def agree(genuine: Genuine, messages: Any, chosen: Any) -> bool:
    theirs = genuine.call("prune", messages=messages, **chosen)
    try:
        ours = prune(messages, chosen)
    except InvalidError:
        return False
    assert theirs.ok, theirs.error
    assert ordered(ours) == ordered(theirs.value)
    return True


@more
@given(model_messages, options)
def test_sound_messages_are_pruned_as_by_the_genuine_package(
    genuine: Genuine, messages: Any, chosen: Any
) -> None:
    """Every option on every kind of part leaves what the genuine package leaves."""
    assert agree(genuine, messages, chosen)


@more
@given(broken(model_messages), options)
def test_broken_messages_are_refused_or_pruned_as_by_the_genuine_package(
    genuine: Genuine, messages: Any, chosen: Any
) -> None:
    """Where the genuine package throws there is an InvalidError; a result is always its own."""
    agree(genuine, messages, chosen)


@pytest.mark.prove
@many
@given(model_messages | broken(model_messages), options)
def test_many_messages_are_pruned_as_by_the_genuine_package(
    genuine: Genuine, messages: Any, chosen: Any
) -> None:
    """The same for many messages, sound and broken."""
    agree(genuine, messages, chosen)


@st.composite
def conversations(draw: st.DrawFn) -> Any:
    """Calls and their answers, each call once; answers follow in the same or a later message."""
    messages: list[Any] = [{"role": "user", "content": "q"}]
    for step in range(draw(st.integers(1, 5))):
        content: list[Any] = []
        answers: list[Any] = []
        for number in range(draw(st.integers(0, 3))):
            name = draw(st.sampled_from(["weather", "rm", "mcp-x"]))
            call = {"toolCallId": f"c{step}.{number}", "toolName": name}
            approval = {"approvalId": f"ap{step}.{number}"}
            if draw(st.booleans()):
                content.append({"type": "reasoning", "text": "r"})
            content.append({"type": "tool-call", **call, "input": {}})
            if draw(st.booleans()):
                id = call["toolCallId"]
                content.append({"type": "tool-approval-request", **approval, "toolCallId": id})
                answers.append({"type": "tool-approval-response", **approval, "approved": True})
            output = {"type": "text", "value": "v"}
            where = content if draw(st.booleans()) else answers
            where.append({"type": "tool-result", **call, "output": output})
        messages.append({"role": "assistant", "content": content})
        if draw(st.booleans()):
            messages.append({"role": "assistant", "content": "meanwhile"})
        messages.append({"role": "tool", "content": answers})
    return messages


def halves(messages: Any) -> tuple[list[str], list[str], list[str], list[str], list[str]]:
    """The ids of calls, of results, of requests, of responses, and of calls asked about."""
    parts = [
        part for one in messages if not isinstance(one["content"], str) for part in one["content"]
    ]

    def ids(kind: str, key: str) -> list[str]:
        return sorted(part[key] for part in parts if part["type"] == kind)

    return (
        ids("tool-call", "toolCallId"),
        ids("tool-result", "toolCallId"),
        ids("tool-approval-request", "approvalId"),
        ids("tool-approval-response", "approvalId"),
        ids("tool-approval-request", "toolCallId"),
    )


@more
@given(conversations(), options)
def test_no_result_and_no_approval_loses_its_other_half(messages: Any, chosen: Any) -> None:
    """Calls and results stay or go together, requests and responses too, never without a call."""
    calls, results, requests, responses, asked = halves(prune(messages, chosen))
    assert calls == results
    assert requests == responses
    assert set(asked) <= set(calls)


@few
@given(conversations(), options)
def test_what_is_left_is_in_order_and_the_messages_given_are_as_before(
    messages: Any, chosen: Any
) -> None:
    """Pruning takes parts away and does nothing else."""
    before = ordered(messages)
    left = prune(messages, {**chosen, "emptyMessages": "keep"})
    assert ordered(messages) == before
    assert [one["role"] for one in left] == [one["role"] for one in messages]
    for one, old in zip(left, messages, strict=True):
        parts = iter(old["content"])
        assert all(any(part is other for other in parts) for part in one["content"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reasoning", "some"),
        ("reasoning", None),
        ("reasoning", []),
        ("tool_calls", "before-last--1-messages"),
        ("tool_calls", "before-last-x-messages"),
        ("tool_calls", "before-last-1-messages\n"),
        ("tool_calls", "before-last-٣-messages"),
        ("tool_calls", 3),
        ("tool_calls", None),
        ("tool_calls", ["all"]),
        ("tool_calls", [{"tools": ["a"]}]),
        ("tool_calls", [{"type": "none"}]),
        ("tool_calls", [{"type": "all", "tools": "weather"}]),
        ("tool_calls", [{"type": "all", "tools": [1]}]),
        ("empty_messages", "drop"),
        ("empty_messages", True),
    ],
)
def test_a_bad_option_is_named(name: str, value: Any) -> None:
    """An option that the call does not have is an InvalidError whose field starts with its name."""
    with pytest.raises(InvalidError) as caught:
        prune_messages([], **{name: value})
    assert caught.value.field.startswith(name)


@few
@given(json_values | st.lists(json_values) | broken(model_messages), options)
def test_hostile_messages_give_messages_or_an_invalid_error(messages: Any, chosen: Any) -> None:
    """Whatever JSON stands in place of messages, no other error gets out."""
    with suppress(InvalidError):
        assert isinstance(prune(messages, chosen), list)
