"""A process of the demo that is killed in the middle of a turn: `play` runs it and kills it.

It is no command: `python -m threadkeep.cli.cut` reads from stdin which thread of which database,
so that no password stands in a list of processes.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from threadkeep.cli import story
from threadkeep.cli.opening import Database
from threadkeep.values import jsontext
from threadkeep.values.message import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

LEASE: Final = 2.0
"""Seconds: long for two statements, short for who waits for it to pass."""


def play(thread_id: str, database: Database) -> Sequence[str]:
    """Begin a turn in another process and kill it there, as by kill -9.

    The run's id and those of the messages that had been acknowledged; empty where the process
    could not even begin.
    """
    call = [sys.executable, "-m", "threadkeep.cli.cut"]
    data = None if database.data is None else str(database.data)
    told = [thread_id, database.url, database.schema, data]
    pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
    acknowledged: list[str] = []
    # One that could not even start has closed the pipe.
    with (
        suppress(BrokenPipeError),
        subprocess.Popen(call, stdin=pipe, stdout=pipe, stderr=quiet) as process,
    ):
        assert process.stdin is not None  # noqa: S101  both are pipes
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(jsontext.encode(told).encode() + b"\n")
        process.stdin.flush()
        acknowledged = process.stdout.readline().decode().split()
        process.kill()
    return acknowledged


def _live() -> None:
    """Begin a turn, say what was acknowledged, and wait for the end in the middle of it."""
    thread_id, url, schema, data = jsontext.decode(sys.stdin.buffer.readline().decode())
    database = Database(url, schema, None if data is None else Path(data))
    answer = Message.of("assistant", story.CUT_ANSWER, id=story.CUT_IDS[-1], status="running")
    with database.open(lambda _: None) as store:
        turn = store.owner(story.OWNER).turn(
            thread_id, story.CUT_QUESTION, dialect="threadkeep", exclusive=True, lease=LEASE
        )
        with turn:
            turn.append(answer)
            print(turn.id, *(message.id for message in turn.messages), flush=True)
            # Who started this process kills it now; should that die first, stdin ends.
            sys.stdin.read()


if __name__ == "__main__":
    _live()
