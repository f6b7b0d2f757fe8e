"""Scope: for whom a call works, and over what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from threadkeep.core.attempts import Attempts
from threadkeep.values.ids import check_id, owner_key
from threadkeep.values.ports import Executor, Row, Statement, Transaction

T = TypeVar("T")


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
        if user_id is not None:
            check_id("user", user_id)
        return cls(ex, sql, owner_id, user_id, owner_key(owner_id))

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
        check_id("thread_id", thread_id)
        return await (over or Attempts(self.ex, self.sql)).fetch(
            self.sql[name], self.key, self.owner_id, thread_id, self.user_id, *args
        )

    async def atomically(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `body` in a transaction of this owner, carried out once."""
        return await Attempts(self.ex, self.sql).atomically(self.key, body)
