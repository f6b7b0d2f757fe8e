"""`threadkeep import`: conversations of an export, once and exactly."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from commands import pairs

from threadkeep import Message
from threadkeep.cli.importing import runs
from threadkeep.sources.base import SourceItem
from threadkeep.values.unset import UNSET

if TYPE_CHECKING:
    from commands import Cli

    from threadkeep.sync import Store

SMALL = Path(__file__).parents[1] / "fixtures" / "claude-export-small.json"
SHARED = Path(__file__).parents[3] / "shared" / "fixtures" / "exports" / "claude-conversations.json"


def said(id: str, text: str, parent: str | None = None, sender: str = "human") -> dict[str, Any]:
    """A message of an export."""
    under = {"parent_message_uuid": parent} if parent else {}
    return {"uuid": id, "sender": sender, "text": text, **under}


def conversation(id: str, *messages: dict[str, Any], name: str = "n") -> dict[str, Any]:
    """A conversation of an export."""
    times = {"created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-01-02T00:00:00Z"}
    return {"uuid": id, "name": name, **times, "chat_messages": list(messages)}


@pytest.fixture
def export_of(tmp_path: Path) -> Any:
    """Write an export file of these conversations."""

    def write(*conversations: Any) -> Path:
        path = tmp_path / "conversations.json"
        path.write_text(json.dumps(conversations, indent=1))
        return path

    return write


def sources_of(path: Path) -> dict[tuple[str, str], Any]:
    """Each message of an export by conversation and id, as `pairs` reads it."""
    found = {}
    for _, members in pairs(path.read_text("utf-8")):
        thread = dict(members)
        for message in thread.get("chat_messages", []):
            found[thread["uuid"], dict(message[1])["uuid"]] = message
    return found


def exported(text: str) -> dict[tuple[str, str], Any]:
    """Each payload of our export by thread and message id, as `pairs` reads it."""
    found = {}
    for _, members in pairs(text):
        document = dict(members)
        thread = dict(document["thread"][1])
        for _, message in document["messages"]:
            facts = dict(message)
            found[thread["id"], facts["id"]] = facts["payload"]
    return found


def test_a_genuine_export_is_stored_once_and_comes_back_equal(cli: Cli) -> None:
    """85 conversations and 557 messages; again none is new; key order and numbers are kept."""
    if not SHARED.exists():
        pytest.skip(f"the genuine export is not here: {SHARED.name} lies beside the checkout")
    started = time.monotonic()
    first = cli("import", "--from", "claude", SHARED, "--owner", "me", "--json")
    assert time.monotonic() - started < 10
    assert first.code == 0
    assert first.json == {
        "threads": {"total": 85, "new": 85},
        "messages": {"total": 557, "new": 557},
        "problems": [],
    }
    again = cli("import", "--from", "claude", SHARED, "--owner", "me", "--json")
    assert again.json == {
        "threads": {"total": 85, "new": 0},
        "messages": {"total": 557, "new": 0},
        "problems": [],
    }
    whole = cli("export", "--owner", "me").out
    assert exported(whole) == sources_of(SHARED)
    assert len(json.loads(whole)) == 85


def test_the_small_export_is_stored_once_and_comes_back_equal(cli: Cli) -> None:
    """The small export has an empty conversation, branches, tools: all of it comes back equal."""
    wanted = sources_of(SMALL)
    first = cli("import", "--from", "claude", SMALL, "--owner", "me", "--json")
    assert first.json["messages"] == {"total": len(wanted), "new": len(wanted)}
    again = cli("import", "--from", "claude", SMALL, "--owner", "me", "--json")
    assert (again.json["threads"]["new"], again.json["messages"]["new"]) == (0, 0)
    for form in ("json", "jsonl"):
        text = cli("export", "--owner", "me", "--format", form).out
        array = text if form == "json" else f"[{','.join(text.splitlines())}]"
        assert exported(array) == wanted


def test_payloads_are_the_bytes_of_the_file(cli: Cli, export_of: Any) -> None:
    """A message that is spread over lines in the file is stored with its line breaks."""
    path = export_of(conversation("c", said("m", "a text")))
    cli("import", "--from", "claude", path, "--owner", "me")
    slice_of_file = path.read_text().partition('"chat_messages": [\n   ')[2].partition("\n  ]")[0]
    assert "\n" in slice_of_file
    assert slice_of_file in cli("export", "--owner", "me").out


def test_threads_say_what_the_source_says(cli: Cli, export_of: Any) -> None:
    """Title, times and the verbatim header come from the source."""
    path = export_of(conversation("c", said("m", "x"), name="The title"))
    cli("import", "--from", "claude", path, "--owner", "me")
    thread = cli("export", "c", "--owner", "me").json[0]["thread"]
    assert thread["title"] == "The title"
    assert thread["created_at"] == "2025-01-01T00:00:00+00:00"
    assert thread["active_at"] == "2025-01-02T00:00:00+00:00"
    assert thread["format"] == "claude-export"
    assert thread["payload"]["uuid"] == "c"


def test_branches_hang_where_the_source_says(cli: Cli, export_of: Any) -> None:
    """A message goes under the parent that the source names, and the last one is the head."""
    messages = (said("1", "q"), said("2", "a", "1", "assistant"), said("3", "b", "1", "assistant"))
    cli("import", "--from", "claude", export_of(conversation("c", *messages)), "--owner", "me")
    document = cli("export", "c", "--owner", "me").json[0]
    assert [(m["id"], m["parent"]) for m in document["messages"]] == [
        ("1", None),
        ("2", "1"),
        ("3", "1"),
    ]
    assert document["head"] == "3"


def test_what_has_grown_is_added(cli: Cli, export_of: Any) -> None:
    """From a newer export the new conversations and the new end of old ones are stored, no more."""
    old = [said("1", "q"), said("2", "a", sender="assistant")]
    cli("import", "--from", "claude", export_of(conversation("c", *old)), "--owner", "me")
    newer = export_of(
        conversation("c", *old, said("3", "more"), name="Renamed"),
        conversation("d", said("1", "x")),
    )
    ended = cli("import", "--from", "claude", newer, "--owner", "me", "--json")
    assert ended.json["threads"] == {"total": 2, "new": 1}
    assert ended.json["messages"] == {"total": 4, "new": 2}
    document = cli("export", "c", "--owner", "me").json[0]
    told = [(m["id"], m["parent"]) for m in document["messages"]]
    assert told == [("1", None), ("2", "1"), ("3", "2")]
    assert document["thread"]["title"] == "n"


def test_a_changed_conversation_is_reported_and_the_others_go_on(cli: Cli, export_of: Any) -> None:
    """Another text under a stored id is a conflict: nothing of it is written, the rest is."""
    cli("import", "--from", "claude", export_of(conversation("c", said("1", "q"))), "--owner", "me")
    changed = export_of(
        conversation("c", said("1", "secret")), "no conversation", conversation("d", said("1", "x"))
    )
    ended = cli("import", "--from", "claude", changed, "--owner", "me", "--json")
    assert ended.code == 1
    codes = [(problem["thread"], problem["code"]) for problem in ended.json["problems"]]
    assert codes == [("c", "conflict"), (None, "unreadable")]
    assert ended.json["messages"]["new"] == 1
    assert "secret" not in ended.out + ended.err
    told = cli("import", "--from", "claude", changed, "--owner", "me")
    assert "conversation c: " in told.err
    assert "2 conversations were not imported, or not whole" in told.err


def test_a_conflict_keeps_what_stands_before_it(cli: Cli, export_of: Any) -> None:
    """A chain is stored whole or not at all; those before the one in conflict are stored."""
    old = [said("1", "q"), said("2", "a", "1"), said("3", "b", "1")]
    cli("import", "--from", "claude", export_of(conversation("c", *old)), "--owner", "me")
    changed = [*old[:2], said("4", "more", "2"), said("3", "other", "1"), said("5", "end", "3")]
    ended = cli(
        "import",
        "--from",
        "claude",
        export_of(conversation("c", *changed)),
        "--owner",
        "me",
        "--json",
    )
    assert (ended.code, ended.json["messages"]["new"]) == (1, 1)
    messages = cli("export", "c", "--owner", "me").json[0]["messages"]
    assert [m["id"] for m in messages] == ["1", "2", "3", "4"]


def test_imported_threads_belong_to_the_user(cli: Cli, export_of: Any) -> None:
    """With --user the threads are that person's, and an id of another person is not touched."""
    path = export_of(conversation("c", said("1", "x")))
    cli("import", "--from", "claude", path, "--owner", "me", "--user", "ann")
    assert cli("export", "--owner", "me", "--user", "ann").json[0]["thread"]["user"] == "ann"
    other = cli("import", "--from", "claude", path, "--owner", "me", "--user", "ben", "--json")
    assert other.code == 1
    assert other.json["problems"][0]["code"] == "not_found"
    assert cli("export", "--owner", "me", "--user", "ben").json == []


