"""Gemini's contents: which of their parts is which of ours, and how calls find their responses."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import Bench, codes, few
from hypothesis import given
from hypothesis import strategies as st
from kit_gemini import (
    FILES,
    PDF,
    PNG,
    SIGNATURE,
    SNAKE,
    accepts,
    call,
    corpus,
    model,
    response,
    user,
)

from threadkeep.dialects.anthropic import dialect as anthropic
from threadkeep.dialects.gemini import dialect
from threadkeep.dialects.gemini.reading import Made, made_of, plain
from threadkeep.testing.strategies import messages, strings
from threadkeep.values.message import Message
from threadkeep.values.parts import (
    ApprovalPart,
    FilePart,
    Json,
    Part,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

bench = Bench(dialect, accepts)
read, changed, written = bench.read, bench.changed, bench.written
SIGNED = {"thoughtSignature": SIGNATURE}
CODE = {"executableCode": {"id": "e", "language": "PYTHON", "code": "1"}}
RAN = {"codeExecutionResult": {"id": "e", "outcome": "OUTCOME_OK", "output": "1"}}
FAILED = {"codeExecutionResult": {"id": "e", "outcome": "OUTCOME_FAILED"}}


def answer(said: Json, **members: Json) -> Json:
    return response("a", said, id="c", **members)


def answered(output: Json = None, **members: Any) -> ToolResultPart:
    return ToolResultPart("c", output, "a", **members)


PARTS: list[tuple[Json, Part]] = [
    ({"text": "a"}, TextPart("a")),
    ({"text": "a", **SIGNED}, TextPart("a", extra=SIGNED)),
    ({"text": "", **SIGNED}, TextPart("", extra=SIGNED)),
    ({"text": "a", "partMetadata": {"b": 1}}, TextPart("a", extra={"partMetadata": {"b": 1}})),
    ({"text": "a", "thought": True}, ReasoningPart("a", provider="google")),
    ({"text": "a", "thought": True, **SIGNED}, ReasoningPart("a", SIGNATURE, provider="google")),
    (FILES["parts"][1], FilePart("image/png", data=PNG)),
    (
        {"inlineData": {"mimeType": "image/png", "data": PNG, "displayName": "n"}, "thought": True},
        FilePart("image/png", data=PNG, name="n", extra={"thought": True}),
    ),
    (
        FILES["parts"][3],
        FilePart(
            "video/mp4",
            url="https://example.org/a.mp4",
            extra={
                "videoMetadata": {"startOffset": "2s", "endOffset": "5s", "fps": 2.0},
                "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"},
            },
        ),
    ),
    (FILES["parts"][4], FilePart("application/pdf", url="gs://bucket/a.pdf")),
    (call("a", {"b": 1}, id="c"), ToolCallPart("c", "a", {"b": 1})),
    (
        {**call("a", {}, id="c", willContinue=True), **SIGNED},
        ToolCallPart("c", "a", {}, extra={**SIGNED, "functionCall": {"willContinue": True}}),
    ),
    (call("a", {}), ToolCallPart("gemini-1-1-a", "a", {})),
    (answer({"output": "x"}), answered("x")),
    (answer({"error": "x"}), answered("x", is_error=True)),
    (answer({"b": 1}), answered({"b": 1})),
    (answer({}), answered({})),
    (answer({"error": None, "b": 1}), answered({"error": None, "b": 1})),
    (
        answer({"output": "x"}, scheduling="SILENT"),
        answered("x", extra={"functionResponse": {"scheduling": "SILENT"}}),
    ),
    (
        answer(
            {"output": "x"},
            parts=[
                {"inlineData": {"mimeType": "application/pdf", "data": PDF}},
                {"fileData": {"fileUri": "gs://b/c"}, "mediaProcessing": "STATIC"},
            ],
        ),
        answered(
            content=(
                TextPart("x"),
                FilePart("application/pdf", data=PDF),
                FilePart(url="gs://b/c", extra={"mediaProcessing": "STATIC"}),
            )
        ),
    ),
    (
        answer({}, parts=[{"inlineData": {"mimeType": "image/png", "data": PNG}}]),
        answered(content=(FilePart("image/png", data=PNG),)),
    ),
    (
        CODE,
        ToolCallPart(
            "e", "code_execution", {"language": "PYTHON", "code": "1"}, provider_executed=True
        ),
    ),
    (
        RAN,
        ToolResultPart(
            "e",
            {"outcome": "OUTCOME_OK", "output": "1"},
            "code_execution",
            provider_executed=True,
        ),
    ),
    (
        FAILED,
        ToolResultPart(
            "e",
            {"outcome": "OUTCOME_FAILED"},
            "code_execution",
            is_error=True,
            provider_executed=True,
        ),
    ),
    (
        {"toolCall": {"id": "t", "toolType": "URL_CONTEXT", "args": {"u": 1}}},
        ToolCallPart("t", "URL_CONTEXT", {"u": 1}, provider_executed=True),
    ),
    (
        {"toolResponse": {"id": "t", "toolType": "URL_CONTEXT", "response": {"output": 1}}},
        ToolResultPart("t", {"output": 1}, "URL_CONTEXT", provider_executed=True),
    ),
]


@pytest.mark.parametrize(("value", "part"), PARTS, ids=lambda v: getattr(v, "type", ""))
def test_a_part_is_a_part_both_ways(value: Json, part: Part) -> None:
    """Every kind of part has its own of ours, and that written anew is the part."""
    item = user(value) if "functionResponse" in value else model(value)
    assert read(item) == (part,)
    made = written(changed(item, part, TextPart("new")))
    written_parts = [one for content in made for one in content["parts"]]
    expected = call("a", {}) if value == call("a", {}) else value
    assert [_sorted(one) for one in written_parts] == [_sorted(expected), {"text": "new"}]
    assert not made.losses


def _sorted(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return value


def test_the_spelling_of_python_is_read_and_written_as_that_of_rest() -> None:
    """A content in snake_case has the same parts, and is written in camelCase when it changes."""
    parts = read(SNAKE)
    made = written(changed(SNAKE, *parts, TextPart("new")))
    camel = [
        {"text": "They want trams.", "thought": True, **SIGNED},
        {"text": "I look."},
        {**call("get_trams", {"line": 28}, id="fc-1"), **SIGNED},
        {"inlineData": {"mimeType": "image/png", "data": PNG, "displayName": "a"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://bucket/a.png"}},
        {"executableCode": {"code": "1", "language": "PYTHON", "id": "ex-1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1", "id": "ex-1"}},
        {"toolCall": {"id": "tc-1", "toolType": "URL_CONTEXT", "args": {"url": "u"}}},
        {"toolResponse": {"id": "tc-1", "toolType": "URL_CONTEXT", "response": {"found": 1}}},
    ]
    assert list(made) == [model(*camel, {"text": "new"})]
    assert [part.type for part in read(model(*camel))] == [part.type for part in parts]


@pytest.mark.parametrize(
    "value",
    [
        {"text": 5},
        {"text": "x", "functionCall": {"name": "a"}},
        {"functionCall": {"name": "a"}, "function_call": {"name": "a"}},
        {"functionCall": {}},
        {"functionCall": {"name": "a", "id": 5}},
        {"functionCall": "a"},
        {"functionResponse": {"name": "a", "response": "x"}},
        {"functionResponse": {"name": "a", "parts": {}}},
        {"inlineData": {"mimeType": "image/png"}},
        {"inlineData": {"mimeType": 5, "data": "AA=="}},
        {"fileData": {"fileUri": None}},
        {"executableCode": {"language": "PYTHON"}},
        {"codeExecutionResult": {"output": "x"}},
        {"toolCall": {"toolType": "code_execution"}},
        {"toolResponse": {}},
        {"videoMetadata": {}},
        {"text": None},
        {},
        None,
        "words",
    ],
)
def test_a_part_with_odd_members_is_kept_whole(value: Json) -> None:
    """A part of no kind, of two kinds, or with members that are not what they should be is raw."""
    assert read(model(value)) == (RawPart(value),)


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ("x", "item"),
        ({"role": "assistant", "parts": []}, "role"),
        ({"role": "system", "parts": []}, "role"),
        ({"role": ["user"], "parts": []}, "role"),
        ({"role": "user", "parts": "x"}, "parts"),
        ({"role": "user", "parts": {}}, "parts"),
    ],
)
def test_what_is_no_content_is_refused(item: Json, field: str) -> None:
    """An item with a wrong frame is an InvalidError that names the member."""
    bench.refuses(item, field)


def test_roles_are_those_of_everybody() -> None:
    """Responses alone have the role tool and start no turn; without role it is the user's."""
    listed = [
        user(response("a", {})),
        {"role": "function", "parts": [response("a", {})]},
        user(response("a", {}), {"text": "x"}),
        {"parts": [{"text": "x"}]},
        {"role": "model"},
    ]
    traits = [dialect.traits(item) for item in listed]
    assert [(one.role, one.starts) for one in traits] == [
        ("tool", False),
        ("tool", False),
        ("user", True),
        ("user", True),
        ("assistant", False),
    ]


