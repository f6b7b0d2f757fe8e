"""Files of model messages: what may stand in `data` and `image`."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from threadkeep.dialects.ai_sdk_formats.members import is_reference
from threadkeep.dialects.reading import NATIVE, file_of
from threadkeep.values.parts import FilePart, Json

IMAGE: Final = "image/*"
"""The media type of an image of which nothing more is known."""

_MAGIC: Final[Mapping[str, str]] = {
    "iVBORw": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "Qk": "image/bmp",
    "SUkqAA": "image/tiff",
    "TU0AKg": "image/tiff",
}


def is_url(text: str) -> bool:
    """Whether a bare text is a URL and not base64, which has no colon."""
    return ":" in text[:40]


def image_type(data: Json) -> str:
    """The media type of an image, from its first bytes where it is base64."""
    if isinstance(data, str) and not is_url(data):
        for magic, media_type in _MAGIC.items():
            if data.startswith(magic):
                return media_type
    return IMAGE


def file_from(
    data: Json,
    *,
    media_type: str | None,
    name: str | None = None,
    extra: Mapping[str, Json] | None = None,
) -> FilePart | None:
    """The file that `data` says: base64, a URL, an id by provider, or any of them with a tag.

    None where it is nothing of that kind. An id by provider also stays in `extra.reference`.
    """
    extra = extra or {}
    if isinstance(data, str):
        if is_url(data):
            return file_of(data, media_type=media_type, name=name, extra=extra)
        return FilePart(media_type, data=data, name=name, extra=extra)
    if not isinstance(data, dict):
        return None
    kind = data.get("type")
    value = data.get(kind) if isinstance(kind, str) else None
    if kind in ("data", "url", "text") and isinstance(value, str):
        file = _tagged(kind, value, media_type)
        if file is None:
            return None
        other = {key: one for key, one in data.items() if key not in ("type", kind)}
        native = extra.get(NATIVE, {})
        more = {**extra, NATIVE: {**native, "data": other}} if other else extra
        return replace(file, name=name, extra=more)
    reference = value if kind == "reference" and len(data) == 2 else data
    if not is_reference(reference):
        return None
    return FilePart(
        media_type,
        file_id=next(iter(reference.values())),
        name=name,
        extra={**extra, "reference": reference},
    )


def _tagged(kind: str, value: str, media_type: str | None) -> FilePart | None:
    if kind == "text":
        try:
            return FilePart(media_type, data=b64encode(value.encode()).decode())
        except UnicodeEncodeError:  # a lone surrogate
            return None
    if kind == "url" or value[:5].lower() == "data:":
        return file_of(value, media_type=media_type)
    return FilePart(media_type, data=value)
