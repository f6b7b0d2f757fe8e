"""Checks of arguments, before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from threadkeep.adapters.persistence.records import ChatMessage, SessionRecord
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
from threadkeep.values.parts import Json
from threadkeep.values.unset import UNSET, Unset

# Room for more messages after it than any thread will have: each is later than the one before.
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def check_messages(
    messages: Iterable[ChatMessage], session_id: str | None, user: str | None
) -> list[ChatMessage]:
    """The messages as they are to be stored: with their session and their user."""
    if session_id is not None:
        check_id("session_id", session_id)
    if not isinstance(messages, Iterable):
        raise InvalidError("messages", "must be ChatMessage values")
    checked: list[ChatMessage] = []
    seen: set[str] = set()
    for message in messages:
        if not isinstance(message, ChatMessage):
            raise InvalidError("messages", "must be ChatMessage values")
        if check_id("message_id", message.message_id) in seen:
            raise InvalidError("messages", "must not hold the same message_id twice")
        seen.add(message.message_id)
        checked.append(_stored(message, session_id, user))
    return checked


def _stored(message: ChatMessage, session_id: str | None, user: str | None) -> ChatMessage:
    check_id("role", message.role)
    if message.session_id is not None:
        session_id = check_id("session_id", message.session_id)
    return ChatMessage(
        message.message_id,
        message.role,
        message.parts_json,
        created_at=_moment(message.created_at),
        session_id=session_id,
        user_id=whose("user_id", message.user_id, user),
    )


def settled(
    session: SessionRecord | str,
    thread_id: str | None,
    sdk_version: str | None,
    state: Json | Unset,
    metadata: Mapping[str, Json] | Unset | None,
) -> tuple[SessionRecord, tuple[bool, bool]]:
    """What a save is about as one record, and whether its state and its metadata are written."""
    if isinstance(session, SessionRecord):
        if (thread_id, sdk_version, state, metadata) != (None, None, UNSET, UNSET):
            raise InvalidError("session", "must be a record, or an id and its values")
        return session, (True, True)
    record = SessionRecord(
        session,
        check_id("thread_id", thread_id),
        check_id("sdk_version", sdk_version),
        None if state is UNSET else state,
        None if metadata is UNSET else metadata,
    )
    return record, (state is not UNSET, metadata is not UNSET)


def check_session(record: SessionRecord, user: str | None) -> None:
    """InvalidError for a session that cannot be stored."""
    check_id("session_id", record.session_id)
    check_id("thread_id", record.thread_id)
    check_id("sdk_version", record.sdk_version)
    whose("user_id", record.user_id, user)
    if record.metadata_json is not None and not isinstance(record.metadata, dict):
        raise InvalidError("metadata", "must be a mapping")


def whose(field: str, given: str | None, user: str | None) -> str | None:
    """Whose a row is: the user's that the adapter is bound to, else whoever is given."""
    if given is not None:
        check_id(field, given)
    if user is not None and given not in (None, user):
        raise InvalidError(field, "must be the user that the adapter is bound to, or left out")
    return given if user is None else user


def check_limit(limit: int | None) -> None:
    """InvalidError unless it is None or an int of at least 1 that is a bigint."""
    if limit is None:
        return
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit < 2**63:
        raise InvalidError("limit", "must be None or an int of at least 1, below 2**63")


def check_jsonb(text: str | None, field: str) -> None:
    """InvalidError for JSON that jsonb would refuse, or keep less of than its value."""
    if text is None:
        return
    members, strings = _walk(jsontext.decode(text))
    if "\\u" in text:
        if any("\0" in value for value in strings):
            raise InvalidError(field, "must not contain NUL: its column is jsonb, not json")
        if any(_SURROGATE.search(value) for value in strings):
            raise InvalidError(field, "must not contain a lone surrogate: its column is jsonb")
    # Outside of strings each member has its colon.
    if _STRING.sub("", text).count(":") != members:
        raise InvalidError(field, "must not contain a key twice: its column is jsonb, not json")


def _walk(value: Json) -> tuple[int, list[str]]:
    """How many members all objects in it have, and all its strings and keys."""
    members, strings, todo = 0, [], [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            strings.append(one)
        elif isinstance(one, dict):
            members += len(one)
            strings.extend(one)
            todo.extend(one.values())
        elif isinstance(one, list):
            todo.extend(one)
    return members, strings


def _moment(given: object) -> datetime | None:
    if given is None:
        return None
    if not isinstance(given, datetime) or given.tzinfo is None:
        raise InvalidError("created_at", "must be a datetime with a time zone")
    try:
        moment = given.astimezone(UTC)
    except OverflowError:
        moment = _LAST
    if moment >= _LAST:
        raise InvalidError("created_at", "must be before the year 9999")
    return moment
