"""UI messages of the AI SDK: what each part says, how they are merged, edited, and upgraded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import kit_ai_sdk_ui as kit
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep.dialects.ai_sdk_formats.ui import cloud_v5, cloud_v6, v4, v5, v6, v7
from threadkeep.dialects.flow import STEP
from threadkeep.dialects.openai_chat import dialect as openai
from threadkeep.testing.strategies import messages
from threadkeep.values.converted import Converted
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message, Role
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

few = settings(max_examples=60, deadline=None)

MODERN = {"ai-sdk-ui@5": v5, "ai-sdk-ui@6": v6, "ai-sdk-ui@7": v7}
CLOUD = {"ai-sdk/v5": cloud_v5, "ai-sdk/v6": cloud_v6}
PNG = kit.PNG


def answer(*blocks: Any, id: str = "a") -> dict[str, Any]:
    return {"id": id, "role": "assistant", "parts": list(blocks)}


def rm(state: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool-rm", "toolCallId": "c", "state": state, "input": {"p": 1}, **more}


def parts_of(*blocks: Any, dialect: Dialect = v7) -> list[Part]:
    (message,) = dialect.load([answer(*blocks)])
    return list(message.parts)


def rewritten(message: Message, *parts: Part, dialect: Dialect = v7) -> Converted:
    """What a message with other parts is written as; its origin stays."""
    edited = Message.of(message.role, parts, id=message.id, extra=message.extra)
    return dialect.dump([edited])


def lost(made: Converted) -> set[tuple[str, str | None]]:
    return {(loss.what, loss.name) for loss in made.losses}


CALL = ToolCallPart("c", "rm", {"p": 1})

READ: list[tuple[dict[str, Any], Sequence[Part]]] = [
    (
        {"type": "text", "text": "t", "state": "done", "x": 1},
        [TextPart("t", extra={"state": "done", "x": 1})],
    ),
    (
        {"type": "text", "text": "t", "role": "system"},
        [TextPart("t", extra={"native": {"role": "system"}})],
    ),
    (
        {"type": "reasoning", "id": "0", "text": "r", "providerMetadata": kit.SIGNED},
        [ReasoningPart("r", "c2ln", provider="anthropic", extra={"native": {"id": "0"}})],
    ),
    (
        {
            "type": "reasoning",
            "text": "",
            "providerMetadata": {"anthropic": {"redactedData": "d"}, "p": {"x": 1}},
        },
        [ReasoningPart("", None, "d", None, "anthropic", {"providerMetadata": {"p": {"x": 1}}})],
    ),
    (
        {"type": "reasoning", "text": "r", "providerMetadata": kit.ITEM_ID},
        [
            ReasoningPart(
                "r", None, "ZW5j", "rs_1", "openai", {"providerMetadata": {"openai": {"x": None}}}
            )
        ],
    ),
    (
        {
            "type": "reasoning",
            "text": "r",
            "providerMetadata": {"google": {"thoughtSignature": "s"}},
        },
        [ReasoningPart("r", "s", provider="google")],
    ),
    (
        {"type": "file", "mediaType": "image/png", "url": f"data:image/png;base64,{PNG}"},
        [FilePart("image/png", data=PNG)],
    ),
    (
        {
            "type": "file",
            "mediaType": "a/b",
            "url": "https://e.x/f",
            "filename": "f",
            "providerReference": {"openai": "file-1"},
        },
        [
            FilePart(
                "a/b",
                url="https://e.x/f",
                file_id="file-1",
                name="f",
                extra={"providerReference": {"openai": "file-1"}},
            )
        ],
    ),
    (
        {"type": "source-url", "sourceId": "s", "url": "u", "title": "t"},
        [SourcePart("s", "u", "t")],
    ),
    (
        {
            "type": "source-document",
            "sourceId": "s",
            "mediaType": "a/b",
            "title": "t",
            "filename": "f",
        },
        [SourcePart("s", None, "t", "a/b", "f")],
    ),
    (
        {"type": "data-chart", "id": "d", "data": {"x": 1}},
        [DataPart("chart", {"x": 1}, {"id": "d"})],
    ),
    ({"type": "custom", "kind": "p.k"}, [RawPart({"type": "custom", "kind": "p.k"})]),
    (rm("input-available"), [CALL]),
    (
        rm("input-streaming", rawInput="{"),
        [replace(CALL, extra={"rawInput": "{", "state": "input-streaming"})],
    ),
    (
        {
            "type": "dynamic-tool",
            "toolName": "rm",
            "toolCallId": "c",
            "state": "output-available",
            "input": {"p": 1},
            "output": [1],
            "preliminary": True,
            "title": "T",
        },
        [
            replace(CALL, extra={"toolName": None, "title": "T"}),
            ToolResultPart("c", [1], "rm", extra={"preliminary": True}),
        ],
    ),
    (
        rm("output-available", output=1, providerExecuted=True),
        [
            replace(CALL, provider_executed=True),
            ToolResultPart("c", 1, "rm", provider_executed=True),
        ],
    ),
    (
        rm("output-error", errorText="no"),
        [CALL, ToolResultPart("c", "no", "rm", is_error=True)],
    ),
    (
        rm("approval-requested", approval={"id": "ap", "requestReason": "why", "signature": "s"}),
        [CALL, ApprovalPart("ap", "c", None, "why", {"signature": "s"})],
    ),
    (
        rm("approval-responded", approval={"id": "ap", "approved": True}),
        [CALL, ApprovalPart("ap", "c"), ApprovalPart("ap", "c", approved=True)],
    ),
    (
        rm("approval-responded", approval={"id": "ap", "approved": False, "reason": "no"}),
        [
            CALL,
            ApprovalPart("ap", "c"),
            ApprovalPart("ap", "c", approved=False, reason="no"),
            ToolResultPart("c", "no", "rm", denied=True, extra={"state": "approval-responded"}),
        ],
    ),
    (
        rm("output-denied", approval={"id": "ap", "approved": False, "reason": "no"}),
        [
            CALL,
            ApprovalPart("ap", "c"),
            ApprovalPart("ap", "c", approved=False, reason="no"),
            ToolResultPart("c", "no", "rm", denied=True),
        ],
    ),
]


@pytest.mark.parametrize(("block", "parts"), READ)
def test_a_part_says_typed_parts_and_they_say_it_again(
    block: dict[str, Any], parts: Sequence[Part]
) -> None:
    """Each kind of part is read as typed parts, and is the same when it is written anew."""
    (message,) = v7.load([answer(block)])
    assert message.parts == tuple(parts)
    made = rewritten(message, *parts, TextPart("more"))
    assert made == [answer(block, {"type": "text", "text": "more"})]
    assert not made.losses


@pytest.mark.parametrize(
    "block",
    [
        None,
        {"type": "text"},
        {"type": "text", "text": 7},
        {"type": "reasoning", "text": None},
        {"type": "file", "url": "u"},
        {"type": "source-url", "sourceId": "s", "url": 7},
        {"type": "source-document", "sourceId": "s", "title": "t"},
        {"type": "step-start", "x": 1},
        rm("paused"),
        rm("output-error"),
        {"type": "dynamic-tool", "toolCallId": "c", "state": "input-available"},
        {"type": "tool-rm", "toolCallId": "c", "state": "input-available", "providerExecuted": 1},
    ],
)
def test_what_has_not_the_shape_of_its_type_is_raw(block: Any) -> None:
    """A part that its type does not allow is kept whole."""
    assert parts_of(block) == [RawPart(block)]


def test_the_bad_input_of_an_error_is_the_input() -> None:
    """The deprecated `rawInput` of a failed call is read as its input."""
    block = {"type": "tool-rm", "toolCallId": "c", "state": "output-error", "errorText": "no"}
    assert parts_of({**block, "rawInput": "{bad"})[0] == ToolCallPart("c", "rm", "{bad")


V4_READ: list[tuple[dict[str, Any], Sequence[Part]]] = [
    ({"content": "Hi"}, [TextPart("Hi")]),
    (
        {
            "content": "Hi",
            "reasoning": "why",
            "toolInvocations": [{"state": "call", "toolCallId": "c", "toolName": "f", "args": 1}],
        },
        [ReasoningPart("why"), ToolCallPart("c", "f", 1), TextPart("Hi")],
    ),
    ({"parts": [{"type": "step-start"}, {"type": "text", "text": "a"}]}, [STEP, TextPart("a")]),
    (
        {
            "parts": [
                {
                    "type": "reasoning",
                    "reasoning": "ab",
                    "details": [
                        {"type": "text", "text": "a", "signature": "s"},
                        {"type": "text", "text": "b"},
                        {"type": "redacted", "data": "d"},
                    ],
                }
            ]
        },
        [
            ReasoningPart("a", "s", provider="anthropic"),
            ReasoningPart("b"),
            ReasoningPart("", encrypted="d", provider="anthropic"),
        ],
    ),
    (
        {"parts": [{"type": "reasoning", "reasoning": "a", "details": 7}]},
        [ReasoningPart("a", extra={"v4": {"details": 7}})],
    ),
    (
        {
            "parts": [
                {
                    "type": "tool-invocation",
                    "toolInvocation": {
                        "state": "result",
                        "step": 1,
                        "toolCallId": "c",
                        "toolName": "f",
                        "args": {},
                        "result": [1],
                    },
                }
            ]
        },
        [ToolCallPart("c", "f", {}, extra={"v4": {"step": 1}}), ToolResultPart("c", [1], "f")],
    ),
    (
        {
            "parts": [
                {"type": "source", "source": {"sourceType": "url", "id": "s", "url": "u"}},
                {"type": "file", "mimeType": "image/png", "data": PNG},
            ]
        },
        [SourcePart("s", "u"), FilePart("image/png", data=PNG)],
    ),
    (
        {
            "content": "See",
            "experimental_attachments": [{"name": "a", "contentType": "a/b", "url": "https://e.x"}],
        },
        [TextPart("See"), FilePart("a/b", url="https://e.x", name="a")],
    ),
]


@pytest.mark.parametrize(("item", "parts"), V4_READ)
def test_version_4_is_read(item: dict[str, Any], parts: Sequence[Part]) -> None:
    """Each form of version 4 is read as typed parts. [G11]"""
    (message,) = v4.load([{"role": "assistant", **item}])
    assert message.parts == tuple(parts)


def test_the_role_data_is_the_apps_own_data() -> None:
    """A message of the role `data` is a data part of an assistant's message."""
    read = v4.load(kit.V4)
    assert [(m.role, list(m.parts)) for m in read[4:6]] == [
        ("assistant", [DataPart("custom", {"x": 1})]),
        ("assistant", [DataPart("custom", "plain")]),
    ]
    assert read[0].created_at == datetime(2024, 12, 1, 10, tzinfo=UTC)


