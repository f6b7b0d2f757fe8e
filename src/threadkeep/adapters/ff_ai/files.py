"""Files inside model messages: bytes and URL objects, which JSON does not have."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, Protocol

from threadkeep.values.parts import Json


class Change(Protocol):
    """Gives what stands where a file's data does anew."""

    def __call__(self, value: Any, *, taggable: bool) -> Any:
        """The new value; `taggable` is whether it may be an object that says its own type."""
        ...


_BYTES: Final = (bytes, bytearray, memoryview)
_BYTE: Final = 255


def as_json(message: Mapping[str, Any]) -> dict[str, Json]:
    """The message with the bytes of its files as base64 and URL objects as text.

    Bytes in the `data` of a file are tagged, `{"type": "data", "data": base64}`; in an `image` and
    where a tag stands already they are the bare base64, as the SDK's own schema has it.
    """
    return with_files(message, _as_json)


def restored(message: Mapping[str, Any]) -> dict[str, Json]:
    """The message with base64 where JavaScript wrote bytes as an object of numbers."""
    return with_files(message, _restored)


def lacks_bytes(message: Mapping[str, Any]) -> bool:
    """Whether JavaScript wrote `{}` for bytes of the message: nothing is left of them."""
    seen: list[bool] = []

    def look(value: Any, *, taggable: bool) -> Any:  # noqa: ARG001
        seen.append(value == {} and isinstance(value, dict))
        return value

    with_files(message, look)
    return any(seen)


def with_files(message: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """The message with all that stands where a file's data does changed; nothing else is copied."""
    made = dict(message)
    content = made.get("content")
    if isinstance(content, list | tuple):
        made["content"] = [_block(block, change) for block in content]
    return made


def _block(block: Any, change: Change) -> Any:
    if not isinstance(block, dict):
        return block
    kind = block.get("type")
    if kind == "image" and "image" in block:
        return {**block, "image": change(block["image"], taggable=False)}
    if kind in ("file", "reasoning-file"):
        return _file(block, change, taggable=True)
    output = block.get("output")
    if kind != "tool-result" or not isinstance(output, dict) or output.get("type") != "content":
        return block
    items = output.get("value")
    if not isinstance(items, list | tuple):
        return block
    listed = [_file(item, change, taggable=False) for item in items]
    return {**block, "output": {**output, "value": listed}}


def _file(block: Any, change: Change, *, taggable: bool) -> Any:
    if not isinstance(block, dict):
        return block
    made = dict(block)
    data = made.get("data")
    tag = data.get("type") if isinstance(data, dict) else None
    if isinstance(data, dict) and tag in ("data", "url") and tag in data:
        # A Buffer of Node has a tag of its own, so this is the SDK's.
        made["data"] = {**data, tag: change(data[tag], taggable=False)}
    elif "data" in made:
        tagged = taggable or made.get("type") == "file"
        made["data"] = change(data, taggable=tagged)
    if "url" in made:
        made["url"] = change(made["url"], taggable=False)
    return made


def _as_json(value: Any, *, taggable: bool) -> Any:
    if isinstance(value, _BYTES):
        return _base64(bytes(value), taggable=taggable)
    if callable(getattr(value, "geturl", None)):
        return value.geturl()
    return str(value) if type(value).__name__.lower().endswith("url") else value


def _restored(value: Any, *, taggable: bool) -> Any:
    if not isinstance(value, dict):
        return value
    numbers: Any = list(value.values())
    if value.get("type") == "Buffer" and len(value) == 2:
        numbers = value.get("data")
    elif list(value) != [str(place) for place in range(len(value))]:
        # jsonb has sorted the keys by length and then by bytes: 0 to 9 before 10.
        return value
    if not isinstance(numbers, list) or not numbers or not all(map(_is_byte, numbers)):
        return value
    return _base64(bytes(numbers), taggable=taggable)


def _is_byte(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _BYTE


def _base64(raw: bytes, *, taggable: bool) -> Json:
    text = b64encode(raw).decode()
    return {"type": "data", "data": text} if taggable else text
