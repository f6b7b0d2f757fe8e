"""What a run adds to an append is the run, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from threadkeep import UNSET, Message, Owner, connect_async
from threadkeep.testing.servers import Database
from threadkeep.values.ids import new_id

KINDS = st.sampled_from(["user", "assistant", "system"])
BATCHES = st.lists(
    st.tuples(st.lists(KINDS, min_size=1, max_size=4), st.one_of(st.none(), st.integers(0, 40))),
    min_size=1,
    max_size=8,
)
Plan = list[tuple[list[str], int | None]]


def _steps(plan: Plan) -> list[tuple[list[Message], Any]]:
    """Batches and where they go: under the head, under an earlier message, or as a new root."""
    made: list[str] = []
    steps: list[tuple[list[Message], Any]] = []
    for roles, under in plan:
        batch = [
            Message.of(role, role, id=f"m{len(made) + n}")  # type: ignore[arg-type]
            for n, role in enumerate(roles)
        ]
        parent: Any = UNSET
        if under is not None and made:
            parent = None if under == 0 else made[under % len(made)]
        steps.append((batch, parent))
        made += [str(message.id) for message in batch]
    return steps


async def _tree(chat: Owner, thread_id: str) -> list[Message]:
    return [
        replace(m, run=None, created_at=None, updated_at=None)
        async for m in chat.messages.list(thread_id, tree=True)
    ]


async def test_appends_in_a_run_store_what_plain_appends_store(shared_database: Database) -> None:
    """Positions, parents, turns, the head and the counts are the same, branches or not."""
    async with connect_async(shared_database.url) as store:
        chat = store.owner("o")

        async def both(plan: Plan) -> None:
            plain, held = new_id(), new_id()
            for batch, parent in _steps(plan):
                await chat.messages.append(plain, batch, parent=parent)
            async with chat.turn(held) as turn:
                for batch, parent in _steps(plan):
                    await turn.append(batch, parent=parent)
            assert await _tree(chat, held) == await _tree(chat, plain)
            one, other = await chat.threads.get(plain), await chat.threads.get(held)
            assert (one.head, one.turns, one.message_count) == (
                other.head,
                other.turns,
                other.message_count,
            )

        await _for_all(both)


async def _for_all(check: Any) -> None:
    """Run an async check over generated plans, on the loop that is running."""
    plans: list[Plan] = []

    @given(BATCHES)
    def collect(plan: Plan) -> None:
        plans.append(plan)

    collect()
    for plan in plans:
        await check(plan)
