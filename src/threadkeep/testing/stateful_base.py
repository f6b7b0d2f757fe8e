"""What the rules of the state machine share: how calls are made, and what of them is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine

from threadkeep.core.drafts import estimate_tokens
from threadkeep.testing.model import Model
from threadkeep.values.errors import ConflictError, ThreadkeepError
from threadkeep.values.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from threadkeep.testing.model_rows import Row, ThreadRow
    from threadkeep.values.message import Message
    from threadkeep.values.page import Window
    from threadkeep.values.ports import TokenCounter
    from threadkeep.values.thread import Thread

Facts = tuple[Any, ...]

IDS = [f"m{n}" for n in range(12)]


class Base(RuleBasedStateMachine):
    """A store and its model, through the handles of an owner and of two users in it."""

    make_store: ClassVar[Any]  # a static method that gives a store
    run: ClassVar[Callable[[Awaitable[Any]], Any] | None] = None
    tokens: ClassVar[TokenCounter] = estimate_tokens

    def __init__(self) -> None:
        super().__init__()
        store, owner = type(self).make_store(), f"owner-{new_id()}"
        self.handles = {user: store.owner(owner, user=user) for user in (None, "ann", "bob")}
        whole = Model(type(self).tokens)
        self.models = {user: whole.as_user(user) for user in self.handles}
        for model in self.models.values():
            model.threads, model.clock = whole.threads, whole.clock
        self.sent: list[tuple[str, list[Message]]] = []
        self.touched: str | None = None

    # How calls are made and compared

    def call(self, method: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """The answer of a method, awaited where it must be."""
        answer, run = method(*args, **named), type(self).run
        return answer if run is None else run(_awaited(answer))

    def walk(self, method: Callable[..., Any], *args: Any, **named: Any) -> list[Any]:
        """All that iterating a list call gives."""
        answer, run = method(*args, **named), type(self).run
        return list(answer) if run is None else list(run(_collected(answer)))

    def agree(self, real: Callable[[], Any], model: Callable[[], Any]) -> Any:
        """Make both calls, compare what they gave or raised, return what the store gave."""
        given, got = outcome(real)
        _, wanted = outcome(model)
        assert got == wanted, f"the store: {got!r}\nthe model: {wanted!r}"
        return given

    def known(self, thread_id: str) -> ThreadRow | None:
        return self.models[None].threads.get(thread_id)

    def pick(self, thread_id: str, number: int | None) -> str | None:
        """A message id: mostly one of the thread's, sometimes one that it may not have."""
        if number is None:
            return None
        thread = self.known(thread_id)
        ids = [row.id for row in thread.rows.values()] if thread else []
        choice = [*reversed(ids), *IDS[:2], "unknown"]
        return choice[number % len(choice)]

    def rows(self, thread_id: str, rows: Sequence[Row]) -> list[Facts]:
        thread = self.known(thread_id)
        return [row_facts(thread, row) for row in rows] if thread else []

    def maybe_row(self, thread_id: str, row: Row | None) -> Facts | None:
        return None if row is None else self.rows(thread_id, [row])[0]


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer


async def _collected(answer: Any) -> list[Any]:
    return [item async for item in answer]


def outcome(call: Callable[[], Any]) -> tuple[Any, Any]:
    """What a call gave, and that or its error in a form that two calls can share."""
    try:
        given = call()
    except ConflictError as error:
        return None, (type(error).__name__, error.reason)
    except ThreadkeepError as error:
        return None, type(error).__name__
    return given, given


def message_facts(m: Message) -> Facts:
    """A message, without times."""
    return (
        m.id,
        m.seq,
        m.parent_id,
        m.turn,
        m.tokens,
        m.role,
        m.format,
        m.json,
        m.status,
        m.metadata,
        m.session,
    )


def maybe_facts(message: Message | None) -> Facts | None:
    """A message or none."""
    return None if message is None else message_facts(message)


def row_facts(thread: ThreadRow, row: Row) -> Facts:
    """The same of the model's row."""
    m = row.message
    place = (row.id, row.seq, thread.name(row.parent), row.turn, row.tokens)
    return (*place, m.role, m.format, m.json, m.status, m.metadata, m.session)


def window_facts(window: Window[Message]) -> Facts:
    """A window, with what it says of itself."""
    return [message_facts(message) for message in window], window.truncated, window.tokens


def thread_facts(t: Thread) -> Facts:
    """A thread, without times."""
    named = (t.id, t.user_id, t.title, t.status, t.metadata, t.external_id)
    return (*named, t.head, t.turns, t.message_count, t.revision, t.access, t.access_reason)


def thread_row_facts(t: ThreadRow) -> Facts:
    """The same of the model's thread."""
    named = (t.id, t.user, t.title, t.status, t.metadata, t.external_id)
    counts = (t.name(t.head), t.turns, len(t.rows), t.revision)
    return (*named, *counts, t.access, t.access_reason)
