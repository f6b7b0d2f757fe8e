"""Which rows of a path become a window, beside the model; and what the statements hand over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import NAMED, OWNER, THREAD, turn

from threadkeep import Message, ToolCallPart, ToolResultPart, connect
from threadkeep.core import windows
from threadkeep.core.scope import Scope
from threadkeep.core.windows import Extent
from threadkeep.sql import statements
from threadkeep.sync import step
from threadkeep.testing import model_windows
from threadkeep.testing.model_rows import Row
from threadkeep.testing.servers import Database
from threadkeep.values.parts import Part

SQL = statements("threadkeep")
NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
CEILING = 12


@dataclass
class Path:
    """A path that answers as the statements do; the newest `CEILING` rows and one are read."""

    rows: Sequence[Row]
    asked: list[str] = field(default_factory=list)

    async def on_thread(self, name: str, thread_id: str, *args: Any) -> list[tuple[Any, ...]]:
        self.asked.append(name)
        if name == "window_of_turns":
            turns, spends, least, keep = args[0], None, None, False
        else:
            leaf, turns, spends, least, keep = args
            assert leaf is None
        found, started, spent, last = [], 0, 0, len(self.rows)
        for n, i in enumerate(range(len(self.rows) - 1, -1, -1), start=1):
            if n > min(last, CEILING) + 1:
                break
            row = self.rows[i]
            found.append(self.columns(i, pinned=False))
            started, spent = started + row.starts, spent + row.tokens
            stops = row.starts and started == turns
            stops = stops or (spends is not None and spent > spends)
            if stops or (least is not None and row.cut and n >= least):
                last = min(last, n)
        pinned = model_windows._pinned(self.rows) if keep else []
        return [*found, *(self.columns(self.rows.index(row), pinned=True) for row in pinned)]

    def columns(self, i: int, *, pinned: bool) -> tuple[Any, ...]:
        row = self.rows[i]
        above = self.rows[i - 1] if i else None
        parent = above.seq if above else None, above.id if above and pinned else None
        payload = None, None, row.message.json, None, None
        told = row.id, row.message.role, "complete", "threadkeep", NOON, *payload
        return (
            *(row.seq, *parent, row.turn, row.tokens, *told),
            *(pinned, row.starts, row.cut, row.calls or None, row.answers or None),
        )


def message(kind: str, ids: Sequence[str]) -> Message:
    calls: list[Part] = [ToolCallPart(id_, "look", {}) for id_ in ids]
    results: list[Part] = [ToolResultPart(id_, 1) for id_ in ids]
    if kind == "asks":
        return Message.of("assistant", calls)
    if kind == "both":
        return Message.of("assistant", [results[0], calls[-1]])
    if kind in ("tells", "user tells"):
        return Message.of("tool" if kind == "tells" else "user", results)
    return Message.of(cast("Any", kind), kind)


kinds = st.sampled_from(["user", "assistant", "system", "asks", "tells", "both", "user tells"])
rows_of_a_path = st.lists(
    st.tuples(
        kinds,
        st.lists(st.sampled_from("xyz"), min_size=1, max_size=2),
        st.integers(0, 9),
        st.integers(0, 5),
    ),
    max_size=20,
)
extents = st.one_of(
    st.builds(Extent, turns=st.integers(0, 6), steady=st.integers(1, 3)),
    st.builds(Extent, tokens=st.integers(0, 60), steady=st.integers(1, 3)),
    st.builds(Extent, messages=st.integers(0, 15)),
)


def path_of(drawn: Sequence[tuple[str, list[str], int, int]]) -> list[Row]:
    """Rows as they stand on a path, from which some (the last member 0) were deleted since."""
    rows: list[Row] = []
    parent, turn = None, 0
    for seq, (kind, ids, tokens, stays) in enumerate(drawn, start=1):
        row = Row(f"m{seq}", seq, parent, 0, message(kind, ids), tokens)
        turn += row.starts
        if stays:
            rows.append(Row(row.id, seq, parent, turn, row.message, tokens))
            parent = seq
    return rows


@settings(max_examples=600, deadline=None)
@given(drawn=rows_of_a_path, extent=extents, keep=st.booleans())
def test_a_window_is_the_models(
    drawn: list[tuple[str, list[str], int, int]], extent: Extent, keep: bool
) -> None:
    """Whatever stands on a path: the same messages, each with its parent, tokens and truncated."""
    path = Path(path_of(drawn))
    wanted = model_windows.window(
        path.rows,
        ceiling=CEILING,
        turns=extent.turns,
        tokens=extent.tokens,
        messages=extent.messages,
        keep_system=keep,
        steady=extent.steady,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "CEILING", CEILING)
        scope = cast("Scope", path)
        found = step(windows.window(scope, THREAD, extent, leaf=None, keep_system=keep))
    assert [m.seq for m in found] == [row.seq for row in wanted.rows]
    assert (found.tokens, found.truncated) == (wanted.tokens, wanted.truncated)
    ids = {row.seq: row.id for row in path.rows}
    parents = {row.id: ids[row.parent] if row.parent else None for row in path.rows}
    assert [m.parent_id for m in found] == [parents[str(m.id)] for m in found]
    assert all(m.updated_at == NOON for m in found)
    assert path.asked[0:1] in ([], ["window"], ["window_of_turns"])
    assert path.asked[1:] in ([], ["window"])


@pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
async def test_the_statement_of_turns_reads_what_the_other_reads(database: Database) -> None:
    """The short statement returns the rows of the general one, on a path of many stretches."""
    with connect(database.url) as store:
        chat = store.owner(OWNER)
        parent: str | None = None
        for n in range(40):
            chat.messages.append(THREAD, turn(n), parent=parent)
            chat.messages.append(THREAD, Message.user("aside", id=f"x{n}"), parent=f"a{n}")
            parent = f"b{n}"
        for n in range(0, 40, 3):
            chat.messages.delete(THREAD, ("u", "a", "b")[n % 9 // 3] + str(n))
        chat.threads.set_head(THREAD, "t39")
    connection = await asyncpg.connect(database.url)
    try:
        for turns in (1, 2, 3, 7, 20, 34, 35, 36, 39, 40, 41, 10**9):
            short = await connection.fetch(SQL["window_of_turns"].text, *NAMED, None, turns)
            whole = await connection.fetch(
                SQL["window"].text, *NAMED, *(None, None, turns, None, None, False)
            )
            assert len({row[0] for row in short}) == len(short) > min(turns, 30)
            kept = [0, 1, *range(3, 19)]
            assert [[row[i] for i in kept] for row in short] == [
                [row[i] for i in kept] for row in whole
            ]
    finally:
        await connection.close()
