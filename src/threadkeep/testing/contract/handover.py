"""The contract of a transfer: everything of one owner becomes another's, unchanged and at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.concurrency import good
from threadkeep.testing.contract.kit import Contract, path, says, turns, user
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.event import Event
from threadkeep.values.ids import new_id
from threadkeep.values.message import Message
from threadkeep.values.run import Usage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from threadkeep.store import AsyncStore, Owner
    from threadkeep.testing.contract.kit import Owners

ODD = '{"b":1,"a":[1e400,-0.0],"a":"\\u0000 \\ud800"}'
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
NAMES = ("t0", "t1", "t2", "t3")


async def grown(chat: Owner, mark: str = "") -> None:
    """An owner with something of every kind, whose ids end in `mark`."""
    await chat.threads.create(f"t{mark}", title="T", metadata={"a": 1}, external_id="e")
    await chat.messages.append(f"t{mark}", [*turns(1, 3), user("alt")])
    await chat.messages.append(f"t{mark}", [says("b1"), says("b2")], parent="u2")
    raw = Message("user", ODD, "odd", id="odd", status="failed")
    await chat.messages.append(f"t{mark}", raw, parent=None, created_at=NOON, session="s")
    await chat.messages.delete(f"t{mark}", "a2")
    await chat.threads.set_head(f"t{mark}", "b1")
    async with chat.turn(f"t{mark}", user("r"), exclusive=True) as turn:
        turn.add_usage(Usage(input_tokens=7))
    await chat.threads.create(f"empty{mark}")
    await chat.threads.archive(f"empty{mark}")
    await chat.sessions.save(f"s{mark}", thread=f"t{mark}", sdk_version="1", state={"x": [1]})
    await chat.sessions.save(f"loose{mark}")
    await chat.sessions.archive(f"s{mark}")
    await chat.spans.start("root", span_id=f"root{mark}", thread=f"t{mark}", input="in")
    await chat.spans.start("leaf", span_id=f"leaf{mark}", parent=f"root{mark}")
    await chat.spans.end(f"leaf{mark}", output="out", usage=Usage(input_tokens=1))
    await chat.attachments.save(f"file{mark}", name="f", media_type="m", thread=f"t{mark}")
    await chat.attachments.save(f"loose{mark}", name="l", media_type="m", metadata={"k": None})
    await chat.feedback.set(f"t{mark}", "u1", "positive", comment="c")
    await chat.events.track([Event("seen", f"t{mark}", id=f"v{mark}"), Event("loose")])
    await chat.scores.create("s", type="numeric", value=1, thread=f"t{mark}", score_id=f"c{mark}")


async def held(chat: Owner, *, users: bool = True) -> list[Any]:
    """All that can be read of an owner, but for whose it is."""
    told: list[Any] = []
    async for thread in chat.threads.list(status="all"):
        told.append(replace(thread, owner_id=""))
        tree = [m async for m in chat.messages.list(thread.id, tree=True)]
        told += [(m, m.json) for m in tree]
        told.append([m.id for m in await path(chat, thread.id)])
        told += [run async for run in chat.runs.list(thread.id)]
        told += [one async for one in chat.feedback.list(thread.id)]
    lists = (chat.sessions.list(archived=None), chat.spans.list(), chat.events.list())
    for listed in (*lists, chat.scores.list()):
        told += [one async for one in listed]
    told += [replace(file, owner_id="") async for file in chat.attachments.list()]
    if not users:
        told = [replace(one, user_id=None) if hasattr(one, "user_id") else one for one in told]
    return told


class Traffic:
    """What goes on while an owner's threads are handed over, and what was acknowledged."""

    def __init__(self, store: AsyncStore, old: Owner, new: Owner) -> None:
        self.store, self.old, self.new = store, old, new
        self.over = asyncio.Event()
        self.said: list[tuple[str, str, str]] = []

    async def prepare(self) -> None:
        """Some threads, each with a message to remove and a span to hang others below."""
        for name in NAMES:
            await self.old.messages.append(name, [user("first"), user("gone")])
            await self.old.spans.start("root", span_id=f"root-{name}", thread=name)

    async def write(self, name: str, *, create: bool) -> None:
        """Append, and where the thread may not be made anew give feedback too."""
        while not self.over.is_set():
            id_ = new_id()
            try:
                await self.old.messages.append(name, says(id_), create_thread=create)
                self.said.append((name, "message", id_))
                if not create:
                    await self.old.feedback.set(name, id_, "positive", user=id_)
                    self.said.append((name, "feedback", id_))
            except NotFoundError:
                await asyncio.sleep(0.002)

    async def trace(self, name: str) -> None:
        """Hang one span below the other and end them."""
        parent = f"root-{name}"
        while not self.over.is_set():
            try:
                span = await self.old.spans.start("x", parent=parent)
                await self.old.spans.end(span.id, output="done")
            except NotFoundError:
                parent = (await self.old.spans.start("y")).id
            else:
                parent = span.id
                self.said.append(("", "span", span.id))

    async def remove(self) -> None:
        """Remove messages, wherever they are."""
        await asyncio.sleep(0.01)
        for name in NAMES:
            for chat in (self.old, self.new):
                await chat.messages.delete(name, "gone")

    async def move(self) -> None:
        """Hand it all over three times, each time twice at once."""
        await asyncio.sleep(0.05)
        admin, between = self.store.admin(), (self.old.owner_id, self.new.owner_id)
        for _ in range(3):
            answers = await asyncio.gather(
                *(admin.transfer(*between) for _ in range(2)), return_exceptions=True
            )
            assert all(isinstance(one, int | ConflictError) for one in answers), answers
            await asyncio.sleep(0.05)
        self.over.set()

    async def there(self) -> Counter[tuple[str, str, str]]:
        """What both owners hold now."""
        found: Counter[tuple[str, str, str]] = Counter()
        for chat in (self.old, self.new):
            async for thread in chat.threads.list(status="all"):
                tree = [m async for m in chat.messages.list(thread.id, tree=True)]
                found.update([(thread.id, "message", str(m.id)) for m in tree])
                given = [str(one.user_id) async for one in chat.feedback.list(thread.id)]
                found.update([(thread.id, "feedback", whose) for whose in given])
            ended = [span async for span in chat.spans.list(status="complete")]
            found.update([("", "span", span.id) for span in ended if span.output == "done"])
        return found