def test_calls_without_ids_meet_their_responses() -> None:
    """Each item tells the ids alike by name and order, so that a store can pair them."""
    said = model(call("a"), call("b"), call("a"))
    back = user(response("b", {}), response("a", {}), response("a", {}))
    assert dialect.traits(said).calls == ("gemini-1-1-a", "gemini-1-1-b", "gemini-1-2-a")
    assert set(dialect.traits(back).answers) == set(dialect.traits(said).calls)


def test_ids_are_unique_in_a_conversation() -> None:
    """The same function called again has another id, its response too; dumping says none."""
    listed = [
        model(call("a", {"n": 1}), call("a", {"n": 2})),
        user(response("a", {"output": 1})),
        user(response("a", {"output": 2})),
        model(call("a", {"n": 3})),
        user({"text": "never mind"}),
        model(call("a", {"n": 4})),
        user(response("a", {"output": 4}), {"text": "and?"}),
        model(call("a", {"n": 5}, id="x"), call("b", id="y")),
        user(response("b", {"output": 6}, id="y"), response("a", {"output": 5})),
        user(response("a", {"output": 7})),
    ]
    loaded = dialect.load(listed)
    parts = [part for message in loaded for part in message.parts]
    inputs = {
        part.call_id: part.input["n"]
        for part in parts
        if isinstance(part, ToolCallPart) and part.input
    }
    calls = [part.call_id for part in parts if isinstance(part, ToolCallPart)]
    results = [part for part in parts if isinstance(part, ToolResultPart)]
    assert len(set(calls)) == len(calls) == 6
    paired = {part.output: inputs.get(part.call_id) for part in results}
    assert paired == {1: 1, 2: 2, 4: 4, 5: 5, 6: None, 7: 4}
    assert list(dialect.dump(loaded)) == listed
    stored = [Message(m.role, m.json, m.format) for m in loaded]
    assert list(dialect.dump(stored)) == listed


