"""The parts of Gemini's contents as parts of ours, in both spellings: camelCase and snake_case.

Gemini may leave out the ids of calls, and pairs them with responses by name and order. Then calls
and responses get an id made of that: the n-th of a name in its item is `gemini-1-<n>-<name>`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from threadkeep.dialects.media import standard
from threadkeep.dialects.reading import kept
from threadkeep.values import jsontext
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

PROVIDER: Final = "google"
CODE: Final = "code_execution"
"""The tool that runs the code of an `executableCode`."""

_PREFIX: Final = "gemini-"

Object = dict[str, Json]


class Made(NamedTuple):
    """An id that was made of the name of a tool and its place: the n-th call of the name in an
    item, and that the k-th time in a conversation.
    """

    k: int
    n: int
    name: str

    def id(self) -> str:
        """The id."""
        return f"{_PREFIX}{self.k}-{self.n}-{self.name}"


def made_of(id: str) -> Made | None:
    """What an id was made of; None for one that a provider gave."""
    if not id.startswith(_PREFIX):
        return None
    k, dash, rest = id[len(_PREFIX) :].partition("-")
    n, last, name = rest.partition("-")
    if not (dash and last and _is_number(k) and _is_number(n)):
        return None
    return Made(int(k), int(n), name)


def plain(name: str) -> str:
    """The name of a tool with nothing but letters, digits, - and _, as providers want ids."""
    if name.isascii() and name.replace("_", "a").replace("-", "a").isalnum():
        return name
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in name)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


class Reader:
    """Reads the parts of one item."""

    __slots__ = ("_calls", "_results")

    def __init__(self) -> None:
        self._calls: dict[str, int] = {}
        self._results: dict[str, int] = {}

    def part(self, value: Json) -> Part:
        """The part that a value is: a raw one where it is of no known kind, or of several."""
        if not isinstance(value, dict):
            return RawPart(value)
        if len(value) == 1:
            text = value.get("text")
            if isinstance(text, str):
                return TextPart(text)
        found: str | None = None
        for name, inner in value.items():
            if inner is not None and name in _KINDS:
                if found is not None:
                    return RawPart(value)
                found = name
        part = None
        if found is not None or value.get("thought") is True or signature_of(value) is not None:
            part = self._typed(value, found or "text")
        return RawPart(value) if part is None else part

    def inner(self, value: Json) -> Part:
        """A part inside of a response: only files and words are read there."""
        part = self.part(value)
        return part if isinstance(part, FilePart | TextPart) else RawPart(value)

    def _typed(self, value: Object, member: str) -> Part | None:
        kind = _KINDS[member]
        if kind == "text":
            return _text(value)
        inner = value[member]
        if not isinstance(inner, dict):
            return None
        return _READERS[kind](self, inner, value, member)

    def call_id(self, inner: Object, name: str) -> str | None:
        """The id of a call, made where there is none; None where it is no text."""
        return _id(inner, name, self._calls)

    def result_id(self, inner: Object, name: str) -> str | None:
        """The id of the call that a result answers, in the same way."""
        return _id(inner, name, self._results)


def _id(inner: Object, name: str, counts: dict[str, int]) -> str | None:
    id = inner.get("id")
    if id is None or id == "":
        name = plain(name)
        counts[name] = counts.get(name, 0) + 1
        return Made(1, counts[name], name).id()
    return id if isinstance(id, str) else None


def either(value: Mapping[str, Json], camel: str, snake: str) -> Json:
    """A member in either spelling."""
    found = value.get(camel)
    return value.get(snake) if found is None else found


def signature_of(value: Mapping[str, Json]) -> str | None:
    """The thought signature of a part."""
    found = either(value, "thoughtSignature", "thought_signature")
    return found if isinstance(found, str) else None


def _text(value: Object) -> Part | None:
    text = value.get("text")
    text = "" if text is None else text
    if not isinstance(text, str):
        return None
    if value.get("thought") is True:
        signature = signature_of(value)
        known = ("text", "thought", *(() if signature is None else _SIGNATURE))
        extra = kept(ReasoningPart, value, *known)
        return ReasoningPart(text, signature=signature, provider=PROVIDER, extra=extra)
    # False is what no member says too.
    said = ("text", "thought") if value.get("thought") is False else ("text",)
    extra = kept(TextPart, value, *said)
    return TextPart(text, extra=extra)


_SIGNATURE: Final = ("thoughtSignature", "thought_signature")


def _extra(
    part: type[Part], value: Object, member: str, inner: Object, said: tuple[str, ...]
) -> Object:
    """What nothing says, of the part and of the object inside it, under their own names."""
    extra = kept(part, value, member)
    rest = {name: one for name, one in inner.items() if one is not None and name not in said}
    if rest:
        extra[_KINDS[member]] = rest
    return extra


def _inline_data(_: Reader, inner: Object, value: Object, member: str) -> Part | None:
    extra = _extra(FilePart, value, member, inner, ("data", *_FILE))
    file = _file(inner)
    data = inner.get("data")
    if file is None or not isinstance(data, str):
        return None
    return FilePart(file[0], data=standard(data), name=file[1], extra=extra)


def _file_data(_: Reader, inner: Object, value: Object, member: str) -> Part | None:
    extra = _extra(FilePart, value, member, inner, ("fileUri", "file_uri", *_FILE))
    file = _file(inner)
    url = either(inner, "fileUri", "file_uri")
    if file is None or not isinstance(url, str):
        return None
    return FilePart(file[0], url=url, name=file[1], extra=extra)


_FILE: Final = ("mimeType", "mime_type", "displayName", "display_name")


def _file(inner: Object) -> tuple[str | None, str | None] | None:
    """The media type and the name of a file; None where one of them is no text."""
    media_type = either(inner, "mimeType", "mime_type")
    name = either(inner, "displayName", "display_name")
    if media_type is not None and not isinstance(media_type, str):
        return None
    if name is not None and not isinstance(name, str):
        return None
    return media_type, name


def _function_call(reader: Reader, inner: Object, value: Object, member: str) -> Part | None:
    name = inner.get("name")
    extra = _extra(ToolCallPart, value, member, inner, ("id", "name", "args"))
    if not isinstance(name, str):
        return None
    id = reader.call_id(inner, name)
    args = inner.get("args")
    return None if id is None else ToolCallPart(id, name, {} if args is None else args, extra=extra)


def _function_response(reader: Reader, inner: Object, value: Object, member: str) -> Part | None:
    name, response, parts = inner.get("name"), inner.get("response"), inner.get("parts")
    said = ("id", "name", "response", "parts")
    extra = _extra(ToolResultPart, value, member, inner, said)
    if not isinstance(name, str):
        return None
    if not (response is None or isinstance(response, dict)):
        return None
    if not (parts is None or isinstance(parts, list)):
        return None
    id = reader.result_id(inner, name)
    if id is None:
        return None
    output, is_error = output_of(response)
    content = _content(output, parts) if parts else None
    return ToolResultPart(
        id,
        None if content else output,
        name=name,
        is_error=is_error,
        content=content,
        extra=extra,
    )


def output_of(response: Object | None) -> tuple[Json, bool | None]:
    """What a response says: all of it, unless it is only an output, a result or an error."""
    if response is not None and len(response) == 1:
        for name in ("output", "result", "error"):
            if name in response:
                return response[name], True if name == "error" else None
    return response, None


def _content(output: Json, parts: list[Json]) -> tuple[Part, ...]:
    reader = Reader()
    files = tuple(reader.inner(part) for part in parts)
    if output is None or output in ("", {}):
        return files
    text = output if isinstance(output, str) else jsontext.encode(output, overflow=True)
    return (TextPart(text), *files)


def _executable_code(reader: Reader, inner: Object, value: Object, member: str) -> Part | None:
    extra = kept(ToolCallPart, value, member)
    id = reader.call_id(inner, CODE) if isinstance(inner.get("code"), str) else None
    if id is None:
        return None
    return ToolCallPart(id, CODE, _without_id(inner), provider_executed=True, extra=extra)


def _code_execution_result(
    reader: Reader, inner: Object, value: Object, member: str
) -> Part | None:
    outcome = inner.get("outcome")
    extra = kept(ToolResultPart, value, member)
    if not isinstance(outcome, str):
        return None
    id = reader.result_id(inner, CODE)
    if id is None:
        return None
    return ToolResultPart(
        id,
        _without_id(inner),
        name=CODE,
        is_error=True if outcome.upper() in _FAILED else None,
        provider_executed=True,
        extra=extra,
    )


_FAILED: Final = ("OUTCOME_FAILED", "OUTCOME_DEADLINE_EXCEEDED")


def _without_id(inner: Object) -> Object:
    return {name: one for name, one in inner.items() if name != "id" and one is not None}


def _tool_call(reader: Reader, inner: Object, value: Object, member: str) -> Part | None:
    name = either(inner, "toolType", "tool_type")
    extra = _extra(ToolCallPart, value, member, inner, ("id", "toolType", "tool_type", "args"))
    if not isinstance(name, str) or name == CODE:
        return None
    id = reader.call_id(inner, name)
    if id is None:
        return None
    args = inner.get("args")
    return ToolCallPart(id, name, {} if args is None else args, provider_executed=True, extra=extra)


def _tool_response(reader: Reader, inner: Object, value: Object, member: str) -> Part | None:
    name, response = either(inner, "toolType", "tool_type"), inner.get("response")
    said = ("id", "toolType", "tool_type", "response")
    extra = _extra(ToolResultPart, value, member, inner, said)
    if not isinstance(name, str) or name == CODE:
        return None
    id = reader.result_id(inner, name)
    if id is None:
        return None
    return ToolResultPart(id, response, name=name, provider_executed=True, extra=extra)


_READERS: Final[Mapping[str, Callable[[Reader, Object, Object, str], Part | None]]] = {
    "inlineData": _inline_data,
    "fileData": _file_data,
    "functionCall": _function_call,
    "functionResponse": _function_response,
    "executableCode": _executable_code,
    "codeExecutionResult": _code_execution_result,
    "toolCall": _tool_call,
    "toolResponse": _tool_response,
}
_KINDS: Final[Mapping[str, str]] = {
    "text": "text",
    **{name: name for name in _READERS},
    "inline_data": "inlineData",
    "file_data": "fileData",
    "function_call": "functionCall",
    "function_response": "functionResponse",
    "executable_code": "executableCode",
    "code_execution_result": "codeExecutionResult",
    "tool_call": "toolCall",
    "tool_response": "toolResponse",
}
