"""Which messages hold tool calls and results, and which of them stand on one path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from threadkeep.core.scope import Scope
from threadkeep.values.message import Message


@dataclass(frozen=True, slots=True)
class ToolMessages:
    """Messages by seq. Each has its place: its seq, and the anchor of its stretch.

    `below` gives for a stretch, by its anchor, the place of the message that it hangs below.
    """

    messages: Sequence[Message]
    places: Sequence[tuple[int, int]]
    below: Mapping[int, tuple[int, int]]

    def precedes(self, one: int, other: int) -> bool:
        """Whether the message at `one` stands on the path to the later one at `other`."""
        wanted = self.places[one][0]
        place: tuple[int, int] | None = self.places[other]
        while place is not None:
            seq, anchor = place
            if wanted >= anchor:
                return wanted <= seq
            place = self.below.get(anchor)
        return False


async def read(scope: Scope, thread_id: str, *, tree: bool) -> ToolMessages:
    """Those along the path to the head, or of all branches; none for an unknown thread.

    One statement, which reads the payloads of no other messages.
    """
    name, leaf = ("tool_messages_tree", ()) if tree else ("tool_messages_path", (None,))
    rows = await scope.on_thread(name, thread_id, *leaf)
    messages, places = [], []
    below: dict[int, tuple[int, int]] = {}
    for seq, anchor, id_, role, format_, created_at, payload, parent, parent_anchor in sorted(
        rows, key=lambda row: int(row[0])
    ):
        # What follows a deleted message hangs below one of its own stretch.
        if parent is not None and parent < anchor:
            below[anchor] = (parent, parent_anchor)
        if payload is not None:
            messages.append(Message(role, payload, format_, id_, created_at))
            # A path is one line: there all stand in one stretch.
            places.append((seq, anchor if tree else 0))
    return ToolMessages(messages, places, below)
