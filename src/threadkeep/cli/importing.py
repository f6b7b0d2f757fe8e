"""Puts what a source yields into a store, once; knows no terminal and no file.

Thread and message ids are the source's own, so doing it again stores nothing twice, and after the
source has grown only what is new is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from threadkeep.sources.base import SourceDocument, SourceItem, SourceProblem, SourceThread
from threadkeep.values.document import copied
from threadkeep.values.errors import (
    ConflictError,
    DatabaseError,
    InvalidError,
    NotFoundError,
)
from threadkeep.values.unset import UNSET

if TYPE_CHECKING:
    from threadkeep.sync import Owner

# One append holds at most so much, so that a huge conversation is not one huge statement.
_MAX_ITEMS: Final = 500
_MAX_CHARACTERS: Final = 8 << 20

_OF_ONE_THREAD: Final = (ConflictError, DatabaseError, InvalidError, NotFoundError)


@dataclass(slots=True)
class Count:
    """How many the source has, and how many of them the store did not have."""

    total: int = 0
    new: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """A conversation that was not imported, or not whole. `message` quotes no content.

    `code` is `unreadable` where the source has no conversation that can be read, else the code of
    the store's error: `conflict` for one that says something else than what is stored.
    """

    thread: str | None
    index: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did."""

    threads: Count = field(default_factory=Count)
    messages: Count = field(default_factory=Count)
    problems: list[Problem] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


def import_threads(
    owner: Owner, found: Iterable[SourceThread | SourceDocument | SourceProblem]
) -> Report:
    """Store every thread found, each with its tree; a bad one is reported and the rest goes on.

    What is wrong with the database itself (UnavailableError and the like) ends it: what was
    stored until then stays, and doing it again goes on from there.
    """
    report = Report()
    for index, thread in enumerate(found):
        if isinstance(thread, SourceProblem):
            report.problems.append(Problem(thread.id, thread.index, "unreadable", thread.rule))
            continue
        report.threads.total += 1
        report.messages.total += len(thread.items)
        try:
            if isinstance(thread, SourceDocument):
                _import_document(owner, thread, report)
            else:
                _import(owner, thread, report)
        except _OF_ONE_THREAD as error:
            report.problems.append(Problem(thread.id, index, error.code, str(error)))
    return report


def _import(owner: Owner, thread: SourceThread, report: Report) -> None:
    try:
        owner.threads.create(
            thread.id,
            title=thread.title,
            created_at=thread.created_at,
            active_at=thread.updated_at,
            format=thread.format,
            payload=thread.header,
        )
        report.threads.new += 1
        known = 0
    except ConflictError:
        known = _newest(owner, thread.id)
    for parent, run in runs(thread.items):
        stored = owner.messages.append(
            thread.id,
            [item.json for item in run],
            dialect=thread.format,
            parent=parent,
            active_at=thread.updated_at,
        )
        report.messages.new += sum((message.seq or 0) > known for message in stored)


def _import_document(owner: Owner, document: SourceDocument, report: Report) -> None:
    """Make the thread whole; to one that is there add the messages that are new."""
    try:
        made = owner.threads.import_(document.text, keep_ids=True)
        report.threads.new += 1
        report.messages.new += made.thread.message_count
        return
    except ConflictError:
        known = _newest(owner, document.id)
    messages = {str(message.id): copied(message) for message in document.items}
    items = [SourceItem(m.json, id_, m.parent_id) for id_, m in messages.items()]
    for parent, run in runs(items):
        batch = [messages[item.id] for item in run]
        stored = owner.messages.append(document.id, batch, parent=parent, force=True)
        report.messages.new += sum((message.seq or 0) > known for message in stored)


def _newest(owner: Owner, thread_id: str) -> int:
    newest = owner.messages.list(thread_id, tree=True, order="desc", limit=1).items
    return newest[0].seq or 0 if newest else 0


def runs(items: Sequence[SourceItem]) -> Iterator[tuple[str | None, list[SourceItem]]]:
    """The items as chains, each with the id of the parent of its first: one append for each."""
    if not items:
        return
    parent = _parent(items[0], None)
    run, size = [items[0]], len(items[0].json)
    for before, item in pairwise(items):
        under = _parent(item, before)
        full = len(run) == _MAX_ITEMS or size + len(item.json) > _MAX_CHARACTERS
        if full or under != before.id:
            yield parent, run
            parent, run, size = under, [], 0
        run.append(item)
        size += len(item.json)
    yield parent, run


def _parent(item: SourceItem, before: SourceItem | None) -> str | None:
    if item.parent is not UNSET:
        return item.parent
    return None if before is None else before.id
