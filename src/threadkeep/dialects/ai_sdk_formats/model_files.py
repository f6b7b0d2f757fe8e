"""Files as model messages say them: in a message, and in the content of a tool's result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from threadkeep.dialects.ai_sdk_formats.files import IMAGE, is_url
from threadkeep.dialects.ai_sdk_formats.members import Version, joined, members_of, reference_of
from threadkeep.dialects.codec import EXTRA, Output
from threadkeep.dialects.flow import Placed
from threadkeep.values.parts import FilePart, Json

_KIN: Final[Mapping[str, str]] = {
    "providerMetadata": "providerOptions",
    "providerReference": "reference",
}
_OCTETS: Final = "application/octet-stream"


def write_file(
    placed: Placed, part: FilePart, out: Output, version: Version
) -> dict[str, Json] | None:
    """The block for a file in a message; None, and reported, where there is no way to say it.

    What JSON has instead of a URL object is a bare text: the SDK makes a URL of it. Version 7
    has tags for all else.
    """
    more = members_of(placed, out, version, _KIN)
    tagged = version.number >= 7
    reference = reference_of(placed, more, "reference")
    data: Json
    if reference is not None and tagged:
        chosen, data = "file_id", {"type": "reference", "reference": reference}
    elif part.data is not None:
        chosen, data = "data", {"type": "data", "data": part.data} if tagged else part.data
    elif part.url is not None and (tagged or is_url(part.url)):
        chosen, data = "url", part.url if is_url(part.url) else {"type": "url", "url": part.url}
    else:
        out.lost(placed, "file")
        return None
    _lose_others(placed, part, chosen, out)
    other = more.pop("data", None)
    if isinstance(other, dict) and isinstance(data, dict):
        joined(data, other)
    elif other is not None:
        out.lost(placed, EXTRA, "data")
    block = {"type": "file", "data": data, "mediaType": _media_type(part)}
    return joined(_named(block, part), more)


def write_item(
    placed: Placed, part: FilePart, out: Output, version: Version
) -> dict[str, Json] | None:
    """The item for a file in a result's content; None, and reported, where there is none."""
    more = members_of(placed, out, version, _KIN)
    reference = reference_of(placed, more, "reference")
    id = reference or part.file_id
    if version.number == 5:
        block = _item_v5(placed, part, out)
    elif version.number == 6:
        block = _item_v6(placed, part, id, out)
    else:
        block = _item_v7(placed, part, id, out)
    return None if block is None else joined(block, more)


def _item_v5(placed: Placed, part: FilePart, out: Output) -> dict[str, Json] | None:
    if part.data is None:
        out.lost(placed, "tool_result.content")
        return None
    _lose_others(placed, part, "data", out)
    _lose(placed, "file.name", part.name, out)
    return {"type": "media", "data": part.data, "mediaType": _media_type(part)}


def _item_v6(placed: Placed, part: FilePart, id: Json, out: Output) -> dict[str, Json] | None:
    is_image = part.name is None and (part.media_type or "").startswith("image")
    if part.data is None:
        return _pointed(placed, part, id, out, is_image=is_image)
    _lose_others(placed, part, "data", out)
    block = {"type": "file-data", "data": part.data, "mediaType": _media_type(part)}
    if is_image:
        block["type"] = "image-data"
    return _named(block, part)


def _item_v7(placed: Placed, part: FilePart, id: Json, out: Output) -> dict[str, Json] | None:
    data: dict[str, Json]
    if isinstance(id, dict):
        chosen, data = "file_id", {"type": "reference", "reference": id}
    elif part.data is not None:
        chosen, data = "data", {"type": "data", "data": part.data}
    else:
        # The schema wants a URL object behind the tag, which JSON has not.
        return _pointed(placed, part, id, out, is_image=False)
    _lose_others(placed, part, chosen, out)
    return _named({"type": "file", "data": data, "mediaType": _media_type(part)}, part)


def _pointed(
    placed: Placed, part: FilePart, id: Json, out: Output, *, is_image: bool
) -> dict[str, Json] | None:
    """The item for a file by its URL or by an id."""
    _lose(placed, "file.name", part.name, out)
    if part.url is not None:
        _lose_others(placed, part, "url", out)
        if is_image and part.media_type == IMAGE:
            return {"type": "image-url", "url": part.url}
        block = {"type": "file-url", "url": part.url}
        if part.media_type is not None:
            block["mediaType"] = part.media_type
        return block
    if id is None:
        out.lost(placed, "tool_result.content")
        return None
    if is_image:
        _lose(placed, "file.media_type", None if part.media_type == IMAGE else IMAGE, out)
        return {"type": "image-file-id", "fileId": id}
    _lose(placed, "file.media_type", part.media_type, out)
    return {"type": "file-id", "fileId": id}


def _media_type(part: FilePart) -> str:
    return _OCTETS if part.media_type is None else part.media_type


def _named(block: dict[str, Json], part: FilePart) -> dict[str, Json]:
    if part.name is not None:
        block["filename"] = part.name
    return block


def _lose_others(placed: Placed, part: FilePart, chosen: str, out: Output) -> None:
    if chosen == "file_id":
        _lose(placed, "file.url", part.data if part.url is None else part.url, out)
        return
    for name in ("url", "file_id"):
        if name != chosen:
            _lose(placed, f"file.{name}", getattr(part, name), out)


def _lose(placed: Placed, code: str, value: Json, out: Output) -> None:
    if value is not None:
        out.lost(placed, code)
