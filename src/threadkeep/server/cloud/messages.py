"""/v1/threads/:id/messages: what was said, as a front end stores and loads it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from threadkeep.server.answers import json_answer
from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.cloud.files import link_files
from threadkeep.server.cloud.listing import messages_answer
from threadkeep.server.cloud.storing import append, check_object, is_id, message_of, put, rewrite
from threadkeep.server.cloud.wire import MESSAGE, CloudMessages, CloudNothing, Text, new_id
from threadkeep.server.openapi import cloud_problems
from threadkeep.server.rest.fields import MessageId, ThreadId
from threadkeep.server.routing import CloudRoute
from threadkeep.server.service import Reader, Writer
from threadkeep.values.errors import NotFoundError
from threadkeep.values.ids import MAX_ID_BYTES

router: Final = APIRouter(
    prefix="/v1/threads/{thread_id}/messages", route_class=CloudRoute, tags=["cloud"]
)

# The model sees no content: it stays text.
Content = Annotated[None, WithJsonSchema({"type": "object", "title": "Content"})]
ExternalId = Annotated[str, Field(min_length=1, max_length=MAX_ID_BYTES)]


class NewCloudMessage(BaseModel):
    """A message to store under its parent, null for a root.

    `external_id` is the id that the writer knows it by: the same one again is the same message,
    with this content. `parent_external_id` names the parent so.
    """

    model_config = ConfigDict(strict=True)

    parent_id: str | None
    format: Annotated[str, Field(min_length=1, max_length=255)]
    content: Content
    external_id: ExternalId | None = None
    parent_external_id: ExternalId | None = None


class CloudMessageChanges(BaseModel):
    """What a message says from now on."""

    content: Content


class CloudMessagesGone(BaseModel):
    """The messages to delete."""

    message_ids: Annotated[list[str], Field(min_length=1, max_length=200)]


class CloudMessageMade(BaseModel):
    """The message's id."""

    message_id: Text


@router.get(
    "",
    summary="Messages, the newest first",
    responses={200: {"model": CloudMessages}},
    response_model=None,
)
async def list_messages(
    request: Request,
    caller: Reader,
    thread_id: ThreadId,
    format: Annotated[str | None, Query(max_length=255)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 200,
    after: Annotated[str | None, Query(max_length=MAX_ID_BYTES)] = None,
) -> Response:
    """All branches, by the order of storing; the leaf of the branch last seen comes first.

    `format` asks for messages to be converted and leaves none out. `after` is the id of the last
    message of the page before. Empty for an unknown thread. Links to files are fresh, and answers
    in `aui/v0` carry the caller's feedback.
    """
    return await messages_answer(
        request, caller.service, caller.chat, thread_id, asked=format, limit=limit, after=after
    )


@router.post(
    "",
    summary="Store a message",
    status_code=201,
    responses={
        200: {"model": CloudMessageMade, "description": "It was there."},
        201: {"model": CloudMessageMade},
        **cloud_problems(404, 409),
    },
    response_model=None,
    openapi_extra=body_schema(NewCloudMessage),
)
async def create_message(request: Request, caller: Writer, thread_id: ThreadId) -> Response:
    """It gets an id of ours and becomes the head. Its content is kept byte for byte.

    Without an `external_id` a repeated call stores another message: regenerating an answer may well
    give the same one.
    """
    body = await read_body(request, NewCloudMessage, "content")
    content, said = check_object("content", body.texts["content"]), body.said
    message = message_of(content, said.format)
    await link_files(caller.service, caller.chat, thread_id, content)
    parent_id, known = said.parent_id, said.parent_external_id
    made = True
    if said.external_id is None:
        message = replace(message, id=new_id(MESSAGE))
        stored = await append(caller.chat, thread_id, message, parent_id=parent_id, known=known)
    else:
        stored, made = await put(
            caller.chat,
            thread_id,
            message,
            external_id=said.external_id,
            parent_id=parent_id,
            known=known,
        )
    return json_answer({"message_id": stored.id}, 201 if made else 200)


@router.put(
    "/{message_id}",
    summary="Rewrite a message",
    responses={200: {"model": CloudNothing}, **cloud_problems(404, 409)},
    response_model=None,
    openapi_extra=body_schema(CloudMessageChanges),
)
async def update_message(
    request: Request, caller: Writer, thread_id: ThreadId, message_id: MessageId
) -> Response:
    """Id, parent, place, time and format stay. Nothing is written where nothing has changed."""
    body = await read_body(request, CloudMessageChanges, "content")
    content = check_object("content", body.texts["content"])
    await link_files(caller.service, caller.chat, thread_id, content)
    await rewrite(caller.chat, thread_id, message_id, content)
    return json_answer({})


@router.delete(
    "",
    summary="Delete messages",
    responses={200: {"model": CloudNothing}, **cloud_problems(404)},
    response_model=None,
    openapi_extra=body_schema(CloudMessagesGone),
)
async def delete_messages(request: Request, caller: Writer, thread_id: ThreadId) -> Response:
    """What hangs below a message goes to its parent. 404 if all of them are unknown."""
    said = (await read_body(request, CloudMessagesGone)).said
    gone = [
        await caller.chat.messages.delete(thread_id, id)
        for id in dict.fromkeys(said.message_ids)
        if is_id(id)
    ]
    if not any(gone):
        raise NotFoundError("message", "")
    return json_answer({})
