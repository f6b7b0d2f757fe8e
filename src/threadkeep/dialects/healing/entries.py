"""Items that are about to go out, and what providers with contents in common demand of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from threadkeep.values.converted import Repair
from threadkeep.values.parts import Json


@dataclass(slots=True)
class Entry:
    """An item, and the ids of the messages it was made of."""

    item: Any
    sources: tuple[str | None, ...]

    def repair(self, what: str, call_id: str | None = None) -> Repair:
        """What was done at this item."""
        return Repair(self.sources[0] if self.sources else None, what, call_id)

    def without(self, *members: str) -> None:
        """Leave out members of the item; the item itself stays as it is."""
        self.item = {name: value for name, value in self.item.items() if name not in members}


Entries = list[Entry]
Shape = Callable[[Entries, list[Repair]], Entries]
"""Sets one thing right at all items, and reports it."""


def taken(*members: str, unless_null: tuple[str, ...] = ()) -> Shape:
    """Leave out the members of an item that the provider refuses; some it refuses only as null."""

    def shape(entries: Entries, repairs: list[Repair]) -> Entries:
        for entry in entries:
            refused = [
                name
                for name, value in entry.item.items()
                if name not in members or (value is None and name in unless_null)
            ]
            if refused:
                entry.without(*refused)
                repairs.append(entry.repair("members_dropped"))
        return entries

    return shape


def filled(member: str, fault: Callable[[Json], str | None]) -> Shape:
    """Leave out blocks for the reason that `fault` gives, and items that are left without any."""

    def shape(entries: Entries, repairs: list[Repair]) -> Entries:
        made: Entries = []
        for entry in entries:
            content = entry.item.get(member)
            blocks = content if isinstance(content, list) else [content]
            faults = [fault(block) for block in blocks]
            found = list(dict.fromkeys(what for what in faults if what is not None))
            if not blocks or content is None:
                found = ["emptied"]
            repairs += [entry.repair(what) for what in found]
            kept = [block for block, what in zip(blocks, faults, strict=True) if what is None]
            if not kept or content is None:
                continue
            if len(kept) != len(blocks):
                entry.item = {**entry.item, member: kept}
            made.append(entry)
        return made

    return shape


def merged(member: str, listed: Callable[[Json], list[Json]]) -> Shape:
    """Make neighbours of one role one item."""

    def shape(entries: Entries, repairs: list[Repair]) -> Entries:
        made: Entries = []
        for _, run in groupby(entries, lambda entry: _role(entry.item)):
            first, *others = run
            if others:
                same = (first, *others)
                blocks = [block for entry in same for block in listed(entry.item.get(member))]
                sources = dict.fromkeys(one for entry in same for one in entry.sources)
                first = Entry({**first.item, member: blocks}, tuple(sources))
                repairs += [entry.repair("merged") for entry in others]
            made.append(first)
        return made

    return shape


def results_first(member: str, call_id: Callable[[Json], str | None]) -> Shape:
    """Put results before all else in their item; `call_id` tells a result, and whose."""

    def shape(entries: Entries, repairs: list[Repair]) -> Entries:
        for entry in entries:
            blocks = entry.item.get(member)
            if not isinstance(blocks, list) or _role(entry.item) != "user":
                continue
            results = [block for block in blocks if call_id(block) is not None]
            if results and any(a is not b for a, b in zip(results, blocks, strict=False)):
                others = [block for block in blocks if call_id(block) is None]
                late = next(block for block in results if block is not blocks[0])
                entry.item = {**entry.item, member: [*results, *others]}
                repairs.append(entry.repair("result_moved", call_id(late)))
        return entries

    return shape


def opened(first: Mapping[str, Json]) -> Shape:
    """Put a user's words in front where a history begins otherwise."""

    def shape(entries: Entries, repairs: list[Repair]) -> Entries:
        if not entries or _role(entries[0].item) == "user":
            return entries
        repairs.append(entries[0].repair("opened"))
        return [Entry(dict(first), ()), *entries]

    return shape


def _role(item: Mapping[str, Json]) -> Json:
    """The role of an item; without one it is the user's."""
    role = item.get("role")
    return "user" if role is None else role
