"""What is tried again, how long, and what a lost answer means: over an executor that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from threadkeep.core.attempts import Attempts
from threadkeep.sql import statements
from threadkeep.values.errors import DatabaseError, UnavailableError
from threadkeep.values.ports import Row, Statement, Transaction

SQL = statements("threadkeep")
SELECT = Statement("select", "SELECT 1")
LOST = UnavailableError("lost", transient=True)


@dataclass
class Patience:
    """Waits as often as it may, in no time."""

    left: int

    async def wait(self) -> bool:
        self.left -= 1
        return self.left >= 0


@dataclass
class Failing:
    """An executor that gives the next answer of its script for each statement it is asked."""

    script: dict[str, list[Any]]
    patience_left: int = 5
    checks_first: bool = False
    ran: list[str] = field(default_factory=list)

    def _next(self, name: str) -> Any:
        self.ran.append(name)
        answers = self.script.get(name) or [[]]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        answer: Sequence[Row] = self._next(statement.name)
        return answer

    @asynccontextmanager
    async def transaction(self, owner_key: int | None) -> AsyncIterator[Any]:
        self._next("begin")
        yield _Transaction(self)
        self._next("commit")

    def patience(self) -> Patience:
        return Patience(self.patience_left)


@dataclass
class _Transaction:
    executor: Failing
    xid: str | None = None

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Row]:
        return await self.executor.fetch(statement)

    async def script(self, text: str) -> None: ...


async def _body(tx: Transaction) -> str:
    tx.xid = "7"
    await tx.fetch(SELECT)
    return "done"


async def _ran(work: Callable[[Attempts], Any], **script: list[Any]) -> tuple[Any, list[str]]:
    ex = Failing(script)
    return await work(Attempts(ex, SQL)), ex.ran


async def test_a_lost_statement_runs_again_and_is_settled_before_it_is_answered() -> None:
    """What a lost attempt may have committed is no answer until the standby has it too."""
    answer, ran = await _ran(lambda a: a.fetch(SELECT), select=[LOST, LOST, [(1,)]])
    assert (answer, ran) == ([(1,)], ["select"] * 3 + ["settle"])
    answer, ran = await _ran(
        lambda a: a.fetch(SELECT), select=[LOST, [(1,)]], settle=[LOST, LOST, []]
    )
    assert (answer, ran) == ([(1,)], ["select"] * 2 + ["settle"] * 3)
    answer, ran = await _ran(lambda a: a.fetch(SELECT), select=[[(1,)]])
    assert (answer, ran) == ([(1,)], ["select"])


async def test_the_last_error_is_told_when_patience_ends() -> None:
    """Not one attempt more; what is not transient is told at once, and so is a refusal."""
    for error, runs in (
        (LOST, 6),
        (UnavailableError("closed"), 1),
        (DatabaseError("23505"), 1),
    ):
        ex = Failing({"select": [error]})
        attempts = Attempts(ex, SQL)
        with pytest.raises(type(error)) as caught:
            await attempts.fetch(SELECT)
        assert (caught.value, ex.ran) == (error, ["select"] * runs)
        assert attempts.lost == (error is LOST)


async def test_a_transaction_runs_again_as_a_whole() -> None:
    """Whatever of it was lost before the COMMIT was sent."""
    whole = ["begin", "select", "commit"]
    for script, ran in (
        ({"begin": [LOST, []]}, ["begin"]),
        ({"select": [LOST, []]}, ["begin", "select"]),
    ):
        answer, seen = await _ran(lambda a: a.atomically(1, _body), **script)
        assert (answer, seen) == ("done", [*ran, *whole, "settle"])


@pytest.mark.parametrize(
    ("status", "again"),
    [
        ([[("committed",)]], False),
        ([[("aborted",)]], True),
        ([[(None,)]], True),
        ([[("in progress",)], LOST, [("in progress",)], [("committed",)]], False),
        ([[("in progress",)], [("aborted",)]], True),
        ([DatabaseError("22023")], True),
    ],
)
async def test_a_lost_commit_is_asked_after(status: list[Any], again: bool) -> None:
    """It counts if the server says so, and only if not the transaction runs again."""
    asked = ["xact_status"] * len(status)
    whole = ["begin", "select", "commit"]
    answer, ran = await _ran(
        lambda a: a.atomically(1, _body), commit=[LOST, []], xact_status=status
    )
    assert answer == "done"
    assert ran == [*whole, *asked, *(whole if again else []), "settle"]


async def test_an_error_of_the_body_is_not_asked_after() -> None:
    """Nothing was sent to be committed, so nothing can have been."""

    async def refused(tx: Transaction) -> None:
        tx.xid = "7"
        raise DatabaseError("23514")

    ex = Failing({})
    with pytest.raises(DatabaseError):
        await Attempts(ex, SQL).atomically(1, refused)
    assert ex.ran == ["begin"]


async def test_a_commit_that_stays_open_is_unavailable_in_the_end() -> None:
    """The server neither commits nor aborts: the deadline ends the waiting."""
    ex = Failing({"commit": [LOST], "xact_status": [[("in progress",)]]})
    with pytest.raises(UnavailableError) as caught:
        await Attempts(ex, SQL).atomically(1, _body)
    assert caught.value.transient
