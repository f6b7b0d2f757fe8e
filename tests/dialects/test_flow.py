"""The steps of a conversation: the grain that formats agree on."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep.dialects.flow import ORIGIN, STEP, Step, exchanges, steps
from threadkeep.testing.strategies import messages
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import (
    ApprovalPart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

few = settings(max_examples=100, deadline=None)

A, B = ToolCallPart("a", "f", {}), ToolCallPart("b", "g", {})
RA, RB = ToolResultPart("a", 1), ToolResultPart("b", 2)
HI, YES = TextPart("hi"), TextPart("yes")


def grain(listed: Sequence[Step]) -> list[tuple[Role, list[Part]]]:
    return [(step.role, [one.part for one in step.placed]) for step in listed]


def own(role: Role, *parts: Part) -> Message:
    """A message of the family that the steps are made for."""
    return Message.read(role, parts, {ORIGIN: {"dialect": "x"}})


@few
@given(st.lists(messages(), max_size=6), st.booleans())
def test_every_part_is_in_one_step(listed: list[Message], apart: bool) -> None:
    """No part is lost and none is there twice, but for the marks of steps."""
    found = [
        (id(one.message), one.place) for s in steps(listed, "x", apart=apart) for one in s.placed
    ]
    wanted = [
        (id(message), place)
        for message in listed
        for place, part in enumerate(message.parts)
        if part != STEP
    ]
    assert sorted(found) == sorted(wanted)
    assert all(step.messages for step in steps(listed, "x", apart=apart))
    flat = [step for group in exchanges(steps(listed, "x"), "x") for step in group]
    assert len(flat) == len(steps(listed, "x"))


@few
@given(st.lists(messages(), max_size=6))
def test_results_are_in_steps_of_their_own(listed: list[Message]) -> None:
    """A step of results holds nothing else, and an answer holds none."""
    for step in steps(listed, "x"):
        kinds = {isinstance(one.part, ToolResultPart | ApprovalPart) for one in step.placed}
        if step.role == "tool":
            assert kinds <= {True}
        elif step.role == "assistant":
            assert not any(isinstance(one.part, ToolResultPart) for one in step.placed)


def test_an_answer_in_one_message_is_taken_apart() -> None:
    """Words after results begin a new step; calls side by side stay in one."""
    whole = Message.assistant([A, RA, B, RB, YES])
    assert grain(steps([whole], "x")) == [
        ("assistant", [A]),
        ("tool", [RA]),
        ("assistant", [B]),
        ("tool", [RB]),
        ("assistant", [YES]),
    ]
    together = Message.assistant([HI, A, B, RA, RB, YES])
    assert [role for role, _ in grain(steps([together], "x"))] == ["assistant", "tool", "assistant"]


def test_marks_of_steps_are_heeded() -> None:
    """With marks the calls of a step are side by side, whatever stands between them."""
    marked = Message.assistant([STEP, A, RA, B, RB, STEP, YES])
    assert grain(steps([marked], "x")) == [
        ("assistant", [A, B]),
        ("tool", [RA, RB]),
        ("assistant", [YES]),
    ]


def test_fine_messages_are_one_step() -> None:
    """Reasoning, words and calls in messages of their own are one step while results are due."""
    fine = [
        Message.assistant([ReasoningPart("why")]),
        Message.assistant([HI]),
        Message.assistant([A]),
        Message.assistant([B]),
        Message.tool([RB]),
        Message.tool([RA]),
        Message.assistant([YES]),
        Message.assistant([HI]),
    ]
    assert grain(steps(fine, "x")) == [
        ("assistant", [ReasoningPart("why"), HI, A, B]),
        ("tool", [RB, RA]),
        ("assistant", [YES]),
        ("assistant", [HI]),
    ]


def test_what_a_format_told_apart_stays_apart() -> None:
    """Two messages of the format itself are never joined."""
    told = [own("assistant", A), own("assistant", B), own("tool", RA), own("tool", RB)]
    assert len(steps(told, "x")) == 4
    assert len(steps(told, "y")) == 2
    assert len(exchanges(steps(told, "x"), "x")) == 4


def test_an_exchange_goes_on_over_results() -> None:
    """A coarse message holds an answer with its results, up to the user or to another answer."""
    listed = [
        Message.user([HI]),
        Message.assistant([A]),
        Message.tool([RA]),
        Message.assistant([YES]),
        Message.assistant([HI]),
        Message.user([HI]),
    ]
    groups = exchanges(steps(listed, "x"), "x")
    assert [[step.role for step in group] for group in groups] == [
        ["user"],
        ["assistant", "tool", "assistant"],
        ["assistant"],
        ["user"],
    ]


def test_results_of_the_provider_stay_where_that_is_wanted() -> None:
    """What the provider ran itself is part of the answer, or a step like all others."""
    call = ToolCallPart("a", "web", {}, provider_executed=True)
    result = ToolResultPart("a", 1, provider_executed=True)
    whole = Message.assistant([call, result, YES])
    assert len(steps([whole], "x", apart=False)) == 1
    assert [step.role for step in steps([whole], "x")] == ["assistant", "tool", "assistant"]


def test_a_message_of_a_user_is_told_apart() -> None:
    """Words of the system and results inside of a user's message are steps of their own."""
    system = TextPart("be brief", role="system")
    assert grain(steps([Message.user([HI, system, RA])], "x")) == [
        ("system", [system]),
        ("tool", [RA]),
        ("user", [HI]),
    ]
