"""Parts as the parts of Gemini's contents, with a report of what those cannot say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from threadkeep.dialects.codec import EXTRA, RAW, Output
from threadkeep.dialects.flow import Placed
from threadkeep.dialects.gemini.reading import (
    CODE,
    PROVIDER,
    Object,
    either,
    made_of,
    output_of,
)
from threadkeep.dialects.media import decoded, sniff
from threadkeep.dialects.reading import file_of
from threadkeep.dialects.writing import merged, object_of_input, output_text
from threadkeep.values.message import Role
from threadkeep.values.parts import (
    ApprovalPart,
    DataPart,
    FilePart,
    Json,
    RawPart,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

_CAMEL: Final[Mapping[str, str]] = {
    "thought_signature": "thoughtSignature",
    "video_metadata": "videoMetadata",
    "media_resolution": "mediaResolution",
    "part_metadata": "partMetadata",
    "audio_transcription": "audioTranscription",
    "media_processing": "mediaProcessing",
    "speech_metadata": "speechMetadata",
    "document_metadata": "documentMetadata",
    "spreadsheet_metadata": "spreadsheetMetadata",
    "audio_metadata": "audioMetadata",
}


class Writer:
    """Writes the parts of one item; `names` are those of the calls so far, by their ids."""

    __slots__ = ("_calls", "_names", "_out", "_results", "_role")

    def __init__(self, out: Output, role: Role, names: dict[str, str]) -> None:
        self._out = out
        self._role = role
        self._names = names
        self._calls: dict[str, int] = {}
        self._results: dict[str, int] = {}

    def parts(self, placed: Placed) -> list[Object]:
        """The part that a part of ours is; none where it has no place in an item of the role."""
        part = placed.part
        kind = type(part)
        if self._role not in _ROLES.get(kind, (self._role,)) and not self._out.is_own(placed):
            self._out.lost(placed, _WHOLE[kind])
            return []
        write = _WRITERS.get(kind)
        if write is None:
            self._out.lost(placed, _WHOLE[kind])
            return []
        return write(self, part, placed)

    def text(self, part: TextPart, placed: Placed) -> list[Object]:
        if part.role is not None and part.role != self._role:
            self._out.lost(placed, EXTRA, "role")
        return [self._put_back({"text": part.text}, placed)]

    def reasoning(self, part: ReasoningPart, placed: Placed) -> list[Object]:
        item: Object = {"text": part.text, "thought": True}
        signature = part.signature
        if signature is not None:
            if part.provider in (None, PROVIDER) and decoded(signature) is not None:
                item["thoughtSignature"] = signature
            else:
                self._out.lost(placed, "reasoning.signature")
        for name in ("encrypted", "id"):
            if getattr(part, name) is not None:
                self._out.lost(placed, f"reasoning.{name}")
        return [self._put_back(item, placed)]

    def call(self, part: ToolCallPart, placed: Placed) -> list[Object]:
        inner: Object = {}
        self._names[part.call_id] = part.name
        if not self._is_made(part.call_id, self._calls):
            inner["id"] = part.call_id
        item = {"functionCall": inner}
        args = object_of_input(part.input)
        if part.provider_executed and self._out.is_own(placed):
            if part.name != CODE:
                item = {"toolCall": {**inner, "toolType": part.name, "args": args}}
                return [self._put_back(item, placed)]
            if isinstance(args.get("code"), str):
                return [self._put_back({"executableCode": {**inner, **args}}, placed)]
        if part.provider_executed:
            self._out.lost(placed, "provider_executed")
        inner["name"] = part.name
        inner["args"] = args
        return [self._put_back(item, placed)]

    def result(self, part: ToolResultPart, placed: Placed) -> list[Object]:
        inner: Object = {}
        if not self._is_made(part.call_id, self._results):
            inner["id"] = part.call_id
        if is_own_result(placed, self._out):
            if part.name == CODE:
                item = {"codeExecutionResult": {**inner, **part.output}}
            else:
                inner["toolType"] = part.name
                if part.output is not None:
                    inner["response"] = part.output
                item = {"toolResponse": inner}
            return [self._put_back(item, placed)]
        if part.provider_executed:
            self._out.lost(placed, "provider_executed")
        if part.denied:
            self._out.lost(placed, "tool_result.denied")
        inner["name"] = self._name(part)
        inner["response"] = _response(part, is_own=self._out.is_own(placed))
        files = self._files(part, placed)
        if files:
            inner["parts"] = files
        return [self._put_back({"functionResponse": inner}, placed)]

    def _name(self, part: ToolResultPart) -> str:
        """The name of the called function: a response must have it."""
        id = part.call_id
        name = self._names.get(id) or part.name or _name_in(self._out.items, id)
        if name:
            return name
        made = made_of(id)
        return id if made is None else made.name

    def _files(self, part: ToolResultPart, placed: Placed) -> list[Object]:
        files: list[Object] = []
        for inner in part.content or ():
            one = Placed(inner, placed.message, placed.place)
            if isinstance(inner, FilePart):
                files += self.file(inner, one)
            elif isinstance(inner, RawPart):
                files += self.raw(inner, one)
            elif not isinstance(inner, TextPart):
                self._out.lost(placed, RAW)
            elif inner.role is not None:
                self._out.lost(placed, EXTRA, "role")
        return files

    def file(self, part: FilePart, placed: Placed) -> list[Object]:
        item = _file_item(part)
        if item is None:
            self._out.lost(placed, "file")
            return []
        said = "url" if "fileData" in item else "data"
        for name in ("data", "url", "file_id"):
            is_said = name == said or (name == "url" and part.data is None)
            if not is_said and getattr(part, name) is not None:
                self._out.lost(placed, EXTRA, name)
        return [self._put_back(item, placed)]

    def raw(self, part: RawPart, placed: Placed) -> list[Object]:
        if self._out.is_own(placed):
            return [part.value]
        self._out.raw(placed)
        return []

    def _put_back(self, item: Object, placed: Placed) -> Object:
        if not getattr(placed.part, "extra", None):
            return item
        written = merged(item, self._out.given(placed))
        return {_CAMEL.get(name, name): v for name, v in written.items() if v is not None}

    def _is_made(self, id: str, counts: dict[str, int]) -> bool:
        """Whether reading the item makes this id again, so that it need not say it."""
        made = made_of(id)
        if made is None:
            return False
        counts[made.name] = counts.get(made.name, 0) + 1
        return made.n == counts[made.name]


def is_own_result(placed: Placed, out: Output) -> bool:
    """Whether a result is one of Gemini's own tools, which stands beside its call."""
    part = placed.part
    if not isinstance(part, ToolResultPart) or not part.provider_executed or part.name is None:
        return False
    if not out.is_own(placed) or part.content is not None:
        return False
    if part.name == CODE:
        return isinstance(part.output, dict) and isinstance(part.output.get("outcome"), str)
    return part.output is None or isinstance(part.output, dict)


