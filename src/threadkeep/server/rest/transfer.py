"""/threads/{id}/export and /threads/import: a thread as a document, out and in again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from threadkeep.server.answers import text_answer
from threadkeep.server.limits import large_body
from threadkeep.server.openapi import problems
from threadkeep.server.rest.fields import Absent, Asked, Flag, Id, ThreadId, given
from threadkeep.server.rest.shapes import ExportedThread, ImportedShape
from threadkeep.server.rest.texts import written
from threadkeep.server.routing import ProblemRoute
from threadkeep.server.service import Reader, Writer
from threadkeep.values.document import thread_text

router = APIRouter(route_class=ProblemRoute, tags=["transfer"])

_DOCUMENT = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "format": {"const": "threadkeep-export"},
                        "version": {"const": 1},
                        "thread": {"type": "object"},
                        "messages": {"type": "array", "items": {"type": "object"}},
                        "head": {"type": ["string", "null"]},
                    },
                    "required": ["format", "version", "thread", "messages", "head"],
                    "description": "What an export gave, whole.",
                }
            }
        },
    }
}


class ImportAsked(Asked):
    """What the thread becomes where the document shall not say it."""

    keep_ids: Flag = False
    new_id: Id | Absent = None
    title: str | Absent = None
    user: Id | Absent = None


@router.get(
    "/threads/{thread_id}/export", responses={200: {"model": ExportedThread}, **problems(404)}
)
async def export_thread(caller: Reader, thread_id: ThreadId) -> Response:
    """The thread with all its branches as it is at one moment, each payload byte for byte."""
    return text_answer([await caller.chat.threads.export(thread_id)])


@router.post(
    "/threads/import",
    status_code=201,
    dependencies=[Depends(large_body)],
    responses={201: {"model": ImportedShape}, **problems(404, 409)},
    openapi_extra=_DOCUMENT,
)
async def import_thread(
    caller: Writer, request: Request, asked: Annotated[ImportAsked, Query()]
) -> Response:
    """Make a thread of an exported document, whole or not at all.

    It gets a new id, or `new_id`, or with `keep_ids` its old one: then a call that is made again
    cannot make two, but finds 409 `exists`. Messages keep their ids.
    """
    made = await caller.chat.threads.import_(
        await request.body(),
        new_id=asked.new_id,
        keep_ids=asked.keep_ids,
        **given(asked, "user", "title"),
    )
    text = f'{{"thread":{thread_text(made.thread)},"ids":{written(dict(made.ids))}}}'
    return text_answer([text], 201)
