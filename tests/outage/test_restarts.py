"""The server is restarted under eight writers: nothing is lost, nothing is doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from restarted import Restartable, Stop
from storm import OWNER_ID, WRITERS, storm

from threadkeep import Message, connect
from threadkeep.testing.contract.kit import ids, path, says, turns, user
from threadkeep.values.run import Usage

Going = Callable[[], bool]

THREADS = 4
ONCE: tuple[Stop, ...] = ("fast", "immediate", "kill")


def _pair(name: str, *, named: bool) -> list[Message]:
    """A pair that its texts tell apart, also where it has no ids of its own."""
    pair = [Message.user(f"{name} a"), Message.assistant(f"{name} b")]
    return [user(f"{name} a"), says(f"{name} b")] if named else pair


async def _prove_pairs(own_server: Restartable, stops: tuple[Stop, ...], away: float) -> None:
    acknowledged: list[list[str]] = [[] for _ in range(THREADS)]
    own_server.run("TRUNCATE threadkeep.threads CASCADE")

    async def write(chat: Any, number: int, going: Going) -> None:
        thread = number // 2
        for step in count():
            if not going():
                return
            # The middle ones leave the ids to the store.
            pair = _pair(f"{number}-{step}", named=thread in (0, 3))
            stored = await chat.messages.append(f"t{thread}", pair)
            assert [message.text for message in stored] == [message.text for message in pair]
            acknowledged[thread] += [message.text for message in stored]

    await storm(own_server, write, stops, calm=0.25, away=away)
    with connect(own_server.url) as store:
        chat = store.owner(OWNER_ID)
        for thread, expected in enumerate(acknowledged):
            stored = list(chat.messages.list(f"t{thread}", tree=True, limit=1000))
            texts = [message.text for message in stored]
            assert Counter(texts) == Counter(expected)
            assert [message.seq for message in stored] == list(range(1, len(stored) + 1))
            assert [message.parent_id for message in stored] == [None, *ids(stored)[:-1]]
            assert [one[:-1] for one in texts[::2]] == [one[:-1] for one in texts[1::2]]
            assert set(texts[::2]) == {one for one in expected if one.endswith("a")}
            assert chat.threads.get(f"t{thread}").message_count == len(stored)


async def test_appends_outlive_restarts(own_server: Restartable) -> None:
    """Every acknowledged pair is there once, whole, in one order, with ids of the store's too."""
    await _prove_pairs(own_server, ONCE, 0.0)


@pytest.mark.prove
async def test_appends_outlive_many_restarts(own_server: Restartable) -> None:
    """The same through thirty restarts, with longer outages."""
    await _prove_pairs(own_server, ONCE * 10, 1.0)


class _Everything:
    """One writer that does all there is on threads of its own, and knows what must come of it."""

    def __init__(self, chat: Any, number: int) -> None:
        self.chat = chat
        self.id = f"w{number}"
        self.revision = 0
        self.runs = 0
        self.said: list[str] = []

    async def begin(self) -> None:
        made = await self.chat.threads.create(self.id, title="0", metadata={"n": 0})
        assert (made.id, made.revision, made.title) == (self.id, 0, "0")

    async def step(self, step: int) -> None:
        await self.append(step)
        await self.update(step)
        await self.pop()
        await self.turn(step)
        await self.remove(step)
        await self.branch(step)

    async def append(self, step: int) -> None:
        batch = [user(f"{step}u"), says(f"{step}a"), says(f"{step}b")]
        assert ids(await self.chat.messages.append(self.id, batch)) == ids(batch)
        self.said += ids(batch)

    async def update(self, step: int) -> None:
        made = await self.chat.threads.update(
            self.id, title=str(step), expected_revision=self.revision
        )
        self.revision += 1
        assert (made.revision, made.title) == (self.revision, str(step))
        changed = await self.chat.messages.update(
            self.id, f"{step}a", says(f"{step}a", "changed"), metadata={"step": step}
        )
        assert (changed.text, changed.metadata) == ("changed", {"step": step})

    async def pop(self) -> None:
        assert (await self.chat.messages.pop_last(self.id)).id == self.said.pop()

    async def turn(self, step: int) -> None:
        async with self.chat.turn(self.id, user(f"{step}q"), exclusive=True) as turn:
            await turn.append(says(f"{step}r"))
            turn.add_usage(Usage(input_tokens=1))
        self.runs += 1
        self.said += ids(turn.messages)
        assert ids(turn.messages) == [f"{step}q", f"{step}r"]

    async def remove(self, step: int) -> None:
        assert await self.chat.messages.delete(self.id, f"{step}q") is True
        self.said.remove(f"{step}q")
        if step % 2:
            assert await self.chat.messages.truncate(self.id, f"{step}r") == 1
            self.said.remove(f"{step}r")

    async def branch(self, step: int) -> None:
        new = f"{self.id} {step}"
        made = await self.chat.threads.fork(self.id, new)
        assert (made.id, made.head, made.message_count) == (new, self.said[-1], len(self.said))
        await self.chat.messages.replace_all(new, turns(1, 2))
        assert ids(await path(self.chat, new)) == ids(turns(1, 2))
        assert await self.chat.threads.delete(new) is True

    async def check(self) -> None:
        assert ids(await path(self.chat, self.id, limit=1000)) == self.said
        thread = await self.chat.threads.get(self.id)
        assert (thread.revision, thread.message_count) == (self.revision, len(self.said))
        assert (await self.chat.runs.usage(self.id)).input_tokens == self.runs or not self.runs
        runs = [run.status async for run in self.chat.runs.list(self.id, limit=1000)]
        assert runs == ["complete"] * self.runs


async def _prove_everything(own_server: Restartable, stops: tuple[Stop, ...], away: float) -> None:
    own_server.run("TRUNCATE threadkeep.threads CASCADE")
    steps = [0] * WRITERS

    async def write(chat: Any, number: int, going: Going) -> None:
        writer = _Everything(chat, number)
        await writer.begin()
        while going():
            await writer.step(steps[number])
            steps[number] += 1
        await writer.check()

    await storm(own_server, write, stops, calm=0.4, away=away)
    assert min(steps) > 0


async def test_all_other_writes_outlive_restarts(own_server: Restartable) -> None:
    """Each happens once: no false conflict, no second increment, removal or run."""
    await _prove_everything(own_server, ONCE, 0.0)


@pytest.mark.prove
async def test_all_other_writes_outlive_many_restarts(own_server: Restartable) -> None:
    """The same through thirty restarts, with longer outages."""
    await _prove_everything(own_server, ONCE * 10, 1.0)
