"""What the tests of several dialects share: a dialect with what its own package accepts of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from conversations import conversation
from hypothesis import settings
from hypothesis import strategies as st

from threadkeep.values import jsontext, wire
from threadkeep.values.converted import Converted
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message
from threadkeep.values.parts import (
    Json,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from threadkeep.values.ports import Dialect

few: Final = settings(max_examples=100, deadline=None)


def spelled(item: Json) -> str:
    """The item as JSON text, in the order of its members."""
    return jsontext.encode(item, overflow=True)


def edited(message: Message, parts: Sequence[Part]) -> Message:
    """The message with other parts, as an app that keeps all else would write it."""
    return Message.read(message.role, parts, message.extra, id=message.id)


def stored(message: Message, parts: Sequence[Part]) -> Message:
    """The message with other parts, as an app that edits it would store it."""
    payload = {**message.payload, "parts": [wire.part_to_json(part) for part in parts]}
    return replace(message, json=spelled(payload))


def codes(made: Converted) -> set[tuple[str, str | None]]:
    """What was lost: the code, and the member where there is one."""
    return {(loss.what, loss.name) for loss in made.losses}


def well_formed(value: Json) -> Json:
    """A value without lone surrogates, which no type takes and healing replaces."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [well_formed(inner) for inner in value]
    if isinstance(value, dict):
        return {well_formed(name): well_formed(inner) for name, inner in value.items()}
    return value


def edits(message: Message) -> Iterator[list[Part]]:
    """The parts of a message with one of them changed, for each that can be."""
    for place, part in enumerate(message.parts):
        new: Part | None = None
        if isinstance(part, TextPart | ReasoningPart):
            new = replace(part, text="New.")
        elif isinstance(part, ToolCallPart):
            new = replace(part, input={"new": 1})
        elif isinstance(part, ToolResultPart):
            new = replace(part, output="New.", content=None)
        if new is not None:
            yield [*message.parts[:place], new, *message.parts[place + 1 :]]


@dataclass(frozen=True, slots=True)
class Bench:
    """A dialect, and `accepts` that raises where the framework's own package refuses items."""

    dialect: Dialect
    accepts: Callable[[Sequence[Json]], None]

    def loaded(self, item: Json) -> Message:
        """The message of an item."""
        (message,) = self.dialect.load([item])
        return message

    def read(self, item: Json) -> tuple[Part, ...]:
        """The parts of an item."""
        return self.loaded(item).parts

    def changed(self, item: Json, *parts: Part) -> Message:
        """The message of an item, with other parts."""
        return edited(self.loaded(item), parts)

    def written(self, *listed: Message) -> Converted:
        """The items of messages, which are accepted."""
        made = self.dialect.dump(listed)
        self.accepts(made)
        return made

    def said(self, *listed: Message) -> list[Any]:
        """The items of messages that say nothing that is lost."""
        made = self.written(*listed)
        assert made.losses == ()
        return list(made)

    def comes_back(self, item: Json) -> None:
        """An item that is loaded, or stored and loaded, is dumped as it was, and says its text."""
        message = self.loaded(item)
        made = self.dialect.dump([message])
        assert [spelled(one) for one in made] == [spelled(item)]
        assert not made.losses
        again = Message(message.role, message.json, id=message.id)
        assert spelled(self.dialect.dump([again])[0]) == spelled(item)
        assert message.text == self.dialect.text(item)

    def can_be_edited(self, item: Json, role: Any, data: st.DataObject) -> None:
        """A message gets any role and loses or repeats parts: items or losses come of it."""
        message = self.loaded(item)
        parts = [part for part in message.parts for _ in range(data.draw(st.integers(0, 2)))]
        made = self.dialect.dump([Message.read(role, parts, message.extra, id="m")])
        assert {loss.what for loss in made.losses} <= set(self.dialect.losses)
        self.dialect.load(made)

    def can_be_extended(self, item: Json, cut: int) -> None:
        """A message loses its first parts and gets words: they show, and the item is untouched."""
        message = self.loaded(item)
        before = spelled(item)
        made = self.dialect.dump([stored(message, [*message.parts[cut:], TextPart("New.")])])
        assert spelled(item) == before
        assert {loss.what for loss in made.losses} <= set(self.dialect.losses)
        read = [part for one in self.dialect.load(made) for part in one.parts]
        assert any(isinstance(part, TextPart) and part.text.endswith("New.") for part in read)

    def accepts_conversation(self, seed: int) -> None:
        """A conversation with everything in it is accepted, along every branch."""
        made = conversation(seed)
        for leaf in made.leaves():
            self.written(*made.path(leaf))

    def accepts_odd(self, listed: Sequence[Message]) -> None:
        """Whatever messages come, what is written of them is accepted."""
        self.accepts([well_formed(item) for item in self.dialect.dump(listed)])

    def loses(self, role: Any, part: Part, losses: tuple[str, ...]) -> None:
        """A part that stands alone in a message loses exactly this."""
        made = self.written(Message.of(role, [part], id="m"))
        assert tuple(loss.what for loss in made.losses) == losses
        assert {(loss.message, loss.part) for loss in made.losses} == {("m", 0)}

    def refuses(self, item: Json, field: str) -> None:
        """An item is an InvalidError that names this member."""
        with pytest.raises(InvalidError) as caught:
            self.dialect.load([item])
        assert caught.value.field == field
