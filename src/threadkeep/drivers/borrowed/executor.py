"""The executor of a borrowed connection: each call stands under a savepoint of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Protocol

from threadkeep.drivers.setting import begin_as
from threadkeep.values.errors import DatabaseError, InvalidError, ThreadkeepError
from threadkeep.values.ports import Patience, Row, Statement

_ABORTED = "25P02"
# Statements of ours set the owner to the end of the transaction, which here is the caller's. What
# stood there before is kept on the server, in a setting of its own: that saves a round trip.
_OPEN = (
    "SAVEPOINT threadkeep_using; SELECT set_config('threadkeep.before', "
    "coalesce(current_setting('threadkeep.owner', true), ''), true)"
)
_DONE = (
    "SELECT set_config('threadkeep.owner', current_setting('threadkeep.before'), true); "
    "RELEASE SAVEPOINT threadkeep_using"
)
_UNDO = "ROLLBACK TO SAVEPOINT threadkeep_using; RELEASE SAVEPOINT threadkeep_using"


class Link(Protocol):
    """A lent connection, by its driver. Errors of the driver are ours already."""

    async def begun(self) -> bool:
        """Whether what we do now belongs to a transaction of the caller."""
        ...

    async def fetch(self, statement: Statement, args: Sequence[object]) -> Sequence[Row]:
        """Run one statement; the connection's own adapters and codecs do not count."""
        ...

    async def run(self, text: str) -> None:
        """Run several statements without parameters."""
        ...

    async def whole(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry out `work` to its end, also where the task is cancelled meanwhile."""
        ...


Lend = Callable[[], AbstractAsyncContextManager[Link]]
"""Gives the connection for one call, to one caller at a time."""


class BorrowedExecutor:
    """Runs statements on a connection of the caller, which is neither closed nor committed here.

    In a transaction of the caller each call is a savepoint: what fails leaves the transaction as
    it was, and the owner's setting is afterwards what it was before. Without a transaction each
    call is one of its own.
    """

    checks_first = True

    def __init__(self, lend: Lend) -> None:
        self._lend = lend

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        """Run one statement on its own: three round trips in a transaction of the caller."""
        async with self._lend() as link:
            if not await link.begun():
                return await link.fetch(statement, args)
            async with bracket(link, _OPEN, _DONE, _UNDO):
                return await link.fetch(statement, args)

    @asynccontextmanager
    async def transaction(self, owner_key: int | None) -> AsyncIterator[BorrowedTransaction]:
        """A transaction that sees the rows of `owner_key`, inside the caller's if there is one."""
        async with self._lend() as link:
            texts = (begin_as(owner_key), "COMMIT", "ROLLBACK")
            if await link.begun():
                texts = (_open_as(owner_key), _DONE, _UNDO)
            async with bracket(link, *texts):
                yield BorrowedTransaction(link)

    def patience(self) -> Patience:
        """None: what failed in the caller's transaction is the caller's to try again."""
        return _Impatience()


class BorrowedTransaction:
    """Statements of one open transaction or savepoint."""

    xid: str | None = None

    def __init__(self, link: Link) -> None:
        self._link = link

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        return await self._link.fetch(statement, args)

    async def script(self, text: str) -> None:
        await self._link.run(text)


class _Impatience:
    async def wait(self) -> bool:
        return False


def _open_as(owner_key: int | None) -> str:
    if owner_key is None:
        return _OPEN
    return f"{_OPEN}; SET LOCAL threadkeep.owner = '{int(owner_key)}'"


@asynccontextmanager
async def bracket(link: Link, opens: str, done: str, undo: str) -> AsyncIterator[None]:
    """Put what is inside between two texts: `done` where it went well, `undo` where not."""
    left = False

    async def leave() -> None:
        nonlocal left
        await link.run(done)
        left = True

    try:
        await link.whole(_begin(link, opens))
        yield
        await link.whole(leave())
    except BaseException:
        # Also where the opening failed half way. Where it did not begin at all the transaction
        # had failed before, or the connection is gone: then this changes nothing.
        if not left:
            with suppress(ThreadkeepError):
                await link.whole(link.run(undo))
        raise


async def _begin(link: Link, text: str) -> None:
    try:
        await link.run(text)
    except DatabaseError as error:
        if error.sqlstate == _ABORTED:
            raise failed() from None
        raise


def failed() -> InvalidError:
    """What is said where the transaction that we shall join has failed already."""
    return InvalidError("connection", "its transaction has failed: roll that back first")
