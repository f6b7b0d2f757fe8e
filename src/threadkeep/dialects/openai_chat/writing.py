"""Writing messages of Chat Completions from steps: one message each, and one for each result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from threadkeep.dialects.codec import EXTRA, Output
from threadkeep.dialects.flow import Placed, Step
from threadkeep.dialects.frameworks import json_text, own_item
from threadkeep.dialects.openai_files import (
    annotation_of,
    data_url,
    is_image,
    is_played,
    name_of,
    report,
)
from threadkeep.dialects.writing import arguments_of, output_text
from threadkeep.values.message import Message
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

_FAMILY: Final = "openai-chat"
_SOUND: Final[Mapping[str, str]] = {
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/x-wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
_LEFT_OUT: Final[Mapping[type, str]] = {
    ReasoningPart: "reasoning",
    ToolCallPart: "tool_call",
    ApprovalPart: "approval",
    FilePart: "file",
    SourcePart: "source",
    DataPart: "data",
}


def write_step(step: Step, out: Output, told: set[int]) -> None:
    """Write a step; `told` are the messages whose own members already stand in an item."""
    results: list[tuple[Placed, ToolResultPart]] = []
    for role, listed in _by_role(step):
        made = _Made(role, out)
        for placed in listed:
            part = placed.part
            if isinstance(part, ToolResultPart):
                results.append((placed, part))
            else:
                _WRITERS.get((role, type(part)), _leave_out)(placed, part, made)
        if made.is_wanted(listed, step.messages):
            _add(made.item(), step.messages, out, told)
    for placed, part in results:
        _add(_result(placed, part, out), [placed.message], out, told)


def _by_role(step: Step) -> Iterator[tuple[str, list[Placed]]]:
    """The parts of a step, and first those that only another role's message has a place for."""
    aside = [one for one in step.placed if stands_aside(one.part, step.role)]
    if not aside:
        yield step.role, step.placed
        return
    yield "system" if step.role == "assistant" else "assistant", aside
    rest = [one for one in step.placed if not stands_aside(one.part, step.role)]
    if rest:
        yield step.role, rest


def stands_aside(part: Part, role: str) -> bool:
    """Whether a part is the system's words in an answer, or a call outside of one."""
    if role == "assistant":
        return isinstance(part, TextPart) and part.role == "system"
    return isinstance(part, ToolCallPart)


def _add(item: dict[str, Json], messages: Sequence[Message], out: Output, told: set[int]) -> None:
    for message in messages:
        origin = {} if id(message) in told else own_item(message, _FAMILY)
        if not origin:
            continue
        told.add(id(message))
        if origin.get("role") == "developer" and item["role"] == "system":
            item["role"] = "developer"
        if message.id is not None and "id" in origin:
            item["id"] = message.id
        for name, value in out.unsaid(message).items():
            item.setdefault(name, value)
    out.add(item, messages)


@dataclass(slots=True)
class _Made:
    """One message as it is being made."""

    role: str
    out: Output
    blocks: list[Json] = field(default_factory=list)
    calls: list[Json] = field(default_factory=list)
    members: dict[str, Any] = field(default_factory=dict)

    def is_wanted(self, listed: Sequence[Placed], messages: Sequence[Message]) -> bool:
        """Whether there is a message to write: a user's turn stays one, whatever was lost."""
        if self.role == "tool":
            return False
        if self.blocks or self.calls or self.members or not listed or self.role == "user":
            return True
        if all(isinstance(placed.part, ToolResultPart) for placed in listed):
            return False
        return any(own_item(message, _FAMILY) for message in messages)

    def item(self) -> dict[str, Json]:
        """The message."""
        only = self.blocks[0] if len(self.blocks) == 1 else {}
        content: Json = self.blocks or ""
        if not self.blocks and (self.calls or self.members):
            content = None
        elif isinstance(only, dict) and only.keys() == {"type", "text"}:
            content = only["text"]
        elif isinstance(only, dict) and only.keys() == {"type", "refusal"}:
            content, self.members["refusal"] = None, only["refusal"]
        item = {"role": self.role, "content": content, **self.members}
        return {**item, "tool_calls": self.calls} if self.calls else item


def _leave_out(placed: Placed, part: Part, made: _Made) -> None:
    made.out.lost(placed, _LEFT_OUT[type(part)])


def _text(placed: Placed, part: TextPart, made: _Made) -> None:
    if part.role not in (None, made.role):
        made.out.lost(placed, EXTRA, "role")
    extra = made.out.given(placed)
    if extra.pop("transcript", False) and "audio" in made.members:
        made.members["audio"]["transcript"] = part.text
    elif extra.pop("refusal", False) and made.role == "assistant":
        made.blocks.append({"type": "refusal", "refusal": part.text, **extra})
    else:
        made.blocks.append({"type": "text", "text": part.text, **extra})


def _raw(placed: Placed, _part: RawPart, made: _Made) -> None:
    value = made.out.raw(placed)
    if not made.out.is_own(placed):
        return
    if made.role == "assistant" and isinstance(value, dict) and value.keys() == {"tool_calls"}:
        made.calls += value["tool_calls"]
    else:
        made.blocks.append(value)


def _file(placed: Placed, part: FilePart, made: _Made) -> None:
    block = file_block(placed, part, made.out)
    if block is not None:
        made.blocks.append(block)


