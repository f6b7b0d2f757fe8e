"""Anthropic's messages: which block is which part, and how conversations are cut into messages."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import Bench, codes, few
from hypothesis import given
from hypothesis import strategies as st
from kit_anthropic import (
    BETA,
    CACHED,
    CODE,
    FILES,
    PDF,
    PNG,
    RESPONSE,
    RESULTS,
    SERVER,
    accepts,
    assistant,
    corpus,
    text,
    user,
)

from threadkeep.dialects.anthropic import dialect
from threadkeep.testing.strategies import messages
from threadkeep.values.message import Message
from threadkeep.values.parts import (
    ApprovalPart,
    FilePart,
    Json,
    Part,
    RawPart,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

bench = Bench(dialect, accepts)
read, changed, written = bench.read, bench.changed, bench.written
OURS = "anthropic"
SKY = "VGhlIHNreSBpcyBibHVlLiDDqQ=="


BLOCKS: list[tuple[Json, Part]] = [
    (text("a"), TextPart("a")),
    (text("a", cache_control=CACHED), TextPart("a", extra={"cache_control": CACHED})),
    (
        {"type": "thinking", "thinking": "t", "signature": "s"},
        ReasoningPart("t", "s", provider=OURS),
    ),
    (
        {"type": "redacted_thinking", "data": "d"},
        ReasoningPart("", encrypted="d", provider=OURS),
    ),
    (
        {"type": "tool_use", "id": "c", "name": "n", "input": {"a": 1}, "toolset_name": "computer"},
        ToolCallPart("c", "n", {"a": 1}, extra={"toolset_name": "computer"}),
    ),
    (
        SERVER["content"][4],
        ToolCallPart("srvtoolu_02", "web_search", {"query": "x"}, provider_executed=True),
    ),
    (
        SERVER["content"][2],
        ToolResultPart(
            "srvtoolu_01", SERVER["content"][2]["content"], "web_search", provider_executed=True
        ),
    ),
    (
        SERVER["content"][5],
        ToolResultPart(
            "srvtoolu_02",
            SERVER["content"][5]["content"],
            "web_search",
            is_error=True,
            provider_executed=True,
        ),
    ),
    (
        CODE["content"][7],
        ToolResultPart(
            "srvtoolu_4", CODE["content"][7]["content"], "tool_search", provider_executed=True
        ),
    ),
    (
        BETA["content"][1],
        ToolCallPart(
            "mcptoolu_1",
            "route",
            {"to": "Belém"},
            provider_executed=True,
            extra={"server_name": "maps"},
        ),
    ),
    (
        BETA["content"][2],
        ToolResultPart(
            "mcptoolu_1",
            is_error=False,
            content=(TextPart("take 15E"), TextPart("or walk")),
            provider_executed=True,
        ),
    ),
    (FILES["content"][1], FilePart("image/png", data=PNG)),
    (
        FILES["content"][2],
        FilePart("image/*", url="https://example.org/a.jpg", extra={"cache_control": CACHED}),
    ),
    (FILES["content"][3], FilePart("image/*", file_id="file_011CNha8iCJcU1wXNR6q4V8w")),
    (
        FILES["content"][4],
        FilePart(
            "application/pdf",
            data=PDF,
            name="Map",
            extra={"context": "of Lisbon", "citations": {"enabled": True}},
        ),
    ),
    (FILES["content"][5], FilePart("application/pdf", url="https://example.org/a.pdf")),
    (
        {"type": "document", "source": {"type": "file", "file_id": "f"}},
        FilePart(file_id="f"),
    ),
    (FILES["content"][7], FilePart("text/plain", data=SKY)),
    (
        FILES["content"][8],
        FilePart("text/plain", data="d29yZHM=", name="W", extra={"source": {"type": "content"}}),
    ),
    (
        FILES["content"][10],
        SourcePart(
            url="https://example.org/doc",
            title="Doc",
            extra={"content": [text("found words")], "citations": {"enabled": True}},
        ),
    ),
    *((block, RawPart(block)) for block in (FILES["content"][9], FILES["content"][11])),
    *((block, RawPart(block)) for block in (BETA["content"][0], *BETA["content"][5:7])),
    (RESULTS["content"][1], ToolResultPart("toolu_2", "no such line", is_error=True)),
    (RESULTS["content"][2], ToolResultPart("toolu_3")),
    (
        RESULTS["content"][4],
        ToolResultPart(
            "toolu_5",
            content=(
                TextPart("a picture", extra={"cache_control": CACHED}),
                FilePart("image/png", data=PNG),
                FilePart("application/pdf", url="https://example.org/a.pdf"),
                *(RawPart(block) for block in RESULTS["content"][4]["content"][3:]),
            ),
            extra={"cache_control": CACHED, "toolset_name": "browser"},
        ),
    ),
]


@pytest.mark.parametrize(("block", "part"), BLOCKS, ids=lambda v: getattr(v, "type", ""))
def test_a_block_is_a_part_both_ways(block: Json, part: Part) -> None:
    """Every kind of block has its part, and the part written anew is the block."""
    of_user = isinstance(part, ToolResultPart) and not part.provider_executed
    for item in (user(text("x"), block), *(() if of_user else (assistant(text("x"), block),))):
        assert read(item)[1] == part
        (made,) = dialect.dump([changed(item, TextPart("new"), part)])
        if item["role"] == "assistant" or not isinstance(part, ToolResultPart):
            assert made == {**item, "content": [text("new"), block]}
        else:
            assert made == {**item, "content": [block, text("new")]}


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        ({"type": "document", "source": {"type": "url", "url": "data:,x"}}, "file"),
        ({"type": "image", "source": {"type": "url", "url": "data:image/png;base64,AA"}}, "file"),
        ({"type": "text", "text": "x", "role": "y"}, "text"),
        ({"type": "text", "text": None}, "raw"),
        ({"type": "thinking", "thinking": "x", "signature": 5}, "raw"),
        ({"type": "tool_use", "id": None, "name": "x", "input": {}}, "raw"),
        ({"type": "mcp_tool_use", "id": "c", "name": "x", "input": {}}, "raw"),
        ({"type": "tool_result", "tool_use_id": "c", "is_error": "no"}, "raw"),
        ({"type": "tool_result", "tool_use_id": "c", "content": {}}, "raw"),
        ({"type": "odd_tool_result", "tool_use_id": "c", "content": {}}, "tool_result"),
        ({"type": "image", "source": {"type": "odd"}}, "raw"),
        ({"type": "image", "source": None}, "raw"),
        ({"type": "document", "source": {"type": "text", "data": "x"}}, "raw"),
        ({"type": "container_upload", "file_id": "f"}, "raw"),
        ({"type": "odd"}, "raw"),
        (None, "raw"),
    ],
)
def test_a_block_with_odd_members_is_kept_whole(block: Json, parts: str) -> None:
    """A block whose members are not what they should be is raw; an unknown tool's result is not."""
    (part,) = read(user(block))
    assert part.type == parts
    assert parts != "raw" or part == RawPart(block)


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ([], "item"),
        ({"content": "x"}, "role"),
        ({"role": "tool", "content": "x"}, "role"),
        ({"role": ["user"], "content": "x"}, "role"),
        ({"role": "user"}, "content"),
        ({"role": "user", "content": None}, "content"),
        ({"role": "system", "content": {}}, "content"),
        ({"role": "user", "type": "text", "content": "x"}, "type"),
        ({"role": "user", "type": {}, "content": "x"}, "type"),
        ({"role": "user", "id": "", "content": "x"}, "id"),
    ],
)
def test_what_is_no_message_is_refused(item: Json, field: str) -> None:
    """An item with a wrong frame is an InvalidError that names the member."""
    bench.refuses(item, field)


