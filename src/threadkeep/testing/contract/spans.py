"""The contract of spans: how one starts and ends, and what is kept of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract
from threadkeep.testing.contract.span_kit import MINUTE, NOON, TYPES, listed, refused, unknown
from threadkeep.values.errors import InvalidError, NotFoundError
from threadkeep.values.run import Usage
from threadkeep.values.span import Span

if TYPE_CHECKING:
    from threadkeep.store import Owner


class SpansContract(Contract):
    """Start, end, and the two as a context."""

    async def test_a_span_is_stored_when_it_starts(self, chat: Owner) -> None:
        """It has what was given and runs; nothing is known of its end. [M1]"""
        await chat.threads.create("t")
        before = await chat.spans.start("before")
        made = await chat.spans.start(
            "search",
            type="tool",
            span_id="a",
            parent=before.id,
            thread="t",
            run="any id",
            user="ann",
            input={"q": ["x", 1.0, None]},
            metadata={"model": "m"},
            started_at=NOON.astimezone(timezone(timedelta(hours=5))),
        )
        assert made == await chat.spans.get("a")
        assert (made.name, made.type, made.status) == ("search", "tool", "running")
        assert (made.parent_id, made.thread_id, made.run) == (before.id, "t", "any id")
        assert (made.user_id, made.started_at, made.metadata) == ("ann", NOON, {"model": "m"})
        assert (made.input, made.input_json) == ({"q": ["x", 1.0, None]}, '{"q":["x",1.0,null]}')
        assert (made.output, made.output_json, made.error) == (None, None, None)
        assert (made.ended_at, made.duration_ms, made.usage) == (None, None, Usage())
        assert (before.type, before.parent_id, before.thread_id) == ("chain", None, None)
        assert abs(before.started_at - datetime.now(UTC)) < timedelta(minutes=5)
        assert before.id != (await chat.spans.start("before")).id
        assert "search" in repr(made)
        assert '"q"' not in repr(made)

    @pytest.mark.parametrize("type", TYPES)
    async def test_an_end_says_how_it_went(self, chat: Owner, type: Any) -> None:
        """End stores output, usage and the time it took, complete where no error is given. [M1]"""
        await chat.spans.start("s", type=type, span_id="a", metadata={"a": 1, "b": {"c": 2}})
        used = Usage(3, 4, 0, None, Decimal("0.10"))
        ended = await chat.spans.end(
            "a", output=["found", 1], usage=used, metadata={"a": None, "b": {"d": 3}}
        )
        assert ended == await chat.spans.get("a")
        assert (ended.status, ended.error, ended.type) == ("complete", None, type)
        assert (ended.output, ended.output_json) == (["found", 1], '["found",1]')
        assert (ended.usage, ended.metadata) == (used, {"b": {"c": 2, "d": 3}})
        assert ended.ended_at is not None
        assert ended.duration_ms is not None
        took = (ended.ended_at - ended.started_at) / timedelta(milliseconds=1)
        assert ended.duration_ms == pytest.approx(took, abs=0.01)

    async def test_an_error_makes_it_failed(self, chat: Owner) -> None:
        """So it is stored with the error's text, unless another status is said. [M1]"""
        for id_, status in (("a", None), ("b", "interrupted"), ("c", "complete")):
            await chat.spans.start("s", span_id=id_)
            ended: Any = await chat.spans.end(id_, error="Timeout", status=status)  # type: ignore[arg-type]
            assert (ended.status, ended.error) == (status or "failed", "Timeout")
            assert "Timeout" not in repr(ended)
        await chat.spans.start("s", span_id="d")
        assert (await chat.spans.end("d", status="cancelled")).status == "cancelled"
        assert await unknown(chat.spans.end("nothing")) == ("span", "nothing")

    async def test_a_duration_is_never_negative(self, chat: Owner) -> None:
        """It is computed from start to end; where the clock went back it is 0. [M1]"""
        ends = {"a": (NOON + MINUTE, 60000.0), "b": (NOON - MINUTE, 0.0), "c": (NOON, 0.0)}
        for id_, (end, due) in ends.items():
            await chat.spans.start("s", span_id=id_, started_at=NOON)
            ended = await chat.spans.end(id_, ended_at=end)
            assert (ended.ended_at, ended.duration_ms) == (end, due)
        await chat.spans.start("s", span_id="given", started_at=NOON)
        given = await chat.spans.end("given", ended_at=NOON, duration_ms=0.125)
        assert given.duration_ms == 0.125

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("text", '"text"'),
            (0, "0"),
            (False, "false"),
            ([], "[]"),
            ("\0 \ud800", '"\\u0000 \\ud800"'),
            (10**40, "1" + "0" * 40),
            (b'{"b": 1, "a": -0.0, "a": 1e400}', '{"b": 1, "a": -0.0, "a": 1e400}'),
            (b" null", " null"),
        ],
    )
    async def test_input_and_output_are_kept_verbatim(
        self, chat: Owner, value: Any, text: str
    ) -> None:
        """Any JSON value comes back as it was; bytes are its text and stay as they are."""
        await chat.spans.start("s", span_id="a", input=value)
        await chat.spans.end("a", output=value)
        ended = await chat.spans.get("a")
        assert (ended.input_json, ended.output_json) == (text, text)
        if not isinstance(value, bytes):
            assert (ended.input, ended.output) == (value, value)
        assert (await chat.spans.end("a", output=value)).output_json == text

    async def test_a_start_is_safe_to_repeat(self, chat: Owner) -> None:
        """The same id, name, type, parent and thread is the same span, ended or not."""
        await chat.threads.create("t")
        await chat.spans.start("p", span_id="p")
        mine: dict[str, Any] = {"type": "tool", "span_id": "a", "parent": "p", "thread": "t"}
        first = await chat.spans.start("s", **mine, input=1)
        assert await chat.spans.start("s", **mine, input=2) == first
        ended = await chat.spans.end("a")
        assert await chat.spans.start("s", **mine) == ended
        others = ({"type": "llm"}, {"parent": None}, {"thread": None}, {"parent": None})
        for other in others:
            assert await refused(chat.spans.start("s", **{**mine, **other})) == ("exists", "a")
        assert await refused(chat.spans.start("other", **mine)) == ("exists", "a")
        assert await chat.spans.get("a") == ended
        made = await asyncio.gather(*(chat.spans.start("s", span_id="race") for _ in range(10)))
        assert all(span == made[0] for span in made)

    async def test_an_end_is_safe_to_repeat(self, chat: Owner) -> None:
        """The same end is the same row; another one is refused and changes nothing."""
        how: dict[str, Any] = {
            "output": [1.0],
            "error": "E",
            "usage": Usage(1, cost=Decimal("0.5")),
            "metadata": {"x": 1e300, "y": None},
        }
        await chat.spans.start("s", span_id="a", metadata={"y": 1})
        ended = await chat.spans.end("a", **how)
        assert await chat.spans.end("a", **how) == ended
        exact: dict[str, Any] = {
            "duration_ms": ended.duration_ms,
            "ended_at": ended.ended_at,
            "status": "failed",
        }
        assert await chat.spans.end("a", **how, **exact) == ended
        others: list[dict[str, Any]] = [
            {"output": [1]},
            {"error": "F"},
            {"error": None},
            {"usage": Usage(1)},
            {"usage": Usage(2, cost=Decimal("0.5"))},
            {"metadata": {"z": 1}},
            {"status": "cancelled"},
            {"duration_ms": 10**6},
            {"ended_at": NOON},
        ]
        for other in others:
            assert await refused(chat.spans.end("a", **{**how, **other})) == ("span_ended", "a")
        assert await refused(chat.spans.end("a")) == ("span_ended", "a")
        assert await chat.spans.get("a") == ended
        await chat.spans.start("s", span_id="race")
        both = await asyncio.gather(
            *(chat.spans.end("race", output=n) for n in range(5)), return_exceptions=True
        )
        assert sum(isinstance(one, Span) for one in both) == 1

    async def test_what_a_span_names_must_be_there(self, chat: Owner) -> None:
        """An unknown thread or parent is a NotFoundError, and nothing is stored."""
        assert await unknown(chat.spans.start("s", thread="t")) == ("thread", "t")
        assert await unknown(chat.spans.start("s", parent="p")) == ("span", "p")
        assert await unknown(chat.spans.start("s", span_id="a", parent="a")) == ("span", "a")
        for call in (chat.spans.get, chat.spans.tree, chat.spans.end):
            assert await unknown(call("a")) == ("span", "a")
        assert await chat.spans.delete("a") is False
        assert await listed(chat) == []

    @pytest.mark.parametrize(
        ("field", "wrong"),
        [
            ("name", {"name": ""}),
            ("name", {"name": None}),
            ("type", {"type": "other"}),
            ("type", {"type": None}),
            ("span_id", {"span_id": "x" * 513}),
            ("parent", {"parent": ""}),
            ("thread", {"thread": "\0"}),
            ("run", {"run": 1}),
            ("user", {"user": ""}),
            ("input", {"input": float("nan")}),
            ("input", {"input": {"x": object()}}),
            ("input", {"input": b"{"}),
            ("metadata", {"metadata": []}),
            ("started_at", {"started_at": datetime(2026, 1, 1)}),  # noqa: DTZ001
        ],
    )
    async def test_a_start_checks_its_arguments(
        self, chat: Owner, field: str, wrong: dict[str, Any]
    ) -> None:
        """InvalidError names the field, for the call and for the context, before any I/O."""
        given: dict[str, Any] = {"name": "s", **wrong}
        with pytest.raises(InvalidError) as caught:
            await chat.spans.start(**given)
        assert caught.value.field == field
        with pytest.raises(InvalidError):
            chat.span(**given)

    @pytest.mark.parametrize(
        ("field", "wrong"),
        [
            ("status", {"status": "running"}),
            ("status", {"status": "done"}),
            ("error", {"error": "\0"}),
            ("output", {"output": float("inf")}),
            ("usage", {"usage": None}),
            ("metadata", {"metadata": None}),
            ("metadata", {"metadata": {"x": "\ud800"}}),
            ("duration_ms", {"duration_ms": -0.1}),
            ("duration_ms", {"duration_ms": True}),
            ("duration_ms", {"duration_ms": float("nan")}),
            ("duration_ms", {"duration_ms": 10**400}),
            ("ended_at", {"ended_at": datetime(2026, 1, 1)}),  # noqa: DTZ001
        ],
    )
    async def test_an_end_checks_its_arguments(
        self, chat: Owner, field: str, wrong: dict[str, Any]
    ) -> None:
        """InvalidError names the field, and the span goes on running."""
        await chat.spans.start("s", span_id="a")
        with pytest.raises(InvalidError) as caught:
            await chat.spans.end("a", **wrong)
        assert caught.value.field == field
        assert (await chat.spans.get("a")).status == "running"

    async def test_a_block_is_a_span(self, chat: Owner) -> None:
        """It is stored while the block runs, and complete with what was set after it. [M1]"""
        await chat.threads.create("t")
        used = Usage(1, 2)
        async with chat.span("agent", type="agent", thread="t", run="r", input="q") as agent:
            assert (await chat.spans.get(agent.id)).status == "running"
            async with chat.span("tool", type="tool", parent=agent.id, metadata={"a": 1}) as tool:
                tool.set(output="first")
                tool.set(output="last", usage=used)
                tool.set(metadata={"b": 2})
        outer, inner = await chat.spans.tree(agent.id)
        assert (outer.status, outer.thread_id, outer.run, outer.input) == (
            "complete",
            "t",
            "r",
            "q",
        )
        assert (inner.id, inner.status, inner.output) == (tool.id, "complete", "last")
        assert (inner.usage, inner.metadata) == (used, {"a": 1, "b": 2})
        assert (outer.output_json, outer.usage, outer.metadata) == (None, Usage(), None)
        with pytest.raises(InvalidError):
            await agent.__aenter__()
        with pytest.raises(InvalidError):
            tool.set(output=object())

    @pytest.mark.parametrize(
        ("raised", "status", "error"),
        [
            (ValueError("secret"), "failed", "ValueError"),
            (asyncio.CancelledError(), "cancelled", None),
            (GeneratorExit(), "cancelled", None),
        ],
    )
    async def test_an_exception_ends_the_span_and_goes_on(
        self, chat: Owner, raised: BaseException, status: str, error: str | None
    ) -> None:
        """A span that fails has the name of the exception's class and none of its words. [M1]"""
        span = chat.span("s")

        async def work() -> None:
            async with span:
                span.set(output="so far", usage=Usage(output_tokens=3))
                raise raised

        with pytest.raises(type(raised)):
            await work()
        ended = await chat.spans.get(span.id)
        assert (ended.status, ended.error) == (status, error)
        assert (ended.output, ended.usage) == ("so far", Usage(output_tokens=3))
        assert ended.ended_at is not None

    async def test_a_block_that_cannot_start_does_not_run(self, chat: Owner) -> None:
        """Its error comes on entering; an error of the block goes before one of the end."""
        with pytest.raises(NotFoundError):
            async with chat.span("s", parent="nothing"):
                raise AssertionError("not reached")
        assert await listed(chat) == []
        with pytest.raises(ZeroDivisionError):
            async with chat.span("s", span_id="a"):
                assert await chat.spans.delete("a") / 0
        with pytest.raises(NotFoundError):
            async with chat.span("s", span_id="b"):
                await chat.spans.delete("b")
