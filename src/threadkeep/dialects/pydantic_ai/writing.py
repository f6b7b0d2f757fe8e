"""How the dialect `pydantic-ai` writes: steps of a conversation as requests and responses."""

from __future__ import annotations

import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from threadkeep.dialects.codec import Output
from threadkeep.dialects.flow import Placed, Step, sources_of, steps
from threadkeep.dialects.frameworks import (
    files_at,
    is_wild,
    json_text,
    kind_of,
    own_item,
    written_thought,
)
from threadkeep.dialects.reading import rest
from threadkeep.dialects.writing import DENIED
from threadkeep.values.message import Message
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

_FAMILY: Final = "pydantic-ai"
PROMPT: Final = ("content", "timestamp", "part_kind")
"""The members of a user prompt."""
ABOUT: Final = (
    *("model_name", "model_id", "provider_name", "provider_url", "provider_details"),
    *("provider_response_id", "finish_reason", "usage", "run_id", "conversation_id"),
)
"""What a message tells of how it was made: it stays with the stored row, and is no loss."""


def write_messages(messages: Sequence[Message], family: str, out: Output) -> None:
    """Write a response for each step of the model, and requests for all that is between."""
    writer = _Writer(out, messages)
    request: list[Step] = []
    for step in steps(messages, family, apart=False):
        if step.role == "assistant":
            writer.write(request, "request")
            writer.write([step], "response")
            request = []
        elif request and request[-1].messages[-1] is step.messages[0]:
            request.append(step)
        else:
            writer.write(request, "request")
            request = [step]
    writer.write(request, "request")