def test_version_4_is_not_written_but_stays() -> None:
    """New messages of version 4 are refused by name; unchanged ones come back."""
    assert v4.dump(v4.load(kit.V4)) == kit.V4
    with pytest.raises(InvalidError, match="dialect"):
        v4.dump([Message.user("Hi")])


def test_version_4_becomes_version_7() -> None:
    """The forms of version 4 are upgraded; what only version 4 knows is reported. [G11]"""
    made = v7.dump(v4.load([kit.V4[2]]))
    assert made == [
        {
            "id": "a1",
            "role": "assistant",
            "parts": [
                {"type": "step-start"},
                {
                    "type": "reasoning",
                    "text": "Let me see.",
                    "providerMetadata": {"anthropic": {"signature": "c2ln"}},
                },
                {
                    "type": "reasoning",
                    "text": "",
                    "providerMetadata": {"anthropic": {"redactedData": "cmVk"}},
                },
                {
                    "type": "tool-weather",
                    "toolCallId": "c1",
                    "state": "output-available",
                    "input": {"city": "Lisbon"},
                    "output": {"t": 20},
                },
                {"type": "step-start"},
                {"type": "source-url", "sourceId": "s", "url": "https://e.x"},
                {
                    "type": "file",
                    "mediaType": "image/png",
                    "url": f"data:image/png;base64,{PNG}",
                },
                {"type": "text", "text": "It is 20."},
            ],
        }
    ]
    assert lost(made) == {
        ("extra", "step"),
        ("extra", "annotations"),
        ("extra", "revisionId"),
        ("raw", None),
    }


