"""/threads: list, make, read, change, delete, fork, and which branch is shown."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.cloud.files import delete_thread as delete_with_files
from threadkeep.server.openapi import problems
from threadkeep.server.rest.fields import (
    Absent,
    Asked,
    Cursor,
    Id,
    Limit,
    Object,
    ObjectText,
    Offset,
    Order,
    Said,
    ThreadId,
    When,
    given,
    object_in,
)
from threadkeep.server.rest.shapes import Deleted, ThreadPage, ThreadShape
from threadkeep.server.rest.tags import IfMatch, IfNoneMatch, moved, revision_in, thread_answer
from threadkeep.server.rest.texts import deleted, page_answer
from threadkeep.server.routing import ProblemRoute
from threadkeep.server.service import Reader, Writer
from threadkeep.values.document import thread_text
from threadkeep.values.errors import ConflictError, InvalidError
from threadkeep.values.page import ThreadOrder
from threadkeep.values.thread import Access, ThreadStatus

router = APIRouter(route_class=ProblemRoute, tags=["threads"])


class ThreadsAsked(Asked):
    """Which threads."""

    status: Literal["active", "archived", "all"] = "active"
    title: Annotated[str, Field(min_length=1, description="Stands in the title.")] | Absent = None
    user: Id | Absent = None
    external_id: Id | Absent = None
    metadata: ObjectText | Absent = None
    since: When | Absent = None
    until: When | Absent = None
    order: Order = "desc"
    order_by: ThreadOrder = "active_at"
    limit: Limit = 50
    cursor: Cursor | Absent = None
    after: Annotated[Id, Field(description="The id of a thread.")] | Absent = None
    offset: Offset = 0


class ThreadNew(Said):
    """A thread to make."""

    id: Id | None = None
    title: str | None = None
    metadata: Object | None = None
    external_id: Id | None = None
    created_at: When | None = None
    exist_ok: bool = False


class ThreadPatch(Said):
    """What to change; what is left out stays. `metadata` is a JSON merge-patch (RFC 7396)."""

    title: str | None = None
    status: ThreadStatus = "active"
    metadata: Object = Field(default_factory=dict)
    replace_metadata: Object | None = None
    external_id: Id | None = None
    access: Access = "open"
    access_reason: str | None = None
    expected_revision: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


class ThreadFork(Said):
    """A copy of the path to the head, or to the message `at`."""

    id: Id | None = None
    at: Id | None = None
    title: str | None = None


_CHANGEABLE: Final = ThreadPatch.model_fields.keys() - {"expected_revision"}


class HeadSaid(Said):
    """The message to show."""

    message_id: Id


@router.get("/threads", responses={200: {"model": ThreadPage}})
async def list_threads(caller: Reader, asked: Annotated[ThreadsAsked, Query()]) -> Response:
    """Threads by last activity, the latest first, those that are not archived.

    `metadata` must be contained in the thread's. Filters look at a bounded number of threads for
    each page: such a page may be short, even empty, say `truncated`, and have a next one.
    """
    page = await caller.chat.threads.list(
        status=asked.status,
        title=asked.title,
        user=asked.user,
        external_id=asked.external_id,
        metadata=object_in("metadata", asked.metadata),
        since=asked.since,
        until=asked.until,
        order=asked.order,
        order_by=asked.order_by,
        limit=asked.limit,
        cursor=asked.cursor,
        after=asked.after,
        offset=asked.offset,
    )
    return page_answer("threads", map(thread_text, page.items), page, truncated=page.truncated)


@router.post(
    "/threads",
    status_code=201,
    responses={201: {"model": ThreadShape}, 200: {"model": ThreadShape}, **problems(404, 409)},
    openapi_extra=body_schema(ThreadNew),
)
async def create_thread(caller: Writer, request: Request) -> Response:
    """Make a thread, under the given id or a new one, for the caller's user if there is one.

    409 `exists` where the id is taken. With `exist_ok` the thread that has it is the answer, with
    200 whether it was there or not: such a call can be made again.
    """
    said = (await read_body(request, ThreadNew)).said
    thread = await caller.chat.threads.create(
        said.id,
        title=said.title,
        metadata=said.metadata,
        external_id=said.external_id,
        created_at=said.created_at,
        exist_ok=said.exist_ok,
    )
    return thread_answer(thread, 200 if said.exist_ok else 201)


@router.get(
    "/threads/{thread_id}",
    responses={
        200: {"model": ThreadShape},
        304: {"description": "The caller has it."},
        **problems(404),
    },
)
async def read_thread(
    caller: Reader, thread_id: ThreadId, if_none_match: IfNoneMatch = None
) -> Response:
    """A thread."""
    thread = await caller.chat.threads.get(thread_id)
    return thread_answer(thread, if_none_match=if_none_match)


@router.patch(
    "/threads/{thread_id}",
    responses={200: {"model": ThreadShape}, **problems(404, 409, 412)},
    openapi_extra=body_schema(ThreadPatch),
)
async def change_thread(
    caller: Writer, thread_id: ThreadId, request: Request, if_match: IfMatch = None
) -> Response:
    """Change a thread; null clears.

    With `If-Match` (412) or `expected_revision` (409 `revision_moved`) only as it was seen;
    messages do not count for that.
    """
    said = (await read_body(request, ThreadPatch)).said
    expected = revision_in(if_match)
    if said.expected_revision is not None:
        if expected not in (None, said.expected_revision):
            raise InvalidError("expected_revision", "must be that of If-Match")
        expected = said.expected_revision
    try:
        thread = await caller.chat.threads.update(
            thread_id, expected_revision=expected, **given(said, *_CHANGEABLE)
        )
    except ConflictError as error:
        if if_match is not None and error.reason == "revision_moved":
            raise moved() from None
        raise
    return thread_answer(thread)


@router.delete("/threads/{thread_id}", responses={200: {"model": Deleted}, **problems(404)})
async def delete_thread(caller: Writer, thread_id: ThreadId) -> Response:
    """Delete a thread with all in it, and the files shown in it; 404 if there is none."""
    return deleted(
        await delete_with_files(caller.service, caller.chat, thread_id), "thread", thread_id
    )


@router.post(
    "/threads/{thread_id}/fork",
    status_code=201,
    responses={201: {"model": ThreadShape}, **problems(404, 409)},
    openapi_extra=body_schema(ThreadFork),
)
async def fork_thread(caller: Writer, thread_id: ThreadId, request: Request) -> Response:
    """Copy the path to the head, or to `at`, into a new thread.

    409 `exists` where its id is taken.
    """
    said = (await read_body(request, ThreadFork)).said
    thread = await caller.chat.threads.fork(thread_id, said.id, at=said.at, **given(said, "title"))
    return thread_answer(thread, 201)


@router.put(
    "/threads/{thread_id}/head",
    responses={200: {"model": ThreadShape}, **problems(404)},
    openapi_extra=body_schema(HeadSaid),
)
async def set_head(caller: Writer, thread_id: ThreadId, request: Request) -> Response:
    """Show the branch of that message from now on."""
    said = (await read_body(request, HeadSaid)).said
    return thread_answer(await caller.chat.threads.set_head(thread_id, said.message_id))
