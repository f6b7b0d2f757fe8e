"""The dialect `langchain`: messages as `message_to_dict` of langchain-core writes them.

A native item is `{"type", "data"}`: the type human, ai, system, tool, function, chat, remove or one
of a chunk, and the members of the message. Source: `langchain_core.messages`, 1.7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from threadkeep.dialects.codec import COMMON, Codec, Output, Said
from threadkeep.dialects.frameworks import provider_of
from threadkeep.dialects.langchain.blocks import CALLS, read_block, read_call
from threadkeep.dialects.langchain.writing import write_messages
from threadkeep.dialects.reading import input_of, object_of
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import (
    Json,
    Part,
    RawPart,
    ReasoningPart,
    ToolCallPart,
    ToolResultPart,
)
from threadkeep.values.ports import Dialect

_ROLES: Final[Mapping[str, Role]] = {
    "human": "user",
    "ai": "assistant",
    "system": "system",
    "tool": "tool",
    "function": "tool",
    "chat": "user",
    "remove": "system",
    "HumanMessageChunk": "user",
    "AIMessageChunk": "assistant",
    "SystemMessageChunk": "system",
    "ToolMessageChunk": "tool",
    "FunctionMessageChunk": "tool",
    "ChatMessageChunk": "user",
}
_CHAT_ROLES: Final[Mapping[str, Role]] = {
    "ai": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
}


class _LangChain(Codec):
    """Raises InvalidError for an item that is no object, or has a wrong `type` or `data`."""

    name = family = "langchain"
    losses: Mapping[str, str] = {
        **COMMON,
        "text.role": "Words of the system inside an answer are words of the model.",
        "provider_executed": "Results outside of the model's messages are those of own tools.",
        "tool_result.content": "Of what a provider's tool returned only words and values are"
        " kept, of other results words and files.",
        "tool_result.denied": "A denied call has a result like any other.",
        "approval": "Approvals are left out.",
        "file": "Files that are nowhere to be had from are left out.",
        "source": "Sources are left out.",
        "data": "Data parts are left out.",
    }

    def read(self, item: Json) -> Said:
        item = object_of(item)
        kind, data = item.get("type"), item.get("data")
        role = _ROLES.get(kind) if isinstance(kind, str) else None
        if role is None:
            raise InvalidError("type", f"must be one of {', '.join(_ROLES)}")
        if not isinstance(data, dict):
            raise InvalidError("data", "must be an object")
        unsaid = [name for name in item if name not in ("type", "data")]
        if kind == "remove":
            return Said("system", [RawPart(item)], unsaid=unsaid)
        if kind in ("chat", "ChatMessageChunk"):
            role = _CHAT_ROLES.get(str(data.get("role")).lower(), role)
        unsaid += [
            name
            for name, value in data.items()
            if value and name not in _SAID and _counts(name, value, data)
        ]
        parts = [part for part, _ in natives(role, data)]
        return Said(role, parts, _id_of(data), unsaid=unsaid, within="data")

    def write(self, messages: Sequence[Message], out: Output) -> None:
        write_messages(messages, self.family, out, natives)


# The last three tell how the answer was made, which stays with the stored row.
_SAID: Final = (
    *("content", "type", "id", "tool_call_id", "status"),
    *("tool_calls", "invalid_tool_calls", "tool_call_chunks"),
    *("chunk_position", "response_metadata", "usage_metadata"),
)
_CALLED: Final = ("tool_calls", "function_call", "reasoning_content")


def _counts(name: str, value: Json, data: Mapping[str, Any]) -> bool:
    """Whether a member says something that the parts do not."""
    if name == "name" and ("tool_call_id" in data or data.get("type") == "function"):
        return False
    if name == "additional_kwargs" and isinstance(value, dict):
        return any(key not in _CALLED for key, one in value.items() if one is not None)
    return True


def _id_of(data: Mapping[str, Any]) -> str | None:
    """The id of a message; None also for one that cannot be the id of a row."""
    id = data.get("id")
    try:
        return None if id is None else check_id("id", id)
    except InvalidError:
        return None


def natives(role: Role, data: Mapping[str, Any]) -> list[tuple[Part, Json]]:
    """The parts of a message, each with the member of its content; None where it is in none."""
    if role == "tool" and (result := _read_result(data)) is not None:
        return [(result, None)]
    provider = provider_of(_member(data, "response_metadata", "model_provider"))
    content = data.get("content")
    blocks = [content] if isinstance(content, str) and content else content
    blocks = blocks if isinstance(blocks, list) else []
    if role != "assistant":
        return [(read_block(block, provider), block) for block in blocks]
    calls = dict(_read_calls(data))
    found: list[tuple[Part, Json]] = []
    for block in blocks:
        kind: Any = block.get("type") if isinstance(block, dict) else None
        id: Any = None
        if isinstance(block, dict) and kind in CALLS:
            id = block.get("call_id" if kind == "function_call" else "id")
        call = calls.pop(id, None) if isinstance(id, str) else None
        found.append((call or read_block(block, provider), block))
    found += [(call, None) for call in calls.values()]
    thought = _member(data, "additional_kwargs", "reasoning_content")
    if thought and not any(isinstance(part, ReasoningPart) for part, _ in found):
        found.insert(0, (ReasoningPart(thought, provider=provider), None))
    return found


def _member(data: Mapping[str, Any], place: str, name: str) -> str | None:
    inner = data.get(place)
    value = inner.get(name) if isinstance(inner, dict) else None
    return value if isinstance(value, str) else None


def _read_result(data: Mapping[str, Any]) -> ToolResultPart | None:
    """The result that a message is; a function's, which has no id, answers the call of its name."""
    name, content = data.get("name"), data.get("content")
    call_id = data.get("tool_call_id", name)
    if not isinstance(call_id, str) or not isinstance(content, str | list):
        return None
    failed = True if data.get("status") == "error" else None
    listed = tuple(map(_read_returned, content)) if isinstance(content, list) else None
    return ToolResultPart(
        call_id,
        content if isinstance(content, str) else None,
        name if isinstance(name, str) else None,
        failed,
        content=listed,
    )


