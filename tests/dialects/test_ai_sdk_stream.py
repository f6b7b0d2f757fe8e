"""UI message streams, folded as the `ai` package folds them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep.dialects.ai_sdk.stream import Folding, fold
from threadkeep.values.errors import InvalidError

few = settings(max_examples=150, deadline=None)

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "fixtures/ai-sdk/stream_to_ui_message.json").read_text("utf-8")
)

jsons = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "é"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "p", "id", "type", "__proto__"]), inner, max_size=2)
    ),
    max_leaves=5,
)
metadata = st.just({"p": {"a": 1}})
ids = st.sampled_from(["1", "2", "__proto__"])


@pytest.mark.parametrize("name", GOLDEN)
def test_a_stream_folds_as_in_the_genuine_package(name: str) -> None:
    """The message with the order of its members, the errors and the number of snapshots."""
    case = GOLDEN[name]
    given_before = json.dumps(case)
    folded = fold(case["chunks"], message=case.get("message"))
    assert json.dumps(folded.message) == json.dumps(case["final"])
    assert list(folded.errors) == case["errors"]
    assert folded.yields == case["yields"]
    assert json.dumps(case) == given_before


def text_block(name: str, id: str, deltas: list[str]) -> list[dict[str, Any]]:
    return [
        {"type": f"{name}-start", "id": id},
        *({"type": f"{name}-delta", "id": id, "delta": delta} for delta in deltas),
        {"type": f"{name}-end", "id": id, "providerMetadata": {"p": {"s": 1}}},
    ]


def tool_block(
    call: str, dynamic: bool | None, pieces: list[str], end: dict[str, Any] | None
) -> list[dict[str, Any]]:
    about = {"toolCallId": call, "toolName": "w"} | (
        {} if dynamic is None else {"dynamic": dynamic}
    )
    given_input = {"type": "tool-input-available", **about, "input": {"a": 1}}
    return [
        {"type": "tool-input-start", **about},
        *({"type": "tool-input-delta", "toolCallId": call, "inputTextDelta": p} for p in pieces),
        *([] if end is None else [given_input, {**end, "toolCallId": call}]),
    ]


ends = st.sampled_from(
    [
        None,
        {"type": "tool-output-available", "output": 1, "preliminary": True},
        {"type": "tool-output-error", "errorText": "no"},
        {"type": "tool-approval-request", "approvalId": "ap", "reason": "why"},
        {"type": "tool-output-denied"},
    ]
)
blocks = st.one_of(
    st.builds(text_block, st.sampled_from(["text", "reasoning"]), ids, st.lists(st.text())),
    st.builds(
        tool_block,
        st.uuids().map(str),
        st.sampled_from([None, True, False]),
        st.lists(st.sampled_from(['{"a":', '"x', "1,", "}", '"'])),
        ends,
    ),
    st.builds(lambda id, data: [{"type": "data-x", "id": id, "data": data}], ids, jsons),
    st.builds(lambda data: [{"type": "message-metadata", "messageMetadata": {"a": data}}], jsons),
    st.just([{"type": "reset-step"}]),
    st.just([{"type": "start-step"}]),
    st.just([{"type": "source-url", "sourceId": "s", "url": "u"}]),
)


@few
@given(st.lists(blocks, max_size=8), st.data())
def test_a_stream_goes_on_with_the_stored_message(
    stream: list[list[dict[str, Any]]], data: st.DataObject
) -> None:
    """Cut anywhere but inside a text, the rest folded into the stored half gives the whole."""
    chunks = [{"type": "start", "messageId": "m"}, *(chunk for block in stream for chunk in block)]
    inside = [False]
    for chunk in chunks:
        if chunk["type"].startswith(("text-", "reasoning-")):
            inside.append(not chunk["type"].endswith("-end"))
        else:
            inside.append(inside[-1])
    cut = data.draw(st.sampled_from([at for at, is_inside in enumerate(inside) if not is_inside]))
    whole = fold(chunks)
    assert not whole.broken
    stored = json.loads(json.dumps(fold(chunks[:cut]).message))
    rest = fold(chunks[cut:], message=stored)
    assert rest.errors == ()
    assert rest.message == whole.message


@few
@given(st.lists(blocks, max_size=6))
def test_a_snapshot_shares_nothing_and_changes_nothing(
    stream: list[list[dict[str, Any]]],
) -> None:
    """Looking after each chunk gives what looking once at the end gives."""
    chunks = [chunk for block in stream for chunk in block]
    folding = Folding()
    for chunk in chunks:
        fed = json.loads(json.dumps(chunk))
        folding.feed(fed)
        fed.clear()
        seen = folding.message
        seen["parts"].append("mine")
        for part in seen["parts"][:-1]:
            part.clear()
    assert folding.message == fold(chunks).message


members = {
    "id": ids, "delta": st.text(max_size=2), "toolCallId": ids, "toolName": ids, "input": jsons,
    "dynamic": st.booleans(), "inputTextDelta": st.sampled_from(['{"a":', "[", '"']),
    "output": jsons, "errorText": st.just("e"), "approvalId": ids, "approved": st.booleans(),
    "messageMetadata": jsons, "messageId": ids, "data": jsons, "providerMetadata": metadata,
    "kind": ids, "url": ids, "mediaType": ids, "sourceId": ids, "title": ids,
    "inputEncoding": st.sampled_from(["text", "json"]), "transient": st.booleans(),
    "parts": st.lists(st.just({"type": "text", "text": "x"}), max_size=1),
    "citations": jsons, "preliminary": st.booleans(), "toolMetadata": st.just({"a": 1}),
}  # fmt: skip
kinds = sorted({chunk["type"] for case in GOLDEN.values() for chunk in case["chunks"]})
loose_chunks = st.builds(
    lambda kind, known, odd: {"type": kind} | known | odd,
    st.sampled_from(kinds) | jsons,
    st.fixed_dictionaries({}, optional=members),
    st.dictionaries(st.sampled_from(sorted(members)), jsons, max_size=1),
)
loose_parts = st.fixed_dictionaries(
    {"type": st.sampled_from(["tool-w", "dynamic-tool", "data-x", "step-start", "text"])},
    optional={
        "toolCallId": ids | jsons, "state": st.just("input-streaming") | jsons,
        "rawInput": st.just('{"a"') | jsons, "approval": st.just({"id": "1"}) | jsons,
        "id": ids | jsons, "inputEncoding": jsons, "title": jsons, "toolName": jsons,
    },
)  # fmt: skip
loose_messages = jsons | st.fixed_dictionaries(
    {"role": st.just("assistant"), "parts": st.lists(loose_parts | jsons, max_size=4)},
    optional={"id": ids | jsons, "metadata": jsons},
)


@settings(max_examples=400, deadline=None)
@given(st.lists(loose_chunks | jsons, max_size=12), loose_messages)
def test_whatever_comes_nothing_but_an_invalid_error_is_raised(
    chunks: list[Any], message: Any
) -> None:
    """Any JSON value as a chunk, a member or a stored message is taken or refused by its field."""
    try:
        folding = Folding(message)
    except InvalidError:
        folding = Folding()
    for chunk in chunks:
        before = json.dumps(folding.message), folding.yields
        try:
            folding.feed(chunk)
        except InvalidError:
            after = json.dumps(folding.message), folding.yields
            assert after == before
    json.dumps(folding.message)


@pytest.mark.parametrize(
    ("chunk", "field"),
    [
        ({"type": "tool-call"}, "type"),
        ({}, "type"),
        (None, "type"),
        ({"type": "text-delta", "id": "t"}, "delta"),
        (
            {"type": "text-start", "id": "t", "providerMetadata": {"secret": 1}},
            "providerMetadata.*",
        ),
        ({"type": "tool-input-available", "toolCallId": "c", "toolName": "w"}, "input"),
        ({"type": "steering-message", "id": "s", "parts": [{"type": "x"}]}, "parts[0].type"),
        ({"type": "finish", "finishReason": "tired"}, "finishReason"),
        ({"type": "data-x"}, "data"),
    ],
)
def test_what_a_client_would_refuse_is_named(chunk: Any, field: str) -> None:
    """The error names the field, and nothing that somebody wrote."""
    with pytest.raises(InvalidError) as caught:
        Folding().feed(chunk)
    assert caught.value.field == field
    assert "secret" not in str(caught.value)


def test_a_broken_stream_is_read_no_further() -> None:
    """After a delta of nothing, the rest is ignored, as a client ignores it."""
    folding = Folding()
    folding.feed({"type": "start", "messageId": "m"})
    folding.feed({"type": "text-end", "id": "t"})
    folding.feed({"type": "finish", "finishReason": "stop"})
    folding.feed("not even a chunk")
    result = folding.result()
    assert result.broken
    assert (result.finished, result.finish_reason, result.yields) == (False, None, 1)
    assert len(result.errors) == 1


def test_the_end_is_told() -> None:
    """How the stream ended: the reason, and whether it was aborted."""
    done = fold([{"type": "start"}, {"type": "finish", "finishReason": "tool-calls"}])
    assert (done.finished, done.aborted, done.finish_reason) == (True, False, "tool-calls")
    cut = fold([{"type": "start"}, {"type": "abort", "reason": "tired"}])
    assert (cut.finished, cut.aborted) == (False, True)
    again = fold([{"type": "abort"}, {"type": "start", "messageId": "m2"}])
    assert not again.aborted


def test_halves_of_a_character_meet() -> None:
    """A surrogate pair that two deltas share is one character in the message."""
    chunks = text_block("text", "t", ["\ud83d", "\ude00", "\ud83d"])
    assert fold(chunks).message["parts"][0]["text"] == "😀\ud83d"


def test_a_call_is_found_in_its_step_first_then_backwards() -> None:
    """With one call id in three steps: the current step's, else the latest before."""
    call = {"type": "tool-input-available", "toolCallId": "c", "toolName": "w", "input": 1}
    result = {"type": "tool-output-available", "toolCallId": "c", "output": 2}
    step = {"type": "start-step"}
    states = [
        [part.get("state") for part in fold(chunks).message["parts"] if "state" in part]
        for chunks in ([step, call, step, call, result], [step, call, step, call, step, result])
    ]
    assert states == [["input-available", "output-available"]] * 2


