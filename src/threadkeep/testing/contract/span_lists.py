"""The contract of finding spans: trees, lists, whose they are, and what deleting takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, items, user, walk, walk_back
from threadkeep.testing.contract.span_kit import (
    MINUTE,
    NOON,
    STATUSES,
    TYPES,
    chance,
    listed,
    many,
    refused,
    unknown,
)
from threadkeep.values.errors import InvalidCursorError, InvalidError
from threadkeep.values.run import Usage
from threadkeep.values.span import Total

if TYPE_CHECKING:
    from collections.abc import Callable

    from threadkeep.store import Owner
    from threadkeep.testing.contract.kit import Owners
    from threadkeep.values.span import Span


class SpanListsContract(Contract):
    """Trees, lists, delete, users."""

    async def test_a_tree_comes_parents_first(self, chat: Owner) -> None:
        """All below a span to any depth, children after their parent, siblings by start. [M2]"""
        tree = {"a": None, "b": "a", "c": "b", "d": "c", "e": "d", "f": "a", "g": "f", "h": "b"}
        start = dict(zip("abcdefgh", (0, 5, 6, 7, 8, 1, 2, 3), strict=True))
        for id_, parent in tree.items():
            await chat.spans.start(
                "s", span_id=id_, parent=parent, started_at=NOON + start[id_] * MINUTE
            )
        await chat.spans.start("s", span_id="other")
        found = await chat.spans.tree("a")
        assert isinstance(found, tuple)
        assert [(span.id, span.depth) for span in found] == [
            *[("a", 0), ("f", 1), ("g", 2), ("b", 1), ("h", 2), ("c", 2), ("d", 3), ("e", 4)]
        ]
        assert found[0] == await chat.spans.get("a")
        assert found[0].depth == 0
        assert (await chat.spans.get("a")).depth is None
        assert [(span.id, span.depth) for span in await chat.spans.tree("c")] == [
            *[("c", 0), ("d", 1), ("e", 2)]
        ]
        assert await listed(chat, roots=True) == ["other", "a"]
        assert await listed(chat, parent="a", order="asc") == ["f", "b"]
        assert await listed(chat, parent="nothing") == []

    async def test_siblings_of_one_moment_have_one_order(self, chat: Owner) -> None:
        """A tree has the order of a list, and so have its pages."""
        await chat.spans.start("s", span_id="top", started_at=NOON)
        for n in (3, 1, 4, 0, 2):
            await chat.spans.start("s", span_id=f"n{n}", parent="top", started_at=NOON)
        below = [span.id for span in (await chat.spans.tree("top"))[1:]]
        assert below == [f"n{n}" for n in range(5)]
        assert await listed(chat, parent="top", order="asc", limit=2) == below
        assert await listed(chat, parent="top", limit=1) == below[::-1]

    async def test_deleting_a_span_takes_its_children(self, chat: Owner) -> None:
        """All below it goes, however deep, and nothing else; a second time there is none."""
        for n in range(300):
            await chat.spans.start("s", span_id=f"d{n}", parent=f"d{n - 1}" if n else None)
        await chat.spans.start("s", span_id="beside", parent="d0")
        tree = await chat.spans.tree("d0")
        assert max(span.depth or 0 for span in tree) == 299
        assert await chat.spans.delete("d1") is True
        assert await chat.spans.delete("d1") is False
        assert await listed(chat) == ["beside", "d0"]

    async def test_spans_outlive_their_thread(self, chat: Owner) -> None:
        """Deleting a thread keeps its spans without a thread, also where its id is used again.

        [B11]
        """
        await chat.messages.append("t", user("m"))
        await chat.spans.start("s", span_id="a", thread="t", type="llm")
        await chat.spans.start("s", span_id="b", thread="t", parent="a")
        before = await chat.spans.end("a", output=1, usage=Usage(5))
        assert await chat.threads.delete("t") is True
        assert await chat.spans.get("a") == replace(before, thread_id=None)
        assert [span.thread_id for span in await chat.spans.tree("a")] == [None, None]
        assert await listed(chat, thread="t") == []
        assert sorted(await listed(chat)) == ["a", "b"]
        await chat.threads.create("t")
        assert await listed(chat, thread="t") == []
        assert (await chat.spans.get("a")).thread_id is None
        assert await refused(chat.spans.start("s", span_id="a", thread="t", type="llm")) == (
            *("exists", "a"),
        )
        assert (await chat.spans.end("b")).thread_id is None
        assert await chat.spans.totals(by="thread") == [Total(None, Usage(5), 2)]

    async def test_a_list_gives_what_the_filters_say(self, chat: Owner) -> None:
        """Each filter, and several together, find just what a look at every span finds. [M3]"""
        draw = chance(3)
        spans = await many(chat, draw)
        hour = 60 * MINUTE
        filters: dict[str, tuple[list[Any], Callable[[Span, Any], bool]]] = {
            "thread": (["s", "t", "nothing"], lambda s, v: s.thread_id == v),
            "parent": (["s000", "s001", "nothing"], lambda s, v: s.parent_id == v),
            "roots": ([True, False], lambda s, v: not v or s.parent_id is None),
            "type": (list(TYPES), lambda s, v: s.type == v),
            "status": (["running", *STATUSES], lambda s, v: s.status == v),
            "failed": ([True, False], lambda s, v: (s.status == "failed") is v),
            "min_duration_ms": (
                [0, 0.0, 1.5, 60_000],
                lambda s, v: s.duration_ms is not None and s.duration_ms >= v,
            ),
            "max_duration_ms": (
                [0, 1.5, 60_000],
                lambda s, v: s.duration_ms is not None and s.duration_ms <= v,
            ),
            "since": ([NOON, NOON + 7 * hour], lambda s, v: s.started_at >= v),
            "until": ([NOON, NOON + 7 * hour, NOON + 29 * hour], lambda s, v: s.started_at < v),
            "user": (["ann", "bob", "nobody"], lambda s, v: s.user_id == v),
        }
        asked: list[dict[str, Any]] = [{}]
        asked += [{name: value} for name, (values, _) in filters.items() for value in values]
        for _ in range(40):
            names = draw.sample(sorted(filters), draw.randrange(2, 5))
            asked.append({name: draw.choice(filters[name][0]) for name in names})
        some = 0
        for which in asked:
            due = [s for s in spans if all(filters[n][1](s, v) for n, v in which.items())]
            some += bool(due)
            assert [s async for s in chat.spans.list(**which, order="asc")] == due, which
            assert await listed(chat, **which, limit=7) == [s.id for s in due[::-1]], which
        assert some > len(asked) / 2

    async def test_pages_of_spans_are_walked_both_ways(self, chat: Owner) -> None:
        """Each span comes once in both orders, and the pages lead back. [M3]"""
        spans = await many(chat, chance(5), 23)
        asked: list[dict[str, Any]] = [{}, {"type": "llm"}, {"thread": "t"}, {"user": "ann"}]
        for which in [*asked, {"parent": "s000"}]:
            whole = [s async for s in chat.spans.list(**which, order="asc")]
            for order, due in (("asc", whole), ("desc", whole[::-1])):
                pages = await walk(chat.spans.list, **which, order=order, limit=2)
                assert items(pages) == due
                back = await walk_back(chat.spans.list, pages[-1], **which, order=order, limit=2)
                assert items(back) == due
        assert len(spans) == 23
        cursor = (await chat.spans.list(limit=2)).next
        for other in [*asked[1:], {"order": "asc"}, {"min_duration_ms": 0}]:
            with pytest.raises(InvalidCursorError):
                await chat.spans.list(**other, cursor=cursor)

    async def test_a_cursor_takes_any_id(self, chat: Owner) -> None:
        """The longest ids, of characters that JSON escapes, can be paged through."""
        made = [("\x01" * 511) + letter for letter in "abc"] + ["ü\U0001f600" * 80]
        for id_ in made:
            await chat.spans.start("s", span_id=id_, started_at=NOON)
        assert set(await listed(chat, limit=1)) == set(made)

    @pytest.mark.parametrize(
        ("field", "wrong"),
        [
            ("thread", {"thread": ""}),
            ("parent", {"parent": 1}),
            ("roots", {"roots": 1}),
            ("type", {"type": "other"}),
            ("status", {"status": "done"}),
            ("failed", {"failed": "no"}),
            ("min_duration_ms", {"min_duration_ms": -1}),
            ("max_duration_ms", {"max_duration_ms": "1"}),
            ("since", {"since": datetime(2026, 1, 1)}),  # noqa: DTZ001
            ("until", {"until": 5}),
            ("user", {"user": ""}),
            ("order", {"order": "up"}),
            ("limit", {"limit": 0}),
            ("cursor", {"cursor": "x"}),
        ],
    )
    async def test_a_list_checks_its_arguments(
        self, chat: Owner, field: str, wrong: dict[str, Any]
    ) -> None:
        """InvalidError names the field."""
        with pytest.raises(InvalidError) as caught:
            await chat.spans.list(**wrong)
        assert caught.value.field == field

    async def test_a_users_spans_are_its_own(self, owner: Owners) -> None:
        """A handle of one user sees its spans only; new ones carry it, or the thread's user."""
        whole, ann, bob = owner("a"), owner("a", user="ann"), owner("a", user="bob")
        await ann.threads.create("t")
        await ann.spans.start("s", span_id="mine", thread="t")
        await whole.spans.start("s", span_id="derived", thread="t")
        await whole.spans.start("s", span_id="below", parent="mine")
        await whole.spans.start("s", span_id="given", thread="t", parent="mine", user="bob")
        await whole.spans.start("s", span_id="nobody's")
        users = {span.id: span.user_id async for span in whole.spans.list()}
        anns = dict.fromkeys(("mine", "derived", "below"), "ann")
        assert users == {**anns, "given": "bob", "nobody's": None}
        assert await listed(ann, order="asc") == ["mine", "derived", "below"]
        assert [span.id for span in await ann.spans.tree("mine")] == ["mine", "below"]
        assert await listed(bob) == ["given"]
        assert (await bob.spans.get("given")).thread_id is None
        assert await listed(bob, thread="t") == []
        assert await listed(whole, thread="t", user="bob") == ["given"]
        assert (await whole.spans.get("given")).thread_id == "t"
        assert await unknown(bob.spans.start("s", thread="t")) == ("thread", "t")
        assert await unknown(bob.spans.start("s", parent="mine")) == ("span", "mine")
        for call in (ann.spans.list, ann.spans.totals, ann.runs.totals):
            with pytest.raises(InvalidError):
                await call(user="bob")
        with pytest.raises(InvalidError):
            await ann.spans.start("s", user="bob")

    async def test_an_id_that_another_user_holds_is_unknown(self, owner: Owners) -> None:
        """It cannot be taken, and says nothing about its holder; another owner has ids of its own.

        [I1]
        """
        ann, bob, other = owner("a", user="ann"), owner("a", user="bob"), owner("b")
        held = await ann.spans.start("s", span_id="x")
        assert await unknown(bob.spans.start("s", span_id="x")) == ("span", "x")
        await other.spans.start("other", span_id="x")
        assert await ann.spans.get("x") == held
        assert (await other.spans.get("x")).name == "other"
