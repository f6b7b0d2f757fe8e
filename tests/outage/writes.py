"""Every method that writes, as a call on a conversation that is always the same."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from threadkeep import (
    ApiKey,
    Attachment,
    Event,
    Feedback,
    Imported,
    Message,
    NewKey,
    RefreshToken,
    Run,
    Score,
    Session,
    Span,
    Thread,
    ThreadkeepError,
)
from threadkeep.testing.contract.calls import public_methods, turned
from threadkeep.testing.contract.kit import says, turns, user
from threadkeep.testing.contract.recorded import ended
from threadkeep.testing.contract.transfer import written
from threadkeep.testing.servers import Server
from threadkeep.values.ids import owner_key
from threadkeep.values.run import Usage

Call = Callable[[Any], Awaitable[Any]]

READS = {
    *(f"threads.{name}" for name in ("get", "list", "find_active", "count", "export", "previews")),
    *(f"messages.{name}" for name in ("get", "list", "window", "siblings", "count", "tool_calls")),
    *(f"messages.{name}" for name in ("depths", "leaf")),
    *(f"attachments.{name}" for name in ("get", "get_many", "list")),
    *("feedback.list", "events.list", "scores.list"),
    *(f"runs.{name}" for name in ("get", "list", "usage", "totals")),
    *(f"spans.{name}" for name in ("get", "list", "tree", "totals")),
    *(f"sessions.{name}" for name in ("get", "list")),
    *("keys.get", "keys.list", "refresh_tokens.check"),
}
_THEN = datetime(2024, 5, 6, tzinfo=UTC)
LINE, ENDED, NEW = "line", "ended", "x"
"""Ids of refresh tokens."""


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


async def _span(chat: Any) -> Any:
    async with chat.span("new", type="tool", thread="t", parent="span", input="q") as span:
        span.set(output=[1], usage=Usage(input_tokens=7))
    return await chat.spans.get(span.id)


async def _span_failed(chat: Any) -> Any:
    try:
        async with chat.span("new"):
            raise KeyError
    except KeyError:
        return "failed"


async def _rotated(chat: Any) -> Any:
    [key] = await chat.keys.list()
    made = await chat.keys.rotate(key.id, grace=60)
    return [made, await chat.keys.get(key.id)]


async def _revoked(chat: Any) -> Any:
    [key] = await chat.keys.list()
    return await chat.keys.revoke(key.id)


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
        lambda chat: chat.threads.update("t", access="locked", access_reason="r"),
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
    "threads.import_": [
        lambda chat: chat.threads.import_(written("n", *turns(1, 2)), keep_ids=True),
        lambda chat: chat.threads.import_(written("n", user("x"))),
        lambda chat: chat.threads.import_(written("t", user("x")), keep_ids=True),
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
        lambda chat: chat.messages.append("t", user("x"), create_thread=False, session="s"),
        lambda chat: chat.messages.append("n", user("x"), create_thread=False),
    ],
    "messages.append_many": [
        lambda chat: chat.messages.append_many({"t": user("x"), "a": turns(1, 2), "b": user("x")}),
        lambda chat: chat.messages.append_many({"t": [says("a3"), user("x")], "n": user("x")}),
        lambda chat: chat.messages.append_many({"n": user("x"), "t": user("no id")}),
        lambda chat: chat.messages.append_many({"n": user("x"), "t": user("u1", "other")}),
        lambda chat: chat.messages.append_many({"t": turns(1, 3)}, count_only=True),
    ],
    "messages.delete_many": [
        lambda chat: chat.messages.delete_many(["t", "nothing"], roles=["user"]),
        lambda chat: chat.messages.delete_many("t"),
        lambda chat: chat.messages.delete_many("t", roles=["tool"], dry_run=True),
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
    "sessions.save": [
        lambda chat: chat.sessions.save("s", state=2, sdk_version="2", expected_sdk_version="1"),
        lambda chat: chat.sessions.save("x", thread="n", metadata={"a": 1}),
        lambda chat: chat.sessions.save("s", thread="n"),
        lambda chat: chat.sessions.save("s", expected_sdk_version="9"),
    ],
    "sessions.archive": [
        lambda chat: chat.sessions.archive("s"),
        lambda chat: chat.sessions.archive("x", thread="n", sdk_version="1"),
        lambda chat: chat.sessions.archive("x"),
    ],
    "sessions.unarchive": [lambda chat: chat.sessions.unarchive("old")],
    "sessions.delete": [
        lambda chat: chat.sessions.delete("s"),
        lambda chat: chat.sessions.delete("nothing"),
    ],
    "sessions.purge": [lambda chat: chat.sessions.purge()],
    "spans.start": [
        lambda chat: chat.spans.start("s", thread="t", parent="span"),
        lambda chat: chat.spans.start("s", span_id="x", metadata={"a": 1}, started_at=_THEN),
        lambda chat: chat.spans.start("s", span_id="span"),
        lambda chat: chat.spans.start("span", span_id="span"),
    ],
    "spans.end": [
        lambda chat: chat.spans.end("span", output="o", metadata={"b": 2}),
        lambda chat: chat.spans.end("ended", output="other"),
        lambda chat: chat.spans.end("ended"),
    ],
    "spans.delete": [
        lambda chat: chat.spans.delete("span"),
        lambda chat: chat.spans.delete("nothing"),
    ],
    "spans.record": [
        lambda chat: chat.spans.record([ended("x", "n"), ended("span", "n"), ended("ended")]),
        lambda chat: chat.spans.record([ended("x", "n", thread_id="t"), ended("y", "x")]),
        lambda chat: chat.spans.record([ended("span", "ended"), ended("z")]),
        lambda chat: chat.spans.record([ended("ended", status="failed")]),
    ],
    "runs.record": [
        lambda chat: chat.runs.record("t", "x", status="failed", usage=Usage(input_tokens=7)),
        lambda chat: chat.runs.record("nothing", "x", status="complete"),
    ],
    "events.track": [
        lambda chat: chat.events.track([Event("a", "t", id="x"), Event("b"), Event("c", "no")]),
    ],
    "scores.create": [
        lambda chat: chat.scores.create("n", type="numeric", value=1, thread="t", score_id="x"),
        lambda chat: chat.scores.create("n", type="categorical", text_value="b"),
        lambda chat: chat.scores.create("n", type="numeric", value=1, score_id="score"),
    ],
    "attachments.save": [
        lambda chat: chat.attachments.save("f", name="b", media_type="text/plain", size=2),
        lambda chat: chat.attachments.save("x", name="a", media_type="text/plain", thread="t"),
        lambda chat: chat.attachments.save("x", name="a", media_type="text/plain", thread="n"),
    ],
    "attachments.delete": [
        lambda chat: chat.attachments.delete("f"),
        lambda chat: chat.attachments.delete("nothing"),
    ],
    "feedback.set": [
        lambda chat: chat.feedback.set("t", "a1", "negative", comment="c"),
        lambda chat: chat.feedback.set("t", "a2", "positive"),
        lambda chat: chat.feedback.set("t", "nothing", "positive"),
    ],
    "feedback.clear": [
        lambda chat: chat.feedback.clear("t", "a1"),
        lambda chat: chat.feedback.clear("t", "a2"),
    ],
    "keys.create": [
        lambda chat: chat.keys.create("app", scopes=["read"], user="u", expires_at=_THEN),
    ],
    "keys.rotate": [_rotated, lambda chat: chat.keys.rotate("nothing")],
    "keys.revoke": [_revoked, lambda chat: chat.keys.revoke("nothing")],
    "refresh_tokens.create": [
        lambda chat: chat.refresh_tokens.create(lifetime=60),
        lambda chat: chat.refresh_tokens.create(lifetime=60, token_id=NEW, user="u"),
        lambda chat: chat.refresh_tokens.create(lifetime=60, token_id=LINE),
    ],
    "refresh_tokens.use": [
        lambda chat: chat.refresh_tokens.use(LINE, 1, lifetime=60),
        lambda chat: chat.refresh_tokens.use(LINE, 0, lifetime=60),
        lambda chat: chat.refresh_tokens.use(LINE, 2, lifetime=60),
    ],
    "refresh_tokens.revoke": [
        lambda chat: chat.refresh_tokens.revoke(LINE),
        lambda chat: chat.refresh_tokens.revoke("nothing"),
    ],
    "refresh_tokens.purge": [lambda chat: chat.refresh_tokens.purge()],
    "span": [_span, _span_failed],
    "turn": [
        _turn_with_usage,
        _turn_failed,
        _turn_under,
        lambda chat: turned(chat, "n", exclusive=True),
    ],
}


async def prepare(chat: Any) -> None:
    """Three turns and a branch in one thread, nothing in another."""
    # First of all: it has ended when the rest is done.
    await chat.refresh_tokens.create(lifetime=0.001, token_id=ENDED)
    await chat.messages.append("t", turns(1, 3))
    await chat.threads.create("empty")
    await chat.sessions.save("s", thread="t", sdk_version="1", state=1)
    await chat.sessions.archive("old", thread="t", sdk_version="1")
    await chat.sessions.save("ended", expires_at=_THEN)
    await chat.spans.start("span", span_id="span", metadata={"a": 1})
    await chat.spans.start("span", span_id="ended", parent="span")
    await chat.spans.end("ended")
    await chat.attachments.save("f", name="a", media_type="text/plain")
    await chat.scores.create("n", type="numeric", value=2, score_id="score")
    await chat.feedback.set("t", "a1", "positive")
    await chat.keys.create("app")
    await chat.refresh_tokens.create(lifetime=600, token_id=LINE)
    await chat.refresh_tokens.use(LINE, 0, lifetime=600)


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
    if isinstance(given, dict):
        return {name: [_plain(one) for one in listed] for name, listed in given.items()}
    if isinstance(given, Imported):
        return "imported", _plain(given.thread)
    if isinstance(given, Thread):
        made = len(given.id) > len("empty")
        known = (given.title, given.metadata, given.status, given.head, given.external_id)
        return "new" if made else given.id, *known, given.revision, given.message_count, given.turns
    if isinstance(given, Message):
        id_ = "new" if len(str(given.id)) > len("empty") else given.id
        return id_, given.seq, given.parent_id, given.turn, given.status, given.json, given.metadata
    if isinstance(given, Session):
        said = (given.thread_id, given.sdk_version, given.state_json, given.metadata)
        return given.id, given.archived, *said
    if isinstance(given, Span):
        id_ = "new" if len(given.id) > len("ended") else given.id
        said = (given.parent_id, given.thread_id, given.output_json, given.metadata)
        return id_, given.name, given.status, given.usage, *said
    if isinstance(given, Attachment):
        return given.id, given.name, given.media_type, given.size, given.thread_id
    if isinstance(given, Feedback):
        return given.message_id, given.user_id, given.kind, given.comment
    return _told(given)


def _told(given: Any) -> Any:
    if isinstance(given, Score):
        id_ = "new" if len(given.id) >= _RANDOM else given.id
        return id_, given.name, given.type, given.value, given.text_value, given.thread_id
    if isinstance(given, Run):
        return given.id, given.thread_id, given.status, given.usage
    return _credential(given)


def _credential(given: Any) -> Any:
    if isinstance(given, NewKey):
        return "new", _credential(given.key), len(given.text)
    if isinstance(given, ApiKey):
        ends = (given.expires_at is not None, given.revoked_at is not None)
        return given.name, given.user_id, given.scopes, given.replaces is not None, *ends
    if isinstance(given, RefreshToken):
        id_ = "new" if len(given.id) > len("ended") else given.id
        return id_, given.user_id, given.generation, given.revoked_at is not None
    return given


_ROWS = """
SELECT to_jsonb(t)::text,
  (SELECT jsonb_agg(to_jsonb(m) ORDER BY m.seq)::text FROM threadkeep.messages m
   WHERE m.owner_key = t.owner_key AND m.thread_key = t.thread_key),
  (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.started_at)::text FROM threadkeep.runs r
   WHERE r.owner_key = t.owner_key AND r.thread_key = t.thread_key)
