"""The contract of turns and runs: what a generation leaves behind, however it ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, ids, items, path, says, turns, user, walk
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.message import Message
from threadkeep.values.run import Usage

if TYPE_CHECKING:
    from threadkeep.store import AsyncStore, Owner, Turn
    from threadkeep.testing.contract.kit import Owners
    from threadkeep.values.run import Run

SHORT = 0.3
SECONDS = 30.0


async def abandoned(chat: Owner, *given: Any, **more: Any) -> Turn:
    """A turn whose process has died, as far as the database can tell: nobody renews its lease."""
    turn = chat.turn("t", *given, lease=SHORT, **more)
    await turn.__aenter__()
    getattr(turn, "_stop", lambda: None)()
    return turn


async def lapsed(chat: Owner, turn: Turn) -> Run:
    """The run of a turn, once its lease has passed."""
    for _ in range(int(SECONDS / 0.05)):
        run = await chat.runs.get("t", turn.id)
        if run.status != "running":
            return run
        await asyncio.sleep(0.05)
    raise AssertionError("the lease does not pass")


async def refused(coroutine: Any) -> tuple[str, str | None]:
    """The reason of a ConflictError, and the id it names."""
    with pytest.raises(ConflictError) as caught:
        await coroutine
    return caught.value.reason, caught.value.id


class TurnsContract(Contract):
    """Turns, their runs, leases and exclusive ones, usage."""

    async def test_what_a_turn_stores_is_durable_at_once(self, chat: Owner) -> None:
        """The message is stored before the block runs, each append when it returns. [K2]"""
        await chat.messages.append("t", turns(1, 1))
        async with chat.turn("t", user("q")) as turn:
            assert ids(await path(chat, "t")) == ["u1", "a1", "q"]
            assert (await chat.runs.get("t", turn.id)).status == "running"
            assert ids(await turn.window(turns=9)) == ["u1", "a1", "q"]
            [stored] = await turn.append(says("a"))
            assert stored == await chat.messages.get("t", "a")
            assert ids(turn.messages) == ["q", "a"]
            assert turn.thread_id == "t"
        run = await chat.runs.get("t", turn.id)
        assert (run.id, run.thread_id, run.status) == (turn.id, "t", "complete")
        assert run.ended_at is not None
        assert run.started_at <= run.ended_at <= run.lease_until
        assert not run.exclusive
        stored_runs = [message.run for message in await path(chat, "t")]
        assert stored_runs == [None, None, turn.id, turn.id]
        assert (await chat.messages.count("t"), (await chat.threads.get("t")).turns) == (4, 2)

    async def test_a_turn_makes_its_thread(self, chat: Owner) -> None:
        """With a message or without one, as an append does."""
        async with chat.turn("t", user("q")):
            assert (await chat.threads.get("t")).head == "q"
        async with chat.turn("empty") as turn:
            assert (await chat.threads.get("empty")).head is None
            assert await turn.window(turns=1) == []
            await turn.append(user("q"))
        assert ids(await path(chat, "empty")) == ["q"]

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (ValueError, "failed"),
            (asyncio.CancelledError, "cancelled"),
            (GeneratorExit, "cancelled"),
        ],
    )
    async def test_an_error_ends_the_run_and_goes_on(
        self, chat: Owner, error: type[BaseException], status: str
    ) -> None:
        """An exception marks the run failed, cancellation cancelled; what was said is kept. [K2]"""
        turn = chat.turn("t", user("q"))

        async def generate() -> None:
            async with turn:
                await turn.append(Message.of("assistant", "so f", id="a", status="running"))
                turn.add_usage(Usage(output_tokens=3))
                raise error

        with pytest.raises(error):
            await generate()
        run = await chat.runs.get("t", turn.id)
        assert (run.status, run.usage) == (status, Usage(output_tokens=3))
        partial = await chat.messages.get("t", "a")
        assert (partial.status, partial.text) == (status, "so f")
        async with chat.turn("t", user("again"), exclusive=True):
            pass

    async def test_a_message_that_is_running_stands_as_its_run_does(self, chat: Owner) -> None:
        """Nothing shows as running when its run has ended; a status of its own stays."""
        running = Message.of("assistant", "a", id="a", status="running")
        failed = Message.of("assistant", "b", id="b", status="failed")
        async with chat.turn("t", user("q")) as turn:
            await turn.append([running, failed])
            assert [m.status for m in await path(chat, "t")] == ["complete", "running", "failed"]
            forked = await chat.threads.fork("t")
        for read in (
            await path(chat, "t"),
            await path(chat, "t", tree=True),
            (await path(chat, "t", order="desc"))[::-1],
            list(await chat.messages.window("t", turns=1)),
        ):
            assert [m.status for m in read] == ["complete", "complete", "failed"]
        assert [(m.status, m.run) for m in await path(chat, forked.id)] == [
            ("complete", None),
            ("interrupted", None),
            ("failed", None),
        ]
        assert await path(chat, forked.id) != []

    async def test_a_run_whose_lease_has_passed_is_interrupted(self, chat: Owner) -> None:
        """Every read says so without a reaper; such a run stores nothing any more. [K2]"""
        turn = await abandoned(chat, user("q"))
        await turn.append(Message.of("assistant", "so f", id="a", status="running"))
        run = await lapsed(chat, turn)
        assert (run.status, run.ended_at) == ("interrupted", run.lease_until)
        [listed] = await chat.runs.list("t")
        assert listed == run
        assert (await chat.messages.get("t", "a")).status == "interrupted"
        assert (await chat.messages.window("t", turns=1))[-1].status == "interrupted"
        assert await refused(turn.append(says("late"))) == ("run_lost", turn.id)
        assert await refused(turn.append(says("late"), parent="q")) == ("run_lost", turn.id)
        assert await refused(turn.touch()) == ("run_lost", turn.id)
        assert await refused(turn.__aexit__(None, None, None)) == ("run_lost", turn.id)
        async with chat.turn("t", user("next")) as after:
            await after.append(says("b"))
        stored = await path(chat, "t")
        assert ids(stored) == ["q", "a", "next", "b"]
        assert [m.seq for m in stored] == [1, 2, 3, 4]

    async def test_what_a_turn_does_renews_its_lease(self, chat: Owner) -> None:
        """An append and a touch each move the end of the lease; ten minutes is what it is."""
        async with chat.turn("t", user("q"), exclusive=True) as turn:
            first = await chat.runs.get("t", turn.id)
            assert first.lease_until - first.started_at == timedelta(minutes=10)
            await turn.append(says("a"))
            second = await chat.runs.get("t", turn.id)
            await turn.touch()
            third = await chat.runs.get("t", turn.id)
        assert first.lease_until < second.lease_until < third.lease_until
        assert first.started_at == third.started_at

    async def test_a_thread_has_one_exclusive_run(self, chat: Owner) -> None:
        """A second one is refused and stores nothing; a run that is not exclusive may go on.

        [K11]
        """
        async with chat.turn("t", user("q"), exclusive=True) as turn:
            assert await refused(chat.turn("t", user("r"), exclusive=True).__aenter__()) == (
                "run_live",
                turn.id,
            )
            assert await refused(chat.turn("t", exclusive=True).__aenter__()) == (
                "run_live",
                turn.id,
            )
            async with chat.turn("t", user("s")) as beside:
                await beside.append(says("b"))
            await turn.append(says("a"))
            assert (await chat.runs.get("t", turn.id)).exclusive
        assert ids(await path(chat, "t")) == ["q", "s", "b", "a"]
        assert len(await chat.runs.list("t")) == 2
        async with chat.turn("t", user("r"), exclusive=True):
            pass

    @pytest.mark.parametrize("given", [True, False])
    async def test_of_exclusive_turns_at_once_one_gets_in(self, chat: Owner, given: bool) -> None:
        """However many begin at the same moment, on a new thread and on an old one. [K11]"""
        for _ in range(3):
            entered: list[Turn] = []

            async def enter(number: int, entered: list[Turn] = entered) -> None:
                message = user(f"{number}-{len(entered)}") if given else None
                turn = chat.turn("t", message, exclusive=True)
                with suppress(ConflictError):
                    await turn.__aenter__()
                    entered.append(turn)

            before = len(await chat.runs.list("t"))
            await asyncio.gather(*(enter(number) for number in range(8)))
            assert len(entered) == 1
            assert len(await chat.runs.list("t")) == before + 1
            await entered[0].__aexit__(None, None, None)
            for message in await path(chat, "t"):
                await chat.messages.delete("t", str(message.id))

    async def test_a_lapsed_exclusive_run_is_taken_over(self, chat: Owner) -> None:
        """The next exclusive turn gets in; the one that lost its lease stores nothing any more."""
        old = await abandoned(chat, user("q"), exclusive=True)
        await lapsed(chat, old)
        async with chat.turn("t", user("r"), exclusive=True) as new:
            assert await refused(old.append(says("late"))) == ("run_lost", old.id)
            assert await refused(old.touch()) == ("run_lost", old.id)
            assert await refused(old.__aexit__(None, None, None)) == ("run_lost", old.id)
            await new.append(says("a"))
        assert ids(await path(chat, "t")) == ["q", "r", "a"]
        assert {run.id: run.status for run in await chat.runs.list("t")} == {
            old.id: "interrupted",
            new.id: "complete",
        }

    async def test_usage_adds_up_and_unknown_stays_unknown(self, chat: Owner) -> None:
        """A run has the sum of its calls, its thread that of its ended runs; None is not 0."""
        assert await chat.threads.create("t")
        assert await chat.runs.usage("t") == Usage()
        async with chat.turn("t", user("q")) as first:
            first.add_usage(Usage(input_tokens=10, output_tokens=2, cost=Decimal("0.10")))
            first.add_usage(Usage(input_tokens=5, reasoning_tokens=0))
            assert await chat.runs.usage("t") == Usage()
        async with chat.turn("t", user("r")) as second:
            second.add_usage(Usage(input_tokens=1, cost=Decimal("0.000000000000000000002")))
        async with chat.turn("t", user("s")) as third:
            pass
        used = [(await chat.runs.get("t", turn.id)).usage for turn in (first, second, third)]
        assert used[0] == Usage(15, 2, None, 0, Decimal("0.10"))
        assert used[2] == Usage()
        assert await chat.runs.usage("t") == used[0] + used[1] + used[2]
        assert (await chat.runs.usage("t")).cost == Decimal("0.100000000000000000002")
        assert (await chat.runs.usage("t")).cached_tokens is None

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("input_tokens", -1),
            ("output_tokens", 1.5),
            ("cached_tokens", True),
            ("reasoning_tokens", 2**53 + 1),
            ("cost", 0.1),
            ("cost", Decimal("NaN")),
            ("cost", Decimal(-1)),
            ("cost", Decimal("1e15")),
            ("cost", Decimal("1e-31")),
        ],
    )
    async def test_usage_that_is_none_is_refused(self, chat: Owner, field: str, value: Any) -> None:
        """Tokens are ints of at least 0, a cost is a Decimal of at least 0."""
        async with chat.turn("t") as turn:
            with pytest.raises(InvalidError) as caught:
                turn.add_usage(Usage(**{field: value}))
        assert caught.value.field == field
        assert await chat.runs.usage("t") == Usage()

    async def test_runs_are_listed_in_the_order_they_started(self, chat: Owner) -> None:
        """Newest first, or oldest first, page by page; nothing for an unknown thread."""
        made = []
        for number in range(5):
            async with chat.turn("t", user(f"q{number}")) as turn:
                made.append(turn.id)

        def read(**which: Any) -> Any:
            return chat.runs.list("t", limit=2, **which)

        assert [run.id for run in items(await walk(read))] == made[::-1]
        assert [run.id for run in items(await walk(read, order="asc"))] == made
        assert [run.id async for run in read()] == made[::-1]
        assert (await chat.runs.list("unknown")).items == ()
        for unknown in (chat.runs.get("t", "x"), chat.runs.get("unknown", made[0])):
            with pytest.raises(NotFoundError) as caught:
                await unknown
            assert caught.value.kind == "run"
        with pytest.raises(NotFoundError):
            await chat.runs.usage("unknown")

    async def test_a_turn_may_be_tried_again(self, chat: Owner) -> None:
        """The same message again is the stored one, and the new run goes on below it."""
        first = await abandoned(chat, user("q"), exclusive=True)
        await lapsed(chat, first)
        async with chat.turn("t", user("q"), exclusive=True) as second:
            assert [(m.id, m.seq, m.run) for m in second.messages] == [("q", 1, first.id)]
            await second.append(says("a"))
            await second.append(says("a"))
        assert ids(await path(chat, "t")) == ["q", "a"]
        with pytest.raises(ConflictError) as caught:
            await chat.turn("t", user("q", "other")).__aenter__()
        assert caught.value.reason == "message_differs"
        assert len(await chat.runs.list("t")) == 2

    async def test_a_turn_without_a_message_can_regenerate(self, chat: Owner) -> None:
        """`parent` makes a sibling inside the run; an unknown one stores nothing."""
        await chat.messages.append("t", [user("q"), says("a")])
        async with chat.turn("t") as turn:
            assert ids(await turn.window(turns=1, leaf="q")) == ["q"]
            await turn.append(says("b"), parent="q")
            await turn.append(says("c"))
            with pytest.raises(NotFoundError):
                await turn.append(says("d"), parent="unknown")
            assert ids(await turn.window(turns=1)) == ["q", "b", "c"]
        assert ids(await chat.messages.siblings("t", "a")) == ["a", "b"]
        assert ids(await path(chat, "t")) == ["q", "b", "c"]

    async def test_a_turn_whose_thread_was_deleted_does_not_bring_it_back(
        self, chat: Owner
    ) -> None:
        """Neither by an append nor on leaving, also where the id was made anew."""
        turn = chat.turn("t", user("q"), exclusive=True)
        await turn.__aenter__()
        await chat.threads.delete("t")
        assert await refused(turn.append(says("a"))) == ("run_lost", turn.id)
        assert await refused(turn.touch()) == ("run_lost", turn.id)
        with pytest.raises(NotFoundError):
            await chat.threads.get("t")
        await chat.threads.create("t")
        assert await refused(turn.append(says("a"))) == ("run_lost", turn.id)
        assert await refused(turn.__aexit__(None, None, None)) == ("run_lost", turn.id)
        assert (await chat.runs.list("t")).items == ()
        assert (await chat.threads.get("t")).message_count == 0

    async def test_a_turn_is_entered_once(self, chat: Owner) -> None:
        """Outside its block it stores nothing; what cannot be stored is refused before any I/O."""
        turn = chat.turn("t", user("q"))
        for early in (turn.append(says("a")), turn.touch()):
            with pytest.raises(InvalidError):
                await early
        async with turn:
            with pytest.raises(InvalidError):
                await turn.__aenter__()
        for late in (turn.append(says("a")), turn.touch(), turn.__aenter__()):
            with pytest.raises(InvalidError):
                await late
        refused_ones: list[dict[str, Any]] = [
            *({"lease": lease} for lease in (0, 10**9, True)),
            {"exclusive": 1},
        ]
        for bad in refused_ones:
            with pytest.raises(InvalidError) as caught:
                chat.turn("t", **bad)
            assert caught.value.field in bad
        with pytest.raises(InvalidError):
            chat.turn("", user("q"))
        with pytest.raises(InvalidError):
            chat.turn("t", [])
        assert ids(await path(chat, "t")) == ["q"]

    async def test_the_reaper_writes_down_what_reads_show(
        self, store: AsyncStore, chat: Owner, owner: Owners
    ) -> None:
        """It ends lapsed runs of all owners, once, and changes nothing that is shown."""
        turn = await abandoned(chat, user("q"))
        other = await abandoned(owner("other"), user("q"), exclusive=True)
        shown = [await lapsed(chat, turn), await lapsed(owner("other"), other)]
        async with chat.turn("t", user("r")) as alive:
            assert await store.admin().reap() >= 2
            assert await chat.runs.get("t", turn.id) == shown[0]
            assert await owner("other").runs.get("t", other.id) == shown[1]
            assert (await chat.runs.get("t", alive.id)).status == "running"
        assert await refused(other.append(says("late"))) == ("run_lost", other.id)
        async with owner("other").turn("t", user("s"), exclusive=True):
            pass

    async def test_a_refused_batch_says_why_though_its_beginning_is_stored(
        self, chat: Owner
    ) -> None:
        """A turn that may not go on, or not begin, is told so, whatever of its batch is there."""
        await chat.messages.append("t", user("q"))
        async with chat.turn("t", exclusive=True) as turn:
            second = chat.turn("t", [user("q"), says("r")], exclusive=True)
            assert await refused(second.__aenter__()) == ("run_live", turn.id)
        lost = await abandoned(chat, says("x"), exclusive=True)
        await lapsed(chat, lost)
        for batch in ([says("x")], [says("x"), says("y")]):
            assert await refused(lost.append(batch)) == ("run_lost", lost.id)
        assert ids(await path(chat, "t")) == ["q", "x"]

    async def test_the_window_of_a_turn_outlives_its_last_message(self, chat: Owner) -> None:
        """Where that was compacted away the window goes up to the head."""
        async with chat.turn("t", user("q")) as turn:
            await turn.append(says("a"))
            await chat.messages.replace_all("t", user("summary"))
            assert ids(await turn.window(turns=3)) == ["summary"]

    async def test_a_turn_shared_by_tasks_knows_its_newest_message(self, chat: Owner) -> None:
        """Its messages are in the order of the thread, whoever is answered first."""
        async with chat.turn("t", user("q")) as turn:
            for number in range(5):
                batch = [says(f"a{number}-{n}") for n in range(6)]
                await asyncio.gather(*(turn.append(one) for one in batch))
                assert ids(turn.messages) == ids(await path(chat, "t"))
                assert (await turn.window(messages=1))[-1].id == turn.messages[-1].id
