"""Store: the same surface without await. Each method steps the async one over a blocking driver.

The core awaits only its executor, and the blocking executor never suspends, so one step runs a
coroutine to its end: no event loop, no thread.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, fields
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
from threadkeep.dialects.healing import Policy
from threadkeep.store import LEASE, Items, PageCall
from threadkeep.values.message import Message
from threadkeep.values.page import Order, Page, Window
from threadkeep.values.parts import Json
from threadkeep.values.run import Usage

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
            strict: bool = ...,
            heal: Policy | None = ...,
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
            strict: bool = ...,
        ) -> Pages[Json]: ...
        def list(self, thread_id: str, **kwargs: Any) -> Pages[Any]: ...
    else:
        get = blocking(store.Messages.get)
        list = paging(store.Messages.list)
        window = blocking(store.Messages.window)


class Runs(_Face[store.Runs]):
    """The runs of the threads that a handle reaches. `turn` makes them."""

    get = blocking(store.Runs.get)
    list = paging(store.Runs.list)
    usage = blocking(store.Runs.usage)


class Turn(_Face[store.Turn]):
    """A run as a context: begun on entering, ended on leaving, interrupted where the process dies.

    `id` is the run's id, `messages` what the turn has stored so far, in order.
    """

    append = blocking(store.Turn.append)
    touch = blocking(store.Turn.touch)

    @property
    def id(self) -> str:
        """The id of the run."""
        return self._inner.id

    @property
    def thread_id(self) -> str:
        """The id of the thread."""
        return self._inner.thread_id

    @property
    def messages(self) -> list[Message]:
        """What the turn has stored so far, in order."""
        return self._inner.messages

    def add_usage(self, usage: Usage) -> None:
        """Add what a call of a model used; it is stored when the turn is left."""
        self._inner.add_usage(usage)

    if TYPE_CHECKING:

        @overload
        def window(
            self,
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
            *,
            turns: int | None = ...,
            tokens: int | None = ...,
            messages: int | None = ...,
            leaf: str | None = ...,
            keep_system: bool = ...,
            steady: int = ...,
            dialect: str,
            strict: bool = ...,
            heal: Policy | None = ...,
        ) -> Window[Json]: ...
        def window(self, **kwargs: Any) -> Window[Any]: ...
    else:
        window = blocking(store.Turn.window)

    def __enter__(self) -> Self:
        step(self._inner.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        step(self._inner.__aexit__(kind, error, trace))


class AllThreads(_Face[store.AllThreads]):
    """The threads of all owners."""

    list = paging(store.AllThreads.list)


class Migrations(_Face[store.Migrations]):
    """The schema: bring it up, tell its state, hold the database against it."""

    up = blocking(store.Migrations.up)
    status = blocking(store.Migrations.status)
    verify = blocking(store.Migrations.verify)
    check = blocking(store.Migrations.check)


class Admin(_Face[store.Admin]):
    """What only the admin role may do. ForbiddenError at the first use by any other role."""

    reap = blocking(store.Admin.reap)

    @property
    def threads(self) -> AllThreads:
        """The threads of all owners."""
        return AllThreads(self._inner.threads)


class Owner(_Face[store.Owner]):
    """The handle of one owner, or of one user inside it. Nothing else can be reached from here."""

    @property
    def owner_id(self) -> str:
        """The owner."""
        return self._inner.owner_id

    @property
    def user_id(self) -> str | None:
        """The user, None for all of the owner's."""
        return self._inner.user_id

    @property
    def threads(self) -> Threads:
        """The owner's threads."""
        return Threads(self._inner.threads)

    @property
    def messages(self) -> Messages:
        """The messages of the owner's threads."""
        return Messages(self._inner.messages)

    @property
    def runs(self) -> Runs:
        """The runs of the owner's threads."""
        return Runs(self._inner.runs)

    def turn(
        self,
        thread_id: str,
        message: Items | None = None,
        *,
        dialect: str | None = None,
        exclusive: bool = False,
        lease: float = LEASE,
    ) -> Turn:
        """A turn in a thread, to be entered: a run that lives as long as the block.

        As the AsyncStore's, but nothing renews the lease by itself: `touch` it before it passes.
        """
        inner = self._inner.turn(
            thread_id, message, dialect=dialect, exclusive=exclusive, lease=lease
        )
        return Turn(inner)


class Store:
    """Conversations on PostgreSQL. Made by `connect`; close it, or use it as a context."""

    def __init__(self, inner: store.AsyncStore) -> None:
        self._inner = inner
        self.migrations = Migrations(inner.migrations)

    def owner(self, owner_id: str, user: str | None = None) -> Owner:
        """The handle of an owner; with `user`, of that person's threads only.

        No I/O. InvalidError for an id that is none.
        """
        return Owner(self._inner.owner(owner_id, user))

    def admin(self) -> Admin:
        """What reaches across owners. No I/O; ForbiddenError at use if the role may not."""
        return Admin(self._inner.admin())

    def using(self, connection: object) -> Store:
        """The store inside a transaction of the caller, who commits or rolls back.

        `connection` is a connection or transaction of psycopg or of SQLAlchemy on psycopg;
        InvalidError for any other. Each call runs under a savepoint: one that fails leaves the
        caller's transaction as it was. Nothing is retried here. Closing it closes nothing.
        """
        return Store(self._inner.using(connection))

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
