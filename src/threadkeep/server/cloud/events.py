"""/v1/events: what people do in a front end."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from threadkeep.server.answers import json_answer
from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.cloud.branches import follow
from threadkeep.server.routing import CloudRoute
from threadkeep.server.service import Writer
from threadkeep.values.event import Event
from threadkeep.values.ids import MAX_ID_BYTES

router: Final = APIRouter(prefix="/v1/events", route_class=CloudRoute, tags=["cloud"])

_Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_BYTES)]


class CloudEvent(BaseModel):
    """Something that was done. `props` has at most 1 024 bytes as JSON."""

    model_config = ConfigDict(strict=True)

    kind: Annotated[str, Field(min_length=1, max_length=64)]
    thread_id: _Id | None = None
    message_id: _Id | None = None
    run_id: _Id | None = None
    value: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    props: dict[str, str | bool | int | float | None] | None = None

    def event(self) -> Event:
        """The same as the store takes it."""
        props: dict[str, Any] | None = self.props or None
        return Event(
            self.kind,
            thread_id=self.thread_id,
            message_id=self.message_id,
            run=self.run_id,
            value=self.value,
            props=props,
        )


class CloudEvents(BaseModel):
    """A batch of them, in the order in which they were."""

    events: Annotated[list[CloudEvent], Field(min_length=1, max_length=50)]


class CloudAccepted(BaseModel):
    """How many of them are stored."""

    accepted: Annotated[int, Field(ge=0)]


@router.post(
    "",
    summary="What people did",
    status_code=202,
    responses={202: {"model": CloudAccepted}},
    response_model=None,
    openapi_extra=body_schema(CloudEvents),
)
async def track_events(request: Request, caller: Writer) -> Response:
    """Those about unknown threads are left out. The branch that was switched to is shown next time.

    A repeated call stores them again: they have no ids.
    """
    caller.spend("events")
    said = (await read_body(request, CloudEvents)).said
    events = [one.event() for one in said.events]
    accepted = await caller.chat.events.track(events)
    await follow(caller.chat, events)
    return json_answer({"accepted": accepted}, 202)
