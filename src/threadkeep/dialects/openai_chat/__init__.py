"""The dialect `openai-chat`: messages of OpenAI's Chat Completions.

A native item is one message: `{"role": "user", "content": ...}`, as it goes to the API or as the
API answers it (also as the SDK's `model_dump` gives it, with nulls). The types are those of the
package `openai`. `reasoning_content` and `reasoning`, which other vendors of this API add to their
answers, are read as reasoning. A legacy function call has no id: it goes by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from threadkeep.dialects.codec import COMMON, Codec, Output, Said
from threadkeep.dialects.flow import steps
from threadkeep.dialects.openai_chat.writing import write_step
from threadkeep.dialects.openai_files import data_from, image_from, source_from, spare
from threadkeep.dialects.reading import input_of, kept, object_of
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import (
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

_ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_SPOKEN: Final = frozenset({"system", "developer", "user", "assistant"})
_PLAIN: Final = frozenset({"role", "content"})
_AUDIO: Final[Mapping[str, str]] = {"wav": "audio/wav", "mp3": "audio/mpeg"}


def _text(block: dict[str, Json]) -> Part | None:
    text = block.get("text")
    if not isinstance(text, str):
        return None
    if len(block) == 2:
        return TextPart(text)
    extra = spare(TextPart, block, ("type", "text"), "refusal", "transcript")
    return None if extra is None else TextPart(text, extra=extra)


def _refusal(block: dict[str, Json]) -> Part | None:
    text = block.get("refusal")
    extra = spare(TextPart, block, ("type", "refusal"), "transcript")
    if not isinstance(text, str) or extra is None:
        return None
    return TextPart(text, extra={"refusal": True, **extra})


def _image(block: dict[str, Json]) -> Part | None:
    image, url, extra = _inner(block, "image_url", ("url",))
    if not isinstance(url, str) or extra is None or not isinstance(image, dict):
        return None
    return image_from(url, None, extra)


def _audio_input(block: dict[str, Json]) -> Part | None:
    audio, data, extra = _inner(block, "input_audio", ("data", "format"))
    if not isinstance(data, str) or extra is None or not isinstance(audio, dict):
        return None
    kind = audio.get("format")
    media_type = _AUDIO.get(kind) if isinstance(kind, str) else None
    return None if media_type is None else FilePart(media_type, data=data, extra=extra)


def _file(block: dict[str, Json]) -> Part | None:
    file, data, extra = _inner(block, "file", ("file_data", "file_id", "filename"))
    if extra is None or not isinstance(file, dict):
        return None
    id, name = file.get("file_id"), file.get("filename")
    if not all(isinstance(value, str | None) for value in (data, id, name)):
        return None
    if data is None:
        return FilePart(file_id=id, name=name, extra=extra)
    return data_from(data, id, name, extra)


def _inner(block: dict[str, Json], name: str, said: tuple[str, ...]) -> tuple[Json, Json, Json]:
    """The object under a member of a block, its first said member, and all that is not said."""
    inner = block.get(name)
    if not isinstance(inner, dict):
        return None, None, None
    extra = spare(FilePart, block, ("type", name), "audio")
    # The default of `detail` says nothing.
    rest = {
        key: value
        for key, value in inner.items()
        if key not in said and (key, value) != ("detail", "auto")
    }
    if rest and extra is not None:
        extra[name] = rest
    return inner, inner.get(said[0]), extra


_BLOCKS: Final[Mapping[str, Callable[[dict[str, Json]], Part | None]]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "input_audio": _audio_input,
    "file": _file,
}


def _blocks(content: list[Json]) -> list[Part]:
    parts: list[Part] = []
    for block in content:
        kind = block.get("type") if isinstance(block, dict) else None
        read = _BLOCKS.get(kind) if isinstance(kind, str) else None
        part = None if read is None else read(block)
        parts.append(RawPart(block) if part is None else part)
    return parts


def _said_words(item: dict[str, Json], said: set[str]) -> list[Part]:
    content = item.get("content")
    if isinstance(content, str):
        # Many answer so where they only call tools.
        return [] if not content and item.get("tool_calls") else [TextPart(content)]
    if isinstance(content, list):
        return _blocks(content)
    said.discard("content")
    return []


def _said_answer(item: dict[str, Json], said: set[str]) -> list[Part]:
    """What an assistant's message says; members that stand besides the content are optional."""
    parts: list[Part] = []
    for name in ("reasoning_content", "reasoning"):
        value = item.get(name)
        if isinstance(value, str) and not parts:
            said.add(name)
            parts.append(ReasoningPart(value))
    parts += _said_words(item, said)
    for name, read in _MEMBERS.items():
        value = item.get(name)
        found = None if value is None else read(value)
        if found is not None:
            said.add(name)
            parts += found
    return parts


def _said_refusal(value: Json) -> list[Part] | None:
    return [TextPart(value, extra={"refusal": True})] if isinstance(value, str) else None


