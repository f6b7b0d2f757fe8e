"""The dialect `openai-responses`: items of OpenAI's Responses and of its Conversations.

A native item is one input or output item: a message `{"role", "content"}`, a reasoning item, a
call or its output, as the types of the package `openai` have them. Each is one message. An object
of an unknown type is an answer's raw part, whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from threadkeep.dialects.codec import COMMON, Codec, Output, Said
from threadkeep.dialects.openai_responses.blocks import read_blocks
from threadkeep.dialects.openai_responses.rewriting import ROLES
from threadkeep.dialects.openai_responses.tools import read_tool
from threadkeep.dialects.openai_responses.writing import write_messages
from threadkeep.dialects.reading import id_of, object_of
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import (
    ApprovalPart,
    Json,
    Part,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolResultPart,
)
from threadkeep.values.ports import Dialect

_PLAIN: Final = frozenset({"role", "content"})
_FRAME: Final = ("type", "id")
_BORROWED: Final = (None, "local_shell_call_output", "item_reference")
"""The types of items whose `id` is that of another item."""


def _message(item: dict[str, Json]) -> Said:
    role = item.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidError("role", f"must be one of {', '.join(ROLES)}")
    content = item.get("content")
    parts: Sequence[Part] = ()
    said = {*_FRAME, "role"}
    if isinstance(content, str | list):
        said.add("content")
        parts = (TextPart(content),) if isinstance(content, str) else read_blocks(content)
    known = ROLES[role]
    cut = known in ("user", "system")
    return Said(known, parts, id=id_of(item), unsaid=_unsaid(item, said), cut=cut)


def _reasoning(item: dict[str, Json]) -> Said | None:
    id, encrypted = item.get("id"), item.get("encrypted_content")
    texts, thoughts = _texts(item.get("summary")), _texts(item.get("content"))
    if texts is None or thoughts is None or not isinstance(encrypted, str | None):
        return None
    if not isinstance(id, str | None):
        return None
    said = {*_FRAME, "summary", "encrypted_content"}
    if not texts:
        texts = thoughts
        said.add("content")
    # All texts are of one item: its id stands with each, what is encrypted with the first.
    parts = [
        ReasoningPart(text, encrypted=None if place else encrypted, id=id, provider="openai")
        for place, text in enumerate(texts or [""])
    ]
    return Said("assistant", parts, id=id_of(item), unsaid=_unsaid(item, said))


def _texts(listed: Json) -> list[str] | None:
    """The texts of a summary or a content; None where there is anything else in it."""
    if listed is None:
        return []
    texts: list[str] = []
    for one in listed if isinstance(listed, list) else (None,):
        text = one.get("text") if isinstance(one, dict) else None
        if not isinstance(text, str) or not isinstance(one, dict) or one.keys() != {"type", "text"}:
            return None
        texts.append(text)
    return texts


def _other(kind: str | None, item: dict[str, Json]) -> Said:
    id = None if kind in _BORROWED else id_of(item)
    found = None if kind is None else read_tool(kind, item)
    if found is None:
        return Said("assistant", (RawPart(item),), id=id, cut=kind == "reasoning")
    role: Role = "tool" if all(map(_comes_back, found.parts)) else "assistant"
    unsaid = _unsaid(item, {*_FRAME, *found.said})
    return Said(role, found.parts, id=id, unsaid=unsaid, cut=False)


def _comes_back(part: Part) -> bool:
    if isinstance(part, ToolResultPart):
        return True
    return isinstance(part, ApprovalPart) and part.approved is not None


def _unsaid(item: Mapping[str, Json], said: set[str]) -> list[str]:
    """The members that nothing says; a null says nothing, nor that an item is complete."""
    return [
        name
        for name, value in item.items()
        if name not in said
        and value is not None
        and not (name == "status" and value == "completed")
        and not (name == "content" and value == [])
    ]


class _OpenAIResponses(Codec):
    """Responses and Conversations.

    Raises InvalidError for what is no object, for a `type` that is no text, for a message of an
    unknown `role`, and for an `id` that is none.
    """

    name = family = "openai-responses"
    losses: Mapping[str, str] = {
        **COMMON,
        "reasoning": "Reasoning is left out, but for OpenAI's own with the id of its item.",
        "provider_executed": "A call that another provider ran itself is a call like others.",
        "tool_result.is_error": "That a result is an error is not said.",
        "tool_result.denied": "That a call was denied is said only in the words of the result.",
        "approval": "Approvals are left out, but for those of OpenAI's own MCP calls.",
        "file": "Files in an answer, audio and video are left out.",
        "file.name": "Only a file that goes by its data has a name; images have none.",
        "file.media_type": "The media type is said only where the data stands.",
        "source": "Sources are left out: a citation needs its place in the text.",
        "data": "An app's own data is left out.",
    }

    def read(self, item: Json) -> Said:
        """What an item says. Hosted calls are call and result, with `provider_executed`.

        An approved MCP call is only the result of the call that the approval asked for.
        """
        item = object_of(item)
        kind = item.get("type")
        if item.keys() == _PLAIN and isinstance(item["content"], str) and item["role"] == "user":
            return Said("user", (TextPart(item["content"]),))
        if not isinstance(kind, str | None):
            raise InvalidError("type", "must be a text")
        if kind == "message" or (kind is None and "role" in item):
            return _message(item)
        return (_reasoning(item) if kind == "reasoning" else None) or _other(kind, item)

    def write(self, messages: Sequence[Message], out: Output) -> None:
        """One item for each message of a user or the system, each text and each call or result."""
        write_messages(messages, out)


dialect: Dialect = _OpenAIResponses()
