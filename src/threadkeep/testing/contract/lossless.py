"""The contract of losslessness: what was appended is returned exactly."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, given, settings

from threadkeep.testing.contract.kit import Contract, ids, path
from threadkeep.testing.strategies import json_texts, json_values, messages
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import new_id
from threadkeep.values.message import Message
from threadkeep.values.parts import (
    DataPart,
    FilePart,
    Part,
    RawPart,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

if TYPE_CHECKING:
    from threadkeep.store import Owner

FEW = settings(
    max_examples=25,
    deadline=None,
    database=None,
    # One suite runs on several stores, each with its own executor and its own fixtures.
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.differing_executors,
    ],
)

TEXTS = {
    "NUL": r'"a\u0000b"',
    "surrogates": r'["\ud800", "\udfff x", "\ud83d\ude00", "\udE00\uD83d"]',
    "duplicate-keys": '{"k": 1, "k": 2, "k": {"k": 1, "k": 2}}',
    "key-order": '{"z": 1, "a": 2, "": 3, "1": 4}',
    "numbers": "[1e400, -1e400, 1E5, 1e-400, -0, -0.0, 1.50, 0.1e1, 100000000000000000000000]",
    "long-integer": "9" * 40,
    "very-long-integer": "[-" + "7" * 5000 + "]",
    "spaces": '\n{ "a" :\t[ 1 , 2 ] }\r\n',
    "escapes": r'"\/ \u0041 \" \\ \b \f \n \r \t"',
    "unicode": '"é 😀 \u2028 \ufeff \u202e \U0010ffff \x7f"',
}
VALUES: dict[str, Any] = {
    "NUL": {"a\0b": "\0"},
    "surrogates": ["\ud800", {"\udfff": "\ud800x"}],
    "key-order": {"z": 1, "a": 2, "": 3},
    "numbers": [-0.0, 10**40, -(10**39), 2**53 + 1, 5e-324, 1.7976931348623157e308, 0.1],
    "nothing": [None, True, False, "", [], {}],
    "unicode": "é 😀 \u2028 \ufeff",
}
NO_JSON: list[Any] = [
    *("", "{", "[NaN]", "[1,]", "{'a':1}", '"\ud800"', '"a\0b"', "[1] x"),
    *(b"\xff", b"\xef\xbb\xbf[]", 7),
]
PARTS: list[Part] = [
    TextPart("words", extra={"cache_control": {"type": "ephemeral"}}),
    ReasoningPart("thought", "c2ln", "ZW5j"),
    ToolCallPart("c1", "look", {"q": "\0", "b": 1, "a": [1, 2]}),
    ToolResultPart("c1", [{"x": 1}], "look", is_error=True),
    FilePart("image/png", data="aGk=", name="é.png"),
    SourcePart("1", "https://example.org", "Title"),
    DataPart("chart", {"rows": [[1, 2.5], None]}),
    RawPart({"type": "video", "own": [1]}),
]


def wrapped(value: str) -> str:
    """A payload of our own format around a JSON text, spaced as nobody else would."""
    head = '{ "role":"user" ,"parts":[{"type":"data","name":"x","data":'
    return f'{head}{value}}} ], "own" : {value} }}'


async def everywhere(chat: Owner, thread: str, id: str) -> list[Message]:
    """One message as each way of reading gives it."""
    [listed] = (await chat.messages.list(thread, last=1)).items
    [shown] = await chat.messages.window(thread, turns=1)
    return [await chat.messages.get(thread, id), listed, shown]


class LosslessContract(Contract):
    """Texts, objects, depth, size."""

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    async def test_text_is_kept_verbatim(self, chat: Owner, text: str) -> None:
        """Text and bytes of a native item come back byte for byte, however they are read. [C13]"""
        for n, given_as in enumerate((wrapped(text), wrapped(text).encode())):
            thread = f"t{n}"
            [stored] = await chat.messages.append(thread, given_as, dialect="threadkeep")
            for read in (stored, *await everywhere(chat, thread, str(stored.id))):
                assert read.json == wrapped(text)
                assert read.id == stored.id

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    async def test_text_is_kept_by_update_replay_and_fork(self, chat: Owner, text: str) -> None:
        """What rewrites, repeats or copies a message keeps its text too."""
        await chat.messages.append("t", Message.user("x", id="m"))
        updated = await chat.messages.update("t", "m", wrapped(text), dialect="threadkeep")
        assert updated.json == wrapped(text)
        own = Message("user", text, "x-own", id="n")
        [first] = await chat.messages.append("t", own)
        assert await chat.messages.append("t", own) == [first]
        await chat.threads.fork("t", "f")
        assert [m.json for m in await path(chat, "f")] == [wrapped(text), text]
        [again] = await chat.messages.replace_all("t", own)
        assert (again.json, again.format) == (text, "x-own")
        popped = await chat.messages.pop_last("t")
        assert popped is not None
        assert popped.json == text

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
    async def test_objects_come_back_equal(self, chat: Owner, value: Any) -> None:
        """A decoded native item comes back equal, to the sign of zero and the order of keys.

        [C12]
        """
        native = {"role": "user", "parts": [{"type": "data", "name": "x", "data": value}]}
        [stored] = await chat.messages.append("t", native, dialect="threadkeep")
        for read in await everywhere(chat, "t", str(stored.id)):
            assert repr(read.payload) == repr(native)
        id_ = str(stored.id)
        assert repr(await chat.messages.get("t", id_, dialect="threadkeep")) == repr(native)
        updated = await chat.messages.update("t", id_, native, dialect="threadkeep")
        assert repr(updated.payload) == repr(native)

    async def test_every_part_comes_back(self, chat: Owner) -> None:
        """Typed parts of every kind come back equal, members unknown to us included. [G1 G2]"""
        sent = Message.of("assistant", PARTS, id="m", extra={"own": {"b": 1, "a": 2}})
        [stored] = await chat.messages.append("t", sent)
        got = await chat.messages.get("t", "m")
        assert got.parts == stored.parts == tuple(PARTS)
        assert got.payload["own"] == {"b": 1, "a": 2}

    @FEW
    @given(text=json_texts())
    async def test_any_text(self, chat: Owner, text: str) -> None:
        """Any JSON text is a payload and comes back byte for byte. [C12]"""
        sent = Message("assistant", text, "x-own", id=new_id())
        await chat.messages.append("t", sent)
        assert (await chat.messages.get("t", str(sent.id))).json == text

    @FEW
    @given(value=json_values())
    async def test_any_object(self, chat: Owner, value: Any) -> None:
        """Any JSON value comes back equal."""
        native = {"role": "user", "parts": [], "own": value}
        [stored] = await chat.messages.append("t", native, dialect="threadkeep")
        read = await chat.messages.get("t", str(stored.id), dialect="threadkeep")
        assert repr(read) == repr(native)

    @FEW
    @given(sent=messages())
    async def test_any_message(self, chat: Owner, sent: Message) -> None:
        """Any message of typed parts comes back with its parts, id and time."""
        thread = new_id()
        [stored] = await chat.messages.append(thread, sent)
        got = await chat.messages.get(thread, str(stored.id))
        assert (got.json, got.role, got.parts) == (sent.json, sent.role, sent.parts)
        assert sent.id in (None, got.id)
        assert sent.created_at in (None, got.created_at)

    async def test_500_levels_are_kept_and_501_refused(self, chat: Owner) -> None:
        """Depth is bounded by rule, not by accident: for texts, objects and bytes alike."""
        for opening, closing in (("[", "]"), ('{"a":', "}")):
            deep = opening * 499 + "[]" + closing * 499
            await chat.messages.append("t", Message("user", deep, "x-own", id="m"))
            for read in await everywhere(chat, "t", "m"):
                assert read.json == deep
                assert read.payload is not None
            deeper = Message("user", f"[{deep}]", "x-own", id="m")
            for call in (
                chat.messages.append("t", deeper),
                chat.messages.update("t", "m", deeper),
                chat.messages.replace_all("t", [deeper]),
            ):
                with pytest.raises(InvalidError):
                    await call
            await chat.messages.delete("t", "m")
        value: Any = []
        for _ in range(496):
            value = [value]
        native = {"role": "user", "parts": [{"type": "data", "name": "x", "data": value}]}
        await chat.messages.append("s", native, dialect="threadkeep")
        native["parts"] = [{"type": "data", "name": "x", "data": [value]}]
        with pytest.raises(InvalidError):
            await chat.messages.append("s", native, dialect="threadkeep")
        assert await chat.messages.count("s") == 1

    async def test_five_mebibytes(self, chat: Owner) -> None:
        """A message of 5 MiB and one of 10 000 parts are messages like any other."""
        big = Message.user("é\0" + "x" * 5 * 2**20, id="big")
        many = Message.user([TextPart(f"part {n}") for n in range(10_000)], id="many")
        await chat.messages.append("t", big)
        for read in await everywhere(chat, "t", "big"):
            assert read.json == big.json
        updated = await chat.messages.update("t", "big", replace(many, id=None))
        assert updated.parts == many.parts
        [stored] = await chat.messages.append("t", many)
        assert stored.json == many.json

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, {1, 2}, b"x", {1: 2}, 1j])
    async def test_what_is_no_json_is_refused(self, chat: Owner, bad: Any) -> None:
        """NaN, Infinity and what JSON cannot say are InvalidErrors, and nothing is written."""
        native = {"role": "user", "parts": [], "own": [bad]}
        with pytest.raises(InvalidError):
            await chat.messages.append("t", native, dialect="threadkeep")
        with pytest.raises(InvalidError):
            await chat.threads.create("t", format="x", payload=[bad])
        with pytest.raises(InvalidError):
            await chat.threads.create("t", metadata={"a": [bad]})
        assert await chat.threads.count() == 0

    @pytest.mark.parametrize("bad", NO_JSON, ids=repr)
    async def test_text_that_is_no_json_is_refused(self, chat: Owner, bad: Any) -> None:
        """Text that is no JSON in UTF-8 is an InvalidError, and nothing is written."""
        if isinstance(bad, str | bytes):
            with pytest.raises(InvalidError):
                await chat.messages.append("t", bad, dialect="threadkeep")
        with pytest.raises(InvalidError):
            await chat.messages.append("t", Message("user", cast("Any", bad), "x-own"))
        assert await chat.threads.count() == 0

    async def test_naive_times_inside_a_payload_stay(self, chat: Owner) -> None:
        """A naive time in a payload stays as it is there and is read as UTC for the column.

        [C11]
        """
        text = '{"role":"user","parts":[],"created_at":"2024-02-29T12:00:00"}'
        [stored] = await chat.messages.append("t", text, dialect="threadkeep")
        assert stored.json == text
        assert stored.created_at == datetime(2024, 2, 29, 12, tzinfo=UTC)

    async def test_created_at_is_fixed_at_the_first_attempt(self, chat: Owner) -> None:
        """A retry later, with another time, gives the first time."""
        early, late = (datetime(year, 1, 1, tzinfo=UTC) for year in (2001, 2002))
        [first] = await chat.messages.append("t", Message.user("x", id="m"), created_at=early)
        [again] = await chat.messages.append("t", Message.user("x", id="m"), created_at=late)
        assert first.created_at == again.created_at == early

    async def test_ids_of_any_alphabet(self, chat: Owner) -> None:
        """Message ids are opaque text and come back as they were. [C3]"""
        names = ["é", "e\u0301", "A", "a", " a", "a ", "ａ", "😀", "%", "_", "'", "\\", "1", "01"]
        await chat.messages.append("t", [Message.user("x", id=name) for name in names])
        assert ids(await path(chat, "t")) == names
