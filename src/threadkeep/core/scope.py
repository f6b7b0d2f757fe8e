"""Scope: for whom a call works, and over what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from threadkeep.core.attempts import Attempts
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id, check_id_or_none, owner_key
from threadkeep.values.ports import Executor, Patience, Row, Statement, Transaction

T = TypeVar("T")


class Inside:
    """An open transaction as an executor: what fails in it fails the transaction."""

    checks_first = True

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        """Run one statement."""
        return await self._tx.fetch(statement, *args)

    @asynccontextmanager
    async def transaction(self, owner_key: int | None) -> AsyncIterator[Transaction]:  # noqa: ARG002
        """The open transaction, which has named its owner."""
        yield self._tx

    def patience(self) -> Patience:
        """None: a transaction is tried again as a whole."""
        return _Impatience()


class _Impatience:
    async def wait(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Scope:
    """One owner, or one user inside an owner, over an executor.

    With a `user_id`, threads of other users and threads without a user are unknown.
    """

    ex: Executor
    sql: Mapping[str, Statement]
    owner_id: str
    user_id: str | None
    key: int

    @classmethod
    def of(
        cls, ex: Executor, sql: Mapping[str, Statement], owner_id: str, user_id: str | None
    ) -> Scope:
        """The scope of an owner; InvalidError for an id that is none."""
        check_id("owner_id", owner_id)
        return cls(ex, sql, owner_id, check_id_or_none("user", user_id), owner_key(owner_id))

    def person(self, user: str | None) -> str | None:
        """Whom a call with `user` speaks for: the user of the scope, else the given one, or none.

        InvalidError for an id that is none, and for another user than the scope's.
        """
        if user is not None:
            check_id("user", user)
            if self.user_id is not None and user != self.user_id:
                raise InvalidError("user", "must be the user of this handle, or left out")
        return self.user_id or user

    def named(self, field: str, id_: str) -> tuple[int, str, str, str | None]:
        """The first four parameters of a statement that names a thing of this scope by its id."""
        return (self.key, self.owner_id, check_id(field, id_), self.user_id)

    def attempts(self) -> Attempts:
        """The attempts of one call."""
        return Attempts(self.ex, self.sql)

    async def fetch(self, name: str, *args: object) -> Sequence[Row]:
        """Run a statement that is safe to run again."""
        return await Attempts(self.ex, self.sql).fetch(self.sql[name], *args)

    async def on_thread(
        self,
        name: str,
        thread_id: str,
        *args: object,
        over: Transaction | Attempts | None = None,
    ) -> Sequence[Row]:
        """Run a statement whose first four parameters name a thread of this scope."""
        named = self.named("thread_id", thread_id)
        return await (over or Attempts(self.ex, self.sql)).fetch(self.sql[name], *named, *args)

    async def atomically(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `body` in a transaction of this owner, carried out once."""
        return await Attempts(self.ex, self.sql).atomically(self.key, body)
