"""Whether the writers of one thread lost, split or misplaced anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(slots=True)
class Verdict:
    """Messages lost or doubled, turns that others came between, turns after a later one."""

    messages: int = 0
    lost: int = 0
    doubled: int = 0
    split: int = 0
    out_of_order: int = 0

    @property
    def clean(self) -> bool:
        """Whether all is as it was acknowledged."""
        return not (self.lost or self.doubled or self.split or self.out_of_order)

    def add(self, writers: Sequence[Sequence[str]], stored: Sequence[str]) -> None:
        """Hold a thread against what its writers were answered: their ids, two a turn."""
        places = {id_: place for place, id_ in enumerate(stored)}
        self.doubled += len(stored) - len(places)
        for ids in writers:
            self.messages += len(ids)
            self.lost += sum(id_ not in places for id_ in ids)
            pairs = list(zip(ids[::2], ids[1::2], strict=True))
            self.split += sum(places.get(b, -1) != places.get(a, -3) + 1 for a, b in pairs)
            first = [places.get(id_, -1) for id_ in ids[::2]]
            self.out_of_order += sum(after < before for before, after in pairwise(first))
