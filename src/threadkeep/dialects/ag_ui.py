"""The dialect `ag-ui`: the messages of the Agent User Interaction Protocol.

A native item is one message as it stands on the wire, in camelCase: `{"id", "role", "content"}`
with the role developer, system, user, assistant (with `toolCalls`), tool (with `toolCallId`),
activity (`activityType`, and an object as content) or reasoning. Source: `ag_ui.core`, 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from threadkeep.dialects.codec import COMMON, RAW, Codec, Output, Said
from threadkeep.dialects.flow import Placed, Step, steps
from threadkeep.dialects.frameworks import (
    files_at,
    is_wild,
    json_text,
    kind_of,
    own_item,
    thought_of,
    with_kind,
    written_thought,
)
from threadkeep.dialects.reading import file_of, id_of, input_of, kept, object_of, rest
from threadkeep.dialects.writing import output_text
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import (
    DataPart,
    FilePart,
    Json,
    Part,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from threadkeep.values.ports import Dialect

_FAMILY: Final = "ag-ui"
_ROLES: Final[Mapping[str, Role]] = {
    "developer": "system",
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "activity": "assistant",
    "reasoning": "assistant",
}
_MEDIA: Final = ("image", "audio", "video", "document")


class _AgUi(Codec):
    """Raises InvalidError for an item that is no object, or has a wrong `role` or `id`."""

    name = family = _FAMILY
    losses: Mapping[str, str] = {
        **COMMON,
        "text.role": "Words of the system inside an answer are words of the model.",
        "reasoning.signature": "Of a signature and encrypted reasoning only one is kept.",
        "reasoning.encrypted": "Of a signature and encrypted reasoning only one is kept.",
        "tool_call": "Calls outside of the model's messages are left out.",
        "provider_executed": "Tools that the provider ran look like any other.",
        "tool_result.denied": "A denied call has a result like any other.",
        "approval": "Approvals are left out.",
        "tool_result.content": "Of results only words and files are kept.",
        "file": "Files in the messages of the model and the system, and files without a place"
        " they can be had from, are left out.",
        "file.url": "A file that has data is written without its URL.",
        "file.file_id": "A file that has data or a URL is written without its id.",
        "source": "Sources are left out.",
    }

    def read(self, item: Json) -> Said:
        item = object_of(item)
        kind = item.get("role")
        role = _ROLES.get(kind) if isinstance(kind, str) else None
        if role is None:
            raise InvalidError("role", f"must be one of {', '.join(_ROLES)}")
        parts, said = _READERS.get(kind, _read_words)(item)
        unsaid = [name for name, value in item.items() if name not in said and value is not None]
        return Said(role, parts, id_of(item), unsaid=unsaid)

    def write(self, messages: Sequence[Message], out: Output) -> None:
        written: set[int] = set()
        for step in steps(messages, self.family):
            _Writer(step, out, written).write()


_Read = tuple[list[Part], tuple[str, ...]]
"""The parts of an item, and the names of the members they say."""


def _read_words(item: Mapping[str, Any]) -> _Read:
    content = item.get("content")
    if isinstance(content, str):
        return ([TextPart(content)] if content else []), _WORDS
    if isinstance(content, list):
        return [_read_part(block) for block in content], _WORDS
    return [], _FRAME


_FRAME: Final = ("id", "role")
_WORDS: Final = (*_FRAME, "content")
_ANSWER: Final = (*_WORDS, "toolCalls")
_RESULT: Final = (*_WORDS, "toolCallId", "error")
_ACTIVITY: Final = (*_WORDS, "activityType")
_THOUGHT: Final = (*_WORDS, "encryptedValue")


def _read_answer(item: Mapping[str, Any]) -> _Read:
    parts, said = _read_words(item)
    calls = item.get("toolCalls")
    if not isinstance(calls, list):
        return parts, said
    return [*parts, *map(_read_call, calls)], (*said, "toolCalls")


def _read_call(call: Json) -> Part:
    function = call.get("function") if isinstance(call, dict) else None
    if (
        not isinstance(function, dict)
        or call.get("type", "function") != "function"
        or not isinstance(call.get("id"), str)
        or not isinstance(function.get("name"), str)
        or not isinstance(function.get("arguments"), str)
    ):
        return RawPart(call)
    extra = kept(ToolCallPart, call, "id", "type", "function")
    if len(function) > 2:
        extra["function"] = rest(function, "name", "arguments")
    return ToolCallPart(call["id"], function["name"], input_of(function["arguments"]), extra=extra)


def _read_result(item: Mapping[str, Any]) -> _Read:
    call_id, content, error = item.get("toolCallId"), item.get("content"), item.get("error")
    if not isinstance(call_id, str) or not isinstance(content, str | list):
        return _read_words(item)
    failed = error is not None
    extra = {"error": error} if failed and error != content else {}
    if isinstance(content, list):
        listed = tuple(map(_read_part, content))
        return [
            ToolResultPart(call_id, content=listed, is_error=failed or None, extra=extra)
        ], _RESULT
    return [ToolResultPart(call_id, content, is_error=failed or None, extra=extra)], _RESULT


def _read_activity(item: Mapping[str, Any]) -> _Read:
    name, content = item.get("activityType"), item.get("content")
    if isinstance(name, str) and isinstance(content, dict):
        return [DataPart(name, content)], _ACTIVITY
    return _read_words(item)


def _read_reasoning(item: Mapping[str, Any]) -> _Read:
    text, value = item.get("content"), item.get("encryptedValue")
    if not isinstance(text, str):
        return _read_words(item)
    if not isinstance(value, str):
        return [ReasoningPart(text)], _WORDS
    # pydantic-ai's adapter writes an object here, and reads no other text.
    said = input_of(value) if value[:1] == "{" else None
    thought = thought_of(text, said) if isinstance(said, dict) else None
    return [thought or ReasoningPart(text, encrypted=value)], _THOUGHT


_READERS: Final = {
    "assistant": _read_answer,
    "tool": _read_result,
    "activity": _read_activity,
    "reasoning": _read_reasoning,
}


def _read_part(block: Json) -> Part:
    """The part that a member of a content is; `binary` is how files were written before 1.0."""
    kind: Any = block.get("type") if isinstance(block, dict) else None
    if kind == "text" and isinstance(block.get("text"), str):
        return TextPart(block["text"], extra=kept(TextPart, block, "type", "text"))
    if kind == "binary":
        return _read_binary(block)
    source = block.get("source") if kind in _MEDIA else None
    if not isinstance(source, dict) or not isinstance(source.get("value"), str):
        return RawPart(block)
    media_type = source.get("mimeType")
    if not isinstance(media_type, str | None):
        return RawPart(block)
    extra, name = _name_of(kept(FilePart, block, "type", "source"))
    if more := rest(source, "type", "value", "mimeType"):
        extra["source"] = more
    match source.get("type"):
        case "data":
            file = FilePart(media_type, data=source["value"], name=name, extra=extra)
        case "url":
            file = file_of(source["value"], media_type=media_type, name=name, extra=extra)
        case "file":
            file = FilePart(media_type, file_id=source["value"], name=name, extra=extra)
        case _:
            return RawPart(block)
    return with_kind(file, kind)


def _read_binary(block: Mapping[str, Any]) -> Part:
    said = ("mimeType", "url", "data", "id", "filename")
    if not all(isinstance(block.get(name), str | None) for name in said):
        return RawPart(block)
    return FilePart(
        block.get("mimeType"),
        block.get("url"),
        block.get("data"),
        block.get("id"),
        block.get("filename"),
        kept(FilePart, block, "type", *said),
    )


def _name_of(extra: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The name of a file stands in its metadata, where it came from AG-UI before 1.0."""
    metadata = extra.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("filename"), str):
        return extra, None
    if more := rest(metadata, "filename"):
        extra["metadata"] = more
    else:
        del extra["metadata"]
    return extra, metadata["filename"]


