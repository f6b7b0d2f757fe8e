"""OTLP over HTTP: the spans of an export, from JSON or from protobuf.

https://opentelemetry.io/docs/specs/otlp/#otlphttp. In JSON ids are hexadecimal; what protobuf's own
mapping to JSON writes has them in base 64, and is read the same way otherwise.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from threadkeep.server.problems import Problem
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.parts import Json

JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TRACE_BYTES, _SPAN_BYTES = 16, 8
_FAILED: Final = (2, "STATUS_CODE_ERROR")
_UNFIT: Final = re.compile("[\x00\ud800-\udfff]")
_UNREADABLE: Final = (ValueError, OverflowError)  # InvalidError too

Read = Callable[[object], bytes]


@dataclass(frozen=True, slots=True)
class Exported:
    """A span as it was exported; ids in hexadecimal. Texts are such as PostgreSQL can hold."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    started_at: datetime
    ended_at: datetime
    duration_ms: float
    failed: bool
    message: str = field(repr=False)
    attributes: dict[str, Json] = field(repr=False)
    events: list[Json] = field(repr=False)
    resource: dict[str, Json] = field(repr=False)
    scope: str = ""


def inflated(data: bytes, most: int) -> bytes:
    """What was compressed by gzip; Problem 422 for what was not, 413 for more than `most` bytes."""
    reader = zlib.decompressobj(wbits=31)
    try:
        plain = reader.decompress(data, most + 1)
    except zlib.error:
        raise _invalid("must be what Content-Encoding says") from None
    if len(plain) > most:
        raise too_large(most)
    if not reader.eof or reader.unused_data:
        raise _invalid("must be one whole gzip member")
    return plain


def read(data: bytes, media_type: str) -> tuple[list[Exported], int]:
    """The spans of an export, and how many of them could not be read. Problem 422 for no export."""
    if media_type == PROTOBUF:
        return _spans(_from_protobuf(data), _base64)
    try:
        return _spans(jsontext.decode(jsontext.verify(data)), _hex)
    except InvalidError as error:
        raise _invalid(error.rule) from None


def answer_of(rejected: int, why: str, media_type: str) -> tuple[bytes, str]:
    """What is answered to an export, and its type, which is that of the export."""
    partial: dict[str, Any] = {}
    if rejected:
        partial = {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": why}}
    if media_type != PROTOBUF:
        return jsontext.encode(partial).encode(), JSON
    from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    return ParseDict(partial, ExportTraceServiceResponse()).SerializeToString(), PROTOBUF


def too_large(most: int) -> Problem:
    """The refusal of more bytes than that."""
    return Problem(413, "too_large", f"the body must have at most {most} bytes", limit=most)


def _from_protobuf(data: bytes) -> Json:
    try:
        from google.protobuf.json_format import MessageToDict
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )
    except ImportError:
        raise Problem(
            415,
            "media_type",
            "this server reads no protobuf (extra otlp); send JSON",
            accepted=JSON,
        ) from None
    try:
        found: dict[str, Json] = MessageToDict(ExportTraceServiceRequest.FromString(data))
    except (DecodeError, RecursionError):
        raise _invalid("must be an ExportTraceServiceRequest") from None
    return found


def _spans(export: Json, read_id: Read) -> tuple[list[Exported], int]:
    if not isinstance(export, dict):
        raise _invalid("must be an object")
    spans: list[Exported] = []
    rejected = 0
    for of_resource in _objects(export, "resourceSpans"):
        scopes = _objects(of_resource, "scopeSpans")
        try:
            resource = _attributes(_object(of_resource, "resource"))
        except _UNREADABLE:
            rejected += sum(len(_objects(of_scope, "spans")) for of_scope in scopes)
            continue
        for of_scope in scopes:
            scope = _text(_object(of_scope, "scope").get("name"))
            for span in _objects(of_scope, "spans"):
                try:
                    spans.append(_span(span, resource, scope, read_id))
                except (*_UNREADABLE, Problem):
                    rejected += 1
    return spans, rejected


