"""Events: what happens in a conversation, as the middleware is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, get_args

from threadkeep.adapters.repositories.items import Content, Item, item_of
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
from threadkeep.values.parts import Json

EventType = Literal["user", "assistant", "tool-call", "tool-result"]

_TYPES: Final[tuple[str, ...]] = get_args(EventType)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent:
    """Something that was said in a thread.

    A `user` and an `assistant` event have a `content`, the latter also `tool_calls`. A `tool-call`
    has `tool_call_id`, `name` and `arguments`, or `tool_calls`; a `tool-result` has `tool_call_id`
    and a `content`, of which what is no text is written as JSON. `id` is the message's id in its
    thread: with one an event can be told again. `agent_id`, `user_id` and `title` are those of a
    thread that is made.
    """

    type: EventType
    thread_id: str
    content: Json = field(default=None, repr=False)
    name: str | None = None
    tool_call_id: str | None = None
    arguments: Json = field(default=None, repr=False)
    tool_calls: Sequence[Mapping[str, Json]] | None = field(default=None, repr=False)
    metadata: Mapping[str, Json] | None = field(default=None, repr=False)
    id: str | None = None
    agent_id: str | None = None
    user_id: str | None = None
    title: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, event: MessageEvent | Mapping[str, Any]) -> MessageEvent:
        """The event of a mapping. InvalidError for a member that there is not."""
        if isinstance(event, MessageEvent):
            return event
        names = {one.name for one in fields(cls)}
        if not isinstance(event, Mapping) or not names.issuperset(event):
            raise InvalidError("event", f"must have members of {', '.join(sorted(names))} only")
        if not {"type", "thread_id"} <= event.keys():
            raise InvalidError("event", "must have a type and a thread_id")
        return cls(**event)

    @property
    def item(self) -> Item:
        """The message that is to be stored. InvalidError for an event that says none."""
        check_id("thread_id", self.thread_id)
        if self.type not in _TYPES:
            raise InvalidError("type", f"must be one of {', '.join(_TYPES)}")
        if self.type == "tool-result":
            return item_of(
                "tool", _text(self.content), name=self.name, tool_call_id=self.tool_call_id
            )
        if self.type == "tool-call":
            return item_of("assistant", self.content, tool_calls=self.tool_calls or [self._call])
        named = self.name if self.type == "user" else None
        return item_of(self.type, self.content, name=named, tool_calls=self.tool_calls)

    @property
    def _call(self) -> Mapping[str, Json]:
        arguments = {} if self.arguments is None else self.arguments
        return {
            "id": self.tool_call_id,
            "type": "function",
            "function": {"name": self.name, "arguments": arguments},
        }


def _text(content: Json) -> Content:
    """What a tool gave, as a text."""
    return content if isinstance(content, str) else jsontext.encode(content, field="content")
