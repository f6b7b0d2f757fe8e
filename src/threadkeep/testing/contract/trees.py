"""The contract of trees: the head of a page, how deep messages stand, where branches end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadkeep.testing.contract.kit import Contract, ids, path, says, turns, user
from threadkeep.testing.contract.lossless import FEW
from threadkeep.values.errors import InvalidError, NotFoundError
from threadkeep.values.ids import new_id

if TYPE_CHECKING:
    from threadkeep.store import Owner

# A change of a thread: an append under the head, or under a message of this number, or a removal.
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["append", "under", "under", "root", "delete", "head"]),
        st.integers(0, 30),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=14,
)


async def grow(chat: Owner, thread: str, changes: list[tuple[str, int, int]]) -> None:
    """Make the changes, as far as there is a message to make them to."""
    await chat.threads.create(thread)
    made = 0
    there: list[str] = []
    for what, at, number in changes:
        if what in ("append", "under", "root"):
            batch = [user(f"m{made + n}") for n in range(number)]
            made += number
            where: dict[str, Any] = {}
            if what == "root":
                where = {"parent": None}
            elif what == "under" and there:
                where = {"parent": there[at % len(there)]}
            await chat.messages.append(thread, batch, **where)
            there += ids(batch)
        elif there and what == "delete":
            await chat.messages.delete(thread, there.pop(at % len(there)))
        elif there:
            await chat.threads.set_head(thread, there[at % len(there)])


class TreesContract(Contract):
    """Page.head, depths, leaf."""

    @FEW
    @given(CHANGES)
    async def test_depths_and_leaves_are_those_of_the_tree(
        self, chat: Owner, changes: list[tuple[str, int, int]]
    ) -> None:
        """They are what a walk from child to parent finds, after any appends and removals."""
        thread = new_id()
        await grow(chat, thread, changes)
        page = await chat.messages.list(thread, tree=True, limit=1000)
        parents = {str(m.id): m.parent_id for m in page.items}
        paths: dict[str, list[str]] = {}
        for id_, parent in parents.items():
            paths[id_] = [*paths.get(str(parent), []), id_]
        depths = {id_: len(above) - 1 for id_, above in paths.items()}
        assert await chat.messages.depths(thread, parents) == depths
        some = [*list(parents)[::3], "unknown"]
        assert await chat.messages.depths(thread, some) == {id_: depths[id_] for id_ in some[:-1]}
        for id_ in parents:
            newest = [other for other, above in paths.items() if id_ in above][-1]
            assert await chat.messages.leaf(thread, id_) == newest
        head = (await chat.threads.get(thread)).head
        assert page.head == head
        leaf = None if head is None else await chat.messages.leaf(thread, head)
        assert await chat.messages.leaf(thread) == leaf

    async def test_a_page_of_a_tree_tells_the_head(self, chat: Owner) -> None:
        """Each page of a tree has it, filtered, empty or native too; that of a path has none."""
        await chat.messages.append("t", turns(1, 4))
        await chat.messages.append("t", says("b"), parent="u2")
        await chat.threads.set_head("t", "a3")
        wholes: list[dict[str, Any]] = [
            {},
            {"limit": 2},
            {"order": "desc", "limit": 1},
            {"since": 99},
            {"last": 2},
            {"roles": ["user"]},
            {"roles": ["system"]},
            {"order_by": "created_at", "last": 1},
            {"order_by": "created_at", "order": "desc", "after": "u1"},
            {"dialect": "openai-chat"},
            {"archived_sessions": False, "offset": 99},
        ]
        for which in wholes:
            assert (await chat.messages.list("t", tree=True, **which)).head == "a3", which
        first = await chat.messages.list("t", tree=True, limit=4)
        rest = await chat.messages.list("t", tree=True, limit=4, cursor=first.next)
        assert (rest.head, ids(rest.items)) == ("a3", ["u3", "a3", "u4", "a4"])
        parts: list[dict[str, Any]] = [{}, {"roles": ["user"]}, {"leaf": "b"}, {"last": 1}]
        for which in parts:
            assert (await chat.messages.list("t", **which)).head is None, which
        await chat.threads.create("empty")
        for name in ("empty", "unknown"):
            page = await chat.messages.list(name, tree=True)
            assert (page.head, page.items, page.next) == (None, (), None)
            assert (await chat.messages.list(name, tree=True, roles=["user"])).items == ()
            assert await chat.messages.depths(name, ["m"]) == {}
            assert await chat.messages.leaf(name) is None
            with pytest.raises(NotFoundError):
                await chat.messages.leaf(name, "m")
        assert await path(chat, "unknown", roles=["user"]) == []

    async def test_wrong_ids_are_refused(self, chat: Owner) -> None:
        """Ids must be ids, several, and at most 1000."""
        await chat.messages.append("t", user("m"))
        wrong: list[Any] = ["m", b"m", 7, [""], ["m", None], [str(n) for n in range(1001)]]
        for message_ids in wrong:
            with pytest.raises(InvalidError):
                await chat.messages.depths("t", message_ids)
        with pytest.raises(InvalidError):
            await chat.messages.depths("", [])
        with pytest.raises(InvalidError):
            await chat.messages.leaf("t", "")
        assert await chat.messages.depths("t", []) == {}
        assert await chat.messages.depths("t", iter(["m", "m"])) == {"m": 0}
