"""Processes, and servers as processes of their own, for the tests of every folder."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import psutil

SECONDS: Final = 90.0
_FOREIGN: Final = ("THREADKEEP_", "DATABASE_")


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is ready."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def said(self) -> str:
        """What is in its log."""
        return self.log.read_text("utf-8")


@contextlib.contextmanager
def running(
    folder: Path, *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Python with these arguments: ready when this is entered, ended by SIGTERM after it.

    Its first line of output is JSON with its `url`, and it answers `/readyz`. It works in `folder`,
    and sees no variable of ours or of a database but those of `environment`. An error that leaves
    the block carries its log.
    """
    log = folder / f"server-{time.monotonic_ns()}.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**without_ours(), **(environment or {})},
            cwd=folder,
        )
    try:
        yield _ready(process, log)
    except BaseException as error:
        error.add_note(log.read_text("utf-8"))
        raise
    finally:
        _end(process)


def await_end(processes: Iterable[psutil.Process]) -> None:
    """Wait until none of them runs.

    One that has ended stays in the list until its parent asks for it, which is not waited for.
    """
    listed, deadline = list(processes), time.monotonic() + SECONDS
    while any(map(_runs, listed)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
    return False


def without_ours() -> dict[str, str]:
    """The environment of this process without what names a database or settings of ours."""
    return {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}


def _ready(process: subprocess.Popen[str], log: Path) -> Running:
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first, "it ended before it said where it is"
    made = Running(process, json.loads(first)["url"], log)
    deadline = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(httpx.HTTPError):
            # A proxy of the environment's does not lead to loopback.
            if httpx.get(f"{made.url}/readyz", timeout=5, trust_env=False).is_success:
                return made
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(SECONDS)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
