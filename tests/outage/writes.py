"""Every method that writes, as a call on a conversation that is always the same."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from threadkeep import Message, Thread, ThreadkeepError
from threadkeep.testing.contract.isolation import public_methods, turned
from threadkeep.testing.contract.kit import says, turns, user
from threadkeep.testing.servers import Server
from threadkeep.values.run import Usage

Call = Callable[[Any], Awaitable[Any]]

READS = {
    *(f"threads.{name}" for name in ("get", "list", "find_active", "count")),
    *(f"messages.{name}" for name in ("get", "list", "window", "siblings", "count")),
    *(f"runs.{name}" for name in ("get", "list", "usage")),
}
_THEN = datetime(2024, 5, 6, tzinfo=UTC)


async def _turn_with_usage(chat: Any) -> Any:
    async with chat.turn("t", user("x"), exclusive=True) as turn:
        await turn.append([says("y"), says("z")])
        await turn.touch()
        turn.add_usage(Usage(input_tokens=7))
    return [message.id for message in turn.messages]


async def _turn_under(chat: Any) -> Any:
    async with chat.turn("t") as turn:
        await turn.append(says("y"), parent="u1")
    return [message.parent_id for message in turn.messages]


async def _turn_failed(chat: Any) -> Any:
    try:
        async with chat.turn("t", exclusive=True):
            raise KeyError
    except KeyError:
        return "failed"


# Each gets the handle of an owner for whom `prepare` was done. The most telling ones stand first.
WRITES: dict[str, list[Call]] = {
    "threads.create": [
        lambda chat: chat.threads.create("n", title="T", metadata={"a": 1}, external_id="e"),
        lambda chat: chat.threads.create(title="T"),
        lambda chat: chat.threads.create("n", created_at=_THEN, format="f", payload={"p": 1}),
        lambda chat: chat.threads.create("t", exist_ok=True),
        lambda chat: chat.threads.create("t"),
    ],
    "threads.update": [
        lambda chat: chat.threads.update("t", title="U", expected_revision=0),
        lambda chat: chat.threads.update("t", metadata={"b": 2}, active_at=_THEN),
        lambda chat: chat.threads.update("t", replace_metadata=None, expected_revision=9),
    ],
    "threads.archive": [lambda chat: chat.threads.archive("t")],
    "threads.unarchive": [lambda chat: chat.threads.unarchive("t")],
    "threads.delete": [
        lambda chat: chat.threads.delete("t"),
        lambda chat: chat.threads.delete("nothing"),
    ],
    "threads.fork": [
        lambda chat: chat.threads.fork("t", "n"),
        lambda chat: chat.threads.fork("t", "n", at="u2", title="F"),
        lambda chat: chat.threads.fork("t"),
        lambda chat: chat.threads.fork("empty", "n", title=None),
        lambda chat: chat.threads.fork("t", "empty"),
    ],
    "threads.set_head": [lambda chat: chat.threads.set_head("t", "a1")],
    "messages.append": [
        lambda chat: chat.messages.append("t", [user("x"), says("y")]),
        lambda chat: chat.messages.append("n", user("x")),
        lambda chat: chat.messages.append("t", Message.user("no id")),
        lambda chat: chat.messages.append("t", user("x"), parent="a1"),
        lambda chat: chat.messages.append("t", user("x"), parent=None),
        lambda chat: chat.messages.append("t", [user("x"), says("y")], expected_head="a3"),
        lambda chat: chat.messages.append("t", user("x"), expected_head="a1"),
        lambda chat: chat.messages.append("t", [says("a3"), user("x")]),
        lambda chat: chat.messages.append("t", user("u1")),
        lambda chat: chat.messages.append("t", user("u1", "other")),
    ],
    "messages.update": [
        lambda chat: chat.messages.update("t", "a1", says("a1", "changed")),
        lambda chat: chat.messages.update("t", "x", user("x")),
        lambda chat: chat.messages.update("t", "a1", status="failed", metadata={"m": 1}),
        lambda chat: chat.messages.update("t", "x", user("x"), parent="a1"),
    ],
    "messages.delete": [
        lambda chat: chat.messages.delete("t", "u2"),
        lambda chat: chat.messages.delete("t", "a3"),
        lambda chat: chat.messages.delete("t", "nothing"),
    ],
    "messages.truncate": [lambda chat: chat.messages.truncate("t", "u2")],
    "messages.pop_last": [
        lambda chat: chat.messages.pop_last("t"),
        lambda chat: chat.messages.pop_last("empty"),
    ],
    "messages.replace_all": [
        lambda chat: chat.messages.replace_all("t", [user("u1"), says("x")]),
        lambda chat: chat.messages.replace_all("n", [user("x")]),
        lambda chat: chat.messages.replace_all("t", []),
    ],
    "turn": [
        _turn_with_usage,
        _turn_failed,
        _turn_under,
        lambda chat: turned(chat, "n", exclusive=True),
    ],
}


async def prepare(chat: Any) -> None:
    """Three turns and a branch in one thread, nothing in another."""
    await chat.messages.append("t", turns(1, 3))
    await chat.threads.create("empty")


def missing(chat: Any) -> set[str]:
    """The methods of the handle that are in neither table."""
    return public_methods(chat) ^ (READS | set(WRITES))


async def answer(call: Call, chat: Any) -> str:
    """What a call gives or raises, without times and random ids."""
    try:
        given = await call(chat)
    except ThreadkeepError as error:
        return f"{type(error).__name__} {getattr(error, 'reason', error)}"
    return repr([_plain(one) for one in given] if isinstance(given, list) else _plain(given))


def _plain(given: Any) -> Any:
    if isinstance(given, Thread):
        made = len(given.id) > len("empty")
        known = (given.title, given.metadata, given.status, given.head, given.external_id)
        return "new" if made else given.id, *known, given.revision, given.message_count, given.turns
    if isinstance(given, Message):
        id_ = "new" if len(str(given.id)) > len("empty") else given.id
        return id_, given.seq, given.parent_id, given.turn, given.status, given.json, given.metadata
    return given


_ROWS = """
SELECT to_jsonb(t)::text,
  (SELECT jsonb_agg(to_jsonb(m) ORDER BY m.seq)::text FROM threadkeep.messages m
   WHERE m.owner_key = t.owner_key AND m.thread_key = t.thread_key),
  (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.started_at)::text FROM threadkeep.runs r
   WHERE r.owner_key = t.owner_key AND r.thread_key = t.thread_key)
FROM threadkeep.threads t WHERE t.owner_id = '{}' ORDER BY t.thread_key
"""
_LEFT_OUT = {"owner_key", "owner_id", "thread_key"}
_RANDOM = 32
"""An id that the store made is at least so long; those of the tests are shorter."""


def rows(server: Server, owner_id: str) -> list[str]:
    """All that is stored for an owner; of times only whether they are there, no random ids."""
    names: dict[str, str] = {}

    def plain(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {k: plain(v, k) for k, v in value.items() if k not in _LEFT_OUT}
        if isinstance(value, list):
            return [plain(one) for one in value]
        if key.endswith(("_at", "_until")):
            return value is not None
        if isinstance(value, str) and key.endswith(("_id", "run")) and len(value) >= _RANDOM:
            return names.setdefault(value, f"id {len(names)}")
        return value

    found = server.query(_ROWS.format(owner_id))
    return [repr([plain(json.loads(str(one or "null"))) for one in row]) for row in found]