class HandoverContract(Contract):
    """store.admin().transfer"""

    async def test_everything_becomes_the_other_owners_as_it_is(
        self, store: AsyncStore, owner: Owners
    ) -> None:
        """Ids, order, times, bytes, users and branches stay; the old owner keeps nothing. [I6]"""
        old, new = owner("old"), owner("new")
        await grown(owner("old", user="ann"))
        await grown(old, "2")
        await grown(new, "3")
        await old.keys.create("stays")
        came, there = await held(old), await held(new)
        assert await store.admin().transfer(old.owner_id, new.owner_id) == 4
        assert await held(old) == []
        assert [key.name async for key in old.keys.list()] == ["stays"]
        both = await held(new)
        assert Counter(map(repr, both)) == Counter(map(repr, [*came, *there]))
        assert [t.id async for t in owner("new", user="ann").threads.list()] == ["t"]
        # It goes on there as if nothing had been, and is found by what was there before.
        assert await new.messages.append("t", turns(1, 1)) == (await path(new, "t"))[:2]
        [last] = await new.messages.append("t", says("next"))
        assert (last.seq, last.parent_id) == (12, "r")
        assert (await new.runs.usage("t")).input_tokens == 7
        assert [span.id for span in await new.spans.tree("root2")] == ["root2", "leaf2"]

    async def test_all_of_it_becomes_one_users(self, store: AsyncStore, owner: Owners) -> None:
        """With `user` it is that user's, with None nobody's; the latest feedback counts. [I6]"""
        guest, home = owner("guest"), owner("home")
        await grown(owner("guest", user="anonymous"))
        await grown(guest, "2")
        await guest.feedback.set("t2", "u1", "negative", user="zoe")
        await guest.feedback.set("t2", "u1", "positive", user="bob")
        before = await held(guest, users=False)
        assert await store.admin().transfer(guest.owner_id, home.owner_id, user="ann") == 4
        ann = owner("home", user="ann")
        after = await held(ann, users=False)
        lost = Counter(map(repr, before)) - Counter(map(repr, after))
        assert lost.total() == 2
        assert all(one.startswith("Feedback") for one in lost)
        assert len(after) == len(before) - 2
        [kept] = await ann.feedback.list("t2")
        assert (kept.user_id, kept.kind, kept.comment) == ("ann", "positive", None)
        assert await store.admin().transfer(home.owner_id, guest.owner_id, user=None) == 4
        assert await held(owner("guest", user="ann")) == []
        assert all(getattr(one, "user_id", None) is None for one in await held(guest))

    async def test_a_taken_id_moves_nothing(self, store: AsyncStore, owner: Owners) -> None:
        """A conflict names the id, and leaves both owners as they were. [I6]"""
        old, new = owner("old"), owner("new")
        await grown(old)
        before = await held(old)
        takes: dict[str, Callable[[], Awaitable[Any]]] = {
            "t": lambda: new.threads.create("t"),
            "s": lambda: new.sessions.save("s"),
            "file": lambda: new.attachments.save("file", name="x", media_type="x"),
            "v": lambda: new.events.track([Event("x", id="v")]),
            "c": lambda: new.scores.create("x", type="numeric", value=0, score_id="c"),
            "leaf": lambda: new.spans.start("x", span_id="leaf"),
        }
        # The last one is the last that is looked at.
        for id_, take in reversed(takes.items()):
            await take()
            there = await held(new)
            with pytest.raises(ConflictError) as caught:
                await store.admin().transfer(old.owner_id, new.owner_id)
            assert (caught.value.reason, caught.value.id) == ("exists", id_)
            assert await held(old) == before
            assert await held(new) == there

    async def test_done_again_it_moves_nothing(self, store: AsyncStore, owner: Owners) -> None:
        """An owner with nothing has 0 threads to give, and so has one who is the other. [I6]"""
        old, new = owner("old"), owner("new")
        await grown(old)
        admin = store.admin()
        assert await admin.transfer(old.owner_id, old.owner_id, user="x") == 0
        assert await admin.transfer(old.owner_id, new.owner_id) == 2
        there = await held(new)
        assert await admin.transfer(old.owner_id, new.owner_id, user="x") == 0
        assert await held(new) == there
        for wrong in ("", "\0", None, "x" * 513, 7):
            with pytest.raises(InvalidError):
                await admin.transfer(wrong, new.owner_id)  # type: ignore[arg-type]
            with pytest.raises(InvalidError):
                await admin.transfer(new.owner_id, wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidError):
            await admin.transfer(old.owner_id, new.owner_id, user="")

    async def test_what_is_written_meanwhile_is_not_lost(
        self, store: AsyncStore, owner: Owners
    ) -> None:
        """What was acknowledged stands in one place: it came along, or the old owner has it. [I6]

        Appends, feedback, spans below others and removals, while it is handed over again and again.
        """
        traffic = Traffic(store, owner("old"), owner("new"))
        await traffic.prepare()
        writers = [traffic.write(name, create=name == "t0") for name in NAMES]
        done = await asyncio.gather(
            traffic.move(), traffic.remove(), *writers, *map(traffic.trace, NAMES)
        )
        assert good(done) == done
        assert len(traffic.said) > len(NAMES)
        there = await traffic.there()
        assert all(there[one] == 1 for one in traffic.said)

    async def test_a_run_does_not_go_on_under_the_old_owner(
        self, store: AsyncStore, owner: Owners
    ) -> None:
        """A turn whose thread was handed over has lost its run; what it said came along."""
        old, new = owner("old"), owner("new")

        async def late() -> None:
            async with old.turn("t", user("q"), exclusive=True) as turn:
                await store.admin().transfer(old.owner_id, new.owner_id)
                await turn.append(says("late"))

        with pytest.raises(ConflictError) as caught:
            await late()
        assert caught.value.reason == "run_lost"
        assert [m.id for m in await path(new, "t")] == ["q"]
        assert [t.id async for t in old.threads.list(status="all")] == []
        [run] = await new.runs.list("t")
        assert run.status == "running"
        assert run.lease_until - run.started_at > timedelta(seconds=60)
