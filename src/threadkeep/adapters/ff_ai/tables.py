"""ff-ai's own tables, read where they are."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast
from zoneinfo import ZoneInfo

from threadkeep import dialects
from threadkeep.adapters.ff_ai.conversations import conversation
from threadkeep.adapters.ff_ai.files import lacks_bytes, restored
from threadkeep.adapters.ff_ai.messages import ConversationMessage
from threadkeep.adapters.ff_ai.store import check_window
from threadkeep.lending import over
from threadkeep.sql.host import TableName, host_statements, quote_column
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError, SchemaMismatchError
from threadkeep.values.message import Message
from threadkeep.values.parts import Json
from threadkeep.values.ports import Executor, Row

Casing = Literal["snake_case", "camelCase", "camel_case"]

_PAGE: Final = 1000
_SNAKE: Final = {
    "threads.public": "public_id",
    "threads.resource": "resource_id",
    "threads.created_at": "created_at",
    "threads.updated_at": "updated_at",
    "messages.thread": "thread_id",
    "messages.json": "ai_sdk_v5",
    "messages.created_at": "created_at",
}
_CAMEL: Final = {
    "threads.public": "publicId",
    "threads.resource": "resourceId",
    "threads.created_at": "createdAt",
    "threads.updated_at": "updatedAt",
    "messages.thread": "threadId",
    "messages.json": "aiSdkV5",
    "messages.created_at": "createdAt",
}
_CASINGS: Final = {"snake_case": _SNAKE, "camelCase": _CAMEL, "camel_case": _CAMEL}


NO_DATE: Final = "must be a date of the years 1 to 9999"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read, or not whole: its id, that of its message, and the rule it breaks.

    `id` and `message` are None where it is the thread itself.
    """

    resource_id: str
    thread_id: str
    id: int | None
    message: str | None
    rule: str


@dataclass(frozen=True, slots=True)
class FfAiThread:
    """A thread of the tables, by its key there. A time that Python has no date for is None."""

    key: int
    resource_id: str
    thread_id: str
    created_at: datetime | None
    updated_at: datetime | None


class History(list[ConversationMessage]):
    """Messages of a thread, oldest first, with the rows that could not be read, or not whole."""

    def __init__(
        self, messages: Iterable[ConversationMessage], problems: Sequence[BadRow] = ()
    ) -> None:
        super().__init__(messages)
        self.problems = tuple(problems)


class FfAiTables:
    """The tables `threads` and `messages` of an ff-ai schema, which are only read.

    `connection` is what the app has: a pool or a connection, as `threadkeep.lending.over` takes
    it, or what that has returned. The timestamps have no zone; `zone` says in which one they were
    written. InvalidError for an unknown casing or zone; and at the first read, where the tables
    have other names or columns.
    """

    def __init__(
        self,
        connection: object,
        *,
        schema: str = "ff_ai",
        casing: Casing = "snake_case",
        zone: str = "UTC",
    ) -> None:
        if not isinstance(casing, str) or casing not in _CASINGS:
            raise InvalidError("casing", f"must be one of {', '.join(_CASINGS)}")
        self._casing = casing
        names = {name: quote_column(column) for name, column in _CASINGS[casing].items()}
        for table in ("threads", "messages"):
            names[table] = TableName.read((schema, table), field="schema").sql
        self._sql = host_statements("ff_ai", names)
        self._zone = _zone(zone)
        self._ex = _executor(connection)

    async def get_messages(
        self, *, resource_id: str, thread_id: str, window_size: int | None = None
    ) -> History:
        """The messages as `ConversationStore.get_messages` gives them, by the order of insertion.

        A row without a message, or with one that cannot be read, is left out and reported. Bytes
        that JavaScript wrote as numbers are base64 again. One statement; whole threads take one
        more for each thousand of messages.
        """
        check_window(window_size)
        _check_text("resource_id", resource_id)
        _check_text("thread_id", thread_id)
        if window_size == 0:
            return History(())
        rows: list[Row] = []
        if window_size is None:
            for key, *_ in await self._fetch("thread", resource_id, thread_id):
                rows += [row async for page in self.pages(key) for row in page]
        else:
            size = min(window_size, 2**31)
            rows += await self._fetch("window", resource_id, thread_id, size, self._zone)
        thread = FfAiThread(0, resource_id, thread_id, None, None)
        read = [message_of(row, thread) for row in rows]
        found = conversation([message for message, _ in read if message is not None])
        return History(found, [problem for _, problems in read for problem in problems])

    async def resources(self) -> AsyncIterator[str]:
        """The ids of all resources that have a thread."""
        last: str | None = None
        while rows := await self._fetch("resources_after", last, _PAGE):
            for (resource,) in rows:
                last = resource
                yield resource

    async def threads(self, resource_id: str | None = None) -> AsyncIterator[FfAiThread]:
        """The threads of a resource, or all, in the order they were made."""
        if resource_id is not None:
            _check_text("resource_id", resource_id)
        last = -(2**63)
        while rows := await self._fetch("threads_after", resource_id, last, _PAGE, self._zone):
            for row in rows:
                thread = FfAiThread(*row)
                last = thread.key
                yield thread

    async def pages(self, key: int, size: int = _PAGE) -> AsyncIterator[Sequence[Row]]:
        """The rows of a thread by its key, in order, page by page; `message_of` reads one."""
        last = -(2**63)
        while rows := await self._fetch("messages_after", key, last, size, self._zone):
            last = rows[-1][0]
            yield rows
            if len(rows) < size:
                return

    async def _fetch(self, name: str, *args: object) -> Sequence[Row]:
        try:
            return await self._ex.fetch(self._sql[name], *args)
        except SchemaMismatchError:
            raise InvalidError(
                "schema", f"must hold ff-ai's tables, with columns in {self._casing}"
            ) from None


