"""/v1/threads: the list of a front end's threads."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from threadkeep.server.answers import json_answer, text_answer
from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.cloud.files import delete_thread as delete_with_files
from threadkeep.server.cloud.wire import (
    THREAD,
    CloudNothing,
    CloudThreadAnswer,
    CloudThreads,
    Text,
    derived_id,
    new_id,
    thread_text,
    told_as,
)
from threadkeep.server.openapi import cloud_problems
from threadkeep.server.rest.fields import Flag, ThreadId, When
from threadkeep.server.routing import CloudRoute
from threadkeep.server.service import Reader, Writer
from threadkeep.store import Owner
from threadkeep.values.errors import ConflictError, InvalidCursorError, NotFoundError
from threadkeep.values.ids import MAX_ID_BYTES
from threadkeep.values.thread import Thread, ThreadStatus

router: Final = APIRouter(prefix="/v1/threads", route_class=CloudRoute, tags=["cloud"])

_NAMES: Final = {"active_at": "last_message_at"}

ExternalId = Annotated[str, Field(min_length=1, max_length=MAX_ID_BYTES)]


class NewCloudThread(BaseModel):
    """A thread to make. With `upsert` the oldest one of its `external_id` is taken if there is one.

    `title` stays null until somebody has one: front ends show their own words for that, and ask
    for a title to be made.
    """

    model_config = ConfigDict(strict=True)

    last_message_at: When
    title: str | None = None
    metadata: dict[str, Any] | None = None
    external_id: ExternalId | None = None
    upsert: bool = False


class CloudThreadChanges(BaseModel):
    """What shall change; what is not given stays. `metadata` takes the place of the old one."""

    model_config = ConfigDict(strict=True, extra="forbid")

    title: str | None = None
    last_message_at: When = Field(default=None)  # type: ignore[assignment]  # null is refused
    metadata: dict[str, Any] | None = None
    is_archived: bool = False


class CloudThreadMade(BaseModel):
    """The thread's id."""

    thread_id: Text


@router.get(
    "",
    summary="Threads, the latest first",
    responses={200: {"model": CloudThreads}},
    response_model=None,
)
async def list_threads(
    caller: Reader,
    is_archived: Annotated[Flag, Query()] = False,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str | None, Query(max_length=MAX_ID_BYTES)] = None,
    external_id: Annotated[ExternalId | None, Query()] = None,
) -> Response:
    """By last activity; archived ones only where they are asked for.

    `after` is the id of the last thread of the page before, also if it was archived since; where it
    is unknown the first page comes again.
    """
    status: ThreadStatus = "archived" if is_archived else "active"
    listed = caller.chat.threads.list(
        status=status, limit=limit, after=after, external_id=external_id
    )
    try:
        page = await listed
    except InvalidCursorError:
        listed = caller.chat.threads.list(status=status, limit=limit, external_id=external_id)
        page = await listed
    threads = list(page.items)
    # A filter looks at a bounded number of threads; here a short page would mean the end.
    while page.next is not None and len(threads) < limit:
        page = await listed.at(page.next)
        threads += page.items
    texts = [thread_text(thread, caller.principal) for thread in threads[:limit]]
    return text_answer(['{"threads":[', ",".join(texts), "]}"])


@router.post(
    "",
    summary="Make a thread",
    status_code=201,
    responses={
        200: {"model": CloudThreadMade, "description": "It was there."},
        201: {"model": CloudThreadMade},
    },
    response_model=None,
    openapi_extra=body_schema(NewCloudThread),
)
async def create_thread(request: Request, caller: Writer) -> Response:
    """A repeated call makes another thread, unless `upsert` says otherwise."""
    said = (await read_body(request, NewCloudThread)).said
    if said.upsert and said.external_id is not None:
        thread, made = await _upsert(caller.chat, said, said.external_id)
    else:
        thread, made = await _create(caller.chat, new_id(THREAD), said), True
    return json_answer({"thread_id": thread.id}, 201 if made else 200)


@router.get(
    "/{thread_id}",
    summary="A thread",
    responses={200: {"model": CloudThreadAnswer}, **cloud_problems(404)},
    response_model=None,
)
async def get_thread(caller: Reader, thread_id: ThreadId) -> Response:
    """The thread."""
    thread = await caller.chat.threads.get(thread_id)
    return text_answer(['{"thread":', thread_text(thread, caller.principal), "}"])


@router.put(
    "/{thread_id}",
    summary="Rename, archive or describe a thread",
    responses={200: {"model": CloudNothing}, **cloud_problems(404)},
    response_model=None,
    openapi_extra=body_schema(CloudThreadChanges),
)
async def update_thread(request: Request, caller: Writer, thread_id: ThreadId) -> Response:
    """Only what is given is written; a member that is unknown here is refused."""
    said = (await read_body(request, CloudThreadChanges)).said
    changes: dict[str, Any] = {}
    if "title" in said.model_fields_set:
        changes["title"] = said.title
    if "last_message_at" in said.model_fields_set:
        changes["active_at"] = said.last_message_at
    if "metadata" in said.model_fields_set:
        changes["replace_metadata"] = said.metadata
    if "is_archived" in said.model_fields_set:
        changes["status"] = "archived" if said.is_archived else "active"
    if changes:
        with told_as(_NAMES):
            await caller.chat.threads.update(thread_id, **changes)
    else:
        await caller.chat.threads.get(thread_id)
    return json_answer({})


@router.delete(
    "/{thread_id}",
    summary="Delete a thread with all in it",
    responses={200: {"model": CloudNothing}, **cloud_problems(404)},
    response_model=None,
)
async def delete_thread(caller: Writer, thread_id: ThreadId) -> Response:
    """Its messages, their feedback and the files that were shown in it go too."""
    if not await delete_with_files(caller.service, caller.chat, thread_id):
        raise NotFoundError("thread", thread_id)
    return json_answer({})


async def _create(chat: Owner, thread_id: str, said: NewCloudThread) -> Thread:
    with told_as(_NAMES):
        return await chat.threads.create(
            thread_id,
            title=said.title,
            metadata=said.metadata,
            external_id=said.external_id,
            active_at=said.last_message_at,
        )


async def _upsert(chat: Owner, said: NewCloudThread, external_id: str) -> tuple[Thread, bool]:
    """The oldest thread of this external id, or a new one; and whether it is new.

    A new one has the id that goes with the external one, so that calls that come at once get the
    same thread. Where that id belongs to a thread that has another external id now, it gets one of
    its own.
    """
    oldest = await _oldest(chat, external_id)
    if oldest is not None:
        return oldest, False
    thread_id = derived_id(THREAD, chat.owner_id, chat.user_id or "", external_id)
    try:
        return await _create(chat, thread_id, said), True
    except (ConflictError, NotFoundError):
        oldest = await _oldest(chat, external_id)
    if oldest is not None:
        return oldest, False
    return await _create(chat, new_id(THREAD), said), True


async def _oldest(chat: Owner, external_id: str) -> Thread | None:
    found = await chat.threads.list(
        status="all", external_id=external_id, order_by="created_at", order="asc", limit=1
    )
    return found.items[0] if found.items else None
