"""The content of OpenAI's Responses: blocks of messages and of outputs as parts, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from threadkeep.dialects.codec import EXTRA, Output
from threadkeep.dialects.flow import Placed
from threadkeep.dialects.openai_files import (
    annotation_of,
    data_from,
    data_url,
    image_from,
    is_image,
    is_played,
    name_of,
    report,
    source_from,
    spare,
)
from threadkeep.dialects.reading import file_of, kept
from threadkeep.values.parts import FilePart, Json, Part, RawPart, SourcePart, TextPart

_IMAGE_SAID: Final = ("type", "image_url", "file_id")
_FILE_SAID: Final = ("type", "file_data", "file_id", "file_url", "filename")


def read_blocks(content: list[Json]) -> list[Part]:
    """The parts of a content, in order; sources stand after the text that quotes them.

    What is of no known type or shape is a raw part.
    """
    parts: list[Part] = []
    for block in content:
        kind = block.get("type") if isinstance(block, dict) else None
        read = _READERS.get(kind) if isinstance(kind, str) else None
        found = None if read is None else read(block)
        parts += [RawPart(block)] if found is None else found
    return parts


def _text(block: dict[str, Json]) -> list[Part] | None:
    text = block.get("text")
    if not isinstance(text, str):
        return None
    if len(block) == 2:
        return [TextPart(text)]
    extra = spare(TextPart, block, ("type", "text"), "refusal")
    if extra is None:
        return None
    for name in ("annotations", "logprobs", "prompt_cache_breakpoint"):
        if name in extra and extra[name] in (None, []):
            del extra[name]
    sources, unknown = _sources(extra.pop("annotations", None))
    if unknown is not None:
        extra["annotations"] = unknown
    return [TextPart(text, extra=extra), *sources]


def _sources(annotations: Json) -> tuple[list[SourcePart], Json]:
    """The sources that annotations say, and those annotations that say none."""
    if not isinstance(annotations, list):
        return [], annotations
    sources: list[SourcePart] = []
    unknown: list[Json] = []
    for one in annotations:
        source = source_from(one.get("type"), one) if isinstance(one, dict) else None
        if source is None:
            unknown.append(one)
        else:
            sources.append(source)
    return sources, unknown or None


def _refusal(block: dict[str, Json]) -> list[Part] | None:
    text, extra = block.get("refusal"), kept(TextPart, block, "type", "refusal")
    if not isinstance(text, str):
        return None
    return [TextPart(text, extra={"refusal": True, **extra})]


def _image(block: dict[str, Json]) -> list[Part] | None:
    url, id = block.get("image_url"), block.get("file_id")
    extra = kept(FilePart, block, *_IMAGE_SAID)
    if not isinstance(url, str | None) or not isinstance(id, str | None):
        return None
    return [image_from(url, id, _filled(extra))]


def _file(block: dict[str, Json]) -> list[Part] | None:
    data, id, url, name = (block.get(member) for member in _FILE_SAID[1:])
    extra = kept(FilePart, block, *_FILE_SAID)
    if not all(isinstance(value, str | None) for value in (data, id, url, name)):
        return None
    extra = _filled(extra)
    if data is not None:
        return [replace(data_from(data, id, name, extra), **({} if url is None else {"url": url}))]
    if url is not None:
        return [replace(file_of(url, name=name, extra=extra), file_id=id)]
    return [FilePart(file_id=id, name=name, extra=extra)]


def _filled(extra: dict[str, Json]) -> dict[str, Json]:
    """The members that say something: the default of `detail` does not."""
    return {name: value for name, value in extra.items() if (name, value) != ("detail", "auto")}


_READERS: Final[Mapping[str, Callable[[dict[str, Json]], list[Part] | None]]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "summary_text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "computer_screenshot": _image,
    "input_file": _file,
}


def text_block(placed: Placed, part: TextPart, kind: str, out: Output) -> dict[str, Json]:
    """The block of that kind that a text is, or its refusal where it was one."""
    extra = out.given(placed)
    if extra.pop("refusal", False) and kind == "output_text":
        return {"type": "refusal", "refusal": part.text, **extra}
    if kind == "output_text":
        listed = extra.pop("annotations", None)
        noted = list(listed) if isinstance(listed, list) else []
        return {"type": kind, "text": part.text, "annotations": noted, **extra}
    return {"type": kind, "text": part.text, **extra}


def file_block(placed: Placed, part: FilePart, out: Output) -> dict[str, Json] | None:
    """The block that a file is; None, and it is reported, where it has no place."""
    block = None if is_played(part) else _file_block(placed, part, out)
    if block is None:
        out.lost(placed, "file")
        return None
    return {**block, **out.given(placed)}


def _file_block(placed: Placed, part: FilePart, out: Output) -> dict[str, Json] | None:
    data = data_url(part)
    if is_image(part):
        url = data if data is not None else part.url
        if url is None and part.file_id is None:
            return None
        report(placed, out, () if data is None else ("media_type",))
        where = {"file_id": part.file_id} if url is None else {"image_url": url}
        return {"type": "input_image", "detail": "auto", **where}
    if data is not None:
        report(placed, out, ("name", "media_type"))
        return {"type": "input_file", "filename": name_of(part), "file_data": data}
    where = {"file_url": part.url} if part.url is not None else {"file_id": part.file_id}
    if None in where.values():
        return None
    # The name goes with the data; beside a URL or an id it stands only where it stood.
    named = {} if part.name is None or not out.is_own(placed) else {"filename": part.name}
    report(placed, out, ("name",) if named else ())
    return {"type": "input_file", **where, **named}


def quote(placed: Placed, part: SourcePart, blocks: list[Json], out: Output) -> None:
    """Say a source at the text before it: only our own, since the place in the text counts."""
    noted = annotation_of(part) if out.is_own(placed) else None
    text = blocks[-1] if blocks else None
    if noted is None or not isinstance(text, dict) or text.get("type") != "output_text":
        out.lost(placed, "source")
    else:
        text["annotations"].append(noted)


def inner_blocks(placed: Placed, listed: tuple[Part, ...], out: Output) -> list[Json]:
    """The blocks of a result's content; what has no place there is reported."""
    blocks: list[Json] = []
    for part in listed:
        one: Any = placed._replace(part=part)
        if isinstance(part, TextPart):
            if part.role is not None:
                out.lost(one, EXTRA, "role")
            blocks.append(text_block(one, part, "input_text", out))
        elif isinstance(part, FilePart):
            block = file_block(one, part, out)
            blocks += [] if block is None else [block]
        elif isinstance(part, RawPart):
            value = out.raw(one)
            blocks += [value] if out.is_own(one) else []
        else:
            out.lost(one, EXTRA, part.type)
    return blocks
