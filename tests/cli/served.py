"""`threadkeep serve` in processes of its own, and clients that append to it whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from processes import SECONDS, Running, await_end, running

_SIZE = 700


@dataclass(frozen=True, slots=True)
class Served(Running):
    """A running `threadkeep serve`."""

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
        await_end(doomed)

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
    command = ("-m", "threadkeep", "serve", "--json", *arguments)
    with running(folder, *command, environment=environment) as found:
        yield Served(found.process, found.url, found.log)


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
            httpx.AsyncClient(
                limits=limits, timeout=SECONDS, headers=self.headers, trust_env=False
            ) as client,
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
