"""/v1/runs/stream: the title of a thread, as text that arrives piece by piece."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.limits import large_body
from threadkeep.server.openapi import cloud_problems
from threadkeep.server.problems import NO_STORE
from threadkeep.server.routing import CloudRoute
from threadkeep.server.service import Writer
from threadkeep.server.titling import read_messages, stored_messages, streamed
from threadkeep.values.ids import MAX_ID_BYTES

router: Final = APIRouter(prefix="/v1/runs", route_class=CloudRoute, tags=["cloud"])

_PLAIN: Final = "text/plain"


class CloudTitleAsked(BaseModel):
    """A thread that needs a title, and what was said in it so far, in whatever shape."""

    thread_id: Annotated[str, Field(min_length=1, max_length=MAX_ID_BYTES)]
    assistant_id: Literal["system/thread_title"]
    messages: list[Any] = []


@router.post(
    "/stream",
    summary="A title for a thread",
    dependencies=[Depends(large_body)],
    responses={
        200: {"content": {_PLAIN: {"schema": {"type": "string", "minLength": 1}}}},
        **cloud_problems(404),
    },
    response_class=Response,
    response_model=None,
    openapi_extra=body_schema(CloudTitleAsked),
)
async def stream_title(request: Request, caller: Writer) -> Response:
    """A thread that has a title tells it and keeps it; else one is made, told and stored.

    It is stored before the answer ends, and the answer is never empty: the client would take that
    for a title.
    """
    said = (await read_body(request, CloudTitleAsked)).said
    chat = caller.chat
    thread = await chat.threads.get(said.thread_id)
    if thread.title:
        return Response(thread.title, 200, NO_STORE, _PLAIN)
    messages = read_messages(said.messages) or await stored_messages(chat, thread.id)
    pieces = streamed(chat, thread.id, caller.service.title, messages)
    return StreamingResponse(pieces, 200, NO_STORE, _PLAIN)
