"""/v1/projects: the threads of all owners, for those who may see them."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from threadkeep.server.answers import text_answer
from threadkeep.server.cloud.listing import messages_answer
from threadkeep.server.cloud.wire import CloudMessages, CloudThreads, thread_text
from threadkeep.server.rest.fields import Flag, ThreadId
from threadkeep.server.routing import CloudRoute
from threadkeep.server.service import Administrator, Caller
from threadkeep.values.errors import InvalidCursorError, InvalidError
from threadkeep.values.ids import MAX_ID_BYTES
from threadkeep.values.thread import ThreadStatus

router: Final = APIRouter(prefix="/v1/projects/threads", route_class=CloudRoute, tags=["cloud"])

_After = Annotated[str | None, Query(max_length=MAX_ID_BYTES)]


@router.get(
    "",
    summary="Threads of all owners, the latest first",
    responses={200: {"model": CloudThreads}},
    response_model=None,
)
async def list_all_threads(
    caller: Administrator,
    is_archived: Annotated[Flag, Query()] = False,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: _After = None,
) -> Response:
    """As /v1/threads lists those of one owner. `workspace_id` says whose each one is.

    400 where `after` is a thread's id that several owners have.
    """
    status: ThreadStatus = "archived" if is_archived else "active"
    threads = caller.service.store.admin().threads
    try:
        page = await threads.list(
            status=status, order="desc", order_by="active_at", limit=limit, after=after
        )
    except InvalidCursorError:
        page = await threads.list(status=status, order="desc", order_by="active_at", limit=limit)
    texts = [thread_text(thread, caller.principal) for thread in page.items]
    return text_answer(['{"threads":[', ",".join(texts), "]}"])


@router.get(
    "/{thread_id}/messages",
    summary="Messages of anybody's thread, the newest first",
    responses={200: {"model": CloudMessages}},
    response_model=None,
)
async def list_all_messages(
    request: Request,
    caller: Administrator,
    thread_id: ThreadId,
    format: Annotated[str | None, Query(max_length=255)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 200,
    after: _After = None,
) -> Response:
    """As /v1/threads/:id/messages lists those of one's own; empty for an unknown thread.

    Where several owners have a thread of this id, it is that of the caller's own, if there is one.
    """
    owner_id = await _owner_of(caller, thread_id)
    chat = caller.service.store.owner(owner_id)
    return await messages_answer(
        request, caller.service, chat, thread_id, asked=format, limit=limit, after=after
    )


async def _owner_of(caller: Caller, thread_id: str) -> str:
    """Whose the thread of this id is; the caller's own owner where nobody or nobody alone has it.

    It is the one before those that come after it, or the last one of all.
    """
    threads = caller.service.store.admin().threads
    try:
        behind = await threads.list(after=thread_id, limit=1)
    except InvalidError:  # of the cursor too
        return caller.principal.owner_id
    if behind.previous is None:
        found = await threads.list(order="desc", limit=1)
    else:
        found = await threads.list(limit=1, cursor=behind.previous)
    owners = [thread.owner_id for thread in found.items if thread.id == thread_id]
    return owners[0] if owners else caller.principal.owner_id