def test_roles_are_those_of_everybody() -> None:
    """Results alone have the role tool and start no turn; with words they are the user's."""
    expected = [("tool", False), ("user", True), ("user", True), ("assistant", False)]
    listed = [RESULTS, user(RESULTS["content"][0], text("x")), user(), RESPONSE]
    traits = [dialect.traits(item) for item in listed]
    assert [(one.role, one.starts) for one in traits] == expected
    assert traits[0].answers[0] == traits[3].calls[0] == RESPONSE["content"][2]["id"]
    assert traits[3].id == RESPONSE["id"]
    assert dialect.traits(SERVER).answers == ()
    assert dialect.traits({"role": "system", "output_config": {}}).role == "system"


def test_a_changed_response_stays_a_response() -> None:
    """An edited response has all its other members, and its other blocks as they were."""
    parts = read(RESPONSE)
    made = written(changed(RESPONSE, parts[0], TextPart("New."), parts[2]))
    content = [RESPONSE["content"][0], text("New."), RESPONSE["content"][2]]
    assert list(made) == [{**RESPONSE, "content": content}]
    assert not made.losses


def test_the_members_of_a_message_are_never_lost_in_silence() -> None:
    """Where a response becomes no message of the assistant's, its members are reported."""
    (message,) = dialect.load([{**RESPONSE, "content": [text("x")], "container": {"id": "c"}}])
    theirs = Message.read("user", message.parts, message.extra, id=message.id)
    made = written(theirs)
    assert list(made) == [user(text("x"))]
    assert codes(made) == {("extra", "container")}


