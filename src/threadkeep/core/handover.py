"""Handover: everything of one owner becomes another's, in one transaction of the admin role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from threadkeep.core.attempts import Attempts
from threadkeep.values.errors import ConflictError, DatabaseError
from threadkeep.values.ids import check_id, check_id_or_none, owner_key
from threadkeep.values.ports import Executor, Statement, Transaction
from threadkeep.values.unset import UNSET, Unset

_TAKEN = "23505"

# What stands beside the threads, in the order of its statements.
_BESIDE = ("sessions", "attachments", "events", "scores", "spans")


@dataclass(frozen=True, slots=True)
class Handover:
    """From whom to whom, and whose it is there: `user` where it is given, else as before."""

    source: str
    target: str
    user: str | Unset | None

    @classmethod
    def of(cls, source: str, target: str, user: str | Unset | None) -> Handover:
        """A checked handover; InvalidError for ids that are none."""
        check_id("from_owner", source)
        check_id("to_owner", target)
        if user is not UNSET:
            check_id_or_none("user", user)
        return cls(source, target, user)

    @property
    def whose(self) -> tuple[bool, str | None]:
        """Whether the user is given, and the user."""
        return (False, None) if self.user is UNSET else (True, self.user)


async def carry_out(ex: Executor, sql: Mapping[str, Statement], handover: Handover) -> int:
    """Hand all of it over; how many threads. ConflictError (`exists`), and nothing, or all."""
    if handover.source == handover.target:
        return 0
    keys = owner_key(handover.source), owner_key(handover.target)
    here = (keys[0], handover.source)
    both = (*here, keys[1], handover.target)

    async def move(tx: Transaction) -> int:
        threads = await tx.fetch(sql["handover_threads"], *both, *handover.whose)
        _check_free("thread", threads[0][1])
        await tx.fetch(sql["handover_messages"], *both)
        await tx.fetch(sql["handover_runs"], *both)
        await tx.fetch(sql["handover_feedback"], *both, *handover.whose)
        await _lock_spans(tx, sql, here)
        for kind in _BESIDE:
            found = await tx.fetch(sql[f"handover_{kind}"], *both, *handover.whose)
            _check_free(kind.removesuffix("s"), found[0][0])
        [[count, tx.xid]] = await tx.fetch(sql["handover_done"], *both)
        return int(count)

    async def rename(tx: Transaction) -> int:
        await _lock_spans(tx, sql, here)
        [[count, tx.xid]] = await tx.fetch(
            sql["handover_in_place"], *here, handover.target, *handover.whose
        )
        return int(count)

    try:
        return await Attempts(ex, sql).atomically(None, rename if keys[0] == keys[1] else move)
    except DatabaseError as error:
        if error.sqlstate != _TAKEN:
            raise
        raise ConflictError("exists", "the other owner has one of the ids") from None


async def _lock_spans(tx: Transaction, sql: Mapping[str, Statement], here: tuple[int, str]) -> None:
    """Lock all spans, and then what was hung below or above one meanwhile, to the last."""
    nearby = False
    while True:
        [[found]] = await tx.fetch(sql["handover_lock_spans"], *here, nearby)
        if not found:
            return
        nearby = True


def _check_free(kind: str, taken: str | None) -> None:
    """Raise ConflictError where the other owner has such an id."""
    if taken is not None:
        raise ConflictError("exists", f"the other owner has {kind} {taken!r}", id=taken)
