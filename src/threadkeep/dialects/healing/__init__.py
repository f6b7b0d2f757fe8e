"""Histories that providers accept: what is set right on the way out, and never in the store.

`mend` works on typed messages: calls, results and their names, alike for all formats. `shape`
works on the provider's own items: what only that provider demands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, get_args

from threadkeep.dialects.flow import Step, steps
from threadkeep.dialects.healing import calls, hosted, naming, shapes
from threadkeep.dialects.healing.messages import Edits
from threadkeep.dialects.provider_run import take_apart
from threadkeep.dialects.rules import PROVIDERS
from threadkeep.values.converted import Converted, Repair
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message

Policy = Literal["keep", "error", "drop"]
"""What becomes of calls without results and results without calls.

`keep` leaves them as they are. `error` gives a call a result that says there is none, and leaves
out a result without a call. `drop` leaves out the whole turn that holds one. Both hold at the end
of a history too, where the model has just called and the app is about to answer. Under both a
call that a person denied gets a result that says so, a result that came late stands after its
call, and of two results for one call the later one counts.
"""

POLICIES: Final[tuple[str, ...]] = get_args(Policy)


def check_policy(heal: str | None) -> None:
    """Raise InvalidError for what is no policy."""
    if heal is not None and heal not in POLICIES:
        raise InvalidError("heal", f"must be one of {', '.join(POLICIES)}")


def mend(
    messages: Sequence[Message], policy: Policy, dialect: str
) -> tuple[list[Message], list[Repair]]:
    """The messages with their calls and results set right, and what was done.

    Messages at which nothing was done are handed on as they are.
    """
    repairs: list[Repair] = []
    mended = _each_once(messages)
    if dialect == "anthropic":
        mended = _apart(mended, dialect, repairs)
    inside = dialect not in PROVIDERS
    if policy != "keep":
        edits = calls.resolve(_steps(mended, dialect), policy, dialect, repairs)
        mended = edits.apply(mended, inside=inside)
    if not inside:
        mended = naming.rename(_steps(mended, dialect), dialect, repairs).apply(
            mended, inside=inside
        )
    return mended, repairs


def _apart(messages: list[Message], dialect: str, repairs: list[Repair]) -> list[Message]:
    """Let the system's own messages of a dialect be written as its system text."""
    edits = Edits()
    for message in messages:
        if message.role == "system" and message.family == dialect:
            edits.disown(message)
            repairs.append(Repair(message.id, "system_moved"))
    return edits.apply(messages, inside=False)


def shape(converted: Converted, dialect: str) -> Converted:
    """The items as the provider demands them, whatever they were."""
    return shapes.shape(converted, dialect)


def _steps(messages: Sequence[Message], dialect: str) -> list[Step]:
    """The steps as the dialect writes them: the results of a provider's own tools stay inside."""
    # No family: neighbours that a dialect has told apart are one step to its provider.
    listed = steps(messages, "", apart=dialect == "openai-chat")
    if dialect not in PROVIDERS:
        return listed
    return take_apart(listed, lambda placed: hosted.is_own(placed, dialect))


def _each_once(messages: Sequence[Message]) -> list[Message]:
    """The messages, with a copy of each that is there again: edits go by the object."""
    seen: set[int] = set()
    made: list[Message] = []
    for message in messages:
        if id(message) in seen:
            message = Message.read(
                message.role,
                message.parts,
                message.extra,
                id=message.id,
                created_at=message.created_at,
            )
        seen.add(id(message))
        made.append(message)
    return made