def test_made_ids_come_back_as_none() -> None:
    """A conversation that went through another format has calls without ids again."""
    listed = [
        user({"text": "x"}),
        model(call("a", {"n": 1}), call("b", {})),
        user(response("a", {"output": "1"}), response("b", {"output": "2"})),
        model(call("a", {"n": 2})),
        user(response("a", {"output": "3"})),
        model({"text": "done"}),
    ]
    there = anthropic.dump(dialect.load(listed))
    ids = [
        block["id"]
        for item in there
        for block in item["content"]
        if isinstance(block, dict) and "id" in block
    ]
    assert len(set(ids)) == 3
    assert list(written(*anthropic.load(there))) == listed


def test_a_response_out_of_order_says_its_id() -> None:
    """Where reading could not tell which call a response answers, the response says it."""
    made = written(
        Message.assistant([ToolCallPart("gemini-1-1-a", "a"), ToolCallPart("gemini-1-2-a", "a")]),
        Message.tool([ToolResultPart("gemini-1-2-a", 2), ToolResultPart("gemini-1-1-a", 1)]),
    )
    results = [part for part in dialect.load(made)[1].parts if isinstance(part, ToolResultPart)]
    assert [(one.call_id, one.output) for one in results] == [
        ("gemini-1-2-a", 2),
        ("gemini-1-1-a", 1),
    ]


