"""Which threads this process has seen: they must not be made anew."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import Final, NamedTuple

from threadkeep.adapters.chatkit.scopes import Scope
from threadkeep.adapters.chatkit.sdk import ThreadMetadata

REMEMBERED: Final = 20_000
"""How many threads a process remembers, the latest ones."""


class Mark(NamedTuple):
    """A thread as it was made once: one that is deleted and made again has another time."""

    scope: Scope
    thread_id: str
    created_at: datetime

    @classmethod
    def of(cls, scope: Scope, thread: ThreadMetadata) -> Mark:
        return cls(scope, thread.id, thread.created_at)


class Seen:
    """The marks of the threads that were saved, or loaded by their id, here last.

    ChatKit has one call for making a thread and for changing it. A stream that goes on while its
    thread is deleted, by this process or another one, must not bring it back: what was seen must
    still be there.
    """

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._marks: OrderedDict[Mark, None] = OrderedDict()

    def __contains__(self, mark: Mark) -> bool:
        return mark in self._marks

    def add(self, mark: Mark) -> None:
        """Remember a thread, as the latest."""
        self._marks[mark] = None
        self._marks.move_to_end(mark)
        if len(self._marks) > self._most:
            self._marks.popitem(last=False)
