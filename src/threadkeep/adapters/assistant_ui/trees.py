"""A stored thread as the tree that assistant-ui imports: parents first, and a leaf as its head."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from threadkeep.dialects import find
from threadkeep.dialects.convert import convert, typed
from threadkeep.store import Owner
from threadkeep.values.converted import Converted, Loss
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message
from threadkeep.values.parts import ApprovalPart, Json, ToolCallPart, ToolResultPart

_Sources = tuple[str | None, ...]
_Key = tuple[_Sources, int]


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


async def read_all(chat: Owner, thread_id: str) -> tuple[list[Message], str | None]:
    """All messages of a thread by seq, and its head; empty for an unknown thread."""
    listed = chat.messages.list(thread_id, tree=True, limit=1000)
    page = await listed
    messages = list(page.items)
    while page.next is not None:
        page = await listed.at(page.next)
        messages += page.items
    return messages, page.head


async def read_tree(chat: Owner, thread_id: str, dialect: str) -> Tree:
    """All branches of a thread as items of a dialect; empty for an unknown thread.

    The head is the stored head, or the newest leaf below it: a client drops what hangs below the
    head that it is given. A message of a format that is unknown here is left out, and what follows
    it hangs on what came before.
    """
    messages, head = await read_all(chat, thread_id)
    return tree_of(messages, head, dialect)


def tree_of(messages: Sequence[Message], head: str | None, dialect: str) -> Tree:
    """The same of all messages of a thread, by seq, and its head."""
    family = _Family(messages)
    nodes = _nodes(family, dialect)
    return Tree(nodes, _head(family, nodes, head))


class _Family:
    """Who is whose child, of messages by seq."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self.by_id: Mapping[str, Message] = {_id(m): m for m in messages}
        self._parents = {message.parent_id for message in messages}

    def leaves(self) -> Iterator[str]:
        """The ids of those without a child, by seq."""
        return (_id(m) for m in self.messages if m.id not in self._parents)

    def path(self, leaf: str) -> list[Message]:
        """From the root to a message."""
        path, at = [], self.by_id.get(leaf)
        while at is not None:
            path.append(at)
            at = None if at.parent_id is None else self.by_id.get(at.parent_id)
        return path[::-1]


class _Talk:
    """Messages of formats that can be read, and where a conversation of them comes apart.

    No item is made of messages on both sides of what a user says; but answers to a call change the
    item of the call, wherever they stand.
    """

    def __init__(self, messages: Iterable[Message]) -> None:
        self._typed = {_id(message): typed([message])[0] for message in messages}
        self._calls = {id: frozenset(_calls(one)) for id, one in self._typed.items()}

    def read(self, message: Message, dialect: str) -> Message:
        """The message as it is best converted."""
        return message if message.format == dialect else self._typed[_id(message)]

    def stretches(self, path: Sequence[Message]) -> list[list[Message]]:
        """What of a path can be read, in stretches that can each be converted by themselves."""
        listed = [message for message in path if _id(message) in self._typed]
        starts = [0]
        spoken: dict[str, int] = {}
        for at, message in enumerate(listed):
            one = self._typed[_id(message)]
            if one.role == "user" and not _answers(one):
                starts.append(at)
            calls = self._calls[_id(message)]
            first = min((spoken.setdefault(call, at) for call in calls), default=at)
            while starts[-1] > first:
                starts.pop()
        places = pairwise([*starts, len(listed)])
        return [listed[start:end] for start, end in places if start < end]


def _calls(message: Message) -> Iterator[str]:
    """The calls and the questions about them that a message speaks of."""
    for part in message.parts:
        if isinstance(part, ToolCallPart | ToolResultPart):
            yield part.call_id
        elif isinstance(part, ApprovalPart):
            yield from (part.approval_id, part.call_id or part.approval_id)


def _answers(message: Message) -> bool:
    return any(isinstance(part, ToolResultPart | ApprovalPart) for part in message.parts)


