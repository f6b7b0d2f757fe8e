"""/attachments: what is known of files, with links to their bytes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.routing import NoMatchFound

from threadkeep.server.answers import text_answer
from threadkeep.server.cloud import files
from threadkeep.server.links import is_key
from threadkeep.server.openapi import problems
from threadkeep.server.rest.fields import Absent, Asked, AttachmentId, Cursor, Id, Limit, Order
from threadkeep.server.rest.shapes import AttachmentPage, AttachmentShape
from threadkeep.server.rest.texts import attachment_text, page_answer
from threadkeep.server.routing import ProblemRoute
from threadkeep.server.service import Caller, Reader
from threadkeep.values.attachment import Attachment

router = APIRouter(route_class=ProblemRoute, tags=["threads"])


class AttachmentsAsked(Asked):
    """Which attachments: all, or those of a thread."""

    thread: Id | Absent = None
    order: Order = "desc"
    limit: Limit = 50
    cursor: Cursor | Absent = None


@router.get("/attachments", responses={200: {"model": AttachmentPage}})
async def list_attachments(
    caller: Reader, request: Request, asked: Annotated[AttachmentsAsked, Query()]
) -> Response:
    """Attachments by when they were made, the newest first. None for an unknown thread."""
    page = await caller.chat.attachments.list(**asked.model_dump())
    texts = [attachment_text(one, _link(request, caller, one)) for one in page.items]
    return page_answer("attachments", texts, page)


@router.get(
    "/attachments/{attachment_id}",
    responses={200: {"model": AttachmentShape}, **problems(404)},
)
async def read_attachment(
    caller: Reader, request: Request, attachment_id: AttachmentId
) -> Response:
    """What is known of a file, and a link to its bytes where this server has them.

    The link is good for some minutes, for whoever has it.
    """
    found = await caller.chat.attachments.get(attachment_id)
    return text_answer([attachment_text(found, _link(request, caller, found))])


def _link(request: Request, caller: Caller, attachment: Attachment) -> str | None:
    links = caller.service.links
    if links is None or attachment.stored_at is None or not is_key(attachment.id):
        return None
    try:
        base = files.base_of(request)
    except NoMatchFound:  # an app without /v1
        return None
    return links.download(base, attachment.id, files.who_of(caller))[0]
