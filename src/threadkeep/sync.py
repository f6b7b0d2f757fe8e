"""Store: the same surface without await. Each method steps the async one over a blocking driver.

The core awaits only its executor, and the blocking executor never suspends, so one step runs a
coroutine to its end: no event loop, no thread.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import wraps
from types import TracebackType
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Self,
    TypeVar,
    overload,
)

from threadkeep import store
from threadkeep.store import PageCall
from threadkeep.values.message import Message
from threadkeep.values.page import Order, Page, Window
from threadkeep.values.parts import Json

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
) -> Callable[Concatenate[_Face[A], P], T]:
    """The blocking twin of an async method, with its parameters and its docstring."""

    @wraps(method)
    def call(self: _Face[A], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return step(method(self._inner, *args, **kwargs))

    return call


def paging(
    method: Callable[Concatenate[A, P], PageCall[T]],
) -> Callable[Concatenate[_Face[A], P], Pages[T]]:
    """The blocking twin of a list method: reads the first page at once."""

    @wraps(method)
    def call(self: _Face[A], /, *args: P.args, **kwargs: P.kwargs) -> Pages[T]:
        return _pages(method(self._inner, *args, **kwargs))

    return call


@dataclass(frozen=True, slots=True)
class Pages(Page[T]):
    """A page; iterating over it goes on through all pages that follow."""

    follow: Callable[[str], Pages[T]]

    def __iter__(self) -> Iterator[T]:
        page = self
        while True:
            yield from page.items
            if page.next is None:
                return
            page = page.follow(page.next)


def _pages(call: PageCall[T]) -> Pages[T]:
    page = step(_awaited(call))
    return Pages(page.items, page.next, page.previous, lambda cursor: _pages(call.at(cursor)))


async def _awaited(call: PageCall[T]) -> Page[T]:
    return await call


@dataclass(frozen=True, slots=True)
class _Face(Generic[A]):
    _inner: A


class Threads(_Face[store.Threads]):
    """The threads that a handle reaches; all others are unknown to it."""

    create = blocking(store.Threads.create)
    get = blocking(store.Threads.get)
    list = paging(store.Threads.list)
    find_active = blocking(store.Threads.find_active)
    count = blocking(store.Threads.count)
    update = blocking(store.Threads.update)
    archive = blocking(store.Threads.archive)
    unarchive = blocking(store.Threads.unarchive)
    delete = blocking(store.Threads.delete)
    fork = blocking(store.Threads.fork)
    set_head = blocking(store.Threads.set_head)


class Messages(_Face[store.Messages]):
    """The messages of the threads that a handle reaches."""

    append = blocking(store.Messages.append)
    siblings = blocking(store.Messages.siblings)
    update = blocking(store.Messages.update)
    delete = blocking(store.Messages.delete)
    truncate = blocking(store.Messages.truncate)
    pop_last = blocking(store.Messages.pop_last)
    replace_all = blocking(store.Messages.replace_all)
    count = blocking(store.Messages.count)
    # A type of a call with overloads does not pass through `blocking`: these say it again.
    if TYPE_CHECKING:

        @overload
        def get(self, thread_id: str, message_id: str) -> Message: ...
        @overload
        def get(self, thread_id: str, message_id: str, *, dialect: str) -> Json: ...
        def get(self, thread_id: str, message_id: str, *, dialect: str | None = None) -> Any: ...

        @overload
        def window(
            self,
            thread_id: str,
            *,
            turns: int | None = ...,
            tokens: int | None = ...,
            messages: int | None = ...,
            leaf: str | None = ...,
            keep_system: bool = ...,
            steady: int = ...,
        ) -> Window[Message]: ...
        @overload
        def window(
            self,
            thread_id: str,
            *,
            turns: int | None = ...,
            tokens: int | None = ...,
            messages: int | None = ...,
            leaf: str | None = ...,
            keep_system: bool = ...,
            steady: int = ...,
            dialect: str,
        ) -> Window[Json]: ...
        def window(self, thread_id: str, **kwargs: Any) -> Window[Any]: ...

        @overload
        def list(
            self,
            thread_id: str,
            *,
            tree: bool = ...,
            leaf: str | None = ...,
            order: Order = ...,
            limit: int = ...,
            cursor: str | None = ...,
            since: int | None = ...,
            last: int | None = ...,
        ) -> Pages[Message]: ...
        @overload
        def list(
            self,
            thread_id: str,
            *,
            tree: bool = ...,
            leaf: str | None = ...,
            order: Order = ...,
            limit: int = ...,
            cursor: str | None = ...,
            since: int | None = ...,
            last: int | None = ...,
            dialect: str,
        ) -> Pages[Json]: ...
        def list(self, thread_id: str, **kwargs: Any) -> Pages[Any]: ...
    else:
        get = blocking(store.Messages.get)
        list = paging(store.Messages.list)
        window = blocking(store.Messages.window)


class AllThreads(_Face[store.AllThreads]):
    """The threads of all owners."""

    list = paging(store.AllThreads.list)


class Migrations(_Face[store.Migrations]):
    """The schema: bring it up, tell its state, hold the database against it."""

    up = blocking(store.Migrations.up)
    status = blocking(store.Migrations.status)
    verify = blocking(store.Migrations.verify)
    check = blocking(store.Migrations.check)


@dataclass(frozen=True, slots=True)
class Admin:
    """What only the admin role may do. ForbiddenError at the first use by any other role."""

    threads: AllThreads


@dataclass(frozen=True, slots=True)
class Owner:
    """The handle of one owner, or of one user inside it. Nothing else can be reached from here."""

    owner_id: str
    user_id: str | None
    threads: Threads
    messages: Messages


class Store:
    """Conversations on PostgreSQL. Made by `connect`; close it, or use it as a context."""

    def __init__(self, inner: store.AsyncStore) -> None:
        self._inner = inner
        self.migrations = Migrations(inner.migrations)

    def owner(self, owner_id: str, user: str | None = None) -> Owner:
        """The handle of an owner; with `user`, of that person's threads only.

        No I/O. InvalidError for an id that is none.
        """
        inner = self._inner.owner(owner_id, user)
        return Owner(owner_id, user, Threads(inner.threads), Messages(inner.messages))

    def admin(self) -> Admin:
        """What reaches across owners. No I/O; ForbiddenError at use if the role may not."""
        return Admin(AllThreads(self._inner.admin().threads))

    def close(self) -> None:
        """Disconnect; calls after it raise UnavailableError."""
        step(self._inner.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
