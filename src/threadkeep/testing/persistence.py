"""What every persistence adapter must do (seed 002), as tests that others can run on theirs.

In an app's own test, or in pytest by a subclass with a fixture `make`:

    await run_persistence_contract(make)          # make(user=None) gives an adapter

    class TestOurs(PersistenceContract):
        @pytest.fixture
        def make(self): ...

Each test works in threads of its own, so all of them can share two tables.
"""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from threadkeep.adapters.persistence import ChatMessage
from threadkeep.testing.persistence_kit import (
    ANCIENT,
    MANY,
    PARTS,
    TEXT,
    Make,
    four,
    ids,
    said,
    same,
)
from threadkeep.testing.persistence_sessions import SessionsContract
from threadkeep.values.errors import (
    ConflictError,
    InvalidCursorError,
    InvalidError,
    NotFoundError,
)
from threadkeep.values.ids import new_id


async def run_persistence_contract(make: Make) -> tuple[str, ...]:
    """Run the whole contract; the names of the tests. An ExceptionGroup has all that failed."""
    suite = PersistenceContract()
    names = tuple(name for name in sorted(dir(suite)) if name.startswith("test_"))
    failed: list[Exception] = []
    for name in names:
        try:
            await getattr(suite, name)(make)
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  all are reported
            error.add_note(f"in {name}")
            failed.append(error if isinstance(error, Exception) else AssertionError(str(error)))
    if failed:
        raise ExceptionGroup(f"{len(failed)} of {len(names)} tests failed", failed)
    return names


