"""The contract of windows: what goes to a model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import (
    Contract,
    asks,
    ids,
    path,
    says,
    system,
    tells,
    turns,
    user,
    window,
)
from threadkeep.testing.model import Model
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message
from threadkeep.values.parts import TextPart, ToolResultPart

if TYPE_CHECKING:
    from threadkeep.store import Owner

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)


def run(n: int) -> list[Message]:
    """A turn with two calls: u c r a."""
    calls = (f"x{n}", f"y{n}")
    return [user(f"u{n}"), asks(f"c{n}", *calls), tells(f"r{n}", *calls), says(f"a{n}")]


def long_thread(count: int) -> list[Message]:
    """Turns with calls, two in parallel, and now and then a result that comes a turn late."""
    found = [system("s0"), system("s1"), says("greeting")]
    n = 0
    while len(found) < count:
        n += 1
        found += run(n)
        if n % 7 == 0:
            found += [asks(f"late{n}", f"z{n}"), user(f"v{n}"), tells(f"w{n}", f"z{n}")]
    return found[:count]


class WindowsContract(Contract):
    """Turns, tokens, messages; cuts, pins and the ceiling."""

    async def test_turns_count_from_the_end(self, chat: Owner) -> None:
        """N turns start at the N-th user message from the end; more than there are give all.

        [D2]
        """
        await chat.messages.append("t", [system("s"), *turns(1, 4)])
        everything = ["s", *ids(turns(1, 4))]
        for n in range(6):
            found = await chat.messages.window("t", turns=n)
            wanted = [] if n == 0 else everything if n > 4 else ids(turns(5 - n, 4))
            assert ids(found) == wanted
            assert not found.truncated
            assert found.tokens == sum(m.tokens or 0 for m in found)
        assert await chat.messages.window("t", turns=10**12) == await path(chat, "t")

    async def test_old_turns_imported_after_new_ones(self, chat: Owner) -> None:
        """The last turn is the one appended last, whatever created_at says (seed 001, #1). [D2]"""
        for n, m in enumerate(turns(1, 3)):
            await chat.messages.append("t", m, created_at=NOON - timedelta(days=n))
        assert await window(chat, "t", turns=1) == ["u3", "a3"]
        assert await window(chat, "t", turns=2) == ["u2", "a2", "u3", "a3"]

    async def test_a_reply_stays_behind_its_question(self, chat: Owner) -> None:
        """A clock that is behind does not put an answer before its question (seed 001, #2)."""
        for n in (1, 2):
            await chat.messages.append("t", user(f"u{n}"), created_at=NOON + timedelta(hours=n))
            await chat.messages.append("t", says(f"a{n}"), created_at=NOON - timedelta(hours=n))
        assert await window(chat, "t", turns=2) == ["u1", "a1", "u2", "a2"]

    async def test_a_thread_without_a_user_is_not_empty(self, chat: Owner) -> None:
        """A thread of only a greeting or a system prompt is returned whole (seed 001, #3). [D2]"""
        await chat.messages.append("t", [system("s"), says("hello")])
        assert await window(chat, "t", turns=1) == ["s", "hello"]

    async def test_the_beginning_is_there_until_it_must_go(self, chat: Owner) -> None:
        """System prompt and greeting belong to a window that is not exhausted (seed 001, #4)."""
        await chat.messages.append("t", [system("s"), says("hello"), *turns(1, 1)])
        assert await window(chat, "t", turns=2) == ["s", "hello", "u1", "a1"]
        assert await window(chat, "t", turns=1) == ["u1", "a1"]

    @pytest.mark.parametrize(
        "bad",
        [
            *({"turns": bad} for bad in (-1, True, "3", 2.0)),
            *({"tokens": bad} for bad in (-1, False, None)),
            *({"messages": bad} for bad in (-5, "1")),
            {},
            {"turns": 1, "tokens": 1},
            {"turns": 1, "tokens": 1, "messages": 1},
            {"turns": 1, "steady": 0},
            {"tokens": 1, "steady": True},
        ],
        ids=repr,
    )
    async def test_sizes_are_checked(self, chat: Owner, bad: dict[str, Any]) -> None:
        """Exactly one size, an int of at least 0, or ValueError before any I/O (seed 001, #5).

        [D2]
        """
        with pytest.raises(InvalidError) as caught:
            await chat.messages.window("t", **bad)
        assert isinstance(caught.value, ValueError)

    async def test_a_continued_thread_shows_the_newest(self, chat: Owner) -> None:
        """Of 200 messages the model sees the newest turns, not the oldest."""
        await chat.messages.append("t", turns(1, 100))
        assert await window(chat, "t", turns=2) == ["u99", "a99", "u100", "a100"]
        assert ids(await chat.messages.list("t", last=2)) == ["u100", "a100"]

    async def test_messages_go_back_to_a_cut(self, chat: Owner) -> None:
        """The newest N, and back from there so that no result stands without its call. [D4]"""
        await chat.messages.append("t", [*run(1), *run(2)])
        assert await window(chat, "t", messages=1) == ["a2"]
        assert await window(chat, "t", messages=2) == ["c2", "r2", "a2"]
        assert await window(chat, "t", messages=3) == ["c2", "r2", "a2"]
        assert await window(chat, "t", messages=100) == ids([*run(1), *run(2)])
        assert await window(chat, "t", messages=0) == []

    async def test_a_budget_is_a_ceiling(self, chat: Owner) -> None:
        """The earliest cut whose tail fits, never more than the budget, empty if none fits. [D4]"""
        stored = await chat.messages.append("t", [system("s"), *run(1), *run(2)])
        sizes = [m.tokens or 0 for m in stored]
        cuts = [n for n, m in enumerate(stored) if m.role != "tool"]
        for budget in range(sum(sizes) + 2):
            found = await chat.messages.window("t", tokens=budget)
            start = next((n for n in cuts if sum(sizes[n:]) <= budget), len(stored))
            assert ids(found) == ids(stored[start:]), budget
            assert found.tokens == sum(sizes[start:])
            assert found.truncated == (start > 0)

    async def test_a_result_of_a_user_starts_no_turn(self, chat: Owner) -> None:
        """A message that only carries results starts none, whatever its role."""
        answer = Message.of("user", [ToolResultPart("x", "y")], id="r")
        await chat.messages.append("t", [user("u1"), asks("c", "x"), answer, says("a")])
        assert [m.turn for m in await path(chat, "t")] == [1, 1, 1, 1]
        assert await window(chat, "t", turns=1) == ["u1", "c", "r", "a"]
        assert await window(chat, "t", messages=2) == ["c", "r", "a"]

    async def test_a_late_result_brings_its_call(self, chat: Owner) -> None:
        """A result stored in a later turn than its call extends the window back to the call."""
        await chat.messages.append("t", [*turns(1, 1), user("u2"), asks("c", "x"), user("u3")])
        await chat.messages.append("t", [tells("r", "x"), says("a3"), user("u4")])
        assert await window(chat, "t", turns=1) == ["u4"]
        assert await window(chat, "t", turns=2) == ["c", "u3", "r", "a3", "u4"]
        assert await window(chat, "t", messages=2) == ["a3", "u4"]
        assert await window(chat, "t", messages=3) == ["c", "u3", "r", "a3", "u4"]
        mixed = Message.of("user", [ToolResultPart("y", 1), TextPart("and")], id="m")
        await chat.messages.append("t", [asks("d", "y"), user("u5"), mixed])
        assert (await chat.messages.get("t", "m")).turn == 5
        assert await window(chat, "t", turns=1) == ["d", "u5", "m"]

    async def test_a_budget_moves_past_a_late_result(self, chat: Owner) -> None:
        """Where the call does not fit, a token window starts after its result."""
        sent = [user("u1"), asks("c", "x"), user("u2"), tells("r", "x"), says("a2"), user("u3")]
        stored = await chat.messages.append("t", sent)
        for start in range(len(stored)):
            budget = sum(m.tokens or 0 for m in stored[start:])
            wanted = ids(stored[start if start < 2 else max(start, 4) :])
            assert await window(chat, "t", tokens=budget) == wanted

    async def test_a_call_id_that_comes_again(self, chat: Owner) -> None:
        """A result belongs to the nearest call before it that has its id."""
        again = [user("u1"), asks("c1", "x"), tells("r1", "x")]
        again += [user("u2"), asks("c2", "x"), tells("r2", "x"), says("a2")]
        await chat.messages.append("t", again)
        assert await window(chat, "t", turns=1) == ["u2", "c2", "r2", "a2"]
        await chat.messages.append("t", [asks("c3", "x"), user("u3"), tells("r3", "x")])
        assert await window(chat, "t", turns=1) == ["c3", "u3", "r3"]
        await chat.messages.append("t", [asks("c4", "x"), tells("r4", "x")])
        assert await window(chat, "t", turns=1) == ["c3", "u3", "r3", "c4", "r4"]
        stored = await path(chat, "t")
        budget = sum(m.tokens or 0 for m in stored if m.id in {"u3", "r3", "c4", "r4"})
        assert await window(chat, "t", tokens=budget) == ["c4", "r4"]

    async def test_system_messages_can_be_kept(self, chat: Owner) -> None:
        """keep_system puts those before the first turn in front, once, and counts them. [D5]"""
        await chat.messages.append("t", [system("s1"), says("hi"), system("s2"), *turns(1, 3)])
        await chat.messages.append("t", [system("s3"), *turns(4, 4)])
        assert await window(chat, "t", turns=1, keep_system=True) == ["s1", "s2", "u4", "a4"]
        assert (await window(chat, "t", turns=2, keep_system=True))[:3] == ["s1", "s2", "u3"]
        whole = await window(chat, "t", turns=9, keep_system=True)
        assert whole == await window(chat, "t", turns=9)
        assert await window(chat, "t", turns=0, keep_system=True) == []
        found = await chat.messages.window("t", turns=1, keep_system=True)
        assert found.tokens == sum(m.tokens or 0 for m in found)
        smaller = await chat.messages.window("t", tokens=found.tokens - 1, keep_system=True)
        assert ids(smaller) == ["s1", "s2", "a4"]
        assert await window(chat, "t", tokens=found.tokens, keep_system=True) == ids(found)

    async def test_at_most_sixteen_are_kept(self, chat: Owner) -> None:
        """Only the first 16 system messages are pinned."""
        await chat.messages.append("t", [*(system(f"s{n}") for n in range(20)), *turns(1, 2)])
        wanted = [*(f"s{n}" for n in range(16)), "u2", "a2"]
        assert await window(chat, "t", turns=1, keep_system=True) == wanted

    async def test_a_steady_window_moves_in_steps(self, chat: Owner) -> None:
        """With steady=k the start moves only every k turns, and N to N+k-1 turns are there."""
        starts = []
        for n in range(1, 13):
            await chat.messages.append("t", turns(n, n))
            found = await window(chat, "t", turns=3, steady=4)
            starts.append(found[0])
            held = sum(i.startswith("u") for i in found)
            assert held == n if n < 3 else 3 <= held <= 6
        assert starts == ["u1"] * 6 + ["u5"] * 4 + ["u9"] * 2
        stored = await path(chat, "t")
        budget = sum(m.tokens or 0 for m in stored[-10:])
        assert (await window(chat, "t", tokens=budget))[0] == "u8"
        assert (await window(chat, "t", tokens=budget, steady=4))[0] == "u9"
        small = sum(m.tokens or 0 for m in stored[-3:])
        assert await window(chat, "t", tokens=small, steady=4) == ["a11", "u12", "a12"]

    async def test_a_steady_budget_knows_the_calls_before_it(self, chat: Owner) -> None:
        """Where a steady window may start depends on calls that lie far before it."""
        sent = [user("u1"), asks("c", "x"), says("f1"), says("f2"), user("u2"), asks("d", "y")]
        sent += [user("u3"), tells("s", "y"), tells("r", "x"), user("u4"), user("u5")]
        stored = await chat.messages.append("t", sent)
        budget = sum(m.tokens or 0 for m in stored[4:])
        assert await window(chat, "t", tokens=budget) == ["u4", "u5"]
        assert await window(chat, "t", tokens=budget, steady=2) == ["u5"]

    async def test_a_window_of_another_leaf(self, chat: Owner) -> None:
        """leaf= reads the window of another branch."""
        await chat.messages.append("t", turns(1, 2))
        await chat.messages.append("t", turns(3, 3), parent="a1")
        assert await window(chat, "t", turns=2) == ["u1", "a1", "u3", "a3"]
        assert await window(chat, "t", turns=1, leaf="a2") == ["u2", "a2"]
        assert await window(chat, "t", messages=1, leaf="u1") == ["u1"]

    async def test_long_threads_are_cut_at_the_ceiling(self, chat: Owner) -> None:
        """At most 1 000 messages, from the first cut inside them, and it says so."""
        await chat.messages.append("t", long_thread(1003))
        stored = await path(chat, "t", limit=1000)
        for kind in ("turns", "messages", "tokens"):
            which: dict[str, Any] = {kind: 10**9}
            found = await chat.messages.window("t", **which)
            assert found.truncated
            assert 990 < len(found) <= 1000
            assert list(found) == stored[-len(found) :]
            assert found[0].role != "tool"

    async def test_windows_are_the_models(self, chat: Owner) -> None:
        """Every kind of window of a long thread is the one of the plain Python model. [D4 G5]"""
        sent = long_thread(1100)
        stored = await chat.messages.append("t", sent)
        sizes = {m.json: m.tokens or 0 for m in stored}
        model = Model(lambda json: sizes[json])
        model.append("t", sent)
        everything = sum(sizes[m.json] for m in sent)
        sizes_asked = {
            "turns": [1, 2, 3, 5, 8, 50, 160, 200, 236, 237, 300],
            "messages": [1, 2, 3, 4, 7, 30, 900, 996, 997, 998, 999, 1000, 1001, 1100],
            "tokens": [1, 50, 200, 1000, everything // 2, everything - 40, everything],
        }
        for kind, asked in sizes_asked.items():
            for size, keep, steady in product(asked, (False, True), (1, 3)):
                if kind == "messages" and steady > 1:
                    continue
                which: dict[str, Any] = {kind: size, "keep_system": keep, "steady": steady}
                found = await chat.messages.window("t", **which)
                wanted = model.window("t", **which)
                assert ids(found) == [row.id for row in wanted.rows], which
                assert (found.truncated, found.tokens) == (wanted.truncated, wanted.tokens), which
