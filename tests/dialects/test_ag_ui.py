"""Messages of AG-UI: what they say as parts, what edits change, and how others are written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from helpers import Bench, stored
from kit_ag_ui import ACTIVITY, CALLS, PNG, REASONING, RESULTS, USER, accepts, corpus, known

from threadkeep.dialects.ag_ui import dialect
from threadkeep.values import jsontext
from threadkeep.values.message import Message
from threadkeep.values.parts import (
    DataPart,
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
IMAGE = FilePart(
    "image/png", data=PNG, name="a.png", extra={"metadata": {"detail": "low"}}
)  # its name stands in the metadata


def test_content_parts_are_typed_parts() -> None:
    """Words and files of a user are parts, with what AG-UI alone knows beside them."""
    assert loaded(USER).parts == (
        TextPart("What is this?", extra={"id": "p1", "metadata": {"title": "t"}}),
        IMAGE,
        FilePart("audio/mpeg", url="https://a.example/b.mp3"),
        FilePart("video/*", url="https://a.example/c"),
        FilePart("application/pdf", file_id="file-1", extra={"source": {"provider": "openai"}}),
        FilePart("text/plain", data="aGk="),
    )


def test_binary_parts_of_old_are_files() -> None:
    """A part from before 1.0 is a file too, and what is not understood is raw."""
    content = next(item for item in corpus if item.get("id") == "u2")["content"]
    assert loaded({"role": "user", "content": content}).parts == (
        FilePart("image/png", data=PNG, name="a.png"),
        FilePart("application/pdf", file_id="file-1"),
        *(RawPart(block) for block in content[2:]),
    )


def test_calls_and_results_are_typed_parts() -> None:
    """Arguments are objects, bad ones stay text; an error is one, and says why."""
    message = loaded(CALLS)
    assert message.parts == (
        TextPart("Let me see."),
        ToolCallPart(
            "c1", "search", {"q": "x"}, extra={"encryptedValue": "b3Bh", "metadata": {"odd": 1}}
        ),
        ToolCallPart("c2", "run", '{"bad'),
    )
    assert loaded(RESULTS[0]).parts == (ToolResultPart("c1", '{"found": [1]}'),)
    assert loaded(RESULTS[1]).parts == (
        ToolResultPart(
            "c2",
            is_error=True,
            content=(TextPart("partly"), IMAGE),
            extra={"error": "timeout"},
        ),
    )
    traits = [dialect.traits(item) for item in (CALLS, *RESULTS)]
    assert [(t.role, t.calls, t.answers, t.starts) for t in traits] == [
        ("assistant", ("c1", "c2"), (), False),
        ("tool", (), ("c1",), False),
        ("tool", (), ("c2",), False),
    ]


@pytest.mark.parametrize(
    ("item", "part"),
    [
        (REASONING[0], ReasoningPart("Hm.", encrypted="ZW5j")),
        (
            REASONING[1],
            ReasoningPart(
                "So.",
                signature="c2ln",
                provider="anthropic",
                extra={"provider_details": {"x": 1}},
            ),
        ),
        (REASONING[2], ReasoningPart("Thus.")),
        (ACTIVITY, DataPart("plan", {"steps": [1, 2]})),
    ],
)
def test_reasoning_and_activities_are_typed_parts(item: Any, part: Part) -> None:
    """A thought is reasoning with what its provider signed, an activity is data of its type."""
    message = loaded(item)
    assert (message.role, message.parts) == ("assistant", (part,))


def test_roles_are_ours() -> None:
    """A developer speaks as the system does, and says so again when it is edited."""
    message = loaded(known[0])
    assert message.role == "system"
    (item,) = dialect.dump([stored(message, [TextPart("Be briefer.")])])
    assert item == {**known[0], "content": "Be briefer."}


@pytest.mark.parametrize(
    ("item", "field"),
    [([], "item"), ({}, "role"), ({"role": ["user"]}, "role"), ({"role": "user", "id": 7}, "id")],
)
def test_what_is_no_message_is_refused(item: Any, field: str) -> None:
    """An item of another role, or with an id that is none, raises InvalidError."""
    bench.refuses(item, field)


@pytest.mark.parametrize("item", known)
def test_an_edit_shows_and_nothing_else_does(item: Any) -> None:
    """Where a part was edited the item says so; all of the item besides is as it was."""
    message = loaded(item)
    for place, part in enumerate(message.parts):
        new: Part = ReasoningPart("New.")
        if isinstance(part, TextPart | ReasoningPart):
            new = replace(part, text="New.")
        elif isinstance(part, ToolCallPart):
            new = replace(part, input={"new": 1})
        elif isinstance(part, ToolResultPart) and part.content is None:
            new = replace(part, output="New.")
        elif isinstance(part, DataPart):
            new = replace(part, data={"new": 1})
        else:
            continue
        parts = [*message.parts[:place], new, *message.parts[place + 1 :]]
        made = dialect.dump([stored(message, parts)])
        assert not made.losses
        accepts(made)
        (edited,) = made
        assert loaded(edited).parts == tuple(parts)
        same = set(item) - {"content", "toolCalls", "encryptedValue"}
        assert {name: edited[name] for name in same} == {name: item[name] for name in same}


def test_an_answer_is_taken_apart_where_reasoning_stands() -> None:
    """Reasoning and results are messages of their own, with ids that tell whose they are."""
    said = Message.assistant(
        [
            ReasoningPart("Hm.", encrypted="ZW5j", id="rs_1", provider="openai"),
            TextPart("Let me see."),
            ToolCallPart("c1", "search", {"q": "x"}),
            ToolCallPart("c2", "search", {"q": "y"}),
            ToolResultPart("c1", {"found": 1}),
            ToolResultPart("c2", "nothing", is_error=True),
            TextPart("Done."),
        ],
        id="m",
    )
    made = dialect.dump([said])
    accepts(made)
    assert [(item["id"], item["role"]) for item in made] == [
        ("m", "reasoning"),
        ("m.2", "assistant"),
        ("m.3", "tool"),
        ("m.4", "tool"),
        ("m.5", "assistant"),
    ]
    assert made.sources == (("m",),) * 5
    assert not made.losses
    assert jsontext.decode(made[0]["encryptedValue"]) == {
        "id": "rs_1",
        "signature": "ZW5j",
        "provider_name": "openai",
    }
    assert [call["id"] for call in made[1]["toolCalls"]] == ["c1", "c2"]
    assert made[2]["content"] == '{"found":1}'
    assert made[3]["error"] == made[3]["content"] == "nothing"


@pytest.mark.parametrize("input", ["{bad", "5", '"x"', "", "x", [1], 7, None, {"a": "5"}])
def test_inputs_come_back_as_they_were(input: Any) -> None:
    """An input of any kind is read again as what it was, also a text that looks like JSON."""
    made = dialect.dump([Message.assistant([ToolCallPart("c", "f", input)])])
    (part,) = loaded(made[0]).parts
    assert isinstance(part, ToolCallPart)
    assert part.input == input


def test_a_step_without_a_place_is_no_message() -> None:
    """Where nothing of a step can be said, its losses are reported and no item is written."""
    made = dialect.dump([Message.system([FilePart("image/png", data=PNG)], id="s")])
    assert [(loss.message, loss.part, loss.what) for loss in made.losses] == [("s", 0, "file")]
    assert made == []


def test_a_data_url_tells_the_media_type() -> None:
    """An image by a data: URL is of the type that the URL says."""
    source = {"type": "url", "value": "data:image/png;base64,iVBORw0KGgo="}
    item = {"id": "u", "role": "user", "content": [{"type": "image", "source": source}]}
    assert loaded(item).parts == (FilePart("image/png", data="iVBORw0KGgo="),)