@pytest.mark.parametrize("older", [v5, v6])
@pytest.mark.parametrize("item", [kit.SYSTEM, kit.USER, kit.ANSWER])
def test_a_newer_version_says_the_same(older: Dialect, item: Any) -> None:
    """What an older version has is the very same item in a newer one."""
    for newer in (v6, v7):
        made = newer.dump(older.load([item]))
        assert made == [item]
        assert not made.losses


def test_what_an_older_version_does_not_know_is_reported() -> None:
    """Going back, only what is newer is left out, and each of it is reported."""
    assert lost(v6.dump(v7.load([kit.NEWEST]))) == {
        ("extra", "citations"),
        ("extra", "isAutomatic"),
        ("file.file_id", None),
        ("approval", None),
        ("raw", None),
    }
    made = v5.dump(v6.load([kit.APPROVALS]))
    assert lost(made) == {
        ("approval", None),
        ("tool_result.denied", None),
        ("extra", "resultProviderMetadata"),
        ("extra", "toolMetadata"),
    }
    states = [part["state"] for part in made[0]["parts"]]
    assert states[:2] == ["input-available"] * 2
    assert states[2:] == ["output-error", "output-available", "output-error", "output-error"]
    assert made[0]["parts"][4]["errorText"] == "never"


def test_the_cloud_has_no_ids_and_keeps_what_version_7_knows() -> None:
    """Under the cloud's tags an item has no id, and under `ai-sdk/v6` all of version 7."""
    bare = {name: value for name, value in kit.NEWEST.items() if name != "id"}
    assert cloud_v6.dump(v7.load([kit.NEWEST])) == [bare]
    assert v7.dump([replace(m, id="a4") for m in cloud_v6.load([bare])]) == [kit.NEWEST]
    asked = Message.assistant(
        [ToolCallPart("c", "rm", {}), ApprovalPart("ap", "c", reason="why")], id="x"
    )
    made = cloud_v6.dump([asked])
    assert "requestReason" not in str(made)
    assert lost(made) == {("approval", None)}
    assert cloud_v6.traits(kit.USER).id is None


