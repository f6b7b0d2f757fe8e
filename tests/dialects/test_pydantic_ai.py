"""Messages of pydantic-ai: what they say as parts, what edits change, how others are written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from helpers import Bench, edits, stored
from kit_pydantic_ai import (
    BINARY,
    CALLS,
    PROMPT,
    RETRIES,
    RETURNS,
    SAID,
    SYSTEM,
    URL,
    accepts,
    known,
    request,
    response,
)
from pydantic_ai.messages import ImageUrl, ModelMessagesTypeAdapter, ModelRequest, ToolReturnPart

from threadkeep.dialects.openai_chat import dialect as openai
from threadkeep.dialects.pydantic_ai import dialect
from threadkeep.values.message import Message
from threadkeep.values.parts import (
    FilePart,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

bench = Bench(dialect, accepts)
loaded = bench.loaded
AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
PICTURE = FilePart("image/png", data="//77", extra={"vendor_metadata": {"detail": "low"}})
LINKED = FilePart("image/png", url="https://a.example/a.png")


def genuine(item: Any) -> list[Any]:
    """What the tools of a request returned, as pydantic-ai reads it."""
    (read,) = ModelMessagesTypeAdapter.validate_python([item])
    assert isinstance(read, ModelRequest)
    return [part.content for part in read.parts if isinstance(part, ToolReturnPart)]


def test_prompts_are_words_and_files() -> None:
    """Strings and noted texts are texts; files of all kinds are files; markers are raw."""
    message = loaded(request(PROMPT))
    assert (message.role, message.created_at) == ("user", AT)
    assert message.parts == (
        TextPart("What is this?"),
        LINKED,
        PICTURE,
        FilePart(
            "application/pdf",
            file_id="file-1",
            extra={"provider_name": "openai", "identifier": "mine"},
        ),
        RawPart({"kind": "cache-point", "ttl": "5m"}),
        TextPart("noted", extra={"metadata": {"a": 1}}),
        TextPart('{"b":1}', extra={"value": {"b": 1}, "kind": "structured-content"}),
        FilePart(url="https://a.example/noext"),
        FilePart("video/*", url="https://a.example/c"),
    )


def test_returns_are_results() -> None:
    """The outcome of a tool tells errors and denials; what it returned with files is a content."""
    assert loaded(request(*RETURNS)).parts == (
        ToolResultPart("c1", {"found": [1]}, "search", extra={"metadata": {"took": 3}}),
        ToolResultPart(
            "c2",
            name="run",
            is_error=True,
            content=(
                TextPart("see"),
                PICTURE,
                LINKED,
                RawPart({"kind": "image-url"}),
                RawPart(7),
            ),
        ),
        ToolResultPart("c3", "no", "stop", denied=True),
        ToolResultPart(
            "c4",
            "again",
            "bad",
            is_error=True,
            extra={"retry": RETURNS[3]["retry"], "outcome": "retried"},
        ),
        ToolResultPart("c5", "stopped", "late", extra={"outcome": "interrupted"}),
    )


def test_what_only_looks_like_a_file_is_a_value() -> None:
    """A URL in a result is a file as pydantic-ai tells: by the digests, or where there are none."""
    for digests, is_file in (([], False), (RETURNS[1]["content_file_digests"], True), (None, True)):
        block = {**RETURNS[1], "content": [URL], "content_file_digests": digests}
        if digests is None:
            del block["content_file_digests"]
        (part,) = loaded(request(block)).parts
        assert isinstance(part, ToolResultPart)
        assert part.content == ((LINKED,) if is_file else None)
        assert part.output == (None if is_file else [URL])
        assert [isinstance(one, ImageUrl) for one in genuine(request(block))[0]] == [is_file]


def test_responses_are_what_a_model_said() -> None:
    """Thoughts have the marks of their provider, native tools are the provider's own."""
    message = loaded(response(*SAID))
    assert message.parts == (
        ReasoningPart("Hm.", signature="c2ln", provider="anthropic"),
        ReasoningPart("", encrypted="ZW5j", provider="anthropic"),
        ReasoningPart(
            "So.",
            encrypted="ZW5j",
            id="rs_1",
            provider="openai",
            extra={"provider_details": {"raw_content": ["So."]}},
        ),
        ReasoningPart(
            "Z.", signature="Z29v", provider="google", extra={"provider_name": "google-gla"}
        ),
        TextPart("See.", extra={name: SAID[4][name] for name in list(SAID[4])[1:5]}),
        ToolCallPart("c1", "search", {"q": "x"}, extra={"id": "fc_1", "provider_name": "openai"}),
        ToolCallPart("c2", "run", {"a": 1}),
        ToolCallPart("c3", "stop"),
        ToolCallPart("c4", "bad", '{"bad'),
        ToolCallPart(
            "s1",
            "web_search",
            {"query": "x"},
            provider_executed=True,
            extra={"provider_name": "anthropic"},
        ),
        ToolResultPart(
            "s1",
            [{"url": "https://a/"}],
            "web_search",
            provider_executed=True,
            extra={"provider_name": "anthropic"},
        ),
        FilePart(
            "image/png",
            data="//77",
            extra={
                "id": "f1",
                "provider_name": "google",
                "content": {"vendor_metadata": {"detail": "low"}},
            },
        ),
        RawPart(SAID[-2]),
        TextPart("Hello", extra={"speaker": "assistant", "part_kind": "speech"}),
    )
    assert dialect.traits(response(*SAID)).calls == ("c1", "c2", "c3", "c4", "s1")