def test_what_is_no_export_is_refused(cli: Cli, tmp_path: Path) -> None:
    """A file that is missing or of another kind, and an unknown source, are wrong calls."""
    path = tmp_path / "x.json"
    assert cli("import", "--from", "claude", path, "--owner", "me").code == 2
    path.write_text('{"no": "array"}')
    assert cli("import", "--from", "claude", path, "--owner", "me").code == 2
    assert cli("import", "--from", "nothing", path, "--owner", "me").code == 2


def test_a_long_conversation_is_stored_in_pieces(blocking_store: Store, export_of: Any) -> None:
    """More messages than one append takes are one chain in the end, and a replay adds none."""
    from threadkeep import sources
    from threadkeep.cli.importing import import_threads

    path = export_of(conversation("c", *(said(f"m{n}", "x") for n in range(1203))))
    own = blocking_store.owner("me")
    for new in (1203, 0):
        with path.open("rb") as stream:
            report = import_threads(own, sources.get("claude").read(stream))
        assert (report.messages.new, report.problems) == (new, [])
    listed = list(own.messages.list("c", limit=1000))
    assert [message.id for message in listed] == [f"m{n}" for n in range(1203)]


def test_runs_are_chains() -> None:
    """Each run is a chain in the order of the source, under the parent of its first message."""

    def item(id: str, parent: Any = UNSET) -> SourceItem:
        return SourceItem("{}", id, parent)

    found = [item("1"), item("2"), item("3", "1"), item("4", "3"), item("5", None)]
    assert [(parent, [i.id for i in run]) for parent, run in runs(found)] == [
        (None, ["1", "2"]),
        ("1", ["3", "4"]),
        (None, ["5"]),
    ]
    assert list(runs([])) == []