class PersistenceContract(SessionsContract):
    """The contract. A subclass brings the fixture `make`."""

    pytestmark = pytest.mark.asyncio

    async def test_what_is_unknown_is_empty(self, make: Make) -> None:
        """An unknown thread lists as empty, and an unknown session is None."""
        adapter, thread = await make(), new_id()
        assert await adapter.list_messages(thread) == []
        assert await adapter.list_messages(thread, session_id=new_id()) == []
        assert await adapter.count_messages(thread) == 0
        assert await adapter.list_sessions(thread) == []
        assert await adapter.load_session(new_id()) is None
        assert await adapter.append_messages(thread, []) == []

    async def test_parts_come_back_as_they_were(self, make: Make) -> None:
        """Every kind of part, known or not, is read back as the same value. [C12]"""
        adapter, thread = await make(), new_id()
        long = [{"type": "text", "text": "x" * 1_000_000}]
        wide = [{"type": "text", "text": str(n)} for n in range(10_000)]
        deep: list[Any] = []
        for _ in range(400):
            deep = [deep]
        kinds = {"kinds": PARTS, "long": long, "wide": wide, "deep": deep, "none": []}
        for id_, parts in kinds.items():
            stored = await adapter.append_message(thread, ChatMessage(id_, "assistant", parts))
            assert stored.parts == parts
        for message in await adapter.list_messages(thread):
            assert same(message.parts, kinds[message.message_id]), message.message_id
            assert message.content == message.parts
            assert message.thread_id == thread

    async def test_ids_and_roles_are_kept_verbatim(self, make: Make) -> None:
        """Ids are opaque text that a server could misread as names, patterns or code. [C3]"""
        adapter, thread = await make(), f"{new_id()} '; -- %_\"\\ Ü 🌍"
        ids = ["msg-abc", "a'b\"c", "%", "_", "A", "a", " ", "$1", "x" * 512, "null"]
        roles = ["user", "assistant", "system", "tool"]
        given = [ChatMessage(id_, roles[n % 4], TEXT) for n, id_ in enumerate(ids)]
        await adapter.append_messages(thread, given)
        listed = await adapter.list_messages(thread)
        assert [(m.message_id, m.role) for m in listed] == [(m.message_id, m.role) for m in given]

    async def test_order_is_the_order_of_appending(self, make: Make) -> None:
        """Also where the times given are equal, falling or absent. [seed 002 defect 5]"""
        adapter, thread = await make(), new_id()
        now = datetime.now(UTC)
        falling = [said(f"a{n}", created_at=now - timedelta(hours=n)) for n in range(9)]
        equal = [said(f"z{n}", created_at=now) for n in reversed(range(9))]
        batches = [falling, equal, [said(f"m{9 - n}") for n in range(9)], [said("a")]]
        for batch in batches:
            await adapter.append_messages(thread, batch)
        expected = [m.message_id for batch in batches for m in batch]
        assert ids(await adapter.list_messages(thread)) == expected
        assert ids(await adapter.list_messages(thread, order="desc")) == expected[::-1]

    async def test_a_large_batch_keeps_its_order(self, make: Make) -> None:
        """A thousand messages in one call are read back in the order of the call. [C2]"""
        adapter, thread = await make(), new_id()
        given = [said(new_id()[::-1]) for _ in range(1000)]
        await adapter.append_messages(thread, given)
        assert ids(await adapter.list_messages(thread)) == ids(given)

    async def test_a_time_that_is_given_is_an_instant(self, make: Make) -> None:
        """A time with a zone is kept as an instant, in UTC; one without is refused. [C11]"""
        adapter, thread = await make(), new_id()
        stored = await adapter.append_message(thread, said("m", created_at=ANCIENT))
        [listed] = await adapter.list_messages(thread)
        assert stored.created_at == listed.created_at == ANCIENT
        assert listed.created_at is not None
        assert listed.created_at.utcoffset() == timedelta(0)
        before = datetime.now(UTC) - timedelta(minutes=5)
        at = (await adapter.append_message(thread, said("n"))).created_at
        assert at is not None
        assert before < at < datetime.now(UTC) + timedelta(minutes=5)
        with pytest.raises(InvalidError):
            await adapter.append_message(thread, said("o", created_at=datetime(2026, 1, 1)))  # noqa: DTZ001

    async def test_a_retry_changes_nothing(self, make: Make) -> None:
        """The same messages again, alone or as a batch, are answered with what is stored. [C4]"""
        adapter, thread = await make(), new_id()
        batch = [ChatMessage(f"m{n}", "user", PARTS, session_id="s") for n in range(3)]
        first = await adapter.append_messages(thread, batch)
        again = await adapter.append_messages(thread, batch)
        assert [m.created_at for m in again] == [m.created_at for m in first]
        assert [m.session_id for m in again] == ["s"] * 3
        assert (await adapter.append_message(thread, batch[1])).created_at == first[1].created_at
        longer = await adapter.append_messages(thread, [*batch, said("new")])
        assert ids(longer) == ids(await adapter.list_messages(thread)) == ["m0", "m1", "m2", "new"]

    async def test_other_content_under_an_id_is_a_conflict(self, make: Make) -> None:
        """The same id with other parts or another role is refused, and nothing is stored. [C4]"""
        adapter, thread = await make(), new_id()
        await adapter.append_message(thread, ChatMessage("m", "user", [{"n": 1}]))
        for other in (
            ChatMessage("m", "user", [{"n": 2}]),
            ChatMessage("m", "assistant", [{"n": 1}]),
            ChatMessage("m", "user", [{"n": True}]),
            ChatMessage("m", "user", []),
        ):
            with pytest.raises(ConflictError) as refused:
                await adapter.append_message(thread, other)
            assert refused.value.reason == "message_differs"
            assert refused.value.id == "m"
        [stored] = await adapter.list_messages(thread)
        assert (stored.role, stored.parts) == ("user", [{"n": 1}])

    async def test_a_batch_is_stored_whole_or_not_at_all(self, make: Make) -> None:
        """One message that is refused keeps out all that were given with it. [C2]"""
        adapter, thread = await make(), new_id()
        await adapter.append_message(thread, said("m"))
        await adapter.append_message(thread, said("n"))
        differs = ChatMessage("n", "user", [{"other": 1}])
        bad = [[said("a"), said("b"), differs], [said("m"), differs, said("c")]]
        for batch in bad:
            with pytest.raises(ConflictError):
                await adapter.append_messages(thread, batch)
        for batch in ([said("a"), said("a")], [said("a"), said("")], [said("a"), said("b\0")]):
            with pytest.raises(InvalidError):
                await adapter.append_messages(thread, batch)
        with pytest.raises(ConflictError) as refused:
            await adapter.append_messages(thread, [said("a"), said("m")])
        assert refused.value.reason == "message_order"
        assert ids(await adapter.list_messages(thread)) == ["m", "n"]

    async def test_an_id_stands_once_per_thread(self, make: Make) -> None:
        """The same message id in two threads is two messages."""
        adapter, one, two = await make(), new_id(), new_id()
        await adapter.append_message(one, ChatMessage("m", "user", [{"n": 1}]))
        await adapter.append_message(two, ChatMessage("m", "user", [{"n": 2}]))
        assert [m.parts for m in await adapter.list_messages(one)] == [[{"n": 1}]]
        assert [m.parts for m in await adapter.list_messages(two)] == [[{"n": 2}]]

    async def test_appenders_at_once_lose_and_split_nothing(self, make: Make) -> None:
        """Fifty appenders of one thread all land, each batch together and each after the last."""
        adapters, thread = [await make(), await make()], new_id()
        seen: list[str] = []

        async def append(n: int) -> None:
            # Times that say nothing: only who waits for the one before stands behind it.
            batch = [said(f"{n}-{i}", created_at=ANCIENT) for i in range(3)]
            await adapters[n % 2].append_messages(thread, batch)
            # Who has begun after this one is over stands behind it.
            await adapters[n % 2].append_message(thread, said(f"{n}-then"))
            seen.append(f"{n}-then")

        await asyncio.gather(*(append(n) for n in range(MANY)))
        listed = ids(await adapters[0].list_messages(thread))
        assert sorted(listed) == sorted(
            [f"{n}-{i}" for n in range(MANY) for i in (0, 1, 2, "then")]
        )
        for n in range(MANY):
            at = listed.index(f"{n}-0")
            assert listed[at : at + 3] == [f"{n}-{i}" for i in range(3)]
            assert listed.index(f"{n}-then") > at
        assert len(seen) == MANY

    async def test_the_same_append_at_once_is_one(self, make: Make) -> None:
        """Twenty who append the same batch all get it, and it is stored once. [C4]"""
        adapters, thread = [await make(), await make()], new_id()
        batch = [said("a"), said("b")]
        answers = await asyncio.gather(
            *(adapters[n % 2].append_messages(thread, batch) for n in range(20))
        )
        assert len({tuple(m.created_at for m in answer) for answer in answers}) == 1
        assert ids(await adapters[0].list_messages(thread)) == ["a", "b"]

    async def test_pages_hold_each_message_once(self, make: Make) -> None:
        """A walk by `after`, in both directions, misses and repeats nothing while others append."""
        adapter, thread = await make(), new_id()
        await adapter.append_messages(thread, [said(f"m{n:02}") for n in range(23)])
        expected = [f"m{n:02}" for n in range(23)]
        for order in ("asc", "desc"):
            walked: list[str] = []
            while page := await adapter.list_messages(
                thread,
                order=order,
                after=walked[-1] if walked else None,
                limit=5,
            ):
                walked += ids(page)
                if order == "asc" and len(expected) < 40:
                    expected.append(new_id())
                    await adapter.append_message(thread, said(expected[-1]))
            assert walked == (expected if order == "asc" else expected[::-1])
        for limit in (0, -1, True, 2**63):
            with pytest.raises(InvalidError):
                await adapter.list_messages(thread, limit=limit)

    async def test_an_unknown_anchor_is_refused(self, make: Make) -> None:
        """`after` a message that the thread does not have is no silent first page."""
        adapter, one, two = await make(), new_id(), new_id()
        await adapter.append_message(one, said("m"))
        await adapter.append_message(two, said("other"))
        assert await adapter.list_messages(one, after="m") == []
        for anchor in ("nope", "other"):
            for archived in (False, True):
                with pytest.raises(InvalidCursorError):
                    await adapter.list_messages(one, after=anchor, include_archived=archived)

    async def test_archived_sessions_are_hidden(self, make: Make) -> None:
        """What was said in no session, or in one that is unknown or live, is seen.

        [F6 seed 002 defect 1, 2]
        """
        adapter, thread = await make(), new_id()
        archived, live = await four(adapter, thread)
        assert ids(await adapter.list_messages(thread)) == ["m0", "m2", "m3"]
        await adapter.archive_session(live)
        assert ids(await adapter.list_messages(thread)) == ["m0", "m3"]
        assert await adapter.unarchive_session(archived) is True
        assert ids(await adapter.list_messages(thread)) == ["m0", "m1", "m3"]

    async def test_a_session_that_is_asked_for_is_shown(self, make: Make) -> None:
        """An explicit session shows its messages only, archived or not, in order. [F7]"""
        adapter, thread = await make(), new_id()
        archived, live = await four(adapter, thread)
        await adapter.append_messages(thread, [said("m4"), said("m5")], session_id=archived)
        listed = await adapter.list_messages(thread, session_id=archived)
        assert ids(listed) == ["m1", "m4", "m5"]
        assert {m.session_id for m in listed} == {archived}
        assert ids(await adapter.list_messages(thread, session_id=live)) == ["m2"]
        assert await adapter.list_messages(new_id(), session_id=archived) == []
        after = await adapter.list_messages(thread, session_id=archived, after="m1", limit=1)
        assert ids(after) == ["m4"]

    async def test_one_rule_hides_everywhere(self, make: Make) -> None:
        """Lists in both directions, pages and counts hide the same. [seed 002 defect 9]"""
        adapter, thread = await make(), new_id()
        archived, _ = await four(adapter, thread)
        await adapter.append_messages(thread, [said("m4"), said("m5", session_id=archived)])
        shown = ["m0", "m2", "m3", "m4"]
        whole = ["m0", "m1", "m2", "m3", "m4", "m5"]
        for hidden, expected in ((True, shown), (False, whole)):
            asked: Any = {"include_archived": not hidden}
            assert await adapter.count_messages(thread, **asked) == len(expected)
            listed = await adapter.list_messages(thread, **asked)
            assert ids(listed) == expected
            back = await adapter.list_messages(thread, order="desc", **asked)
            assert ids(back) == expected[::-1]
            # An anchor that is hidden is an anchor all the same.
            after = await adapter.list_messages(thread, after="m1", **asked)
            assert ids(after) == expected[expected.index("m2") :]
            before = await adapter.list_messages(thread, after="m5", order="desc", limit=1, **asked)
            assert ids(before) == ["m4"]
        assert await adapter.count_messages(thread, session_id=archived) == 2

    async def test_a_message_says_its_session(self, make: Make) -> None:
        """The session of the call is for the messages that have none of their own."""
        adapter, thread = await make(), new_id()
        given = [said("a"), said("b", session_id="own"), said("c")]
        stored = await adapter.append_messages(thread, given, session_id="all")
        assert [m.session_id for m in stored] == ["all", "own", "all"]
        await adapter.append_message(thread, said("d"))
        listed = await adapter.list_messages(thread)
        assert [m.session_id for m in listed] == ["all", "own", "all", None]

    async def test_users_are_strangers(self, make: Make) -> None:
        """What is one user's is unknown to another, whatever is asked. [F10]"""
        ann, ben, thread, id_ = f"ann {new_id()}", f"ben {new_id()}", new_id(), new_id()
        hers, his = await make(user=ann), await make(user=ben)
        stored = await hers.append_message(thread, said("m"), session_id=id_)
        assert stored.user_id == ann
        assert [m.user_id for m in await hers.list_messages(thread)] == [ann]
        await hers.save_session(id_, thread_id=thread, sdk_version="1", state="secret")
        assert await his.list_messages(thread) == []
        assert await his.list_messages(thread, session_id=id_, include_archived=True) == []
        assert await his.count_messages(thread, include_archived=True) == 0
        assert await his.load_session(id_) is None
        assert await his.list_sessions(thread, include_archived=True) == []
        with pytest.raises(InvalidCursorError):
            await his.list_messages(thread, after="m")
        for attempt in (
            lambda: his.append_message(thread, said("m")),
            lambda: his.append_message(thread, said("n")),
            lambda: his.save_session(id_, thread_id=thread, sdk_version="2"),
            lambda: his.save_session(new_id(), thread_id=thread, sdk_version="2"),
            lambda: his.archive_session(id_),
            lambda: his.archive_session(id_, thread_id=thread, sdk_version="2"),
            lambda: his.unarchive_session(id_),
        ):
            with pytest.raises(NotFoundError):
                await attempt()
        with pytest.raises(InvalidError):
            await his.append_message(new_id(), said("m", user_id=ann))
        loaded = await hers.load_session(id_)
        assert loaded is not None
        assert (loaded.state, loaded.sdk_version, loaded.archived) == ("secret", "1", False)
        assert ids(await hers.list_messages(thread)) == ["m"]

    async def test_what_is_no_message_is_refused(self, make: Make) -> None:
        """Ids of no text, parts that are no array and JSON that is none are InvalidErrors."""
        adapter, thread = await make(), new_id()
        bad: Any
        for bad in ({}, "text", '{"a": 1}', "[1", b"\xff", [math.nan], [object()], None):
            with pytest.raises(InvalidError):
                await adapter.append_message(thread, ChatMessage("m", "user", bad))
        for bad in ("", "\0", "x" * 513, "\ud800", 7):
            with pytest.raises(InvalidError):
                await adapter.append_message(thread, said(bad))
            with pytest.raises(InvalidError):
                await adapter.list_messages(bad)
            with pytest.raises(InvalidError):
                await adapter.append_message(thread, said("m"), session_id=bad)
            with pytest.raises(InvalidError):
                await adapter.load_session(bad)
        for bad in (None, 7, ChatMessage("m", "user", []), [None]):
            with pytest.raises(InvalidError):
                await adapter.append_messages(thread, bad)
        assert await adapter.count_messages(thread) == 0

    async def test_a_cancelled_append_is_whole_or_nothing(self, make: Make) -> None:
        """A task that is cancelled while it appends leaves the batch or nothing, and no lock."""
        adapter, thread = await make(), new_id()
        batch = [said(f"m{n}") for n in range(20)]
        for pause in (0.0, 0.001, 0.002, 0.004, 0.008):
            task = asyncio.create_task(adapter.append_messages(thread, batch))
            await asyncio.sleep(pause)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await adapter.count_messages(thread) in (0, 20)
        await asyncio.wait_for(adapter.append_messages(thread, batch), 20)
        assert ids(await adapter.list_messages(thread)) == ids(batch)
