"""The message formats, by name. A dialect's module is imported when it is first asked for."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Final, cast

from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadkeep.values.ports import Dialect

ENTRY_POINTS: Final = "threadkeep.dialects"
"""The entry-point group where other packages name a `Dialect` object of their own."""

_MODULES: Final[Mapping[str, str]] = {
    "claude-export": "threadkeep.dialects.claude_export",
    "threadkeep": "threadkeep.dialects.threadkeep",
}


def get(name: str) -> Dialect:
    """The dialect of that name; raises InvalidError naming the known ones if there is none."""
    dialect = find(name)
    if dialect is None:
        raise InvalidError("dialect", f"must be one of {', '.join(names())}")
    return dialect


@lru_cache(maxsize=256)
def find(format: str) -> Dialect | None:
    """The dialect of that name, None if there is none. Our own names cannot be taken over."""
    if format in _MODULES:
        return cast("Dialect", import_module(_MODULES[format]).dialect)
    point = _others().get(format)
    return None if point is None else cast("Dialect", point.load())


def names() -> tuple[str, ...]:
    """The names of all dialects, sorted, with those of other packages; imports none of them."""
    return tuple(sorted({*_MODULES, *_others()}))


@cache
def _others() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}
