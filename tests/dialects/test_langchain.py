"""Messages of LangChain: what they say as parts, what edits change, and how others are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from helpers import Bench, codes, edits, stored
from kit_langchain import FILES, PNG, SPOKEN, accepts, answered, called, known, made
from langchain_core.messages import AIMessage, messages_from_dict

from threadkeep.dialects.langchain import dialect
from threadkeep.dialects.openai_chat import dialect as openai
from threadkeep.values.message import Message
from threadkeep.values.parts import (
    ApprovalPart,
    FilePart,
    Part,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

bench = Bench(dialect, accepts)
loaded = bench.loaded
FILE_PARTS = (
    FilePart("image/png", url="https://a.example/b.png", extra={"id": "lc_1"}),
    FilePart("image/png", data=PNG, extra={"extras": {"detail": "low"}}),
    FilePart("audio/wav", data="UklGRg=="),
    FilePart("video/*", url="https://a.example/c"),
    FilePart("application/pdf", file_id="file-1"),
    FilePart(data="JVBERg==", name="a.pdf"),
    FilePart("text/plain", data="d29yZHM=", name="a.txt"),
    FilePart("image/*", url="https://a.example/d.png"),
    FilePart("image/png", data=PNG),
    FilePart(file_id="file-2", name="b.pdf"),
    RawPart(FILES[10]),
    FilePart("image/*", url="https://a.example/e.png", extra={"detail": "low"}),
    FilePart("image/png", data=PNG),
    FilePart("audio/mpeg", data="SUQz"),
    FilePart("application/pdf", data="JVBERg==", name="c.pdf"),
    FilePart("image/png", data=PNG, extra={"cache_control": {"type": "ephemeral"}}),
    FilePart(url="https://a.example/f.pdf"),
)
SPOKEN_PARTS = (
    ReasoningPart("Hm.", signature="c2ln", provider="anthropic"),
    ReasoningPart("", encrypted="ZW5j", provider="anthropic"),
    ReasoningPart("So.", signature="c2ln", id="rs_1"),
    ReasoningPart("Thus.", encrypted="ZW5j", id="rs_2"),
    ReasoningPart("", encrypted="ZW5k", provider="anthropic"),
    TextPart("See.", extra={"annotations": SPOKEN[5]["annotations"]}),
    ToolCallPart("s1", "web_search", {"q": "x"}, provider_executed=True),
    ToolResultPart("s1", [1], provider_executed=True),
    ToolCallPart("s2", "web_search", {"q": "y"}, provider_executed=True),
    ToolResultPart("s2", SPOKEN[9]["content"], is_error=True, provider_executed=True),
    ToolCallPart("c1", "search", {"q": "x"}),
    ToolCallPart("c2", "run", {"a": 1}),
    RawPart(SPOKEN[12]),
    RawPart(SPOKEN[13]),
    TextPart("bare"),
)


@pytest.mark.parametrize(("block", "part"), list(zip(FILES, FILE_PARTS, strict=True)))
def test_blocks_of_files_are_files(block: Any, part: Part) -> None:
    """A file is one in every shape: standard, of v0, of OpenAI and of Anthropic."""
    assert loaded(made("human", [block])).parts == (part,)


@pytest.mark.parametrize(("block", "part"), list(zip(SPOKEN, SPOKEN_PARTS, strict=True)))
def test_blocks_of_models_are_typed_parts(block: Any, part: Part) -> None:
    """Reasoning, calls and results of a model are parts in every shape they have."""
    assert loaded(answered([block])).parts == (part,)


def test_a_call_is_said_once() -> None:
    """A call that is listed and stands in the content too is one part, where it stands."""
    listed = [called("search", {"q": "x"}, "c1"), called("run", {"a": 1}, "c2")]
    assert loaded(answered(SPOKEN, listed)).parts == SPOKEN_PARTS


def test_calls_are_found_wherever_they_are() -> None:
    """Bad arguments stay text, a call without an id has its name for one, old shapes are read."""
    assert loaded(known[3]).parts == (
        TextPart("Let me see."),
        ToolCallPart("c1", "search", {"q": "x"}),
        ToolCallPart("search", "search", {}),
        ToolCallPart("c3", "run", '{"bad', extra={"error": "no JSON"}),
    )
    assert loaded(known[8]).parts == (ToolCallPart("c9", "f", {"a": 1}),)
    assert loaded(known[9]).parts == (ToolCallPart("old", "old", {}),)
    assert loaded(known[10]).parts == (ToolResultPart("old", "done", "old"),)
    assert loaded(known[7]).parts == (ReasoningPart("One and one."), TextPart("Two."))


def test_results_are_typed_parts() -> None:
    """A text is the output, blocks are a content; the status tells an error."""
    assert loaded(known[4]).parts == (ToolResultPart("c1", "found", "search"),)
    assert loaded(known[5]).parts == (
        ToolResultPart(
            "c3",
            is_error=True,
            content=(
                TextPart("bare"),
                TextPart("x"),
                FILE_PARTS[1],
                RawPart({"type": "json", "json": {"a": 1}}),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("item", "role", "id", "starts"),
    [
        (made("system", "x"), "system", None, False),
        (made("human", "x", id="h"), "user", "h", True),
        (answered("x"), "assistant", None, False),
        (made("chat", "x", role="Assistant"), "assistant", None, False),
        (made("chat", "x", role="narrator"), "user", None, True),
        (made("tool", "x", tool_call_id="c"), "tool", None, False),
        (made("function", "x", name="f"), "tool", None, False),
        (made("remove", "", id="h"), "system", None, False),
        (made("human", "x", id=7), "user", None, True),
        (known[13], "assistant", "run-1", False),
    ],
)
def test_roles_and_ids(item: Any, role: str, id: str | None, starts: bool) -> None:
    """Each type has its role; an id that no row could have is left to the item."""
    traits = dialect.traits(item)
    assert (traits.role, traits.id, traits.starts) == (role, id, starts)


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ([], "item"),
        ({}, "type"),
        ({"type": "robot", "data": {}}, "type"),
        ({"type": ["ai"], "data": {}}, "type"),
        ({"type": "ai"}, "data"),
        ({"type": "ai", "data": []}, "data"),
    ],
)
def test_what_is_no_message_is_refused(item: Any, field: str) -> None:
    """An item of another type, or without data, raises InvalidError."""
    bench.refuses(item, field)


@pytest.mark.parametrize("item", known)
def test_an_edit_shows_and_nothing_else_does(item: Any) -> None:
    """Where a part was edited the item says so; its other blocks and members are as they were."""
    message = loaded(item)
    for parts in edits(message):
        edited = dialect.dump([stored(message, parts)])
        assert not edited.losses
        (read,) = messages_from_dict(edited)
        assert read.content is not None
        (one,) = edited
        again = loaded(one)
        assert (again.role, again.id) == (message.role, message.id)
        assert sorted(map(repr, _plain(again.parts))) == sorted(map(repr, _plain(parts)))
        same = {"usage_metadata", "artifact", "name", "role"} & item["data"].keys()
        assert all(one["data"][name] == item["data"][name] for name in same)
        metadata = item["data"].get("response_metadata", {})
        assert metadata.items() <= one["data"]["response_metadata"].items()


def _plain(parts: Sequence[Part]) -> list[Part]:
    # A rewritten message names the provider of its reasoning for all of it; the error of a call
    # that is good now is gone.
    listed: list[Part] = []
    for part in parts:
        if isinstance(part, ReasoningPart):
            listed.append(replace(part, provider=None))
        elif isinstance(part, ToolCallPart):
            listed.append(replace(part, extra={}))
        else:
            listed.append(part)
    return listed


def test_blocks_besides_an_edit_stay_as_they_were() -> None:
    """An edited text does not turn the blocks of a provider around it into others."""
    item = answered(SPOKEN, [called("search", {"q": "x"}, "c1"), called("run", {"a": 1}, "c2")])
    message = loaded(item)
    parts = [*message.parts[:-1], TextPart("New.")]
    (edited,) = dialect.dump([stored(message, parts)])
    assert edited["data"]["content"] == [*SPOKEN[:-1], {"type": "text", "text": "New."}]
    assert edited["data"]["tool_calls"] == item["data"]["tool_calls"]


def test_an_answer_is_taken_apart_at_its_results() -> None:
    """Results are messages of their own, provider's results stay; ids tell whose they are."""
    said = Message.assistant(
        [
            ReasoningPart("Hm.", signature="c2ln", provider="anthropic"),
            ToolCallPart("s1", "web", {"q": "x"}, provider_executed=True),
            ToolResultPart("s1", [1], provider_executed=True),
            ToolCallPart("c1", "search", {"q": "x"}),
            ToolCallPart("c2", "look", "{bad"),
            ToolResultPart("c1", {"found": 1}, "search"),
            ToolResultPart("c2", "nothing", is_error=True),
            TextPart("Done."),
        ],
        id="m",
    )
    written = dialect.dump([Message.system("Be brief."), said])
    accepts(written)
    assert [(item["type"], item["data"]["id"]) for item in written] == [
        ("system", None),
        ("ai", "m"),
        ("tool", "m.2"),
        ("tool", "m.3"),
        ("ai", "m.4"),
    ]
    assert not written.losses
    answer = written[1]["data"]
    assert answer["response_metadata"] == {"output_version": "v1", "model_provider": "anthropic"}
    assert [block["type"] for block in answer["content"]] == [
        *("reasoning", "server_tool_call", "server_tool_result")
    ]
    assert [call["id"] for call in answer["tool_calls"]] == ["c1"]
    assert [call["args"] for call in answer["invalid_tool_calls"]] == ["{bad"]
    assert [item["data"]["status"] for item in written[2:4]] == ["success", "error"]
    assert written[2]["data"]["content"] == '{"found":1}'
    (read,) = messages_from_dict([written[1]])
    assert isinstance(read, AIMessage)
    assert read.content_blocks == answer["content"]


