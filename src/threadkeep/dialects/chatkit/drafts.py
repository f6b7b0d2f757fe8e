"""The items of ChatKit while they are being written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from threadkeep.dialects.codec import Output
from threadkeep.dialects.flow import Placed
from threadkeep.dialects.frameworks import own_item
from threadkeep.dialects.reading import read_time
from threadkeep.values.message import Message
from threadkeep.values.parts import Json

FAMILY: Final = "chatkit"

_EPOCH: Final = "1970-01-01T00:00:00Z"


@dataclass(slots=True)
class Draft:
    """An item that is being written; `pending` are sources that stand before their text."""

    kind: str
    sources: list[Message]
    members: dict[str, Json]
    pending: list[Json] = field(default_factory=list)


@dataclass(slots=True)
class Writing:
    """All that is being written, and where the calls are in it."""

    out: Output
    drafts: list[Draft] = field(default_factory=list)
    calls: dict[str, Draft] = field(default_factory=dict)
    opened: int = 0

    def new(self, kind: str, placed: Placed, members: dict[str, Json]) -> Draft:
        """Begin an item."""
        draft = Draft(kind, [placed.message], members)
        self.drafts.append(draft)
        return draft

    def last(self, kind: str, placed: Placed) -> Draft | None:
        """The item begun last in this step, if it is of this kind and may hold this part too."""
        draft = self.drafts[-1] if len(self.drafts) > self.opened else None
        if draft is None or draft.kind != kind:
            return None
        add_source(draft, placed.message)
        return draft


def finish(drafts: Sequence[Draft], messages: Sequence[Message], out: Output) -> None:
    """Write all items. A changed message's own item keeps its id, and all that still holds."""
    before = _own_drafts(drafts)
    for draft in before.values():
        out.name(draft.sources[0])
    thread = _thread_of(messages)
    time: datetime | None = None
    for draft in drafts:
        first = draft.sources[0]
        time = first.created_at or time
        if before.get(id(first)) is draft:
            item = _as_before(draft, own_item(first, FAMILY), first)
        else:
            item = {
                "id": out.name(first),
                "thread_id": thread,
                "created_at": _EPOCH if time is None else time.isoformat(),
                "type": draft.kind,
                **draft.members,
            }
        out.add(item, draft.sources)


def _own_drafts(drafts: Sequence[Draft]) -> dict[int, Draft]:
    """For each message, by identity, the first draft of the kind that it was loaded from."""
    found: dict[int, Draft] = {}
    for draft in drafts:
        first = draft.sources[0]
        if own_item(first, FAMILY).get("type") == draft.kind:
            found.setdefault(id(first), draft)
    return found


def _thread_of(messages: Sequence[Message]) -> str:
    for message in messages:
        thread = own_item(message, FAMILY).get("thread_id")
        if isinstance(thread, str):
            return thread
    return ""


def _as_before(draft: Draft, own: Mapping[str, Json], message: Message) -> dict[str, Json]:
    """The new item of a message that was changed, with all of the old one that still holds."""
    members = draft.members
    if draft.kind == "workflow" and isinstance(own.get("workflow"), dict):
        members = {"workflow": own["workflow"] | {"tasks": members["workflow"]["tasks"]}}
    if draft.kind == "user_message" and "inference_options" in own:
        members = members | {"inference_options": own["inference_options"]}
    item = dict(own) | {
        name: value
        for name, value in members.items()
        if name in own or not (value is None or value == [])
    }
    if message.id is not None:
        item["id"] = message.id
    if message.created_at not in (None, read_time(own.get("created_at"))):
        item["created_at"] = message.created_at.isoformat() if message.created_at else None
    return item


def add_source(draft: Draft, message: Message) -> None:
    """Say that an item is also made of this message."""
    if not any(other is message for other in draft.sources):
        draft.sources.append(message)
