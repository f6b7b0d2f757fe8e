"""JSON values of any depth: copied, compared and measured without recursion."""

from __future__ import annotations

from typing import Any, Final

from threadkeep.values.parts import Json

ABSENT: Final[Any] = type("Absent", (), {"__slots__": (), "__repr__": lambda _: "ABSENT"})()
"""What JavaScript calls undefined: a member that has a place, but is not written."""


def copy(value: Json, *, drop: str | None = None) -> Json:
    """A value that shares no list and no object with `value`.

    Absent members are left out, and members called `drop` too.
    """
    root: list[Json] = [value]
    todo: list[list[Json] | dict[str, Json]] = [root]
    while todo:
        holder = todo.pop()
        members = enumerate(holder) if isinstance(holder, list) else holder.items()
        for key, member in members:
            if isinstance(member, dict):
                member = {k: v for k, v in member.items() if v is not ABSENT and k != drop}
            elif isinstance(member, list):
                member = member.copy()
            else:
                continue
            holder[key] = member  # type: ignore[index]  # of the holder's own kind
            todo.append(member)
    result: Json = root[0]
    return result


def same(one: Json, other: Json) -> bool:
    """Whether two values are the same JSON: order of members aside, 1 and 1.0 alike, 1 not true."""
    todo = [(one, other)]
    while todo:
        a, b = todo.pop()
        if isinstance(a, dict):
            if not isinstance(b, dict) or a.keys() != b.keys():
                return False
            todo.extend((member, b[key]) for key, member in a.items())
        elif isinstance(a, list):
            if not isinstance(b, list) or len(a) != len(b):
                return False
            todo.extend(zip(a, b, strict=True))
        elif isinstance(a, bool) or isinstance(b, bool):
            if a is not b:
                return False
        elif isinstance(b, (dict, list)) or a != b:
            return False
    return True


def is_deeper(value: Json, levels: int) -> bool:
    """Whether lists and objects nest deeper than so many levels; a scalar has none."""
    layer = [value]
    for _ in range(levels + 1):
        layer = [item for item in layer if isinstance(item, (dict, list))]
        if not layer:
            return False
        layer = [
            member
            for holder in layer
            for member in (holder.values() if isinstance(holder, dict) else holder)
        ]
    return True
