"""/me, /dialects and /owners: who calls, what is spoken, and whose threads there are."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from threadkeep import dialects
from threadkeep.server.answers import json_answer
from threadkeep.server.rest.fields import Absent, Asked, Cursor, Limit, Order
from threadkeep.server.rest.shapes import Dialects, Me, OwnerPage
from threadkeep.server.rest.texts import owner_facts, page_answer, texts_of
from threadkeep.server.routing import ProblemRoute
from threadkeep.server.service import Administrator, Reader

router = APIRouter(route_class=ProblemRoute, tags=["threads"])


class OwnersAsked(Asked):
    """Which owners: those whose id starts with `starts`, or all."""

    starts: Annotated[str, Field(min_length=1, max_length=512)] | Absent = None
    order: Order = "asc"
    limit: Limit = 50
    cursor: Cursor | Absent = None


@router.get("/me", responses={200: {"model": Me}})
async def read_me(caller: Reader) -> Response:
    """Who calls, and what that reaches: with a user only that user's threads are known."""
    principal = caller.principal
    return json_answer(
        {
            "kind": principal.kind,
            "owner": principal.owner_id,
            "user": principal.user_id,
            "scopes": sorted(principal.scopes),
        }
    )


@router.get("/dialects", responses={200: {"model": Dialects}})
async def list_dialects(caller: Reader) -> Response:  # noqa: ARG001  whoever may read
    """The message formats that `dialect=` takes, and what each cannot say."""
    short: dict[str, list[str]] = {tag: [] for tag in dialects.tags()}
    for name in dialects.names():
        tag = dialects.get(name).name
        if name != tag:
            short.setdefault(tag, []).append(name)
    known = [
        {"name": tag, "also": also, "losses": dict(dialects.get(tag).losses)}
        for tag, also in short.items()
    ]
    return json_answer({"dialects": known})


@router.get("/owners", responses={200: {"model": OwnerPage}})
async def list_owners(caller: Administrator, asked: Annotated[OwnersAsked, Query()]) -> Response:
    """Whose threads there are, for callers with the scope admin; by id."""
    page = await caller.service.store.admin().owners(**asked.model_dump())
    return page_answer("owners", texts_of(page.items, owner_facts), page)