@few
@given(st.lists(messages(), max_size=3))
def test_the_cloud_writes_what_versions_6_and_7_share(
    genuine: Genuine, listed: list[Message]
) -> None:
    """What comes from elsewhere is accepted by both versions that use the tag."""
    made = [{"id": "m", **item} for item in cloud_v6.dump(listed)]
    for version in (6, 7) if made else ():
        answered = genuine.call("validate", version, messages=made)
        assert answered.ok, answered.error


SAID = [
    Message.user("Q", id="u"),
    Message.assistant(
        [TextPart("Looking."), ToolCallPart("c1", "f", 1), ToolCallPart("c2", "g", 2)], id="a"
    ),
    Message.tool([ToolResultPart("c2", "two", "g")], id="t2"),
    Message.tool([ToolResultPart("c1", "one", "f", is_error=True)], id="t1"),
    Message.assistant([ToolCallPart("c3", "f", 3)], id="b"),
    Message.tool([ToolResultPart("c3", None)], id="t3"),
    Message.assistant("Done.", id="c"),
    Message.user("More?", id="v"),
]


def tool(name: str, id: str, input: int, state: str, **more: Any) -> dict[str, Any]:
    return {
        "type": f"tool-{name}",
        "toolCallId": id,
        "state": state,
        "input": input,
        **more,
    }


