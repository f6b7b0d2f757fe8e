"""A stored thread as the tree that assistant-ui imports: parents first, and a leaf as its head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from threadkeep.dialects import find
from threadkeep.dialects.convert import convert
from threadkeep.store import Owner
from threadkeep.values.converted import Loss
from threadkeep.values.errors import InvalidError, NotFoundError
from threadkeep.values.message import Message
from threadkeep.values.parts import Json


@dataclass(frozen=True, slots=True)
class Node:
    """One item of the tree. `message` is the stored one, the last if several became this item."""

    id: str
    parent_id: str | None
    item: Json
    message: Message
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True, slots=True)
class Tree:
    """All items, each after its parent, and the leaf to show; None where there is no item."""

    nodes: tuple[Node, ...]
    head_id: str | None


async def read_tree(chat: Owner, thread_id: str, dialect: str) -> Tree:
    """All branches of a thread as items of a dialect; empty for an unknown thread.

    The head is the stored head, or the newest leaf below it: a client drops what hangs below the
    head that it is given. A message of a format that is unknown here is left out, and what follows
    it hangs on what came before.
    """
    messages = [m async for m in chat.messages.list(thread_id, tree=True, limit=1000)]
    if not messages:
        return Tree((), None)
    try:
        head = (await chat.threads.get(thread_id)).head
    except NotFoundError:  # deleted since
        return Tree((), None)
    family = _Family(messages)
    nodes = _nodes(family, dialect)
    return Tree(nodes, _head(family, nodes, head))


class _Family:
    """Who is whose child, of messages by seq."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self.by_id: Mapping[str, Message] = {_id(m): m for m in messages}
        self.children: dict[str | None, list[str]] = {}
        for message in messages:
            self.children.setdefault(message.parent_id, []).append(_id(message))

    def leaves(self) -> Iterator[str]:
        """The ids of those without a child, by seq."""
        return (_id(m) for m in self.messages if _id(m) not in self.children)

    def path(self, leaf: str) -> list[Message]:
        """From the root to a message."""
        path, at = [], self.by_id.get(leaf)
        while at is not None:
            path.append(at)
            at = None if at.parent_id is None else self.by_id.get(at.parent_id)
        return path[::-1]

    def newest_leaf(self, id: str) -> str:
        """The newest leaf below a message, or the message itself."""
        newest, waiting = id, [id]
        while waiting:
            below = self.children.get(waiting.pop(), [])
            waiting += below
            for child in below:
                if child not in self.children and (
                    newest in self.children or _seq(self, child) > _seq(self, newest)
                ):
                    newest = child
        return newest


def _nodes(family: _Family, dialect: str) -> tuple[Node, ...]:
    if all(message.format == dialect for message in family.messages):
        return tuple(Node(_id(m), m.parent_id, m.payload, m) for m in family.messages)
    if find(dialect) is None:
        return _own(family, dialect)
    # Other formats may take several messages for what is one here, and which those are depends on
    # the branch: so each branch is converted by itself, and what they share comes once.
    found: dict[tuple[tuple[str | None, ...], int], Node] = {}
    for leaf in family.leaves():
        path = [m for m in family.path(leaf) if m.format == dialect or find(m.format)]
        made = convert(path, dialect)
        parent: str | None = None
        for at, (item, sources) in enumerate(zip(made, made.sources, strict=True)):
            key = sources, made.sources[:at].count(sources)
            if key not in found:
                message = family.by_id[_last(made.sources, at)]
                losses = tuple(loss for loss in made.losses if loss.message in sources)
                found[key] = Node(_id(message), parent, item, message, losses)
            parent = found[key].id
    return tuple(found.values())


def _own(family: _Family, dialect: str) -> tuple[Node, ...]:
    """The messages of a format that nobody can convert to, each on the next one above it."""
    nodes: list[Node] = []
    ids: dict[str | None, str | None] = {}
    for message in family.messages:
        parent = ids.get(message.parent_id)
        own = message.format == dialect
        ids[message.id] = message.id if own else parent
        if own:
            nodes.append(Node(_id(message), parent, message.payload, message))
    return tuple(nodes)


def _last(sources: Sequence[tuple[str | None, ...]], at: int) -> str:
    """The message whose id an item has: what is appended under the item goes under that message.

    Where the end of a message is an item of its own, that one has its id.
    """
    following = sources[at + 1] if at + 1 < len(sources) else ()
    return str(next((s for s in reversed(sources[at]) if s not in following), sources[at][-1]))


def _head(family: _Family, nodes: Sequence[Node], head: str | None) -> str | None:
    shown = {node.id for node in nodes}
    if head is not None and head in family.by_id:
        for message in reversed(family.path(family.newest_leaf(head))):
            if _id(message) in shown:
                return message.id
    return nodes[-1].id if nodes else None


def _seq(family: _Family, id: str) -> int:
    return family.by_id[id].seq or 0


def _id(message: Message) -> str:
    if message.id is None:
        raise InvalidError("message", "must be a stored one")
    return message.id
