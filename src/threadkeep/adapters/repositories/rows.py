"""Rows: what a list call answers, and how limit and offset are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from threadkeep.store import PageCall
from threadkeep.values.errors import InvalidError

T = TypeVar("T")
S = TypeVar("S")

_PAGE: Final = 1000


class Rows(list[T]):
    """A plain list that also says whether more follows.

    `next` is an opaque cursor for the same call with the same arguments, None at the end.
    `truncated`: a bound on what was looked at ended the page, not the list.
    """

    def __init__(
        self, items: Iterable[T] = (), *, next: str | None = None, truncated: bool = False
    ) -> None:
        super().__init__(items)
        self.next = next
        self.truncated = truncated

    @property
    def has_more(self) -> bool:
        """Whether another page follows."""
        return self.next is not None


async def read(
    call: Callable[[int], PageCall[S]], made: Callable[[S], T], limit: int | None
) -> Rows[T]:
    """A page of `limit` rows; 0 is none at all, None is every row there is.

    `call` gives the list for a page size.
    """
    if limit is None:
        return Rows([made(one) async for one in call(_PAGE)])
    if isinstance(limit, int) and not isinstance(limit, bool) and limit == 0:
        return Rows()
    page = await call(limit)
    return Rows(map(made, page), next=page.next, truncated=page.truncated)


async def skip(call: Callable[[int, str | None], PageCall[S]], offset: int) -> str | None:
    """The cursor behind the first `offset` rows of a list without offsets; None if it ends there.

    What is skipped is read. `call` gives the list for a page size and a cursor.
    """
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
        raise InvalidError("offset", "must be an int of at least 0")
    cursor: str | None = None
    while offset:
        page = await call(min(offset, _PAGE), cursor)
        offset -= len(page.items)
        cursor = page.next
        if cursor is None:
            return None
    return cursor


def only(given: Any, field: str, names: tuple[str, ...]) -> dict[str, Any]:
    """The members of a mapping; InvalidError for another than these."""
    if not hasattr(given, "keys"):
        raise InvalidError(field, "must be a mapping")
    for name in given:
        if name not in names:
            raise InvalidError(field, f"must have members of {', '.join(names)} only")
    return dict(given)