def test_a_changed_question_keeps_its_shape() -> None:
    """A string stays a string, a list a list, and unknown members stay."""
    one = {"role": "user", "content": "x", "odd": None}
    assert list(dialect.dump([changed(one, TextPart("y"))])) == [{**one, "content": "y"}]
    two = user(text("x"))
    assert list(dialect.dump([changed(two, TextPart("y"))])) == [user(text("y"))]


def test_a_changed_system_message_stays_where_it_is() -> None:
    """System text that Anthropic has among the messages is written there again."""
    item = corpus[7]
    made = dialect.dump([changed(item, TextPart("Go."), *read(item)[1:])])
    assert list(made) == [{**item, "content": [text("Go."), item["content"][1]]}]
    assert made.system is None


CALL, CALL2 = ToolCallPart("c1", "search", {"q": 1}), ToolCallPart("c2", "search", [2])
USE = {"type": "tool_use", "id": "c1", "name": "search", "input": {"q": 1}}
USE2 = {"type": "tool_use", "id": "c2", "name": "search", "input": {"input": [2]}}


def result(id: str, content: Json, **members: Json) -> Json:
    return {"type": "tool_result", "tool_use_id": id, "content": content, **members}


def test_a_conversation_is_cut_into_messages() -> None:
    """Parallel results are one user's message, and the user's words right after them join it."""
    made = written(
        Message.system("be brief", id="s"),
        Message.user("hi", id="u"),
        Message.assistant([TextPart("so"), CALL, CALL2], id="a"),
        Message.tool([ToolResultPart("c1", {"n": 1})], id="t1"),
        Message.tool([ToolResultPart("c2", "no", is_error=True)], id="t2"),
        Message.user("and?", id="u2"),
        Message.assistant("done", id="b"),
    )
    assert list(made) == [
        {"role": "user", "content": "hi"},
        assistant(text("so"), USE, USE2),
        user(result("c1", '{"n":1}'), result("c2", "no", is_error=True), text("and?")),
        {"role": "assistant", "content": "done"},
    ]
    assert made.sources == (("u",), ("a",), ("t1", "t2", "u2"), ("b",))
    assert made.system == "be brief"
    assert not made.losses


def test_an_answer_with_its_results_is_taken_apart() -> None:
    """A message of several steps is as many messages; each is traced to it."""
    parts: list[Part] = [
        CALL,
        ToolResultPart("c1", "x"),
        TextPart("so"),
        CALL2,
        ToolResultPart("c2", None),
    ]
    made = written(Message.assistant(parts, id="a"))
    assert list(made) == [
        assistant(USE),
        user(result("c1", "x")),
        assistant(text("so"), USE2),
        user({"type": "tool_result", "tool_use_id": "c2"}),
    ]
    assert made.sources == (("a",),) * 4


def test_two_messages_of_anthropic_stay_two() -> None:
    """Results and words that the format itself has told apart are not merged, even when edited."""
    parts = read(RESULTS)
    made = dialect.dump(
        [changed(RESULTS, *parts[:2]), changed({"role": "user", "content": "x"}, TextPart("y"))]
    )
    assert list(made) == [user(*RESULTS["content"][:2]), {"role": "user", "content": "y"}]