@pytest.mark.parametrize("dialect", MODERN.values(), ids=MODERN)
def test_an_answer_with_its_steps_is_one_message(dialect: Dialect) -> None:
    """Calls, results and words between two questions are one message, each result in its call."""
    made = dialect.dump(SAID)
    assert made == [
        {"id": "u", "role": "user", "parts": [{"type": "text", "text": "Q"}]},
        {
            "id": "a",
            "role": "assistant",
            "parts": [
                {"type": "step-start"},
                {"type": "text", "text": "Looking."},
                tool("f", "c1", 1, "output-error", errorText="one"),
                tool("g", "c2", 2, "output-available", output="two"),
                {"type": "step-start"},
                tool("f", "c3", 3, "output-available", output=None),
                {"type": "step-start"},
                {"type": "text", "text": "Done."},
            ],
        },
        {"id": "v", "role": "user", "parts": [{"type": "text", "text": "More?"}]},
    ]
    assert made.sources == (("u",), ("a", "t2", "t1", "b", "t3", "c"), ("v",))
    assert not made.losses


def test_a_late_result_stands_in_its_call() -> None:
    """A result that came after a user's next words still stands in the part of its call."""
    made = v7.dump([SAID[1], Message.user("Wait.", id="w"), *SAID[2:4]])
    assert [item["role"] for item in made] == ["assistant", "user"]
    assert [part.get("state") for part in made[0]["parts"]][2:] == [
        "output-error",
        "output-available",
    ]
    assert made.sources == (("a", "t1", "t2"), ("w",))


def test_a_result_of_no_call_is_a_part_of_its_own() -> None:
    """A result whose call is not there has a part; a second one of a call is reported."""
    first = Message.tool([ToolResultPart("c", 1, "f"), ToolResultPart("c", 2)], id="t")
    made = v7.dump([first])
    block = {"type": "tool-f", "toolCallId": "c", "state": "output-available", "input": None}
    assert made == [answer({**block, "output": 1}, id="t")]
    assert lost(made) == {("tool_result", None)}


def test_calls_with_one_id_keep_their_own_results() -> None:
    """Where two parts of an item have the same call id, each keeps what came of it."""
    item = answer(
        tool("f", "c", 1, "input-available"), tool("f", "c", 2, "output-available", output=3)
    )
    (message,) = v7.load([item])
    made = rewritten(message, *message.parts, TextPart("more"))
    assert made[0]["parts"][:2] == item["parts"]
    listed = [ToolCallPart("c", "f", 1), ToolCallPart("c", "f", 2)]
    back = Message.tool([ToolResultPart("c", "one"), ToolResultPart("c", "two")])
    made = v7.dump([Message.assistant(listed), back])
    assert [part.get("output") for part in made[0]["parts"][1:]] == ["one", "two"]


ASKED = ApprovalPart("ap", "c")
YES = ApprovalPart("ap", "c", approved=True, reason="fine")
NO = ApprovalPart("ap", approved=False, reason="no")
OK = {"id": "ap", "approved": True, "reason": "fine"}
NOT_OK = {"id": "ap", "approved": False, "reason": "no"}

