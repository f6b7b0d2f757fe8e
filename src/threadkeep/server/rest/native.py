"""Stored messages as items of a dialect, as JSON text: those of that very format as they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from threadkeep import dialects
from threadkeep.dialects.convert import convert
from threadkeep.server.rest.texts import stored_text, written
from threadkeep.values import jsontext
from threadkeep.values.converted import Converted, Loss
from threadkeep.values.message import Message


@dataclass(frozen=True, slots=True)
class Native:
    """The texts of items, and what a conversion says of them."""

    texts: Sequence[str]
    sources: Sequence[Sequence[str | None]] = ()
    losses: Sequence[Loss] = ()
    system: str | None = None

    def facts(self) -> dict[str, Any]:
        """What an answer tells beside the items."""
        return {
            "sources": [list(one) for one in self.sources],
            "losses": [asdict(loss) for loss in self.losses],
            "system": self.system,
        }


def told(
    messages: Sequence[Message], dialect: str | None, *, strict: bool = False
) -> tuple[Sequence[str], dict[str, Any]]:
    """The texts of messages, or of the items of a dialect, and what else is to be told of these."""
    if dialect is None:
        return [stored_text(message) for message in messages], {}
    native = native_of(messages, dialect, strict=strict)
    return native.texts, native.facts()


def native_of(messages: Sequence[Message], dialect: str, *, strict: bool = False) -> Native:
    """The messages in a dialect. Nothing is decoded where all are of that format.

    InvalidError for an unknown dialect, and with `strict` where something would be lost.
    """
    name = dialects.get(dialect).name
    if all(message.format == name for message in messages):
        return Native([m.json for m in messages], [(m.id,) for m in messages])
    made = convert(messages, name, strict=strict)
    return Native(_texts(messages, made, name), made.sources, made.losses, made.system)


def _texts(messages: Sequence[Message], made: Converted, name: str) -> list[str]:
    """The items; the payload itself where an item is nothing but one message's payload."""
    own = {message.id: message for message in messages if message.format == name}
    seen = Counter(source for sources in made.sources for source in sources)
    texts = []
    for item, sources in zip(made, made.sources, strict=True):
        message = own.get(sources[0]) if len(sources) == 1 and seen[sources[0]] == 1 else None
        whole = message is not None and jsontext.decode(message.json) == item
        texts.append(message.json if message is not None and whole else written(item))
    return texts