FROM threadkeep.threads t
WHERE t.owner_key = {key} AND t.owner_id = '{id}' ORDER BY t.thread_key
"""
_SPANS = """
SELECT to_jsonb(s)::text FROM threadkeep.spans s
WHERE s.owner_key = {key} AND s.owner_id = '{id}'
ORDER BY s.started_at, s.span_id
"""
_SESSIONS = """
SELECT to_jsonb(s)::text FROM threadkeep.sessions s
WHERE s.owner_key = {key} AND s.owner_id = '{id}' ORDER BY s.session_id
"""
_FILES = """
SELECT to_jsonb(a)::text FROM threadkeep.attachments a
WHERE a.owner_key = {key} AND a.owner_id = '{id}'
ORDER BY a.attachment_id
"""
_FEEDBACK = """
SELECT to_jsonb(f)::text FROM threadkeep.feedback f
JOIN threadkeep.threads t ON t.owner_key = f.owner_key AND t.thread_key = f.thread_key
WHERE t.owner_key = {key} AND t.owner_id = '{id}' ORDER BY t.thread_id, f.seq, f.user_id
"""
_KEYS = """
SELECT to_jsonb(k)::text FROM threadkeep.api_keys k
WHERE k.owner_key = {key} AND k.owner_id = '{id}'
ORDER BY k.created_at, k.key_id
"""
_LINES = """
SELECT to_jsonb(n)::text FROM threadkeep.refresh_tokens n
WHERE n.owner_key = {key} AND n.owner_id = '{id}'
ORDER BY n.created_at, n.token_id
"""
_TOLD = """
SELECT to_jsonb(e)::text FROM threadkeep.events e
WHERE e.owner_key = {key} AND e.owner_id = '{id}'
UNION ALL
SELECT to_jsonb(c)::text FROM threadkeep.scores c
WHERE c.owner_key = {key} AND c.owner_id = '{id}' ORDER BY 1
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
        if key.endswith(("_at", "_until", "_ms", "hash")):
            return value is not None
        named = key.endswith(("_id", "run", "replaces"))
        if isinstance(value, str) and named and len(value) >= _RANDOM:
            return names.setdefault(value, f"id {len(names)}")
        return value

    texts = (_ROWS, _SPANS, _SESSIONS, _FILES, _FEEDBACK, _TOLD, _KEYS, _LINES)
    # The key is that of the indexes: many owners share the tables.
    asked = [text.format(key=owner_key(owner_id), id=owner_id) for text in texts]
    found = [row for text in asked for row in server.query(text)]
    return [repr([plain(json.loads(str(one or "null"))) for one in row]) for row in found]