STATES: list[tuple[Sequence[Part], str, Any, set[str]]] = [
    ([ASKED], "approval-requested", {"id": "ap"}, set()),
    ([ASKED, YES], "approval-responded", OK, set()),
    ([ASKED, NO], "approval-responded", NOT_OK, set()),
    ([YES], "approval-responded", OK, set()),
    ([ASKED, YES, ToolResultPart("c", 1)], "output-available", OK, set()),
    ([ASKED, YES, ToolResultPart("c", "e", is_error=True)], "output-error", OK, set()),
    ([ASKED, NO, ToolResultPart("c", "no", denied=True)], "output-denied", NOT_OK, set()),
    ([ASKED, NO, ToolResultPart("c", None, denied=True)], "output-denied", NOT_OK, set()),
    ([ASKED, NO, ToolResultPart("c", "no", is_error=True)], "output-denied", NOT_OK, set()),
    (
        [ToolResultPart("c", None, denied=True)],
        "output-denied",
        {"id": "c", "approved": False},
        set(),
    ),
    (
        [ASKED, YES, ToolResultPart("c", "no", denied=True)],
        "output-denied",
        NOT_OK,
        {"approval"},
    ),
    ([ASKED, NO, ToolResultPart("c", 1)], "output-available", None, {"approval"}),
    ([ASKED, ToolResultPart("c", 1)], "output-available", None, {"approval"}),
    ([ApprovalPart("ap"), ToolResultPart("c", 1)], "output-available", None, {"approval"}),
    ([ApprovalPart("other", approved=True)], "input-available", None, {"approval"}),
]


@pytest.mark.parametrize(("parts", "state", "approval", "losses"), STATES)
@pytest.mark.parametrize("dialect", [v6, v7])
def test_a_call_and_what_came_of_it_is_one_state(
    genuine: Genuine,
    dialect: Dialect,
    parts: Sequence[Part],
    state: str,
    approval: Any,
    losses: set[str],
) -> None:
    """Question, answer and result give the state; an approval that contradicts it is reported.

    [G4]
    """
    made = dialect.dump([Message.assistant([CALL], id="a"), Message.tool(parts, id="t")])
    ((_, block),) = (item["parts"] for item in made)
    assert (block["state"], block.get("approval")) == (state, approval)
    assert {what for what, _ in lost(made)} == losses
    kit.accepts(dialect.name, made, genuine)


def test_a_changed_part_shows_and_all_else_stays() -> None:
    """After one text was changed, the item differs in this text only."""
    for item in (kit.ANSWER, kit.APPROVALS, kit.NEWEST, kit.PENDING):
        (message,) = v7.load([item])
        made = rewritten(message, *message.parts, TextPart("more"))
        expected = {**item, "parts": [*item["parts"], {"type": "text", "text": "more"}]}
        if item is kit.PENDING:
            failed = {**expected["parts"][3], "input": "{bad"}
            del failed["rawInput"]
            expected["parts"][3] = failed
        assert made == [expected]
        assert not made.losses


