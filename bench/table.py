"""`python -m bench.table`: the committed results as the table that stands in the README."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LATEST = Path(__file__).parent / "results" / "latest.json"
_HEAD = (
    "| One call | floor | `AsyncStore` | ratio | client CPU | `Store` | ratio |",
    "| --- | --: | --: | --: | --: | --: | --: |",
)


def table(found: dict[str, Any]) -> str:
    """The rows that have a goal, in Markdown: milliseconds, and ratios to the floor."""
    lines: list[str] = list(_HEAD)
    rows = {(row["name"], row["face"]): row for row in found["rows"] if row["goal"] is not None}
    for (name, face), ours in rows.items():
        if face == "asyncio":
            blocking = rows[name, "blocking"]
            cells = [
                name,
                f"{ours['floor_p50_ms']:.2f} ms",
                f"{ours['ours_p50_ms']:.2f} ms",
                f"{ours['ratio']:.2f}",
                f"{ours['cpu_ratio']:.2f}",
                f"{blocking['ours_p50_ms']:.2f} ms",
                f"{blocking['ratio']:.2f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| Size | floor | ours | ratio |", "| --- | --: | --: | --: |"]
    lines += [
        f"| {row['name']} | {row['floor']:.0f} | {row['ours']:.0f} | {row['ratio']:.2f} |"
        for row in found["weights"]
    ]
    if "bulk" in found:
        bulk = found["bulk"]
        lines += ["", "| Messages a second | floor | ours | ratio |", "| --- | --: | --: | --: |"]
        rates = f"{bulk['floor_per_second']:,} | {bulk['ours_per_second']:,} | {bulk['ratio']:.2f}"
        lines.append(f"| append_many, {bulk['messages'] // bulk['threads']} a thread | {rates} |")
    converting = found["converting"]
    said = (
        f"Converting a window of {converting['messages']} messages takes "
        f"{converting['median']:.1f} times as long as `json.loads` of it, "
        f"{converting['most']:.1f} times at most, over {len(converting['pairs'])} pairs of formats."
    )
    lines += ["", said]
    if "over_http" in found:
        http = found["over_http"]
        said = (
            f"A list of {http['messages']} messages by `/v1` takes {http['over_ms']:.2f} ms of the "
            f"processor more than the library's call, which takes {http['library_cpu_ms']:.2f} ms."
        )
        lines += ["", said]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(json.loads(LATEST.read_text("utf-8"))))  # noqa: T201