def _said_audio(audio: Json) -> list[Part] | None:
    if not isinstance(audio, dict) or not isinstance(audio.get("id"), str):
        return None
    data, words = audio.get("data"), audio.get("transcript")
    if not isinstance(data, str | None) or not isinstance(words, str | None):
        return None
    rest = {n: v for n, v in audio.items() if n not in ("id", "data", "transcript")}
    file = FilePart("audio/*", data=data, file_id=audio["id"], extra={"audio": rest})
    return [file, TextPart(words, extra={"transcript": True})] if words else [file]


def _said_annotations(value: Json) -> list[Part] | None:
    parts: list[Part] = []
    for entry in value if isinstance(value, list) else (None,):
        if not isinstance(entry, dict) or entry.keys() != {"type", "url_citation"}:
            return None
        cited = entry["url_citation"]
        if not isinstance(cited, dict):
            return None
        source = source_from(entry["type"], cited) if "type" not in cited else None
        if source is None or source.url is None:
            return None
        parts.append(source)
    return parts


def _said_function(call: Json) -> list[Part] | None:
    if not isinstance(call, dict) or call.keys() != {"name", "arguments"}:
        return None
    name, arguments = call["name"], call["arguments"]
    if not isinstance(name, str) or not isinstance(arguments, str):
        return None
    return [ToolCallPart(name, name, input_of(arguments))]


def _said_calls(value: Json) -> list[Part] | None:
    if not isinstance(value, list):
        return None
    # A call of an unknown kind is a raw part that says where it stood.
    return [_call(entry) or RawPart({"tool_calls": [entry]}) for entry in value]


def _call(entry: Json) -> Part | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        return None
    custom = entry.get("type") == "custom"
    if not custom and entry.get("type", "function") != "function":
        return None
    member, argument = ("custom", "input") if custom else ("function", "arguments")
    inner = entry.get(member)
    if not isinstance(inner, dict):
        return None
    name, given = inner.get("name"), inner.get(argument)
    extra = kept(ToolCallPart, entry, "id", "type", member)
    if not isinstance(name, str) or not isinstance(given, str):
        return None
    if len(inner) > 2:
        extra[member] = {n: v for n, v in inner.items() if n not in ("name", argument)}
    return ToolCallPart(entry["id"], name, given if custom else input_of(given), extra=extra)


_MEMBERS: Final[Mapping[str, Callable[[Json], list[Part] | None]]] = {
    "refusal": _said_refusal,
    "audio": _said_audio,
    "annotations": _said_annotations,
    "function_call": _said_function,
    "tool_calls": _said_calls,
}


def _said_result(item: dict[str, Json], said: set[str]) -> list[Part]:
    legacy = item["role"] == "function"
    member = "name" if legacy else "tool_call_id"
    id, content = item.get(member), item.get("content")
    if not isinstance(id, str) or not isinstance(content, str | list | None):
        return _said_words(item, said)
    said.add(member)
    name = id if legacy else None
    if isinstance(content, list):
        return [ToolResultPart(id, name=name, content=tuple(_blocks(content)))]
    return [ToolResultPart(id, content, name)]


_READERS: Final[Mapping[Role, Callable[[dict[str, Json], set[str]], list[Part]]]] = {
    "system": _said_words,
    "user": _said_words,
    "assistant": _said_answer,
    "tool": _said_result,
}


class _OpenAIChat(Codec):
    """Chat Completions. Raises InvalidError for what is no object, and for an unknown `role`."""

    name = family = "openai-chat"
    losses: Mapping[str, str] = {
        **COMMON,
        "reasoning": "Reasoning is left out.",
        "provider_executed": "A call that the provider ran itself is a call like others.",
        "tool_result.content": "A result holds only texts: files in it are left out.",
        "tool_result.is_error": "That a result is an error is not said.",
        "tool_result.denied": "That a call was denied is said only in the words of the result.",
        "approval": "Approvals are left out.",
        "file": "Files outside of a user's message, video, and files by URL that are no images "
        "are left out.",
        "file.name": "Images and audio have no name.",
        "file.media_type": "The media type is said only where the data stands.",
        "source": "Sources are left out.",
        "data": "An app's own data is left out.",
    }

    def read(self, item: Json) -> Said:
        """What a message says; the roles `developer` and `function` are `system` and `tool`."""
        item = object_of(item)
        role = item.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise InvalidError("role", f"must be one of {', '.join(_ROLES)}")
        if role in _SPOKEN and item.keys() == _PLAIN and isinstance(item["content"], str):
            return Said(_ROLES[role], (TextPart(item["content"]),))
        said: set[str] = set(_PLAIN)
        parts = _READERS[_ROLES[role]](item, said)
        id = _id(item)
        if id is not None:
            said.add("id")
        unsaid = [name for name in item if name not in said and item[name] not in (None, [])]
        return Said(_ROLES[role], parts, id=id, unsaid=unsaid)

    def write(self, messages: Sequence[Message], out: Output) -> None:
        """One message for each step, and one for each result."""
        told: set[int] = set()
        for step in steps(messages, self.family):
            write_step(step, out, told)


def _id(item: dict[str, Any]) -> str | None:
    """The id that stored completions give their messages; others have none."""
    try:
        return check_id("id", item["id"]) if "id" in item else None
    except InvalidError:
        return None


dialect: Dialect = _OpenAIChat()