def _name_in(items: Sequence[Json], id: str) -> str | None:
    """The name of the function that the last call with this id in some items calls."""
    for item in reversed(items):
        parts = item.get("parts") if isinstance(item, dict) else None
        for part in parts if isinstance(parts, list) else ():
            call = either(part, "functionCall", "function_call") if isinstance(part, dict) else None
            if isinstance(call, dict) and call.get("id") == id:
                name = call.get("name")
                return name if isinstance(name, str) else None
    return None


def _response(part: ToolResultPart, *, is_own: bool) -> Object:
    """The object that says an outcome, such that reading it tells output and error apart."""
    output: Json = part.output
    if part.content is not None or part.denied:
        output = output_text(part)
        if not output and not part.is_error:
            return {}
    if part.is_error:
        return {"error": output}
    if not isinstance(output, dict):
        return {"output": output}
    said, _ = output_of(output)
    if said is not output or (not is_own and ("output" in output or "error" in output)):
        return {"output": output}
    own: Object = output
    return own


def _file_item(part: FilePart) -> Object | None:
    """The part of a file: by its data, else its URL."""
    data, media_type = part.data, part.media_type
    if data is None and part.url is not None and part.url[:5].lower() == "data:":
        file = file_of(part.url, media_type=media_type)
        data, media_type = file.data, file.media_type
        if data is None:
            return None
    names = {} if part.name is None else {"displayName": part.name}
    if data:
        # The API takes no data without its type, nor what is no base64.
        if not media_type or media_type.endswith("/*"):
            media_type = sniff(data) or media_type
        if media_type and decoded(data) is not None:
            return {"inlineData": {"mimeType": media_type, "data": data, **names}}
    if part.url is None:
        return None
    types = {} if part.media_type is None else {"mimeType": part.media_type}
    return {"fileData": {**types, "fileUri": part.url, **names}}


_WRITERS: Final[Mapping[type[Any], Callable[[Writer, Any, Placed], list[Object]]]] = {
    TextPart: Writer.text,
    ReasoningPart: Writer.reasoning,
    ToolCallPart: Writer.call,
    ToolResultPart: Writer.result,
    FilePart: Writer.file,
    RawPart: Writer.raw,
}
_ROLES: Final[Mapping[type[Any], tuple[Role, ...]]] = {
    ReasoningPart: ("assistant",),
    ToolCallPart: ("assistant",),
    ToolResultPart: ("user", "tool", "assistant"),
    FilePart: ("user", "assistant"),
}
_WHOLE: Final[Mapping[type[Any], str]] = {
    ReasoningPart: RAW,
    ToolCallPart: RAW,
    ToolResultPart: RAW,
    FilePart: "file",
    SourcePart: "source",
    DataPart: "data",
    ApprovalPart: "approval",
}
