"""What the dialects share: from one item to one message, and back with a report.

A loaded message keeps the item it came from, whole, under `origin` of its payload. As long as its
parts still say what the item says, dumping it gives that very item: so nothing has to be spelled
twice, and what a dialect does not understand survives. Other messages are written anew from their
parts; where they come from the same dialect, with the members that only it knows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

from threadkeep import dialects
from threadkeep.dialects.flow import ORIGIN, Placed, named, with_extra
from threadkeep.dialects.reading import NATIVE, text_of, traits_of
from threadkeep.values import jsontext, wire
from threadkeep.values.converted import Converted, Loss
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message, Role, is_loaded
from threadkeep.values.parts import Json, Part
from threadkeep.values.ports import Traits

RAW: Final = "raw"
EXTRA: Final = "extra"

COMMON: Final[Mapping[str, str]] = {
    RAW: "Parts of a kind that only another format knows are left out.",
    EXTRA: "Members that only another format knows are left out.",
}
"""The losses that every dialect has."""


class Said(NamedTuple):
    """What a native item says.

    `unsaid` names the members of the item that neither the parts nor anything else here says.
    Those of its member `within` count as its own there. `cut` is as in `Traits`, `starts` too: None
    where role and parts tell it.
    """

    role: Role
    parts: Sequence[Part]
    id: str | None = None
    created_at: datetime | None = None
    unsaid: Sequence[str] = ()
    cut: bool = True
    starts: bool | None = None
    within: str | None = None


class Codec(ABC):
    """A dialect that reads each item by itself, and writes messages of any grain."""

    name: str
    family: str
    losses: Mapping[str, str]

    @abstractmethod
    def read(self, item: Json) -> Said:
        """What an item says. InvalidError where it is not of this format."""

    @abstractmethod
    def write(self, messages: Sequence[Message], out: Output) -> None:
        """Write messages anew: from elsewhere, or changed since they were loaded."""

    def load(self, items: Sequence[Json]) -> list[Message]:
        """The items as messages of typed parts, one for each; dumping gives the items again."""
        return [self._load(item) for item in items]

    def dump(self, messages: Sequence[Message]) -> Converted:
        """The items the messages came from; new ones where they changed or are from elsewhere."""
        out = Output(self.family, self.losses, messages)
        before: list[Message] = []
        for kept, run in groupby(messages, self._is_kept):
            listed = list(run)
            if kept:
                for message in listed:
                    out.keep(message)
                before += listed
            else:
                self._write(named(listed, before), out)
        return out.converted()

    def text(self, item: Json) -> str:
        """The text parts, joined by blank lines."""
        return text_of(self.read(item).parts)

    def traits(self, item: Json) -> Traits:
        """What role and parts tell; `id` and time where the item has them."""
        said = self.read(item)
        return traits_of(
            said.role,
            said.parts,
            id=said.id,
            created_at=said.created_at,
            cut=said.cut,
            starts=said.starts,
        )

    def origin(self, item: Json, said: Said) -> dict[str, Json]:
        """What a message that was loaded from an item keeps of it."""
        origin = {"dialect": self.family, "format": self.name, "item": item}
        if said.unsaid:
            origin["unsaid"] = list(said.unsaid)
            if said.within is not None:
                origin["within"] = said.within
        return origin

    def _load(self, item: Json) -> Message:
        said = self.read(item)
        id, created_at = said.id, said.created_at
        extra: dict[str, Json] = {}
        if id is not None:
            extra["id"] = id
        if created_at is not None:
            extra["created_at"] = created_at.isoformat()
        extra[ORIGIN] = self.origin(item, said)
        role, parts = said.role, said.parts
        return Message.read(role, parts, extra, id=id, created_at=created_at, family=self.family)

    def _spoken(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages with anything to write: of others' empty ones only the turns of a user."""
        return [
            message
            for message in messages
            if message.parts or message.role == "user" or message.family == self.family
        ]

    def _is_kept(self, message: Message) -> bool:
        """Whether the item that a message came from still says what the message does."""
        if message.family != self.family:
            return False
        origin: Any = message.extra[ORIGIN]
        if origin.get("format") != self.name:
            return False
        if is_loaded(message):
            return True
        try:
            said = self.read(origin.get("item"))
        except InvalidError:
            return False
        if said.role != message.role or (said.id and message.id and said.id != message.id):
            return False
        # Compared as text: to Python 1 is True.
        return _spelled(said.parts) == _spelled(message.parts)

    def _write(self, messages: Sequence[Message], out: Output) -> None:
        """Write messages anew. What a stored one says of its origin is not taken on trust."""
        if all(message.family != self.family or is_loaded(message) for message in messages):
            self.write(self._spoken(messages), out)
        else:
            mark = out.mark()
            try:
                messages = [self._checked(message) for message in messages]
                self.write(self._spoken(messages), out)
                # Members that another has put into parts of ours may have spoiled the items.
                for item in out.converted()[mark.items :]:
                    self.read(item)
            except (AttributeError, LookupError, TypeError, ValueError):
                out.back_to(mark)
                messages = [self._disowned(message) for message in messages]
                self.write(self._spoken(messages), out)
        out.report_unsaid(messages)

    def _checked(self, message: Message) -> Message:
        """The message with an origin that is true; without one where its item cannot be read."""
        if message.family != self.family or is_loaded(message):
            return message
        origin: Any = message.extra[ORIGIN]
        true: dict[str, Json] = {"dialect": self.family}
        # What healing has made names its family only.
        if "item" in origin:
            format = origin.get("format")
            reader = dialects.find(format)
            if not isinstance(reader, Codec) or reader.family != self.family:
                return self._disowned(message)
            try:
                true = reader.origin(origin["item"], reader.read(origin["item"]))
            except InvalidError:
                return self._disowned(message)
            true["format"] = format
        return message if origin == true else with_extra(message, {**message.extra, ORIGIN: true})

    def _disowned(self, message: Message) -> Message:
        if message.family != self.family:
            return message
        extra = {name: value for name, value in message.extra.items() if name != ORIGIN}
        return with_extra(message, extra)


