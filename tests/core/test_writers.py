"""Many writers on one thread: nothing lost, nothing split, one order."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from threadkeep import Message, Store, connect, connect_async
from threadkeep.testing.servers import Database

SCRIPT = Path(__file__).with_name("writer.py")


def _check_triples(store: Store, expected: int) -> None:
    stored = list(store.owner("o").messages.list("hot", limit=1000))
    assert [m.seq for m in stored] == list(range(1, expected + 1))
    assert len({m.id for m in stored}) == expected
    for start in range(0, expected, 3):
        stems = {(m.id or "").rsplit("-", 1)[0] for m in stored[start : start + 3]}
        last = [(m.id or "")[-1] for m in stored[start : start + 3]]
        assert (len(stems), last) == (1, ["0", "1", "2"])
    assert [m.parent_id for m in stored[1:]] == [m.id for m in stored[:-1]]


def _write(database: Database, writers: int, appends: int) -> None:
    """Two processes, and in each of them tasks or threads, on one thread at once."""
    command = [sys.executable, str(SCRIPT), database.url]
    processes = [
        subprocess.Popen([*command, face, str(writers // 2), str(appends), face])
        for face in ("async", "blocking")
    ]
    assert [process.wait(600) for process in processes] == [0, 0]


def test_64_writers_in_two_processes_lose_and_split_nothing(database: Database) -> None:
    """64 writers x 100 appends of 3: 19 200 kept, triples adjacent, seq gap-free, no deadlock."""
    _write(database, 64, 100)
    with connect(database.url) as store:
        _check_triples(store, 64 * 100 * 3)


async def test_one_message_appended_a_thousand_times_at_once_is_one_row(
    database: Database,
) -> None:
    """Tasks and threads append the same ids at once: one row each, and all get the same answer."""
    batch = [Message.user("once", id="a"), Message.assistant("only", id="b")]
    answers: list[list[Message]] = []
    async with connect_async(database.url) as store:
        with connect(database.url) as blocking:

            def work() -> None:
                for _ in range(100):
                    answers.append(blocking.owner("o").messages.append("t", batch))

            threads = [threading.Thread(target=work) for _ in range(5)]
            for thread in threads:
                thread.start()
            chat = store.owner("o")
            answers += await asyncio.gather(*(chat.messages.append("t", batch) for _ in range(500)))
            for thread in threads:
                await asyncio.to_thread(thread.join)
        assert len(answers) == 1000
        assert all(answer == answers[0] for answer in answers)
        assert [m.id async for m in chat.messages.list("t", tree=True)] == ["a", "b"]
        assert (await chat.messages.append("t", Message.user("next")))[0].seq == 3


@pytest.mark.parametrize("face", ["async", "blocking"])
async def test_concurrent_pops_get_different_messages(database: Database, face: str) -> None:
    """Twenty pops at once of twenty messages return each of them once."""
    async with connect_async(database.url) as store:
        chat = store.owner("o")
        await chat.messages.append("t", [Message.user(".", id=str(n)) for n in range(20)])
        if face == "async":
            popped = await asyncio.gather(*(chat.messages.pop_last("t") for _ in range(20)))
        else:
            with connect(database.url) as blocking:
                pop = blocking.owner("o").messages.pop_last
                popped = await asyncio.gather(*(asyncio.to_thread(pop, "t") for _ in range(20)))
        assert sorted(int(m.id or "") for m in popped if m) == list(range(20))
        assert await chat.messages.pop_last("t") is None
