"""Responses: what each item says as parts, and what parts are as items."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from helpers import Bench, edited, few
from hypothesis import example, given
from hypothesis import strategies as st
from kit_openai_chat import PNG
from kit_openai_responses import (
    ANSWER,
    APPROVED,
    ASKED,
    CALL,
    IMAGES,
    REASONING,
    USER,
    WEB,
    accepts,
    corpus,
    items,
    known,
    tools,
)

from threadkeep.dialects.openai_chat import dialect as chat
from threadkeep.dialects.openai_responses import dialect
from threadkeep.testing.strategies import messages
from threadkeep.values.converted import Loss
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


def rewritten(item: Any, *parts: Part) -> list[Any]:
    """The items of a recorded item whose message now has these parts; nothing is lost."""
    made = dialect.dump([edited(read(item), list(parts))])
    assert made.losses == ()
    accepts(made)
    return list(made)


def test_the_types_accept_what_was_recorded() -> None:
    """The recorded items are real ones: the package's types accept each, and refuse others."""
    for item in known:
        accepts([item])
    for bad in (
        {"role": "user", "content": [{"type": "later"}]},
        {"type": "later", "id": "x"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
        {**ANSWER, "content": [{**ANSWER["content"][0], "annotations": [{"type": "later"}]}]},
    ):
        with pytest.raises(ValueError, match="validation error"):
            accepts([bad])


@few
@given(items)
def test_an_item_comes_back_as_it_was(item: Any) -> None:
    """Whatever an item holds, it is refused, or loading and dumping gives the same JSON."""
    with suppress(InvalidError):
        bench.comes_back(item)


@few
@given(items, st.sampled_from(["user", "assistant", "system", "tool"]), st.data())
def test_an_edited_item_can_be_written(item: Any, role: Any, data: st.DataObject) -> None:
    """A loaded message may get any role and lose or repeat parts: items or losses come of it."""
    with suppress(InvalidError):
        bench.can_be_edited(item, role, data)


@few
@given(st.lists(messages(), max_size=4))
@example([Message.user([FilePart(data="\ud800%")])])
def test_the_types_accept_whatever_is_written(listed: list[Message]) -> None:
    """Any typed messages become items that the package's types accept."""
    dialect.load(bench.written(*listed))


@pytest.mark.parametrize("seed", range(20))
def test_the_types_accept_conversations(seed: int) -> None:
    """Conversations with everything in them are accepted, along every branch."""
    bench.accepts_conversation(seed)


@pytest.mark.parametrize(
    "item",
    [
        *(None, 7, [], {"type": 7}, {"role": 7}, {"type": "message"}, {"role": "x"}),
        {"type": "function_call", "id": 7},
        {"role": "user", "content": "x", "id": ""},
    ],
)
def test_what_is_no_item_is_refused(item: Any) -> None:
    """Only an object is an item, its type a text, a message's role known, and its id one."""
    for call in (dialect.traits, dialect.text, read):
        with pytest.raises(InvalidError, match=r"^(item|type|role|id): must be|^id: must have"):
            call(item)


def test_a_window_starts_at_words_and_at_reasoning() -> None:
    """Only messages of a user or the system and reasoning may begin a window."""
    for item in known:
        said = item.get("role") in ("user", "system", "developer") and "content" in item
        traits = dialect.traits(item)
        assert traits.cut == (said or item.get("type") == "reasoning")
        assert traits.starts == (item.get("role") == "user")


def test_the_id_of_another_item_is_none() -> None:
    """An item has its own id; a reference and the output of a local shell have none."""
    assert dialect.traits(CALL).id == "fc_1"
    for item in (
        {"type": "item_reference", "id": "msg_1"},
        {"id": "msg_1"},
        {"type": "local_shell_call_output", "id": "call_1", "output": "x"},
    ):
        assert dialect.traits(item).id is None


def test_a_users_content_is_texts_and_files() -> None:
    """Each block of a user's content is the part that other formats can use."""
    assert read(USER).parts == (
        TextPart("What is this?"),
        FilePart("image/png", data=PNG, extra={"detail": "low"}),
        FilePart("image/*", url="https://a.example/b.png"),
        FilePart("image/*", file_id="file-1"),
        FilePart("application/pdf", data="JVBERg==", name="a.pdf"),
        FilePart(file_id="file-2"),
        FilePart(url="https://a.example/c.pdf"),
    )


def test_an_answer_is_texts_with_their_sources() -> None:
    """Citations are sources after the text that has them; a refusal is a text."""
    text, page, document, made, path, refusal = read(ANSWER).parts
    logprobs = ANSWER["content"][0]["logprobs"]
    assert text == TextPart("See [1].", extra={"logprobs": logprobs})
    place = {"type": "url_citation", "end_index": 7, "start_index": 4}
    assert page == SourcePart(url="https://a.example/", title="A page", extra={"annotation": place})
    assert isinstance(document, SourcePart)
    assert (document.source_id, document.name) == ("file-3", "d.txt")
    assert isinstance(made, SourcePart)
    assert (made.source_id, made.name) == ("cfile_1", "e.png")
    assert isinstance(path, SourcePart)
    assert (path.source_id, path.name) == ("file-4", None)
    assert refusal == TextPart("Not more.", extra={"refusal": True})


def test_reasoning_is_a_part_for_each_summary() -> None:
    """Each text of a summary is reasoning under the item's id; what is encrypted is with one."""
    assert read(REASONING).parts == (
        ReasoningPart("First.", encrypted="gAAAAB", id="rs_1", provider="openai"),
        ReasoningPart("Then.", id="rs_1", provider="openai"),
    )
    empty = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    assert read(empty).parts == (ReasoningPart("", encrypted="x", id="rs_1", provider="openai"),)
    raw = {**empty, "content": [{"type": "reasoning_text", "text": "Raw."}]}
    assert read(raw).parts == (ReasoningPart("Raw.", encrypted="x", id="rs_1", provider="openai"),)


def test_functions_are_calls_and_results() -> None:
    """Arguments are the value they spell; an output is a text, or a content where it is a list."""
    assert read(CALL).parts == (ToolCallPart("call_1", "search", {"q": "x"}),)
    custom = {"type": "custom_tool_call", "call_id": "c", "name": "run", "input": "{}"}
    assert read(custom).parts == (ToolCallPart("c", "run", "{}"),)
    output = {"type": "function_call_output", "call_id": "c", "output": "1", "name": "f"}
    assert read(output).parts == (ToolResultPart("c", "1", "f"),)
    image = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PNG}"}
    listed = {**output, "output": [{"type": "input_text", "text": "see"}, image]}
    file = FilePart("image/png", data=PNG)
    assert read(listed).parts == (ToolResultPart("c", name="f", content=(TextPart("see"), file)),)
    assert [read(one).role for one in (CALL, output)] == ["assistant", "tool"]