def test_tools_that_others_run_are_the_callers() -> None:
    """A call that another provider ran is a tool_use, and its result a message after it."""
    ran: list[Part] = [
        ToolCallPart("w1", "web_search", {"q": 1}, provider_executed=True),
        ToolResultPart("w1", [1], "web_search", provider_executed=True),
        ToolCallPart("w2", "web_search", {"q": 2}, provider_executed=True),
        ToolResultPart("w2", "x", "web_search", provider_executed=True),
        CALL,
    ]
    made = written(
        Message.assistant([CALL2, *ran[:2]], id="a"),
        Message.tool([ToolResultPart("c2", "y")], id="t"),
        Message.assistant(ran, id="b"),
    )
    web = {"type": "tool_use", "name": "web_search"}
    assert list(made) == [
        assistant(USE2, {**web, "id": "w1", "input": {"q": 1}}),
        user(result("w1", "[1]"), result("c2", "y")),
        assistant({**web, "id": "w1", "input": {"q": 1}}),
        user(result("w1", "[1]")),
        assistant({**web, "id": "w2", "input": {"q": 2}}),
        user(result("w2", "x")),
        assistant(USE),
    ]
    assert codes(made) == {("provider_executed", None)}
    assert made.sources == (("a",), ("a", "t"), *((("b",),) * 5))


@pytest.mark.parametrize("item", [SERVER, CODE, BETA])
def test_tools_that_anthropic_runs_stay_in_the_answer(item: Json) -> None:
    """An edited answer has the uses and results of server tools where they were."""
    made = dialect.dump([changed(item, *read(item), TextPart("new"))])
    assert list(made) == [assistant(*item["content"], text("new"))]
    assert not made.losses


REASONING: list[tuple[ReasoningPart, Json, set[tuple[str, str | None]]]] = [
    (ReasoningPart("t", "s", provider=OURS), {"thinking": "t", "signature": "s"}, set()),
    (ReasoningPart("t", "s"), {"thinking": "t", "signature": "s"}, set()),
    (ReasoningPart("", encrypted="e"), {"data": "e"}, set()),
    (
        ReasoningPart("t", "s", "e", "i", OURS),
        {"thinking": "t", "signature": "s"},
        {("extra", "encrypted"), ("extra", "id")},
    ),
    (ReasoningPart("t", provider=OURS), None, {("reasoning", None)}),
    (ReasoningPart("t", "", provider=OURS), None, {("reasoning", None)}),
    (ReasoningPart("t", encrypted="e"), None, {("reasoning", None)}),
    (ReasoningPart("t", "s", provider="google"), None, {("reasoning", None)}),
    (ReasoningPart("", encrypted="e", provider="openai"), None, {("reasoning", None)}),
]


@pytest.mark.parametrize(("part", "block", "lost"), REASONING)
def test_only_signed_reasoning_is_written(
    part: ReasoningPart, block: Json, lost: set[tuple[str, str | None]]
) -> None:
    """Reasoning goes back to Anthropic with what Anthropic made of it, or not at all."""
    made = written(Message.assistant([part, TextPart("x")]))
    kind = "redacted_thinking" if block and "data" in block else "thinking"
    before = [] if block is None else [{"type": kind, **block}]
    assert made[0]["content"] == ([*before, text("x")] if before else "x")
    assert codes(made) == lost


