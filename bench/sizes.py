"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rounds, calls and rows a run has.

    `calls` is how often a side makes each call in a round. `appended` and `windows` say how many
    messages a thread has before the run, and how many such threads there are; `writer_turns` how
    many turns each of the `writers` stores in a round; `bulk_threads` how many threads are stored
    at once in each of the `bulk_rounds`.
    """

    rounds: int
    calls: int
    appended: dict[int, int]
    windows: dict[int, int]
    listed: int
    writers: int
    writer_turns: int
    warm_up: int
    counted: int
    bulk_threads: int
    bulk_rounds: int


WHOLE = Sizes(
    rounds=24,
    calls=60,
    appended={10: 800, 1_000: 20, 20_000: 2},
    windows={100: 8, 1_000: 4, 20_000: 1},
    listed=1_000,
    writers=32,
    writer_turns=8,
    warm_up=30,
    counted=400,
    bulk_threads=2_000,
    bulk_rounds=7,
)
QUICK = Sizes(
    rounds=2,
    calls=3,
    appended={10: 2, 20: 1, 40: 1},
    windows={60: 1, 72: 1, 84: 1},
    listed=25,
    writers=4,
    writer_turns=2,
    warm_up=2,
    counted=5,
    bulk_threads=5,
    bulk_rounds=1,
)
