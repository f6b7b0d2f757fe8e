"""A list call: await it for one page, or iterate over all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

from threadkeep.values.page import Page

T = TypeVar("T")


class PageCall(Generic[T]):
    """What a list call returns: `await` gives one page, `async for` walks from it to the end."""

    __slots__ = ("_cursor", "_read")

    def __init__(
        self, read: Callable[[str | None], Awaitable[Page[T]]], cursor: str | None
    ) -> None:
        self._read = read
        self._cursor = cursor

    def __await__(self) -> Generator[Any, Any, Page[T]]:
        return self._read(self._cursor).__await__()

    async def __aiter__(self) -> AsyncIterator[T]:
        page = await self
        while True:
            for item in page.items:
                yield item
            if page.next is None:
                return
            page = await self._read(page.next)

    def at(self, cursor: str) -> PageCall[T]:
        """The same list from another page's cursor."""
        return PageCall(self._read, cursor)
