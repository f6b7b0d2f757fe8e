"""How the items of ChatKit are read, kind by kind.

Source: `chatkit.types` and `chatkit.agents` of openai-chatkit 1.6.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from threadkeep.dialects.reading import file_of, kept, rest
from threadkeep.values.parts import (
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

Read = tuple[list[Part], tuple[str, ...]]
"""The parts of an item, and the members of it that they say."""

# In `extra`: what a text or a thought is in ChatKit.
TAG: Final = "tag"
QUOTED: Final = "quoted"
COPY: Final = "copy_text"
TASK: Final = "task"
DERIVED: Final = "derived"
INDEX: Final = "index"
ANNOTATIONS: Final = "annotations"
ATTACHMENT: Final = "attachment"

QUOTE: Final = "The user is referring to this in particular: \n"
"""What ChatKit itself says to a model before the text that a user has quoted."""

ANY_IMAGE: Final = "image/*"
"""The media type of an image of which no more is known."""

_WHERE: Final[Mapping[str, str]] = {"url": "url", "file": "filename", "entity": "id"}
_SPEAKING: Final = ("Text", "Title", "Caption", "Markdown", "Badge", "Label")


def user_message(item: Mapping[str, Any]) -> Read:
    """The texts, then the attachments, then what was quoted."""
    parts: list[Part] = []
    said: list[str] = []
    if isinstance(item.get("content"), list):
        parts += [_input(block) for block in item["content"]]
        said.append("content")
    if isinstance(item.get("attachments"), list):
        parts += [_attachment(value) for value in item["attachments"]]
        said.append("attachments")
    if isinstance(item.get("quoted_text"), str):
        if item["quoted_text"]:
            parts.append(TextPart(QUOTE + item["quoted_text"], extra={QUOTED: True}))
        said.append("quoted_text")
    return parts, tuple(said)


def assistant_message(item: Mapping[str, Any]) -> Read:
    """The texts, each with the sources that annotate it."""
    content = item.get("content")
    if not isinstance(content, list):
        return [], ()
    parts: list[Part] = []
    for block in content:
        parts += _output(block)
    return parts, ("content",)


def client_tool_call(item: Mapping[str, Any]) -> Read:
    """The call, and its result where it is completed."""
    id, name, input = item.get("call_id"), item.get("name"), item.get("arguments")
    if not isinstance(id, str) or not isinstance(name, str):
        return [], ()
    parts: list[Part] = [ToolCallPart(id, name, input)]
    said = ("call_id", "name", "arguments")
    status = item.get("status")
    if status == "completed":
        parts.append(ToolResultPart(id, item.get("output"), name))
        return parts, (*said, "status", "output")
    return parts, (*said, "status") if status == "pending" else said


def widget(item: Mapping[str, Any]) -> Read:
    """The widget as data, and the text that people copy of it."""
    parts: list[Part] = []
    said: list[str] = []
    if item.get("widget") is not None:
        parts.append(DataPart("widget", item["widget"]))
        said.append("widget")
    if isinstance(item.get("copy_text"), str):
        if item["copy_text"]:
            parts.append(TextPart(item["copy_text"], extra={COPY: True}))
        said.append("copy_text")
    return parts, tuple(said)


def generated_image(item: Mapping[str, Any]) -> Read:
    """The image; none while it is being made."""
    image = item.get("image")
    url = image.get("url") if isinstance(image, dict) else None
    if not isinstance(image, dict) or not isinstance(url, str):
        return [], ()
    extra = kept(FilePart, image, "url")
    file = file_of(url, extra=extra)
    if file.media_type is None:
        file = FilePart(ANY_IMAGE, file.url, file.data, extra=extra)
    return [file], ("image",)


def structured_input(item: Mapping[str, Any]) -> Read:
    """The questions as data, and with their answers in words."""
    if not isinstance(item.get("inputs"), list):
        return [], ()
    data = {name: item[name] for name in ("status", "inputs") if name in item}
    words = words_of_inputs(data)
    parts: list[Part] = [DataPart("structured_input", data)]
    if words:
        parts.append(TextPart(words, extra={DERIVED: True}))
    return parts, ("status", "inputs")


def task(item: Mapping[str, Any]) -> Read:
    """A thought is reasoning, what a task says in words is text, and all else is data."""
    value = item.get("task")
    return ([], ()) if value is None else ([_task(value)], ("task",))


def workflow(item: Mapping[str, Any]) -> Read:
    """Its tasks."""
    value = item.get("workflow")
    tasks = value.get("tasks") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(tasks, list):
        return [], ()
    parts = [_task(one) for one in tasks]
    # Nothing else is said by a workflow as it is written for plain reasoning.
    others = {name: one for name, one in value.items() if one not in (None, False)}
    plain = {"type": "reasoning", "tasks": tasks}
    thoughts = all(isinstance(part, ReasoningPart) for part in parts)
    return parts, ("workflow",) if thoughts and others == plain else ()


def hidden_context(item: Mapping[str, Any]) -> Read:
    """The context: text, or any other value as data."""
    content = item.get("content")
    if content is None:
        return [], ()
    if isinstance(content, str):
        return [TextPart(content)], ("content",)
    return [DataPart("hidden_context", content)], ("content",)


def end_of_turn(_: Mapping[str, Any]) -> Read:
    """Nothing: it is only a mark for the client."""
    return [], ()


# --- inside -------------------------------------------------------------------------------------


def _input(block: Json) -> Part:
    kind = block.get("type") if isinstance(block, dict) else None
    text = block.get("text") if isinstance(block, dict) else None
    if not isinstance(text, str):
        return RawPart(block)
    if kind == "input_text":
        return TextPart(text, extra=kept(TextPart, block, "type", "text"))
    if kind == "input_tag":
        # So ChatKit writes a tag into the words of a user.
        return TextPart(f"@{text}", extra={TAG: rest(block, "type", "text")})
    return RawPart(block)


def _attachment(value: Json) -> Part:
    whole = RawPart({ATTACHMENT: value})
    if not isinstance(value, dict) or value.get("type") not in ("file", "image"):
        return whole
    name, media_type, url = (value.get(n) for n in ("name", "mime_type", "preview_url"))
    if not isinstance(name, str) or not isinstance(media_type, str):
        return whole
    said = ("type", "name", "mime_type")
    known = {n: one for n, one in value.items() if one is not None}
    if value["type"] == "file":
        return FilePart(media_type, name=name or None, extra=kept(FilePart, known, *said))
    if not isinstance(url, str):
        return whole
    extra = kept(FilePart, known, *said, "preview_url")
    return file_of(url, media_type=media_type, name=name or None, extra=extra)


def _output(block: Json) -> list[Part]:
    text = block.get("text") if isinstance(block, dict) else None
    if not isinstance(text, str) or block.get("type") != "output_text":
        return [RawPart(block)]
    annotations = block.get(ANNOTATIONS)
    if not isinstance(annotations, list):
        return [TextPart(text, extra=kept(TextPart, block, "type", "text"))]
    extra = kept(TextPart, block, "type", "text", ANNOTATIONS)
    sources: list[Part] = []
    unknown: list[Json] = []
    for annotation in annotations:
        source = _source(annotation)
        if source is None:
            unknown.append(annotation)
        else:
            sources.append(source)
    if unknown:
        extra[ANNOTATIONS] = unknown
    return [TextPart(text, extra=extra), *sources]


def _source(annotation: Json) -> SourcePart | None:
    if not isinstance(annotation, dict) or annotation.keys() - {"type", "source", INDEX}:
        return None
    source, index = annotation.get("source"), annotation.get(INDEX)
    if not isinstance(source, dict) or INDEX in source or annotation.get("type") != "annotation":
        return None
    kind, title = source.get("type"), source.get("title")
    where = _WHERE.get(kind) if isinstance(kind, str) else None
    at = source.get(where) if where is not None else None
    if where is None or not isinstance(at, str) or not isinstance(title, str):
        return None
    known = {name: value for name, value in source.items() if value is not None}
    extra = kept(SourcePart, known, "type", "title", where)
    if index is not None:
        extra[INDEX] = index
    title = title or None
    if kind == "url":
        return SourcePart(None, at, title, extra=extra)
    if kind == "file":
        return SourcePart(None, None, title, None, at or None, extra)
    return SourcePart(at, None, title, extra=extra)


def _task(value: Json) -> Part:
    if not isinstance(value, dict):
        return RawPart(value)
    content = value.get("content")
    if value.get("type") == "thought" and isinstance(content, str):
        others = rest(value, "type", "content")
        known = {name: one for name, one in others.items() if one not in (None, "none")}
        return ReasoningPart(content, extra={TASK: known} if known else {})
    words = words_of_task(value)
    if words:
        return TextPart(words, extra={TASK: value})
    return DataPart("task", value)


def words_of_task(value: Mapping[str, Json]) -> str:
    """What a custom task says, as ChatKit tells it to a model; nothing for other kinds."""
    if value.get("type") != "custom":
        return ""
    said = [value.get("title"), value.get("content")]
    return ": ".join(one for one in said if isinstance(one, str) and one)


def words_of_inputs(data: Json) -> str:
    """Questions and answers, as ChatKit tells them to a model: one line for each question."""
    inputs = data.get("inputs") if isinstance(data, dict) else None
    lines: list[str] = []
    for one in inputs if isinstance(inputs, list) else ():
        question = one.get("question") if isinstance(one, dict) else None
        if isinstance(question, str):
            lines.append(f"- {question}: {_answer(one.get('answer'))}")
    return "\n".join(lines)


def _answer(answer: Json) -> str:
    if not isinstance(answer, dict):
        return "unanswered"
    values = answer.get("values")
    if answer.get("skipped") or not isinstance(values, list):
        return "skipped"
    return ", ".join(value for value in values if isinstance(value, str))


def words_of_widget(value: Json) -> str:
    """The words that a widget shows, in their order, one line for each."""
    words: list[str] = []
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, list):
            stack += reversed(one)
        elif isinstance(one, dict):
            word = one.get("value" if one.get("type") in _SPEAKING else "label")
            if isinstance(word, str) and word:
                words.append(word)
            stack += reversed([inner for inner in one.values() if isinstance(inner, list | dict)])
    return "\n".join(words)
