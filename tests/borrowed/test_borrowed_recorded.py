"""Spans, runs and events told inside a transaction that the caller lent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lenders import WAYS, over

from threadkeep import Event, InvalidError, Usage
from threadkeep.testing.contract.recorded import ended

if TYPE_CHECKING:
    from threadkeep.store import AsyncStore
    from threadkeep.testing.servers import Database


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_told_is_the_callers_to_commit(
    way: str, database: Database, store: AsyncStore
) -> None:
    """All of it is there after the commit, and a refused batch leaves the transaction as it was."""
    plain = store.owner("a")
    await plain.threads.create("t")
    async with WAYS[way](database.url) as caller:
        chat = over(store, caller).owner("a")
        # A span that runs gets a parent here, which is refused at first and then done.
        assert await chat.spans.record([ended("leaf", "branch")]) == 1
        assert await chat.spans.record([ended("branch", "trunk"), ended("trunk")]) == 2
        with pytest.raises(InvalidError):
            await chat.spans.record([ended("x", "y"), ended("y", "x")])
        assert await chat.spans.record([ended("bud", "twig")]) == 1
        with pytest.raises(InvalidError):
            await chat.spans.record([ended("twig", "bud"), ended("lost")])
        await chat.runs.record("t", "r", status="complete", usage=Usage(7))
        await chat.runs.record("t", "r", status="complete", usage=Usage(7))
        assert await chat.events.track([Event("k", "t")]) == 1
        await chat.scores.create("n", type="numeric", value=1, thread="t")
        assert (await plain.spans.list()).items == ()
        await caller.commit()
    assert [span.id for span in await plain.spans.tree("trunk")] == ["trunk", "branch", "leaf"]
    assert sorted([span.id async for span in plain.spans.list()]) == sorted(
        ["trunk", "branch", "leaf", "twig", "bud"]
    )
    assert await plain.runs.usage("t") == Usage(7)
    assert len(await plain.events.list()) == len(await plain.scores.list()) == 1