def test_deep_values_are_no_problem() -> None:
    """A value of 100 000 levels is folded, merged and copied without recursion."""
    deep: Any = 1
    for _ in range(100_000):
        deep = {"a": deep}
    start = {"type": "start", "messageMetadata": deep}
    parts = [{"type": "data-x", "id": "d", "data": [deep]}] * 2
    value = fold([start, *parts, start]).message["metadata"]
    levels = 0
    while isinstance(value, dict):
        value = value["a"]
        levels += 1
    assert levels == 100_000


@pytest.mark.parametrize("sort", ["text", "tool", "steps", "data", "approvals"])
def test_long_streams_take_time_in_proportion(sort: str) -> None:
    """100 000 chunks of a kind are folded in seconds."""
    count = 100_000
    call = {"type": "tool-input-start", "toolCallId": "c", "toolName": "w"}
    delta = {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": '"long",'}
    streams: dict[str, list[dict[str, Any]]] = {
        "text": text_block("text", "t", ["some words "] * count),
        "tool": [call, {**delta, "inputTextDelta": "["}, *[delta] * count],
        "steps": [
            chunk
            for at in range(count // 4)
            for chunk in (
                {"type": "start-step"},
                {**call, "type": "tool-input-available", "toolCallId": str(at), "input": {}},
                {"type": "tool-output-available", "toolCallId": str(at // 2), "output": at},
                {"type": "finish-step"},
            )
        ],
        "data": [{"type": "data-x", "id": str(at % 50_000), "data": at} for at in range(count)],
        "approvals": [
            chunk
            for at in range(count // 3)
            for chunk in (
                {**call, "type": "tool-input-available", "toolCallId": str(at), "input": {}},
                {"type": "tool-approval-request", "toolCallId": str(at), "approvalId": str(at)},
                {"type": "tool-approval-response", "approvalId": str(at), "approved": True},
            )
        ],
    }
    start = time.perf_counter()
    folded = fold(streams[sort])
    assert time.perf_counter() - start < 20
    assert not folded.broken
