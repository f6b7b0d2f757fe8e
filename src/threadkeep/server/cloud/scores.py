"""/v1/scores: judgements with a name."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from threadkeep.server.answers import json_answer
from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.cloud.wire import Text, new_id, told_as
from threadkeep.server.openapi import cloud_problems
from threadkeep.server.routing import CloudRoute
from threadkeep.server.service import Writer
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import MAX_ID_BYTES

router: Final = APIRouter(prefix="/v1/scores", route_class=CloudRoute, tags=["cloud"])

SCORE: Final = "score_"
_Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_BYTES)]
_Type = Literal["numeric", "categorical", "boolean"]
_NAMES: Final = {
    "text_value": "string_value",
    "thread": "thread_id",
    "message": "message_id",
    "run": "run_id",
}


class NewCloudScore(BaseModel):
    """A score: `value` is a number or a boolean, as `data_type` says; `string_value` a category."""

    model_config = ConfigDict(strict=True)

    name: Annotated[str, Field(min_length=1, max_length=255)]
    data_type: _Type
    value: bool | Annotated[float, Field(allow_inf_nan=False)] | None = None
    string_value: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    comment: Annotated[str, Field(max_length=16_384)] | None = None
    thread_id: _Id | None = None
    message_id: _Id | None = None
    run_id: _Id | None = None

    def check(self) -> None:
        """InvalidError where the value does not go with the type."""
        if self.data_type == "categorical":
            if self.string_value is None:
                raise InvalidError("string_value", "must be given for a categorical score")
            if self.value is not None:
                raise InvalidError("value", "must not be given for a categorical score")
            return
        if self.string_value is not None:
            raise InvalidError("string_value", "goes with a categorical score")
        if self.data_type == "boolean" and not (
            isinstance(self.value, bool) or self.value in (0, 1)
        ):
            raise InvalidError("value", "must be a boolean")
        if self.data_type == "numeric" and (self.value is None or isinstance(self.value, bool)):
            raise InvalidError("value", "must be a number")


class CloudScoreAnswer(BaseModel):
    """It as it is kept; a boolean is 1 or 0."""

    score_id: Text
    name: Text
    data_type: _Type
    value: float | None
    string_value: str | None


@router.post(
    "",
    summary="Judge a thread, a message or a run",
    status_code=201,
    responses={201: {"model": CloudScoreAnswer}, **cloud_problems(404)},
    response_model=None,
    openapi_extra=body_schema(NewCloudScore),
)
async def create_score(request: Request, caller: Writer) -> Response:
    """The thread must be there; `message_id` and `run_id` are any ids. Repeated, it is another."""
    said = (await read_body(request, NewCloudScore)).said
    said.check()
    with told_as(_NAMES):
        kept = await caller.chat.scores.create(
            said.name,
            type=said.data_type,
            value=said.value,
            text_value=said.string_value,
            comment=said.comment,
            thread=said.thread_id,
            message=said.message_id,
            run=said.run_id,
            score_id=new_id(SCORE),
        )
    answer = {
        "score_id": kept.id,
        "name": kept.name,
        "data_type": kept.type,
        "value": kept.value,
        "string_value": kept.text_value,
    }
    return json_answer(answer, 201)
