"""How the dialect `langchain` writes: steps of a conversation as messages.

Contents are written in standard blocks, which a model's message says by `output_version`; the
blocks of a message that was edited only in part stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from threadkeep.dialects.codec import Output
from threadkeep.dialects.flow import Placed, Step, steps
from threadkeep.dialects.frameworks import is_wild, kind_of, own_item, provider_of
from threadkeep.dialects.reading import rest
from threadkeep.dialects.writing import object_of_input, output_text
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import (
    ApprovalPart,
    DataPart,
    FilePart,
    Json,
    Part,
    RawPart,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

Natives = Callable[[Role, Mapping[str, Any]], list[tuple[Part, Json]]]
"""The parts of a message's own data, each with its member of the content."""

_FAMILY: Final = "langchain"
_TYPES: Final[Mapping[Role, str]] = {"user": "human", "assistant": "ai", "system": "system"}
_CALLS: Final = ("tool_calls", "invalid_tool_calls", "tool_call_chunks")
_REWRITTEN: Final = ("content", "type", "id", "tool_call_id", "status", *_CALLS)


def write_messages(messages: Sequence[Message], family: str, out: Output, read: Natives) -> None:
    """Write a message for each step, and one for each result."""
    items = _Items(out)
    for step in steps(messages, family, apart=False):
        if step.role == "tool":
            for placed in step.placed:
                if isinstance(placed.part, ToolResultPart):
                    _write_result(placed, placed.part, items, read)
                else:
                    out.lost(placed, placed.part.type)
        elif _is_plain(step):
            text = getattr(step.placed[0].part, "text", "")
            more: dict[str, Json] = {}
            if step.role == "assistant":
                more = {"tool_calls": [], "invalid_tool_calls": [], "usage_metadata": None}
            items.add(_TYPES[step.role], text, more, step.messages)
        else:
            for listed in _by_provider(step):
                _Writer(step, listed, items, read).write()


def _is_plain(step: Step) -> bool:
    """Whether a step is one text, and nothing is known of it that is not said."""
    if len(step.placed) != 1:
        return False
    part, message, _ = step.placed[0]
    plain = isinstance(part, TextPart) and not part.extra and part.role in (None, step.role)
    return plain and not own_item(message, _FAMILY)


def _by_provider(step: Step) -> list[list[Placed]]:
    """What a step says, anew where another provider's reasoning begins: a message names one."""
    listed: list[list[Placed]] = [[]]
    provider: str | None = None
    for placed in step.placed:
        if isinstance(placed.part, ReasoningPart) and placed.part.provider is not None:
            if provider not in (None, placed.part.provider):
                listed.append([])
            provider = placed.part.provider
        listed[-1].append(placed)
    return listed


class _Items:
    """Adds items, the first one of a message with the members that no part says."""

    def __init__(self, out: Output) -> None:
        self.out = out
        self._written: set[int] = set()

    def add(
        self, kind: str, content: Json, members: Mapping[str, Json], messages: Sequence[Message]
    ) -> None:
        """Write a message of that type; `members` win over those it was loaded with."""
        message = messages[0]
        data: dict[str, Json] = {
            "content": content,
            "additional_kwargs": {},
            "response_metadata": {},
            "type": kind,
            "name": None,
            "id": None if message.id is None else self.out.name(message),
        }
        item: dict[str, Json] = {"type": kind, "data": data}
        for one in messages:
            own = data_of(one)
            if own and id(one) not in self._written:
                self._written.add(id(one))
                data |= rest(own, *_REWRITTEN)
                if data["id"] is None:
                    data["id"] = own.get("id")
                item |= rest(self.out.unsaid(one), *item, *own)
        data |= members
        self.out.add(item, messages)


def data_of(message: Message) -> Mapping[str, Any]:
    """The data of the item that a message was loaded from; empty where it is of another format."""
    data = own_item(message, _FAMILY).get("data")
    return data if isinstance(data, dict) else {}


