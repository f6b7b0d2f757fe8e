"""`threadkeep show`: one conversation along its path."""

from __future__ import annotations

import pytest
from commands import Cli

from threadkeep import Message
from threadkeep.cli.transcript import text_of_part
from threadkeep.sync import Store
from threadkeep.values.parts import (
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

LONG = "word " * 100


@pytest.fixture
def thread(blocking_store: Store) -> None:
    """A thread with tools, reasoning and an edited question."""
    own = blocking_store.owner("me")
    own.threads.create("t", title="The title")
    own.messages.append(
        "t",
        [
            Message.user("the question", id="q"),
            Message.assistant(
                [ReasoningPart("a thought"), ToolCallPart("c", "search", {"for": LONG})], id="call"
            ),
            Message.tool([ToolResultPart("c", {"found": LONG})], id="result"),
            Message.assistant("the answer", id="a"),
        ],
    )
    own.messages.append("t", Message.user("the edited question", id="q2"), parent=None)


@pytest.mark.usefixtures("thread")
def test_the_path_to_the_head_is_shown(cli: Cli) -> None:
    """Title, role and text of the path, with the other branches named; nothing of them."""
    ended = cli("show", "t", "--owner", "me")
    assert ended.code == 0
    assert ended.out.startswith("The title\n")
    assert "the edited question" in ended.out
    assert "branch 2 of 2  other: q" in ended.out
    assert "the answer" not in ended.out


@pytest.mark.usefixtures("thread")
def test_any_branch_can_be_shown(cli: Cli) -> None:
    """--leaf shows the path to that message; an unknown one is not found."""
    ended = cli("show", "t", "--owner", "me", "--leaf", "a")
    assert "the answer" in ended.out
    assert "branch 1 of 2  other: q2" in ended.out
    assert cli("show", "t", "--owner", "me", "--leaf", "unknown").code == 3


@pytest.mark.usefixtures("thread")
def test_tools_are_folded(cli: Cli) -> None:
    """What a tool was given and answered is one short line, unless --full asks for all."""
    folded = cli("show", "t", "--owner", "me", "--leaf", "a").out
    assert "→ search" in folded
    assert "…" in folded
    assert LONG.strip() not in " ".join(folded.split())
    full = cli("show", "t", "--owner", "me", "--leaf", "a", "--full").out
    assert " ".join(full.split()).count(LONG.strip()) == 2


@pytest.mark.usefixtures("thread")
def test_the_newest_messages_alone(cli: Cli) -> None:
    """--last shows so many from the end of the path."""
    ended = cli("show", "t", "--owner", "me", "--leaf", "a", "--last", "1", "--json")
    assert [message["id"] for message in ended.json["messages"]] == ["a"]


@pytest.mark.usefixtures("thread")
def test_json_has_thread_messages_and_siblings(cli: Cli) -> None:
    """For machines: the thread, and each message of the path with its siblings and payload."""
    found = cli("show", "t", "--owner", "me", "--json").json
    assert found["thread"]["head"] == "q2"
    [message] = found["messages"]
    assert message["siblings"] == ["q", "q2"]
    assert message["payload"]["parts"] == [{"type": "text", "text": "the edited question"}]


def test_other_formats_are_read_by_their_dialect(cli: Cli, blocking_store: Store) -> None:
    """A message of a foreign format shows as its text, tools and reasoning."""
    item = {
        "uuid": "m",
        "sender": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hmm"},
            {"type": "tool_use", "id": "c", "name": "look", "input": {}},
            {"type": "text", "text": "so it is"},
        ],
    }
    blocking_store.owner("me").messages.append("t", item, dialect="claude-export")
    out = cli("show", "t", "--owner", "me").out
    assert "hmm" in out
    assert "→ look {}" in out
    assert "so it is" in out


def test_unknown_formats_are_shown_raw(cli: Cli, blocking_store: Store) -> None:
    """A message of a format that has no dialect here is shown as its JSON."""
    message = Message("user", '{"words":["a"]}', format="of-nobody")
    blocking_store.owner("me").messages.append("t", message)
    assert '{"words":["a"]}' in cli("show", "t", "--owner", "me").out


def test_text_cannot_command_the_terminal(cli: Cli, blocking_store: Store) -> None:
    """Control characters, turned text and half characters show as their codes; markup is text."""
    hostile = "\x1b[2J\x07\x9b1m \u202e [bold]x[/bold] \ud83d \0 tab\tend"
    own = blocking_store.owner("me")
    own.threads.create("t", title="\x1b]0;title\x07")
    parts: list[Part] = [TextPart(hostile), ToolCallPart("c", "\x1b[1m", {"\x1b": "\x1b"})]
    own.messages.append("t", Message.assistant(parts))
    for call in (("show", "t"), ("threads",)):
        out = cli(*call, "--owner", "me").out
        assert not {"\x1b", "\x07", "\x9b", "\u202e", "\0"} & set(out)
    shown = cli("show", "t", "--owner", "me").out
    assert "\\x1b[2J\\x07\\x9b1m \\u202e [bold]x[/bold] \\ud83d \\x00 tab" in shown


def test_an_empty_thread_is_shown(cli: Cli, blocking_store: Store) -> None:
    """A thread without messages has a heading and no more; an unknown one is not found."""
    blocking_store.owner("me").threads.create("t")
    assert cli("show", "t", "--owner", "me").out.startswith("no title\n")
    assert cli("show", "t", "--owner", "you").code == 3


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        (FilePart("image/png", name="a.png"), "file a.png image/png"),
        (FilePart(url="https://x.example/a"), "file https://x.example/a"),
        (SourcePart(title="A page", url="https://x.example"), "source A page https://x.example"),
        (DataPart("chart", {"a": 1}), 'data chart {"a":1}'),
        (RawPart([1]), "[1]"),
        (ToolResultPart("c", "bad", is_error=True), "✗ bad"),
    ],
)
def test_every_kind_of_part_has_a_line(part: Part, wanted: str) -> None:
    """What is no text, reasoning or tool is named in one line."""
    assert text_of_part(part).plain == wanted
