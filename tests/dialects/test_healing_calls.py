"""Healing, repair by repair: what is done, to what, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pytest
from healing_items import (
    ANSWER,
    CALL,
    DONE,
    MADE,
    USE,
    USER,
    Q,
    assistant,
    native,
    results,
    said,
    user,
)

from threadkeep import Message, check, convert
from threadkeep.dialects.healing import Policy
from threadkeep.dialects.healing.contents import OPENING
from threadkeep.values import jsontext
from threadkeep.values.converted import REPAIRS, Repair
from threadkeep.values.parts import (
    ApprovalPart,
    Json,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)


@dataclass(frozen=True, slots=True)
class Case:
    """A history, the policy it is healed by, and what comes out for a provider."""

    name: str
    provider: str
    messages: Sequence[Message]
    items: Sequence[Json]
    repairs: Sequence[Repair]
    heal: Policy = "error"


CASES: Final[Sequence[Case]] = (
    Case(
        "a call without a result is answered",
        "anthropic",
        [USER, said(CALL), Message.user("r", id="v")],
        [Q, assistant(USE), user(MADE, {"type": "text", "text": "r"})],
        [Repair("a", "result_made", "c1")],
    ),
    Case(
        "also at the end, where an app was about to answer",
        "anthropic",
        [USER, said(CALL)],
        [Q, assistant(USE), user(MADE)],
        [Repair("a", "result_made", "c1")],
    ),
    Case(
        "a turn with a call without a result goes, also at the end",
        "anthropic",
        [Message.user("p", id="v"), said(TextPart("o"), id="b"), USER, said(CALL)],
        [{"role": "user", "content": "p"}, {"role": "assistant", "content": "o"}],
        [Repair("u", "turn_dropped"), Repair("a", "turn_dropped")],
        heal="drop",
    ),
    Case(
        "what the system says in a turn that goes stays",
        "openai-chat",
        [USER, said(CALL), Message.system("s", id="s"), Message.user("r", id="v")],
        [{"role": "system", "content": "s"}, {"role": "user", "content": "r"}],
        [Repair("u", "turn_dropped"), Repair("a", "turn_dropped")],
        heal="drop",
    ),
    Case(
        "a denied call gets a result that says so",
        "anthropic",
        [USER, said(CALL), results(ApprovalPart("p1", "c1", False, "not now"))],  # noqa: FBT003
        [
            Q,
            assistant(USE),
            user({**MADE, "content": "not now"}),
        ],
        [Repair("a", "result_made", "c1")],
        heal="drop",
    ),
    Case(
        "a late result stands behind its call",
        "anthropic",
        [USER, said(CALL), Message.user("r", id="v"), results(DONE)],
        [Q, assistant(USE), user(ANSWER, {"type": "text", "text": "r"})],
        [Repair("t", "result_moved", "c1")],
    ),
    Case(
        "of two results the later one counts",
        "anthropic",
        [USER, said(CALL), results(ToolResultPart("c1", "wait", "run"), DONE)],
        [Q, assistant(USE), user(ANSWER)],
        [Repair("t", "result_dropped", "c1")],
    ),
    Case(
        "a result without a call is left out",
        "anthropic",
        [USER, results(DONE), said(TextPart("so"))],
        [Q, {"role": "assistant", "content": "so"}],
        [Repair("t", "result_dropped", "c1")],
    ),
    Case(
        "a call outside of an answer is left out",
        "openai-chat",
        [Message.user([TextPart("q"), CALL], id="u")],
        [Q],
        [Repair("u", "call_dropped", "c1")],
    ),
    Case(
        "an id that is there again is another one",
        "anthropic",
        [USER, said(CALL), results(DONE), said(CALL, id="b"), results(DONE, id="w")],
        [
            Q,
            assistant(USE),
            user(ANSWER),
            assistant({**USE, "id": "c1_2"}),
            user({**ANSWER, "tool_use_id": "c1_2"}),
        ],
        [Repair("b", "call_renamed", "c1")],
    ),
    Case(
        "a name gets the characters that the provider takes",
        "anthropic",
        [USER, said(ToolCallPart("c1", "run it", {"n": 1})), results(DONE)],
        [Q, assistant({**USE, "name": "run_it"}), user(ANSWER)],
        [Repair("a", "tool_renamed", "c1")],
    ),
    Case(
        "a history begins with the user's words",
        "gemini",
        [said(TextPart("o"))],
        [
            {"role": "user", "parts": [{"text": OPENING}]},
            {"role": "model", "parts": [{"text": "o"}]},
        ],
        [Repair("a", "opened")],
    ),
    Case(
        "neighbours of one role are one message",
        "gemini",
        [USER, Message.user("r", id="v")],
        [{"role": "user", "parts": [{"text": "q"}, {"text": "r"}]}],
        [Repair("v", "merged")],
    ),
    Case(
        "what holds nothing is left out",
        "anthropic",
        [USER, said(TextPart(" "), TextPart("so")), said(TextPart(""), id="b")],
        [Q, assistant({"type": "text", "text": "so"})],
        [Repair("a", "emptied"), Repair("b", "emptied")],
    ),
    Case(
        "white space at the end is left out",
        "anthropic",
        [USER, said(TextPart("so \n"))],
        [Q, {"role": "assistant", "content": "so"}],
        [Repair("a", "trimmed")],
    ),
    Case(
        "what is no text is replaced, also in what the system says",
        "anthropic",
        [Message.system("s\ud800", id="s"), Message.user("q\udfff", id="u")],
        [{"role": "user", "content": "q\ufffd"}],
        [Repair("u", "text_replaced"), Repair(None, "text_replaced")],
    ),
    Case(
        "members that only a response has are left out",
        "anthropic",
        native(
            [
                Q,
                {
                    "id": "msg_1",
                    "type": "message",
                    "role": "assistant",
                    "model": "m",
                    "content": [{"type": "text", "text": "so", "citations": None}],
                    "stop_reason": "end_turn",
                    "usage": {"input_tokens": 1},
                },
            ],
            "anthropic",
        ),
        [Q, assistant({"type": "text", "text": "so", "citations": None})],
        [Repair("n1", "members_dropped")],
    ),
    Case(
        "reasoning that nothing follows is left out",
        "anthropic",
        [USER, said(ReasoningPart("hm", signature="s", provider="anthropic"))],
        [Q],
        [Repair("a", "reasoning_dropped")],
    ),
    Case(
        "reasoning is kept with what its message goes on with in the next one",
        "anthropic",
        native(
            [
                Q,
                assistant({"type": "thinking", "thinking": "hm", "signature": "s"}),
                assistant(USE),
                user(ANSWER),
            ],
            "anthropic",
        ),
        [
            Q,
            assistant({"type": "thinking", "thinking": "hm", "signature": "s"}, USE),
            user(ANSWER),
        ],
        [Repair("n2", "merged")],
    ),
    Case(
        "the system's messages are no messages",
        "anthropic",
        native([Q, {"role": "system", "content": "be brief"}], "anthropic"),
        [Q],
        [Repair("n1", "system_moved")],
    ),
    Case(
        "a role of before is the one of now",
        "gemini",
        native(
            [
                {"role": "user", "parts": [{"text": "q"}]},
                {"role": "model", "parts": [{"functionCall": {"name": "run", "args": {}}}]},
                {
                    "role": "function",
                    "parts": [{"functionResponse": {"name": "run", "response": {"ok": 1}}}],
                },
            ],
            "gemini",
        ),
        [
            {"role": "user", "parts": [{"text": "q"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "run", "args": {}}}]},
            {
                "role": "user",
                "parts": [{"functionResponse": {"name": "run", "response": {"ok": 1}}}],
            },
        ],
        [Repair("n2", "role_renamed")],
    ),
    Case(
        "an answer to a question that is not there is left out",
        "openai-responses",
        native(
            [
                {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
                {"role": "user", "content": "q"},
            ],
            "openai-responses",
        ),
        [Q],
        [Repair("n0", "approval_dropped", "mcpr_1")],
    ),
)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_repair_is_done_and_said(case: Case) -> None:
    """What comes out is exactly this, the repairs are exactly these, and no rule is broken."""
    made = convert(case.messages, case.provider, heal=case.heal)
    assert list(made) == list(case.items)
    assert list(made.repairs) == list(case.repairs)
    assert check(made, provider=case.provider, system=made.system) == []


def test_every_repair_happens() -> None:
    """No repair is declared that no case has, and none is done that is not declared."""
    assert {repair.what for case in CASES for repair in case.repairs} == set(REPAIRS)


def test_parallel_calls_with_one_id_keep_their_own_results() -> None:
    """The first result answers the first call, the second one the second."""
    calls = said(CALL, ToolCallPart("c1", "run", {"n": 2}))
    again = results(DONE, ToolResultPart("c1", "again", "run"))
    made = convert([USER, calls, again], "anthropic", heal="error")
    assert [(block["id"], block["input"]["n"]) for block in made[1]["content"]] == [
        ("c1", 1),
        ("c1_2", 2),
    ]
    assert [(b["tool_use_id"], b["content"]) for b in made[2]["content"]] == [
        ("c1", "done"),
        ("c1_2", "again"),
    ]


def test_a_deep_value_is_set_right() -> None:
    """A lone surrogate under as many levels as the store takes is found and replaced."""
    value: Json = "\ud83d"
    for _ in range(490):
        value = [value]
    call = ToolCallPart("c1", "run", {"x": value})
    made = convert([USER, said(call), results(DONE)], "anthropic", heal="error")
    assert check(made, provider="anthropic") == []
    assert "\ufffd" in jsontext.encode(made[1])
