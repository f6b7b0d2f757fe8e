"""What a front end stores: contents as they were sent, each under an id of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from threadkeep.adapters.assistant_ui.messages import role_of
from threadkeep.dialects import find
from threadkeep.dialects.convert import convert
from threadkeep.server.cloud.shown import AUI, FRONT_ENDS, V6
from threadkeep.server.cloud.wire import EXTERNAL_ID, MESSAGE, derived_id
from threadkeep.server.problems import Problem
from threadkeep.store import Owner
from threadkeep.values import jsontext
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message


def check_object(field: str, text: str) -> str:
    """The text of a JSON object; Problem 422 for other JSON."""
    if not text.startswith("{"):
        raise Problem(422, "invalid", f"{field}: must be an object", field=field)
    return text


def message_of(content: str, format: str) -> Message:
    """A message of this content, whose role is what the format says, or its own member `role`."""
    return Message(role_of(jsontext.decode(content), format), content, format)


async def append(
    chat: Owner, thread_id: str, message: Message, *, parent_id: str | None, known: str | None
) -> Message:
    """Store a message under a parent, and return it as stored. NotFoundError for no such thread.

    The parent is an id, or `known`, the external id of one. An id that is not in the thread is that
    of a message whose own write has failed, unless we have made it: then the message is a root.
    Problem 400 for any other parent that is unknown.
    """
    parent = _parent(parent_id) if known is None else external(known)
    try:
        return await _append(chat, thread_id, message, parent)
    except NotFoundError as error:
        if error.kind != "message":
            raise
        if known is None and parent is not None and not parent.startswith(MESSAGE):
            return await _append(chat, thread_id, message, None)
        field = "parent_id" if known is None else "parent_external_id"
        raise Problem(
            400, "parent_unknown", f"{field}: must be a message of this thread", field=field
        ) from None


async def put(
    chat: Owner,
    thread_id: str,
    message: Message,
    *,
    external_id: str,
    parent_id: str | None,
    known: str | None,
) -> tuple[Message, bool]:
    """The same for a message that its writer knows by an id; and whether it is new.

    One that is there gets this content and format, and the thread counts as active then. Problem
    409 where its role would change.
    """
    check_id("external_id", external_id)
    there = await _there(chat, thread_id, external(external_id))
    if there is None:
        named = _with(message, external(external_id), {EXTERNAL_ID: external_id})
        try:
            return await append(chat, thread_id, named, parent_id=parent_id, known=known), True
        except ConflictError as error:
            if error.reason != "message_differs":
                raise
        there = await chat.messages.get(thread_id, external(external_id))
    if await _rewrite(chat, thread_id, there, message):
        await chat.threads.update(thread_id, active_at=datetime.now(UTC))
    return there, False


async def rewrite(chat: Owner, thread_id: str, message_id: str, content: str) -> None:
    """Give a message this content. NotFoundError if it is unknown; nothing is written twice.

    Its format stays, unless the content tells that its reader was shown the message in another.
    Problem 409 where the role would change, or where the reader was shown one message for several.
    """
    there = await chat.messages.get(thread_id, message_id)
    if there.json == content:
        return
    format = await _format(chat, thread_id, there, jsontext.decode(content))
    await _rewrite(chat, thread_id, there, message_of(content, format))


def external(known: str) -> str:
    """The id of the message that its writer knows by this one: the same in every thread."""
    return derived_id(MESSAGE, known)


def is_id(text: str) -> bool:
    """Whether a message may have this id."""
    try:
        check_id("message_id", text)
    except InvalidError:
        return False
    return True


async def _append(chat: Owner, thread_id: str, message: Message, parent: str | None) -> Message:
    stored = await chat.messages.append(thread_id, message, parent=parent, create_thread=False)
    return stored[0]


async def _rewrite(chat: Owner, thread_id: str, there: Message, message: Message) -> bool:
    """Whether there was something to write."""
    if (there.format, there.json) == (message.format, message.json):
        return False
    id = str(there.id)
    named = Message(message.role, message.json, message.format, id=id, status=there.status)
    try:
        # A parent that cannot be there: what was deleted meanwhile is not stored anew.
        await chat.messages.update(thread_id, id, named, parent=id)
    except ConflictError as error:
        if error.reason != "role_fixed":
            raise
        raise Problem(409, error.reason, "Message role cannot change", id=id) from None
    return True


async def _format(chat: Owner, thread_id: str, there: Message, content: Any) -> str:
    """The format to store a new content under."""
    shape = _shape(content)
    if there.format in FRONT_ENDS:
        return V6 if there.format == AUI and shape == V6 else there.format
    if shape is None or find(there.format) is None:
        return there.format
    turn = await chat.messages.window(thread_id, turns=1, leaf=there.id)
    if convert(turn, shape).sources[-1:] != ((there.id,),):
        raise Problem(409, "format_fixed", "The message is stored in another format, as several")
    return shape


def _shape(content: dict[str, Any]) -> str | None:
    """The front end's format that a content has by its form."""
    if isinstance(content.get("parts"), list) and "content" not in content:
        return V6
    if isinstance(content.get("content"), list) and isinstance(content.get("metadata"), dict):
        return AUI
    return None


async def _there(chat: Owner, thread_id: str, message_id: str) -> Message | None:
    try:
        return await chat.messages.get(thread_id, message_id)
    except NotFoundError:
        return None


def _parent(parent_id: str | None) -> str | None:
    return parent_id if parent_id is not None and is_id(parent_id) else None


def _with(message: Message, id: str, metadata: dict[str, Any]) -> Message:
    return Message(message.role, message.json, message.format, id=id, metadata=metadata)
