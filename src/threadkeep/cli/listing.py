"""Lists: how many of them a command shows, and how it says that there are more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import typer

from threadkeep.cli import endings

if TYPE_CHECKING:
    from rich.table import Table

    from threadkeep.cli.screen import Screen

_PAGE = 1000

T = TypeVar("T")

Limit = Annotated[int, typer.Option("--limit", min=1, help="How many at most.")]
Every = Annotated[bool, typer.Option("--all", help="All of them, whatever --limit.")]


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """What a command lists; `cut` is its limit where there are more."""

    items: Sequence[T]
    cut: int | None

    @classmethod
    def of(cls, pages: Callable[..., Iterable[T]], limit: int, *, every: bool) -> Listed[T]:
        """The first ones of a list of the store, or every one."""
        # One more than asked for tells whether there are more.
        wanted = None if every else limit + 1
        found = list(islice(pages(limit=min(wanted or _PAGE, _PAGE)), wanted))
        if every or len(found) <= limit:
            return cls(found, None)
        return cls(found[:limit], limit)

    def tell(
        self,
        screen: Screen,
        name: str,
        facts: Callable[[T], Any],
        table: Callable[[Sequence[T]], Table],
        *,
        first: str,
    ) -> int:
        """Print it, and how many they are; `first` says which ones are shown where it is cut."""
        if screen.json:
            screen.data({name: [facts(one) for one in self.items], "more": self.cut is not None})
            return endings.OK
        if self.items:
            screen.print(table(self.items))
        said = f"the {first} {self.cut}; --all shows all" if self.cut else f"{len(self.items)}"
        screen.notice(f"{name}: {said}")
        return endings.OK
