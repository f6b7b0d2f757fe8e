"""The source `claude`: the `conversations.json` of a Claude data export, streamed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from threadkeep import dialects
from threadkeep.dialects.reading import read_time
from threadkeep.sources import jsonarray
from threadkeep.sources.base import SourceItem, SourceProblem, SourceThread
from threadkeep.values import jsontext, slices
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
from threadkeep.values.unset import UNSET, Unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from threadkeep.sources.base import Progress

FORMAT: Final = "claude-export"
"""The dialect of the items."""

ROOT: Final = "00000000-0000-4000-8000-000000000000"
"""What Claude writes as the parent of a conversation's first message."""

_PARENT: Final = "parent_message_uuid"
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def read(
    stream: BinaryIO, *, progress: Progress | None = None
) -> Iterator[SourceThread | SourceProblem]:
    """The conversations of an export in order; memory holds one of them at a time.

    The text of each message is the slice of the file. A conversation that is no valid JSON, lacks
    an id, has a message id twice, or has another sender than human and assistant, is a
    `SourceProblem`, and so is the place where the file breaks off. Raises InvalidError (field
    `file`) when the first is asked for if the file is no JSON array.

    A message whose parent the conversation does not have is a root; a circle of parents has its
    root where the first message leads into it. A parent that stands later in the file is yielded
    before its children. Where only some messages name a parent, that of the others is the message
    before. An empty title is None, and what a title cannot hold (NUL, surrogates) is U+FFFD in it.
    A time that cannot be read is None.
    """
    for index, text in enumerate(jsonarray.elements(stream, progress)):
        if isinstance(text, jsonarray.Broken):
            yield SourceProblem(index, None, text.rule)
        else:
            yield _conversation(index, text)


def _conversation(index: int, data: bytes) -> SourceThread | SourceProblem:
    try:
        text = jsontext.verify(data, field="conversation")
        value = jsontext.decode(text)
        if not isinstance(value, dict):
            raise InvalidError("conversation", "must be an object")
        id = check_id("uuid", value.get("uuid"))
    except InvalidError as error:
        return SourceProblem(index, None, str(error))
    try:
        return _thread(id, text, value)
    except InvalidError as error:
        return SourceProblem(index, id, str(error))


def _thread(id: str, text: str, value: dict[str, Any]) -> SourceThread:
    title = value.get("name")
    if title is not None and not isinstance(title, str):
        raise InvalidError("name", "must be a str")
    members = slices.members(text)
    lists = [at for at, member in enumerate(members) if member.name == "chat_messages"]
    if len(lists) != 1:
        raise InvalidError("chat_messages", "must be there once")
    if not isinstance(value["chat_messages"], list):
        raise InvalidError("chat_messages", "must be a list")
    listed = members[lists[0]]
    return SourceThread(
        id=id,
        title=_UNSTORABLE.sub("\ufffd", title) if title else None,
        created_at=read_time(value.get("created_at")),
        updated_at=read_time(value.get("updated_at")),
        header=slices.without(text, members, lists[0]),
        items=_items(value["chat_messages"], slices.items(text[listed.start : listed.end])),
        format=FORMAT,
    )


def _items(messages: list[Any], texts: list[str]) -> tuple[SourceItem, ...]:
    traits = dialects.get(FORMAT).traits
    found: dict[str, str] = {}
    for at, (message, text) in enumerate(zip(messages, texts, strict=True)):
        try:
            traits(message)
            id = check_id("uuid", message.get("uuid"))
            if id in found:
                raise InvalidError("uuid", "must be another than those before")
            if not isinstance(message.get(_PARENT), str | None):
                raise InvalidError(_PARENT, "must be a str")
        except InvalidError as error:
            raise InvalidError(f"chat_messages.{at}.{error.field}", error.rule) from None
        found[id] = text
    parents = _parents(messages)
    return tuple(SourceItem(found[id], id, parents[id]) for id in _ordered(parents))


def _parents(messages: list[dict[str, Any]]) -> dict[str, str | Unset | None]:
    """Each message's parent as the file has it, in the file's order."""
    if not any(_PARENT in message for message in messages):
        return {message["uuid"]: UNSET for message in messages}
    ids = {message["uuid"] for message in messages}
    parents: dict[str, str | Unset | None] = {}
    before: str | None = None
    for message in messages:
        parent = message.get(_PARENT, before)
        parents[message["uuid"]] = parent if parent in ids and parent != ROOT else None
        before = message["uuid"]
    return parents


def _ordered(parents: dict[str, str | Unset | None]) -> Mapping[str, None]:
    """The ids in their order, but parents before children; circles in `parents` are cut."""
    done: dict[str, None] = {}
    for first in parents:
        above: dict[str, None] = {}
        id: str | Unset | None = first
        while isinstance(id, str) and id not in done:
            if id in above:
                # A circle is cut where it was entered.
                parents[id] = done[id] = None
                break
            above[id] = None
            id = parents[id]
        done.update(dict.fromkeys(reversed(above)))
    return done