def _span(span: dict[str, Any], resource: dict[str, Json], scope: str, read_id: Read) -> Exported:
    started, ended = (_nanoseconds(span.get(f"{name}TimeUnixNano")) for name in ("start", "end"))
    ended = max(started, ended)
    status = _object(span, "status")
    own = _id(span.get("spanId"), _SPAN_BYTES, read_id)
    parent = span.get("parentSpanId")
    above = _id(parent, _SPAN_BYTES, read_id) if parent else None
    return Exported(
        trace_id=_id(span.get("traceId"), _TRACE_BYTES, read_id),
        span_id=own,
        parent_id=None if above == own else above,
        name=_text(span.get("name")),
        kind=_text(str(span.get("kind") or "")),
        started_at=_time(started),
        ended_at=_time(ended),
        duration_ms=(ended - started) / 1e6,
        failed=status.get("code") in _FAILED,
        message=_text(status.get("message")),
        attributes=_attributes(span),
        events=list(_events(span)),
        resource=resource,
        scope=scope,
    )


def _events(span: dict[str, Any]) -> Iterator[Json]:
    for event in _objects(span, "events"):
        at = _time(_nanoseconds(event.get("timeUnixNano")))
        yield {
            "name": _text(event.get("name")),
            "at": at.isoformat(),
            "attributes": _attributes(event),
        }


def _attributes(of: dict[str, Any]) -> dict[str, Json]:
    return _pairs(of.get("attributes"))


def _pairs(values: object) -> dict[str, Json]:
    """Keys and values, as they stand in a list of them."""
    found: dict[str, Json] = {}
    for pair in values if isinstance(values, list) else ():
        if isinstance(pair, dict) and isinstance(pair.get("key"), str):
            found[_text(pair["key"])] = _value(pair.get("value"))
    return found


def _value(given: object) -> Json:
    """The value of an attribute: https://opentelemetry.io/docs/specs/otel/common/#anyvalue."""
    if not isinstance(given, dict):
        return None
    for kind, value in given.items():
        match kind, value:
            case "stringValue" | "bytesValue", str():
                return _text(value)
            case "boolValue", bool():
                return value
            case "intValue", int() | str():
                return int(value)
            case "doubleValue", int() | float() | str():
                number = float(value)
                return number if abs(number) <= _MOST_FLOAT else str(number)
            case "arrayValue", {"values": list(values)}:
                return [_value(one) for one in values]
            case "kvlistValue", {"values": list(values)}:
                return _pairs(values)
            case (("arrayValue" | "kvlistValue"), _):
                return [] if kind == "arrayValue" else {}
            case _:
                continue
    return None


_MOST_FLOAT: Final = 1.7e308


def _id(given: object, size: int, read_id: Read) -> str:
    raw = read_id(given)
    if len(raw) != size or not any(raw):
        raise ValueError
    return raw.hex()


def _hex(given: object) -> bytes:
    return bytes.fromhex(given if isinstance(given, str) else "")


def _base64(given: object) -> bytes:
    try:
        return base64.b64decode(given if isinstance(given, str) else "", validate=True)
    except binascii.Error:
        return b""


def _nanoseconds(given: object) -> int:
    """A time since 1970, which JSON has as text; 0 where it is not told."""
    if isinstance(given, bool) or not isinstance(given, int | str | None):
        raise ValueError  # noqa: TRY004  a span that cannot be read
    return int(given or 0)


def _time(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def _text(given: object) -> str:
    return _UNFIT.sub("\ufffd", given) if isinstance(given, str) else ""


def _object(of: dict[str, Any], name: str) -> dict[str, Any]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def _objects(of: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = of.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _invalid(f"{name} must be a list of objects")
    return found


def _invalid(rule: str) -> Problem:
    return Problem(422, "invalid", f"body: {rule}", field="body", rule=rule)
