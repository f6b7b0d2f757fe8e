"""What every source yields: whole threads with their native items, and what could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from threadkeep.values.message import Message
    from threadkeep.values.unset import Unset

Progress = Callable[[int], None]
"""Called with the number of bytes of the source consumed so far."""


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One message of a source.

    `json` is its text as it stands in the source. `parent` is the id of an earlier item of the
    same thread, None for a root, UNSET where the source has no tree: then it is the item before.
    """

    json: str
    id: str
    parent: str | Unset | None


@dataclass(frozen=True, slots=True)
class SourceThread:
    """One conversation of a source; a parent stands before its children in `items`.

    `header` is the JSON text of the conversation as it stands in the source, without its
    messages. `format` is the dialect of the items. `title`, `created_at` and `updated_at` are
    None where the source says nothing that can be read.
    """

    id: str
    title: str | None
    created_at: datetime | None
    updated_at: datetime | None
    header: str
    items: tuple[SourceItem, ...]
    format: str


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """One conversation of a source that writes documents of ours: the text, and its messages."""

    id: str
    text: str
    items: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """A conversation that was not read: its place in the source from 0, and the rule it breaks.

    `id` is the conversation's own where that much could be read. `rule` quotes no content.
    """

    index: int
    id: str | None
    rule: str


class Source(Protocol):
    """A module of this room."""

    def read(
        self, stream: BinaryIO, *, progress: Progress | None = None
    ) -> Iterator[SourceThread | SourceDocument | SourceProblem]:
        """The threads of a file in order, one at a time.

        What is wrong with one conversation is a `SourceProblem` in its place. A file that is not
        of this source at all raises InvalidError (field `file`) when the first is asked for.
        """
        ...
