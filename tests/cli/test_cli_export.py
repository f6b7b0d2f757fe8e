"""`threadkeep export`: everything of a thread, payloads verbatim."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from threadkeep import Message

if TYPE_CHECKING:
    from commands import Cli

    from threadkeep.sync import Store
    from threadkeep.testing.servers import Database

HOSTILE = (
    '{ "role":"user",\r\n "parts":[], "nul":"\\u0000", "half":"\\ud83d", "twice":1, "twice":2,\n'
    ' "big":1234567890123456789012345678901234567890, "huge":1e400, "zero":-0.0, "cost":1.10}'
)


@pytest.fixture
def thread_id(blocking_store: Store) -> str:
    """A thread with a hostile message, a branch and metadata."""
    own = blocking_store.owner("me")
    thread = own.threads.create("t", title="T", metadata={"a": [1, None]}, external_id="x")
    own.messages.append("t", HOSTILE, dialect="threadkeep")
    own.messages.append("t", [Message.user("a", id="a"), Message.assistant("b", id="b")])
    own.messages.append("t", Message.of("user", "c", id="c", metadata={"k": 1}), parent=None)
    own.threads.set_head("t", "b")
    return thread.id


def test_payloads_are_embedded_byte_for_byte(cli: Cli, thread_id: str) -> None:
    """As json, the text of a payload stands in the export as it was given."""
    ended = cli("export", thread_id, "--owner", "me")
    assert ended.code == 0
    assert f'"payload":{HOSTILE}}}' in ended.out
    assert len(json.loads(ended.out)) == 1


def test_a_line_holds_a_thread(cli: Cli, blocking_store: Store, thread_id: str) -> None:
    """As jsonl, each thread is one line; only line breaks between tokens have become spaces."""
    blocking_store.owner("me").threads.create("second")
    lines = cli("export", "--owner", "me", "--format", "jsonl").out.splitlines()
    ids = [json.loads(line)["thread"]["id"] for line in lines]
    assert sorted(ids) == ["second", thread_id]
    assert HOSTILE.replace("\r", " ").replace("\n", " ") in lines[ids.index(thread_id)]


def test_the_document_says_everything(cli: Cli, thread_id: str) -> None:
    """Thread and messages come with all that is theirs, for the whole tree."""
    document = cli("export", thread_id, "--owner", "me").json[0]
    assert (document["format"], document["version"]) == ("threadkeep-export", 1)
    thread = document["thread"]
    assert (thread["title"], thread["metadata"], thread["external_id"], thread["status"]) == (
        "T",
        {"a": [1, None]},
        "x",
        "active",
    )
    assert document["head"] == "b"
    last = document["messages"][-1]
    assert (last["id"], last["parent"], last["role"], last["format"], last["status"]) == (
        "c",
        None,
        "user",
        "threadkeep",
        "complete",
    )
    assert last["metadata"] == {"k": 1}
    assert [m["id"] for m in document["messages"]][1:] == ["a", "b", "c"]


def test_by_default_all_threads_are_exported(cli: Cli, blocking_store: Store) -> None:
    """Archived threads and empty ones are there, those of other owners are not."""
    own = blocking_store.owner("me")
    for name in ("one", "two"):
        own.threads.create(name)
    own.threads.archive("two")
    blocking_store.owner("you").threads.create("three")
    documents = cli("export", "--owner", "me").json
    assert sorted(document["thread"]["id"] for document in documents) == ["one", "two"]
    assert cli("export", "--owner", "nobody").json == []


def test_an_unknown_thread_is_met_before_the_first_byte(cli: Cli, thread_id: str) -> None:
    """Where one of several ids is unknown, nothing is written at all."""
    ended = cli("export", thread_id, "unknown", "--owner", "me")
    assert (ended.code, ended.out) == (3, "")


def test_a_file_appears_complete(cli: Cli, thread_id: str, tmp_path: Path) -> None:
    """With --output the text goes to the file, which takes its name at the end."""
    wanted = cli("export", thread_id, "--owner", "me").out
    path = tmp_path / "out.json"
    ended = cli("export", thread_id, "--owner", "me", "--output", path, "--json")
    assert ended.json == {"threads": 1, "output": str(path)}
    assert path.read_text("utf-8") == wanted.replace("\r\n", "\n")
    assert path.read_bytes() == wanted.encode()
    assert list(tmp_path.iterdir()) == [path]
    assert cli("export", "--owner", "me", "-o", tmp_path / "no" / "folder").code == 2


def test_a_reader_may_stop_early(database: Database, blocking_store: Store) -> None:
    """A closed pipe ends the command without a word."""
    own = blocking_store.owner("me")
    own.messages.append("long", [Message.user("x" * 10_000) for _ in range(100)])
    call = [sys.executable, "-m", "threadkeep", "export", "--owner", "me", "--url", database.url]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
