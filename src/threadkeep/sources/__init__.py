"""The sources that threads can be imported from, by name; each is imported when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadkeep.sources.base import Source

_MODULES: Final[Mapping[str, str]] = {
    "claude": "threadkeep.sources.claude",
    "threadkeep": "threadkeep.sources.threadkeep",
}


def get(name: str) -> Source:
    """The source of that name; raises InvalidError naming the known ones if there is none."""
    if name not in _MODULES:
        raise InvalidError("source", f"must be one of {', '.join(names())}")
    return cast("Source", import_module(_MODULES[name]))


def names() -> tuple[str, ...]:
    """The names of all sources, sorted."""
    return tuple(sorted(_MODULES))
