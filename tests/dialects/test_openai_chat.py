"""Chat Completions: what each message says as parts, and what parts are as messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from helpers import Bench, edited, few
from hypothesis import example, given
from hypothesis import strategies as st
from kit_openai_chat import (
    ANSWER,
    CALLS,
    PNG,
    SPOKEN,
    USER,
    accepts,
    corpus,
    items,
    known,
)

from threadkeep.dialects.anthropic import dialect as anthropic
from threadkeep.dialects.openai_chat import dialect
from threadkeep.dialects.openai_responses import dialect as responses
from threadkeep.testing.strategies import messages
from threadkeep.values.converted import Converted, Loss
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message
from threadkeep.values.parts import (
    ApprovalPart,
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

bench = Bench(dialect, accepts)
read, written = bench.loaded, bench.said


def test_the_types_accept_what_was_recorded() -> None:
    """The recorded messages are real ones: the package's types accept each."""
    for item in known:
        accepts([item])
    with pytest.raises(ValueError, match="validation error"):
        accepts([{"role": "user", "content": [{"type": "later"}]}])


@few
@given(items)
def test_an_item_comes_back_as_it_was(item: Any) -> None:
    """Whatever an item holds, loading and dumping it gives the same JSON in the same order."""
    bench.comes_back(item)


@few
@given(items, st.sampled_from(["user", "assistant", "system", "tool"]), st.data())
def test_an_edited_item_can_be_written(item: Any, role: Any, data: st.DataObject) -> None:
    """A loaded message may get any role and lose or repeat parts: items or losses come of it."""
    bench.can_be_edited(item, role, data)


@few
@given(st.lists(messages(), max_size=4))
@example([Message.user([FilePart(data="\ud800%")])])
def test_the_types_accept_whatever_is_written(listed: list[Message]) -> None:
    """Any typed messages become messages that the package's types accept."""
    dialect.load(bench.written(*listed))


@pytest.mark.parametrize("seed", range(20))
def test_the_types_accept_conversations(seed: int) -> None:
    """Conversations with everything in them are accepted, along every branch."""
    bench.accepts_conversation(seed)


@pytest.mark.parametrize("item", [None, 7, "x", [], {}, {"role": 7}, {"role": "model"}])
def test_what_is_no_message_is_refused(item: Any) -> None:
    """Only an object with a known role is a message."""
    for call in (dialect.traits, dialect.text, read):
        with pytest.raises(InvalidError, match=r"^(item|role): must be"):
            call(item)


def test_roles_are_canonical() -> None:
    """A developer is the system, a function is a tool, and results start no turn."""
    roles = [dialect.traits(item).role for item in known[:3]]
    assert roles == ["system", "system", "user"]
    result = dialect.traits({"role": "tool", "tool_call_id": "c", "content": "x"})
    assert (result.role, result.starts, result.answers) == ("tool", False, ("c",))
    assert dialect.traits({"role": "function", "name": "f", "content": ""}).answers == ("f",)
    assert dialect.traits(CALLS).calls == ("call_1", "call_2")
    assert dialect.traits({"role": "user", "content": "x"}).starts


def test_a_users_content_is_texts_and_files() -> None:
    """Each kind of content part is the part that other formats can use."""
    assert read(USER).parts == (
        TextPart("What is this?", extra={"prompt_cache_breakpoint": {"mode": "explicit"}}),
        FilePart("image/*", url="https://a.example/b.png", extra={"image_url": {"detail": "low"}}),
        FilePart("image/png", data=PNG),
        FilePart("audio/wav", data="UklGRg=="),
        FilePart("audio/mpeg", data="SUQz"),
        FilePart("application/pdf", data="JVBERg==", name="a.pdf"),
        FilePart(file_id="file-1"),
    )


def test_an_answers_members_are_parts() -> None:
    """Calls, citations, audio, refusals and reasoning of an answer are parts; nulls are nothing."""
    assert read(CALLS).parts == (
        ToolCallPart("call_1", "search", {"q": "x"}),
        ToolCallPart("call_2", "run", "print(1)"),
    )
    place = {"annotation": {"type": "url_citation", "end_index": 7, "start_index": 4}}
    assert read(ANSWER).parts == (
        TextPart("See [1]."),
        SourcePart(url="https://a.example/", title="A page", extra=place),
    )
    assert read(SPOKEN).parts == (
        FilePart(
            "audio/*",
            data="UklGRg==",
            file_id="audio_1",
            extra={"audio": {"expires_at": 1760000000}},
        ),
        TextPart("Hello", extra={"transcript": True}),
    )
    refused = read({"role": "assistant", "content": None, "refusal": "No."})
    assert refused.parts == (TextPart("No.", extra={"refusal": True}),)
    thought = read({"role": "assistant", "content": "2", "reasoning_content": "1+1"})
    assert thought.parts == (ReasoningPart("1+1"), TextPart("2"))


