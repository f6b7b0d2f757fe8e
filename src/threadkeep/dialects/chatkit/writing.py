"""How the items of ChatKit are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from threadkeep.dialects.chatkit import parts as marks
from threadkeep.dialects.chatkit.drafts import FAMILY, Draft, Writing, add_source, finish
from threadkeep.dialects.codec import EXTRA, RAW, Output
from threadkeep.dialects.flow import Placed, Step, steps
from threadkeep.dialects.frameworks import own_item
from threadkeep.dialects.writing import DENIED, object_of_input, output_text, url_of
from threadkeep.values.message import Message
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

_BYTE: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_HOST: Final = r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z](?:[a-z0-9-]*[a-z0-9])?"
# Narrower than what pydantic takes for a URL, so that it refuses none of what is written.
_URL: Final = re.compile(
    rf"https?://(?!.*xn--)(?:{_HOST}|{_BYTE}(?:\.{_BYTE}){{3}})(?::\d{{1,4}})?(?:[/?#][!-~]*)?"
    r"|data:[!-~]*",
    re.ASCII | re.IGNORECASE,
)


def write(messages: Sequence[Message], out: Output) -> None:
    """Write messages as items; a result is written to its call, also where it comes later."""
    writing = Writing(out)
    for step in steps(messages, FAMILY):
        writing.opened = len(writing.drafts)
        _STEPS[step.role](step, writing)
    finish(writing.drafts, messages, out)


# --- steps --------------------------------------------------------------------------------------


def _system(step: Step, writing: Writing) -> None:
    origin = own_item(step.messages[0], FAMILY).get("type")
    kind = origin if origin == "sdk_hidden_context" else "hidden_context_item"
    texts: list[str] = []
    content: Json = None
    for placed in step.placed:
        part = placed.part
        writing.out.given(placed)
        if isinstance(part, TextPart):
            texts.append(part.text)
        elif isinstance(part, DataPart) and writing.out.is_own(placed):
            content = part.data
        else:
            _lose(placed, writing.out)
    if texts or content is None:
        content = "\n\n".join(texts)
    draft = writing.new(kind, Placed(RawPart(), step.messages[0], 0), {"content": content})
    draft.sources = list(step.messages)


def _user(step: Step, writing: Writing) -> None:
    draft = writing.new(
        "user_message",
        Placed(RawPart(), step.messages[0], 0),
        {
            "content": [],
            "attachments": [],
            "quoted_text": None,
            "inference_options": {"tool_choice": None, "model": None},
        },
    )
    draft.sources = list(step.messages)
    for placed in step.placed:
        part = placed.part
        if isinstance(part, TextPart):
            _said(part, placed, draft, writing.out)
        elif isinstance(part, FilePart):
            draft.members["attachments"].append(_attachment(part, placed, writing.out))
        elif isinstance(part, RawPart) and writing.out.is_own(placed):
            value = part.value
            if isinstance(value, dict) and value.keys() == {marks.ATTACHMENT}:
                draft.members["attachments"].append(value[marks.ATTACHMENT])
            else:
                draft.members["content"].append(value)
        else:
            _lose(placed, writing.out)


def _assistant(step: Step, writing: Writing) -> None:
    if not step.placed:
        first = Placed(RawPart(), step.messages[0], 0)
        draft = writing.new("assistant_message", first, {"content": []})
        draft.sources = list(step.messages)
    for placed in step.placed:
        _WRITERS[type(placed.part)](placed.part, placed, writing)
    for draft in writing.drafts[writing.opened :]:
        if draft.pending:
            draft.members["content"].append(_block("", draft.pending))


def _tool(step: Step, writing: Writing) -> None:
    for placed in step.placed:
        _WRITERS[type(placed.part)](placed.part, placed, writing)


_STEPS: Final[Mapping[str, Callable[[Step, Writing], None]]] = {
    "system": _system,
    "user": _user,
    "assistant": _assistant,
    "tool": _tool,
}


def _lose(placed: Placed, out: Output) -> None:
    """Report a part that has no place where it stands."""
    part = placed.part
    if isinstance(part, DataPart | ApprovalPart | ToolResultPart):
        out.lost(placed, part.type)
    else:
        out.lost(placed, RAW, None if isinstance(part, RawPart) else part.type)


# --- what a user said ---------------------------------------------------------------------------


def _said(part: TextPart, placed: Placed, draft: Draft, out: Output) -> None:
    extra = out.given(placed)
    if extra.pop(marks.QUOTED, None) is True and out.is_own(placed):
        draft.members["quoted_text"] = part.text.removeprefix(marks.QUOTE)
        return
    tag = extra.pop(marks.TAG, None) if out.is_own(placed) else None
    if isinstance(tag, dict):
        block = {"type": "input_tag", **tag, "text": part.text.removeprefix("@")}
    else:
        block = {"type": "input_text", "text": part.text, **extra}
    draft.members["content"].append(block)


def _attachment(part: FilePart, placed: Placed, out: Output) -> dict[str, Json]:
    url = _image_url(part)
    media_type = part.media_type or "application/octet-stream"
    if part.file_id is not None:
        out.lost(placed, "file.file_id")
    if part.data is not None and url is None:
        out.lost(placed, "file.data")
    if part.url is not None and (url is None or part.data is not None):
        out.lost(placed, "file.url")
    block: dict[str, Json] = {
        "type": "file" if url is None else "image",
        "id": f"atc_{placed.message.id or 'message'}_{placed.place + 1}",
        "name": part.name or "",
        "mime_type": media_type,
    }
    if url is not None:
        block["preview_url"] = url
    return block | out.given(placed)


def _image_url(part: FilePart) -> str | None:
    """The URL that ChatKit shows an image by; None for other files."""
    if not (part.media_type or "").startswith("image/"):
        return None
    url = url_of(FilePart(part.media_type, None if part.data is not None else part.url, part.data))
    return url if url is not None and _URL.fullmatch(url) else None


# --- what the assistant said --------------------------------------------------------------------


def _text(part: TextPart, placed: Placed, writing: Writing) -> None:
    extra = writing.out.given(placed)
    own = writing.out.is_own(placed)
    if own and isinstance(extra.get(marks.TASK), dict):
        task = extra[marks.TASK]
        if part.text != marks.words_of_task(task):
            task = {**task, "title": None, "content": part.text}
        _put_task(task, placed, writing)
        return
    if own and extra.pop(marks.COPY, None) is True:
        widget = writing.last("widget", placed)
        if widget is not None:
            widget.members["copy_text"] = part.text
            return
    if own and extra.pop(marks.DERIVED, None) is True:
        asked = writing.last("structured_input", placed)
        if asked is not None and marks.words_of_inputs(asked.members) == part.text:
            return
    unknown = extra.pop(marks.ANNOTATIONS, [])
    draft = _message(placed, writing)
    annotations = [*(unknown if isinstance(unknown, list) else [unknown]), *draft.pending]
    draft.pending = []
    draft.members["content"].append(_block(part.text, annotations) | extra)


def _message(placed: Placed, writing: Writing) -> Draft:
    draft = writing.last("assistant_message", placed)
    return draft or writing.new("assistant_message", placed, {"content": []})


def _block(text: str, annotations: list[Json]) -> dict[str, Json]:
    return {"annotations": annotations, "text": text, "type": "output_text"}


def _source(part: SourcePart, placed: Placed, writing: Writing) -> None:
    out = writing.out
    extra = out.given(placed)
    index = extra.pop(marks.INDEX, None)
    title = part.title or part.name or part.url or part.source_id or ""
    if part.url is not None:
        source = {"type": "url", "title": title, "url": part.url}
    elif part.source_id is not None and out.is_own(placed):
        source = {"type": "entity", "title": title, "id": part.source_id}
    else:
        source = {"type": "file", "title": title, "filename": part.name or ""}
    if part.source_id is not None and source["type"] != "entity":
        out.lost(placed, "source.source_id")
    if part.media_type is not None:
        out.lost(placed, "source.media_type")
    if part.name is not None and source["type"] != "file":
        out.lost(placed, EXTRA, "name")
    annotation = {"type": "annotation", "source": source | extra, "index": index}
    draft = _message(placed, writing)
    content = draft.members["content"]
    last = content[-1] if content else None
    if isinstance(last, dict) and isinstance(last.get(marks.ANNOTATIONS), list):
        # Perhaps a raw block of the item itself, which must stay as it is.
        content[-1] = {**last, marks.ANNOTATIONS: [*last[marks.ANNOTATIONS], annotation]}
    else:
        draft.pending.append(annotation)


def _reasoning(part: ReasoningPart, placed: Placed, writing: Writing) -> None:
    for name in ("signature", "encrypted", "id"):
        if getattr(part, name) is not None:
            writing.out.lost(placed, f"reasoning.{name}")
    others = writing.out.given(placed).get(marks.TASK)
    task = {"type": "thought", "content": part.text}
    _put_task(others | task if isinstance(others, dict) else task, placed, writing)


def _put_task(task: Json, placed: Placed, writing: Writing) -> None:
    """Write a task by itself where it came so, else into a workflow."""
    if own_item(placed.message, FAMILY).get("type") == "task":
        writing.new("task", placed, {"task": task})
        return
    draft = writing.last("workflow", placed)
    if draft is None:
        workflow: dict[str, Json] = {
            "type": "reasoning",
            "tasks": [],
            "summary": None,
            "expanded": False,
        }
        draft = writing.new("workflow", placed, {"workflow": workflow})
    draft.members["workflow"]["tasks"].append(task)
    if not isinstance(task, dict) or task.get("type") != "thought":
        draft.members["workflow"]["type"] = "custom"


def _call(part: ToolCallPart, placed: Placed, writing: Writing) -> None:
    if part.provider_executed:
        writing.out.lost(placed, "provider_executed")
    writing.out.given(placed)
    writing.calls[part.call_id] = writing.new(
        "client_tool_call",
        placed,
        {
            "status": "pending",
            "call_id": part.call_id,
            "name": part.name,
            "arguments": object_of_input(part.input),
            "output": None,
        },
    )


def _result(part: ToolResultPart, placed: Placed, writing: Writing) -> None:
    out, draft = writing.out, writing.calls.get(part.call_id)
    if draft is None or draft.members["status"] == "completed":
        out.lost(placed, "tool_result")
        return
    add_source(draft, placed.message)
    out.given(placed)
    if part.provider_executed:
        out.lost(placed, "provider_executed")
    if part.is_error:
        out.lost(placed, "tool_result.is_error")
    if part.denied:
        out.lost(placed, "tool_result.denied")
    output = part.output if part.content is None else output_text(part)
    if any(not isinstance(inner, TextPart) for inner in part.content or ()):
        out.lost(placed, "tool_result.content")
    draft.members["status"] = "completed"
    draft.members["output"] = DENIED if part.denied and output is None else output


def _file(part: FilePart, placed: Placed, writing: Writing) -> None:
    out = writing.out
    url = url_of(FilePart(part.media_type, None if part.data is not None else part.url, part.data))
    if url is None or not (part.media_type or "").startswith("image/"):
        _lose(placed, out)
        return
    lost = {
        "media_type": None if part.data is not None else part.media_type,
        "url": None if part.data is None else part.url,
        "file_id": part.file_id,
        "name": part.name,
    }
    for name, value in lost.items():
        if value is not None and value != marks.ANY_IMAGE:
            out.lost(placed, EXTRA, name)
    image = {"id": f"img_{placed.message.id or 'message'}_{placed.place + 1}", "url": url}
    writing.new("generated_image", placed, {"image": image | out.given(placed)})


def _data(part: DataPart, placed: Placed, writing: Writing) -> None:
    kind = own_item(placed.message, FAMILY).get("type")
    if kind == "widget" and part.name == "widget":
        writing.new("widget", placed, {"widget": part.data, "copy_text": None})
    elif kind == "structured_input" and part.name == kind and isinstance(part.data, dict):
        writing.new(kind, placed, dict(part.data))
    elif kind in ("task", "workflow") and part.name == "task":
        _put_task(part.data, placed, writing)
    else:
        _lose(placed, writing.out)


def _raw(part: RawPart, placed: Placed, writing: Writing) -> None:
    kind = own_item(placed.message, FAMILY).get("type")
    if not writing.out.is_own(placed):
        _lose(placed, writing.out)
    elif kind in ("task", "workflow"):
        _put_task(part.value, placed, writing)
    elif kind == "assistant_message":
        _message(placed, writing).members["content"].append(part.value)
    elif isinstance(part.value, dict) and isinstance(part.value.get("type"), str):
        value = part.value
        others = {n: one for n, one in value.items() if n not in ("id", "thread_id", "created_at")}
        writing.new(others.pop("type"), placed, others)
    else:
        _lose(placed, writing.out)


def _approval(_: ApprovalPart, placed: Placed, writing: Writing) -> None:
    _lose(placed, writing.out)


_WRITERS: Final[Mapping[type[Any], Callable[..., None]]] = {
    TextPart: _text,
    ReasoningPart: _reasoning,
    ToolCallPart: _call,
    ToolResultPart: _result,
    ApprovalPart: _approval,
    FilePart: _file,
    SourcePart: _source,
    DataPart: _data,
    RawPart: _raw,
}
