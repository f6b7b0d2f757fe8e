"""The dialect `aui/v0`: the thread messages of assistant-ui, as its cloud adapter stores them.

A native item is `{role, content, metadata, status?, attachments?}`, without an id: the store has
that beside it. One message of the assistant holds all its steps, and each call its result.

The facts are those of `@assistant-ui/core` 0.3.20 (`auiV0.ts`, `stored-message.ts`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from threadkeep.dialects.assistant_ui import parts as blocks
from threadkeep.dialects.assistant_ui import writing
from threadkeep.dialects.codec import COMMON, Codec, Output, Said
from threadkeep.dialects.flow import exchanges, steps
from threadkeep.dialects.reading import id_of, object_of, read_time
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import Json, Part, TextPart
from threadkeep.values.ports import Dialect

_ROLES: Final[Mapping[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}


class _AssistantUI(Codec):
    """The format `aui/v0`. Raises InvalidError for a wrong `role` or `id`.

    Everything else is read leniently: a part of an unknown kind, or of another shape than
    expected, is a raw part.
    """

    name = "aui/v0"
    family = writing.FAMILY
    losses: Mapping[str, str] = {
        **COMMON,
        "raw": "Parts that only another format knows, or without a place here, are left out.",
        "extra": "Members that only another format knows, or without a place here, are left out.",
        "reasoning.signature": "Signatures of a provider without a name are left out.",
        "reasoning.encrypted": "Encrypted reasoning of a provider without a name is left out.",
        "reasoning.id": "Ids of reasoning of a provider without a name are left out.",
        "provider_executed": "That a provider ran a tool itself is left out.",
        "tool_result": "Results of no call, and further results of one call, are left out.",
        "tool_result.content": "Files in the results of tools are left out.",
        "tool_result.denied": "That a tool was denied is left out where no approval says it.",
    }

    def read(self, item: Json) -> Said:
        """What an item says; what its attachments hold follows its content."""
        item = object_of(item)
        role = item.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise InvalidError("role", f"must be one of {', '.join(_ROLES)}")
        id, time = id_of(item), read_time(item.get("createdAt"))
        said = {"role", "id"} if time is None else {"role", "id", "createdAt"}
        parts: list[Part] = []
        content = item.get("content")
        if isinstance(content, list):
            parts = blocks.read(content)
            said.add("content")
        elif isinstance(content, str):
            parts = [TextPart(content)]
            said.add("content")
        attachments = item.get("attachments")
        if role == "user" and isinstance(attachments, list):
            for attachment in attachments:
                parts += blocks.read_attachment(attachment)
            said.add("attachments")
        unsaid = [name for name in item if name not in said and not _is_empty(name, item[name])]
        return Said(_ROLES[role], parts, id=id, created_at=time, unsaid=unsaid)

    def write(self, messages: Sequence[Message], out: Output) -> None:
        """An item for what a person or the system said, and for an answer with all its results."""
        writing.write(exchanges(steps(messages, self.family), self.family), out)


def _is_empty(name: str, value: Json) -> bool:
    """Whether a member says no more than its absence: assistant-ui writes some always."""
    if name == "metadata":
        return isinstance(value, dict) and not any(value.values())
    return name == "status" and isinstance(value, dict) and _is_complete(value)


def _is_complete(status: dict[str, Any]) -> bool:
    return status.get("type") == "complete" and status.keys() <= {"type", "reason"}


dialect: Dialect = _AssistantUI()
