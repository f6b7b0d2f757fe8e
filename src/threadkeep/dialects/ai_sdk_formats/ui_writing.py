"""UI messages, versions 5 to 7, written from messages of any grain.

An answer with all its steps and results is one UI message. A result stands in the part of its
call, wherever it came; one whose call is not there is a tool part of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from threadkeep.dialects.ai_sdk_formats import reasoning
from threadkeep.dialects.ai_sdk_formats.files import file_from
from threadkeep.dialects.ai_sdk_formats.members import (
    MODEL,
    UI,
    Version,
    is_metadata,
    joined,
    members_of,
    origin_of,
    reference_of,
    unsaid_of,
)
from threadkeep.dialects.ai_sdk_formats.ui_calls import Calls, write_call
from threadkeep.dialects.codec import RAW, Output
from threadkeep.dialects.flow import (
    STEP,
    Placed,
    Step,
    exchanges,
    sources_of,
    steps,
)
from threadkeep.dialects.writing import url_of
from threadkeep.values.message import Message
from threadkeep.values.parts import Json

_METADATA: Final[Mapping[str, str]] = {"providerOptions": "providerMetadata"}
_FILE: Final[Mapping[str, str]] = {**_METADATA, "reference": "providerReference"}
_MEDIA_TYPE: Final = "application/octet-stream"

# The kinds of part that the typed parts have no form for, and the version that knows them first.
_RAW_SINCE: Final[Mapping[str, int]] = {"custom": 7, "reasoning-file": 7, "steering-message": 7}


def write(messages: Sequence[Message], out: Output, version: Version, *, ids: bool) -> None:
    """Write messages as UI messages; `ids` says whether these have ids."""
    listed = exchanges(steps(messages, UI, apart=False), UI)
    every = (placed for exchange in listed for step in exchange for placed in step.placed)
    calls = Calls(every, out)
    spent: set[int] = set()
    for exchange in listed:
        sources = list(sources_of(exchange))
        blocks = _blocks(exchange, calls, sources, out, version)
        role = next((step.role for step in exchange if step.role != "tool"), None)
        if role is None and not blocks:
            continue
        if role not in (None, "assistant") and not blocks:
            blocks = [{"type": "text", "text": ""}]
        item: dict[str, Json] = {"id": out.name(sources[0])} if ids else {}
        item["role"] = role or "assistant"
        for message in sources:
            for name, value in _top(message, out, spent).items():
                item.setdefault(name, value)
        item["parts"] = blocks
        out.add(item, sources)


def _top(message: Message, out: Output, spent: set[int]) -> dict[str, Json]:
    if not message.extra or id(message) in spent:
        return {}
    members = unsaid_of(message, out, spent)
    if message.family == UI:
        tag, item = origin_of(message)
        if "createdAt" in item and not tag.endswith("@4"):
            members["createdAt"] = item["createdAt"]
    return members


def _blocks(
    exchange: list[Step], calls: Calls, sources: list[Message], out: Output, version: Version
) -> list[Json]:
    blocks: list[Json] = []
    for step in exchange:
        before = len(blocks)
        for placed in step.placed:
            call = calls.at(placed)
            if call is not None:
                blocks.append(write_call(call, out, version))
                sources += [one for one in call.messages() if not _holds(sources, one)]
            else:
                _write_part(placed, step.role, blocks, out, version)
        if len(blocks) > before and step.role == "assistant" and _is_begun(step):
            blocks.insert(before, dict(STEP.value))
    return blocks


def _holds(messages: list[Message], message: Message) -> bool:
    return any(other is message for other in messages)


def _is_begun(step: Step) -> bool:
    """Whether a step has a mark at its beginning: all have, but those our own item did not mark."""
    _, message, place = step.placed[0]
    if message.family != UI:
        return True
    return place > 0 and message.parts[place - 1] == STEP


def _write_part(
    placed: Placed, role: str, blocks: list[Json], out: Output, version: Version
) -> None:
    writer = _WRITERS.get(placed.part.type)
    if writer is not None:
        block = writer(placed, role, out, version)
        if block is not None:
            blocks.append(block)
    elif placed.part.type == RAW:
        _raw(placed, blocks, out, version)


def _text(placed: Placed, role: str, out: Output, version: Version) -> Json:
    part: Any = placed.part
    if part.role is not None and part.role != role:
        out.lost(placed, "text.role")
    return joined({"type": "text", "text": part.text}, members_of(placed, out, version, _METADATA))


def _reasoning(placed: Placed, role: str, out: Output, version: Version) -> Json:  # noqa: ARG001
    part: Any = placed.part
    more = members_of(placed, out, version, _METADATA)
    metadata = reasoning.write(placed, more.pop("providerMetadata", None), out)
    block = {"type": "reasoning", "text": part.text}
    if metadata is not None:
        block["providerMetadata"] = metadata
    return joined(block, more)


def _file(placed: Placed, role: str, out: Output, version: Version) -> Json:  # noqa: ARG001
    part: Any = placed.part
    more = members_of(placed, out, version, _FILE)
    reference = reference_of(placed, more, "providerReference")
    if not version.knows(7, own=out.is_own(placed)):
        reference = None
    url = url_of(part)
    if url is None and reference is None:
        out.lost(placed, "file")
        return None
    if part.file_id is not None and reference is None:
        out.lost(placed, "file.file_id")
    if part.url is not None and part.data is not None:
        out.lost(placed, "file.data")
    block = {
        "type": "file",
        "mediaType": _MEDIA_TYPE if part.media_type is None else part.media_type,
        "url": url or "",
    }
    if part.name is not None:
        block["filename"] = part.name
    if reference is not None:
        block["providerReference"] = reference
    return joined(block, more)


def _source(placed: Placed, role: str, out: Output, version: Version) -> Json:  # noqa: ARG001
    part: Any = placed.part
    source_id = f"source-{placed.place + 1}" if part.source_id is None else part.source_id
    if part.url is not None:
        block = {"type": "source-url", "sourceId": source_id, "url": part.url}
        if part.title is not None:
            block["title"] = part.title
        if part.media_type is not None:
            out.lost(placed, "source.media_type")
        if part.name is not None:
            out.lost(placed, "source.name")
    else:
        block = {
            "type": "source-document",
            "sourceId": source_id,
            "mediaType": _MEDIA_TYPE if part.media_type is None else part.media_type,
            "title": (part.name or "") if part.title is None else part.title,
        }
        if part.name is not None:
            block["filename"] = part.name
    return joined(block, members_of(placed, out, version, _METADATA))


def _data(placed: Placed, role: str, out: Output, version: Version) -> Json:  # noqa: ARG001
    part: Any = placed.part
    block = {"type": f"data-{part.name}", "data": part.data}
    return joined(block, members_of(placed, out, version, {}))


def _raw(placed: Placed, blocks: list[Json], out: Output, version: Version) -> None:
    part: Any = placed.part
    value = part.value
    own = out.is_own(placed) and not origin_of(placed.message)[0].endswith("@4")
    known = own
    if placed.message.family == MODEL:
        value = _from_model(value)
        known = value is not None
    kind = value.get("type") if isinstance(value, dict) else None
    since = _RAW_SINCE.get(kind, 0) if isinstance(kind, str) else 0
    if known and version.knows(since, own=own):
        blocks.append(value)
    else:
        out.lost(placed, RAW)


def _from_model(value: Json) -> Json:
    """The UI part for a block of a model message that has no typed form; None where none is."""
    if not isinstance(value, dict):
        return None
    kind, options = value.get("type"), value.get("providerOptions")
    more = {"providerMetadata": options} if is_metadata(options) else {}
    if kind == "custom" and isinstance(value.get("kind"), str):
        return {"type": kind, "kind": value["kind"], **more}
    media_type = value.get("mediaType")
    if kind != "reasoning-file" or not isinstance(media_type, str):
        return None
    file = file_from(value.get("data"), media_type=media_type)
    url = None if file is None else url_of(file)
    return None if url is None else {"type": kind, "mediaType": media_type, "url": url, **more}


_WRITERS: Final[Mapping[str, Callable[[Placed, str, Output, Version], Json]]] = {
    "text": _text,
    "reasoning": _reasoning,
    "file": _file,
    "source": _source,
    "data": _data,
}
