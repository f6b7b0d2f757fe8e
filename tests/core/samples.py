"""Data for the tests of the statements, and the arguments to run each of them with."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from threadkeep import Event, Message, Store, ToolCallPart, ToolResultPart, Usage
from threadkeep.core import runs
from threadkeep.core.append import batch
from threadkeep.core.drafts import Drafting, estimate_tokens
from threadkeep.core.runs import Hold
from threadkeep.sync import step
from threadkeep.values.ids import owner_key
from threadkeep.values.parts import Part

OWNER, THREAD, USER, RUN = "owner-a", "thread-1", "person-1", "run-1"
KEY = owner_key(OWNER)
NAMED = (KEY, OWNER, THREAD)
SESSION = "session-1"
LAST = datetime.max.replace(tzinfo=UTC)
FIRST = datetime.min.replace(tzinfo=UTC)
FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)
FAR = 2**63 - 1
# What the lists of threads match: metadata, title, activity.
ANY_THREAD = (None, None, FIRST, LAST)
# In the lists by activity the place to end before stands in the place of that.
ANY_NEWEST, ANY_OLDEST = (None, None, FIRST, -1), (None, None, LAST, -1)
ONE_THREAD = ('{"kind":"sample"}', "%sam_le%", FIRST_DAY, LAST)
SPAN = "span-1"
API_KEY, LINE, HASH = "key-1", "line-1", bytes(32)
ANY_SPAN = (False, *[None] * 5)
SPANS_OF: list[tuple[str, tuple[object, ...], tuple[object, ...], str | None]] = [
    ("", (None, None), (None, *ANY_SPAN), None),
    ("", (None, None), (None, True, "llm", "running", False, None, None), None),
    ("", (None, None), (SPAN, False, None, None, None, 0.0, 1e9), None),
    ("_of_user", (None, USER), (None, *ANY_SPAN), USER),
    ("_of_thread", (THREAD, None), (None, *ANY_SPAN), None),
    ("_of_parent", (THREAD, None), (SPAN, *ANY_SPAN), USER),
]
SESSIONS_OF = {"": (None, None), "_of_user": (None, USER), "_of_thread": (THREAD, None)}


def turn(number: int) -> list[Message]:
    """A turn of four: question, call, result, answer."""
    call: list[Part] = [ToolCallPart(f"c{number}", "look", {"n": number})]
    result: list[Part] = [ToolResultPart(f"c{number}", {"found": number})]
    return [
        Message.user(f"question {number} " + "x" * 200, id=f"u{number}"),
        Message.assistant(call, id=f"a{number}"),
        Message.tool(result, id=f"t{number}"),
        Message.assistant(f"answer {number} " + "y" * 200, id=f"b{number}"),
    ]


def fill(store: Store, turns: int, branches: int) -> None:
    """One thread of so many turns with so many branches, and a neighbour with the same ids."""
    for owner in (OWNER, "owner-b"):
        chat = store.owner(owner)
        if turns == 0:
            continue
        chat.threads.create(
            THREAD, title="A Sample", metadata={"kind": "sample"}, external_id="outside"
        )
        chat.messages.append(THREAD, Message.system("be brief", id="s0"), session=SESSION)
        chat.messages.update(THREAD, "s0", metadata={"kind": "sample"})
        for start in range(0, turns, 100):
            batch = [m for n in range(start, min(start + 100, turns)) for m in turn(n)]
            chat.messages.append(THREAD, batch)
        for branch in range(branches):
            at = f"u{branch * turns // branches}"
            edit = Message.user(f"edit {branch}", id=f"e{branch}")
            chat.messages.append(
                THREAD, [edit, Message.assistant("so", id=f"f{branch}")], parent=at
            )
        if branches:
            chat.threads.set_head(THREAD, f"b{turns - 1}")
        chat.attachments.save("file", name="f", media_type="m", thread=THREAD)
        chat.attachments.save("loose", name="f", media_type="m")
        chat.feedback.set(THREAD, "u0", "positive")
        chat.events.track([Event("a", THREAD, id="e", user_id=USER), Event("b", props={"n": 1})])
        yes: dict[str, Any] = {"type": "boolean", "value": True}
        chat.scores.create("a", thread=THREAD, score_id="score-1", user=USER, **yes)
        chat.scores.create("b", **yes)
        chat.sessions.save(SESSION, thread=THREAD, sdk_version="1", state={"a": 1})
        chat.sessions.save("ended", expires_at=datetime(2020, 1, 1, tzinfo=UTC))
        chat.spans.start("step", span_id=SPAN, type="llm", thread=THREAD, user=USER)
        chat.spans.start("part", span_id="span-2", thread=THREAD, user=USER, parent=SPAN)
        chat.spans.start("part", span_id="span-3", parent="span-2")
        chat.spans.end("span-2", output=[1], usage=Usage(input_tokens=3, cost=Decimal("0.10")))
        scope = chat._inner._scope
        step(runs.begin(scope, THREAD, Hold(RUN, 600.0, exclusive=False, begins=True)))
        other = store.owner(owner, user=USER)
        other.messages.append("thread-2", Message.user("mine", id="u0"))
        begun = Hold("run-2", 600.0, exclusive=False, begins=True)
        step(runs.begin(other._inner._scope, "thread-2", begun))
        other.sessions.save("mine")
        other.attachments.save("mine", name="f", media_type="m")
        named = (scope.key, owner, API_KEY, USER)
        step(scope.fetch("key_create", *named, "k", ["read"], None, "key-0", HASH))
        chat.refresh_tokens.create(user=USER, lifetime=9000.0, token_id=LINE)
        step(scope.fetch("refresh_create", scope.key, owner, "ended", None, 0.0))


@dataclass(frozen=True, slots=True)
class Call:
    """One way to run a statement. `least` is how many rows it gives where there is a thread."""

    name: str
    args: Sequence[object]
    least: int = 1


def reads() -> list[Call]:
    """Every statement that reads by itself, by the way its parameters can matter."""
    path = (*NAMED, None)
    newest, oldest = (LAST, FAR), (FIRST, -1)
    return [
        Call("thread_get", path),
        Call("threads_newest", (KEY, OWNER, *newest, "active", *ANY_NEWEST, 21, 1000)),
        Call("threads_oldest", (KEY, OWNER, *oldest, None, *ANY_OLDEST, 21, 1000)),
        Call("threads_newest", (KEY, OWNER, *newest, None, *ONE_THREAD[:3], -1, 21, 999)),
        Call("threads_of_user_newest", (KEY, OWNER, *newest, "active", *ANY_NEWEST, 21, 99, USER)),
        Call("threads_of_user_oldest", (KEY, OWNER, *oldest, None, *ANY_OLDEST, 21, 99, USER)),
        *(
            Call(
                f"threads_of_external_{way}",
                (KEY, OWNER, *start, None, *ONE_THREAD[:2], *end, 21, 9, None, "outside"),
            )
            for way, start, end in (
                ("newest", newest, (FIRST_DAY, -1)),
                ("oldest", (FIRST_DAY, -1), (LAST, -1)),
            )
        ),
        *sorted_threads(),
        Call("threads_count", (KEY, OWNER, None, None, None, *ANY_THREAD)),
        Call("threads_count", (KEY, OWNER, None, None, None, *ONE_THREAD)),
        Call("message_get", (*path, "u0")),
        Call("messages_siblings", (*path, "u0")),
        Call("messages_up_path", (*path, None, FAR, -1, 10)),
        Call("messages_down_path", (*path, None, FAR, -1, 10)),
        Call("messages_up_path", (*path, "u0", FAR, -1, 10)),
        Call("messages_up_tree", (*path, FAR, -1, 10)),
        Call("messages_down_tree", (*path, FAR, 0, 10)),
        *scans(),
        Call("messages_count_path", (*path, None)),
        Call("messages_depths", (*path, ["u0", "b0", "s0", "none"]), 3),
        Call("messages_leaf", (*path, None)),
        Call("messages_leaf", (*path, "s0")),
        Call("messages_find", (*path, '[{"message_id": "u0", "format": "threadkeep"}]', "{}")),
        Call("window_of_turns", (*path, 1), 4),
        Call("window_of_turns", (*path, 2**31), 4),
        Call("window", (*path, None, 1, None, None, False), 4),
        Call("window", (*path, None, None, 300, None, True), 2),
        Call("window", (*path, None, None, None, 3, True), 2),
        Call("window", (*path, "a0", None, None, None, True), 3),
        Call("run_get", (*path, RUN)),
        Call("runs_newest", (*path, LAST, "", 10)),
        Call("runs_oldest", (*path, FIRST, "", 10)),
        Call("run_standing", (*path, RUN)),
        Call("thread_usage", path),
        Call("runs_totals", (KEY, OWNER, None, None, FIRST, LAST, "run")),
        Call("runs_totals_of_user", (KEY, OWNER, None, USER, FIRST, LAST, "user")),
        Call("runs_totals_of_thread", (*path, FIRST, LAST, "thread")),
        Call("spans_totals", (KEY, OWNER, None, None, FIRST, LAST, "day", None, None)),
        Call("spans_totals_of_user", (KEY, OWNER, None, None, FIRST, LAST, "user", None, USER)),
        Call("spans_totals_of_thread", (*path, FIRST, LAST, "thread", "llm", None)),
        Call("span_get", (KEY, OWNER, SPAN, USER)),
        Call("span_tree", (KEY, OWNER, SPAN, None), 3),
        Call("span_tree", (KEY, OWNER, SPAN, USER), 2),
        *(
            Call(
                f"spans{kind}_{order}",
                (KEY, OWNER, *within, at, "", FIRST, LAST, *which, 9, 99, whose),
            )
            for kind, within, which, whose in SPANS_OF
            for order, at in (("newest", LAST), ("oldest", FIRST))
        ),
        Call("session_get", (KEY, OWNER, SESSION, None)),
        Call("session_get", (KEY, OWNER, "mine", USER)),
        *(
            Call(f"sessions{which}_{order}", (KEY, OWNER, *whose, False, at, "", 9))
            for which, whose in SESSIONS_OF.items()
            for order, at in (("newest", LAST), ("oldest", FIRST))
        ),
        Call("tool_messages_path", (*path, None), 2),
        Call("tool_messages_path", (*path, "t0"), 2),
        Call("tool_messages_tree", path, 3),
        Call("attachments_get", (KEY, OWNER, None, ["loose", "file", "none"]), 2),
        Call("attachments_newest", (KEY, OWNER, LAST, "", 10), 3),
        Call("attachments_oldest", (KEY, OWNER, FIRST, "", 10), 3),
        Call("attachments_of_user_newest", (KEY, OWNER, LAST, "", 10, USER)),
        Call("attachments_of_user_oldest", (KEY, OWNER, FIRST, "", 10, USER)),
        Call("attachments_of_thread_newest", (*path, LAST, "", 10)),
        Call("attachments_of_thread_oldest", (*path, FIRST, "", 10)),
        Call("attachments_unused_newest", (KEY, OWNER, LAST, "", 10, LAST, None), 2),
        Call("attachments_unused_oldest", (KEY, OWNER, FIRST, "", 10, LAST, None), 2),
        *bulk_reads(),
        Call("key_check", (KEY, API_KEY)),
        Call("key_get", (KEY, OWNER, API_KEY, None)),
        Call("key_successor", (KEY, OWNER, "key-0")),
        Call("keys_newest", (KEY, OWNER, None, False, LAST, "", 9)),
        Call("keys_oldest", (KEY, OWNER, USER, None, FIRST, "", 9)),
        Call("refresh_get", (KEY, OWNER, LINE, USER)),
        *told_reads(),
        Call("feedback_newest", (*path, FAR, "", 10)),
        Call("feedback_oldest", (*path, -1, "", 10)),
    ]


def told_reads() -> list[Call]:
    """What reads events, scores, and what stands around spans."""
    ends = (("newest", LAST), ("oldest", FIRST))
    return [
        *(
            Call(
                f"{what}{kind}_{order}",
                (KEY, OWNER, thread, None, at, "", FIRST, LAST, word, whose, 9, 99),
                least,
            )
            for what in ("events", "scores")
            for order, at in ends
            for kind, thread, word, whose, least in (
                ("", None, None, None, 2),
                ("", None, "a", USER, 1),
                ("_of_thread", THREAD, None, None, 1),
            )
        ),
        Call("score_held", (KEY, OWNER, "score-1", None)),
        Call("spans_known", (KEY, OWNER, USER, [SPAN, "none", "span-2"]), 2),
        Call("spans_above", (KEY, OWNER, ["span-3", "none", "span-2"], 99), 3),
    ]


def recorded() -> str:
    """Spans as they are recorded: one that is new with its new parent, one that runs."""
    span = {"name": "n", "type": "tool", "status": "failed", "duration_ms": 1.5, "cost": "0.1"}
    times = {"started_at": FIRST_DAY.isoformat(), "ended_at": FIRST_DAY.isoformat()}
    more = {"thread_id": THREAD, "user_id": USER, "metadata": "{}", "input": "[1]"}
    parent = {**span, "status": "running", "started_at": times["started_at"], "span_id": "new-1"}
    named = [{"span_id": "new-2", "parent_id": "new-1", **more}, {"span_id": "span-3"}]
    return json.dumps([parent, *({**span, **times, **one} for one in named)])


def told_events(thread_id: str | None) -> str:
    """Events as they are tracked: one of a thread or of none, and one of an unknown thread."""
    event = {"kind": "k", "place": 1, "value": 7, "props": "{}", "created_at": None}
    known = {**event, "event_id": "new", "thread_id": thread_id}
    return json.dumps([known, {**event, "event_id": "left out", "thread_id": "none"}])


def bulk_reads() -> list[Call]:
    """What reads many threads, or a whole one."""
    listed, rows, texts = bulk("u0")
    owned = (KEY, OWNER, None)
    return [
        Call("bulk_find", (*owned, listed, rows, texts)),
        Call("bulk_refused", (KEY, OWNER, "nobody", f'["none", "{THREAD}"]', False)),
        Call("messages_count_chosen", (KEY, OWNER, 0, LAST, ["user"], None, THREAD, None)),
        Call("thread_export", (*NAMED, None), 5),
    ]


def bulk(message_id: str) -> tuple[str, str, str]:
    """A batch for a thread that is there and one that is not: threads, rows and payloads."""
    drafting = Drafting(lambda _: None, estimate_tokens)
    d = drafting.message(Message.user("new", id=message_id), created_at=None)
    named = [
        {"thread_id": id_, "first": n, "rows": 1, "starts": 1, "before": n - 1}
        for n, id_ in ((1, THREAD), (2, "absent"))
    ]
    return json.dumps(named), *batch([d, replace(d, id="second")])[:2]


def sorted_threads() -> list[Call]:
    """The lists of threads that are sorted, and what goes with them."""
    named = (KEY, OWNER, "active", *ONE_THREAD)
    owners = {"": (), "_of_user": (USER,), "_of_external": (None, "outside")}
    return [
        *(
            Call(
                f"threads{kind}_sorted_{way}",
                (KEY, OWNER, None, *ANY_THREAD, by, *([None] * 4), 21, 0, *whose),
            )
            for kind, whose in owners.items()
            for by, way in (("title", "up"), ("title", "down"), ("created_at", "down"))
        ),
        Call("threads_sorted_down", (*named, "updated_at", False, LAST, "", FAR, 21, 0)),
        Call("threads_sorted_up", (*named, "active_at", False, FIRST, "", -1, 21, 0)),
        Call("thread_place", (*NAMED, None)),
        Call("threads_previews", (KEY, OWNER, None, [THREAD, "none", "thread-2"]), 2),
        Call("threads_previews", (KEY, OWNER, USER, [THREAD, "none", "thread-2"])),
    ]


def scans() -> list[Call]:
    """The lists of messages that match."""
    path, every = (*NAMED, None), [None] * 6
    roles, contained = ["system", "user"], '{"kind":"sample"}'
    head, leaf, tree = (None, False, -1), ("u0", False, 1), (None, True, -1)
    far = {"up": (None, FAR), "down": (None, -1), "newest": (LAST, FAR), "oldest": (FIRST, -1)}
    calls = []
    for way, start in far.items():
        name = f"messages_{way}" if way in ("newest", "oldest") else f"messages_scan_{way}"
        after = "s0" if way in ("down", "oldest") else "b0"
        calls += [
            Call(name, (*path, *head, None, 10, 2, *every, True, *start), 3),
            Call(name, (*path, *leaf, None, 10, 0, *every, False, *start)),
            Call(name, (*path, *tree, after, 10, 1, *every, False, *start), 3),
            Call(name, (*path, *head, None, 9, 0, roles, *every[1:], False, *start), 2),
            Call(name, (*path, *tree, None, 9, 0, None, contained, *every[2:], True, *start)),
            Call(
                name, (*path, *head, None, 9, 0, *every[:2], FIRST, LAST, True, None, True, *start)
            ),
            Call(name, (*path, *tree, None, 9, 0, *every[:5], SESSION, False, *start)),
        ]
    return calls


def appends() -> list[Call]:
    """The statements that store a batch."""
    drafting = Drafting(lambda _: None, estimate_tokens)
    d = drafting.message(Message.user("new", id="new"), created_at=None)
    held = (RUN, 9.0)
    open_ = (*NAMED, None, None)
    file = ("f", "m", 1, "chatkit", "{}")
    rest = batch([replace(d, calls=["c"], metadata_json="{}", created_at=LAST)])
    imported = (*[None] * 4, FIRST_DAY, FIRST_DAY, 0, None, None, 1, 1, 1, 1)
    return [
        Call("append_to_head", (*NAMED, None, None, *rest, False)),
        Call("append_under", (*NAMED, None, None, *rest, False, "u0", False)),
        Call("append_under", (*NAMED, None, None, *rest, True, None, False)),
        Call("append_in_run", (*open_, *rest, False, None, False, True, *held, True, True)),
        Call("append_in_run", (*open_, *rest, True, "u0", False, False, *held, False, True)),
        Call("run_begin", (*NAMED, None, "new", 9.0, False, False)),
        Call("run_begin", (*NAMED, None, RUN, 9.0, True, True)),
        Call("span_start", (*NAMED, None, "new", SPAN, USER, RUN, "n", "tool", LAST, "{}", "[]")),
        Call("span_start", (KEY, OWNER, None, USER, "new", *[None] * 3, "n", "tool", *[None] * 3)),
        Call("thread_create", (KEY, OWNER, "fresh", None, "t", "{}", None, None, None, None, None)),
        Call("bulk_append", (KEY, OWNER, None, *bulk("new"), False), 2),
        Call("thread_import", (KEY, OWNER, "copy", None, None, "active", *imported)),
        Call("fork", (*NAMED, None, None, "copy", False, None)),
        Call("attachment_save", (*NAMED, None, "new", None, *file, True, True, "{}", True, LAST)),
        Call("attachment_save", (*NAMED, None, "file", None, *file, False, *[False, None] * 2)),
        Call("feedback_set", (*NAMED, None, "u0", "", "negative", "no")),
        Call("feedback_set", (*NAMED, None, "u0", USER, "negative", None)),
        Call("fork", (*NAMED, None, "u0", "copy", True, "t")),
        Call("events_track", (KEY, OWNER, None, told_events(THREAD))),
        Call("events_track", (KEY, OWNER, USER, told_events(None))),
        Call("score_create", (*NAMED, None, "new", USER, "n", "numeric", 1.5, *[None] * 4)),
        Call("spans_record", (KEY, OWNER, None, recorded(), True), 2),
        Call("key_create", (KEY, OWNER, "new", None, "k", ["a", "b"], LAST, None, HASH)),
        Call("refresh_create", (KEY, OWNER, "new", None, 9.0)),
    ]


def changes(key: Callable[[], int]) -> list[Call]:
    """The statements that change rows inside a transaction that has named its owner.

    Each hits the first question, whose seq is 2, of the thread with the key.
    """
    here = (KEY, key())
    touched = [True, "t", True, "archived", True, "{}", True, "x", True, LAST]
    touched += [True, "f", True, "{}", True, "locked", True, "r"]
    span, ended = (KEY, OWNER, SPAN, None), ["failed", "e", LAST, 1.5, "[1]", True, "{}"]
    ended += [1, 2, 3, 4, "0.1"]
    done = [None, None, None, "[1]", False, None, 3, None, None, None, "0.1"]
    session, made = (KEY, OWNER, SESSION, None), [True, "1", True, "[]", True, "{}", True, None]
    places = '[{"parent": 2, "anchor": 9, "turn": 1}, {"parent": null, "anchor": 9, "turn": 1}]'
    return [
        Call("thread_lock", (*NAMED, None)),
        Call("thread_update", (*here, *touched)),
        Call("thread_set_head", (*here, 2, 1, 0, 0)),
        Call("thread_delete", here),
        Call("message_place", (*here, "u0")),
        Call("message_children", (*here, 2)),
        Call("message_reparent", (*here, 2, 1), 0),
        Call("message_update", (*here, 2, *[None] * 6, False, True, "{}", "failed"), 0),
        Call("thread_touch", here, 0),
        Call("message_delete", (*here, 5)),
        Call("messages_truncate", (*here, 2)),
        Call("messages_clear", here),
        Call("bulk_lock", (KEY, OWNER, None, f'["absent", "{THREAD}"]')),
        Call("messages_delete_chosen", (*here, 0, LAST, ["user"], None, 3)),
        Call("messages_reparent", (*here, '[{"gone": 2, "next": 3}]', '{"2": 1}'), 0),
        Call("messages_import", (*here, FAR - 9, *bulk("new")[1:], places), 1),
        Call("session_save", (*session, *[None, *made, False, None])),
        Call("session_save", (*session, *[here[1] or None, *made, True, "1"])),
        Call("session_archive", session),
        Call("session_unarchive", session),
        Call("session_delete", session),
        Call("sessions_purge", (KEY, OWNER, LAST, None, 9)),
        Call("span_lock", span),
        Call("span_end", (*span, *ended)),
        Call("span_ended_so", (KEY, OWNER, "span-2", USER, "complete", *done)),
        Call("span_delete", (KEY, OWNER, SPAN), 3),
        Call("run_renew", (*here, RUN, 9.0)),
        Call("attachment_lock", (KEY, OWNER, "file", None, None)),
        Call("attachment_lock", (KEY, OWNER, "loose", None, LAST)),
        Call("attachment_delete", (KEY, OWNER, "file")),
        Call("feedback_delete", (*here, 2, "")),
        Call("key_lock", (KEY, OWNER, API_KEY, None)),
        Call("key_expire", (KEY, OWNER, API_KEY, 9.0)),
        Call("key_revoke", (KEY, OWNER, API_KEY, USER)),
        Call("refresh_lock", (KEY, OWNER, LINE, USER)),
        Call("refresh_use", (KEY, OWNER, LINE, 0, 9.0)),
        Call("refresh_revoke", (KEY, OWNER, LINE, None)),
        Call("refresh_purge", (KEY, OWNER, LAST, None, 9)),
        Call("refresh_purge_all", (LAST, 9)),
        Call("spans_hold", (KEY,)),
        Call(
            "run_record", (*here, "new", "failed", 1, None, None, None, "0.1", FIRST_DAY, FIRST_DAY)
        ),
        Call("run_end", (*here, RUN, "complete", 1, None, None, None, "0.1")),
    ]