def _spelled(parts: Iterable[Part]) -> str:
    return jsontext.encode([wire.part_to_json(part) for part in parts], overflow=True)


class Mark(NamedTuple):
    """How much was written at some moment."""

    items: int
    losses: int
    system: int
    names: set[str]


class Output:
    """Where a dialect writes: the items so far, where each comes from, and what was lost."""

    def __init__(
        self, family: str, losses: Mapping[str, str], messages: Iterable[Message] = ()
    ) -> None:
        self._family = family
        self._declared = losses
        self._items: list[Json] = []
        self._sources: list[tuple[str | None, ...]] = []
        self._losses: list[Loss] = []
        self._names: set[str] = set()
        self._counts: dict[str, int] = {}
        self._ids = {message.id for message in messages}
        self.system: list[str] = []

    @property
    def items(self) -> Sequence[Json]:
        """What is written so far."""
        return self._items

    def add(self, item: Json, sources: Sequence[Message]) -> None:
        """Write the next item, made of these messages."""
        self._items.append(item)
        self._sources.append(tuple([message.id for message in sources]))

    def keep(self, message: Message) -> None:
        """Write the item that a message came from."""
        self.add(message.extra[ORIGIN]["item"], (message,))
        if message.id is not None:
            self._names.add(message.id)
        if not is_loaded(message):
            self._report_members(message)

    def mark(self) -> Mark:
        """What `back_to` needs to take back all that is written from here on."""
        return Mark(len(self._items), len(self._losses), len(self.system), set(self._names))

    def back_to(self, mark: Mark) -> None:
        """Take back what was written and reported since."""
        del self._items[mark.items :], self._sources[mark.items :]
        del self._losses[mark.losses :], self.system[mark.system :]
        self._names = mark.names

    def lost(self, placed: Placed, what: str, name: str | None = None) -> None:
        """Report what is not said of a part; `what` is one of the dialect's losses."""
        self.lost_of(placed.message, placed.place, what, name)

    def lost_of(
        self, message: Message, part: int | None, what: str, name: str | None = None
    ) -> None:
        """Report what is not said of a message."""
        if what not in self._declared:
            raise AssertionError(f"{self._family} does not declare the loss {what}")
        self._losses.append(Loss(message.id, part, what, name))

    def is_own(self, placed: Placed) -> bool:
        """Whether a part was read by this very dialect: what is raw in it can be written again."""
        return placed.message.family == self._family

    def given(self, placed: Placed) -> dict[str, Json]:
        """The members that `kept` made the part's `extra` of; those of others are reported."""
        extra = getattr(placed.part, "extra", None)
        if not extra:
            return {}
        apart = extra.get(NATIVE)
        members = {**extra, **apart} if isinstance(apart, dict) else dict(extra)
        if isinstance(apart, dict) and NATIVE not in apart:
            del members[NATIVE]
        if self.is_own(placed):
            return members
        for name, value in members.items():
            if not _is_nothing(value) and _USUAL.get(name) != value:
                self.lost(placed, EXTRA, name)
        return {}

    def raw(self, placed: Placed) -> Any:
        """The value of a raw part that this dialect has read; else None, and it is reported."""
        if self.is_own(placed):
            return getattr(placed.part, "value", None)
        self.lost(placed, RAW)
        return None

    def unsaid(self, message: Message) -> dict[str, Json]:
        """The members of the message's own item that no part says, where this dialect read it."""
        if message.family != self._family:
            return {}
        item, names = _unsaid(message)
        return {name: item[name] for name in names if name in item}

    def report_unsaid(self, messages: Sequence[Message]) -> None:
        """Report the members of messages that only another dialect knows, or an app."""
        for message in messages:
            if message.family != self._family:
                item, names = _unsaid(message)
                for name in names:
                    if not _is_nothing(item.get(name)):
                        self.lost_of(message, None, EXTRA, name)
            self._report_members(message)

    def _report_members(self, message: Message) -> None:
        for name in message.extra:
            if name not in _KNOWN:
                self.lost_of(message, None, EXTRA, name)

    def name(self, message: Message) -> str:
        """An id for an item made of this message: its own, and after that with a number.

        No two items get the same, and none gets that of another message.
        """
        id = message.id
        if id is None or id in self._names:
            if id is None or len(id) > _MAX_NAME:
                id = f"item-{len(self._items) + 1}"
            whole, count = id, self._counts.get(id, 0)
            while id in self._names or id in self._ids:
                count += 1
                id = f"{whole}.{count + 1}"
            self._counts[whole] = count
        self._names.add(id)
        return id

    def converted(self) -> Converted:
        """All that was written."""
        return Converted(
            self._items,
            sources=self._sources,
            losses=self._losses,
            system="\n\n".join(self.system) if self.system else None,
        )


def _is_nothing(value: Json) -> bool:
    """Whether a member with this value says no more than its absence does."""
    return value is None or value == [] or value == {}


# What says no more than its absence does either.
_USUAL: Final[Mapping[str, Json]] = {"state": "done"}
# A number behind a longer one could make it longer than an id may be.
_MAX_NAME: Final = 100
_KNOWN: Final = frozenset({"id", "created_at", ORIGIN})


def _unsaid(message: Message) -> tuple[dict[str, Json], list[str]]:
    origin = message.extra.get(ORIGIN)
    if not isinstance(origin, dict) or not origin.get("unsaid"):
        return {}, []
    item, names = origin.get("item"), origin["unsaid"]
    if not isinstance(item, dict) or not isinstance(names, list):
        return {}, []
    within = origin.get("within")
    inner = item.get(within) if isinstance(within, str) else None
    if isinstance(inner, dict):
        item = {**inner, **item}
    return item, [name for name in names if isinstance(name, str)]
