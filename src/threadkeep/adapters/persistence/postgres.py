"""The persistence adapter over two tables that the app made, on the app's own pool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

from threadkeep.adapters.persistence import survey
from threadkeep.adapters.persistence.checking import (
    check_jsonb,
    check_limit,
    check_messages,
    check_session,
    settled,
    whose,
)
from threadkeep.adapters.persistence.naming import Casing, Columns, Naming, Tables
from threadkeep.adapters.persistence.records import ChatMessage, Order, SessionRecord
from threadkeep.adapters.persistence.refusals import explained
from threadkeep.adapters.persistence.survey import SchemaReport
from threadkeep.lending import over
from threadkeep.sql.host import host_statements
from threadkeep.values.errors import (
    ConflictError,
    DatabaseError,
    InvalidCursorError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from threadkeep.values.ids import check_id
from threadkeep.values.parts import Json
from threadkeep.values.ports import Executor, Row
from threadkeep.values.unset import UNSET, Unset

T = TypeVar("T")

_TAKEN: Final = "23505"
_TRIES: Final = 3
_READ_COMMITTED: Final = "read committed"
_ASTRAY: Final = "the messages are stored in another order than they are given in"
_FULL: Final = "the time of the thread's last message leaves no later one"
_DIFFERS: Final = "the id is stored with another role or other parts"
_ELSEWHERE: Final = "another unique key of the table holds what is given"


class PostgresPersistence:
    """A `PersistenceAdapter` over the app's own tables, which it neither makes nor changes.

    `pool` is the app's: an asyncpg Pool, a psycopg_pool AsyncConnectionPool, a SQLAlchemy
    AsyncEngine, or one async connection of these, in whose transaction the calls then stand. It is
    never closed here. `tables` and `columns` give the app's names for those of the contract:
    `tables={"messages": 'app."Chat Messages"'}` is read as PostgreSQL reads names, a pair (schema,
    table) and the columns' names are taken as they are; `casing` spells the columns that are not
    named. A column `seq` of messages, if it is named, is the order; else `created_at` is, and each
    message's is later than the one before, given or not.

    With `user` only the rows of this user are seen, and new ones are this user's; the threads and
    sessions of others are unknown. That needs a column for the user of a session. Without it the
    tables are the app's as a whole.

    On a pool a call goes on trying for `deadline` seconds while the server is away.
    """

    def __init__(
        self,
        pool: object,
        *,
        tables: Tables | None = None,
        columns: Columns | None = None,
        casing: Casing = "snake_case",
        user: str | None = None,
        deadline: float = 30.0,
    ) -> None:
        self._user = None if user is None else check_id("user", user)
        self._naming = Naming.of(tables, columns, casing=casing, per_user=user is not None)
        self._sql = host_statements("persistence", self._naming.names)
        self._table = self._naming.tables["messages"].sql
        self._ex: Executor = over(pool, deadline=deadline)
        self._jsonb: Mapping[str, bool] | None = None

    async def validate_schema(self) -> SchemaReport:
        """Look whether both tables are such that all calls can work, in one round trip.

        TablesMismatchError has everything that is wrong, and the SQL that would mend it: what is
        missing, types, what may be NULL, the key of each table, generated columns, privileges.
        Names are resolved as the server resolves them for the role of the pool.
        """
        looks = await self._look()
        return survey.judge(looks, self._naming)

    async def append_message(
        self, thread_id: str, message: ChatMessage, *, session_id: str | None = None
    ) -> ChatMessage:
        """Append one message; see `append_messages`."""
        [stored] = await self.append_messages(thread_id, [message], session_id=session_id)
        return stored

    async def append_messages(
        self, thread_id: str, messages: Sequence[ChatMessage], *, session_id: str | None = None
    ) -> list[ChatMessage]:
        """Append messages in their order, all or none; `session_id` is for those without their own.

        A message that is stored with the same role and parts is returned as it is stored, with
        others it is a ConflictError (`message_differs`); new messages stand after those that are
        stored, else it is one too (`message_order`). NotFoundError for another user's thread.
        """
        check_id("thread_id", thread_id)
        checked = check_messages(messages, session_id, self._user)
        if not checked:
            return []
        jsonb = (await self._types())["messages.parts_json"]
        if jsonb:
            for message in checked:
                check_jsonb(message.parts_json, "parts")
        times = [message.created_at for message in checked]
        args = (
            *(thread_id, self._user, jsonb),
            [message.message_id for message in checked],
            [message.session_id for message in checked],
            [message.user_id for message in checked],
            [message.role for message in checked],
            [message.parts_json for message in checked],
            [None if time is None else time.isoformat() for time in times],
        )
        rows = await self._insist(lambda: self._append(args))
        return _appended(thread_id, checked, rows)

    async def list_messages(
        self,
        thread_id: str,
        *,
        session_id: str | None = None,
        include_archived: bool = False,
        after: str | None = None,
        limit: int | None = None,
        order: Order = "asc",
    ) -> list[ChatMessage]:
        """The messages of a thread in the order in which they were appended; [] if it is unknown.

        Those of archived sessions are left out, unless `include_archived` or a `session_id` asks
        for them. `after` is the id of a message that the list goes on from, archived or not:
        InvalidCursorError if the thread has none such.
        """
        self._check_asked(thread_id, session_id)
        check_limit(limit)
        if order not in ("asc", "desc"):
            raise InvalidError("order", "must be 'asc' or 'desc'")
        name = "list_all" if include_archived or session_id is not None else "list"
        if order == "desc":
            name += "_back"
        if after is not None:
            check_id("after", after)
            name += "_after"
        rows = await self._fetch(name, thread_id, session_id, self._user, after, limit)
        if after is not None:
            if rows[0][0] is None:
                raise InvalidCursorError
            rows = [row[1:] for row in rows if row[1] is not None]
        return [_message(thread_id, row) for row in rows]

    async def count_messages(
        self, thread_id: str, *, session_id: str | None = None, include_archived: bool = False
    ) -> int:
        """How many messages `list_messages` gives."""
        self._check_asked(thread_id, session_id)
        name = "count_all" if include_archived or session_id is not None else "count"
        [[count]] = await self._fetch(name, thread_id, session_id, self._user)
        return int(count)

    async def save_session(
        self,
        session: SessionRecord | str,
        *,
        thread_id: str | None = None,
        sdk_version: str | None = None,
        state: Json | Unset = UNSET,
        metadata: Mapping[str, Json] | Unset | None = UNSET,
    ) -> SessionRecord:
        """Make a session or write it anew: a record as a whole, or by its id what is given.

        By id, a thread and a version are required, and what is not given stays. The times of a
        record are not taken. ConflictError (`session_thread`) for a session of another thread,
        NotFoundError for another user's.
        """
        record, given = settled(session, thread_id, sdk_version, state, metadata)
        saved = await self._save(record, given)
        if saved is None:
            await self._check_known(record.session_id, record.thread_id)
            raise NotFoundError("session", record.session_id)
        return saved

    async def load_session(
        self, session_id: str, *, expect_sdk_version: str | None = None
    ) -> SessionRecord | None:
        """The session, None if it is unknown.

        ConflictError (`sdk_version`) where another version than the expected one has saved it.
        """
        check_id("session_id", session_id)
        rows = await self._fetch("load_session", self._user, session_id)
        found = _session(rows[0]) if rows else None
        if found is not None and expect_sdk_version not in (None, found.sdk_version):
            explanation = "the session was saved by another version of the SDK"
            raise ConflictError("sdk_version", explanation, id=session_id)
        return found

    async def archive_session(
        self, session_id: str, *, thread_id: str | None = None, sdk_version: str | None = None
    ) -> bool:
        """Archive a session; whether that changed it. The first time stands.

        An unknown session is made, archived, where both a thread and a version are given, else
        NotFoundError. ConflictError (`session_thread`) for a session of another thread.
        """
        check_id("session_id", session_id)
        for name, given in (("thread_id", thread_id), ("sdk_version", sdk_version)):
            if given is not None:
                check_id(name, given)
        if thread_id is None or sdk_version is None:
            if await self._fetch("archive_session", self._user, session_id, thread_id):
                return True
            await self._check_known(session_id, thread_id)
            return False
        record = SessionRecord(session_id, thread_id, sdk_version)
        if await self._save(record, (False, False), archive=True) is not None:
            return True
        await self._check_known(session_id, thread_id)
        return False

    async def unarchive_session(self, session_id: str) -> bool:
        """Take a session out of the archive; whether that changed it. NotFoundError if unknown."""
        check_id("session_id", session_id)
        if await self._fetch("unarchive_session", self._user, session_id):
            return True
        await self._check_known(session_id)
        return False

    async def list_sessions(
        self, thread_id: str, *, include_archived: bool = False, limit: int | None = None
    ) -> list[SessionRecord]:
        """The sessions of a thread, newest first; [] if it is unknown."""
        check_id("thread_id", thread_id)
        check_limit(limit)
        args = (self._user, thread_id, bool(include_archived), limit)
        return [_session(row) for row in await self._fetch("list_sessions", *args)]

    def _check_asked(self, thread_id: str, session_id: str | None) -> None:
        check_id("thread_id", thread_id)
        if session_id is not None:
            check_id("session_id", session_id)

    async def _append(self, args: tuple[object, ...]) -> Sequence[Row]:
        """Append under the thread's lock. Who writes past us can still take an id meanwhile."""
        for left in reversed(range(_TRIES)):
            try:
                async with self._ex.transaction(None) as tx:
                    [[level, _]] = await tx.fetch(self._sql["lock"], args[0], self._table)
                    if level != _READ_COMMITTED:
                        raise InvalidError("pool", "must append at READ COMMITTED, or it sees less")
                    return await tx.fetch(self._sql["append"], *args)
            except DatabaseError as error:
                if error.sqlstate != _TAKEN:
                    raise
                if not left:
                    raise ConflictError("exists", _ELSEWHERE) from error
        raise AssertionError("unreachable")

    async def _save(
        self, record: SessionRecord, given: tuple[bool, bool], *, archive: bool = False
    ) -> SessionRecord | None:
        """Save what is `given` of the state and the metadata; None where that was refused."""
        check_session(record, self._user)
        user = whose("user_id", record.user_id, self._user)
        if user is not None and "user_id" not in self._naming.columns["sessions"]:
            raise InvalidError("user_id", "has no column in the table of sessions")
        types = await self._types()
        if types["sessions.state_json"]:
            check_jsonb(record.state_json, "state")
        if types["sessions.metadata_json"]:
            check_jsonb(record.metadata_json, "metadata")
        state, metadata = given
        rows = await self._fetch(
            "save_session",
            *(self._user, record.session_id, record.thread_id, record.sdk_version),
            *(state, record.state_json, metadata, record.metadata_json, archive, user),
        )
        return _session(rows[0]) if rows else None

    async def _check_known(self, session_id: str, thread_id: str | None = None) -> None:
        """Raise where the session is unknown, or of another thread than the given one."""
        found = await self.load_session(session_id)
        if found is None:
            raise NotFoundError("session", session_id)
        if thread_id not in (None, found.thread_id):
            explanation = "the session is of another thread"
            raise ConflictError("session_thread", explanation, id=session_id)

    async def _types(self) -> Mapping[str, bool]:
        """Which of the columns for JSON are jsonb. Looked up once."""
        if self._jsonb is None:
            looks = await self._look()
            survey.check_there(looks, self._naming)
            self._jsonb = survey.jsonb_columns(looks, self._naming)
        return self._jsonb

    async def _look(self) -> dict[str, survey.Look]:
        named = self._naming.tables
        rows = await self._fetch(
            "look",
            list(named),
            [table.schema for table in named.values()],
            [table.name for table in named.values()],
            [table.sql for table in named.values()],
        )
        return survey.read(rows, self._naming)

    async def _fetch(self, name: str, *args: object) -> Sequence[Row]:
        statement = self._sql[name]
        return await self._insist(lambda: self._ex.fetch(statement, *args))

    async def _insist(self, work: Callable[[], Awaitable[T]]) -> T:
        """Carry out work that is safe to repeat, again while the server is away."""
        patience = self._ex.patience()
        while True:
            try:
                with explained():
                    return await work()
            except UnavailableError as error:
                if not error.transient or not await patience.wait():
                    raise


def _appended(
    thread_id: str, messages: Sequence[ChatMessage], rows: Sequence[Row]
) -> list[ChatMessage]:
    refused = rows[0][0]
    if refused == "foreign":
        raise NotFoundError("thread", thread_id)
    if refused == "differs":
        id_ = next(row[1] for row in rows if row[2] is False)
        raise ConflictError("message_differs", _DIFFERS, id=id_)
    if refused == "astray":
        raise ConflictError("message_order", _ASTRAY)
    if refused == "full":
        raise ConflictError("message_order", _FULL)
    return [
        ChatMessage(
            message.message_id,
            message.role,
            message.parts_json,
            created_at=at,
            session_id=session,
            user_id=user,
            thread_id=thread_id,
        )
        for message, (_, _, _, _, session, user, at) in zip(messages, rows, strict=True)
    ]


def _message(thread_id: str, row: Row) -> ChatMessage:
    id_, session, user, role, parts, at = row
    return ChatMessage.stored((id_, role, parts, at, session, user, thread_id))


def _session(row: Row) -> SessionRecord:
    id_, thread, version, state, metadata, created, updated, archived, user = row
    return SessionRecord.stored(
        (id_, thread, version, state, metadata, created, updated, archived, user)
    )
