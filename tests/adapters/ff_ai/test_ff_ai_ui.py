"""Model messages as UI messages: nothing dropped that can be said, and nothing in silence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from test_ff_ai_steps import call, result, text

from threadkeep import InvalidError, LossyError
from threadkeep.adapters.ff_ai import from_model_message, to_ui_message, to_ui_messages
from threadkeep.dialects.ai_sdk import validate_ui_messages

AT = datetime(2025, 5, 1, tzinfo=UTC)
SIGNED = {"anthropic": {"signature": "EqQB"}}


def test_an_answer_with_all_its_steps_is_one_ui_message() -> None:
    """Calls hold their results; reasoning, signatures, files, ids and times are there. [G7]"""
    asked = {
        "role": "user",
        "content": [
            {"type": "text", "text": "Look."},
            {"type": "file", "data": b"\x89PNG", "mediaType": "image/png", "filename": "a.png"},
        ],
    }
    thought = {"type": "reasoning", "text": "Hm.", "providerOptions": SIGNED}
    both = [thought, *call("c1")["content"], *call("c2")["content"]]
    denied = {"type": "execution-denied", "reason": "no"}
    told = [
        *result("c1", {"rain": False})["content"],
        {"type": "tool-result", "toolCallId": "c2", "toolName": "t", "output": denied},
    ]
    messages = [
        from_model_message(message, id=id, created_at=AT)
        for id, message in (
            ("s", {"role": "system", "content": "Be brief."}),
            ("u", asked),
            ("a1", {"role": "assistant", "content": both}),
            ("r1", {"role": "tool", "content": told}),
            ("a2", text("Dry.")),
        )
    ]
    made = to_ui_messages(messages)
    assert made.losses == ()
    assert [(item["id"], item["role"]) for item in made] == [
        ("s", "system"),
        ("u", "user"),
        ("a1", "assistant"),
    ]
    assert {item["metadata"]["createdAt"] for item in made} == {AT.isoformat()}
    assert made[1]["parts"][1] == {
        "type": "file",
        "mediaType": "image/png",
        "filename": "a.png",
        "url": "data:image/png;base64,iVBORw==",
    }
    begun, reasoning, first, second, again, words = made[2]["parts"]
    assert begun == again == {"type": "step-start"}
    assert reasoning["providerMetadata"] == SIGNED
    assert (first["state"], first["output"]) == ("output-available", {"rain": False})
    assert second["state"] == "output-denied"
    assert words["text"] == "Dry."
    assert made.sources[2] == ("a1", "r1", "a2")
    assert validate_ui_messages(list(made))


@pytest.mark.parametrize(
    ("message", "role", "kinds"),
    [
        ({"role": "user", "content": "x"}, "user", ["text"]),
        (text("x"), "assistant", ["step-start", "text"]),
        (result("c"), "assistant", ["tool-t"]),
        ({"role": "assistant", "content": []}, "assistant", []),
        ({"role": "tool", "content": []}, "assistant", []),
    ],
)
def test_one_message_is_one_ui_message(message: Any, role: str, kinds: list[str]) -> None:
    """The id stays, and a tool message alone is an assistant's. [G7]"""
    made = to_ui_message(from_model_message(message, id="m"))
    assert (made["id"], made["role"]) == ("m", role)
    assert [part["type"] for part in made["parts"]] == kinds


def test_several_messages_make_one_where_they_are_one_answer() -> None:
    """An answer's steps go together; a question and its answer are two."""
    made = to_ui_message([call("c"), result("c"), text("x")])
    assert [part["type"] for part in made["parts"]] == [
        "step-start",
        "tool-t",
        "step-start",
        "text",
    ]
    assert "metadata" not in made
    bad: tuple[Any, ...] = ([{"role": "user", "content": "x"}, text("y")], [], None, 5, "x")
    for messages in bad:
        with pytest.raises(InvalidError) as caught:
            to_ui_message(messages)
        assert caught.value.field == "messages"
    for messages in bad[2:]:
        with pytest.raises(InvalidError):
            to_ui_messages(messages)


def test_what_cannot_be_said_is_reported() -> None:
    """A loss is reported with a list; for one message it is an error, unless allowed. [G7]"""
    odd = {"role": "assistant", "content": [{"type": "later", "x": 1}, *text("x")["content"]]}
    message = from_model_message(odd, id="m")
    [loss] = to_ui_messages([message]).losses
    assert (loss.message, loss.what) == ("m", "raw")
    with pytest.raises(LossyError):
        to_ui_message(message)
    with pytest.raises(LossyError):
        to_ui_messages([message], strict=True)
    assert to_ui_message(message, strict=False)["parts"][1]["text"] == "x"