def test_results_are_text_or_content() -> None:
    """A result's text is its output, JSON too; a list is its content; a function's id its name."""
    text = read({"role": "tool", "tool_call_id": "c", "content": '{"a": 1}'})
    assert text.parts == (ToolResultPart("c", '{"a": 1}'),)
    listed = read({"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "a"}]})
    assert listed.parts == (ToolResultPart("c", content=(TextPart("a"),)),)
    assert read({"role": "function", "name": "f", "content": "x"}).parts == (
        ToolResultPart("f", "x", "f"),
    )


@pytest.mark.parametrize(
    "block",
    [
        7,
        {"type": "later"},
        {"type": "text", "text": 7},
        {"type": "image_url", "image_url": "x"},
        {"type": "image_url", "image_url": {"url": None}},
        {"type": "input_audio", "input_audio": {"data": "x", "format": "flac"}},
        {"type": "file", "file": {"file_id": 7}},
    ],
)
def test_what_is_not_as_expected_is_raw(block: Any) -> None:
    """A content part of an unknown kind or shape is a raw part, whole, and survives an edit."""
    message = read({"role": "user", "content": [block, {"type": "text", "text": "a"}]})
    assert message.parts == (RawPart(block), TextPart("a"))
    made = dialect.dump([edited(message, [RawPart(block), TextPart("b")])])
    assert list(made) == [{"role": "user", "content": [block, {"type": "text", "text": "b"}]}]


def test_what_no_part_says_is_named() -> None:
    """Members that no part says are reported elsewhere; nulls and empty lists say nothing."""
    item = {"role": "assistant", "content": 7, "refusal": None, "tool_calls": [], "odd": 1}
    made = responses.dump([replace(read(item), id="m")])
    assert made.losses == (Loss("m", None, "extra", "content"), Loss("m", None, "extra", "odd"))
    assert not responses.dump([replace(read(SPOKEN | {"audio": None}), id="m")]).losses


def test_an_edit_shows_and_all_else_stays() -> None:
    """A changed part is written; the names and unknown members beside it stay."""
    message = read({**USER, "odd": [1]})
    parts = [TextPart("New?"), *message.parts[1:]]
    (item,) = dialect.dump([edited(message, parts)])
    assert item["content"][0] == {"type": "text", "text": "New?"}
    assert item["content"][1:-2] == USER["content"][1:-2]
    assert item["content"][-1] == USER["content"][-1]
    assert (item["name"], item["odd"]) == ("ann", [1])


def test_an_edited_answer_keeps_its_members() -> None:
    """Calls of each kind, audio, citations, refusals and reasoning are written where they were."""
    call = {"id": "c3", "type": "later", "later": {}}
    item = {**CALLS, "content": "a", "tool_calls": [*CALLS["tool_calls"], call]}
    message = read(item)
    (made,) = dialect.dump([edited(message, [TextPart("b"), *message.parts[1:]])])
    compact = {"name": "search", "arguments": '{"q":"x"}'}
    calls = [{**CALLS["tool_calls"][0], "function": compact}, CALLS["tool_calls"][1], call]
    assert made == {"role": "assistant", "content": "b", "tool_calls": calls}
    for item in (ANSWER, SPOKEN):
        message = read(item)
        (made,) = dialect.dump([edited(message, [*message.parts, TextPart("!")])])
        for name in ("audio", "annotations"):
            assert made.get(name) == (item[name] or None)
    message = read({"role": "assistant", "content": "2", "reasoning_content": "1+1"})
    (made,) = dialect.dump([edited(message, [ReasoningPart("one"), TextPart("2")])])
    assert made == {"role": "assistant", "content": "2", "reasoning_content": "one"}
    message = read({"role": "assistant", "content": None, "refusal": "No."})
    (made,) = dialect.dump([edited(message, [TextPart("Never.", extra={"refusal": True})])])
    assert made == {"role": "assistant", "content": None, "refusal": "Never."}


def test_an_edited_legacy_call_stays_one() -> None:
    """A function call without an id is written as it was, and its result too."""
    called = read(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    )
    made = dialect.dump([edited(called, [ToolCallPart("f", "f", {"a": 1})])])
    legacy = {"name": "f", "arguments": '{"a":1}'}
    assert list(made) == [{"role": "assistant", "content": None, "function_call": legacy}]
    result = read({"role": "function", "name": "f", "content": "x"})
    made = dialect.dump([edited(result, [ToolResultPart("f", "y", "f")])])
    assert list(made) == [{"role": "function", "name": "f", "content": "y"}]


def test_an_edited_developer_stays_one() -> None:
    """The role that others know as the system's is written as it was."""
    message = read({"role": "developer", "content": "Be brief."})
    made = dialect.dump([edited(message, [TextPart("Be kind.")])])
    assert list(made) == [{"role": "developer", "content": "Be kind."}]


def test_messages_of_another_grain_are_split() -> None:
    """An answer with parallel calls and several steps is one message for each step and result."""
    answer = Message.assistant(
        [
            TextPart("Let me see."),
            ToolCallPart("a", "f", {"x": 1}),
            ToolCallPart("b", "g"),
            ToolResultPart("a", {"y": [1]}),
            ToolResultPart("b", "z"),
            TextPart("Done."),
        ],
        id="m",
    )
    made = dialect.dump([Message.user("Go", id="u"), answer])
    assert list(made) == [
        {"role": "user", "content": "Go"},
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": '{"y":[1]}'},
        {"role": "tool", "tool_call_id": "b", "content": "z"},
        {"role": "assistant", "content": "Done."},
    ]
    assert made.sources == (("u",), ("m",), ("m",), ("m",), ("m",))
    assert not made.losses
    accepts(made)


def test_messages_of_a_finer_grain_are_merged() -> None:
    """The items of Responses that make one step are one message, which names all of them."""
    items = [
        {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call", "id": "fc_2", "call_id": "b", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {"type": "function_call_output", "call_id": "b", "output": "2"},
    ]
    made = dialect.dump(responses.load(items))
    assert [item["role"] for item in made] == ["assistant", "tool", "tool"]
    assert [call["id"] for call in made[0]["tool_calls"]] == ["a", "b"]
    assert made.sources == (("fc_1", "fc_2"), (None,), (None,))


FILES: list[tuple[FilePart, Any]] = [
    (FilePart("image/png", data="AA"), {"image_url": {"url": "data:image/png;base64,AA"}}),
    (FilePart("image/*", url="https://a/b"), {"image_url": {"url": "https://a/b"}}),
    (FilePart(url="https://a/b.PNG?c"), {"image_url": {"url": "https://a/b.PNG?c"}}),
    (FilePart("audio/mp3", data="AA"), {"input_audio": {"data": "AA", "format": "mp3"}}),
    (
        FilePart("application/pdf", data="AA"),
        {"file": {"file_data": "data:application/pdf;base64,AA", "filename": "file.pdf"}},
    ),
    (
        FilePart("text/plain", data="AA", name="a.txt"),
        {"file": {"file_data": "data:text/plain;base64,AA", "filename": "a.txt"}},
    ),
    (FilePart(file_id="file-1"), {"file": {"file_id": "file-1"}}),
]


@pytest.mark.parametrize(("file", "block"), FILES)
def test_files_stand_where_the_api_has_a_place(file: FilePart, block: Any) -> None:
    """Images, audio and other files have content parts of their own."""
    (kind,) = block
    (item,) = written(Message.user([file]))
    assert item == {"role": "user", "content": [{"type": kind, **block}]}


LOST: list[tuple[str, Part, tuple[str, ...]]] = [
    ("user", FilePart("video/mp4", data="AA"), ("file",)),
    ("user", FilePart("application/pdf", url="https://a/b"), ("file",)),
    ("user", FilePart(), ("file",)),
    ("user", FilePart("image/png", data="AA", name="a"), ("file.name",)),
    ("user", FilePart("image/png", url="https://a"), ("file.media_type",)),
    ("user", FilePart(file_id="f", name="a"), ("file.name",)),
    ("user", DataPart("a"), ("data",)),
    ("user", TextPart("a", extra={"b": 1}), ("extra",)),
    ("assistant", FilePart("image/png", data="AA"), ("file",)),
    ("assistant", ReasoningPart("a", "s"), ("reasoning",)),
    ("assistant", SourcePart("a"), ("source",)),
    ("assistant", ApprovalPart("a"), ("approval",)),
    ("assistant", RawPart({}), ("raw",)),
    ("assistant", ToolCallPart("a", "b", provider_executed=True), ("provider_executed",)),
    ("tool", ApprovalPart("a", approved=True), ("approval",)),
    ("tool", ToolResultPart("a", is_error=True), ("tool_result.is_error",)),
    ("tool", ToolResultPart("a", denied=True), ("tool_result.denied",)),
    ("tool", ToolResultPart("a", content=(FilePart(url="b"),)), ("tool_result.content",)),
]


@pytest.mark.parametrize(("role", "part", "losses"), LOST)
def test_what_has_no_place_is_reported_once(role: Any, part: Part, losses: Any) -> None:
    """What the format does not say is reported, by the widest code that applies."""
    bench.loses(role, part, losses)


def test_parts_in_unusual_places_are_written() -> None:
    """A user's call, the system's result and the system's words in an answer have messages."""
    call = ToolCallPart("a", "f", {})
    written_call = written(Message.user([TextPart("x"), call]))
    assert [item["role"] for item in written_call] == ["assistant", "user"]
    assert [item["role"] for item in written(Message.user([call]))] == ["assistant"]
    assert [item["role"] for item in written(Message.system([ToolResultPart("a", 1)]))] == ["tool"]
    said = written(Message.assistant([TextPart("x"), TextPart("y", role="system")]))
    assert said == [{"role": "system", "content": "y"}, {"role": "assistant", "content": "x"}]
    asked = written(Message.user([TextPart("x"), TextPart("y", role="system")]))
    assert asked == [{"role": "system", "content": "y"}, {"role": "user", "content": "x"}]


def test_only_an_empty_turn_stays_a_message() -> None:
    """A user's message without parts is one without words; of others there is nothing to say."""
    assert written(Message.user([])) == [{"role": "user", "content": ""}]
    assert written(Message.system([]), Message.assistant([]), Message.tool([])) == []
    lost: Converted = dialect.dump([Message.user([DataPart("a")])])
    assert list(lost) == [{"role": "user", "content": ""}]


def test_every_recorded_item_can_be_edited() -> None:
    """Each recorded message with a text more is written with that text."""
    for item in corpus:
        message = read(item)
        made = dialect.dump([edited(message, [*message.parts, TextPart("more")])])
        assert any("more" in one.text for one in dialect.load(made))


def test_an_input_that_is_a_text_is_read_as_that_text_again() -> None:
    """A text that is JSON itself is quoted; a model's broken JSON and a custom input stay."""
    given = ["5", "{}", '"x"', '{"broken', "words"]
    calls = [ToolCallPart(f"c{n}", "f", one) for n, one in enumerate(given)]
    made = dialect.dump([Message.assistant([call]) for call in calls])
    read_again = [part for one in dialect.load(made) for part in one.parts]
    assert [part.input for part in read_again if isinstance(part, ToolCallPart)] == given
    assert made[0]["tool_calls"][0]["function"]["arguments"] == '"5"'
    assert made[0]["tool_calls"][3]["function"]["arguments"] == '{"broken'
    custom = {"id": "c", "type": "custom", "custom": {"name": "f", "input": "5"}}
    message = read({"role": "assistant", "content": "a", "tool_calls": [custom]})
    (item,) = dialect.dump([edited(message, [TextPart("b"), *message.parts[1:]])])
    assert item["tool_calls"] == [custom]


def test_an_image_of_an_unknown_kind_goes_as_what_its_data_is() -> None:
    """OpenAI takes no image/*: the first bytes tell the kind; the default detail is no loss."""
    data = PNG.partition(",")[2] or PNG
    (item,) = written(Message.user([FilePart("image/*", data=data)]))
    assert item["content"][0]["image_url"]["url"] == f"data:image/png;base64,{data}"
    image = {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "auto"}}
    made = responses.dump([read({"role": "user", "content": [image]})])
    assert not made.losses


def test_a_call_without_words_and_arguments_is_only_a_call() -> None:
    """Empty words and arguments beside a call say nothing: no provider takes an empty block."""
    called = {"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
    item = {"role": "assistant", "content": "", "tool_calls": [called]}
    message = read(item)
    assert message.parts == (ToolCallPart("c", "f"),)
    assert list(dialect.dump([message])) == [item]
    (made,) = anthropic.dump([message])
    assert made["content"] == [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]