class _Writer:
    def __init__(self, out: Output, messages: Sequence[Message]) -> None:
        self._out = out
        self._written: set[int] = set()
        self._names = {
            part.call_id: part.name
            for message in messages
            for part in message.parts
            if isinstance(part, ToolCallPart)
        }

    def write(self, listed: Sequence[Step], kind: str) -> None:
        """Write these steps as one item; none where nothing of them has a place."""
        parts: list[Json] = []
        for step in listed:
            if kind == "response":
                parts += [block for placed in step.placed for block in self._say(placed)]
            elif step.role == "user":
                parts += self._ask(step)
            else:
                parts += [block for placed in step.placed for block in self._tell(step, placed)]
        if not parts and (not listed or any(step.placed for step in listed)):
            return
        messages = sources_of(listed)
        item: dict[str, Json] = {"parts": parts}
        if messages[0].created_at is not None:
            item["timestamp"] = messages[0].created_at.isoformat()
        item["kind"] = kind
        for message in messages:
            if id(message) not in self._written:
                self._written.add(id(message))
                own = own_item(message, _FAMILY)
                if own.get("kind") == kind:
                    item |= {name: own[name] for name in ABOUT if name in own}
                item |= rest(self._out.unsaid(message), *item)
        self._out.add(item, messages)

    def _say(self, placed: Placed) -> list[Json]:
        """The parts of a response that a part is."""
        part, out = placed.part, self._out
        match part:
            case TextPart():
                if part.role == "system":
                    out.lost(placed, "text.role")
                extra = out.given(placed)
                if extra.get("part_kind") == "speech":
                    return [{"transcript": part.text, **extra}]
                return [{"content": part.text, **extra, "part_kind": "text"}]
            case ReasoningPart():
                thought = written_thought(placed, part, out)
                return [{"content": part.text, **thought, "part_kind": "thinking"}]
            case ToolCallPart():
                return [self._call(placed, part)]
            case ToolResultPart():
                return [self._result(placed, part, "builtin-tool-return")]
            case FilePart():
                return self._made_file(placed, part)
            case RawPart():
                value = out.raw(placed)
                return [value] if out.is_own(placed) else []
            case _:
                out.lost(placed, part.type)
                return []

    def _ask(self, step: Step) -> list[Json]:
        """The parts of a request that words and files of a user are: one prompt, if any."""
        out = self._out
        content: list[Json] = []
        parts: list[Json] = []
        for placed in step.placed:
            part = placed.part
            if isinstance(part, TextPart):
                extra = out.given(placed)
                kind = extra.get("part_kind")
                if kind in ("speech", "retry-feedback", "retry-prompt"):
                    word = "transcript" if kind == "speech" else "content"
                    parts.append({word: part.text, **extra} | self._stamp(placed, kind))
                else:
                    block = {"content": part.text, **extra}
                    block.setdefault("kind", "text-content")
                    content.append(block if extra else part.text)
            elif isinstance(part, FilePart):
                content += _file(placed, part, out)
            elif isinstance(part, RawPart):
                value = out.raw(placed)
                if out.is_own(placed):
                    is_part = isinstance(value, dict) and "part_kind" in value
                    (parts if is_part else content).append(value)
            else:
                out.lost(placed, part.type)
        if content or not step.placed:
            said = content[0] if len(content) == 1 and isinstance(content[0], str) else content
            parts.insert(0, self._prompt(step.messages[0], said or ""))
        return parts

    def _prompt(self, message: Message, content: Json) -> Json:
        native = _native(message, "user-prompt")
        at: dict[str, Json] = {}
        if "timestamp" in native:
            at["timestamp"] = native["timestamp"]
        elif message.created_at is not None:
            at["timestamp"] = message.created_at.isoformat()
        return {"content": content, **at, "part_kind": "user-prompt", **rest(native, *PROMPT)}

    def _tell(self, step: Step, placed: Placed) -> list[Json]:
        """The parts of a request that words of the system and results are."""
        part, out = placed.part, self._out
        if isinstance(part, TextPart) and step.role == "system":
            said = {"content": part.text, **self._stamp(placed, "system-prompt")}
            return [{**said, **out.given(placed), "part_kind": "system-prompt"}]
        if isinstance(part, ToolResultPart):
            if part.provider_executed:
                out.lost(placed, "provider_executed")
            return [self._result(placed, part, "tool-return")]
        if isinstance(part, RawPart):
            value = out.raw(placed)
            return [value] if out.is_own(placed) else []
        out.lost(placed, part.type)
        return []

    def _call(self, placed: Placed, part: ToolCallPart) -> Json:
        args = part.input
        return {
            "tool_name": part.name,
            "args": args if isinstance(args, dict | None) else json_text(args),
            "tool_call_id": part.call_id,
            **self._out.given(placed),
            "part_kind": "builtin-tool-call" if part.provider_executed else "tool-call",
        }

    def _result(self, placed: Placed, part: ToolResultPart, kind: str) -> Json:
        out = self._out
        extra = out.given(placed)
        outcome = extra.pop("outcome", None)
        if part.denied:
            # Whether a tool that did not run has failed is no question.
            outcome = "denied"
        elif part.is_error:
            outcome = outcome if outcome == "retried" else "failed"
        else:
            outcome = outcome if outcome == "interrupted" else "success"
        content, digests = part.output, list[str]()
        if part.content is not None:
            content, digests = _contents(placed, part.content, out)
            if all(isinstance(value, str) for value in content):
                content = "\n\n".join(content)
        elif content is None and part.denied:
            content = DENIED
        result: dict[str, Json] = {
            "tool_name": part.name or self._names.get(part.call_id, ""),
            "content": content,
            "tool_call_id": part.call_id,
            **self._stamp(placed, kind),
            "outcome": outcome,
            **extra,
            "part_kind": kind,
        }
        if isinstance(content, list | dict):
            result["content_file_digests"] = sorted(set(digests))
        return result

    def _made_file(self, placed: Placed, part: FilePart) -> list[Json]:
        extra = self._out.given(placed)
        inner = extra.pop("content", None)
        file = _file(placed._replace(part=part), part, self._out, made=True)
        if not file:
            return []
        content = file[0] | (inner if isinstance(inner, dict) else {})
        return [{"content": content, **extra, "part_kind": "file"}]

    def _stamp(self, placed: Placed, kind: str) -> dict[str, Json]:
        """The time of a part: the one it had, else that of its message."""
        message, call_id = placed.message, getattr(placed.part, "call_id", None)
        native = _native(message, kind, call_id)
        if "timestamp" in native:
            return {"timestamp": native["timestamp"]}
        return {} if message.created_at is None else {"timestamp": message.created_at.isoformat()}