def test_hosted_tools_are_call_and_result_in_one() -> None:
    """What OpenAI ran has its outcome in the same item, once it has one."""
    call = ToolCallPart("ws_1", "web_search", {"action": WEB["action"]}, provider_executed=True)
    result = ToolResultPart("ws_1", {"status": "completed"}, "web_search", provider_executed=True)
    assert read(WEB).parts == (call, result)
    assert read({**WEB, "status": "searching"}).parts == (call,)
    failed = read({**WEB, "status": "failed"}).parts[1]
    assert isinstance(failed, ToolResultPart)
    assert failed.is_error
    image = read(IMAGES).parts[1]
    assert isinstance(image, ToolResultPart)
    assert image.content == (FilePart("image/png", data=PNG),)


def test_every_kind_of_tool_is_typed() -> None:
    """No call, output or approval that the package knows is raw, and calls meet their outputs."""
    loaded = dialect.load(tools)
    raw = [
        item["type"]
        for item, message in zip(tools, loaded, strict=True)
        if any(isinstance(part, RawPart) for part in message.parts)
    ]
    assert raw == ["mcp_list_tools"]
    calls: set[str] = set()
    for item in tools:
        traits = dialect.traits(item)
        calls |= set(traits.calls)
        assert set(traits.answers) <= calls
        assert (traits.role == "tool") == (not traits.calls and item["type"] != "mcp_list_tools")


