"""/threads/{id}/feedback: what users think of messages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from threadkeep.server.answers import text_answer
from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.openapi import problems
from threadkeep.server.rest.fields import (
    Absent,
    Asked,
    Cursor,
    Id,
    Limit,
    MessageId,
    Order,
    Said,
    ThreadId,
)
from threadkeep.server.rest.shapes import Deleted, FeedbackPage, FeedbackShape
from threadkeep.server.rest.texts import deleted, feedback_facts, page_answer, texts_of, written
from threadkeep.server.routing import ProblemRoute
from threadkeep.server.service import Reader, Writer
from threadkeep.values.feedback import Kind

router = APIRouter(route_class=ProblemRoute, tags=["threads"])


class FeedbackAsked(Asked):
    """Which page."""

    order: Order = "asc"
    limit: Limit = 50
    cursor: Cursor | Absent = None


class WhoseFeedback(Asked):
    """Whose word. A caller who is one user speaks for that user anyway."""

    user: Id | Absent = None


class FeedbackSaid(Said):
    """What a user thinks of a message."""

    kind: Kind
    comment: str | None = None
    user: Id | None = None


@router.get(
    "/threads/{thread_id}/feedback", responses={200: {"model": FeedbackPage}, **problems(404)}
)
async def list_feedback(
    caller: Reader, thread_id: ThreadId, asked: Annotated[FeedbackAsked, Query()]
) -> Response:
    """What users think of a thread's messages, in their order; one user sees that user's only."""
    page = await caller.chat.feedback.list(
        thread_id, order=asked.order, limit=asked.limit, cursor=asked.cursor
    )
    if not page.items and asked.cursor is None:
        await caller.chat.threads.get(thread_id)
    return page_answer("feedback", texts_of(page.items, feedback_facts), page)


@router.put(
    "/threads/{thread_id}/messages/{message_id}/feedback",
    responses={200: {"model": FeedbackShape}, **problems(404)},
    openapi_extra=body_schema(FeedbackSaid),
)
async def put_feedback(
    caller: Writer, thread_id: ThreadId, message_id: MessageId, request: Request
) -> Response:
    """Say what a user thinks of a message, in the place of what that user said before."""
    said = (await read_body(request, FeedbackSaid)).said
    feedback = await caller.chat.feedback.set(
        thread_id, message_id, said.kind, comment=said.comment, user=said.user
    )
    return text_answer([written(feedback_facts(feedback))])


@router.delete(
    "/threads/{thread_id}/messages/{message_id}/feedback",
    responses={200: {"model": Deleted}, **problems(404)},
)
async def clear_feedback(
    caller: Writer,
    thread_id: ThreadId,
    message_id: MessageId,
    asked: Annotated[WhoseFeedback, Query()],
) -> Response:
    """Take it back; 404 if there is none."""
    return deleted(
        await caller.chat.feedback.clear(thread_id, message_id, user=asked.user),
        "feedback",
        message_id,
    )
