"""Request bodies: an envelope that is checked, and members that are taken as they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from threadkeep.server.openapi import component
from threadkeep.server.problems import rule_of
from threadkeep.values import jsontext, slices
from threadkeep.values.errors import InvalidError

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Body(Generic[M]):
    """What was said. `texts` has each verbatim member that was sent, as it stands in the body."""

    said: M
    texts: Mapping[str, str]


async def read_body(request: Request, model: type[M], *verbatim: str) -> Body[M]:
    """The body as `model`, and the texts of its members `verbatim`, which the model sees as null.

    InvalidError names the member that is wrong and its rule; a member that comes twice
    is refused, since nobody can know which one is meant.
    """
    text = await read_text(request)
    if not text.lstrip(" \t\n\r").startswith("{"):
        raise InvalidError("body", "must be a JSON object")
    texts: dict[str, str] = {}
    envelope: list[str] = []
    for member in slices.members(text):
        if member.name in texts:
            raise InvalidError(member.name, "must not be given twice")
        texts[member.name] = text[member.start : member.end]
        value = "null" if member.name in verbatim else texts[member.name]
        envelope.append(f"{jsontext.encode(member.name)}:{value}")
    try:
        said = model.model_validate(jsontext.decode("{" + ",".join(envelope) + "}"))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = ".".join(map(str, first["loc"])) or "body"
        raise InvalidError(name, rule_of(first["msg"])) from None
    return Body(said, {name: texts[name] for name in verbatim if name in texts})


async def read_text(request: Request) -> str:
    """The whole body as JSON text; InvalidError where it is none."""
    return jsontext.verify(await request.body(), field="body")


def body_schema(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """What a route that reads its body itself tells OpenAPI of it (`openapi_extra`)."""
    return {
        "requestBody": {
            "required": required,
            "content": {"application/json": {"schema": component(model)}},
        }
    }
