"""Model messages of the AI SDK: what each block says, how they are written, and upgraded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kit_ai_sdk_model as kit
import pytest

from threadkeep.dialects.ai_sdk_formats.model import v4, v5, v6, v7
from threadkeep.dialects.ai_sdk_formats.ui import v6 as ui_v6
from threadkeep.dialects.ai_sdk_formats.ui import v7 as ui
from threadkeep.values.converted import Converted
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

if TYPE_CHECKING:
    from genuine import Genuine

    from threadkeep.values.ports import Dialect

GOLDEN = Path(__file__).parents[1] / "fixtures" / "ai-sdk" / "ui_to_model.json"
PNG = kit.PNG
MODERN = {"ai-sdk-model@5": v5, "ai-sdk-model@6": v6, "ai-sdk-model@7": v7}


def lost(made: Converted) -> set[tuple[str, str | None]]:
    return {(loss.what, loss.name) for loss in made.losses}


def result(output: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool-result", "toolCallId": "c", "toolName": "f", "output": output, **more}


def content(*items: Any) -> dict[str, Any]:
    return result({"type": "content", "value": list(items)})


def rewritten(message: Message, *parts: Part, dialect: Dialect = v7) -> Converted:
    """What a message with other parts is written as; its origin stays."""
    return dialect.dump([Message.of(message.role, parts, extra=message.extra)])


OUT = ToolResultPart("c", name="f")
FILE = {"type": "file", "mediaType": "a/b"}

READ: list[tuple[str, dict[str, Any], Part]] = [
    ("user", {"type": "text", "text": "t"}, TextPart("t")),
    (
        "user",
        {"type": "text", "text": "t", "role": 7, "providerOptions": {"p": {}}},
        TextPart("t", extra={"providerOptions": {"p": {}}, "native": {"role": 7}}),
    ),
    ("user", {**FILE, "data": {"type": "data", "data": PNG}}, FilePart("a/b", data=PNG)),
    ("user", {**FILE, "data": "https://e.x/a"}, FilePart("a/b", url="https://e.x/a")),
    ("user", {**FILE, "data": {"type": "url", "url": "a"}}, FilePart("a/b", url="a")),
    (
        "user",
        {**FILE, "data": {"type": "reference", "reference": {"p": "f"}}, "filename": "n"},
        FilePart("a/b", file_id="f", name="n", extra={"reference": {"p": "f"}}),
    ),
    (
        "assistant",
        {"type": "reasoning", "text": "r", "providerOptions": {**kit.SIGNED, "p": {}}},
        ReasoningPart("r", "c2ln", None, None, "anthropic", {"providerOptions": {"p": {}}}),
    ),
    (
        "assistant",
        {"type": "tool-call", "toolCallId": "c", "toolName": "f", "input": 1, "odd": 2},
        ToolCallPart("c", "f", 1, extra={"odd": 2}),
    ),
    (
        "assistant",
        result({"type": "text", "value": "v"}),
        ToolResultPart("c", "v", "f", provider_executed=True),
    ),
    (
        "assistant",
        {
            "type": "tool-approval-request",
            "approvalId": "ap",
            "toolCallId": "c",
            "reason": "why",
            "signature": "s",
        },
        ApprovalPart("ap", "c", None, "why", {"signature": "s"}),
    ),
    ("assistant", {"type": "custom", "kind": "p.k"}, RawPart({"type": "custom", "kind": "p.k"})),
    (
        "tool",
        {
            "type": "tool-approval-response",
            "approvalId": "ap",
            "approved": False,
            "reason": "no",
            "providerExecuted": True,
        },
        ApprovalPart("ap", None, approved=False, reason="no", extra={"providerExecuted": True}),
    ),
    ("tool", result({"type": "text", "value": "v"}), ToolResultPart("c", "v", "f")),
    ("tool", result({"type": "json", "value": [1]}), ToolResultPart("c", [1], "f")),
    (
        "tool",
        result({"type": "json", "value": "v", "providerOptions": {"p": {}}}),
        ToolResultPart(
            "c",
            "v",
            "f",
            extra={"native": {"output": {"providerOptions": {"p": {}}, "type": "json"}}},
        ),
    ),
    (
        "tool",
        result({"type": "error-text", "value": "v"}),
        ToolResultPart("c", "v", "f", is_error=True),
    ),
    (
        "tool",
        result({"type": "error-json", "value": [1]}),
        ToolResultPart("c", [1], "f", is_error=True),
    ),
    (
        "tool",
        result({"type": "execution-denied", "reason": "no"}),
        ToolResultPart("c", "no", "f", denied=True),
    ),
    (
        "tool",
        result({"type": "execution-denied"}),
        ToolResultPart("c", None, "f", denied=True),
    ),
    (
        "tool",
        content(
            {"type": "text", "text": "t"},
            {**FILE, "data": {"type": "data", "data": PNG}, "filename": "n"},
            {"type": "file-url", "url": "https://e.x/a", "mediaType": "a/b"},
            {"type": "file-id", "fileId": "f"},
            {"type": "custom", "providerOptions": {}},
        ),
        ToolResultPart(
            "c",
            name="f",
            content=(
                TextPart("t"),
                FilePart("a/b", data=PNG, name="n"),
                FilePart("a/b", url="https://e.x/a"),
                FilePart(file_id="f"),
                RawPart({"type": "custom", "providerOptions": {}}),
            ),
        ),
    ),
]


@pytest.mark.parametrize(("role", "block", "part"), READ)
def test_a_block_says_a_typed_part_and_it_says_the_block_again(
    genuine: Genuine, role: str, block: dict[str, Any], part: Part
) -> None:
    """Each kind of block is read as a typed part, and is the same when it is written anew."""
    (message,) = v7.load([{"role": role, "content": [block]}])
    assert list(message.parts) == [part]
    more = ToolResultPart("x", 1, "g") if role == "tool" else TextPart("more")
    made = rewritten(message, part, more)
    assert [item["role"] for item in made] == [role]
    assert made[0]["content"][0] == block
    assert not made.losses
    kit.accepts("ai-sdk-model@7", made, genuine)


@pytest.mark.parametrize(
    "block",
    [
        None,
        {"type": "hologram"},
        {"type": "text"},
        {"type": "image", "image": 7},
        {"type": "file", "data": PNG},
        {"type": "file", "data": {"0": 1}, "mediaType": "a/b"},
        {"type": "file", "data": {"type": "text", "text": "\ud800"}, "mediaType": "a/b"},
        {"type": "tool-call", "toolCallId": 7, "toolName": "f"},
        result("bare"),
        result({"type": "text", "value": 7}),
        result({"type": "content", "value": "t"}),
        result({"type": "execution-denied", "reason": 7}),
        {"type": "tool-approval-response", "approvalId": "ap"},
    ],
)
def test_what_has_not_the_shape_of_its_type_is_raw(block: Any) -> None:
    """A block that its type does not allow is kept whole."""
    (message,) = v7.load([{"role": "tool", "content": [block]}])
    assert list(message.parts) == [RawPart(block)]


OLDER: list[tuple[dict[str, Any], FilePart, dict[str, Any]]] = [
    (
        {"type": "media", "data": PNG, "mediaType": "image/png"},
        FilePart("image/png", data=PNG),
        {"type": "file", "data": {"type": "data", "data": PNG}, "mediaType": "image/png"},
    ),
    (
        {"type": "file-data", "data": PNG, "mediaType": "image/png", "filename": "n"},
        FilePart("image/png", data=PNG, name="n"),
        {
            "type": "file",
            "data": {"type": "data", "data": PNG},
            "mediaType": "image/png",
            "filename": "n",
        },
    ),
    (
        {"type": "image-url", "url": "https://e.x/a"},
        FilePart("image/*", url="https://e.x/a"),
        {"type": "file-url", "url": "https://e.x/a", "mediaType": "image/*"},
    ),
    (
        {"type": "image-url", "url": f"data:image/png;base64,{PNG}"},
        FilePart("image/png", data=PNG),
        {"type": "file", "data": {"type": "data", "data": PNG}, "mediaType": "image/png"},
    ),
    (
        {"type": "image-file-id", "fileId": {"p": "f"}},
        FilePart("image/*", file_id="f", extra={"reference": {"p": "f"}}),
        {
            "type": "file",
            "data": {"type": "reference", "reference": {"p": "f"}},
            "mediaType": "image/*",
        },
    ),
]


@pytest.mark.parametrize(("item", "file", "newest"), OLDER)
def test_an_older_file_in_a_result_is_upgraded(
    genuine: Genuine, item: dict[str, Any], file: FilePart, newest: dict[str, Any]
) -> None:
    """The forms of versions 5 and 6 are read, and written as version 7 has them."""
    (message,) = v6.load([{"role": "tool", "content": [content(item)]}])
    (part,) = message.parts
    assert isinstance(part, ToolResultPart)
    assert part.content == (file,)
    made = v7.dump([message])
    assert made == [{"role": "tool", "content": [content(newest)]}]
    assert not made.losses
    kit.accepts("ai-sdk-model@7", made, genuine)


def test_an_image_is_a_file_of_the_type_its_bytes_say() -> None:
    """The deprecated image is a file; without a media type its first bytes tell it."""
    listed = [{"type": "image", "image": image} for image in (PNG, "https://e.x/a", "AAAA")]
    (message,) = v6.load([{"role": "user", "content": listed}])
    assert list(message.parts) == [
        FilePart("image/png", data=PNG),
        FilePart("image/*", url="https://e.x/a"),
        FilePart("image/*", data="AAAA"),
    ]


def test_version_4_is_read_and_upgraded(genuine: Genuine) -> None:
    """The forms of version 4 are read as typed parts and written as version 7 has them."""
    made = v7.dump(v4.load(kit.V4))
    assert made[2]["content"][0] == {
        "type": "text",
        "text": "See",
        "providerOptions": {"p": {"x": 1}},
    }
    assert made[3]["content"] == [
        {
            "type": "reasoning",
            "text": "Let me see.",
            "providerOptions": {"anthropic": {"signature": "c2ln"}},
        },
        {
            "type": "reasoning",
            "text": "",
            "providerOptions": {"anthropic": {"redactedData": "cmVk"}},
        },
        {"type": "text", "text": "Looking."},
        {
            "type": "tool-call",
            "toolCallId": "c1",
            "toolName": "w",
            "input": {"city": "Lisbon"},
        },
    ]
    outputs = [block["output"] for block in made[4]["content"]]
    assert outputs == [
        {"type": "json", "value": {"t": 20}},
        {"type": "error-text", "value": "gone"},
        {
            "type": "content",
            "value": [
                {"type": "text", "text": "Here."},
                {
                    "type": "file",
                    "data": {"type": "data", "data": PNG},
                    "mediaType": "image/png",
                },
            ],
        },
    ]
    assert lost(made) == {("raw", None), ("extra", "id")}
    kit.accepts("ai-sdk-model@7", made, genuine)


def test_version_4_is_not_written_but_stays() -> None:
    """New messages of version 4 are refused by name; unchanged ones come back."""
    assert v4.dump(v4.load(kit.V4)) == kit.V4
    with pytest.raises(InvalidError, match="dialect"):
        v4.dump([Message.user("Hi")])


@pytest.mark.parametrize("item", [kit.SYSTEM, kit.ANSWER, kit.RESULTS, *kit.ODD[:3]])
def test_a_newer_version_says_the_same(item: Any) -> None:
    """What version 5 has is the very same item in version 6, but for the form of files."""
    made = v6.dump(v5.load([item]))
    assert made == [item]
    assert not made.losses
    assert not v7.dump(v5.load([item])).losses


def test_what_an_older_version_does_not_know_is_reported() -> None:
    """Going back, only what is newer is left out, and each of it is reported."""
    assert lost(v6.dump(v7.load(kit.NEWEST))) == {
        ("file", None),
        ("extra", "data"),
        ("raw", None),
        ("approval", None),
        ("extra", "isAutomatic"),
        ("file.media_type", None),
    }
    assert lost(v5.dump(v6.load(kit.APPROVALS))) == {
        ("approval", None),
        ("tool_result.denied", None),
        ("tool_result.content", None),
        ("raw", None),
    }


@pytest.mark.parametrize("dialect", MODERN.values(), ids=MODERN)
def test_steps_and_results_are_messages_of_their_own(dialect: Dialect) -> None:
    """What was said at once and what came back at once are one message each."""
    said = [
        Message.system("Be brief.", id="s"),
        Message.user("Q", id="u"),
        Message.assistant([TextPart("Looking."), ToolCallPart("c1", "f", 1)], id="a"),
        Message.assistant([ToolCallPart("c2", "g", 2)], id="b"),
        Message.tool([ToolResultPart("c1", "one")], id="t1"),
        Message.tool([ToolResultPart("c2", {"x": 2})], id="t2"),
        Message.assistant("Done.", id="d"),
    ]
    made = dialect.dump(said)
    assert made == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Q"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Looking."},
                {"type": "tool-call", "toolCallId": "c1", "toolName": "f", "input": 1},
                {"type": "tool-call", "toolCallId": "c2", "toolName": "g", "input": 2},
            ],
        },
        {
            "role": "tool",
            "content": [
                {
                    "type": "tool-result",
                    "toolCallId": "c1",
                    "toolName": "f",
                    "output": {"type": "text", "value": "one"},
                },
                {
                    "type": "tool-result",
                    "toolCallId": "c2",
                    "toolName": "g",
                    "output": {"type": "json", "value": {"x": 2}},
                },
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "Done."}]},
    ]
    assert made.sources == (("s",), ("u",), ("a", "b"), ("t1", "t2"), ("d",))
    assert not made.losses


def test_what_has_no_place_in_a_role_is_reported() -> None:
    """Sources, data and what only the model says are left out elsewhere, and reported."""
    odd: list[Part] = [SourcePart("s"), DataPart("d"), ReasoningPart("r"), ToolCallPart("c", "f")]
    made = v7.dump([Message.user([TextPart("Q"), *odd], id="u")])
    assert made == [{"role": "user", "content": [{"type": "text", "text": "Q"}]}]
    assert lost(made) == {
        ("source", None),
        ("data", None),
        ("reasoning", None),
        ("tool_call", None),
    }


def test_a_changed_part_shows_and_all_else_stays() -> None:
    """After a text was added, a message differs in it only, and in the form of a bare file."""
    for item in (kit.ANSWER, kit.NEWEST[1]):
        (message,) = v7.load([item])
        made = rewritten(message, *message.parts, TextPart("more"))
        expected = [*item["content"], {"type": "text", "text": "more"}]
        tagged = {"data": {"type": "data", "data": PNG}}
        expected = [{**b, **tagged} if b["type"] == "file" else b for b in expected]
        assert made == [{**item, "content": expected}]
        assert not made.losses


def test_a_text_stays_a_text() -> None:
    """Content that was a text and not a list is one again after the text was changed. [C13]"""
    for item in kit.ODD[:2]:
        (message,) = v7.load([item])
        assert rewritten(message, TextPart("New")) == [{**item, "content": "New"}]


def test_an_edited_odd_message_keeps_what_nobody_knows() -> None:
    """Unknown blocks and members stay, beside the results too."""
    (message,) = v7.load([kit.ODD[4]])
    made = rewritten(message, *message.parts, ToolResultPart("x", 1, "g"))
    assert {item["role"] for item in made} == {"tool"}
    blocks = [block for item in made for block in item["content"]]
    assert all(block in blocks for block in kit.ODD[4]["content"])
    assert not made.losses


def test_no_window_starts_at_an_answer_to_a_question() -> None:
    """A tool message that answers a question for approval is nothing without the question."""
    assert not v7.traits(kit.APPROVALS[1]).cut
    assert v7.traits(kit.RESULTS).cut
    assert v7.traits(kit.RESULTS).answers == ("c1", "c2", "c4", "c5", "c6")


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (None, "item"),
        ({"content": "x"}, "role"),
        ({"role": "data", "content": "x"}, "role"),
        ({"role": "user"}, "content"),
        ({"role": "tool", "content": "x"}, "content"),
        ({"role": "user", "content": {}}, "content"),
    ],
)
@pytest.mark.parametrize("dialect", [v4, v7])
def test_what_is_no_model_message_is_refused_by_name(
    dialect: Dialect, item: Any, field: str
) -> None:
    """The error names the member that is wrong."""
    with pytest.raises(InvalidError) as caught:
        dialect.load([item])
    assert caught.value.field == field


CASES: dict[str, Any] = json.loads(GOLDEN.read_text())
# There the genuine package leaves a question out that a later message has overtaken: a rule for
# histories, which is not the business of a dialect.
SUPERSEDED = "approval_requested_superseded"


def shape(items: list[Any]) -> list[Any]:
    """Roles, and of each block what a model needs of it."""
    return [(item["role"], [block_shape(block) for block in blocks(item)]) for item in items]


def blocks(item: Any) -> list[Any]:
    content = item["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def block_shape(block: Any) -> Any:
    known = {name: block[name] for name in KNOWN if block.get(name) is not None}
    if "output" in block:
        # An error or a denial: the genuine package has three spellings.
        output = block["output"]
        failed = output["type"] in ("error-text", "error-json", "execution-denied")
        known["output"] = (failed, output.get("value", output.get("reason")))
    return known


KNOWN = (
    *("type", "text", "kind", "mediaType", "filename", "toolCallId", "toolName", "input"),
    *("providerExecuted", "approvalId", "approved", "reason", "isAutomatic", "signature"),
)


@pytest.mark.parametrize("name", [name for name in CASES if name != SUPERSEDED])
def test_ui_messages_become_what_the_genuine_package_makes_of_them(
    genuine: Genuine, name: str
) -> None:
    """The golden conversions: the same messages and blocks, and what the provider has signed.

    [G7 G8]
    """
    case = CASES[name]
    made = v7.dump(ui.load(case["ui"]))
    kit.accepts("ai-sdk-model@7", made, genuine)
    assert shape(made) == shape(case["model"])
    for own, theirs in zip(made, case["model"], strict=True):
        for mine, block in zip(blocks(own), blocks(theirs), strict=True):
            if block["type"] not in ("tool-result", "tool-call"):
                assert mine.get("providerOptions") == block.get("providerOptions")
            elif "providerOptions" in mine:
                assert mine["providerOptions"] == block["providerOptions"]


def test_a_provider_gets_back_what_it_signed() -> None:
    """Through UI messages and back, metadata of text, calls and results come home."""
    signed = {"google": {"thoughtSignature": "s"}}
    said = {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "t", "providerOptions": signed},
            {
                "type": "tool-call",
                "toolCallId": "c",
                "toolName": "f",
                "input": {},
                "providerOptions": signed,
            },
        ],
    }
    output = {"type": "text", "value": "v"}
    back = {"role": "tool", "content": [result(output, providerOptions={"p": {"x": 1}})]}
    for through in (ui, ui_v6):
        made = through.dump(v7.load([said, back]))
        assert len(made) == 1
        assert not made.losses
        assert v7.dump(through.load(made)) == [said, back]