def _nodes(family: _Family, dialect: str) -> tuple[Node, ...]:
    if all(message.format == dialect for message in family.messages):
        return tuple(Node(_id(m), m.parent_id, m.payload, m) for m in family.messages)
    if find(dialect) is None:
        return _own(family, dialect)
    # Other formats may take several messages for what is one here, and which those are depends on
    # the branch: so each branch is converted by itself, and what branches share once.
    talk = _Talk(m for m in family.messages if m.format == dialect or find(m.format))
    made = _Made(family)
    ends: dict[tuple[str, str], str | None] = {}
    for leaf in family.leaves():
        parent: str | None = None
        for stretch in talk.stretches(family.path(leaf)):
            place = (_id(stretch[0]), _id(stretch[-1]))
            if place not in ends:
                items = convert([talk.read(message, dialect) for message in stretch], dialect)
                ends[place] = made.take(items, parent)
            parent = ends[place]
    found = made.nodes
    # By seq, so that siblings keep their order; but an item may end behind the one that follows it.
    order: dict[str | None, int] = {None: 0}
    for node in found.values():
        order[node.id] = max(node.message.seq or 0, order[node.parent_id])
    return tuple(sorted(found.values(), key=lambda node: order[node.id]))


class _Made:
    """The items that were made of a tree's messages, each once."""

    def __init__(self, family: _Family) -> None:
        self.nodes: dict[_Key, Node] = {}
        self._family = family
        self._ids: dict[_Key, str] = {}
        self._taken: set[str] = set()

    def take(self, items: Converted, parent: str | None) -> str | None:
        """Put items one below the other under a parent; the id of the last one, or the parent's."""
        keys = _keys(items.sources)
        lasts = [_last(self._family, items.sources, at) for at in range(len(keys))]
        for key, last in zip(reversed(keys), reversed(lasts), strict=True):
            if key not in self._ids:
                self._ids[key] = _free(last, self._taken, self._family)
                self._taken.add(self._ids[key])
        for item, key, last in zip(items, keys, lasts, strict=True):
            if key not in self.nodes:
                losses = tuple(loss for loss in items.losses if loss.message in key[0])
                message = self._family.by_id[last]
                self.nodes[key] = Node(self._ids[key], parent, item, message, losses)
            parent = self.nodes[key].id
        return parent


def _keys(sources: Sequence[_Sources]) -> list[_Key]:
    """What tells the items of a path from each other: one message may become several."""
    seen: Counter[_Sources] = Counter()
    keys = []
    for one in sources:
        keys.append((one, seen[one]))
        seen[one] += 1
    return keys


def _free(id: str, taken: set[str], family: _Family) -> str:
    """The id, or where another item has it one made of it, which no message has."""
    free, n = id, 0
    while free in taken or (n > 0 and free in family.by_id):
        free, n = f"{id}-{n}", n + 1
    return free


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


def _last(family: _Family, sources: Sequence[_Sources], at: int) -> str:
    """The message whose id an item has: what is appended under the item goes under that message.

    Where a message is several items, the last one of its own has its id.
    """
    following = sources[at + 1] if at + 1 < len(sources) else ()
    own = [str(source) for source in sources[at] if source not in following]
    return max(own or map(str, sources[at]), key=lambda source: _seq(family, source))


def _head(family: _Family, nodes: Sequence[Node], head: str | None) -> str | None:
    shown = {node.id for node in nodes}
    if head is not None and head in family.by_id:
        leaf = newest_below(head, ((_id(m), m.parent_id) for m in family.messages))
        for message in reversed(family.path(leaf)):
            if _id(message) in shown:
                # What stands below it in the store may be no item, and another branch of it one.
                return newest_below(_id(message), ((node.id, node.parent_id) for node in nodes))
    return nodes[-1].id if nodes else None


def newest_below(id: str, tree: Iterable[tuple[str, str | None]]) -> str:
    """The last one below another, or that itself, of ids with their parents, which come first."""
    below, newest = {id}, id
    for one, parent in tree:
        if parent in below:
            below.add(one)
            newest = one
    return newest


def _seq(family: _Family, id: str) -> int:
    return family.by_id[id].seq or 0


def _id(message: Message) -> str:
    if message.id is None:
        raise InvalidError("message", "must be a stored one")
    return message.id