def message_of(row: Row, thread: FfAiThread) -> tuple[Message | None, list[BadRow]]:
    """The message of a row, None where there is none to read, and what is wrong with the row."""
    id, uuid, text, created_at = row
    problems: list[BadRow] = []

    def tell(rule: str) -> None:
        problems.append(BadRow(thread.resource_id, thread.thread_id, id, uuid, rule))

    if text is None:
        tell("ai_sdk_v5: must not be NULL")
        return None, problems
    try:
        value = jsontext.decode(text)
        tag = version_of(value)
        role = dialects.get(tag).traits(value).role
    except InvalidError as error:
        tell(str(error))
        return None, problems
    if created_at is None:
        tell(f"created_at: {NO_DATE}")
    mended = restored(value)
    if mended != value:
        text = jsontext.encode(mended, overflow=True)
    if lacks_bytes(mended):
        tell("ai_sdk_v5: has lost the bytes of a file, which were written as {}")
    return Message(role, text, tag, id=uuid, created_at=created_at), problems


def version_of(item: Json) -> str:
    """The dialect that a model message is to be read by: the oldest whose marks it bears.

    Version 4 has `args` and `result`, version 5 the content item `media`, which 7 refuses; the
    rest means the same in 5, 6 and 7.
    """
    content = item.get("content") if isinstance(item, dict) else None
    blocks = [block for block in _listed(content) if isinstance(block, dict)]
    for block in blocks:
        kind = block.get("type")
        if kind == "tool-call" and "args" in block and "input" not in block:
            return "ai-sdk-model@4"
        if kind == "tool-result" and "output" not in block and "result" in block:
            return "ai-sdk-model@4"
    for block in blocks:
        output = block.get("output")
        items = _listed(output.get("value") if isinstance(output, dict) else None)
        if any(isinstance(item, dict) and item.get("type") == "media" for item in items):
            return "ai-sdk-model@5"
    return "ai-sdk-model@7"


def _listed(value: Json) -> list[Any]:
    return value if isinstance(value, list) else []


def _executor(connection: object) -> Executor:
    if hasattr(connection, "checks_first"):
        return cast("Executor", connection)
    return over(connection)


def _check_text(field: str, value: object) -> None:
    """Raise InvalidError unless PostgreSQL can have it as a text: their ids have no other rule."""
    if not isinstance(value, str) or re.search("[\0\ud800-\udfff]", value):
        raise InvalidError(field, "must be a str without NUL and lone surrogates")


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ValueError, TypeError, OSError, LookupError):
        raise InvalidError("zone", "must be the name of a time zone, such as UTC") from None
