"""The contract of concurrency: nothing twice, nothing lost, one order."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, ids, path, says, turns, user
from threadkeep.values.errors import ConflictError, NotFoundError
from threadkeep.values.message import Message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from threadkeep.store import AsyncStore, Owner


async def at_once(calls: Iterable[Awaitable[Any]]) -> list[Any]:
    """What the calls give or raise, made all at once."""
    return await asyncio.gather(*calls, return_exceptions=True)


def good(answers: list[Any]) -> list[Any]:
    """The answers that are no errors."""
    return [answer for answer in answers if not isinstance(answer, BaseException)]


def conflicts(answers: list[Any]) -> list[str]:
    """The reasons of the conflicts; any other error fails here."""
    errors = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(error, ConflictError) for error in errors), errors
    return [error.reason for error in errors if isinstance(error, ConflictError)]


class ConcurrencyContract(Contract):
    """Races of appends, creations, updates and removals."""

    async def test_fifty_appenders_leave_no_gap(self, chat: Owner) -> None:
        """50 writers on one thread: no gap, no duplicate, batches stay together, one path.

        [B17 C9]
        """
        await chat.threads.create("t")

        async def write(name: int) -> None:
            for n in range(4):
                batch = [user(f"{name}-{n}-{k}") for k in range(3)]
                assert ids(await chat.messages.append("t", batch)) == ids(batch)

        await asyncio.gather(*(write(name) for name in range(50)))
        stored = await path(chat, "t", limit=1000)
        assert [m.seq for m in stored] == list(range(1, 601))
        assert [m.parent_id for m in stored[1:]] == ids(stored)[:-1]
        starts = ids(stored)[::3]
        assert ids(stored) == [f"{s[:-1]}{k}" for s in starts for k in range(3)]
        assert [m.turn for m in stored] == list(range(1, 601))
        assert (await chat.threads.get("t")).message_count == 600

    async def test_the_first_messages_of_a_thread_race(self, chat: Owner) -> None:
        """Many first appends make one thread, and all of them land. [B3]"""
        for n in range(5):
            given = await at_once(chat.messages.append(f"t{n}", user(f"m{k}")) for k in range(10))
            assert conflicts(given) == []
            assert sorted(ids(await path(chat, f"t{n}"))) == sorted(f"m{k}" for k in range(10))
        assert await chat.threads.count() == 5

    async def test_get_or_create_makes_one_thread(self, chat: Owner) -> None:
        """50 concurrent get-or-creates give one thread; of plain creates one wins. [B20]"""
        given = await at_once(chat.threads.create("t", exist_ok=True) for _ in range(50))
        assert conflicts(given) == []
        assert all(thread == given[0] for thread in given)
        made = await at_once(chat.threads.create("s", title=str(n)) for n in range(20))
        assert len(good(made)) == 1
        assert conflicts(made) == ["exists"] * 19
        assert await chat.threads.get("s") == good(made)[0]

    async def test_the_same_message_two_hundred_times(self, chat: Owner) -> None:
        """The same id with the same content at once: one row, and the same answer for all. [C4]"""
        sent = Message.user("same", id="m")
        given = await at_once(chat.messages.append("t", sent) for _ in range(200))
        assert conflicts(given) == []
        assert all(answer == given[0] for answer in given)
        [stored] = await path(chat, "t", tree=True)
        assert (stored.seq, stored.parent_id) == (1, None)
        assert (await chat.threads.get("t")).message_count == 1

    async def test_one_id_with_many_contents(self, chat: Owner) -> None:
        """Of different contents under one id the first is stored, the others are conflicts."""
        given = await at_once(chat.messages.append("t", user("m", str(n))) for n in range(20))
        assert conflicts(given) == ["message_differs"] * 19
        assert await path(chat, "t") == good(given)[0]

    async def test_batches_that_overlap(self, chat: Owner) -> None:
        """A batch and its longer form sent at once, many times, leave one chain."""
        for n in range(5):
            thread = f"t{n}"
            given = await at_once(
                chat.messages.append(thread, turns(1, 1 + k % 3)) for k in range(12)
            )
            assert conflicts(given) == []
            stored = await path(chat, thread, tree=True)
            assert ids(stored) == ids(turns(1, 3))
            assert all(answer == stored[: len(answer)] for answer in given)
            assert all(b.parent_id == a.id for a, b in pairwise(stored))

    async def test_one_of_many_expected_heads_wins(self, chat: Owner) -> None:
        """With the same expected head one append lands; as siblings all of them do. [C14]"""
        await chat.messages.append("t", user("u"))
        given = await at_once(
            chat.messages.append("t", says(f"a{n}"), expected_head="u") for n in range(10)
        )
        assert conflicts(given) == ["head_moved"] * 9
        [won] = good(given)
        assert await path(chat, "t", tree=True) == [*(await path(chat, "t", leaf="u")), *won]
        given = await at_once(
            chat.messages.append("t", says(f"b{n}"), expected_head="u", on_conflict="sibling")
            for n in range(10)
        )
        assert conflicts(given) == []
        assert len(await chat.messages.siblings("t", "b0")) == 11

    @pytest.mark.parametrize("way", ["delete", "delete_many", "truncate"])
    async def test_nothing_hangs_on_a_message_that_goes(self, chat: Owner, way: str) -> None:
        """What is sent under a message while that is removed goes with it, or to its parent."""
        await chat.messages.append("t", [user("root"), says("a")])

        async def remove(n: int) -> Any:
            if way == "delete_many":
                return await chat.messages.delete_many("t", metadata={"n": n})
            return await getattr(chat.messages, way)("t", f"m{n}")

        async with chat.turn("t") as turn:
            for n in range(15):
                gone = Message.of("user", "m", id=f"m{n}", metadata={"n": n})
                await chat.messages.append("t", gone, parent="a")
                removed, *sent = await at_once(
                    [
                        remove(n),
                        chat.messages.append("t", says(f"x{n}"), parent=gone.id),
                        turn.append(says(f"y{n}"), parent=gone.id),
                    ]
                )
                assert removed >= 1
                for given in sent:
                    if isinstance(given, BaseException):
                        assert isinstance(given, NotFoundError)
                        assert (given.kind, given.id) == ("message", gone.id)
        tree = await path(chat, "t", tree=True)
        assert {m.parent_id for m in tree if m.id not in ("root", "a")} <= {"a"}
        for m in tree[2:]:
            assert ids(await path(chat, "t", leaf=m.id)) == ["root", "a", m.id]
        assert (await chat.threads.get("t")).message_count == len(tree)

    async def test_a_parent_may_go_with_its_thread(self, chat: Owner) -> None:
        """An append under a message of a thread that is deleted at once lands, or is NotFound."""
        for n in range(15):
            thread = f"t{n}"
            await chat.messages.append(thread, turns(1, 3))
            deleted, *sent = await at_once(
                [
                    chat.threads.delete(thread),
                    chat.messages.append(thread, user("x"), parent="u1"),
                    chat.messages.append(thread, user("y"), parent="a2"),
                    chat.messages.append(thread, user("z"), expected_head="a3"),
                ]
            )
            assert deleted is True
            for given in sent:
                assert isinstance(given, (list, NotFoundError, ConflictError)), given
            assert await path(chat, thread, tree=True) == []

    async def test_concurrent_merges_both_survive(self, chat: Owner) -> None:
        """Merge patches of different members made at once are all there afterwards. [H2]"""
        await chat.threads.create("t", metadata={"deep": {}})
        given = await at_once(
            chat.threads.update("t", metadata={f"k{n}": n, "deep": {f"d{n}": n}}) for n in range(20)
        )
        assert conflicts(given) == []
        thread = await chat.threads.get("t")
        wanted: dict[str, Any] = {f"k{n}": n for n in range(20)}
        assert thread.metadata == {**wanted, "deep": {f"d{n}": n for n in range(20)}}
        assert thread.revision == 20
        assert sorted(t.revision for t in given) == list(range(1, 21))

    async def test_one_of_many_expected_revisions_wins(self, chat: Owner) -> None:
        """Of updates that expect the same revision one is made."""
        await chat.threads.create("t")
        given = await at_once(
            chat.threads.update("t", title=str(n), expected_revision=0) for n in range(10)
        )
        assert conflicts(given) == ["revision_moved"] * 9
        assert await chat.threads.get("t") == good(given)[0]

    async def test_pops_take_different_messages(self, chat: Owner) -> None:
        """Concurrent pops never return the same message, and none is lost."""
        await chat.messages.append("t", turns(1, 10))
        popped = await at_once(chat.messages.pop_last("t") for _ in range(12))
        assert conflicts(popped) == []
        rest = ids(await path(chat, "t"))
        assert sorted([*ids(m for m in popped if m), *rest]) == sorted(ids(turns(1, 10)))
        assert len(rest) == 8

    async def test_deletes_race_with_appends(self, chat: Owner) -> None:
        """Whatever is deleted while others append, the rest stays one path in order."""
        await chat.messages.append("t", turns(1, 20))
        gone = [f"a{n}" for n in range(1, 21)]
        given = await at_once(
            call
            for n, name in enumerate(gone)
            for call in (
                chat.messages.delete("t", name),
                chat.messages.append("t", user(f"new{n}")),
            )
        )
        assert conflicts(given) == []
        stored = await path(chat, "t")
        assert stored == await path(chat, "t", tree=True)
        assert not {*ids(stored)} & {*gone}
        assert len(stored) == 40
        assert [m.seq for m in stored] == sorted(m.seq or 0 for m in stored)

    async def test_truncate_and_replace_race_with_appends(self, chat: Owner) -> None:
        """Removing much while others append leaves a thread that agrees with itself."""
        for n in range(6):
            thread = f"t{n}"
            await chat.messages.append(thread, turns(1, 3))
            given = await at_once(
                [
                    chat.messages.truncate(thread, "u2"),
                    chat.messages.replace_all(thread, turns(4, 5)),
                    *(chat.messages.append(thread, user(f"m{k}")) for k in range(6)),
                ]
            )
            assert conflicts(given) == []
            info = await chat.threads.get(thread)
            stored = await path(chat, thread, tree=True)
            assert info.message_count == len(stored)
            shown = ids(await path(chat, thread))
            assert (info.head, {*shown} <= {*ids(stored)}) == (shown[-1], True)

    async def test_deleted_threads_race_with_appends(self, chat: Owner) -> None:
        """An append either lands in the old thread or makes a new one; no half thread is left."""
        for n in range(6):
            thread = f"t{n}"
            await chat.messages.append(thread, user("first"))
            given = await at_once(
                [
                    chat.threads.delete(thread),
                    *(chat.messages.append(thread, turns(k, k)) for k in range(4)),
                ]
            )
            assert conflicts(given) == []
            stored = await path(chat, thread, tree=True)
            try:
                count = (await chat.threads.get(thread)).message_count
            except NotFoundError:
                count = 0
            assert count == len(stored)
            assert "first" not in ids(stored)

    async def test_writers_of_two_threads_do_not_wait_for_ever(
        self, chat: Owner, store: AsyncStore
    ) -> None:
        """Many kinds of calls on two threads at once come to an end without a deadlock. [B17]"""
        again = store.owner(chat.owner_id)
        for thread in ("a", "b"):
            await chat.messages.append(thread, turns(1, 5))
        calls: list[Awaitable[Any]] = []
        for n in range(15):
            one, two = ("a", "b") if n % 2 else ("b", "a")
            calls += [
                chat.messages.append(one, turns(10 + n, 10 + n)),
                again.messages.update(two, "u1", user("u1", str(n))),
                again.threads.update(one, metadata={str(n): 1}),
                chat.threads.fork(two, f"f{n}"),
                chat.messages.window(one, turns=3),
                again.threads.set_head(two, "u3"),
            ]
        given = await asyncio.wait_for(at_once(calls), timeout=60)
        assert conflicts(given) == []
        assert [await chat.messages.count(t, tree=True) for t in ("a", "b")] == [24, 26]
