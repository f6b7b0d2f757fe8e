"""What the tests of the ways of writing share: drafts, and the rows that came of them."""

from __future__ import annotations

from collections.abc import Sequence

from threadkeep import Message, dialects
from threadkeep.core.drafts import Draft, Drafting, estimate_tokens

_DRAFTING = Drafting(dialects.find, estimate_tokens)


def drafts_of(*messages: Message) -> list[Draft]:
    """The messages as drafts."""
    return [_DRAFTING.message(message, created_at=None) for message in messages]


def user(id: str, text: str = ".") -> Message:
    """A question."""
    return Message.user(text, id=id)


def triple(stem: str) -> list[Draft]:
    """Three messages that belong together."""
    return drafts_of(*(user(f"{stem}/{n}") for n in range(3)))


def check_triples(stored: Sequence[Message]) -> set[str]:
    """The stems of the triples stored: each is whole and in one piece, seq has no gap."""
    ids = [message.id or "" for message in stored]
    assert [message.seq for message in stored] == list(range(1, len(stored) + 1))
    assert len(set(ids)) == len(ids)
    assert len(ids) % 3 == 0
    stems = [ids[start].rpartition("/")[0] for start in range(0, len(ids), 3)]
    assert ids == [f"{stem}/{n}" for stem in stems for n in range(3)]
    assert [message.parent_id for message in stored] == [None, *ids[:-1]][: len(ids)]
    return set(stems)