def test_reasoning_of_two_providers_is_two_messages() -> None:
    """A message names one provider, so what another one signed begins the next message."""
    parts: list[Part] = [
        ReasoningPart("a", signature="s", provider="anthropic"),
        ReasoningPart("b", encrypted="e", id="rs_1", provider="openai"),
        TextPart("c"),
    ]
    written = dialect.dump([Message.assistant(parts, id="m")])
    accepts(written)
    assert not written.losses
    assert [part for message in dialect.load(written) for part in message.parts] == parts


def test_calls_keep_their_place_among_words() -> None:
    """Where words follow a call the content has both in order; else the call is only listed."""
    call = ToolCallPart("c1", "search", {"q": "x"})
    listed: list[list[Part]] = [[TextPart("a"), call, TextPart("b")], [TextPart("a"), call], [call]]
    for parts in listed:
        written = dialect.dump([Message.assistant(parts)])
        accepts(written)
        assert loaded(written[0]).parts == tuple(parts)
    (item,) = dialect.dump([Message.assistant([call])])
    assert item["data"]["content"] == ""


def test_an_id_may_be_missing() -> None:
    """A message without an id gets none."""
    (item,) = dialect.dump([Message.user("Hi")])
    assert item == made("human", "Hi")


def test_what_a_message_alone_knows_is_reported_elsewhere() -> None:
    """Artifacts and names are lost in other formats; how an answer was made is no loss."""
    data = {"content": "x", "tool_call_id": "c", "artifact": {"a": 1}, "type": "tool"}
    told = {"model_name": "m", "finish_reason": "stop"}
    ai = {"content": "y", "response_metadata": told, "usage_metadata": {"total_tokens": 1}}
    kwargs = {"additional_kwargs": {"refusal": None}}
    human = {"content": "z", "name": "ann", "type": "human"}
    items = [
        {"type": "tool", "data": data},
        {"type": "ai", "data": {**ai, **kwargs}},
        {"type": "human", "data": human},
    ]
    made = openai.dump(dialect.load(items))
    assert codes(made) == {("extra", "artifact"), ("extra", "name")}
    message = loaded(items[1])
    (again,) = dialect.dump([stored(message, [TextPart("New.")])])
    assert again["data"]["response_metadata"] == told
    assert again["data"]["usage_metadata"] == ai["usage_metadata"]


def test_where_a_block_stood_in_a_stream_is_no_loss() -> None:
    """The number of a streamed block says nothing once the chunks are one message."""
    blocks = [{"type": "text", "text": "a", "index": place} for place in (0, "lc_1")]
    made = openai.dump([loaded(answered(blocks))])
    assert not made.losses


def test_a_call_before_what_has_no_place_is_not_in_the_content() -> None:
    """A call stands in the content only where words or reasoning follow it."""
    asked: list[Part] = [ToolCallPart("c", "f", {}), ApprovalPart("a", "c")]
    made = dialect.dump([Message.assistant(asked, id="m")])
    assert [item["data"]["content"] for item in made] == [""]
