"""Conversations for the tests of dialects, made from a seed: turns of typed messages, in a tree.

They have what formats differ in: parallel calls, several steps, approvals, reasoning with the
marks of its provider, files by URL, data and file id, sources, data parts, and branches.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from threadkeep.values.message import Message, Role
from threadkeep.values.parts import (
    ApprovalPart,
    DataPart,
    FilePart,
    Json,
    Part,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

_WORDS = ("Lisbon", "tram", "map", "rain", "market", "river", "fish", "light", "hill", "tile")
_PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
_PDF = base64.b64encode(b"%PDF-1.7\n%%EOF\n").decode()
_START = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Turn:
    """A user's message and what follows it; `parent` is the place of the turn before it."""

    messages: tuple[Message, ...]
    parent: int | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns in the order they were said; those that are nobody's parent are the leaves."""

    turns: tuple[Turn, ...]

    def path(self, leaf: int) -> list[Message]:
        """The messages from the root to the end of the turn at `leaf`."""
        at: int | None = leaf
        found: list[Message] = []
        while at is not None:
            found = [*self.turns[at].messages, *found]
            at = self.turns[at].parent
        return found

    def leaves(self) -> list[int]:
        """The places of the turns that nothing follows."""
        parents = {turn.parent for turn in self.turns}
        return [at for at in range(len(self.turns)) if at not in parents]


def conversation(seed: int, *, turns: int = 5, odd: bool = False) -> Conversation:
    """A conversation; the same for the same seed. With `odd` texts hold ill-formed Unicode."""
    return _Maker(Random(seed), seed, odd).conversation(turns)


class _Maker:
    def __init__(self, random: Random, seed: int, odd: bool) -> None:
        self.random = random
        self.seed = seed
        self.odd = odd
        self.count = 0

    def conversation(self, turns: int) -> Conversation:
        made = [Turn((*self._preface(), *self._turn()), None)]
        for at in range(1, turns):
            # Sometimes an earlier turn is asked again: a branch.
            parent = at - 1 if self.random.random() < 0.75 else self.random.randrange(at)
            made.append(Turn(tuple(self._turn()), parent))
        return Conversation(tuple(made))

    def _preface(self) -> list[Message]:
        if self.random.random() < 0.5:
            return []
        return [self._message("system", [TextPart(self._text())])]

    def _turn(self) -> list[Message]:
        said = [self._message("user", self._question())]
        for _ in range(self.random.choice([0, 0, 1, 1, 2, 3])):
            said += self._step()
        return [*said, self._message("assistant", self._answer())]

    def _question(self) -> list[Part]:
        parts: list[Part] = [TextPart(self._text())]
        if self.random.random() < 0.4:
            parts.append(self.random.choice(FILES))
        return parts

    def _answer(self) -> list[Part]:
        parts: list[Part] = [*self._thoughts(), TextPart(self._text())]
        if self.random.random() < 0.3:
            parts.append(SourcePart("s1", "https://example.org/a", "A page"))
        if self.random.random() < 0.2:
            parts.append(DataPart("weather", {"sky": self._text(), "at": [1, 2.5, None]}))
        return parts

    def _thoughts(self) -> list[Part]:
        provider = self.random.choice([None, None, "anthropic", "openai", "google"])
        if provider == "anthropic":
            return [ReasoningPart(self._text(), signature="c2ln", provider=provider)]
        if provider == "openai":
            id = f"rs_{self.seed}x{self.count}x{self.random.randrange(10**6)}"
            return [ReasoningPart(self._text(), encrypted="ZW5j", id=id, provider=provider)]
        if provider == "google":
            return [ReasoningPart(self._text(), signature="Z29v", provider=provider)]
        return []

    def _step(self) -> list[Message]:
        calls: list[Part] = []
        results: list[Part] = []
        for _ in range(self.random.choice([1, 1, 2, 3])):
            self.count += 1
            id = f"call_{self.seed}_{self.count}"
            name = self.random.choice(["search", "read_file", "run"])
            calls.append(ToolCallPart(id, name, {"q": self._text(), "n": self.count}))
            results.append(self._result(id, name))
            if self.random.random() < 0.15:
                calls.append(ApprovalPart(f"ap_{id}", id))
                denied = isinstance(results[-1], ToolResultPart) and results[-1].denied
                results.insert(0, ApprovalPart(f"ap_{id}", id, not denied, "as they like"))
        words: list[Part] = [TextPart(self._text())] if self.random.random() < 0.4 else []
        said = self._message("assistant", [*self._thoughts(), *words, *calls])
        return [said, self._message("tool", results)]

    def _result(self, id: str, name: str) -> ToolResultPart:
        kind = self.random.randrange(6)
        if kind == 0:
            return ToolResultPart(id, {"found": [self._text()], "rest": None}, name)
        if kind == 1:
            return ToolResultPart(id, self._text(), name, is_error=True)
        if kind == 2:
            picture = FilePart("image/png", data=_PNG)
            return ToolResultPart(id, name=name, content=(TextPart(self._text()), picture))
        if kind == 3:
            return ToolResultPart(id, "not now", name, is_error=True, denied=True)
        return ToolResultPart(id, self._text(), name)

    def _text(self) -> str:
        words = self.random.choices(_WORDS, k=self.random.randint(1, 8))
        if self.odd and self.random.random() < 0.1:
            words.append("\ud83d")
        return " ".join(words)

    def _message(self, role: Role, parts: list[Part], **members: Json) -> Message:
        self.count += 1
        at = _START + timedelta(seconds=self.count)
        id = f"m{self.seed}-{self.count}"
        return Message.of(role, parts, id=id, created_at=at, **members)


FILES: tuple[FilePart, ...] = (
    FilePart("image/png", data=_PNG, name="a.png"),
    FilePart("image/jpeg", url="https://example.org/b.jpg"),
    FilePart("application/pdf", data=_PDF, name="c.pdf"),
    FilePart("application/pdf", url="https://example.org/d.pdf", name="d.pdf"),
    FilePart("application/pdf", file_id="file-123", name="e.pdf"),
    FilePart("audio/wav", data=_PNG),
    FilePart("text/plain", data=base64.b64encode(b"words").decode(), name="f.txt"),
)
"""Files by every way there is."""
