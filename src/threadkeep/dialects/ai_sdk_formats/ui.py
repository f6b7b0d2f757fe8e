"""The dialects of UI messages of the Vercel AI SDK (`useChat`), versions 4 to 7.

A native item is a UIMessage: `{id, role, parts, metadata?}` in versions 5 to 7, and `{id, role,
content, parts?, toolInvocations?, createdAt?, ...}` in version 4, which is only read. The tags
`ai-sdk/v5` and `ai-sdk/v6` are those of assistant-ui's cloud: the same messages without `id`. On
AI SDK 7 the tag stays `ai-sdk/v6`, so parts of version 7 are kept there, and what comes from
elsewhere is written in the form that versions 6 and 7 share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from threadkeep.dialects.ai_sdk_formats import v4_ui
from threadkeep.dialects.ai_sdk_formats.members import UI, Version, refuse_v4
from threadkeep.dialects.ai_sdk_formats.ui_parts import read_part
from threadkeep.dialects.ai_sdk_formats.ui_writing import write
from threadkeep.dialects.codec import COMMON, Codec, Output, Said
from threadkeep.dialects.reading import id_of, object_of, read_time
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message
from threadkeep.values.parts import Json, Part
from threadkeep.values.ports import Dialect

_ROLES: Final = ("system", "user", "assistant")

_SHARED: Final[Mapping[str, str]] = {
    **COMMON,
    "text.role": "A text in another role than its message's is written in the message's role.",
    "reasoning.signature": "A signature of an unknown provider is left out.",
    "reasoning.encrypted": "Encrypted reasoning of an unknown provider is left out.",
    "reasoning.id": "The id of reasoning of an unknown provider is left out.",
    "tool_result": "A second result of a call is left out.",
    "tool_result.content": "Files in a result are left out; its texts are the output.",
    "file.data": "The data of a file that has a URL are left out.",
    "source.media_type": "The media type of a source that has a URL is left out.",
    "source.name": "The file name of a source that has a URL is left out.",
}
_ID: Final = {
    "file": "A file known only by a provider's id is left out.",
    "file.file_id": "A provider's id of a file is left out.",
}
_MAKER: Final = {
    "file": "A file known only by the id of an unknown provider is left out.",
    "file.file_id": "The id of a file at an unknown provider is left out.",
}
_ORPHAN: Final = "An approval with no call, or one that contradicts the result, is left out."
_LOSSES: Final[Mapping[int, Mapping[str, str]]] = {
    5: {
        **_SHARED,
        **_ID,
        "tool_result.denied": "A denied call is written as an error with the reason.",
        "approval": "Approvals are left out.",
    },
    6: {**_SHARED, **_ID, "approval": f"{_ORPHAN} So is the reason of a question."},
    7: {**_SHARED, **_MAKER, "approval": _ORPHAN},
}


class _UI(Codec):
    """Raises InvalidError for a wrong `role`, `parts` or `id`."""

    family = UI

    def __init__(
        self, name: str, number: int, *, keeps: int | None = None, ids: bool = True
    ) -> None:
        self.name = name
        self.losses = _LOSSES[number]
        self._version = Version(number, keeps or number)
        self._ids = ids
        self._said = {"role", "parts", "id"} if ids else {"role", "parts"}

    def read(self, item: Json) -> Said:
        item = object_of(item)
        role, listed = item.get("role"), item.get("parts")
        if role not in _ROLES:
            raise InvalidError("role", f"must be one of {', '.join(_ROLES)}")
        if not isinstance(listed, list):
            raise InvalidError("parts", "must be a list")
        parts: list[Part] = []
        for block in listed:
            read_part(block, parts)
        # An id that the client has not set yet is "".
        id = id_of(item) if self._ids and item.get("id") != "" else None
        created_at = _created_at(item)
        unsaid = [name for name in item if name not in self._said]
        if created_at is not None:
            unsaid.remove("createdAt")
        return Said(role, parts, id, created_at, unsaid)

    def write(self, messages: Sequence[Message], out: Output) -> None:
        write(messages, out, self._version, ids=self._ids)


class _UIv4(Codec):
    """Reads only; raises InvalidError for a wrong `role`, `content`, `parts` or `id`."""

    name = f"{UI}@4"
    family = UI
    losses: Mapping[str, str] = {}

    def read(self, item: Json) -> Said:
        return v4_ui.read(item)

    def write(self, messages: Sequence[Message], out: Output) -> None:  # noqa: ARG002
        refuse_v4(UI)


def _created_at(item: dict[str, Any]) -> datetime | None:
    # Not a member of these versions, but the docs show it, and apps put it there.
    return read_time(item["createdAt"]) if "createdAt" in item else None


v4: Dialect = _UIv4()
v5: Dialect = _UI(f"{UI}@5", 5)
v6: Dialect = _UI(f"{UI}@6", 6)
v7: Dialect = _UI(f"{UI}@7", 7)
cloud_v5: Dialect = _UI("ai-sdk/v5", 5, ids=False)
cloud_v6: Dialect = _UI("ai-sdk/v6", 6, keeps=7, ids=False)
