"""Healing of a provider's own items: what it takes is left, what it does not is set right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest
from healing_items import ANSWER, MADE, USE, Q, assistant, native, user

from threadkeep import check, convert
from threadkeep.values import jsontext
from threadkeep.values.converted import Converted
from threadkeep.values.parts import Json


def accepted(items: Sequence[Json], provider: str) -> Converted:
    """What a provider gets of its own items, which must be just these, by each policy."""
    for heal in ("keep", "error", "drop"):
        made = convert(native(items, provider), provider, heal=heal)
        assert list(made) == list(items)
        assert made.repairs == ()
    return made


SEARCH: Final[Json] = {
    "type": "server_tool_use",
    "id": "srvtoolu_1",
    "name": "web_search",
    "input": {"query": "x"},
}
FOUND: Final[Json] = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [],
}
CODE: Final[Json] = {**SEARCH, "name": "code_execution", "input": {"code": "run()"}}
RAN: Final[Json] = {
    "type": "code_execution_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": {"type": "code_execution_result", "stdout": "", "content": []},
}
BY_CODE: Final[Json] = {
    **USE,
    "caller": {"type": "code_execution_20250825", "tool_id": "srvtoolu_1"},
}


@pytest.mark.parametrize(
    "items",
    [
        [Q, assistant(SEARCH, FOUND, {"type": "text", "text": "so"})],
        [Q, assistant(SEARCH)],
        [Q, assistant(CODE, BY_CODE), user(ANSWER), assistant(RAN, {"type": "text", "text": "so"})],
        [
            Q,
            assistant(
                {**SEARCH, "name": "tool_search_tool_regex"},
                {
                    "type": "tool_search_tool_result",
                    "tool_use_id": "srvtoolu_1",
                    "content": {"type": "tool_search_tool_search_result", "tool_references": []},
                },
                {"type": "text", "text": "so"},
            ),
        ],
    ],
)
def test_tools_that_anthropic_runs_are_left(items: list[Json]) -> None:
    """A server tool with its result, in a paused turn, or that waits for a call, is no fault."""
    assert check(items, provider="anthropic") == []
    accepted(items, "anthropic")


def test_a_server_tool_that_never_answered_is_a_call_with_a_made_result() -> None:
    """Only the provider can make a result of its own tool: the call is one of the caller's."""
    items = [Q, assistant(SEARCH), user({"type": "text", "text": "and?"})]
    made = convert(native(items, "anthropic"), "anthropic", heal="error")
    assert made[1] == assistant({**SEARCH, "type": "tool_use"})
    assert made[2]["content"][0] == {**MADE, "tool_use_id": "srvtoolu_1"}
    assert check(made, provider="anthropic") == []


@pytest.mark.parametrize(
    "items",
    [
        [
            Q,
            {"type": "function_call", "call_id": "c1", "name": "run", "arguments": "{}"},
            {"role": "user", "content": "meanwhile"},
            {"type": "function_call_output", "call_id": "c1", "output": "done"},
        ],
        [
            Q,
            {"type": "custom_tool_call", "call_id": "c1", "name": "run", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
        ],
        [
            Q,
            {
                "type": "mcp_approval_request",
                "id": "mcpr_1",
                "server_label": "s",
                "name": "run",
                "arguments": "{}",
            },
            {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": False},
        ],
        [
            Q,
            {
                "type": "web_search_call",
                "id": "ws_1",
                "status": "in_progress",
                "action": {"type": "search", "query": "x"},
            },
        ],
    ],
)
def test_what_responses_take_is_left(items: list[Json]) -> None:
    """Late outputs, outputs of their own kinds, and calls that the server answers are no faults."""
    assert check(items, provider="openai-responses") == []
    accepted(items, "openai-responses")


@pytest.mark.parametrize("kind", ["custom_tool_call", "local_shell_call", "apply_patch_call"])
def test_a_call_of_a_kind_of_its_own_is_answered(kind: str) -> None:
    """Where a result is made for such a call, the call becomes a function's, as its result is."""
    kinds: dict[str, dict[str, Json]] = {
        "custom_tool_call": {"name": "run", "input": "x"},
        "local_shell_call": {"action": {"type": "exec"}, "status": "completed"},
        "apply_patch_call": {"operation": {"type": "delete_file"}, "status": "completed"},
    }
    items = [Q, {"type": kind, "call_id": "c1", **kinds[kind]}]
    made = convert(native(items, "openai-responses"), "openai-responses", heal="error")
    assert [item.get("type") for item in made[1:]] == ["function_call", "function_call_output"]
    assert check(made, provider="openai-responses") == []


def test_a_legacy_function_call_is_left() -> None:
    """A call that goes by its name needs no answer, and its answer has no call id."""
    call: Json = {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "f", "arguments": "{}"},
    }
    answer = {"role": "function", "name": "f", "content": "done"}
    accepted([Q, call, answer, call, answer], "openai-chat")
    accepted([Q, call], "openai-chat")


def test_what_chat_completions_answer_goes_back() -> None:
    """Null content beside calls stays as it is, and ids may come again in a later answer."""
    call = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    asked = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}
    answer = {"role": "tool", "tool_call_id": "call_0", "content": "done"}
    accepted([Q, asked, answer, asked, answer], "openai-chat")


def test_answers_of_chat_completions_that_wait_for_results_are_one() -> None:
    """An answer stored in two pieces is one message with the calls of both, results after it."""
    call: Json = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    other = {**call, "id": "c2"}
    items = [
        Q,
        {"role": "assistant", "content": "a", "tool_calls": [call]},
        {"role": "assistant", "content": "b", "tool_calls": [other]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": "2"},
    ]
    made = convert(native(items, "openai-chat"), "openai-chat", heal="error")
    both = {"role": "assistant", "content": "a\n\nb", "tool_calls": [call, other]}
    assert list(made) == [Q, both, *items[3:]]
    assert made.sources[1] == ("n1", "n2")


def test_calls_without_ids_are_paired_by_their_order() -> None:
    """Gemini's calls without ids come back untouched, turn after turn, also in parallel."""
    call = {"functionCall": {"name": "f", "args": {}}}
    answer = {"functionResponse": {"name": "f", "response": {"ok": 1}}}
    turn = [
        {"role": "user", "parts": [{"text": "q"}]},
        {"role": "model", "parts": [call, call]},
        {"role": "user", "parts": [answer, answer]},
        {"role": "model", "parts": [{"text": "so"}]},
    ]
    accepted(turn * 3, "gemini")
    made = convert(native([*turn[:2], *turn], "gemini"), "anthropic", heal="error")
    assert check(made, provider="anthropic") == []
    assert [repair.what for repair in made.repairs].count("result_made") == 2


def test_what_nothing_happened_to_is_handed_on() -> None:
    """A repair in one turn does not touch the provider's own items in the others."""
    response = assistant({"type": "text", "text": "so", "odd": 1})
    items = [Q, response, Q, assistant(USE), Q]
    made = convert(native(items, "anthropic"), "anthropic", heal="error")
    assert made[:2] == [Q, response]
    assert jsontext.encode(made[3]) == jsontext.encode(items[3])
