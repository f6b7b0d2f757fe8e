"""The ids of calls and the names of tools, as providers take them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from threadkeep.dialects.flow import Placed, Step
from threadkeep.dialects.healing import hosted
from threadkeep.dialects.healing.calls import Pair, pair
from threadkeep.dialects.healing.messages import Edits
from threadkeep.values.converted import Repair
from threadkeep.values.parts import ApprovalPart, ToolResultPart


@dataclass(frozen=True, slots=True)
class Demands:
    """What a provider takes: the characters and the length of ids and names.

    With `unique` no id may be there twice in a history, else not twice in one answer.
    """

    id_length: int
    name_length: int
    id_other: re.Pattern[str] = re.compile(r"[^a-zA-Z0-9_-]")
    name_other: re.Pattern[str] = re.compile(r"[^a-zA-Z0-9_-]")
    name_first: re.Pattern[str] = re.compile(r"[a-zA-Z0-9_-]")
    unique: bool = True


_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")

DEMANDS: Final[Mapping[str, Demands]] = {
    "anthropic": Demands(id_length=64, name_length=200),
    "gemini": Demands(
        id_length=512,
        name_length=128,
        id_other=_SURROGATE,
        name_other=re.compile(r"[^a-zA-Z0-9_.:-]"),
        name_first=re.compile(r"[a-zA-Z_]"),
        unique=False,
    ),
    "openai-chat": Demands(id_length=40, name_length=64, id_other=_SURROGATE, unique=False),
    "openai-responses": Demands(id_length=64, name_length=128, id_other=_SURROGATE),
}


def rename(listed: Sequence[Step], dialect: str, repairs: list[Repair]) -> Edits:
    """What to do so that calls have ids, and tools names, that the provider takes.

    A call, its results and its approvals keep one id, and a call and its results one name.
    """
    demands = DEMANDS[dialect]
    pairs = pair(listed)
    edits = Edits()
    ids = _Ids(demands)
    within: set[str] = set()
    at = -1
    for one in pairs.calls:
        if one.at != at:
            at, within = one.at, set()
        # A provider's own ids may come again where it does not mind.
        again = not demands.unique and hosted.is_own(one.call, dialect)
        id = ids.take(one.part.call_id, within if again else None)
        within.add(id)
        _rename(one, id, _name(one.part.name, demands), edits, repairs)
    for _, placed in pairs.orphans:
        part = placed.part
        if isinstance(part, ToolResultPart):
            name = None if part.name is None else _name(part.name, demands)
            _put(placed, part, _clean(part.call_id, demands), name, edits)
    return edits


def _rename(one: Pair, id: str, name: str, edits: Edits, repairs: list[Repair]) -> None:
    before = one.part
    if id != before.call_id:
        repairs.append(Repair(one.call.message.id, "call_renamed", before.call_id))
    if name != before.name:
        repairs.append(Repair(one.call.message.id, "tool_renamed", before.call_id))
    if (id, name) != (before.call_id, before.name):
        edits.put(one.call, replace(before, call_id=id, name=name))
    for _, placed in one.results:
        part = placed.part
        if isinstance(part, ToolResultPart):
            # The result of a provider's own tool may be of another name: that is its kind.
            follows = part.name == before.name or (part.name and not part.provider_executed)
            _put(placed, part, id, name if follows else part.name, edits)
    for placed in one.approvals:
        part = placed.part
        if isinstance(part, ApprovalPart) and id != before.call_id:
            asked = id if part.approval_id == before.call_id else part.approval_id
            edits.put(placed, replace(part, approval_id=asked, call_id=id))


def _put(placed: Placed, part: ToolResultPart, id: str, name: str | None, edits: Edits) -> None:
    if (id, name) != (part.call_id, part.name):
        edits.put(placed, replace(part, call_id=id, name=name))


class _Ids:
    """Hands out ids that the provider takes, none twice."""

    def __init__(self, demands: Demands) -> None:
        self._demands = demands
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def take(self, call_id: str, within: Collection[str] | None = None) -> str:
        """The id for a call; one that it has may be there already, but not among `within`."""
        whole = new = _clean(call_id, self._demands)
        taken: Collection[str] = self._taken if within is None or new in within else within
        while new in taken:
            count = self._counts[whole] = self._counts.get(whole, 1) + 1
            end = f"_{count}"
            new = whole[: self._demands.id_length - len(end)] + end
        self._taken.add(new)
        return new


def _clean(call_id: str, demands: Demands) -> str:
    return demands.id_other.sub("_", call_id)[: demands.id_length] or "call"


def _name(name: str, demands: Demands) -> str:
    new = demands.name_other.sub("_", name)
    if not new or not demands.name_first.match(new):
        new = f"tool_{new}" if new else "tool"
    return new[: demands.name_length]
