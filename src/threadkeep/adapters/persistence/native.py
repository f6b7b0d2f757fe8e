"""The persistence adapter over our own store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from threadkeep.adapters.persistence.checking import (
    check_limit,
    check_messages,
    check_session,
    settled,
)
from threadkeep.adapters.persistence.records import ChatMessage, Order, SessionRecord
from threadkeep.store import Owner
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError, NotFoundError
from threadkeep.values.ids import check_id
from threadkeep.values.message import FORMAT, Message, Role
from threadkeep.values.parts import Json
from threadkeep.values.session import Session
from threadkeep.values.unset import UNSET, Unset

_PAGE: Final = 1000
_ROLES: Final = ("system", "user", "assistant", "tool")


class NativePersistence:
    """A `PersistenceAdapter` over a handle of an AsyncStore: what it keeps is in our own tables.

    Parts and states are kept byte for byte. Messages are those of our own format, so that every
    other call of the store reads them too; lists are along the path to the thread's head. Whose a
    message is, is the handle's user. Roles are those of the store.
    """

    def __init__(self, chat: Owner) -> None:
        if not isinstance(chat, Owner):
            raise InvalidError("chat", "must be a handle of an AsyncStore, as store.owner() gives")
        self._chat = chat

    async def append_message(
        self, thread_id: str, message: ChatMessage, *, session_id: str | None = None
    ) -> ChatMessage:
        """Append one message; see `append_messages`."""
        [stored] = await self.append_messages(thread_id, [message], session_id=session_id)
        return stored

    async def append_messages(
        self, thread_id: str, messages: Sequence[ChatMessage], *, session_id: str | None = None
    ) -> list[ChatMessage]:
        """Append messages in their order, all or none; as `PersistenceAdapter` says.

        The thread is made if it is absent. NotFoundError where it is another user's.
        """
        check_id("thread_id", thread_id)
        checked = check_messages(messages, session_id, self._chat.user_id)
        if not checked:
            return []
        items = [self._item(message) for message in checked]
        stored = await self._chat.messages.append(thread_id, items)
        return [self._message(thread_id, message) for message in stored]

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

        As `PersistenceAdapter` says.
        """
        check_limit(limit)
        found: list[ChatMessage] = []
        cursor: str | None = None
        while True:
            page = await self._chat.messages.list(
                thread_id,
                session=session_id,
                archived_sessions=include_archived,
                after=after,
                order=order,
                limit=_PAGE if limit is None else min(limit - len(found), _PAGE),
                cursor=cursor,
            )
            found += [self._message(thread_id, message) for message in page]
            cursor = page.next
            if cursor is None or len(found) == limit:
                return found

    async def count_messages(
        self, thread_id: str, *, session_id: str | None = None, include_archived: bool = False
    ) -> int:
        """How many messages `list_messages` gives; reads them, unless it is about all."""
        if include_archived and session_id is None:
            return await self._chat.messages.count(thread_id)
        which = self._chat.messages.list(
            thread_id, session=session_id, archived_sessions=include_archived, limit=_PAGE
        )
        return sum([1 async for _ in which])

    async def save_session(
        self,
        session: SessionRecord | str,
        *,
        thread_id: str | None = None,
        sdk_version: str | None = None,
        state: Json | Unset = UNSET,
        metadata: Mapping[str, Json] | Unset | None = UNSET,
    ) -> SessionRecord:
        """Make a session or write it anew; as `PersistenceAdapter` says. Makes its thread too."""
        record, (new_state, new_metadata) = settled(
            session, thread_id, sdk_version, state, metadata
        )
        check_session(record, self._chat.user_id)
        self._check_user(record.user_id)
        text = record.state_json if new_state else None
        saved = await self._chat.sessions.save(
            record.session_id,
            thread=record.thread_id,
            sdk_version=record.sdk_version,
            state=UNSET if text is not None or not new_state else None,
            state_json=text,
            metadata=cast("Mapping[str, Json] | None", record.metadata) if new_metadata else UNSET,
        )
        return _record(saved)

    async def load_session(
        self, session_id: str, *, expect_sdk_version: str | None = None
    ) -> SessionRecord | None:
        """The session, None if it is unknown, or none of an SDK; as `PersistenceAdapter` says."""
        try:
            found = await self._chat.sessions.get(
                session_id, expected_sdk_version=expect_sdk_version
            )
        except NotFoundError:
            return None
        return _record(found) if _is_of_sdk(found) else None

    async def archive_session(
        self, session_id: str, *, thread_id: str | None = None, sdk_version: str | None = None
    ) -> bool:
        """Archive a session; whether that changed it, but for two calls at once: as said there."""
        for name, given in (("thread_id", thread_id), ("sdk_version", sdk_version)):
            if given is not None:
                check_id(name, given)
        before = await self.load_session(session_id)
        await self._chat.sessions.archive(session_id, thread=thread_id, sdk_version=sdk_version)
        return before is None or not before.archived

    async def unarchive_session(self, session_id: str) -> bool:
        """Take a session out of the archive; whether that changed it. NotFoundError if unknown."""
        before = await self.load_session(session_id)
        await self._chat.sessions.unarchive(session_id)
        return before is not None and before.archived

    async def list_sessions(
        self, thread_id: str, *, include_archived: bool = False, limit: int | None = None
    ) -> list[SessionRecord]:
        """The sessions of a thread, newest first; [] if it is unknown."""
        check_limit(limit)
        archived = None if include_archived else False
        found: list[SessionRecord] = []
        async for session in self._chat.sessions.list(
            thread=thread_id, archived=archived, limit=min(limit or _PAGE, _PAGE)
        ):
            if _is_of_sdk(session):
                found.append(_record(session))
            if len(found) == limit:
                break
        return found

    def _item(self, message: ChatMessage) -> Message:
        if message.role not in _ROLES:
            raise InvalidError("role", f"must be one of {', '.join(_ROLES)}")
        self._check_user(message.user_id)
        role = cast("Role", message.role)
        head, tail = _around(role)
        return Message(
            role,
            f"{head}{message.parts_json}{tail}",
            FORMAT,
            message.message_id,
            message.created_at,
            session=message.session_id,
        )

    def _check_user(self, user_id: str | None) -> None:
        if user_id not in (None, self._chat.user_id):
            raise InvalidError("user_id", "must be the user of the handle, or left out")

    def _message(self, thread_id: str, message: Message) -> ChatMessage:
        return ChatMessage.stored(
            (
                *(message.id, message.role, _parts(message), message.created_at),
                *(message.session, self._chat.user_id, thread_id),
            )
        )


def _around(role: Role) -> tuple[str, str]:
    """What stands before and behind the text of the parts in a payload that was written here."""
    return f'{{"role":"{role}","parts":', "}"


def _parts(message: Message) -> str:
    """The text of the parts: as it was given, or of what another call has written."""
    head, tail = _around(message.role)
    if message.format == FORMAT and message.json.startswith(head):
        inner = message.json[len(head) : -len(tail)]
        try:
            return jsontext.verify(inner)
        except InvalidError:
            pass
    payload = message.payload
    if message.format == FORMAT and isinstance(payload, dict):
        return jsontext.encode(payload.get("parts", []), overflow=True)
    return f"[{message.json}]"


def _is_of_sdk(session: Session) -> bool:
    return session.thread_id is not None and session.sdk_version is not None


def _record(session: Session) -> SessionRecord:
    metadata = None if session.metadata is None else jsontext.encode(dict(session.metadata))
    return SessionRecord.stored(
        (
            *(session.id, session.thread_id, session.sdk_version, session.state_json, metadata),
            *(session.created_at, session.updated_at, session.archived_at, session.user_id),
        )
    )