def test_an_approved_call_is_the_one_that_was_asked_for() -> None:
    """The request has the call, the answer is a tool's, and the call that ran is its result."""
    call = ToolCallPart("mcpr_1", "write", {"a": 1}, provider_executed=True)
    assert read(ASKED).parts == (call, ApprovalPart("mcpr_1", "mcpr_1"))
    answer = {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": False}
    assert read(answer).parts == (ApprovalPart("mcpr_1", "mcpr_1", approved=False),)
    assert (read(answer).role, dialect.traits(answer).starts) == ("tool", False)
    result = ToolResultPart("mcpr_1", "done", "write", provider_executed=True)
    assert read(APPROVED).parts == (result,)
    alone = {**APPROVED, "approval_request_id": None, "error": {"code": 1}, "output": None}
    assert read(alone).parts == (
        ToolCallPart("mcp_2", "write", {"a": 1}, provider_executed=True),
        ToolResultPart("mcp_2", {"code": 1}, "write", is_error=True, provider_executed=True),
    )


@pytest.mark.parametrize(
    "item",
    [
        {"__enc__": 1, "payload": "x"},
        {"type": "later", "id": "l_1"},
        {"type": "item_reference", "id": "msg_1"},
        {"type": "compaction", "encrypted_content": "x"},
        {"type": "function_call", "call_id": "c", "name": 7, "arguments": "{}"},
        {"type": "function_call_output", "call_id": None, "output": "x"},
        {"type": "reasoning", "id": "rs_1", "summary": [7]},
        {"type": "mcp_approval_response", "approval_request_id": "a", "approve": 1},
    ],
)
def test_what_is_not_as_expected_is_raw(item: Any) -> None:
    """An item of an unknown type or shape is a raw part of an answer, whole."""
    message = read(item)
    assert (message.role, message.parts) == ("assistant", (RawPart(item),))
    made = dialect.dump([edited(message, [TextPart("a"), RawPart(item)])])
    assert item in made
    made = chat.dump([message])
    assert [loss.what for loss in made.losses] == ["raw"]


def test_what_no_part_says_is_named() -> None:
    """Members that no part says are reported elsewhere; null and `completed` say nothing."""
    made = chat.dump([replace(read({**CALL, "caller": None}), id="m")])
    assert made.losses == (Loss("m", None, "extra", "namespace"),)
    plain = {**USER, "content": [{"type": "input_text", "text": "x", "odd": 1}]}
    made = chat.dump([replace(read(plain), id="m")])
    assert made.losses == (Loss("m", 0, "extra", "odd"),)


def test_an_edited_message_keeps_all_else() -> None:
    """A changed text is written; ids, other blocks and unknown members stay."""
    parts = list(read(USER).parts)
    (item,) = rewritten({**USER, "odd": [1]}, TextPart("New?"), *parts[1:])
    changed = {"type": "input_text", "text": "New?"}
    blocks = [
        {name: value for name, value in block.items() if value is not None}
        for block in USER["content"][1:]
    ]
    assert item == {**USER, "odd": [1], "content": [changed, *blocks]}
    text, *rest = read(ANSWER).parts
    assert isinstance(text, TextPart)
    (item,) = rewritten(ANSWER, replace(text, text="See (1)."), *rest)
    first = {**ANSWER["content"][0], "text": "See (1)."}
    assert item == {**ANSWER, "content": [first, ANSWER["content"][1]]}


def test_an_edited_plain_message_stays_plain() -> None:
    """A message whose content is a text has a text again; a second one is a second message."""
    said = {"role": "assistant", "content": "Hi", "phase": "commentary"}
    assert rewritten(said, TextPart("Ho")) == [{**said, "content": "Ho"}]
    developer = {"role": "developer", "content": "a"}
    assert rewritten(developer, TextPart("b")) == [{**developer, "content": "b"}]
    made = dialect.dump([edited(read(said), [TextPart("a"), TextPart("b")])])
    assert [item["content"] for item in made] == ["a", "b"]
    assert [loss.name for loss in made.losses] == ["phase"]


def test_an_edited_reasoning_keeps_its_item() -> None:
    """Changed texts stand in the same item, with what is encrypted."""
    one = ReasoningPart("Only.", encrypted="new", id="rs_1", provider="openai")
    (item,) = rewritten(REASONING, one)
    summary = [{"type": "summary_text", "text": "Only."}]
    assert item == {**REASONING, "summary": summary, "encrypted_content": "new"}
    raw = {**REASONING, "summary": [], "content": [{"type": "reasoning_text", "text": "Raw."}]}
    (item,) = rewritten(raw, one)
    assert item["content"] == [{"type": "reasoning_text", "text": "Only."}]
    assert item["summary"] == []


def test_edited_tools_keep_their_items() -> None:
    """A changed input or output stands in the same kind of item, with all its other members."""
    call = ToolCallPart("call_1", "find", {"q": "y"})
    assert rewritten(CALL, call) == [{**CALL, "name": "find", "arguments": '{"q":"y"}'}]
    custom = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "n", "input": "a"}
    assert rewritten(custom, ToolCallPart("c", "n", "b")) == [{**custom, "input": "b"}]
    output = {"type": "custom_tool_call_output", "call_id": "c", "output": "a", "id": "x"}
    assert rewritten(output, ToolResultPart("c", {"b": 1})) == [{**output, "output": '{"b":1}'}]
    before, result = read(WEB).parts
    assert isinstance(before, ToolCallPart)
    action = {"type": "search", "query": "y"}
    (item,) = rewritten(WEB, replace(before, input={"action": action}), result)
    assert item == {**WEB, "action": action}
    asked, question = read(ASKED).parts
    assert isinstance(asked, ToolCallPart)
    (item,) = rewritten(ASKED, replace(asked, input={"a": 2}), question)
    assert item == {**ASKED, "arguments": '{"a":2}'}
    (item,) = rewritten(APPROVED, ToolResultPart("mcpr_1", "undone", provider_executed=True))
    assert item == {**APPROVED, "output": "undone"}


