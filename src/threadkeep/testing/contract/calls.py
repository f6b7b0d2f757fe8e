"""A call of each method of the handle, to be made on what belongs to somebody else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from threadkeep.testing.contract.kit import says, user
from threadkeep.testing.contract.recorded import ended
from threadkeep.testing.contract.transfer import written
from threadkeep.values.event import Event
from threadkeep.values.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from threadkeep.store import Owner

    Call = Callable[[Owner, str, str], Awaitable[Any]]

EARLIER, LATER = datetime(1999, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
LINE = "line"
"""The id of a line of refresh tokens."""

# Each call gets a handle, and the ids of a thread and of a message in it.
CALLS: dict[str, list[Call]] = {
    "threads.create": [
        lambda chat, thread, _: chat.threads.create(thread, title="taken over"),
        lambda chat, thread, _: chat.threads.create(thread, title="taken over", exist_ok=True),
    ],
    "threads.get": [lambda chat, thread, _: chat.threads.get(thread)],
    "threads.list": [
        lambda chat, _, __: chat.threads.list(status="all"),
        lambda chat, _, __: chat.threads.list(external_id="secret"),
        lambda chat, _, __: chat.threads.list(metadata={"secret": 1}, order="asc"),
        lambda chat, _, __: chat.threads.list(order_by="title", status="all"),
        lambda chat, _, __: chat.threads.list(external_id="secret", order_by="created_at"),
        lambda chat, _, __: chat.threads.list(title="t", since=EARLIER, until=LATER),
        lambda chat, thread, _: chat.threads.list(after=thread),
        lambda chat, thread, _: chat.threads.list(after=thread, order_by="updated_at"),
    ],
    "threads.previews": [lambda chat, thread, _: chat.threads.previews(["mine", thread])],
    "threads.find_active": [lambda chat, _, __: chat.threads.find_active()],
    "threads.count": [
        lambda chat, _, __: chat.threads.count(status="all"),
        lambda chat, _, __: chat.threads.count(external_id="secret", metadata={"secret": 1}),
        lambda chat, _, __: chat.threads.count(title="T", status="all"),
    ],
    "threads.update": [
        lambda chat, thread, _: chat.threads.update(thread, title="taken over"),
        lambda chat, thread, _: chat.threads.update(thread, expected_revision=99),
        lambda chat, thread, _: chat.threads.update(thread, replace_metadata=None),
        lambda chat, thread, _: chat.threads.update(thread, payload={}, format="x"),
    ],
    "threads.archive": [lambda chat, thread, _: chat.threads.archive(thread)],
    "threads.unarchive": [lambda chat, thread, _: chat.threads.unarchive(thread)],
    "threads.delete": [lambda chat, thread, _: chat.threads.delete(thread)],
    "threads.fork": [
        lambda chat, thread, _: chat.threads.fork(thread),
        lambda chat, thread, message: chat.threads.fork(thread, new_id(), at=message),
        lambda chat, thread, _: chat.threads.fork("mine", thread),
    ],
    "threads.set_head": [
        lambda chat, thread, message: chat.threads.set_head(thread, message),
        lambda chat, _, message: chat.threads.set_head("mine", message),
    ],
    "threads.export": [lambda chat, thread, _: chat.threads.export(thread)],
    "threads.import_": [
        lambda chat, thread, message: chat.threads.import_(
            written(thread, user(message)), new_id="mine"
        ),
        lambda chat, thread, message: chat.threads.import_(
            written(thread, user(message)), keep_ids=True
        ),
        lambda chat, thread, _: chat.threads.import_(written("x", user("m")), new_id=thread),
    ],
    "messages.append": [
        lambda chat, thread, _: chat.messages.append(thread, user("intruder")),
        lambda chat, thread, message: chat.messages.append(thread, user(message)),
        lambda chat, thread, _: chat.messages.append(thread, user("intruder"), parent=None),
        lambda chat, thread, message: chat.messages.append(
            thread, user("intruder"), parent=message
        ),
        lambda chat, thread, message: chat.messages.append(
            thread, user("intruder"), expected_head=message
        ),
        lambda chat, _, message: chat.messages.append("mine", user("intruder"), parent=message),
    ],
    "messages.append_many": [
        lambda chat, thread, _: chat.messages.append_many({thread: user("intruder")}),
        lambda chat, thread, message: chat.messages.append_many({thread: user(message)}),
        lambda chat, thread, _: chat.messages.append_many(
            {"mine": user("m"), thread: user("intruder")}, force=True
        ),
    ],
    "messages.delete_many": [
        lambda chat, thread, _: chat.messages.delete_many([thread, "mine"]),
        lambda chat, thread, _: chat.messages.delete_many(thread, roles=["user"], dry_run=True),
    ],
    "messages.get": [
        lambda chat, thread, message: chat.messages.get(thread, message),
        lambda chat, _, message: chat.messages.get("mine", message),
    ],
    "messages.list": [
        lambda chat, thread, _: chat.messages.list(thread),
        lambda chat, thread, _: chat.messages.list(thread, tree=True, order="desc"),
        lambda chat, thread, _: chat.messages.list(thread, last=5),
        lambda chat, thread, _: chat.messages.list(thread, since=1),
        lambda chat, thread, message: chat.messages.list(thread, leaf=message),
        lambda chat, _, message: chat.messages.list("mine", leaf=message),
        lambda chat, thread, _: chat.messages.list(thread, roles=["user"], tree=True),
        lambda chat, thread, _: chat.messages.list(thread, order_by="created_at", order="desc"),
        lambda chat, thread, _: chat.messages.list(thread, archived_sessions=False, offset=1),
        lambda chat, thread, message: chat.messages.list(thread, after=message),
        lambda chat, _, message: chat.messages.list("mine", after=message, order="desc"),
    ],
    "messages.window": [
        lambda chat, thread, _: chat.messages.window(thread, turns=5, keep_system=True),
        lambda chat, thread, _: chat.messages.window(thread, tokens=10**6),
        lambda chat, thread, message: chat.messages.window(thread, messages=5, leaf=message),
        lambda chat, _, message: chat.messages.window("mine", messages=5, leaf=message),
    ],
    "messages.siblings": [
        lambda chat, thread, message: chat.messages.siblings(thread, message),
        lambda chat, _, message: chat.messages.siblings("mine", message),
    ],
    "messages.update": [
        lambda chat, thread, message: chat.messages.update(thread, message, user(message, "x")),
        lambda chat, thread, message: chat.messages.update(thread, message, status="failed"),
        lambda chat, thread, message: chat.messages.update(thread, message, metadata={"a": 1}),
        lambda chat, thread, _: chat.messages.update(thread, "intruder", user("intruder")),
        lambda chat, _, message: chat.messages.update(
            "mine", "intruder", user("intruder"), parent=message
        ),
    ],
    "messages.delete": [
        lambda chat, thread, message: chat.messages.delete(thread, message),
        lambda chat, _, message: chat.messages.delete("mine", message),
    ],
    "messages.truncate": [
        lambda chat, thread, message: chat.messages.truncate(thread, message),
        lambda chat, _, message: chat.messages.truncate("mine", message),
    ],
    "messages.pop_last": [lambda chat, thread, _: chat.messages.pop_last(thread)],
    "messages.replace_all": [
        lambda chat, thread, _: chat.messages.replace_all(thread, user("intruder")),
        lambda chat, thread, _: chat.messages.replace_all(thread, []),
    ],
    "messages.count": [
        lambda chat, thread, _: chat.messages.count(thread),
        lambda chat, thread, _: chat.messages.count(thread, tree=True),
        lambda chat, thread, message: chat.messages.count(thread, leaf=message),
    ],
    "messages.depths": [
        lambda chat, thread, message: chat.messages.depths(thread, [message]),
        lambda chat, _, message: chat.messages.depths("mine", [message]),
    ],
    "messages.leaf": [
        lambda chat, thread, _: chat.messages.leaf(thread),
        lambda chat, thread, message: chat.messages.leaf(thread, message),
        lambda chat, _, message: chat.messages.leaf("mine", message),
    ],
    "runs.record": [
        lambda chat, thread, _: chat.runs.record(thread, "intruder", status="complete"),
    ],
    "runs.get": [
        lambda chat, thread, _: chat.runs.get(thread, "run"),
    ],
    "runs.list": [lambda chat, thread, _: chat.runs.list(thread)],
    "runs.usage": [lambda chat, thread, _: chat.runs.usage(thread)],
    "runs.totals": [
        lambda chat, _, __: chat.runs.totals(by="day"),
        lambda chat, thread, _: chat.runs.totals(by="run", thread=thread),
    ],
    "spans.start": [
        lambda chat, thread, _: chat.spans.start("intruder", thread=thread),
        lambda chat, _, __: chat.spans.start("intruder", thread="mine", parent="span"),
    ],
    "spans.end": [
        lambda chat, _, __: chat.spans.end("span", output="taken over"),
        lambda chat, _, __: chat.spans.end("running", error="taken over"),
    ],
    "spans.record": [
        lambda chat, thread, _: chat.spans.record([ended("mine", thread_id=thread)]),
        lambda chat, _, __: chat.spans.record([ended("mine", "span")]),
    ],
    "spans.get": [lambda chat, _, __: chat.spans.get("span")],
    "spans.tree": [lambda chat, _, __: chat.spans.tree("span")],
    "spans.list": [
        lambda chat, _, __: chat.spans.list(),
        lambda chat, thread, _: chat.spans.list(thread=thread, order="asc"),
        lambda chat, _, __: chat.spans.list(parent="span"),
        lambda chat, _, __: chat.spans.list(type="llm", min_duration_ms=0),
    ],
    "spans.delete": [lambda chat, _, __: chat.spans.delete("span")],
    "spans.totals": [
        lambda chat, _, __: chat.spans.totals(by="day"),
        lambda chat, thread, _: chat.spans.totals(by="run", thread=thread, type="llm"),
    ],
    "messages.tool_calls": [
        lambda chat, thread, _: chat.messages.tool_calls(thread),
        lambda chat, thread, _: chat.messages.tool_calls(thread, tree=True),
    ],
    "attachments.save": [
        lambda chat, thread, _: chat.attachments.save(
            "intruder", name="n", media_type="m", thread=thread
        ),
    ],
    "attachments.get": [lambda chat, _, __: chat.attachments.get("file")],
    "attachments.get_many": [lambda chat, _, __: chat.attachments.get_many(["file", "loose"])],
    "attachments.list": [
        lambda chat, _, __: chat.attachments.list(),
        lambda chat, thread, _: chat.attachments.list(thread=thread),
        lambda chat, _, __: chat.attachments.list(unused_before=LATER, order="asc"),
    ],
    "attachments.delete": [
        lambda chat, _, __: chat.attachments.delete("file"),
        lambda chat, _, __: chat.attachments.delete("loose", unused_before=LATER),
    ],
    "feedback.set": [
        lambda chat, thread, message: chat.feedback.set(thread, message, "negative"),
        lambda chat, _, message: chat.feedback.set("mine", message, "negative"),
    ],
    "feedback.clear": [
        lambda chat, thread, message: chat.feedback.clear(thread, message),
        lambda chat, _, message: chat.feedback.clear("mine", message),
    ],
    "feedback.list": [lambda chat, thread, _: chat.feedback.list(thread)],
    "events.track": [
        lambda chat, thread, _: chat.events.track([Event("intruder", thread)]),
        lambda chat, _, __: chat.events.track([Event("intruder", "mine")]),
    ],
    "events.list": [
        lambda chat, _, __: chat.events.list(),
        lambda chat, thread, _: chat.events.list(thread=thread, kind="secret", order="asc"),
    ],
    "scores.create": [
        lambda chat, thread, message: chat.scores.create(
            "intruder", type="numeric", value=1, thread=thread, message=message
        ),
    ],
    "scores.list": [
        lambda chat, _, __: chat.scores.list(),
        lambda chat, thread, _: chat.scores.list(thread=thread, name="secret", order="asc"),
    ],
    # The ids of keys are not to be chosen: CredentialsContract tries those of others.
    "keys.create": [lambda chat, _, __: chat.keys.create("mine")],
    "keys.get": [lambda chat, _, __: chat.keys.get("secret")],
    "keys.list": [
        lambda chat, _, __: chat.keys.list(),
        lambda chat, _, __: chat.keys.list(revoked=None, order="asc"),
    ],
    "keys.rotate": [lambda chat, _, __: chat.keys.rotate("secret")],
    "keys.revoke": [lambda chat, _, __: chat.keys.revoke("secret")],
    "refresh_tokens.create": [
        lambda chat, _, __: chat.refresh_tokens.create(lifetime=60),
    ],
    "refresh_tokens.check": [lambda chat, _, __: chat.refresh_tokens.check(LINE, 1)],
    "refresh_tokens.use": [
        lambda chat, _, __: chat.refresh_tokens.use(LINE, 1, lifetime=60),
        lambda chat, _, __: chat.refresh_tokens.use(LINE, 0, lifetime=60),
    ],
    "refresh_tokens.revoke": [lambda chat, _, __: chat.refresh_tokens.revoke(LINE)],
    "refresh_tokens.purge": [lambda chat, _, __: chat.refresh_tokens.purge()],
    "span": [lambda chat, thread, _: spanned(chat, thread=thread)],
    "sessions.save": [
        lambda chat, thread, _: chat.sessions.save("intruder", thread=thread),
    ],
    "sessions.get": [lambda chat, _, __: chat.sessions.get("secret")],
    "sessions.list": [
        lambda chat, _, __: chat.sessions.list(archived=None),
        lambda chat, thread, _: chat.sessions.list(thread=thread, order="asc"),
    ],
    "sessions.archive": [
        lambda chat, thread, _: chat.sessions.archive("intruder", thread=thread, sdk_version="1"),
        lambda chat, _, __: chat.sessions.archive("secret"),
    ],
    "sessions.unarchive": [lambda chat, _, __: chat.sessions.unarchive("secret")],
    "sessions.delete": [lambda chat, _, __: chat.sessions.delete("secret")],
    "sessions.purge": [lambda chat, _, __: chat.sessions.purge()],
    "turn": [
        lambda chat, thread, _: turned(chat, thread, user("intruder")),
        lambda chat, thread, _: turned(chat, thread, exclusive=True),
        lambda chat, thread, message: turned(chat, thread, user(message)),
    ],
}
# What makes a thread under a given id: the one place where a user sees that an id is held.
CREATING = [
    *((name, n) for name in ("threads.create", "messages.replace_all") for n in (0, 1)),
    *((name, n) for name in ("messages.append", "turn") for n in (0, 1, 2)),
    ("threads.fork", 2),
    *(("threads.import_", n) for n in (1, 2)),
    *(("messages.append_many", n) for n in (0, 1, 2)),
    *((name, 0) for name in ("sessions.save", "sessions.archive")),
]
EVERY = [(name, n) for name, calls in CALLS.items() for n in range(len(calls))]


def public_methods(chat: Owner) -> set[str]:
    """The methods of the handle and of its parts, as it shows them."""
    parts = (
        *("threads", "messages", "runs", "sessions", "spans", "attachments", "feedback"),
        *("events", "scores", "keys", "refresh_tokens"),
    )
    return {"turn", "span"} | {
        f"{part}.{name}"
        for part in parts
        for name in dir(getattr(chat, part))
        if not name.startswith("_") and callable(getattr(getattr(chat, part), name))
    }


async def turned(chat: Owner, thread: str, *given: Any, **more: Any) -> Any:
    """A turn, and what it stored."""
    async with chat.turn(thread, *given, **more) as turn:
        await turn.append(says("answer"))
    return [message.seq for message in turn.messages]


async def spanned(chat: Owner, **more: Any) -> None:
    """A span as a context."""
    async with chat.span("intruder", **more):
        pass
