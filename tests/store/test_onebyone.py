"""OneByOne: threads of a blocking store take turns at a conversation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from drafting import check_triples, drafts_of, triple, user

from threadkeep import Store
from threadkeep.core import append as appending
from threadkeep.core.append import HEAD
from threadkeep.core.scope import Scope
from threadkeep.store.onebyone import OneByOne
from threadkeep.sync import step
from threadkeep.values.errors import ConflictError

PATIENT = 60.0


@pytest.fixture
def scope(blocking_store: Store) -> Scope:
    """The scope of an owner, over the blocking driver."""
    inner = blocking_store._inner
    return Scope.of(inner._ex, inner._sql, "o", None)


class Gauge:
    """Stands for the append: says how many are in it at once, by thread, and in what order."""

    def __init__(self, body: Callable[[str], object]) -> None:
        self._body = body
        self._guard = threading.Lock()
        self._inside: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.order: list[Any] = []

    async def __call__(self, scope: Scope, thread_id: str, drafts: Any, *_: Any, **__: Any) -> Any:
        with self._guard:
            inside = self._inside[thread_id] = self._inside.get(thread_id, 0) + 1
            self.most[thread_id] = max(inside, self.most.get(thread_id, 0))
            self.order.append(drafts)
        self._body(thread_id)
        with self._guard:
            self._inside[thread_id] -= 1
        return []


def put(writing: OneByOne, scope: Scope, thread_id: str, drafts: Any) -> Any:
    """Append in this thread."""
    return step(writing.append(scope, thread_id, drafts, HEAD, active_at=None))


def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.001)


def nobody() -> Scope:
    """A scope that reaches no database."""
    ex: Any = None
    return Scope.of(ex, {}, "o", None)


def test_one_append_at_a_time_on_each_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve threads on two conversations: one inside each, both at once, and nothing is left."""
    both = threading.Barrier(2, timeout=60)
    gauge = Gauge(lambda _: both.wait())
    monkeypatch.setattr(appending, "append", gauge)
    writing = OneByOne(patience=PATIENT)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda n: put(writing, nobody(), f"t{n % 2}", [n]), range(120)))
    assert gauge.most == {"t0": 1, "t1": 1}
    assert len(gauge.order) == 120
    assert len(writing) == 0


def test_first_come_is_first_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting threads go in the order of their coming; the last holder does not overtake them."""
    gate = threading.Event()
    gauge = Gauge(lambda _: gate.wait(60))
    monkeypatch.setattr(appending, "append", gauge)
    writing = OneByOne(patience=PATIENT)

    def come(many: int) -> bool:
        return len(gauge.order) + sum(map(len, writing._waiting.values())) == many

    def again() -> None:
        for number in (0, 9):
            put(writing, nobody(), "t", number)

    threads = [threading.Thread(target=again)]
    threads += [threading.Thread(target=put, args=(writing, nobody(), "t", n)) for n in range(1, 9)]
    for number, thread in enumerate(threads, 1):
        thread.start()
        until(partial(come, number))
    gate.set()
    for thread in threads:
        thread.join(60)
    assert gauge.order == list(range(10))
    assert len(writing) == 0


def test_who_waited_long_enough_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """One append that hangs does not hold the others up for ever, and all ends in good order."""
    gate = threading.Event()
    gauge = Gauge(lambda _: len(gauge.order) > 1 or gate.wait(60))
    monkeypatch.setattr(appending, "append", gauge)
    writing = OneByOne(patience=0.01)
    stuck = threading.Thread(target=put, args=(writing, nobody(), "t", [0]))
    stuck.start()
    until(lambda: len(gauge.order) == 1)
    put(writing, nobody(), "t", [1])
    assert stuck.is_alive()
    gate.set()
    stuck.join(60)
    put(writing, nobody(), "t", [2])
    assert gauge.order == [[0], [1], [2]]
    assert len(writing) == 0


def test_an_error_frees_the_conversation(scope: Scope) -> None:
    """After a conflict the next append goes, and no lock is left."""
    writing = OneByOne(patience=PATIENT)
    put(writing, scope, "t", drafts_of(user("a")))
    with pytest.raises(ConflictError):
        put(writing, scope, "t", drafts_of(user("a", "other")))
    assert len(writing) == 0
    assert [m.seq for m in put(writing, scope, "t", drafts_of(user("b")))] == [2]
    assert step(writing.run(appending.append(scope, "t", drafts_of(user("c")))))[0].seq == 3
    writing.every(0.0, lambda: pytest.fail("nothing repeats here"))()


def test_sixteen_threads_lose_and_split_nothing(blocking_store: Store, scope: Scope) -> None:
    """All triples are there, in one piece, in one order."""
    writing = OneByOne(patience=PATIENT)

    def write(writer: int) -> None:
        for number in range(10):
            put(writing, scope, "t", triple(f"{writer}-{number}"))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(16)))
    stored = list(blocking_store.owner("o").messages.list("t", limit=1000))
    assert check_triples(stored) == {f"{w}-{n}" for w in range(16) for n in range(10)}
    assert len(writing) == 0
