"""`threadkeep serve` in processes of its own, and clients that append to it whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

SECONDS = 90.0
_SIZE = 700


@dataclass
class Served:
    """A running `threadkeep serve`."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes that answer requests."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(_line(child))]

    def kill_all(self) -> None:
        """SIGKILL for the command, its workers, and the database that they started."""
        doomed = [psutil.Process(self.process.pid)]
        doomed += doomed[0].children(recursive=True)
        doomed += [p for p in psutil.process_iter(["name"]) if self._is_database(p)]
        for process in doomed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(SECONDS)
        deadline = time.monotonic() + SECONDS
        while any(map(_lives, doomed)):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _is_database(self, process: psutil.Process) -> bool:
        folder = str(self.log.parent / "data")
        return process.info["name"] == "postgres" and folder in " ".join(_line(process))

    def begin_to_stop(self) -> None:
        """SIGTERM, as a supervisor sends it."""
        self.process.send_signal(signal.SIGTERM)

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.begin_to_stop()
        return self.process.wait(SECONDS)


def _lives(process: psutil.Process) -> bool:
    """Whether it still runs: one that nobody has waited for does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _line(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        line: list[str] = process.cmdline()
        return line
    return []


@contextlib.contextmanager
def serving(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """The command with these arguments; it is ready when this is entered, and ended after it."""
    log = folder / f"serve-{time.monotonic_ns()}.log"
    command = [sys.executable, "-m", "threadkeep", "serve", "--json", *arguments]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("THREADKEEP_", "DATABASE_"))}
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**kept, **(environment or {})},
            cwd=folder,
        )
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first, log.read_text("utf-8")
            running = Served(process, json.loads(first)["url"], log)
            _wait_until_ready(running)
            yield running
        finally:
            for ending in (process.terminate, process.kill):
                if process.poll() is None:
                    ending()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(SECONDS)
            if process.stdout is not None:
                process.stdout.close()


def _wait_until_ready(running: Served) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{running.url}/readyz", timeout=5).status_code == 200:
                return
        assert running.process.poll() is None, running.log.read_text("utf-8")
        assert time.monotonic() < deadline, running.log.read_text("utf-8")
        time.sleep(0.05)


@dataclass
class Load:
    """Clients that append, each to a thread of its own and one after the other.

    What had no answer is sent again under the same id. `statuses` counts the answers, `broken` the
    requests without one.
    """

    url: str
    clients: int
    headers: Mapping[str, str] = field(default_factory=dict)
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    stopped: bool = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While this is entered they append."""
        self.stopped = False
        limits = httpx.Limits(max_connections=self.clients)
        async with (
            httpx.AsyncClient(limits=limits, timeout=SECONDS, headers=self.headers) as client,
            asyncio.TaskGroup() as tasks,
        ):
            for number in range(self.clients):
                tasks.create_task(self._append(client, f"thread-{number}"))
            try:
                yield
            finally:
                self.stopped = True

    async def _append(self, client: httpx.AsyncClient, thread: str) -> None:
        done = self.acknowledged.setdefault(thread, [])
        while not self.stopped:
            message = f"{thread}-{len(done)}"
            try:
                answer = await client.post(
                    f"{self.url}/threads/{thread}/messages", json={"messages": [_item(message)]}
                )
            except httpx.HTTPError:
                self.broken += 1
                await asyncio.sleep(0.05)
                continue
            self.statuses[answer.status_code] += 1
            if answer.status_code == 201:
                done.append(message)


def _item(id: str) -> dict[str, Any]:
    return {"id": id, "role": "user", "parts": [{"type": "text", "text": "x" * _SIZE}]}
