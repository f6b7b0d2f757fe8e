"""Model messages, versions 5 to 7, written from messages of any grain.

What the model said at once is one assistant message, and the results that came back at once are
one tool message; results of tools that the provider ran itself stay beside the model's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from threadkeep.dialects.ai_sdk_formats.files import file_from
from threadkeep.dialects.ai_sdk_formats.members import (
    MODEL,
    UI,
    Version,
    is_metadata,
    joined,
    members_of,
    origin_of,
    unsaid_of,
)
from threadkeep.dialects.ai_sdk_formats.model_blocks import KIN, WRITERS, Context, check_role
from threadkeep.dialects.ai_sdk_formats.ui_parts import read_part
from threadkeep.dialects.codec import EXTRA, RAW, Output
from threadkeep.dialects.flow import Placed, Step, steps
from threadkeep.values.message import Message
from threadkeep.values.parts import (
    ApprovalPart,
    FilePart,
    Json,
    Part,
    RawPart,
    TextPart,
    ToolCallPart,
)

_ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    "user": frozenset({"text", "file"}),
    "assistant": frozenset({"text", "reasoning", "file", "tool_call", "tool_result", "approval"}),
    "tool": frozenset({"tool_result", "approval"}),
}
_RAW_SINCE: Final[Mapping[str, int]] = {"custom": 7, "reasoning-file": 7}
_NOTHING: Final = object()


def write(messages: Sequence[Message], out: Output, version: Version) -> None:
    """Write messages as model messages."""
    names = {
        part.call_id: part.name
        for message in messages
        for part in message.parts
        if isinstance(part, ToolCallPart)
    }
    writer = _Writer(out, version, names)
    for step in steps(messages, MODEL, apart=False):
        if step.role == "system":
            writer.write_system(step)
        else:
            writer.write_step(step)


@dataclass(slots=True)
class _Writer(Context):
    spent: set[int] = field(default_factory=set)

    def write_system(self, step: Step) -> None:
        texts: list[str] = []
        options: dict[str, Json] = {}
        for placed in step.placed:
            if not isinstance(placed.part, TextPart):
                self.out.lost(placed, placed.part.type)
                continue
            check_role(placed, placed.part, "system", self.out)
            texts.append(placed.part.text)
            for name, value in members_of(placed, self.out, self.version, KIN).items():
                if name == "providerOptions" and is_metadata(value):
                    options.update(value)
                else:
                    self.out.lost(placed, EXTRA, name)
        # The SDK joins the texts of its own UI messages so.
        ours = all(message.family in (UI, MODEL) for message in step.messages)
        more = {"providerOptions": options} if options else {}
        self._add("system", ("" if ours else "\n\n").join(texts), step, more)

    def write_step(self, step: Step) -> None:
        role: str = step.role
        if role == "user" and _is_raw_of_tool(step):
            role = "tool"
        if role == "user" and (text := _plain_text(step)) is not None:
            self._add(role, text, step)
            return
        listed: Sequence[Placed] = step.placed
        if role == "tool":
            asked = [one for one in listed if _is_question(one.part)]
            if asked:
                self._write_blocks("assistant", asked, step)
                listed = [one for one in listed if not _is_question(one.part)]
        self._write_blocks(role, listed, step, keep=role == "user" or not step.placed)

    def _write_blocks(
        self, role: str, listed: Sequence[Placed], step: Step, *, keep: bool = False
    ) -> None:
        content: list[Json] = []
        for placed in listed:
            steered = _steering(placed) if placed.part.type == RAW else None
            if steered is not None:
                self._flush(role, content, step)
                content = []
                self._write_blocks("user", steered, step, keep=True)
                continue
            block = self._block(placed, role)
            if block is not _NOTHING:
                content.append(block)
        keep = keep and (role == "user" or step.messages[0].family == MODEL)
        self._flush(role, content, step, keep=keep)

    def _flush(self, role: str, content: list[Json], step: Step, *, keep: bool = False) -> None:
        if not content and not keep:
            return
        if role == "assistant" and (text := _plain_text(step)) is not None:
            self._add(role, text, step)
        else:
            self._add(role, content, step)

    def _add(
        self, role: str, content: Json, step: Step, more: Mapping[str, Json] | None = None
    ) -> None:
        item: dict[str, Json] = {"role": role, "content": content, **(more or {})}
        for message in step.messages:
            joined(item, unsaid_of(message, self.out, self.spent))
        self.out.add(item, step.messages)

    def _block(self, placed: Placed, role: str) -> Json:
        part = placed.part
        if isinstance(part, RawPart):
            return self._raw(placed, part.value)
        if part.type not in _ALLOWED[role]:
            self.out.lost(placed, part.type)
            return _NOTHING
        block = WRITERS[part.type](placed, part, role, self)
        return _NOTHING if block is None else block

    def _raw(self, placed: Placed, value: Json) -> Json:
        own = self.out.is_own(placed) and not origin_of(placed.message)[0].endswith("@4")
        if placed.message.family == UI:
            value = _from_ui(value)
            known = value is not None
        else:
            known = own
        kind = value.get("type") if isinstance(value, dict) else None
        since = _RAW_SINCE.get(kind, 0) if isinstance(kind, str) else 0
        if known and self.version.knows(since, own=own):
            return value
        self.out.lost(placed, RAW)
        return _NOTHING


def _is_question(part: Part) -> bool:
    return isinstance(part, ApprovalPart) and part.approved is None


def _is_raw_of_tool(step: Step) -> bool:
    """Whether these are blocks of our own tool message that have no typed form."""
    return bool(step.placed) and all(
        isinstance(part, RawPart) and message.role == "tool" and message.family == MODEL
        for part, message, _ in step.placed
    )


def _plain_text(step: Step) -> str | None:
    """The text of a step that our own item had as text and not as a list of blocks."""
    if len(step.placed) != 1 or len(step.messages) != 1:
        return None
    part, message, _ = step.placed[0]
    if not isinstance(part, TextPart) or part.extra or part.role is not None:
        return None
    is_text = isinstance(origin_of(message)[1].get("content"), str)
    return part.text if is_text and message.family == MODEL else None


def _steering(placed: Placed) -> list[Placed] | None:
    """The words of a user that a UI message has in an answer, where a part is that."""
    part = placed.part
    if not isinstance(part, RawPart) or placed.message.family != UI:
        return None
    value = part.value
    if not isinstance(value, dict) or value.get("type") != "steering-message":
        return None
    listed = value.get("parts")
    if not isinstance(listed, list):
        return None
    parts: list[Part] = []
    for block in listed:
        read_part(block, parts)
    if not all(isinstance(one, TextPart | FilePart) for one in parts):
        return None
    return [placed._replace(part=one) for one in parts]


def _from_ui(value: Json) -> Json:
    """The block for a part of a UI message that has no typed form; None where none is."""
    if not isinstance(value, dict):
        return None
    kind, metadata = value.get("type"), value.get("providerMetadata")
    more = {"providerOptions": metadata} if is_metadata(metadata) else {}
    if kind == "custom" and isinstance(value.get("kind"), str):
        return {"type": kind, "kind": value["kind"], **more}
    url, media_type = value.get("url"), value.get("mediaType")
    if kind != "reasoning-file" or not (isinstance(url, str) and isinstance(media_type, str)):
        return None
    file = file_from({"type": "url", "url": url}, media_type=media_type)
    if file is not None and file.data is not None:
        return {
            "type": kind,
            "data": {"type": "data", "data": file.data},
            "mediaType": media_type,
            **more,
        }
    return {"type": kind, "data": url, "mediaType": media_type, **more}