def test_an_edited_odd_item_keeps_what_nobody_knows() -> None:
    """Unknown parts, unknown members and a time that is no member stay when a text is added."""
    (message,) = v7.load([kit.ODD])
    assert message.created_at == datetime(2025, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    (made,) = rewritten(message, *message.parts, TextPart("more"))
    assert made["createdAt"] == kit.ODD["createdAt"]
    assert made["unknown"] == [1]
    for before, after in zip(kit.ODD["parts"], made["parts"], strict=False):
        if isinstance(before, dict):
            assert before.items() <= after.items()


def test_an_answer_to_a_question_changes_the_state() -> None:
    """An answer that is added to an asked call is written into its part."""
    (message,) = v7.load([kit.NEWEST])
    made = rewritten(message, *message.parts, ApprovalPart("ap9", approved=False, reason="no"))
    assert made[0]["parts"][-1] == {
        "type": "tool-rm",
        "toolCallId": "c9",
        "state": "approval-responded",
        "input": {},
        "approval": {
            "id": "ap9",
            "requestReason": "It deletes.",
            "approved": False,
            "reason": "no",
            "isAutomatic": False,
        },
    }


def test_marks_of_steps_stay_as_they_were() -> None:
    """An item without a mark gets none when it is written anew; one from elsewhere does."""
    (message,) = v7.load([answer({"type": "text", "text": "a"})])
    assert rewritten(message, TextPart("b")) == [answer({"type": "text", "text": "b"})]
    assert v7.dump([Message.assistant("b", id="a")]) == [
        answer({"type": "step-start"}, {"type": "text", "text": "b"})
    ]


def test_a_message_with_nothing_to_say_is_still_valid(genuine: Genuine) -> None:
    """Where a version wants at least one part, an empty text is it."""
    roles: list[Role] = ["system", "user", "assistant"]
    for role in roles:
        made = v7.dump([Message.user([], id="m"), Message.of(role, [RawPart(1)], id="n")])
        assert [item["id"] for item in made] == ["m", "n"]
        kit.accepts("ai-sdk-ui@7", made, genuine)


def test_reasoning_goes_back_where_its_provider_looks_for_it() -> None:
    """Signatures, ids and encrypted reasoning get the names that their provider has for them."""
    thoughts = [
        ReasoningPart("a", "s", provider="anthropic"),
        ReasoningPart("b", None, "e", "rs_1", "openai"),
        ReasoningPart("c", "s", provider="google"),
        ReasoningPart("d", "s", provider=None),
    ]
    made = v7.dump([Message.assistant(thoughts, id="a")])
    assert [block.get("providerMetadata") for block in made[0]["parts"][1:]] == [
        {"anthropic": {"signature": "s"}},
        {"openai": {"reasoningEncryptedContent": "e", "itemId": "rs_1"}},
        {"google": {"thoughtSignature": "s"}},
        None,
    ]
    assert lost(made) == {("reasoning.signature", None)}


def test_a_source_is_a_page_or_a_document() -> None:
    """A source with a URL is a page; what only a document has is reported there."""
    both = SourcePart("s", "https://example.org/a", "t", "text/html", "n.html")
    made = v7.dump([Message.assistant([both, SourcePart(name="n")], id="a")])
    assert made[0]["parts"][1:] == [
        {"type": "source-url", "sourceId": "s", "url": "https://example.org/a", "title": "t"},
        {
            "type": "source-document",
            "sourceId": "source-2",
            "mediaType": "application/octet-stream",
            "title": "n",
            "filename": "n",
        },
    ]
    assert lost(made) == {("source.media_type", None), ("source.name", None)}


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (7, "item"),
        ({"parts": []}, "role"),
        ({"role": "tool", "parts": []}, "role"),
        ({"role": "user"}, "parts"),
        ({"role": "user", "parts": {}}, "parts"),
        ({"role": "user", "parts": [], "id": 7}, "id"),
    ],
)
def test_what_is_no_ui_message_is_refused_by_name(item: Any, field: str) -> None:
    """The error names the member that is wrong."""
    with pytest.raises(InvalidError) as caught:
        v7.load([item])
    assert caught.value.field == field


def test_an_id_that_is_not_set_yet_is_none() -> None:
    """An empty id, as a client has it before the server's, is no id and comes back."""
    item = {"id": "", "role": "assistant", "parts": []}
    assert v7.traits(item).id is None
    assert v7.dump(v7.load([item])) == [item]


def test_each_tag_has_its_own_losses() -> None:
    """Only what a version cannot say is declared for it."""
    assert "tool_result.denied" in v5.losses
    assert "tool_result.denied" not in v6.losses
    assert v4.losses == {}


def test_that_a_tool_was_dynamic_is_no_loss() -> None:
    """Other formats know no difference; here the part stays what it was when it is changed."""
    tool = {"type": "dynamic-tool", "toolName": "rm", "toolCallId": "c", "input": {"p": 1}}
    item = {"id": "a", "role": "assistant", "parts": [{**tool, "state": "input-available"}]}
    (message,) = v7.load([item])
    assert not openai.dump([message]).losses
    parts = [replace(CALL, input={"p": 2}, extra=message.parts[0].extra)]  # type: ignore[union-attr]
    (again,) = v7.dump([Message.read("assistant", parts, message.extra, id="a")])
    assert again["parts"][-1] == {**tool, "state": "input-available", "input": {"p": 2}}