def _write_result(placed: Placed, part: ToolResultPart, items: _Items, read: Natives) -> None:
    out, message = items.out, placed.message
    item, data = own_item(message, _FAMILY), data_of(message)
    content: Json = output_text(part)
    if part.content is not None:
        own = read("tool", data) if data else []
        if own and getattr(own[0][0], "content", None) == part.content:
            content = data.get("content")
        else:
            inner = (placed._replace(part=inside) for inside in part.content)
            content = [block for one in inner for block in _returned(one, out)]
    out.given(placed)
    if part.denied:
        out.lost(placed, "tool_result.denied")
    if part.provider_executed:
        out.lost(placed, "provider_executed")
    if item and item.get("type") in ("function", "FunctionMessageChunk") and part.name:
        items.add("function", content, {"name": part.name}, [message])
        return
    said: dict[str, Json] = {
        "name": part.name,
        "tool_call_id": part.call_id,
        "artifact": data.get("artifact"),
        "status": "error" if part.is_error else "success",
    }
    items.add("tool", content, said, [message])


class _Writer:
    """Writes the message that a step is."""

    def __init__(self, step: Step, placed: Sequence[Placed], items: _Items, read: Natives) -> None:
        self._step = step
        self._placed = placed
        self._items = items
        self._out = items.out
        self._own = data_of(step.messages[0])
        self._natives = read(step.role, self._own) if self._own else []
        self._answers = step.role == "assistant"
        self._content: list[Json] = []
        self._calls: dict[str, list[Json]] = {"tool_calls": [], "invalid_tool_calls": []}
        self._standard = False
        self._metadata: dict[str, Any] = {}
        self._kwargs: dict[str, Any] = {}
        self._thought = False
        if self._own:
            self._metadata = _object(self._own, "response_metadata")
            kwargs = _object(self._own, "additional_kwargs")
            self._kwargs = rest(kwargs, "tool_calls", "function_call")
            self._thought = isinstance(self._kwargs.pop("reasoning_content", None), str)
        self._provider = self._named()
        for part, _, _ in placed:
            if isinstance(part, ReasoningPart) and part.provider is not None:
                self._provider = part.provider
                break

    def write(self) -> None:
        """Write the message; none where nothing of the step has a place."""
        step = self._step
        listed = self._placed
        last = max(
            (n for n, one in enumerate(listed) if not isinstance(one.part, _NOT_IN_CONTENT)),
            default=-1,
        )
        for place, placed in enumerate(listed):
            self._take(placed, inside=place < last)
        said = (self._content, *self._calls.values(), "reasoning_content" in self._kwargs)
        if listed and not any(said):
            return
        members: dict[str, Json] = {"additional_kwargs": self._kwargs}
        if self._answers:
            self._mark()
            members |= {"response_metadata": self._metadata, **self._calls}
            members["usage_metadata"] = self._own.get("usage_metadata")
        native = own_item(step.messages[0], _FAMILY).get("type")
        kind = "chat" if native in ("chat", "ChatMessageChunk") else _TYPES[step.role]
        self._items.add(kind, self._said(), members, step.messages)

    def _said(self) -> Json:
        """The content: a text alone is no list."""
        if not self._content:
            return ""
        first = self._content[0]
        if len(self._content) == 1 and isinstance(first, dict) and first.keys() == _TEXT:
            return first["text"] if first["type"] == "text" else self._content
        return first if len(self._content) == 1 and isinstance(first, str) else self._content

    def _mark(self) -> None:
        if self._standard and not self._own:
            self._metadata["output_version"] = "v1"
        if self._provider != self._named():
            google = self._provider == "google"
            self._metadata["model_provider"] = "google_genai" if google else self._provider

    def _named(self) -> str | None:
        """The provider that the message was loaded with."""
        named = self._metadata.get("model_provider")
        return provider_of(named) if isinstance(named, str) else None

    def _take(self, placed: Placed, *, inside: bool) -> None:
        part, native = placed.part, self._native(placed)
        if isinstance(part, ToolCallPart) and not part.provider_executed:
            self._call(placed, part, native, inside=inside)
        elif native is not None:
            self._content.append(native)
        elif isinstance(part, RawPart):
            value = self._out.raw(placed)
            if self._out.is_own(placed):
                listed = _listed(self._own, value)
                (self._calls[listed] if listed else self._content).append(value)
        elif isinstance(part, ReasoningPart):
            self._reason(placed, part)
        else:
            if isinstance(part, TextPart) and part.role == "system" != self._step.role:
                self._out.lost(placed, "text.role")
            blocks = _blocks(placed, self._out)
            self._content += blocks
            self._standard |= bool(blocks) and not isinstance(part, TextPart)

    def _native(self, placed: Placed) -> Json:
        """The member of the content that an unchanged part came from."""
        if self._natives and self._out.is_own(placed):
            for number, (part, block) in enumerate(self._natives):
                if part == placed.part:
                    del self._natives[number]
                    return block
        return None

    def _call(self, placed: Placed, part: ToolCallPart, native: Json, *, inside: bool) -> None:
        """A call is listed; in the content it stands where it stood, or where more follows."""
        extra = self._out.given(placed)
        call: dict[str, Json] = {"name": part.name, "args": part.input, "id": part.call_id}
        if isinstance(part.input, str):
            listed, call["error"] = "invalid_tool_calls", extra.pop("error", None)
            call["type"] = "invalid_tool_call"
        else:
            listed, call["args"] = "tool_calls", object_of_input(part.input)
            call["type"] = "tool_call"
        if self._answers:
            self._calls[listed].append(call)
        if native is not None:
            self._content.append(native)
        elif inside or extra or not self._answers:
            self._content.append({**call, **extra})
            self._standard = True

    def _reason(self, placed: Placed, part: ReasoningPart) -> None:
        extra = self._out.given(placed)
        bare = part == ReasoningPart(part.text, provider=part.provider)
        if self._thought and bare and "reasoning_content" not in self._kwargs:
            self._kwargs["reasoning_content"] = part.text
            return
        self._standard = True
        said = {"signature": part.signature, "encrypted_content": part.encrypted}
        more = {name: value for name, value in said.items() if value is not None}
        hidden = [*more] == ["encrypted_content"] and not part.text and part.id is None
        if hidden and self._provider == "anthropic":
            redacted = {"type": "redacted_thinking", "data": part.encrypted, **extra}
            self._content.append({"type": "non_standard", "value": redacted})
            return
        block: dict[str, Json] = {"type": "reasoning", "reasoning": part.text}
        if part.id is not None:
            block["id"] = part.id
        extras = {**more, **_object(extra, "extras")}
        block |= rest(extra, "extras")
        self._content.append({**block, "extras": extras} if extras else block)