WROTE: list[tuple[FilePart, Json, set[tuple[str, str | None]]]] = [
    (FilePart("image/png", data=PNG), {"type": "base64", "media_type": "image/png"}, set()),
    (FilePart(data=PNG), {"type": "base64", "media_type": "image/png"}, set()),
    (FilePart(data=PDF, name="n"), {"type": "base64", "media_type": "application/pdf"}, set()),
    (
        FilePart("image/jpg", data="x", name="n"),
        {"type": "base64", "media_type": "image/jpeg"},
        {("file.media_type", None), ("file.name", None)},
    ),
    (
        FilePart(url=f"data:image/png;base64,{PNG}"),
        {"type": "base64", "media_type": "image/png"},
        set(),
    ),
    (FilePart(url="https://a.b/c.PNG?d#e"), {"type": "url"}, set()),
    (FilePart(url="https://a.b/c"), {"type": "url"}, set()),
    (
        FilePart("text/csv", data="YSxi", name="n"),
        {"type": "text", "media_type": "text/plain", "data": "a,b"},
        {("file.media_type", None)},
    ),
    (
        FilePart("image/png", url="https://a.b/c", data=PNG, file_id="f"),
        {"type": "base64", "media_type": "image/png"},
        {("extra", "url"), ("extra", "file_id")},
    ),
    (
        FilePart("audio/wav", url="https://a.b/c", file_id="f"),
        {"type": "file"},
        {("extra", "url"), ("file.media_type", None)},
    ),
    (FilePart("image/svg+xml", data="PHN2Zz4="), None, {("file", None)}),
    (FilePart("text/plain", data="/w=="), None, {("file", None)}),
    (FilePart("text/plain", data="!"), None, {("file", None)}),
    (FilePart("audio/wav", url="https://a.b/c"), None, {("file", None)}),
    (FilePart("image/png", url="data:,x"), None, {("file", None)}),
    (FilePart("image/png", name="n"), None, {("file", None)}),
]


@pytest.mark.parametrize(("part", "source", "lost"), WROTE)
def test_a_file_is_written_as_what_anthropic_reads(
    part: FilePart, source: Json, lost: set[tuple[str, str | None]]
) -> None:
    """Images, PDFs and texts are written by data, URL or id; what is not said is reported."""
    for message in (
        Message.user([TextPart("x"), part]),
        Message.tool([ToolResultPart("c", content=(TextPart("x"), part))]),
    ):
        made = written(message)
        content = made[0]["content"]
        if message.role == "tool":
            content = content[0]["content"]
        found = [
            block["source"] for block in content if isinstance(block, dict) and block != text("x")
        ]
        assert [{**one, **(source or {})} for one in found] == found
        assert bool(found) == (source is not None)
        assert codes(made) == lost


def test_an_id_of_another_provider_is_no_file() -> None:
    """A file id goes to Anthropic only where no other provider is known to have given it."""
    part = FilePart("application/pdf", file_id="file-1")
    origin = {"dialect": "openai-responses", "format": "openai-responses", "item": {}}
    theirs = Message.read("user", [TextPart("x"), part], {"origin": origin})
    assert codes(written(theirs)) == {("file", None)}
    assert ("file", None) not in codes(written(Message.user([TextPart("x"), part])))


@pytest.mark.parametrize(
    ("role", "part", "lost"),
    [
        ("user", CALL, ("raw", None)),
        ("user", ReasoningPart("t", "s"), ("reasoning", None)),
        ("assistant", FilePart("image/png", data=PNG), ("file", None)),
        ("system", ToolResultPart("c1", "x"), ("raw", None)),
        ("system", CALL, ("raw", None)),
        ("assistant", ApprovalPart("a", "c1"), ("approval", None)),
        ("tool", ApprovalPart("a", "c1", approved=True), ("approval", None)),
        ("assistant", TextPart("y", role="system"), ("extra", "role")),
        ("assistant", SourcePart(url="u", title="t"), ("source", None)),
    ],
)
def test_a_part_out_of_place_is_reported(role: Any, part: Part, lost: tuple[str, Any]) -> None:
    """What the API takes from nobody in that role is left out, and said to be."""
    made = written(Message.of(role, [part, TextPart("x")]))
    assert codes(made) == {lost}


def test_a_message_of_nothing_that_can_be_said_is_no_message() -> None:
    """A message whose parts are all lost is left out; one that has none is empty."""
    made = written(Message.user([FilePart("audio/wav", data="AA==")]), Message.user([]))
    assert list(made) == [user()]


@few
@given(st.integers(0, 10_000))
def test_any_conversation_is_accepted(seed: int) -> None:
    """What is written of whole conversations is what Anthropic's own types take."""
    bench.accepts_conversation(seed)


@few
@given(st.lists(messages(), max_size=3))
def test_odd_messages_are_accepted(listed: list[Message]) -> None:
    """Whatever messages come, the types take what is written of them."""
    bench.accepts_odd(listed)
