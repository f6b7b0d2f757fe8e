"""Text that UTF-8 can hold."""

from __future__ import annotations

from typing import Any

import orjson

from threadkeep.values.parts import Json


def well_formed(value: Json) -> Any:
    """The value with U+FFFD for each lone surrogate; the very same where there is none."""
    try:
        orjson.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return _replaced(value)
    return value


def _replaced(value: Json) -> Any:
    # One frame for each level: values may be nested half as deep as Python calls may be.
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        items = list(value)
        for place, item in enumerate(items):
            items[place] = _replaced(item)
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    if isinstance(value, dict):
        members = {}
        same = True
        for name, item in value.items():
            new = _replaced(item)
            told = _text(name)
            same = same and new is item and told is name
            members[told] = new
        return value if same else members
    return value


def _text(text: str) -> str:
    if text.isascii():
        return text
    # A pair of surrogates is the character that it means.
    made = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text if made == text else made