def _native(message: Message, kind: str, call_id: str | None = None) -> Mapping[str, Any]:
    """The part of that kind in the item that a message was loaded from."""
    blocks = own_item(message, _FAMILY).get("parts")
    for block in blocks if isinstance(blocks, list) else ():
        if (
            isinstance(block, dict)
            and block.get("part_kind") == kind
            and call_id in (None, block.get("tool_call_id"))
        ):
            return block
    return {}


def _contents(placed: Placed, content: Sequence[Part], out: Output) -> tuple[list[Json], list[str]]:
    """What a tool returned with files in it, and the digests of the files."""
    values: list[Json] = []
    digests: list[str] = []
    for part in content:
        inner = placed._replace(part=part)
        if isinstance(part, TextPart):
            out.given(inner)
            values.append(part.text)
        elif isinstance(part, FilePart):
            for file in _file(inner, part, out):
                values.append(_whole(file))
                if file["kind"] != "binary":
                    digests.append(digest_of(values[-1]))
        elif isinstance(part, RawPart):
            value = out.raw(inner)
            if out.is_own(inner):
                values.append(value)
        else:
            out.lost(inner, "tool_result.content")
    return values, digests


def _whole(file: Mapping[str, Any]) -> Json:
    """A file with all members that pydantic-ai gives it, since its digest is over all of them."""
    if file["kind"] == "binary":
        return file
    name, media_type = file.get("file_id", file.get("url")), None
    if file["kind"] == "uploaded-file":
        media_type = "application/octet-stream"
    else:
        file = {"force_download": False, **file}
    identifier = hashlib.sha1(str(name).encode("utf-8", "replace"), usedforsecurity=False)
    defaults = {"media_type": media_type, "identifier": identifier.hexdigest()[:6]}
    return {"vendor_metadata": None, **defaults, **file}


def digest_of(file: Mapping[str, Json]) -> str:
    """The digest by which a tool's result names a file in it."""
    text = json.dumps(file, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _file(
    placed: Placed, part: FilePart, out: Output, *, made: bool = False
) -> list[dict[str, Json]]:
    """The item of a content that a file is; `made` by a model, where it must have data."""
    extra = {} if made else out.given(placed)
    provider = files_at(placed)
    media_type = part.media_type
    block: dict[str, Json]
    if part.data is not None and not _is_base64(part.data):
        out.lost(placed, "file")
        return []
    if part.data is not None:
        said = "data"
        media_type = media_type or "application/octet-stream"
        block = {"data": part.data.translate(_TO_SAFE), "media_type": media_type, "kind": "binary"}
    elif part.url is not None and not made:
        said = "url"
        block = {"url": part.url, "kind": f"{kind_of(media_type) or 'document'}-url"}
        if media_type is not None and not is_wild(media_type):
            block["media_type"] = media_type
    elif part.file_id is not None and provider in _UPLOADED and not made:
        said = "file_id"
        block = {"file_id": part.file_id, "provider_name": provider, "kind": "uploaded-file"}
        if media_type is not None:
            block["media_type"] = media_type
    else:
        out.lost(placed, "file")
        return []
    for name in ("url", "file_id", "name"):
        if name != said and getattr(part, name) is not None:
            out.lost(placed, f"file.{name}")
    return [{**block, **rest(extra, *block)}]


_UPLOADED: Final = (
    *("anthropic", "openai", "google", "google-cloud", "google-gla", "google-vertex"),
    *("bedrock", "xai"),
)
_TO_SAFE: Final = str.maketrans("+/", "-_")


def _is_base64(data: str) -> bool:
    try:
        binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        return False
    return True