@few
@given(st.integers(1, 9), st.integers(1, 9), strings())
def test_a_made_id_tells_what_it_was_made_of(k: int, n: int, name: str) -> None:
    """An id says number and name, in characters that every provider takes."""
    made = Made(k, n, plain(name))
    assert made_of(made.id()) == made
    assert all(c.isascii() and (c.isalnum() or c in "-_") for c in made.id())
    assert made_of(f"x{made.id()}") is None


def test_a_changed_content_keeps_the_rest() -> None:
    """Edited parts show; the other parts, and unknown members, are as they were."""
    item = {**corpus[8], "odd": {"a": 1}}
    parts = read(item)
    made = list(dialect.dump([changed(item, ReasoningPart("new"), *parts[1:])]))
    new = {"text": "new", "thought": True}
    expected = [new, *item["parts"][1:3], call("now", {})]
    assert made == [{**item, "parts": expected}]


def test_tools_that_gemini_runs_stay_in_the_answer() -> None:
    """Edited code and its result are where they were; those of others are functions."""
    item = model({"text": "so"}, CODE, RAN, CODE, FAILED)
    made = written(changed(item, *read(item), TextPart("new")))
    assert list(made) == [model(*item["parts"], {"text": "new"})]
    assert not made.losses
    theirs = written(Message.assistant([*read(item), TextPart("new")]))
    assert [content["role"] for content in theirs] == ["model", "user", "model", "user", "model"]
    assert codes(theirs) == {("provider_executed", None)}


def test_a_conversation_is_cut_into_contents() -> None:
    """Parallel responses are one content with the names of their calls; system text is apart."""
    made = written(
        Message.system("be brief", id="s"),
        Message.user("hi", id="u"),
        Message.assistant([TextPart("so"), ToolCallPart("c1", "a", 5), ToolCallPart("c2", "b")]),
        Message.tool([ToolResultPart("c1", {"output": 1})], id="t1"),
        Message.tool([ToolResultPart("c2", "no", is_error=True)], id="t2"),
        Message.system("be long", id="s2"),
        Message.assistant("done", id="b"),
    )
    assert list(made) == [
        user({"text": "hi"}),
        model({"text": "so"}, call("a", {"input": 5}, id="c1"), call("b", {}, id="c2")),
        user(
            response("a", {"output": {"output": 1}}, id="c1"),
            response("b", {"error": "no"}, id="c2"),
        ),
        model({"text": "done"}),
    ]
    assert made.sources == (("u",), (None,), ("t1", "t2"), ("b",))
    assert made.system == "be brief\n\nbe long"
    assert [(loss.message, loss.what) for loss in made.losses] == [("s2", "position")]


def test_a_result_finds_the_name_of_its_call() -> None:
    """The name of a response is that of its call, also of one that was written as it came."""
    (said,) = dialect.load([model(call("draw", {}, id="c9"))])
    made = written(said, Message.tool([ToolResultPart("c9", "x")]))
    assert made[1] == user(response("draw", {"output": "x"}, id="c9"))
    (lone,) = written(Message.tool([ToolResultPart("c8", "x"), ToolResultPart("c7", 1, "n")]))
    assert [one["functionResponse"]["name"] for one in lone["parts"]] == ["c8", "n"]