def file_block(placed: Placed, part: FilePart, out: Output) -> dict[str, Json] | None:
    """The content part that a file is; None, and it is reported, where it has no place."""
    data = data_url(part)
    url = data if data is not None else part.url
    if is_image(part) and url is not None:
        report(placed, out, () if data is None else ("media_type",))
        return _nested(placed, out, "image_url", {"url": url})
    sound = _SOUND.get(part.media_type or "")
    if sound is not None and part.data is not None:
        report(placed, out, ("media_type",))
        return _nested(placed, out, "input_audio", {"data": part.data, "format": sound})
    if data is not None and not is_played(part):
        report(placed, out, ("name", "media_type"))
        return _nested(placed, out, "file", {"file_data": data, "filename": name_of(part)})
    if part.file_id is not None and not is_played(part):
        # The name goes with the data; beside an id it stands only where it stood.
        named = {} if part.name is None or not out.is_own(placed) else {"filename": part.name}
        report(placed, out, ("name",) if named else ())
        return _nested(placed, out, "file", {"file_id": part.file_id, **named})
    out.lost(placed, "file")
    return None


def _nested(placed: Placed, out: Output, kind: str, members: dict[str, Json]) -> dict[str, Json]:
    extra = out.given(placed)
    rest = extra.pop(kind, None)
    return {"type": kind, kind: {**members, **(rest if isinstance(rest, dict) else {})}, **extra}


def _spoken(placed: Placed, part: FilePart, made: _Made) -> None:
    """A file in an answer: only our own have a place there, as audio or as what they were."""
    if not made.out.is_own(placed):
        made.out.lost(placed, "file")
    elif "audio" not in part.extra or part.file_id is None:
        _file(placed, part, made)
    else:
        data = {} if part.data is None else {"data": part.data}
        rest = part.extra["audio"]
        made.members["audio"] = {"id": part.file_id, **data, **rest}


def _thought(placed: Placed, part: ReasoningPart, made: _Made) -> None:
    origin = own_item(placed.message, _FAMILY)
    for name in ("reasoning_content", "reasoning"):
        if isinstance(origin.get(name), str) and name not in made.members:
            made.members[name] = part.text
            return
    made.out.lost(placed, "reasoning")


def _source(placed: Placed, part: SourcePart, made: _Made) -> None:
    cited = annotation_of(part) if made.out.is_own(placed) else None
    kind = None if cited is None else cited.pop("type")
    if kind != "url_citation":
        made.out.lost(placed, "source")
    else:
        listed = made.members.setdefault("annotations", [])
        listed.append({"type": kind, kind: cited})


def _call(placed: Placed, part: ToolCallPart, made: _Made) -> None:
    out = made.out
    if part.provider_executed:
        out.lost(placed, "provider_executed")
    extra = out.given(placed)
    origin = own_item(placed.message, _FAMILY)
    legacy = origin.get("function_call")
    custom = _is_custom(part, origin)
    spelled = arguments_of if custom else json_text
    arguments = "{}" if part.input is None else spelled(part.input)
    if isinstance(legacy, dict) and legacy.get("name") == part.call_id:
        made.members["function_call"] = {"name": part.name, "arguments": arguments}
        return
    kind, argument = ("custom", "input") if custom else ("function", "arguments")
    rest = extra.pop(kind, None)
    inner = {"name": part.name, argument: arguments, **(rest if isinstance(rest, dict) else {})}
    made.calls.append({"id": part.call_id, "type": kind, kind: inner, **extra})


def _is_custom(part: ToolCallPart, origin: Mapping[str, Json]) -> bool:
    calls = origin.get("tool_calls")
    return isinstance(calls, list) and any(
        isinstance(call, dict) and call.get("type") == "custom" and call.get("id") == part.call_id
        for call in calls
    )


def _result(placed: Placed, part: ToolResultPart, out: Output) -> dict[str, Json]:
    for lost in ("is_error", "denied"):
        if getattr(part, lost):
            out.lost(placed, f"tool_result.{lost}")
    if part.provider_executed:
        out.lost(placed, "provider_executed")
    extra = out.given(placed)
    content: Json = output_text(part)
    inner = [_inside(placed, one, out) for one in part.content or ()]
    blocks = [block for found in inner for block in found]
    origin = own_item(placed.message, _FAMILY)
    if origin.get("role") == "function" and origin.get("name") == part.call_id:
        return {"role": "function", "name": part.call_id, "content": content, **extra}
    return {"role": "tool", "tool_call_id": part.call_id, "content": blocks or content, **extra}


def _inside(placed: Placed, inner: Any, out: Output) -> list[Json]:
    """The content parts, one or none, that a part inside of a result is."""
    one = placed._replace(part=inner)
    if isinstance(inner, TextPart):
        if inner.role is not None:
            out.lost(one, EXTRA, "role")
        return [{"type": "text", "text": inner.text, **out.given(one)}]
    if isinstance(inner, RawPart):
        value = out.raw(one)
        return [value] if out.is_own(one) else []
    if isinstance(inner, FilePart) and out.is_own(one):
        block = file_block(one, inner, out)
        return [] if block is None else [block]
    out.lost(one, "tool_result.content")
    return []


_Writer = Callable[[Placed, Any, _Made], None]
_WRITERS: Final[Mapping[tuple[str, type], _Writer]] = {
    **{(role, TextPart): _text for role in ("system", "user", "assistant")},
    **{(role, RawPart): _raw for role in ("system", "user", "assistant", "tool")},
    ("user", FilePart): _file,
    ("assistant", FilePart): _spoken,
    ("assistant", ReasoningPart): _thought,
    ("assistant", SourcePart): _source,
    ("assistant", ToolCallPart): _call,
}
