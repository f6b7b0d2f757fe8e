"""What /v1 sends: threads and messages as the npm package assistant-cloud reads them.

Contents are JSON text all the way: nothing here decodes one.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Annotated, Any, Final, NamedTuple

import orjson
from pydantic import BaseModel, Field

from threadkeep.adapters.assistant_ui.messages import iso
from threadkeep.server.answers import quoted
from threadkeep.server.principal import Principal
from threadkeep.values import jsontext, slices
from threadkeep.values.errors import InvalidError
from threadkeep.values.feedback import Feedback
from threadkeep.values.ids import random_text
from threadkeep.values.message import Message
from threadkeep.values.thread import Thread

THREAD: Final = "thread_"
MESSAGE: Final = "msg_"
FEEDBACK: Final = "feedback_"
EXTERNAL_ID: Final = "external_id"
"""The member of a message's metadata that keeps the id that its writer knows it by."""

PROJECT: Final = "threadkeep"
"""The project of callers whose token names none: /v1 wants one, and there is nothing behind it."""

_ALPHABET: Final = string.ascii_letters + string.digits
_LENGTH: Final = 24

Text = Annotated[str, Field(min_length=1)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class CloudThread(BaseModel):
    """A thread."""

    id: Text
    project_id: Text
    workspace_id: Text
    created_at: Time
    updated_at: Time
    last_message_at: Time
    title: str | None
    is_archived: bool
    external_id: str | None
    metadata: dict[str, Any] | None


class CloudThreadAnswer(BaseModel):
    """One thread."""

    thread: CloudThread


class CloudThreads(BaseModel):
    """A page of threads. One that is shorter than asked for is the last one."""

    threads: list[CloudThread]


class CloudMessage(BaseModel):
    """A message: a row with its place in the tree, and its content as it was sent."""

    id: Text
    parent_id: str | None
    height: Annotated[int, Field(ge=0)]
    created_at: Time
    updated_at: Time
    format: Text
    content: dict[str, Any]
    external_id: str | None


class CloudMessages(BaseModel):
    """A page of messages. One that is shorter than asked for is the last one."""

    messages: list[CloudMessage]


class CloudNothing(BaseModel):
    """An empty object: it was done."""


class Row(NamedTuple):
    """A message as it is shown: its place, and its content as JSON text of a format."""

    message: Message
    id: str
    parent_id: str | None
    role: str
    format: str
    content: str


@contextmanager
def told_as(names: Mapping[str, str]) -> Iterator[None]:
    """Rules that are broken inside are told of the members that /v1 has for those of the store."""
    try:
        yield
    except InvalidError as error:
        raise InvalidError(names.get(error.field, error.field), error.rule) from None


def new_id(prefix: str) -> str:
    """A new id that nobody can guess, of 48 characters at most."""
    return prefix + random_text(_LENGTH)


def derived_id(prefix: str, *known: str) -> str:
    """The one id that goes with these texts; it looks like a new one."""
    data = jsontext.encode(list(known)).encode()
    number = int.from_bytes(sha256(data).digest(), "big")
    digits = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return prefix + "".join(digits)


def thread_text(thread: Thread, principal: Principal) -> str:
    """A thread as JSON text."""
    project = principal.claims.get("project_id")
    members = {
        "id": thread.id,
        "project_id": project if isinstance(project, str) and project else PROJECT,
        "workspace_id": thread.owner_id,
        "created_at": iso(thread.created_at),
        "updated_at": iso(thread.updated_at),
        "last_message_at": iso(thread.active_at),
        "title": thread.title,
        "is_archived": thread.status == "archived",
        "external_id": thread.external_id,
    }
    # Numbers in it may be beyond what orjson takes.
    metadata = "null"
    if thread.metadata is not None:
        metadata = jsontext.encode(dict(thread.metadata), overflow=True)
    return f'{quoted(members)[:-1]},"metadata":{metadata}}}'


def row_value(row: Row, height: int, feedback: Feedback | None) -> dict[str, Any]:
    """A message to be written by orjson, with what its reader thinks of it."""
    message = row.message
    content = row.content if feedback is None else with_feedback(row.content, feedback)
    written, changed = message.created_at, message.updated_at
    created_at = "" if written is None else iso(written)
    return {
        "id": row.id,
        "parent_id": row.parent_id,
        "height": height,
        "created_at": created_at,
        "updated_at": created_at if changed is None or changed == written else iso(changed),
        "format": row.format,
        "content": orjson.Fragment(content),
        "external_id": None if message.metadata is None else external_id_of(message),
    }


def with_feedback(content: str, feedback: Feedback) -> str:
    """The text of an `aui/v0` message with `metadata.submittedFeedback`; all else stays as it is.

    That is where the client keeps which thumb was pressed.
    """
    said: dict[str, str] = {"type": feedback.kind}
    if feedback.comment is not None:
        said["comment"] = feedback.comment
    members = slices.members(content)
    stored = [content[one.start : one.end] for one in members if one.name == "metadata"]
    metadata = stored[-1] if stored and stored[-1].startswith("{") else "{}"
    changed = slices.with_member(
        metadata, slices.members(metadata), "submittedFeedback", quoted(said)
    )
    return slices.with_member(content, members, "metadata", changed)


def external_id_of(message: Message) -> str | None:
    """The id that the writer of a message knows it by, if it said one."""
    known = message.metadata
    found = None if known is None else known.get(EXTERNAL_ID)
    return found if isinstance(found, str) else None