class _Writer:
    """Writes one step: a message of its role, with the reasoning and the data between."""

    def __init__(self, step: Step, out: Output, written: set[int]) -> None:
        self._step = step
        self._out = out
        self._content: list[Json] = []
        self._calls: list[Json] = []
        self._written = written

    def write(self) -> None:
        """Write the step; nothing where nothing of it has a place."""
        step = self._step
        if not step.placed and step.role != "tool":
            self._add(step.role, {"content": ""}, step.messages)
        for placed in step.placed:
            part = placed.part
            if isinstance(part, ReasoningPart):
                self._flush()
                self._add("reasoning", self._reasoning(placed, part), [placed.message])
            elif isinstance(part, DataPart) and isinstance(part.data, dict):
                self._flush()
                activity = {"activityType": part.name, "content": part.data}
                self._add("activity", activity | self._out.given(placed), [placed.message])
            elif isinstance(part, ToolResultPart):
                self._flush()
                self._add("tool", self._result(placed, part), [placed.message])
            else:
                self._take(placed)
        self._flush()

    def _take(self, placed: Placed) -> None:
        part, out, answers = placed.part, self._out, self._step.role == "assistant"
        if isinstance(part, ToolCallPart) and answers:
            if part.provider_executed:
                out.lost(placed, "provider_executed")
            self._calls.append(_call(part, out.given(placed)))
        elif isinstance(part, FilePart) and self._step.role != "user":
            out.lost(placed, "file")
        elif isinstance(part, TextPart | FilePart | RawPart):
            if isinstance(part, TextPart) and part.role == "system" != self._step.role:
                out.lost(placed, "text.role")
            calls = own_item(placed.message, _FAMILY).get("toolCalls")
            is_call = isinstance(part, RawPart) and isinstance(calls, list) and part.value in calls
            (self._calls if is_call and answers else self._content).extend(_blocks(placed, out))
        else:
            # An activity is an object: other data has no place.
            out.lost(placed, RAW if isinstance(part, DataPart) else part.type)

    def _flush(self) -> None:
        if not self._content and not self._calls:
            return
        content, calls, self._content, self._calls = self._content, self._calls, [], []
        item: dict[str, Json] = {}
        texts = [block["text"] for block in content if _is_plain(block)]
        if len(texts) == len(content) and (self._step.role != "user" or len(texts) < 2):
            if texts:
                item["content"] = "\n\n".join(texts)
        else:
            item["content"] = content
        if calls:
            item["toolCalls"] = calls
        self._add(self._step.role, item, self._step.messages)

    def _add(self, role: str, said: dict[str, Json], messages: Sequence[Message]) -> None:
        """Write an item, with what no part says where it is the first one of its message."""
        if role == "system" and own_item(messages[0], _FAMILY).get("role") == "developer":
            role = "developer"
        item: dict[str, Json] = {"id": self._out.name(messages[0]), "role": role, **said}
        for message in messages:
            if id(message) not in self._written:
                self._written.add(id(message))
                item |= rest(self._out.unsaid(message), *item)
        self._out.add(item, messages)

    def _reasoning(self, placed: Placed, part: ReasoningPart) -> dict[str, Json]:
        said: dict[str, Json] = {"content": part.text}
        value = part.encrypted
        alone = part.signature is None and part.id is None and part.provider is None
        detailed = part.extra and self._out.is_own(placed)
        if value is not None and alone and not detailed and value[:1] != "{":
            self._out.given(placed)
            return {**said, "encryptedValue": value}
        thought = written_thought(placed, part, self._out)
        if thought:
            said["encryptedValue"] = jsontext.encode(thought, overflow=True)
        return said

    def _result(self, placed: Placed, part: ToolResultPart) -> dict[str, Json]:
        out = self._out
        said: dict[str, Json] = {"content": output_text(part), "toolCallId": part.call_id}
        if part.content is not None:
            inner = (placed._replace(part=inside) for inside in part.content)
            said["content"] = [block for one in inner for block in _blocks(one, out)]
        if part.is_error:
            said["error"] = output_text(part)
        if part.denied:
            out.lost(placed, "tool_result.denied")
        if part.provider_executed:
            out.lost(placed, "provider_executed")
        extra = out.given(placed)
        return said | (extra if part.is_error else rest(extra, "error"))


