"""Attempts: one call goes on trying while the server is away, until its deadline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from threadkeep.values.errors import DatabaseError, UnavailableError
from threadkeep.values.ports import Executor, Row, Statement, Transaction

_IN_THE_FUTURE = "22023"
_PURGED = 1000

T = TypeVar("T")


class Attempts:
    """The attempts of one call, over an executor.

    What they are made over again is whole: a statement, or a transaction. `lost` says that one of
    them ended without an answer, so it may or may not have been carried out.
    """

    __slots__ = ("_ex", "_patience", "_sql", "_unsettled", "lost")

    def __init__(self, ex: Executor, sql: Mapping[str, Statement]) -> None:
        self._ex = ex
        self._sql = sql
        self._patience = ex.patience()
        self._unsettled = False
        self.lost = False

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        """Run one statement and return its rows.

        UnavailableError where the deadline passes. A statement that writes must be safe to run
        again, or its caller must look at `lost`.
        """
        rows = await self._insist(statement, *args)
        if self._unsettled:
            await self.settle()
        return rows

    async def atomically(
        self, owner_key: int | None, body: Callable[[Transaction], Awaitable[T]]
    ) -> T:
        """Run `body` in a transaction that sees the rows of `owner_key`, carried out once.

        Where the answer to a COMMIT is lost, the server is asked how the transaction ended; for
        that `body` must set its `xid` before it writes.
        """
        while True:
            done: tuple[T, str | None] | None = None
            try:
                async with self._ex.transaction(owner_key) as tx:
                    done = (await body(tx), tx.xid)
            except UnavailableError as error:
                await self._wait(error)
                if done is not None and not await self._committed(done[1]):
                    done = None
            if done is not None:
                if self._unsettled:
                    await self.settle()
                return done[0]

    async def settle(self) -> None:
        """Wait until all that was committed before is safe from a failover.

        What a lost attempt has committed can be read at once, also where its wait for the
        synchronous standby was cut short: to find it is no acknowledgement yet.
        """
        await self._insist(self._sql["settle"])
        self._unsettled = False

    async def _committed(self, xid: str | None) -> bool:
        while xid is not None:
            try:
                [[status]] = await self._insist(self._sql["xact_status"], xid)
            except DatabaseError as error:
                if error.sqlstate != _IN_THE_FUTURE:
                    raise
                return False
            if status != "in progress":
                return bool(status == "committed")
            if not await self._patience.wait():
                raise UnavailableError("the server did not end a transaction", transient=True)
        return False

    async def _insist(self, statement: Statement, *args: object) -> Sequence[Row]:
        while True:
            try:
                return await self._ex.fetch(statement, *args)
            except UnavailableError as error:
                await self._wait(error)

    async def _wait(self, error: UnavailableError) -> None:
        """Wait for the next attempt; raise the error where there is none."""
        if not error.transient or not await self._patience.wait():
            raise error
        self.lost = self._unsettled = True


async def purged(
    ex: Executor, sql: Mapping[str, Statement], owner_key: int | None, name: str, *given: object
) -> int:
    """Run a statement until it deletes no more; how many rows those were.

    Its last parameter is how many it may delete at once, so that no transaction is long. Its rows
    are what tells the transaction from others.
    """

    async def change(tx: Transaction) -> int:
        rows = await tx.fetch(sql[name], *given, _PURGED)
        if rows:
            tx.xid = rows[0][0]
        return len(rows)

    total = 0
    while True:
        more = await Attempts(ex, sql).atomically(owner_key, change)
        total += more
        if more < _PURGED:
            return total
