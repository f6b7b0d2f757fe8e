"""Members of what a framework hands over: a mapping, or an object with attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def member(value: Any, *names: str) -> Any:
    """The first of these members that is there and not None; None where none is."""
    for name in names:
        found = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
        if found is not None:
            return found
    return None


def text_member(value: Any, *names: str) -> str | None:
    """The same, where it is a text with something in it."""
    found = member(value, *names)
    return found if isinstance(found, str) and found else None


def number_member(value: Any, *names: str) -> int | None:
    """The same, where it is an int of at least 0."""
    for name in names:
        found = member(value, name)
        if isinstance(found, int) and not isinstance(found, bool) and found >= 0:
            return found
    return None
