"""The contract of bulk calls: many threads at once, and what is removed by what it is."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadkeep.testing.contract.kit import (
    Contract,
    asks,
    ids,
    path,
    says,
    tells,
    turns,
    user,
    window,
)
from threadkeep.testing.contract.lossless import FEW
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import new_id
from threadkeep.values.message import Message, Role

if TYPE_CHECKING:
    from threadkeep.store import Owner
    from threadkeep.testing.contract.kit import Owners

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


async def everything(chat: Owner) -> dict[str, list[tuple[Any, ...]]]:
    """What each thread holds, with where it stands in the tree."""
    return {
        thread.id: [
            (m.id, m.json, m.seq, m.parent_id, m.turn, m.tokens, m.status, m.metadata, m.session)
            for m in await path(chat, thread.id, tree=True)
        ]
        async for thread in chat.threads.list(status="all")
    }


async def looks(chat: Owner, thread: str) -> list[Any]:
    """All that a thread shows: its head, its tree, and each path and window of it."""
    found = await chat.threads.get(thread)
    tree = await path(chat, thread, tree=True)
    seen: list[Any] = [found.head, found.message_count, found.turns]
    seen += [(m.id, m.parent_id, m.seq, m.turn) for m in tree]
    for leaf in [None, *ids(tree)]:
        seen.append(ids(await path(chat, thread, leaf=leaf)))
        some: list[dict[str, Any]] = [{"turns": 2}, {"messages": 3}, {"tokens": 40}]
        for which in some:
            seen.append(await window(chat, thread, leaf=leaf, **which))
    return seen


class BulkContract(Contract):
    """append_many and delete_many."""

    async def test_many_threads_at_once_are_as_one_after_the_other(
        self, chat: Owner, owner: Owners
    ) -> None:
        """Each thread holds what single appends would have given it, in order. [J1]"""
        head = Message.of("user", "w", id="w", metadata={"k": 1}, status="failed", session="s")
        batches = {
            "new": turns(1, 2),
            "known": [asks("c1", "x"), tells("r1", "x"), says("end")],
            "empty": user("one"),
            "branched": [head],
        }
        single = owner("single")
        for one in (chat, single):
            await one.messages.append("known", turns(1, 1))
            await one.threads.create("empty")
            await one.messages.append("branched", turns(1, 2))
            await one.messages.append("branched", says("b"), parent="u1")
            await one.threads.set_head("branched", "a1")
        stored = await chat.messages.append_many(batches)
        for thread, items in batches.items():
            await single.messages.append(thread, items)
        assert list(stored) == list(batches)
        assert await everything(chat) == await everything(single)
        for thread, messages in stored.items():
            assert messages == await path(chat, thread, last=len(messages))
            assert await looks(chat, thread) == await looks(single, thread)

    async def test_a_thread_may_come_again(self, chat: Owner) -> None:
        """Of pairs with one thread the items follow each other; native items are kept verbatim."""
        text = '{ "role": "user", "parts": [], "id": "m1", "twice": 1, "twice": 2, "n": 1e400 }'
        pairs = [("t", text), ("s", [text]), ("t", [text.replace("m1", "m2")])]
        stored = await chat.messages.append_many(pairs, dialect="threadkeep")
        assert {thread: ids(messages) for thread, messages in stored.items()} == {
            "t": ["m1", "m2"],
            "s": ["m1"],
        }
        assert stored["t"][0].json == text
        assert await path(chat, "t") == stored["t"]

    async def test_a_count_is_enough(self, chat: Owner) -> None:
        """With count_only the answer is how many messages there are, then and in a replay. [J1]"""
        batches = {f"t{n}": turns(1, n) for n in range(1, 4)}
        assert await chat.messages.append_many(batches, count_only=True) == 12
        assert await chat.messages.append_many(batches, count_only=True) == 12
        assert await chat.threads.count() == 3
        assert await chat.messages.append_many({}, count_only=True) == 0

    async def test_large_batches_go_in_pieces_and_keep_their_order(self, chat: Owner) -> None:
        """What one statement does not hold goes in several, in order, in one transaction.

        [J1 seed 004 defect 11]
        """
        batches = {
            "b": [user(f"b{n}", "x") for n in range(6_000)],
            "a": [user("a1", "y" * (5 << 20)), says("a2", "z" * (5 << 20))],
            "c": [user("c1")],
        }
        stored = await chat.messages.append_many(batches)
        assert ids(stored["b"]) == [f"b{n}" for n in range(6_000)]
        assert [m.seq for m in stored["b"]] == list(range(1, 6_001))
        assert [m.parent_id for m in stored["b"][1:]] == ids(stored["b"])[:-1]
        assert [m.turn for m in stored["b"]] == list(range(1, 6_001))
        assert ids(await path(chat, "b", limit=1000)) == ids(stored["b"])
        assert [len(m.json) for m in await path(chat, "a")] == [len(m.json) for m in stored["a"]]
        with pytest.raises(ConflictError):
            await chat.messages.append_many({**batches, "d": user("d"), "c": user("c1", "other")})
        assert await chat.threads.count() == 3

    async def test_nothing_is_sent_that_cannot_be_stored(self, chat: Owner) -> None:
        """Wrong arguments are errors before anything is written; nothing to store is no call."""
        assert await chat.messages.append_many({}) == {}
        assert await chat.messages.append_many({"t": []}) == {"t": []}
        wrong: list[Any] = [
            {"t": [user("m"), user("m")]},
            [("t", user("m")), ("t", user("m"))],
            [("t", user("m"), 1)],
            ["t"],
            {"": user("m")},
            {"s": user("n"), "t": ["no message"]},
        ]
        for batches in wrong:
            with pytest.raises(InvalidError):
                await chat.messages.append_many(batches)
        flag: Any = 1
        with pytest.raises(InvalidError):
            await chat.messages.append_many({"t": user("m")}, force=flag)
        assert await chat.threads.count() == 0

    async def test_again_stores_nothing_twice(self, chat: Owner) -> None:
        """The same call answers with the same rows, and one that has grown stores the rest."""
        batches = {"t": turns(1, 2), "s": turns(1, 1)}
        first = await chat.messages.append_many(batches)
        assert await chat.messages.append_many(batches) == first
        grown = {"s": turns(1, 3), "t": turns(1, 2), "new": [user("n")]}
        stored = await chat.messages.append_many(grown)
        assert {thread: ids(messages) for thread, messages in stored.items()} == {
            thread: ids(messages) for thread, messages in grown.items()
        }
        assert stored["t"] == first["t"]
        assert stored["s"][:2] == first["s"]
        assert [(m.seq, m.parent_id, m.turn) for m in stored["s"]] == [
            *((1, None, 1), (2, "u1", 1), (3, "a1", 2), (4, "u2", 2), (5, "a2", 3), (6, "u3", 3)),
        ]
        assert await path(chat, "s") == stored["s"]

    async def test_a_conflict_in_one_thread_stores_nothing(self, chat: Owner) -> None:
        """Where one batch cannot be stored, none is, and the error says why as append does. [J1]"""
        await chat.messages.append("t", turns(1, 2))
        await chat.messages.append("t", says("other"), parent="u1")
        before = await everything(chat)
        wrong: list[tuple[list[Message], str]] = [
            ([user("u1", "changed")], "message_differs"),
            ([user("new"), user("u1")], "message_order"),
            ([user("u1"), says("other"), user("a2")], "message_differs"),
            ([user("u1"), user("u2")], "message_order"),
            ([*turns(1, 2), user("new")], "head_moved"),
        ]
        for batch, reason in wrong:
            with pytest.raises(ConflictError) as caught:
                await chat.messages.append_many({"a": user("x"), "t": batch, "z": user("x")})
            assert caught.value.reason == reason
            assert await everything(chat) == before
        with pytest.raises(ConflictError) as moved:
            await chat.messages.append_many({"t": [*turns(1, 2), user("new")]})
        assert moved.value.head == "other"

    async def test_locked_threads_take_nothing(self, chat: Owner) -> None:
        """One locked or closed thread refuses the whole call, but with force; a replay is none."""
        await chat.messages.append("t", user("m"))
        await chat.threads.update("t", access="locked")
        with pytest.raises(ConflictError) as caught:
            await chat.messages.append_many({"s": user("m"), "t": user("n")})
        assert (caught.value.reason, caught.value.id) == ("thread_locked", "t")
        assert await chat.threads.count() == 1
        again = await chat.messages.append_many({"t": user("m")})
        assert ids(again["t"]) == ["m"]
        await chat.messages.append("t", says("over"), force=True)
        grown = {"t": [user("m"), user("n")]}
        for call in (chat.messages.append_many(grown), chat.messages.append("t", grown["t"])):
            with pytest.raises(ConflictError) as caught:
                await call
            assert (caught.value.reason, caught.value.id) == ("thread_locked", "t")
        await chat.messages.delete("t", "over")
        await chat.threads.update("t", access="closed")
        await chat.messages.append_many({"s": user("m"), "t": user("n")}, force=True)
        assert ids(await path(chat, "t")) == ["m", "n"]

    async def test_what_is_stored_already_is_not_refused(self, owner: Owners) -> None:
        """The error names the thread that takes nothing, not one whose messages are all there."""
        ann, bob = owner("a", user="ann"), owner("a", user="bob")
        await ann.messages.append_many({thread: user("m") for thread in ("a", "l")})
        for thread in ("a", "l"):
            await ann.threads.update(thread, access="locked")
        await bob.messages.append("t", user("m"))
        with pytest.raises(ConflictError) as caught:
            await ann.messages.append_many({"a": user("m"), "l": user("n")})
        assert (caught.value.reason, caught.value.id) == ("thread_locked", "l")
        with pytest.raises(NotFoundError) as unknown:
            await ann.messages.append_many({"a": user("m"), "t": user("n")})
        assert (unknown.value.kind, unknown.value.id) == ("thread", "t")

    async def test_a_thread_of_another_user_stores_nothing(self, owner: Owners) -> None:
        """A foreign thread is not found, and what else the call had is not stored. [J1]"""
        ann, bob = owner("a", user="ann"), owner("a", user="bob")
        await ann.messages.append("t", user("m"))
        for batch in (user("m"), user("n")):
            with pytest.raises(NotFoundError) as caught:
                await bob.messages.append_many({"s": user("m"), "t": batch})
            assert (caught.value.kind, caught.value.id) == ("thread", "t")
        assert await bob.threads.count() == 0
        stored = await bob.messages.append_many({"s": user("m")})
        assert ids(stored["s"]) == ["m"]
        assert (await owner("a").threads.get("s")).user_id == "bob"

    async def test_calls_at_once_neither_lose_nor_block_each_other(self, chat: Owner) -> None:
        """Calls over the same threads in any order all land, and no two messages are mixed up."""
        threads = [f"t{n}" for n in range(6)]
        calls = [
            chat.messages.append_many(
                {
                    thread: [user(f"{n}u"), says(f"{n}a")]
                    for thread in (threads if n % 2 else threads[::-1])
                }
            )
            for n in range(8)
        ]
        single = [chat.messages.append(thread, user(f"single {thread}")) for thread in threads]
        await asyncio.gather(*calls, *single)
        for thread in threads:
            found = ids(await path(chat, thread))
            assert len(found) == 17
            for n in range(8):
                at = found.index(f"{n}u")
                assert found[at + 1] == f"{n}a"

    async def test_the_same_call_twice_at_once_is_one(self, chat: Owner) -> None:
        """Two that store the same messages at once both get the stored ones, each once."""
        batches = {f"t{n}": turns(1, 3) for n in range(5)}
        one, other = await asyncio.gather(
            chat.messages.append_many(batches), chat.messages.append_many(dict([*batches.items()]))
        )
        assert one == other
        assert [len(await path(chat, thread)) for thread in batches] == [6] * 5

    # delete_many

    async def test_what_is_older_goes(self, chat: Owner) -> None:
        """Messages created before the time go; one created at that very moment stays. [J2]"""
        for n in range(4):
            at = NOON + timedelta(minutes=n)
            await chat.messages.append("t", user(f"m{n}"), created_at=at)
        bound = NOON + timedelta(minutes=2)
        assert await chat.messages.delete_many("t", older_than=bound, dry_run=True) == 2
        assert await chat.messages.count("t") == 4
        assert await chat.messages.delete_many("t", older_than=bound) == 2
        assert ids(await path(chat, "t")) == ["m2", "m3"]
        assert (await chat.messages.get("t", "m2")).parent_id is None
        assert await chat.messages.delete_many("t", older_than=bound) == 0

    async def test_what_matches_goes_from_each_thread(self, chat: Owner) -> None:
        """Roles, metadata and age must all fit; each thread counts once, unknown ones not. [J2]"""
        for thread in ("s", "t"):
            tagged = Message.of("assistant", "x", id="x", metadata={"k": 1, "l": 2})
            await chat.messages.append(thread, [*turns(1, 2), tagged])
        some = ["s", "unknown", "t", "s"]
        delete = chat.messages.delete_many
        assert await delete(some, metadata={"k": 1}, roles=["user"]) == 0
        assert await delete(some, metadata={"k": 2}, dry_run=True) == 0
        assert await delete(some, metadata={"k": 1}, roles=["user", "assistant"]) == 2
        assert await delete((one for one in some), roles=["assistant"], dry_run=True) == 4
        assert await delete(some, roles=["assistant"]) == 4
        assert ids(await path(chat, "s")) == ids(await path(chat, "t")) == ["u1", "u2"]
        with pytest.raises(NotFoundError):
            await chat.threads.get("unknown")

    async def test_without_a_filter_a_thread_is_cleared(self, chat: Owner) -> None:
        """All messages go and are counted; the thread stays, and seq goes on. [C8]"""
        await chat.messages.append("t", turns(1, 2))
        await chat.messages.append("t", says("b"), parent="u1")
        thread = await chat.threads.update("t", title="T")
        assert await chat.messages.delete_many("t") == 5
        cleared = await chat.threads.get("t")
        assert (cleared.head, cleared.message_count, cleared.turns) == (None, 0, 0)
        assert (cleared.title, cleared.revision) == ("T", thread.revision)
        assert await chat.messages.delete_many("t") == 0
        [m] = await chat.messages.append("t", user("again"))
        assert (m.seq, m.parent_id, m.turn) == (6, None, 1)

    async def test_wrong_choices_remove_nothing(self, chat: Owner) -> None:
        """What is no role, time, metadata or id is an InvalidError before anything is removed."""
        await chat.messages.append("t", turns(1, 1))
        naive = datetime(2025, 1, 1)  # noqa: DTZ001
        wrong: list[dict[str, Any]] = [
            {"roles": []},
            {"roles": "user"},
            {"roles": ["nobody"]},
            {"older_than": naive},
            {"metadata": [1]},
            {"dry_run": 1},
        ]
        for which in wrong:
            with pytest.raises(InvalidError):
                await chat.messages.delete_many("t", **which)
        with pytest.raises(InvalidError):
            await chat.messages.delete_many(["t", ""])
        assert await chat.messages.count("t") == 2

    @FEW
    @given(st.data())
    async def test_many_deletes_are_as_one_by_one(self, chat: Owner, data: st.DataObject) -> None:
        """On any tree what single deletes in any order leave is left, and goes on so. [J2]"""
        one, other = new_id(), new_id()
        known: list[str | None] = [None]
        for _ in range(data.draw(st.integers(1, 7))):
            parent = data.draw(st.sampled_from(known))
            batch = []
            for _ in range(data.draw(st.integers(1, 4))):
                id_ = f"m{len(known)}"
                known.append(id_)
                role: Role = data.draw(st.sampled_from(["user", "assistant"]))
                marked = data.draw(st.booleans())
                batch.append(Message.of(role, id_, id=id_, metadata={"gone": marked}))
            for thread in (one, other):
                await chat.messages.append(thread, batch, parent=parent)
        head = data.draw(st.sampled_from(known[1:]))
        for thread in (one, other):
            await chat.threads.set_head(thread, str(head))
        tree = await path(chat, one, tree=True)
        gone = [str(m.id) for m in tree if (m.metadata or {})["gone"]]
        assert await chat.messages.delete_many(one, metadata={"gone": True}) == len(gone)
        for id_ in data.draw(st.permutations(gone)):
            await chat.messages.delete(other, id_)
        assert await looks(chat, one) == await looks(chat, other)
        for thread in (one, other):
            await chat.messages.append(thread, turns(1, 1))
        assert await looks(chat, one) == await looks(chat, other)

    async def test_a_long_thread_is_pruned_in_pieces(self, chat: Owner) -> None:
        """More than one statement removes leave the same: the branch hangs on what is left. [J2]"""
        long = [user(f"m{n}") for n in range(5_200)]
        await chat.messages.append_many({"t": [says("root"), *long, says("end")]}, count_only=True)
        await chat.messages.append("t", says("branch"), parent="m5100")
        await chat.threads.set_head("t", "m4999")
        assert await chat.messages.delete_many("t", roles=["user"]) == 5_200
        thread = await chat.threads.get("t")
        assert (thread.head, thread.message_count) == ("root", 3)
        assert ids(await path(chat, "t", leaf="end")) == ["root", "end"]
        assert ids(await path(chat, "t", leaf="branch")) == ["root", "branch"]
        assert ids(await chat.messages.siblings("t", "end")) == ["end", "branch"]
