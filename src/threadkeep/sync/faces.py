"""How a method of AsyncStore becomes one without await."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, fields
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from threadkeep.store import PageCall
from threadkeep.values.page import Page

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")


def step(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise RuntimeError("a blocking call suspended: something in it awaits more than the executor")


def blocking(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Face[A], P], T]:
    """The blocking twin of an async method, with its parameters and its docstring."""

    @wraps(method)
    def call(self: Face[A], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return step(method(self._inner, *args, **kwargs))

    return call


def paging(
    method: Callable[Concatenate[A, P], PageCall[T]],
) -> Callable[Concatenate[Face[A], P], Pages[T]]:
    """The blocking twin of a list method: reads the first page at once."""

    @wraps(method)
    def call(self: Face[A], /, *args: P.args, **kwargs: P.kwargs) -> Pages[T]:
        return _pages(method(self._inner, *args, **kwargs))

    return call


@dataclass(frozen=True, slots=True)
class Pages(Page[T]):
    """A page; iterating over it goes on through all pages that follow."""

    follow: Callable[[str], Pages[T]] = field(kw_only=True)

    def __iter__(self) -> Iterator[T]:
        page = self
        while True:
            yield from page.items
            if page.next is None:
                return
            page = page.follow(page.next)


def _pages(call: PageCall[T]) -> Pages[T]:
    page = step(_awaited(call))
    members = {field.name: getattr(page, field.name) for field in fields(Page)}
    return Pages(**members, follow=lambda cursor: _pages(call.at(cursor)))


async def _awaited(call: PageCall[T]) -> Page[T]:
    return await call


@dataclass(frozen=True, slots=True)
class Face(Generic[A]):
    """The blocking face of an async object."""

    _inner: A
