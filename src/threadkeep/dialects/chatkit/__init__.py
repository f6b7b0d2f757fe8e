"""The dialect `chatkit`: the thread items of ChatKit's Python SDK, as its store keeps them.

A native item is the JSON of one of the 11 kinds of `chatkit.types.ThreadItem`. What ChatKit shows
beside messages (widgets, tasks, workflows, structured inputs) is the assistant's.

Hidden context has the role `system`. ChatKit sends it to a model as a user's message, but only
after it has wrapped it in a sentence that says it is no user's (`ThreadItemConverter` in
`chatkit.agents`), and never shows it. As a user's message here it would start a turn, and be shown
as the user's words by every other format. `text` is empty for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from threadkeep.dialects.chatkit import parts as parts_of
from threadkeep.dialects.chatkit import writing
from threadkeep.dialects.chatkit.drafts import FAMILY
from threadkeep.dialects.codec import COMMON, Codec, Output, Said
from threadkeep.dialects.reading import id_of, object_of, read_time, text_of
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import Json, RawPart, TextPart
from threadkeep.values.ports import Dialect

_FRAME: Final = frozenset({"type", "id", "thread_id"})


class _Kind(NamedTuple):
    """How a kind of item is read: whose it is, and its parts with the members they say."""

    role: Role
    read: Callable[[Mapping[str, Any]], parts_of.Read]


_KINDS: Final[Mapping[str, _Kind]] = {
    "user_message": _Kind("user", parts_of.user_message),
    "assistant_message": _Kind("assistant", parts_of.assistant_message),
    "client_tool_call": _Kind("assistant", parts_of.client_tool_call),
    "widget": _Kind("assistant", parts_of.widget),
    "generated_image": _Kind("assistant", parts_of.generated_image),
    "structured_input": _Kind("assistant", parts_of.structured_input),
    "workflow": _Kind("assistant", parts_of.workflow),
    "task": _Kind("assistant", parts_of.task),
    "hidden_context_item": _Kind("system", parts_of.hidden_context),
    "sdk_hidden_context": _Kind("system", parts_of.hidden_context),
    "end_of_turn": _Kind("assistant", parts_of.end_of_turn),
}


class _ChatKit(Codec):
    """The format of ChatKit. Raises InvalidError for a wrong `type` or `id`.

    An item of a kind that is unknown here, but with the members that every item has, is one raw
    part of the assistant's. Inside an item all is read leniently.
    """

    name = family = FAMILY
    losses: Mapping[str, str] = {
        **COMMON,
        "raw": "Parts that only another format knows, or without a place here, are left out.",
        "extra": "Members that only another format knows, or without a place here, are left out.",
        "reasoning.signature": "The signatures of reasoning are left out.",
        "reasoning.encrypted": "Encrypted reasoning is left out.",
        "reasoning.id": "The ids of reasoning are left out.",
        "provider_executed": "That a provider ran a tool itself is left out.",
        "tool_result": "Results of no call, and further results of one call, are left out.",
        "tool_result.content": "Files in the results of tools are left out.",
        "tool_result.is_error": "That a tool failed is left out.",
        "tool_result.denied": "That a tool was denied is left out.",
        "approval": "Approvals are left out.",
        "file.url": "The URLs of files other than images are left out.",
        "file.data": "The data of files other than images are left out.",
        "file.file_id": "A provider's ids of files are left out.",
        "source.source_id": "The ids of sources are left out.",
        "source.media_type": "The media types of sources are left out.",
        "data": "Data parts are left out.",
    }

    def read(self, item: Json) -> Said:
        """What an item says."""
        item = object_of(item)
        kind, id = item.get("type"), id_of(item)
        known = _KINDS.get(kind) if isinstance(kind, str) else None
        time = read_time(item.get("created_at"))
        if known is None:
            if (
                not isinstance(kind, str)
                or id is None
                or not isinstance(item.get("thread_id"), str)
            ):
                raise InvalidError("type", f"must be one of {', '.join(_KINDS)}")
            return Said("assistant", (RawPart(item),), id=id, created_at=time)
        parts, said = known.read(item)
        unsaid = [
            name
            for name, value in item.items()
            if name not in _FRAME and name not in said and not _is_empty(value)
        ]
        if time is not None and "created_at" in unsaid:
            unsaid.remove("created_at")
        return Said(known.role, parts, id=id, created_at=time, unsaid=unsaid)

    def write(self, messages: Sequence[Message], out: Output) -> None:
        """Items of ChatKit's own: one for each of its kinds that a message speaks of."""
        writing.write(messages, out)

    def text(self, item: Json) -> str:
        """What is shown of the item: never hidden context, thoughts, or what a user has quoted."""
        said = self.read(item)
        kind = item["type"]
        if said.role == "system":
            return ""
        if kind == "user_message":
            words = [part for part in said.parts if isinstance(part, TextPart)]
            return "".join(part.text for part in words if parts_of.QUOTED not in part.extra)
        if kind == "widget" and not item.get("copy_text"):
            return parts_of.words_of_widget(item.get("widget"))
        return text_of(said.parts)


def _is_empty(value: Json) -> bool:
    """Whether a member says no more than its absence: the SDK writes all, also the unset ones."""
    return value is None or value == [] or (isinstance(value, dict) and not any(value.values()))


dialect: Dialect = _ChatKit()
