"""What a conversion between formats answers: the items, and all that they do not say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from threadkeep.values.parts import Json


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that the target format could not say.

    `message` is the id of the message, None where it has none; `part` the place of the part among
    the message's parts, None for what belongs to the message itself. `what` is one of the codes
    that the dialect declares in its `losses`; `name` names the member, where the code is `extra`.
    """

    message: str | None
    part: int | None
    what: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that was set right on the way to a provider; what is stored stays as it is.

    `message` is the id of the message it happened at, `call_id` that of the call, None where there
    is none. `what` is one of `REPAIRS`.
    """

    message: str | None
    what: str
    call_id: str | None = None


REPAIRS: Final[Mapping[str, str]] = {
    "result_made": "A call without a result got a result that says so, marked as an error.",
    "result_moved": "A result that came late stands directly after its call.",
    "result_dropped": "A result without a call, or a second one of the same call, is left out.",
    "call_dropped": "A call outside of an answer is left out.",
    "approval_dropped": "An answer to a question that is not there is left out.",
    "turn_dropped": "The message belongs to an unfinished turn, which is left out as a whole.",
    "call_renamed": "A call has another id: the provider refuses this one, or it is there twice.",
    "tool_renamed": "A tool's name has only characters that the provider takes.",
    "role_renamed": "A role has the name that the provider takes now.",
    "opened": "Words were put in front, since the provider wants a user's message first.",
    "system_moved": "What the system says in mid-conversation stands apart from the messages.",
    "merged": "Neighbours of the same role are one message.",
    "emptied": "A message or block without content is left out.",
    "trimmed": "White space at the end of the last answer is left out.",
    "text_replaced": "What is no Unicode text is U+FFFD.",
    "members_dropped": "Members that the provider writes, but does not take back, are left out.",
    "reasoning_dropped": "Reasoning that nothing follows is left out.",
}
"""What healing may do, each with one sentence."""


class Converted(list[Json]):
    """Native items, oldest first, as a plain list that also says where they come from.

    `sources` has for each item the ids of the messages it was made of. `losses` is what the items
    do not say. `system` is what the system says where the format keeps that outside of its items,
    texts joined by blank lines; None where it says nothing or it is among the items. `repairs` is
    what healing has set right.
    """

    def __init__(
        self,
        items: Iterable[Json] = (),
        *,
        sources: Sequence[tuple[str | None, ...]] = (),
        losses: Sequence[Loss] = (),
        system: str | None = None,
        repairs: Sequence[Repair] = (),
    ) -> None:
        super().__init__(items)
        self.sources = tuple(sources)
        self.losses = tuple(losses)
        self.system = system
        self.repairs = tuple(repairs)