@pytest.mark.parametrize(
    ("part", "response_"),
    [
        (answered(), {"output": None}),
        (answered("", is_error=True), {"error": ""}),
        (answered([1]), {"output": [1]}),
        (answered({"result": 1}), {"output": {"result": 1}}),
        (answered({"result": 1, "b": 2}), {"result": 1, "b": 2}),
        (answered({"output": 1, "b": 2}), {"output": {"output": 1, "b": 2}}),
        (answered({"b": 1}, is_error=True), {"error": {"b": 1}}),
        (answered("no", denied=True), {"output": "no"}),
        (answered(denied=True), {"output": "Tool execution denied."}),
        (answered(content=()), {}),
        (answered(content=(TextPart("a"), TextPart("b"))), {"output": "a\n\nb"}),
    ],
)
def test_an_outcome_is_always_an_object(part: ToolResultPart, response_: Json) -> None:
    """What a tool answered is the response itself, or stands in it as output or error."""
    (made,) = written(Message.tool([part]))
    assert made["parts"][0]["functionResponse"]["response"] == response_
    if part.content is None and not part.denied:
        assert read(made) == (part,)


WROTE: list[tuple[Part, Json, set[tuple[str, str | None]]]] = [
    (
        ReasoningPart("t", "c2ln", provider="google"),
        {"text": "t", "thought": True, "thoughtSignature": "c2ln"},
        set(),
    ),
    (ReasoningPart("t", "c2ln"), {"text": "t", "thought": True, "thoughtSignature": "c2ln"}, set()),
    (ReasoningPart("t", "a b"), {"text": "t", "thought": True}, {("reasoning.signature", None)}),
    (
        ReasoningPart("t", "c2ln", "e", "i", "anthropic"),
        {"text": "t", "thought": True},
        {("reasoning.signature", None), ("reasoning.encrypted", None), ("reasoning.id", None)},
    ),
    (FilePart(data=PNG), {"inlineData": {"mimeType": "image/png", "data": PNG}}, set()),
    (FilePart(url="u", name="n"), {"fileData": {"fileUri": "u", "displayName": "n"}}, set()),
    (
        FilePart(url=f"data:image/png;base64,{PNG}"),
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        set(),
    ),
    (
        FilePart("image/png", data=PNG, url="u", file_id="f"),
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        {("extra", "url"), ("extra", "file_id")},
    ),
    (FilePart(data="AAAA", url="u"), {"fileData": {"fileUri": "u"}}, {("extra", "data")}),
    (FilePart(data="AAAA"), None, {("file", None)}),
    (FilePart("image/png", data="!"), None, {("file", None)}),
    (FilePart("image/png", file_id="f"), None, {("file", None)}),
    (FilePart(url="data:,x"), None, {("file", None)}),
    (TextPart("y", role="system"), {"text": "y"}, {("extra", "role")}),
    (TextPart("y", extra={"odd": 1}), {"text": "y"}, {("extra", "odd")}),
    (RawPart(1), None, {("raw", None)}),
    (ApprovalPart("a"), None, {("approval", None)}),
]


@pytest.mark.parametrize(("part", "value", "lost"), WROTE)
def test_what_a_part_cannot_say_is_reported(
    part: Part, value: Json, lost: set[tuple[str, str | None]]
) -> None:
    """Reasoning, files and the like are written as far as Gemini has a place for them."""
    made = written(Message.assistant([TextPart("x"), part]))
    assert made[0]["parts"][1:] == ([] if value is None else [value])
    assert codes(made) == lost


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", ToolCallPart("c1", "a")),
        ("user", ReasoningPart("t")),
        ("system", ToolResultPart("c1", "x")),
    ],
)
def test_a_part_out_of_place_is_reported(role: Any, part: Part) -> None:
    """What the API takes from nobody in that role is left out, and said to be."""
    assert codes(written(Message.of(role, [part, TextPart("x")]))) == {("raw", None)}


@few
@given(st.integers(0, 10_000))
def test_any_conversation_is_accepted(seed: int) -> None:
    """What is written of whole conversations is what Gemini's own types take."""
    bench.accepts_conversation(seed)


@few
@given(st.lists(messages(), max_size=3))
def test_odd_messages_are_accepted(listed: list[Message]) -> None:
    """Whatever messages come, the types take what is written of them."""
    bench.accepts_odd(listed)


def test_an_image_of_an_unknown_kind_goes_as_what_its_data_is() -> None:
    """The API takes no image/*: the first bytes tell the kind."""
    (item,) = written(Message.user([FilePart("image/*", data="iVBORw0KGgo=")]))
    assert item["parts"] == [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]
