"""Imported: what an import made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from threadkeep.values.thread import Thread


@dataclass(frozen=True, slots=True)
class Imported:
    """A thread that an import has made.

    `ids` tells which id the document's thread has here. Messages keep theirs: an id of a message
    need be unique in its thread only.
    """

    thread: Thread
    ids: Mapping[str, str]
