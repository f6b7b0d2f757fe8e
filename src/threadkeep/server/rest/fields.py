"""What requests are made of: ids, times, flags, and objects that take known members only."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, Literal

from fastapi import Path, Request
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import SkipJsonSchema

from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import MAX_ID_BYTES
from threadkeep.values.run import Usage

_LISTS: Final = frozenset({"role"})
_INT64: Final = 2**63 - 1
_INT32: Final = 2**31 - 1
# A plus sign that stands in a query as it is arrives as a space.
_PLUS: Final = re.compile(r"(?<=\d) (?=\d\d:\d\d$)")


class Said(BaseModel):
    """A JSON object in a body: its members have the types they say, and no others are taken."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Asked(BaseModel):
    """The parameters of a query; others are refused, since a filter with a slip would find all."""

    model_config = ConfigDict(extra="forbid")


def given(said: BaseModel, *names: str) -> dict[str, Any]:
    """Those of these members that were sent, by name: what is left out stays as it is."""
    return {name: getattr(said, name) for name in names if name in said.model_fields_set}


async def once(request: Request) -> None:
    """InvalidError for a parameter that comes twice: nobody can know which one is meant."""
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name in seen and name not in _LISTS:
            raise InvalidError(name, "must not be given twice")
        seen.add(name)


def when(value: object) -> object:
    """A time as RFC 3339 writes it."""
    if not isinstance(value, str):
        raise ValueError("must be a time with a zone, as in RFC 3339")  # noqa: TRY004  pydantic's
    try:
        found = datetime.fromisoformat(_PLUS.sub("+", value))
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None or "T" not in value.upper():
        raise ValueError("must be a time with a zone, as in RFC 3339")
    return found


def _flag(value: object) -> object:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value == "true"


def _number(value: object) -> object:
    """A number in a query. Python would also take `1_0`, spaces and words for some."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", value):
        return value
    if isinstance(value, str):
        raise ValueError("must be a number")  # noqa: TRY004  pydantic's
    return value


def _cost(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be a number, or its text")  # noqa: TRY004  pydantic's
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError("must be a number, or its text") from None


_TIME: Final = WithJsonSchema({"type": "string", "format": "date-time"})
_COST: Final = WithJsonSchema(
    {
        "anyOf": [
            {"type": "number", "minimum": 0, "exclusiveMaximum": 10**15},
            {"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,30})?$"},
        ]
    }
)

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_BYTES)]
"""An id: 1 to 512 bytes, any characters but NUL."""
When = Annotated[datetime, BeforeValidator(when), _TIME]
Flag = Annotated[bool, BeforeValidator(_flag)]
Limit = Annotated[int, Field(ge=1, le=1000), BeforeValidator(_number)]
Count = Annotated[int, Field(ge=0, le=_INT32), BeforeValidator(_number)]
Offset = Annotated[int, Field(ge=0, le=_INT64), BeforeValidator(_number)]
Duration = Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(_number)]
Cursor = Annotated[str, Field(min_length=1, max_length=5000)]
Absent = SkipJsonSchema[None]
"""A parameter that may be left out. In a query nothing is null."""
Order = Literal["asc", "desc"]
DialectName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255),
    Field(description="One of GET /dialects."),
]
ObjectText = Annotated[
    str,
    Field(min_length=2, description="A JSON object."),
]
Object = dict[str, Any]
Cost = Annotated[Decimal, BeforeValidator(_cost), _COST]

ThreadId = Annotated[Id, Path(description="The id of a thread, percent-encoded.")]
MessageId = Annotated[Id, Path(description="The id of a message, percent-encoded.")]
SessionId = Annotated[Id, Path(description="The id of a session, percent-encoded.")]
SpanId = Annotated[Id, Path(description="The id of a span, percent-encoded.")]
AttachmentId = Annotated[Id, Path(description="The id of an attachment, percent-encoded.")]


class UsageSaid(Said):
    """What something used. What is left out is not known, which is not 0."""

    input_tokens: Annotated[int, Field(ge=0, le=2**53)] | None = None
    output_tokens: Annotated[int, Field(ge=0, le=2**53)] | None = None
    cached_tokens: Annotated[int, Field(ge=0, le=2**53)] | None = None
    reasoning_tokens: Annotated[int, Field(ge=0, le=2**53)] | None = None
    cost: Cost | None = None

    def usage(self) -> Usage:
        """The same as a value; InvalidError where it is out of bounds."""
        return Usage(
            self.input_tokens,
            self.output_tokens,
            self.cached_tokens,
            self.reasoning_tokens,
            self.cost,
        )


def object_in(field: str, text: str | None) -> Object | None:
    """The JSON object that a query's parameter is; InvalidError where it is none."""
    if text is None:
        return None
    value = jsontext.decode(jsontext.verify(text, field=field))
    if not isinstance(value, dict):
        raise InvalidError(field, "must be a JSON object")
    return value
