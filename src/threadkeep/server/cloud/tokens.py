"""/v1: tokens for front ends, sessions for visitors, and whose a visitor's threads become."""

from __future__ import annotations

import logging
from typing import Annotated, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from threadkeep.adapters.assistant_ui.messages import iso
from threadkeep.server.answers import json_answer
from threadkeep.server.auth.anonymous import Anonymous, Session
from threadkeep.server.auth.bearer import MAX_TOKEN
from threadkeep.server.auth.composite import Auth
from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.openapi import cloud_problems
from threadkeep.server.problems import Problem
from threadkeep.server.routing import CloudRoute
from threadkeep.server.service import Reader, Service, Writer, per_address, service_of
from threadkeep.values.errors import ForbiddenError

log = logging.getLogger("threadkeep.server")
router: Final = APIRouter(prefix="/v1", route_class=CloudRoute, tags=["auth"])

Text = Annotated[str, Field(min_length=1)]


class RefreshBody(BaseModel):
    """The refresh token of a visitor."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=MAX_TOKEN)]


class TokenAnswer(BaseModel):
    """A token for a front end."""

    token: Text


class RefreshAnswer(BaseModel):
    """A refresh token, and until when it is good."""

    token: Text
    expires_at: Text


class SessionAnswer(BaseModel):
    """The tokens of a visitor."""

    access_token: Text
    refresh_token: RefreshAnswer


class ClaimAnswer(BaseModel):
    """How many threads were moved."""

    moved: Annotated[int, Field(ge=0)]


@router.post(
    "/auth/tokens",
    summary="A token for a front end, for the owner and the user that an API key acts for",
    responses={200: {"model": TokenAnswer}, **cloud_problems(403)},
    response_model=None,
)
async def create_token(caller: Reader) -> Response:
    """A JSON Web Token that may do what the key may, but never what only `admin` may."""
    principal = caller.principal
    if principal.kind != "key":
        raise Problem(403, "key_required", "this needs an API key")
    auth = caller.service.auth
    if not isinstance(auth, Auth) or auth.tokens is None:
        raise Problem(403, "tokens_disabled", "this server signs no tokens")
    token = auth.tokens.access(principal.owner_id, principal.user_id, scopes=principal.scopes)
    return json_answer({"token": token})


@router.post(
    "/auth/tokens/anonymous",
    summary="A session for a new visitor",
    responses={200: {"model": SessionAnswer}, **cloud_problems(403, 429, 503)},
    response_model=None,
    dependencies=[per_address("anonymous")],
)
async def begin_session(request: Request) -> Response:
    """Each visitor is an owner of its own, whom nobody else reaches."""
    service = service_of(request)
    return _told(await _anonymous(service).begin(service.store))


@router.post(
    "/auth/tokens/refresh",
    summary="The next tokens of a visitor",
    responses={200: {"model": SessionAnswer}, **cloud_problems(400, 403, 429, 503)},
    response_model=None,
    openapi_extra=body_schema(RefreshBody),
    dependencies=[per_address("refresh")],
)
async def renew_session(request: Request) -> Response:
    """The same refresh token may be used again until the one that it gave has been used."""
    service = service_of(request)
    body = await read_body(request, RefreshBody)
    return _told(await _anonymous(service).renew(service.store, body.said.refresh_token))


@router.post(
    "/threads/claim",
    summary="Take over a visitor's threads",
    responses={200: {"model": ClaimAnswer}, **cloud_problems(400, 403, 409, 503)},
    response_model=None,
    openapi_extra=body_schema(RefreshBody),
)
async def claim_threads(request: Request, caller: Writer) -> Response:
    """All threads of the visitor become the caller's: its owner's, and its user's if it has one.

    Ids stay. It may be repeated: what the visitor has made since then is moved too. 409 and nothing
    moves where the caller's owner has a thread of one of these ids.
    """
    principal, service = caller.principal, caller.service
    if principal.kind == "anonymous":
        raise Problem(403, "anonymous_caller", "a visitor cannot take over threads")
    body = await read_body(request, RefreshBody)
    visitor = await _anonymous(service).visitor(service.store, body.said.refresh_token)
    if visitor.owner_id == principal.owner_id:
        return json_answer({"moved": 0})
    try:
        moved = await service.store.admin().transfer(
            visitor.owner_id, principal.owner_id, user=principal.user_id
        )
    except ForbiddenError:
        log.error("claim_without_admin", extra={"hint": "set THREADKEEP_ADMIN_URL"})
        raise Problem(
            503, "claims_unavailable", "this server's database role may not move threads"
        ) from None
    return json_answer({"moved": moved})


def _anonymous(service: Service) -> Anonymous:
    auth = service.auth
    if not isinstance(auth, Auth) or auth.anonymous is None:
        raise Problem(403, "anonymous_disabled", "this server has no sessions for visitors")
    return auth.anonymous


def _told(session: Session) -> Response:
    return json_answer(
        {
            "access_token": session.access,
            "refresh_token": {"token": session.refresh, "expires_at": iso(session.expires_at)},
        }
    )
