"""/threads/{id}/messages: pages and single messages, in any dialect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, WithJsonSchema

from threadkeep import dialects
from threadkeep.server.answers import text_answer
from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.cloud import files
from threadkeep.server.openapi import problems
from threadkeep.server.rest.fields import (
    Absent,
    Asked,
    Cursor,
    DialectName,
    Flag,
    Id,
    Limit,
    MessageId,
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
from threadkeep.server.rest.native import told
from threadkeep.server.rest.shapes import (
    Anything,
    Deleted,
    MessagePage,
    MessageShape,
    StoredMessages,
)
from threadkeep.server.rest.texts import deleted, listed, page_answer, stored_text, written
from threadkeep.server.routing import ProblemRoute
from threadkeep.server.service import Reader, Writer
from threadkeep.store import Owner
from threadkeep.values import jsontext, slices
from threadkeep.values.errors import InvalidCursorError, InvalidError
from threadkeep.values.message import FORMAT, Message, Role, Status
from threadkeep.values.page import MessageOrder, Page

router = APIRouter(route_class=ProblemRoute, tags=["threads"])

_ITEMS: Final = {
    "type": "array",
    "items": {},
    "minItems": 1,
    "description": "Items of the dialect, each kept byte for byte.",
}

_ITEM: Final = {"description": "An item of the dialect, kept byte for byte."}


class MessagesAsked(Asked):
    """Which messages."""

    dialect: DialectName | Absent = None
    strict: Flag = False
    tree: Flag = False
    leaf: Id | Absent = None
    role: list[Role] | Absent = None
    metadata: ObjectText | Absent = None
    created_since: When | Absent = None
    created_before: When | Absent = None
    has_tool_calls: Flag | Absent = None
    session: Id | Absent = None
    archived_sessions: Flag = True
    since: Annotated[Offset, Field(description="Only what has a higher seq.")] | Absent = None
    order: Order = "asc"
    order_by: MessageOrder = "seq"
    limit: Limit = 50
    cursor: Cursor | Absent = None
    after: Annotated[Cursor, Field(description="A message's id, or a cursor.")] | Absent = None
    offset: Offset = 0
    last: Limit | Absent = None


class InDialect(Asked):
    """The dialect of the answer; without one it is the message with all that is known of it."""

    dialect: DialectName | Absent = None


class FromDialect(Asked):
    """The dialect of what is sent."""

    dialect: DialectName = FORMAT


class MessagesSaid(Said):
    """A batch of items, oldest first: all of them are stored, or none.

    `ids` has an id for each item, null for one that names its own or shall get a new one. The batch
    goes under the head, or under `parent` (null: a new root). With `expected_head` that must be the
    head (null: there is none), else 409 `head_moved`, or with `on_conflict` a branch beside it.
    """

    messages: Annotated[Any, WithJsonSchema(_ITEMS)]
    ids: list[Id | None] | None = None
    parent: Id | None = None
    expected_head: Id | None = None
    on_conflict: Literal["error", "sibling"] = "error"
    session: Id | None = None
    created_at: When | None = None
    create_thread: bool = True
    force: bool = False


class MessagePatch(Said):
    """What to change of a message; what is left out stays.

    `metadata` is a JSON merge-patch (RFC 7396), `replace_metadata` takes the place of the old.
    """

    item: Annotated[Any, WithJsonSchema(_ITEM)] = None
    metadata: Object = Field(default_factory=dict)
    replace_metadata: Object | None = None
    status: Status = "complete"


@router.get(
    "/threads/{thread_id}/messages",
    responses={200: {"model": MessagePage}, **problems(404)},
)
async def list_messages(
    caller: Reader, thread_id: ThreadId, asked: Annotated[MessagesAsked, Query()]
) -> Response:
    """Messages along the path to the head, oldest first unless `order` says otherwise.

    With `tree` all branches, by seq. `after` is the id of a message or a cursor of this list; 400
    `invalid_cursor` for a cursor of another one. With `dialect` the messages are its items: those
    of that format as they were stored, all others converted, each page by itself.
    """
    if asked.dialect is not None:
        dialects.get(asked.dialect)
    page = await _page(caller.chat, thread_id, asked)
    if not page.items and asked.cursor is None:
        await caller.chat.threads.get(thread_id)
    texts, facts = told(page.items, asked.dialect, strict=asked.strict)
    return page_answer("messages", texts, page, **facts)


@router.post(
    "/threads/{thread_id}/messages",
    status_code=201,
    responses={201: {"model": StoredMessages}, **problems(404, 409)},
    openapi_extra=body_schema(MessagesSaid),
)
async def append_messages(
    caller: Writer,
    thread_id: ThreadId,
    request: Request,
    asked: Annotated[FromDialect, Query()],
) -> Response:
    """Store items of a dialect, and answer with them as they are stored.

    Makes the thread if it is absent. The same batch again gives the same answer and stores nothing
    where each item has an id; 409 `message_differs` where an id has another content.
    """
    body = await read_body(request, MessagesSaid, "messages")
    said = body.said
    stored = await caller.chat.messages.append(
        thread_id,
        _items(body.texts["messages"], said.ids, asked.dialect),
        on_conflict=said.on_conflict,
        session=said.session,
        created_at=said.created_at,
        create_thread=said.create_thread,
        force=said.force,
        **given(said, "parent", "expected_head"),
    )
    await files.link_files(caller.service, caller.chat, thread_id, body.texts["messages"])
    return listed("messages", map(stored_text, stored), {}, 201)


@router.get(
    "/threads/{thread_id}/messages/{message_id}",
    responses={200: {"model": MessageShape | Anything}, **problems(404)},
)
async def read_message(
    caller: Reader,
    thread_id: ThreadId,
    message_id: MessageId,
    asked: Annotated[InDialect, Query()],
) -> Response:
    """A message; with `dialect` the item that it is there.

    422 where that dialect cannot say it as one item without loss.
    """
    name = None if asked.dialect is None else dialects.get(asked.dialect).name
    message = await caller.chat.messages.get(thread_id, message_id)
    if name is None:
        return text_answer([stored_text(message)])
    if name == message.format:
        return text_answer([message.json])
    item = await caller.chat.messages.get(thread_id, message_id, dialect=name)
    return text_answer([written(item)])


@router.patch(
    "/threads/{thread_id}/messages/{message_id}",
    responses={200: {"model": MessageShape}, **problems(404, 409)},
    openapi_extra=body_schema(MessagePatch),
)
async def change_message(
    caller: Writer,
    thread_id: ThreadId,
    message_id: MessageId,
    request: Request,
    asked: Annotated[FromDialect, Query()],
) -> Response:
    """Rewrite a message in its place: its item, its metadata, its status.

    409 `role_fixed` or `starts_fixed` where its role or the start of a turn would change.
    """
    body = await read_body(request, MessagePatch, "item")
    item: dict[str, Any] = {}
    if "item" in body.texts:
        item = {"item": body.texts["item"], "dialect": asked.dialect}
    message = await caller.chat.messages.update(
        thread_id,
        message_id,
        # An unknown message would be stored, but not below itself.
        parent=message_id,
        **item,
        **given(body.said, "metadata", "replace_metadata", "status"),
    )
    return text_answer([stored_text(message)])


@router.delete(
    "/threads/{thread_id}/messages/{message_id}",
    responses={200: {"model": Deleted}, **problems(404)},
)
async def delete_message(caller: Writer, thread_id: ThreadId, message_id: MessageId) -> Response:
    """Remove a message; its children go to its parent. 404 if there is none."""
    return deleted(await caller.chat.messages.delete(thread_id, message_id), "message", message_id)


async def _page(chat: Owner, thread_id: str, asked: MessagesAsked) -> Page[Message]:
    """The page that was asked for. `after` is taken for a cursor where it is one of this list."""

    async def read(cursor: str | None, after: str | None) -> Page[Message]:
        return await chat.messages.list(
            thread_id,
            tree=asked.tree,
            leaf=asked.leaf,
            roles=asked.role,
            metadata=object_in("metadata", asked.metadata),
            created_since=asked.created_since,
            created_before=asked.created_before,
            has_tool_calls=asked.has_tool_calls,
            session=asked.session,
            archived_sessions=asked.archived_sessions,
            since=asked.since,
            order=asked.order,
            order_by=asked.order_by,
            limit=asked.limit,
            cursor=cursor,
            after=after,
            offset=0 if cursor is not None else asked.offset,
            last=asked.last,
        )

    if asked.after is None or asked.cursor is not None or asked.last is not None:
        return await read(asked.cursor, asked.after)
    try:
        # Before any I/O: a cursor is bound to its list.
        return await read(asked.after, None)
    except InvalidCursorError:
        return await read(None, asked.after)


def _items(text: str, ids: Sequence[str | None] | None, dialect: str) -> list[Message]:
    """The items of a batch, each with its id where one is given for it."""
    target = dialects.get(dialect)
    if not text.startswith("["):
        raise InvalidError("messages", "must be a list")
    texts = slices.items(text)
    if ids is not None and len(ids) != len(texts):
        raise InvalidError("ids", "must have one for each message")
    made = []
    for place, (item, id_) in enumerate(zip(texts, ids or [None] * len(texts), strict=True)):
        traits = target.traits(jsontext.decode(item))
        if id_ is not None and traits.id not in (None, id_):
            raise InvalidError(f"ids[{place}]", "must be the id in the item, or null")
        made.append(Message(traits.role, item, target.name, id=id_))
    return made
