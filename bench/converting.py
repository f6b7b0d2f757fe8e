"""Converting a window: from every format to every other, beside `json.loads` of the same text."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import Any

from bench.items import turns_of_six
from bench.sizes import Sizes
from threadkeep import Message, convert, dialects
from threadkeep.values import jsontext

GOAL = 6.0
_TURNS = 10
# Tags that differ in the version only are measured once.
_LEFT_OUT = ("@4", "@5", "@6", "ai-sdk/")


def measure(sizes: Sizes) -> dict[str, Any]:
    """The time of each conversion by that of `json.loads` in the same rounds."""
    messages = turns_of_six(_TURNS)
    tags = [tag for tag in dialects.tags() if not any(part in tag for part in _LEFT_OUT)]
    rows = [row for tag in tags for row in _from(messages, tag, tags, sizes.rounds)]
    ratios = [row["ratio"] for row in rows]
    return {
        "messages": len(messages),
        "goal": GOAL,
        "median": round(median(ratios), 2),
        "most": max(ratios),
        "pairs": rows,
    }


def _from(
    messages: Sequence[Message], source: str, targets: Sequence[str], rounds: int
) -> list[dict[str, Any]]:
    items = dialects.get(source).dump(messages)
    texts = [jsontext.encode(item) for item in items]
    # What a window holds before it is converted: rows of the store.
    stored = [Message("user", text, source, id=f"m{place}") for place, text in enumerate(texts)]
    return [_pair(stored, texts, source, target, rounds) for target in targets if target != source]


def _pair(
    stored: Sequence[Message], texts: Sequence[str], source: str, target: str, rounds: int
) -> dict[str, Any]:
    def load() -> None:
        for text in texts:
            json.loads(text)

    def ours() -> None:
        # A message remembers what was read of it: each round has messages of its own.
        convert(fresh, target)

    load_ms, ours_ms = [], []
    for _ in range(rounds + 1):
        fresh = [Message(m.role, m.json, m.format, m.id) for m in stored]
        load_ms.append(_timed(load))
        ours_ms.append(_timed(ours))
    pairs = list(zip(ours_ms, load_ms, strict=True))[1:]
    return {
        "source": source,
        "target": target,
        "loads_ms": round(median(b for _, b in pairs), 4),
        "ours_ms": round(median(a for a, _ in pairs), 4),
        "ratio": round(median(a / b for a, b in pairs), 2),
    }


def _timed(work: Callable[[], None]) -> float:
    gc.collect()
    start = perf_counter()
    work()
    return (perf_counter() - start) * 1000
