"""The contract of filtered and ordered lists of messages."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import (
    Contract,
    asks,
    ids,
    items,
    path,
    says,
    system,
    tells,
    turns,
    user,
    walk,
    walk_back,
)
from threadkeep.values.errors import InvalidCursorError, InvalidError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from threadkeep.store import Owner
    from threadkeep.testing.contract.kit import Owners
    from threadkeep.values.message import Message

    Match = Callable[[Message], bool]

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
TREES: list[dict[str, Any]] = [{}, {"tree": True}, {"leaf": "a3"}]


def at(minute: int) -> datetime:
    """A time that a message was created at."""
    return NOON + timedelta(minutes=minute)


def _is(message: Message, **wanted: Any) -> bool:
    return all((message.metadata or {}).get(key) == value for key, value in wanted.items())


# Each filter, and the same in Python.
FILTERS: list[tuple[dict[str, Any], Match]] = [
    ({"roles": ["user"]}, lambda m: m.role == "user"),
    ({"roles": ["tool", "assistant"]}, lambda m: m.role in ("tool", "assistant")),
    ({"metadata": {"kind": "x"}}, lambda m: _is(m, kind="x")),
    ({"created_since": at(3)}, lambda m: m.created_at is not None and m.created_at >= at(3)),
    ({"created_before": at(5)}, lambda m: m.created_at is not None and m.created_at < at(5)),
    ({"has_tool_calls": True}, lambda m: m.id is not None and m.id.startswith("c")),
    ({"has_tool_calls": False}, lambda m: m.id is not None and not m.id.startswith("c")),
    ({"session": "live"}, lambda m: m.session == "live"),
    ({"archived_sessions": False}, lambda m: m.session != "over"),
]


async def conversation(chat: Owner) -> None:
    """Turns with tools, times that go back and forth, metadata, sessions, and two branches."""
    batch = [system("s0")]
    for n in range(1, 7):
        batch += [user(f"u{n}"), asks(f"c{n}", f"call{n}"), tells(f"t{n}", f"call{n}")]
        batch.append(says(f"a{n}"))
    sessions = (None, "live", "over", "unknown")
    for n, message in enumerate(batch):
        kept = {"kind": "x" if n % 3 else "y", "n": n} if n % 4 else None
        said = replace(message, metadata=kept, session=sessions[n // 2 % 4], created_at=at(n % 7))
        await chat.messages.append("t", said)
    branch = [replace(m, created_at=at(3)) for m in (user("e1"), says("e2"))]
    await chat.messages.append("t", branch, parent="a3", session="over")
    await chat.sessions.save("live", thread="t", sdk_version="1")
    await chat.sessions.archive("over", thread="t", sdk_version="1")


class FiltersContract(Contract):
    """What a list of messages leaves out, its orders, and where it starts."""

    @pytest.mark.parametrize("where", TREES, ids=["path", "tree", "leaf"])
    async def test_filters_give_what_brute_force_gives(
        self, chat: Owner, where: dict[str, Any]
    ) -> None:
        """Each filter and each two of them, in both orders, is the whole list sifted. [D12 D13]"""
        await conversation(chat)
        for order_by in ("seq", "created_at"):
            for order in ("asc", "desc"):
                how: dict[str, Any] = {**where, "order": order, "order_by": order_by, "limit": 1000}
                every = await path(chat, "t", **how)
                assert len(every) > 8
                for pair in (*((one, one) for one in FILTERS), *combinations(FILTERS, 2)):
                    (which, match), (more, also) = pair
                    if which != more and which.keys() & more.keys():
                        continue
                    wanted = [m for m in every if match(m) and also(m)]
                    found = await chat.messages.list("t", **how, **{**which, **more})
                    assert ids(found) == ids(wanted), (how, which, more)
                    assert list(found.items) == wanted

    @pytest.mark.parametrize("where", TREES, ids=["path", "tree", "leaf"])
    @pytest.mark.parametrize("order_by", ["seq", "created_at"])
    async def test_filtered_pages_meet_each_message_once(
        self, chat: Owner, where: dict[str, Any], order_by: Any
    ) -> None:
        """Cursors, offsets, anchors and last all cut the one filtered list. [D6 D7 D8 D10]"""
        await conversation(chat)

        async def read(**more: Any) -> Any:
            return await chat.messages.list("t", **more)

        for filtered in ({"roles": ["user", "tool"]}, {"archived_sessions": False}, {}):
            for order in ("asc", "desc"):
                which = {**where, **filtered, "order": order, "order_by": order_by}
                every = ids(await path(chat, "t", **which, limit=1000))
                pages = await walk(read, **which, limit=3)
                assert ids(items(pages)) == every
                assert all(len(page) == 3 for page in pages[:-1])
                assert (pages[-1].has_more, pages[-1].truncated) == (False, False)
                back = await walk_back(read, pages[-1], **which, limit=3)
                assert [page.items for page in back] == [page.items for page in pages]
                for n in range(0, len(every), 2):
                    assert ids(await path(chat, "t", **which, limit=2, offset=n)) == every[n:]
                    after = {**which, "after": every[n]}
                    assert ids(await path(chat, "t", **after, limit=2)) == every[n + 1 :]
                    assert ids(await path(chat, "t", **after, offset=1)) == every[n + 2 :]
                rising = every if order == "asc" else every[::-1]
                assert ids(await read(**which, last=3)) == rising[-3:]
                assert ids(await read(**which, last=2, offset=2)) == rising[-4:-2]
                assert ids(await read(**which, last=1000)) == rising

    async def test_metadata_is_matched_by_containment(self, chat: Owner) -> None:
        """Nested objects and arrays match what holds them, no metadata matches nothing. [D12]"""
        metadata = {"a": {"x": 1, "y": [1, {"deep": None}]}, "b": "é\u2028"}
        await chat.messages.append("t", [replace(user("m"), metadata=metadata), user("n")])
        await chat.messages.append("t", replace(user("o"), metadata={}))
        cases: list[tuple[dict[str, Any], list[str]]] = [
            ({"a": {"x": 1}}, ["m"]),
            ({"a": {"y": [{"deep": None}]}}, ["m"]),
            ({"a": {"y": [1]}, "b": "é\u2028"}, ["m"]),
            ({"a": {"x": "1"}}, []),
            ({"a": {"deep": None}}, []),
            ({}, ["m", "o"]),
        ]
        for wanted, found in cases:
            assert ids(await path(chat, "t", metadata=wanted)) == found, wanted

    async def test_times_are_half_open(self, chat: Owner) -> None:
        """Created since takes the instant itself, created before leaves it out, at any zone."""
        for n in range(3):
            await chat.messages.append("t", user(f"m{n}"), created_at=at(n))
        east = at(1).astimezone(timezone(timedelta(hours=9)))
        assert ids(await path(chat, "t", created_since=east)) == ["m1", "m2"]
        assert ids(await path(chat, "t", created_before=east)) == ["m0"]
        assert ids(await path(chat, "t", created_since=at(1), created_before=at(2))) == ["m1"]
        assert ids(await path(chat, "t", created_since=at(1), created_before=at(1))) == []

    async def test_archived_sessions_hide_their_messages(self, chat: Owner) -> None:
        """Messages without a session, or of an unknown one, stay; asked for, all show.

        [F6 F7 seed 002 defect 1, 2]
        """
        await chat.messages.append("t", user("m0"))
        await chat.messages.append("t", user("m1"), session="archived")
        await chat.messages.append("t", user("m2"), session="live")
        await chat.messages.append("t", user("m3"), session="never saved")
        await chat.sessions.save("live", thread="t", sdk_version="1")
        await chat.sessions.archive("archived", thread="t", sdk_version="1")
        assert ids(await path(chat, "t")) == ["m0", "m1", "m2", "m3"]
        for order in ("asc", "desc"):
            shown = ids(await path(chat, "t", archived_sessions=False, order=order))
            assert shown == (["m0", "m2", "m3"] if order == "asc" else ["m3", "m2", "m0"])
        for flag in (True, False):
            named = {"session": "archived", "archived_sessions": flag}
            assert ids(await path(chat, "t", **named)) == ["m1"]
        assert ids(await path(chat, "t", session="unknown")) == []
        await chat.sessions.unarchive("archived")
        assert len(await path(chat, "t", archived_sessions=False)) == 4

    async def test_a_session_of_another_user_hides_nothing(
        self, owner: Owners, chat: Owner
    ) -> None:
        """Only a session that the handle can reach hides messages: no word of any other. [I3]"""
        await owner("chat", user="ann").sessions.archive("s", thread="hers", sdk_version="1")
        await owner("other").sessions.archive("s2", thread="theirs", sdk_version="1")
        bob = owner("chat", user="bob")
        await bob.messages.append("t", user("m"), session="s")
        await bob.messages.append("t", user("n"), session="s2")
        assert ids(await path(bob, "t", archived_sessions=False)) == ["m", "n"]
        assert ids(await path(chat, "t", archived_sessions=False)) == ["n"]

    @pytest.mark.parametrize("order", ["asc", "desc"])
    async def test_created_at_orders_with_ties_by_seq(self, chat: Owner, order: Any) -> None:
        """What tells the same time stays in its order, and desc is asc turned round.

        [seed 003 defect 8]
        """
        minutes = {"a": 2, "b": 1, "c": 2, "d": 0, "e": 1, "f": 1, "g": 2}
        for name, minute in minutes.items():
            await chat.messages.append("t", user(name), created_at=at(minute))
        wanted = ["d", "b", "e", "f", "a", "c", "g"]
        wanted = wanted if order == "asc" else wanted[::-1]
        which = {"order_by": "created_at", "order": order}
        assert ids(await path(chat, "t", **which, limit=2)) == wanted
        await chat.messages.update("t", "b", user("b", "later words"))
        assert ids(await path(chat, "t", **which)) == wanted
        # seq is what the store orders by, whatever the times say.
        assert ids(await path(chat, "t")) == list(minutes)

    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("order_by", ["seq", "created_at"])
    async def test_a_filtered_walk_while_others_append(
        self, chat: Owner, order: Any, order_by: Any
    ) -> None:
        """What matched when the walk began is met exactly once, nothing is met twice. [D8]"""
        await chat.messages.append("t", turns(1, 30))

        async def disturb() -> None:
            for n in range(31, 51):
                await chat.messages.append("t", turns(n, n))

        async def read(**more: Any) -> Any:
            return await chat.messages.list("t", roles=["user"], order_by=order_by, **more)

        work = asyncio.create_task(disturb())
        seen = ids(items(await walk(read, order=order, limit=3)))
        await work
        there = [f"u{n}" for n in range(1, 31)]
        assert [i for i in seen if i in there] == (there if order == "asc" else there[::-1])
        assert len(set(seen)) == len(seen)
        assert not [i for i in seen if i.startswith("a")]

    async def test_pages_by_offset_do_not_overlap(self, chat: Owner) -> None:
        """Page one and page two are disjoint, past the end there is nothing.

        [D7 seed 004 defect 13]
        """
        await chat.messages.append("t", turns(1, 50))
        one = await chat.messages.list("t", limit=50)
        two = await chat.messages.list("t", limit=50, offset=50)
        assert ids([*one.items, *two.items]) == ids(turns(1, 50))
        assert (one.has_more, two.has_more) == (True, False)
        assert (one.previous, two.previous is None) == (None, False)
        before = await chat.messages.list("t", limit=50, cursor=two.previous)
        assert before.items == one.items
        for offset in (100, 101, 2**40):
            past = await chat.messages.list("t", offset=offset)
            assert (past.items, past.next, past.previous) == ((), None, None)
        assert (await chat.messages.list("nothing", offset=3)).items == ()

    async def test_last_gives_the_newest(self, chat: Owner) -> None:
        """The last n of 100 are the newest, oldest first. [D6 seed 004 defect 3]"""
        await chat.messages.append("t", turns(1, 50))
        found = await chat.messages.list("t", last=4)
        assert ids(found) == ["u49", "a49", "u50", "a50"]
        assert ids(await chat.messages.list("t", last=2, roles=["user"])) == ["u49", "u50"]

    async def test_an_anchor_must_be_in_the_thread(self, chat: Owner, owner: Owners) -> None:
        """An unknown message to start after is refused, never taken for the first page.

        [D9 seed 003 defect 9]
        """
        await chat.messages.append("t", turns(1, 3))
        await chat.messages.append("s", user("elsewhere"))
        await owner("other").messages.append("t", user("foreign"))
        for unknown in ("nothing", "elsewhere", "foreign"):
            for order_by in ("seq", "created_at"):
                with pytest.raises(InvalidCursorError):
                    await chat.messages.list("t", after=unknown, order_by=order_by)
        with pytest.raises(InvalidCursorError):
            await chat.messages.list("unknown thread", after="u1")
        assert (await chat.messages.list("t", after="a3")).items == ()
        with pytest.raises(NotFoundError):
            await chat.messages.list("t", leaf="nothing", roles=["user"])

    async def test_a_filtered_cursor_outlives_its_message(self, chat: Owner) -> None:
        """A cursor holds its place when the message there, or the first anchor, is gone. [D9]"""
        await chat.messages.append("t", turns(1, 5))
        for order_by in ("seq", "created_at"):
            which: dict[str, Any] = {"roles": ["user"], "order_by": order_by, "limit": 1}
            page = await chat.messages.list("t", after="u1", **which)
            gone = page.items[0].id or ""
            await chat.messages.delete("t", gone)
            rest = await chat.messages.list("t", cursor=page.next, after="u1", **which)
            assert ids(rest.items) == [f"u{int(gone[1:]) + 1}"]
        page = await chat.messages.list("t", after="u1", limit=1)
        await chat.messages.delete("t", "u1")
        rest = await chat.messages.list("t", after="u1", limit=1, cursor=page.next)
        assert ids(rest.items) == ["a2"]

    async def test_a_cursor_is_bound_to_its_filters(self, chat: Owner) -> None:
        """A cursor of another filter or order is an InvalidCursorError. [D9]"""
        await conversation(chat)
        given: dict[str, Any] = {"roles": ["user"], "limit": 1}
        cursor = (await chat.messages.list("t", **given)).next
        again = await chat.messages.list("t", **given, cursor=cursor)
        assert ids(again.items) == ["u2"]
        others: list[dict[str, Any]] = [
            {},
            {"roles": ["tool"]},
            {"roles": ["user"], "metadata": {}},
            {"roles": ["user"], "created_since": at(0)},
            {"roles": ["user"], "created_before": at(0)},
            {"roles": ["user"], "has_tool_calls": False},
            {"roles": ["user"], "session": "live"},
            {"roles": ["user"], "archived_sessions": False},
            {"roles": ["user"], "order_by": "created_at"},
            {"roles": ["user"], "since": 1},
        ]
        for which in others:
            with pytest.raises(InvalidCursorError):
                await chat.messages.list("t", cursor=cursor, **which)

    async def test_what_is_no_filter_is_refused(self, chat: Owner) -> None:
        """Each argument is checked before anything is read, and the error names it."""
        naive = NOON.replace(tzinfo=None)
        page = await chat.messages.list("t")
        assert page.items == ()
        bad: list[tuple[str, dict[str, Any]]] = [
            ("roles", {"roles": []}),
            ("roles", {"roles": "user"}),
            ("roles", {"roles": 5}),
            ("roles", {"roles": ["nobody"]}),
            ("roles", {"roles": [None]}),
            ("metadata", {"metadata": ["a"]}),
            ("metadata", {"metadata": {"a": "\0"}}),
            ("created_since", {"created_since": naive}),
            ("created_before", {"created_before": "2024-02-29"}),
            ("has_tool_calls", {"has_tool_calls": "yes"}),
            ("session", {"session": ""}),
            ("archived_sessions", {"archived_sessions": None}),
            ("order_by", {"order_by": "seq; DROP"}),
            ("order_by", {"order_by": None}),
            ("offset", {"offset": -1}),
            ("offset", {"offset": True}),
            ("offset", {"offset": 2**63}),
            ("after", {"after": ""}),
            ("after", {"after": 7}),
            ("offset", {"offset": 1, "cursor": "x"}),
            ("last", {"last": 1, "cursor": "x"}),
            ("after", {"last": 1, "after": "x"}),
        ]
        for field, which in bad:
            with pytest.raises(InvalidError) as caught:
                await chat.messages.list("t", **which)
            assert caught.value.field == field, which

    async def test_filters_and_dialects_go_together(self, chat: Owner) -> None:
        """A filtered page of native items is the filtered page converted. [D13]"""
        await conversation(chat)
        which: dict[str, Any] = {"roles": ["user", "assistant"], "has_tool_calls": False}
        found = await chat.messages.list("t", **which, limit=3)
        native = await chat.messages.list("t", **which, limit=3, dialect="openai-chat")
        assert [item["content"] for item in native.items] == [m.text for m in found.items]
        assert [item["role"] for item in native.items] == [m.role for m in found.items]
