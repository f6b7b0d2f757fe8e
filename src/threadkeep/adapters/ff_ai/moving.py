"""Moving ff-ai's tables into a store: every thread once, with ids and times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from threadkeep.adapters.ff_ai.tables import NO_DATE, BadRow, FfAiTables, FfAiThread, message_of
from threadkeep.store import AsyncStore, Owner
from threadkeep.values.errors import (
    ConflictError,
    DatabaseError,
    InvalidError,
    NotFoundError,
)
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message

# One append holds at most so much.
_ROWS: Final = 200
_CHARACTERS: Final = 8 << 20
_OF_ONE_THREAD: Final = (ConflictError, DatabaseError, InvalidError, NotFoundError)

_Row = tuple[int, Message]


@dataclass(slots=True)
class Moved:
    """How many the tables have, and how many of them the store did not have."""

    total: int = 0
    new: int = 0


@dataclass(frozen=True, slots=True)
class MoveReport:
    """What a move did. `problems` are the rows that are not there, or not whole, and why."""

    threads: Moved = field(default_factory=Moved)
    messages: Moved = field(default_factory=Moved)
    problems: list[BadRow] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


async def move(
    tables: FfAiTables,
    store: AsyncStore,
    *,
    resource_id: str | None = None,
    owner_prefix: str = "",
    progress: Callable[[MoveReport], None] | None = None,
) -> MoveReport:
    """Put every thread of the tables, or of one resource, into the store.

    The owner is the resource's id behind `owner_prefix`; ids, times and the order of insertion are
    kept, and each message as it stands. Doing it again adds nothing, and what the tables have got
    meanwhile: so it may be broken off and begun again at any time, and both systems may run beside
    each other. What was deleted from the store meanwhile comes back. What cannot be read or stored
    is reported, and the rest goes on. What is wrong with a database itself (UnavailableError and
    the like) ends it. `progress` is called after each thread. InvalidError before anything is read
    for a bad resource or prefix.
    """
    if owner_prefix != "":
        check_id("owner_prefix", owner_prefix)
    report = MoveReport()
    async for thread in tables.threads(resource_id):
        report.threads.total += 1
        try:
            chat = store.owner(owner_prefix + thread.resource_id)
            await _move(tables, chat, thread, report)
        except _OF_ONE_THREAD as error:
            report.problems.append(_problem(thread, None, str(error)))
        if progress is not None:
            progress(report)
    return report


async def _move(tables: FfAiTables, chat: Owner, thread: FfAiThread, report: MoveReport) -> None:
    for name, time in (("created_at", thread.created_at), ("updated_at", thread.updated_at)):
        if time is None:
            report.problems.append(_problem(thread, None, f"{name}: {NO_DATE}"))
    known = 0
    try:
        await chat.threads.create(
            thread.thread_id, created_at=thread.created_at, active_at=thread.updated_at
        )
        report.threads.new += 1
    except ConflictError:
        newest = await chat.messages.list(thread.thread_id, tree=True, order="desc", limit=1)
        known = max((message.seq or 0 for message in newest.items), default=0)
    async for page in tables.pages(thread.key, _ROWS):
        batch: list[_Row] = []
        size = 0
        for row in page:
            report.messages.total += 1
            message, problems = message_of(row, thread)
            report.problems.extend(problems)
            if message is None:
                continue
            if batch and size + len(message.json) > _CHARACTERS:
                await _save(chat, thread, batch, known, report)
                batch, size = [], 0
            batch.append((row[0], message))
            size += len(message.json)
        if batch:
            await _save(chat, thread, batch, known, report)


async def _save(
    chat: Owner, thread: FfAiThread, batch: Sequence[_Row], known: int, report: MoveReport
) -> None:
    try:
        stored = await _append(chat, thread, [message for _, message in batch])
    except _OF_ONE_THREAD:
        # Something else was appended in between, or one of them cannot be stored.
        stored = []
        for row in batch:
            try:
                stored += await _append(chat, thread, [row[1]])
            except _OF_ONE_THREAD as error:
                report.problems.append(_problem(thread, row, str(error)))
    report.messages.new += sum((message.seq or 0) > known for message in stored)


async def _append(chat: Owner, thread: FfAiThread, batch: list[Message]) -> list[Message]:
    return await chat.messages.append(thread.thread_id, batch, active_at=thread.updated_at)


def _problem(thread: FfAiThread, row: _Row | None, rule: str) -> BadRow:
    id, message = (None, None) if row is None else (row[0], row[1].id)
    return BadRow(thread.resource_id, thread.thread_id, id, message, rule)
