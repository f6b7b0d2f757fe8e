"""The contract of what front ends tell: events and scores."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, items, walk, walk_back
from threadkeep.testing.contract.span_kit import NOON, chance, invalid, refused, unknown
from threadkeep.values.errors import InvalidCursorError, NotFoundError
from threadkeep.values.event import Event
from threadkeep.values.score import Score

if TYPE_CHECKING:
    from threadkeep.store import Owner
    from threadkeep.testing.contract.kit import Owners

_NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001
_HOUR = timedelta(hours=1)


async def kinds(chat: Owner, **which: Any) -> list[str]:
    """The kinds of all events of a list."""
    return [event.kind async for event in chat.events.list(**which)]


async def names(chat: Owner, **which: Any) -> list[str]:
    """The names of all scores of a list."""
    return [score.name async for score in chat.scores.list(**which)]


class EventsContract(Contract):
    """Events: what is stored of them, for whom, and how lists go."""

    async def test_an_event_has_what_was_told(self, chat: Owner) -> None:
        """Every field comes back, and an event with none but its kind gets an id and a time."""
        await chat.threads.create("t")
        told = Event(
            "branch_switched",
            "t",
            message_id="m",
            run="r",
            value=2**63 - 1,
            props={"z": [1, "ä"], "a": None},
            id="e",
            user_id="ann",
            created_at=NOON,
        )
        assert await chat.events.track([told, Event("copied")]) == 2
        plain, whole = await chat.events.list()
        assert whole == told
        assert (plain.kind, plain.thread_id, plain.value, plain.props) == (
            "copied",
            None,
            None,
            None,
        )
        assert plain.id
        assert plain.created_at is not None
        assert abs(plain.created_at - datetime.now(UTC)) < timedelta(minutes=5)
        assert "ä" not in repr(whole)
        assert await chat.events.track([]) == 0

    async def test_events_of_a_batch_keep_their_order(self, chat: Owner) -> None:
        """Those that bring no time are listed as they were given, of whatever thread."""
        await chat.threads.create("a")
        await chat.threads.create("b")
        batch = [Event(f"k{n}", ("a", "b", None)[n % 3]) for n in range(300)]
        assert await chat.events.track(iter(batch)) == 300
        assert await kinds(chat, order="asc") == [event.kind for event in batch]
        assert await kinds(chat, order="asc", thread="b") == [e.kind for e in batch[1::3]]

    async def test_an_event_is_stored_once(self, chat: Owner) -> None:
        """Again it is counted and nothing is written; another one of that id is left out."""
        await chat.threads.create("t")
        batch = [Event(f"k{n}", "t", id=f"e{n}", props={"n": n}) for n in range(20)]
        both = await asyncio.gather(*(chat.events.track(batch) for _ in range(6)))
        assert both == [20] * 6
        first = await chat.events.list()
        for other in (
            Event("k0", id="e0", props={"n": 0}),
            Event("k0", "t", id="e0", props={"n": 1}),
            Event("kx", "t", id="e0", props={"n": 0}),
            Event("k0", "t", id="e0", props={"n": 0}, user_id="ann"),
            Event("k0", "t", id="e0", props={"n": 0}, value=0),
        ):
            assert await chat.events.track([other, Event("new", id="n")]) == 1
        assert await chat.events.track([*batch, Event("new", id="n")]) == 21
        assert (await chat.events.list()).items[1:] == first.items

    async def test_events_of_unknown_threads_are_left_out(self, chat: Owner) -> None:
        """The others of the batch are stored; with their thread events go."""
        await chat.threads.create("t")
        told = [Event("a", "t"), Event("b", "nothing"), Event("c"), Event("d", "t")]
        assert await chat.events.track(told) == 3
        assert await kinds(chat, order="asc") == ["a", "c", "d"]
        assert await kinds(chat, thread="nothing") == []
        await chat.threads.delete("t")
        assert await kinds(chat) == ["c"]

    async def test_a_thread_deleted_meanwhile_is_unknown(self, chat: Owner) -> None:
        """Events and scores of a thread that goes at the same time go too, and nothing fails."""
        for n in range(8):
            await chat.threads.create(f"t{n}")
            made = [Event("a", f"t{n}"), Event("b"), Event("c", f"t{n}")]
            score = chat.scores.create("n", type="numeric", value=1, thread=f"t{n}")
            counts = await asyncio.gather(
                *(chat.events.track(made) for _ in range(2)),
                chat.threads.delete(f"t{n}"),
                score,
                return_exceptions=True,
            )
            assert set(counts[:2]) <= {1, 3}
            assert counts[2] is True
            assert isinstance(counts[3], Score | NotFoundError)
        assert await kinds(chat) == ["b"] * 16
        assert await names(chat) == []

    async def test_events_are_their_users(self, owner: Owners) -> None:
        """The handle's user's, else as told, else the thread's user's; others do not see them."""
        whole, ann, bob = owner("a"), owner("a", user="ann"), owner("a", user="bob")
        await ann.threads.create("t")
        await whole.threads.create("u")
        assert await ann.events.track([Event("mine", "t"), Event("loose", id="x")]) == 2
        assert await ann.events.track([Event("no", "u"), Event("yes", user_id="ann")]) == 1
        assert await bob.events.track([Event("his"), Event("no", "t"), Event("loose", id="x")]) == 1
        told = [Event("by thread", "t"), Event("by word", "t", user_id="bob"), Event("nobody's")]
        assert await whole.events.track(told) == 3
        assert await kinds(ann, order="asc") == ["mine", "loose", "yes", "by thread"]
        assert await kinds(ann, thread="t", order="asc") == ["mine", "by thread"]
        assert await kinds(bob, order="asc") == ["his", "by word"]
        assert await kinds(bob, thread="t") == []
        assert [e.thread_id for e in await bob.events.list()] == [None, None]
        assert await kinds(whole, user="bob", order="asc") == ["his", "by word"]
        assert len(await kinds(whole)) == 7
        assert await kinds(owner("b")) == []
        assert await invalid(ann.events.track([Event("k", user_id="bob")])) == "user"
        assert await invalid(ann.events.list(user="bob")) == "user"

    async def test_lists_cover_every_event_once(self, chat: Owner) -> None:
        """By time and id, both ways, also where times are equal; what is given must all hold."""
        await chat.threads.create("t")
        draw = chance(4)
        made = [
            Event(
                draw.choice(["a", "b"]),
                draw.choice([None, "t"]),
                id=f"e{n:02}",
                user_id=draw.choice(["ann", "bob"]),
                created_at=NOON + draw.randrange(9) * _HOUR,
            )
            for n in range(60)
        ]
        assert await chat.events.track(made) == 60
        made.sort(key=lambda e: (e.created_at or NOON, e.id or ""))
        asked: list[dict[str, Any]] = [{}, {"kind": "a"}, {"user": "bob"}, {"thread": "t"}]
        asked.append({"since": NOON + _HOUR, "until": NOON + 4 * _HOUR})
        asked.append({"thread": "t", "user": "ann", "kind": "b", "since": NOON + 2 * _HOUR})
        for which in asked:
            due = [
                e
                for e in made
                if which.get("kind") in (None, e.kind)
                and which.get("user") in (None, e.user_id)
                and which.get("thread") in (None, e.thread_id)
                and which.get("since", NOON) <= (e.created_at or NOON)
                and (e.created_at or NOON) < which.get("until", NOON + 99 * _HOUR)
            ]
            up = await walk(chat.events.list, order="asc", limit=7, **which)
            assert items(up) == due
            back = await walk_back(chat.events.list, up[-1], order="asc", limit=7, **which)
            assert items(back) == due
            assert items(await walk(chat.events.list, limit=9, **which)) == due[::-1]
        cursor = (await chat.events.list(limit=1)).next
        with pytest.raises(InvalidCursorError):
            await chat.events.list(limit=1, kind="a", cursor=cursor)
        with pytest.raises(InvalidCursorError):
            await chat.scores.list(limit=1, cursor=cursor)

    async def test_one_wrong_event_stores_none(self, chat: Owner) -> None:
        """InvalidError names the field, and nothing of the batch is stored."""
        wrong: list[tuple[str, dict[str, Any]]] = [
            ("kind", {"kind": ""}),
            ("kind", {"kind": "k" * 65}),
            ("kind", {"kind": None}),
            ("kind", {"kind": "\ud800"}),
            ("thread_id", {"thread_id": "\0"}),
            ("message_id", {"message_id": 1}),
            ("run", {"run": ""}),
            ("value", {"value": -1}),
            ("value", {"value": 2**63}),
            ("value", {"value": True}),
            ("value", {"value": 1.0}),
            ("props", {"props": []}),
            ("props", {"props": {"x": "ä" * 512}}),
            ("props", {"props": {"x": "\0"}}),
            ("props", {"props": {"x": float("nan")}}),
            ("id", {"id": "x" * 513}),
            ("user", {"user_id": ""}),
            ("created_at", {"created_at": _NAIVE}),
        ]
        for field, told in wrong:
            batch = [Event("k"), Event(**{"kind": "k", **told})]
            assert await invalid(chat.events.track(batch)) == field, told
        assert await kinds(chat) == []

    async def test_a_batch_is_checked_as_a_whole(self, chat: Owner) -> None:
        """A thousand events at the most, each of the class Event, no id twice; the limits hold."""
        wrong: list[Any] = [None, Event("k"), "k", [{"kind": "k"}], [Event("k")] * 1001]
        for given in [*wrong, [Event("k", id="e"), Event("k", id="e")]]:
            assert await invalid(chat.events.track(given)) == "events"
        most = Event("ä" * 64, props={"x": "a" * (1024 - len('{"x":""}'))}, value=0)
        assert await chat.events.track([most] * 1000) == 1000
        assert await kinds(chat, kind="ä" * 64, limit=1000) == ["ä" * 64] * 1000
        assert await invalid(chat.events.list(kind="k" * 65)) == "kind"
        assert await invalid(chat.events.list(since=_NAIVE)) == "since"
        assert await invalid(chat.events.list(order="up")) == "order"  # type: ignore[arg-type]


class ScoresContract(Contract):
    """Scores: what is stored of them, for whom, and how lists go."""

    async def test_a_score_has_what_was_told(self, chat: Owner) -> None:
        """Each type keeps its value, and what it is about; repr leaves words out."""
        await chat.threads.create("t")
        whole = await chat.scores.create(
            "helpful",
            type="numeric",
            value=0.1,
            comment="secret",
            thread="t",
            message="m",
            run="r",
            user="ann",
            score_id="s",
        )
        assert (whole.id, whole.name, whole.type, whole.value) == ("s", "helpful", "numeric", 0.1)
        assert (whole.thread_id, whole.message_id, whole.run) == ("t", "m", "r")
        assert (whole.user_id, whole.comment, whole.text_value) == ("ann", "secret", None)
        said = await chat.scores.create("tone", type="categorical", text_value="kind of secret")
        assert (said.value, said.text_value, said.thread_id) == (None, "kind of secret", None)
        for value in (True, False, 1, 0, 1.0):
            yes = await chat.scores.create("ok", type="boolean", value=value)
            assert (yes.value, yes.text_value) == (float(value), None)
        assert "secret" not in repr([whole, said])
        assert (await chat.scores.list(thread="t")).items == (whole,)
        assert (await chat.scores.list(name="tone")).items == (said,)
        assert abs(said.created_at - datetime.now(UTC)) < timedelta(minutes=5)
        await chat.threads.delete("t")
        assert len(await names(chat)) == 6

    async def test_a_score_is_stored_once(self, chat: Owner) -> None:
        """The same call with its id gives the stored one, also at once; another is a conflict."""
        await chat.threads.create("t")
        told: dict[str, Any] = {"type": "numeric", "value": 1, "thread": "t", "comment": "c"}
        same = await asyncio.gather(
            *(chat.scores.create("n", score_id="s", **told) for _ in range(8))
        )
        assert all(score == same[0] for score in same)
        others: list[dict[str, Any]] = [
            {"value": 2},
            {"comment": None},
            {"thread": None},
            {"message": "m"},
            {"run": "r"},
            {"user": "ann"},
            {"type": "boolean"},
            {"type": "categorical", "value": None, "text_value": "1"},
        ]
        for other in others:
            again = chat.scores.create("n", score_id="s", **{**told, **other})
            assert await refused(again) == ("exists", "s")
        assert await refused(chat.scores.create("m", score_id="s", **told)) == ("exists", "s")
        assert (await chat.scores.list()).items == (same[0],)
        await chat.threads.delete("t")
        assert await names(chat) == []

    async def test_scores_are_their_users(self, owner: Owners) -> None:
        """The handle's user's, else as told, else the thread's user's; a held id is unknown."""
        whole, ann, bob = owner("a"), owner("a", user="ann"), owner("a", user="bob")
        await ann.threads.create("t")
        yes: dict[str, Any] = {"type": "boolean", "value": True}
        mine = await ann.scores.create("mine", thread="t", score_id="x", **yes)
        by_thread = await whole.scores.create("by thread", thread="t", **yes)
        assert (mine.user_id, by_thread.user_id) == ("ann", "ann")
        assert (await whole.scores.create("by word", thread="t", user="bob", **yes)).thread_id
        await whole.scores.create("nobody's", **yes)
        assert await unknown(bob.scores.create("no", thread="t", **yes)) == ("thread", "t")
        assert await unknown(bob.scores.create("mine", score_id="x", **yes)) == ("score", "x")
        assert await names(ann, order="asc") == ["mine", "by thread"]
        assert await names(bob) == ["by word"]
        assert [score.thread_id for score in await bob.scores.list()] == [None]
        assert await names(bob, thread="t") == []
        assert await names(whole, thread="t", order="asc") == ["mine", "by thread", "by word"]
        assert await names(whole, user="ann", name="mine") == ["mine"]
        assert len(await names(whole)) == 4
        assert await names(owner("b")) == []
        assert await invalid(bob.scores.create("n", user="ann", **yes)) == "user"

    async def test_lists_cover_every_score_once(self, chat: Owner) -> None:
        """By time and id, both ways, with since inclusive and until not."""
        for n in range(23):
            await chat.scores.create(f"n{n % 2}", type="numeric", value=n)
        up = await walk(chat.scores.list, order="asc", limit=5)
        made = items(up)
        assert sorted(score.value for score in made) == list(range(23))
        assert items(await walk_back(chat.scores.list, up[-1], order="asc", limit=5)) == made
        assert items(await walk(chat.scores.list, limit=4)) == made[::-1]
        odd = await walk(chat.scores.list, order="asc", limit=4, name="n1")
        assert items(odd) == [score for score in made if score.name == "n1"]
        since, until = made[5].created_at, made[9].created_at
        between = await walk(chat.scores.list, order="asc", since=since, until=until)
        assert items(between) == [s for s in made if since <= s.created_at < until]

    async def test_a_score_is_checked(self, chat: Owner) -> None:
        """InvalidError names the field, and nothing is stored."""
        wrong: list[tuple[str, dict[str, Any]]] = [
            ("name", {"name": ""}),
            ("type", {"type": "other"}),
            ("type", {"type": None}),
            ("type", {"type": []}),
            ("value", {"value": None}),
            ("value", {"value": True}),
            ("value", {"value": float("nan")}),
            ("value", {"value": float("-inf")}),
            ("value", {"value": 10**400}),
            ("value", {"value": "1"}),
            ("text_value", {"text_value": "x"}),
            ("value", {"type": "boolean", "value": 2}),
            ("value", {"type": "boolean", "value": None}),
            ("value", {"type": "categorical", "text_value": "x"}),
            ("text_value", {"type": "categorical", "value": None}),
            ("text_value", {"type": "categorical", "value": None, "text_value": "ä" * 513}),
            ("text_value", {"type": "categorical", "value": None, "text_value": "\0"}),
            ("comment", {"comment": "\ud800"}),
            ("comment", {"comment": 1}),
            ("thread", {"thread": ""}),
            ("message", {"message": "\0"}),
            ("run", {"run": 1}),
            ("user", {"user": ""}),
            ("score_id", {"score_id": ""}),
        ]
        for field, told in wrong:
            given: dict[str, Any] = {"name": "n", "type": "numeric", "value": 1, **told}
            assert await invalid(chat.scores.create(given.pop("name"), **given)) == field, told
        assert await names(chat) == []
