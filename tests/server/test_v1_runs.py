"""Run reports over /v1: they count once, and become the run and its spans."""

from __future__ import annotations

import json
from typing import Any, Final

import httpx
from cloud_kit import Front
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_kit import calling

from threadkeep import Usage
from threadkeep.server.cloud.reports import CloudRunReport
from threadkeep.store import AsyncStore

TRACE: Final = "0123456789abcdef0123456789ABCDEF"
USAGE: Final = {
    "input_tokens": 120,
    "output_tokens": 30,
    "reasoning_tokens": 10,
    "cached_input_tokens": 100,
}


async def report(client: httpx.AsyncClient, thread_id: str, **said: Any) -> str:
    """The id of a run, once it is reported."""
    body = {"thread_id": thread_id, "status": "completed"} | said
    answer = await client.post("/v1/runs", json=body)
    assert answer.status_code == 201, answer.text
    [(name, run_id)] = answer.json().items()
    assert name == "run_id"
    assert run_id.startswith("run_")
    assert len(run_id) <= 48
    return str(run_id)


async def test_a_run_is_kept_with_all_that_it_did(app: FastAPI, store: AsyncStore) -> None:
    """The run counts in its thread; its steps, tools and samplings are a tree of spans."""
    call = {
        "tool_name": "weather",
        "tool_call_id": "call/1",
        "tool_args": '{"z":1, "a":1.0}',
        "tool_result": "sunny",
        "tool_source": "mcp",
        "start_ms": 100,
        "end_ms": 900.5,
        "sampling_calls": [{"model_id": "small", "input_tokens": 5, "duration_ms": 20}],
    }
    other = {"tool_name": "clock", "tool_call_id": "2", "start_ms": 1500}
    async with calling(app, user="ann") as client:
        front = await Front.begin(client)
        run_id = await report(
            client,
            front.thread_id,
            **USAGE,
            duration_ms=2000,
            first_token_ms=150,
            model_id="gpt-x",
            provider="openai",
            provider_type="openai",
            message_id="msg_1",
            tags=["a", "b"],
            release=None,
            output_text="It is\0 sunny.",
            metadata={"plan": {"pro": True}},
            steps=[
                {"input_tokens": 100, "start_ms": 0, "end_ms": 1000, "tool_calls": [call]},
                {"input_tokens": 20, "output_tokens": 30, "finish_reason": "stop"},
            ],
            tool_calls=[call, other],
            total_steps=2,
            never_heard_of={"x": 1},
        )
    chat = store.owner("ada", "ann")
    run = await chat.runs.get(front.thread_id, run_id)
    used = Usage(120, 30, 100, 10)
    assert (run.status, run.usage) == ("complete", used)
    assert run.ended_at is not None
    assert (run.ended_at - run.started_at).total_seconds() == 2
    assert await chat.runs.usage(front.thread_id) == used
    tree = await chat.spans.tree(run_id)
    assert [(span.name, span.type, span.depth) for span in tree] == [
        ("run", "agent", 0),
        ("gpt-x", "llm", 1),
        ("weather", "tool", 2),
        ("small", "llm", 3),
        ("gpt-x", "llm", 1),
        ("clock", "tool", 1),
    ]
    assert {(span.thread_id, span.run, span.user_id) for span in tree} == {
        (front.thread_id, run_id, "ann")
    }
    root, step, tool, sampling, last, clock = tree
    assert root.output == "It is\0 sunny."
    assert root.metadata is not None
    assert root.metadata["metadata"] == {"plan": {"pro": True}}
    assert (root.usage, root.duration_ms) == (used, 2000)
    assert (step.duration_ms, step.usage.input_tokens) == (1000, 100)
    assert (tool.input_json, tool.output, tool.duration_ms) == ('{"z":1, "a":1.0}', "sunny", 800.5)
    assert (sampling.duration_ms, sampling.usage.input_tokens) == (20, 5)
    assert last.metadata == {"finish_reason": "stop", "model": "gpt-x"}
    assert clock.input_json is None


