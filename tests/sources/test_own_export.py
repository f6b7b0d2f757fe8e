"""What `threadkeep export` wrote is read again, whatever its form and around what is broken."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from threadkeep import Message, sources
from threadkeep.sources.base import SourceDocument, SourceProblem
from threadkeep.testing.contract.transfer import written
from threadkeep.values.document import on_one_line
from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterable

ODD = '{ "role": "user",\n "parts": [], "n": 1e400, "twice": 1, "twice": 2, "half": "\\ud800" }'
ONE = written("t", Message("user", ODD, "threadkeep", id="m"))
TWO = written("s", Message.user("b", id="b"), Message.assistant("c", id="c"))


def read(text: str | bytes, size: int = 1 << 18) -> list[object]:
    """What the source finds in a file that is handed out in pieces."""
    data = io.BytesIO(text.encode() if isinstance(text, str) else text)

    class Pieces(io.BytesIO):
        def read(self, wanted: int | None = -1, /) -> bytes:
            return data.read(size if wanted is None or wanted < 0 else min(size, wanted))

    return list(sources.get("threadkeep").read(Pieces()))


def shown(found: Iterable[object]) -> list[tuple[str, list[str]]]:
    """The threads with the payloads of their messages."""
    listed = [one for one in found if isinstance(one, SourceDocument)]
    return [(one.id, [message.json for message in one.items]) for one in listed]


@pytest.mark.parametrize("size", [1, 7, 1 << 18])
def test_each_form_of_an_export_is_read(size: int) -> None:
    """An array, lines and a single document give the same threads, in order."""
    both = [("t", [ODD]), *shown(read(TWO))]
    lines = f"{on_one_line(ONE)}\n\n{on_one_line(TWO)}\n"
    plain = [("t", [on_one_line(ODD)]), *both[1:]]
    assert len(both) == 2
    for text, wanted in (
        (f"[\n{ONE},\n{TWO}\n]\n", both),
        (f"\ufeff [{ONE},{TWO}]", both),
        (lines, plain),
        (f"\ufeff\n{lines}", plain),
        (ONE, both[:1]),
        (f"\n {ONE}\n", both[:1]),
    ):
        found = read(text, size)
        assert shown(found) == wanted


def test_a_broken_document_costs_itself_alone() -> None:
    """What cannot be read is a problem in its place that names the rule; the others are there."""
    orphan = json.loads(TWO)
    orphan["messages"][1]["parent"] = "unknown"
    listed = [ONE, "7", json.dumps(orphan), TWO]
    for text in (f"[{','.join(listed)}]", "\n".join(map(on_one_line, listed))):
        found = read(text)
        assert [id_ for id_, _ in shown(found)] == ["t", "s"]
        problems = [one for one in found if isinstance(one, SourceProblem)]
        assert [(one.index, one.rule) for one in problems] == [
            (1, "document: must be an object"),
            (
                2,
                "document.messages[1].parent: must be the id of a message before this one, or null",
            ),
        ]


@pytest.mark.parametrize("text", ["", " \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_none_of_ours(text: str | bytes) -> None:
    """A file without anything in it raises when the first is asked for."""
    with pytest.raises(InvalidError, match="file: "):
        read(text)


@pytest.mark.parametrize("text", ["{", "x", "[1,", b"\xff\xfe", "{}"])
def test_no_file_is_a_crash(text: str | bytes) -> None:
    """What is no export at all is one problem."""
    found = read(text)
    assert found
    assert all(isinstance(one, SourceProblem) for one in found)
