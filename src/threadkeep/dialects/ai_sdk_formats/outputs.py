"""What a tool-result of a model message has in `output`, versions 5 to 7."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from threadkeep.dialects.ai_sdk_formats.files import IMAGE, file_from
from threadkeep.dialects.ai_sdk_formats.members import (
    Version,
    is_reference,
    joined,
    left,
    members_of,
    origin_of,
)
from threadkeep.dialects.ai_sdk_formats.model_files import write_item
from threadkeep.dialects.codec import EXTRA, RAW, Output
from threadkeep.dialects.flow import Placed
from threadkeep.dialects.writing import DENIED, output_text
from threadkeep.values.parts import FilePart, Json, Part, RawPart, TextPart, ToolResultPart

_SAID: Final = frozenset({"type", "value"})
_SAID_DENIED: Final = frozenset({"type", "reason"})
_ITEM: Final = frozenset({"type", "data", "mediaType", "filename"})
_URL: Final = frozenset({"type", "url", "mediaType"})
_REFERENCE: Final = frozenset({"type", "fileId", "providerReference"})
_TEXT: Final = frozenset({"type", "text"})
_KIN: Final[Mapping[str, str]] = {}


def read_output(output: Json) -> dict[str, Any] | None:
    """The fields of a result that an output says, with `left` for its other members.

    None for what is no output. `left` names the `type` only where writing would choose another.
    """
    if not isinstance(output, dict):
        return None
    kind, value = output.get("type"), output.get("value")
    said, fields = _SAID, _fields(kind, value, output)
    if fields is None:
        return None
    if kind == "execution-denied":
        said = _SAID_DENIED
    other = {name: one for name, one in output.items() if name not in said}
    if kind in ("json", "error-json") and isinstance(value, str):
        other["type"] = kind
    if other:
        fields["left"] = other
    return fields


def _fields(kind: Json, value: Json, output: dict[str, Json]) -> dict[str, Any] | None:
    if kind == "text" and isinstance(value, str):
        return {"output": value}
    if kind == "json":
        return {"output": value}
    if kind == "error-text" and isinstance(value, str):
        return {"output": value, "is_error": True}
    if kind == "error-json":
        return {"output": value, "is_error": True}
    if kind == "content" and isinstance(value, list):
        return {"content": tuple(_read_item(item) for item in value)}
    reason = output.get("reason")
    if kind == "execution-denied" and (reason is None or isinstance(reason, str)):
        return {"output": reason, "denied": True}
    return None


def _read_item(item: Json) -> Part:
    kind = item.get("type") if isinstance(item, dict) else None
    reader = _ITEMS.get(kind) if isinstance(kind, str) else None
    return RawPart(item) if reader is None else reader(item) or RawPart(item)


def _read_text(item: dict[str, Json]) -> Part | None:
    text = item.get("text")
    return TextPart(text, extra=left(TextPart, item, _TEXT)) if isinstance(text, str) else None


def _read_data(item: dict[str, Json]) -> Part | None:
    media_type, name = item.get("mediaType"), item.get("filename")
    if not isinstance(media_type, str) or not (name is None or isinstance(name, str)):
        return None
    extra = left(FilePart, item, _ITEM)
    return file_from(item.get("data"), media_type=media_type, name=name, extra=extra)


def _read_url(item: dict[str, Json]) -> Part | None:
    url, media_type = item.get("url"), item.get("mediaType")
    if not isinstance(url, str) or not (media_type is None or isinstance(media_type, str)):
        return None
    if media_type is None and item["type"] == "image-url" and url[:5].lower() != "data:":
        media_type = IMAGE
    tagged = {"type": "url", "url": url}
    return file_from(tagged, media_type=media_type, extra=left(FilePart, item, _URL))


def _read_id(item: dict[str, Json]) -> Part | None:
    kind: str = item["type"]
    id = item.get("fileId" if kind.endswith("-id") else "providerReference")
    extra = left(FilePart, item, _REFERENCE)
    media_type = IMAGE if kind.startswith("image") else None
    if isinstance(id, str) and kind.endswith("-id"):
        return FilePart(media_type, file_id=id, extra=extra)
    if not is_reference(id):
        return None
    return FilePart(media_type, file_id=next(iter(id.values())), extra={**extra, "reference": id})


_ITEMS: Final[Mapping[str, Callable[[dict[str, Json]], Part | None]]] = {
    "text": _read_text,
    "media": _read_data,
    "file": _read_data,
    "file-data": _read_data,
    "image-data": _read_data,
    "file-url": _read_url,
    "image-url": _read_url,
    "file-id": _read_id,
    "image-file-id": _read_id,
    "file-reference": _read_id,
    "image-file-reference": _read_id,
}


def write_output(placed: Placed, other: Json, out: Output, version: Version) -> dict[str, Json]:
    """The output that says a result; `other` are the members that `read_output` has left."""
    part = placed.part
    if not isinstance(part, ToolResultPart):
        return {"type": "text", "value": ""}
    more: dict[str, Json] = dict(other) if isinstance(other, dict) else {}
    wanted = more.pop("type", None)
    if "providerOptions" in more and version.number < 6:
        del more["providerOptions"]
        out.lost(placed, EXTRA, "providerOptions")
    return joined(_write(placed, part, wanted, out, version), more)


def _write(
    placed: Placed, part: ToolResultPart, wanted: Json, out: Output, version: Version
) -> dict[str, Json]:
    only_text = all(isinstance(inner, TextPart) for inner in part.content or ())
    if not only_text and (part.denied or part.is_error):
        out.lost(placed, "tool_result.content")
    if part.denied:
        return _write_denied(placed, part, out, version)
    if part.is_error:
        plain = part.output is None or part.content is not None or isinstance(part.output, str)
        if plain and wanted != "error-json":
            return {"type": "error-text", "value": output_text(part)}
        return {"type": "error-json", "value": part.output}
    if part.content is not None:
        items = [_write_item(placed, inner, out, version) for inner in part.content]
        return {"type": "content", "value": [item for item in items if item is not None]}
    if isinstance(part.output, str) and wanted != "json":
        return {"type": "text", "value": part.output}
    return {"type": "json", "value": part.output}


def _write_denied(
    placed: Placed, part: ToolResultPart, out: Output, version: Version
) -> dict[str, Json]:
    says = part.output is not None or part.content is not None
    if version.number < 6:
        out.lost(placed, "tool_result.denied")
        return {"type": "error-text", "value": output_text(part) if says else DENIED}
    reason = {"reason": output_text(part)} if says else {}
    return {"type": "execution-denied", **reason}


def _write_item(placed: Placed, inner: Part, out: Output, version: Version) -> Json:
    one = placed._replace(part=inner)
    if isinstance(inner, TextPart):
        return joined({"type": "text", "text": inner.text}, members_of(one, out, version, _KIN))
    if isinstance(inner, RawPart):
        kind = inner.value.get("type") if isinstance(inner.value, dict) else None
        known = version.number >= 6 or kind != "custom"
        if known and out.is_own(placed) and not origin_of(placed.message)[0].endswith("@4"):
            return inner.value
        out.lost(placed, RAW)
        return None
    if not isinstance(inner, FilePart):
        out.lost(placed, "tool_result.content")
        return None
    return write_item(one, inner, out, version)
