"""/v1/threads/:id/messages/:id/feedback: thumbs."""

from __future__ import annotations

from typing import Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from threadkeep.server.answers import json_answer
from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.cloud.wire import FEEDBACK, Text, derived_id
from threadkeep.server.openapi import cloud_problems
from threadkeep.server.rest.fields import MessageId, ThreadId
from threadkeep.server.routing import CloudRoute
from threadkeep.server.service import Writer
from threadkeep.values.feedback import Kind

router: Final = APIRouter(
    prefix="/v1/threads/{thread_id}/messages", route_class=CloudRoute, tags=["cloud"]
)


class CloudThumb(BaseModel):
    """What the caller thinks of a message; blank comments are none."""

    type: Kind
    comment: str | None = None


class CloudThumbAnswer(BaseModel):
    """It as it is kept."""

    feedback_id: Text
    type: Literal["positive", "negative"]
    comment: str | None


@router.post(
    "/{message_id}/feedback",
    summary="Say what one thinks of a message",
    responses={200: {"model": CloudThumbAnswer}, **cloud_problems(404)},
    response_model=None,
    openapi_extra=body_schema(CloudThumb),
)
async def set_feedback(
    request: Request, caller: Writer, thread_id: ThreadId, message_id: MessageId
) -> Response:
    """One word of each user on a message: it takes the place of the one before, comment and all."""
    said = (await read_body(request, CloudThumb)).said
    comment = (said.comment or "").strip() or None
    kept = await caller.chat.feedback.set(thread_id, message_id, said.type, comment=comment)
    owner_id, user_id = caller.chat.owner_id, kept.user_id or ""
    answer = {
        "feedback_id": derived_id(FEEDBACK, owner_id, user_id, thread_id, message_id),
        "type": kept.kind,
        "comment": kept.comment,
    }
    return json_answer(answer)