def _read_returned(block: Json) -> Part:
    part = read_block(block)
    if isinstance(part, ReasoningPart | ToolCallPart | ToolResultPart):
        return RawPart(block)
    return part


def _read_calls(data: Mapping[str, Any]) -> Iterator[tuple[str, Part]]:
    """The calls that a message lists, each under its id; without an id it has that of its name."""
    listed: list[Any] = [*_listed(data, "tool_calls"), *_listed(data, "invalid_tool_calls")]
    if not listed:
        kwargs = data.get("additional_kwargs")
        if isinstance(kwargs, dict):
            listed = [_plain(call) for call in _listed(kwargs, "tool_calls")]
            if not listed and isinstance(kwargs.get("function_call"), dict):
                listed = [_plain({"function": kwargs["function_call"]})]
    ids: set[str] = set()
    for place, call in enumerate(listed):
        part = read_call(call)
        if part is None:
            yield f"\0{place}", RawPart(call)
            continue
        id = part.call_id
        if id in ids:
            id = f"{id}.{place}"
            if call.get("id") is None:
                part = ToolCallPart(id, part.name, part.input, extra=part.extra)
        ids.add(id)
        yield id, part


def _listed(data: Mapping[str, Any], name: str) -> list[Json]:
    listed = data.get(name)
    return listed if isinstance(listed, list) else []


def _plain(call: Json) -> Json:
    """A call as OpenAI's models write it, as LangChain does."""
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return call
    return {
        "name": function.get("name"),
        "args": input_of(function.get("arguments")),
        "id": call.get("id"),
    }


dialect: Dialect = _LangChain()