async def test_a_trace_is_reported_once(app: FastAPI, store: AsyncStore) -> None:
    """The same trace_id is the same run, whatever is told again; without one each is its own."""
    async with calling(app) as client:
        front, other = await Front.begin(client), await Front.begin(client)
        first = await report(client, front.thread_id, trace_id=TRACE, **USAGE)
        again = await report(
            client, front.thread_id, trace_id=TRACE.lower(), status="error", output_tokens=9
        )
        assert again == first
        assert await report(client, other.thread_id, trace_id=TRACE, **USAGE) != first
        loose = {await report(client, front.thread_id, input_tokens=1) for _ in range(2)}
        assert len(loose | {first}) == 3
    chat = store.owner("ada")
    assert await chat.runs.usage(front.thread_id) == Usage(122, 30, 100, 10)
    assert (await chat.runs.get(front.thread_id, first)).status == "complete"
    assert [span.type for span in await chat.spans.tree(first)] == ["agent", "llm"]
    [total] = [one for one in await chat.spans.totals(type="llm") if one.key == first]
    assert total.usage == Usage(120, 30, 100, 10)


async def test_how_a_run_ended_is_kept(app: FastAPI, store: AsyncStore) -> None:
    """Stopped by a person, cut off, or failed: each has its status, and the error its text."""
    chat = store.owner("ada")
    async with calling(app) as client:
        front = await Front.begin(client)
        for said, status in (
            ({"status": "incomplete", "outcome_type": "aborted"}, "cancelled"),
            ({"status": "incomplete", "outcome_type": "length"}, "interrupted"),
            ({"status": "incomplete"}, "interrupted"),
            ({"status": "error", "error": "boom", "error_code": "TypeError"}, "failed"),
        ):
            run_id = await report(client, front.thread_id, **said)
            assert (await chat.runs.get(front.thread_id, run_id)).status == status
        span = await chat.spans.get(run_id)
        assert (span.status, span.error) == ("failed", "boom")


async def test_a_run_of_a_foreign_thread_is_refused(app: FastAPI, store: AsyncStore) -> None:
    """Foreign and unknown threads answer alike, and nothing is stored."""
    async with calling(app, user="ann") as ann, calling(app, user="bob") as bob:
        front = await Front.begin(ann)
        answers = [
            await bob.post("/v1/runs", json={"thread_id": id, "status": "completed"} | USAGE)
            for id in (front.thread_id, "thread_unknown")
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].json() == answers[1].json()
    chat = store.owner("ada")
    assert await chat.runs.usage(front.thread_id) == Usage()
    assert [span async for span in chat.spans.list()] == []


async def test_reports_have_bounds_and_nothing_is_counted_of_a_bad_one(
    app: FastAPI, store: AsyncStore
) -> None:
    """What is too long, too many or impossible is 400, and the run is not there."""
    call = {"tool_name": "a", "tool_call_id": "1"}
    many = [call | {"tool_call_id": str(n)} for n in range(200)]
    async with calling(app) as client:
        front = await Front.begin(client)
        base = {"thread_id": front.thread_id, "status": "completed"} | USAGE
        bounds: tuple[dict[str, Any], ...] = (
            {"status": "done"},
            {"thread_id": "x" * 513},
            {"trace_id": "0" * 31},
            {"trace_id": "g" * 32},
            {"error": "x" * 2049},
            {"error_code": "x" * 65},
            {"output_text": "x" * 50_001},
            {"input_tokens": -1},
            {"input_tokens": 2**53 + 1},
            {"duration_ms": 1e300},
            {"tags": ["x"] * 21},
            {"tool_calls": [call | {"tool_args": "x" * 50_001}]},
            {"tool_calls": [{"tool_name": "a"}]},
            {"tool_calls": [call | {"tool_name": "a\0"}]},
            {"tool_calls": [call | {"start_ms": 1e99}]},
            {"steps": [{"tool_calls": many}] * 201},
            {
                "steps": [
                    {
                        "tool_calls": [
                            one | {"tool_call_id": f"{k}.{n}"} for n, one in enumerate(many)
                        ]
                    }
                    for k in range(5)
                ]
            },
            {"metadata": {"a": "\0"}},
            {"metadata": []},
            {"model_id": "\0"},
        )
        for bad in bounds:
            answer = await client.post("/v1/runs", json=base | bad)
            assert answer.status_code == 400, (bad, answer.text)
            assert answer.json()["error"] == "invalid"
    chat = store.owner("ada")
    assert await chat.runs.usage(front.thread_id) == Usage()


_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from(sorted(CloudRunReport.model_fields)), _ODD))
async def test_no_report_breaks_the_server(app: FastAPI, said: dict[str, Any]) -> None:
    """Whatever its members are, it is stored or refused."""
    async with calling(app) as client:
        body = {"thread_id": "thread_unknown", "status": "completed"} | said
        raw = json.dumps(body).encode()
        answer = await client.post(
            "/v1/runs", content=raw, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 404)
