"""Data for the tests of the statements, and the arguments to run each of them with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from threadkeep import Message, Store, ToolCallPart, ToolResultPart
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
LAST = datetime.max.replace(tzinfo=UTC)
FIRST = datetime.min.replace(tzinfo=UTC)
FAR = 2**63 - 1


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
        chat.threads.create(THREAD, metadata={"kind": "sample"}, external_id="outside")
        chat.messages.append(THREAD, Message.system("be brief", id="s0"))
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
        scope = chat._inner._scope
        step(runs.begin(scope, THREAD, Hold(RUN, 600.0, exclusive=False, begins=True)))
        other = store.owner(owner, user=USER)
        other.messages.append("thread-2", Message.user("mine", id="u0"))


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
        Call("threads_newest", (KEY, OWNER, *newest, "active", None, 21, 1000)),
        Call("threads_oldest", (KEY, OWNER, *oldest, None, None, 21, 1000)),
        Call("threads_newest", (KEY, OWNER, *newest, None, '{"kind":"sample"}', 21, 999)),
        Call("threads_of_user_newest", (KEY, OWNER, *newest, "active", None, 21, 1000, USER)),
        Call("threads_of_user_oldest", (KEY, OWNER, *oldest, None, None, 21, 1000, USER)),
        Call(
            "threads_of_external_newest", (KEY, OWNER, *newest, None, None, 21, 9, None, "outside")
        ),
        Call(
            "threads_of_external_oldest", (KEY, OWNER, *oldest, None, None, 21, 9, None, "outside")
        ),
        Call("threads_count", (KEY, OWNER, None, None, None, None)),
        Call("message_get", (*path, "u0")),
        Call("messages_siblings", (*path, "u0")),
        Call("messages_up_path", (*path, None, FAR, -1, 10)),
        Call("messages_down_path", (*path, None, FAR, -1, 10)),
        Call("messages_up_path", (*path, "u0", FAR, -1, 10)),
        Call("messages_up_tree", (*path, FAR, -1, 10)),
        Call("messages_down_tree", (*path, FAR, 0, 10)),
        Call("messages_count_path", (*path, None)),
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
    ]


def appends() -> list[Call]:
    """The statements that store a batch."""
    drafting = Drafting(lambda _: None, estimate_tokens)
    d = drafting.message(Message.user("new", id="new"), created_at=None)
    held = (RUN, 9.0)
    rest = batch([replace(d, calls=["c"], metadata_json="{}", created_at=LAST)])
    return [
        Call("append_to_head", (*NAMED, None, None, *rest)),
        Call("append_under", (*NAMED, None, None, *rest, "u0", False)),
        Call("append_under", (*NAMED, None, None, *rest, None, False)),
        Call("append_in_run", (*NAMED, None, None, *rest, None, False, True, *held, True, True)),
        Call("append_in_run", (*NAMED, None, None, *rest, "u0", False, False, *held, False, True)),
        Call("run_begin", (*NAMED, None, "new", 9.0, False)),
        Call("run_begin", (*NAMED, None, RUN, 9.0, True)),
        Call("thread_create", (KEY, OWNER, "fresh", None, "t", "{}", None, None, None, None, None)),
        Call("fork", (*NAMED, None, None, "copy", False, None)),
        Call("fork", (*NAMED, None, "u0", "copy", True, "t")),
    ]


def changes(key: Callable[[], int]) -> list[Call]:
    """The statements that change rows inside a transaction that has named its owner.

    Each hits the first question, whose seq is 2, of the thread with the key.
    """
    here = (KEY, key())
    touched = [True, "t", True, "archived", True, "{}", True, "x", True, LAST]
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
        Call("run_renew", (*here, RUN, 9.0)),
        Call("run_end", (*here, RUN, "complete", 1, None, None, None, "0.1")),
    ]
