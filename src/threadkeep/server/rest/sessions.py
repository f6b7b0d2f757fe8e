"""/sessions: the sessions of agents, and the state that their SDKs keep in them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import WithJsonSchema

from threadkeep.server.answers import text_answer
from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.openapi import problems
from threadkeep.server.rest.fields import (
    Absent,
    Asked,
    Cursor,
    Flag,
    Id,
    Limit,
    Object,
    Order,
    Said,
    SessionId,
    When,
    given,
)
from threadkeep.server.rest.shapes import Deleted, SessionPage, SessionShape
from threadkeep.server.rest.texts import deleted, page_answer, session_text
from threadkeep.server.routing import ProblemRoute
from threadkeep.server.service import Reader, Writer

router = APIRouter(route_class=ProblemRoute, tags=["sessions"])

_STATE = {"description": "Any JSON value, kept byte for byte."}


class SessionsAsked(Asked):
    """Which sessions: those that are not archived, or those that are, or `all`."""

    thread: Id | Absent = None
    user: Id | Absent = None
    archived: Flag = False
    all: Flag = False
    order: Order = "desc"
    limit: Limit = 50
    cursor: Cursor | Absent = None


class SessionAsked(Asked):
    """Which version of the SDK the caller can go on from."""

    expected_sdk_version: str | Absent = None


class SessionSaid(Said):
    """What to keep of a session; what is left out stays, null clears.

    `metadata` replaces the old. A `thread` that is absent is made. With `expected_sdk_version` only
    where the session has that version, else 409 `sdk_version`.
    """

    thread: Id | None = None
    sdk_version: str | None = None
    state: Annotated[Any, WithJsonSchema(_STATE)] = None
    metadata: Object | None = None
    user: Id | None = None
    expires_at: When | None = None
    expected_sdk_version: str | None = None


class SessionArchive(Said):
    """What an unknown session is made of: it is archived then."""

    thread: Id | None = None
    sdk_version: str | None = None


@router.get("/sessions", responses={200: {"model": SessionPage}})
async def list_sessions(caller: Reader, asked: Annotated[SessionsAsked, Query()]) -> Response:
    """Sessions by when they were made, the newest first. None for an unknown thread."""
    page = await caller.chat.sessions.list(
        thread=asked.thread,
        user=asked.user,
        archived=None if asked.all else asked.archived,
        order=asked.order,
        limit=asked.limit,
        cursor=asked.cursor,
    )
    return page_answer("sessions", map(session_text, page.items), page)


@router.get(
    "/sessions/{session_id}", responses={200: {"model": SessionShape}, **problems(404, 409)}
)
async def read_session(
    caller: Reader, session_id: SessionId, asked: Annotated[SessionAsked, Query()]
) -> Response:
    """A session that is not past its end. 409 `sdk_version` where it has another version."""
    session = await caller.chat.sessions.get(
        session_id, expected_sdk_version=asked.expected_sdk_version
    )
    return text_answer([session_text(session)])


@router.put(
    "/sessions/{session_id}",
    responses={200: {"model": SessionShape}, **problems(404, 409)},
    openapi_extra=body_schema(SessionSaid),
)
async def save_session(caller: Writer, session_id: SessionId, request: Request) -> Response:
    """Make a session, or change what is given of it. Can always be made again.

    409 `session_thread` where it is of another thread.
    """
    body = await read_body(request, SessionSaid, "state")
    said = body.said
    session = await caller.chat.sessions.save(
        session_id,
        thread=said.thread,
        state_json=body.texts.get("state"),
        user=said.user,
        expected_sdk_version=said.expected_sdk_version,
        **given(said, "sdk_version", "metadata", "expires_at"),
    )
    return text_answer([session_text(session)])


@router.delete("/sessions/{session_id}", responses={200: {"model": Deleted}, **problems(404)})
async def delete_session(caller: Writer, session_id: SessionId) -> Response:
    """Delete a session; what was said in it stays. 404 if there is none."""
    return deleted(await caller.chat.sessions.delete(session_id), "session", session_id)


@router.post(
    "/sessions/{session_id}/archive",
    responses={200: {"model": SessionShape}, **problems(404, 409)},
    openapi_extra=body_schema(SessionArchive),
)
async def archive_session(caller: Writer, session_id: SessionId, request: Request) -> Response:
    """Archive a session; the first time stands, however often this is called.

    An unknown one is made where both `thread` and `sdk_version` are given, else 404.
    """
    said = (await read_body(request, SessionArchive)).said
    session = await caller.chat.sessions.archive(
        session_id, thread=said.thread, sdk_version=said.sdk_version
    )
    return text_answer([session_text(session)])


@router.post(
    "/sessions/{session_id}/unarchive", responses={200: {"model": SessionShape}, **problems(404)}
)
async def unarchive_session(caller: Writer, session_id: SessionId) -> Response:
    """Take a session out of the archive."""
    return text_answer([session_text(await caller.chat.sessions.unarchive(session_id))])