@pytest.mark.parametrize("item", tools, ids=[item["type"] for item in tools])
def test_every_tool_is_written_again_where_its_id_changed(item: Any) -> None:
    """An item whose message only has another id now is written as the item it was."""
    (made,) = dialect.dump([replace(read(item), id="other")])
    assert {n: v for n, v in made.items() if v is not None} == {
        n: v for n, v in item.items() if v is not None
    }


def test_an_id_of_the_same_kind_is_taken() -> None:
    """A message under another id of OpenAI's is an item under that id; other ids are not sent."""
    (item,) = dialect.dump([replace(read(ANSWER), id="msg_b")])
    assert item["id"] == "msg_b"
    (item,) = dialect.dump([replace(read(ANSWER), id="b")])
    assert item["id"] == "msg_a"


def test_a_hosted_call_that_cannot_be_said_is_a_functions() -> None:
    """What is no longer the hosted tool's own is written as a function's, with a report."""
    before, result = read(WEB).parts
    assert isinstance(before, ToolCallPart)
    made = dialect.dump([edited(read(WEB), [replace(before, name="mine"), result])])
    assert [item["type"] for item in made] == ["function_call", "function_call_output"]
    assert {loss.what for loss in made.losses} == {"provider_executed"}
    accepts(made)


def test_messages_of_another_grain_are_split() -> None:
    """An answer with reasoning, parallel calls and several steps is an item for each of them."""
    answer = Message.assistant(
        [
            ReasoningPart("a", encrypted="e", id="rs_1", provider="openai"),
            ReasoningPart("b", id="rs_1"),
            TextPart("Let me see."),
            ToolCallPart("a", "f", {"x": 1}),
            ToolCallPart("b", "g"),
            ToolResultPart("a", {"y": [1]}),
            ToolResultPart("b", content=(TextPart("z"), FilePart(file_id="file-1"))),
            TextPart("Done."),
        ],
        id="m",
    )
    made = dialect.dump([Message.user("Go", id="msg_u"), answer])
    summary = [{"type": "summary_text", "text": text} for text in ("a", "b")]
    content = [{"type": "input_text", "text": "z"}, {"type": "input_file", "file_id": "file-1"}]
    assert list(made) == [
        {"role": "user", "content": "Go"},
        {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "e"},
        {"role": "assistant", "content": "Let me see."},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": '{"x":1}'},
        {"type": "function_call", "call_id": "b", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": '{"y":[1]}'},
        {"type": "function_call_output", "call_id": "b", "output": content},
        {"role": "assistant", "content": "Done."},
    ]
    assert made.sources == (("msg_u",), *[("m",)] * 7)
    assert not made.losses
    accepts(made)


def test_answers_to_openais_own_questions_are_written() -> None:
    """An answer that an app made of its own is sent to the MCP call that asked."""
    (item,) = written(Message.tool([ApprovalPart("mcpr_1", approved=False, reason="no")]))
    assert item == {
        "type": "mcp_approval_response",
        "approval_request_id": "mcpr_1",
        "approve": False,
        "reason": "no",
    }


FILES: list[tuple[FilePart, Any]] = [
    (FilePart("image/png", data="AA"), {"image_url": "data:image/png;base64,AA"}),
    (FilePart("image/*", file_id="file-1"), {"file_id": "file-1"}),
    (FilePart(url="https://a/b.png"), {"image_url": "https://a/b.png"}),
    (
        FilePart("application/pdf", data="AA", name="a.pdf"),
        {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
    ),
    (FilePart(file_id="file-1"), {"file_id": "file-1"}),
    (FilePart(url="https://a/b"), {"file_url": "https://a/b"}),
]


@pytest.mark.parametrize(("file", "block"), FILES)
def test_files_stand_where_the_api_has_a_place(file: FilePart, block: Any) -> None:
    """Images and other files have blocks of their own, by data, URL or id."""
    image = {"type": "input_image", "detail": "auto"}
    image_like = "image_url" in block or file.media_type == "image/*"
    kind = image if image_like else {"type": "input_file"}
    (item,) = written(Message.user([file]))
    assert item == {"role": "user", "content": [{**kind, **block}]}


LOST: list[tuple[str, Part, tuple[str, ...]]] = [
    ("user", FilePart("video/mp4", data="AA"), ("file",)),
    ("user", FilePart("audio/wav", data="AA"), ("file",)),
    ("user", FilePart(name="a"), ("file",)),
    ("user", FilePart("image/png", data="AA", name="a"), ("file.name",)),
    ("user", FilePart("application/pdf", url="https://a"), ("file.media_type",)),
    ("user", FilePart(file_id="f", name="a"), ("file.name",)),
    ("user", DataPart("a"), ("data",)),
    ("user", TextPart("a", extra={"b": 1}), ("extra",)),
    ("assistant", FilePart("image/png", data="AA"), ("file",)),
    ("assistant", ReasoningPart("a", "s", provider="anthropic"), ("reasoning",)),
    ("assistant", ReasoningPart("a", encrypted="e", provider="openai"), ("reasoning",)),
    ("assistant", ReasoningPart("a", id="rs_1", provider="google"), ("reasoning",)),
    ("assistant", SourcePart("a", url="b"), ("source",)),
    ("assistant", ApprovalPart("a"), ("approval",)),
    ("assistant", RawPart({}), ("raw",)),
    ("assistant", ToolCallPart("a", "b", provider_executed=True), ("provider_executed",)),
    ("assistant", ToolResultPart("a", provider_executed=True), ("provider_executed",)),
    ("tool", ApprovalPart("a", approved=True), ("approval",)),
    ("tool", ToolResultPart("a", is_error=True), ("tool_result.is_error",)),
    ("tool", ToolResultPart("a", denied=True), ("tool_result.denied",)),
    ("tool", ToolResultPart("a", content=(FilePart("audio/wav", data="AA"),)), ("file",)),
]


@pytest.mark.parametrize(("role", "part", "losses"), LOST)
def test_what_has_no_place_is_reported_once(role: Any, part: Part, losses: Any) -> None:
    """What the format does not say is reported, by the widest code that applies."""
    bench.loses(role, part, losses)


def test_parts_in_unusual_places_are_written() -> None:
    """A user's call, the system's result and the system's words in an answer have items."""
    call = ToolCallPart("a", "f", {})
    kinds = [
        item.get("type", item.get("role")) for item in written(Message.user([TextPart("x"), call]))
    ]
    assert kinds == ["function_call", "user"]
    (item,) = written(Message.system([ToolResultPart("a", 1)]))
    assert item["output"] == "1"
    said = written(Message.assistant([TextPart("x"), TextPart("y", role="system")]))
    assert said == [{"role": "assistant", "content": "x"}, {"role": "system", "content": "y"}]


def test_only_an_empty_turn_stays_a_message() -> None:
    """A user's message without parts is one without words; of others there is nothing to say."""
    assert written(Message.user([])) == [{"role": "user", "content": ""}]
    assert written(Message.system([]), Message.assistant([]), Message.tool([])) == []
    assert list(dialect.dump([Message.user([DataPart("a")])])) == [{"role": "user", "content": ""}]


def test_every_recorded_item_can_be_edited() -> None:
    """Each recorded item whose message has a text more is written with that text."""
    for item in corpus:
        message = read(item)
        made = dialect.dump([edited(message, [*message.parts, TextPart("more")])])
        assert any("more" in one.text for one in dialect.load(made))


def test_an_input_that_is_a_text_is_read_as_that_text_again() -> None:
    """A text that is JSON itself is quoted; a custom tool's input stays as it is."""
    given = ["5", "{}", '"x"', '{"broken', "words"]
    calls = [ToolCallPart(f"c{n}", "f", one) for n, one in enumerate(given)]
    made = dialect.dump([Message.assistant(calls, id="m")])
    assert [one["arguments"] for one in made] == ['"5"', '"{}"', '"\\"x\\""', '{"broken', "words"]
    again = [part for one in dialect.load(made) for part in one.parts]
    assert [part.input for part in again if isinstance(part, ToolCallPart)] == given
    custom = {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "5"}
    assert rewritten(custom, ToolCallPart("c", "g", "6")) == [{**custom, "name": "g", "input": "6"}]


def test_the_texts_of_one_reasoning_item_are_one_item_again() -> None:
    """Formats that tell them apart repeat the id: OpenAI takes an item's id only once."""
    texts = ("First.", "Second.")
    apart = [
        Message.assistant([ReasoningPart(text, None, "e", "rs_1", "openai")], id=f"r{n}")
        for n, text in enumerate(texts)
    ]
    made = dialect.dump([*apart, Message.assistant([ToolCallPart("c", "f", {})], id="a")])
    assert [item["type"] for item in made] == ["reasoning", "function_call"]
    assert [one["text"] for one in made[0]["summary"]] == list(texts)
    assert made.sources == (("r0", "r1"), ("a",))
    accepts(made)