_NOT_IN_CONTENT: Final = (ToolCallPart, ApprovalPart, SourcePart, DataPart)
_TEXT: Final = {"type", "text"}


def _object(members: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = members.get(name)
    return dict(value) if isinstance(value, dict) else {}


def _listed(own: Mapping[str, Any], value: Json) -> str | None:
    """The list of calls that a value stands in, if any."""
    for name in ("tool_calls", "invalid_tool_calls"):
        if isinstance(own.get(name), list) and value in own[name]:
            return name
    return None


def _blocks(placed: Placed, out: Output) -> list[Json]:
    """The standard block of a part; none where it has none."""
    part = placed.part
    match part:
        case TextPart():
            return [{"type": "text", "text": part.text, **out.given(placed)}]
        case FilePart():
            return _file(placed, part, out)
        case ToolCallPart():
            args = object_of_input(part.input)
            call = {"type": "server_tool_call", "id": part.call_id, "name": part.name}
            return [{**call, "args": args, **out.given(placed)}]
        case ToolResultPart():
            return [_server_result(placed, part, out)]
        case RawPart():
            value = out.raw(placed)
            return [value] if out.is_own(placed) else []
        case _:
            out.lost(placed, part.type)
            return []


def _returned(placed: Placed, out: Output) -> list[Json]:
    if isinstance(placed.part, TextPart | FilePart | RawPart):
        return _blocks(placed, out)
    out.lost(placed, "tool_result.content")
    return []


def _file(placed: Placed, part: FilePart, out: Output) -> list[Json]:
    places = {"url": part.url, "base64": part.data, "file_id": part.file_id}
    found = {name: value for name, value in places.items() if value is not None}
    if not found:
        out.lost(placed, "file")
        return []
    extra = out.given(placed)
    block: dict[str, Json] = {"type": kind_of(part.media_type) or "file", **found}
    if part.media_type is not None and not is_wild(part.media_type):
        block["mime_type"] = part.media_type
    if part.name is not None:
        extra["extras"] = {**_object(extra, "extras"), "filename": part.name}
    return [{**block, **extra}]


def _server_result(placed: Placed, part: ToolResultPart, out: Output) -> Json:
    output = part.output
    if part.content is not None:
        output = output_text(part)
        if not all(isinstance(inner, TextPart) for inner in part.content):
            out.lost(placed, "tool_result.content")
    if part.denied:
        out.lost(placed, "tool_result.denied")
    return {
        "type": "server_tool_result",
        "tool_call_id": part.call_id,
        "status": "error" if part.is_error else "success",
        "output": output,
        **out.given(placed),
    }
