"""The benchmark runs and says what it should; how quick anything is, no test decides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.table import table

ROOT = Path(__file__).parents[2]
METHODS = {"append", "window", "list", "writers"}
NUMBERS = (
    *("floor_p50_ms", "ours_p50_ms", "ratio", "floor_cpu_ms", "ours_cpu_ms", "cpu_ratio"),
    *("statements", "round_trips"),
)


def test_a_quick_run_measures_every_row_and_loses_nothing(tmp_path: Path) -> None:
    """All rows of both faces have figures, beside versions, sizes and what the writers kept."""
    out = tmp_path / "quick.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--out", str(out)],
        check=False,
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("THREADKEEP_")},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    check_shape(found)
    for name, verdict in found["one_thread"].items():
        assert verdict["messages"] > 0, name
        assert verdict["clean"], (name, verdict)
    listing = found["over_http"]
    assert listing["messages"] == 60
    assert 0 < listing["library_cpu_ms"] < listing["http_cpu_ms"]
    assert "CPU of a list over HTTP" in done.stdout
    for row in found["rows"]:
        if "one thread" not in row["name"]:
            assert (row["statements"], row["round_trips"]) == (1, 1), row
        assert row["name"] in done.stdout


def test_the_committed_figures_have_the_shape_of_a_run() -> None:
    """bench/results/latest.json is what a whole run writes."""
    found = json.loads((ROOT / "bench" / "results" / "latest.json").read_text())
    check_shape(found)
    assert found["server"]["fsync"] == found["server"]["synchronous_commit"] == "on"
    assert found["run"]["appended"] == {"10": 800, "1000": 20, "20000": 2}


def test_the_table_of_the_readme_is_that_of_the_committed_figures() -> None:
    """What the README says was measured, and is what `python -m bench.table` prints."""
    found = json.loads((ROOT / "bench" / "results" / "latest.json").read_text())
    assert table(found) in (ROOT / "README.md").read_text("utf-8")


def check_shape(found: dict[str, Any]) -> None:
    """Each row is there by both faces, with all its numbers."""
    assert {"server_version", "fsync", "synchronous_commit"} <= found["server"].keys()
    assert {"asyncpg", "psycopg", "threadkeep"} <= found["packages"].keys()
    names = [row["name"] for row in found["rows"] if row["face"] == "asyncio"]
    assert names == [row["name"] for row in found["rows"] if row["face"] == "blocking"]
    assert len(set(names)) == len(names) == 11
    for row in found["rows"]:
        assert any(method in row["name"] for method in METHODS)
        assert all(row[number] > 0 for number in NUMBERS), row
    assert [weight["goal"] for weight in found["weights"]] == [1.2, 1.2]
    assert {"floor", "asyncio", "blocking", "psycopg floor"} == found["one_thread"].keys()
    assert len(found["flat"]) == 2
