"""Scope: for whom a call works, and over what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from threadkeep.values.ids import check_id, owner_key
from threadkeep.values.ports import Executor, Row, Statement, Transaction


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

    async def on_thread(
        self, name: str, thread_id: str, *args: object, over: Transaction | None = None
    ) -> Sequence[Row]:
        """Run a statement whose first four parameters name a thread of this scope."""
        check_id("thread_id", thread_id)
        return await (over or self.ex).fetch(
            self.sql[name], self.key, self.owner_id, thread_id, self.user_id, *args
        )
