"""From every format through the store to every other: their own packages accept what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from conversations import Conversation, conversation
from kits import KITS, WRITTEN, Kit

from threadkeep import Message, TextPart, dialects
from threadkeep.values import jsontext

if TYPE_CHECKING:
    from genuine import Genuine

    from threadkeep import Store
    from threadkeep.sync import Owner
    from threadkeep.values.parts import Json


@dataclass(frozen=True, slots=True)
class Leaf:
    """The end of a path: the id of its last message, the typed messages, and the items stored."""

    id: str
    said: Sequence[Message]
    items: Sequence[Json]


def write(chat: Owner, thread: str, made: Conversation, tag: str) -> list[Leaf]:
    """Store a conversation turn by turn in a format, each under the turn before it."""
    dialect = dialects.get(tag)
    ends: list[str] = []
    items: list[list[Json]] = []
    for turn in made.turns:
        parent = None if turn.parent is None else ends[turn.parent]
        native = list(dialect.dump(turn.messages))
        stored = chat.messages.append(thread, native, dialect=tag, parent=parent)
        ends.append(stored[-1].id or "")
        before = [] if turn.parent is None else items[turn.parent]
        items.append([*before, *native])
    return [Leaf(ends[at], made.path(at), items[at]) for at in made.leaves()]


def texts(messages: Sequence[Message]) -> list[str]:
    return [
        part.text for message in messages for part in message.parts if isinstance(part, TextPart)
    ]


def check(chat: Owner, thread: str, leaf: Leaf, source: str, kit: Kit, genuine: Genuine) -> None:
    """What comes out in a format is accepted, says every word, and is the same at home."""
    page = chat.messages.list(thread, dialect=kit.tag, leaf=leaf.id, limit=1000)
    assert page.next is None
    kit.accept(page.items, genuine if kit.needs_node else None)
    assert {loss.what for loss in page.losses} <= set(kit.dialect.losses)
    if kit.tag == source:
        assert [jsontext.encode(i) for i in page.items] == [jsontext.encode(i) for i in leaf.items]
        assert not page.losses
        return
    read = kit.dialect.load(page.items)
    said = "\n".join([page.system or "", *texts(read), *(kit.dialect.text(i) for i in page.items)])
    assert all(text in said for text in texts(dialects.get(source).load(leaf.items)))
    ids = [id for sources in page.sources for id in sources]
    path = [m.id for m in chat.messages.list(thread, leaf=leaf.id, limit=1000)]
    assert set(ids) <= set(path)
    # A result may be part of its call's item, before words that came between.
    firsts = [path.index(sources[0]) for sources in page.sources]
    assert firsts == sorted(firsts)


def through(store: Store, genuine: Genuine, source: str, seeds: range) -> None:
    chat = store.owner("o")
    for seed in seeds:
        leaves = write(chat, f"{source}-{seed}", conversation(seed), source)
        for tag in WRITTEN:
            for leaf in leaves:
                check(chat, f"{source}-{seed}", leaf, source, KITS[tag], genuine)


@pytest.mark.parametrize("source", WRITTEN)
def test_every_format_is_read_as_every_other(
    source: str, blocking_store: Store, genuine: Genuine
) -> None:
    """Five conversations with all there is go into the store in one format and out in each.

    [C17]
    """
    through(blocking_store, genuine, source, range(5))


@pytest.mark.prove
@pytest.mark.parametrize("source", WRITTEN)
def test_many_conversations_are_read_as_every_other(
    source: str, blocking_store: Store, genuine: Genuine
) -> None:
    """Two hundred conversations, the same way."""
    through(blocking_store, genuine, source, range(200))
