"""Pages and windows: what the list and window calls answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from threadkeep.values.converted import Loss, Repair

T = TypeVar("T")

Order = Literal["asc", "desc"]
MessageOrder = Literal["seq", "created_at"]
ThreadOrder = Literal["active_at", "created_at", "updated_at", "title"]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list.

    `next` and `previous` are opaque cursors for the same list with the same arguments, or None
    where nothing follows in that direction; `has_more` is `next is not None`. A filter of threads
    looks at a bounded number of them per page: such a page may hold fewer items than asked for,
    even none, and still have a next one. It is `truncated`: the bound ended it, not the list.

    A page of native items is converted by itself: `losses`, `sources` and `system` are as in
    `Converted`. `head` is the id of the thread's head, read at the same moment; only a list of a
    whole tree of messages has it.
    """

    items: tuple[T, ...]
    next: str | None
    previous: str | None
    losses: tuple[Loss, ...] = ()
    sources: tuple[tuple[str | None, ...], ...] = ()
    system: str | None = None
    truncated: bool = False
    head: str | None = None

    @property
    def has_more(self) -> bool:
        """Whether another page follows."""
        return self.next is not None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class Window(list[T]):
    """What goes to the model: a list, oldest first, that also says what it left out.

    `truncated` is True when a limit, not the thread or the number asked for, set the start: the
    ceiling of 1 000 messages, or a token budget. `tokens` is the sum of the counts stored with
    the messages. It is a plain list so that it can be handed to a model's client as it is. In a
    window of native items `system`, `losses`, `sources` and `repairs` are as in `Converted`.
    """

    def __init__(
        self,
        items: Iterable[T] = (),
        *,
        truncated: bool = False,
        tokens: int = 0,
        system: str | None = None,
        losses: tuple[Loss, ...] = (),
        sources: tuple[tuple[str | None, ...], ...] = (),
        repairs: tuple[Repair, ...] = (),
    ) -> None:
        super().__init__(items)
        self.truncated = truncated
        self.tokens = tokens
        self.system = system
        self.losses = losses
        self.sources = sources
        self.repairs = repairs
