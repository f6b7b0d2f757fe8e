"""OTLP over HTTP: spans of OpenTelemetry become spans of threads."""

from __future__ import annotations

import builtins
import gzip
import json
from base64 import b64encode
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Any, Final

import pytest
from fastapi import FastAPI
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from rest_kit import calling

from threadkeep import Usage
from threadkeep.server import create_app
from threadkeep.server.cloud.runs import run_of
from threadkeep.server.limits import Limits
from threadkeep.store import AsyncStore

TRACE: Final = "5b8efff798038103d269b633813fc60c"
START: Final = 1_790_000_000_000_000_000
PROTOBUF: Final = {"Content-Type": "application/x-protobuf"}
JSON: Final = {"Content-Type": "application/json"}


def value_of(value: Any) -> dict[str, Any]:
    """An attribute's value as OTLP writes it."""
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value if isfinite(value) else "NaN"}
        case list():
            return {"arrayValue": {"values": [value_of(one) for one in value]}}
        case dict():
            return {"kvlistValue": {"values": pairs(value)}}
        case _:
            return {"stringValue": value}


def pairs(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP writes them."""
    return [{"key": key, "value": value_of(value)} for key, value in values.items()]


def span(number: int, name: str, parent: int | None = None, **more: Any) -> dict[str, Any]:
    """A span of the trace, of 10 ms, that starts as many milliseconds after the trace did."""
    attributes = pairs(more.pop("attributes", {}))
    started = START + number * 1_000_000
    return {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "parentSpanId": "" if parent is None else f"{parent:016x}",
        "name": name,
        "kind": 3,
        "startTimeUnixNano": str(started),
        "endTimeUnixNano": str(started + 10_000_500),
        "attributes": attributes,
    } | more


def export(*spans: Any, **resource: Any) -> dict[str, Any]:
    """An export of these spans."""
    scope = {"scope": {"name": "ai"}, "spans": list(spans)}
    return {"resourceSpans": [{"resource": {"attributes": pairs(resource)}, "scopeSpans": [scope]}]}


def binary(said: dict[str, Any]) -> bytes:
    """The same as protobuf."""

    def encoded(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: encoded(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [encoded(one) for one in value]
        if key in ("traceId", "spanId", "parentSpanId"):
            return b64encode(bytes.fromhex(value)).decode()
        return value

    message = ParseDict(encoded(said), ExportTraceServiceRequest())
    raw: bytes = message.SerializeToString()
    return raw


def of(number: int) -> str:
    """The id of a span of the trace."""
    return f"{TRACE}-{number:016x}"


TREE: Final = export(
    span(
        1,
        "invoke_agent weather",
        attributes={
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.conversation.id": "t",
            "user.id": "ann",
        },
    ),
    span(
        2,
        "chat gpt-x",
        1,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-x",
            "gen_ai.usage.input_tokens": 120,
            "gen_ai.usage.output_tokens": 30,
            "gen_ai.usage.cache_read.input_tokens": 100,
            "gen_ai.usage.cost": 0.002,
            "gen_ai.input.messages": '[{"role":"user", "z":1.0}]',
            "gen_ai.output.messages": "no JSON",
            "odd": ["a\0b", {"k": [True, 2, 0.5]}, float("nan")],
        },
        events=[{"name": "first token", "timeUnixNano": str(START), "attributes": []}],
    ),
    span(
        3,
        "ai.toolCall",
        1,
        attributes={"ai.operationId": "ai.toolCall", "ai.toolCall.args": "{}"},
        status={"code": 2, "message": "boom"},
    ),
    span(4, "doStream", 3, attributes={"ai.operationId": "ai.streamText.doStream"}),
    span(5, "look up", 3, attributes={"openinference.span.kind": "RETRIEVER"}),
    span(6, "other", 5),
    **{"service.name": "chat"},
)


async def test_an_export_becomes_the_spans_of_its_thread(app: FastAPI, store: AsyncStore) -> None:
    """As JSON, protobuf and compressed: the same spans, stored once."""
    chat = store.owner("ada")
    await chat.threads.create("t")
    text = json.dumps(TREE).encode()
    async with calling(app) as client:
        for raw, headers in (
            (text, JSON),
            (text, {"Content-Type": "application/json; charset=utf-8"}),
            (binary(TREE), PROTOBUF),
            (gzip.compress(text), JSON | {"Content-Encoding": "gzip"}),
            (gzip.compress(binary(TREE)), PROTOBUF | {"Content-Encoding": "GZIP"}),
        ):
            answer = await client.post("/v1/traces", content=raw, headers=headers)
            assert answer.status_code == 200, answer.text
            kind = headers["Content-Type"].partition(";")[0]
            assert answer.headers["content-type"] == kind
            assert answer.content == (b"{}" if kind == "application/json" else b"")
    tree = await chat.spans.tree(of(1))
    assert [(one.id, one.type, one.status, one.depth) for one in tree] == [
        (of(1), "agent", "complete", 0),
        (of(2), "llm", "complete", 1),
        (of(3), "tool", "failed", 1),
        (of(4), "llm", "complete", 2),
        (of(5), "retriever", "complete", 2),
        (of(6), "chain", "complete", 3),
    ]
    assert {(one.thread_id, one.run) for one in tree} == {("t", run_of("t", TRACE))}
    agent, llm, tool, *_ = tree
    assert agent.user_id == "ann"
    assert llm.usage == Usage(120, 30, 100, None, Decimal("0.002"))
    assert (llm.input_json, llm.output) == ('[{"role":"user", "z":1.0}]', "no JSON")
    assert llm.started_at == datetime.fromtimestamp(START / 1e9 + 0.002, UTC)
    assert llm.duration_ms == 10.0005
    assert llm.metadata is not None
    assert llm.metadata["model"] == "gpt-x"
    assert llm.metadata["resource"] == {"service.name": "chat"}
    assert llm.metadata["scope"] == "ai"
    odd = llm.metadata["attributes"]["odd"]
    assert odd == ["a\ufffdb", {"k": [True, 2, 0.5]}, "nan"]
    assert "gen_ai.input.messages" not in llm.metadata["attributes"]
    assert (tool.error, tool.input) == ("boom", {})


async def test_spans_come_in_any_order_and_without_a_thread(
    app: FastAPI, store: AsyncStore
) -> None:
    """Children come first, in batches of their own; a foreign thread is none."""
    await store.owner("other").threads.create("t")
    spans = TREE["resourceSpans"][0]["scopeSpans"][0]["spans"]
    async with calling(app, user="ann") as client:
        for one in reversed(spans):
            assert (await client.post("/v1/traces", json=export(one))).json() == {}
    tree = await store.owner("ada", "ann").spans.tree(of(1))
    assert [one.id for one in tree] == [of(number) for number in range(1, 7)]
    assert {one.thread_id for one in tree} == {None}
    assert {one.user_id for one in tree} == {"ann"}


async def test_what_cannot_be_stored_is_told(app: FastAPI, store: AsyncStore) -> None:
    """Spans that make no sense are counted as rejected; the others are there."""
    bad = [
        span(2, "a") | {"traceId": "0" * 32},
        span(2, "a") | {"traceId": "xyz"},
        span(2, "a") | {"spanId": "12"},
        span(2, "a") | {"startTimeUnixNano": "-9" + "9" * 30},
        span(2, "a") | {"startTimeUnixNano": {}},
        span(2, "a") | {"attributes": [{"key": "n", "value": {"intValue": "9" * 5000}}]},
        span(2, "a") | {"attributes": pairs({"large": "x" * (1 << 20)})},
        span(2, "a") | {"events": "x"},
    ]
    kept = span(9, "", 9, endTimeUnixNano=None, attributes={"session.id": "x" * 600})
    sent = export(*bad, kept)
    nowhere = export(span(3, "a"))["resourceSpans"][0]
    nowhere["resource"] = {"attributes": [{"key": "n", "value": {"doubleValue": "x"}}]}
    sent["resourceSpans"].append(nowhere)
    async with calling(app) as client:
        answer = await client.post("/v1/traces", json=sent)
        assert answer.status_code == 200
        assert answer.json()["partialSuccess"]["rejectedSpans"] == str(len(bad) + 1)
        circle = export(span(20, "a", 21), span(21, "b", 20))
        answer = await client.post("/v1/traces", content=binary(circle), headers=PROTOBUF)
        partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
        assert partial.rejected_spans == 2
        assert partial.error_message
    [stored] = [one async for one in store.owner("ada").spans.list()]
    assert (stored.id, stored.name, stored.parent_id) == (of(9), "unknown", None)
    assert (stored.duration_ms, stored.thread_id) == (0, None)


async def test_bodies_that_are_no_exports_are_refused(
    store: AsyncStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No JSON, no protobuf, no gzip, too much once it is inflated: each has its status."""
    app = create_app(store, limits=Limits(large_body=100_000))
    zip_header = JSON | {"Content-Encoding": "gzip"}
    whole = gzip.compress(b"{}")
    async with calling(app) as client:
        for raw, headers, status in (
            (b"{", JSON, 400),
            (b"[]", JSON, 400),
            (b'{"resourceSpans": 5}', JSON, 400),
            (b'{"resourceSpans": [5]}', JSON, 400),
            (b"", JSON, 400),
            (b"\xff\xff\xff", PROTOBUF, 400),
            (b"{}", zip_header, 400),
            (whole[:-4], zip_header, 400),
            (whole + whole, zip_header, 400),
            (gzip.compress(b" " * 200_000 + b"{}"), zip_header, 413),
            (b" " * 200_000, JSON, 413),
            (b"{}", JSON | {"Content-Encoding": "br"}, 415),
            (b"{}", {"Content-Type": "text/plain"}, 415),
            (b"{}", JSON, 200),
            (b'{"resourceSpans": null, "new": 1}', JSON, 200),
            (b"", PROTOBUF, 200),
        ):
            answer = await client.post("/v1/traces", content=raw, headers=headers)
            assert answer.status_code == status, (raw[:30], headers)
        genuine = builtins.__import__

        def without(name: str, *rest: Any) -> Any:
            if name.startswith(("opentelemetry", "google.protobuf")):
                raise ImportError(name)
            return genuine(name, *rest)

        monkeypatch.setattr(builtins, "__import__", without)
        answer = await client.post("/v1/traces", content=b"", headers=PROTOBUF)
        assert (answer.status_code, answer.json()["error"]) == (415, "media_type")


async def test_many_spans_are_stored_in_batches(app: FastAPI, store: AsyncStore) -> None:
    """An export of more spans than one statement takes is there whole; repeated ids count once."""
    spans = [span(number, "s", 1 if number > 1 else None) for number in range(1, 1500)]
    async with calling(app) as client:
        answer = await client.post("/v1/traces", json=export(*spans, spans[0]))
        assert answer.json() == {}
    assert len(await store.owner("ada").spans.tree(of(1))) == 1499