def test_importing_needs_no_terminal() -> None:
    """The import is a function that brings in neither the command line's framework nor a driver."""
    code = (
        "import sys; import threadkeep.cli.importing, threadkeep.values.document; "
        "sys.exit(bool({'typer', 'rich', 'psycopg', 'asyncpg'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_our_own_export_comes_back_whole(
    cli: Cli, blocking_store: Store, tmp_path: Path, form: str
) -> None:
    """Threads with branches, states and times are made again; a second import adds nothing."""
    own = blocking_store.owner("me")
    own.threads.create("t", title="T", metadata={"k": 1})
    failed = Message.of("user", "a", id="a", status="failed", metadata={"m": 1})
    own.messages.append("t", [failed, Message.assistant("b", id="b")])
    own.messages.append("t", Message.assistant("c", id="c"), parent="a")
    own.threads.set_head("t", "b")
    own.threads.archive("t")
    own.threads.create("empty")
    path = tmp_path / "me.json"
    cli("export", "--owner", "me", "--format", form, "-o", path)

    def take(owner: str) -> Any:
        return cli("import", "--from", "threadkeep", path, "--owner", owner, "--json").json

    told = take("you")
    assert told["problems"] == []
    assert (told["threads"], told["messages"]) == ({"total": 2, "new": 2}, {"total": 3, "new": 3})
    you = blocking_store.owner("you")
    thread = you.threads.get("t")
    assert (thread.title, thread.status, thread.head) == ("T", "archived", "b")
    assert [(m.id, m.parent_id, m.status) for m in you.messages.list("t", tree=True)] == [
        ("a", None, "failed"),
        ("b", "a", "complete"),
        ("c", "a", "complete"),
    ]
    again = take("you")
    assert (again["threads"]["new"], again["messages"]["new"], again["problems"]) == (0, 0, [])
    own.messages.append("t", Message.user("d", id="d"), parent="c")
    own.messages.update("t", "b", Message.assistant("changed", id="b"))
    cli("export", "--owner", "me", "--format", form, "-o", path)
    assert take("me")["messages"]["new"] == 0
    later = take("you")
    assert [problem["code"] for problem in later["problems"]] == ["conflict"]