def _blocks(placed: Placed, out: Output) -> list[Json]:
    """The member of a content that a text, a file or a raw part is; none where it has no place."""
    part = placed.part
    if isinstance(part, TextPart):
        return [{"type": "text", "text": part.text, **out.given(placed)}]
    if isinstance(part, FilePart):
        return _file(placed, part, out)
    if isinstance(part, RawPart):
        value = out.raw(placed)
        return [value] if out.is_own(placed) else []
    out.lost(placed, "tool_result.content")
    return []


def _is_plain(block: Json) -> bool:
    return (
        isinstance(block, dict)
        and block.keys() == {"type", "text"}
        and block["type"] == "text"
        and isinstance(block["text"], str)
    )


def _call(part: ToolCallPart, extra: dict[str, Json]) -> Json:
    function = {"name": part.name, "arguments": json_text(part.input)}
    more = extra.pop("function", None)
    if isinstance(more, dict):
        function |= rest(more, "name", "arguments")
    return {"id": part.call_id, "type": "function", "function": function, **extra}


def _file(placed: Placed, part: FilePart, out: Output) -> list[Json]:
    media_type = part.media_type
    source: dict[str, Json]
    if part.data is not None:
        source = {"type": "data", "value": part.data}
        source["mimeType"] = media_type or "application/octet-stream"
    elif part.url is not None:
        source = {"type": "url", "value": part.url}
    elif part.file_id is not None:
        source = {"type": "file", "value": part.file_id}
        if provider := files_at(placed):
            source["provider"] = provider
    else:
        out.lost(placed, "file")
        return []
    if source["type"] != "url" and part.url is not None:
        out.lost(placed, "file.url")
    if source["type"] != "file" and part.file_id is not None:
        out.lost(placed, "file.file_id")
    if media_type is not None and not is_wild(media_type):
        source["mimeType"] = media_type
    extra = out.given(placed)
    more = extra.pop("source", None)
    if isinstance(more, dict):
        source |= rest(more, *source)
    if part.name is not None:
        metadata = extra.get("metadata")
        extra["metadata"] = {
            **(metadata if isinstance(metadata, dict) else {}),
            "filename": part.name,
        }
    return [{"type": kind_of(media_type) or "document", "source": source, **extra}]


dialect: Dialect = _AgUi()
