"""kill -9 in the middle of a turn: what was acknowledged is kept, the rest is whole or absent."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterable
from multiprocessing.connection import Connection, Pipe

import pytest
from killed import LEASE, live

from threadkeep import ConflictError, Message, connect
from threadkeep.sync import Owner
from threadkeep.testing.servers import Database

SECONDS = 60.0

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["killed", "threadkeep.drivers.asyncpg"])

Told = list[tuple[str, list[str]]]


def _round(url: str, thread_id: str, rng: random.Random) -> Told:
    """Start a process, kill it at some point of some turn, return what it had acknowledged."""
    hears, tells = Pipe(duplex=False)
    face = rng.choice(["async", "blocking"])
    process = _processes.Process(target=live, args=(url, thread_id, tells, face))
    process.start()
    tells.close()
    told: Told = []
    for _ in range(rng.randrange(1, 14)):
        assert hears.poll(SECONDS)
        told.append(hears.recv())
    time.sleep(rng.random() * 0.004)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    told += _rest(hears)
    return told


def _rest(hears: Connection) -> Iterable[tuple[str, list[str]]]:
    """What was acknowledged between the last look and the end."""
    while True:
        try:
            yield hears.recv()
        except (EOFError, OSError):
            hears.close()
            return


def _check_kept(chat: Owner, thread_id: str, told: Told) -> None:
    stored = list(chat.messages.list(thread_id, tree=True, limit=1000))
    ids = [str(message.id) for message in stored]
    acknowledged = [id_ for kind, names in told if kind == "stored" for id_ in names]
    assert [message.seq for message in stored] == list(range(1, len(stored) + 1))
    assert [message.parent_id for message in stored] == [None, *ids[:-1]]
    assert len(set(ids)) == len(ids)
    assert ids[: len(acknowledged)] == acknowledged
    # One step may have been stored and not acknowledged any more: all of it, or nothing.
    assert [id_.rsplit("-", 1)[1][1:] for id_ in ids[len(acknowledged) :]] in (
        [],
        [""],
        ["a", "b"],
    )


def _check_ended(chat: Owner, thread_id: str, told: Told) -> None:
    ended = [id_ for kind, names in told if kind == "ended" for id_ in names]
    deadline = time.monotonic() + SECONDS
    while any(run.status == "running" for run in chat.runs.list(thread_id)):
        assert time.monotonic() < deadline
        time.sleep(LEASE / 10)
    runs = list(chat.runs.list(thread_id, order="asc"))
    assert [run.id for run in runs[: len(ended)]] == ended
    assert {run.status for run in runs[: len(ended)]} <= {"complete"}
    # The turn that was cut off, if its end had not landed.
    assert [run.status for run in runs[len(ended) :]] in ([], ["interrupted"], ["complete"])
    for message in chat.messages.list(thread_id, limit=1000):
        assert message.status in ("complete", "interrupted")
        assert (message.status == "interrupted") <= (message.run == runs[-1].id)


def _check_next(chat: Owner, thread_id: str) -> None:
    with chat.turn(thread_id, Message.user("next", id="next"), exclusive=True) as turn:
        window = turn.window(turns=2)
        assert [message.id for message in window][-1] == "next"
        turn.append(Message.assistant("yes", id="yes"))
    assert chat.runs.get(thread_id, turn.id).status == "complete"
    assert chat.threads.get(thread_id).head == "yes"


def _prove(database: Database, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    with connect(database.url) as store:
        chat = store.owner("o")
        told = {f"t{number}": _round(database.url, f"t{number}", rng) for number in range(rounds)}
        for thread_id, steps in told.items():
            _check_kept(chat, thread_id, steps)
            _check_ended(chat, thread_id, steps)
            _check_next(chat, thread_id)


def test_a_process_killed_in_a_turn_loses_nothing_it_acknowledged(database: Database) -> None:
    """50 processes killed at random points: kept once, whole, interrupted, and the next goes on.

    [K2]
    """
    _prove(database, 50, seed=1)


@pytest.mark.prove
def test_five_hundred_processes_killed_in_a_turn_lose_nothing(database: Database) -> None:
    """The same, ten times as often."""
    _prove(database, 500, seed=2)


def test_the_thread_of_a_killed_process_is_held_until_its_lease_passes(database: Database) -> None:
    """Before that another exclusive turn is refused, after it the thread is taken over."""
    with connect(database.url) as store:
        chat = store.owner("o")
        # Nobody renews a blocking turn: to the database its process might as well be dead.
        dead = chat.turn("t", Message.user("q"), exclusive=True, lease=LEASE)
        dead.__enter__()
        with pytest.raises(ConflictError):
            chat.turn("t", exclusive=True).__enter__()
        deadline = time.monotonic() + SECONDS
        while chat.runs.get("t", dead.id).status == "running":
            assert time.monotonic() < deadline
            time.sleep(LEASE / 10)
        _check_next(chat, "t")
