"""The dialects of model messages of the Vercel AI SDK (`ModelMessage`), versions 4 to 7.

A native item is `{role, content, providerOptions?}`, with `content` a text or a list of blocks.
It has no id and no time. Version 4 (`CoreMessage`) is only read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from threadkeep.dialects.ai_sdk_formats import v4_model
from threadkeep.dialects.ai_sdk_formats.members import MODEL, Version, refuse_v4
from threadkeep.dialects.ai_sdk_formats.model_parts import read_block
from threadkeep.dialects.ai_sdk_formats.model_writing import write
from threadkeep.dialects.codec import COMMON, Codec, Output, Said
from threadkeep.dialects.reading import object_of
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message
from threadkeep.values.parts import ApprovalPart, Json, TextPart
from threadkeep.values.ports import Dialect

_ROLES: Final = ("system", "user", "assistant", "tool")

_SHARED: Final[Mapping[str, str]] = {
    **COMMON,
    "text.role": "A text in another role than its message's is written in the message's role.",
    "reasoning": "Reasoning that is not the model's is left out.",
    "reasoning.signature": "A signature of an unknown provider is left out.",
    "reasoning.encrypted": "Encrypted reasoning of an unknown provider is left out.",
    "reasoning.id": "The id of reasoning of an unknown provider is left out.",
    "tool_call": "Calls outside the model's words, or still being streamed, are left out.",
    "tool_result": "Results in a system message are left out.",
    "tool_result.content": "Files in an error or a denial are left out.",
    "provider_executed": "That a provider ran a tool is not said of results outside the answer.",
    "source": "Sources are left out.",
    "data": "An app's own data are left out.",
    "file.url": "The URL of a file that is written by its data or its id is left out.",
    "file.file_id": "A provider's id of a file that has a URL or data is left out.",
    "file.name": "The name of a file in a result that has no data is left out.",
}
_TYPE: Final = {
    "file.media_type": "The media type of a file in a result that has only an id is left out.",
}
_NO_ID: Final = "Files in a system message, and files known only by an id, are left out."
_ORPHAN: Final = "A question for approval that names no call is left out"
_LOSSES: Final[Mapping[int, Mapping[str, str]]] = {
    5: {
        **_SHARED,
        "file": _NO_ID,
        "tool_result.content": "Files in a result are left out, but for those with data.",
        "tool_result.denied": "A denied call is written as an error with the reason.",
        "approval": "Approvals are left out.",
    },
    6: {
        **_SHARED,
        **_TYPE,
        "file": _NO_ID,
        "approval": f"{_ORPHAN}, and so is the reason of a question.",
    },
    7: {
        **_SHARED,
        **_TYPE,
        "file": "Files in a system message, or known only by an id at nobody known, are left out.",
        "approval": f"{_ORPHAN}.",
    },
}


class _Model(Codec):
    """Raises InvalidError for a wrong `role` or `content`."""

    family = MODEL

    def __init__(self, number: int) -> None:
        self.name = f"{MODEL}@{number}"
        self.losses = _LOSSES[number]
        self._version = Version(number, number)

    def read(self, item: Json) -> Said:
        item = object_of(item)
        role, content = item.get("role"), item.get("content")
        if role not in _ROLES:
            raise InvalidError("role", f"must be one of {', '.join(_ROLES)}")
        unsaid = [name for name in item if name not in ("role", "content")]
        if isinstance(content, str) and role != "tool":
            return Said(role, (TextPart(content),), unsaid=unsaid)
        if not isinstance(content, list):
            raise InvalidError("content", "must be a text or a list")
        parts = [read_block(block, role) for block in content]
        # An answer to a question is nothing without it.
        cut = role != "tool" or not any(isinstance(part, ApprovalPart) for part in parts)
        return Said(role, parts, unsaid=unsaid, cut=cut)

    def write(self, messages: Sequence[Message], out: Output) -> None:
        write(messages, out, self._version)


class _ModelV4(Codec):
    """Reads only; raises InvalidError for a wrong `role` or `content`."""

    name = f"{MODEL}@4"
    family = MODEL
    losses: Mapping[str, str] = {}

    def read(self, item: Json) -> Said:
        return v4_model.read(item)

    def write(self, messages: Sequence[Message], out: Output) -> None:  # noqa: ARG002
        refuse_v4(MODEL)


v4: Dialect = _ModelV4()
v5: Dialect = _Model(5)
v6: Dialect = _Model(6)
v7: Dialect = _Model(7)
