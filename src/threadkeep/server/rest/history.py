"""/threads/{id}/history: the whole tree, as assistant-ui's history adapters have it (seed 000)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import WithJsonSchema

from threadkeep import dialects
from threadkeep.adapters.assistant_ui import FormatHistory, ThreadHistory
from threadkeep.adapters.assistant_ui.messages import config_of, iso
from threadkeep.adapters.assistant_ui.trees import newest_below, read_all
from threadkeep.server.answers import json_answer
from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.cloud import files
from threadkeep.server.openapi import problems
from threadkeep.server.rest.fields import (
    Absent,
    Asked,
    DialectName,
    Id,
    MessageId,
    Object,
    Said,
    ThreadId,
)
from threadkeep.server.rest.shapes import Deleted, HistoryShape, HistoryStored
from threadkeep.server.rest.tags import IfNoneMatch, tagged
from threadkeep.server.rest.texts import deleted, written
from threadkeep.server.routing import ProblemRoute
from threadkeep.server.service import Reader, Writer
from threadkeep.store import Owner
from threadkeep.values import jsontext, slices
from threadkeep.values.errors import InvalidError, NotFoundError
from threadkeep.values.message import Message

router = APIRouter(route_class=ProblemRoute, tags=["threads"])

_AUI: Final = "aui/v0"
_MESSAGE: Final = {
    "type": "object",
    "properties": {"id": {"type": "string", "minLength": 1, "maxLength": 512}},
    "required": ["id"],
    "description": "Kept byte for byte.",
}


class HistoryAsked(Asked):
    """In which dialect; without one as it is stored."""

    dialect: DialectName | Absent = None


class HistorySaidIn(Asked):
    """The dialect of the message: a name that nobody knows here is taken too."""

    dialect: DialectName = _AUI


class HistoryItem(Said):
    """A message with its id, and the message before it: null for the first one."""

    message: Annotated[Any, WithJsonSchema(_MESSAGE)]
    parentId: Id | None  # noqa: N815  the seed's own
    runConfig: Object | None = None  # noqa: N815


@router.get(
    "/threads/{thread_id}/history",
    responses={
        200: {"model": HistoryShape},
        304: {"description": "The caller has it."},
        **problems(404),
    },
)
async def read_history(
    caller: Reader,
    thread_id: ThreadId,
    asked: Annotated[HistoryAsked, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """All branches of a thread, each message after its parent, and the leaf to show.

    Without a dialect each message is byte for byte as it was stored, `id` and `createdAt` beside
    it, and nothing is decoded. `aui/v0` gives what assistant-ui's `load` wants, with every member
    that it relies on; another dialect its items with their ids. Messages of other formats are
    converted, and `losses` tells what could not be said.
    """
    found = None if asked.dialect is None else dialects.find(asked.dialect)
    name = asked.dialect if found is None else found.name
    if name == _AUI:
        return tagged(await _of_assistant_ui(caller.chat, thread_id), if_none_match)
    messages, head = await read_all(caller.chat, thread_id)
    if not messages:
        await caller.chat.threads.get(thread_id)
    text = _passed(messages, head, name)
    if text is None and name is not None:
        if found is None and all(message.format != name for message in messages):
            dialects.get(name)  # InvalidError: it is neither known nor stored here
        text = written(FormatHistory(caller.chat, thread_id, name).shown(messages, head))
    return tagged(str(text), if_none_match)


@router.post(
    "/threads/{thread_id}/history",
    status_code=201,
    responses={201: {"model": HistoryStored}, 200: {"model": HistoryStored}, **problems(404, 409)},
    openapi_extra=body_schema(HistoryItem),
)
async def append_history(
    caller: Writer,
    thread_id: ThreadId,
    request: Request,
    asked: Annotated[HistorySaidIn, Query()],
) -> Response:
    """Store a message under its parent. Makes the thread if it is absent.

    201 where it is new; the same again gives 200 and stores nothing, so a call can always be
    made again. 409 `message_differs` where its id has another content, 404 where the thread is out
    of reach or its parent is not there.
    """
    item, id_ = await _item(request)
    known = await _knows(caller.chat, thread_id, id_)
    stored = await _history(caller.chat, thread_id, asked.dialect).append(item)
    await files.link_files(caller.service, caller.chat, thread_id, stored.json)
    return _answer(stored, 200 if known else 201)


@router.put(
    "/threads/{thread_id}/history/{message_id}",
    responses={200: {"model": HistoryStored}, **problems(404, 409)},
    openapi_extra=body_schema(HistoryItem),
)
async def update_history(
    caller: Writer,
    thread_id: ThreadId,
    message_id: MessageId,
    request: Request,
    asked: Annotated[HistorySaidIn, Query()],
) -> Response:
    """Rewrite a message in its place, or store it if its first write never arrived.

    Its parent stays. Nothing is written where nothing has changed. 409 `role_fixed` where its role
    would change.
    """
    item, id_ = await _item(request)
    if id_ != message_id:
        raise InvalidError("message.id", "must be that of the path")
    stored = await _history(caller.chat, thread_id, asked.dialect).update(item)
    await files.link_files(caller.service, caller.chat, thread_id, stored.json)
    return _answer(stored, 200)


@router.delete(
    "/threads/{thread_id}/history/{message_id}",
    responses={200: {"model": Deleted}, **problems(404)},
)
async def delete_history(caller: Writer, thread_id: ThreadId, message_id: MessageId) -> Response:
    """Remove a message; what hangs below it goes to its parent. 404 if there is none."""
    return deleted(await caller.chat.messages.delete(thread_id, message_id), "message", message_id)


def _leaf(messages: Sequence[Message], head: str | None) -> str | None:
    """The leaf to show."""
    tree = [(str(message.id), message.parent_id) for message in messages]
    if head is None or head not in {id_ for id_, _ in tree}:
        return tree[-1][0] if tree else None
    return newest_below(head, tree)


def _passed(messages: Sequence[Message], head: str | None, name: str | None) -> str | None:
    """The history with its messages as they are stored; None where that is not what was asked."""
    entries = []
    for message in messages:
        facts: dict[str, Any] = {"parentId": message.parent_id, **config_of(message)}
        text: str | None = message.json
        if name is None:
            facts |= _beside(message)
        else:
            text = _named(message) if message.format == name else None
        if text is None:
            return None
        entries.append(f'{written(facts)[:-1]},"message":{text}}}')
    return f'{{"headId":{written(_leaf(messages, head))},"messages":[{",".join(entries)}]}}'


def _named(message: Message) -> str | None:
    """The stored text with the id of its row; None where that takes more than putting it in."""
    text = message.json.strip(" \t\n\r")
    if not text.startswith("{"):
        return None
    members = slices.members(text)
    if sum(member.name == "id" for member in members) > 1:
        return None
    return slices.with_member(text, members, "id", written(message.id))


async def _of_assistant_ui(chat: Owner, thread_id: str) -> str:
    found = await ThreadHistory(chat, thread_id).load()
    if not found["messages"]:
        await chat.threads.get(thread_id)
    return written(found)


def _history(chat: Owner, thread_id: str, dialect: str) -> ThreadHistory | FormatHistory:
    found = dialects.find(dialect)
    name = dialect if found is None else found.name
    if name == _AUI:
        return ThreadHistory(chat, thread_id)
    return FormatHistory(chat, thread_id, name)


async def _item(request: Request) -> tuple[dict[str, Any], str]:
    """What the adapters take, its message as text; and the id of the message."""
    body = await read_body(request, HistoryItem, "message")
    text = body.texts.get("message", "")
    if not text.startswith("{"):
        raise InvalidError("message", "must be an object")
    given = [member for member in slices.members(text) if member.name == "id"]
    id_ = jsontext.decode(text[given[0].start : given[0].end]) if len(given) == 1 else None
    if not isinstance(id_, str) or not id_:
        raise InvalidError("message.id", "must be given once, as text that is not empty")
    item: dict[str, Any] = {"message": text, "parentId": body.said.parentId}
    if body.said.runConfig is not None:
        item["runConfig"] = body.said.runConfig
    return item, id_


async def _knows(chat: Owner, thread_id: str, message_id: str) -> bool:
    try:
        await chat.messages.get(thread_id, message_id)
    except NotFoundError:
        return False
    return True


def _answer(stored: Message, status: int) -> Response:
    return json_answer({"parentId": stored.parent_id, **_beside(stored)}, status)


def _beside(message: Message) -> dict[str, Any]:
    """What the store knows of a message beside its text."""
    time = None if message.created_at is None else iso(message.created_at)
    return {"id": message.id, "format": message.format, "createdAt": time}
