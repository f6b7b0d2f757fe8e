"""What OpenAI's two message formats share: files as blocks, and where a text was quoted from.

Images go by URL, data URL or id. Other files go by their data with a name, or by id; only
Responses takes them by URL too. Video has no place in either, audio only in Chat Completions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from threadkeep.dialects.codec import Output
from threadkeep.dialects.flow import Placed
from threadkeep.dialects.media import sniff
from threadkeep.dialects.reading import file_of, kept
from threadkeep.dialects.writing import url_of
from threadkeep.values.parts import FilePart, Json, SourcePart

ANY_IMAGE: Final = "image/*"
"""The media type of an image whose real one is not said."""

ANNOTATION: Final = "annotation"
"""The member of a source's `extra` that holds what an annotation says beyond the source."""

_CITED: Final[Mapping[str, tuple[str, str]]] = {
    # How an annotation spells a source: the members for (url or source_id) and (title or name).
    "url_citation": ("url", "title"),
    "file_citation": ("file_id", "filename"),
    "container_file_citation": ("file_id", "filename"),
    "file_path": ("file_id", "filename"),
}
_PICTURES: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp")
_ENDINGS: Final[Mapping[str, str]] = {"text/plain": "txt", "text/markdown": "md"}


def spare(
    kind: type[Any], block: Mapping[str, Json], said: Collection[str], *marks: str
) -> dict[str, Json] | None:
    """The `extra` of a part, as `kept` says; None where a member has the name of one of our marks.

    Such a member would be taken for the mark when the part is read again.
    """
    extra = kept(kind, block, *said)
    return None if any(mark in extra for mark in marks) else extra


def image_from(url: str | None, file_id: str | None, extra: Mapping[str, Json]) -> FilePart:
    """The image that a URL, a data URL or an id says."""
    if url is None:
        return FilePart(ANY_IMAGE, file_id=file_id, extra=extra)
    part = file_of(url, extra=extra)
    return replace(part, media_type=part.media_type or ANY_IMAGE, file_id=file_id)


def data_from(
    data: str, file_id: str | None, name: str | None, extra: Mapping[str, Json]
) -> FilePart:
    """The file that its data says: a data URL, or bare base64."""
    if data[:5].lower() != "data:":
        return FilePart(data=data, file_id=file_id, name=name, extra=extra)
    return replace(file_of(data, name=name, extra=extra), file_id=file_id)


def is_image(part: FilePart) -> bool:
    """Whether a file is an image by its media type, or where it has none by its URL's ending."""
    if part.media_type is not None:
        return part.media_type.startswith("image/")
    return part.url is not None and part.url.partition("?")[0].lower().endswith(_PICTURES)


def is_played(part: FilePart) -> bool:
    """Whether a file is audio or video: what an API for documents refuses."""
    return part.media_type is not None and part.media_type.startswith(("audio/", "video/"))


def data_url(part: FilePart) -> str | None:
    """The data URL of a file, None where its data is not at hand."""
    if part.data is None and part.url is not None and part.url[:5].lower() != "data:":
        return None
    if part.data is not None:
        known = sniff(part.data) if part.media_type == ANY_IMAGE else None
        part = replace(part, url=None, media_type=known or part.media_type)
    return url_of(part)


def name_of(part: FilePart) -> str:
    """The name of a file that goes by its data: OpenAI asks for one."""
    if part.name is not None:
        return part.name
    kind = part.media_type or ""
    ending = _ENDINGS.get(kind) or kind.partition("/")[2].partition(";")[0]
    return f"file.{ending}" if ending.isalnum() else "file"


def report(placed: Placed, out: Output, said: Collection[str]) -> None:
    """Report what is not said of a file that is written: name and media type, but those `said`.

    One of its URL, data and id says the file; the others would say the same one again.
    """
    for field in ("media_type", "name"):
        if field not in said and getattr(placed.part, field) not in (None, ANY_IMAGE):
            out.lost(placed, f"file.{field}")


def source_from(kind: Json, members: Mapping[str, Json]) -> SourcePart | None:
    """The source that an annotation says, None where it is of no known kind or shape."""
    if not isinstance(kind, str) or kind not in _CITED:
        return None
    where, called = _CITED[kind]
    found, title = members.get(where), members.get(called)
    if not isinstance(found, str) or not isinstance(title, str | None):
        return None
    rest = {n: v for n, v in members.items() if n not in (where, called, "type")}
    extra = {ANNOTATION: {"type": kind, **rest}}
    if kind == "url_citation":
        return SourcePart(url=found, title=title, extra=extra)
    return SourcePart(source_id=found, name=title, extra=extra)


def annotation_of(part: SourcePart) -> dict[str, Json] | None:
    """The annotation that a source came from, as it says now; None where it came from none."""
    rest = part.extra.get(ANNOTATION)
    kind = rest.get("type") if isinstance(rest, dict) else None
    if not isinstance(rest, dict) or not isinstance(kind, str) or kind not in _CITED:
        return None
    where, called = _CITED[kind]
    url = kind == "url_citation"
    found, title = (part.url, part.title) if url else (part.source_id, part.name)
    if found is None:
        return None
    said = {where: found} if title is None else {where: found, called: title}
    return {"type": kind, **said, **{name: rest[name] for name in rest if name != "type"}}