@pytest.mark.parametrize(
    ("item", "role", "starts"),
    [
        (request(SYSTEM), "system", False),
        (request(RETURNS[0]), "tool", False),
        (request(RETURNS[0], SYSTEM), "tool", False),
        (request(SYSTEM, PROMPT), "user", True),
        (request(RETURNS[0], PROMPT), "user", True),
        (request(RETRIES[0]), "tool", False),
        (request(RETRIES[1]), "user", False),
        (request(RETRIES[2]), "user", False),
        (request(), "system", False),
        (response(), "assistant", False),
    ],
)
def test_roles_and_turns(item: Any, role: str, starts: bool) -> None:
    """A prompt makes a request the user's, a return the tool's; feedback starts no turn."""
    traits = dialect.traits(item)
    assert (traits.role, traits.starts) == (role, starts)


def test_a_mixed_request_keeps_who_said_what() -> None:
    """Words of the system beside a prompt are the system's; edited, it is one request still."""
    item = request(RETURNS[0], SYSTEM, {**PROMPT, "content": "And?"}, run_id="r")
    message = loaded(item)
    result, system, asked = message.parts
    assert system == TextPart("Be brief.", role="system", extra={"dynamic_ref": "f"})
    made = dialect.dump([stored(message, [result, system, TextPart("What?")])])
    accepts(made)
    (edited,) = made
    assert edited["run_id"] == "r"
    kinds = {part["part_kind"]: part for part in edited["parts"]}
    assert asked == TextPart("And?")
    assert kinds["user-prompt"] == {**PROMPT, "content": "What?"}
    given = {name: value for name, value in SYSTEM.items() if value is not None}
    assert kinds["system-prompt"] | {"scope": "conversation"} == given
    assert kinds["tool-return"]["metadata"] == {"took": 3}


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ([], "item"),
        ({}, "kind"),
        ({"kind": "reply", "parts": []}, "kind"),
        ({"kind": "request"}, "parts"),
        ({"kind": "request", "parts": {}}, "parts"),
    ],
)
def test_what_is_no_message_is_refused(item: Any, field: str) -> None:
    """An item of another kind, or without a list of parts, raises InvalidError."""
    bench.refuses(item, field)


