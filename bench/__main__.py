"""`python -m bench`: fill, count, play the rounds, check, and say what came out."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console

from bench import bulk, converting, counting, filling, over_http, report
from bench.checking import Verdict
from bench.floor import SQL, AsyncFloor, BlockingFloor
from bench.ours import AsyncOurs, BlockingOurs
from bench.rows import Calls, rows_of
from bench.sizes import QUICK, WHOLE, Sizes
from bench.timing import AsyncSide, BlockingSide, Results, Side, play
from threadkeep import AsyncStore, connect, connect_async
from threadkeep.drivers import embedded
from threadkeep.drivers.embedded import EmbeddedServer

POOL = 16
LATEST = Path(__file__).parent / "results" / "latest.json"


def main() -> int:
    """Run the benchmark; 1 where the writers of one thread lost or misplaced anything."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few calls, to see that it runs")
    parser.add_argument("--out", type=Path, help=f"where the JSON goes (default: {LATEST.name})")
    given = parser.parse_args()
    out = given.out or (None if given.quick else LATEST)
    console = Console(stderr=True)
    if given.quick:
        # Nobody reads its times, and to go through all that was imported takes most of the run.
        gc.freeze()
    with _server() as server, asyncio.Runner() as runner:
        found = run(QUICK if given.quick else WHOLE, server, runner, console)
    report.show(Console(width=None if sys.stdout.isatty() else 140), found)
    if out is not None:
        out.write_text(json.dumps(found, indent=1) + "\n")
    return 0 if all(v["clean"] for v in found["one_thread"].values()) else 1


def run(
    sizes: Sizes, server: EmbeddedServer, runner: asyncio.Runner, console: Console
) -> dict[str, Any]:
    """One run on a server whose tables are empty."""
    rows = rows_of(sizes)
    with contextlib.ExitStack() as stack:
        observer = counting.Observer(server.superuser_url)
        stack.callback(observer.close)
        floor = runner.run(AsyncFloor.open(server.url, POOL))
        stack.callback(lambda: runner.run(floor.close()))
        store = runner.run(_store(server.url))
        stack.callback(lambda: runner.run(store.close()))
        ours = AsyncOurs(store)
        console.print("filling the tables")
        runner.run(filling.fill(sizes, floor, ours, server.superuser_url))
        weights = [counting.stored(observer)]
        raw = stack.enter_context(contextlib.closing(BlockingFloor(server.url, POOL)))
        blocking = stack.enter_context(connect(server.url, rls="required", pool_size=POOL))
        threads = stack.enter_context(ThreadPoolExecutor(sizes.writers))
        sides: list[Side] = [
            AsyncSide(report.FLOOR, runner, floor),
            AsyncSide("asyncio", runner, ours),
            BlockingSide("blocking", threads, BlockingOurs(blocking)),
            BlockingSide(report.RAW, threads, raw),
        ]
        results = play(rows, sides, sizes, Calls(sizes), _said(console, sizes))
        console.print("counting and checking")
        weights.append(counting.written(observer, runner, floor, ours, sizes))
        verdicts = _check(results, runner, floor, ours)
        counts = counting.count(rows, sizes, server, runner, POOL)
        found = report.document(sizes, rows, results, counts, weights, verdicts, observer.server())
        console.print("storing many at once")
        many = runner.run(bulk.measure(sizes, floor, ours))
        console.print("converting")
        made = converting.measure(sizes)
        console.print("listing over HTTP")
        listing = runner.run(over_http.measure(sizes, store))
        return {**found, "bulk": many, "converting": made, "over_http": listing}


def _check(
    results: Results, runner: asyncio.Runner, floor: AsyncFloor, ours: AsyncOurs
) -> dict[str, Verdict]:
    verdicts = {}
    for name, threads in results.acknowledged.items():
        read = ours.ids if name in report.FACES else floor.ids
        verdicts[name] = Verdict()
        for thread, writers in threads:
            verdicts[name].add(writers, runner.run(read(thread)))
    return verdicts


def _said(console: Console, sizes: Sizes) -> Callable[[int], None]:
    def said(done: int) -> None:
        if done % 6 == 0:
            console.print(f"round {done} of {sizes.rounds}")

    return said


async def _store(url: str) -> AsyncStore:
    return await connect_async(url, rls="required", pool_size=POOL)


@contextlib.contextmanager
def _server() -> Iterator[EmbeddedServer]:
    """An embedded server of our own, durable as it comes, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="threadkeep-bench-", dir="/tmp") as folder:
        # Under root the server's account must be able to enter.
        Path(folder).chmod(0o711)
        with embedded.start(Path(folder) / "data") as server:
            connect(server.owner_url, migrate=True).close()
            with psycopg.connect(server.superuser_url, autocommit=True) as connection:
                connection.execute(SQL["schema"].encode())
            yield server


if __name__ == "__main__":
    sys.exit(main())
