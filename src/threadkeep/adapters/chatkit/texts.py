"""ChatKit's models as the JSON that is stored, and back, without loss."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from threadkeep.adapters.chatkit.sdk import (
    Attachment,
    DynamicWidgetRoot,
    ThreadItem,
    ThreadMetadata,
    WidgetItem,
)
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError

_ITEM: Final[TypeAdapter[ThreadItem]] = TypeAdapter(ThreadItem)
_THREAD: Final = TypeAdapter(ThreadMetadata)
_ATTACHMENT: Final[TypeAdapter[Attachment]] = TypeAdapter(Attachment)


def item_text(item: ThreadItem) -> str:
    """The JSON of an item, all of it; InvalidError for what JSON cannot hold."""
    return _dump(_ITEM, item, "item")


def thread_text(thread: ThreadMetadata) -> str:
    """The JSON of a thread's metadata; the items of a `Thread` are left out."""
    return _dump(_THREAD, thread, "thread")


def metadata_of(text: str) -> dict[str, Any]:
    """The metadata in a thread's JSON."""
    metadata: dict[str, Any] = jsontext.decode(text)["metadata"]
    return metadata


def attachment_text(attachment: Attachment) -> str:
    """The JSON of an attachment, with the metadata that clients never see."""
    return _dump(_ATTACHMENT, attachment, "attachment")


def item_of(text: str) -> ThreadItem:
    """A new item of stored JSON. InvalidError where this version of ChatKit cannot read it."""
    item: ThreadItem = _load(_ITEM, text, "item")
    if isinstance(item, WidgetItem):
        _rescue(item, text)
    return item


def thread_of(text: str) -> ThreadMetadata:
    """The metadata of a thread of stored JSON; InvalidError as for `item_of`."""
    thread: ThreadMetadata = _load(_THREAD, text, "thread")
    return thread


def attachment_of(text: str) -> Attachment:
    """An attachment of stored JSON; InvalidError as for `item_of`."""
    attachment: Attachment = _load(_ATTACHMENT, text, "attachment")
    return attachment


def instant(time: datetime) -> datetime:
    """The instant of a time of ChatKit's, in UTC: one without a zone is the process's local time.

    That is how the SDK itself makes its times (`datetime.now()`).
    """
    try:
        return time.astimezone(UTC)
    except (OverflowError, ValueError, OSError):
        raise InvalidError("created_at", "must be a time between the years 1 and 9999") from None


def local(time: datetime) -> datetime:
    """A stored instant as ChatKit says it: local and without a zone."""
    return time.astimezone().replace(tzinfo=None)


def without_nul(value: Any) -> Any:
    """A JSON value as the columns beside the payload can hold it: its strings without NUL."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {without_nul(key): without_nul(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_nul(inner) for inner in value]
    return value


def is_same(one: Any, other: Any) -> bool:
    """Whether two JSON values say the same, when one of them has been a jsonb.

    That keeps numbers by their decimal value, and says 1e300 with all its digits.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        try:
            return one == other or float(one) == float(other)
        except OverflowError:
            return False
    return bool(one == other)


def _dump(adapter: TypeAdapter[Any], value: Any, field: str) -> str:
    """The JSON of a model; also that it can be read again is seen to here, while it can be told."""
    try:
        # pydantic writes NaN as null. Its warnings would say what the value is.
        plain = adapter.dump_python(value, warnings="none")
        text = adapter.dump_json(value, warnings="none").decode()
    except (PydanticSerializationError, ValueError, TypeError, RecursionError):
        raise InvalidError(field, "must hold only what JSON can, without lone surrogates") from None
    if not _is_finite([plain]):
        raise InvalidError(field, "must not contain NaN or Infinity")
    _check_zone(value)
    jsontext.verify(text, field=field)
    _load(adapter, text, field)
    return text


def _check_zone(value: Any) -> None:
    """Refuse a time that pydantic would change: it writes the minutes of a zone only."""
    created_at = getattr(value, "created_at", None)
    offset = created_at.utcoffset() if isinstance(created_at, datetime) else None
    if offset is not None and offset % timedelta(minutes=1):
        raise InvalidError("created_at", "must have a zone of whole minutes")


def _load(adapter: TypeAdapter[Any], text: str, field: str) -> Any:
    try:
        if '"widget"' not in text:
            return adapter.validate_json(text)
        with warnings.catch_warnings():
            # The SDK warns of its own widgets also where it reads them itself.
            warnings.simplefilter("ignore", DeprecationWarning)
            return adapter.validate_json(text)
    except ValidationError as error:
        # What pydantic says of it would quote the content.
        found = error.errors(include_input=False, include_context=False)
        places = {".".join(map(str, one["loc"][:2])) for one in found}
        listed = ", ".join(sorted(places)[:5])
        raise InvalidError(field, f"cannot be read by this version of ChatKit: {listed}") from None


def _is_finite(values: Iterable[Any]) -> bool:
    """Whether all numbers in these values are; a stack of its own, for values may nest deep."""
    todo = list(values)
    while todo:
        value = todo.pop()
        if isinstance(value, float):
            if not math.isfinite(value):
                return False
        elif isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, list | tuple | set | frozenset):
            todo += value
    return True


def _rescue(item: WidgetItem, text: str) -> None:
    """Give a widget of a template back what it had.

    Validation prefers the SDK's own classes, which drop fields they do not know, add defaults and
    make floats of large integers. All that is seen by writing the item again.
    """
    stored = jsontext.decode(text)["widget"]
    again = jsontext.decode(_ITEM.dump_json(item, warnings="none").decode())["widget"]
    if _spelled(again) != _spelled(stored):
        item.widget = DynamicWidgetRoot.model_validate(stored)


def _spelled(value: Any) -> str:
    """How a JSON value is written, whatever the order of its keys, and without nulls."""
    return json.dumps(_said(value), sort_keys=True)


def _said(value: Any) -> Any:
    """A JSON value without the nulls in its objects: the SDK writes some and leaves out others."""
    if isinstance(value, dict):
        return {key: _said(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_said(inner) for inner in value]
    return value
