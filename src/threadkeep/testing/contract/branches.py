"""The contract of branches: the tree, the head, and what removes from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, ids, path, says, system, turns, user, window
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError

if TYPE_CHECKING:
    from threadkeep.store import Owner
    from threadkeep.testing.contract.kit import Owners


async def branched(chat: Owner) -> None:
    """u1 a1 u2 a2 with b1 beside a1: u1 - (a1 - u2 - a2, b1 - v2), the head at v2."""
    await chat.messages.append("t", turns(1, 2))
    await chat.messages.append("t", [says("b1"), user("v2")], parent="u1")


async def head(chat: Owner) -> str | None:
    """The head."""
    return (await chat.threads.get("t")).head


class BranchesContract(Contract):
    """Siblings, heads, forks, deletes."""

    async def test_regenerate_and_edit_make_siblings(self, chat: Owner) -> None:
        """A message under an earlier parent opens a branch; both paths stay readable. [C10 D17]"""
        await branched(chat)
        assert ids(await path(chat, "t")) == ["u1", "b1", "v2"]
        assert ids(await path(chat, "t", leaf="a2")) == ["u1", "a1", "u2", "a2"]
        assert ids(await path(chat, "t", tree=True)) == ["u1", "a1", "u2", "a2", "b1", "v2"]
        assert ids(await chat.messages.siblings("t", "b1")) == ["a1", "b1"]
        assert ids(await chat.messages.siblings("t", "u2")) == ["u2"]
        await chat.messages.append("t", user("w1"), parent=None)
        assert ids(await chat.messages.siblings("t", "u1")) == ["u1", "w1"]
        assert ids(await path(chat, "t")) == ["w1"]
        assert await chat.messages.count("t") == 1
        assert await chat.messages.count("t", leaf="a2") == 4
        assert await chat.messages.count("t", tree=True) == 7

    async def test_turns_are_numbered_along_the_path(self, chat: Owner) -> None:
        """A turn's number is its parent's plus one where a turn starts, on each branch."""
        await branched(chat)
        assert [m.turn for m in await path(chat, "t")] == [1, 1, 2]
        assert [m.turn for m in await path(chat, "t", leaf="a2")] == [1, 1, 2, 2]
        assert (await chat.threads.get("t")).turns == 2
        await chat.threads.set_head("t", "b1")
        assert (await chat.threads.get("t")).turns == 1

    async def test_set_head_shows_another_branch(self, chat: Owner) -> None:
        """The head is taken as it is, leaf or not; appends go on from there. [D17]"""
        await branched(chat)
        thread = await chat.threads.set_head("t", "u2")
        assert (thread.head, thread.revision) == ("u2", 1)
        assert ids(await path(chat, "t")) == ["u1", "a1", "u2"]
        await chat.messages.append("t", says("c2"))
        assert ids(await chat.messages.siblings("t", "c2")) == ["a2", "c2"]
        with pytest.raises(NotFoundError) as caught:
            await chat.threads.set_head("t", "unknown")
        assert (caught.value.kind, caught.value.id) == ("message", "unknown")

    async def test_parents_and_leaves_must_be_known(self, chat: Owner) -> None:
        """An unknown parent or leaf is NotFoundError; so is a parent in an unknown thread."""
        await branched(chat)
        with pytest.raises(NotFoundError) as caught:
            await chat.messages.append("t", user("x"), parent="unknown")
        assert (caught.value.kind, caught.value.id) == ("message", "unknown")
        with pytest.raises(NotFoundError):
            await chat.messages.append("s", user("x"), parent="u1")
        with pytest.raises(NotFoundError):
            await chat.threads.get("s")
        for call in (
            chat.messages.list("t", leaf="unknown"),
            chat.messages.window("t", turns=1, leaf="unknown"),
            chat.messages.count("t", leaf="unknown"),
            chat.threads.fork("t", at="unknown"),
        ):
            with pytest.raises(NotFoundError):
                await call
        with pytest.raises(InvalidError):
            await chat.messages.list("t", tree=True, leaf="u1")

    async def test_an_expected_head_guards_an_append(self, chat: Owner) -> None:
        """A moved head is a conflict that names it, and writes nothing; None means no head.

        [C14]
        """
        await chat.messages.append("t", user("u1"), expected_head=None)
        await chat.messages.append("t", says("a1"), expected_head="u1")
        for stale in ("u1", None, "unknown"):
            with pytest.raises(ConflictError) as caught:
                await chat.messages.append("t", says("x"), expected_head=stale)
            assert (caught.value.reason, caught.value.head) == ("head_moved", "a1")
        assert ids(await path(chat, "t", tree=True)) == ["u1", "a1"]
        with pytest.raises(InvalidError):
            await chat.messages.append("t", says("x"), expected_head="a1", parent="a1")

    async def test_a_moved_head_can_make_a_sibling(self, chat: Owner) -> None:
        """With on_conflict="sibling" the batch lands beside what came first: nothing is lost."""
        await chat.messages.append("t", user("u1"))
        for name in ("a1", "b1", "c1"):
            await chat.messages.append("t", says(name), expected_head="u1", on_conflict="sibling")
        assert ids(await chat.messages.siblings("t", "a1")) == ["a1", "b1", "c1"]
        assert await head(chat) == "c1"
        with pytest.raises(NotFoundError):
            await chat.messages.append(
                "t", says("x"), expected_head="unknown", on_conflict="sibling"
            )

    async def test_delete_hands_the_children_to_the_parent(self, chat: Owner) -> None:
        """Removing an inner message keeps every branch below it readable. [C7]"""
        await branched(chat)
        assert await chat.messages.delete("t", "u1") is True
        assert await chat.messages.delete("t", "u1") is False
        assert ids(await path(chat, "t")) == ["b1", "v2"]
        assert ids(await path(chat, "t", leaf="a2")) == ["a1", "u2", "a2"]
        assert ids(await chat.messages.siblings("t", "a1")) == ["a1", "b1"]
        await chat.messages.delete("t", "u2")
        assert ids(await path(chat, "t", leaf="a2")) == ["a1", "a2"]
        assert (await chat.messages.get("t", "a2")).parent_id == "a1"
        assert (await chat.threads.get("t")).message_count == 4

    async def test_deleting_the_head_shows_its_parent(self, chat: Owner) -> None:
        """The head moves to the parent; deleting the last message leaves none."""
        await branched(chat)
        for wanted in ("b1", "u1", None):
            await chat.messages.delete("t", str(await head(chat)))
            assert await head(chat) == wanted
        assert await path(chat, "t") == []
        assert ids(await path(chat, "t", tree=True)) == ["a1", "u2", "a2"]
        await chat.messages.append("t", user("x"))
        assert ids(await path(chat, "t")) == ["x"]
        assert ids(await chat.messages.siblings("t", "x")) == ["a1", "x"]

    async def test_deletes_along_a_path_keep_the_rest_of_it(self, chat: Owner) -> None:
        """After deletes at the root, in the middle and before a branch, appends go on in order."""
        await chat.messages.append("t", turns(1, 4))
        for gone in ("u1", "a2", "u3"):
            await chat.messages.delete("t", gone)
        await chat.messages.append("t", turns(5, 5))
        await chat.messages.append("t", turns(6, 6), parent="u2")
        assert ids(await path(chat, "t")) == ["a1", "u2", "u6", "a6"]
        assert ids(await path(chat, "t", leaf="a5")) == ["a1", "u2", "a3", "u4", "a4", "u5", "a5"]
        assert ids(await path(chat, "t", leaf="a5", order="desc", limit=2))[:2] == ["a5", "u5"]
        wanted = ["u2", "a3", "u4", "a4", "u5", "a5"]
        assert await window(chat, "t", turns=3, leaf="a5") == wanted

    async def test_truncate_removes_one_branch(self, chat: Owner) -> None:
        """A message goes with all below it, other branches stay, the head moves if it must."""
        await branched(chat)
        assert await chat.messages.truncate("t", "a1") == 3
        assert await head(chat) == "v2"
        assert ids(await path(chat, "t", tree=True)) == ["u1", "b1", "v2"]
        assert await chat.messages.truncate("t", "b1") == 2
        assert await head(chat) == "u1"
        assert await chat.messages.truncate("t", "b1") == 0
        assert (await chat.threads.get("t")).message_count == 1
        assert await chat.messages.truncate("t", "u1") == 1
        assert await head(chat) is None

    async def test_truncate_takes_all_that_hangs_below(self, chat: Owner) -> None:
        """Branches of branches go with what they hang on, and only they."""
        await branched(chat)
        await chat.messages.append("t", [says("c2"), user("c3")], parent="u2")
        await chat.messages.append("t", says("d3"), parent="c2")
        assert await chat.messages.truncate("t", "u2") == 5
        assert ids(await path(chat, "t", tree=True)) == ["u1", "a1", "b1", "v2"]
        assert await head(chat) == "a1"

    async def test_pop_last_takes_the_head(self, chat: Owner) -> None:
        """The head is removed and returned; a head with children is a conflict."""
        await branched(chat)
        popped = await chat.messages.pop_last("t")
        assert popped is not None
        assert (popped.id, popped.parent_id, await head(chat)) == ("v2", "b1", "b1")
        await chat.messages.pop_last("t")
        with pytest.raises(ConflictError) as caught:
            await chat.messages.pop_last("t")
        assert (caught.value.reason, caught.value.head) == ("has_children", "u1")
        await chat.messages.truncate("t", "u1")
        assert await chat.messages.pop_last("t") is None

    async def test_replace_all_starts_anew_but_for_seq(self, chat: Owner) -> None:
        """All messages go, the new ones are one path; seq is never used twice."""
        await branched(chat)
        given = await chat.messages.replace_all("t", [system("s"), user("u1", "new")])
        assert [(m.id, m.seq, m.parent_id, m.turn) for m in given] == [
            ("s", 7, None, 0),
            ("u1", 8, "s", 1),
        ]
        assert await path(chat, "t", tree=True) == given
        assert await chat.messages.replace_all("t", []) == []
        thread = await chat.threads.get("t")
        assert (thread.head, thread.message_count, thread.turns) == (None, 0, 0)
        [last] = await chat.messages.append("t", user("x"))
        assert (last.seq, last.parent_id) == (9, None)
        with pytest.raises(InvalidError):
            await chat.messages.replace_all("t", [user("y"), user("y")])
        assert ids(await chat.messages.replace_all("new", user("m"))) == ["m"]

    @pytest.mark.parametrize(
        ("at", "wanted"),
        [(None, ["u1", "b1", "v2"]), ("a2", ["u1", "a1", "u2", "a2"]), ("u1", ["u1"])],
    )
    async def test_fork_copies_a_path(self, chat: Owner, at: Any, wanted: list[str]) -> None:
        """A fork holds the path with ids, contents and times; neither thread sees the other.

        [B18]
        """
        await chat.threads.create(
            "t", title="T", metadata={"k": 1}, external_id="e", format="x", payload="[ ]"
        )
        await branched(chat)
        before = await chat.threads.get("t")
        fork = await chat.threads.fork("t", "f", at=at)
        assert (fork.id, fork.title, fork.metadata, fork.json) == ("f", "T", {"k": 1}, "[ ]")
        assert (fork.head, fork.message_count, fork.revision) == (wanted[-1], len(wanted), 0)
        source = await path(chat, "t", leaf=wanted[-1])
        copied = await path(chat, "f")
        assert ids(copied) == wanted
        facts = [
            [(m.json, m.created_at, m.turn, m.tokens, m.parent_id) for m in ms]
            for ms in (copied, source)
        ]
        assert facts[0] == facts[1]
        assert [m.seq for m in copied] == list(range(1, len(wanted) + 1))
        assert await chat.threads.get("t") == before
        await chat.messages.append("f", user("x"))
        await chat.messages.delete("f", "u1")
        assert "x" not in ids(await path(chat, "t", tree=True))
        assert (await chat.messages.get("t", "u1")).text == "u1"

    async def test_fork_names(self, chat: Owner) -> None:
        """A fork has a title of its own if one is given, and an id that is free. [B18]"""
        await chat.threads.create("t", title="T")
        fork = await chat.threads.fork("t", title="Fork of T")
        assert (fork.title, fork.head, fork.message_count) == ("Fork of T", None, 0)
        assert (await chat.threads.fork("t", title=None)).title is None
        with pytest.raises(ConflictError) as caught:
            await chat.threads.fork("t", fork.id)
        assert caught.value.reason == "exists"

    async def test_many_branches_read_right(self, chat: Owner, owner: Owners) -> None:
        """Paths over many forks, each from the middle of the last, are put together in order."""
        await chat.messages.append("t", turns(1, 3))
        wanted = ids(turns(1, 3))
        for n in range(20):
            at = len(wanted) - 3
            batch = [user(f"x{n}-{k}") for k in range(4)]
            await chat.messages.append("t", batch, parent=wanted[at])
            wanted = [*wanted[: at + 1], *ids(batch)]
        assert ids(await path(chat, "t", limit=3)) == wanted
        assert ids(await path(chat, "t", limit=3, order="desc")) == wanted[::-1]
        assert await window(chat, "t", turns=7) == wanted[-7:]
        assert await chat.messages.count("t") == len(wanted)
        again = owner("chat")
        assert ids((await again.messages.list("t", last=5)).items) == wanted[-5:]