@pytest.mark.parametrize("item", known)
def test_an_edit_shows_and_nothing_else_does(item: Any) -> None:
    """Where a part was edited the item says so; its other parts and members are as they were."""
    message = loaded(item)
    for parts in edits(message):
        made = dialect.dump([stored(message, parts)])
        assert not made.losses
        ModelMessagesTypeAdapter.validate_python(made)
        (edited,) = made
        again = loaded(edited).parts
        assert sorted(map(repr, again)) == sorted(map(repr, parts))
        same = [name for name, value in item.items() if value is not None and name != "parts"]
        same = [name for name in same if (name, item[name]) != ("state", "complete")]
        assert {
            name: loaded(edited).created_at if name == "timestamp" else edited[name]
            for name in same
        } == {name: AT if name == "timestamp" else item[name] for name in same}


def test_steps_are_requests_and_responses() -> None:
    """Calls go out in a response, their results come back in a request, named by the calls."""
    said = Message.assistant(
        [
            ReasoningPart("Hm.", encrypted="ZW5j", id="rs_1", provider="openai"),
            ToolCallPart("c1", "search", {"q": "x"}),
            ToolCallPart("c2", "look", [1]),
            ToolResultPart("c1", {"found": 1}),
            ToolResultPart("c2", content=(TextPart("see"), PICTURE, LINKED), is_error=True),
            TextPart("Done."),
        ],
        id="m",
    )
    made = dialect.dump([Message.system("Be brief."), Message.user("Hi"), said])
    accepts(made)
    assert [item["kind"] for item in made] == [
        *("request", "request", "response", "request", "response")
    ]
    assert made.sources == ((None,), (None,), ("m",), ("m",), ("m",))
    thought, _, call = made[2]["parts"]
    assert thought["signature"] == "ZW5j"
    assert call["args"] == "[1]"
    first, second = made[3]["parts"]
    assert (first["tool_name"], first["outcome"]) == ("search", "success")
    assert (second["tool_name"], second["outcome"]) == ("look", "failed")
    see, picture, linked = genuine(made[3])[1]
    assert (see, picture.data, type(linked)) == ("see", b"\xff\xfe\xfb", ImageUrl)
    assert BINARY["data"] == second["content"][1]["data"]


def test_a_file_id_needs_its_provider() -> None:
    """An uploaded file is written where the format it came from tells whose id it is."""
    origin = {"dialect": "openai-responses", "format": "openai-responses", "item": {}}
    file = FilePart("application/pdf", file_id="file-1")
    made = dialect.dump([Message.of("user", [file], extra={"origin": origin})])
    accepts(made)
    assert made[0]["parts"][0]["content"][0]["provider_name"] == "openai"
    assert [loss.what for loss in dialect.dump([Message.user([file])]).losses] == ["file"]


@pytest.mark.parametrize("input", ["{bad", "5", "", [1], 7, None, {}, *(c["args"] for c in CALLS)])
def test_inputs_come_back_as_they_were(input: Any) -> None:
    """An input of any kind is read again as what it was; an empty text is no arguments."""
    text = dialect.dump([Message.assistant([ToolCallPart("c", "f", input)])])
    (part,) = loaded(text[0]).parts
    assert isinstance(part, ToolCallPart)
    again = dialect.dump([Message.assistant([part])])
    (same,) = loaded(again[0]).parts
    assert same == part
    if not isinstance(input, str) or input in ("{bad", "5"):
        assert part.input == input


def test_how_an_answer_was_made_is_no_loss() -> None:
    """Model, usage and finish reason stay with the stored row, and with a changed message."""
    told = {"model_name": "m", "usage": {"input_tokens": 1}, "finish_reason": "stop"}
    item = {**response({"content": "x", "part_kind": "text"}), **told, "metadata": {"a": 1}}
    made = openai.dump([loaded(item)])
    assert [(loss.what, loss.name) for loss in made.losses] == [("extra", "metadata")]
    (again,) = dialect.dump([stored(loaded(item), [TextPart("y")])])
    assert again.items() >= {**told, "metadata": {"a": 1}}.items()


def test_a_data_url_tells_the_media_type() -> None:
    """An image by a data: URL is of the type that the URL says."""
    url = {"url": "data:image/png;base64,iVBORw0KGgo=", "kind": "image-url"}
    item = request({"content": [url], "part_kind": "user-prompt"})
    assert loaded(item).parts == (FilePart("image/png", data="iVBORw0KGgo="),)
